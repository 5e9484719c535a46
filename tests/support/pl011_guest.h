/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PL011 emulator on an array console, and a guest's accesses to it: for one test program each.
 * What runs in long loops is compared by hand: Check's assertions write to a pipe each time they
 * hold.
 */
#ifndef TESTS_SUPPORT_PL011_GUEST_H
#define TESTS_SUPPORT_PL011_GUEST_H

#include <check.h>
#include <string.h>

#include <vdev/bus.h>
#include <vdev/emulators/pl011.h>
#include <vdev/status.h>

#include "support/array_console.h"
#include "support/pl011_registers.h"

#define CR_ON     0x301
#define CR_LBE    0x080
#define CR_CTSEN  0x8000
#define LCR_8     0x60
#define LCR_8FIFO 0x70

#define INT_RX 0x010
#define INT_TX 0x020
#define INT_RT 0x040
#define INT_FE 0x080
#define INT_PE 0x100
#define INT_BE 0x200
#define INT_OE 0x400

static struct vdev_pl011_emulator uart;
static struct array_console console;
static struct vdev_interrupt_line line;
static unsigned edges;

static inline void set_line(void *controller, uint32_t number, bool level)
{
    ck_assert_ptr_eq(controller, &edges);
    ck_assert_uint_eq(number, 37);
    (void)level;
    edges++;
}

static inline void begin(bool running, uint32_t modem)
{
    struct vdev_pl011_emulator_configuration configuration = {
        .console = &console.console, .interrupt = &line, .modem = modem, .running = running};

    array_console_init(&console);
    line = (struct vdev_interrupt_line){.set = set_line, .controller = &edges, .number = 37};
    edges = 0;
    memset(&uart, 0xA5, sizeof uart);
    ck_assert_int_eq(vdev_pl011_emulator_init(&uart, &configuration), VDEV_OK);
}

static inline void setup(void)
{
    begin(false, 0);
}

static inline void setup_running(void)
{
    begin(true, 0);
}

static inline uint32_t get(uint32_t offset)
{
    struct vdev_access access = {.offset = offset, .width = 2, .value = UINT64_MAX};
    if (vdev_pl011_emulator_access(&uart, &access) != VDEV_OK) {
        ck_abort_msg("access to %#x refused", offset);
    }
    return (uint32_t)access.value;
}

static inline void put(uint32_t offset, uint32_t value)
{
    struct vdev_access access = {.offset = offset, .width = 2, .write = true, .value = value};
    if (vdev_pl011_emulator_access(&uart, &access) != VDEV_OK) {
        ck_abort_msg("access to %#x refused", offset);
    }
}

static inline void put_many(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        put(DR, (uint8_t)text[i]);
    }
}

#endif
