/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which members of struct viommu_iommu are read for which kind
 *
 * <viommu/topology.h> has a table of it. For each kind and member, two machines that differ in this
 * member only are generated as every table there is. The member is read if a table or its findings
 * differ.
 */
#include "topology_rig.h"

/* VIOMMU_OTHER is no column: no table describes it but the device tree it is in. */
static const enum viommu_iommu_kind kinds[] = {
	VIOMMU_VIRTIO_PCI, VIOMMU_VIRTIO_MMIO, VIOMMU_SMMU_V2, VIOMMU_SMMU_V3,
	VIOMMU_VTD,        VIOMMU_AMD_VI,      VIOMMU_RISCV,   VIOMMU_RISCV_PCI,
};

#define N_KINDS 8

static const uint32_t numbers[] = { 40, 41 };

/* A machine whose IOMMU translates a PCI function, and whose MSIs may go to an ITS. */
static struct viommu_topology *machine_of(const struct viommu_iommu *iommu)
{
	static const uint32_t ids[] = { 0 };
	const struct viommu_its_group its = {
		.size = sizeof(its), .name = "its", .ids = ids, .n_ids = 1
	};
	const struct viommu_host_bridge bridge = {
		.size = sizeof(bridge), .segment = 0, .bus_last = 0xff, .iommu = iommu->name
	};
	struct viommu_topology *machine = viommu_topology_new();

	assert_int_equal(viommu_topology_add_its_group(machine, &its), 0);
	assert_int_equal(viommu_topology_add_iommu(machine, iommu), 0);
	assert_int_equal(viommu_topology_add_host_bridge(machine, &bridge), 0);
	return machine;
}

static struct viommu_iommu plain(enum viommu_iommu_kind kind)
{
	return (struct viommu_iommu){
		.size = sizeof(struct viommu_iommu),
		.name = "iommu",
		.kind = kind,
		.bdf = 0x0008,
		.base = 0x10000000,
		.interrupts = { 34, 35, 36, 37 },
		.n_interrupts = kind == VIOMMU_SMMU_V2 ? 2 : 4,
	};
}

/* Everything that can be generated, in one string of bytes. */
static void append_table(FILE *out, const struct viommu_topology *machine, const char *signature)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *table = viommu_table_generate(machine, signature, findings);
	const struct viommu_finding *finding;
	void *bytes = NULL;
	size_t length = table ? viommu_table_encode(table, &bytes) : 0;

	if (length)
		fwrite(bytes, 1, length, out);
	for (size_t i = 0; (finding = viommu_findings_get(findings, i)); i++)
		fprintf(out, "%s %s\n", finding->id, finding->text);
	free(bytes);
	viommu_table_free(table);
	viommu_findings_free(findings);
}

static char *tables_of(const struct viommu_iommu *iommu, size_t *ret_length)
{
	static const char *const signatures[] = { "VIOT", "VIOT-2019",  "IORT",       "DMAR",
						  "IVRS", "builtin-v1", "builtin-v2", "builtin-v3",
						  "SRAT", "RIMT",       "DTB" };
	struct viommu_topology *machine = machine_of(iommu);
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_length);

	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++)
		append_table(out, machine, signatures[i]);
	fclose(out);
	viommu_topology_free(machine);
	return text;
}

static bool changes_tables(const struct viommu_iommu *one, const struct viommu_iommu *other)
{
	size_t length, other_length;
	char *text = tables_of(one, &length), *other_text = tables_of(other, &other_length);
	bool changes = length != other_length || memcmp(text, other_text, length) != 0;

	free(text);
	free(other_text);
	return changes;
}

/* -- members ------------------------------------------------------------------- */

/* A line of the table in the header, and a value that is not the one of plain(). */
struct member {
	const char *name;
	void (*set)(struct viommu_iommu *iommu);
};

static void set_segment(struct viommu_iommu *iommu)
{
	iommu->segment = 1;
}

static void set_bdf(struct viommu_iommu *iommu)
{
	iommu->bdf = 0x0010;
}

static void set_base(struct viommu_iommu *iommu)
{
	iommu->base = 0x20000000;
}

static void set_span(struct viommu_iommu *iommu)
{
	iommu->span = 0x100000;
}

static void set_interrupts(struct viommu_iommu *iommu)
{
	iommu->interrupts[0] = 50;
}

static void set_domain(struct viommu_iommu *iommu)
{
	iommu->has_proximity_domain = true;
	iommu->proximity_domain = 1;
}

static void set_its(struct viommu_iommu *iommu)
{
	iommu->its = "its";
}

static void set_coherent(struct viommu_iommu *iommu)
{
	iommu->coherent = true;
}

static void set_translates_itself(struct viommu_iommu *iommu)
{
	iommu->translates_itself = true;
}

static void set_identifier(struct viommu_iommu *iommu)
{
	iommu->has_identifier = true;
	iommu->identifier = 77;
}

static void set_flags(struct viommu_iommu *iommu)
{
	iommu->flags = 1u << 2;
}

static void set_smmu(struct viommu_iommu *iommu)
{
	iommu->smmu.model = 1;
}

static void set_smmu_v2(struct viommu_iommu *iommu)
{
	iommu->smmu_v2 = (struct viommu_iommu_smmu_v2){ numbers, 2, numbers, 1, true };
}

static void set_smmu_v3(struct viommu_iommu *iommu)
{
	iommu->smmu_v3.vatos = 0x30000000;
}

static void set_amd(struct viommu_iommu *iommu)
{
	iommu->amd.capability = 0x48;
}

static void set_riscv(struct viommu_iommu *iommu)
{
	iommu->riscv.wire_flags = 2;
}

static void set_cmdqv(struct viommu_iommu *iommu)
{
	iommu->cmdqv.base = 0x40000000;
}

static void set_hotplug(struct viommu_iommu *iommu)
{
	iommu->hotplug = 1;
}

static const struct member members[] = {
	{ "segment", set_segment },
	{ "bdf", set_bdf },
	{ "base", set_base },
	{ "span", set_span },
	{ "interrupts", set_interrupts },
	{ "proximity_domain", set_domain },
	{ "its", set_its },
	{ "coherent", set_coherent },
	{ "translates_itself", set_translates_itself },
	{ "identifier", set_identifier },
	{ "flags", set_flags },
	{ ".smmu", set_smmu },
	{ ".smmu_v2", set_smmu_v2 },
	{ ".smmu_v3", set_smmu_v3 },
	{ ".amd", set_amd },
	{ ".riscv", set_riscv },
	{ ".cmdqv", set_cmdqv },
	{ "hotplug", set_hotplug },
};

/* -- the header -------------------------------------------------------------------- */

/* The cells of a member's line, "x" or "-" a kind. Fails if the header has no such line. */
static void read_line(const char *name, char cells[N_KINDS + 1])
{
	FILE *header = fopen(TOPOLOGY_HEADER, "r");
	char line[256], found[64] = "", cell[N_KINDS][2];

	assert_non_null(header);
	while (strcmp(found, name) != 0) {
		assert_non_null(fgets(line, sizeof(line), header));
		if (sscanf(line, " * %63s %1[x-] %1[x-] %1[x-] %1[x-] %1[x-] %1[x-] %1[x-] %1[x-]",
			   found, cell[0], cell[1], cell[2], cell[3], cell[4], cell[5], cell[6],
			   cell[7]) != N_KINDS + 1)
			found[0] = 0;
	}
	fclose(header);
	for (int kind = 0; kind < N_KINDS; kind++)
		cells[kind] = cell[kind][0];
	cells[N_KINDS] = 0;
}

static void the_header_says_which_members_a_kind_reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		char said[N_KINDS + 1], measured[N_KINDS + 1] = "";

		for (int kind = 0; kind < N_KINDS; kind++) {
			struct viommu_iommu one = plain(kinds[kind]), other = one;

			members[i].set(&other);
			measured[kind] = changes_tables(&one, &other) ? 'x' : '-';
		}
		read_line(members[i].name, said);
		assert_string_equal(said, measured);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_says_which_members_a_kind_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
