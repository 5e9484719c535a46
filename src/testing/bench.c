/* SPDX-License-Identifier: BSD-2-Clause */
/* The bench: events, faults, waits without end, and taking down, around each access. */
#include <vdev/testing/bench.h>
#include <vdev/testing/trace.h>

#include "testing/faults.h"
#include "testing/text.h"

/* A read that repeats one of so many before it brings nothing new. */
#define LOOK_BACK 4u
/* Longer leaps in time, as parts of the longest wait, are the test's: no part of a driver's wait.
 */
#define LEAP 1000u

static uint64_t now(const struct vdev_bench *bench)
{
    return bench->configuration.clock == NULL ? 0 : bench->configuration.clock->now;
}

static void run_events(struct vdev_bench *bench)
{
    for (size_t i = 0; i < bench->configuration.event_count; i++) {
        struct vdev_event *event = &bench->configuration.events[i];
        bool is_due =
            event->after != 0 ? bench->history.count >= event->after : now(bench) >= event->at;
        if (event->happened || !is_due) {
            continue;
        }
        event->happened = true;
        if (event->line != NULL) {
            vdev_interrupt_set(event->line, event->level);
        }
        if (event->happen != NULL) {
            event->happen(event->context);
        }
    }
}

static void fail_waiting(struct vdev_bench *bench)
{
    const struct vdev_register_table *table = bench->configuration.table;
    char message[VDEV_TESTING_MESSAGE];
    struct text text = text_begin(message, sizeof message);

    if (bench->failed) {
        return;
    }
    bench->failed = true;
    text_string(&text, "the driver waits for ever");
    if (bench->vain != 0) {
        const struct vdev_access *last =
            &bench->history.access[(bench->history.count - 1) % VDEV_TESTING_HISTORY];
        text_string(&text, " for ");
        text_register(&text, table, last->offset);
        text_string(&text, ", which reads ");
        text_hexadecimal(&text, last->value, last->width * 2u);
        text_fields(&text, table, last->offset, last->value);
    }
    text_string(&text, ": ");
    text_decimal(&text, bench->vain);
    text_string(&text, " reads in a row brought nothing new, for ");
    text_decimal(&text, (now(bench) - bench->vain_from) / 1000);
    text_string(&text, " us of virtual time");
    text_history(&text, table, &bench->history);
    testing_fail(bench->configuration.fail, bench->configuration.context, message);
}

static void new_hope(struct vdev_bench *bench)
{
    bench->vain = 0;
    bench->vain_from = now(bench);
}

/* Does the access, not yet in the history, bring anything new? */
static bool brings_news(const struct vdev_bench *bench, const struct vdev_access *access)
{
    const struct vdev_testing_history *history = &bench->history;

    if (access->write) {
        return true;
    }
    for (uint32_t back = 1; back <= LOOK_BACK && back <= history->count; back++) {
        const struct vdev_access *before =
            &history->access[(history->count - back) % VDEV_TESTING_HISTORY];
        if (!before->write && before->offset == access->offset && before->value == access->value) {
            return false;
        }
    }
    return true;
}

static bool waited_too_long(const struct vdev_bench *bench)
{
    return bench->vain >= bench->configuration.reads_most ||
           now(bench) - bench->vain_from > bench->configuration.nanoseconds_most;
}

static void passed(void *owner)
{
    struct vdev_bench *bench = owner;
    uint64_t time = now(bench) - bench->last_time;

    bench->last_time = now(bench);
    if (time > bench->configuration.nanoseconds_most / LEAP) {
        bench->vain_from += time;
    }
    if (bench->busy) {
        return;
    }
    run_events(bench);
    if (waited_too_long(bench)) {
        fail_waiting(bench);
    }
}

static void pass(struct vdev_bench *bench, struct vdev_access *access)
{
    const struct vdev_bench_configuration *configuration = &bench->configuration;
    const struct vdev_io *device = configuration->device;
    uint32_t number = bench->history.count;

    bench->busy = true;
    if (!faults_let_through(configuration, number, access)) {
        if (configuration->clock != NULL) {
            vdev_virtual_clock_advance(configuration->clock, configuration->clock->per_access);
        }
    } else if (access->write) {
        device->operations->write(device->context, access->offset, access->width, access->value);
    } else {
        access->value = device->operations->read(device->context, access->offset, access->width);
    }
    faults_change(configuration, number, access);
    if (brings_news(bench, access)) {
        new_hope(bench);
    } else {
        bench->vain++;
    }
    history_add(&bench->history, access);
    if (configuration->coverage != NULL) {
        vdev_coverage_access(configuration->coverage, access);
    }
    if (configuration->record != NULL) {
        char line[VDEV_TRACE_LINE];
        vdev_trace_line(access, line);
        configuration->record(configuration->record_context, line);
    }
    bench->busy = false;
    run_events(bench);
    if (waited_too_long(bench)) {
        fail_waiting(bench);
    }
}

static uint64_t io_read(void *context, uint32_t offset, unsigned width)
{
    struct vdev_access access = {.offset = offset, .width = (uint8_t)width};
    pass(context, &access);
    return access.value;
}

static void io_write(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    struct vdev_access access = {
        .offset = offset, .width = (uint8_t)width, .write = true, .value = value};
    pass(context, &access);
}

static void check_faults(struct vdev_bench *bench)
{
    for (size_t i = 0; i < bench->configuration.fault_count && !bench->failed; i++) {
        struct vdev_fault *fault = &bench->configuration.faults[i];
        char message[VDEV_TESTING_MESSAGE];
        struct text text = text_begin(message, sizeof message);
        text_place(&text, fault->file, fault->line);
        text_string(&text, fault->file == NULL ? "wrong use of the bench: "
                                               : ": wrong use of the bench: ");
        if (fault_wrong(&text, bench->configuration.table, fault)) {
            bench->failed = true;
            bench->configuration.fault_count = i;
            testing_fail(bench->configuration.fail, bench->configuration.context, message);
        }
    }
}

void vdev_bench_init(struct vdev_bench *bench, const struct vdev_bench_configuration *configuration)
{
    static const struct vdev_io_operations operations = {.read = io_read, .write = io_write};

    if (configuration->clock != NULL) {
        vdev_virtual_clock_unwatch(configuration->clock, &bench->watcher);
    }
    *bench = (struct vdev_bench){
        .io = {.operations = &operations, .context = bench},
        .configuration = *configuration,
        .watcher = {.passed = passed, .owner = bench},
    };
    if (bench->configuration.reads_most == 0) {
        bench->configuration.reads_most = VDEV_BENCH_READS;
    }
    if (bench->configuration.nanoseconds_most == 0) {
        bench->configuration.nanoseconds_most = VDEV_BENCH_NANOSECONDS;
    }
    new_hope(bench);
    bench->last_time = now(bench);
    if (configuration->clock != NULL) {
        vdev_virtual_clock_watch(configuration->clock, &bench->watcher);
    }
    for (size_t i = 0; i < configuration->event_count; i++) {
        configuration->events[i].happened = false;
    }
    check_faults(bench);
}
