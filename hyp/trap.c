/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traps from the guest: which kind, and whose. Register accesses go to the library's bus as the
 * hardware decoded them; the hypervisor never reads a guest's instructions.
 * [ARM DDI 0406C, B3.13.6: the syndrome]
 */
#include <vdev/emulators/psci.h>
#include <vdev/status.h>

#include "cpu.h"
#include "hyp.h"
#include "interface.h"

enum {
    CLASS_SHIFT = 26,
    CLASS_WAIT = 0x01, /* WFI */
    CLASS_CP15 = 0x03,
    CLASS_CP14 = 0x05,
    CLASS_VFP = 0x07,
    CLASS_HVC = 0x12,
    CLASS_PREFETCH_ABORT = 0x20,

    SYNDROME_LONG = 1 << 25,  /* IL: an instruction of 4 bytes */
    SYNDROME_VALID = 1 << 24, /* ISV: the fields below are there */
    SYNDROME_SIZE_SHIFT = 22, /* SAS */
    SYNDROME_SIGNED = 1 << 21,
    SYNDROME_REGISTER_SHIFT = 16,
    SYNDROME_CACHE = 1 << 8, /* CM: maintenance of the caches by address */
    SYNDROME_WRITE = 1 << 6,
    SYNDROME_STATUS = 0x3f,
    STATUS_TRANSLATION = 0x04, /* and the level in the two lowest bits */

    /* The only registers beside memory's that a guest of ours is known to touch. */
    CP15_READ = 1 << 0,
    CP15_ACTLR = 1 << 17 | 1 << 10, /* opc2, CRn; opc1 and CRm are 0 */
    CP15_NAME = 7 << 17 | 7 << 14 | 15 << 10 | 15 << 1,
    LAST_MARK = 0, /* of the counters, as the machine stops */
    LOGGED = 16, /* refusals: a guest must not be able to fill the log */
};

/* Go on after the trapped instruction. */
static inline void skip(uint32_t syndrome)
{
    uint32_t status = cpu_read_spsr_hyp();

    cpu_write_elr_hyp(cpu_read_elr_hyp() + 2 + ((syndrome & SYNDROME_LONG) >> 24));
    if (__builtin_expect((status & PSR_T) != 0, 0)) {
        /* Perhaps in an IT block: one instruction on, as ITAdvance() does. */
        uint32_t it = (status >> 25 & 3) | (status >> 8 & 0xfc);
        it = (it & 7) == 0 ? 0 : (it & 0xe0) | (it << 1 & 0x1f);
        status &= ~(uint32_t)PSR_IT;
        cpu_write_spsr_hyp(status | (it & 3) << 25 | (it & 0xfc) << 8);
    }
}

/* Registers 13 and 14 are banked: those of the mode that the guest was in. */
static uint32_t read_banked(const struct registers *registers, uint32_t number)
{
    bool stack = number == 13;
    switch (cpu_read_spsr_hyp() & PSR_MODE) {
    case PSR_SVC:
        return stack ? cpu_read_sp_svc() : cpu_read_lr_svc();
    case PSR_ABT:
        return stack ? cpu_read_sp_abt() : cpu_read_lr_abt();
    case PSR_UND:
        return stack ? cpu_read_sp_und() : cpu_read_lr_und();
    case PSR_IRQ:
        return stack ? cpu_read_sp_irq() : cpu_read_lr_irq();
    case PSR_FIQ:
        return stack ? cpu_read_sp_fiq() : cpu_read_lr_fiq();
    default:
        return stack ? cpu_read_sp_usr() : registers->lr;
    }
}

static void write_banked(struct registers *registers, uint32_t number, uint32_t value)
{
    bool stack = number == 13;
    switch (cpu_read_spsr_hyp() & PSR_MODE) {
    case PSR_SVC:
        stack ? cpu_write_sp_svc(value) : cpu_write_lr_svc(value);
        break;
    case PSR_ABT:
        stack ? cpu_write_sp_abt(value) : cpu_write_lr_abt(value);
        break;
    case PSR_UND:
        stack ? cpu_write_sp_und(value) : cpu_write_lr_und(value);
        break;
    case PSR_IRQ:
        stack ? cpu_write_sp_irq(value) : cpu_write_lr_irq(value);
        break;
    case PSR_FIQ:
        stack ? cpu_write_sp_fiq(value) : cpu_write_lr_fiq(value);
        break;
    default:
        if (stack) {
            cpu_write_sp_usr(value);
        } else {
            registers->lr = value;
        }
        break;
    }
}

/*
 * FIQ mode has r8 to r12 of its own, which the common entry does not save; no guest of this
 * hypervisor gets FIQs, so its accesses from there are refused rather than mistaken.
 */
static bool is_banked_low(uint32_t number)
{
    return number >= 8 && (cpu_read_spsr_hyp() & PSR_MODE) == PSR_FIQ;
}

static void refuse(const char *why, uint32_t address, uint32_t syndrome)
{
    counts.entries[COUNT_REFUSED]++;
    if (counts.entries[COUNT_REFUSED] <= LOGGED) {
        log_print("vdev: guest at pc %x: %s: address %x, syndrome %x%s\n",
                  (unsigned)cpu_read_elr_hyp(), why, (unsigned)address, (unsigned)syndrome,
                  counts.entries[COUNT_REFUSED] == LOGGED ? "; further ones are only counted" : "");
    }
}

static void refuse_access(const char *why, uint32_t address, uint32_t syndrome)
{
    refuse(why, address, syndrome);
    if (vm_current->driver) {
        log_print("vdev: %s reached outside of what is its own: stopped\n", vm_current->name);
        schedule_stop();
        return;
    }
    inject_data_abort(cpu_read_hdfar(), (syndrome & SYNDROME_WRITE) != 0);
}

/* The guest physical address of an abort: page from HPFAR, the rest from the virtual address. */
static inline uint32_t abort_address(uint32_t virtual_address)
{
    uint32_t address = cpu_read_hpfar() << 8;
    __asm__("bfi %0, %1, #0, #12" : "+r"(address) : "r"(virtual_address));
    return address;
}

static inline bool is_unmapped_memory(uint32_t address, uint32_t syndrome)
{
    /* The first comparison is implied: it decides for all devices, which lie below memory. */
    return address >= BOARD_MEMORY && address - vm_current->ram_address < vm_current->ram_size &&
           (syndrome & SYNDROME_STATUS & ~3u) == STATUS_TRANSLATION;
}

static __attribute__((noinline)) void data_abort_refused(int status, uint32_t address,
                                                         uint32_t syndrome)
{
    if (status == VDEV_ERROR_AGAIN) {
        schedule_block(); /* the access is made again when there is an answer */
        return;
    }
    refuse_access(vdev_status_name(status), address, syndrome);
}

/* What a guest that has turned its byte order round has in its register, or is to have there. */
static uint32_t in_order(uint32_t value, uint32_t size)
{
    if ((cpu_read_spsr_hyp() & PSR_E) == 0 || size == 0) {
        return value;
    }
    return size == 1 ? __builtin_bswap16((uint16_t)value) : __builtin_bswap32(value);
}

/*
 * An access that is not the usual one: of a banked register, with a sign, from Thumb state, in
 * big-endian order; or that the hardware did not decode.
 */
static __attribute__((noinline)) void data_abort_any(struct registers *registers,
                                                     uint32_t syndrome, uint32_t address)
{
    uint32_t number = syndrome >> SYNDROME_REGISTER_SHIFT & 0xf;
    uint32_t size = syndrome >> SYNDROME_SIZE_SHIFT & 3;
    uint32_t value;
    int status;

    if ((syndrome & SYNDROME_CACHE) != 0) {
        skip(syndrome | SYNDROME_LONG); /* no memory is there, so nothing of it is in a cache */
        return;
    }
    if ((syndrome & SYNDROME_VALID) == 0 || is_banked_low(number)) {
        refuse_access("an instruction that the hardware does not decode", address, syndrome);
        return;
    }
    if ((syndrome & SYNDROME_WRITE) != 0) {
        value = number < 13 ? registers->r[number] : read_banked(registers, number);
        value = size == 2 ? value : value & ((1u << (8u << size)) - 1);
        status = vdev_bus_write(&vm_current->bus, address, 1u << size, in_order(value, size));
    } else {
        status = vdev_bus_read(&vm_current->bus, address, 1u << size, &value);
    }
    if (status != 0) {
        data_abort_refused(status, address, syndrome);
        return;
    }
    if ((syndrome & SYNDROME_WRITE) == 0) {
        value = in_order(value, size);
        if ((syndrome & SYNDROME_SIGNED) != 0) {
            value = size == 0 ? (uint32_t)(int8_t)value : (uint32_t)(int16_t)value;
        }
        if (number < 13) {
            registers->r[number] = value;
        } else {
            write_banked(registers, number, value);
        }
    }
    skip(syndrome);
}

/* Called by the entry code itself: most traps are this one. */
void trap_data_abort(struct registers *registers, uint32_t syndrome)
{
    uint32_t address = abort_address(cpu_read_hdfar());
    uint32_t number = syndrome >> SYNDROME_REGISTER_SHIFT & 0xf;
    uint32_t size = syndrome >> SYNDROME_SIZE_SHIFT & 3;
    uint32_t value;
    int status;

    if (is_unmapped_memory(address, syndrome)) {
        counts.entries[COUNT_STAGE2_FAULT]++;
        stage2_map_memory(address);
        return;
    }
    counts.entries[COUNT_EMULATED_ACCESS]++;
    if ((syndrome & (SYNDROME_VALID | SYNDROME_SIGNED)) != SYNDROME_VALID || number > 12 ||
        (cpu_read_spsr_hyp() & (PSR_T | PSR_E)) != 0 || is_banked_low(number)) {
        data_abort_any(registers, syndrome, address);
        return;
    }
    if ((syndrome & SYNDROME_WRITE) == 0) {
        status = vdev_bus_read(&vm_current->bus, address, 1u << size, &value);
        if (status == 0) {
            registers->r[number] = value;
        }
    } else {
        value = registers->r[number];
        value = size == 2 ? value : value & ((1u << (8u << size)) - 1);
        status = vdev_bus_write(&vm_current->bus, address, 1u << size, value);
    }
    if (status == 0) {
        cpu_write_elr_hyp(cpu_read_elr_hyp() + 4); /* ARM state: see above */
    } else {
        data_abort_refused(status, address, syndrome);
    }
}

static void prefetch_abort(uint32_t syndrome)
{
    uint32_t address = abort_address(cpu_read_hifar());

    if (is_unmapped_memory(address, syndrome)) {
        counts.entries[COUNT_STAGE2_FAULT]++;
        stage2_map_memory(address);
        return;
    }
    refuse("an instruction fetch from where no memory is", address, syndrome);
    inject_prefetch_abort(cpu_read_hifar());
}

static void system_register(struct registers *registers, uint32_t syndrome)
{
    uint32_t number = syndrome >> 5 & 0xf;

    counts.entries[COUNT_SYSTEM_REGISTER]++;
    if (((syndrome & CP15_NAME) == CP15_ACTLR || syndrome >> CLASS_SHIFT == CLASS_CP14) &&
        number < 15 && !is_banked_low(number)) {
        /*
         * Auxiliary control: this processor's business is the hypervisor's. Reads as zero, as the
         * debug unit does, which says so that there is none.
         */
        if ((syndrome & CP15_READ) != 0) {
            if (number < 13) {
                registers->r[number] = 0;
            } else {
                write_banked(registers, number, 0);
            }
        }
        skip(syndrome);
        return;
    }
    refuse("a system register that the guest does not have", 0, syndrome);
    inject_undefined();
}

static void other(struct registers *registers, uint32_t syndrome)
{
    switch (syndrome >> CLASS_SHIFT) {
    case CLASS_WAIT:
        skip(syndrome);
        schedule_wait();
        break;
    case CLASS_VFP:
        switch_vfp();
        break;
    case CLASS_PREFETCH_ABORT:
        prefetch_abort(syndrome);
        break;
    case CLASS_CP15:
    case CLASS_CP14:
        system_register(registers, syndrome);
        break;
    default:
        refuse("an operation that the guest may not do", 0, syndrome);
        inject_undefined();
        break;
    }
}

/* A machine's own words, as far as they are printable, with its name. */
static uint32_t report(uint32_t address, uint32_t number)
{
    char text[64];
    const char *words = vdev_memory_pointer(&vm_current->memory, address, sizeof text, 1, false);

    if (words == NULL || ++vm_current->reports > LOGGED) {
        return HYP_NOT_SUPPORTED;
    }
    memcpy(text, words, sizeof text);
    for (unsigned i = 0; i < sizeof text && text[i] != 0; i++) {
        text[i] = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
    }
    text[sizeof text - 1] = 0;
    log_print("vdev: %s: %s %u\n", vm_current->name, text, (unsigned)number);
    return 0;
}

void guest_ends(const char *what)
{
    count_mark(LAST_MARK);
    log_print("vdev: %s asked for %s\n", vm_current->name, what);
    schedule_stop();
}

static void firmware_call(struct registers *registers)
{
    uint32_t function = registers->r[0];
    enum vdev_psci_action action = vdev_psci_call(function, registers->r[1], &registers->r[0]);

    if (action >= VDEV_PSCI_OFF) {
        guest_ends(action == VDEV_PSCI_OFF ? "power-off" : "a reset");
    }
}

void trap_handle(struct registers *registers, uint32_t syndrome)
{
    uint32_t class = syndrome >> CLASS_SHIFT;

    if (class == CLASS_HVC) {
        counts.entries[COUNT_HYPERCALL]++;
        /* The address to return to is after the HVC already. */
        if (registers->r[0] == HYP_CALL_NULL) {
            registers->r[0] = 0;
        } else if (registers->r[0] == HYP_CALL_DOORBELL) {
            registers->r[0] = link_doorbell(vm_current, registers->r[1]) ? 0 : HYP_NOT_SUPPORTED;
        } else if (registers->r[0] == HYP_CALL_REPORT) {
            registers->r[0] = report(registers->r[1], registers->r[2]);
        } else if (registers->r[0] == HYP_CALL_YIELD) {
            registers->r[0] = 0;
            schedule_yield();
        } else {
            firmware_call(registers);
        }
    } else {
        other(registers, syndrome);
    }
}

void fault_report(uint32_t kind, uint32_t program_counter, uint32_t syndrome, uint32_t address)
{
    static const char *const kinds[] = {"undefined instruction", "call", "prefetch abort",
                                        "data abort"};
    log_stop("vdev: the hypervisor itself: %s at pc %x, syndrome %x, address %x", kinds[kind],
             (unsigned)program_counter, (unsigned)syndrome, (unsigned)address);
}
