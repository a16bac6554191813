/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMU nodes of an IORT
 *
 * Behind the fields stand ID mappings to ITS groups: one for all stream IDs that go on as they
 * are, or one for each range that does not; and for an SMMU that sends MSIs itself a single one.
 *
 * The interrupts of an SMMUv3 stand in another order here than in a device tree, and one that is 0
 * means more than that it is missing: until node revision 5 it decides whether there is a mapping
 * for the SMMU's own MSIs.
 */
#include "tables/model/cover.h"
#include "tables/findings/findings.h"
#include "write.h"
#include "tables/model/topology.h"

#define LAST_RID 0xffffu

/* Interrupts in the order of the device tree binding, which a topology has. */
enum { EVENT, PRI, SYNC, ERROR, N_SMMU_V3_INTERRUPTS };

/* -- which there are -------------------------------------------------------------------------- */

/* Stream IDs are requester IDs in the first place: all of those are there from the beginning. */
static void add_iommu_state(struct iort_writing *writing, const struct viommu_iommu *iommu)
{
	struct iort_iommu_state *state = g_new0(struct iort_iommu_state, 1);

	state->iommu = iommu;
	state->last_id = LAST_RID;
	state->ids = g_array_new(FALSE, FALSE, sizeof(struct iort_ids));
	state->msis = cover_new();
	g_hash_table_insert(writing->iommus, (gpointer)iommu->name, state);
}

/* Types 0x80 and 0x81 were in drafts only. */
static bool is_virtio(const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_VIRTIO_PCI || iommu->kind == VIOMMU_VIRTIO_MMIO;
}

/*
 * A virtio-iommu has a node only where the table is wrapped in a VIOT of 2019: readers of a plain
 * IORT have no word for it, and mainline Linux shifts by the type, beyond the width of the result.
 */
static bool has_node(const struct iort_writing *writing, const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_SMMU_V2 || iommu->kind == VIOMMU_SMMU_V3 ||
	       (is_virtio(iommu) && iort_is_wrapped(writing->table));
}

/*
 * Others stand in the tables of their own platforms. With a virtio-iommu in a VIOT an IORT still
 * says where MSIs go, and nothing is lost: hence a note.
 */
static void report_iommu(const struct iort_writing *writing, const struct viommu_iommu *iommu)
{
	report(writing->findings, is_virtio(iommu) ? "iort-silent-virtio" : "iort-silent-iommu",
	       iommu->place, "describe it in the table of its own platform",
	       "IORT knows SMMUs only: %s \"%s\" is left out", viommu_iommu_kind_name(iommu->kind),
	       iommu->name);
}

/* Once for all, as each SMMU would have to look through all of them. */
static void collect_msi_ranges(struct iort_writing *writing)
{
	const struct viommu_msi_range *msi;
	struct iort_iommu_state *state;

	for_each_object(i, msi, writing->topology, OBJECT_MSI_RANGE) {
		state = iort_find_iommu(writing, msi->iommu);
		if (state)
			cover_add(state->msis, msi->id_first, msi->id_last, msi);
	}
}

/* In a table by name, for ranges and devices name them. */
void iort_collect_iommus(struct iort_writing *writing)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, writing->topology, OBJECT_IOMMU)
		if (has_node(writing, iommu))
			add_iommu_state(writing, iommu);
		else
			report_iommu(writing, iommu);
	collect_msi_ranges(writing);
}

/* -- revisions -------------------------------------------------------------------------------- */

/* An interrupt of 0 is none. */
static bool has_all_interrupts(const struct viommu_iommu *iommu)
{
	for (unsigned i = 0; i < N_SMMU_V3_INTERRUPTS; i++)
		if (i >= iommu->n_interrupts || !iommu->interrupts[i])
			return false;
	return true;
}

/* Does it say where its own MSIs go, and not only by having no interrupts? */
static bool has_own_mapping(const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_SMMU_V3 && iommu->has_msi_id && iommu->its;
}

/*
 * Without the flag of node revision 5, an SMMUv3 has a mapping for its own MSIs if it lacks an
 * interrupt, and none if it has all four. Where that is not so, the flag has to say it.
 */
static bool needs_flag(const struct iort_iommu_state *state)
{
	const struct viommu_iommu *iommu = state->iommu;
	bool has_mappings = iommu->its || state->msis->len;

	return iommu->kind == VIOMMU_SMMU_V3 && has_mappings &&
	       has_own_mapping(iommu) == has_all_interrupts(iommu);
}

/* Everything else of an SMMU was there in revision 3. */
unsigned iort_smmu_revision(const struct iort_writing *writing,
			    const struct iort_iommu_state *state)
{
	if (needs_flag(state))
		return IORT_REVISION_E_E;
	return iort_is_wrapped(writing->table) ? IORT_REVISION_D : IORT_REVISION_E_B;
}

/*
 * Node revision 0 has neither a proximity domain nor a mapping for its own MSIs. So it is right for
 * an SMMU that lacks an interrupt, and nothing else, in a table of its time.
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
	return needs_flag(state) && !iommu->has_msi_id && !iommu->has_proximity_domain ? 0 : d;
}

/* -- ID mappings ---------------------------------------------------------------------------------
 */

/* A span of the IOMMU itself goes on as it is. */
static void add_mapping(const struct iort_writing *writing, const struct iort_iommu_state *state,
			const struct span *span, GArray *mappings)
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
		g_array_append_val(mappings, mapping);
}

/*
 * Ranges of MSIs first, and the SMMU's own ITS group for other stream IDs. Where it has ranges and
 * an ID of its own there, the group is for that ID.
 */
static GArray *mappings_of(const struct iort_writing *writing, struct iort_iommu_state *state)
{
	GArray *mappings = g_array_new(FALSE, FALSE, sizeof(struct iort_mapping));
	const struct viommu_iommu *iommu = state->iommu;
	const struct span *span;

	if (iommu->its && (!state->msis->len || !iommu->has_msi_id))
		cover_add(state->msis, 0, state->last_id, iommu);
	cover_settle(state->msis);
	for (size_t i = 0; (span = cover_get(state->msis, i)); i++)
		add_mapping(writing, state, span, mappings);
	return mappings;
}

/* Its own MSIs come from the SMMU itself, so there is no ID that goes in. */
static void add_own_mapping(const struct iort_writing *writing, const struct viommu_iommu *iommu,
			    struct iort_smmu_v3 *fields, GArray *mappings)
{
	const struct iort_mapping own = {
		.output_base = iommu->msi_id,
		.output_reference = iort_its_group_at(writing, iommu->its),
		.flags = IORT_MAPPING_SINGLE,
	};

	if (!has_own_mapping(iommu) || !own.output_reference)
		return;
	fields->device_id_mapping = mappings->len;
	if (fields->node.revision >= IORT_SMMU_V3_WITH_FLAG)
		fields->flags |= IORT_SMMU_V3_DEVICE_ID;
	g_array_append_val(mappings, own);
}

/* -- nodes
 * ------------------------------------------------------------------------------------------ */

/* IORT has the errors before sync, other than a topology and the device tree. */
static struct record *smmu_v3_node(const struct iort_writing *writing,
				   const struct iort_iommu_state *state, GArray *mappings)
{
	const struct viommu_iommu *iommu = state->iommu;
	struct iort_smmu_v3 fields = {
		.node.revision = revision_of_smmu_v3(writing, state),
		.base = iommu->base,
		.flags = iommu->flags,
		.vatos = iommu->vatos,
		.model = iommu->model,
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

/* Numbers behind the fixed part, all triggered alike. */
static void add_interrupts(struct record *node, const struct layout *layout,
			   const uint32_t *numbers, size_t n, bool edge)
{
	g_autofree struct iort_interrupt *interrupts = g_new0(struct iort_interrupt, n);

	for (size_t i = 0; i < n; i++)
		interrupts[i] = (struct iort_interrupt){ numbers[i], edge };
	iort_add_elements(node, layout, interrupts, n);
}

/* The global ones stand first, then those of context banks and of monitors. */
static void add_arrays(struct record *node, const struct viommu_iommu *iommu)
{
	const struct iort_global_interrupts global = { iommu->interrupts[0], 0,
						       iommu->interrupts[1], 0 };
	struct iort_smmu_v2 *fields = node->host;

	fields->global_offset = (uint32_t)record_length(node);
	iort_add_elements(node, &iort_global_interrupts_layout, &global, 1);
	fields->context_offset = (uint32_t)record_length(node);
	add_interrupts(node, &iort_interrupt_layout, iommu->context_interrupts,
		       iommu->n_context_interrupts, iommu->edge);
	fields->pmu_offset = (uint32_t)record_length(node);
	add_interrupts(node, &iort_pmu_interrupt_layout, iommu->pmu_interrupts,
		       iommu->n_pmu_interrupts, iommu->edge);
}

/* A proximity domain came with SMMUv3. */
static struct record *smmu_v2_node(const struct iort_writing *writing,
				   const struct viommu_iommu *iommu)
{
	static const uint8_t e_b = 3, d = 1;
	struct iort_smmu_v2 fields = {
		.node.revision = writing->revision >= IORT_REVISION_E_B ? e_b : d,
		.base = iommu->base,
		.span = iommu->span,
		.model = iommu->model,
		.flags = iommu->flags,
		.context_count = (uint32_t)iommu->n_context_interrupts,
		.pmu_count = (uint32_t)iommu->n_pmu_interrupts,
	};
	struct record *node;

	if (iommu->coherent)
		fields.flags |= IORT_SMMU_V2_COHERENT;
	node = iort_begin_node(writing, IORT_SMMU_V2, &fields);
	add_arrays(node, iommu);
	if (iommu->has_proximity_domain)
		report(writing->findings, "iort-silent-domain", iommu->place,
		       "say it in SRAT, or by _PXM", "IORT has no proximity domain for \"%s\"",
		       iommu->name);
	return node;
}

/* One node for each IOMMU, whatever is behind it: that is what references need. */
static struct record *node_of(const struct iort_writing *writing,
			      const struct iort_iommu_state *state, GArray *mappings)
{
	if (is_virtio(state->iommu))
		return iort_virtio_node(writing, state->iommu);
	return state->iommu->kind == VIOMMU_SMMU_V3 ? smmu_v3_node(writing, state, mappings)
						    : smmu_v2_node(writing, state->iommu);
}

/* Mappings are behind all arrays that the node has else. */
static void write_smmu(struct iort_writing *writing, struct iort_iommu_state *state)
{
	const struct viommu_iommu *iommu = state->iommu;
	g_autoptr(GArray) mappings = mappings_of(writing, state);
	struct record *node = node_of(writing, state, mappings);
	struct iort_node *fields = node->host;

	if (iommu->has_identifier)
		fields->identifier = iommu->identifier;
	if (fields->revision && fields->revision < IORT_SMMU_V3_WITH_FLAG && needs_flag(state))
		iort_report_revision(writing, iommu->place, IORT_REVISION_E_E,
				     "whose MSIs the first ID mapping of this SMMUv3 is for");
	iort_add_mappings(node, mappings);
	state->at = node->at;
	iort_end_node(writing, node);
}

/* In the order of the topology, which is that of a table it was read from. */
void iort_write_smmus(struct iort_writing *writing)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, writing->topology, OBJECT_IOMMU)
		if (iort_find_iommu(writing, iommu->name))
			write_smmu(writing, iort_find_iommu(writing, iommu->name));
}
