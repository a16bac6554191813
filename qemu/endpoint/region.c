/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * The memory region of an endpoint: translation, and replay for components that mirror mappings
 *
 * QEMU wants an entry for a naturally aligned block around an address; libviommu translates from an
 * address on. Emulated devices translate each access. VFIO and vhost mirror mappings: they get all
 * mappings when they register (replay), and then each change (notify.c).
 */

/* -- translation --------------------------------------------------------------------- */

static IOMMUAccessFlags permissions(const struct viommu_translation *found)
{
	return IOMMU_ACCESS_FLAG(found->flags & VIOMMU_MAP_F_READ,
				 found->flags & VIOMMU_MAP_F_WRITE);
}

static uint32_t access_of(IOMMUAccessFlags flag)
{
	if (flag == IOMMU_NONE)
		return VIOMMU_ACCESS_QUIET;
	return (flag & IOMMU_RO ? VIOMMU_MAP_F_READ : 0) |
	       (flag & IOMMU_WO ? VIOMMU_MAP_F_WRITE : 0);
}

/*
 * Does one translation, found from `iova` on, apply to the naturally aligned block of `size` bytes
 * around it?
 */
static bool holds_in_block(struct endpoint *endpoint, uint64_t iova, uint64_t size,
			   const struct viommu_translation *found)
{
	uint64_t before = iova & (size - 1);
	struct viommu_translation front;

	if ((found->address & (size - 1)) != before || found->length < size - before)
		return false;
	if (!before)
		return true;
	return !viommu_handle_translate(endpoint->handle, VIOMMU_NO_PASID, iova - before, before,
					VIOMMU_ACCESS_QUIET, &front) &&
	       front.length == before && front.address == found->address - before &&
	       permissions(&front) == permissions(found);
}

/* Without a loop, because every access calls it. */
uint64_t region_block(uint64_t iova, const struct viommu_translation *found)
{
	uint64_t aligned = BIT_ULL(ctz64(iova | found->address | REGION_BLOCK));

	return MIN(aligned, pow2floor(found->length));
}

/* Mappings consist of whole granules. Page tables of the guest have pages of 4 KiB, whatever the granule
 * is. */
static uint64_t smallest_page(const struct iommu *iommu)
{
	uint64_t granule = granule_of(iommu);

	return iommu->formats->len ? MIN(granule, 0x1000) : granule;
}

/* Is all of it memory of one kind, as vhost and the like have it in one piece? */
static bool is_memory(uint64_t address, uint64_t size)
{
	MemoryRegionSection section = memory_region_find(get_system_memory(), address, size);
	bool whole;

	if (!section.mr)
		return false;
	whole = memory_region_is_ram(section.mr) &&
		section.offset_within_address_space == address &&
		int128_eq(section.size, int128_make64(size));
	memory_region_unref(section.mr);
	return whole;
}

/* Does the device keep answers, as vhost and devices with ATS do? A mirror has mappings already. */
static bool keeps_answers(const IOMMUMemoryRegion *region)
{
	return region->iommu_notify_flags && !(region->iommu_notify_flags & IOMMU_NOTIFIER_MAP);
}

/*
 * The largest block of a mapping, for a device that asks again for what its answers do not cover.
 * It must not reach beyond a piece of memory: vhost looks for the memory of the block's first byte.
 * If the mapping is not what was found, it was changed since, and the block is not widened.
 */
static uint64_t widest_block(struct endpoint *endpoint, uint64_t iova,
			     const struct viommu_translation *found, uint64_t size)
{
	const uint32_t rights = VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE;
	uint64_t address = found->address;
	struct viommu *core = endpoint->iommu->core;
	struct viommu_endpoint_state state;
	struct viommu_mapping mapping;

	if (!endpoint->source || viommu_next_endpoint(core, endpoint->source->id, &state) ||
	    state.id != endpoint->source->id || state.mode != VIOMMU_TRANSLATED ||
	    viommu_next_mapping(core, state.domain, iova, &mapping) || mapping.first > iova ||
	    mapping.phys + (iova - mapping.first) != address ||
	    (mapping.flags ^ found->flags) & rights)
		return size;
	for (uint64_t wider = size << 1; wider; size = wider, wider <<= 1) {
		uint64_t before = iova & (wider - 1);

		if ((address & (wider - 1)) != before || iova - before < mapping.first ||
		    mapping.last - (iova - before) < wider - 1 ||
		    !is_memory(address - before, wider))
			break;
	}
	return size;
}

static IOMMUTLBEntry region_translate(IOMMUMemoryRegion *region, hwaddr iova, IOMMUAccessFlags flag,
				      int index)
{
	struct endpoint *endpoint = container_of(region, struct endpoint, translated);
	uint64_t wanted = MAX(granule_of(endpoint->iommu), REGION_BLOCK), smallest;
	IOMMUTLBEntry entry = {
		.target_as = &address_space_memory,
		.iova = iova,
		.translated_addr = iova,
		.perm = IOMMU_NONE,
	};
	uint64_t length = wanted - (iova & (wanted - 1));
	struct viommu_translation found;
	int status = viommu_handle_translate(endpoint->handle, VIOMMU_NO_PASID, iova, length,
					     access_of(flag), &found);

	if (unlikely(endpoint->iommu->record.bytes))
		record_translation(endpoint, VIOMMU_NO_PASID, iova, length, access_of(flag), status,
				   &found);
	if (status)
		return entry;
	entry.perm = permissions(&found);
	smallest = found.identity ? 1 : smallest_page(endpoint->iommu);
	if (holds_in_block(endpoint, iova, wanted, &found))
		entry.addr_mask = wanted - 1;
	else
		entry.addr_mask = MAX(smallest, region_block(iova, &found)) - 1;
	if (unlikely(keeps_answers(region)) && !found.identity)
		entry.addr_mask = widest_block(endpoint, iova, &found, entry.addr_mask + 1) - 1;
	entry.iova = iova & ~entry.addr_mask;
	entry.translated_addr = found.address & ~entry.addr_mask;
	return entry;
}

static uint64_t region_page_size(IOMMUMemoryRegion *region)
{
	return granule_of(container_of(region, struct endpoint, translated)->iommu);
}

/* -- replay ----------------------------------------------------------------------- */

/* Is the endpoint blocked, although its domain has a mapping? libviommu notifies it in parts. */
static bool is_moving(struct endpoint *endpoint, uint32_t domain)
{
	struct viommu_translation found;
	struct viommu_mapping mapping;

	return endpoint->iommu->batch.is_divided &&
	       !viommu_next_mapping(endpoint->iommu->core, domain, 0, &mapping) &&
	       viommu_handle_translate(endpoint->handle, VIOMMU_NO_PASID, mapping.first, 1,
				       VIOMMU_ACCESS_QUIET, &found);
}

/* Was the mapping announced? If not, it follows. */
static bool was_announced(const struct endpoint *endpoint, const struct viommu_mapping *mapping)
{
	return endpoint->iommu->notified == endpoint && endpoint->has_maps &&
	       mapping->last <= endpoint->maps_last;
}

/*
 * While libviommu notifies an endpoint of its domain in parts, a replay is of the mappings
 * announced so far: the notifier gets the others with all notifiers of the endpoint.
 */
static void region_replay(IOMMUMemoryRegion *region, IOMMUNotifier *notifier)
{
	struct endpoint *endpoint = container_of(region, struct endpoint, translated);
	struct viommu *core = endpoint->iommu->core;
	uint32_t id = endpoint->source ? endpoint->source->id : ENDPOINT_FREE;
	struct viommu_endpoint_state state;
	struct viommu_mapping mapping = { 0 };
	bool moving;

	if (!(notifier->notifier_flags & IOMMU_NOTIFIER_MAP) || id == ENDPOINT_FREE)
		return;
	if (viommu_next_endpoint(core, id, &state) || state.id != id ||
	    state.mode != VIOMMU_TRANSLATED)
		return;
	moving = is_moving(endpoint, state.domain);
	for (uint64_t from = 0; !viommu_next_mapping(core, state.domain, from, &mapping);
	     from = mapping.last + 1) {
		if (moving && !was_announced(endpoint, &mapping))
			return;
		if (notify_can_mirror(&mapping))
			announce_mapping(region, notifier, IOMMU_NOTIFIER_MAP, PCI_NO_PASID, &mapping);
		if (mapping.last == UINT64_MAX)
			return;
	}
}

static int region_flags_changed(IOMMUMemoryRegion *region, IOMMUNotifierFlag old,
				IOMMUNotifierFlag new, Error **errp)
{
	struct endpoint *endpoint = container_of(region, struct endpoint, translated);

	if (new &IOMMU_NOTIFIER_MAP && endpoint->has_table) {
		error_setg(errp,
			   "endpoint 0x%x has a page table of the guest, which cannot be "
			   "mirrored",
			   endpoint->id);
		return -EBUSY;
	}
	if (!(new &IOMMU_NOTIFIER_DEVIOTLB_UNMAP) ||
	    endpoint->iommu->probe[PROBE_ATS].kind != CHOICE_OFF)
		return 0;
	error_setg(errp, "probe-ats: it is off, and the device uses ATS");
	return -EINVAL;
}

/*
 * Only QEMU 7.2 calls this, and it exits on failure while the guest runs. So the function succeeds
 * then, and the host rejects single mappings instead.
 */
static int region_restrict_granule(IOMMUMemoryRegion *region, uint64_t mask, Error **errp)
{
	Error *error = NULL;

	if (endpoint_restrict_granule(container_of(region, struct endpoint, translated), mask,
				      &error))
		return 0;
	if (!phase_check(PHASE_MACHINE_READY)) {
		error_propagate(errp, error);
		return -EINVAL;
	}
	warn_report_err(error);
	return 0;
}

static void region_class_init(ObjectClass *class, CLASS_DATA data)
{
	IOMMUMemoryRegionClass *region = IOMMU_MEMORY_REGION_CLASS(class);

	region->translate = region_translate;
	region->get_min_page_size = region_page_size;
	region->notify_flag_changed = region_flags_changed;
	region->replay = region_replay;
	SET_RESTRICT_GRANULE(region, region_restrict_granule);
}

void region_types_register(void)
{
	static const TypeInfo type = {
		.name = TYPE_VIOMMU_REGION,
		.parent = TYPE_IOMMU_MEMORY_REGION,
		.class_init = region_class_init,
	};

	type_register_static(&type);
}
