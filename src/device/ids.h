/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_IDS_H
#define VIOMMU_DEVICE_IDS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Objects by their 32-bit number, in ascending order: a sorted array. Numbers are the
 * guest's or the firmware's choice; objects belong to the caller.
 */

struct id_entry {
	uint32_t id;
	void *object;
};

/* Zero bytes are an empty one. */
struct ids {
	struct id_entry *entries;
	size_t count, room;
};

void *ids_find(const struct ids *ids, uint32_t id);

/* The first object with that number or a higher one, or NULL. */
void *ids_next(const struct ids *ids, uint32_t from);

/* The number must be new. -ENOMEM */
int ids_insert(struct ids *ids, uint32_t id, void *object);

/* Put another object where there is one. */
void ids_replace(struct ids *ids, uint32_t id, void *object);

void ids_remove(struct ids *ids, uint32_t id);

/* Forget all numbers, not the objects. */
void ids_clear(struct ids *ids);

#endif
