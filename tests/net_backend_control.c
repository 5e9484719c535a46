/* SPDX-License-Identifier: BSD-2-Clause */
/* The net back-end's control queue, command by command, and what the filters then let through. */
#include "support/net_driver.h"

#define ALL_FEATURES (ANY | CONTROLS | SENDS | RECEIVES)

static const uint8_t another_multicast[6] = {0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb};

static void setup_controls(void)
{
    setup();
    start(ALL_FEATURES);
}

/* Would the driver get a frame to this address? With a VLAN tag, if vlan is not negative. */
static bool gets_tagged(const uint8_t *to, int vlan)
{
    uint8_t frame[100];

    make_frame(frame, sizeof frame, to, 1);
    if (vlan >= 0) {
        memcpy(frame + 12, (uint8_t[]){0x81, 0x00, (uint8_t)(0xe0 | vlan >> 8), (uint8_t)vlan}, 4);
    }
    struct vdev_buffer room = add_room(200);
    uint32_t filtered = backend.receive_dropped[VDEV_NET_DROP_FILTERED];
    int status = below_receive(frame, sizeof frame, NULL);
    uint32_t length;
    if (raw_take(&receive, &length) >= 0) {
        ck_assert_int_eq(status, VDEV_OK);
        ck_assert_received(room, frame, sizeof frame);
        ck_assert_uint_eq(backend.receive_dropped[VDEV_NET_DROP_FILTERED], filtered);
        return true;
    }
    ck_assert_uint_eq(backend.receive_dropped[VDEV_NET_DROP_FILTERED], filtered + 1);
    /* The buffer is still in the ring: take it out by a frame that is wanted by all. */
    bool promiscuous = backend.filter.everything;
    backend.filter.everything = true;
    make_frame(frame, sizeof frame, to, 1);
    ck_assert_int_eq(below_receive(frame, sizeof frame, NULL), VDEV_OK);
    ck_assert_int_ge(raw_take(&receive, &length), 0);
    backend.filter.everything = promiscuous;
    return false;
}

static bool gets(const uint8_t *to)
{
    return gets_tagged(to, -1);
}

#define ck_assert_gets(own, other, multi, broad)                                                   \
    do {                                                                                           \
        ck_assert_msg(gets(own_address) == (own), "own");                                          \
        ck_assert_msg(gets(other_address) == (other), "other unicast");                            \
        ck_assert_msg(gets(multicast) == (multi), "multicast");                                    \
        ck_assert_msg(gets(broadcast) == (broad), "broadcast");                                    \
    } while (0)

static int set_mode(uint8_t mode, uint8_t on)
{
    return execute_byte(VIRTIO_NET_CTRL_RX, mode, on);
}

#define ck_assert_set(mode, on) ck_assert_int_eq(set_mode(mode, on), VIRTIO_NET_OK)

/* ---- modes ---- */

START_TEST(a_driver_without_filters_gets_everything)
{
    start(ANY);
    ck_assert_gets(true, true, true, true);
    ck_assert_uint_eq(below.mode, VDEV_NET_RECEIVE_ALL_MULTICAST);
    start(ANY | FEATURE(VIRTIO_NET_F_CTRL_RX)); /* without a queue to set them by */
    ck_assert_gets(true, true, true, true);
}
END_TEST

START_TEST(filters_start_out_with_the_own_address_and_broadcasts)
{
    ck_assert_gets(true, false, false, true);
    ck_assert_uint_eq(below.mode, VDEV_NET_RECEIVE_OWN);
}
END_TEST

START_TEST(each_mode_lets_through_or_holds_back_its_kind)
{
    ck_assert_set(VIRTIO_NET_CTRL_RX_ALLMULTI, 1);
    ck_assert_gets(true, false, true, true);
    ck_assert_uint_eq(below.mode, VDEV_NET_RECEIVE_ALL_MULTICAST);
    ck_assert_set(VIRTIO_NET_CTRL_RX_NOMULTI, 1);
    ck_assert_gets(true, false, false, true);
    ck_assert_set(VIRTIO_NET_CTRL_RX_NOBCAST, 1);
    ck_assert_gets(true, false, false, false);
    ck_assert_set(VIRTIO_NET_CTRL_RX_ALLUNI, 1);
    ck_assert_gets(true, true, false, false);
    ck_assert_uint_eq(below.mode, VDEV_NET_RECEIVE_ALL);
    ck_assert_set(VIRTIO_NET_CTRL_RX_NOUNI, 1);
    ck_assert_gets(false, false, false, false);
    /* Over all of the others, as long as it is on. */
    ck_assert_set(VIRTIO_NET_CTRL_RX_PROMISC, 1);
    ck_assert_gets(true, true, true, true);
    ck_assert_set(VIRTIO_NET_CTRL_RX_PROMISC, 0);
    ck_assert_gets(false, false, false, false);
    for (uint8_t mode = 0; mode < 6; mode++) {
        ck_assert_set(mode, 0);
    }
    ck_assert_gets(true, false, false, true);
    ck_assert_uint_eq(below.mode, VDEV_NET_RECEIVE_OWN);
}
END_TEST

START_TEST(a_class_that_cannot_be_promiscuous_is_asked_for_what_it_can)
{
    below.mode_status = VDEV_ERROR_UNSUPPORTED;
    ck_assert_set(VIRTIO_NET_CTRL_RX_PROMISC, 1);
    ck_assert_uint_eq(below.mode, VDEV_NET_RECEIVE_ALL_MULTICAST);
    ck_assert(gets(other_address));
}
END_TEST

START_TEST(the_class_is_asked_only_when_something_changes)
{
    unsigned before = below.mode_calls;
    ck_assert_set(VIRTIO_NET_CTRL_RX_PROMISC, 0);
    ck_assert_set(VIRTIO_NET_CTRL_RX_NOMULTI, 1);
    ck_assert_uint_eq(below.mode_calls, before);
    ck_assert_set(VIRTIO_NET_CTRL_RX_ALLUNI, 1);
    ck_assert_set(VIRTIO_NET_CTRL_RX_PROMISC, 1);
    ck_assert_uint_eq(below.mode_calls, before + 1);
}
END_TEST

/* ---- addresses ---- */

static uint8_t table[8 + 200 * 6];

static size_t fill_table(uint32_t unicasts, const uint8_t *unicast, uint32_t multicasts,
                         const uint8_t *group)
{
    size_t at = 0;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t count = i == 0 ? unicasts : multicasts;
        memcpy(table + at, &count, 4);
        at += 4;
        for (uint32_t j = 0; j < count; j++, at += 6) {
            /* The wanted one last, after others. */
            memcpy(table + at, i == 0 ? unicast : group, 6);
            table[at + 5] = (uint8_t)(table[at + 5] + 100 * (count - 1 - j));
        }
    }
    return at;
}

static int set_table(uint32_t unicasts, uint32_t multicasts)
{
    size_t length = fill_table(unicasts, other_address, multicasts, multicast);
    return execute(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, table, length);
}

START_TEST(addresses_of_the_table_are_received)
{
    ck_assert_int_eq(set_table(1, 0), VIRTIO_NET_OK);
    ck_assert_gets(true, true, false, true);
    ck_assert_uint_eq(below.mode, VDEV_NET_RECEIVE_ALL);
    ck_assert_int_eq(set_table(0, 3), VIRTIO_NET_OK);
    ck_assert_gets(true, false, true, true);
    ck_assert(!gets(another_multicast));
    ck_assert_uint_eq(below.mode, VDEV_NET_RECEIVE_ALL_MULTICAST);
    ck_assert_int_eq(set_table(2, 2), VIRTIO_NET_OK);
    ck_assert_gets(true, true, true, true);
    ck_assert_int_eq(set_table(0, 0), VIRTIO_NET_OK);
    ck_assert_gets(true, false, false, true);
    ck_assert_uint_eq(below.mode, VDEV_NET_RECEIVE_OWN);
}
END_TEST

START_TEST(a_full_table_and_one_more)
{
    ck_assert_int_eq(set_table(0, VDEV_NET_BACKEND_ADDRESSES), VIRTIO_NET_OK);
    ck_assert_gets(true, false, true, true);
    ck_assert(!gets(another_multicast));
    /* Overflow is promiscuity, of its kind alone. */
    ck_assert_int_eq(set_table(0, VDEV_NET_BACKEND_ADDRESSES + 1), VIRTIO_NET_OK);
    ck_assert(gets(another_multicast));
    ck_assert(!gets(other_address));
    ck_assert_int_eq(set_table(VDEV_NET_BACKEND_ADDRESSES + 1, 2), VIRTIO_NET_OK);
    ck_assert_gets(true, true, true, true);
    ck_assert(!gets(another_multicast));
    ck_assert_int_eq(set_table(VDEV_NET_BACKEND_ADDRESSES, 1), VIRTIO_NET_OK);
    ck_assert(gets(another_multicast));
    ck_assert_int_eq(set_table(0, 0), VIRTIO_NET_OK);
    ck_assert_gets(true, false, false, true);
}
END_TEST

START_TEST(a_table_over_several_descriptors)
{
    size_t length = fill_table(1, other_address, 1, multicast);
    struct vdev_buffer command = machine_allocate(&machine, 2 + length, 1);
    struct vdev_buffer answer = machine_allocate(&machine, 1, 1);
    memcpy(command.pointer, (uint8_t[]){VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET}, 2);
    memcpy((uint8_t *)command.pointer + 2, table, length);
    struct raw_piece pieces[VDEV_NET_BACKEND_CONTROL_BUFFERS];
    for (unsigned i = 0; i < VDEV_NET_BACKEND_CONTROL_BUFFERS - 1; i++) {
        pieces[i] = (struct raw_piece){command.bus_address + i, 1, false};
    }
    pieces[VDEV_NET_BACKEND_CONTROL_BUFFERS - 2].length =
        (uint32_t)(2 + length - (VDEV_NET_BACKEND_CONTROL_BUFFERS - 2));
    pieces[VDEV_NET_BACKEND_CONTROL_BUFFERS - 1] = raw_write_to(answer);
    *(uint8_t *)answer.pointer = 0xee;
    uint16_t head = raw_add(&control, pieces, VDEV_NET_BACKEND_CONTROL_BUFFERS);
    raw_notify(&control);
    ck_assert_used(&control, head, 1);
    ck_assert_uint_eq(*(uint8_t *)answer.pointer, VIRTIO_NET_OK);
    ck_assert_gets(true, true, true, true);
}
END_TEST

START_TEST(a_wrong_table_changes_nothing)
{
    ck_assert_int_eq(set_table(1, 0), VIRTIO_NET_OK);
    /* Every length of a command but the right one. */
    size_t length = fill_table(1, another_multicast, 2, multicast);
    for (size_t i = 0; i <= length + 7; i++) {
        ck_assert_int_eq(execute(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, table, i),
                         i == length ? VIRTIO_NET_OK : VIRTIO_NET_ERR);
        if (i == length - 1) {
            ck_assert_gets(true, true, false, true);
        }
        if (i == length) {
            ck_assert_int_eq(set_table(1, 0), VIRTIO_NET_OK);
            fill_table(1, another_multicast, 2, multicast);
        }
    }
    /* Counts that promise more than there is, and that wrap if multiplied. */
    const uint32_t counts[] = {2, 0x2aaaaaab, 0x80000000, 0xaaaaaaab, UINT32_MAX};
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (unsigned second = 0; second < 2; second++) {
            length = fill_table(1, other_address, 1, multicast);
            memcpy(table + (second != 0 ? 10 : 0), &counts[i], 4);
            ck_assert_int_eq(
                execute(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, table, length),
                VIRTIO_NET_ERR);
        }
    }
    ck_assert_gets(true, true, false, true);
}
END_TEST

START_TEST(the_address_may_be_changed)
{
    ck_assert_int_eq(execute(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, other_address, 6),
                     VIRTIO_NET_OK);
    ck_assert_gets(false, true, false, true);
    ck_assert_uint_eq(vdev_io_read8(&machine.io, VIRTIO_MMIO_CONFIG + 5), other_address[5]);
    /* The class has another idea of it. */
    ck_assert_uint_eq(below.mode, VDEV_NET_RECEIVE_ALL);
    /* No address of anybody's. */
    ck_assert_int_eq(execute(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, multicast, 6),
                     VIRTIO_NET_ERR);
    ck_assert_int_eq(execute(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, (uint8_t[6]){0}, 6),
                     VIRTIO_NET_ERR);
    ck_assert_gets(false, true, false, true);
    start(ALL_FEATURES);
    ck_assert_gets(true, false, false, true);
    ck_assert_uint_eq(vdev_io_read8(&machine.io, VIRTIO_MMIO_CONFIG + 5), own_address[5]);
}
END_TEST

/* ---- VLANs ---- */

static int vlan(uint8_t command, uint16_t number)
{
    return execute(VIRTIO_NET_CTRL_VLAN, command,
                   (uint8_t[]){(uint8_t)number, (uint8_t)(number >> 8)}, 2);
}

START_TEST(tagged_frames_are_filtered_by_their_vlan)
{
    const uint16_t numbers[] = {0, 1, 31, 32, 100, 4094, 4095};
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        ck_assert(!gets_tagged(own_address, numbers[i]));
        ck_assert_int_eq(vlan(VIRTIO_NET_CTRL_VLAN_ADD, numbers[i]), VIRTIO_NET_OK);
        ck_assert(gets_tagged(own_address, numbers[i]));
        ck_assert(!gets_tagged(own_address, (numbers[i] + 64) % 4096));
        ck_assert_int_eq(vlan(VIRTIO_NET_CTRL_VLAN_DEL, numbers[i]), VIRTIO_NET_OK);
        ck_assert(!gets_tagged(own_address, numbers[i]));
    }
    ck_assert(gets(own_address)); /* without a tag, as ever */
    ck_assert_int_eq(vlan(VIRTIO_NET_CTRL_VLAN_ADD, 4096), VIRTIO_NET_ERR);
    ck_assert_int_eq(vlan(VIRTIO_NET_CTRL_VLAN_ADD, 0xffff), VIRTIO_NET_ERR);
    /* A promiscuous driver gets all of them. */
    ck_assert_set(VIRTIO_NET_CTRL_RX_PROMISC, 1);
    ck_assert(gets_tagged(own_address, 7));
}
END_TEST

START_TEST(vlans_are_left_alone_without_the_feature)
{
    start(ALL_FEATURES & ~FEATURE(VIRTIO_NET_F_CTRL_VLAN));
    ck_assert(gets_tagged(own_address, 7));
}
END_TEST

START_TEST(a_tag_over_buffers_and_past_the_frame)
{
    uint8_t frame[20];
    start(ALL_FEATURES | MERGES);
    ck_assert_int_eq(vlan(VIRTIO_NET_CTRL_VLAN_ADD, 0x123), VIRTIO_NET_OK);
    make_frame(frame, sizeof frame, own_address, 1);
    memcpy(frame + 12, (uint8_t[]){0x81, 0x00, 0x01, 0x23}, 4);
    struct vdev_buffer room = machine_allocate(&machine, 100, 1);
    raw_add(&receive, (struct raw_piece[]){{room.bus_address, 27, true}}, 1);
    raw_add(&receive, (struct raw_piece[]){{room.bus_address + 27, 50, true}}, 1);
    ck_assert_int_eq(below_receive(frame, sizeof frame, NULL), VDEV_OK);
    ck_assert_uint_eq(raw_used(&receive)->idx, 2);
    /* A tag that is cut off. */
    raw_add(&receive, (struct raw_piece[]){{room.bus_address, 27, true}}, 1);
    ck_assert_int_eq(below_receive(frame, 14, NULL), VDEV_OK);
    ck_assert_uint_eq(raw_used(&receive)->idx, 2);
    ck_assert_uint_eq(backend.receive_dropped[VDEV_NET_DROP_FILTERED], 1);
}
END_TEST

/* ---- guest offloads ---- */

static int set_offloads(uint64_t offloads)
{
    return execute(VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, &offloads,
                   8);
}

START_TEST(guest_offloads_are_switched)
{
    ck_assert_uint_eq(below.net.client.accepts, 0x1f);
    ck_assert_int_eq(set_offloads(0), VIRTIO_NET_OK);
    ck_assert_uint_eq(below.net.client.accepts, 0);
    ck_assert_int_eq(set_offloads(FEATURE(VIRTIO_NET_F_GUEST_CSUM)), VIRTIO_NET_OK);
    ck_assert_uint_eq(below.net.client.accepts, VDEV_NET_CHECKSUM);
    ck_assert_int_eq(set_offloads(RECEIVES), VIRTIO_NET_OK);
    ck_assert_uint_eq(below.net.client.accepts, 0x1f);
    ck_assert_int_eq(set_offloads(RECEIVES | FEATURE(VIRTIO_NET_F_CSUM)), VIRTIO_NET_ERR);
    ck_assert_int_eq(set_offloads(FEATURE(63)), VIRTIO_NET_ERR);
    ck_assert_uint_eq(below.net.client.accepts, 0x1f);
    /* Not what was not negotiated. */
    start(CONTROLS | FEATURE(VIRTIO_NET_F_GUEST_CSUM));
    ck_assert_int_eq(set_offloads(RECEIVES), VIRTIO_NET_ERR);
    ck_assert_uint_eq(below.net.client.accepts, VDEV_NET_CHECKSUM);
}
END_TEST

/* ---- what is wrong ---- */

START_TEST(every_wrong_length_of_every_command)
{
    const struct {
        uint8_t class, command;
        size_t right;
    } commands[] = {
        {0, 0, 1}, {0, 1, 1}, {0, 2, 1}, {0, 3, 1}, {0, 4, 1}, {0, 5, 1},
        {1, 1, 6}, {2, 0, 2}, {2, 1, 2}, {3, 0, 0}, {5, 0, 8},
    };
    uint8_t zeros[40] = {0};
    for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        zeros[5] = commands[i].right == 6 ? 2 : 0; /* an address of somebody's */
        for (size_t length = 0; length < sizeof zeros; length++) {
            ck_assert_int_eq(execute(commands[i].class, commands[i].command, zeros, length),
                             length == commands[i].right ? VIRTIO_NET_OK : VIRTIO_NET_ERR);
        }
    }
    ck_assert_uint_eq(backend.commands, 11 * 40);
    ck_assert_uint_eq(backend.command_errors, 11 * 39);
}
END_TEST

START_TEST(every_unknown_class_and_command)
{
    const uint8_t known[6] = {6, 2, 2, 1, 0, 1}; /* commands of each class */
    for (unsigned class = 0; class < 256; class += class < 8 ? 1 : 31) {
        for (unsigned command = class < 6 ? known[class] : 0; command < 256; command += 3) {
            machine.used = MACHINE_BYTES / 2; /* the memory of the last is not needed any more */
            for (size_t length = 0; length < 10; length++) {
                ck_assert_int_eq(execute((uint8_t) class, (uint8_t)command, table, length),
                                 VIRTIO_NET_ERR);
            }
        }
    }
    check_alive();
}
END_TEST

START_TEST(commands_of_features_that_were_not_negotiated)
{
    const struct {
        uint64_t feature;
        uint8_t class, command;
        size_t length;
    } commands[] = {
        {FEATURE(VIRTIO_NET_F_CTRL_RX), 0, 0, 1},
        {FEATURE(VIRTIO_NET_F_CTRL_RX), 0, 1, 1},
        {FEATURE(VIRTIO_NET_F_CTRL_RX_EXTRA), 0, 2, 1},
        {FEATURE(VIRTIO_NET_F_CTRL_RX_EXTRA), 0, 5, 1},
        {FEATURE(VIRTIO_NET_F_CTRL_RX), 1, 0, 8},
        {FEATURE(VIRTIO_NET_F_CTRL_MAC_ADDR), 1, 1, 6},
        {FEATURE(VIRTIO_NET_F_CTRL_VLAN), 2, 0, 2},
        {FEATURE(VIRTIO_NET_F_GUEST_ANNOUNCE), 3, 0, 0},
        {FEATURE(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS), 5, 0, 8},
        {FEATURE(VIRTIO_NET_F_CTRL_VQ), 0, 0, 1},
        {FEATURE(VIRTIO_NET_F_CTRL_VQ), 5, 0, 8},
    };
    uint8_t data[8] = {0};
    for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        data[5] = commands[i].length == 6 ? 2 : 0;
        start(ALL_FEATURES);
        ck_assert_int_eq(execute(commands[i].class, commands[i].command, data, commands[i].length),
                         VIRTIO_NET_OK);
        start(ALL_FEATURES & ~commands[i].feature);
        ck_assert_int_eq(execute(commands[i].class, commands[i].command, data, commands[i].length),
                         VIRTIO_NET_ERR);
    }
}
END_TEST

START_TEST(a_command_that_cannot_be_answered_is_not_carried_out)
{
    struct vdev_buffer command = machine_allocate(&machine, 3, 1);
    memcpy(command.pointer, (uint8_t[]){0, 0, 1}, 3);
    uint16_t head = raw_add(&control, (struct raw_piece[]){raw_read_from(command)}, 1);
    raw_notify(&control);
    ck_assert_used(&control, head, 0);
    ck_assert_uint_eq(backend.command_errors, 1);
    ck_assert(!gets(other_address));
    /* Nor one that only has an answer. */
    struct vdev_buffer answer = machine_allocate(&machine, 8, 1);
    head = raw_add(&control, (struct raw_piece[]){raw_write_to(answer)}, 1);
    raw_notify(&control);
    ck_assert_used(&control, head, 1);
    ck_assert_uint_eq(*(uint8_t *)answer.pointer, VIRTIO_NET_ERR);
    ck_assert_int_eq(set_mode(0, 1), VIRTIO_NET_OK);
}
END_TEST

START_TEST(malformed_commands_come_back_and_the_queue_goes_on)
{
    struct vdev_buffer command = machine_allocate(&machine, 32, 1);
    struct raw_piece pieces[VDEV_NET_BACKEND_CONTROL_BUFFERS + 1];
    for (unsigned i = 0; i <= VDEV_NET_BACKEND_CONTROL_BUFFERS; i++) {
        pieces[i] =
            (struct raw_piece){command.bus_address + i, 1, i == VDEV_NET_BACKEND_CONTROL_BUFFERS};
    }
    uint16_t head = raw_add(&control, pieces, VDEV_NET_BACKEND_CONTROL_BUFFERS + 1);
    raw_notify(&control);
    ck_assert_used(&control, head, 0);
    head = raw_add(&control, (struct raw_piece[]){{UINT64_MAX, 3, false}, pieces[16]}, 2);
    raw_notify(&control);
    ck_assert_used(&control, head, 0);
    ck_assert_int_eq(set_mode(0, 1), VIRTIO_NET_OK);
}
END_TEST

START_TEST(several_commands_at_once_and_one_interrupt)
{
    struct vdev_buffer command = machine_allocate(&machine, 3, 1);
    struct vdev_buffer answers = machine_allocate(&machine, 20, 1);
    memcpy(command.pointer, (uint8_t[]){0, 0, 1}, 3);
    memset(answers.pointer, 0xee, 20);
    acknowledge();
    machine.raised = 0;
    for (unsigned i = 0; i < 20; i++) {
        raw_add(&control,
                (struct raw_piece[]){raw_read_from(command), {answers.bus_address + i, 1, true}},
                2);
    }
    raw_notify(&control);
    ck_assert_uint_eq(raw_used(&control)->idx, 20);
    ck_assert_uint_eq(machine.raised, 1);
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_uint_eq(((uint8_t *)answers.pointer)[i], VIRTIO_NET_OK);
    }
}
END_TEST

START_TEST(a_corrupt_control_ring_silences_the_device)
{
    raw_available(&control)->idx = 1000;
    raw_notify(&control);
    ck_assert_uint_eq(machine_read32(&machine, VIRTIO_MMIO_STATUS), 0x4f);
    ck_assert_uint_eq(below.mode, VDEV_NET_RECEIVE_OWN);
    ck_assert_uint_eq(below.net.client.accepts, 0);
    start(ALL_FEATURES);
    check_alive();
}
END_TEST

START_TEST(filters_end_with_their_driver)
{
    ck_assert_set(VIRTIO_NET_CTRL_RX_PROMISC, 1);
    ck_assert_int_eq(set_table(40, 40), VIRTIO_NET_OK);
    ck_assert_int_eq(vlan(VIRTIO_NET_CTRL_VLAN_ADD, 5), VIRTIO_NET_OK);
    machine_write32(&machine, VIRTIO_MMIO_STATUS, 0);
    ck_assert_uint_eq(below.mode, VDEV_NET_RECEIVE_OWN);
    start(ALL_FEATURES);
    ck_assert_gets(true, false, false, true);
    ck_assert(!gets_tagged(own_address, 5));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_backend_control");
    TCase *tests = tcase_create("commands");
    tcase_add_checked_fixture(tests, setup_controls, teardown);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_driver_without_filters_gets_everything);
    tcase_add_test(tests, filters_start_out_with_the_own_address_and_broadcasts);
    tcase_add_test(tests, each_mode_lets_through_or_holds_back_its_kind);
    tcase_add_test(tests, a_class_that_cannot_be_promiscuous_is_asked_for_what_it_can);
    tcase_add_test(tests, the_class_is_asked_only_when_something_changes);
    tcase_add_test(tests, addresses_of_the_table_are_received);
    tcase_add_test(tests, a_full_table_and_one_more);
    tcase_add_test(tests, a_table_over_several_descriptors);
    tcase_add_test(tests, a_wrong_table_changes_nothing);
    tcase_add_test(tests, the_address_may_be_changed);
    tcase_add_test(tests, tagged_frames_are_filtered_by_their_vlan);
    tcase_add_test(tests, vlans_are_left_alone_without_the_feature);
    tcase_add_test(tests, a_tag_over_buffers_and_past_the_frame);
    tcase_add_test(tests, guest_offloads_are_switched);
    tcase_add_test(tests, every_wrong_length_of_every_command);
    tcase_add_test(tests, every_unknown_class_and_command);
    tcase_add_test(tests, commands_of_features_that_were_not_negotiated);
    tcase_add_test(tests, a_command_that_cannot_be_answered_is_not_carried_out);
    tcase_add_test(tests, malformed_commands_come_back_and_the_queue_goes_on);
    tcase_add_test(tests, several_commands_at_once_and_one_interrupt);
    tcase_add_test(tests, a_corrupt_control_ring_silences_the_device);
    tcase_add_test(tests, filters_end_with_their_driver);
    return run(suite);
}
