/* SPDX-License-Identifier: BSD-2-Clause */
/* Console focus: the key, what is printed when, flow control, and who is told what. */
#include <stdlib.h>

#include "support/focus_rig.h"

/* ---- making one ---- */

START_TEST(what_is_missing_or_no_power_of_two_is_said)
{
    static const uint32_t sizes[] = {0, 3, 48, 0x80000001u, UINT32_MAX};
    struct vdev_console_focus_configuration with = {.console = &pipe.console};
    struct vdev_console_focus_port_configuration port = {
        .output = rings[0].output, .output_size = 8, .input = rings[0].input, .input_size = 8};

    console_pipe_init(&pipe);
    with.key = 0x101;
    ck_assert_int_eq(vdev_console_focus_init(&focus, &with), VDEV_ERROR_INVALID);
    with.key = VDEV_CONSOLE_FOCUS_NO_KEY;
    with.console = NULL;
    ck_assert_int_eq(vdev_console_focus_init(&focus, &with), VDEV_ERROR_INVALID);
    with.console = &pipe.console;
    ck_assert_int_eq(vdev_console_focus_init(&focus, &with), VDEV_OK);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        port.output_size = sizes[i];
        ck_assert_int_eq(vdev_console_focus_add(&focus, &ports[0], &port), VDEV_ERROR_INVALID);
        port.output_size = 8;
        port.input_size = sizes[i];
        ck_assert_int_eq(vdev_console_focus_add(&focus, &ports[0], &port), VDEV_ERROR_INVALID);
        port.input_size = 8;
    }
    port.output = NULL;
    ck_assert_int_eq(vdev_console_focus_add(&focus, &ports[0], &port), VDEV_ERROR_INVALID);
    port.output = rings[0].output;
    port.input = NULL;
    ck_assert_int_eq(vdev_console_focus_add(&focus, &ports[0], &port), VDEV_ERROR_INVALID);
    ck_assert_ptr_null(focus.front);
}
END_TEST

START_TEST(a_focus_without_ports_leaves_what_is_typed)
{
    console_pipe_init(&pipe);
    ck_assert_int_eq(
        vdev_console_focus_init(
            &focus, &(struct vdev_console_focus_configuration){.console = &pipe.console}),
        VDEV_OK);
    console_pipe_feed(&pipe, "abc", 3);
    console_pipe_resize(&pipe, 10, 10);
    ck_assert(!vdev_console_focus_poll(&focus));
    ck_assert_uint_eq(pipe.input_offset, 0);
}
END_TEST

/* ---- the key ---- */

START_TEST(the_key_chooses_who_gets_what_is_typed)
{
    static const struct {
        const char *typed, *got[3];
    } cases[] = {
        {"abc", {"abc", "", ""}},
        {"a\0011b\0012c\0010d", {"ad", "b", "c"}},
        {"a\001nb\001nc\001nd", {"ad", "b", "c"}},
        {"a\001\001b", {"a\001b", "", ""}},
        {"a\001\001\001\001b", {"a\001\001b", "", ""}},
        {"a\0019b", {"ab", "", ""}},      /* nobody has the number */
        {"a\001xb", {"ab", "", ""}},      /* not a command */
        {"a\001\0032b", {"a2b", "", ""}}, /* nor is this, and the rest is no part of it */
        {"\0012\0012x", {"", "", "x"}},
        {"n2", {"n2", "", ""}},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setup();
        for (const char *at = cases[i].typed; *at != 0; at++) {
            /* Each by itself, and in every second case all at once. */
            console_pipe_feed(&pipe, at, 1);
            if (i % 2 != 0) {
                settle();
            }
        }
        settle();
        for (unsigned n = 0; n < 3; n++) {
            ck_assert_str_eq(take_all(n), cases[i].got[n]);
        }
    }
}
END_TEST

START_TEST(the_key_can_be_another_or_none)
{
    setup();
    configuration.key = 0x1d;
    setup_again();
    type("a\0011b\0351c\035\035");
    ck_assert_str_eq(take_all(0), "a\0011b");
    ck_assert_str_eq(take_all(1), "c\035");
    configuration.key = VDEV_CONSOLE_FOCUS_NO_KEY;
    setup_again();
    type("a\0011b\0351c");
    ck_assert_str_eq(take_all(0), "a\0011b\0351c");
}
END_TEST

START_TEST(the_key_works_while_the_client_does_not_read)
{
    setup(); /* rings of 16 bytes */
    clients[0].deaf = true;
    type("0123456789abcdef0123\0011x");
    ck_assert_str_eq(take_all(1), "x");
    ck_assert_uint_eq(ports[0].input_lost, 4);
    clients[0].deaf = false;
    ck_assert_str_eq(take_all(0), "0123456789abcdef");
}
END_TEST

START_TEST(held_input_waits_for_the_client)
{
    setup();
    configuration.hold_input = true;
    setup_again();
    clients[0].deaf = true;
    type("0123456789abcdef0123\0011x");
    ck_assert_ptr_eq(focus.front, &ports[0]);
    ck_assert_uint_eq(wakes, 0);
    clients[0].deaf = false;
    ck_assert_str_eq(take_all(0), "0123456789abcdef");
    ck_assert_uint_eq(wakes, 1);
    settle();
    ck_assert_str_eq(take_all(0), "0123");
    ck_assert_str_eq(take_all(1), "x");
    ck_assert_uint_eq(ports[0].input_lost, 0);
    /* Or until somebody else is brought to the front. */
    clients[1].deaf = true;
    type("0123456789abcdefABC");
    vdev_console_focus_select(&ports[2]);
    ck_assert_uint_eq(wakes, 2);
    settle();
    ck_assert_str_eq(take_all(2), "ABC");
}
END_TEST

/* ---- output ---- */

START_TEST(the_one_in_front_writes_straight_through)
{
    setup();
    write_text(0, "one");
    ck_assert_uint_eq(pipe.writes, 1);
    write_text(1, "two");
    write_text(2, "three");
    write_text(0, "four");
    ck_assert_str_eq(printed(), "onefour");
    ck_assert_uint_eq(pipe.writes, 2);
    ck_assert_uint_eq(vdev_console_write(&ports[0].console, (const uint8_t *)"", 0), 0);
    ck_assert_uint_eq(pipe.writes, 2);
}
END_TEST

START_TEST(what_was_kept_is_printed_first)
{
    setup();
    write_text(1, "kept,");
    vdev_console_focus_select(&ports[1]);
    ck_assert_uint_eq(wakes, 1);
    ck_assert_uint_eq(vdev_console_write(&ports[1].console, (const uint8_t *)"new", 3), 0);
    ck_assert_uint_eq(clients[1].writable, 0);
    pipe.room = 3;
    settle();
    ck_assert_uint_eq(clients[1].writable, 0);
    pipe.room = SIZE_MAX;
    settle();
    ck_assert_uint_eq(clients[1].writable, 1);
    write_text(1, "new");
    ck_assert_str_eq(printed(), "kept,new");
}
END_TEST

START_TEST(who_waits_for_several_steps_is_told)
{
    static uint8_t big[256], text[256];

    setup();
    rings[1].big_output = rings[1].big_input = big;
    rings[1].big_size = sizeof big;
    setup_again();
    ck_assert_uint_eq(vdev_console_write(&ports[1].console, text, sizeof text), sizeof text);
    vdev_console_focus_select(&ports[1]);
    ck_assert(vdev_console_focus_poll(&focus));
    ck_assert_uint_eq(vdev_console_write(&ports[1].console, text, 1), 0);
    settle();
    ck_assert_uint_eq(clients[1].writable, 1);
    ck_assert_uint_eq(pipe.output_length, sizeof text);
}
END_TEST

START_TEST(the_oldest_is_lost_and_counted)
{
    setup();
    write_text(1, "0123456789");
    write_text(1, "abcdefghij"); /* 20 into 16 */
    ck_assert_uint_eq(ports[1].output_lost, 4);
    type("\0011");
    ck_assert_str_eq(printed(), "456789abcdefghij");
}
END_TEST

START_TEST(an_announcement_says_whose_console_it_is_and_what_was_lost)
{
    setup();
    configuration.announce = true;
    names[1] = "guest";
    names[2] = "a name that is longer than there is room for";
    setup_again();
    write_text(0, "$ ");
    ck_assert_str_eq(printed(), "$ ");
    type("\0011");
    ck_assert_str_eq(printed(), "\r\n--- 1: guest ---\r\n");
    type("\0010");
    ck_assert_str_eq(printed(), "\r\n--- 0:  ---\r\n");
    write_text(1, "0123456789abcdefghij");
    type("\0011");
    ck_assert_str_eq(printed(), "\r\n--- 1: guest, 4 bytes lost ---\r\n456789abcdefghij");
    type("\001n");
    ck_assert_str_eq(printed(), "\r\n--- 2: a name that is longer th ---\r\n");
    type("\0011");
    ck_assert_str_eq(printed(), "\r\n--- 1: guest ---\r\n"); /* that was said */
    type("\0011");
    ck_assert_str_eq(printed(), "\r\n--- 1: guest ---\r\n");
}
END_TEST

START_TEST(the_longest_announcement_has_room)
{
    setup();
    configuration.announce = true;
    names[1] = "0123456789012345678901234567890123456789";
    setup_again();
    ports[1].number = UINT32_MAX;
    ports[1].output_lost = UINT32_MAX;
    vdev_console_focus_select(&ports[1]);
    settle();
    ck_assert_str_eq(printed(),
                     "\r\n--- 4294967295: 012345678901234567890123, 4294967295 bytes lost ---\r\n");
}
END_TEST

START_TEST(an_announcement_cut_off_is_made_again)
{
    setup();
    configuration.announce = true;
    setup_again();
    write_text(1, "0123456789abcdefghij");
    pipe.room = 5;
    type("\0011");
    type("\0010");
    ck_assert_str_eq(printed(), "\r\n---");
    pipe.room = SIZE_MAX;
    settle();
    ck_assert_str_eq(printed(), "\r\n--- 0:  ---\r\n");
    type("\0011"); /* nobody has read yet what was lost */
    ck_assert_str_eq(printed(), "\r\n--- 1: , 4 bytes lost ---\r\n456789abcdefghij");
}
END_TEST

START_TEST(a_port_that_is_sent_back_while_it_prints_keeps_the_rest)
{
    setup();
    write_text(1, "0123456789");
    pipe.room = 4;
    type("\0011");
    ck_assert_str_eq(printed(), "0123");
    type("\0010");
    write_text(1, "abc");
    pipe.room = SIZE_MAX;
    settle();
    write_text(0, "zero");
    ck_assert_str_eq(printed(), "zero");
    type("\0011");
    ck_assert_str_eq(printed(), "456789abc");
}
END_TEST

/* ---- flow control ---- */

START_TEST(a_full_device_makes_the_one_in_front_wait)
{
    setup();
    pipe.room = 2;
    ck_assert_uint_eq(vdev_console_write(&ports[0].console, (const uint8_t *)"abc", 3), 2);
    settle();
    ck_assert_uint_eq(clients[0].writable, 0);
    pipe.room = 100;
    settle();
    ck_assert_uint_eq(clients[0].writable, 1);
    settle();
    ck_assert_uint_eq(clients[0].writable, 1);
}
END_TEST

START_TEST(who_waited_and_is_sent_back_has_room)
{
    setup();
    pipe.room = 0;
    ck_assert_uint_eq(vdev_console_write(&ports[0].console, (const uint8_t *)"abc", 3), 0);
    type("\0011");
    ck_assert_uint_eq(clients[0].writable, 1);
    write_text(0, "abc");
    ck_assert_uint_eq(vdev_console_write(&ports[1].console, (const uint8_t *)"x", 1), 0);
    type("\0010"); /* its "abc" cannot be printed yet */
    ck_assert_uint_eq(clients[1].writable, 1);
    ck_assert_uint_eq(vdev_console_write(&ports[0].console, (const uint8_t *)"def", 3), 0);
    pipe.room = SIZE_MAX;
    settle();
    ck_assert_uint_eq(clients[0].writable, 2);
    ck_assert_str_eq(printed(), "abc");
}
END_TEST

/* Some devices do not tell of room when a later write was taken whole; nothing must wait for it. */
START_TEST(room_that_a_write_finds_by_itself_is_not_waited_for)
{
    setup();
    pipe.room = 1;
    ck_assert_uint_eq(vdev_console_write(&ports[0].console, (const uint8_t *)"ab", 2), 1);
    pipe.room = SIZE_MAX;
    write_text(0, "b"); /* console_pipe forgets that it was full */
    write_text(1, "kept");
    type("\0011");
    ck_assert_str_eq(printed(), "abkept");
}
END_TEST

/* ---- telling ---- */

START_TEST(readable_is_not_repeated_until_a_read_returned_0)
{
    setup();
    clients[0].deaf = true;
    type("ab");
    type("c");
    ck_assert_uint_eq(clients[0].readable, 1);
    ck_assert_str_eq(take_all(0), "abc"); /* ends with a read of 0 bytes */
    ck_assert_uint_eq(clients[0].readable, 1);
    type("d");
    ck_assert_uint_eq(clients[0].readable, 2);
    ck_assert_uint_eq(clients[1].readable, 0);
}
END_TEST

START_TEST(what_was_typed_before_the_choice_stays_where_it_was)
{
    setup();
    clients[0].deaf = true;
    type("ab\0011c");
    clients[0].deaf = false;
    ck_assert_str_eq(take_all(0), "ab");
    ck_assert_str_eq(take_all(1), "c");
}
END_TEST

START_TEST(all_are_told_of_a_new_size)
{
    setup();
    ck_assert_uint_eq(ports[2].console.columns, 80);
    console_pipe_resize(&pipe, 132, 43);
    for (unsigned i = 0; i < PORTS; i++) {
        ck_assert_uint_eq(clients[i].resized, 1);
        ck_assert_uint_eq(ports[i].console.columns, 132);
        ck_assert_uint_eq(ports[i].console.rows, 43);
    }
}
END_TEST

START_TEST(clients_may_have_no_functions)
{
    setup();
    for (unsigned i = 0; i < PORTS; i++) {
        ports[i].console.client = (struct vdev_console_client){.owner = NULL};
    }
    pipe.room = 0;
    ck_assert_uint_eq(vdev_console_write(&ports[0].console, (const uint8_t *)"ab", 2), 0);
    console_pipe_resize(&pipe, 132, 43);
    type("x\001ny");
    pipe.room = SIZE_MAX;
    settle();
    ck_assert_str_eq(take_all(0), "x");
}
END_TEST

/* From inside a client's function: nothing is re-entered, and what it asks for is done. */
START_TEST(a_client_may_select_and_poll_from_inside)
{
    setup();
    write_text(2, "kept");
    clients[0].selects = &ports[2];
    type("x");
    ck_assert_ptr_eq(focus.front, &ports[2]);
    ck_assert_uint_eq(wakes, 0); /* the poll under way says that there is more */
    ck_assert_str_eq(printed(), "kept");
    ck_assert(!clients[0].polled);
}
END_TEST

/* ---- bounds ---- */

START_TEST(a_long_write_in_the_background_costs_a_short_copy)
{
    static uint8_t page[4096];

    setup();
    for (unsigned i = 0; i < sizeof page; i++) {
        page[i] = (uint8_t)('A' + i % 26);
    }
    /* So long that only its end can be looked at: the rest is not there. */
    size_t length = ((size_t)1 << 40) + 5;
    const uint8_t *bytes = page + sizeof page - 16;
    uintptr_t start = (uintptr_t)bytes + 16 - length;
    ck_assert_uint_eq(vdev_console_write(&ports[1].console, (const uint8_t *)start, length),
                      length);
    ck_assert_uint_eq(ports[1].output_lost, (uint32_t)(length - 16));
    type("\0011");
    ck_assert_mem_eq(printed(), bytes, 16);
}
END_TEST

START_TEST(positions_wrap)
{
    setup();
    for (unsigned i = 0; i < PORTS; i++) {
        ports[i].output.written = ports[i].output.taken = UINT32_MAX - 3;
        ports[i].input.written = ports[i].input.taken = UINT32_MAX - 3;
    }
    write_text(1, "0123456789");
    write_text(1, "abcdefghij");
    type("\0011typed here");
    ck_assert_str_eq(printed(), "456789abcdefghij");
    ck_assert_str_eq(take_all(1), "typed here");
}
END_TEST

START_TEST(one_poll_moves_few_bytes)
{
    static uint8_t big[2][4096];
    static char text[4096];

    setup();
    rings[1].big_output = big[0];
    rings[1].big_input = big[1];
    rings[1].big_size = sizeof big[0];
    setup_again();
    memset(text, 'x', sizeof text);
    vdev_console_write(&ports[1].console, (const uint8_t *)text, sizeof text);
    console_pipe_feed(&pipe, "\0011", 2);
    console_pipe_feed(&pipe, text, 3000);
    bool more = true;
    while (more) {
        size_t in = pipe.input_offset, out = pipe.output_length;
        more = vdev_console_focus_poll(&focus);
        ck_assert_uint_le(pipe.input_offset - in, 2 * VDEV_CONSOLE_FOCUS_STEP);
        ck_assert_uint_le(pipe.output_length - out, 2 * VDEV_CONSOLE_FOCUS_STEP);
        ck_assert(!more || pipe.input_offset != in || pipe.output_length != out);
    }
    ck_assert_uint_eq(pipe.input_offset, pipe.input_length);
    ck_assert_uint_eq(pipe.output_length, sizeof text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mux_console_focus");
    TCase *tests = tcase_create("mux_console_focus");

    tcase_add_test(tests, what_is_missing_or_no_power_of_two_is_said);
    tcase_add_test(tests, a_focus_without_ports_leaves_what_is_typed);
    tcase_add_test(tests, the_key_chooses_who_gets_what_is_typed);
    tcase_add_test(tests, the_key_can_be_another_or_none);
    tcase_add_test(tests, the_key_works_while_the_client_does_not_read);
    tcase_add_test(tests, held_input_waits_for_the_client);
    tcase_add_test(tests, the_one_in_front_writes_straight_through);
    tcase_add_test(tests, what_was_kept_is_printed_first);
    tcase_add_test(tests, who_waits_for_several_steps_is_told);
    tcase_add_test(tests, the_oldest_is_lost_and_counted);
    tcase_add_test(tests, an_announcement_says_whose_console_it_is_and_what_was_lost);
    tcase_add_test(tests, the_longest_announcement_has_room);
    tcase_add_test(tests, an_announcement_cut_off_is_made_again);
    tcase_add_test(tests, a_port_that_is_sent_back_while_it_prints_keeps_the_rest);
    tcase_add_test(tests, a_full_device_makes_the_one_in_front_wait);
    tcase_add_test(tests, who_waited_and_is_sent_back_has_room);
    tcase_add_test(tests, room_that_a_write_finds_by_itself_is_not_waited_for);
    tcase_add_test(tests, readable_is_not_repeated_until_a_read_returned_0);
    tcase_add_test(tests, what_was_typed_before_the_choice_stays_where_it_was);
    tcase_add_test(tests, all_are_told_of_a_new_size);
    tcase_add_test(tests, clients_may_have_no_functions);
    tcase_add_test(tests, a_client_may_select_and_poll_from_inside);
    tcase_add_test(tests, a_long_write_in_the_background_costs_a_short_copy);
    tcase_add_test(tests, positions_wrap);
    tcase_add_test(tests, one_poll_moves_few_bytes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
