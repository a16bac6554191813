/* SPDX-License-Identifier: BSD-3-Clause */
#include "backend/space.h"

/*
 * The parts of a mapping in ranges of guest memory, and their dirty pages
 *
 * A mapping that permits writes has no part in read-only memory: the kernel would let devices write
 * there, and memory that returns as read-only must not depend on what the guest mapped before.
 */

static struct memory *memory_after(const struct viommu_backend *backend, uint64_t phys, bool write)
{
	struct memory *found = NULL;

	for (size_t i = 0; i < backend->n_memory; i++) {
		struct memory *memory = &backend->memory[i];

		if (memory->range.last >= phys && !(write && memory->range.read_only) &&
		    (!found || memory->range.first < found->range.first))
			found = memory;
	}
	return found;
}

bool part_at(const struct viommu_backend *backend, const struct viommu_mapping *key, uint64_t iova,
	     struct part *part)
{
	uint64_t phys = key->phys + (iova - key->first), left = key->last - iova;
	struct memory *memory = memory_after(backend, phys, key->flags & VIOMMU_MAP_F_WRITE);

	if (!memory)
		return false;
	if (memory->range.first > phys) {
		if (memory->range.first - phys > left)
			return false;
		iova += memory->range.first - phys;
		left -= memory->range.first - phys;
		phys = memory->range.first;
	}
	if (left > memory->range.last - phys)
		left = memory->range.last - phys;
	*part = (struct part){ iova, left + 1, phys, memory };
	return true;
}

bool part_next(const struct viommu_backend *backend, const struct viommu_mapping *key,
	       struct part *part)
{
	uint64_t last = part->iova + (part->length - 1);

	return last < key->last && part_at(backend, key, last + 1, part);
}

void *part_host(const struct part *part)
{
	const struct viommu_memory *range = &part->memory->range;

	return (char *)range->host + (part->phys - range->first);
}

size_t dirty_words(uint64_t length)
{
	uint64_t pages = length / DIRTY_PAGE + (length % DIRTY_PAGE != 0);

	return (size_t)(pages / 64) + (pages % 64 != 0);
}

/* `bits`: the pages of the part; NULL: all of them. */
void part_mark_dirty(const struct part *part, const uint64_t *bits)
{
	uint64_t at = (part->phys - part->memory->range.first) / DIRTY_PAGE;

	for (uint64_t i = 0; i * DIRTY_PAGE < part->length; i++)
		if (!bits || bits[i / 64] >> (i % 64) & 1)
			part->memory->dirty[(at + i) / 64] |= 1ull << ((at + i) % 64);
}
