/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_REGISTERS_H
#define VIOMMU_TRANSPORT_REGISTERS_H

#include "transport/virtio.h"

/* The virtio-mmio register window, version 2, of a virtio device (virtio 1.4, 4.2). */

/* The usual length of a window, and the offset of configuration space. */
#define REGISTERS_LENGTH 0x200
#define REGISTERS_CONFIG 0x100

/* See viommu_mmio_read() and viommu_mmio_write(). */
uint64_t registers_read(struct virtio *virtio, uint64_t offset, unsigned length);
void registers_write(struct virtio *virtio, uint64_t offset, unsigned length, uint64_t value);

#endif
