/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "device/core.h"

/*
 * Translation, and the DMA sections that UNMAP waits for
 *
 * virtio 1.3, "IOMMU Device / Device operations" and "Reserved memory". A section is
 * the lock held for reading: whoever removes a mapping takes it for writing, and so has
 * waited for every section that may still use the old one.
 */

#define READ_WRITE (VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE)

struct viommu_dma {
	struct viommu *device;
};

/* What is asked, and what is known of it. */
struct access {
	struct endpoint *endpoint;
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
static bool goes_on(const struct range *range, const struct range *next, uint32_t wanted)
{
	return next->first == range->last + 1 && next->phys > range->phys &&
	       next->phys == range->phys + (range->last - range->first) + 1 &&
	       (next->flags & wanted) == wanted &&
	       !((next->flags ^ range->flags) & VIOMMU_MAP_F_MMIO);
}

static bool translate_by_map(const struct access *access,
			     struct viommu_translation *ret_translation)
{
	const struct map *map = access->endpoint->domain->map;
	struct range range, next;
	uint64_t last;
	uint32_t flags;

	if (!map_next(map, access->first, &range) || range.first > access->first ||
	    (range.flags & access->wanted) != access->wanted)
		return false;
	ret_translation->address = range.phys + (access->first - range.first);
	flags = range.flags;
	for (last = range.last; last < access->last; last = range.last) {
		if (!map_next(map, last + 1, &next) || !goes_on(&range, &next, access->wanted))
			break;
		flags &= next.flags;
		range = next;
	}
	ret_translation->length = length_up_to(access, last);
	ret_translation->flags = flags;
	ret_translation->identity = false;
	return true;
}

/*
 * An MSI region goes to the interrupt controller as it is, for writes, and even for an
 * endpoint that is attached to nothing. Any other reserved region goes nowhere, for no
 * mapping can be there.
 */
static const struct viommu_reserved *written_msi_region(const struct access *access)
{
	const struct viommu_reserved *region =
		endpoint_reserved(access->endpoint, access->first, access->first);

	if (!region || region->subtype != VIOMMU_RESV_MEM_MSI || access->wanted & VIOMMU_MAP_F_READ)
		return NULL;
	return region;
}

static bool translate(const struct access *access, struct viommu_translation *ret_translation)
{
	enum viommu_mode mode = endpoint_mode(access->endpoint);
	const struct viommu_reserved *region = written_msi_region(access);

	if (mode == VIOMMU_BYPASS)
		*ret_translation = identity(access, UINT64_MAX, READ_WRITE);
	else if (region)
		*ret_translation = identity(access, region->last, VIOMMU_MAP_F_WRITE);
	else
		return mode == VIOMMU_TRANSLATED && translate_by_map(access, ret_translation);
	return true;
}

/*
 * Why an access was refused. That an endpoint is kept away because a listener could not be
 * brought back is the host's doing, which a guest can know nothing of: reason UNKNOWN.
 */
static uint8_t reason_of(const struct access *access)
{
	if (access->endpoint->domain)
		return VIOMMU_FAULT_R_MAPPING;
	return access->endpoint->quarantined ? VIOMMU_FAULT_R_UNKNOWN : VIOMMU_FAULT_R_DOMAIN;
}

/* The device is locked for reading. */
static int answer(struct viommu *device, uint32_t endpoint, uint64_t iova, uint64_t length,
		  uint32_t wanted, struct viommu_translation *ret_translation)
{
	struct access access = {
		.endpoint = endpoint_find(device, endpoint),
		.first = iova,
		.last = length - 1 > UINT64_MAX - iova ? UINT64_MAX : iova + (length - 1),
		.wanted = wanted & READ_WRITE,
	};

	if (!length)
		return -EINVAL;
	if (!access.endpoint)
		return -ENOENT;
	if (translate(&access, ret_translation))
		return 0;
	if (!(wanted & VIOMMU_ACCESS_QUIET))
		fault_report(access.endpoint, reason_of(&access), access.wanted, iova);
	return -EFAULT;
}

int viommu_translate(struct viommu *device, uint32_t endpoint, uint64_t iova, uint64_t length,
		     uint32_t access, struct viommu_translation *ret_translation)
{
	int error;

	device_read_lock(device);
	error = answer(device, endpoint, iova, length, access, ret_translation);
	device_unlock(device);
	return error;
}

/* -- DMA sections ------------------------------------------------------------- */

int viommu_dma_new(struct viommu *device, struct viommu_dma **ret_dma)
{
	struct viommu_dma *dma = malloc(sizeof(*dma));

	if (!dma)
		return -ENOMEM;
	dma->device = device;
	*ret_dma = dma;
	return 0;
}

struct viommu_dma *viommu_dma_free(struct viommu_dma *dma)
{
	free(dma);
	return NULL;
}

void viommu_dma_begin(struct viommu_dma *dma)
{
	device_read_lock(dma->device);
}

void viommu_dma_end(struct viommu_dma *dma)
{
	device_unlock(dma->device);
}

int viommu_dma_translate(struct viommu_dma *dma, uint32_t endpoint, uint64_t iova, uint64_t length,
			 uint32_t access, struct viommu_translation *ret_translation)
{
	return answer(dma->device, endpoint, iova, length, access, ret_translation);
}
