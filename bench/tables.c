/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <viommu/diff.h>
#include <viommu/tables.h>

#include "tables/api/formats.h"
#include "clock.h"

/*
 * tables SIGNATURE ENDPOINTS: a machine with that many PCI functions, in one kind of table
 *
 * tables SIGNATURE ENDPOINTS door, tables SIGNATURE ENDPOINTS bare: decode and free its table 20
 * times, as a caller does, or without the door (base/memory.h). For a simulator, which counts
 * the instructions of decode_again(): nothing is printed.
 *
 * Neighbouring devices are behind different IOMMUs, so that nothing can be said of many at
 * once; a segment has only as many as every table can tell of. Prints as JSON how long each step
 * took, in nanoseconds, how long the table is, and how much memory all of it needed at the most; a
 * table that is not known, or cannot say this, gives an empty object.
 */

#define FUNCTIONS     8 /* of a device */
#define ENDPOINTS_MAX 0x10000u
#define OF_SEGMENT    4096 /* endpoints: a node of IORT has room for 3200 mappings */
#define OWN_BUS       0x80 /* where an IOMMU's function is, away from its endpoints */
#define IOMMUS_EACH   2    /* segment */
#define IOMMU_BASE    0x40000000ull
#define IOMMU_SPAN    0x20000ull
#define ENOUGH_NS     100000000 /* a step is repeated until it has taken so long */
#define DECODED       20        /* times, for a simulator */

static const struct kind {
	const char *signature;
	enum viommu_iommu_kind iommu;
} kinds[] = {
	{ "VIOT", VIOMMU_VIRTIO_MMIO }, { "IORT", VIOMMU_SMMU_V3 }, { "DMAR", VIOMMU_VTD },
	{ "IVRS", VIOMMU_AMD_VI },      { "DTB", VIOMMU_SMMU_V3 },
};

struct run {
	const struct kind *kind;
	unsigned n_endpoints, n_segments;
	struct viommu_findings *findings;
	struct viommu_topology *topology;
	struct viommu_topology *read; /* the same, as the table has it */
	struct viommu_table *table;
	void *bytes;
	size_t length;
};

/* -- the machine ----------------------------------------------------------------------- */

static const char *iommu_name(char *name, size_t room, unsigned i)
{
	snprintf(name, room, "iommu%u", i);
	return name;
}

static int add_iommus(struct run *run)
{
	for (unsigned i = 0; i < run->n_segments * IOMMUS_EACH; i++) {
		char name[16];
		const struct viommu_iommu iommu = {
			.size = sizeof(iommu),
			.name = iommu_name(name, sizeof(name), i),
			.kind = run->kind->iommu,
			.base = IOMMU_BASE + i * IOMMU_SPAN,
			.span = IOMMU_SPAN,
			.segment = (uint16_t)(i / IOMMUS_EACH),
			.bdf = (uint16_t)(OWN_BUS << 8 | i % IOMMUS_EACH * FUNCTIONS),
			.amd.capability = 0x40,
		};

		if (viommu_topology_add_iommu(run->topology, &iommu))
			return -1;
	}
	return 0;
}

static int add_host_bridges(struct run *run)
{
	for (unsigned i = 0; i < run->n_segments; i++) {
		const struct viommu_host_bridge bridge = {
			.size = sizeof(bridge),
			.segment = (uint16_t)i,
			.bus_last = 0xff,
		};

		if (viommu_topology_add_host_bridge(run->topology, &bridge))
			return -1;
	}
	return 0;
}

static int add_device(struct run *run, unsigned first)
{
	unsigned segment = first / OF_SEGMENT, bdf = first % OF_SEGMENT;
	char name[16];
	const struct viommu_pci_range range = {
		.size = sizeof(range),
		.segment_first = (uint16_t)segment,
		.segment_last = (uint16_t)segment,
		.bdf_first = (uint16_t)bdf,
		.bdf_last = (uint16_t)(bdf + FUNCTIONS - 1),
		.iommu = iommu_name(name, sizeof(name),
				    segment * IOMMUS_EACH + first / FUNCTIONS % IOMMUS_EACH),
		.id_first = segment << 16 | bdf,
	};

	return viommu_topology_add_pci_range(run->topology, &range);
}

static int add_devices(struct run *run)
{
	for (unsigned first = 0; first < run->n_endpoints; first += FUNCTIONS)
		if (add_device(run, first))
			return -1;
	return 0;
}

static int make_machine(struct run *run)
{
	run->topology = viommu_topology_new();
	return add_iommus(run) || add_host_bridges(run) || add_devices(run);
}

/* -- the steps --------------------------------------------------------------------------- */

static void generate(struct run *run)
{
	viommu_table_free(run->table);
	run->table = viommu_table_generate(run->topology, run->kind->signature, run->findings);
}

static void encode(struct run *run)
{
	free(run->bytes);
	run->length = viommu_table_encode(run->table, &run->bytes);
}

static void decode(struct run *run)
{
	viommu_table_free(run->table);
	run->table = viommu_table_decode(run->bytes, run->length, NULL, run->findings);
}

static void check(struct run *run)
{
	viommu_table_check(run->table, run->findings);
}

static void read_topology(struct run *run)
{
	viommu_topology_free(run->read);
	run->read = viommu_table_topology(run->table, run->findings);
}

static void count(void *opaque, const struct viommu_route_range *range)
{
	*(size_t *)opaque += range->n_entries;
}

/* What `viommu resolve --all` asks for. */
static void map(struct run *run)
{
	size_t n_entries = 0;

	viommu_topology_for_each_route(run->read, count, &n_entries);
}

static void diff(struct run *run)
{
	viommu_diff_free(viommu_topology_diff(run->topology, run->read));
}

static void graph(struct run *run)
{
	free(viommu_topology_graph(run->read));
}

/* Why there is no table: the first error, for a person. */
static void explain(const struct run *run)
{
	for (size_t i = 0; i < viommu_findings_count(run->findings); i++) {
		const struct viommu_finding *finding = viommu_findings_get(run->findings, i);

		if (finding->severity == VIOMMU_ERROR) {
			fprintf(stderr, "%s: %s\n", run->kind->signature, finding->text);
			return;
		}
	}
}

static const struct step {
	const char *name;
	void (*run)(struct run *run);
} steps[] = {
	{ "generate", generate }, { "encode", encode },
	{ "decode", decode },     { "topology", read_topology },
	{ "check", check },       { "map", map },
	{ "diff", diff },         { "graph", graph },
};

static void measure(struct run *run, const struct step *step)
{
	uint64_t begin = spent_ns(), spent;
	unsigned times = 0;

	do {
		run->findings = viommu_findings_new();
		step->run(run);
		if (!run->table)
			explain(run);
		run->findings = viommu_findings_free(run->findings);
		times++;
		spent = spent_ns() - begin;
	} while (run->table && spent < ENOUGH_NS && times < ENDPOINTS_MAX / run->n_endpoints);
	if (run->table)
		printf("\"%s\": %.0f, ", step->name, (double)spent / times);
}

static void __attribute__((noinline)) decode_again(struct run *run, bool door)
{
	for (unsigned i = 0; i < DECODED; i++)
		viommu_table_free(
			door ? viommu_table_decode(run->bytes, run->length, NULL, run->findings)
			     : table_decode(run->bytes, run->length, NULL, run->findings));
}

static void measure_door(struct run *run, bool door)
{
	run->findings = viommu_findings_new();
	generate(run);
	if (run->table) {
		encode(run);
		decode_again(run, door);
	}
	viommu_findings_free(run->findings);
}

/* Of the whole program, with whatever it is made of. */
static long peak_kib(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) ? 0 : usage.ru_maxrss;
}

static void measure_steps(struct run *run)
{
	printf("{");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && (!i || run->table); i++)
		measure(run, &steps[i]);
	printf("\"bytes\": %zu, \"peak_kib\": %ld}\n", run->length, peak_kib());
}

static const struct kind *find_kind(const char *signature)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].signature, signature))
			return &kinds[i];
	return NULL;
}

int main(int argc, char **argv)
{
	struct run run = { 0 };

	for (size_t i = 0; argc == 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (viommu_table_abilities(kinds[i].signature) & VIOMMU_TABLE_MEANING)
			puts(kinds[i].signature);
	if (argc < 3 || argc > 4)
		return argc == 1 ? 0 : 2;
	run.kind = find_kind(argv[1]);
	run.n_endpoints = (unsigned)strtoul(argv[2], NULL, 10);
	if (!run.kind || !run.n_endpoints || run.n_endpoints > ENDPOINTS_MAX)
		return 2;
	run.n_segments = (run.n_endpoints + OF_SEGMENT - 1) / OF_SEGMENT;
	if (make_machine(&run))
		return 2;
	if (argc == 4)
		measure_door(&run, !strcmp(argv[3], "door"));
	else
		measure_steps(&run);
	viommu_table_free(run.table);
	viommu_topology_free(run.topology);
	viommu_topology_free(run.read);
	free(run.bytes);
	return 0;
}
