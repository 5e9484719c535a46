/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counting: entries by cause, and instructions by two event counters of the performance monitors,
 * one that counts in Hyp mode only and one that counts everywhere else (INST_RETIRED; the cycle
 * counter would jump over a WFI). Guests have no access to them. [ARM DDI 0406C, C12]
 */
#include "cpu.h"
#include "hyp.h"

enum {
    COUNTER_GUEST = 4,       /* the last two of six: HPMN gives the guest none from here on */
    COUNTER_HYP = 5,
    COUNTERS = 2,
    OVERFLOWS = 1 << COUNTER_GUEST | 1 << COUNTER_HYP,
    INSTRUCTIONS = 0x08,     /* event: architecturally executed */
    HYP_ONLY = 1 << 27,      /* NSH: count in Hyp mode ... */
    HDCR_COUNT = 1 << 7,     /* HPME */
    /* TPM, TPMCR: guests have no performance monitors; TDA, TDOSA, TDRA: and no debug unit. */
    HDCR_TRAP = 1 << 6 | 1 << 5 | 1 << 9 | 1 << 10 | 1 << 11,
    MARK_OFFSET = 0x14,
    HPPIR = 0x18, /* the interrupt that will be handled next */
    CLASS_HVC = 0x12,
    MARKS = 1000, /* that are written: a guest must not be able to fill the log */
};
#define NOT_KERNEL_NOT_USER (3u << 30) /* P, U: ... and nowhere else */

struct counts counts;

static uint32_t wraps[COUNTERS];
static uint64_t excluded; /* instructions of the log itself */

static void start(uint32_t counter, uint32_t type)
{
    cpu_write_pmselr(counter);
    cpu_barrier();
    cpu_write_pmxevtyper(type);
    cpu_write_pmxevcntr(0);
}

void count_init(void)
{
    cpu_write_hdcr(HDCR_COUNT | HDCR_TRAP | COUNTER_GUEST);
    start(COUNTER_GUEST, INSTRUCTIONS);
    start(COUNTER_HYP, NOT_KERNEL_NOT_USER | HYP_ONLY | INSTRUCTIONS);
    cpu_write_pmovsr(OVERFLOWS);
    cpu_write_pmcntenset(OVERFLOWS);
    cpu_barrier();
}

void count_wrap(void)
{
    uint32_t overflows = cpu_read_pmovsr() & OVERFLOWS;
    if (overflows != 0) {
        cpu_write_pmovsr(overflows);
        wraps[0] += overflows >> COUNTER_GUEST & 1;
        wraps[1] += overflows >> COUNTER_HYP;
    }
}

static uint64_t instructions(uint32_t counter)
{
    cpu_write_pmselr(counter);
    cpu_barrier();
    uint32_t low = cpu_read_pmxevcntr();
    count_wrap();
    if (low < UINT32_C(1) << 31) {
        low = cpu_read_pmxevcntr(); /* if it wrapped between the two, this is the value after it */
    }
    return (uint64_t)wraps[counter - COUNTER_GUEST] << 32 | low;
}

/*
 * The longest path since the last mark: from one entry, or wait, to the next only what runs in Hyp
 * mode is counted. Marks are no part of it.
 */
static struct path {
    uint32_t instructions; /* as it begins; of the longest, in all */
    uint32_t syndrome;     /* of a trap, or 0 */
    uint32_t detail;       /* number of the call or of the interrupt, or address */
} path, longest;
bool count_paths;

void count_path(uint32_t call, bool interrupted)
{
    uint32_t length = cpu_read_pmxevcntr() - path.instructions; /* PMSELR: COUNTER_HYP */

    if (path.instructions != 0 && length > longest.instructions) {
        longest = (struct path){length, path.syndrome, path.detail};
    }
    path.syndrome = interrupted ? 0 : cpu_read_hsr();
    path.detail = interrupted ? *(volatile uint32_t *)(BOARD_GICC + HPPIR)
                  : path.syndrome >> 26 == CLASS_HVC ? call : cpu_read_hpfar() << 8;
    path.instructions = cpu_read_pmxevcntr();
}

void count_mark(uint32_t number)
{
    static const char *const names[COUNT_ENTRIES] = {
        "hypercall", "emulated_access", "stage2_fault", "irq", "system_register", "refused",
    };
    uint64_t before = instructions(COUNTER_HYP);
    uint32_t virtual_irqs = counts.virtual_irqs, maintenance = 0;

    for (unsigned i = 0; i < vm_count; i++) {
        virtual_irqs += vms[i].interface.delivered;
        maintenance += vms[i].interface.maintained;
    }
    log_print("{\"mark\":%u,\"hyp_instructions\":%llu,\"guest_instructions\":%llu,"
              "\"virtual_irqs\":%u,\"world_switches\":%u,\"maintenance\":%u,\"unclaimed\":%llu,"
              "\"hyp_entries\":{",
              (unsigned)number, (unsigned long long)(before - excluded),
              (unsigned long long)instructions(COUNTER_GUEST),
              (unsigned)virtual_irqs, (unsigned)counts.world_switches,
              (unsigned)maintenance, (unsigned long long)vm_current->bus.unclaimed);
    for (unsigned i = 0; i < COUNT_ENTRIES; i++) {
        log_print("%s\"%s\":%u", i == 0 ? "" : ",", names[i], (unsigned)counts.entries[i]);
    }
    log_print("},\"devices\":{");
    for (unsigned i = 0; i < vm_current->window_count; i++) {
        const struct vdev_bus_window *window = &vm_current->windows[i];
        const char *separator = "";
        log_print("%s\"%s\":{", i == 0 ? "" : ",", window->name);
        for (uint32_t r = 0; r < window->length / 4; r++) {
            const struct vdev_register_count *count = &window->counts[r];
            if (count->reads != 0 || count->writes != 0) {
                log_print("%s\"%x\":[%u,%u]", separator, (unsigned)(r * 4),
                          (unsigned)count->reads, (unsigned)count->writes);
                separator = ",";
            }
        }
        log_print("}");
    }
    log_print("}");
    network_report();
    if (count_paths) {
        log_print(",\"longest\":{\"instructions\":%u,\"syndrome\":%u,\"detail\":%u}",
                  (unsigned)longest.instructions, (unsigned)longest.syndrome,
                  (unsigned)longest.detail);
        path.instructions = longest.instructions = 0;
    }
    log_print("}\n");
    excluded += instructions(COUNTER_HYP) - before;
}

int count_mark_access(void *device, struct vdev_access *access)
{
    static uint32_t marks;

    (void)device;
    if (!access->write) {
        access->value = 0;
    } else if (access->offset == MARK_OFFSET && marks < MARKS) {
        marks++;
        /* The board's own register gets it, too: whoever traces the board cuts there. */
        *(volatile uint32_t *)(BOARD_MARK + MARK_OFFSET) = (uint32_t)access->value;
        count_mark((uint32_t)access->value);
    }
    return 0;
}
