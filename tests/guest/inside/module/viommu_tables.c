// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The kernel's own driver of virtio-iommu, with page tables by draft C (docs/drafts.md)
 *
 * Includes that driver, which the build takes from the kernel's source, and replaces operations of
 * its domains: a paging domain is a table of the draft's generic format. Mapping is a store;
 * unmapping is a store, and INVALIDATE as the public driver of the draft sends it.
 */
#include "stock_driver.h"

#include <linux/log2.h>

#include "protocol.h"

#define F_ATTACH_TABLE 8 /* bit of the draft */

/* An entry: the address, and these. */
enum { VALID = BIT(0), TABLE = BIT(1), READABLE = BIT(2), WRITABLE = BIT(3) };

#define ADDRESS_BITS 48
#define ENTRIES      512
#define ADDRESS      GENMASK_ULL(51, 12)

struct table_domain {
	struct viommu_domain stock; /* must be first: the driver frees it */
	u64 *root;
};

static struct table_domain *to_table(struct iommu_domain *domain)
{
	return container_of(to_viommu_domain(domain), struct table_domain, stock);
}

/* -- tables ------------------------------------------------------------------------ */

static u64 *below(u64 entry)
{
	return __va(entry & ADDRESS);
}

/* Others may do the same for this entry at the same time. */
static u64 *make_below(u64 *entry, gfp_t gfp)
{
	u64 *table = (u64 *)get_zeroed_page(gfp), now;

	if (!table)
		return NULL;
	dma_wmb();
	now = cmpxchg64(entry, 0, virt_to_phys(table) | VALID | TABLE);
	if (!now)
		return table;
	free_page((unsigned long)table);
	return below(now);
}

/* The entry of a page of that size. With `gfp` 0 only if its table exists. */
static u64 *find_entry(const struct table_domain *table, u64 iova, unsigned int shift, gfp_t gfp)
{
	u64 *level = table->root;

	for (unsigned int at = ADDRESS_BITS - 9; at > shift; at -= 9) {
		u64 *entry = &level[iova >> at & (ENTRIES - 1)], now = READ_ONCE(*entry);

		if (now & VALID && !(now & TABLE))
			return NULL;
		level = now & VALID ? below(now) : gfp ? make_below(entry, gfp) : NULL;
		if (!level)
			return NULL;
	}
	return &level[iova >> shift & (ENTRIES - 1)];
}

static void free_below(u64 *level, unsigned int shift)
{
	for (unsigned int i = 0; i < ENTRIES; i++)
		if (level[i] & TABLE && shift > PAGE_SHIFT)
			free_below(below(level[i]), shift - 9);
	free_page((unsigned long)level);
}

/* -- requests ------------------------------------------------------------------------ */

/* As long as the struct of the public driver: its last four bytes get the status. */
static int send_table(struct viommu_dev *viommu, const struct table_domain *table, u32 endpoint)
{
	u8 bytes[VIOMMU_DRAFT_C_ATTACH_TABLE_LENGTH + VIOMMU_TAIL_LENGTH] = {
		VIOMMU_DRAFT_T_ATTACH_TABLE
	};

	*(__le32 *)(bytes + 4) = cpu_to_le32(table->stock.id);
	*(__le32 *)(bytes + 8) = cpu_to_le32(endpoint);
	*(__le16 *)(bytes + 16) = cpu_to_le16(VIOMMU_DRAFT_C_FORMAT_GENERIC);
	*(__le64 *)(bytes + 24) = cpu_to_le64(virt_to_phys(table->root));
	return viommu_send_req_sync(viommu, bytes, sizeof(bytes));
}

static void invalidate(struct viommu_domain *domain, u16 scope, u16 flags, u64 start, u64 pages,
		       u8 shift)
{
	u8 bytes[VIOMMU_INVALIDATE_LENGTH + VIOMMU_TAIL_LENGTH] = { VIOMMU_DRAFT_T_INVALIDATE };

	*(__le16 *)(bytes + 4) = cpu_to_le16(scope);
	*(__le16 *)(bytes + 6) = cpu_to_le16(VIOMMU_DRAFT_C_INVALIDATE_T_TLB);
	*(__le16 *)(bytes + 8) = cpu_to_le16(flags);
	*(__le32 *)(bytes + 12) = cpu_to_le32(domain->id);
	*(__le64 *)(bytes + 32) = cpu_to_le64(start);
	*(__le64 *)(bytes + 40) = cpu_to_le64(pages);
	bytes[48] = shift;
	WARN_ON(domain->nr_endpoints && viommu_send_req_sync(domain->viommu, bytes, sizeof(bytes)));
}

/* -- domains ------------------------------------------------------------------------- */

static struct iommu_domain *alloc_table(struct device *dev)
{
	struct viommu_dev *viommu = ((struct viommu_endpoint *)dev_iommu_priv_get(dev))->viommu;
	struct table_domain *table = kzalloc(sizeof(*table), GFP_KERNEL);
	int id;

	if (!table)
		return ERR_PTR(-ENOMEM);
	table->root = (u64 *)get_zeroed_page(GFP_KERNEL);
	id = ida_alloc_range(&viommu->domain_ids, viommu->first_domain, viommu->last_domain,
			     GFP_KERNEL);
	if (!table->root || id < 0) {
		if (id >= 0)
			ida_free(&viommu->domain_ids, id);
		free_page((unsigned long)table->root);
		kfree(table);
		return ERR_PTR(-ENOMEM);
	}
	spin_lock_init(&table->stock.mappings_lock);
	table->stock.mappings = RB_ROOT_CACHED;
	table->stock.id = id;
	table->stock.viommu = viommu;
	table->stock.domain.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G;
	table->stock.domain.geometry = viommu->geometry;
	if (table->stock.domain.geometry.aperture_end >= BIT_ULL(ADDRESS_BITS))
		table->stock.domain.geometry.aperture_end = BIT_ULL(ADDRESS_BITS) - 1;
	return &table->stock.domain;
}

static void free_table(struct iommu_domain *domain)
{
	free_below(to_table(domain)->root, ADDRESS_BITS - 9);
	viommu_domain_free(domain);
}

static int attach_table(struct iommu_domain *domain, struct device *dev, struct iommu_domain *old)
{
	struct viommu_endpoint *endpoint = dev_iommu_priv_get(dev);
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(dev);
	struct table_domain *table = to_table(domain);
	int error = table->stock.viommu == endpoint->viommu ? 0 : -EINVAL;

	for (unsigned int i = 0; !error && i < fwspec->num_ids; i++)
		error = send_table(endpoint->viommu, table, fwspec->ids[i]);
	if (error)
		return error;
	if (endpoint->vdomain)
		endpoint->vdomain->nr_endpoints--;
	table->stock.nr_endpoints++;
	endpoint->vdomain = &table->stock;
	dev_info(dev, "is attached to a table of its own\n");
	return 0;
}

static int map_pages(struct iommu_domain *domain, unsigned long iova, phys_addr_t paddr,
		     size_t size, size_t n, int prot, gfp_t gfp, size_t *mapped)
{
	u64 flags =
		VALID | (prot & IOMMU_READ ? READABLE : 0) | (prot & IOMMU_WRITE ? WRITABLE : 0);

	for (; n--; iova += size, paddr += size, *mapped += size) {
		u64 *entry = find_entry(to_table(domain), iova, ilog2(size), gfp);

		if (!entry || READ_ONCE(*entry) & VALID)
			return entry ? -EEXIST : -ENOMEM;
		WRITE_ONCE(*entry, paddr | flags);
	}
	return 0;
}

static size_t unmap_pages(struct iommu_domain *domain, unsigned long iova, size_t size, size_t n,
			  struct iommu_iotlb_gather *gather)
{
	size_t unmapped = 0;

	for (; n--; unmapped += size) {
		u64 *entry = find_entry(to_table(domain), iova + unmapped, ilog2(size), 0);

		if (!entry)
			break;
		WRITE_ONCE(*entry, 0);
		if (!iommu_iotlb_gather_queued(gather))
			iommu_iotlb_gather_add_page(domain, gather, iova + unmapped, size);
	}
	return unmapped;
}

static phys_addr_t iova_to_phys(struct iommu_domain *domain, dma_addr_t iova)
{
	static const unsigned int shifts[] = { 12, 21, 30 };

	for (unsigned int i = 0; i < ARRAY_SIZE(shifts); i++) {
		u64 *entry = find_entry(to_table(domain), iova, shifts[i], 0);

		if (entry && *entry & VALID)
			return (*entry & ADDRESS) | (iova & (BIT_ULL(shifts[i]) - 1));
	}
	return 0;
}

/* Powers of two, as the patches of 2023 round them. */
static void sync(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	u8 shift;

	if (!gather->pgsize)
		return;
	shift = ilog2(gather->pgsize);
	invalidate(to_viommu_domain(domain), VIOMMU_DRAFT_C_INVALIDATE_G_ADDRESS,
		   VIOMMU_DRAFT_C_INVALIDATE_F_LEAF, gather->start,
		   roundup_pow_of_two(gather->end - gather->start + 1) >> shift, shift);
}

static void flush_all(struct iommu_domain *domain)
{
	invalidate(to_viommu_domain(domain), VIOMMU_DRAFT_C_INVALIDATE_G_DOMAIN, 0, 0, 0, 0);
}

static const struct iommu_domain_ops domain_ops = {
	.attach_dev = attach_table,
	.map_pages = map_pages,
	.unmap_pages = unmap_pages,
	.iova_to_phys = iova_to_phys,
	.flush_iotlb_all = flush_all,
	.iotlb_sync = sync,
	.free = free_table,
};

static int register_changed(struct iommu_device *iommu, const struct iommu_ops *ops,
			    struct device *parent)
{
	static struct iommu_ops with_tables;

	with_tables = *ops;
	with_tables.domain_alloc_paging = alloc_table;
	with_tables.default_domain_ops = &domain_ops;
	return iommu_device_register(iommu, &with_tables, parent);
}

/* -- the module ------------------------------------------------------------------------ */

static int __init begin(void)
{
	static const unsigned int with_table[] = { F_ATTACH_TABLE };

	return begin_with(with_table, ARRAY_SIZE(with_table));
}

module_init(begin);
