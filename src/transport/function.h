/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_FUNCTION_H
#define VIOMMU_TRANSPORT_FUNCTION_H

#include "transport/msix.h"
#include "transport/virtio.h"
#include "wire/stream.h"

/*
 * The PCI function of a virtio device (virtio 1.4, 4.1)
 *
 * A conventional function with 256 bytes of configuration space. One BAR has all structures:
 *
 *     0x0000  common configuration (common.h)
 *     0x1000  notifications, 4 bytes a queue
 *     0x2000  ISR status
 *     0x3000  MSI-X table, and its pending bits at 0x3800
 *     0x4000  device configuration
 *
 * Locks: configuration space is guarded by virtio->lock, MSI-X and the vectors of events by
 * virtio->signal.
 */

#define FUNCTION_CONFIG_LENGTH     256
#define FUNCTION_NOTIFY            0x1000
#define FUNCTION_NOTIFY_MULTIPLIER 4

#define NO_VECTOR 0xffffu

/* Callbacks, made with locks held. All may be NULL. */
struct function_ops {
	/* Send a message. NULL: the function has no MSI-X. */
	void (*message)(void *opaque, uint64_t address, uint32_t data);

	/* The BAR is at that address now, or nowhere. */
	void (*mapped)(void *opaque, bool mapped, uint64_t address);
};

struct function_config {
	struct virtio *virtio;
	const struct function_ops *ops;
	void *opaque;
	uint32_t class_code; /* base class, subclass, programming interface */
	uint16_t subsystem_vendor, subsystem_device;
	bool multifunction;
	bool has_line; /* it has the interrupt pin INTA */
};

struct function {
	struct function_config config;
	struct virtio *virtio;
	uint64_t bar_length;

	uint8_t bytes[FUNCTION_CONFIG_LENGTH];    /* configuration space */
	uint8_t initial[FUNCTION_CONFIG_LENGTH];  /* the same after a reset */
	uint8_t writable[FUNCTION_CONFIG_LENGTH]; /* bits that the driver can change */
	unsigned access_at, msix_at, reset_at;    /* capabilities */
	bool mapped;                              /* as reported last */
	uint64_t address;

	struct msix msix;
	uint16_t *vectors; /* of each event, or NO_VECTOR */
};

/* Calls of the device, whose `bus` is the function. */
extern const struct virtio_bus_ops function_bus_ops;

/* The virtio device is there, and not used yet. -ENOMEM */
int function_init(struct function *function, const struct function_config *config);
void function_fini(struct function *function);

/* Function level reset. */
void function_reset(struct function *function);

/* The same, without the virtio device. */
void function_reset_own(struct function *function);

/* See viommu_pci_config_read() and the like. */
uint32_t function_config_read(struct function *function, uint64_t offset, unsigned length);
void function_config_write(struct function *function, uint64_t offset, unsigned length,
			   uint32_t value);
uint64_t function_bar_read(struct function *function, uint64_t offset, unsigned length);
void function_bar_write(struct function *function, uint64_t offset, unsigned length,
			uint64_t value);
bool function_bar_address(struct function *function, uint64_t *ret_address);

/* -- saved state ------------------------------------------------------------------------- */

size_t function_state_length(const struct function *function);

/* `bytes` has that many. The guest is stopped. */
void function_save(struct function *function, uint8_t *bytes);

/* Into a function that was just reset. -EINVAL: no driver can reach that state. -EBUSY: this
 * function is another one. The device's level and events follow from virtio_resume(). */
int function_load(struct function *function, const struct stream *stream,
		  const struct chunk *chunk);

#endif
