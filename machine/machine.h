/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MACHINE_MACHINE_H
#define VIOMMU_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include <viommu/mmio.h>

/*
 * The reference machine: the smallest VMM that is complete
 *
 * Guest memory from address 0, a virtio-iommu in a register window, one interrupt line,
 * and devices whose DMA goes through the IOMMU and nowhere else. There is no
 * processor: a guest is a thread of the host that loads and stores (driver.h).
 *
 *          loads, stores                     DMA
 *     guest ----------> window: IOMMU <------------- devices
 *       |                                               |
 *       +-------------> memory <------------------------+  where the IOMMU says
 *
 * Memory and window may be used by any number of threads.
 */

#define MACHINE_WINDOW 0x0a000000ull /* where the IOMMU's registers are */

/* Where writes become interrupts: no memory is there. */
#define MACHINE_MSI_FIRST 0xfee00000ull
#define MACHINE_MSI_LAST  0xfeefffffull

struct machine;

struct machine_config {
	uint64_t memory; /* bytes, from address 0 to at most MACHINE_WINDOW. 0: 16 MiB */
	struct viommu_config iommu;
	struct viommu_mmio_config window;
};

/* NULL when out of memory, or when the IOMMU will not have that configuration. */
struct machine *machine_new(const struct machine_config *config);

/* Its devices must be unplugged. NULL is fine. Returns NULL. */
struct machine *machine_free(struct machine *machine);

struct viommu *machine_iommu(struct machine *machine);
struct viommu_mmio *machine_window(struct machine *machine);

/* The guest's memory as its processor sees it, or NULL if not all of it is memory. */
void *machine_memory(struct machine *machine, uint64_t address, uint64_t length);

/* The level of the IOMMU's interrupt line, and how many MSIs have arrived. */
bool machine_interrupt(const struct machine *machine);
uint64_t machine_msis(const struct machine *machine);

/*
 * A device that does DMA: it has no way to memory but these two, each of which translates
 * and accesses inside one DMA section. One thread at a time uses a device.
 */
struct dma_device;

/* Plug in: add the endpoint to the IOMMU. NULL if it is refused, or out of memory. */
struct dma_device *dma_plug(struct machine *machine, const struct viommu_endpoint *endpoint);

/* NULL is fine. Returns NULL. */
struct dma_device *dma_unplug(struct dma_device *device);

/*
 * Read or write `length` bytes at the device's address `iova`. -EFAULT: not all of it
 * could be accessed; what comes before the first byte refused has been.
 */
int dma_read(struct dma_device *device, uint64_t iova, void *bytes, uint64_t length);
int dma_write(struct dma_device *device, uint64_t iova, const void *bytes, uint64_t length);

#endif
