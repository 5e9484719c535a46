/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stage 2 translation of the guests: 32-bit guest physical addresses, memory in blocks of 2 MiB that
 * are mapped when they are first touched, registers in pages. What is not mapped traps.
 * [ARM DDI 0406C, B3.6.2]
 */
#include "cpu.h"
#include "hyp.h"

enum {
    VALID_BLOCK = 1,
    VALID_TABLE = 3,
    VALID_PAGE = 3,
    MEMORY = 0xf << 2, /* write-back, inner and outer */
    DEVICE = 0x1 << 2,
    READ_WRITE = 3 << 6,
    INNER_SHAREABLE = 3 << 8,
    ACCESSED = 1 << 10,
    PAGE = 4096,
    SECTION_BITS = 21,
    PAGE_TABLES = 4 * VM_MAXIMUM, /* 2 MiB of addresses each; registers lie close together */
};
#define NO_EXECUTE (UINT64_C(1) << 54)

static uint64_t level1[VM_MAXIMUM][4] __attribute__((aligned(32)));
static uint64_t level3[PAGE_TABLES][512] __attribute__((aligned(4096)));
static unsigned tables_used;

void stage2_init(struct vm *vm)
{
    static uint64_t level2[VM_MAXIMUM][4 * 512] __attribute__((aligned(4096)));
    uint64_t *table = level1[vm->number];

    vm->level2 = level2[vm->number];
    for (unsigned i = 0; i < 4; i++) {
        table[i] = (uintptr_t)&vm->level2[i * 512] | VALID_TABLE;
    }
    vm->context.vttbr = (uintptr_t)table | (uint64_t)(vm->number + 1) << 48;
    /* 32-bit input, start at level 1; walks through the caches. */
    cpu_write_vtcr(1u << 31 | 3 << 12 | 1 << 10 | 1 << 8 | 1 << 6);
    cpu_barrier();
    cpu_write_tlbiallnsnh(0);
    cpu_barrier();
}

static void map_page(struct vm *vm, uint32_t address, uint64_t entry)
{
    uint64_t *section = &vm->level2[address >> SECTION_BITS];

    if (*section == 0) {
        if (tables_used == PAGE_TABLES) {
            log_stop("vdev: no page table left for what is at %x", (unsigned)address);
        }
        *section = (uintptr_t)level3[tables_used++] | VALID_TABLE;
    }
    uint64_t *table = (uint64_t *)(uintptr_t)(*section & ~UINT64_C(0xfff));
    table[address / PAGE % 512] = entry | VALID_PAGE | READ_WRITE | ACCESSED | NO_EXECUTE;
}

void stage2_map_device(struct vm *vm, uint32_t guest_address, uint32_t physical_address,
                       uint32_t length)
{
    for (uint32_t done = 0; done < length; done += PAGE) {
        map_page(vm, guest_address + done, (physical_address + done) | DEVICE);
    }
    cpu_barrier();
}

void stage2_share(struct vm *vm, uint32_t guest_address, uint32_t physical_address,
                  uint32_t length)
{
    const uint32_t block = 1u << SECTION_BITS;
    uint32_t step;

    for (uint32_t done = 0; done < length; done += step) {
        uint32_t address = guest_address + done;
        uint32_t physical = physical_address + done;
        if ((address | physical) % block == 0 && length - done >= block) {
            vm->level2[address >> SECTION_BITS] = physical | VALID_BLOCK | MEMORY | READ_WRITE |
                                                  INNER_SHAREABLE | ACCESSED | NO_EXECUTE;
            step = block;
        } else {
            map_page(vm, address, physical | MEMORY | INNER_SHAREABLE);
            step = PAGE;
        }
    }
    cpu_barrier();
}

bool stage2_is_mapped(const struct vm *vm, uint32_t guest_address)
{
    uint64_t section = vm->level2[guest_address >> SECTION_BITS];
    const uint64_t *table = (const uint64_t *)(uintptr_t)(section & ~UINT64_C(0xfff));

    return section != 0 && table[guest_address / PAGE % 512] != 0;
}

void stage2_map_memory(uint32_t guest_address)
{
    uint32_t section = guest_address >> SECTION_BITS;
    uint32_t physical = (section << SECTION_BITS) - vm_current->ram_address + vm_current->ram_physical;

    vm_current->level2[section] = physical | VALID_BLOCK | MEMORY | READ_WRITE | INNER_SHAREABLE | ACCESSED;
    /* It was invalid, so that no TLB holds it; the walker must see it before the guest goes on. */
    __asm__ volatile("dsb ish" ::: "memory");
}
