/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MMIO_H
#define VIOMMU_MMIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viommu/device.h>

/*
 * The device behind virtio-mmio registers, for a VMM that has no virtio of its own
 *
 * A register window (virtio 1.3, "Virtio Over MMIO", version 2) with the two queues
 * behind it: split and packed rings, indirect descriptors, event index. The VMM forwards
 * the guest's loads and stores, says where guest memory lies in its own, and raises an
 * interrupt when asked to.
 *
 * Requests run in the thread that writes QueueNotify; the register is the only place
 * where the guest makes the device work. The guest owns the rings and may change them at
 * any time: every index, address and length is taken once and checked. A broken ring
 * sets DEVICE_NEEDS_RESET and stops the device until the driver resets it; it never
 * hurts the VMM. For one write of QueueNotify the device executes at most as many requests
 * as the queue has entries.
 *
 * A fault goes into the next buffer of the event queue, whether the driver has notified
 * of it or not. One that is shorter than a record goes back empty, and the fault is
 * dropped.
 *
 * Errors and threads are as in <viommu/device.h>: any thread may access the window at any
 * time, but not inside a DMA section, because a request, or a reset, may have to wait
 * for the section to end. The callbacks below are made with locks held: they must call
 * neither the window nor the device.
 */

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The window's length in bytes: registers, then configuration space at 0x100. With a
 * built-in topology it may be longer: viommu_mmio_length().
 */
#define VIOMMU_MMIO_LENGTH 0x200

struct viommu_mmio_ops {
	size_t size;

	/*
	 * Where is guest-physical `address` in the VMM's memory? Returns a pointer that stays
	 * valid until the next reset, and cuts *length to as much as lies contiguous behind it
	 * (never more than asked for); NULL if that is not memory, or may not be written where
	 * `write` is set. Called with any number a guest can think of, by several threads at
	 * once. Must be given.
	 *
	 * Each area of a ring must be contiguous in the VMM's memory, too, and be aligned there
	 * as it is for the guest; a queue for which that is not so makes the device need a
	 * reset. Buffers may be in any number of pieces.
	 */
	void *(*memory)(void *opaque, uint64_t address, uint64_t *length, bool write);

	/* The level of the interrupt line changes. May be NULL for a guest that polls. Called by
	 * threads that translate, too, when a fault was put on the event queue; one call after
	 * the other, in the order of the changes. */
	void (*interrupt)(void *opaque, bool level);
};

struct viommu_mmio_config {
	size_t size;

	/* The most entries a driver may give each queue, a power of two up to 1024. 0: 256. */
	uint32_t queue_size;

	/* What the window calls its vendor. 0: "VIOM". */
	uint32_t vendor;

	/* Split rings only, without indirect descriptors or event index: for old guests. */
	bool plain_rings;
};

struct viommu_mmio;

/*
 * Make a window and the device behind it. `device_config` is as for viommu_new(),
 * `config` may be NULL for all defaults, `ops` may not. Free with viommu_mmio_free().
 * -EINVAL, -E2BIG, -ENOMEM
 */
int viommu_mmio_new(const struct viommu_config *device_config,
		    const struct viommu_mmio_config *config, const struct viommu_mmio_ops *ops,
		    void *opaque, struct viommu_mmio **ret_mmio);

/* Frees the device behind the window as well; NULL is fine. Returns NULL. */
struct viommu_mmio *viommu_mmio_free(struct viommu_mmio *mmio);

/* The device behind the window: to add endpoints, to listen, to translate. */
struct viommu *viommu_mmio_device(struct viommu_mmio *mmio);

/* The length of this window: VIOMMU_MMIO_LENGTH, or the next power of two that is enough for its
 * configuration space. */
uint64_t viommu_mmio_length(const struct viommu_mmio *mmio);

/*
 * The guest loads from, or stores to, the window. Registers are 4 bytes wide and
 * aligned; configuration space takes 1, 2, 4 and 8 bytes at any offset. Every other
 * access reads as 0 and writes nothing.
 */
uint64_t viommu_mmio_read(struct viommu_mmio *mmio, uint64_t offset, unsigned length);

/* The store: requests that it notifies of are executed before this returns. */
void viommu_mmio_write(struct viommu_mmio *mmio, uint64_t offset, unsigned length, uint64_t value);

/* The machine is reset: registers and queues as at power-on, viommu_system_reset(). */
void viommu_mmio_system_reset(struct viommu_mmio *mmio);

#ifdef __cplusplus
}
#endif

#endif
