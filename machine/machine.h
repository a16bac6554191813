/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MACHINE_MACHINE_H
#define VIOMMU_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include <viommu/mmio.h>
#include <viommu/pci.h>

/*
 * The reference machine: a minimal but complete VMM
 *
 * Guest memory from address 0, a virtio-iommu in a register window or as a PCI function, one
 * interrupt line, and devices whose DMA is translated by the IOMMU. There is no processor: a guest
 * is a host thread that loads and stores (bus.h, driver.h).
 *
 *          loads, stores                     DMA
 *     guest --------------------> IOMMU <----------- devices
 *       |                                               |
 *       +-------------> memory <------------------------+  as translated
 *
 * Memory and registers may be used by any number of threads.
 */

#define MACHINE_WINDOW 0x0a000000ull /* where the IOMMU's registers are */
#define MACHINE_BAR    0x0a000000ull /* and where the driver maps those of the function */

/* The MSI window; it has no memory. */
#define MACHINE_MSI_FIRST 0xfee00000ull
#define MACHINE_MSI_LAST  0xfeefffffull

struct machine;

struct machine_config {
	uint64_t memory; /* bytes, from address 0 to at most MACHINE_WINDOW. 0: 16 MiB */
	struct viommu_config iommu;
	struct viommu_mmio_config window;
	bool pci; /* the IOMMU is a PCI function, with all defaults, and there is no window */
};

/* Returns NULL if memory runs out, or if the configuration is invalid. */
struct machine *machine_new(const struct machine_config *config);

/* All devices must be unplugged first. Accepts NULL. Returns NULL. */
struct machine *machine_free(struct machine *machine);

struct viommu *machine_iommu(struct machine *machine);

/* One of them is NULL. */
struct viommu_mmio *machine_window(struct machine *machine);
struct viommu_pci *machine_function(struct machine *machine);

/* A system reset; saved state of the IOMMU, as of <viommu/mmio.h> and <viommu/pci.h>. */
void machine_reset(struct machine *machine);
int machine_save(struct machine *machine, void **ret_bytes, size_t *ret_length);
int machine_load(struct machine *machine, const void *bytes, size_t length, char *reason,
		 size_t room);

/* Serve the requests that a notification has left, so that it takes a bounded time. */
void machine_serve(struct machine *machine);

/* Guest memory, or NULL if the range is not entirely memory. */
void *machine_memory(struct machine *machine, uint64_t address, uint64_t length);

/* The number of MSIs so far, those of the IOMMU itself included. */
uint64_t machine_msis(const struct machine *machine);

/*
 * A device that does DMA. dma_read() and dma_write() translate and access in one DMA section. One
 * thread at a time uses a device.
 */
struct dma_device;

/* Add the endpoint to the IOMMU. Returns NULL if it is refused or memory runs out. */
struct dma_device *dma_plug(struct machine *machine, const struct viommu_endpoint *endpoint);

/* NULL is fine. Returns NULL. */
struct dma_device *dma_unplug(struct dma_device *device);

/* Read or write `length` bytes at `iova`. -EFAULT: a byte was refused; the bytes before it were
 * accessed. */
int dma_read(struct dma_device *device, uint64_t iova, void *bytes, uint64_t length);
int dma_write(struct dma_device *device, uint64_t iova, const void *bytes, uint64_t length);

#endif
