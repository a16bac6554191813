/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * Walks of the guest's tables: memory and parents behind src/pgtable
 *
 * Nothing that is read is kept. So what INVALIDATE, DETACH and UNMAP of a parent promise holds as
 * soon as the sections are over that began before.
 */

static const uint8_t reasons[N_PT_FAULTS] = {
	[PT_TRANSLATION] = VIOMMU_FAULT_R_MAPPING, [PT_PERMISSION] = VIOMMU_FAULT_R_PERMISSION,
	[PT_ACCESS_FLAG] = VIOMMU_FAULT_R_ACCESS,  [PT_ADDRESS_SIZE] = VIOMMU_FAULT_R_RANGE,
	[PT_RESERVED] = VIOMMU_FAULT_R_RANGE,      [PT_NON_CANONICAL] = VIOMMU_FAULT_R_RANGE,
	[PT_INPUT_RANGE] = VIOMMU_FAULT_R_RANGE,   [PT_WALK_ABORT] = VIOMMU_FAULT_R_WALK,
	[PT_BUSY] = VIOMMU_FAULT_R_WALK,           [PT_CONTEXT] = VIOMMU_FAULT_R_CONTEXT,
};

/* What the memory callbacks need. */
struct walker {
	const struct viommu *device;
	const struct map *parent; /* NULL: addresses are guest-physical */
	bool is_parent_at_fault;
};

/* False: the parent does not have the address, or not to be written. */
static bool to_guest(struct walker *walker, uint64_t *address, bool write)
{
	uint32_t wanted = write ? VIOMMU_MAP_F_WRITE : VIOMMU_MAP_F_READ;
	struct range range;

	if (!walker->parent)
		return true;
	if (!map_next_range(walker->parent, *address, &range) || range.first > *address ||
	    !(range.flags & wanted)) {
		walker->is_parent_at_fault = true;
		return false;
	}
	*address = range.phys + (*address - range.first);
	return true;
}

static uint64_t *find_word(void *opaque, uint64_t address, bool write)
{
	struct walker *walker = opaque;

	if (!to_guest(walker, &address, write) || address % sizeof(uint64_t))
		return NULL;
	return memory_find(walker->device, address, sizeof(uint64_t), write);
}

static void mark_dirty(void *opaque, uint64_t address)
{
	struct walker *walker = opaque;
	const struct viommu *device = walker->device;

	if (device->ops.dirty && to_guest(walker, &address, true))
		device->ops.dirty(device->opaque, address, sizeof(uint64_t));
}

static unsigned access_of(uint32_t wanted)
{
	return (wanted & VIOMMU_MAP_F_READ ? PT_READ : 0) |
	       (wanted & VIOMMU_MAP_F_WRITE ? PT_WRITE : 0) |
	       (wanted & VIOMMU_ACCESS_EXEC ? PT_EXEC : 0) |
	       (wanted & VIOMMU_ACCESS_PRIVILEGED ? PT_PRIVILEGED : 0);
}

static struct table_answer answer_of(const struct pt_result *result)
{
	uint64_t offset = result->shift < 64 ? (UINT64_C(1) << result->shift) - 1 : UINT64_MAX;

	return (struct table_answer){
		.address = result->address,
		.last = result->address | offset,
		.flags = (result->rights & PT_READ ? VIOMMU_MAP_F_READ : 0) |
			 (result->rights & PT_WRITE ? VIOMMU_MAP_F_WRITE : 0),
		.identity = result->shift == 64,
	};
}

uint8_t table_translate(const struct viommu *device, const struct table_access *access,
			struct table_answer *ret_answer)
{
	const struct table *table = access->table;
	struct walker walker = {
		.device = device,
		.parent = table->parent ? table->parent->map : NULL,
	};
	const struct pt_memory memory = { find_word, mark_dirty, &walker };
	struct pt_space space;
	struct pt_result result;
	enum pt_fault fault = PT_OK;
	uint64_t where;

	if (table->is_context)
		fault = pt_find_space(&table->context, access->pasid, &memory, &space, &where);
	else
		space = table->space;
	if (!fault)
		fault = pt_translate(&space, access->address, access_of(access->wanted), &memory,
				     &result);
	if (fault)
		return walker.is_parent_at_fault ? VIOMMU_FAULT_R_MAPPING : reasons[fault];
	*ret_answer = answer_of(&result);
	return 0;
}
