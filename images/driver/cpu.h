/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor under a driver VM. A test puts another in its place. */
#ifndef DRIVER_CPU_H
#define DRIVER_CPU_H
#include <stdint.h>

static inline void cpu_call(uint32_t function, uint32_t first, uint32_t second)
{
    register uint32_t r0 __asm__("r0") = function;
    register uint32_t r1 __asm__("r1") = first;
    register uint32_t r2 __asm__("r2") = second;
    __asm__ volatile(".arch_extension virt\n\thvc #0" : "+r"(r0) : "r"(r1), "r"(r2) : "memory");
}

static inline uint64_t cpu_ticks(void) /* CNTVCT: of 16 ns */
{
    uint64_t ticks;
    __asm__ volatile("isb\n\tmrrc p15, 1, %Q0, %R0, c14" : "=r"(ticks));
    return ticks;
}

static inline void cpu_timer(uint64_t ticks) /* CNTV: interrupts then; 0: not at all */
{
    __asm__ volatile("mcrr p15, 3, %Q0, %R0, c14\n\tmcr p15, 0, %1, c14, c3, 1\n\tisb"
                     :
                     : "r"(ticks), "r"(ticks != 0));
}

static inline void cpu_rest(void) /* until an interrupt is pending, which is not taken */
{
    __asm__ volatile("dsb\n\twfi" : : : "memory");
}
#endif
