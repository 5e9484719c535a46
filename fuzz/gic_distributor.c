/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile guest of the emulated GIC distributor, with a CPU interface of as few list registers as
 * there may be.
 */
#include <vdev/emulators/gic_distributor.h>
#include <vdev/status.h>

#include "input.h"

#define INTERRUPTS 96u
#define ROOM       4u

struct world {
    struct vdev_gic_distributor distributor;
    bool pending[INTERRUPTS], active[INTERRUPTS];
    unsigned used;
};

static bool deliver(void *context, uint32_t interrupt, uint8_t priority)
{
    struct world *world = context;

    (void)priority;
    fuzz_require(interrupt < INTERRUPTS);
    if (world->pending[interrupt]) {
        return true;
    }
    if (!world->active[interrupt] && world->used == ROOM) {
        return false;
    }
    world->used += !world->active[interrupt];
    world->pending[interrupt] = true;
    return true;
}

static void withdraw(void *context, uint32_t interrupt)
{
    struct world *world = context;

    fuzz_require(interrupt < INTERRUPTS);
    if (world->pending[interrupt]) {
        world->pending[interrupt] = false;
        world->used -= !world->active[interrupt];
    }
}

static void enable(void *context, uint32_t interrupt, bool enabled)
{
    (void)context;
    (void)enabled;
    fuzz_require(interrupt < INTERRUPTS);
}

static bool is_active(void *context, uint32_t interrupt)
{
    fuzz_require(interrupt < INTERRUPTS);
    return ((struct world *)context)->active[interrupt];
}

static bool is_delivering(void *context, uint32_t interrupt)
{
    fuzz_require(interrupt < INTERRUPTS);
    return ((struct world *)context)->pending[interrupt];
}

/* Nothing is lost: with all ended, each line that is raised is being delivered, or waits for room.
 */
static void end(struct world *world)
{
    const struct vdev_gic_distributor *distributor = &world->distributor;

    for (uint32_t i = 0; i < INTERRUPTS; i++) {
        if (world->active[i]) {
            world->active[i] = false;
            world->used -= !world->pending[i];
            vdev_gic_distributor_ended(&world->distributor, i);
        }
    }
    vdev_gic_distributor_retry(&world->distributor);
    for (uint32_t i = 0; i < INTERRUPTS && distributor->forwarding; i++) {
        uint32_t raised =
            distributor->enabled[i / 32] & distributor->level[i / 32] & ~distributor->edge[i / 32];
        fuzz_require((raised >> i % 32 & 1) == 0 || world->pending[i] || world->used == ROOM);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vdev_gic_distributor_operations operations = {deliver, withdraw, enable,
                                                                      is_active, is_delivering};
    struct input input = {data, size};
    struct world world = {0};

    fuzz_require(vdev_gic_distributor_init(&world.distributor, INTERRUPTS, &operations, &world) ==
                 VDEV_OK);
    for (unsigned steps = 0; input.left != 0 && steps < 4096; steps++) {
        uint32_t interrupt = input_below(&input, INTERRUPTS);
        switch (input_below(&input, 6)) {
        case 0:
        case 1: {
            struct vdev_access access = {.offset = input_below(&input, 0x1000),
                                         .width = (uint8_t)(1u << input_below(&input, 3)),
                                         .write = input_byte(&input) & 1,
                                         .value = input_number(&input, 4)};
            access.offset &= ~(access.width - 1u);
            int status = vdev_gic_distributor_access(&world.distributor, &access);
            fuzz_require(status <= 0 && status >= VDEV_ERROR_BUSY);
            break;
        }
        case 2:
            vdev_gic_distributor_set_line(&world.distributor, (uint32_t)input_number(&input, 1),
                                          input_byte(&input) & 1);
            break;
        case 3: /* the guest acknowledges */
            if (world.pending[interrupt] && !world.active[interrupt]) {
                world.pending[interrupt] = false;
                world.active[interrupt] = true;
            }
            break;
        case 4: /* the guest ends */
            if (world.active[interrupt]) {
                world.active[interrupt] = false;
                world.used -= !world.pending[interrupt];
                vdev_gic_distributor_ended(&world.distributor, interrupt);
                vdev_gic_distributor_retry(&world.distributor);
            }
            break;
        default: {
            struct vdev_access access = {.offset = input_byte(&input) & 1 ? 0 : 0x104,
                                         .width = 4,
                                         .write = true,
                                         .value = 0xffffffff};
            vdev_gic_distributor_access(&world.distributor, &access);
            break;
        }
        }
        fuzz_require(world.used <= ROOM);
    }
    end(&world);
    return 0;
}
