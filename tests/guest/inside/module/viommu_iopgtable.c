// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The kernel's own driver of virtio-iommu, with page tables that Linux's io-pgtable writes (arm64)
 *
 * A paging domain is a table in Arm's format (VMSAv8-64, stage 1) by the proposal of
 * docs/proposal-address-spaces.md: ATTACH_TABLE has a context descriptor as an SMMUv3 reads it.
 * Mapping sends no request; io-pgtable's own calls say when INVALIDATE is due.
 */
#include "stock_driver.h"

#include <linux/io-pgtable.h>
#include <linux/log2.h>

#include "protocol.h"
#include "viommu_dma.h"

#define F_TABLE      57 /* the bit of VIOMMU_F_TABLE */
#define ADDRESS_BITS 48

/* Fields of a context descriptor. */
#define CD_EPD1  BIT_ULL(30)
#define CD_V     BIT_ULL(31)
#define CD_AA64  BIT_ULL(41)
#define CD_R     BIT_ULL(45)
#define CD_A     BIT_ULL(46)
#define CD_TTB   GENMASK_ULL(51, 4)
#define CD_WORDS 8

struct table_domain {
	struct viommu_domain stock; /* must be first: the driver frees it */
	struct io_pgtable_ops *tables;
	struct io_pgtable_cfg config;
};

static struct table_domain *to_table(struct iommu_domain *domain)
{
	return container_of(to_viommu_domain(domain), struct table_domain, stock);
}

/* -- requests ------------------------------------------------------------------------ */

static u64 first_word(const struct io_pgtable_cfg *config)
{
	const typeof(config->arm_lpae_s1_cfg.tcr) *tcr = &config->arm_lpae_s1_cfg.tcr;

	return tcr->tsz | tcr->tg << 6 | tcr->irgn << 8 | tcr->orgn << 10 | tcr->sh << 12 |
	       CD_EPD1 | CD_V | (u64)tcr->ips << 32 | CD_AA64 | CD_R | CD_A;
}

static int send_table(struct viommu_dev *viommu, const struct table_domain *table, u32 endpoint)
{
	u8 bytes[VIOMMU_ATTACH_TABLE_LENGTH + VIOMMU_TAIL_LENGTH] = { VIOMMU_T_ATTACH_TABLE };
	const u64 descriptor[CD_WORDS] = { first_word(&table->config),
					   table->config.arm_lpae_s1_cfg.ttbr & CD_TTB, 0,
					   table->config.arm_lpae_s1_cfg.mair };

	*(__le32 *)(bytes + 4) = cpu_to_le32(table->stock.id);
	*(__le32 *)(bytes + 8) = cpu_to_le32(endpoint);
	*(__le16 *)(bytes + 16) = cpu_to_le16(VIOMMU_TABLE_ARM_CD);
	for (unsigned int i = 0; i < CD_WORDS; i++)
		*(__le64 *)(bytes + 32 + 8 * i) = cpu_to_le64(descriptor[i]);
	return viommu_send_req_sync(viommu, bytes, sizeof(bytes));
}

/* Before it is attached, a domain is not known to the device, which has nothing of it. */
static void invalidate(struct table_domain *table, u8 scope, u16 flags, u64 start, u64 pages,
		       u8 shift)
{
	u8 bytes[VIOMMU_INVALIDATE_LENGTH + VIOMMU_TAIL_LENGTH] = { VIOMMU_T_INVALIDATE };

	if (!table->stock.nr_endpoints)
		return;
	bytes[4] = scope;
	bytes[5] = VIOMMU_INVALIDATE_C_TLB;
	*(__le16 *)(bytes + 6) = cpu_to_le16(flags);
	*(__le32 *)(bytes + 8) = cpu_to_le32(table->stock.id);
	*(__le64 *)(bytes + 24) = cpu_to_le64(start);
	*(__le64 *)(bytes + 32) = cpu_to_le64(pages);
	bytes[40] = shift;
	WARN_ON(viommu_send_req_sync(table->stock.viommu, bytes, sizeof(bytes)));
}

/* -- io-pgtable's calls ---------------------------------------------------------------- */

static void flush_all(void *cookie)
{
	invalidate(cookie, VIOMMU_INVALIDATE_S_DOMAIN, 0, 0, 0, 0);
}

static void flush_walk(unsigned long iova, size_t size, size_t granule, void *cookie)
{
	u8 shift = ilog2(granule);

	invalidate(cookie, VIOMMU_INVALIDATE_S_ADDRESS, 0, iova, size >> shift, shift);
}

static void add_page(struct iommu_iotlb_gather *gather, unsigned long iova, size_t granule,
		     void *cookie)
{
	struct table_domain *table = cookie;

	iommu_iotlb_gather_add_page(&table->stock.domain, gather, iova, granule);
}

static const struct iommu_flush_ops flush_ops = {
	.tlb_flush_all = flush_all,
	.tlb_flush_walk = flush_walk,
	.tlb_add_page = add_page,
};

/* -- domains ------------------------------------------------------------------------- */

static const struct iommu_domain_ops domain_ops;

static int make_tables(struct table_domain *table, struct viommu_dev *viommu)
{
	table->config = (struct io_pgtable_cfg){
		.pgsize_bitmap = viommu->pgsize_bitmap & (SZ_4K | SZ_2M | SZ_1G),
		.ias = ADDRESS_BITS,
		.oas = ADDRESS_BITS,
		.coherent_walk = true,
		.tlb = &flush_ops,
		.iommu_dev = viommu->dev,
	};
	table->tables = alloc_io_pgtable_ops(ARM_64_LPAE_S1, &table->config, table);
	return table->tables ? 0 : -ENOMEM;
}

static void describe(struct table_domain *table, struct viommu_dev *viommu, int id)
{
	struct iommu_domain *domain = &table->stock.domain;

	mutex_init(&table->stock.mutex);
	spin_lock_init(&table->stock.mappings_lock);
	table->stock.mappings = RB_ROOT_CACHED;
	table->stock.id = id;
	table->stock.viommu = viommu;
	domain->ops = &domain_ops;
	domain->pgsize_bitmap = table->config.pgsize_bitmap;
	domain->geometry = viommu->geometry;
	domain->geometry.aperture_end =
		min_t(dma_addr_t, domain->geometry.aperture_end, BIT_ULL(ADDRESS_BITS) - 1);
}

static struct iommu_domain *alloc_table(struct device *dev)
{
	struct viommu_dev *viommu = ((struct viommu_endpoint *)dev_iommu_priv_get(dev))->viommu;
	struct table_domain *table = kzalloc(sizeof(*table), GFP_KERNEL);
	int id;

	if (!table)
		return ERR_PTR(-ENOMEM);
	id = ida_alloc_range(&viommu->domain_ids, viommu->first_domain, viommu->last_domain,
			     GFP_KERNEL);
	if (id < 0 || make_tables(table, viommu)) {
		if (id >= 0)
			ida_free(&viommu->domain_ids, id);
		kfree(table);
		return ERR_PTR(-ENOMEM);
	}
	describe(table, viommu, id);
	return &table->stock.domain;
}

static void free_table(struct iommu_domain *domain)
{
	free_io_pgtable_ops(to_table(domain)->tables);
	viommu_domain_free(domain);
}

static int attach_table(struct iommu_domain *domain, struct device *dev)
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
	dev_info(dev, "is attached to a table of io-pgtable, %u levels at 0x%llx\n",
		 DIV_ROUND_UP(ADDRESS_BITS - PAGE_SHIFT, PAGE_SHIFT - 3),
		 table->config.arm_lpae_s1_cfg.ttbr);
	return 0;
}

static int map_pages(struct iommu_domain *domain, unsigned long iova, phys_addr_t paddr,
		     size_t size, size_t n, int prot, gfp_t gfp, size_t *mapped)
{
	struct io_pgtable_ops *tables = to_table(domain)->tables;

	return tables->map_pages(tables, iova, paddr, size, n, prot, gfp, mapped);
}

static size_t unmap_pages(struct iommu_domain *domain, unsigned long iova, size_t size, size_t n,
			  struct iommu_iotlb_gather *gather)
{
	struct io_pgtable_ops *tables = to_table(domain)->tables;

	return tables->unmap_pages(tables, iova, size, n, gather);
}

static phys_addr_t iova_to_phys(struct iommu_domain *domain, dma_addr_t iova)
{
	struct io_pgtable_ops *tables = to_table(domain)->tables;

	return tables->iova_to_phys(tables, iova);
}

/* Tables that were freed have been told by flush_walk(). */
static void sync(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	u8 shift;

	if (!gather->pgsize)
		return;
	shift = ilog2(gather->pgsize);
	invalidate(to_table(domain), VIOMMU_INVALIDATE_S_ADDRESS, VIOMMU_INVALIDATE_F_LEAF,
		   gather->start, (gather->end - gather->start + 1) >> shift, shift);
}

static void sync_all(struct iommu_domain *domain)
{
	flush_all(to_table(domain));
}

static const struct iommu_domain_ops domain_ops = {
	.attach_dev = attach_table,
	.map_pages = map_pages,
	.unmap_pages = unmap_pages,
	.iova_to_phys = iova_to_phys,
	.flush_iotlb_all = sync_all,
	.iotlb_sync = sync,
	.free = free_table,
};

static int register_changed(struct iommu_device *iommu, const struct iommu_ops *ops,
			    struct device *parent)
{
	static struct iommu_ops with_tables;

	with_tables = *ops;
	with_tables.domain_alloc_paging = alloc_table;
	return iommu_device_register(iommu, &with_tables, parent);
}

/* -- viommu-dma: without PASIDs, which this kernel does not have -------------------------- */

static bool ready(void)
{
	return true;
}

static long bind(struct file *file)
{
	return -EOPNOTSUPP;
}

static void unbind(struct file *file)
{
}

static long other(unsigned int command, void __user *argument)
{
	return -ENOTTY;
}

/* -- the module ------------------------------------------------------------------------ */

static int __init begin(void)
{
	static const unsigned int with_table[] = { F_TABLE };

	int error = begin_with(with_table, ARRAY_SIZE(with_table));

	return error ? error : register_dma();
}

module_init(begin);
