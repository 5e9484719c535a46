/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Register access for real drivers and front-ends: one interface, two forms.
 *
 * Freestanding (VDEV_IO_DIRECT is 1): each call is one volatile access, as with a raw pointer; a
 * driver costs nothing for being testable. Hosted (0): each call goes to a table of functions, so
 * that the same source file runs against a script, a model or an emulator. The structure is the same
 * in both, so that objects built either way agree on it. No ordering against normal memory is
 * implied: who shares memory with a device uses the fences of <stdatomic.h> or its DMA interface.
 */
#ifndef VDEV_IO_H
#define VDEV_IO_H

#include <stdint.h>

#ifndef VDEV_IO_DIRECT
#define VDEV_IO_DIRECT (!__STDC_HOSTED__)
#endif

struct vdev_io_operations {
    uint64_t (*read)(void *context, uint32_t offset, unsigned width);
    void (*write)(void *context, uint32_t offset, unsigned width, uint64_t value);
};

struct vdev_io {
    uintptr_t base;                              /* direct: address of the first register */
    const struct vdev_io_operations *operations; /* indirect: where accesses go */
    void *context;
};

#if VDEV_IO_DIRECT
#define VDEV_IO_DEFINE(bits)                                                                       \
    static inline uint##bits##_t vdev_io_read##bits(const struct vdev_io *io, uint32_t offset)     \
    {                                                                                              \
        return *(const volatile uint##bits##_t *)(io->base + offset);                              \
    }                                                                                              \
    static inline void vdev_io_write##bits(const struct vdev_io *io, uint32_t offset,              \
                                           uint##bits##_t value)                                   \
    {                                                                                              \
        *(volatile uint##bits##_t *)(io->base + offset) = value;                                   \
    }
#else
#define VDEV_IO_DEFINE(bits)                                                                       \
    static inline uint##bits##_t vdev_io_read##bits(const struct vdev_io *io, uint32_t offset)     \
    {                                                                                              \
        return (uint##bits##_t)io->operations->read(io->context, offset, (bits) / 8);              \
    }                                                                                              \
    static inline void vdev_io_write##bits(const struct vdev_io *io, uint32_t offset,              \
                                           uint##bits##_t value)                                   \
    {                                                                                              \
        io->operations->write(io->context, offset, (bits) / 8, value);                             \
    }
#endif

VDEV_IO_DEFINE(8)
VDEV_IO_DEFINE(16)
VDEV_IO_DEFINE(32)
VDEV_IO_DEFINE(64)

/*
 * Eight registers of 32 bits in a row, in ascending order, from or to memory aligned to 4: for FIFOs
 * that are seen at as many addresses. Returns where the memory goes on. Directly and on an ARM it is
 * two instructions, for which the registers have to be a device's own: a hypervisor that emulates
 * them cannot decode these.
 */
#define VDEV_IO_BURST 8u

static inline uint32_t *vdev_io_read_burst(const struct vdev_io *io, uint32_t offset,
                                           uint32_t *words)
{
#if VDEV_IO_DIRECT && defined(__arm__)
    __asm__ volatile("ldm %1, {r3-r6, r8-r10, r12}\n\tstm %0!, {r3-r6, r8-r10, r12}"
                     : "+r"(words)
                     : "r"(io->base + offset)
                     : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "memory");
#else
    for (unsigned i = 0; i < VDEV_IO_BURST; i++) {
        *words++ = vdev_io_read32(io, offset + i * 4);
    }
#endif
    return words;
}

static inline const uint32_t *vdev_io_write_burst(const struct vdev_io *io, uint32_t offset,
                                                  const uint32_t *words)
{
#if VDEV_IO_DIRECT && defined(__arm__)
    __asm__ volatile("ldm %0!, {r3-r6, r8-r10, r12}\n\tstm %1, {r3-r6, r8-r10, r12}"
                     : "+r"(words)
                     : "r"(io->base + offset)
                     : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "memory");
#else
    for (unsigned i = 0; i < VDEV_IO_BURST; i++) {
        vdev_io_write32(io, offset + i * 4, *words++);
    }
#endif
    return words;
}

#endif
