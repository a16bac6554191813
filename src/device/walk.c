/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * Walks of the guest's tables: connects src/pgtable to guest memory, parents and the TLB
 *
 * Results are cached until an INVALIDATE of the domain, or an UNMAP of its parent, through which
 * the tables were read. Both increment a counter first and then wait for sections (tlb.h).
 */

static const uint8_t reasons[N_PT_FAULTS] = {
	[PT_TRANSLATION] = VIOMMU_FAULT_R_MAPPING, [PT_PERMISSION] = VIOMMU_FAULT_R_PERMISSION,
	[PT_ACCESS_FLAG] = VIOMMU_FAULT_R_ACCESS,  [PT_ADDRESS_SIZE] = VIOMMU_FAULT_R_RANGE,
	[PT_RESERVED] = VIOMMU_FAULT_R_RANGE,      [PT_NON_CANONICAL] = VIOMMU_FAULT_R_RANGE,
	[PT_INPUT_RANGE] = VIOMMU_FAULT_R_RANGE,   [PT_WALK_ABORT] = VIOMMU_FAULT_R_WALK,
	[PT_BUSY] = VIOMMU_FAULT_R_WALK,           [PT_CONTEXT] = VIOMMU_FAULT_R_CONTEXT,
};

/* Context of the memory callbacks. */
struct walker {
	const struct viommu *device;
	const struct map *parent; /* NULL: addresses are guest-physical */
	bool is_parent_at_fault;

	/*
	 * The words that one walk updates, and where the parent mapped them then: the mapping may
	 * be removed before the update is reported.
	 */
	struct {
		uint64_t address, guest;
	} updated[PT_LEVELS_MAX];
	unsigned n_updated;
};

/* False if the parent does not map the whole word, or not for writing. */
static bool to_guest(struct walker *walker, uint64_t *address, bool write)
{
	uint32_t wanted = write ? VIOMMU_MAP_F_WRITE : VIOMMU_MAP_F_READ;
	struct range range;

	if (!walker->parent)
		return true;
	if (!map_next_range(walker->parent, *address, &range) || range.first > *address ||
	    range.last - *address < sizeof(uint64_t) - 1 || !(range.flags & wanted)) {
		walker->is_parent_at_fault = true;
		return false;
	}
	*address = range.phys + (*address - range.first);
	return true;
}

static uint64_t *find_word(void *opaque, uint64_t address, bool write)
{
	struct walker *walker = opaque;
	uint64_t guest = address;

	if (!to_guest(walker, &guest, write) || guest % sizeof(uint64_t))
		return NULL;
	if (write) {
		unsigned i = walker->n_updated++ % PT_LEVELS_MAX;

		walker->updated[i].address = address;
		walker->updated[i].guest = guest;
	}
	return memory_find(walker->device, guest, sizeof(uint64_t), write);
}

/* A walk finds all words to update, at most PT_LEVELS_MAX, before it updates the first. */
static void mark_dirty(void *opaque, uint64_t address)
{
	struct walker *walker = opaque;
	const struct viommu *device = walker->device;
	unsigned i = walker->n_updated;

	if (!device->ops.dirty)
		return;
	do
		i--;
	while (walker->updated[i % PT_LEVELS_MAX].address != address);
	CALLBACK_BEGIN(device, "dirty", false);
	device->ops.dirty(device->opaque, walker->updated[i % PT_LEVELS_MAX].guest,
			  sizeof(uint64_t));
	CALLBACK_END();
}

static unsigned access_of(uint32_t wanted)
{
	return (wanted & VIOMMU_MAP_F_READ ? PT_READ : 0) |
	       (wanted & VIOMMU_MAP_F_WRITE ? PT_WRITE : 0) |
	       (wanted & VIOMMU_ACCESS_EXEC ? PT_EXEC : 0) |
	       (wanted & VIOMMU_ACCESS_PRIVILEGED ? PT_PRIVILEGED : 0);
}

/* Until the dirty flag is set, writes are not permitted: a consumer may keep the answer. */
static struct table_answer answer_of(const struct tlb_page *page)
{
	uint64_t offset = page->shift < 64 ? (UINT64_C(1) << page->shift) - 1 : UINT64_MAX;

	return (struct table_answer){
		.address = page->address,
		.last = page->address | offset,
		.flags = (page->rights & PT_READ ? VIOMMU_MAP_F_READ : 0) |
			 (page->rights & PT_WRITE && page->dirty ? VIOMMU_MAP_F_WRITE : 0),
		.identity = page->shift == 64,
	};
}

/* A cached page allows the access, and no flag must be updated. */
static bool is_enough(const struct tlb_page *page, unsigned access)
{
	return !(access & PT_RIGHTS & ~(unsigned)page->rights) &&
	       (page->dirty || !(access & PT_WRITE));
}

/*
 * From the table that an earlier walk ended in, if there is one. What it refuses is asked again
 * from the root: a right that the levels above have gained needs no INVALIDATE.
 */
static enum pt_fault walk_table(const struct table *table, const struct tlb_key *key,
				unsigned access, struct walker *walker,
				struct pt_result *ret_result)
{
	const struct pt_memory memory = { find_word, mark_dirty, walker };
	struct pt_table last;

	if (tlb_find_table(table->tlb, key, &last) &&
	    !pt_translate_from(&table->space, &last, key->address, access, &memory, ret_result))
		return PT_OK;
	walker->is_parent_at_fault = false;
	return pt_translate(&table->space, key->address, access, &memory, ret_result);
}

/* Contexts are read each time, so no table is kept of them. */
static enum pt_fault walk_context(const struct table *table, const struct table_access *access,
				  struct walker *walker, struct pt_result *ret_result)
{
	const struct pt_memory memory = { find_word, mark_dirty, walker };
	struct pt_space space;
	enum pt_fault fault;
	uint64_t where;

	fault = pt_find_space(&table->context, access->pasid, &memory, &space, &where);
	if (!fault)
		fault = pt_translate(&space, access->address, access_of(access->wanted), &memory,
				     ret_result);
	if (!fault)
		ret_result->rights &= (uint8_t)~space.refuses;
	return fault;
}

static uint8_t walk(const struct viommu *device, const struct table_access *access,
		    const struct tlb_key *key, struct tlb_page *ret_page)
{
	const struct table *table = access->table;
	struct walker walker = {
		.device = device,
		.parent = table->parent ? table->parent->map : NULL,
	};
	const struct tlb_tags tags = tlb_tags(table->tlb, key);
	unsigned wanted = access_of(access->wanted);
	struct pt_result result;
	enum pt_fault fault = table->is_context ? walk_context(table, access, &walker, &result)
						: walk_table(table, key, wanted, &walker, &result);

	if (fault)
		return walker.is_parent_at_fault ? VIOMMU_FAULT_R_MAPPING : reasons[fault];
	*ret_page = (struct tlb_page){
		.address = result.address,
		.shift = result.shift,
		.rights = result.rights & (uint8_t) ~(table->is_context ? 0 : table->space.refuses),
		.dirty = result.dirty,
	};
	if (result.shift == 64)
		return 0;
	tlb_insert(table->tlb, &tags, key, ret_page);
	if (!table->is_context)
		tlb_insert_table(table->tlb, &tags, key, &result.table);
	return 0;
}

uint8_t table_translate(const struct viommu *device, const struct table_access *access,
			struct table_answer *ret_answer)
{
	const struct table *table = access->table;
	const struct tlb_key key = {
		.pasid = table->is_context ? access->pasid & TLB_PASID_MASK : 0,
		.privileged = access->wanted & VIOMMU_ACCESS_PRIVILEGED,
		.address = access->address,
		.parent = table_parent_generation(table),
	};
	struct tlb_page page;
	uint8_t reason;

	if (!tlb_find(table->tlb, &key, &page) || !is_enough(&page, access_of(access->wanted))) {
		reason = walk(device, access, &key, &page);
		if (reason)
			return reason;
	}
	*ret_answer = answer_of(&page);
	return 0;
}
