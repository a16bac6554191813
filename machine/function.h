/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MACHINE_FUNCTION_H
#define VIOMMU_MACHINE_FUNCTION_H

#include "machine.h"

/*
 * The machine's IOMMU as a PCI function, with the parts that firmware uses before a driver starts
 *
 * PCI configuration space with virtio's capabilities, and a BAR with two structures: features and
 * status of common configuration, and device configuration. Both are accessible through the BAR if
 * it is mapped, and through the data window of the access capability if it is not.
 *
 *     PCI configuration space --capabilities--> BAR: common configuration, device configuration
 *              |                                 ^
 *              +---- bar, offset, length, data --+
 */

#define FUNCTION_BAR 4

struct function;

/* NULL: out of memory. The machine must outlive it. */
struct function *function_new(struct machine *machine);

/* NULL is fine. Returns NULL. */
struct function *function_free(struct function *function);

/* PCI configuration space: 1, 2 or 4 bytes, naturally aligned; anything else reads as ones. */
uint32_t function_config_read(struct function *function, unsigned offset, unsigned length);
void function_config_write(struct function *function, unsigned offset, unsigned length,
			   uint32_t value);

/* The BAR: 1, 2 or 4 bytes, naturally aligned. Unused offsets read as 0. */
uint32_t function_bar_read(struct function *function, unsigned bar, uint64_t offset,
			   unsigned length);
void function_bar_write(struct function *function, unsigned bar, uint64_t offset, unsigned length,
			uint32_t value);

#endif
