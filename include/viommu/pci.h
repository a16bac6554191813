/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PCI_H
#define VIOMMU_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viommu/device.h>

/*
 * The device as a PCI function, for a VMM without virtio of its own
 *
 * A virtio-pci function (virtio 1.4, 4.1; vendor 1af4, device 1057, class 080600; no legacy
 * interface) with the rings of <viommu/mmio.h>: what that header says about requests, faults, rings
 * and the guest's changes to them holds here too. A VIOT, a device tree or a built-in topology
 * names the function by its address on the bus.
 *
 * The function has 256 bytes of configuration space and one BAR: BAR 0, 64-bit memory, at least
 * 32 KiB, which has all virtio structures and the MSI-X table. The same structures can be reached
 * by the access capability in configuration space, which firmware uses before BARs are mapped.
 *
 *     PCI bus ---- viommu_pci_config_read(), viommu_pci_config_write()
 *     memory  ---- viommu_pci_bar_read(), viommu_pci_bar_write(), at the address of `mapped`
 *
 *     function --- message: an MSI-X message, with address and data
 *              --- interrupt: the level of INTA
 *
 * With MSI-X there are three vectors, so that the configuration and each queue can have its own.
 * Masked messages are pending, and are sent when they are unmasked. Without MSI-X, or until the
 * driver enables it, INTA is raised and ISR status has the reason.
 *
 * The function must be a bus master to access guest memory: while the driver has cleared this bit
 * of the command register, no queue is served, faults are dropped and messages wait. The queues are
 * looked at again when the bit is set.
 *
 * A function level reset, by the Advanced Features capability, resets the driver's setup,
 * configuration space and MSI-X, as writing 0 to device_status does for the first; `bypass` of the
 * device stays as it is until viommu_pci_system_reset().
 *
 * Conventions, errors, and the last line of each comment are those of <viommu/device.h>. The lock
 * "function" means those of configuration space, BAR and queues. Callbacks are made with such locks
 * held and must not call the function or the device; `trace` and `log` may call
 * viommu_translate().
 */

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of configuration space. */
#define VIOMMU_PCI_CONFIG_LENGTH 256

/*
 * Where in the BAR the driver notifies of each queue, VIOMMU_PCI_NOTIFY_MULTIPLIER bytes apart. A
 * VMM may let another thread do these writes, for example by an ioeventfd for each.
 */
#define VIOMMU_PCI_NOTIFY            0x1000
#define VIOMMU_PCI_NOTIFY_MULTIPLIER 4

/* Callbacks of the function. */
struct viommu_pci_ops {
	size_t size;

	/* As in struct viommu_mmio_ops. `memory` is required. */
	void *(*memory)(void *opaque, uint64_t address, uint64_t *length, bool write);

	/* The level of INTA has changed, low at first. One call after the other, in order, also by
	 * threads that translate. NULL: the function has no interrupt pin. */
	void (*interrupt)(void *opaque, bool level);

	/* Send an MSI-X message: a write of the 32 bits `data` to `address` of the bus. By any
	 * thread, as `interrupt`. NULL: the function has no MSI-X. */
	void (*message)(void *opaque, uint64_t address, uint32_t data);

	/* The BAR is mapped at `address` now, instead of where it was before; or is not mapped. By
	 * the thread that writes to configuration space, resets or loads. NULL: the VMM asks
	 * viommu_pci_bar_address(). */
	void (*mapped)(void *opaque, bool mapped, uint64_t address);

	/* As in struct viommu_mmio_ops. May be NULL. */
	void (*trace)(void *opaque, const struct viommu_trace *trace);
	void (*log)(void *opaque, const struct viommu_log *entry);
	void (*written)(void *opaque, uint64_t address, uint64_t length);

	/* As in struct viommu_mmio_ops: call viommu_pci_serve(). May be NULL. */
	void (*paused)(void *opaque, uint64_t ns);
};

struct viommu_pci_config {
	size_t size;

	/* As in struct viommu_mmio_config. */
	uint32_t queue_size;

	/* Subsystem IDs. 0: 1af4 and 0040. */
	uint16_t subsystem_vendor, subsystem_device;

	/* The device of this function, which is its number 0, has other functions. */
	bool multifunction;

	/* As in struct viommu_mmio_config. */
	bool plain_rings, suspend;
};

/* Opaque: the function, both queues, and the device that it owns. */
struct viommu_pci;

/*
 * Create a function and the device behind it. `device_config` is as for viommu_new(). `config` may
 * be NULL for all defaults, `ops` must not. All are copied. `opaque` is passed to every callback.
 *
 * -EINVAL   `ops` or its `memory` is missing; queue_size is not a power of two or above 1024; or as
 *           viommu_new()
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_pci_new(const struct viommu_config *device_config,
		   const struct viommu_pci_config *config, const struct viommu_pci_ops *ops,
		   void *opaque, struct viommu_pci **ret_pci);

/*
 * Free the function, its device and the device's listeners. As for viommu_free(). INTA and the
 * mapping of the BAR stay as they are.
 *
 * Returns: NULL. Locks: none. Waits: no. Since: 0.2 (testing)
 */
struct viommu_pci *viommu_pci_free(struct viommu_pci *pci);

/*
 * The device behind the function, as of viommu_mmio_device().
 *
 * Returns: never NULL. Locks: none. Waits: no. Since: 0.2 (testing)
 */
struct viommu *viommu_pci_device(struct viommu_pci *pci);

/*
 * A read of configuration space, `length` bytes at `offset`: 1, 2 or 4, naturally aligned. Any
 * other read, and what lies behind 256 bytes, is all ones. A read of the access capability's data
 * reads the BAR.
 *
 * Returns: the value. Locks: function, device. Waits: no. Since: 0.2 (testing)
 */
uint32_t viommu_pci_config_read(struct viommu_pci *pci, uint64_t offset, unsigned length);

/*
 * A write to configuration space; any other write is ignored. Requests that are found when the
 * function becomes a bus master, or that a write through the access capability notifies of, are
 * executed before this returns.
 *
 * Returns: nothing. Locks: function, device. Waits: DMA sections. Since: 0.2 (testing)
 */
void viommu_pci_config_write(struct viommu_pci *pci, uint64_t offset, unsigned length,
			     uint32_t value);

/*
 * The length of the BAR: a power of two.
 *
 * Returns: bytes. Locks: none. Waits: no. Since: 0.2 (testing)
 */
uint64_t viommu_pci_bar_length(const struct viommu_pci *pci);

/*
 * Is the BAR mapped? *ret_address is set only if it is.
 *
 * Returns: whether it is mapped. Locks: function. Waits: no. Since: 0.2 (testing)
 */
bool viommu_pci_bar_address(struct viommu_pci *pci, uint64_t *ret_address);

/*
 * A load of the guest, `length` bytes at `offset` from the beginning of the BAR: 1, 2, 4 or 8,
 * naturally aligned; fields of common configuration must be loaded whole. Any other load is 0.
 * Values are numbers of the host. A load of ISR status acknowledges it.
 *
 * Returns: the value. Locks: function, device. Waits: no. Since: 0.2 (testing)
 */
uint64_t viommu_pci_bar_read(struct viommu_pci *pci, uint64_t offset, unsigned length);

/*
 * A store of the guest, as for viommu_pci_bar_read(); any other store is ignored. Requests that it
 * notifies of are executed before this returns, unless `paused` is called, and answered, unless a
 * listener commits later. Bits of `value` beyond `length` bytes are ignored.
 *
 * Returns: nothing. Locks: function, device. Waits: DMA sections. Since: 0.2 (testing)
 */
void viommu_pci_bar_write(struct viommu_pci *pci, uint64_t offset, unsigned length, uint64_t value);

/*
 * Serve the request queue, as viommu_mmio_serve().
 *
 * Returns: nothing. Locks: function, device. Waits: DMA sections. Since: 0.2 (testing)
 */
void viommu_pci_serve(struct viommu_pci *pci);

/*
 * Poll the request queue, as viommu_mmio_poll().
 *
 * Returns: nanoseconds, or VIOMMU_SLEEP. Locks: function, device. Waits: DMA sections. Since: 0.2
 * (testing)
 */
uint64_t viommu_pci_poll(struct viommu_pci *pci, uint64_t poll_ns);

/*
 * System reset: the function as at power-on, and viommu_system_reset(). Endpoints and listeners
 * stay.
 *
 * Returns: nothing. Locks: function, device. Waits: DMA sections. Since: 0.2 (testing)
 */
void viommu_pci_system_reset(struct viommu_pci *pci);

/*
 * Guest memory has changed, as for viommu_mmio_memory_changed().
 *
 * Returns: nothing. Locks: function, device. Waits: requests under way, DMA sections. Since: 0.2
 * (testing)
 */
void viommu_pci_memory_changed(struct viommu_pci *pci);

/* -- saved state ------------------------------------------------------------------------ */

/*
 * Save the function, its queues and its device in one stream (docs/state.md). The guest must be
 * stopped: a store meanwhile may be lost. *ret_bytes is freed with free().
 *
 * Returns: 0, -ENOMEM. Locks: function, device. Waits: DMA sections. Since: 0.2 (testing)
 */
int viommu_pci_save(struct viommu_pci *pci, void **ret_bytes, size_t *ret_length);

/*
 * Load saved state into a function with the same IDs, structures and interrupts that offers the
 * same or more. As for viommu_mmio_load(); `mapped` is called if the BAR moves. On failure the
 * function is as after a function level reset.
 *
 * -EBUSY    as viommu_mmio_load(); configuration space is that of another function
 *
 * Returns: 0, -EINVAL, -ENOTSUP, -EBUSY, -ENOMEM, or a listener's errno. Locks: function, device.
 * Waits: DMA sections. Since: 0.2 (testing)
 */
int viommu_pci_load(struct viommu_pci *pci, const void *bytes, size_t length, char *reason,
		    size_t room);

/*
 * The last round of a migration in rounds (viommu_save_begin()): as viommu_pci_save(), but of the
 * device only what viommu_save_changes() saves. So the time in which the guest is stopped does not
 * depend on the number of its mappings:
 *
 *     viommu_save_begin(device)            viommu_load(device)            the guest runs
 *     viommu_save_changes(device)          viommu_load_changes(device)    and again
 *        the guest stops
 *     viommu_pci_save_changes(function)    viommu_pci_load_changes(function)
 *     viommu_save_end(device)
 *
 * where `device` is viommu_pci_device(). -ESTALE: use viommu_pci_save() and viommu_pci_load().
 *
 * Returns: 0, -ESTALE, -ENOMEM. Locks: function, device. Waits: DMA sections. Since: 0.2 (testing)
 */
int viommu_pci_save_changes(struct viommu_pci *pci, void **ret_bytes, size_t *ret_length);

/*
 * As viommu_pci_load(), of such a stream, to the state that was loaded to the device before. The
 * function is reset first, without its device. On failure both are as after a failure of
 * viommu_pci_load().
 *
 * Returns: as viommu_pci_load(). Locks: function, device. Waits: DMA sections. Since: 0.2 (testing)
 */
int viommu_pci_load_changes(struct viommu_pci *pci, const void *bytes, size_t length, char *reason,
			    size_t room);

#ifdef __cplusplus
}
#endif

#endif
