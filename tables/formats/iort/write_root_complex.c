/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Root complex nodes of an IORT: one per PCI segment
 *
 * All host bridges of a segment share a node, since readers use the first node of a segment. Its
 * ID mappings are, sorted, first those to SMMUs, then those of functions that bypass and send MSIs
 * directly to an ITS group. Functions below no host bridge send MSIs where the first host bridge
 * with an ITS sends them, so that a bus numbered later has MSIs too: without a mapping, a function
 * has none.
 *
 * Mappings are disjoint, so their order does not matter to readers.
 */
#include "base/array.h"
#include "base/hash.h"
#include "tables/model/partition.h"
#include "tables/findings/findings.h"
#include "write.h"
#include "tables/routes/route.h"
#include "tables/model/topology.h"

#define LAST_RID      0xffffu
#define SEGMENT_SHIFT 16
#define BUS_SHIFT     8
#define LAST_DEVFN    0xffu

/* -- segments -------------------------------------------------------------------- */

/*
 * Collects the mappings of all host bridges of a segment, since Linux uses only the first node of
 * a segment.
 */
struct segment {
	uint16_t number;
	struct array *mappings;  /* struct iort_mapping */
	struct array *partition; /* the objects that decide where MSIs go */
	const struct viommu_host_bridge *first, *with_its;
	struct iort_root_complex fields;
	bool has_iommu, voted; /* of a bridge with an IOMMU; `fields` are those of a bridge */
};

/* Hashed for lookup, and listed so that a topology always gives the same bytes. */
struct segments {
	struct iort_writing *writing;
	struct hash *by_number;
	struct pointers *in_order; /* in the order of the topology; owns the segments */
};

static void segment_free(void *opaque)
{
	struct segment *segment = opaque;

	array_free(segment->mappings);
	array_free(segment->partition);
	memory_free(segment);
}

/* Appends the segment if there is none of that number. */
static struct segment *segment_of(struct segments *segments, uint16_t number)
{
	struct segment *segment = hash_lookup(segments->by_number, GUINT_TO_POINTER(number));

	if (segment)
		return segment;
	segment = memory_new(struct segment, 1);
	segment->number = number;
	segment->mappings = array_new(sizeof(struct iort_mapping));
	segment->partition = partition_new();
	hash_insert(segments->by_number, GUINT_TO_POINTER(number), segment);
	pointers_add(segments->in_order, segment);
	return segment;
}

/* -- host bridges ---------------------------------------------------------------- */

/*
 * The ITS group for functions that no SMMU translates. If another table describes the IOMMU of the
 * bridge, the IOMMU's ITS group counts.
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

static struct iort_root_complex fields_of(const struct viommu_host_bridge *bridge)
{
	return (struct iort_root_complex){
		.memory = iort_memory_of(bridge->incoherent, &bridge->access),
		.ats = (bridge->ats ? IORT_ATS : 0u) | (bridge->pri ? IORT_PRI : 0u) |
		       (bridge->pasid ? IORT_PASID_FORWARD : 0u),
		.segment = bridge->segment,
		.address_limit =
			(uint8_t)(bridge->address_bits ? bridge->address_bits : IORT_ADDRESS_BITS),
		.pasid = (uint16_t)bridge->pasid_bits,
		.flags = bridge->pasid_bits ? IORT_PASID_SUPPORTED : 0,
	};
}

/* Fields of a node hold for all buses of a segment, so only what all host bridges have remains. */
static void intersect_fields(struct iort_root_complex *fields,
			     const struct iort_root_complex *other)
{
	fields->ats &= other->ats;
	fields->flags &= other->flags;
	fields->address_limit = MIN(fields->address_limit, other->address_limit);
	fields->pasid = MIN(fields->pasid, other->pasid);
	fields->memory.cache_coherent &= other->memory.cache_coherent;
	fields->memory.flags &= other->memory.flags;
	fields->memory.hints &= other->memory.hints;
}

/* Compares the properties of the functions, not the bridges. */
static bool have_same_attributes(const struct iort_root_complex *one,
				 const struct iort_root_complex *other)
{
	return one->ats == other->ats && one->flags == other->flags && one->pasid == other->pasid &&
	       one->address_limit == other->address_limit &&
	       one->memory.cache_coherent == other->memory.cache_coherent &&
	       one->memory.flags == other->memory.flags && one->memory.hints == other->memory.hints;
}

/*
 * ATS and PASIDs are requests to an IOMMU. So a bridge without one has no say in them where others
 * of the segment have one: pcie.0 of a virtual machine is such a bridge.
 */
static void vote(struct segments *segments, struct segment *segment,
		 const struct viommu_host_bridge *bridge)
{
	struct iort_root_complex fields = fields_of(bridge);

	if (segment->has_iommu && !bridge->iommu)
		return;
	if (!segment->voted)
		segment->fields = fields;
	else if (!have_same_attributes(&fields, &segment->fields))
		report(segments->writing->findings, "iort-silent-bridge", bridge->place,
		       "give all host bridges of the segment the same properties",
		       "host bridges of segment %u share a root complex node, which has only "
		       "what all of them have",
		       bridge->segment);
	intersect_fields(&segment->fields, &fields);
	segment->voted = true;
}

/* If two bridges claim a bus, the first one has it. */
static void add_bridge(struct segments *segments, const struct viommu_host_bridge *bridge)
{
	struct segment *segment = segment_of(segments, bridge->segment);

	partition_add(segment->partition, (uint64_t)bridge->bus_first << BUS_SHIFT,
		      (uint64_t)bridge->bus_last << BUS_SHIFT | LAST_DEVFN, bridge);
	vote(segments, segment, bridge);
	segment->first = segment->first ? segment->first : bridge;
	if (!segment->with_its && its_of(segments->writing, bridge))
		segment->with_its = bridge;
}

/* -- MSI routing ----------------------------------------------------------------- */

/* Marks functions that an SMMU translates: their MSIs leave from the SMMU. */
static const char translated;

/* Comes first: what an SMMU translates does not bypass. */
static void add_rid_ranges(struct segments *segments)
{
	const struct array *rid_ranges = segments->writing->rid_ranges;

	for (guint i = 0; i < rid_ranges->len; i++) {
		const struct iort_rid_range *piece =
			&array_index(rid_ranges, struct iort_rid_range, i);
		struct segment *segment =
			segment_of(segments, (uint16_t)(piece->first >> SEGMENT_SHIFT));

		partition_add(segment->partition, piece->first & LAST_RID, piece->last & LAST_RID,
			      &translated);
	}
}

/* Does an SMMU translate one of these functions? */
static bool is_translated(const struct iort_writing *writing, const struct viommu_msi_range *msi)
{
	size_t i = iort_seek_rid_range(writing, function_id(msi->segment, msi->bdf_first));

	return i < writing->rid_ranges->len &&
	       array_index(writing->rid_ranges, struct iort_rid_range, i).first <=
		       function_id(msi->segment, msi->bdf_last);
}

/* Before bridges, which are the default. */
static void add_msi_ranges(struct segments *segments)
{
	struct iort_writing *writing = segments->writing;
	const struct viommu_msi_range *msi;

	for_each_object(i, msi, writing->topology, OBJECT_MSI_RANGE) {
		if (msi->iommu)
			continue;
		partition_add(segment_of(segments, msi->segment)->partition, msi->bdf_first,
			      msi->bdf_last, msi);
		if (is_translated(writing, msi))
			report(writing->findings, "iort-silent-msi", msi->place,
			       "add a range for stream IDs of the SMMU",
			       "the SMMU of the functions decides where their MSIs go");
	}
}

/* -- ID mappings ----------------------------------------------------------------- */

/*
 * Plain counts are the number of IDs instead of one less; 16 bits cannot hold that of a whole
 * segment.
 */
static uint32_t count_of(const struct iort_writing *writing, uint64_t first, uint64_t last)
{
	uint64_t end = writing->header->legacy_id_counts ? MIN(last + 1, LAST_RID) : last;

	return (uint32_t)(end - first);
}

/* `last` becomes a count here. */
static void add_mapping(struct iort_writing *writing, struct segment *segment,
			struct iort_mapping mapping, uint64_t last)
{
	mapping.id_count = count_of(writing, mapping.input_base, last);
	if (iort_has_room(writing, segment->mappings))
		array_append(segment->mappings, mapping);
}

/*
 * A single mapping gives all functions of the segment one ID. Otherwise, each of those that share
 * an ID needs a mapping, since output IDs of a mapping count up.
 */
static void map_rid_range(struct segments *segments, const struct iort_rid_range *piece)
{
	struct segment *segment = segment_of(segments, (uint16_t)(piece->first >> SEGMENT_SHIFT));
	uint64_t first = piece->first & LAST_RID, last = piece->last & LAST_RID;
	uint64_t step = piece->shared_id ? 1 : last - first + 1;

	if (piece->shared_id && !first && last == LAST_RID) {
		const struct iort_mapping single = { 0, 0, piece->id, (uint32_t)piece->state->at,
						     IORT_MAPPING_SINGLE };

		array_append(segment->mappings, single);
		return;
	}
	for (uint64_t rid = first; rid <= last && !segments->writing->too_large; rid += step)
		add_mapping(segments->writing, segment,
			    (struct iort_mapping){
				    .input_base = (uint32_t)rid,
				    .output_base = piece->id,
				    .output_reference = (uint32_t)piece->state->at,
			    },
			    rid + step - 1);
}

/* Where MSIs of the functions of a span go, and with which IDs. A reference of 0: nowhere. */
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

/* Does the mapping continue the previous one, so that both can be one? */
static bool continues(const struct iort_mapping *before, uint64_t before_last,
		      const struct iort_mapping *mapping)
{
	return before->output_reference == mapping->output_reference &&
	       mapping->input_base == before_last + 1 &&
	       mapping->output_base - before->output_base ==
		       mapping->input_base - before->input_base;
}

/* All functions of the span send with one device ID: one single mapping, or one for each. */
static void map_shared(struct iort_writing *writing, struct segment *segment,
		       const struct span *span)
{
	const struct viommu_msi_range *msi = span->owner;
	struct iort_mapping mapping = {
		.output_base = msi->device_id_first,
		.output_reference = iort_its_group_at(writing, msi->its),
	};

	if (!mapping.output_reference)
		return;
	if (!span->first && span->last == LAST_RID) {
		mapping.flags = IORT_MAPPING_SINGLE;
		array_append(segment->mappings, mapping);
		return;
	}
	for (uint64_t rid = span->first; rid <= span->last && !writing->too_large; rid++) {
		mapping.input_base = (uint32_t)rid;
		add_mapping(writing, segment, mapping, rid);
	}
}

static bool is_shared(const struct span *span, struct hash *msis)
{
	return hash_contains(msis, span->owner) &&
	       ((const struct viommu_msi_range *)span->owner)->shared_id;
}

/*
 * A span's owner is an untyped pointer, so a set of MSI ranges distinguishes them from host
 * bridges.
 */
static void map_bypass(struct segments *segments, struct segment *segment, struct hash *msis)
{
	struct iort_writing *writing = segments->writing;
	struct iort_mapping open = { 0 };
	uint64_t last = 0;
	const struct span *span;

	if (segment->with_its)
		partition_add(segment->partition, 0, LAST_RID, segment->with_its);
	partition_resolve(segment->partition);
	for (size_t i = 0; (span = partition_get(segment->partition, i)); i++) {
		struct iort_mapping mapping = { 0 };

		if (is_shared(span, msis))
			map_shared(writing, segment, span);
		else if (span->owner != &translated)
			mapping = bypass_mapping(writing, segment, span,
						 hash_contains(msis, span->owner)
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

/* -- nodes ----------------------------------------------------------------------- */

/* The draft of 2019 has the fields of revision 1, but writes 0. */
static uint8_t revision_of(const struct iort_writing *writing)
{
	static const uint8_t e_b = 3, d = 1;

	if (writing->revision >= IORT_REVISION_E_B)
		return e_b;
	return iort_is_wrapped(writing->table) ? 0 : d;
}

/*
 * A segment without a host bridge, known from ranges only, has default fields. QEMU writes the
 * mapping offset even without mappings, and so does this function; consumers ignore the offset
 * when the count is 0.
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
	hash_insert(writing->complexes, GUINT_TO_POINTER(segment->number),
		    GSIZE_TO_POINTER(node->at));
	iort_add_mappings(node, segment->mappings);
	((struct iort_node *)node->host)->mapping_offset = node->layout->length;
	iort_end_node(writing, node);
}

static struct hash *msi_ranges(const struct viommu_topology *topology)
{
	struct hash *ranges = hash_new(&hash_direct);
	const struct viommu_msi_range *msi;

	for_each_object(i, msi, topology, OBJECT_MSI_RANGE)
		hash_add(ranges, (gpointer)msi);
	return ranges;
}

/* The order of segments is that of host bridges. In a partition, earlier entries take precedence.
 */
static void fill_segments(struct segments *segments)
{
	const struct iort_writing *writing = segments->writing;
	const struct array *rid_ranges = writing->rid_ranges;
	const struct viommu_host_bridge *bridge;

	for_each_object(i, bridge, writing->topology, OBJECT_HOST_BRIDGE)
		segment_of(segments, bridge->segment)->has_iommu |= bridge->iommu != NULL;
	add_rid_ranges(segments);
	add_msi_ranges(segments);
	for_each_object(i, bridge, writing->topology, OBJECT_HOST_BRIDGE)
		add_bridge(segments, bridge);
	for (guint i = 0; i < rid_ranges->len; i++)
		map_rid_range(segments, &array_index(rid_ranges, struct iort_rid_range, i));
}

void iort_write_root_complexes(struct iort_writing *writing)
{
	auto_hash struct hash *msis = msi_ranges(writing->topology);
	struct segments segments = {
		.writing = writing,
		.by_number = hash_new(&hash_direct),
		.in_order = pointers_new(segment_free),
	};

	fill_segments(&segments);
	for (guint i = 0; i < segments.in_order->len; i++) {
		map_bypass(&segments, segments.in_order->pdata[i], msis);
		write_root_complex(&segments, segments.in_order->pdata[i]);
	}
	pointers_free(segments.in_order);
	hash_free(segments.by_number);
}
