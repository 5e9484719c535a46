/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile guest of the emulated LAN9118: any access, in any order, while the medium takes frames,
 * keeps them, fails or is gone, and frames arrive in between.
 */
#include "../tests/support/lan9118_guest.h"
#include "input.h"

static uint8_t frame[WIRE_BYTES];

static void check(void)
{
    uint32_t transmit = get(TX_INF) & 0xFFFF;
    uint32_t receive = get(RX_INF) & 0xFFFF;

    fuzz_require(transmit <= 13824 && transmit % 4 == 0);
    fuzz_require(receive <= 13440 - 16 && receive % 4 == 0);
    fuzz_require(emulator.transmit_status_count <= VDEV_LAN9118_TRANSMIT_STATUSES);
    fuzz_require(emulator.receive_status_count <= VDEV_LAN9118_RECEIVE_STATUSES);
    fuzz_require(emulator.transmit_used + emulator.transmit_open <= VDEV_LAN9118_TRANSMIT_WORDS);
    fuzz_require(emulator.transmit_tail < VDEV_LAN9118_TRANSMIT_WORDS);
    fuzz_require(emulator.receive_tail < VDEV_LAN9118_RECEIVE_WORDS);
    fuzz_require(wire.held_count <= VDEV_LAN9118_IN_FLIGHT);
    /* The line is what the registers say. */
    fuzz_require(raised == ((get(IRQ_CFG) & 0x100) != 0 && (get(INT_STS) & get(INT_EN)) != 0));
}

static void step(struct input *input, bool *offered)
{
    uint32_t length = 14 + input_below(input, 2034);
    uint64_t value;

    switch (input_below(input, 16)) {
    case 0:
        value = input_number(input, 8);
        access_as(input_below(input, 0x1010), 1u << input_below(input, 4), input_byte(input) & 1,
                  &value);
        break;
    case 1:
        value = input_number(input, 4);
        access_as(4 * input_below(input, 0xC0 / 4), 4, input_byte(input) & 1, &value);
        break;
    case 2:
    case 3:
        make_frame(frame, length, input_byte(input));
        send(frame, length, input_below(input, 32), input_byte(input));
        break;
    case 4:
        put_segment((uint32_t)input_number(input, 4) & 0x8300F000, (uint32_t)input_number(input, 4),
                    frame, input_below(input, 2048), input_below(input, 32));
        break;
    case 5: /* segments that fit together, or not quite */
        put_segment(FIRST, length, frame, length / 2, input_below(input, 32));
        put_segment(LAST, length, frame, length - length / 2 + (input_byte(input) == 0), 1);
        break;
    case 6:
        for (uint32_t words = input_below(input, 1000); words != 0; words--) {
            get(RX_DATA);
        }
        break;
    case 7:
        for (uint32_t words = input_below(input, 1000); words != 0; words--) {
            put(TX_DATA, words);
        }
        break;
    case 8:
    case 9:
        if (!*offered) {
            make_frame(frame, length, input_byte(input));
            memcpy(frame, input_byte(input) & 1 ? guest_address : frame + 14, 6);
            *offered = wire_offer(&wire, frame, length) == VDEV_OK;
        }
        break;
    case 10:
        if (*offered) {
            wire_put(&wire, frame, (input_byte(input) & 7) == 0 ? VDEV_ERROR_IO : VDEV_OK);
            *offered = false;
        }
        break;
    case 11:
        wire.depth = input_below(input, 12);
        wire.outcome = -(int)(input_byte(input) % 12);
        wire.refusal = (input_byte(input) & 15) == 0 ? VDEV_ERROR_ABSENT : VDEV_OK;
        break;
    case 12:
        wire_poll(&wire.net);
        break;
    case 13:
        put_mac(input_below(input, 16), (uint32_t)input_number(input, 4));
        break;
    case 14:
        put_phy(input_below(input, 32), (uint32_t)input_number(input, 2));
        wire_set_link(&wire, input_byte(input) & 1);
        break;
    default:
        nanoseconds += input_number(input, 5);
        vdev_lan9118_emulator_poll(&emulator);
        start();
        break;
    }
    check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    bool offered = false;

    setup_with(NULL, input_byte(&input) & 1);
    wire.net.mtu = input_byte(&input) & 1 ? VDEV_NET_MTU : 9000;
    start();
    for (unsigned steps = 0; input.left != 0 && steps < 4096; steps++) {
        step(&input, &offered);
    }
    if (offered) {
        wire_put(&wire, frame, VDEV_OK);
    }
    /* A guest that starts anew finds a controller that works. */
    wire.depth = WIRE_DEPTH;
    wire.outcome = VDEV_OK;
    wire.refusal = VDEV_OK;
    wire_drain(&wire);
    put(HW_CFG, 1);
    put_phy(0, 0x8000);
    wire_set_link(&wire, true);
    start();
    fuzz_require(get(TX_INF) == TX_SPACE && get(RX_INF) == 0);
    make_frame(frame, 1514, 1);
    send(frame, 1514, 3, 7);
    fuzz_require(wire.last_length == 1514 && memcmp(wire.last, frame, 1514) == 0);
    wire_drain(&wire);
    fuzz_require(get(TX_STATUS) == 7u << 16);
    static uint8_t got[WIRE_BYTES];
    fuzz_require(wire_arrive(&wire, frame, 1514) == VDEV_OK);
    fuzz_require(take(got, 0, 4) == 1518 && memcmp(got, frame, 1514) == 0);
    return 0;
}
