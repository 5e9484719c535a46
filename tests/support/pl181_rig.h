/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real PL181 and card drivers over the emulators of both, over any block device, for tests. The
 * device below is polled after each register access, as if it took no time.
 */
#ifndef SUPPORT_PL181_RIG_H
#define SUPPORT_PL181_RIG_H

#include <check.h>

#include <vdev/drivers/pl181.h>
#include <vdev/drivers/sd_card.h>
#include <vdev/emulators/pl181.h>
#include <vdev/status.h>
#include <vdev/testing/clock.h>
#include <vdev/testing/emulator_io.h>

#define RIG_BUFFER (64u * 1024)

struct pl181_rig {
    struct vdev_block *below;
    bool stuck;  /* the device below is not polled */
    bool pulled; /* there is no card in the slot */
    uint32_t buffer[RIG_BUFFER / 4];
    struct vdev_virtual_clock clock;
    struct vdev_pl181_emulator emulator;
    struct vdev_emulator_io bus;
    struct vdev_pl181_driver driver;
    struct vdev_sd_card card;
    bool line[2];
};

static inline void rig_after(void *context)
{
    struct pl181_rig *rig = context;
    if (rig->below != NULL && !rig->stuck) {
        vdev_block_poll(rig->below);
    }
}

static inline void rig_fail(void *context, const char *message)
{
    (void)context;
    ck_abort_msg("%s", message);
}

static inline void rig_line(void *context, uint32_t number, bool level)
{
    ((struct pl181_rig *)context)->line[number] = level;
}

/* A card that is pulled out answers nothing: all commands go to an empty slot. */
static inline int rig_access(void *context, struct vdev_access *access)
{
    struct pl181_rig *rig = context;
    rig->emulator.card.block = rig->pulled ? NULL : rig->below;
    return vdev_pl181_emulator_access(&rig->emulator, access);
}

/* The emulator and what accesses it; the drivers are the test's to start. */
static inline void rig_emulator(struct pl181_rig *rig, struct vdev_block *below, size_t buffer)
{
    memset(rig, 0, sizeof *rig);
    rig->below = below;
    struct vdev_pl181_emulator_configuration configuration = {
        .block = below,
        .interrupt = {{.set = rig_line, .controller = rig, .number = 0},
                      {.set = rig_line, .controller = rig, .number = 1}},
        .buffer = rig->buffer,
        .buffer_length = buffer,
    };
    ck_assert_int_eq(vdev_pl181_emulator_init(&rig->emulator, &configuration), VDEV_OK);
    vdev_virtual_clock_init(&rig->clock, 100, 100);
    struct vdev_emulator_io_configuration bus = {
        .access = rig_access,
        .device = rig,
        .table = &vdev_pl181_registers,
        .clock = &rig->clock,
        .after = rig_after,
        .fail = rig_fail,
        .context = rig,
    };
    vdev_emulator_io_init(&rig->bus, &bus);
}

static inline int rig_driver(struct pl181_rig *rig, bool wide)
{
    struct vdev_pl181_driver_configuration configuration = {
        .io = rig->bus.io,
        .clock = &rig->clock.clock,
        .reference_hertz = 24000000,
        .wide = wide,
    };
    return vdev_pl181_driver_init(&rig->driver, &configuration);
}

static inline void rig_init(struct pl181_rig *rig, struct vdev_block *below, size_t buffer)
{
    rig_emulator(rig, below, buffer);
    ck_assert_int_eq(rig_driver(rig, false), VDEV_OK);
    ck_assert_int_eq(vdev_sd_card_init(&rig->card, &rig->driver.host, &rig->clock.clock), VDEV_OK);
}

/* One request, waited for; returns its status. Bounded by polls, so that a stall fails the test. */
struct rig_request {
    struct vdev_block_request request;
    struct vdev_buffer buffer;
    int status;
};

static inline void rig_complete(struct vdev_block_request *request, int status)
{
    *(int *)request->owner = status;
}

static inline int rig_wait(struct vdev_block *block, int *status)
{
    for (unsigned i = 0; *status > 0; i++) {
        ck_assert_msg(i < 10000000, "the request never completes");
        vdev_block_poll(block);
    }
    return *status;
}

static inline int rig_submit(struct vdev_block *block, struct rig_request *request,
                             enum vdev_block_operation operation, uint64_t sector, void *data,
                             size_t length)
{
    request->buffer = (struct vdev_buffer){data, length, VDEV_NO_BUS_ADDRESS};
    request->request = (struct vdev_block_request){
        .operation = operation,
        .sector = sector,
        .buffers = &request->buffer,
        .buffer_count = operation == VDEV_BLOCK_FLUSH ? 0 : 1,
        .complete = rig_complete,
        .owner = &request->status,
    };
    request->status = 1;
    return vdev_block_submit(block, &request->request);
}

static inline int rig_move(struct vdev_block *block, enum vdev_block_operation operation,
                           uint64_t sector, void *data, size_t length)
{
    struct rig_request request;
    int status = rig_submit(block, &request, operation, sector, data, length);
    return status != VDEV_OK ? status : rig_wait(block, &request.status);
}

/* A sum over data in order, so that swapped or repeated blocks show. */
static inline uint64_t rig_sum(const void *data, size_t length)
{
    const uint8_t *bytes = data;
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++) {
        sum = (sum ^ bytes[i]) * 0x100000001b3u;
    }
    return sum;
}

#endif
