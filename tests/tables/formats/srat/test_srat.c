/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SRAT: generic initiators for IOMMUs, in a new table or in an existing one
 */
#include <glib.h>

#include "tables_rig.h"

/* Worked example G: 2 GiB in domain 0, and a generic initiator 0000:01:00.0 in domain 2. */
static const uint8_t example_g[] = {
	0x53, 0x52, 0x41, 0x54, 0x78, 0x00, 0x00, 0x00, 0x03, 0x30, 0x56, 0x49, 0x4f, 0x4d, 0x4d,
	0x55, 0x45, 0x58, 0x41, 0x4d, 0x50, 0x4c, 0x45, 0x20, 0x01, 0x00, 0x00, 0x00, 0x56, 0x49,
	0x4f, 0x4d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x01, 0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x20,
	0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

enum { SRAT_HEAD_LENGTH = 48, MEMORY_LENGTH = 40, INITIATOR_LENGTH = 32 };
enum { BUS_AT = 10, DEVFN_AT = 11, FLAGS_AT = 24 };
#define INITIATOR_AT (SRAT_HEAD_LENGTH + MEMORY_LENGTH)

/* Example G without its IOMMU. */
static void make_memory(uint8_t bytes[INITIATOR_AT])
{
	memcpy(bytes, example_g, INITIATOR_AT);
	store(bytes + LENGTH_AT, 4, INITIATOR_AT);
	fix(bytes, INITIATOR_AT);
}

static void read_iommu(struct rig *rig, const char *at, unsigned domain)
{
	g_autofree char *text = NULL;

	text = g_strdup_printf("iommus:\n"
			       "  - { name: a, kind: virtio-iommu-pci, at: '%s', "
			       "proximity-domain: %u }\n"
			       "host-bridges: [ { buses: 00-ff, iommu: a } ]\n",
			       at, domain);
	read_fine(rig, text);
}

static void example_g_is_memory_and_an_iommu(void **state)
{
	struct rig *rig = *state;
	uint8_t memory[INITIATOR_AT];
	struct viommu_table *table;

	make_memory(memory);
	read_iommu(rig, "01:00.0", 2);
	table = viommu_table_decode(memory, sizeof(memory), "memory", rig->findings);
	assert_true(viommu_table_extend(table, rig->topology, rig->findings));
	assert_encodes(table, example_g, sizeof(example_g));
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	viommu_table_free(table);
}

/* ACPI 6.5, 5.2.16.6, PCI handle: the bus comes first, and then device and function. */
static void a_handle_has_its_bus_in_the_lower_byte(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table;
	uint8_t *bytes;

	read_iommu(rig, "5a:1e.3", 1);
	table = viommu_table_generate(rig->topology, "SRAT", rig->findings);
	assert_int_equal(viommu_table_encode(table, (void **)&bytes),
			 SRAT_HEAD_LENGTH + INITIATOR_LENGTH);
	assert_int_equal(bytes[SRAT_HEAD_LENGTH + BUS_AT], 0x5a);
	assert_int_equal(bytes[SRAT_HEAD_LENGTH + DEVFN_AT], 0x1e << 3 | 3);
	assert_int_equal(load(bytes + SRAT_HEAD_LENGTH + FLAGS_AT, 4), 1);
	walk(bytes, SRAT_HEAD_LENGTH + INITIATOR_LENGTH, rig->findings);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	free(bytes);
	viommu_table_free(table);
}

/* An initiator that exists is kept, and not repeated. */
static void an_srat_that_has_the_iommu_stays_the_same(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table =
		viommu_table_decode(example_g, sizeof(example_g), "g", rig->findings);

	read_iommu(rig, "01:00.0", 2);
	assert_true(viommu_table_extend(table, rig->topology, rig->findings));
	assert_encodes(table, example_g, sizeof(example_g));
	viommu_table_free(table);
}

/* Another domain of the initiator is an error, and the table is unchanged. */
static void entries_of_an_srat_are_not_replaced(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table =
		viommu_table_decode(example_g, sizeof(example_g), "g", rig->findings);

	read_iommu(rig, "01:00.0", 3);
	assert_false(viommu_table_extend(table, rig->topology, rig->findings));
	assert_finding(rig, 0,
		       "g:0x58: error: the SRAT assigns a different domain to the function of an "
		       "IOMMU, or disables its entry; correct the topology, or remove the "
		       "structure from the SRAT [extend-taken]");
	assert_encodes(table, example_g, sizeof(example_g));
	viommu_table_free(table);
}

/* No reader finds a structure behind bytes that are none. */
static void a_damaged_srat_is_not_extended(void **state)
{
	uint8_t bytes[sizeof(example_g) + 1];
	struct rig *rig = *state;
	struct viommu_table *table;

	memcpy(bytes, example_g, sizeof(example_g));
	bytes[sizeof(example_g)] = 5;
	store(bytes + LENGTH_AT, 4, sizeof(bytes));
	fix(bytes, sizeof(bytes));
	read_iommu(rig, "02:00.0", 2);
	table = viommu_table_decode(bytes, sizeof(bytes), "g", NULL);
	assert_false(viommu_table_extend(table, rig->topology, rig->findings));
	assert_true(found(rig->findings, "extend-damaged"));
	assert_encodes(table, bytes, sizeof(bytes));
	viommu_table_free(table);
}

static void no_other_table_is_extended(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table =
		viommu_table_decode(example_a, sizeof(example_a), "a", rig->findings);

	read_iommu(rig, "01:00.0", 2);
	assert_false(viommu_table_extend(table, rig->topology, rig->findings));
	assert_true(found(rig->findings, "extend-kind"));
	viommu_table_free(table);
}

/* Revision 1 has 8 bits for a domain. */
static void an_old_srat_has_no_large_domains(void **state)
{
	struct rig *rig = *state;
	uint8_t memory[INITIATOR_AT];
	struct viommu_table *table;

	make_memory(memory);
	memory[REVISION_AT] = 1;
	fix(memory, sizeof(memory));
	read_iommu(rig, "01:00.0", 256);
	table = viommu_table_decode(memory, sizeof(memory), "memory", rig->findings);
	assert_false(viommu_table_extend(table, rig->topology, rig->findings));
	assert_true(found(rig->findings, "srat-domain"));
	assert_encodes(table, memory, sizeof(memory));
	viommu_table_free(table);
}

/* An AMD-Vi is a function as well. A DMAR has the domain of a VT-d unit. An IOMMU on MMIO is no
 * initiator. */
static void only_functions_are_initiators(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *table;

	read_fine(rig,
		  "iommus:\n"
		  "  - { name: a, kind: amd-vi, at: 0xfed80000, function: 00:00.2, "
		  "proximity-domain: 1 }\n"
		  "  - { name: v, kind: vt-d, at: 0xfed90000, proximity-domain: 1 }\n"
		  "  - { name: m, kind: virtio-iommu-mmio, at: 0x1000, proximity-domain: 1 }\n");
	table = viommu_table_generate(rig->topology, "SRAT", rig->findings);
	assert_finding(rig, 0,
		       "text:5:5: note: SRAT omits the proximity domain of IOMMU m; describe it "
		       "by _PXM of its ACPI device [srat-silent-domain]");
	assert_int_equal(viommu_findings_count(rig->findings), 2);
	viommu_table_free(table);
}

/* VIOT has no field for a domain, so the SRAT adds it to the topology of the VIOT. */
static void an_srat_assigns_the_domain_of_an_iommu(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *viot, *srat;

	read_iommu(rig, "01:00.0", 7);
	viot = viommu_table_generate(rig->topology, "VIOT", rig->findings);
	srat = viommu_table_decode(example_g, sizeof(example_g), "g", rig->findings);
	assert_int_equal(viommu_topology_apply_srat_domains(rig->topology, srat), 0);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->proximity_domain, 7);
	viommu_topology_free(rig->topology);
	rig->topology = viommu_table_topology(viot, rig->findings);
	assert_int_equal(viommu_topology_apply_srat_domains(rig->topology, viot), 0);
	assert_int_equal(viommu_topology_apply_srat_domains(rig->topology, srat), 1);
	assert_true(viommu_topology_iommu(rig->topology, 0)->has_proximity_domain);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->proximity_domain, 2);
	viommu_table_free(srat);
	viommu_table_free(viot);
}

/* With any values of two bytes, a decoded table encodes to the same bytes. */
static void any_bytes_are_decoded_and_kept(void **state)
{
	static const uint16_t values[] = { 0, 1, 0x0101, 0x0105, 0x2005, 0x7fff, 0xffff };
	uint8_t *bytes = copy_of(example_g, sizeof(example_g));

	(void)state;
	for (size_t i = HEADER_LENGTH; i + 1 < sizeof(example_g); i++)
		for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
			uint64_t before = load(bytes + i, 2);

			store(bytes + i, 2, values[k]);
			fix(bytes, sizeof(example_g));
			walk(bytes, sizeof(example_g), NULL);
			store(bytes + i, 2, before);
		}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(example_g_is_memory_and_an_iommu),
		WITH_A_RIG(a_handle_has_its_bus_in_the_lower_byte),
		WITH_A_RIG(an_srat_that_has_the_iommu_stays_the_same),
		WITH_A_RIG(entries_of_an_srat_are_not_replaced),
		WITH_A_RIG(a_damaged_srat_is_not_extended),
		WITH_A_RIG(no_other_table_is_extended),
		WITH_A_RIG(an_old_srat_has_no_large_domains),
		WITH_A_RIG(only_functions_are_initiators),
		WITH_A_RIG(an_srat_assigns_the_domain_of_an_iommu),
		WITH_A_RIG(any_bytes_are_decoded_and_kept),
	};

	return cmocka_run_group_tests_name("srat", tests, NULL, NULL);
}
