/* SPDX-License-Identifier: BSD-2-Clause */
/* vhost-user messages by their form: names, lengths, descriptors, headers; no state, no session. */
#include <string.h>

#include <check.h>

#include <vdev/vhost_user.h>

static struct vdev_vhost_user_message request(uint32_t number, uint32_t size, size_t descriptors)
{
    return (struct vdev_vhost_user_message){.request = number,
                                            .flags = VDEV_VHOST_USER_VERSION,
                                            .size = size,
                                            .descriptor_count = descriptors};
}

static bool fits(uint32_t number, uint32_t size, size_t descriptors)
{
    struct vdev_vhost_user_message message = request(number, size, descriptors);

    return vdev_vhost_user_check_request(&message) == NULL;
}

START_TEST(a_header_comes_back_as_it_was_written)
{
    struct vdev_vhost_user_message message = request(VDEV_VHOST_USER_SET_CONFIG, 0x102, 0), other;
    uint8_t bytes[VDEV_VHOST_USER_HEADER_BYTES];
    uint32_t words[3];

    message.flags |= VDEV_VHOST_USER_NEED_REPLY;
    vdev_vhost_user_write_header(&message, bytes);
    memcpy(words, bytes, sizeof words);
    ck_assert_uint_eq(words[0], 25);
    ck_assert_uint_eq(words[1], 9);
    ck_assert_uint_eq(words[2], 0x102);
    ck_assert_ptr_null(vdev_vhost_user_read_header(&other, bytes));
    ck_assert_uint_eq(other.request, message.request);
    ck_assert_uint_eq(other.flags, message.flags);
    ck_assert_uint_eq(other.size, message.size);
}
END_TEST

START_TEST(a_header_that_is_too_long_or_of_another_version_is_refused)
{
    struct vdev_vhost_user_message message = request(1, VDEV_VHOST_USER_PAYLOAD_MAXIMUM, 0), other;
    uint8_t bytes[VDEV_VHOST_USER_HEADER_BYTES];

    vdev_vhost_user_write_header(&message, bytes);
    ck_assert_ptr_null(vdev_vhost_user_read_header(&other, bytes));
    message.size++;
    vdev_vhost_user_write_header(&message, bytes);
    ck_assert_ptr_nonnull(vdev_vhost_user_read_header(&other, bytes));
    message.size = UINT32_MAX;
    vdev_vhost_user_write_header(&message, bytes);
    ck_assert_ptr_nonnull(vdev_vhost_user_read_header(&other, bytes));
    message.size = 0;
    for (uint32_t version = 0; version < 4; version++) {
        message.flags = version;
        vdev_vhost_user_write_header(&message, bytes);
        ck_assert((vdev_vhost_user_read_header(&other, bytes) == NULL) == (version == 1));
        ck_assert((vdev_vhost_user_check_request(&message) == NULL) == (version == 1));
    }
}
END_TEST

START_TEST(names_are_the_protocols)
{
    ck_assert_str_eq(vdev_vhost_user_name(1), "GET_FEATURES");
    ck_assert_str_eq(vdev_vhost_user_name(5), "SET_MEM_TABLE");
    ck_assert_str_eq(vdev_vhost_user_name(21), "SET_BACKEND_REQ_FD");
    ck_assert_str_eq(vdev_vhost_user_name(40), "GET_STATUS");
    for (unsigned i = 0; i < 4; i++) {
        static const uint32_t unknown[] = {0, 6, 41, UINT32_MAX};
        ck_assert_str_eq(vdev_vhost_user_name(unknown[i]), "unknown request");
        ck_assert(!fits(unknown[i], 0, 0));
    }
}
END_TEST

START_TEST(each_request_has_its_length_and_its_descriptors)
{
    static const struct {
        uint32_t request, size;
        size_t descriptors;
    } right[] = {
        {VDEV_VHOST_USER_GET_FEATURES, 0, 0},
        {VDEV_VHOST_USER_SET_FEATURES, 8, 0},
        {VDEV_VHOST_USER_SET_OWNER, 0, 0},
        {VDEV_VHOST_USER_RESET_OWNER, 0, 0},
        {VDEV_VHOST_USER_SET_VRING_NUM, 8, 0},
        {VDEV_VHOST_USER_SET_VRING_ADDR, 40, 0},
        {VDEV_VHOST_USER_SET_VRING_BASE, 8, 0},
        {VDEV_VHOST_USER_GET_VRING_BASE, 8, 0},
        {VDEV_VHOST_USER_SET_VRING_KICK, 8, 1},
        {VDEV_VHOST_USER_SET_VRING_CALL, 8, 1},
        {VDEV_VHOST_USER_SET_VRING_ERR, 8, 1},
        {VDEV_VHOST_USER_GET_PROTOCOL_FEATURES, 0, 0},
        {VDEV_VHOST_USER_SET_PROTOCOL_FEATURES, 8, 0},
        {VDEV_VHOST_USER_GET_QUEUE_NUM, 0, 0},
        {VDEV_VHOST_USER_SET_VRING_ENABLE, 8, 0},
        {VDEV_VHOST_USER_SET_BACKEND_REQ_FD, 0, 1},
        {VDEV_VHOST_USER_GET_CONFIG, 12, 0},
        {VDEV_VHOST_USER_SET_CONFIG, 12, 0},
        {VDEV_VHOST_USER_GET_INFLIGHT_FD, 24, 0},
        {VDEV_VHOST_USER_SET_INFLIGHT_FD, 24, 1},
        {VDEV_VHOST_USER_RESET_DEVICE, 0, 0},
        {VDEV_VHOST_USER_GET_MAX_MEM_SLOTS, 0, 0},
        {VDEV_VHOST_USER_ADD_MEM_REG, 40, 1},
        {VDEV_VHOST_USER_REM_MEM_REG, 40, 0},
        {VDEV_VHOST_USER_SET_STATUS, 8, 0},
        {VDEV_VHOST_USER_GET_STATUS, 0, 0},
    };

    for (unsigned i = 0; i < sizeof right / sizeof right[0]; i++) {
        uint32_t number = right[i].request, size = right[i].size;
        size_t descriptors = right[i].descriptors;
        ck_assert_msg(fits(number, size, descriptors), "%s", vdev_vhost_user_name(number));
        ck_assert(!fits(number, size + 1, descriptors));
        ck_assert(!fits(number, size - 1, descriptors));
        ck_assert(!fits(number, size + 8, descriptors));
        ck_assert(!fits(number, size, descriptors + 2));
        /* One that is of no use is taken with REM_MEM_REG only. */
        ck_assert(fits(number, size, descriptors + 1) == (number == VDEV_VHOST_USER_REM_MEM_REG));
        if (descriptors != 0) {
            ck_assert(!fits(number, size, 0));
        }
        struct vdev_vhost_user_message reply = request(number, size, descriptors);
        reply.flags |= VDEV_VHOST_USER_REPLY;
        ck_assert_ptr_nonnull(vdev_vhost_user_check_request(&reply));
    }
    /* The packed form of it. */
    ck_assert(fits(VDEV_VHOST_USER_GET_INFLIGHT_FD, 20, 0));
    ck_assert(fits(VDEV_VHOST_USER_SET_INFLIGHT_FD, 20, 1));
}
END_TEST

START_TEST(a_ring_without_descriptor_says_so)
{
    struct vdev_vhost_user_message message = request(VDEV_VHOST_USER_SET_VRING_CALL, 8, 0);

    ck_assert_str_eq(vdev_vhost_user_check_request(&message), "too few descriptors");
    message.payload.u64 = VDEV_VHOST_USER_VRING_NO_DESCRIPTOR | 3;
    ck_assert_ptr_null(vdev_vhost_user_check_request(&message));
    message.descriptor_count = 1;
    ck_assert_str_eq(vdev_vhost_user_check_request(&message), "too many descriptors");
}
END_TEST

START_TEST(a_memory_table_may_have_room_for_more_regions)
{
    struct vdev_vhost_user_message message = request(VDEV_VHOST_USER_SET_MEM_TABLE, 72, 1);

    message.payload.memory.count = 1;
    ck_assert_uint_eq(vdev_vhost_user_memory_size(2), 72);
    ck_assert_ptr_null(vdev_vhost_user_check_request(&message));
    message.payload.memory.count = message.descriptor_count = 2;
    ck_assert_ptr_null(vdev_vhost_user_check_request(&message));
    message.payload.memory.count = message.descriptor_count = 3;
    ck_assert_ptr_nonnull(vdev_vhost_user_check_request(&message));
    message.payload.memory.count = 2;
    message.size = vdev_vhost_user_memory_size(8);
    ck_assert_str_eq(vdev_vhost_user_check_request(&message), "too many descriptors");
    message.descriptor_count = 1;
    ck_assert_str_eq(vdev_vhost_user_check_request(&message), "too few descriptors");
    message.payload.memory.count = message.descriptor_count = 8;
    ck_assert_ptr_null(vdev_vhost_user_check_request(&message));
    message.payload.memory.count = message.descriptor_count = 9;
    ck_assert_ptr_nonnull(vdev_vhost_user_check_request(&message));
    message.payload.memory.count = 0x08000000; /* times 32 is 0 in 32 bits */
    ck_assert_ptr_nonnull(vdev_vhost_user_check_request(&message));
    message.size = 7;
    message.payload.memory.count = message.descriptor_count = 0;
    ck_assert_ptr_nonnull(vdev_vhost_user_check_request(&message));
}
END_TEST

START_TEST(configuration_is_as_long_as_it_says)
{
    struct vdev_vhost_user_message message = request(VDEV_VHOST_USER_GET_CONFIG, 12 + 256, 0);

    message.payload.configuration.length = 256;
    ck_assert_uint_eq(vdev_vhost_user_configuration_size(256), 268);
    ck_assert_ptr_null(vdev_vhost_user_check_request(&message));
    message.payload.configuration.offset = 1;
    ck_assert_ptr_nonnull(vdev_vhost_user_check_request(&message));
    message.payload.configuration.length = 255;
    ck_assert_ptr_nonnull(vdev_vhost_user_check_request(&message));
    message.size--;
    ck_assert_ptr_null(vdev_vhost_user_check_request(&message));
    message.payload.configuration.offset = UINT32_MAX;
    ck_assert_ptr_nonnull(vdev_vhost_user_check_request(&message));
    message.payload.configuration.offset = 0;
    message.payload.configuration.length = UINT32_MAX - 11; /* 12 more are 0 */
    message.size = 0;
    ck_assert_ptr_nonnull(vdev_vhost_user_check_request(&message));
    message.size = 12;
    ck_assert_ptr_nonnull(vdev_vhost_user_check_request(&message));
}
END_TEST

START_TEST(a_reply_is_to_the_request_and_of_its_form)
{
    struct vdev_vhost_user_message reply = request(VDEV_VHOST_USER_GET_FEATURES, 8, 0);

    reply.flags = 5;
    ck_assert_ptr_null(vdev_vhost_user_check_reply(&reply, VDEV_VHOST_USER_GET_FEATURES));
    ck_assert_ptr_nonnull(vdev_vhost_user_check_reply(&reply, VDEV_VHOST_USER_GET_STATUS));
    ck_assert_ptr_nonnull(vdev_vhost_user_check_reply(&reply, 99));
    reply.flags = 1;
    ck_assert_ptr_nonnull(vdev_vhost_user_check_reply(&reply, VDEV_VHOST_USER_GET_FEATURES));
    reply.flags = 0xd;
    ck_assert_ptr_nonnull(vdev_vhost_user_check_reply(&reply, VDEV_VHOST_USER_GET_FEATURES));
    reply.flags = 5;
    reply.descriptor_count = 1;
    ck_assert_ptr_nonnull(vdev_vhost_user_check_reply(&reply, VDEV_VHOST_USER_GET_FEATURES));
    reply = request(VDEV_VHOST_USER_GET_CONFIG, 0, 0);
    reply.flags = 5;
    ck_assert_str_eq(vdev_vhost_user_check_reply(&reply, VDEV_VHOST_USER_GET_CONFIG),
                     "refused by the device's end");
    reply.size = 12 + 60;
    reply.payload.configuration.length = 60;
    ck_assert_ptr_null(vdev_vhost_user_check_reply(&reply, VDEV_VHOST_USER_GET_CONFIG));
    reply.payload.configuration.length = 61;
    ck_assert_ptr_nonnull(vdev_vhost_user_check_reply(&reply, VDEV_VHOST_USER_GET_CONFIG));
    /* What has no reply of its own is acknowledged by a number. */
    reply = request(VDEV_VHOST_USER_SET_MEM_TABLE, 8, 0);
    reply.flags = 5;
    ck_assert_ptr_null(vdev_vhost_user_check_reply(&reply, VDEV_VHOST_USER_SET_MEM_TABLE));
    reply = request(VDEV_VHOST_USER_GET_INFLIGHT_FD, 24, 0);
    reply.flags = 5;
    ck_assert_ptr_null(vdev_vhost_user_check_reply(&reply, VDEV_VHOST_USER_GET_INFLIGHT_FD));
    reply.payload.inflight.length = 64;
    ck_assert_ptr_nonnull(vdev_vhost_user_check_reply(&reply, VDEV_VHOST_USER_GET_INFLIGHT_FD));
    reply.descriptor_count = 1;
    ck_assert_ptr_null(vdev_vhost_user_check_reply(&reply, VDEV_VHOST_USER_GET_INFLIGHT_FD));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vhost_user_codec");
    TCase *tests = tcase_create("codec");
    tcase_add_test(tests, a_header_comes_back_as_it_was_written);
    tcase_add_test(tests, a_header_that_is_too_long_or_of_another_version_is_refused);
    tcase_add_test(tests, names_are_the_protocols);
    tcase_add_test(tests, each_request_has_its_length_and_its_descriptors);
    tcase_add_test(tests, a_ring_without_descriptor_says_so);
    tcase_add_test(tests, a_memory_table_may_have_room_for_more_regions);
    tcase_add_test(tests, configuration_is_as_long_as_it_says);
    tcase_add_test(tests, a_reply_is_to_the_request_and_of_its_form);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
