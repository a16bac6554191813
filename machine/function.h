/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MACHINE_FUNCTION_H
#define VIOMMU_MACHINE_FUNCTION_H

#include "machine.h"

/*
 * The machine's IOMMU as a PCI function, as far as firmware looks at it before there is a driver
 *
 * Configuration space of PCI with the capabilities that lead to virtio's structures, and a BAR
 * in which these are: the features and the status of common configuration, and the device's
 * own configuration space. Everything is reached in two ways: through the BAR, where it is mapped,
 * and through the window of the capability for configuration access, where it is not.
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

/* Configuration space of PCI: 1, 2 or 4 bytes at a multiple of that; all else reads as ones. */
uint32_t function_config_read(struct function *function, unsigned offset, unsigned length);
void function_config_write(struct function *function, unsigned offset, unsigned length,
			   uint32_t value);

/* What is behind a BAR: 1, 2 or 4 bytes at a multiple of that. What is not there reads as 0. */
uint32_t function_bar_read(struct function *function, unsigned bar, uint64_t offset,
			   unsigned length);
void function_bar_write(struct function *function, unsigned bar, uint64_t offset, unsigned length,
			uint32_t value);

#endif
