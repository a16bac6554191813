/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_MSIX_H
#define VIOMMU_TRANSPORT_MSIX_H

#include <stdbool.h>
#include <stdint.h>

/*
 * MSI-X of a PCI function (PCI Local Bus 3.0, 6.8.2)
 *
 * A message that cannot be sent, because its vector or the function is masked or the function is no
 * bus master, is pending and is sent as soon as it can be. The caller serializes all calls.
 */

#define MSIX_ENTRY_LENGTH 16
#define MSIX_F_MASKED     (1u << 0) /* of the vector control */

struct msix_vector {
	uint64_t address;
	uint32_t data, control;
	bool pending;
};

struct msix {
	struct msix_vector *vectors;
	unsigned n;
	bool enabled, masked; /* of the function: message control */
	bool can_send;        /* the function is a bus master */
	void (*send)(void *opaque, uint64_t address, uint32_t data);
	void *opaque;
};

/* All vectors masked and empty. -ENOMEM */
int msix_init(struct msix *msix, unsigned n);
void msix_fini(struct msix *msix);
void msix_reset(struct msix *msix);

/* Send the message of a vector, which need not exist. */
void msix_raise(struct msix *msix, unsigned vector);

/* Discard pending messages. */
void msix_clear(struct msix *msix);

/* Set the function's enable and mask bits, and whether it may send; send pending messages that
 * these permit. Without MSI-X nothing is pending. */
void msix_control(struct msix *msix, bool enabled, bool masked, bool can_send);

/* Words of the table, and of the pending bits. Beyond them 0 is read. */
uint32_t msix_read(const struct msix *msix, uint64_t offset);
void msix_write(struct msix *msix, uint64_t offset, uint32_t value);
uint32_t msix_read_pending(const struct msix *msix, uint64_t offset);

/* Could this vector send a message now? */
bool msix_can_send(const struct msix *msix, const struct msix_vector *vector);

#endif
