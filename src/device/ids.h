/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_IDS_H
#define VIOMMU_DEVICE_IDS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Objects by their 32-bit number: lookup, and a walk in ascending order
 *
 * Objects belong to the caller and begin with their node, so adding one allocates nothing and
 * cannot fail. Numbers are chosen by the guest or the firmware.
 */

struct id_node {
	uint32_t id;
	struct id_node *child[2];
};

/* All zero is an empty set. */
struct ids {
	struct id_node *root;
	size_t count;
};

/* The object, or NULL. */
void *ids_find(const struct ids *ids, uint32_t id);

/* The object with that number, or the next higher one, or NULL. */
void *ids_next(const struct ids *ids, uint32_t from);

void *ids_after(const struct ids *ids, const struct id_node *node);

/* Add an object; it replaces one with the same number. */
void ids_put(struct ids *ids, struct id_node *node);

/* Nothing happens if there is none. */
void ids_remove(struct ids *ids, uint32_t id);

#endif
