/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables of one machine, checked together: correct ones, missing ones, and the time it takes
 *
 * refused/ has a file for each of their rules.
 */
#include <glib.h>

#include "tables_rig.h"

enum { MAX_TABLES = 6, LENGTH_OF_LIST_HEAD = 44 };

struct machine {
	const struct viommu_table *tables[MAX_TABLES];
	size_t n;
	struct viommu_findings *findings;
};

static int set_up_machine(void **state)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	machine->findings = viommu_findings_new();
	*state = machine;
	return 0;
}

static int tear_down_machine(void **state)
{
	struct machine *machine = *state;

	while (machine->n)
		viommu_table_free((struct viommu_table *)machine->tables[--machine->n]);
	viommu_findings_free(machine->findings);
	free(machine);
	return 0;
}

#define WITH_A_MACHINE(test) \
	cmocka_unit_test_setup_teardown(test, set_up_machine, tear_down_machine)

/* -- parts ------------------------------------------------------------------------------- */

static void add(struct machine *machine, struct viommu_table *table)
{
	assert_non_null(table);
	assert_true(machine->n < MAX_TABLES);
	machine->tables[machine->n++] = table;
}

/* A table of a topology, without its version line. */
static void add_made(struct machine *machine, const char *signature, const char *text)
{
	g_autofree char *whole = g_strconcat("viommu: 1\n", text, NULL);
	struct viommu_topology *topology =
		viommu_topology_parse(whole, strlen(whole), "text", machine->findings);

	add(machine, viommu_table_generate(topology, signature, NULL));
	viommu_topology_free(topology);
}

/* A head of 44 bytes, and structures that are given. */
static void add_list(struct machine *machine, const char *signature, const void *structures,
		     size_t length)
{
	size_t total = LENGTH_OF_LIST_HEAD + length;
	uint8_t *bytes = calloc(1, total);

	memcpy(bytes, signature, 4);
	store(bytes + LENGTH_AT, 4, total);
	memcpy(bytes + LENGTH_OF_LIST_HEAD, structures, length);
	fix(bytes, total);
	add(machine, viommu_table_decode(bytes, total, signature, machine->findings));
	free(bytes);
}

/* All buses of segment 0. */
static void add_mcfg(struct machine *machine)
{
	static const uint8_t allocation[16] = { [11] = 0xff };

	add_list(machine, "MCFG", allocation, sizeof(allocation));
}

static void add_madt(struct machine *machine, uint8_t ioapic, uint8_t its)
{
	const uint8_t structures[32] = { 1, 12, ioapic, [12] = 15, 20, [16] = its };

	add_list(machine, "APIC", structures, sizeof(structures));
}

static void check(struct machine *machine)
{
	viommu_tables_check_together(machine->tables, machine->n, machine->findings);
}

static void expect_nothing(struct machine *machine)
{
	check(machine);
	for (size_t i = 0; i < viommu_findings_count(machine->findings); i++)
		fail_msg("%s", viommu_finding_line(viommu_findings_get(machine->findings, i)));
}

#define VTD \
	"iommus: [ { name: a, kind: vt-d, at: 0xfed90000, proximity-domain: 1 } ]\n" \
	"host-bridges: [ { buses: 00-ff, iommu: a } ]\n" \
	"interrupt-sources: [ { kind: ioapic, number: 2, function: f0:1f.0, iommu: a } ]\n"
#define VIRTIO \
	"iommus: [ { name: a, kind: virtio-iommu-pci, at: 00:01.0, proximity-domain: 1 } ]\n" \
	"host-bridges: [ { buses: 00-ff, iommu: a } ]\n"

/* -- tests ------------------------------------------------------------------------------- */

static void a_machine_whose_tables_agree_has_no_findings(void **state)
{
	struct machine *machine = *state;

	add_made(machine, "DMAR", VTD);
	add_made(machine, "SRAT", VIRTIO);
	add_mcfg(machine);
	add_madt(machine, 2, 0);
	expect_nothing(machine);
}

/* A missing table proves nothing. */
static void a_table_alone_has_no_findings(void **state)
{
	struct machine *machine = *state;

	add_made(machine, "DMAR", VTD);
	expect_nothing(machine);
}

/* On Arm, IORT may route MSIs of what a virtio-iommu translates: no SMMU, no second IOMMU. */
static void an_iort_for_msis_may_stand_beside_a_viot(void **state)
{
	struct machine *machine = *state;

	add_made(machine, "IORT",
		 "its-groups: [ { name: i, ids: [ 0 ] } ]\n"
		 "host-bridges: [ { buses: 00-ff, its: i } ]\n");
	add_made(machine, "VIOT", VIRTIO);
	add_mcfg(machine);
	add_madt(machine, 0, 0);
	expect_nothing(machine);
}

/* ARM DEN 0049: Linux reads IORT first, so a VIOT entry for the same function has no effect. */
static void an_smmu_beside_a_virtio_iommu_is_found(void **state)
{
	struct machine *machine = *state;

	add_made(machine, "VIOT", VIRTIO);
	add_made(machine, "IORT",
		 "iommus: [ { name: s, kind: smmu-v3, at: 0x9050000 } ]\n"
		 "host-bridges: [ { buses: 00-ff, iommu: s } ]\n");
	check(machine);
	assert_int_equal(viommu_findings_count(machine->findings), 1);
	assert_true(found(machine->findings, "machine-both"));
}

/* Linux reads the first table of a signature and ignores the second. */
static void of_two_tables_with_one_signature_the_first_counts(void **state)
{
	struct machine *machine = *state;

	add_made(machine, "DMAR", VTD);
	add_madt(machine, 3, 0);
	add_madt(machine, 2, 0);
	check(machine);
	assert_int_equal(viommu_findings_count(machine->findings), 2);
	assert_true(found(machine->findings, "machine-ioapic"));
	assert_true(found(machine->findings, "machine-ioapic-unknown"));
}

/* One function in each node, and no two tables with the same: every node is looked at once. */
static void add_every_other(struct machine *machine, const char *signature,
			    const struct viommu_iommu *iommu, unsigned first)
{
	static const unsigned n = 4000;
	struct viommu_topology *topology = viommu_topology_new();
	struct viommu_pci_range range = { .size = sizeof(range), .iommu = iommu->name };

	assert_int_equal(viommu_topology_add_iommu(topology, iommu), 0);
	for (unsigned i = 0; i < n; i++) {
		range.bdf_first = range.bdf_last = (uint16_t)(first + 2 * i);
		range.id_first = range.bdf_first;
		assert_int_equal(viommu_topology_add_pci_range(topology, &range), 0);
	}
	add(machine, viommu_table_generate(topology, signature, machine->findings));
	viommu_topology_free(topology);
}

static void tables_that_share_no_function_are_both_right(void **state)
{
	const struct viommu_iommu virtio = {
		.size = sizeof(virtio), .name = "v", .kind = VIOMMU_VIRTIO_MMIO, .base = 0x1000
	};
	const struct viommu_iommu vtd = {
		.size = sizeof(vtd), .name = "d", .kind = VIOMMU_VTD, .base = 0xfed90000
	};
	struct machine *machine = *state;

	add_every_other(machine, "VIOT", &virtio, 0);
	add_every_other(machine, "DMAR", &vtd, 1);
	add_mcfg(machine);
	expect_nothing(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_MACHINE(a_machine_whose_tables_agree_has_no_findings),
		WITH_A_MACHINE(a_table_alone_has_no_findings),
		WITH_A_MACHINE(an_iort_for_msis_may_stand_beside_a_viot),
		WITH_A_MACHINE(an_smmu_beside_a_virtio_iommu_is_found),
		WITH_A_MACHINE(of_two_tables_with_one_signature_the_first_counts),
		WITH_A_MACHINE(tables_that_share_no_function_are_both_right),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
