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
 * A VMM needs no more than this, for a guest whose memory is one array at address 0:
 *
 *     static void *memory(void *opaque, uint64_t address, uint64_t *length, bool write)
 *     {
 *             struct vmm *vmm = opaque;
 *
 *             if (address >= vmm->ram_length)
 *                     return NULL;
 *             if (*length > vmm->ram_length - address)
 *                     *length = vmm->ram_length - address;
 *             return vmm->ram + address;
 *     }
 *
 *     struct viommu_mmio_ops ops = { .size = sizeof(ops), .memory = memory,
 *                                    .interrupt = set_line };
 *
 *     error = viommu_mmio_new(NULL, NULL, &ops, vmm, &mmio);
 *     viommu_endpoint_add(viommu_mmio_device(mmio), &nic);
 *
 * and from there on viommu_mmio_read() and viommu_mmio_write() for each load and store of the
 * guest in its window. Where the window is, the guest learns from the device tree
 * ("virtio,mmio"), from ACPI (LNRO0005) or from its command line (<viommu/devicetree.h>).
 *
 * A driver brings the device up by the registers as "Device Initialization" has it: Status
 * ACKNOWLEDGE, DRIVER, features by halves, FEATURES_OK, each queue by QueueSel and QueueReady,
 * DRIVER_OK. FEATURES_OK reads back as clear if a bit was not offered, or if VIRTIO_F_VERSION_1
 * was not accepted. Besides the features of the device, the window always offers
 * VIRTIO_F_VERSION_1 and VIRTIO_F_RING_RESET. There is no legacy interface (version 1).
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

/* What the window asks of its VMM. `opaque` is what viommu_mmio_new() was given. Copied. */
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
	 * the other, in the order of the changes. The line is high while InterruptStatus is not
	 * 0, and so falls when the driver writes InterruptACK, or at a reset. It is called for
	 * changes only, and begins low. */
	void (*interrupt)(void *opaque, bool level);

	/* As in struct viommu_ops. `log` also gets VIOMMU_LOG_QUEUE when the driver has broken a
	 * virtqueue, or declared one ready that cannot be found in memory. May be NULL. */
	void (*trace)(void *opaque, const struct viommu_trace *trace);
	void (*log)(void *opaque, const struct viommu_log *entry);
};

/* What the window is, apart from its device. Members that are 0 have their default. */
struct viommu_mmio_config {
	size_t size;

	/* The most entries a driver may give each queue, a power of two up to 1024. 0: 256. It is
	 * what QueueSizeMax reads as, for both queues, and bounds how long one write of
	 * QueueNotify can take. */
	uint32_t queue_size;

	/* What the window calls its vendor: register VendorID, at 0x00c. 0: "VIOM", as four bytes
	 * in the guest's memory. Drivers do not care. */
	uint32_t vendor;

	/* Split rings only, without indirect descriptors or event index: for old guests. */
	bool plain_rings;
};

/* Opaque: the registers, both queues, and the device, which is owned by it. */
struct viommu_mmio;

/*
 * Make a window and the device behind it. `device_config` is as for viommu_new(),
 * `config` may be NULL for all defaults, `ops` may not. Free with viommu_mmio_free().
 *
 * -EINVAL   `ops` or its `memory` is missing; queue_size is no power of two, or more than 1024;
 *           or as viommu_new()
 * -E2BIG    a struct sets a member that this library does not have
 * -ENOMEM
 */
int viommu_mmio_new(const struct viommu_config *device_config,
		    const struct viommu_mmio_config *config, const struct viommu_mmio_ops *ops,
		    void *opaque, struct viommu_mmio **ret_mmio);

/* Frees the device behind the window as well, and its listeners; DMA passes must have been freed
 * before. NULL is fine. Returns NULL. The interrupt line is left as it was. */
struct viommu_mmio *viommu_mmio_free(struct viommu_mmio *mmio);

/*
 * The device behind the window: to add endpoints, to listen, to translate, to save. It lives as
 * long as the window, and must not be freed by itself. Requests, features, configuration space
 * and resets are the window's: a VMM that calls those functions too confuses the guest.
 */
struct viommu *viommu_mmio_device(struct viommu_mmio *mmio);

/* The length of this window: VIOMMU_MMIO_LENGTH, or the next power of two that is enough for its
 * configuration space. */
uint64_t viommu_mmio_length(const struct viommu_mmio *mmio);

/*
 * The guest loads from, or stores to, the window. Registers are 4 bytes wide and
 * aligned; configuration space takes 1, 2, 4 and 8 bytes at any offset. Every other
 * access reads as 0 and writes nothing. `offset` is in bytes from the beginning of the window,
 * `length` is in bytes, and values are numbers of the host: the window is little-endian, and
 * whoever forwards an access of a big-endian guest has swapped it. Never fails, whatever the
 * guest asks for. ("MMIO Device Register Layout")
 */
uint64_t viommu_mmio_read(struct viommu_mmio *mmio, uint64_t offset, unsigned length);

/*
 * The store: requests that it notifies of are executed before this returns, with their answers
 * and interrupt; 0 to Status is the reset of the device. Bits of `value` beyond `length` bytes are
 * ignored. May wait for DMA sections, as viommu_request() does.
 */
void viommu_mmio_write(struct viommu_mmio *mmio, uint64_t offset, unsigned length, uint64_t value);

/* The machine is reset: registers and queues as at power-on, viommu_system_reset(). The interrupt
 * line falls if it was high. Endpoints and listeners stay. May wait for DMA sections. */
void viommu_mmio_system_reset(struct viommu_mmio *mmio);

/* -- saved state ------------------------------------------------------------------------ */

/*
 * Write down the window, its queues and the device behind it, in one stream (docs/state.md) that
 * holds what viommu_save() writes; so nobody has to call that too. The guest must not be running,
 * as when its memory is saved: what a processor stores to the window meanwhile may be lost.
 * Requests are never half done, for they are executed in the store that notifies of them.
 *
 * *ret_bytes is to be freed with free(). -ENOMEM
 */
int viommu_mmio_save(struct viommu_mmio *mmio, void **ret_bytes, size_t *ret_length);

/*
 * Become what a stream says, in a window with the same or more to offer. Guest memory is there
 * already, since rings are looked up in it; endpoints, too. What the window was before is
 * forgotten first, as when the driver writes 0 to Status. The interrupt line is set as it was:
 * `interrupt` is called if that is a change, and the VMM has nothing to restore.
 *
 * On failure the window is as after such a reset, with the same `bypass` as before, and `reason`
 * says why, as for viommu_load().
 *
 * -EBUSY    besides what viommu_load() says: a ring is not where it was, or too large, or the
 *           driver uses features that this window does not have
 * -EINVAL, -ENOTSUP, -ENOMEM, and whatever a listener refused with, as viommu_load()
 */
int viommu_mmio_load(struct viommu_mmio *mmio, const void *bytes, size_t length, char *reason,
		     size_t room);

#ifdef __cplusplus
}
#endif

#endif
