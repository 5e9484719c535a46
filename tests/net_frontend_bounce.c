/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The net front-end's bounce memory: frames that lie where the device does not reach are copied, at
 * the cost of nothing else. Against the device's end of its rings, in memory that was laid out.
 */
#include "support/net_device.h"

#include <vdev/frontends/layout.h>

#define BOUNCE 1600u

static void *own;

static void setup_bouncing(void)
{
    static const uint8_t description[] = {0x52, 0x54, 0, 0xaa, 0xbb, 0xcc, 1, 0, 1, 0, 0xdc, 5};

    machine_init(&machine);
    memcpy(space, description, sizeof space);
    configuration = (struct vdev_net_frontend_configuration){
        .transport = &mmio_driver.driver,
        .clock = &machine.clock.clock,
        .queue_size = QUEUE,
        .receive_size = 1600,
        .receive_count = RECEIVE_COUNT,
        .transmission_count = TRANSMISSIONS,
        .piece_count = PIECES,
        .bounce_size = BOUNCE,
        .timeout_nanoseconds = 5000000,
    };
    struct vdev_frontend_bytes bytes = vdev_net_frontend_bytes(&configuration);
    own = malloc(bytes.own);
    struct vdev_frontend_memory memory = {machine_allocate(&machine, bytes.shared, 64),
                                          {own, bytes.own, VDEV_NO_BUS_ADDRESS}};
    ck_assert_int_eq(vdev_net_frontend_lay_out(&configuration, &memory), VDEV_OK);
    connect(SIMPLE);
}

static void teardown_bouncing(void)
{
    machine_finish(&machine);
    free(own);
}

/* Of the program's own memory, which is not the machine's. */
static struct vdev_buffer elsewhere(uint8_t *bytes, size_t length, unsigned number)
{
    fill(bytes, length, number);
    return (struct vdev_buffer){bytes, length, VDEV_NO_BUS_ADDRESS};
}

START_TEST(a_frame_that_lies_elsewhere_is_copied)
{
    const uint32_t lengths[] = {14, 60, 1514, 1518};
    static uint8_t bytes[1518];
    struct virtio_net_hdr_v1 header;
    struct outgoing outgoing;

    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(send_frame(&outgoing, elsewhere(bytes, lengths[i], i)), VDEV_OK);
        memset(bytes, 0, sizeof bytes); /* the device gets what was there at submit */
        ck_assert_uint_eq(outgoing.completed, 0);
        ck_assert(send_next(&header));
        ck_assert_uint_eq(wire_length, lengths[i]);
        ck_assert(holds(wire, lengths[i], i));
        poll_all();
        ck_assert_ended(&outgoing, VDEV_OK);
    }
    ck_assert_uint_eq(frontend.net.sent.frames, 4);
}
END_TEST

START_TEST(a_frame_that_the_device_reaches_is_not)
{
    struct vdev_buffer bytes = machine_allocate(&machine, 60, 4);
    struct virtio_net_hdr_v1 header;
    struct outgoing outgoing;

    fill(bytes.pointer, 60, 1);
    ck_assert_int_eq(send_frame(&outgoing, bytes), VDEV_OK);
    ck_assert(send_next(&header));
    ck_assert_ptr_eq(chain.buffers[1].pointer, bytes.pointer);
    poll_all();
    ck_assert_ended(&outgoing, VDEV_OK);
}
END_TEST

START_TEST(a_frame_of_which_a_piece_lies_elsewhere)
{
    static uint8_t bytes[200];
    struct vdev_buffer reached = machine_allocate(&machine, 100, 4);
    struct vdev_buffer whole = elsewhere(bytes, 200, 3);
    struct virtio_net_hdr_v1 header;
    struct outgoing outgoing;

    memcpy(reached.pointer, bytes, 100);
    memset(bytes, 0, 100);
    make(&outgoing, whole);
    outgoing.buffers[0] = reached;
    outgoing.buffers[1] = (struct vdev_buffer){bytes + 100, 100, VDEV_NO_BUS_ADDRESS};
    outgoing.frame.buffer_count = 2;
    ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_OK);
    ck_assert(send_next(&header));
    ck_assert_uint_eq(chain.readable_count, 2); /* the header and the copy */
    ck_assert(holds(wire, 200, 3));
    /* More pieces than the ring would take, since there is one in the end. */
    elsewhere(bytes, 200, 4);
    for (unsigned i = 0; i <= PIECES; i++) {
        outgoing.buffers[i] =
            (struct vdev_buffer){bytes + 10 * i, i == PIECES ? 100 : 10, VDEV_NO_BUS_ADDRESS};
    }
    outgoing.frame.buffer_count = PIECES + 1;
    ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_OK);
    ck_assert(send_next(&header));
    ck_assert_uint_eq(wire_length, 200);
    ck_assert(holds(wire, 200, 4));
}
END_TEST

START_TEST(the_end_of_the_room_is_followed_by_writable)
{
    static uint8_t bytes[TRANSMISSIONS + 1][100];
    struct outgoing outgoing[TRANSMISSIONS + 1];
    struct virtio_net_hdr_v1 header;

    for (unsigned i = 0; i < TRANSMISSIONS; i++) {
        ck_assert_int_eq(send_frame(&outgoing[i], elsewhere(bytes[i], 100, i)), VDEV_OK);
    }
    struct vdev_buffer last = elsewhere(bytes[TRANSMISSIONS], 100, TRANSMISSIONS);
    ck_assert_int_eq(send_frame(&outgoing[TRANSMISSIONS], last), VDEV_ERROR_FULL);
    ck_assert_uint_eq(user.writable, 0);
    ck_assert(send_next(&header));
    ck_assert(holds(wire, 100, 0));
    poll_all();
    ck_assert_uint_eq(user.writable, 1);
    /* Into the place of the first, while the others are still where they were. */
    ck_assert_int_eq(send_frame(&outgoing[TRANSMISSIONS], last), VDEV_OK);
    for (unsigned i = 1; i <= TRANSMISSIONS; i++) {
        ck_assert(send_next(&header));
        ck_assert(holds(wire, 100, i));
    }
    poll_all();
    for (unsigned i = 0; i <= TRANSMISSIONS; i++) {
        ck_assert_ended(&outgoing[i], VDEV_OK);
    }
    ck_assert_uint_eq(user.writable, 1);
}
END_TEST

START_TEST(a_frame_that_bounce_memory_cannot_hold)
{
    static uint8_t bytes[1600];
    struct outgoing outgoing;

    ck_assert_int_eq(send_frame(&outgoing, elsewhere(bytes, 1519, 0)), VDEV_ERROR_RANGE); /* MTU */
    configuration.bounce_size = 999;
    connect(SIMPLE);
    ck_assert_int_eq(send_frame(&outgoing, elsewhere(bytes, 1000, 0)), VDEV_ERROR_RANGE);
    ck_assert_int_eq(send_frame(&outgoing, elsewhere(bytes, 999, 0)), VDEV_OK);
    make(&outgoing, elsewhere(bytes, 60, 0));
    outgoing.frame.length = 61; /* than its buffers say */
    ck_assert_int_eq(vdev_net_submit(&frontend.net, &outgoing.frame), VDEV_ERROR_INVALID);
    configuration.bounce_size = 0;
    connect(SIMPLE);
    ck_assert_int_eq(send_frame(&outgoing, elsewhere(bytes, 60, 0)), VDEV_ERROR_INVALID);
    ck_assert_uint_eq(frontend.in_flight, 0);
}
END_TEST

START_TEST(bounce_memory_that_is_too_small)
{
    configuration.bounce_size = BOUNCE + 1;
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_INVALID);
    configuration.bounce_size = UINT32_MAX;
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_INVALID);
    configuration.bounce_size = BOUNCE;
    configuration.bounce.bus_address = VDEV_NO_BUS_ADDRESS;
    ck_assert_int_eq(vdev_net_frontend_init(&frontend, &configuration), VDEV_ERROR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_frontend_bounce");
    TCase *bounce = tcase_create("bounce");
    tcase_add_checked_fixture(bounce, setup_bouncing, teardown_bouncing);
    tcase_add_test(bounce, a_frame_that_lies_elsewhere_is_copied);
    tcase_add_test(bounce, a_frame_that_the_device_reaches_is_not);
    tcase_add_test(bounce, a_frame_of_which_a_piece_lies_elsewhere);
    tcase_add_test(bounce, the_end_of_the_room_is_followed_by_writable);
    tcase_add_test(bounce, a_frame_that_bounce_memory_cannot_hold);
    tcase_add_test(bounce, bounce_memory_that_is_too_small);
    suite_add_tcase(suite, bounce);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
