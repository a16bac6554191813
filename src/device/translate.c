/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "device/core.h"

/*
 * Translation, and the DMA sections that UNMAP waits for
 *
 * virtio 1.3, "IOMMU Device / Device operations" and "Reserved memory". Both are sections of
 * readers (sync/readers.h): they take no lock and never wait, and whoever takes something
 * away waits for them (quiesce.c). So what is found here stays until the section ends.
 */

#define READ_WRITE (VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE)

struct viommu_dma {
	struct viommu *device;
	struct reader *reader;
};

/* What is asked, and what is known of it. */
struct access {
	struct endpoint *endpoint;
	const struct route *route;
	uint64_t first, last;
	uint32_t wanted; /* VIOMMU_MAP_F_READ, _WRITE */
};

/* How much of an access lies up to `last`. At most what was asked for, so it can be counted. */
static uint64_t length_up_to(const struct access *access, uint64_t last)
{
	return (last < access->last ? last : access->last) - access->first + 1;
}

static struct viommu_translation identity(const struct access *access, uint64_t last,
					  uint32_t flags)
{
	return (struct viommu_translation){
		.address = access->first,
		.length = length_up_to(access, last),
		.flags = flags,
		.identity = true,
	};
}

/*
 * Does `next` go on where `range` ends, on both sides, and permit what is wanted? Behind
 * the last address of guest memory comes nothing: 0 does not go on from there.
 */
static bool is_contiguous(const struct range *range, const struct range *next, uint32_t wanted)
{
	return next->first == range->last + 1 && next->phys > range->phys &&
	       next->phys == range->phys + (range->last - range->first) + 1 &&
	       (next->flags & wanted) == wanted &&
	       !((next->flags ^ range->flags) & VIOMMU_MAP_F_MMIO);
}

/*
 * Follow the access over ranges that go on from each other. Returns whether there is one, and
 * says in `walk` whether that is the whole answer. A guest can have millions of them, and
 * requests wait for this.
 */
static bool walk_contiguous(const struct access *access, bool wide, struct map_walk *walk,
			    struct viommu_translation *translation)
{
	unsigned more = VIOMMU_ANSWER_MAPPINGS_MAX;
	struct range range, next;

	if (!map_walk(walk, access->route->map, access->first, wide, &range) ||
	    range.first > access->first || (range.flags & access->wanted) != access->wanted)
		return false;
	translation->address = range.phys + (access->first - range.first);
	translation->flags = range.flags;
	while (range.last < access->last && --more && map_walk_next(walk, &next) &&
	       is_contiguous(&range, &next, access->wanted)) {
		translation->flags &= next.flags;
		range = next;
	}
	translation->length = length_up_to(access, range.last);
	translation->identity = false;
	return true;
}

/*
 * The answer goes on behind the node that it was found in so far: look again until no change
 * comes between. If changes do not cease, what was found is an answer too.
 */
static void walk_across_nodes(const struct access *access,
			      struct viommu_translation *ret_translation)
{
	enum { TRIES = 16 };
	struct viommu_translation translation;
	struct map_walk walk;

	for (unsigned i = 0; i < TRIES; i++) {
		bool found = walk_contiguous(access, true, &walk, &translation);

		if (!map_walk_is_consistent(&walk))
			continue;
		if (found)
			*ret_translation = translation;
		return;
	}
}

static bool translate_by_map(const struct access *access,
			     struct viommu_translation *ret_translation)
{
	struct map_walk walk;

	if (!walk_contiguous(access, false, &walk, ret_translation))
		return false;
	if (walk.cut)
		walk_across_nodes(access, ret_translation);
	return true;
}

/*
 * An MSI region goes to the interrupt controller as it is, for writes, and even for an
 * endpoint that is attached to nothing. Any other reserved region goes nowhere, for no
 * mapping can be there.
 */
static const struct viommu_reserved *msi_region_of_write(const struct access *access)
{
	const struct viommu_reserved *region =
		endpoint_reserved(access->endpoint, access->first, access->first);

	if (!region || region->subtype != VIOMMU_RESV_MEM_MSI || access->wanted & VIOMMU_MAP_F_READ)
		return NULL;
	return region;
}

static bool translate(const struct access *access, struct viommu_translation *ret_translation)
{
	enum viommu_mode mode = access->route->mode;
	const struct viommu_reserved *region = msi_region_of_write(access);

	if (mode == VIOMMU_BYPASS)
		*ret_translation = identity(access, UINT64_MAX, READ_WRITE);
	else if (region)
		*ret_translation = identity(access, region->last, VIOMMU_MAP_F_WRITE);
	else
		return mode == VIOMMU_TRANSLATED && translate_by_map(access, ret_translation);
	return true;
}

/* In a section of readers. */
static int answer(struct viommu *device, uint32_t endpoint, uint64_t iova, uint64_t length,
		  uint32_t wanted, struct viommu_translation *ret_translation)
{
	struct access access = {
		.endpoint = directory_find(&device->directory, endpoint),
		.first = iova,
		.last = length - 1 > UINT64_MAX - iova ? UINT64_MAX : iova + (length - 1),
		.wanted = wanted & READ_WRITE,
	};

	if (!length)
		return -EINVAL;
	if (!access.endpoint)
		return -ENOENT;
	access.route = atomic_load_explicit(&access.endpoint->route, memory_order_acquire);
	annotate_acquire(&access.endpoint->route);
	if (translate(&access, ret_translation))
		return 0;
	if (!(wanted & VIOMMU_ACCESS_QUIET))
		fault_report(access.endpoint, access.route->fault, access.wanted, iova);
	return -EFAULT;
}

/* A thread that has no memory for a reader. The lock would not do in its place: the thread may be
 * in a DMA section, for which whoever has the lock waits. Out of line, or the compiler saves
 * registers for it in the way of all others. */
__attribute__((noinline, cold)) static int
translate_unregistered(struct viommu *device, uint32_t endpoint, uint64_t iova, uint64_t length,
		       uint32_t access, struct viommu_translation *ret_translation)
{
	unsigned phase = readers_enter_unregistered(&device->readers);
	int error = answer(device, endpoint, iova, length, access, ret_translation);

	readers_leave_unregistered(&device->readers, phase);
	return error;
}

int viommu_translate(struct viommu *device, uint32_t endpoint, uint64_t iova, uint64_t length,
		     uint32_t access, struct viommu_translation *ret_translation)
{
	struct reader *reader = readers_of_thread(&device->readers);
	int error;

	if (!reader)
		return translate_unregistered(device, endpoint, iova, length, access,
					      ret_translation);
	reader_enter(reader);
	error = answer(device, endpoint, iova, length, access, ret_translation);
	reader_leave(reader);
	return error;
}

/* -- DMA sections ------------------------------------------------------------- */

int viommu_dma_new(struct viommu *device, struct viommu_dma **ret_dma)
{
	struct viommu_dma *dma = malloc(sizeof(*dma));

	if (!dma)
		return -ENOMEM;
	dma->device = device;
	dma->reader = reader_new(&device->readers);
	if (!dma->reader) {
		free(dma);
		return -ENOMEM;
	}
	*ret_dma = dma;
	return 0;
}

struct viommu_dma *viommu_dma_free(struct viommu_dma *dma)
{
	if (dma)
		reader_free(dma->reader);
	free(dma);
	return NULL;
}

void viommu_dma_begin(struct viommu_dma *dma)
{
	reader_enter(dma->reader);
}

void viommu_dma_end(struct viommu_dma *dma)
{
	reader_leave(dma->reader);
}

int viommu_dma_translate(struct viommu_dma *dma, uint32_t endpoint, uint64_t iova, uint64_t length,
			 uint32_t access, struct viommu_translation *ret_translation)
{
	return answer(dma->device, endpoint, iova, length, access, ret_translation);
}
