/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMU nodes of an IORT
 *
 * ID mappings to ITS groups follow the fields: one for all stream IDs if they are unchanged,
 * otherwise one per range; and a single mapping for the SMMU's own MSIs.
 *
 * The order of SMMUv3 interrupts differs from a device tree. An interrupt of 0 does more than say
 * that there is none: until node revision 5 it decides whether the SMMU has a mapping for its own
 * MSIs.
 */
#include "base/array.h"
#include "base/hash.h"
#include "tables/model/partition.h"
#include "tables/findings/findings.h"
#include "write.h"
#include "tables/model/topology.h"
#include "tables/table/unsupported.h"

#define LAST_RID 0xffffu

/* Interrupts in the order of the device tree binding, as in a topology. */
enum { EVENT, PRI, SYNC, ERROR, N_SMMU_V3_INTERRUPTS };

/* -- collecting IOMMUs ----------------------------------------------------------- */

/* Stream IDs are at least all requester IDs. */
static void add_iommu_state(struct iort_writing *writing, const struct viommu_iommu *iommu)
{
	struct iort_iommu_state *state = memory_new(struct iort_iommu_state, 1);

	state->iommu = iommu;
	state->last_id = LAST_RID;
	state->ids = array_new(sizeof(struct iort_ids));
	state->msis = partition_new();
	hash_insert(writing->iommus, (gpointer)iommu->name, state);
}

/*
 * A virtio-iommu has a node only in a table inside a VIOT of 2019. Node types 0x80 and 0x81 were
 * only in drafts, and Linux shifts by the type of a node, beyond the width of the result.
 */
bool iort_has_node(const struct viommu_table *table, const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_SMMU_V2 || iommu->kind == VIOMMU_SMMU_V3 ||
	       (iommu_is_virtio(iommu) && iort_is_wrapped(table));
}

/* One pass for all SMMUs. */
static void collect_msi_ranges(struct iort_writing *writing)
{
	const struct viommu_msi_range *msi;
	struct iort_iommu_state *state;

	for_each_object(i, msi, writing->topology, OBJECT_MSI_RANGE) {
		state = iort_find_iommu(writing, msi->iommu);
		if (state)
			partition_add(state->msis, msi->id_first, msi->id_last, msi);
	}
}

void iort_collect_iommus(struct iort_writing *writing)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, writing->topology, OBJECT_IOMMU)
		if (iort_has_node(writing->table, iommu))
			add_iommu_state(writing, iommu);
	collect_msi_ranges(writing);
}

/* -- revisions ------------------------------------------------------------------- */

/* An interrupt of 0 means none. */
static bool has_all_interrupts(const struct viommu_iommu *iommu)
{
	for (unsigned i = 0; i < N_SMMU_V3_INTERRUPTS; i++)
		if (i >= iommu->n_interrupts || !iommu->interrupts[i])
			return false;
	return true;
}

/* Does the topology name an ID and an ITS group for the SMMU's own MSIs? */
static bool has_own_mapping(const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_SMMU_V3 && iommu->smmu_v3.has_msi_id && iommu->its;
}

/*
 * Before node revision 5, an SMMUv3 has a mapping for its own MSIs if and only if it lacks an
 * interrupt. If that is wrong, only the flag can express it.
 */
static bool needs_flag(const struct iort_iommu_state *state)
{
	const struct viommu_iommu *iommu = state->iommu;
	bool has_mappings = iommu->its || state->msis->len;

	return iommu->kind == VIOMMU_SMMU_V3 && has_mappings &&
	       has_own_mapping(iommu) == has_all_interrupts(iommu);
}

unsigned iort_smmu_revision(const struct iort_writing *writing,
			    const struct iort_iommu_state *state)
{
	if (needs_flag(state))
		return IORT_REVISION_E_E;
	return iort_is_wrapped(writing->table) ? IORT_REVISION_D : IORT_REVISION_E_B;
}

/*
 * Node revision 0 has neither a proximity domain nor a mapping for its own MSIs. In a table of
 * that time it is correct for an SMMU that lacks an interrupt and has neither.
 */
static uint8_t revision_of_smmu_v3(const struct iort_writing *writing,
				   const struct iort_iommu_state *state)
{
	static const uint8_t e_b = 4, d = 1;
	const struct viommu_iommu *iommu = state->iommu;

	if (writing->revision >= IORT_REVISION_E_E)
		return IORT_SMMU_V3_WITH_FLAG;
	if (writing->revision >= IORT_REVISION_E_B)
		return e_b;
	return needs_flag(state) && !iommu->smmu_v3.has_msi_id && !iommu->has_proximity_domain ? 0
											       : d;
}

/* -- ID mappings ----------------------------------------------------------------- */

/* Stream IDs in a span of the IOMMU itself are unchanged. */
static void add_mapping(const struct iort_writing *writing, const struct iort_iommu_state *state,
			const struct span *span, struct array *mappings)
{
	const struct viommu_msi_range *msi = span->owner;
	bool as_it_is = span->owner == state->iommu;
	struct iort_mapping mapping = {
		.input_base = (uint32_t)span->first,
		.id_count = (uint32_t)(span->last - span->first),
		.output_base = (uint32_t)span->first,
		.output_reference =
			iort_its_group_at(writing, as_it_is ? state->iommu->its : msi->its),
	};

	if (!as_it_is)
		mapping.output_base = msi->device_id_first + (mapping.input_base - msi->id_first);
	if (mapping.output_reference)
		array_append(mappings, mapping);
}

/*
 * MSI ranges first, then the SMMU's ITS group for all other stream IDs. With ranges and a message
 * ID of its own, the SMMU's group is for that ID only.
 */
static struct array *mappings_of(const struct iort_writing *writing, struct iort_iommu_state *state)
{
	struct array *mappings = array_new(sizeof(struct iort_mapping));
	const struct viommu_iommu *iommu = state->iommu;
	const struct span *span;

	if (iommu->its && (!state->msis->len || !iommu->smmu_v3.has_msi_id))
		partition_add(state->msis, 0, state->last_id, iommu);
	partition_resolve(state->msis);
	for (size_t i = 0; (span = partition_get(state->msis, i)); i++)
		add_mapping(writing, state, span, mappings);
	return mappings;
}

/* The SMMU itself sends these MSIs, so there is no input ID. */
static void add_own_mapping(const struct iort_writing *writing, const struct viommu_iommu *iommu,
			    struct iort_smmu_v3 *fields, struct array *mappings)
{
	const struct iort_mapping own = {
		.output_base = iommu->smmu_v3.msi_id,
		.output_reference = iort_its_group_at(writing, iommu->its),
		.flags = IORT_MAPPING_SINGLE,
	};

	if (!has_own_mapping(iommu) || !own.output_reference)
		return;
	fields->device_id_mapping = (uint32_t)mappings->len;
	if (fields->node.revision >= IORT_SMMU_V3_WITH_FLAG)
		fields->flags |= IORT_SMMU_V3_DEVICE_ID;
	array_append(mappings, own);
}

/* -- nodes ----------------------------------------------------------------------- */

/* IORT has GERR before sync, unlike a topology and the device tree. */
static struct record *smmu_v3_node(const struct iort_writing *writing,
				   const struct iort_iommu_state *state, struct array *mappings)
{
	const struct viommu_iommu *iommu = state->iommu;
	struct iort_smmu_v3 fields = {
		.node.revision = revision_of_smmu_v3(writing, state),
		.base = iommu->base,
		.flags = iommu->flags,
		.vatos = iommu->smmu_v3.vatos,
		.model = iommu->smmu.model,
		.event = iommu->interrupts[EVENT],
		.pri = iommu->interrupts[PRI],
		.gerr = iommu->interrupts[ERROR],
		.sync = iommu->interrupts[SYNC],
		.proximity_domain = iommu->proximity_domain,
	};

	if (iommu->coherent)
		fields.flags |= IORT_SMMU_V3_COHERENT;
	if (iommu->has_proximity_domain)
		fields.flags |= IORT_SMMU_V3_DOMAIN;
	add_own_mapping(writing, iommu, &fields, mappings);
	return iort_begin_node(writing, IORT_SMMU_V3, &fields);
}

static void add_interrupts(struct record *node, const struct layout *layout,
			   const uint32_t *numbers, size_t n, bool edge)
{
	auto_free struct iort_interrupt *interrupts = memory_new(struct iort_interrupt, n);

	for (size_t i = 0; i < n; i++)
		interrupts[i] = (struct iort_interrupt){ numbers[i], edge };
	iort_add_elements(node, layout, interrupts, n);
}

static void add_arrays(struct record *node, const struct viommu_iommu *iommu)
{
	const struct iort_global_interrupts global = { iommu->interrupts[0], 0,
						       iommu->interrupts[1], 0 };
	struct iort_smmu_v2 *fields = node->host;

	fields->global_offset = (uint32_t)record_length(node);
	iort_add_elements(node, &iort_global_interrupts_layout, &global, 1);
	fields->context_offset = (uint32_t)record_length(node);
	add_interrupts(node, &iort_interrupt_layout, iommu->smmu_v2.context_interrupts,
		       iommu->smmu_v2.n_context_interrupts, iommu->smmu_v2.edge);
	fields->pmu_offset = (uint32_t)record_length(node);
	add_interrupts(node, &iort_pmu_interrupt_layout, iommu->smmu_v2.pmu_interrupts,
		       iommu->smmu_v2.n_pmu_interrupts, iommu->smmu_v2.edge);
}

/* IORT has a proximity domain for SMMUv3 only. */
static struct record *smmu_v2_node(const struct iort_writing *writing,
				   const struct viommu_iommu *iommu)
{
	static const uint8_t e_b = 3, d = 1;
	struct iort_smmu_v2 fields = {
		.node.revision = writing->revision >= IORT_REVISION_E_B ? e_b : d,
		.base = iommu->base,
		.span = iommu->span,
		.model = iommu->smmu.model,
		.flags = iommu->flags,
		.context_count = (uint32_t)iommu->smmu_v2.n_context_interrupts,
		.pmu_count = (uint32_t)iommu->smmu_v2.n_pmu_interrupts,
	};
	struct record *node;

	if (iommu->coherent)
		fields.flags |= IORT_SMMU_V2_COHERENT;
	node = iort_begin_node(writing, IORT_SMMU_V2, &fields);
	add_arrays(node, iommu);
	return node;
}

static struct record *node_of(const struct iort_writing *writing,
			      const struct iort_iommu_state *state, struct array *mappings)
{
	if (iommu_is_virtio(state->iommu))
		return iort_virtio_node(writing, state->iommu);
	return state->iommu->kind == VIOMMU_SMMU_V3 ? smmu_v3_node(writing, state, mappings)
						    : smmu_v2_node(writing, state->iommu);
}

/* Mappings come behind the other arrays. */
static void write_smmu(struct iort_writing *writing, struct iort_iommu_state *state)
{
	const struct viommu_iommu *iommu = state->iommu;
	auto_array struct array *mappings = mappings_of(writing, state);
	struct record *node = node_of(writing, state, mappings);
	struct iort_node *fields = node->host;

	if (iommu->has_identifier)
		fields->identifier = iommu->identifier;
	if (fields->revision && fields->revision < IORT_SMMU_V3_WITH_FLAG && needs_flag(state))
		iort_report_revision(writing, iommu->place, IORT_REVISION_E_E,
				     "the purpose of the first ID mapping of this SMMUv3");
	if (iommu_has_queues(iommu))
		iort_report_revision(writing, iommu->place, IORT_REVISION_E_B,
				     "the identifier by which its CMDQV names this SMMUv3");
	iort_add_mappings(node, mappings);
	state->at = node->at;
	iort_end_node(writing, node);
}

/* The order of the topology is that of the table that it was read from. */
void iort_write_smmus(struct iort_writing *writing)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, writing->topology, OBJECT_IOMMU)
		if (iort_find_iommu(writing, iommu->name))
			write_smmu(writing, iort_find_iommu(writing, iommu->name));
}
