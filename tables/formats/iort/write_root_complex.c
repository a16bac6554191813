/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Root complex nodes of an IORT: one for each PCI segment
 *
 * All host bridges of a segment share a node, for readers take the first one of the segment. Its ID
 * mappings are, sorted, first those to SMMUs and then those of functions that bypass and go to an
 * ITS group at once. What is below no host bridge goes where the first of them sends what bypasses:
 * so a bus that is given a number later has MSIs too.
 *
 * Ranges are disjoint, so that it never matters which mapping a reader comes to first. A function
 * without any mapping would have no MSIs.
 */
#include "tables/model/cover.h"
#include "tables/findings/findings.h"
#include "write.h"
#include "tables/routes/route.h"
#include "tables/model/topology.h"

#define LAST_RID      0xffffu
#define SEGMENT_SHIFT 16
#define BUS_SHIFT     8
#define LAST_DEVFN    0xffu

/* -- segments -----------------------------------------------------------------------------------
 */

/*
 * All host bridges of a segment gather their mappings here before the node is written, since Linux
 * never looks at a second node of a segment.
 */
struct segment {
	uint16_t number;
	GArray *mappings; /* struct iort_mapping */
	GArray *cover;    /* who decides about MSIs of a function: where its owner stands */
	const struct viommu_host_bridge *first, *with_its;
	struct iort_root_complex fields;
};

/* By number, to be found; and in order, so that the same topology gives the same bytes. */
struct segments {
	struct iort_writing *writing;
	GHashTable *by_number;
	GPtrArray *in_order; /* as the topology first speaks of them */
};

/* Segments belong to the list that is in order. */
static void segment_free(void *opaque)
{
	struct segment *segment = opaque;

	g_array_unref(segment->mappings);
	g_array_unref(segment->cover);
	g_free(segment);
}

/* Found by its number, or begun behind all others. */
static struct segment *segment_of(struct segments *segments, uint16_t number)
{
	struct segment *segment =
		g_hash_table_lookup(segments->by_number, GUINT_TO_POINTER(number));

	if (segment)
		return segment;
	segment = g_new0(struct segment, 1);
	segment->number = number;
	segment->mappings = g_array_new(FALSE, FALSE, sizeof(struct iort_mapping));
	segment->cover = cover_new();
	g_hash_table_insert(segments->by_number, GUINT_TO_POINTER(number), segment);
	g_ptr_array_add(segments->in_order, segment);
	return segment;
}

/* -- what host bridges say of their segment -------------------------------------------------------
 */

/*
 * Where MSIs of functions go that no SMMU translates. Behind an IOMMU that stands in another table
 * they go where it says.
 */
static const char *its_of(const struct iort_writing *writing,
			  const struct viommu_host_bridge *bridge)
{
	const struct viommu_iommu *iommu =
		viommu_topology_find_iommu(writing->topology, bridge->iommu);

	if (bridge->its || !iommu || iort_find_iommu(writing, iommu->name))
		return bridge->its;
	return iommu->its;
}

/* As everybody writes it, but for what the bridge says otherwise. */
static struct iort_root_complex fields_of(const struct viommu_host_bridge *bridge)
{
	return (struct iort_root_complex){
		.memory = { .cache_coherent = !bridge->incoherent,
			    .flags = bridge->incoherent ? 0 : IORT_MEMORY_DEFAULT },
		.ats = (bridge->ats ? IORT_ATS : 0u) | (bridge->pri ? IORT_PRI : 0u) |
		       (bridge->pasid ? IORT_PASID_FORWARD : 0u),
		.segment = bridge->segment,
		.address_limit =
			(uint8_t)(bridge->address_bits ? bridge->address_bits : IORT_ADDRESS_BITS),
		.pasid = (uint16_t)bridge->pasid_bits,
		.flags = bridge->pasid_bits ? IORT_PASID_SUPPORTED : 0,
	};
}

/* What all of them have, and no more: what is said of a node holds for all of its buses. */
static void intersect_fields(struct iort_root_complex *fields,
			     const struct iort_root_complex *other)
{
	fields->ats &= other->ats;
	fields->flags &= other->flags;
	fields->address_limit = MIN(fields->address_limit, other->address_limit);
	fields->pasid = MIN(fields->pasid, other->pasid);
	if (!other->memory.cache_coherent)
		fields->memory = other->memory;
}

/* What a bridge says of its functions, and not which bridge it is. */
static bool have_same_attributes(const struct iort_root_complex *one,
				 const struct iort_root_complex *other)
{
	return one->ats == other->ats && one->flags == other->flags && one->pasid == other->pasid &&
	       one->address_limit == other->address_limit &&
	       one->memory.cache_coherent == other->memory.cache_coherent;
}

/* Of buses that two bridges claim the first one has them, as everywhere. */
static void add_bridge(struct segments *segments, const struct viommu_host_bridge *bridge)
{
	struct segment *segment = segment_of(segments, bridge->segment);
	struct iort_root_complex fields = fields_of(bridge);
	struct viommu_findings *findings = segments->writing->findings;

	cover_add(segment->cover, (uint64_t)bridge->bus_first << BUS_SHIFT,
		  (uint64_t)bridge->bus_last << BUS_SHIFT | LAST_DEVFN, bridge);
	if (!segment->first)
		segment->fields = fields;
	else if (!have_same_attributes(&fields, &segment->fields))
		report(findings, "iort-silent-bridge", bridge->place,
		       "let host bridges of a segment have the same",
		       "a root complex says one thing for segment %u: what all of its host "
		       "bridges have",
		       bridge->segment);
	intersect_fields(&segment->fields, &fields);
	segment->first = segment->first ? segment->first : bridge;
	if (!segment->with_its && its_of(segments->writing, bridge))
		segment->with_its = bridge;
	if (bridge->has_proximity_domain)
		report(findings, "iort-silent-domain", bridge->place, "say it in SRAT, or by _PXM",
		       "IORT has no proximity domain for a host bridge");
}

/* -- what decides about MSIs
 * ------------------------------------------------------------------------ */

/* Functions that an SMMU translates: their MSIs go from there. */
static const char translated;

/* In front of everything else, for what is translated does not bypass. */
static void cover_rid_ranges(struct segments *segments)
{
	const GArray *rid_ranges = segments->writing->rid_ranges;

	for (guint i = 0; i < rid_ranges->len; i++) {
		const struct iort_rid_range *piece =
			&g_array_index(rid_ranges, struct iort_rid_range, i);
		struct segment *segment =
			segment_of(segments, (uint16_t)(piece->first >> SEGMENT_SHIFT));

		cover_add(segment->cover, piece->first & LAST_RID, piece->last & LAST_RID,
			  &translated);
	}
}

/* Does an SMMU translate one of these functions? */
static bool is_translated(const struct iort_writing *writing, const struct viommu_msi_range *msi)
{
	guint i = iort_seek_rid_range(writing, function_id(msi->segment, msi->bdf_first));

	return i < writing->rid_ranges->len &&
	       g_array_index(writing->rid_ranges, struct iort_rid_range, i).first <=
		       function_id(msi->segment, msi->bdf_last);
}

/* In front of bridges, which say what holds of all others. */
static void cover_msi_ranges(struct segments *segments)
{
	struct iort_writing *writing = segments->writing;
	const struct viommu_msi_range *msi;

	for_each_object(i, msi, writing->topology, OBJECT_MSI_RANGE) {
		if (msi->iommu)
			continue;
		cover_add(segment_of(segments, msi->segment)->cover, msi->bdf_first, msi->bdf_last,
			  msi);
		if (is_translated(writing, msi))
			report(writing->findings, "iort-silent-msi", msi->place,
			       "give the stream IDs of an SMMU a range",
			       "MSIs of functions behind an SMMU go where it sends them");
	}
}

/* -- ID mappings ----------------------------------------------------------------------------------
 */

/* As many as there are, in tables of those who thought so; 16 bits hold no more than all. */
static uint32_t count_of(const struct iort_writing *writing, uint64_t first, uint64_t last)
{
	uint64_t end = writing->header->plain_counts ? MIN(last + 1, LAST_RID) : last;

	return (uint32_t)(end - first);
}

/* The last of its IDs is kept apart until here, where it becomes a count. */
static void add_mapping(struct iort_writing *writing, struct segment *segment,
			struct iort_mapping mapping, uint64_t last)
{
	mapping.id_count = count_of(writing, mapping.input_base, last);
	if (iort_has_room(writing, segment->mappings))
		g_array_append_val(segment->mappings, mapping);
}

/* Functions that share an ID have a mapping each, for a mapping counts on. */
static void map_rid_range(struct segments *segments, const struct iort_rid_range *piece)
{
	struct segment *segment = segment_of(segments, (uint16_t)(piece->first >> SEGMENT_SHIFT));
	uint64_t first = piece->first & LAST_RID, last = piece->last & LAST_RID;
	uint64_t step = piece->shared_id ? 1 : last - first + 1;

	for (uint64_t rid = first; rid <= last && !segments->writing->too_large; rid += step)
		add_mapping(segments->writing, segment,
			    (struct iort_mapping){
				    .input_base = (uint32_t)rid,
				    .output_base = piece->id,
				    .output_reference = (uint32_t)piece->state->at,
			    },
			    rid + step - 1);
}

/* Where MSIs of the functions of a span go, and as what; a reference of 0 for nowhere. */
static struct iort_mapping bypass_mapping(const struct iort_writing *writing,
					  const struct segment *segment, const struct span *span,
					  enum object_type type)
{
	const struct viommu_msi_range *msi = span->owner;
	const char *its = type == OBJECT_MSI_RANGE ? msi->its : its_of(writing, span->owner);
	struct iort_mapping mapping = {
		.input_base = (uint32_t)span->first,
		.output_base = function_id(segment->number, (uint16_t)span->first),
		.output_reference = iort_its_group_at(writing, its),
	};

	if (type == OBJECT_MSI_RANGE)
		mapping.output_base = msi->device_id_first + (mapping.input_base - msi->bdf_first);
	return mapping;
}

/* Does the mapping go on where the one before ends? Then that one can have all. */
static bool continues(const struct iort_mapping *before, uint64_t before_last,
		      const struct iort_mapping *mapping)
{
	return before->output_reference == mapping->output_reference &&
	       mapping->input_base == before_last + 1 &&
	       mapping->output_base - before->output_base ==
		       mapping->input_base - before->input_base;
}

/* MSI ranges are told from host bridges by being in a set: an owner is a pointer and no more. */
static void map_bypass(struct segments *segments, struct segment *segment, GHashTable *msis)
{
	struct iort_writing *writing = segments->writing;
	struct iort_mapping open = { 0 };
	uint64_t last = 0;
	const struct span *span;

	if (segment->with_its)
		cover_add(segment->cover, 0, LAST_RID, segment->with_its);
	cover_settle(segment->cover);
	for (size_t i = 0; (span = cover_get(segment->cover, i)); i++) {
		struct iort_mapping mapping = { 0 };

		if (span->owner != &translated)
			mapping = bypass_mapping(writing, segment, span,
						 g_hash_table_contains(msis, span->owner)
							 ? OBJECT_MSI_RANGE
							 : OBJECT_HOST_BRIDGE);
		if (!continues(&open, last, &mapping)) {
			if (open.output_reference)
				add_mapping(writing, segment, open, last);
			open = mapping;
		}
		last = span->last;
	}
	if (open.output_reference)
		add_mapping(writing, segment, open, last);
}

/* -- nodes
 * ------------------------------------------------------------------------------------------ */

/* The one in a VIOT of 2019 has the fields of revision 1, but says 0. */
static uint8_t revision_of(const struct iort_writing *writing)
{
	static const uint8_t e_b = 3, d = 1;

	if (writing->revision >= IORT_REVISION_E_B)
		return e_b;
	return iort_is_wrapped(writing->table) ? 0 : d;
}

/*
 * A segment without a host bridge is one of which only ranges speak: it is as usual. The offset of
 * mappings stands there even without any, as QEMU has it; nobody looks at it then.
 */
static void write_root_complex(struct segments *segments, struct segment *segment)
{
	static const uint8_t with_pasid = 4;
	static const struct viommu_host_bridge defaults = { 0 };
	struct iort_writing *writing = segments->writing;
	struct iort_root_complex fields = segment->first ? segment->fields : fields_of(&defaults);
	struct viommu_place place = segment->first ? segment->first->place : place_of_file(NULL);
	struct record *node;

	fields.segment = segment->number;
	fields.node.revision = revision_of(writing);
	if (fields.flags && writing->revision >= IORT_REVISION_E_D)
		fields.node.revision = with_pasid;
	if (fields.ats & ~(uint32_t)IORT_ATS)
		iort_report_revision(writing, place, IORT_REVISION_E_B, "PRI or PASID");
	if (fields.flags)
		iort_report_revision(writing, place, IORT_REVISION_E_D, "the width of a PASID");
	node = iort_begin_node(writing, IORT_ROOT_COMPLEX, &fields);
	iort_add_mappings(node, segment->mappings);
	((struct iort_node *)node->host)->mapping_offset = node->layout->length;
	iort_end_node(writing, node);
}

/* As a set of pointers. */
static GHashTable *msi_ranges(const struct viommu_topology *topology)
{
	GHashTable *ranges = g_hash_table_new(NULL, NULL);
	const struct viommu_msi_range *msi;

	for_each_object(i, msi, topology, OBJECT_MSI_RANGE)
		g_hash_table_add(ranges, (gpointer)msi);
	return ranges;
}

/* Bridges give the order of segments, and what stands first in a cover counts. */
static void fill_segments(struct segments *segments)
{
	const struct iort_writing *writing = segments->writing;
	const struct viommu_host_bridge *bridge;

	for_each_object(i, bridge, writing->topology, OBJECT_HOST_BRIDGE)
		segment_of(segments, bridge->segment);
	cover_rid_ranges(segments);
	cover_msi_ranges(segments);
	for_each_object(i, bridge, writing->topology, OBJECT_HOST_BRIDGE)
		add_bridge(segments, bridge);
	for (guint i = 0; i < writing->rid_ranges->len; i++)
		map_rid_range(segments,
			      &g_array_index(writing->rid_ranges, struct iort_rid_range, i));
}

/* A node of a segment is written when all that it says is known. */
void iort_write_root_complexes(struct iort_writing *writing)
{
	g_autoptr(GHashTable) msis = msi_ranges(writing->topology);
	struct segments segments = {
		.writing = writing,
		.by_number = g_hash_table_new(NULL, NULL),
		.in_order = g_ptr_array_new_with_free_func(segment_free),
	};

	fill_segments(&segments);
	for (guint i = 0; i < segments.in_order->len; i++) {
		map_bypass(&segments, segments.in_order->pdata[i], msis);
		write_root_complex(&segments, segments.in_order->pdata[i]);
	}
	g_ptr_array_unref(segments.in_order);
	g_hash_table_destroy(segments.by_number);
}
