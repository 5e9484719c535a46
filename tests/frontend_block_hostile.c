/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block front-end against a device that breaks every rule, on a transport of the test's own.
 */
#include "support/fake_transport.h"
#include "support/block_asker.h"

static struct fake_transport fake;

#define IDENTIFIER 0 /* the request that init makes */

/* Answer like a good device, but only the identifier, which init waits for. */
static void answer_identifier(struct fake_transport *self, uint16_t queue)
{
    struct vring_desc *table = fake_descriptor(self, queue, fake_head(self, queue, IDENTIFIER));
    if ((table->flags & VRING_DESC_F_INDIRECT) != 0) {
        table = (struct vring_desc *)(uintptr_t)table->addr;
    }
    memcpy((void *)(uintptr_t)table[1].addr, "fake", 5);
    *(uint8_t *)(uintptr_t)table[2].addr = VIRTIO_BLK_S_OK;
    self->on_notify = NULL;
    fake_give(self, queue, fake_head(self, queue, IDENTIFIER), 21);
}

#define BLOCK_FEATURES                                                                             \
    (1ull << VIRTIO_BLK_F_SIZE_MAX | 1ull << VIRTIO_BLK_F_SEG_MAX |                                \
     1ull << VIRTIO_BLK_F_BLK_SIZE | 1ull << VIRTIO_BLK_F_FLUSH)

static void put32(unsigned offset, uint32_t value)
{
    memcpy(fake.space + offset, &value, 4);
}

static void describe_fake(void)
{
    fake_init(&fake, VDEV_VIRTIO_ID_BLOCK, BLOCK_FEATURES);
    put32(0, 1000);
    put32(8, 4096);
    put32(12, 8);
    put32(20, 512);
    fake.on_notify = answer_identifier;
}

static void setup_fake_machine(void)
{
    machine_init(&machine);
    /* Bus addresses are pointers here. */
    describe_fake();
    configure(&fake.driver);
    struct vdev_buffer *parts[] = {&configuration.queue.descriptors, &configuration.queue.driver,
                                   &configuration.queue.device, &configuration.queue.indirect,
                                   &configuration.shared};
    for (unsigned i = 0; i < 5; i++) {
        parts[i]->bus_address = (uintptr_t)parts[i]->pointer;
    }
}

static void setup_fake(void)
{
    setup_fake_machine();
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    ck_assert_str_eq(frontend.block.information.identifier, "fake");
}

static struct vdev_buffer room(size_t length)
{
    struct vdev_buffer buffer = machine_allocate(&machine, length, 512);
    buffer.bus_address = (uintptr_t)buffer.pointer;
    return buffer;
}

/* The descriptors of the `n`th request: its own table, or its head. */
static struct vring_desc *table_of(unsigned n)
{
    struct vring_desc *table = fake_descriptor(&fake, 0, fake_head(&fake, 0, n));
    if ((table->flags & VRING_DESC_F_INDIRECT) != 0) {
        return (struct vring_desc *)(uintptr_t)table->addr;
    }
    return table;
}

/* Follow the `n`th request to its last descriptor, the status. */
static void set_status(unsigned n, uint8_t status)
{
    struct vring_desc *at = fake_descriptor(&fake, 0, fake_head(&fake, 0, n));
    struct vring_desc *table = fake_descriptor(&fake, 0, 0);
    if ((at->flags & VRING_DESC_F_INDIRECT) != 0) {
        table = at = (struct vring_desc *)(uintptr_t)at->addr;
    }
    while ((at->flags & VRING_DESC_F_NEXT) != 0) {
        at = table + at->next;
    }
    ck_assert_uint_eq(at->len, 1);
    ck_assert_uint_eq(at->flags, VRING_DESC_F_WRITE);
    *(uint8_t *)(uintptr_t)at->addr = status;
}

/* The device has come back from a restart, and answers honestly. */
static void check_restarted(void)
{
    struct asked asked;
    ck_assert_uint_eq(frontend.restarts, 1);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    set_status(0, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 0), 513);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_OK);
    ck_assert_uint_eq(frontend.in_flight, 0);
    ck_assert_uint_eq(frontend.restarts, 1);
}

START_TEST(init_refuses_what_cannot_be)
{
    struct vdev_block_frontend_configuration with = configuration;
    with.piece_count = 2;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_INVALID);
    with = configuration;
    with.request_count = 0;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_INVALID);
    with = configuration;
    with.shared.length--;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_INVALID);
    with = configuration;
    with.shared.bus_address = VDEV_NO_BUS_ADDRESS;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_INVALID);
    with = configuration;
    with.queue.device.length--;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_INVALID);
    ck_assert_uint_eq(fake.status & VDEV_VIRTIO_STATUS_FAILED, VDEV_VIRTIO_STATUS_FAILED);
    with = configuration;
    fake.queue_size_maximum[0] = 16;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_RANGE);
    fake.queue_size_maximum[0] = 0;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &with), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(init_gives_up_on_devices_that_cannot_be)
{
    const struct {
        unsigned offset;
        uint32_t value;
    } wrong[] = {{8, 511}, {12, 0}, {20, 0}, {20, 511}, {20, 513}, {20, 0xffffffff}};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        describe_fake();
        put32(wrong[i].offset, wrong[i].value);
        ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_INVALID);
        ck_assert(!frontend.alive);
    }
    /* A largest segment of 0 bytes is none: there are devices that say so. */
    describe_fake();
    put32(8, 0);
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    describe_fake();
    fake.driver.id = VDEV_VIRTIO_ID_CONSOLE;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_ABSENT);
    describe_fake();
    fake.offered &= ~(1ull << 32);
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_UNSUPPORTED);
    describe_fake();
    fake.refuses = true;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_UNSUPPORTED);
    describe_fake();
    fake.restless = true;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_TIMEOUT);
    describe_fake();
    fake.status = 0xf;
    fake.never_resets = true;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_TIMEOUT);
    describe_fake();
    fake.on_notify = NULL; /* never answers */
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_TIMEOUT);
    ck_assert_uint_eq(fake.status, 0);
    describe_fake();
    fake.born_broken = true;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_ERROR_IO);
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_ERROR_ABSENT);
    ck_assert(!vdev_block_poll(&frontend.block));
}
END_TEST

START_TEST(accepts_only_what_it_understands)
{
    describe_fake();
    fake.offered = UINT64_MAX;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    ck_assert(fake.accepted ==
              (BLOCK_FEATURES | 1ull << VIRTIO_BLK_F_RO | 1ull << 28 | 1ull << 29 | 1ull << 32));
}
END_TEST

START_TEST(requests_have_the_specified_form)
{
    struct asked asked;
    ck_assert_uint_eq(frontend.block.information.maximum_buffers, 8);
    ck_assert_uint_eq(frontend.block.information.maximum_sectors, 8 * 4096 / 512);
    /* Longer than size_max: split; within seg_max. */
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0x123, room(3 * 4096 - 512)), VDEV_OK);
    struct vring_desc *table = table_of(1);
    const uint32_t *header = (const uint32_t *)(uintptr_t)table[0].addr;
    ck_assert_uint_eq(table[0].len, 16);
    ck_assert_uint_eq(header[0], VIRTIO_BLK_T_IN);
    ck_assert_uint_eq(header[1], 0);
    ck_assert_uint_eq(header[2], 0x123);
    ck_assert_uint_eq(header[3], 0);
    struct vring_desc *at = &table[table[0].next];
    const uint32_t lengths[] = {4096, 4096, 3584, 1};
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(at->len, lengths[i]);
        if (i < 3) {
            ck_assert_uint_eq(at->addr, asked.buffers[0].bus_address + i * 4096);
        }
        ck_assert_uint_eq(at->flags, VRING_DESC_F_WRITE | (i < 3 ? VRING_DESC_F_NEXT : 0));
        at = &table[at->next];
    }
    /* More than seg_max pieces is over the device's limits. */
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(9 * 4096)), VDEV_ERROR_FULL);
}
END_TEST

START_TEST(an_id_out_of_range)
{
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    fake_give(&fake, 0, QUEUE, 513);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_ERROR_IO);
    check_restarted();
}
END_TEST

START_TEST(an_id_that_is_not_in_flight)
{
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    fake_give(&fake, 0, (fake_head(&fake, 0, 1) + 1u) % QUEUE, 513);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_ERROR_IO);
    check_restarted();
}
END_TEST

START_TEST(an_id_twice)
{
    struct asked first, second;
    ck_assert_int_eq(ask(&first, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    ck_assert_int_eq(ask(&second, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    set_status(1, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 1), 513);
    fake_give(&fake, 0, fake_head(&fake, 0, 1), 513);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&first, VDEV_OK);
    ck_assert_ended(&second, VDEV_ERROR_IO);
    check_restarted();
}
END_TEST

START_TEST(an_id_never)
{
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    vdev_block_poll(&frontend.block);
    ck_assert_uint_eq(asked.completed, 0);
    vdev_virtual_clock_advance(&machine.clock, 4000000);
    vdev_block_poll(&frontend.block);
    ck_assert_uint_eq(asked.completed, 0);
    vdev_virtual_clock_advance(&machine.clock, 1000001);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_ERROR_TIMEOUT);
    check_restarted();
}
END_TEST

START_TEST(a_slow_device_that_goes_on_is_no_timeout)
{
    struct asked asked[5];
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    }
    for (unsigned i = 0; i < 5; i++) {
        vdev_virtual_clock_advance(&machine.clock, 4000000);
        set_status(1 + i, VIRTIO_BLK_S_OK);
        fake_give(&fake, 0, fake_head(&fake, 0, 1 + i), 513);
        vdev_block_poll(&frontend.block);
        ck_assert_ended(&asked[i], VDEV_OK);
    }
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(idle_time_is_no_timeout)
{
    struct asked asked;
    vdev_virtual_clock_advance(&machine.clock, 1000000000);
    vdev_block_poll(&frontend.block);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    vdev_block_poll(&frontend.block);
    ck_assert_uint_eq(asked.completed, 0);
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(an_index_that_jumps)
{
    struct asked asked;
    const uint16_t jumps[] = {2, QUEUE, QUEUE + 1, 0x8000, 0xffff};
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
        fake_used(&fake, 0)->idx = (uint16_t)(fake_used(&fake, 0)->idx + jumps[i]);
        vdev_block_poll(&frontend.block);
        ck_assert_ended(&asked, VDEV_ERROR_IO);
        ck_assert_uint_eq(frontend.restarts, i + 1);
    }
}
END_TEST

START_TEST(lengths_that_lie)
{
    struct asked asked;
    /* Longer than the buffer: clamped. */
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    set_status(1, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 1), UINT32_MAX);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_OK);
    /* Success with less than all of it: that data is whatever memory held before. */
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    set_status(2, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 2), 512);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_ERROR_IO);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_WRITE, 0, room(512)), VDEV_OK);
    set_status(3, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 3), 0);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_ERROR_IO);
    ck_assert_uint_eq(frontend.malformed, 2);
    ck_assert_uint_eq(frontend.restarts, 0);
}
END_TEST

START_TEST(statuses)
{
    const uint8_t wrong[] = {VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_UNSUPP, 3, 0x80, 0xff};
    struct asked asked;
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
        set_status(1 + i, wrong[i]);
        fake_give(&fake, 0, fake_head(&fake, 0, 1 + i), 513);
        vdev_block_poll(&frontend.block);
        ck_assert_ended(&asked, VDEV_ERROR_IO);
    }
    /* Not answered at all, though given back: what was there before is no answer. */
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 6), 513);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_ERROR_IO);
    ck_assert_uint_eq(frontend.malformed, 4); /* all but IOERR and UNSUPP */
}
END_TEST

START_TEST(a_device_that_rewrites_the_ring_and_the_headers)
{
    struct asked asked[3];
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, i, room(512)), VDEV_OK);
    }
    uint16_t heads[3] = {fake_head(&fake, 0, 1), fake_head(&fake, 0, 2), fake_head(&fake, 0, 3)};
    for (unsigned i = 0; i < 3; i++) {
        set_status(1 + i, VIRTIO_BLK_S_OK);
    }
    memset(configuration.queue.descriptors.pointer, 0xff, configuration.queue.descriptors.length);
    memset(configuration.queue.driver.pointer, 0xff, configuration.queue.driver.length);
    memset(configuration.queue.indirect.pointer, 0xff, configuration.queue.indirect.length);
    for (unsigned i = 0; i < 3; i++) {
        fake_give(&fake, 0, heads[2 - i], 513);
    }
    vdev_block_poll(&frontend.block);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_ended(&asked[i], VDEV_OK);
    }
    ck_assert_uint_eq(frontend.restarts, 0);
    ck_assert_uint_eq(frontend.queue.free_count, QUEUE);
}
END_TEST

START_TEST(a_device_that_does_not_come_back)
{
    struct asked asked[9];
    /* Whoever retries at once must not make a loop. */
    ck_assert_int_eq(ask(&asked[8], VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    set_status(1, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 1), 513);
    vdev_block_poll(&frontend.block);
    for (unsigned i = 0; i < 8; i++) {
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
    }
    asked[0].again = &asked[8];
    fake.never_resets = true;
    fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    uint64_t before = machine.clock.now;
    vdev_block_poll(&frontend.block);
    ck_assert_uint_le(machine.clock.now - before, 3 * VDEV_VIRTIO_RESET_NANOSECONDS);
    ck_assert_ended(&asked[1], VDEV_ERROR_IO);
    ck_assert_ended(&asked[7], VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(asked[8].completed, 2);
    ck_assert_int_eq(asked[8].status, VDEV_ERROR_ABSENT);
    ck_assert(!frontend.alive);
    ck_assert_int_eq(ask(&asked[0], VDEV_BLOCK_READ, 0, room(512)), VDEV_ERROR_ABSENT);
}
END_TEST

START_TEST(stopped_from_inside_a_completion)
{
    struct asked asked[8];
    /* By a completion that the device made, and by one of a device that broke a rule. */
    for (unsigned broken = 0; broken < 2; broken++) {
        describe_fake();
        ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
        for (unsigned i = 0; i < 8; i++) {
            ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
        }
        asked[0].stops = true;
        set_status(1, VIRTIO_BLK_S_OK);
        fake_give(&fake, 0, broken ? 0xffff : fake_head(&fake, 0, 1), 513);
        ck_assert(!vdev_block_poll(&frontend.block));
        ck_assert_ended(&asked[0], broken ? VDEV_ERROR_IO : VDEV_OK);
        for (unsigned i = 1; i < 8; i++) {
            ck_assert_ended(&asked[i], VDEV_ERROR_ABSENT);
        }
        ck_assert(!frontend.alive);
        ck_assert_uint_eq(fake.status, 0);
        ck_assert(!fake.ready[0]);
    }
}
END_TEST

START_TEST(a_device_that_always_needs_a_reset)
{
    struct asked asked;
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 0, room(512)), VDEV_OK);
        fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
        fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
        ck_assert(!vdev_block_poll(&frontend.block));
        ck_assert_ended(&asked, VDEV_ERROR_IO);
        ck_assert_uint_eq(frontend.restarts, i + 1); /* one in each poll */
    }
}
END_TEST

START_TEST(a_device_that_comes_back_smaller)
{
    struct asked asked[9];
    for (unsigned i = 0; i < 9; i++) {
        ck_assert_int_eq(ask(&asked[i], VDEV_BLOCK_WRITE, i * 100, room(2 * 512)), VDEV_OK);
    }
    /* Six are in flight; three are pending, at 600, 700 and 800. */
    put32(0, 701); /* sectors */
    put32(8, 512); /* size_max */
    put32(12, 2);  /* seg_max */
    fake.status |= VDEV_VIRTIO_STATUS_NEEDS_RESET;
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    vdev_block_poll(&frontend.block);
    for (unsigned i = 0; i < 6; i++) {
        ck_assert_ended(&asked[i], VDEV_ERROR_IO);
    }
    ck_assert_uint_eq(asked[6].completed, 0);
    ck_assert_ended(&asked[7], VDEV_ERROR_IO);
    ck_assert_ended(&asked[8], VDEV_ERROR_IO);
    ck_assert_uint_eq(frontend.in_flight, 1);
    set_status(0, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 0), 1);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked[6], VDEV_OK);
}
END_TEST

START_TEST(limits_that_change_under_way_change_nothing)
{
    struct asked asked;
    put32(0, 5000);
    put32(8, 0);
    put32(12, 0);
    put32(20, 0);
    fake.causes = VDEV_VIRTIO_INTERRUPT_CONFIGURATION;
    vdev_block_poll(&frontend.block);
    ck_assert_uint_eq(frontend.block.information.sectors, 5000);
    ck_assert_uint_eq(frontend.restarts, 0);
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_READ, 4000, room(4096)), VDEV_OK);
    set_status(1, VIRTIO_BLK_S_OK);
    fake_give(&fake, 0, fake_head(&fake, 0, 1), 4097);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_OK);
}
END_TEST

START_TEST(a_flush_on_a_device_without_a_cache)
{
    describe_fake();
    fake.offered &= ~(1ull << VIRTIO_BLK_F_FLUSH);
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    struct asked asked;
    ck_assert_int_eq(ask(&asked, VDEV_BLOCK_FLUSH, 0, (struct vdev_buffer){0}), VDEV_OK);
    const uint32_t *header = (const uint32_t *)(uintptr_t)table_of(1)[0].addr;
    ck_assert_uint_ne(header[0], VIRTIO_BLK_T_FLUSH);
    set_status(1, VIRTIO_BLK_S_UNSUPP);
    fake_give(&fake, 0, fake_head(&fake, 0, 1), 1);
    vdev_block_poll(&frontend.block);
    ck_assert_ended(&asked, VDEV_OK);
}
END_TEST

static void answer_twenty_letters(struct fake_transport *self, uint16_t queue)
{
    answer_identifier(self, queue);
    memset((void *)(uintptr_t)table_of(IDENTIFIER)[1].addr, 'x', 20);
    fake_used(self, queue)->ring[0].len = UINT32_MAX;
}

START_TEST(fields_without_their_feature_are_not_looked_at)
{
    fake.offered = 1ull << 32;
    memset(fake.space + 8, 0, sizeof fake.space - 8);
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    ck_assert_uint_eq(frontend.block.information.block_size, 512);
    ck_assert_uint_eq(frontend.block.information.maximum_buffers, PIECES - 2);
}
END_TEST

START_TEST(an_identifier_without_an_end)
{
    fake.on_notify = answer_twenty_letters;
    ck_assert_int_eq(vdev_block_frontend_init(&frontend, &configuration), VDEV_OK);
    ck_assert_str_eq(frontend.block.information.identifier, "xxxxxxxxxxxxxxxxxxxx");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frontend_block_hostile");
    TCase *tests;

    tests = tcase_create("block front-end, hostile device, starting");
    tcase_add_checked_fixture(tests, setup_fake_machine, teardown);
    tcase_add_test(tests, init_refuses_what_cannot_be);
    tcase_add_test(tests, init_gives_up_on_devices_that_cannot_be);
    tcase_add_test(tests, accepts_only_what_it_understands);
    tcase_add_test(tests, a_flush_on_a_device_without_a_cache);
    tcase_add_test(tests, fields_without_their_feature_are_not_looked_at);
    tcase_add_test(tests, an_identifier_without_an_end);
    suite_add_tcase(suite, tests);
    tests = tcase_create("block front-end, hostile device, running");
    tcase_add_checked_fixture(tests, setup_fake, teardown);
    tcase_add_test(tests, requests_have_the_specified_form);
    tcase_add_test(tests, an_id_out_of_range);
    tcase_add_test(tests, an_id_that_is_not_in_flight);
    tcase_add_test(tests, an_id_twice);
    tcase_add_test(tests, an_id_never);
    tcase_add_test(tests, a_slow_device_that_goes_on_is_no_timeout);
    tcase_add_test(tests, idle_time_is_no_timeout);
    tcase_add_test(tests, an_index_that_jumps);
    tcase_add_test(tests, lengths_that_lie);
    tcase_add_test(tests, statuses);
    tcase_add_test(tests, a_device_that_rewrites_the_ring_and_the_headers);
    tcase_add_test(tests, a_device_that_does_not_come_back);
    tcase_add_test(tests, stopped_from_inside_a_completion);
    tcase_add_test(tests, a_device_that_always_needs_a_reset);
    tcase_add_test(tests, a_device_that_comes_back_smaller);
    tcase_add_test(tests, limits_that_change_under_way_change_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
