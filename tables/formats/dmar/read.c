/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a DMAR means, as a topology
 *
 * Units become dmar0, dmar1, ... in the order of the table, as in Linux. The scope of a PCI
 * function becomes a range of one function. The unit with INCLUDE_PCI_ALL becomes that of a host
 * bridge with all buses of its segment. A range takes precedence over a host bridge, as a scope
 * does over INCLUDE_PCI_ALL.
 */
#include <errno.h>

#include "base/hash.h"
#include "base/strbuf.h"
#include "dmar.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

/*
 * Structures refer to each other by base address, number and segment. Hash tables keep lookups
 * constant, however long the table is.
 */
struct reading {
	const struct viommu_table *table;
	struct viommu_topology *topology;
	struct hash *domains; /* base -> record of the RHSA */
	struct hash *names;   /* number of an ACPI device -> its name in the ANDD */
	struct hash *ats;     /* segments whose root ports all have ATS */
	struct hash *bridges; /* segments that have a host bridge */
	struct hash *bases;   /* of units */
	struct viommu_findings *findings;
};

/* Findings about the meaning point at the structure or the scope. */
static struct viommu_place place_of(const struct reading *reading, const struct record *record)
{
	return table_place(reading->table, record->at);
}

/* -- scopes ---------------------------------------------------------------------- */

/* The function that a scope names: one on a known bus, and the path from there. */
struct target {
	uint16_t segment, bdf;
	enum viommu_scope scope;
	char *path; /* to be freed; NULL: the function itself */
};

/* Without the first hop, which is a function of the start bus. */
static char *path_of(const struct record *scope)
{
	struct strbuf *path;

	if (dmar_hops(scope) < 2)
		return NULL;
	path = strbuf_new(NULL);
	for (size_t i = 1; i < dmar_hops(scope); i++) {
		const struct dmar_hop *hop = dmar_hop(scope, i);

		strbuf_append_printf(path, "%s%02x.%x", i > 1 ? "/" : "", hop->device,
				     hop->function);
	}
	return strbuf_steal(path);
}

/* False if the scope names no valid function, which check_scope.c reports. */
static bool find_target(const struct record *record, uint16_t segment, struct target *ret)
{
	const struct dmar_scope *scope = record->host;
	const struct dmar_hop *hop = dmar_hops(record) ? dmar_hop(record, 0) : NULL;

	if (!hop || hop->device > DMAR_MAX_DEVICE || hop->function > DMAR_MAX_FUNCTION)
		return false;
	*ret = (struct target){
		.segment = segment,
		.bdf = (uint16_t)(scope->bus << 8 | hop->device << 3 | hop->function),
		.scope = scope->type == DMAR_SCOPE_BRIDGE ? VIOMMU_SCOPE_BRIDGE
							  : VIOMMU_SCOPE_FUNCTIONS,
		.path = path_of(record),
	};
	return true;
}

/* VT-d identifies functions by segment and BDF. */
static uint32_t id_of(const struct target *target)
{
	return (uint32_t)target->segment << 16 | target->bdf;
}

/* -- scopes of a unit ------------------------------------------------------------ */

typedef void read_scope(struct reading *reading, const struct record *record,
			const struct target *target, const char *unit);

/* One range per function, so that a generated table has the same scopes. */
static void read_function(struct reading *reading, const struct record *record,
			  const struct target *target, const char *unit)
{
	const struct viommu_pci_range range = {
		.size = sizeof(range),
		.segment_first = target->segment,
		.segment_last = target->segment,
		.bdf_first = target->bdf,
		.bdf_last = target->bdf,
		.iommu = unit,
		.id_first = id_of(target),
		.scope = target->scope,
		.path = target->path,
		.place = place_of(reading, record),
	};

	if (topology_add_pci_range(reading->topology, &range) == -ENOSPC)
		report(reading->findings, "topology-segments", range.place,
		       "omit functions that the machine lacks",
		       "scopes name more than 262144 functions: this one was dropped");
}

/* IOAPICs and HPETs have a requester ID, but are no PCI functions. */
static void read_source(struct reading *reading, const struct record *record,
			const struct target *target, const char *unit)
{
	const struct dmar_scope *scope = record->host;
	const struct viommu_interrupt_source source = {
		.size = sizeof(source),
		.kind = scope->type == DMAR_SCOPE_HPET ? VIOMMU_HPET : VIOMMU_IOAPIC,
		.number = scope->number,
		.segment = target->segment,
		.bdf = target->bdf,
		.path = target->path,
		.iommu = unit,
		.place = place_of(reading, record),
	};

	topology_add_interrupt_source(reading->topology, &source);
}

/*
 * A device of the namespace has a requester ID, but is no PCI function. At the end of a path its
 * bus, and hence its ID, is unknown.
 */
static void read_device(struct reading *reading, const struct record *record,
			const struct target *target, const char *unit)
{
	const struct dmar_scope *scope = record->host;
	const struct viommu_platform_device device = {
		.size = sizeof(device),
		.name = hash_lookup(reading->names, GUINT_TO_POINTER(scope->number)),
		.iommu = unit,
		.id = id_of(target),
		.has_number = true,
		.number = scope->number,
		.place = place_of(reading, record),
	};

	if (target->path || topology_add_platform_device(reading->topology, &device) < 0)
		report(reading->findings, "dmar-device", device.place,
		       "give the device one scope, with a path of one hop, and one name",
		       "ACPI device %u has two names or a path of several hops: dropped",
		       scope->number);
}

/* Scope types without a reader are skipped, as in Linux. */
static read_scope *scope_reader(unsigned type)
{
	static read_scope *const readers[] = {
		[DMAR_SCOPE_ENDPOINT] = read_function, [DMAR_SCOPE_BRIDGE] = read_function,
		[DMAR_SCOPE_IOAPIC] = read_source,     [DMAR_SCOPE_HPET] = read_source,
		[DMAR_SCOPE_NAMESPACE] = read_device,
	};

	return type < G_N_ELEMENTS(readers) ? readers[type] : NULL;
}

/* Objects copy the path. */
static void read_unit_scopes(struct reading *reading, const struct record *unit, uint16_t segment,
			     const char *name)
{
	const struct record *record;
	struct target target;

	for (size_t i = 0; (record = dmar_scope(unit, i)); i++) {
		read_scope *read = scope_reader(((const struct dmar_scope *)record->host)->type);

		if (!read || !find_target(record, segment, &target))
			continue;
		read(reading, record, &target, name);
		memory_free(target.path);
	}
}

/* -- units ----------------------------------------------------------------------- */

/* A DMAR has segments, but no host bridges: one bridge gets all buses. */
static void read_bridge(struct reading *reading, const struct record *record, uint16_t segment,
			const char *unit)
{
	const struct viommu_host_bridge bridge = {
		.size = sizeof(bridge),
		.segment = segment,
		.bus_last = 0xff,
		.iommu = unit,
		.ats = hash_contains(reading->ats, GUINT_TO_POINTER(segment)),
		.place = place_of(reading, record),
	};

	hash_add(reading->bridges, GUINT_TO_POINTER(segment));
	topology_add_host_bridge(reading->topology, &bridge);
}

/* A span of one page is the default, and omitted. */
static void fill_unit(const struct reading *reading, struct viommu_iommu *iommu,
		      struct dmar_drhd *drhd)
{
	const struct record *affinity = hash_lookup(reading->domains, &drhd->base);
	const struct dmar_rhsa *rhsa = affinity ? affinity->host : NULL;

	iommu->kind = VIOMMU_VTD;
	iommu->base = drhd->base;
	iommu->span = drhd->size ? (uint64_t)DMAR_PAGE << (drhd->size & DMAR_SIZE_MASK) : 0;
	iommu->flags = drhd->flags & ~(unsigned)DMAR_INCLUDE_PCI_ALL;
	iommu->has_proximity_domain = rhsa;
	iommu->proximity_domain = rhsa ? rhsa->proximity_domain : 0;
}

/* Members that the layout of the transport lacks are 0. */
static void fill_virtio(struct viommu_iommu *iommu, const struct dmar_drhd *drhd, unsigned type)
{
	iommu->kind = type == DMAR_VIRTIO_PCI ? VIOMMU_VIRTIO_PCI : VIOMMU_VIRTIO_MMIO;
	iommu->bdf = drhd->bdf;
	iommu->base = drhd->base;
	iommu->span = drhd->span;
	iommu->coherent = drhd->flags & DMAR_COHERENT;
	iommu->interrupts[0] = drhd->interrupt;
	iommu->n_interrupts = drhd->interrupt ? 1 : 0;
	iommu->has_proximity_domain = drhd->flags & DMAR_HAS_DOMAIN;
	iommu->proximity_domain = iommu->has_proximity_domain ? drhd->proximity_domain : 0;
}

/* For Linux the same base is the same unit, which has its scopes already (dmar_find_dmaru). */
static void note_repeated(const struct reading *reading, struct dmar_drhd *drhd, bool is_virtio)
{
	size_t n = topology_count(reading->topology, OBJECT_IOMMU);

	if (!is_virtio && !hash_add(reading->bases, &drhd->base))
		topology_set_unread(reading->topology,
				    topology_get(reading->topology, OBJECT_IOMMU, n - 1),
				    "Linux ignores a unit with the registers of an earlier one, "
				    "and its scopes");
}

static void read_unit(struct reading *reading, const struct record *record)
{
	struct dmar_drhd *drhd = record->host;
	bool is_virtio = dmar_is_virtio(record);
	struct viommu_iommu iommu = { .size = sizeof(iommu) };
	auto_free char *name = NULL;

	name = memory_printf("%s%zu", is_virtio ? "viommu" : "dmar",
			     topology_count(reading->topology, OBJECT_IOMMU));
	if (is_virtio)
		fill_virtio(&iommu, drhd, dmar_type_of(record));
	else
		fill_unit(reading, &iommu, drhd);
	iommu.name = name;
	iommu.segment = drhd->segment;
	iommu.place = place_of(reading, record);
	if (topology_add_iommu(reading->topology, &iommu) < 0) {
		report(reading->findings, "topology-window", iommu.place,
		       "correct the base address or the size",
		       "the registers of the unit end beyond the address space: dropped");
		return;
	}
	note_repeated(reading, drhd, is_virtio);
	if (drhd->flags & DMAR_INCLUDE_PCI_ALL)
		read_bridge(reading, record, drhd->segment, name);
	read_unit_scopes(reading, record, drhd->segment, name);
}

/* -- other structures ------------------------------------------------------------ */

/* Structures other than units may have these scope types only. */
static bool names_function(const struct record *scope)
{
	unsigned type = ((const struct dmar_scope *)scope->host)->type;

	return type == DMAR_SCOPE_ENDPOINT || type == DMAR_SCOPE_BRIDGE;
}

/* Firmware uses the memory at the same address with and without a driver: hence identity. */
static void add_memory(struct reading *reading, const struct record *record,
		       const struct dmar_rmrr *rmrr, const struct target *target)
{
	const struct viommu_reserved_memory memory = {
		.size = sizeof(memory),
		.first = rmrr->base,
		.last = rmrr->limit,
		.kind = VIOMMU_MEMORY_IDENTITY,
		.segment = target->segment,
		.bdf_first = target->bdf,
		.bdf_last = target->bdf,
		.scope = target->scope,
		.path = target->path,
		.place = place_of(reading, record),
	};

	topology_add_reserved_memory(reading->topology, &memory);
}

/*
 * The region of a scope. Linux compares the scopes of a region with PCI functions only, and those
 * of units with ANDDs, too: a named device has no region, neither there nor in a topology.
 */
static void read_memory_scope(struct reading *reading, const struct record *scope,
			      const struct record *place, const struct dmar_rmrr *rmrr)
{
	const struct dmar_scope *host = scope->host;
	struct target target;

	if (host->type == DMAR_SCOPE_NAMESPACE)
		report(reading->findings, "dmar-memory-named",
		       table_place_of(reading->table, scope, "Type"),
		       "name the PCI function, too, if the device is one",
		       "the region of ACPI device %u is dropped: Linux does not map it either",
		       host->number);
	if (!names_function(scope) || !find_target(scope, rmrr->segment, &target))
		return;
	add_memory(reading, place, rmrr, &target);
	memory_free(target.path);
}

/* A region without a scope is not reserved for any device. */
static void read_memory(struct reading *reading, const struct record *record)
{
	const struct dmar_rmrr *rmrr = record->host;
	const struct record *scope;

	if (rmrr->limit < rmrr->base)
		report(reading->findings, "dmar-rmrr-inverted",
		       table_place_of(reading->table, record, "Limit address"),
		       "write the last byte of the region",
		       "the region ends before it begins: dropped");
	else if (!dmar_scope(record, 0))
		report(reading->findings, "dmar-rmrr-scope", place_of(reading, record),
		       "add scopes for the devices that use it",
		       "the reserved region has no device");
	for (size_t i = 0; rmrr->base <= rmrr->limit && (scope = dmar_scope(record, i)); i++)
		read_memory_scope(reading, scope, i ? scope : record, rmrr);
}

/* One object per scope, since flags and paths may differ. */
static void add_ats(struct reading *reading, const struct record *structure,
		    const struct record *scope, const struct target *target)
{
	static const enum viommu_ats_kind kinds[] = {
		[DMAR_ATSR] = VIOMMU_ATS_ROOT_PORT,
		[DMAR_SATC] = VIOMMU_ATS_INTEGRATED,
		[DMAR_SIDP] = VIOMMU_ATS_PROPERTIES,
	};
	unsigned type = dmar_type_of(structure);
	const struct dmar_ports *ports = structure->host;
	const struct viommu_ats ats = {
		.size = sizeof(ats),
		.kind = kinds[MIN(type, G_N_ELEMENTS(kinds) - 1)],
		.required = type == DMAR_SATC && ports->flags & DMAR_ATC_REQUIRED,
		.segment = target->segment,
		.bdf = target->bdf,
		.path = target->path,
		.scope = target->scope,
		.flags = ((const struct dmar_scope *)scope->host)->flags,
		.place = place_of(reading, scope),
	};

	topology_add_ats(reading->topology, &ats);
}

/* The host bridge of the segment represents ALL_PORTS, which overrides scopes. */
static void read_ports(struct reading *reading, const struct record *record)
{
	const struct dmar_ports *ports = record->host;
	const struct record *scope;
	struct target target;

	if (dmar_type_of(record) == DMAR_ATSR && ports->flags & DMAR_ALL_PORTS)
		return;
	for (size_t i = 0; (scope = dmar_scope(record, i)); i++)
		if (names_function(scope) && find_target(scope, ports->segment, &target)) {
			add_ats(reading, record, scope, &target);
			memory_free(target.path);
		}
}

/* If no unit has INCLUDE_PCI_ALL, the segment has no host bridge yet. */
static void read_ats_bridge(struct reading *reading, const struct record *record)
{
	const struct dmar_ports *atsr = record->host;

	if (atsr->flags & DMAR_ALL_PORTS &&
	    !hash_contains(reading->bridges, GUINT_TO_POINTER(atsr->segment)))
		read_bridge(reading, record, atsr->segment, NULL);
}

/* -- referenced structures ------------------------------------------------------- */

/* Linux visits all RHSAs: the last one for a unit counts. */
static void index_rhsa(struct reading *reading, const struct record *record)
{
	struct dmar_rhsa *rhsa = record->host;

	hash_insert(reading->domains, &rhsa->base, (gpointer)record);
}

/* Linux takes the first ANDD of a number. */
static void index_andd(struct reading *reading, const struct record *record)
{
	const struct dmar_andd *andd = record->host;
	gpointer number = GUINT_TO_POINTER(andd->number);

	if (!hash_contains(reading->names, number))
		hash_insert(reading->names, number, (gpointer)dmar_object_name(record));
}

/* Before the units, since host bridges are added with their units. */
static void index_all_ports(struct reading *reading, const struct record *record)
{
	const struct dmar_ports *atsr = record->host;

	if (atsr->flags & DMAR_ALL_PORTS)
		hash_add(reading->ats, GUINT_TO_POINTER(atsr->segment));
}

/* -- the table ------------------------------------------------------------------- */

/* Structures that others refer to come first. */
static const struct {
	unsigned type;
	void (*read)(struct reading *reading, const struct record *record);
} steps[] = {
	{ DMAR_RHSA, index_rhsa },      { DMAR_ANDD, index_andd },
	{ DMAR_ATSR, index_all_ports }, { DMAR_DRHD, read_unit },
	{ DMAR_VIRTIO_PCI, read_unit }, { DMAR_VIRTIO_MMIO, read_unit },
	{ DMAR_ATSR, read_ats_bridge }, { DMAR_RMRR, read_memory },
	{ DMAR_ATSR, read_ports },      { DMAR_SATC, read_ports },
	{ DMAR_SIDP, read_ports },
};

struct viommu_topology *dmar_read(const struct viommu_table *table,
				  struct viommu_findings *findings)
{
	struct reading reading = {
		.table = table,
		.topology = topology_new(),
		.domains = hash_new(&hash_number),
		.names = hash_new(&hash_direct),
		.ats = hash_new(&hash_direct),
		.bridges = hash_new(&hash_direct),
		.bases = hash_new(&hash_number),
		.findings = findings,
	};
	const struct record *structure;

	for (size_t step = 0; step < G_N_ELEMENTS(steps); step++)
		for_each_structure(structure, table)
			if (dmar_type_of(structure) == steps[step].type)
				steps[step].read(&reading, structure);
	hash_free(reading.domains);
	hash_free(reading.names);
	hash_free(reading.ats);
	hash_free(reading.bases);
	hash_free(reading.bridges);
	return reading.topology;
}

/* Keeps the whole head, so that a generated table has the same one. */
void dmar_read_header(const struct viommu_table *table, struct viommu_table_header *header)
{
	const struct dmar_head *head = table->root->host;

	header->has_revision = true;
	header->revision = head->acpi.revision;
	header->address_bits = head->width + 1u;
	header->has_flags = true;
	header->flags = head->flags;
}
