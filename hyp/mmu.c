/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own translation: flat, memory cached as the guest caches it (else both would see
 * stale data on real silicon), registers as device memory; code read-only, everything else not
 * executable. [ARM DDI 0406C, B3.6]
 */
#include "cpu.h"
#include "hyp.h"

enum {
    VALID_BLOCK = 1,
    VALID_TABLE = 3,
    VALID_PAGE = 3,
    MEMORY = 0 << 2, /* index into HMAIR0 */
    DEVICE = 1 << 2,
    ANY_LEVEL = 1 << 6, /* should be one in Hyp mode */
    READ_ONLY = 1 << 7,
    INNER_SHAREABLE = 3 << 8,
    ACCESSED = 1 << 10,
};
#define NO_EXECUTE (UINT64_C(1) << 54)

#define GIGABYTE   (UINT64_C(1) << 30)
#define SECTION    (UINT64_C(1) << 21)
#define PAGE       4096u

/* From the linker script. */
extern char data_start[], stack_bottom[];

static uint64_t level1[4] __attribute__((aligned(4096)));
static uint64_t level2[512] __attribute__((aligned(4096)));
static uint64_t level3[512] __attribute__((aligned(4096)));

void mmu_clean(const void *pointer, uint32_t length)
{
    uint32_t line = 4u << (cpu_read_ctr() >> 16 & 15);
    uint32_t end = (uint32_t)pointer + length;

    for (uint32_t at = (uint32_t)pointer & ~(line - 1); at < end; at += line) {
        cpu_write_dccimvac(at);
    }
    cpu_write_iciallu(0); /* and the branch predictors with it */
    cpu_barrier();
}

void mmu_enable(void)
{
    const uint64_t memory = MEMORY | ANY_LEVEL | INNER_SHAREABLE | ACCESSED;
    const uint32_t code_end = (uint32_t)data_start;

    for (uint32_t i = 0; i < 4; i++) {
        bool ram = i * GIGABYTE >= BOARD_MEMORY;
        level1[i] = i * GIGABYTE | VALID_BLOCK | NO_EXECUTE |
                    (ram ? memory : (uint64_t)(DEVICE | ANY_LEVEL | ACCESSED));
    }
    level1[BOARD_MEMORY / GIGABYTE] = (uintptr_t)level2 | VALID_TABLE;
    for (uint32_t i = 0; i < 512; i++) {
        level2[i] = (BOARD_MEMORY + i * SECTION) | VALID_BLOCK | NO_EXECUTE | memory;
    }
    level2[0] = (uintptr_t)level3 | VALID_TABLE;
    for (uint32_t i = 0; i < 512; i++) {
        uint32_t address = BOARD_MEMORY + i * PAGE;
        uint64_t entry = address | VALID_PAGE | memory;
        if (address < code_end) {
            entry |= READ_ONLY;
        } else {
            entry |= NO_EXECUTE;
        }
        level3[i] = entry;
    }
    /* The page below the stack stays unmapped, so that an overflow faults. */
    level3[((uint32_t)stack_bottom - PAGE - BOARD_MEMORY) / PAGE] = 0;

    cpu_write_hmair0(0x04ff);                    /* 0: write-back memory; 1: device */
    cpu_write_htcr(1u << 31 | 1u << 23 | 3u << 12 | 1 << 10 | 1 << 8); /* walks cached, shareable */
    cpu_write_httbr((uintptr_t)level1);
    cpu_write_tlbiallh(0);
    cpu_write_iciallu(0);
    cpu_barrier();
    cpu_write_hsctlr(cpu_read_hsctlr() | 1u << 19 | 1 << 12 | 1 << 2 | 1); /* WXN, I, C, M */
    cpu_barrier();
}
