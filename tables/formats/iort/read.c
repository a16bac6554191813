/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an IORT means, as a topology
 *
 * ITS groups become its0, its1, ...; SMMUs smmu0, smmu1, ... in the order of the table. A root
 * complex is a host bridge with all buses of its segment, whose functions bypass; above it stand
 * ranges, one for each ID mapping to an SMMU. Named components are devices, and RMR nodes reserved
 * memory. Each has its offset as its place.
 *
 * IDs are taken as Linux takes them where firmware counted them one too many. What a topology has
 * no word for is told, and left out.
 */
#include "tables/findings/findings.h"
#include "read.h"
#include "tables/model/topology.h"

#define SEGMENT_SHIFT 16
#define LAST_RID      0xffffu

/* How interrupts of one SMMU are triggered. */
enum { SOME_LEVEL = 1, SOME_EDGE = 2 };

/* -- nodes and names --------------------------------------------------------------------- */

/* A note: the table is right, and what is lost stands in it. */
void iort_lose(const struct iort_reading *reading, const char *rule_id, const struct record *record,
	       const char *what)
{
	report(reading->findings, rule_id, table_place(reading->table, record->at), NULL,
	       "a topology has no word for %s: left out", what);
}

/* Offsets are keys: names belong to the tables of them, until reading ends. */
static const char *name_at(GHashTable *names, uint32_t offset)
{
	return g_hash_table_lookup(names, GSIZE_TO_POINTER((gsize)offset));
}

/*
 * A mapping may point forward or backward, so names are given to all IOMMUs before any is asked
 * for.
 */
const char *iort_iommu_at(const struct iort_reading *reading, uint32_t offset)
{
	return name_at(reading->iommus, offset);
}

const char *iort_its_at(const struct iort_reading *reading, uint32_t offset)
{
	return name_at(reading->groups, offset);
}

/* Numbered in the order of the table, so that the same table is always the same text. */
static const char *give_name(GHashTable *names, const struct record *node, const char *prefix)
{
	char *name = g_strdup_printf("%s%u", prefix, g_hash_table_size(names));

	g_hash_table_insert(names, GSIZE_TO_POINTER(node->at), name);
	return name;
}

/* -- ITS groups ------------------------------------------------------------------------------ */

/* One without an ITS is a rule of the bytes; a topology has no such group. */
static void read_its_group(struct iort_reading *reading, const struct record *node)
{
	g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	struct viommu_its_group group = { .size = sizeof(group) };
	const struct record *record;

	for (guint i = 0; (record = iort_next(node, &iort_its_layout, &i));)
		g_array_append_val(ids, ((const struct iort_its *)record->host)->identifier);
	group.name = give_name(reading->groups, node, "its");
	group.ids = (const uint32_t *)(void *)ids->data;
	group.n_ids = ids->len;
	group.place = table_place(reading->table, node->at);
	viommu_topology_add_its_group(reading->topology, &group);
}

/* -- SMMUs ------------------------------------------------------------------------------------ */

/* The order of the device tree binding: sync stands before the errors there. */
static void take_interrupts(struct viommu_iommu *iommu, const struct iort_smmu_v3 *smmu)
{
	const uint32_t interrupts[] = { smmu->event, smmu->pri, smmu->sync, smmu->gerr };

	for (size_t i = 0; i < G_N_ELEMENTS(interrupts); i++) {
		iommu->interrupts[i] = interrupts[i];
		if (interrupts[i])
			iommu->n_interrupts = G_N_ELEMENTS(interrupts);
	}
}

/* Of an SMMUv3: the ID mapping that it has for its own MSIs, if that can be one. */
static const struct iort_mapping *own_mapping(const struct record *node)
{
	const struct iort_smmu_v3 *smmu = node->host;
	const struct iort_mapping *mapping = NULL;

	if (iort_type_of(node) == IORT_SMMU_V3 && iort_has_device_id_mapping(smmu))
		mapping = iort_mapping_of(node, smmu->device_id_mapping);
	return mapping && mapping->flags & IORT_MAPPING_SINGLE ? mapping : NULL;
}

/* Bits that have a member of their own are taken out of the flags. */
static void take_smmu_v3(struct viommu_iommu *iommu, const struct iort_smmu_v3 *smmu)
{
	static const uint32_t known =
		IORT_SMMU_V3_COHERENT | IORT_SMMU_V3_DOMAIN | IORT_SMMU_V3_DEVICE_ID;

	iommu->kind = VIOMMU_SMMU_V3;
	iommu->base = smmu->base;
	iommu->coherent = smmu->flags & IORT_SMMU_V3_COHERENT;
	iommu->flags = smmu->flags & ~known;
	iommu->vatos = smmu->vatos;
	iommu->model = smmu->model;
	iommu->has_proximity_domain = smmu->flags & IORT_SMMU_V3_DOMAIN;
	iommu->proximity_domain = iommu->has_proximity_domain ? smmu->proximity_domain : 0;
	take_interrupts(iommu, smmu);
}

/* The numbers of one sort of interrupts, to be freed with g_free(); and whether all are alike. */
static uint32_t *numbers_of(const struct record *node, const struct layout *layout, size_t *ret_n,
			    unsigned *edges)
{
	GArray *numbers = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	const struct record *record;

	for (guint i = 0; (record = iort_next(node, layout, &i));) {
		const struct iort_interrupt *interrupt = record->host;

		g_array_append_val(numbers, interrupt->gsiv);
		*edges |= interrupt->flags ? SOME_EDGE : SOME_LEVEL;
	}
	*ret_n = numbers->len;
	return (uint32_t *)(void *)g_array_free(numbers, FALSE);
}

/* Two zeroes are what is written where nobody knows them. */
static void take_global_interrupts(struct viommu_iommu *iommu, const struct record *node)
{
	guint i = 0;
	const struct record *record = iort_next(node, &iort_global_interrupts_layout, &i);
	const struct iort_global_interrupts *interrupts = record ? record->host : NULL;

	if (!interrupts || !(interrupts->fault || interrupts->configuration))
		return;
	iommu->interrupts[iommu->n_interrupts++] = interrupts->fault;
	iommu->interrupts[iommu->n_interrupts++] = interrupts->configuration;
}

/* Its first interrupts are the global ones, as in the device tree binding. */
static void take_smmu_v2(struct viommu_iommu *iommu, const struct record *node)
{
	const struct iort_smmu_v2 *smmu = node->host;

	take_global_interrupts(iommu, node);
	iommu->kind = VIOMMU_SMMU_V2;
	iommu->base = smmu->base;
	iommu->span = smmu->span;
	iommu->coherent = smmu->flags & IORT_SMMU_V2_COHERENT;
	iommu->flags = smmu->flags & ~(uint32_t)IORT_SMMU_V2_COHERENT;
	iommu->model = smmu->model;
}

/* The device ID is where the function is, as one number. */
static void take_virtio_pci(struct viommu_iommu *iommu, const struct iort_virtio_pci *node)
{
	iommu->kind = VIOMMU_VIRTIO_PCI;
	iommu->segment = (uint16_t)(node->device_id >> SEGMENT_SHIFT);
	iommu->bdf = (uint16_t)node->device_id;
}

/* Its interrupt is for the driver of the transport, and no IOMMU's. */
static void take_virtio_mmio(struct viommu_iommu *iommu, const struct iort_virtio_mmio *node)
{
	iommu->kind = VIOMMU_VIRTIO_MMIO;
	iommu->base = node->base;
	iommu->span = node->span;
	iommu->coherent = node->flags & IORT_VIRTIO_COHERENT;
	iommu->interrupts[0] = (uint32_t)node->interrupt;
	iommu->n_interrupts = iommu->interrupts[0] ? 1 : 0;
}

/* Numbered as generators do it, an identifier is the index of its node. Before revision 3 it is 0.
 */
static void take_identifier(const struct iort_reading *reading, struct viommu_iommu *iommu,
			    const struct record *node)
{
	uint32_t identifier = iort_node_of(node)->identifier;

	iommu->has_identifier =
		acpi_header(reading->table)->revision >= IORT_REVISION_E_B &&
		identifier != GPOINTER_TO_UINT(g_hash_table_lookup(reading->index, node));
	iommu->identifier = iommu->has_identifier ? identifier : 0;
}

/*
 * Its own MSIs, and those of its devices where they go on with the IDs that they have: only an SMMU
 * for whose devices that is true has an ITS group. Other ways are ranges of MSIs (read_msis).
 */
static void take_its(const struct iort_reading *reading, struct viommu_iommu *iommu,
		     const struct record *node)
{
	const struct iort_mapping *own = own_mapping(node);

	if (own) {
		iommu->its = iort_its_at(reading, own->output_reference);
		iommu->has_msi_id = iommu->its;
		iommu->msi_id = iommu->its ? own->output_base : 0;
		return;
	}
	iommu->its = iort_identity_its(reading, node);
}

/* The lists live until the topology has its copy. */
static void add_iommu(const struct iort_reading *reading, struct viommu_iommu *iommu,
		      const struct record *node)
{
	unsigned edges = 0;
	g_autofree uint32_t *contexts =
		numbers_of(node, &iort_interrupt_layout, &iommu->n_context_interrupts, &edges);
	g_autofree uint32_t *monitors =
		numbers_of(node, &iort_pmu_interrupt_layout, &iommu->n_pmu_interrupts, &edges);

	iommu->context_interrupts = contexts;
	iommu->pmu_interrupts = monitors;
	iommu->edge = edges == SOME_EDGE;
	viommu_topology_add_iommu(reading->topology, iommu);
	if (edges == (SOME_EDGE | SOME_LEVEL))
		iort_lose(reading, "iort-silent-interrupts", node,
			  "interrupts of an SMMU of which some are edge-triggered");
}

/*
 * The name is given even to an IOMMU that cannot be added, so that names are places in the table.
 */
static void read_iommu(struct iort_reading *reading, const struct record *node)
{
	struct viommu_iommu iommu = { .size = sizeof(iommu) };
	unsigned type = iort_type_of(node);

	iommu.place = table_place(reading->table, node->at);
	if (type == IORT_SMMU_V3)
		take_smmu_v3(&iommu, node->host);
	else if (type == IORT_SMMU_V2)
		take_smmu_v2(&iommu, node);
	else if (type == IORT_VIRTIO_PCI)
		take_virtio_pci(&iommu, node->host);
	else
		take_virtio_mmio(&iommu, node->host);
	iommu.name = give_name(reading->iommus, node, type < IORT_VIRTIO_PCI ? "smmu" : "viommu");
	take_identifier(reading, &iommu, node);
	take_its(reading, &iommu, node);
	add_iommu(reading, &iommu, node);
}

/* Then no range has to say it again. */
bool iort_is_said(const struct iort_reading *reading, const struct record *node)
{
	return !own_mapping(node) && iort_identity_its(reading, node);
}

/* -- the header ------------------------------------------------------------------------------- */

/* All counts of this root complex are plain, but those that 16 bits cut off. */
static bool has_plain_counts(const struct record *node, bool *ret_fine)
{
	g_autoptr(GHashTable) firsts = iort_first_ids(node);
	const struct record *record;
	bool any = false;

	for (guint i = 0; (record = iort_next(node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = record->host;
		bool plain = iort_is_plain_count(firsts, mapping);

		any |= plain;
		*ret_fine &= plain || mapping->input_base + mapping->id_count == LAST_RID;
	}
	return any;
}

/* A table is plain as a whole or not at all: a generator had one way to count. */
void iort_read_header(const struct viommu_table *table, struct viommu_table_header *header)
{
	const struct record *node;
	bool any = false, fine = true;

	for (guint i = 0; (node = iort_next_node(table, &i));)
		if (iort_type_of(node) == IORT_ROOT_COMPLEX)
			any |= has_plain_counts(node, &fine);
	header->has_revision = true;
	header->revision = acpi_header(table)->revision;
	header->plain_counts = any && fine;
}

/* -- the whole table -----------------------------------------------------------------------------
 */

/* In the order of the table. */
static void for_each_node(struct iort_reading *reading, unsigned type,
			  void (*read)(struct iort_reading *reading, const struct record *node))
{
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(reading->table, &i));)
		if (iort_type_of(node) == type)
			read(reading, node);
}

/* A finding for the first of a kind is enough: there can be hundreds of PMCGs. */
static void lose_others(struct iort_reading *reading)
{
	static const unsigned others[] = { IORT_PMCG, IORT_IWB };
	const struct record *node;

	for (size_t k = 0; k < G_N_ELEMENTS(others); k++)
		for (guint i = 0; (node = iort_next_node(reading->table, &i));)
			if (iort_type_of(node) == others[k]) {
				iort_lose(reading, "iort-silent-node", node, node->layout->name);
				break;
			}
}

/* What each node is the how-manieth of; and how far the stream IDs of each SMMU go. */
static void look_ahead(struct iort_reading *reading)
{
	const struct record *node, *record;
	unsigned n = 0;

	for (guint i = 0; (node = iort_next_node(reading->table, &i)); n++) {
		g_hash_table_insert(reading->index, (gpointer)node, GUINT_TO_POINTER(n));
		for (guint k = 0; (record = iort_next(node, &iort_mapping_layout, &k));)
			iort_note_last_id(reading, record->host);
	}
}

/*
 * What refers comes behind what is referred to, in whatever order the table has them: nodes of a
 * type after the other.
 */
struct viommu_topology *iort_read(const struct viommu_table *table,
				  struct viommu_findings *findings)
{
	struct iort_reading reading = {
		.table = table,
		.topology = viommu_topology_new(),
		.groups = g_hash_table_new_full(NULL, NULL, NULL, g_free),
		.iommus = g_hash_table_new_full(NULL, NULL, NULL, g_free),
		.index = g_hash_table_new(NULL, NULL),
		.last_ids = g_hash_table_new(NULL, NULL),
		.segments = g_hash_table_new(NULL, NULL),
		.findings = findings,
	};

	look_ahead(&reading);
	for_each_node(&reading, IORT_ITS_GROUP, read_its_group);
	for (guint i = 0; i < table->root->children->len; i++)
		if (iort_is_iommu(iort_type_of(table->root->children->pdata[i])))
			read_iommu(&reading, table->root->children->pdata[i]);
	for_each_node(&reading, IORT_ROOT_COMPLEX, iort_read_root_complex);
	for_each_node(&reading, IORT_NAMED_COMPONENT, iort_read_component);
	for (guint i = 0; i < table->root->children->len; i++)
		iort_read_msis(&reading, table->root->children->pdata[i]);
	for_each_node(&reading, IORT_RMR, iort_read_rmr);
	lose_others(&reading);
	g_hash_table_destroy(reading.segments);
	g_hash_table_destroy(reading.last_ids);
	g_hash_table_destroy(reading.index);
	g_hash_table_destroy(reading.iommus);
	g_hash_table_destroy(reading.groups);
	return reading.topology;
}
