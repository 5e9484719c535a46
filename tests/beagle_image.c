/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Beagle image's steps on this machine, against our own emulators of the board's devices, with
 * Debian's device tree of the board: what it says, with everything there and with something amiss.
 * The processor's part of the image (start.S, platform.c) is not here.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <vdev/emulators/omap3_gpio.h>
#include <vdev/emulators/omap3_gptimer.h>
#include <vdev/emulators/omap3_hsmmc.h>
#include <vdev/emulators/omap3_intc.h>
#include <vdev/emulators/omap3_prcm.h>
#include <vdev/emulators/omap3_uart.h>
#include <vdev/testing/clock.h>
#include <vdev/testing/emulator_io.h>

#include "../images/beagle/image.h"
#include "support/console_pipe.h"
#include "support/ram_disk.h"

#define TEST_SECTOR (RAM_DISK_SECTORS - 64)
#define SCM_BYTES   0x2000u

enum { CM, PRM, UART, INTC, TIMER, COUNTER, GPIO1, GPIO5, MMC1, SCM, WATCHDOG, PLACES };

/* A device on the board, or (`absent`) the place where one should be. */
struct place {
    uint32_t address;
    struct vdev_emulator_io io;
    bool absent;
};

static struct board {
    struct place places[PLACES];
    struct vdev_virtual_clock clock;
    struct vdev_clock emulators_clock; /* does not go on by being looked at */
    struct vdev_omap3_prcm_emulator prcm;
    struct vdev_omap3_uart_emulator uart;
    struct vdev_omap3_intc_emulator intc;
    struct vdev_omap3_gptimer_emulator timer;
    struct vdev_omap3_counter_32k_emulator counter;
    struct vdev_omap3_gpio_emulator gpio1, gpio5;
    struct vdev_omap3_hsmmc_emulator mmc1;
    struct vdev_interrupt_line irq, lines[VDEV_OMAP3_INTC_LINES];
    struct console_pipe wire;
    struct ram_disk card;
    uint8_t buffer[16384];
    uint32_t scm[SCM_BYTES / 4];
    uint32_t watchdog[32]; /* the writes of its WSPR */
    unsigned watchdog_writes;
    unsigned resets, lights;
    bool frozen; /* the emulators' time stands still */
    bool irq_level;
    uint8_t *tree;
    size_t tree_size;
} board;

static struct image image;
static uint8_t before[sizeof board.card.bytes];

/* ---- the platform ---- */

static jmp_buf *guard;
static struct platform_fault fault_now;

static uint64_t absent_read(void *context, uint32_t offset, unsigned width)
{
    const struct place *place = context;

    (void)width;
    fault_now = (struct platform_fault){"data abort", place->address + offset, 0};
    ck_assert_ptr_nonnull(guard);
    longjmp(*guard, 1);
}

static void absent_write(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    (void)value;
    absent_read(context, offset, width);
}

struct vdev_io platform_io(uint32_t address)
{
    static const struct vdev_io_operations absent = {absent_read, absent_write};
    static struct place nowhere[64];
    static unsigned used;

    for (unsigned i = 0; i < PLACES; i++) {
        struct place *place = &board.places[i];
        if (place->address == address && !place->absent) {
            return place->io.io;
        }
    }
    ck_assert_uint_lt(used, 64);
    nowhere[used].address = address;
    return (struct vdev_io){.operations = &absent, .context = &nowhere[used++]};
}

const void *platform_tree(size_t *size)
{
    *size = board.tree_size;
    return board.tree;
}

bool platform_guard(void (*function)(void *context), void *context, struct platform_fault *fault)
{
    jmp_buf *outer = guard;
    jmp_buf here;
    /* Not in a register that the jump may restore. */
    volatile bool whole = false;

    guard = &here;
    if (setjmp(here) == 0) {
        function(context);
        whole = true;
    }
    guard = outer;
    if (!whole) {
        *fault = fault_now;
    }
    return whole;
}

void platform_wait(void (*handle)(void *context), void *context, bool rest)
{
    /* A rest without an end would be a hang: 150 ms are more than the image's own wake-up. */
    for (unsigned i = 0; rest && !board.irq_level; i++) {
        ck_assert_msg(i < 1500, "it rests and nothing wakes it");
        vdev_virtual_clock_advance(&board.clock, 100000);
    }
    for (unsigned i = 0; board.irq_level; i++) {
        ck_assert_msg(i < 30000, "interrupts without an end");
        handle(context);
    }
}

/* ---- the board ---- */

static uint64_t emulators_now(void *context)
{
    (void)context;
    return board.frozen ? 0 : board.clock.now;
}

static void passed(void *owner)
{
    (void)owner;
    vdev_omap3_gptimer_emulator_poll(&board.timer);
}

/* What is below the devices goes on: the card's medium. */
static void after(void *context)
{
    (void)context;
    vdev_block_poll(&board.card.block);
}

static void set_irq(void *controller, uint32_t number, bool level)
{
    (void)controller;
    (void)number;
    board.irq_level = level;
}

static void was_reset(void *owner, bool cold)
{
    (void)owner;
    board.resets += !cold;
}

static void light(void *owner, uint32_t driven, uint32_t levels)
{
    (void)owner;
    (void)driven;
    board.lights |= levels;
}

static int access_scm(void *device, struct vdev_access *access)
{
    (void)device;
    if (access->offset >= SCM_BYTES) {
        return VDEV_ERROR_RANGE;
    }
    uint8_t *at = (uint8_t *)board.scm + access->offset;
    if (access->write) {
        memcpy(at, &access->value, access->width);
    } else {
        access->value = 0;
        memcpy(&access->value, at, access->width);
    }
    return VDEV_OK;
}

static int access_watchdog(void *device, struct vdev_access *access)
{
    (void)device;
    access->value = access->write ? access->value : 0;
    if (access->write && access->offset == 0x48 && board.watchdog_writes < 32) {
        board.watchdog[board.watchdog_writes++] = (uint32_t)access->value;
    }
    return VDEV_OK;
}

static void put(unsigned number, uint32_t address, vdev_access_function *access, void *device,
                const struct vdev_register_table *table)
{
    board.places[number].address = address;
    vdev_emulator_io_init(&board.places[number].io, &(struct vdev_emulator_io_configuration){
                                                        .access = access,
                                                        .device = device,
                                                        .table = table,
                                                        .clock = &board.clock,
                                                        .after = after,
                                                    });
}

static void read_tree(void)
{
    FILE *file = fopen(BEAGLE_TREE, "rb");

    ck_assert_msg(file != NULL, "no %s", BEAGLE_TREE);
    board.tree = aligned_alloc(8, 1 << 20);
    ck_assert_ptr_nonnull(board.tree);
    board.tree_size = fread(board.tree, 1, 1 << 20, file);
    fclose(file);
}

static void put_partition(unsigned number, uint8_t type, uint32_t first, uint32_t count)
{
    uint8_t *entry = board.card.bytes + 446 + 16 * (number - 1);

    entry[0] = number == 1 ? 0x80 : 0;
    entry[4] = type;
    for (unsigned i = 0; i < 4; i++) {
        entry[8 + i] = (uint8_t)(first >> (8 * i));
        entry[12 + i] = (uint8_t)(count >> (8 * i));
    }
}

static void setup(void)
{
    memset(&board, 0, sizeof board);
    vdev_virtual_clock_init(&board.clock, 0, 300);
    board.emulators_clock = (struct vdev_clock){.now = emulators_now};
    static struct vdev_virtual_clock_watcher watcher = {.passed = passed};
    console_pipe_init(&board.wire);
    ram_disk_init(&board.card);
    memset(board.card.bytes + 446, 0, 64);
    put_partition(1, 0x0C, 63, 500);
    put_partition(2, 0x83, 600, 1000);
    board.card.bytes[510] = 0x55;
    board.card.bytes[511] = 0xAA;
    board.irq.set = set_irq;
    for (uint32_t i = 0; i < VDEV_OMAP3_INTC_LINES; i++) {
        board.lines[i] =
            (struct vdev_interrupt_line){vdev_omap3_intc_emulator_set_line, &board.intc, i, false};
    }
    ck_assert_int_eq(
        vdev_omap3_prcm_emulator_init(
            &board.prcm, &(struct vdev_omap3_prcm_emulator_configuration){.reset = was_reset}),
        VDEV_OK);
    ck_assert_int_eq(vdev_omap3_uart_emulator_init(&board.uart,
                                                   &(struct vdev_omap3_uart_emulator_configuration){
                                                       .console = &board.wire.console,
                                                       .interrupt = &board.lines[74],
                                                   }),
                     VDEV_OK);
    vdev_omap3_intc_emulator_init(
        &board.intc, &(struct vdev_omap3_intc_emulator_configuration){.irq = &board.irq});
    ck_assert_int_eq(
        vdev_omap3_gptimer_emulator_init(&board.timer,
                                         &(struct vdev_omap3_gptimer_emulator_configuration){
                                             .clock = &board.emulators_clock,
                                             .hertz = VDEV_OMAP3_GPTIMER_32K_HERTZ,
                                             .millisecond = true,
                                             .interrupt = &board.lines[37],
                                         }),
        VDEV_OK);
    ck_assert_int_eq(vdev_omap3_counter_32k_emulator_init(&board.counter, &board.emulators_clock),
                     VDEV_OK);
    vdev_omap3_gpio_emulator_init(&board.gpio1, &(struct vdev_omap3_gpio_emulator_configuration){
                                                    .interrupt = {&board.lines[29], NULL}});
    vdev_omap3_gpio_emulator_init(
        &board.gpio5, &(struct vdev_omap3_gpio_emulator_configuration){.output = light});
    ck_assert_int_eq(
        vdev_omap3_hsmmc_emulator_init(&board.mmc1,
                                       &(struct vdev_omap3_hsmmc_emulator_configuration){
                                           .block = &board.card.block,
                                           .interrupt = &board.lines[83],
                                           .buffer = board.buffer,
                                           .buffer_length = sizeof board.buffer,
                                       }),
        VDEV_OK);
    put(CM, 0x48004000, vdev_omap3_cm_emulator_access, &board.prcm, &vdev_omap3_cm_registers);
    put(PRM, 0x48306000, vdev_omap3_prm_emulator_access, &board.prcm, &vdev_omap3_prm_registers);
    put(UART, 0x49020000, vdev_omap3_uart_emulator_access, &board.uart, NULL);
    put(INTC, 0x48200000, vdev_omap3_intc_emulator_access, &board.intc, NULL);
    put(TIMER, 0x48318000, vdev_omap3_gptimer_emulator_access, &board.timer, NULL);
    put(COUNTER, 0x48320000, vdev_omap3_counter_32k_emulator_access, &board.counter, NULL);
    put(GPIO1, 0x48310000, vdev_omap3_gpio_emulator_access, &board.gpio1, NULL);
    put(GPIO5, 0x49056000, vdev_omap3_gpio_emulator_access, &board.gpio5, NULL);
    put(MMC1, 0x4809C000, vdev_omap3_hsmmc_emulator_access, &board.mmc1, NULL);
    put(SCM, 0x48002000, access_scm, NULL, NULL);
    put(WATCHDOG, 0x48314000, access_watchdog, NULL, NULL);
    vdev_virtual_clock_watch(&board.clock, &watcher);
    read_tree();
    memcpy(before, board.card.bytes, sizeof before);
}

static void teardown(void)
{
    free(board.tree);
}

/* Runs it; the output is text from then on. Whatever was amiss, the board was reset, once. */
static const char *run(void)
{
    image_run(&image);
    ck_assert_uint_lt(board.wire.output_length, sizeof board.wire.output);
    board.wire.output[board.wire.output_length] = 0;
    if (!board.places[PRM].absent) {
        ck_assert_uint_eq(board.resets, 1);
    }
    return (const char *)board.wire.output;
}

/* `lines` is in the output, each at the beginning of a line, in this order. */
static void expect(const char *output, const char *const *lines)
{
    const char *at = output;

    for (; *lines != NULL; lines++) {
        char wanted[160];
        snprintf(wanted, sizeof wanted, "\n%s", *lines);
        const char *found = strstr(at, wanted);
        ck_assert_msg(found != NULL, "no line '%s' where it was due in:\n%s", *lines, output);
        at = found + 1;
    }
}

#define EXPECT(output, ...) expect(output, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(a_whole_board_passes_every_step)
{
    const char *output = run();

    EXPECT(output, "ok uart\r", "ok tree\r", "ok counter\r", "ok clocks\r", "ok timer\r",
           "button: not pressed\r", "ok button\r", "ok leds\r", "card: vdev_-", "ok card\r",
           "partition 1: type 0c, bootable, from sector 63, 500 sectors\r",
           "partition 2: type 83, from sector 600, 1000 sectors\r", "partition 3: empty\r",
           "partition 4: empty\r", "ok partitions\r", "test sector: 1984\r", "ok sector\r",
           "10 passed, 0 failed\r\n");
    ck_assert_ptr_null(strstr(output, "FAIL"));
    /* The card is as it was, after two writes. */
    ck_assert_mem_eq(board.card.bytes, before, sizeof before);
    ck_assert_uint_eq(board.card.writes, 2);
    ck_assert_uint_eq(board.lights, 3u << 21);
}
END_TEST

START_TEST(no_device_refuses_an_access)
{
    run();
    for (unsigned i = 0; i < PLACES; i++) {
        ck_assert_msg(board.places[i].io.refused == 0, "%x refused %u accesses",
                      board.places[i].address, board.places[i].io.refused);
    }
}
END_TEST

START_TEST(the_watchdog_is_stopped_and_the_pads_are_connected)
{
    run();
    ck_assert_uint_eq(board.watchdog_writes, 2);
    ck_assert_uint_eq(board.watchdog[0], 0xAAAA);
    ck_assert_uint_eq(board.watchdog[1], 0x5555);
    const uint8_t *scm = (const uint8_t *)board.scm;
    ck_assert_uint_eq(scm[0x19F], 1);                 /* UART3_RX is an input */
    ck_assert_uint_eq(scm[0x17E] & 7, 4);             /* the lights are GPIOs */
    ck_assert_uint_eq(scm[0x180] & 7, 4);             /* ... */
    ck_assert_uint_eq(scm[0xA14] & 7, 4);             /* the button, too */
    ck_assert_uint_eq(scm[0x274 + 3] & 1, 1);         /* the card's clock is looped back */
    ck_assert_uint_eq(board.scm[0x520 / 4] & 0x3, 3); /* and its pads have power */
}
END_TEST

START_TEST(the_button_is_read)
{
    vdev_omap3_gpio_emulator_set_input(&board.gpio1, 7, true);
    EXPECT(run(), "button: pressed\r", "ok button\r");
}
END_TEST

START_TEST(a_missing_card_fails_and_the_rest_goes_on)
{
    ck_assert_int_eq(
        vdev_omap3_hsmmc_emulator_init(&board.mmc1,
                                       &(struct vdev_omap3_hsmmc_emulator_configuration){
                                           .interrupt = &board.lines[83],
                                           .buffer = board.buffer,
                                           .buffer_length = sizeof board.buffer,
                                       }),
        VDEV_OK);
    EXPECT(run(), "ok leds\r", "FAIL card: no card answers: ABSENT\r", "FAIL partitions: no card\r",
           "FAIL sector: no card\r", "7 passed, 3 failed\r\n");
}
END_TEST

START_TEST(a_card_without_a_partition_table_is_told)
{
    board.card.bytes[511] = 0;
    EXPECT(run(), "ok card\r", "FAIL partitions: sector 0 does not end with 55 AA\r", "ok sector\r",
           "9 passed, 1 failed\r\n");
}
END_TEST

START_TEST(a_partition_past_the_end_is_told)
{
    put_partition(2, 0x83, RAM_DISK_SECTORS - 1, UINT32_MAX);
    EXPECT(run(), "partition 2: type 83, from sector 2047, 4294967295 sectors, which is past",
           "FAIL partitions: a partition does not lie on the card\r", "9 passed, 1 failed\r\n");
}
END_TEST

START_TEST(a_sector_that_cannot_be_written_is_told)
{
    board.card.bad_sector = TEST_SECTOR;
    EXPECT(run(), "ok partitions\r", "FAIL sector: it cannot be read: ", "9 passed, 1 failed\r\n");
}
END_TEST

START_TEST(a_timer_that_does_not_interrupt_is_told_and_cards_are_polled)
{
    board.lines[37].set = NULL;
    board.timer.interrupt = NULL;
    EXPECT(run(), "FAIL timer: 0 of 10 ticks came in three seconds\r", "ok card\r", "ok sector\r",
           "9 passed, 1 failed\r\n");
}
END_TEST

START_TEST(a_timer_at_another_rate_is_told)
{
    ck_assert_int_eq(vdev_omap3_gptimer_emulator_set_hertz(&board.timer, 26000), VDEV_OK);
    EXPECT(run(), "FAIL timer: nine periods took 37", "9 passed, 1 failed\r\n");
}
END_TEST

START_TEST(a_counter_that_stands_still_ends_no_wait)
{
    board.frozen = true;
    EXPECT(run(), "ok uart\r", "FAIL counter: it stands still\r", "FAIL timer: ", "ok leds\r",
           "8 passed, 2 failed\r\n");
}
END_TEST

START_TEST(each_absent_device_fails_its_step_alone)
{
    static const struct {
        unsigned place;
        const char *line, *end;
    } absences[] = {
        {INTC, "FAIL timer: data abort at 48200010", "9 passed, 1 failed\r\n"},
        {TIMER, "FAIL timer: data abort at 48318010", "9 passed, 1 failed\r\n"},
        {GPIO1, "FAIL button: data abort at 48310060", "9 passed, 1 failed\r\n"},
        {GPIO5, "FAIL leds: data abort at 49056060", "9 passed, 1 failed\r\n"},
        {MMC1, "FAIL card: data abort at 4809c1fc", "7 passed, 3 failed\r\n"},
        {CM, "FAIL clocks: data abort at 48005000", "8 passed, 2 failed\r\n"},
        {COUNTER, "FAIL counter: data abort at 48320010", "8 passed, 2 failed\r\n"},
        {SCM, "note pads: data abort at 4800219e", "10 passed, 0 failed\r\n"},
        {WATCHDOG, "note watchdog: data abort at 48314034", "10 passed, 0 failed\r\n"},
    };

    board.places[absences[_i].place].absent = true;
    EXPECT(run(), "ok uart\r", absences[_i].line, absences[_i].end);
}
END_TEST

START_TEST(without_a_console_it_runs_to_its_end)
{
    board.places[UART].absent = true;
    run();
    ck_assert_uint_eq(board.wire.output_length, 0);
    ck_assert_uint_eq(image.passed, 9);
    ck_assert_uint_eq(image.failed, 1);
}
END_TEST

START_TEST(a_console_that_takes_nothing_is_given_up)
{
    board.wire.room = 10;
    run();
    ck_assert(image.console_dead);
    ck_assert_uint_eq(image.passed, 10);
}
END_TEST

START_TEST(a_truncated_tree_is_told)
{
    board.tree_size = 1000;
    EXPECT(run(), "ok uart\r", "FAIL tree: the tree is truncated\r",
           "FAIL timer: the tree does not say where\r",
           "FAIL sector: the tree does not say where\r", "3 passed, 7 failed\r\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beagle image");
    TCase *tests = tcase_create("over the emulators");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_whole_board_passes_every_step);
    tcase_add_test(tests, no_device_refuses_an_access);
    tcase_add_test(tests, the_watchdog_is_stopped_and_the_pads_are_connected);
    tcase_add_test(tests, the_button_is_read);
    tcase_add_test(tests, a_missing_card_fails_and_the_rest_goes_on);
    tcase_add_test(tests, a_card_without_a_partition_table_is_told);
    tcase_add_test(tests, a_partition_past_the_end_is_told);
    tcase_add_test(tests, a_sector_that_cannot_be_written_is_told);
    tcase_add_test(tests, a_timer_that_does_not_interrupt_is_told_and_cards_are_polled);
    tcase_add_test(tests, a_timer_at_another_rate_is_told);
    tcase_add_test(tests, a_counter_that_stands_still_ends_no_wait);
    tcase_add_loop_test(tests, each_absent_device_fails_its_step_alone, 0, 9);
    tcase_add_test(tests, without_a_console_it_runs_to_its_end);
    tcase_add_test(tests, a_console_that_takes_nothing_is_given_up);
    tcase_add_test(tests, a_truncated_tree_is_told);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
