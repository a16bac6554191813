/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "backend/iommufd.h"
#include "backend/layouts.h"

/*
 * What hardware caches of tables of the guest: HWPT_INVALIDATE
 *
 * Caches are those of the vIOMMU, or of one page table where there is no such object. All that is
 * requested of one of them is one call.
 */
#define PAGE    4096ull
#define PENDING 1 /* the result of an item that belongs to no call yet */

enum { ITEMS_MAX = VIOMMU_BACKEND_INVALIDATIONS_MAX };

/* A call: the devices whose contexts are dropped, and ranges that are dropped for all of them. */
struct call {
	const struct nest_kind *kind;
	uint32_t id;
	bool is_sent_twice;
	const struct kernel_device *devices[ITEMS_MAX];
	struct viommu_range ranges[ITEMS_MAX];
	size_t n_devices, n_ranges;
};

static uint32_t id_of(const struct kernel_device *device)
{
	return device->nest->kind->has_object ? device->nest->id : device->hwpt->id;
}

static void add(struct call *call, const struct kernel_device *device,
		const struct viommu_backend_invalidation *item)
{
	size_t i = 0;

	while (i < call->n_devices && call->devices[i] != device)
		i++;
	if (i == call->n_devices)
		call->devices[call->n_devices++] = device;
	call->is_sent_twice |= device->invalidates_twice;
	call->ranges[call->n_ranges++] =
		(struct viommu_range){ item->first & -PAGE, item->last | (PAGE - 1) };
}

static int compare(const void *one, const void *other)
{
	const struct viommu_range *a = one, *b = other;

	return (a->first > b->first) - (a->first < b->first);
}

/* Sort the ranges, and join those that overlap or touch. */
static void join_ranges(struct call *call)
{
	struct viommu_range *ranges = call->ranges;
	size_t n = 1;

	qsort(ranges, call->n_ranges, sizeof(*ranges), compare);
	for (size_t i = 1; i < call->n_ranges; i++) {
		struct viommu_range *before = &ranges[n - 1];

		if (before->last != UINT64_MAX && ranges[i].first > before->last + 1)
			ranges[n++] = ranges[i];
		else if (ranges[i].last > before->last)
			before->last = ranges[i].last;
	}
	call->n_ranges = n;
}

/* The kernel reports how many entries it has done. If there are none, it has refused the first. */
static int send(struct viommu_kernel *kernel, const struct call *call, unsigned char *entries,
		size_t n)
{
	while (n) {
		struct kernel_hwpt_invalidate argument = {
			.size = sizeof(argument),
			.hwpt_id = call->id,
			.data = (uintptr_t)entries,
			.type = call->kind->invalidate_type,
			.entry_length = call->kind->entry_length,
			.n = (uint32_t)n,
		};
		int error = kernel_ioctl(kernel, kernel->fd, KERNEL_HWPT_INVALIDATE, &argument);

		if (argument.n > n)
			return -EPROTO;
		if (argument.n == 0 || (error && argument.n == n))
			return error ? error : -EIO;
		entries += (size_t)argument.n * call->kind->entry_length;
		n -= argument.n;
	}
	return 0;
}

/* Returns the kernel's error for all items of the call. */
static int execute(struct viommu_kernel *kernel, struct call *call)
{
	_Alignas(uint64_t) unsigned char entries[(ITEMS_MAX + INVALIDATE_MAX) * ENTRY_MAX];
	const struct nest_kind *kind = call->kind;
	size_t n = 0;
	int error = 0;

	for (size_t i = 0; i < call->n_devices && kind->drop_contexts; i++, n++)
		kind->drop_contexts(call->devices[i]->endpoint, entries + n * kind->entry_length);
	join_ranges(call);
	n += kind->drop_ranges(call->ranges, call->n_ranges, entries + n * kind->entry_length);
	for (int times = call->is_sent_twice ? 2 : 1; times && !error; times--)
		error = send(kernel, call, entries, n);
	return error;
}

/* All items about the caches of the first one, in one call. */
static void invalidate_caches(struct viommu_kernel *kernel,
			      struct viommu_backend_invalidation *items, size_t n)
{
	const struct kernel_device *first = &kernel->devices[items[0].device];
	struct call call = { .kind = first->nest->kind, .id = id_of(first) };
	bool is_part[ITEMS_MAX] = { false };
	int error;

	for (size_t i = 0; i < n; i++) {
		const struct kernel_device *device = &kernel->devices[items[i].device];

		is_part[i] = items[i].error == PENDING && id_of(device) == call.id;
		if (is_part[i])
			add(&call, device, &items[i]);
	}
	error = execute(kernel, &call);
	for (size_t i = 0; i < n; i++)
		if (is_part[i])
			items[i].error = error;
}

void nests_invalidate(void *opaque, struct viommu_backend_invalidation *items, size_t n)
{
	struct viommu_kernel *kernel = opaque;

	for (size_t i = 0; i < n; i++) {
		const struct kernel_device *device = &kernel->devices[items[i].device];

		items[i].error = device->hwpt && device->hwpt->table ? PENDING : -EINVAL;
	}
	for (size_t i = 0; i < n; i++)
		if (items[i].error == PENDING)
			invalidate_caches(kernel, items + i, n - i);
}

int nest_invalidate(void *kernel, int number, const struct viommu_invalidation *what)
{
	struct viommu_backend_invalidation item = { what->first, what->last, number, 0 };

	nests_invalidate(kernel, &item, 1);
	return item.error;
}
