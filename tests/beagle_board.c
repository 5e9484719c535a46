/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the BeagleBoard's drivers stand on: clock gates and reset, pads, and the card's supply over
 * I2C.
 */
#include "beagle.h"

#include <vdev/drivers/omap3_i2c.h>
#include <vdev/drivers/omap3_prcm.h>
#include <vdev/emulators/omap3_prcm.h>

#define MILLISECOND UINT64_C(1000000)

static struct vdev_coverage *coverage[4]; /* CM, PRM, SCM, I2C */
static struct vdev_virtual_clock virtual_clock;

/* Of the two devices that have no emulator: the names, for coverage. */
#define REGISTER(offset_, name_)                                                                   \
    {                                                                                              \
        .offset = (offset_), .name = (name_), .writable = UINT32_MAX, .widths = VDEV_REGISTER_ANY  \
    }
static const struct vdev_register scm_registers[] = {REGISTER(0x274, "DEVCONF0"),
                                                     REGISTER(0x520, "PBIAS_LITE")};
static const struct vdev_register i2c_registers[] = {
    REGISTER(0x00, "REV"),  REGISTER(0x04, "IE"),   REGISTER(0x08, "STAT"), REGISTER(0x0C, "WE"),
    REGISTER(0x10, "SYSS"), REGISTER(0x14, "BUF"),  REGISTER(0x18, "CNT"),  REGISTER(0x1C, "DATA"),
    REGISTER(0x20, "SYSC"), REGISTER(0x24, "CON"),  REGISTER(0x28, "OA0"),  REGISTER(0x2C, "SA"),
    REGISTER(0x30, "PSC"),  REGISTER(0x34, "SCLL"), REGISTER(0x38, "SCLH")};
static uint8_t scm_index[0x1000 / 4], i2c_index[0x40 / 4];
static const struct vdev_register_table scm_table = {
    .registers = scm_registers, .count = 2, .index = scm_index, .words = sizeof scm_index};
static const struct vdev_register_table i2c_table = {.registers = i2c_registers,
                                                     .count = ARRAY_COUNT(i2c_registers),
                                                     .index = i2c_index,
                                                     .words = sizeof i2c_index};

/* A bench in front of a model, which only takes down what is touched. */
static struct vdev_io observed(struct vdev_bench *bench, const struct vdev_io *device,
                               const struct vdev_register_table *table, struct vdev_coverage *taken)
{
    const struct vdev_bench_configuration configuration = {
        .device = device,
        .table = table,
        .coverage = taken,
        .reads_most = 1000000,
        .fail = vdev_testing_check,
    };
    vdev_bench_init(bench, &configuration);
    return bench->io;
}

/* ---- clocks and reset ---- */

static struct vdev_omap3_prcm_emulator emulator;
static struct beagle_bench cm_bench, prm_bench;
static struct vdev_omap3_prcm prcm;
static unsigned warm_resets, cold_resets;

static void on_reset(void *owner, bool cold)
{
    (void)owner;
    warm_resets += !cold;
    cold_resets += cold;
}

static void start_prcm(struct vdev_fault *cm_fault)
{
    const struct vdev_omap3_prcm_emulator_configuration device = {.reset = on_reset};

    vdev_virtual_clock_init(&virtual_clock, 1000, 100);
    ck_assert_int_eq(vdev_omap3_prcm_emulator_init(&emulator, &device), VDEV_OK);
    prcm = (struct vdev_omap3_prcm){
        .cm = *beagle_bench(&cm_bench, vdev_omap3_cm_emulator_access, &emulator,
                            &vdev_omap3_cm_registers, &virtual_clock, NULL, cm_fault,
                            cm_fault != NULL, coverage[0]),
        .prm = *beagle_bench(&prm_bench, vdev_omap3_prm_emulator_access, &emulator,
                             &vdev_omap3_prm_registers, &virtual_clock, NULL, NULL, 0, coverage[1]),
        .clock = &virtual_clock.clock,
    };
}

static const struct {
    enum vdev_omap3_block block;
    uint32_t domain, bit;
} gates[] = {
    {VDEV_OMAP3_GPTIMER1, 0xC00, 0},   {VDEV_OMAP3_GPTIMER2, 0x1000, 3},
    {VDEV_OMAP3_GPTIMER3, 0x1000, 4},  {VDEV_OMAP3_GPTIMER4, 0x1000, 5},
    {VDEV_OMAP3_GPTIMER5, 0x1000, 6},  {VDEV_OMAP3_GPTIMER6, 0x1000, 7},
    {VDEV_OMAP3_GPTIMER7, 0x1000, 8},  {VDEV_OMAP3_GPTIMER8, 0x1000, 9},
    {VDEV_OMAP3_GPIO3, 0x1000, 14},    {VDEV_OMAP3_GPIO4, 0x1000, 15},
    {VDEV_OMAP3_GPIO5, 0x1000, 16},    {VDEV_OMAP3_I2C2, 0xA00, 16},
    {VDEV_OMAP3_GPTIMER9, 0x1000, 10}, {VDEV_OMAP3_GPTIMER10, 0xA00, 11},
    {VDEV_OMAP3_GPTIMER11, 0xA00, 12}, {VDEV_OMAP3_UART1, 0xA00, 13},
    {VDEV_OMAP3_UART2, 0xA00, 14},     {VDEV_OMAP3_UART3, 0x1000, 11},
    {VDEV_OMAP3_GPIO1, 0xC00, 3},      {VDEV_OMAP3_GPIO2, 0x1000, 13},
    {VDEV_OMAP3_GPIO6, 0x1000, 17},    {VDEV_OMAP3_MMC1, 0xA00, 24},
    {VDEV_OMAP3_MMC2, 0xA00, 25},      {VDEV_OMAP3_MMC3, 0xA00, 30},
    {VDEV_OMAP3_I2C1, 0xA00, 15},      {VDEV_OMAP3_I2C3, 0xA00, 17},
    {VDEV_OMAP3_WDT2, 0xC00, 5},
};

START_TEST(a_block_has_both_its_clocks_and_no_others)
{
    for (size_t i = 0; i < ARRAY_COUNT(gates); i++) {
        uint32_t bit = 1u << gates[i].bit, domain = gates[i].domain;
        start_prcm(NULL);
        uint32_t functional = vdev_io_read32(&prcm.cm, domain);
        uint32_t interface = vdev_io_read32(&prcm.cm, domain + 0x10);
        ck_assert_int_eq(vdev_omap3_prcm_enable(&prcm, gates[i].block), VDEV_OK);
        ck_assert_uint_eq(vdev_io_read32(&prcm.cm, domain), functional | bit);
        ck_assert_uint_eq(vdev_io_read32(&prcm.cm, domain + 0x10), interface | bit);
        ck_assert_uint_eq(vdev_io_read32(&prcm.cm, domain + 0x20) & bit, 0);
        ck_assert_int_eq(vdev_omap3_prcm_disable(&prcm, gates[i].block), VDEV_OK);
        ck_assert_uint_eq(vdev_io_read32(&prcm.cm, domain), functional & ~bit);
        ck_assert_uint_eq(vdev_io_read32(&prcm.cm, domain + 0x10), interface & ~bit);
    }
    ck_assert_int_eq(vdev_omap3_prcm_enable(&prcm, VDEV_OMAP3_BLOCKS), VDEV_ERROR_RANGE);
    ck_assert_int_eq(vdev_omap3_prcm_disable(&prcm, (enum vdev_omap3_block) - 1), VDEV_ERROR_RANGE);
}
END_TEST

START_TEST(gates_by_script)
{
    static const struct vdev_script_step steps[] = {
        VDEV_SCRIPT_MODIFY("CM_FCLKEN1_CORE", 0x2000, 1u << 24, 1u << 24),
        VDEV_SCRIPT_MODIFY("CM_ICLKEN1_CORE", 0x42, 1u << 24, 1u << 24),
        VDEV_SCRIPT_UNTIL("CM_IDLEST1_CORE", 0xFFFFFFFF, 3, 0xFEFFFFFF),
        VDEV_SCRIPT_MODIFY("CM_CLKSEL_PER", 0x0F, 0x80, 0x80),
        VDEV_SCRIPT_MODIFY("CM_CLKSEL_WKUP", 0x13, 1, 0),
        VDEV_SCRIPT_MODIFY("CM_CLKSEL_CORE", 0x30A, 0x40, 0x40)};
    struct vdev_script script;
    vdev_virtual_clock_init(&virtual_clock, 1000, 100);
    vdev_script_init(&script, &vdev_omap3_cm_registers, steps, ARRAY_COUNT(steps), &virtual_clock,
                     vdev_testing_check, NULL);
    prcm = (struct vdev_omap3_prcm){.cm = script.io, .clock = &virtual_clock.clock};
    ck_assert_int_eq(vdev_omap3_prcm_enable(&prcm, VDEV_OMAP3_MMC1), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_prcm_set_timer_clock(&prcm, VDEV_OMAP3_GPTIMER9, true), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_prcm_set_timer_clock(&prcm, VDEV_OMAP3_GPTIMER1, false), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_prcm_set_timer_clock(&prcm, VDEV_OMAP3_GPTIMER10, true), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_prcm_set_timer_clock(&prcm, VDEV_OMAP3_UART3, true),
                     VDEV_ERROR_RANGE);
    ck_assert(vdev_script_finish(&script));
}
END_TEST

START_TEST(a_timer_counts_what_it_was_told_to)
{
    static const struct {
        enum vdev_omap3_block block;
        uint32_t offset, bit;
    } clocks[] = {{VDEV_OMAP3_GPTIMER1, 0xC40, 0},  {VDEV_OMAP3_GPTIMER2, 0x1040, 0},
                  {VDEV_OMAP3_GPTIMER3, 0x1040, 1}, {VDEV_OMAP3_GPTIMER4, 0x1040, 2},
                  {VDEV_OMAP3_GPTIMER5, 0x1040, 3}, {VDEV_OMAP3_GPTIMER6, 0x1040, 4},
                  {VDEV_OMAP3_GPTIMER7, 0x1040, 5}, {VDEV_OMAP3_GPTIMER8, 0x1040, 6},
                  {VDEV_OMAP3_GPTIMER9, 0x1040, 7}, {VDEV_OMAP3_GPTIMER10, 0xA40, 6},
                  {VDEV_OMAP3_GPTIMER11, 0xA40, 7}};
    for (size_t i = 0; i < ARRAY_COUNT(clocks); i++) {
        start_prcm(NULL);
        uint32_t before = vdev_io_read32(&prcm.cm, clocks[i].offset), bit = 1u << clocks[i].bit;
        ck_assert_int_eq(vdev_omap3_prcm_set_timer_clock(&prcm, clocks[i].block, true), VDEV_OK);
        ck_assert_uint_eq(vdev_io_read32(&prcm.cm, clocks[i].offset), before | bit);
        ck_assert_int_eq(vdev_omap3_prcm_set_timer_clock(&prcm, clocks[i].block, false), VDEV_OK);
        ck_assert_uint_eq(vdev_io_read32(&prcm.cm, clocks[i].offset), before & ~bit);
    }
}
END_TEST

START_TEST(gate_faults)
{
    struct vdev_fault idle = VDEV_FAULT(STUCK_ONE, .name = "CM_IDLEST1_CORE", .mask = 1u << 24);
    start_prcm(&idle);
    uint64_t before = virtual_clock.now;
    ck_assert_int_eq(vdev_omap3_prcm_enable(&prcm, VDEV_OMAP3_MMC1), VDEV_ERROR_TIMEOUT);
    ck_assert_uint_le(virtual_clock.now - before, 11 * MILLISECOND);
    ck_assert_int_eq(vdev_omap3_prcm_enable(&prcm, VDEV_OMAP3_MMC2), VDEV_OK);
    struct vdev_fault absent = VDEV_FAULT_ABSENT(0);
    start_prcm(&absent);
    ck_assert_int_eq(vdev_omap3_prcm_enable(&prcm, VDEV_OMAP3_UART3), VDEV_ERROR_TIMEOUT);
    struct vdev_fault lost = VDEV_FAULT(WRITES_LOST, .name = "CM_ICLKEN_PER");
    start_prcm(&lost);
    ck_assert_int_eq(vdev_omap3_prcm_enable(&prcm, VDEV_OMAP3_UART3), VDEV_ERROR_TIMEOUT);
}
END_TEST

START_TEST(the_chip_is_reset_and_says_why_it_was)
{
    warm_resets = cold_resets = 0;
    start_prcm(NULL);
    ck_assert_uint_eq(vdev_omap3_prcm_reset_cause(&prcm), VDEV_OMAP3_RESET_COLD);
    ck_assert_uint_eq(vdev_omap3_prcm_reset_cause(&prcm), 0);
    ck_assert_uint_eq(vdev_omap3_prcm_system_hertz(&prcm), 13000000);
    uint64_t before = virtual_clock.now;
    ck_assert_int_eq(vdev_omap3_prcm_reset(&prcm), VDEV_ERROR_TIMEOUT); /* the owner is not done */
    ck_assert_uint_le(virtual_clock.now - before, 11 * MILLISECOND);
    ck_assert_uint_eq(warm_resets, 1);
    ck_assert_uint_eq(cold_resets, 1); /* the second try */
    vdev_omap3_prcm_emulator_reset(&emulator, VDEV_OMAP3_RESET_SOFTWARE, false);
    ck_assert_uint_ne(vdev_omap3_prcm_reset_cause(&prcm) & VDEV_OMAP3_RESET_SOFTWARE, 0);
}
END_TEST

START_TEST(the_oscillator_is_what_the_firmware_said)
{
    static const uint32_t hertz[8] = {12000000, 13000000, 19200000, 26000000,
                                      38400000, 16800000, 0,        0};
    for (uint32_t i = 0; i < 8; i++) {
        start_prcm(NULL);
        vdev_io_write32(&prcm.prm, 0xD40, i);
        ck_assert_uint_eq(vdev_omap3_prcm_system_hertz(&prcm), hertz[i] / 2);
        vdev_io_write32(&prcm.prm, 0x1270, 0x40);
        ck_assert_uint_eq(vdev_omap3_prcm_system_hertz(&prcm), hertz[i]);
    }
}
END_TEST

/* ---- system control module: a plain memory of registers ---- */

static uint8_t scm_bytes[0x1000];
static unsigned scm_accesses;
static bool wrong_supply;

static uint64_t scm_read(void *context, uint32_t offset, unsigned width)
{
    uint32_t value = 0;
    (void)context;
    scm_accesses++;
    ck_assert(offset + width <= sizeof scm_bytes && offset % width == 0);
    memcpy(&value, scm_bytes + offset, width);
    if (offset == 0x520 && wrong_supply && (value & 2) != 0) {
        value |= 8;
    }
    return value;
}

static void scm_write(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    (void)context;
    scm_accesses++;
    ck_assert(offset + width <= sizeof scm_bytes && offset % width == 0);
    memcpy(scm_bytes + offset, &value, width);
}

static const struct vdev_io_operations scm_operations = {scm_read, scm_write};
static const struct vdev_io scm_device = {.operations = &scm_operations};
static struct vdev_bench scm_bench, i2c_bench;
static struct vdev_io scm;

static uint32_t scm_get(uint32_t offset, unsigned width)
{
    uint32_t value = 0;
    memcpy(&value, scm_bytes + offset, width);
    return value;
}

START_TEST(pads_are_set_one_by_one)
{
    scm = observed(&scm_bench, &scm_device, &scm_table, coverage[2]);
    memset(scm_bytes, 0xA5, sizeof scm_bytes);
    ck_assert_int_eq(vdev_omap3_scm_set_pad(&scm, VDEV_OMAP3_PAD_UART3_RX,
                                            VDEV_OMAP3_PAD_INPUT | VDEV_OMAP3_PAD_PULL),
                     VDEV_OK);
    ck_assert_uint_eq(scm_get(0x19C, 4), 0x0108A5A5);
    ck_assert_uint_eq(scm_get(0x1A0, 4), 0xA5A5A5A5);
    static const uint32_t none[] = {0, 0x2E, 0x31, 0x266, 0x9FE, 0xA5C, 0xA01, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(none); i++) {
        ck_assert_int_eq(vdev_omap3_scm_set_pad(&scm, none[i], 0), VDEV_ERROR_RANGE);
    }
    ck_assert_uint_eq(scm_accesses, 1);
    vdev_omap3_scm_connect_mmc1(&scm);
    ck_assert_uint_eq(scm_get(0x144, 2), 0x18);
    for (uint32_t pad = 0x146; pad <= 0x14E; pad += 2) {
        ck_assert_uint_eq(scm_get(pad, 2), 0x118);
    }
    ck_assert_uint_eq(scm_get(0x142, 2), 0xA5A5);
    ck_assert_uint_eq(scm_get(0x150, 2), 0xA5A5);
    ck_assert_uint_eq(scm_get(0x274, 4), 0xA5A5A5A5 | 1u << 24);
}
END_TEST

START_TEST(the_cards_pads_are_biased_for_its_supply)
{
    vdev_virtual_clock_init(&virtual_clock, 1000, 100);
    scm = observed(&scm_bench, &scm_device, &scm_table, coverage[2]);
    memset(scm_bytes, 0, sizeof scm_bytes);
    scm_bytes[0x521] = 2; /* the other supply's pads are not ours */
    ck_assert_int_eq(vdev_omap3_scm_set_mmc1(&scm, &virtual_clock.clock, true, false), VDEV_OK);
    ck_assert_uint_eq(scm_get(0x520, 4), 0x207);
    ck_assert_uint_ge(virtual_clock.now, 100000);
    ck_assert_int_eq(vdev_omap3_scm_set_mmc1(&scm, &virtual_clock.clock, true, true), VDEV_OK);
    ck_assert_uint_eq(scm_get(0x520, 4), 0x206);
    ck_assert_int_eq(vdev_omap3_scm_set_mmc1(&scm, &virtual_clock.clock, false, false), VDEV_OK);
    ck_assert_uint_eq(scm_get(0x520, 4) & 2, 0);
    wrong_supply = true;
    ck_assert_int_eq(vdev_omap3_scm_set_mmc1(&scm, &virtual_clock.clock, true, false),
                     VDEV_ERROR_IO);
    ck_assert_uint_eq(scm_get(0x520, 4) & 2, 0);
    wrong_supply = false;
}
END_TEST

/* ---- I2C: a model of the controller, with a TWL4030 on its bus ---- */

#define STAT_NACK 0x0002u
#define STAT_ARDY 0x0004u
#define STAT_RRDY 0x0008u
#define STAT_XRDY 0x0010u
#define STAT_XUDF 0x0400u
#define STAT_BB   0x1000u

static struct {
    uint16_t registers[0x40 / 4];
    uint16_t status;
    uint8_t device[256];
    uint8_t number;
    bool numbered;
    uint16_t left;
    unsigned resets;
    /* what goes wrong */
    bool underflow; /* erratum i462: a byte before XUDF is lost; and XUDF takes a while */
    unsigned looks;
    bool silent, busy, dead, lost, overrun, no_device, stuck_voltage;
} i2c_model;
static struct vdev_omap3_i2c i2c;

static void i2c_next(void)
{
    uint16_t control = i2c_model.registers[0x24 / 4];

    if (i2c_model.silent) {
        return;
    }
    if (i2c_model.left == 0) {
        i2c_model.status |= STAT_ARDY;
        if ((control & 2) != 0) {
            i2c_model.numbered = false;
        }
    } else {
        i2c_model.status |= (control & 0x200) != 0 ? STAT_XRDY : STAT_RRDY;
    }
}

static uint64_t i2c_read(void *context, uint32_t offset, unsigned width)
{
    (void)context;
    virtual_clock.now += 100;
    ck_assert_uint_eq(width, 2);
    ck_assert(offset % 4 == 0 && offset < 0x40);
    switch (offset) {
    case 0x08:
        if (i2c_model.underflow && (i2c_model.status & STAT_XRDY) != 0 && ++i2c_model.looks == 10) {
            i2c_model.status |= STAT_XUDF;
        }
        return i2c_model.status | (i2c_model.busy ? STAT_BB : 0);
    case 0x10:
        return !i2c_model.dead && (i2c_model.registers[0x24 / 4] & 0x8000) != 0;
    case 0x1C:
        ck_assert_msg((i2c_model.status & STAT_RRDY) != 0, "DATA is read without RRDY");
        i2c_model.left--;
        return i2c_model.device[i2c_model.number++];
    default:
        return i2c_model.registers[offset / 4];
    }
}

static void i2c_write(void *context, uint32_t offset, unsigned width, uint64_t value)
{
    (void)context;
    virtual_clock.now += 100;
    ck_assert_uint_eq(width, 2);
    ck_assert(offset % 4 == 0 && offset < 0x40);
    i2c_model.registers[offset / 4] = (uint16_t)value;
    switch (offset) {
    case 0x08:
        i2c_model.status &= (uint16_t)~value;
        if ((value & (STAT_RRDY | STAT_XRDY)) != 0 && (value & STAT_ARDY) == 0) {
            i2c_next();
        }
        break;
    case 0x1C:
        ck_assert_msg((i2c_model.status & STAT_XRDY) != 0, "DATA is written without XRDY");
        i2c_model.left--;
        i2c_model.looks = 0;
        if (i2c_model.underflow && (i2c_model.status & STAT_XUDF) == 0) {
            break;
        }
        i2c_model.status &= (uint16_t)~STAT_XUDF;
        if (!i2c_model.numbered) {
            i2c_model.number = (uint8_t)value;
            i2c_model.numbered = true;
        } else if (!(i2c_model.stuck_voltage && i2c_model.number == 0x85)) {
            i2c_model.device[i2c_model.number++] = (uint8_t)value;
        }
        break;
    case 0x20:
        i2c_model.resets += (value & 2) != 0;
        i2c_model.status = 0;
        break;
    case 0x24:
        if ((value & 1) == 0) {
            break;
        }
        ck_assert_uint_eq(value & 0x8400, 0x8400);
        ck_assert_uint_eq(i2c_model.status, 0);
        i2c_model.left = i2c_model.registers[0x18 / 4];
        if (i2c_model.no_device || i2c_model.registers[0x2C / 4] != 0x4B) {
            i2c_model.status |= STAT_NACK;
        } else if (i2c_model.lost) {
            i2c_model.status |= 1;
        } else if (i2c_model.overrun) {
            i2c_model.left += 3;
            i2c_next();
        } else {
            i2c_next();
        }
        break;
    default:
        break;
    }
}

static const struct vdev_io_operations i2c_operations = {i2c_read, i2c_write};

static int start_i2c(uint32_t hertz)
{
    static const struct vdev_io device = {.operations = &i2c_operations};
    const struct vdev_io io = observed(&i2c_bench, &device, &i2c_table, coverage[3]);

    memset(&i2c_model, 0, sizeof i2c_model);
    vdev_virtual_clock_init(&virtual_clock, 1000, 100);
    return vdev_omap3_i2c_init(&i2c, &io, &virtual_clock.clock, hertz);
}

START_TEST(the_bus_has_the_speed_that_was_asked_for)
{
    static const uint32_t speeds[] = {25000, 100000, 400000};
    for (size_t i = 0; i < ARRAY_COUNT(speeds); i++) {
        ck_assert_int_eq(start_i2c(speeds[i]), VDEV_OK);
        uint32_t internal = 96000000 / (i2c_model.registers[0x30 / 4] + 1u);
        uint32_t low = i2c_model.registers[0x34 / 4], high = i2c_model.registers[0x38 / 4];
        ck_assert_uint_le(low, 255);
        ck_assert_uint_le(high, 255);
        ck_assert_uint_eq(internal / (low + 7 + high + 5), speeds[i]);
        ck_assert_uint_eq(i2c_model.resets, 1);
    }
    ck_assert_int_eq(start_i2c(24999), VDEV_ERROR_INVALID);
    ck_assert_int_eq(start_i2c(400001), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_omap3_i2c_init(&i2c, &scm, NULL, 100000), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(registers_are_written_and_read)
{
    static const uint8_t bytes[4] = {0x10, 1, 2, 3};
    uint8_t back[3] = {0};
    ck_assert_int_eq(start_i2c(400000), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_i2c_write(&i2c, 0x4B, bytes, 4), VDEV_OK);
    ck_assert_mem_eq(i2c_model.device + 0x10, bytes + 1, 3);
    ck_assert_int_eq(vdev_omap3_i2c_read(&i2c, 0x4B, 0x10, back, 3), VDEV_OK);
    ck_assert_mem_eq(back, bytes + 1, 3);
    ck_assert_int_eq(vdev_omap3_i2c_read(&i2c, 0x4A, 0x10, back, 3), VDEV_ERROR_ABSENT);
    ck_assert_int_eq(vdev_omap3_i2c_read(&i2c, 0x4B, 0x11, back, 1), VDEV_OK);
    ck_assert_uint_eq(back[0], 2);
    ck_assert_int_eq(vdev_omap3_i2c_read(&i2c, 0x80, 0, back, 1), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_omap3_i2c_read(&i2c, 0x4B, 0, back, 0), VDEV_ERROR_INVALID);
    ck_assert_int_eq(vdev_omap3_i2c_write(&i2c, 0x4B, bytes, 17), VDEV_ERROR_INVALID);
}
END_TEST

START_TEST(no_byte_is_lost_to_the_erratum)
{
    static const uint8_t bytes[5] = {0x20, 9, 8, 7, 6};
    uint8_t back[4] = {0};
    ck_assert_int_eq(start_i2c(100000), VDEV_OK);
    i2c_model.underflow = true;
    ck_assert_int_eq(vdev_omap3_i2c_write(&i2c, 0x4B, bytes, 5), VDEV_OK);
    ck_assert_int_eq(vdev_omap3_i2c_read(&i2c, 0x4B, 0x20, back, 4), VDEV_OK);
    ck_assert_mem_eq(back, bytes + 1, 4);
}
END_TEST

START_TEST(the_cards_supply_is_set_before_it_is_on)
{
    ck_assert_int_eq(start_i2c(400000), VDEV_OK);
    i2c_model.device[0x85] = 3;
    uint64_t before = virtual_clock.now;
    ck_assert_int_eq(vdev_twl4030_set_vmmc1(&i2c, true, false), VDEV_OK);
    ck_assert_uint_ge(virtual_clock.now - before, MILLISECOND);
    ck_assert_uint_eq(i2c_model.device[0x85], 2);
    ck_assert_uint_eq(i2c_model.device[0x82], 0x20);
    ck_assert_int_eq(vdev_twl4030_set_vmmc1(&i2c, true, true), VDEV_OK);
    ck_assert_uint_eq(i2c_model.device[0x85], 0);
    ck_assert_int_eq(vdev_twl4030_set_vmmc1(&i2c, false, false), VDEV_OK);
    ck_assert_uint_eq(i2c_model.device[0x82], 0);
    i2c_model.device[0x85] = 0;
    i2c_model.stuck_voltage = true;
    ck_assert_int_eq(vdev_twl4030_set_vmmc1(&i2c, true, false), VDEV_ERROR_IO);
    ck_assert_uint_eq(i2c_model.device[0x82], 0); /* and it stays off */
}
END_TEST

static void check_i2c_fault(bool *fault, int expected)
{
    uint8_t byte;
    *fault = true;
    uint64_t before = virtual_clock.now;
    ck_assert_int_eq(vdev_omap3_i2c_read(&i2c, 0x4B, 0x10, &byte, 1), expected);
    ck_assert_uint_le(virtual_clock.now - before, 20 * MILLISECOND);
    *fault = false;
    ck_assert_int_eq(vdev_omap3_i2c_read(&i2c, 0x4B, 0x10, &byte, 1), VDEV_OK);
}

START_TEST(i2c_faults)
{
    ck_assert_int_eq(start_i2c(400000), VDEV_OK);
    check_i2c_fault(&i2c_model.silent, VDEV_ERROR_TIMEOUT);
    check_i2c_fault(&i2c_model.busy, VDEV_ERROR_TIMEOUT);
    check_i2c_fault(&i2c_model.lost, VDEV_ERROR_IO);
    check_i2c_fault(&i2c_model.overrun, VDEV_ERROR_IO);
    check_i2c_fault(&i2c_model.no_device, VDEV_ERROR_ABSENT);
    ck_assert_uint_eq(i2c_model.resets, 5); /* at the start, and after all but the last */
    i2c_model.dead = true;
    const struct vdev_io io = {.operations = &i2c_operations};
    ck_assert_int_eq(vdev_omap3_i2c_init(&i2c, &io, &virtual_clock.clock, 100000),
                     VDEV_ERROR_TIMEOUT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beagle board");
    TCase *tests = tcase_create("clocks and reset");
    coverage[0] = beagle_coverage(&vdev_omap3_cm_registers, "CM", __FILE__, "omap3_prcm.c");
    coverage[1] = beagle_coverage(&vdev_omap3_prm_registers, "PRM", __FILE__, "omap3_prcm.c");
    if (vdev_registers_index(scm_registers, 2, scm_index, sizeof scm_index) != VDEV_OK ||
        vdev_registers_index(i2c_registers, ARRAY_COUNT(i2c_registers), i2c_index,
                             sizeof i2c_index) != VDEV_OK) {
        return 1;
    }
    coverage[2] = beagle_coverage(&scm_table, "SCM", __FILE__, "omap3_prcm.c");
    coverage[3] = beagle_coverage(&i2c_table, "I2C", __FILE__, "omap3_i2c.c");
    tcase_add_test(tests, a_block_has_both_its_clocks_and_no_others);
    tcase_add_test(tests, gates_by_script);
    tcase_add_test(tests, a_timer_counts_what_it_was_told_to);
    tcase_add_test(tests, gate_faults);
    tcase_add_test(tests, the_chip_is_reset_and_says_why_it_was);
    tcase_add_test(tests, the_oscillator_is_what_the_firmware_said);
    suite_add_tcase(suite, tests);
    tests = tcase_create("pads and supply");
    tcase_add_test(tests, pads_are_set_one_by_one);
    tcase_add_test(tests, the_cards_pads_are_biased_for_its_supply);
    tcase_add_test(tests, the_bus_has_the_speed_that_was_asked_for);
    tcase_add_test(tests, registers_are_written_and_read);
    tcase_add_test(tests, no_byte_is_lost_to_the_erratum);
    tcase_add_test(tests, the_cards_supply_is_set_before_it_is_on);
    tcase_add_test(tests, i2c_faults);
    suite_add_tcase(suite, tests);
    return beagle_run(suite, coverage, 4);
}
