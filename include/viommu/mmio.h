/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MMIO_H
#define VIOMMU_MMIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viommu/device.h>

/*
 * The device behind virtio-mmio registers, for a VMM without virtio of its own
 *
 * A register window (virtio 1.3, 4.2, version 2; no legacy interface) with its two queues: split
 * and packed rings, indirect descriptors, event index. The VMM forwards the guest's loads and
 * stores, finds guest memory in its own, and raises an interrupt. The window offers
 * VIRTIO_F_VERSION_1 and VIRTIO_F_RING_RESET besides the features of the device.
 *
 * Requests run in the thread that stores to QueueNotify: at most as many for one store as the queue
 * has entries, or, with `paused`, as many as a batch of the device may have. A request that a
 * listener commits later (VIOMMU_PENDING) is answered then, and others meanwhile. A fault goes into
 * the next buffer of the event queue, without a notification. If the buffer is shorter than a
 * record, it is returned empty and the fault is dropped.
 *
 * The guest may change its rings at any time: each index, address and length is read once and
 * checked. A broken ring sets DEVICE_NEEDS_RESET, which stops the device until the driver resets
 * it.
 *
 * A VMM whose guest has one array of memory at address 0 needs no more than:
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
 * and viommu_mmio_read() or viommu_mmio_write() for each load and store in the window. The guest
 * learns the window's address from the device tree ("virtio,mmio"), from ACPI (LNRO0005), or from
 * its command line (<viommu/devicetree.h>).
 *
 * Conventions, errors, and the last line of each comment are those of <viommu/device.h>. The lock
 * "window" means those of the registers and queues. Callbacks are made with such locks held and
 * must not call the window or the device; `trace` and `log` may call viommu_translate(). A function
 * of the device that lets listeners commit also locks the window, to answer requests.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* The usual length of a window in bytes: registers, then configuration space at 0x100. */
#define VIOMMU_MMIO_LENGTH 0x200

/* Callbacks of the window. */
struct viommu_mmio_ops {
	size_t size;

	/*
	 * Find guest-physical `address` in the VMM's memory. Returns a pointer that is valid until
	 * the next reset or viommu_mmio_memory_changed(), and reduces *length to the bytes that are
	 * contiguous there; NULL if `address` is not memory, or cannot be written where `write` is
	 * set. Called with any address, by several threads at once. Required.
	 *
	 * An area of a ring must be contiguous and aligned as for the guest; otherwise its queue
	 * makes the device need a reset. Buffers may be in any number of pieces. It must not call
	 * the window or the device.
	 */
	void *(*memory)(void *opaque, uint64_t address, uint64_t *length, bool write);

	/* The level of the interrupt line has changed: high while InterruptStatus is not 0, low at
	 * first. One call after the other, in order, also by threads that translate. It must not
	 * call the window or the device. May be NULL for a guest that polls. */
	void (*interrupt)(void *opaque, bool level);

	/* As in struct viommu_ops. `log` also gets VIOMMU_LOG_QUEUE when the driver has broken a
	 * virtqueue, or declared one ready that is not in memory, or the host has no memory for a
	 * chain in very many pieces. May be NULL. */
	void (*trace)(void *opaque, const struct viommu_trace *trace);
	void (*log)(void *opaque, const struct viommu_log *entry);

	/*
	 * The device has written [address, address + length) of guest memory: a used ring, an
	 * answer, a fault record. For a dirty log: called after the store, before the driver is
	 * notified of it. By any thread that translates or serves requests, with the queue locked.
	 * It must not call the window or the device. May be NULL.
	 */
	void (*written)(void *opaque, uint64_t address, uint64_t length);

	/*
	 * Requests were left in the queue, or one is not finished, so that a store of the guest
	 * takes a bounded time and a guest keeps to its rates: see viommu_batch_pause() and
	 * viommu_batch_yield(). Call viommu_mmio_serve() after so many nanoseconds, because the
	 * driver does not notify of them. By the thread that served, loaded saved state, stored a
	 * reset of the driver, or called viommu_listener_complete(), without a lock; it must not
	 * call the window. NULL: all requests are served at once, and only the limits of faults
	 * apply.
	 *
	 * Also called when the driver has reset the device, and not all is unmapped yet:
	 * viommu_reset_begin(). Until viommu_mmio_serve() or viommu_mmio_poll() has done the rest,
	 * the driver reads the status ACKNOWLEDGE, and endpoints that were attached are blocked,
	 * even if `bypass` is set. A driver that does not wait for 0 can go on; its requests wait.
	 */
	void (*paused)(void *opaque, uint64_t ns);
};

struct viommu_mmio_config {
	size_t size;

	/* QueueSizeMax of both queues: a power of two up to 1024. 0: 256. */
	uint32_t queue_size;

	/* VendorID. 0: the bytes "VIOM". */
	uint32_t vendor;

	/* Split rings without indirect descriptors and event index, for old guests. */
	bool plain_rings;

	/*
	 * Offer VIRTIO_F_SUSPEND (virtio 1.4, "Device Suspend"): the driver can stop the queues and
	 * continue. While the device is suspended, it does not touch the rings and sends no
	 * interrupt, stores to configuration space are ignored, and faults are dropped.
	 * Translations and the VMM's calls go on as usual.
	 */
	bool suspend;
};

/* Opaque: the registers, both queues, and the device that it owns. */
struct viommu_mmio;

/*
 * Create a window and the device behind it. `device_config` is as for viommu_new(). `config` may be
 * NULL for all defaults, `ops` must not. All are copied. `opaque` is passed to every callback.
 *
 * -EINVAL   `ops` or its `memory` is missing; queue_size is not a power of two or above 1024; or as
 *           viommu_new()
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_mmio_new(const struct viommu_config *device_config,
		    const struct viommu_mmio_config *config, const struct viommu_mmio_ops *ops,
		    void *opaque, struct viommu_mmio **ret_mmio);

/*
 * Free the window, its device and the device's listeners. As for viommu_free(). The interrupt line
 * stays as it is.
 *
 * Returns: NULL. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_mmio *viommu_mmio_free(struct viommu_mmio *mmio);

/*
 * The device behind the window, to add endpoints, listen, translate and inspect. It must not be
 * freed. The window handles requests, features, configuration space, resets and saved state: do not
 * call those functions of the device.
 *
 * Returns: never NULL. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu *viommu_mmio_device(struct viommu_mmio *mmio);

/*
 * The length of this window: VIOMMU_MMIO_LENGTH, or the next power of two that has room for its
 * configuration space.
 *
 * Returns: bytes. Locks: none. Waits: no. Since: 0.1 (testing)
 */
uint64_t viommu_mmio_length(const struct viommu_mmio *mmio);

/*
 * A load of the guest, `length` bytes at `offset` from the beginning of the window. Registers are 4
 * bytes, aligned; configuration space takes 1, 2, 4 and 8 bytes at any offset. Any other load is 0.
 * Values are numbers of the host: a VMM with a big-endian guest has swapped them before. 4.2.2
 *
 * Returns: the value. Locks: window, device. Waits: no. Since: 0.1 (testing)
 */
uint64_t viommu_mmio_read(struct viommu_mmio *mmio, uint64_t offset, unsigned length);

/*
 * A store of the guest, as for viommu_mmio_read(); any other store is ignored. Requests that it
 * notifies of are executed before this returns, unless `paused` is called, and answered, unless a
 * listener commits later. Bits of `value` beyond `length` bytes are ignored.
 *
 * Returns: nothing. Locks: window, device. Waits: DMA sections. Since: 0.1 (testing)
 */
void viommu_mmio_write(struct viommu_mmio *mmio, uint64_t offset, unsigned length, uint64_t value);

/*
 * Serve the request queue, as if the driver had stored to QueueNotify. By any thread.
 *
 * Returns: nothing. Locks: window, device. Waits: DMA sections. Since: 0.2 (testing)
 */
void viommu_mmio_serve(struct viommu_mmio *mmio);

/*
 * Poll the request queue: serve what is there, and let the driver send no notification while it is
 * polled. For a guest a notification is an exit, which costs more than a request; and a driver that
 * waits for its answer waits for the thread that serves. A VMM with a processor to spare has a
 * thread:
 *
 *     for (;;) {
 *             ns = viommu_mmio_poll(mmio, 50000);
 *             if (ns == VIOMMU_SLEEP)
 *                     wait_for_a_notification();
 *             else if (ns)
 *                     sleep_for(ns);
 *     }
 *
 * The device is polled until `poll_ns` have passed without a request; 0: not at all. Then
 * notifications are enabled, and VIOMMU_SLEEP is returned if no request came before that. As long
 * as another value is returned, the thread must call again, at the latest after so many
 * nanoseconds: the driver does not notify. After VIOMMU_SLEEP it calls again when the guest has
 * stored to QueueNotify, which it learns by an ioeventfd in the place of that store, or beside
 * viommu_mmio_write(), which also serves. To stop polling, call with `poll_ns` 0 until VIOMMU_SLEEP
 * is returned. One thread at a time may poll.
 *
 * Returns: nanoseconds, or VIOMMU_SLEEP. Locks: window, device. Waits: DMA sections. Since: 0.2
 * (testing)
 */
uint64_t viommu_mmio_poll(struct viommu_mmio *mmio, uint64_t poll_ns);

/*
 * System reset: registers and queues as at power-on, and viommu_system_reset(). Endpoints and
 * listeners stay.
 *
 * Returns: nothing. Locks: window, device. Waits: DMA sections. Since: 0.1 (testing)
 */
void viommu_mmio_system_reset(struct viommu_mmio *mmio);

/*
 * Guest memory was added, moved or is about to be removed, and `memory` already reflects this.
 * Rings are looked up again; when this returns no older pointer is in use. Requests that are put
 * off are answered first. A ring that is no longer in memory makes the device need a reset.
 *
 * Returns: nothing. Locks: window, device. Waits: requests under way, DMA sections. Since:
 * 0.2 (testing)
 */
void viommu_mmio_memory_changed(struct viommu_mmio *mmio);

/* -- saved state ------------------------------------------------------------------------ */

/*
 * Save the window, its queues and its device in one stream (docs/state.md). Requests that are put
 * off are answered first. The guest must be stopped: a store meanwhile may be lost. *ret_bytes is
 * freed with free().
 *
 * Returns: 0, -ENOMEM. Locks: window, device. Waits: DMA sections. Since: 0.1 (testing)
 */
int viommu_mmio_save(struct viommu_mmio *mmio, void **ret_bytes, size_t *ret_length);

/*
 * Load saved state into a window that offers the same or more. Guest memory must be complete,
 * because rings are looked up in it, and endpoints must exist. The window is reset first. The
 * interrupt line is set as saved, through `interrupt` if it changes. Requests in the queue are
 * executed before this returns, or `paused` is called. On failure the window is as after that
 * reset, with `bypass` as before, and `reason` as for viommu_load().
 *
 * -EBUSY    as viommu_load(); a ring is not where it was, or too large; the driver uses a feature
 * that this window does not offer
 *
 * Returns: 0, -EINVAL, -ENOTSUP, -EBUSY, -ENOMEM, or a listener's errno. Locks: window, device.
 * Waits: DMA sections. Since: 0.1 (testing)
 */
int viommu_mmio_load(struct viommu_mmio *mmio, const void *bytes, size_t length, char *reason,
		     size_t room);

/*
 * The last round of a migration in rounds (viommu_save_begin()): as viommu_mmio_save(), but of the
 * device only what viommu_save_changes() saves. So the time in which the guest is stopped does not
 * depend on the number of its mappings:
 *
 *     viommu_save_begin(device)            viommu_load(device)            the guest runs
 *     viommu_save_changes(device)          viommu_load_changes(device)    and again
 *        the guest stops
 *     viommu_mmio_save_changes(window)    viommu_mmio_load_changes(window)
 *     viommu_save_end(device)
 *
 * where `device` is viommu_mmio_device(). -ESTALE: use viommu_mmio_save() and viommu_mmio_load().
 *
 * Returns: 0, -ESTALE, -ENOMEM. Locks: window, device. Waits: DMA sections. Since: 0.2 (testing)
 */
int viommu_mmio_save_changes(struct viommu_mmio *mmio, void **ret_bytes, size_t *ret_length);

/*
 * As viommu_mmio_load(), of such a stream, to the state that was loaded to the device before. The
 * window is reset first, without its device. On failure both are as after a failure of
 * viommu_mmio_load().
 *
 * Returns: as viommu_mmio_load(). Locks: window, device. Waits: DMA sections. Since: 0.2 (testing)
 */
int viommu_mmio_load_changes(struct viommu_mmio *mmio, const void *bytes, size_t length,
			     char *reason, size_t room);

#ifdef __cplusplus
}
#endif

#endif
