/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_IDS_H
#define VIOMMU_DEVICE_IDS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Objects by their 32-bit number: found, and walked in ascending order
 *
 * Numbers are the guest's or the firmware's choice. Objects belong to the caller; each begins
 * with its node, so that being found costs it no memory of its own, and adding it cannot fail.
 */

struct id_node {
	uint32_t id;
	struct id_node *child[2];
};

/* Zero bytes are an empty one. */
struct ids {
	struct id_node *root;
	size_t count;
};

/* What is found is the object, for its node is where it begins; NULL: there is none. */
void *ids_find(const struct ids *ids, uint32_t id);

/* The object with that number or the next higher one. */
void *ids_next(const struct ids *ids, uint32_t from);

/* The object after one that is in there. */
void *ids_after(const struct ids *ids, const struct id_node *node);

/* Put an object in, and out the one with the same number, if there was one. */
void ids_put(struct ids *ids, struct id_node *node);

/* Nothing is done if there is none. */
void ids_remove(struct ids *ids, uint32_t id);

#endif
