/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device/core.h"

/*
 * Guest memory, for page tables
 *
 * A sorted array that is replaced as a whole. Translations use it in their read-side section, so an
 * old array and its memory are unused after a grace period.
 */

void *memory_find(const struct viommu *device, uint64_t address, uint64_t length, bool write)
{
	const struct memory *memory = atomic_load_explicit(&device->memory, memory_order_acquire);
	size_t low = 0, high;

	annotate_acquire(&device->memory);
	high = memory ? memory->n : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct viommu_memory *range = &memory->range[middle];

		if (range->last < address)
			low = middle + 1;
		else if (range->first > address)
			high = middle;
		else if (range->last - address < length - 1 || (write && range->read_only))
			return NULL;
		else
			return (char *)range->host + (address - range->first);
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const struct viommu_memory *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

static bool is_sound(const struct memory *memory)
{
	for (size_t i = 0; i < memory->n; i++) {
		const struct viommu_memory *range = &memory->range[i];

		if (!range->host || range->last < range->first ||
		    ((uintptr_t)range->host - range->first) % sizeof(uint64_t))
			return false;
		if (i && range->first <= range[-1].last)
			return false;
	}
	return true;
}

static struct memory *copy(const struct viommu_memory *ranges, size_t n)
{
	struct memory *memory;

	if (n > (SIZE_MAX - sizeof(*memory)) / sizeof(memory->range[0]))
		return NULL;
	memory = malloc(sizeof(*memory) + n * sizeof(memory->range[0]));
	if (!memory)
		return NULL;
	memory->n = n;
	if (n)
		memcpy(memory->range, ranges, n * sizeof(memory->range[0]));
	qsort(memory->range, n, sizeof(memory->range[0]), compare);
	return memory;
}

int viommu_set_memory(struct viommu *device, const struct viommu_memory *ranges, size_t n)
{
	struct memory *memory = copy(ranges, n), *old;

	if (!memory)
		return -ENOMEM;
	if (!is_sound(memory)) {
		free(memory);
		return -EINVAL;
	}
	device_lock(device);
	old = atomic_load_explicit(&device->memory, memory_order_relaxed);
	annotate_release(&device->memory);
	atomic_store_explicit(&device->memory, memory, memory_order_release);
	for_all_domains(domain, device)
		if (domain->table)
			tlb_flush(domain->table->tlb);
	device_mark_sync_pending(device);
	device_unlock(device);
	free(old);
	return 0;
}
