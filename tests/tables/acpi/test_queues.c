/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command queues of SMMUs (CMDQV of Tegra241): from a topology into a DSDT, and back
 */
#include <glib.h>

#include <viommu/acpi.h>

#include "tables_rig.h"

#define SMMU "kind: smmu-v3, interrupts: [36, 37, 38, 39], at: "
#define ONE_SMMU(members) \
	"iommus: [ { name: s, " SMMU members " } ]\n" \
	"host-bridges: [ { buses: 00-ff, iommu: s } ]\n"

/* The tables of a set. */
struct tables {
	struct viommu_table *iort, *dsdt;
};

static const char smmus[] =
	"iommus:\n"
	"  - { name: a, kind: smmu-v2, at: 0x8000000, span: 64K, interrupts: [40, 41],\n"
	"      context-interrupts: [42] }\n"
	"  - { name: b, kind: smmu-v3, at: 0x9050000, interrupts: [36, 37, 38, 39],\n"
	"      cmdqv: 0x9200000, cmdqv-interrupt: 54 }\n"
	"  - { name: c, kind: smmu-v3, at: 0x9070000, interrupts: [46, 47, 48, 49],\n"
	"      identifier: 77, cmdqv: 0x1009200000 }\n"
	"  - { name: d, kind: smmu-v3, at: 0x9090000, interrupts: [56, 57, 58, 59] }\n"
	"host-bridges:\n"
	"  - { buses: 00-3f, iommu: a }\n"
	"  - { buses: 40-7f, iommu: b }\n"
	"  - { buses: 80-bf, iommu: c }\n"
	"  - { buses: c0-ff, iommu: d }\n"
	"its-groups: [ { name: its, ids: [0] } ]\n";

static bool take_table(void *opaque, const char *name, const void *bytes, size_t length)
{
	struct tables *tables = opaque;
	struct viommu_table *table = viommu_table_decode(bytes, length, name, NULL);

	if (!strcmp(viommu_table_signature(table), "IORT"))
		tables->iort = table;
	else if (!strcmp(viommu_table_signature(table), "DSDT"))
		tables->dsdt = table;
	else
		viommu_table_free(table);
	return true;
}

static struct tables generate(struct rig *rig, const struct viommu_table *given)
{
	const struct viommu_acpi how = {
		.size = sizeof(how), .address = 0xe0000, .tables = &given, .n_tables = given != NULL
	};
	struct tables tables = { NULL, NULL };
	void *bytes;
	size_t length = viommu_acpi_generate(rig->topology, &how, &bytes, rig->findings);

	assert_int_not_equal(length, 0);
	viommu_input_split(bytes, length, "set", take_table, &tables, NULL);
	free(bytes);
	return tables;
}

/* In a set with the IORT of another machine. */
static struct tables generate_beside(struct rig *rig, const char *other, const char *machine)
{
	struct viommu_table *iort;
	struct tables tables;

	read_fine(rig, other);
	iort = viommu_table_generate(rig->topology, "IORT", NULL);
	assert_non_null(iort);
	read_fine(rig, machine);
	tables = generate(rig, iort);
	viommu_table_free(iort);
	return tables;
}

static void free_tables(struct tables tables)
{
	viommu_table_free(tables.iort);
	viommu_table_free(tables.dsdt);
}

static const struct viommu_iommu *at_base(const struct viommu_topology *topology, uint64_t base)
{
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(topology, i)); i++)
		if (iommu->base == base)
			return iommu;
	fail();
	return NULL;
}

static void assert_queues(const struct viommu_topology *topology, uint64_t smmu, uint64_t base,
			  uint32_t interrupt)
{
	const struct viommu_iommu *iommu = at_base(topology, smmu);

	assert_int_equal(iommu->cmdqv.base, base);
	assert_int_equal(iommu->cmdqv.interrupt, interrupt);
}

/* As the topology had them, whatever the names. */
static void assert_closed(struct rig *rig, struct tables tables, int n)
{
	struct viommu_topology *back = viommu_table_topology(tables.iort, NULL);
	const struct viommu_iommu *iommu;

	assert_int_equal(viommu_topology_apply_queues(back, tables.iort, tables.dsdt), n);
	for (size_t i = 0; (iommu = viommu_topology_iommu(rig->topology, i)); i++)
		assert_queues(back, iommu->base, iommu->cmdqv.base, iommu->cmdqv.interrupt);
	viommu_topology_free(back);
}

static bool has_text(const struct viommu_table *table, const char *text, size_t length)
{
	void *bytes;
	size_t n = viommu_table_encode(table, &bytes);
	bool has = memmem(bytes, n, text, length);

	free(bytes);
	return has;
}

/* -- a set of our own -------------------------------------------------------------------- */

/* Beside an SMMUv2 and an ITS group: the identifiers are 2, 77 and 4. */
static void queues_are_read_back_from_the_dsdt(void **state)
{
	struct rig *rig = *state;
	struct tables tables;

	read_fine(rig, smmus);
	tables = generate(rig, NULL);
	assert_closed(rig, tables, 2);
	assert_true(has_text(tables.dsdt, "_UID\r2", 7));
	assert_true(has_text(tables.dsdt, "_UID\r77", 8));
	assert_false(found(rig->findings, "iort-silent-cmdqv"));
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	free_tables(tables);
}

/* Without an interrupt Linux reports no errors of the queues, and uses them. */
static void queues_without_an_interrupt_are_in_the_dsdt(void **state)
{
	struct rig *rig = *state;
	struct tables tables;

	read_fine(rig, ONE_SMMU("0x9050000, cmdqv: 0x9200000"));
	tables = generate(rig, NULL);
	assert_closed(rig, tables, 1);
	assert_false(found(rig->findings, "image-device"));
	free_tables(tables);
}

/* The nodes of an IORT of another generator have other identifiers. */
static void queues_have_the_identifier_in_a_given_iort(void **state)
{
	struct rig *rig = *state;
	struct tables tables = generate_beside(rig, ONE_SMMU("0x9050000, identifier: 9"),
					       ONE_SMMU("0x9050000, cmdqv: 0x9200000"));

	assert_true(has_text(tables.dsdt, "_UID\r9", 7));
	assert_closed(rig, tables, 1);
	free_tables(tables);
}

static void an_smmu_without_a_node_has_no_queues(void **state)
{
	struct rig *rig = *state;
	struct tables tables = generate_beside(rig, ONE_SMMU("0x9090000"), smmus);

	assert_true(found(rig->findings, "image-device"));
	assert_false(has_text(tables.dsdt, "NVDA200C", 8));
	free_tables(tables);
}

/* Revision 0 has no identifiers: Linux reads the reserved bytes, which are 0 in each node. */
static void an_iort_of_revision_0_is_too_old_for_queues(void **state)
{
	struct rig *rig = *state;
	struct tables tables;

	read_fine(
		rig,
		ONE_SMMU("0x9050000, cmdqv: 0x9200000") "its-groups: [ { name: its, ids: [0] } ]\n"
							"tables: { iort: { revision: 0 } }\n");
	tables = generate(rig, NULL);
	assert_true(found(rig->findings, "iort-silent-revision"));
	assert_true(has_text(tables.dsdt, "_UID\r0", 7));
	assert_closed(rig, tables, 1);
	free_tables(tables);
}

static void queues_beyond_64_bits_are_cured_by_their_key(void **state)
{
	struct rig *rig = *state;
	const struct viommu_finding *finding;
	const char *cure = NULL;

	read_fine(rig, ONE_SMMU("0x9050000, cmdqv: 0xffffffffffff0000"));
	free_tables(generate(rig, NULL));
	for (size_t i = 0; (finding = viommu_findings_get(rig->findings, i)); i++)
		if (!strcmp(finding->id, "image-device"))
			cure = finding->cure;
	assert_non_null(cure);
	assert_string_equal(cure, "write a lower `cmdqv`");
}

/* -- a block of another compiler ----------------------------------------------------------- */

/*
 * Three devices, as iasl compiles them: a _UID of text before the _HID, and a QWORD descriptor; a
 * _UID of a number, and an interrupt before the memory; a _CRS that is a method, which returns it.
 */
static const uint8_t block[] = {
	0x53, 0x53, 0x44, 0x54, 0x01, 0x01, 0x00, 0x00, 0x02, 0x4e, 0x54, 0x45, 0x53, 0x54, 0x00,
	0x00, 0x51, 0x55, 0x45, 0x55, 0x45, 0x53, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x49, 0x4e,
	0x54, 0x4c, 0x25, 0x09, 0x20, 0x20, 0x10, 0x4c, 0x0d, 0x5c, 0x5f, 0x53, 0x42, 0x5f, 0x5b,
	0x82, 0x4f, 0x05, 0x53, 0x4d, 0x51, 0x30, 0x08, 0x5f, 0x55, 0x49, 0x44, 0x0d, 0x35, 0x00,
	0x08, 0x5f, 0x48, 0x49, 0x44, 0x0d, 0x4e, 0x56, 0x44, 0x41, 0x32, 0x30, 0x30, 0x43, 0x00,
	0x08, 0x5f, 0x43, 0x52, 0x53, 0x11, 0x3c, 0x0a, 0x39, 0x8a, 0x2b, 0x00, 0x00, 0x0d, 0x01,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x20, 0x11, 0x00, 0x00, 0x00,
	0x00, 0xff, 0xff, 0x24, 0x11, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x89, 0x06, 0x00, 0x03, 0x01,
	0x66, 0x00, 0x00, 0x00, 0x79, 0x00, 0x5b, 0x82, 0x3b, 0x53, 0x4d, 0x51, 0x31, 0x08, 0x5f,
	0x48, 0x49, 0x44, 0x0d, 0x4e, 0x56, 0x44, 0x41, 0x32, 0x30, 0x30, 0x43, 0x00, 0x08, 0x5f,
	0x55, 0x49, 0x44, 0x0a, 0x04, 0x08, 0x5f, 0x43, 0x52, 0x53, 0x11, 0x1a, 0x0a, 0x17, 0x89,
	0x06, 0x00, 0x01, 0x01, 0x67, 0x00, 0x00, 0x00, 0x86, 0x09, 0x00, 0x01, 0x00, 0x00, 0x20,
	0x05, 0x00, 0x00, 0x05, 0x00, 0x79, 0x00, 0x5b, 0x82, 0x35, 0x53, 0x4d, 0x51, 0x32, 0x08,
	0x5f, 0x48, 0x49, 0x44, 0x0d, 0x4e, 0x56, 0x44, 0x41, 0x32, 0x30, 0x30, 0x43, 0x00, 0x08,
	0x5f, 0x55, 0x49, 0x44, 0x0a, 0x06, 0x14, 0x19, 0x5f, 0x43, 0x52, 0x53, 0x00, 0xa4, 0x11,
	0x11, 0x0a, 0x0e, 0x86, 0x09, 0x00, 0x01, 0x00, 0x00, 0x20, 0x06, 0x00, 0x00, 0x05, 0x00,
	0x79, 0x00,
};

/* SMMUs with the identifiers of its devices, and one that none of them has. */
static struct viommu_table *iort_of_block(struct rig *rig)
{
	struct viommu_table *iort;

	read_fine(rig, "iommus:\n"
		       "  - { name: a, " SMMU "0x9010000, identifier: 5 }\n"
		       "  - { name: b, " SMMU "0x9030000, identifier: 4 }\n"
		       "  - { name: c, " SMMU "0x9050000, identifier: 6 }\n"
		       "  - { name: d, " SMMU "0x9070000, identifier: 7 }\n"
		       "host-bridges:\n"
		       "  - { buses: 00-3f, iommu: a }\n"
		       "  - { buses: 40-7f, iommu: b }\n"
		       "  - { buses: 80-bf, iommu: c }\n"
		       "  - { buses: c0-ff, iommu: d }\n");
	iort = viommu_table_generate(rig->topology, "IORT", rig->findings);
	assert_non_null(iort);
	return iort;
}

static int apply(struct rig *rig, const struct viommu_table *iort, const uint8_t *bytes,
		 size_t length)
{
	struct viommu_table *ssdt = viommu_table_decode(bytes, length, "ssdt", NULL);
	int n = viommu_topology_apply_queues(rig->topology, iort, ssdt);

	viommu_table_free(ssdt);
	return n;
}

static void constants_of_another_compiler_are_read(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *iort = iort_of_block(rig);

	assert_int_equal(apply(rig, iort, block, sizeof(block)), 3);
	assert_queues(rig->topology, 0x9010000, 0x11200000, 0x66);
	assert_queues(rig->topology, 0x9030000, 0x5200000, 0x67);
	assert_queues(rig->topology, 0x9050000, 0x6200000, 0);
	assert_queues(rig->topology, 0x9070000, 0, 0);
	viommu_table_free(iort);
}

/* Bytes of an SSDT around a device SMQ0 with that _UID, and a _CRS of 32-bit memory at 0x5200000.
 */
static size_t put_device(uint8_t *ssdt, const void *uid, size_t n)
{
	static const uint8_t
		hid[] = "\x08_HID\x0dNVDA200C",
		crs[] = "\x08_CRS\x11\x11\x0a\x0e\x86\x09\0\x01\0\0\x20\x05\0\0\x05\0\x79";
	size_t inner = sizeof(hid) + n + sizeof(crs), length = 36 + 3 + 4 + inner;
	uint8_t *at = ssdt + 36;

	memcpy(ssdt, block, 36);
	ssdt[4] = (uint8_t)length;
	*at++ = 0x5b;
	*at++ = 0x82;
	*at++ = (uint8_t)(1 + 4 + inner);
	memcpy(at, "SMQ0", 4);
	memcpy(at + 4, hid, sizeof(hid));
	memcpy(at + 4 + sizeof(hid), uid, n);
	memcpy(at + 4 + sizeof(hid) + n, crs, sizeof(crs));
	return length;
}

#define UID(bytes) bytes, sizeof(bytes) - 1

/* What a method returns at once is as good as a constant; what it computes is not evaluated. */
static void a_method_that_returns_a_constant_is_read(void **state)
{
	static const struct {
		const char *uid;
		size_t n;
		int queues, notes;
	} uids[] = {
		{ UID("\x14\x08_UID\0\xa4\x01"), 0, 0 },       /* Return (One): no SMMU has it */
		{ UID("\x14\x09_UID\0\xa4\x0a\x05"), 1, 0 },   /* Return (5) */
		{ UID("\x14\x0a_UID\0\xa4\x0d\x35\0"), 1, 0 }, /* Return ("5") */
		{ UID("\x08NUMB\x0a\x05\x14\x0b_UID\0\xa4NUMB"), 1, 0 },
		{ UID("\x14\x0b_UID\0\xa4OUTS"), 0, 1 },     /* a name outside the device */
		{ UID("\x14\x09_UID\1\xa4\x0a\x05"), 0, 1 }, /* it has an argument */
		{ UID("\x14\x0c_UID\0\x70\x0a\x05\x60\xa4\x60"), 0, 1 },
		{ UID("\x14\x0c_UID\0\xa4\x72\x0a\x02\x0a\x03"), 0, 1 }, /* Return (2 + 3) */
		{ UID("\x14\x07_UID\0\xa4"), 0, 1 },                     /* it ends there */
		{ UID("\x08_ADR\x0a\x05"), 0, 0 },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(uids) / sizeof(*uids); i++) {
		struct viommu_table *iort = iort_of_block(rig), *tables[2] = { iort };
		uint8_t bytes[128];
		size_t length = put_device(bytes, uids[i].uid, uids[i].n), notes = 0;

		if (apply(rig, iort, bytes, length) != uids[i].queues)
			fail_msg("queues of _UID %zu", i);
		tables[1] = viommu_table_decode(bytes, length, "ssdt", NULL);
		viommu_tables_check_together((const struct viommu_table *const *)tables, 2,
					     rig->findings);
		for (size_t f = 0; f < viommu_findings_count(rig->findings); f++)
			notes +=
				!strcmp(viommu_findings_get(rig->findings, f)->id, "machine-cmdqv");
		if (notes != (size_t)uids[i].notes)
			fail_msg("notes of _UID %zu", i);
		viommu_table_free(tables[1]);
		viommu_table_free(iort);
		viommu_findings_free(rig->findings);
		rig->findings = viommu_findings_new();
	}
}

/* Bytes of the block: the QWORD descriptor of the first device, and the type of its range. */
static void ranges_that_are_not_memory_are_no_queues(void **state)
{
	enum { QWORD_AT = 0x54, TYPE_AT = QWORD_AT + 3, IO = 1, BUS_NUMBERS = 2 };
	struct rig *rig = *state;
	struct viommu_table *iort = iort_of_block(rig);

	assert_int_equal(block[QWORD_AT], 0x8a);
	for (uint8_t type = IO; type <= BUS_NUMBERS; type++) {
		g_autofree uint8_t *changed = g_memdup2(block, sizeof(block));

		changed[TYPE_AT] = type;
		apply(rig, iort, changed, sizeof(block));
		assert_queues(rig->topology, 0x9010000, 0, 0);
	}
	viommu_table_free(iort);
}

/* What the topology says stays, and other tables have no effect. */
static void queues_that_are_known_stay(void **state)
{
	struct rig *rig = *state;
	struct tables tables;

	read_fine(rig, smmus);
	tables = generate(rig, NULL);
	assert_int_equal(viommu_topology_apply_queues(rig->topology, tables.iort, tables.dsdt), 0);
	assert_int_equal(viommu_topology_apply_queues(rig->topology, tables.dsdt, tables.iort), 0);
	assert_int_equal(viommu_topology_apply_queues(rig->topology, tables.iort, tables.iort), 0);
	free_tables(tables);
}

/* Cut at any length, and with any byte changed: no read outside, which sanitizers check. */
static void a_damaged_block_is_read_within_its_bytes(void **state)
{
	enum { CHANGES = 8, HEADER = 36 };
	struct rig *rig = *state;
	struct viommu_table *iort = iort_of_block(rig);

	for (size_t length = HEADER; length < sizeof(block); length++) {
		g_autofree uint8_t *cut = g_memdup2(block, length);

		assert_true(apply(rig, iort, cut, length) >= 0);
	}
	for (size_t at = HEADER; at < sizeof(block); at++)
		for (unsigned bit = 0; bit < CHANGES; bit++) {
			g_autofree uint8_t *changed = g_memdup2(block, sizeof(block));

			changed[at] ^= (uint8_t)(1u << bit);
			assert_true(apply(rig, iort, changed, sizeof(block)) >= 0);
		}
	viommu_table_free(iort);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(queues_are_read_back_from_the_dsdt),
		WITH_A_RIG(queues_without_an_interrupt_are_in_the_dsdt),
		WITH_A_RIG(queues_have_the_identifier_in_a_given_iort),
		WITH_A_RIG(an_smmu_without_a_node_has_no_queues),
		WITH_A_RIG(an_iort_of_revision_0_is_too_old_for_queues),
		WITH_A_RIG(queues_beyond_64_bits_are_cured_by_their_key),
		WITH_A_RIG(constants_of_another_compiler_are_read),
		WITH_A_RIG(a_method_that_returns_a_constant_is_read),
		WITH_A_RIG(ranges_that_are_not_memory_are_no_queues),
		WITH_A_RIG(queues_that_are_known_stay),
		WITH_A_RIG(a_damaged_block_is_read_within_its_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
