/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sets of ACPI tables: every pointer leads to a table, and every checksum is correct
 *
 * The walk here follows the pointers of ACPI 6.5 by itself. refused/ has a file for each rule.
 */
#include <glib.h>

#include <viommu/acpi.h>

#include "tables_rig.h"

#define ADDRESS 0xe0000u

enum { XSDT_POINTER_AT = 24, FADT_DSDT_AT = 140, FADT_FLAGS_AT = 112, RSDP_LENGTH = 36 };

static const char machine[] =
	"iommus:\n"
	"  - { name: a, kind: virtio-iommu-mmio, at: 0xfeb00000, interrupts: [5],\n"
	"      proximity-domain: 1 }\n"
	"devices:\n"
	"  - { at: 0xfeb00200, interrupts: [6], iommu: a, id: 1 }\n"
	"  - { at: 0x1000000000, span: 4K, interrupts: [7, 8], hid: TEST0001, "
	"uid: x, iommu: a, id: 2 }\n";

struct set {
	uint8_t *bytes;
	size_t length;
};

static uint8_t sum(const uint8_t *bytes, size_t length)
{
	uint8_t total = 0;

	while (length--)
		total = (uint8_t)(total + bytes[length]);
	return total;
}

/* The table at an address, which has to be whole and to add up to 0. */
static const uint8_t *table_at(const struct set *set, uint64_t address)
{
	uint64_t at = address - ADDRESS;

	assert_true(at + HEADER_LENGTH <= set->length);
	assert_true(at + load(set->bytes + at + LENGTH_AT, 4) <= set->length);
	assert_int_equal(sum(set->bytes + at, (size_t)load(set->bytes + at + LENGTH_AT, 4)), 0);
	return set->bytes + at;
}

static const uint8_t *xsdt_of(const struct set *set)
{
	const uint8_t *xsdt;

	assert_memory_equal(set->bytes, "RSD PTR ", 8);
	assert_int_equal(sum(set->bytes, 20), 0);
	assert_int_equal(sum(set->bytes, RSDP_LENGTH), 0);
	xsdt = table_at(set, load(set->bytes + XSDT_POINTER_AT, 8));
	assert_memory_equal(xsdt, "XSDT", 4);
	return xsdt;
}

/* The table with a signature; NULL if the XSDT has none. Fails for two. */
static const uint8_t *find(const struct set *set, const char *signature)
{
	const uint8_t *xsdt = xsdt_of(set), *found = NULL;

	for (size_t at = HEADER_LENGTH; at < load(xsdt + LENGTH_AT, 4); at += 8) {
		const uint8_t *table = table_at(set, load(xsdt + at, 8));

		if (memcmp(table, signature, 4) != 0)
			continue;
		assert_null(found);
		found = table;
	}
	return found;
}

static struct set generate(struct rig *rig, const struct viommu_table *const *tables, size_t n,
			   uint32_t processors)
{
	const struct viommu_acpi how = { .size = sizeof(how),
					 .address = ADDRESS,
					 .tables = tables,
					 .n_tables = n,
					 .processors = processors };
	struct set set;
	void *bytes;

	set.length = viommu_acpi_generate(rig->topology, &how, &bytes, rig->findings);
	set.bytes = bytes;
	return set;
}

static struct viommu_table *table_of(const char *signature, size_t length)
{
	g_autofree uint8_t *bytes = g_malloc0(length);

	memcpy(bytes, signature, 4);
	store(bytes + LENGTH_AT, 4, length);
	fix(bytes, length);
	return viommu_table_decode(bytes, length, "vmm", NULL);
}

/* -- generating ------------------------------------------------------------------------- */

static void a_set_leads_from_the_rsdp_to_every_table(void **state)
{
	struct rig *rig = *state;
	const uint8_t *fadt, *dsdt, *madt;
	struct set set;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 3);
	fadt = find(&set, "FACP");
	assert_non_null(fadt);
	assert_int_equal(load(fadt + FADT_FLAGS_AT, 4) >> 20 & 1, 1); /* hardware-reduced */
	dsdt = table_at(&set, load(fadt + FADT_DSDT_AT, 8));
	assert_memory_equal(dsdt, "DSDT", 4);
	assert_non_null(memmem(dsdt, (size_t)load(dsdt + LENGTH_AT, 4), "LNRO0005", 9));
	assert_non_null(memmem(dsdt, (size_t)load(dsdt + LENGTH_AT, 4), "_PXM", 4));
	assert_non_null(memmem(dsdt, (size_t)load(dsdt + LENGTH_AT, 4), "TEST0001", 9));
	madt = find(&set, "APIC");
	assert_int_equal(load(madt + LENGTH_AT, 4), 44 + 3 * 8 + 12);
	assert_non_null(find(&set, "VIOT"));
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	free(set.bytes);
}

/* Linux finds the queues of an SMMU by the identifier of its IORT node. */
static void command_queues_have_the_identifier_of_their_smmu(void **state)
{
	static const char smmus[] =
		"iommus:\n"
		"  - { name: a, kind: smmu-v2, at: 0x8000000, span: 64K, context-interrupts: [40] "
		"}\n"
		"  - { name: b, kind: smmu-v3, at: 0x9050000, interrupts: [50, 51, 52, 53],\n"
		"      cmdqv: 0x9200000, cmdqv-interrupt: 54 }\n"
		"host-bridges:\n"
		"  - { buses: 00-7f, iommu: a }\n"
		"  - { buses: 80-ff, iommu: b }\n"
		"its-groups: [ { name: its, ids: [0] } ]\n";
	static const uint8_t base[8] = { 0, 0, 5, 9 };
	enum { BASE_AT = 16, IDENTIFIER_AT = 4 };
	struct rig *rig = *state;
	const uint8_t *dsdt, *iort, *at;
	struct set set;
	char uid[8];

	read_fine(rig, smmus);
	set = generate(rig, NULL, 0, 0);
	iort = find(&set, "IORT");
	at = memmem(iort, (size_t)load(iort + LENGTH_AT, 4), base, sizeof(base));
	assert_non_null(at);
	snprintf(uid, sizeof(uid), "_UID\x0d%u", (unsigned)load(at - BASE_AT + IDENTIFIER_AT, 4));
	dsdt = table_at(&set, load(find(&set, "FACP") + FADT_DSDT_AT, 8));
	assert_non_null(memmem(dsdt, (size_t)load(dsdt + LENGTH_AT, 4), "NVDA200C", 9));
	assert_non_null(memmem(dsdt, (size_t)load(dsdt + LENGTH_AT, 4), uid, strlen(uid) + 1));
	assert_false(found(rig->findings, "iort-silent-cmdqv"));
	free(set.bytes);
}

static bool count_table(void *opaque, const char *name, const void *table, size_t length)
{
	struct viommu_table *decoded = viommu_table_decode(table, length, name, NULL);

	*(unsigned *)opaque += decoded != NULL;
	viommu_table_free(decoded);
	return true;
}

static void a_set_is_an_input_with_its_tables(void **state)
{
	struct rig *rig = *state;
	unsigned n = 0;
	struct set set;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 1);
	assert_int_equal(
		viommu_input_split(set.bytes, set.length, "set", count_table, &n, rig->findings),
		4); /* FADT, DSDT, MADT, VIOT */
	assert_int_equal(n, 4);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
	free(set.bytes);
}

/* Cut at any length, and with any byte changed: no read outside, which sanitizers check. */
static void a_damaged_set_is_read_within_its_bytes(void **state)
{
	struct rig *rig = *state;
	unsigned n = 0;
	struct set set;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 1);
	for (size_t length = 0; length < set.length; length += 7) {
		g_autofree uint8_t *cut = g_memdup2(set.bytes, length);

		viommu_input_split(cut, length, "set", count_table, &n, NULL);
	}
	for (size_t i = 0; i < RSDP_LENGTH + 64; i++) {
		struct viommu_table *viot = table_of("VIOT", 48);
		void *bytes = NULL;

		set.bytes[i] ^= 0xff;
		viommu_acpi_add(set.bytes, set.length, ADDRESS,
				(const struct viommu_table *const *)&viot, 1, &bytes, NULL);
		viommu_input_split(set.bytes, set.length, "set", count_table, &n, NULL);
		set.bytes[i] ^= 0xff;
		free(bytes);
		viommu_table_free(viot);
	}
	free(set.bytes);
}

static void tables_of_the_vmm_replace_generated_ones(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *tables[] = { table_of("APIC", 44), table_of("DSDT", 40),
					  table_of("SSDT", 36) };
	const uint8_t *fadt;
	struct set set;

	read_fine(rig, machine);
	set = generate(rig, (const struct viommu_table *const *)tables, 3, 1);
	assert_int_equal(load(find(&set, "APIC") + LENGTH_AT, 4), 44);
	assert_non_null(find(&set, "SSDT"));
	fadt = find(&set, "FACP");
	assert_int_equal(load(table_at(&set, load(fadt + FADT_DSDT_AT, 8)) + LENGTH_AT, 4), 40);
	for (size_t i = 0; i < 3; i++)
		viommu_table_free(tables[i]);
	free(set.bytes);
}

/* A defect of a table that the set does not need is no finding. */
static void a_table_of_the_vmm_is_not_generated(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *iort = table_of("IORT", 48);
	struct set set;

	read_fine(rig, "iommus:\n"
		       "  - { name: a, kind: smmu-v3, at: 0x9050000 }\n"
		       "host-bridges:\n"
		       "  - { buses: 00-ff, iommu: a }\n");
	set = generate(rig, (const struct viommu_table *const *)&iort, 1, 0);
	assert_int_equal(load(find(&set, "IORT") + LENGTH_AT, 4), 48);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	viommu_table_free(iort);
	free(set.bytes);
}

/* An IOMMU on PCI is a generic initiator; one on virtio-mmio has _PXM. */
static void an_srat_of_the_vmm_gets_the_domains_of_iommus(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *srat = table_of("SRAT", 48);
	struct set set;

	read_fine(rig, "iommus:\n"
		       "  - { name: a, kind: virtio-iommu-pci, at: 00:01.0, proximity-domain: 1 }\n"
		       "host-bridges:\n"
		       "  - { buses: 00-ff, iommu: a }\n");
	set = generate(rig, (const struct viommu_table *const *)&srat, 1, 0);
	assert_int_equal(load(find(&set, "SRAT") + LENGTH_AT, 4), 48 + 32);
	assert_null(find(&set, "APIC"));
	viommu_table_free(srat);
	free(set.bytes);
}

static void wrong_options_give_no_set(void **state)
{
	static const struct viommu_acpi wrong[] = {
		{ .size = 0 },
		{ .size = sizeof(wrong[0]), .address = 8 },
		{ .size = sizeof(wrong[0]), .address = UINT64_MAX - 15 },
		{ .size = sizeof(wrong[0]), .processors = 256 },
	};
	struct rig *rig = *state;

	read_fine(rig, machine);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		void *bytes = rig;

		assert_int_equal(viommu_acpi_generate(rig->topology, &wrong[i], &bytes, NULL), 0);
		assert_null(bytes);
	}
}

/* Memory of 32 bits would wrap. */
static void registers_end_below_2_to_the_64(void **state)
{
	struct rig *rig = *state;
	const uint8_t *dsdt;
	struct set set;

	read_fine(rig, "iommus:\n"
		       "  - { name: a, kind: virtio-iommu-mmio, at: 0xfeb00000, interrupts: [5] }\n"
		       "devices:\n"
		       "  - { at: 0xfffffffffffffff0, interrupts: [6], iommu: a, id: 1 }\n");
	set = generate(rig, NULL, 0, 0);
	assert_true(found(rig->findings, "image-device"));
	dsdt = table_at(&set, load(find(&set, "FACP") + FADT_DSDT_AT, 8));
	assert_null(memmem(dsdt, (size_t)load(dsdt + LENGTH_AT, 4), "V001", 4));
	free(set.bytes);
}

/* Of the machine's own FADT only the pointers to the DSDT are changed. */
static void a_fadt_of_the_vmm_points_to_the_dsdt(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *fadt = table_of("FACP", 244);
	const uint8_t *made;
	struct set set;

	read_fine(rig, machine);
	set = generate(rig, (const struct viommu_table *const *)&fadt, 1, 0);
	made = find(&set, "FACP");
	assert_int_equal(load(made + LENGTH_AT, 4), 244);
	assert_memory_equal(table_at(&set, load(made + FADT_DSDT_AT, 8)), "DSDT", 4);
	viommu_table_free(fadt);
	free(set.bytes);
}

static void a_domain_in_the_dsdt_is_no_omission(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *dsdt = table_of("DSDT", 40);

	read_fine(rig, machine);
	free(generate(rig, NULL, 0, 0).bytes);
	assert_false(found(rig->findings, "viot-silent-domain"));
	free(generate(rig, (const struct viommu_table *const *)&dsdt, 1, 0).bytes);
	assert_true(found(rig->findings, "viot-silent-domain"));
	viommu_table_free(dsdt);
}

#define ON_PCI(domain) \
	"iommus:\n" \
	"  - { name: a, kind: virtio-iommu-pci, at: 00:01.0, proximity-domain: " #domain " }\n" \
	"host-bridges:\n" \
	"  - { buses: 00-ff, iommu: a }\n"

/* A set with an SRAT, which has the domain of the function 00:01.0. */
static struct set set_with_srat(struct rig *rig)
{
	struct viommu_table *srat = table_of("SRAT", 48), *extended;
	struct set set;

	read_fine(rig, ON_PCI(1));
	set = generate(rig, (const struct viommu_table *const *)&srat, 1, 0);
	extended = viommu_table_decode(find(&set, "SRAT"), 48 + 32, "srat", rig->findings);
	free(set.bytes);
	read_fine(rig, "host-bridges: [ { buses: 00-ff } ]\n");
	set = generate(rig, (const struct viommu_table *const *)&extended, 1, 0);
	viommu_table_free(extended);
	viommu_table_free(srat);
	return set;
}

static void extend(struct rig *rig, const struct set *set)
{
	struct viommu_acpi how = { .size = sizeof(how), .address = ADDRESS };
	void *bytes;

	assert_true(viommu_acpi_extend(set->bytes, set->length, rig->topology, &how, &bytes,
				       rig->findings));
	free(bytes);
}

static void a_domain_in_the_srat_of_the_set_is_no_omission(void **state)
{
	struct rig *rig = *state;
	struct set set = set_with_srat(rig);

	read_fine(rig, ON_PCI(1));
	extend(rig, &set);
	assert_false(found(rig->findings, "viot-silent-domain"));
	read_fine(rig, ON_PCI(2));
	extend(rig, &set);
	assert_true(found(rig->findings, "viot-silent-domain"));
	free(set.bytes);
}

#define ON_MMIO(base, domain) \
	"iommus:\n" \
	"  - { name: a, kind: virtio-iommu-mmio, at: " base ", span: 512, interrupts: [5], " \
	"proximity-domain: " #domain " }\n" \
	"host-bridges:\n" \
	"  - { buses: 00-ff, iommu: a }\n" \
	"devices:\n" \
	"  - { at: 0xfeb00200, interrupts: [6], proximity-domain: 7 }\n"

/* By _PXM of the device with the registers, in a DSDT that the set or the VMM has. */
static void check_domain_in_dsdt(struct rig *rig, const char *text, const char *other)
{
	struct viommu_table *dsdt;
	struct set set;
	const uint8_t *bytes;

	read_fine(rig, text);
	set = generate(rig, NULL, 0, 0);
	extend(rig, &set);
	assert_false(found(rig->findings, "viot-silent-domain"));
	bytes = table_at(&set, load(find(&set, "FACP") + FADT_DSDT_AT, 8));
	dsdt = viommu_table_decode(bytes, (size_t)load(bytes + LENGTH_AT, 4), "dsdt", NULL);
	free(generate(rig, (const struct viommu_table *const *)&dsdt, 1, 0).bytes);
	assert_false(found(rig->findings, "viot-silent-domain"));
	read_fine(rig, other);
	extend(rig, &set);
	assert_true(found(rig->findings, "viot-silent-domain"));
	viommu_table_free(dsdt);
	free(set.bytes);
}

static void a_domain_in_the_dsdt_of_the_set_is_no_omission(void **state)
{
	check_domain_in_dsdt(*state, ON_MMIO("0xfeb00000", 1), ON_MMIO("0xfeb00000", 7));
}

static void a_domain_of_registers_above_4_gib_is_no_omission(void **state)
{
	check_domain_in_dsdt(*state, ON_MMIO("0x1000000000", 300), ON_MMIO("0x1000000200", 300));
}

/* -- what is no table of a set ------------------------------------------------------------ */

static struct viommu_table *refused_tree(struct rig *rig)
{
	return viommu_table_generate(rig->topology, "DTB", NULL);
}

static struct viommu_table *refused_built_in(struct rig *rig)
{
	static const uint8_t space[40] = { [36] = 40 };

	(void)rig;
	return viommu_table_decode_as("builtin-v3", space, sizeof(space), "vmm", NULL);
}

static struct viommu_table *refused_root(struct rig *rig)
{
	(void)rig;
	return table_of("XSDT", 36);
}

static struct viommu_table *refused_early_fadt(struct rig *rig)
{
	(void)rig;
	return table_of("FACP", 116);
}

/* The header states this length, and the checksum is of all 64 bytes. */
static struct viommu_table *table_that_says(uint32_t length)
{
	uint8_t bytes[64] = "HMAT";

	store(bytes + LENGTH_AT, 4, length);
	fix(bytes, sizeof(bytes));
	return viommu_table_decode(bytes, sizeof(bytes), "vmm", NULL);
}

static struct viommu_table *refused_cut_off(struct rig *rig)
{
	(void)rig;
	return table_that_says(65);
}

static struct viommu_table *refused_shorter_than_a_header(struct rig *rig)
{
	(void)rig;
	return table_that_says(35);
}

static struct viommu_table *refused_sum(struct rig *rig)
{
	uint8_t bytes[64] = "HMAT";

	(void)rig;
	store(bytes + LENGTH_AT, 4, sizeof(bytes));
	return viommu_table_decode(bytes, sizeof(bytes), "vmm", NULL);
}

static void assert_refused(struct rig *rig, const struct viommu_table *const *tables, size_t n)
{
	struct set set = generate(rig, NULL, 0, 0), made;
	void *bytes;

	rig->findings = viommu_findings_free(rig->findings);
	rig->findings = viommu_findings_new();
	made = generate(rig, tables, n, 0);
	assert_null(made.bytes);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_ERROR), 1);
	assert_true(found(rig->findings, "image-table"));
	assert_int_equal(
		viommu_acpi_add(set.bytes, set.length, ADDRESS, tables, n, &bytes, rig->findings),
		0);
	assert_null(bytes);
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_ERROR), 2);
	free(set.bytes);
}

static void a_set_takes_nothing_but_whole_tables(void **state)
{
	static struct viommu_table *(*const refused[])(struct rig * rig) = {
		refused_tree,       refused_built_in, refused_root,
		refused_early_fadt, refused_cut_off,  refused_shorter_than_a_header,
		refused_sum,
	};
	struct rig *rig = *state;

	read_fine(rig, machine);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct viommu_table *table = refused[i](rig);

		assert_non_null(table);
		assert_refused(rig, (const struct viommu_table *const *)&table, 1);
		viommu_table_free(table);
	}
}

/* Of SSDT and tables of OEMs a set may have several. */
static void a_set_takes_one_table_of_a_signature(void **state)
{
	static const char *const once[] = { "APIC", "DSDT", "FACP", "VIOT" };
	static const char *const often[] = { "SSDT", "OEM1" };
	struct rig *rig = *state;

	read_fine(rig, machine);
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		struct viommu_table *two[] = { table_of(once[i], 244), table_of(once[i], 244) };

		assert_refused(rig, (const struct viommu_table *const *)two, 2);
		viommu_table_free(two[0]);
		viommu_table_free(two[1]);
	}
	for (size_t i = 0; i < sizeof(often) / sizeof(often[0]); i++) {
		struct viommu_table *two[] = { table_of(often[i], 40), table_of(often[i], 40) };
		struct set set = generate(rig, (const struct viommu_table *const *)two, 2, 0);

		assert_non_null(set.bytes);
		viommu_table_free(two[0]);
		viommu_table_free(two[1]);
		free(set.bytes);
	}
}

/* -- adding ------------------------------------------------------------------------------- */

static void a_table_is_added_to_a_set_or_replaces_one(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *tables[] = { table_of("VIOT", 48), table_of("HMAT", 40),
					  table_of("SSDT", 36) };
	struct set set, more;
	void *bytes;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 1);
	more.length = viommu_acpi_add(set.bytes, set.length, ADDRESS,
				      (const struct viommu_table *const *)tables, 3, &bytes,
				      rig->findings);
	more.bytes = bytes;
	assert_true(more.length > set.length);
	assert_int_equal(load(find(&more, "VIOT") + LENGTH_AT, 4), 48);
	assert_non_null(find(&more, "HMAT"));
	assert_non_null(find(&more, "SSDT"));
	assert_non_null(find(&more, "FACP"));
	assert_memory_equal(set.bytes + RSDP_LENGTH, more.bytes + RSDP_LENGTH,
			    set.length - RSDP_LENGTH);
	for (size_t i = 0; i < 3; i++)
		viommu_table_free(tables[i]);
	free(more.bytes);
	free(set.bytes);
}

static struct set add(struct rig *rig, const struct set *set, const struct viommu_table *table)
{
	struct set more;
	void *bytes;

	more.length =
		viommu_acpi_add(set->bytes, set->length, ADDRESS, &table, 1, &bytes, rig->findings);
	more.bytes = bytes;
	assert_non_null(bytes);
	return more;
}

/* No XSDT lists a DSDT: a copy of the FADT points to the new one. */
static void a_dsdt_that_is_added_replaces_that_of_the_fadt(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *dsdt = table_of("DSDT", 40);
	struct set set, more;
	const uint8_t *fadt;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 1);
	more = add(rig, &set, dsdt);
	assert_null(find(&more, "DSDT"));
	fadt = find(&more, "FACP");
	assert_int_equal(load(table_at(&more, load(fadt + FADT_DSDT_AT, 8)) + LENGTH_AT, 4), 40);
	assert_memory_equal(set.bytes + RSDP_LENGTH, more.bytes + RSDP_LENGTH,
			    set.length - RSDP_LENGTH);
	viommu_table_free(dsdt);
	free(more.bytes);
	free(set.bytes);
}

static void a_fadt_that_is_added_keeps_the_dsdt(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *fadt = table_of("FACP", 244);
	struct set set, more;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 1);
	more = add(rig, &set, fadt);
	assert_int_equal(load(find(&more, "FACP") + LENGTH_AT, 4), 244);
	assert_int_equal(load(find(&more, "FACP") + FADT_DSDT_AT, 8),
			 load(find(&set, "FACP") + FADT_DSDT_AT, 8));
	viommu_table_free(fadt);
	free(more.bytes);
	free(set.bytes);
}

/* Its pointers would be beyond what 64 bits can say. */
static void a_set_that_would_end_beyond_memory_is_refused(void **state)
{
	struct rig *rig = *state;
	struct viommu_acpi how = { .size = sizeof(how) };
	struct viommu_table *viot = table_of("VIOT", 48);
	void *bytes, *more;
	size_t length;

	read_fine(rig, machine);
	length = viommu_acpi_generate(rig->topology, &how, &bytes, rig->findings);
	free(bytes);
	how.address = (0 - (uint64_t)length) & ~(uint64_t)15;
	assert_int_equal(viommu_acpi_generate(rig->topology, &how, &bytes, rig->findings), length);
	assert_int_equal(viommu_acpi_add(bytes, length, how.address,
					 (const struct viommu_table *const *)&viot, 1, &more,
					 rig->findings),
			 0);
	assert_null(more);
	assert_true(found(rig->findings, "image-address"));
	viommu_table_free(viot);
	free(bytes);
}

struct lengths {
	unsigned n, viot, hmat; /* tables; the lengths of two */
};

static bool take_length(void *opaque, const char *name, const void *table, size_t length)
{
	struct lengths *lengths = opaque;

	(void)name;
	lengths->n++;
	if (!memcmp(table, "VIOT", 4))
		lengths->viot = (unsigned)length;
	if (!memcmp(table, "HMAT", 4))
		lengths->hmat = (unsigned)length;
	return true;
}

/* The XSDT that was there is there still, before the one that the RSDP points to. */
static void a_set_with_an_added_table_is_an_input_with_it(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *viot = table_of("VIOT", 48), *hmat = table_of("HMAT", 40);
	struct lengths lengths = { 0 };
	struct set set, more, most;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 1);
	more = add(rig, &set, viot);
	most = add(rig, &more, hmat);
	assert_int_equal(viommu_input_split(most.bytes, most.length, "set", take_length, &lengths,
					    rig->findings),
			 5); /* FADT, DSDT, MADT, VIOT, HMAT */
	assert_int_equal(lengths.viot, 48);
	assert_int_equal(lengths.hmat, 40);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	viommu_table_free(viot);
	viommu_table_free(hmat);
	free(most.bytes);
	free(more.bytes);
	free(set.bytes);
}

/* -- reading ------------------------------------------------------------------------------ */

/* The entries of the XSDT of a set that was generated. */
static uint8_t *entry_of(const struct set *set, size_t i)
{
	uint64_t xsdt = load(set->bytes + XSDT_POINTER_AT, 8) - ADDRESS;

	return set->bytes + xsdt + HEADER_LENGTH + 8 * i;
}

static unsigned split(struct rig *rig, const struct set *set)
{
	struct lengths lengths = { 0 };

	viommu_input_split(set->bytes, set->length, "set", take_length, &lengths, rig->findings);
	return lengths.n;
}

/* As in a dump of the memory from 0xe0000 on. */
static void a_set_behind_other_bytes_is_an_input(void **state)
{
	struct rig *rig = *state;
	struct set set, memory;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 1);
	memory.length = 0x1000 + set.length;
	memory.bytes = g_malloc0(memory.length);
	memcpy(memory.bytes + 0x1000, set.bytes, set.length);
	memcpy(memory.bytes + 0x200, "RSD PTR \1VIOMMU", 15); /* with a wrong checksum */
	assert_int_equal(split(rig, &memory), 4);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	g_free(memory.bytes);
	free(set.bytes);
}

static void a_table_that_two_entries_name_is_read_once(void **state)
{
	struct rig *rig = *state;
	struct set set;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 1);
	memcpy(entry_of(&set, 1), entry_of(&set, 2), 8);
	assert_int_equal(split(rig, &set), 3);
	assert_true(found(rig->findings, "image-entry"));
	free(set.bytes);
}

static void a_table_outside_of_the_image_is_reported(void **state)
{
	struct rig *rig = *state;
	struct set set;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 1);
	store(entry_of(&set, 1), 8, 0x7fe00000);
	assert_int_equal(split(rig, &set), 3);
	assert_true(found(rig->findings, "image-entry"));
	free(set.bytes);
}

/* Bytes of one table may look like many, each up to its end. */
static void tables_inside_of_a_table_are_not_read(void **state)
{
	struct rig *rig = *state;
	uint64_t viot;
	struct set set;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 1);
	viot = load(entry_of(&set, 2), 8);
	memcpy(set.bytes + (viot - ADDRESS) + HEADER_LENGTH, "HMAT\x28\0\0", 8);
	store(entry_of(&set, 1), 8, viot + HEADER_LENGTH);
	assert_int_equal(split(rig, &set), 3);
	assert_true(found(rig->findings, "image-entry"));
	free(set.bytes);
}

/* ACPICA skips entries of 0. */
static void a_set_whose_entries_are_0_is_reported(void **state)
{
	struct rig *rig = *state;
	struct set set;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 1);
	for (size_t i = 0; i < 3; i++)
		store(entry_of(&set, i), 8, 0);
	assert_int_equal(split(rig, &set), 0);
	assert_true(found(rig->findings, "image-entry"));
	free(set.bytes);
}

static void a_set_without_a_table_is_reported(void **state)
{
	struct rig *rig = *state;
	struct set set;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 1);
	for (size_t i = 0; i < 3; i++)
		store(entry_of(&set, i), 8, 0x7fe00000 + i);
	assert_int_equal(split(rig, &set), 0);
	assert_true(found(rig->findings, "image-entry"));
	free(set.bytes);
}

static void a_set_at_another_address_is_refused(void **state)
{
	struct rig *rig = *state;
	struct viommu_table *viot = table_of("VIOT", 48);
	struct set set;
	void *bytes;

	read_fine(rig, machine);
	set = generate(rig, NULL, 0, 1);
	assert_int_equal(viommu_acpi_add(set.bytes, set.length, ADDRESS + 0x10000,
					 (const struct viommu_table *const *)&viot, 1, &bytes,
					 rig->findings),
			 0);
	assert_null(bytes);
	assert_true(found(rig->findings, "image-rsdp"));
	viommu_table_free(viot);
	free(set.bytes);
}

/* -- all tables ---------------------------------------------------------------------------- */

static void every_table_of_a_machine_is_generated_at_once(void **state)
{
	static const char *const expected[] = { "VIOT", "IORT" };
	struct viommu_table *tables[VIOMMU_TABLES_MAX];
	struct rig *rig = *state;

	read_fine(rig,
		  "iommus:\n"
		  "  - { name: a, kind: virtio-iommu-pci, at: 80:01.0 }\n"
		  "  - { name: b, kind: smmu-v3, at: 0x9050000, interrupts: [61, 62, 63, 64] }\n"
		  "host-bridges:\n"
		  "  - { buses: 00-7f, iommu: b }\n"
		  "  - { buses: 80-ff, iommu: a }\n");
	assert_int_equal(viommu_tables_generate(rig->topology, tables, rig->findings), 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(viommu_table_signature(tables[i]), expected[i]);
		viommu_table_free(tables[i]);
	}
	assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_WARNING), 0);
}

/* Two devices of one number panic kernels; an SMMU without interrupts has no MSIs either. */
static void a_table_with_an_error_is_not_generated(void **state)
{
	static const char *const wrong[] = {
		"iommus:\n"
		"  - { name: a, kind: vt-d, at: 0xfed90000 }\n"
		"host-bridges:\n"
		"  - { buses: 00-ff, iommu: a }\n"
		"devices:\n"
		"  - { name: '\\_SB.A', number: 1, iommu: a, id: 0xa8 }\n"
		"  - { name: '\\_SB.B', number: 1, iommu: a, id: 0xb0 }\n",
		"iommus:\n"
		"  - { name: a, kind: smmu-v3, at: 0x9050000 }\n"
		"host-bridges:\n"
		"  - { buses: 00-ff, iommu: a }\n",
	};
	struct viommu_table *tables[VIOMMU_TABLES_MAX];
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		rig->findings = viommu_findings_free(rig->findings);
		rig->findings = viommu_findings_new();
		read_fine(rig, wrong[i]);
		assert_int_equal(viommu_tables_generate(rig->topology, tables, rig->findings), 0);
		assert_int_equal(viommu_findings_count_from(rig->findings, VIOMMU_ERROR), 1);
		assert_null(generate(rig, NULL, 0, 0).bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(a_set_leads_from_the_rsdp_to_every_table),
		WITH_A_RIG(command_queues_have_the_identifier_of_their_smmu),
		WITH_A_RIG(a_set_is_an_input_with_its_tables),
		WITH_A_RIG(a_damaged_set_is_read_within_its_bytes),
		WITH_A_RIG(tables_of_the_vmm_replace_generated_ones),
		WITH_A_RIG(a_table_of_the_vmm_is_not_generated),
		WITH_A_RIG(an_srat_of_the_vmm_gets_the_domains_of_iommus),
		WITH_A_RIG(wrong_options_give_no_set),
		WITH_A_RIG(registers_end_below_2_to_the_64),
		WITH_A_RIG(a_fadt_of_the_vmm_points_to_the_dsdt),
		WITH_A_RIG(a_domain_in_the_dsdt_is_no_omission),
		WITH_A_RIG(a_domain_in_the_srat_of_the_set_is_no_omission),
		WITH_A_RIG(a_domain_in_the_dsdt_of_the_set_is_no_omission),
		WITH_A_RIG(a_domain_of_registers_above_4_gib_is_no_omission),
		WITH_A_RIG(a_set_takes_nothing_but_whole_tables),
		WITH_A_RIG(a_set_takes_one_table_of_a_signature),
		WITH_A_RIG(a_dsdt_that_is_added_replaces_that_of_the_fadt),
		WITH_A_RIG(a_fadt_that_is_added_keeps_the_dsdt),
		WITH_A_RIG(a_set_that_would_end_beyond_memory_is_refused),
		WITH_A_RIG(a_table_is_added_to_a_set_or_replaces_one),
		WITH_A_RIG(a_set_with_an_added_table_is_an_input_with_it),
		WITH_A_RIG(a_set_behind_other_bytes_is_an_input),
		WITH_A_RIG(a_table_that_two_entries_name_is_read_once),
		WITH_A_RIG(a_table_outside_of_the_image_is_reported),
		WITH_A_RIG(tables_inside_of_a_table_are_not_read),
		WITH_A_RIG(a_set_whose_entries_are_0_is_reported),
		WITH_A_RIG(a_set_without_a_table_is_reported),
		WITH_A_RIG(a_set_at_another_address_is_refused),
		WITH_A_RIG(every_table_of_a_machine_is_generated_at_once),
		WITH_A_RIG(a_table_with_an_error_is_not_generated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
