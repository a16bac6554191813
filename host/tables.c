/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Firmware tables in sysfs
 *
 * Several tables may describe IOMMUs: a guest with a virtio-iommu has a VIOT, and an IORT without
 * any SMMU. The topology comes from the table that has most of the IOMMUs in sysfs.
 */
#include <errno.h>
#include <string.h>

#include "join.h"
#include "scan.h"

/* Tables with a topology come first. APIC is the MADT. */
static const char *const names[] = {
	"DMAR", "IVRS", "IORT", "RIMT", "VIOT", "SRAT", "MCFG", "APIC"
};

/* -- reading --------------------------------------------------------------------------------- */

static void scan_table(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		       const char *name)
{
	int error;
	g_autoptr(GByteArray) bytes =
		tree_read_all(tree, folder, name, VIOMMU_HOST_FILE_MAX, &error);
	g_autofree char *file = tree_place(tree, folder->path, name);
	struct viommu_table *table;

	if (error == -EACCES || error == -EPERM)
		host->tables_unreadable = true;
	if (!bytes || !bytes->len)
		return;
	table = viommu_table_decode(bytes->data, bytes->len, file, tree->findings);
	if (table)
		g_ptr_array_add(host->tables, table);
}

static void scan_acpi(struct viommu_host *host, struct tree *tree)
{
	struct folder folder;

	if (tree_enter(tree, "sys/firmware/acpi/tables", &folder) < 0)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		scan_table(host, tree, &folder, names[i]);
	tree_leave(&folder);
}

static void scan_device_tree(struct viommu_host *host, struct tree *tree)
{
	struct folder folder;

	if (tree_enter(tree, "sys/firmware", &folder) < 0)
		return;
	scan_table(host, tree, &folder, "fdt");
	tree_leave(&folder);
}

/* -- choosing --------------------------------------------------------------------------------- */

static bool below(void *opaque, uint16_t segment, uint16_t bdf, uint8_t *ret_first,
		  uint8_t *ret_last)
{
	const struct viommu_host_device *device = viommu_host_find_function(opaque, segment, bdf);

	if (!device || !device->bridge || !device->secondary)
		return false;
	*ret_first = device->secondary;
	*ret_last = device->subordinate;
	return true;
}

struct viommu_topology *viommu_host_expand(const struct viommu_host *host,
					   const struct viommu_topology *topology)
{
	return viommu_topology_expand(topology, below, (void *)host);
}

/* The IOMMUs that are in sysfs too decide, then whether there is any IOMMU. */
static size_t worth(const struct viommu_host *host, const struct viommu_topology *topology)
{
	size_t n = 0;

	while (viommu_topology_iommu(topology, n))
		n++;
	return join_count(host, topology) * VIOMMU_HOST_IOMMUS_MAX + MIN(n, 1);
}

static void choose(struct viommu_host *host, struct tree *tree)
{
	struct viommu_topology *best = NULL;
	size_t most = 0;

	for (guint i = 0; i < host->tables->len; i++) {
		const struct viommu_table *table = host->tables->pdata[i];
		struct viommu_topology *topology;
		size_t n;

		if (!(viommu_table_abilities(viommu_table_signature(table)) &
		      VIOMMU_TABLE_MEANING) ||
		    !strcmp(viommu_table_signature(table), "SRAT"))
			continue;
		topology = viommu_table_topology(table, tree->findings);
		n = topology ? worth(host, topology) : 0;
		if (topology && (!best || n > most)) {
			viommu_topology_free(best);
			best = topology;
			most = n;
		} else {
			viommu_topology_free(topology);
		}
	}
	if (!best)
		return;
	host->topology = viommu_host_expand(host, best);
	if (!host->topology)
		g_error("out of memory for the topology of a host");
	viommu_topology_free(best);
}

/* -- command queues ---------------------------------------------------------------------------- */

/* Linux names the only one SSDT, and several SSDT1, SSDT2 and so on. */
#define SSDTS_MAX 256

static const struct viommu_table *find_table(const struct viommu_host *host, const char *signature)
{
	for (guint i = 0; i < host->tables->len; i++)
		if (!strcmp(viommu_table_signature(host->tables->pdata[i]), signature))
			return host->tables->pdata[i];
	return NULL;
}

static bool has_smmu_v3(const struct viommu_topology *topology)
{
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(topology, i)); i++)
		if (iommu->kind == VIOMMU_SMMU_V3)
			return true;
	return false;
}

/* False: there is no such block. */
static bool apply_block(struct viommu_host *host, struct tree *tree, const struct folder *folder,
			const char *name, const struct viommu_table *iort)
{
	int error;
	g_autoptr(GByteArray) bytes =
		tree_read_all(tree, folder, name, VIOMMU_HOST_FILE_MAX, &error);
	g_autofree char *file = tree_place(tree, folder->path, name);
	struct viommu_table *block;

	if (!bytes || !bytes->len)
		return false;
	block = viommu_table_decode(bytes->data, bytes->len, file, NULL);
	if (block)
		viommu_topology_apply_queues(host->topology, iort, block);
	viommu_table_free(block);
	return true;
}

/* Only of machines that can have them, because archives get what is read. */
static void apply_queues(struct viommu_host *host, struct tree *tree)
{
	const struct viommu_table *iort = find_table(host, "IORT");
	struct folder folder;
	bool more = true;

	if (!iort || !host->topology || !has_smmu_v3(host->topology) ||
	    tree_enter(tree, "sys/firmware/acpi/tables", &folder) < 0)
		return;
	apply_block(host, tree, &folder, "DSDT", iort);
	apply_block(host, tree, &folder, "SSDT", iort);
	for (unsigned i = 1; more && i <= SSDTS_MAX; i++) {
		g_autofree char *name = g_strdup_printf("SSDT%u", i);

		more = apply_block(host, tree, &folder, name, iort);
	}
	tree_leave(&folder);
}

/* The SRAT has the proximity domains of IOMMUs that are PCI functions. */
static void apply_srat_domains(struct viommu_host *host)
{
	for (guint i = 0; host->topology && i < host->tables->len; i++)
		if (!strcmp(viommu_table_signature(host->tables->pdata[i]), "SRAT"))
			viommu_topology_apply_srat_domains(host->topology, host->tables->pdata[i]);
}

void scan_tables(struct viommu_host *host, struct tree *tree)
{
	scan_acpi(host, tree);
	scan_device_tree(host, tree);
	choose(host, tree);
	apply_queues(host, tree);
	apply_srat_domains(host);
	if (host->tables_unreadable && !host->topology)
		tree_report(tree, "host-unreadable", "sys/firmware", NULL,
			    "the firmware tables are readable by root only");
}
