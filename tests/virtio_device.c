/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio device core, without a transport's registers: status, features, gates, reset, failure,
 * re-entry. The back-end here only counts and echoes.
 */
#include "support/virtio_machine.h"

#define CHAINS 4

static struct machine machine;
static struct vdev_virtio_device device;
static struct vdev_virtio_queue queues[2];
static struct vdev_buffer buffers[8];
static struct vdev_chain chain;
static uint8_t space[12];
static struct raw_queue raw;

static unsigned notified[2], resets, written, interrupts[2], configuration_interrupts;
static unsigned transport_resets;
static uint64_t written_value;
static bool keep; /* chains are kept, not given back */
static uint16_t kept[CHAINS];
static uint32_t kept_epoch[CHAINS];
static unsigned kept_count;
static int inner_status; /* of an access from inside notify */
static bool reenter;
static unsigned budget;

static bool handle(void *context, struct vdev_chain *taken)
{
    (void)context;
    if (keep) {
        ck_assert_uint_lt(kept_count, CHAINS);
        kept[kept_count] = taken->id;
        kept_epoch[kept_count++] = vdev_virtio_device_epoch(&device, 0);
    } else {
        vdev_virtio_device_give(&device, 0, vdev_virtio_device_epoch(&device, 0), taken->id,
                                taken->writable_length);
    }
    return true;
}

static void on_notify(struct vdev_virtio_device *self, uint16_t queue)
{
    notified[queue]++;
    if (reenter) {
        inner_status = vdev_virtio_device_notify(self, queue);
        ck_assert_int_eq(vdev_virtio_device_set_status(self, 0), VDEV_ERROR_BUSY);
        ck_assert_int_eq(vdev_virtio_device_set_queue_ready(self, queue, false), VDEV_ERROR_BUSY);
        ck_assert_int_eq(vdev_virtio_device_write_configuration(self, 0, 1, 1), VDEV_ERROR_BUSY);
    }
    if (queue == 0 && vdev_virtio_device_run(self, 0, &chain, budget, handle, NULL)) {
        vdev_virtio_device_defer(self, 0);
    }
}

static void on_reset(struct vdev_virtio_device *self)
{
    ck_assert(!vdev_virtio_device_running(self));
    resets++;
}

static void on_write(struct vdev_virtio_device *self, uint32_t offset, unsigned width,
                     uint64_t value)
{
    ck_assert_int_eq(vdev_virtio_device_set_status(self, 0), VDEV_ERROR_BUSY);
    ck_assert_uint_eq(offset, 8);
    ck_assert_uint_eq(width, 4);
    written++;
    written_value = value;
}

static const struct vdev_virtio_device_operations operations = {
    .notify = on_notify, .reset = on_reset, .write_configuration = on_write};

static void on_queue_interrupt(void *transport, uint16_t queue)
{
    ck_assert_ptr_eq(transport, &machine);
    interrupts[queue]++;
}

static void on_configuration_interrupt(void *transport)
{
    (void)transport;
    configuration_interrupts++;
}

static void on_transport_reset(void *transport)
{
    (void)transport;
    transport_resets++;
}

static const struct vdev_virtio_transport_operations transport = {
    on_queue_interrupt, on_configuration_interrupt, on_transport_reset};

static struct vdev_virtio_device_configuration configuration(void)
{
    return (struct vdev_virtio_device_configuration){
        .operations = &operations,
        .memory = &machine.map,
        .id = VDEV_VIRTIO_ID_CONSOLE,
        .features = 1u << 5,
        .queues = queues,
        .queue_count = 2,
        .queue_size_maximum = MACHINE_QUEUE,
        .configuration_space = space,
        .configuration_length = sizeof space,
    };
}

static void setup(void)
{
    machine_init(&machine);
    for (unsigned i = 0; i < sizeof space; i++) {
        space[i] = (uint8_t)(0x10 + i);
    }
    chain = (struct vdev_chain){.buffers = buffers, .capacity = 8};
    memset(notified, 0, sizeof notified);
    memset(interrupts, 0, sizeof interrupts);
    resets = written = configuration_interrupts = transport_resets = kept_count = 0;
    keep = reenter = false;
    budget = MACHINE_QUEUE + 1;
    struct vdev_virtio_device_configuration with = configuration();
    ck_assert_int_eq(vdev_virtio_device_init(&device, &with), VDEV_OK);
    vdev_virtio_device_connect(&device, &transport, &machine);
    raw_queue_init(&raw, &machine, 0);
}

static void teardown(void)
{
    machine_finish(&machine);
}

static void negotiate(uint32_t low)
{
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0), VDEV_OK);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 1), VDEV_OK);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 3), VDEV_OK);
    ck_assert_int_eq(vdev_virtio_device_accept_word(&device, 0, low), VDEV_OK);
    ck_assert_int_eq(vdev_virtio_device_accept_word(&device, 1, 1), VDEV_OK);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0xb), VDEV_OK);
}

/* Queue 0 live and the device running. */
static void run_device(void)
{
    negotiate(0);
    memset(raw.descriptors.pointer, 0, raw.descriptors.length);
    memset(raw.driver.pointer, 0, raw.driver.length);
    memset(raw.device.pointer, 0, raw.device.length);
    raw.next_descriptor = raw.next_used = 0;
    struct vdev_virtqueue_configuration *with = vdev_virtio_device_queue_setup(&device, 0);
    ck_assert_ptr_nonnull(with);
    with->size = MACHINE_QUEUE;
    with->descriptor_address = raw.descriptors.bus_address;
    with->driver_address = raw.driver.bus_address;
    with->device_address = raw.device.bus_address;
    ck_assert_int_eq(vdev_virtio_device_set_queue_ready(&device, 0, true), VDEV_OK);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0xf), VDEV_OK);
    ck_assert(vdev_virtio_device_running(&device));
}

static struct raw_piece piece(void)
{
    return raw_write_to(machine_allocate(&machine, 16, 16));
}

START_TEST(init_refuses_what_cannot_be)
{
    struct vdev_virtio_device other;
    struct vdev_virtio_device_configuration with = configuration();
    with.queue_size_maximum = 48;
    ck_assert_int_eq(vdev_virtio_device_init(&other, &with), VDEV_ERROR_INVALID);
    with = configuration();
    with.queues = NULL;
    ck_assert_int_eq(vdev_virtio_device_init(&other, &with), VDEV_ERROR_INVALID);
    with = configuration();
    with.memory = NULL;
    ck_assert_int_eq(vdev_virtio_device_init(&other, &with), VDEV_ERROR_INVALID);
    with = configuration();
    with.configuration_space = NULL;
    ck_assert_int_eq(vdev_virtio_device_init(&other, &with), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(offers_version_1_and_the_ring_features)
{
    ck_assert_uint_eq(vdev_virtio_device_offered_word(&device, 0), 1u << 5 | 1u << 28 | 1u << 29);
    ck_assert_uint_eq(vdev_virtio_device_offered_word(&device, 1), 1);
    ck_assert_uint_eq(vdev_virtio_device_offered_word(&device, 2), 0);
    ck_assert_uint_eq(vdev_virtio_device_offered_word(&device, UINT32_MAX), 0);
}
END_TEST

START_TEST(status_steps_need_each_other)
{
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 2), VDEV_ERROR_STATE);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0xf), VDEV_ERROR_STATE);
    ck_assert_uint_eq(device.status, 0);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 3), VDEV_OK);
    /* DRIVER_OK before the device has answered FEATURES_OK. */
    ck_assert_int_eq(vdev_virtio_device_accept_word(&device, 1, 1), VDEV_OK);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0xf), VDEV_ERROR_STATE);
    ck_assert_uint_eq(device.status, 3);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0xb), VDEV_OK);
    ck_assert_uint_eq(device.status, 0xb);
    /* Bits do not go away but by a reset. */
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 1), VDEV_ERROR_STATE);
    ck_assert_uint_eq(device.status, 0xb);
    /* A value whose low byte is 0 is no reset; bits that are none are not kept. */
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0x100), VDEV_ERROR_STATE);
    ck_assert_uint_eq(device.status, 0xb);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0xffffff7f), VDEV_OK);
    ck_assert_uint_eq(device.status, 0xf);
    ck_assert_uint_eq(device.refused, 5);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0), VDEV_OK);
    ck_assert_uint_eq(device.status, 0);
}
END_TEST

START_TEST(features_not_offered_are_not_ok)
{
    negotiate(1u << 6);
    ck_assert_uint_eq(device.status, 3);
    negotiate(1u << 5);
    ck_assert_uint_eq(device.status, 0xb);
    ck_assert(vdev_virtio_device_has(&device, 5));
    ck_assert(!vdev_virtio_device_has(&device, VIRTIO_RING_F_EVENT_IDX));
    /* Late. */
    ck_assert_int_eq(vdev_virtio_device_accept_word(&device, 0, 0), VDEV_ERROR_STATE);
    ck_assert(vdev_virtio_device_has(&device, 5));
}
END_TEST

START_TEST(features_without_version_1_are_not_ok)
{
    vdev_virtio_device_set_status(&device, 3);
    vdev_virtio_device_accept_word(&device, 0, 1u << 5);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0xb), VDEV_OK);
    ck_assert_uint_eq(device.status, 3);
}
END_TEST

START_TEST(features_beyond_the_64_are_not_ok)
{
    vdev_virtio_device_set_status(&device, 3);
    vdev_virtio_device_accept_word(&device, 1, 1);
    vdev_virtio_device_accept_word(&device, 2, 0);
    vdev_virtio_device_accept_word(&device, 0x80000001, 1);
    vdev_virtio_device_set_status(&device, 0xb);
    ck_assert_uint_eq(device.status, 3);
    /* A driver of a later version may write the words beyond, as long as it accepts nothing. */
    vdev_virtio_device_set_status(&device, 0);
    vdev_virtio_device_set_status(&device, 3);
    vdev_virtio_device_accept_word(&device, 1, 1);
    vdev_virtio_device_accept_word(&device, 2, 0);
    vdev_virtio_device_set_status(&device, 0xb);
    ck_assert_uint_eq(device.status, 0xb);
}
END_TEST

START_TEST(features_before_driver_are_refused)
{
    ck_assert_int_eq(vdev_virtio_device_accept_word(&device, 0, 1u << 5), VDEV_ERROR_STATE);
    ck_assert_uint_eq(device.accepted, 0);
}
END_TEST

START_TEST(queues_are_set_up_between_features_and_driver_ok_only)
{
    ck_assert_ptr_null(vdev_virtio_device_queue_setup(&device, 0));
    negotiate(0);
    ck_assert_ptr_nonnull(vdev_virtio_device_queue_setup(&device, 1));
    ck_assert_ptr_null(vdev_virtio_device_queue_setup(&device, 2));
    ck_assert_ptr_null(vdev_virtio_device_queue_setup(&device, 0x10000));
    run_device();
    ck_assert_ptr_null(vdev_virtio_device_queue_setup(&device, 0));
    ck_assert_ptr_null(vdev_virtio_device_queue_setup(&device, 1));
    ck_assert_int_eq(vdev_virtio_device_set_queue_ready(&device, 1, true), VDEV_ERROR_STATE);
    /* Taken back while running, it does not come again without a reset. */
    ck_assert_int_eq(vdev_virtio_device_set_queue_ready(&device, 0, false), VDEV_OK);
    ck_assert(!vdev_virtio_device_queue_ready(&device, 0));
    ck_assert_int_eq(vdev_virtio_device_notify(&device, 0), VDEV_ERROR_STATE);
    ck_assert_int_eq(vdev_virtio_device_set_queue_ready(&device, 0, true), VDEV_ERROR_STATE);
}
END_TEST

START_TEST(late_configuration_does_not_reach_a_live_queue)
{
    run_device();
    /* Even the set-up's own memory: the live queue has none of it. */
    memset(&queues[0].configuration, 0xff, sizeof queues[0].configuration);
    uint16_t head = raw_add(&raw, (struct raw_piece[]){piece()}, 1);
    ck_assert_int_eq(vdev_virtio_device_notify(&device, 0), VDEV_OK);
    ck_assert_used(&raw, head, 16);
}
END_TEST

static int make_ready(uint16_t size, uint64_t descriptors, uint64_t driver, uint64_t used)
{
    negotiate(0);
    struct vdev_virtqueue_configuration *with = vdev_virtio_device_queue_setup(&device, 0);
    with->size = size;
    with->descriptor_address = descriptors;
    with->driver_address = driver;
    with->device_address = used;
    return vdev_virtio_device_set_queue_ready(&device, 0, true);
}

START_TEST(a_ring_that_is_not_one_fails_the_device)
{
    const uint64_t at = MACHINE_MEMORY;
    ck_assert_int_eq(make_ready(0, at, at + 4096, at + 8192), VDEV_ERROR_INVALID);
    ck_assert_int_eq(make_ready(48, at, at + 4096, at + 8192), VDEV_ERROR_INVALID);
    ck_assert_int_eq(make_ready(128, at, at + 4096, at + 8192), VDEV_ERROR_INVALID);
    ck_assert_int_eq(make_ready(64, 0, at + 4096, at + 8192), VDEV_ERROR_RANGE);
    ck_assert_int_eq(make_ready(64, at + 8, at + 4096, at + 8192), VDEV_ERROR_RANGE);
    ck_assert_int_eq(make_ready(64, UINT64_MAX - 15, at + 4096, at + 8192), VDEV_ERROR_RANGE);
    ck_assert_int_eq(make_ready(64, at, at + MACHINE_BYTES - 16, at + 8192), VDEV_ERROR_RANGE);
    ck_assert_int_eq(make_ready(64, at, at + 4096, MACHINE_READ_ONLY), VDEV_ERROR_RANGE);
    ck_assert_uint_eq(device.status, 0xb | VDEV_VIRTIO_STATUS_NEEDS_RESET);
    ck_assert(!vdev_virtio_device_queue_ready(&device, 0));
    ck_assert_uint_eq(device.failures, 8);
    /* Nothing is sent before DRIVER_OK; with it, what was latched is said. */
    ck_assert_uint_eq(configuration_interrupts, 0);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0x4f), VDEV_OK);
    ck_assert_uint_eq(configuration_interrupts, 1);
    ck_assert(!vdev_virtio_device_running(&device));
    ck_assert_int_eq(make_ready(64, at, at + 4096, at + 8192), VDEV_OK);
}
END_TEST

START_TEST(notifies_the_queue_that_was_notified)
{
    run_device();
    ck_assert_uint_eq(notified[0], 1); /* by the start, which looks at what is there already */
    ck_assert_int_eq(vdev_virtio_device_notify(&device, 0), VDEV_OK);
    ck_assert_uint_eq(notified[0], 2);
    ck_assert_int_eq(vdev_virtio_device_notify(&device, 1), VDEV_ERROR_STATE);
    ck_assert_int_eq(vdev_virtio_device_notify(&device, 2), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_virtio_device_notify(&device, 0x10000), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_virtio_device_notify(&device, UINT32_MAX), VDEV_ERROR_RANGE);
    ck_assert_uint_eq(notified[0], 2);
    ck_assert_uint_eq(notified[1], 0);
}
END_TEST

START_TEST(takes_nothing_before_driver_ok)
{
    negotiate(0);
    struct vdev_virtqueue_configuration *with = vdev_virtio_device_queue_setup(&device, 0);
    with->size = MACHINE_QUEUE;
    with->descriptor_address = raw.descriptors.bus_address;
    with->driver_address = raw.driver.bus_address;
    with->device_address = raw.device.bus_address;
    ck_assert_int_eq(vdev_virtio_device_set_queue_ready(&device, 0, true), VDEV_OK);
    uint16_t head = raw_add(&raw, (struct raw_piece[]){piece()}, 1);
    ck_assert_int_eq(vdev_virtio_device_notify(&device, 0), VDEV_ERROR_STATE);
    ck_assert_not_used(&raw);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0xf), VDEV_OK);
    ck_assert_used(&raw, head, 16);
    ck_assert_uint_eq(interrupts[0], 1);
}
END_TEST

START_TEST(a_completion_after_reset_does_not_reach_the_ring)
{
    keep = true;
    run_device();
    raw_add(&raw, (struct raw_piece[]){piece()}, 1);
    vdev_virtio_device_notify(&device, 0);
    ck_assert_uint_eq(kept_count, 1);
    vdev_virtio_device_set_status(&device, 0);
    ck_assert_uint_eq(transport_resets, 2); /* the first began the negotiation */
    vdev_virtio_device_give(&device, 0, kept_epoch[0], kept[0], 16);
    ck_assert_uint_eq(raw_used(&raw)->idx, 0);
    /* Nor when the ring is another's by then. */
    run_device();
    raw_add(&raw, (struct raw_piece[]){piece()}, 1);
    vdev_virtio_device_notify(&device, 0);
    ck_assert_uint_eq(kept_count, 2);
    vdev_virtio_device_give(&device, 0, kept_epoch[0], kept[0], 16);
    vdev_virtio_device_signal(&device, 0);
    ck_assert_not_used(&raw);
    ck_assert_uint_eq(interrupts[0], 0);
    vdev_virtio_device_give(&device, 0, kept_epoch[1], kept[1], 16);
    ck_assert_used(&raw, kept[1], 16);
}
END_TEST

START_TEST(a_corrupt_ring_latches_the_device)
{
    keep = true;
    run_device();
    raw_add(&raw, (struct raw_piece[]){piece()}, 1);
    vdev_virtio_device_notify(&device, 0);
    raw_available(&raw)->idx = (uint16_t)(raw_available(&raw)->idx + MACHINE_QUEUE + 1);
    unsigned resets_before = resets;
    vdev_virtio_device_notify(&device, 0);
    ck_assert_uint_eq(device.status, 0x4f);
    ck_assert_uint_eq(configuration_interrupts, 1);
    ck_assert_uint_eq(resets, resets_before + 1);
    /* Silence until reset. */
    vdev_virtio_device_give(&device, 0, kept_epoch[0], kept[0], 16);
    vdev_virtio_device_signal(&device, 0);
    ck_assert_uint_eq(raw_used(&raw)->idx, 0);
    ck_assert_uint_eq(interrupts[0], 0);
    ck_assert_int_eq(vdev_virtio_device_notify(&device, 0), VDEV_ERROR_STATE);
    vdev_virtio_device_fail(&device);
    ck_assert_uint_eq(configuration_interrupts, 1);
    ck_assert_uint_eq(device.failures, 1);
    /* And it works again after one. */
    keep = false;
    run_device();
    uint16_t head = raw_add(&raw, (struct raw_piece[]){piece()}, 1);
    vdev_virtio_device_notify(&device, 0);
    ck_assert_used(&raw, head, 16);
}
END_TEST

START_TEST(failed_ends_it_until_reset)
{
    run_device();
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0x8f), VDEV_OK);
    ck_assert(!vdev_virtio_device_running(&device));
    raw_add(&raw, (struct raw_piece[]){piece()}, 1);
    ck_assert_int_eq(vdev_virtio_device_notify(&device, 0), VDEV_ERROR_STATE);
    ck_assert_not_used(&raw);
    run_device();
}
END_TEST

START_TEST(re_entry_is_refused)
{
    run_device();
    reenter = true;
    inner_status = VDEV_OK;
    ck_assert_int_eq(vdev_virtio_device_notify(&device, 0), VDEV_OK);
    ck_assert_int_eq(inner_status, VDEV_ERROR_BUSY);
    ck_assert(vdev_virtio_device_running(&device));
    ck_assert(vdev_virtio_device_enter(&device));
    ck_assert(!vdev_virtio_device_enter(&device));
    ck_assert_int_eq(vdev_virtio_device_notify(&device, 0), VDEV_ERROR_BUSY);
    vdev_virtio_device_leave(&device);
}
END_TEST

START_TEST(work_left_at_the_bound_is_resumed_by_poll)
{
    run_device();
    ck_assert(!vdev_virtio_device_poll(&device));
    budget = 1;
    for (unsigned i = 0; i < 3; i++) {
        raw_add(&raw, (struct raw_piece[]){piece()}, 1);
    }
    vdev_virtio_device_notify(&device, 0);
    ck_assert_uint_eq(raw_used(&raw)->idx, 1);
    ck_assert(vdev_virtio_device_poll(&device));
    budget = MACHINE_QUEUE;
    ck_assert(!vdev_virtio_device_poll(&device));
    ck_assert_uint_eq(raw_used(&raw)->idx, 3);
}
END_TEST

START_TEST(configuration_space_is_read_in_bounds_only)
{
    uint64_t value = 0;
    ck_assert_int_eq(vdev_virtio_device_read_configuration(&device, 0, 1, &value), VDEV_OK);
    ck_assert_uint_eq(value, 0x10);
    ck_assert_int_eq(vdev_virtio_device_read_configuration(&device, 2, 2, &value), VDEV_OK);
    ck_assert_uint_eq(value, 0x1312);
    ck_assert_int_eq(vdev_virtio_device_read_configuration(&device, 8, 4, &value), VDEV_OK);
    ck_assert_uint_eq(value, 0x1b1a1918);
    ck_assert_int_eq(vdev_virtio_device_read_configuration(&device, 0, 8, &value), VDEV_OK);
    ck_assert_uint_eq(value, 0x1716151413121110);
    const struct {
        uint32_t offset;
        unsigned width;
        int status;
    } wrong[] = {
        {12, 1, VDEV_ERROR_RANGE},         {11, 2, VDEV_ERROR_RANGE},
        {9, 4, VDEV_ERROR_RANGE},          {8, 8, VDEV_ERROR_RANGE},
        {UINT32_MAX, 1, VDEV_ERROR_RANGE}, {UINT32_MAX - 3, 8, VDEV_ERROR_RANGE},
        {0, 3, VDEV_ERROR_UNSUPPORTED},    {0, 0, VDEV_ERROR_UNSUPPORTED},
        {0, 16, VDEV_ERROR_UNSUPPORTED},
    };
    value = 0x55;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_int_eq(
            vdev_virtio_device_read_configuration(&device, wrong[i].offset, wrong[i].width, &value),
            wrong[i].status);
        ck_assert_int_eq(
            vdev_virtio_device_write_configuration(&device, wrong[i].offset, wrong[i].width, 0),
            wrong[i].status);
    }
    ck_assert_uint_eq(value, 0x55);
    ck_assert_uint_eq(written, 0);
}
END_TEST

START_TEST(configuration_space_is_written_after_features_only)
{
    ck_assert_int_eq(vdev_virtio_device_write_configuration(&device, 8, 4, 7), VDEV_ERROR_STATE);
    ck_assert_uint_eq(written, 0);
    negotiate(0);
    ck_assert_int_eq(vdev_virtio_device_write_configuration(&device, 8, 4, 7), VDEV_OK);
    ck_assert_uint_eq(written, 1);
    ck_assert_uint_eq(written_value, 7);
    run_device();
    ck_assert_int_eq(vdev_virtio_device_write_configuration(&device, 8, 4, 8), VDEV_OK);
    ck_assert_int_eq(vdev_virtio_device_notify(&device, 0), VDEV_OK);
}
END_TEST

START_TEST(configuration_changes_have_a_generation_and_are_told_when_running)
{
    uint32_t generation = device.configuration_generation;
    vdev_virtio_device_configuration_changed(&device);
    ck_assert_uint_ne(device.configuration_generation, generation);
    ck_assert_uint_eq(configuration_interrupts, 0);
    run_device();
    vdev_virtio_device_configuration_changed(&device);
    ck_assert_uint_eq(configuration_interrupts, 1);
}
END_TEST

/* ---- queues that come and go one at a time ---- */

static struct vdev_virtqueue_configuration ring(uint16_t start_index)
{
    return (struct vdev_virtqueue_configuration){
        .size = MACHINE_QUEUE,
        .descriptor_address = raw.descriptors.bus_address,
        .driver_address = raw.driver.bus_address,
        .device_address = raw.device.bus_address,
        .packed = true, /* the device's to say */
        .start_index = start_index,
    };
}

START_TEST(a_queue_is_started_from_features_ok_on)
{
    struct vdev_virtqueue_configuration with = ring(0);
    ck_assert_int_eq(vdev_virtio_device_start_queue(&device, 0, &with), VDEV_ERROR_STATE);
    negotiate(0);
    ck_assert_int_eq(vdev_virtio_device_start_queue(&device, 2, &with), VDEV_ERROR_STATE);
    ck_assert_int_eq(vdev_virtio_device_start_queue(&device, 0, &with), VDEV_OK);
    ck_assert(vdev_virtio_device_queue_ready(&device, 0));
    ck_assert_int_eq(vdev_virtio_device_start_queue(&device, 0, &with), VDEV_ERROR_STATE);
    ck_assert_uint_eq(notified[0], 0);
    uint16_t head = raw_add(&raw, (struct raw_piece[]){piece()}, 1);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0xf), VDEV_OK);
    ck_assert_used(&raw, head, 16);
    ck_assert_uint_eq(vdev_virtio_device_queue_index(&device, 0), 1);
    ck_assert_uint_eq(vdev_virtio_device_queue_index(&device, 1), 0);
    ck_assert_uint_eq(vdev_virtio_device_queue_index(&device, 2), 0);
}
END_TEST

START_TEST(a_running_device_looks_into_a_queue_that_is_started)
{
    struct vdev_virtqueue_configuration with = ring(0);
    negotiate(0);
    ck_assert_int_eq(vdev_virtio_device_set_status(&device, 0xf), VDEV_OK);
    uint16_t head = raw_add(&raw, (struct raw_piece[]){piece()}, 1);
    ck_assert_int_eq(vdev_virtio_device_start_queue(&device, 0, &with), VDEV_OK);
    ck_assert_used(&raw, head, 16);
    /* It goes on where it was, and takes nothing twice. */
    ck_assert_int_eq(vdev_virtio_device_set_queue_ready(&device, 0, false), VDEV_OK);
    ck_assert_uint_eq(vdev_virtio_device_queue_index(&device, 0), 0);
    head = raw_add(&raw, (struct raw_piece[]){piece()}, 1);
    ck_assert_not_used(&raw);
    with = ring(1);
    ck_assert_int_eq(vdev_virtio_device_start_queue(&device, 0, &with), VDEV_OK);
    ck_assert_used(&raw, head, 16);
    ck_assert_not_used(&raw);
}
END_TEST

START_TEST(a_queue_that_cannot_be_started_fails_nothing)
{
    struct vdev_virtqueue_configuration with = ring(0);
    negotiate(0);
    with.size = 2 * MACHINE_QUEUE;
    ck_assert_int_eq(vdev_virtio_device_start_queue(&device, 0, &with), VDEV_ERROR_INVALID);
    with = ring(0);
    with.device_address = MACHINE_READ_ONLY;
    ck_assert_int_eq(vdev_virtio_device_start_queue(&device, 0, &with), VDEV_ERROR_RANGE);
    ck_assert(!vdev_virtio_device_queue_ready(&device, 0));
    ck_assert_uint_eq(device.failures, 0);
    with = ring(0);
    ck_assert_int_eq(vdev_virtio_device_start_queue(&device, 0, &with), VDEV_OK);
    vdev_virtio_device_fail(&device);
    ck_assert_int_eq(vdev_virtio_device_hold_queue(&device, 0), VDEV_ERROR_STATE);
    ck_assert_int_eq(vdev_virtio_device_start_queue(&device, 1, &with), VDEV_ERROR_STATE);
}
END_TEST

START_TEST(a_held_queue_takes_what_comes_back_and_hands_out_nothing)
{
    struct vdev_virtqueue_configuration with = ring(0);
    keep = true;
    run_device();
    raw_add(&raw, (struct raw_piece[]){piece()}, 1);
    vdev_virtio_device_notify(&device, 0);
    ck_assert_uint_eq(kept_count, 1);
    ck_assert_int_eq(vdev_virtio_device_hold_queue(&device, 1), VDEV_ERROR_STATE);
    ck_assert_int_eq(vdev_virtio_device_hold_queue(&device, 2), VDEV_ERROR_STATE);
    ck_assert_int_eq(vdev_virtio_device_hold_queue(&device, 0), VDEV_OK);
    ck_assert_int_eq(vdev_virtio_device_hold_queue(&device, 0), VDEV_ERROR_STATE);
    ck_assert_int_eq(vdev_virtio_device_start_queue(&device, 0, &with), VDEV_ERROR_STATE);
    uint16_t later = raw_add(&raw, (struct raw_piece[]){piece()}, 1);
    ck_assert(!vdev_virtio_device_run(&device, 0, &chain, budget, handle, NULL));
    ck_assert_int_eq(vdev_virtio_device_notify(&device, 0), VDEV_ERROR_STATE);
    ck_assert_uint_eq(kept_count, 1);
    vdev_virtio_device_give(&device, 0, kept_epoch[0], kept[0], 16);
    vdev_virtio_device_signal(&device, 0);
    ck_assert_used(&raw, kept[0], 16);
    ck_assert_uint_eq(interrupts[0], 0);
    ck_assert_uint_eq(vdev_virtio_device_queue_index(&device, 0), 1);
    /* The driver is told at the end, once. */
    ck_assert_int_eq(vdev_virtio_device_set_queue_ready(&device, 0, false), VDEV_OK);
    ck_assert_uint_eq(interrupts[0], 1);
    ck_assert_int_eq(vdev_virtio_device_set_queue_ready(&device, 0, false), VDEV_OK);
    ck_assert_uint_eq(interrupts[0], 1);
    keep = false;
    with = ring(1);
    ck_assert_int_eq(vdev_virtio_device_start_queue(&device, 0, &with), VDEV_OK);
    ck_assert_used(&raw, later, 16);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("virtio_device");
    TCase *tests = tcase_create("device core");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, init_refuses_what_cannot_be);
    tcase_add_test(tests, offers_version_1_and_the_ring_features);
    tcase_add_test(tests, status_steps_need_each_other);
    tcase_add_test(tests, features_not_offered_are_not_ok);
    tcase_add_test(tests, features_without_version_1_are_not_ok);
    tcase_add_test(tests, features_beyond_the_64_are_not_ok);
    tcase_add_test(tests, features_before_driver_are_refused);
    tcase_add_test(tests, queues_are_set_up_between_features_and_driver_ok_only);
    tcase_add_test(tests, late_configuration_does_not_reach_a_live_queue);
    tcase_add_test(tests, a_ring_that_is_not_one_fails_the_device);
    tcase_add_test(tests, notifies_the_queue_that_was_notified);
    tcase_add_test(tests, takes_nothing_before_driver_ok);
    tcase_add_test(tests, a_completion_after_reset_does_not_reach_the_ring);
    tcase_add_test(tests, a_corrupt_ring_latches_the_device);
    tcase_add_test(tests, failed_ends_it_until_reset);
    tcase_add_test(tests, re_entry_is_refused);
    tcase_add_test(tests, work_left_at_the_bound_is_resumed_by_poll);
    tcase_add_test(tests, configuration_space_is_read_in_bounds_only);
    tcase_add_test(tests, configuration_space_is_written_after_features_only);
    tcase_add_test(tests, configuration_changes_have_a_generation_and_are_told_when_running);
    tcase_add_test(tests, a_queue_is_started_from_features_ok_on);
    tcase_add_test(tests, a_running_device_looks_into_a_queue_that_is_started);
    tcase_add_test(tests, a_queue_that_cannot_be_started_fails_nothing);
    tcase_add_test(tests, a_held_queue_takes_what_comes_back_and_hands_out_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
