/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counting: entries by cause, and the hypervisor's own instructions by an event counter of the
 * performance monitors that counts in Hyp mode only (INST_RETIRED; the cycle counter would jump over
 * a WFI). Guests have no access to it. [ARM DDI 0406C, C12]
 */
#include "cpu.h"
#include "hyp.h"

enum {
    COUNTER = 5,             /* the last of six: HPMN gives the guest none from here on */
    INSTRUCTIONS = 0x08,     /* event: architecturally executed */
    HYP_ONLY = 1 << 27,      /* NSH: count in Hyp mode ... */
    HDCR_COUNT = 1 << 7,     /* HPME */
    /* TPM, TPMCR: guests have no performance monitors; TDA, TDOSA, TDRA: and no debug unit. */
    HDCR_TRAP = 1 << 6 | 1 << 5 | 1 << 9 | 1 << 10 | 1 << 11,
    MARK_OFFSET = 0x14,
    MARKS = 1000, /* that are written: a guest must not be able to fill the log */
};
#define NOT_KERNEL_NOT_USER (3u << 30) /* P, U: ... and nowhere else */

static uint32_t wraps;
static uint64_t excluded; /* instructions of the log itself */

void count_init(void)
{
    cpu_write_hdcr(HDCR_COUNT | HDCR_TRAP | COUNTER);
    cpu_write_pmselr(COUNTER);
    cpu_barrier();
    cpu_write_pmxevtyper(NOT_KERNEL_NOT_USER | HYP_ONLY | INSTRUCTIONS);
    cpu_write_pmxevcntr(0);
    cpu_write_pmovsr(1 << COUNTER);
    cpu_write_pmcntenset(1 << COUNTER);
    cpu_barrier();
}

void count_wrap(void)
{
    if ((cpu_read_pmovsr() & 1 << COUNTER) != 0) {
        cpu_write_pmovsr(1 << COUNTER);
        wraps++;
    }
}

static uint64_t instructions(void)
{
    uint32_t low = cpu_read_pmxevcntr();
    count_wrap();
    if (low < UINT32_C(1) << 31) {
        low = cpu_read_pmxevcntr(); /* if it wrapped between the two, this is the value after it */
    }
    return (uint64_t)wraps << 32 | low;
}

void count_mark(uint32_t number)
{
    static const char *const names[COUNT_ENTRIES] = {
        "hypercall", "emulated_access", "stage2_fault", "irq", "system_register", "refused",
    };
    uint64_t before = instructions();

    log_print("{\"mark\":%u,\"hyp_instructions\":%llu,\"virtual_irqs\":%u,\"world_switches\":%u,"
              "\"maintenance\":%u,\"unclaimed\":%llu,\"hyp_entries\":{",
              (unsigned)number, (unsigned long long)(before - excluded),
              (unsigned)vm.counts.virtual_irqs, (unsigned)vm.counts.world_switches,
              (unsigned)vm.counts.maintenance, (unsigned long long)vm.bus.unclaimed);
    for (unsigned i = 0; i < COUNT_ENTRIES; i++) {
        log_print("%s\"%s\":%u", i == 0 ? "" : ",", names[i], (unsigned)vm.counts.entries[i]);
    }
    log_print("},\"devices\":{");
    for (unsigned i = 0; i < vm.window_count; i++) {
        const struct vdev_bus_window *window = &vm.windows[i];
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
    log_print("}}\n");
    excluded += instructions() - before;
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
