/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GICv2 distributor, for one processor. Its registers are arrays of bits and bytes indexed by
 * interrupt, so that it decodes offsets itself: a register table would repeat each array a hundred
 * times. Not the CPU interface. [GIC architecture 2.0, §4.3]
 */
#include <vdev/emulators/gic_distributor.h>
#include <vdev/status.h>

#include "core/mem.h"

enum {
    GICD_CTLR = 0x000,
    GICD_TYPER = 0x004,
    GICD_IIDR = 0x008,
    GICD_IGROUPR = 0x080,
    GICD_ISENABLER = 0x100,
    GICD_ICENABLER = 0x180,
    GICD_ISPENDR = 0x200,
    GICD_ICPENDR = 0x280,
    GICD_ISACTIVER = 0x300,
    GICD_ICACTIVER = 0x380,
    GICD_IPRIORITYR = 0x400,
    GICD_ITARGETSR = 0x800,
    GICD_ICFGR = 0xc00,
    GICD_SGIR = 0xf00,
    GICD_CPENDSGIR = 0xf10,
    GICD_SPENDSGIR = 0xf20,
    GICD_ICPIDR2 = 0xfe8,
};

enum {
    IMPLEMENTER_ARM = 0x43b, /* GICD_IIDR: JEP106 code of ARM; product and revision 0 */
    ARCHITECTURE_2 = 0x2b,   /* ICPIDR2: GICv2, JEDEC */
    PRIORITY_BITS = 0xf8,    /* 32 levels: what a list register can carry */
    SGIS = 16,
    PRIVATE_INTERRUPTS = 32,
};

static uint32_t bit(uint32_t interrupt)
{
    return UINT32_C(1) << (interrupt % 32);
}

static bool is_pending(const struct vdev_gic_distributor *distributor, uint32_t interrupt)
{
    uint32_t word = interrupt / 32;
    uint32_t level = distributor->level[word] & ~distributor->edge[word];
    return ((level | distributor->latched[word]) & bit(interrupt)) != 0;
}

/* Deliver one interrupt if it is due. Returns false if there was no room for it. */
static bool update(struct vdev_gic_distributor *distributor, uint32_t interrupt)
{
    if (!distributor->forwarding || !is_pending(distributor, interrupt) ||
        (distributor->enabled[interrupt / 32] & bit(interrupt)) == 0) {
        return true;
    }
    if (!distributor->operations->deliver(distributor->context, interrupt,
                                          distributor->priority[interrupt])) {
        return false;
    }
    distributor->latched[interrupt / 32] &= ~bit(interrupt);
    return true;
}

int vdev_gic_distributor_init(struct vdev_gic_distributor *distributor, uint32_t interrupts,
                              const struct vdev_gic_distributor_operations *operations,
                              void *context)
{
    if (interrupts < PRIVATE_INTERRUPTS || interrupts > VDEV_GIC_INTERRUPTS_MAXIMUM ||
        interrupts % 32 != 0 || operations == NULL || operations->deliver == NULL ||
        operations->withdraw == NULL) {
        return VDEV_ERROR_INVALID;
    }
    memset(distributor, 0, sizeof *distributor);
    distributor->operations = operations;
    distributor->context = context;
    distributor->interrupts = interrupts;
    distributor->edge[0] = 0xffff; /* SGIs always are */
    return VDEV_OK;
}

void vdev_gic_distributor_set_line(void *opaque, uint32_t interrupt, bool level)
{
    struct vdev_gic_distributor *distributor = opaque;
    if (interrupt >= distributor->interrupts) {
        return;
    }
    uint32_t word = interrupt / 32;
    uint32_t mask = bit(interrupt);
    uint32_t before = distributor->level[word];

    if (level) {
        distributor->level[word] = before | mask;
        if ((distributor->edge[word] & ~before & mask) != 0) {
            distributor->latched[word] |= mask;
        }
        update(distributor, interrupt);
    } else {
        distributor->level[word] = before & ~mask;
        if (!is_pending(distributor, interrupt) && (distributor->edge[word] & mask) == 0) {
            distributor->operations->withdraw(distributor->context, interrupt);
        }
    }
}

void vdev_gic_distributor_retry(struct vdev_gic_distributor *distributor)
{
    uint32_t tried[VDEV_GIC_INTERRUPTS_MAXIMUM / 32] = {0};

    for (;;) {
        uint32_t best = distributor->interrupts;
        for (uint32_t word = 0; word < distributor->interrupts / 32; word++) {
            uint32_t due = (distributor->latched[word] |
                            (distributor->level[word] & ~distributor->edge[word])) &
                           distributor->enabled[word] & ~tried[word];
            while (due != 0) {
                uint32_t interrupt = word * 32 + (uint32_t)__builtin_ctz(due);
                due &= due - 1;
                if (best == distributor->interrupts ||
                    distributor->priority[interrupt] < distributor->priority[best]) {
                    best = interrupt;
                }
            }
        }
        if (best == distributor->interrupts || !update(distributor, best)) {
            return;
        }
        tried[best / 32] |= bit(best);
    }
}

void vdev_gic_distributor_returned(struct vdev_gic_distributor *distributor, uint32_t interrupt)
{
    /* A line that is high is reason enough; what it was not the reason of is remembered. */
    if (interrupt < distributor->interrupts && !is_pending(distributor, interrupt)) {
        distributor->latched[interrupt / 32] |= bit(interrupt);
    }
}

void vdev_gic_distributor_ended(struct vdev_gic_distributor *distributor, uint32_t interrupt)
{
    if (interrupt < distributor->interrupts) {
        update(distributor, interrupt);
    }
}

/* ---- registers of one bit an interrupt ---- */

static uint32_t read_pending(struct vdev_gic_distributor *distributor, uint32_t word)
{
    uint32_t value = distributor->latched[word] |
                     (distributor->level[word] & ~distributor->edge[word]);
    if (distributor->operations->delivering != NULL) {
        for (uint32_t i = 0; i < 32; i++) {
            if (distributor->operations->delivering(distributor->context, word * 32 + i)) {
                value |= bit(i);
            }
        }
    }
    return value;
}

static uint32_t read_active(struct vdev_gic_distributor *distributor, uint32_t word)
{
    uint32_t value = 0;
    if (distributor->operations->active != NULL) {
        for (uint32_t i = 0; i < 32; i++) {
            if (distributor->operations->active(distributor->context, word * 32 + i)) {
                value |= bit(i);
            }
        }
    }
    return value;
}

/* Take an interrupt back that is not to be delivered now; what is pending of it stays so here. */
static void hold(struct vdev_gic_distributor *distributor, uint32_t interrupt)
{
    const struct vdev_gic_distributor_operations *operations = distributor->operations;
    bool (*delivering)(void *, uint32_t) = operations->delivering;
    bool before = delivering != NULL && delivering(distributor->context, interrupt);

    if (!before && !is_pending(distributor, interrupt)) {
        return;
    }
    operations->withdraw(distributor->context, interrupt);
    /* One of real hardware that is forwarded is not withdrawn by this: it is not held here either. */
    if (before && !delivering(distributor->context, interrupt)) {
        vdev_gic_distributor_returned(distributor, interrupt);
    }
}

/* Begin or stop to let interrupts of a word through, as the guest's enable bits or GICD_CTLR say. */
static void let_through(struct vdev_gic_distributor *distributor, uint32_t word, uint32_t bits,
                        bool on)
{
    const struct vdev_gic_distributor_operations *operations = distributor->operations;

    while (bits != 0) {
        uint32_t interrupt = word * 32 + (uint32_t)__builtin_ctz(bits);
        bits &= bits - 1;
        if (!on) {
            hold(distributor, interrupt);
        }
        if (operations->enable != NULL) {
            operations->enable(distributor->context, interrupt, on);
        }
    }
}

static void set_enabled(struct vdev_gic_distributor *distributor, uint32_t word, uint32_t bits,
                        bool enable)
{
    uint32_t changed = bits & (enable ? ~distributor->enabled[word] : distributor->enabled[word]);

    distributor->enabled[word] ^= changed;
    if (distributor->forwarding) {
        let_through(distributor, word, changed, enable);
    }
    while (enable && changed != 0) {
        update(distributor, word * 32 + (uint32_t)__builtin_ctz(changed));
        changed &= changed - 1;
    }
}

static void set_pending(struct vdev_gic_distributor *distributor, uint32_t word, uint32_t bits)
{
    distributor->latched[word] |= bits;
    while (bits != 0) {
        update(distributor, word * 32 + (uint32_t)__builtin_ctz(bits));
        bits &= bits - 1;
    }
}

static void clear_pending(struct vdev_gic_distributor *distributor, uint32_t word, uint32_t bits)
{
    distributor->latched[word] &= ~bits;
    while (bits != 0) {
        uint32_t interrupt = word * 32 + (uint32_t)__builtin_ctz(bits);
        bits &= bits - 1;
        if (!is_pending(distributor, interrupt)) {
            distributor->operations->withdraw(distributor->context, interrupt);
        }
    }
}

/* Offsets 0x080 to 0x3ff: eight arrays of 0x80 bytes, a bit for each interrupt. */
static int access_bits(struct vdev_gic_distributor *distributor, struct vdev_access *access)
{
    uint32_t array = access->offset & ~UINT32_C(0x7f);
    uint32_t word = (access->offset & 0x7f) / 4;

    if (access->width != 4) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    if (!access->write) {
        access->value = 0;
    }
    if (word >= distributor->interrupts / 32) {
        return VDEV_OK; /* reserved: reads as zero, writes are ignored */
    }
    uint32_t value = (uint32_t)access->value;
    /* SGIs become pending by GICD_SGIR and its kin only. */
    uint32_t pendable = word == 0 ? value & ~UINT32_C(0xffff) : value;

    switch (array) {
    case GICD_ISENABLER:
    case GICD_ICENABLER:
        if (access->write) {
            set_enabled(distributor, word, value, array == GICD_ISENABLER);
        } else {
            access->value = distributor->enabled[word];
        }
        return VDEV_OK;
    case GICD_ISPENDR:
        if (access->write) {
            set_pending(distributor, word, pendable);
            return VDEV_OK;
        }
        access->value = read_pending(distributor, word);
        return VDEV_OK;
    case GICD_ICPENDR:
        if (access->write) {
            clear_pending(distributor, word, pendable);
            return VDEV_OK;
        }
        access->value = read_pending(distributor, word);
        return VDEV_OK;
    case GICD_ISACTIVER:
    case GICD_ICACTIVER:
        /* Writes exist for saving and restoring power states: there is nothing to restore. */
        if (!access->write) {
            access->value = read_active(distributor, word);
        }
        return VDEV_OK;
    default: /* GICD_IGROUPR: no security extensions, all in group 0 */
        return VDEV_OK;
    }
}

/* ---- registers of a byte, or of two bits, an interrupt ---- */

static int access_priority(struct vdev_gic_distributor *distributor, struct vdev_access *access)
{
    uint32_t first = access->offset - GICD_IPRIORITYR;

    if (access->width > 4 || access->width == 2) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    uint64_t value = 0;
    for (uint32_t i = 0; i < access->width && first + i < distributor->interrupts; i++) {
        if (access->write) {
            distributor->priority[first + i] = (uint8_t)(access->value >> (8 * i)) & PRIORITY_BITS;
        } else {
            value |= (uint64_t)distributor->priority[first + i] << (8 * i);
        }
    }
    if (!access->write) {
        access->value = value;
    }
    return VDEV_OK;
}

static int access_configuration(struct vdev_gic_distributor *distributor,
                                struct vdev_access *access)
{
    uint32_t first = (access->offset - GICD_ICFGR) * 4;

    if (access->width != 4) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    uint64_t value = 0;
    for (uint32_t i = 0; i < 16 && first + i < distributor->interrupts; i++) {
        uint32_t *edge = &distributor->edge[(first + i) / 32];
        if (!access->write) {
            value |= (uint64_t)((*edge & bit(first + i)) != 0 ? 2 : 0) << (2 * i);
        } else if (first + i >= PRIVATE_INTERRUPTS) {
            if ((access->value >> (2 * i) & 2) != 0) {
                *edge |= bit(first + i);
            } else {
                *edge &= ~bit(first + i);
            }
        }
    }
    if (!access->write) {
        access->value = value;
    }
    return VDEV_OK;
}

static int access_sgi_pending(struct vdev_gic_distributor *distributor, struct vdev_access *access)
{
    bool set = access->offset >= GICD_SPENDSGIR;
    uint32_t first = (access->offset & 0xf);
    uint64_t value = 0;
    uint32_t bits = 0;

    if (access->width > 4 || access->width == 2) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    /* A byte for each SGI, a bit for each source; the only processor is source 0. */
    for (uint32_t i = 0; i < access->width; i++) {
        value |= (uint64_t)(distributor->latched[0] >> (first + i) & 1) << (8 * i);
        if ((access->value >> (8 * i) & 1) != 0) {
            bits |= bit(first + i) & 0xffff;
        }
    }
    if (!access->write) {
        access->value = value;
    } else if (set) {
        set_pending(distributor, 0, bits);
    } else {
        clear_pending(distributor, 0, bits);
    }
    return VDEV_OK;
}

static void send_sgi(struct vdev_gic_distributor *distributor, uint32_t value)
{
    uint32_t filter = value >> 24 & 3;
    bool self = filter == 2 || (filter == 0 && (value >> 16 & 1) != 0);

    if (self) {
        set_pending(distributor, 0, bit(value & (SGIS - 1)));
    }
}

static void write_control(struct vdev_gic_distributor *distributor, uint32_t value)
{
    bool before = distributor->forwarding;
    distributor->forwarding = (value & 1) != 0;
    if (distributor->forwarding == before) {
        return;
    }
    for (uint32_t word = 0; word < distributor->interrupts / 32; word++) {
        let_through(distributor, word, distributor->enabled[word], !before);
    }
    vdev_gic_distributor_retry(distributor);
}

static int access_single(struct vdev_gic_distributor *distributor, struct vdev_access *access)
{
    uint32_t value = 0;

    if (access->width != 4) {
        return VDEV_ERROR_UNSUPPORTED;
    }
    if (access->write) {
        if (access->offset == GICD_CTLR) {
            write_control(distributor, (uint32_t)access->value);
        } else if (access->offset == GICD_SGIR) {
            send_sgi(distributor, (uint32_t)access->value);
        }
        return VDEV_OK; /* the others are read-only or reserved: ignored */
    }
    switch (access->offset) {
    case GICD_CTLR:
        value = distributor->forwarding;
        break;
    case GICD_TYPER: /* ITLinesNumber; one processor, no security extensions */
        value = distributor->interrupts / 32 - 1;
        break;
    case GICD_IIDR:
        value = IMPLEMENTER_ARM;
        break;
    case GICD_ICPIDR2:
        value = ARCHITECTURE_2;
        break;
    default:
        break;
    }
    access->value = value;
    return VDEV_OK;
}

int vdev_gic_distributor_access(void *opaque, struct vdev_access *access)
{
    struct vdev_gic_distributor *distributor = opaque;
    uint32_t offset = access->offset;

    if (offset < GICD_IGROUPR) {
        return access_single(distributor, access);
    }
    if (offset < GICD_IPRIORITYR) {
        return access_bits(distributor, access);
    }
    if (offset < GICD_ITARGETSR) {
        return access_priority(distributor, access);
    }
    if (offset < GICD_ICFGR) {
        /* One processor: reads as zero, writes are ignored (§4.3.12). */
        if (access->width > 4 || access->width == 2) {
            return VDEV_ERROR_UNSUPPORTED;
        }
        if (!access->write) {
            access->value = 0;
        }
        return VDEV_OK;
    }
    if (offset < GICD_ICFGR + 0x100) {
        return access_configuration(distributor, access);
    }
    if (offset >= GICD_CPENDSGIR && offset < GICD_SPENDSGIR + 0x10) {
        return access_sgi_pending(distributor, access);
    }
    return access_single(distributor, access);
}
