/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VIOT as it was drafted in 2019: a wrapper around another table
 *
 * Behind a header and 12 bytes without a meaning stands one whole table, an IORT, a DMAR or an
 * IVRS, with a header, a length and a checksum of its own; its offsets count from its own
 * beginning. In an IORT that is wrapped there may be nodes for virtio-iommus, of types that no IORT
 * has otherwise. Systems that know only the older tables would so have been spared new types in
 * them.
 *
 * The draft was never published. What is known of it are patches to Linux that read it, and one
 * monitor that made it; docs/decisions.md has what both leave open.
 *
 * Mainline Linux finds no node in such a table and says nothing, and a reader of the draft says
 * that it does not know the header of a final one: neither takes one form for the other.
 */
#include <string.h>

#include "tables/findings/findings.h"
#include "tables/table/format.h"
#include "tables/model/topology.h"
#include "viot.h"

#define HEAD_LENGTH 48

/* Where the final form counts its nodes the draft has zeroes: that is how they are told apart. */
struct draft_head {
	struct acpi_header acpi;
	uint8_t reserved[12];
};

static const struct field head_fields[] = {
	ACPI_ROWS(struct draft_head),
	ROW(struct draft_head, 36, RESERVED, reserved, "Reserved"),
};
static const struct layout head_layout = LAYOUT("Virtual I/O Translation table, draft of 2019", 0,
						HEAD_LENGTH, struct draft_head, head_fields);

/* Tables that can be wrapped, and whose IOMMUs they have. */
static const char *const wrapped[] = { "IORT", "DMAR", "IVRS" };

/*
 * In the final form there is a number of nodes where the draft has zeroes, and where they begin. If
 * there are none, and a table begins right there, it is wrapped.
 */
const struct format *viot_form_of(const uint8_t *bytes, size_t length)
{
	if (length < HEAD_LENGTH + ACPI_HEADER_LENGTH ||
	    wire_load(bytes + ACPI_HEADER_LENGTH, sizeof(uint32_t)))
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(wrapped); i++)
		if (!memcmp(bytes + HEAD_LENGTH, wrapped[i], strlen(wrapped[i])))
			return &viot_draft_format;
	return NULL;
}

/* -- decoding ------------------------------------------------------------------------------ */

#define LENGTH_AT 4

/* The length that the inner table states; all bytes there are if that is impossible. */
static size_t inner_length(const uint8_t *inner, size_t room)
{
	uint64_t said = wire_load(inner + LENGTH_AT, sizeof(uint32_t));

	return said >= ACPI_HEADER_LENGTH && said <= room ? (size_t)said : room;
}

/* -- rules --------------------------------------------------------------------------------- */

/* Of the head, whichever of the two tables it is. */
static struct viommu_place field_of(const struct viommu_table *table, const char *name)
{
	return table_place_of(table, table->root, name);
}

/* A note: nothing is wrong with such a table, but that hardly anybody reads it. */
static void check_form(const struct table_check *check)
{
	report(check->findings, check->rule_id, table_place(check->table, HEAD_LENGTH), NULL,
	       "the form of 2019, which wraps another table");
}

/* No other revision was ever written, so nobody knows what one would mean. */
static void check_revision(const struct table_check *check)
{
	unsigned revision = acpi_header(check->table)->revision;

	if (revision)
		report(check->findings, check->rule_id, field_of(check->table, "Revision"),
		       "write 0", "revision is %u, and only 0 is known", revision);
}

/* One finding for all twelve: which of them it is does not matter. */
static void check_reserved(const struct table_check *check)
{
	const struct draft_head *head = check->table->root->host;

	for (size_t i = 0; i < sizeof(head->reserved); i++)
		if (head->reserved[i]) {
			report(check->findings, check->rule_id, field_of(check->table, "Reserved"),
			       "write 0",
			       "reserved bytes before the table that is wrapped are not 0");
			return;
		}
}

/* Behind the table that is wrapped there is nothing; how many bytes there are, the VIOT's length
 * says. */
static void check_length(const struct table_check *check)
{
	const struct viommu_table *inner = check->table->inner;
	size_t end = acpi_end(check->table, record_length(check->table->root));

	if (inner && acpi_header(inner)->length != end - inner->base)
		report(check->findings, check->rule_id, field_of(inner, "Length"),
		       "write the length that it has, and nothing behind it",
		       "the %s inside has %u bytes by its length, and there are %zu",
		       inner->signature, acpi_header(inner)->length, end - inner->base);
}

/* Both sums have to be put right, from the inside out. */
static void check_sum(const struct table_check *check)
{
	const struct viommu_table *inner = check->table->inner;
	uint8_t sum = inner ? acpi_sum(inner) : 0;

	if (sum)
		report(check->findings, check->rule_id, field_of(inner, "Checksum"),
		       "subtract the sum from the checksum, first of this table and then of the "
		       "VIOT",
		       "all bytes of the %s inside add up to 0x%02x, not to 0", inner->signature,
		       sum);
}

/* A note: such a table says something to whoever reads it here. */
static void check_reader(const struct table_check *check)
{
	const struct viommu_table *inner = check->table->inner;

	if (inner && strcmp(inner->signature, "IORT") != 0)
		report(check->findings, check->rule_id, table_place(inner, 0),
		       "give the guest the table itself",
		       "the table inside is of kind %s, which no reader knew", inner->signature);
}

static const struct table_rule rules[] = {
	{ "viot-draft", check_form },
	{ "viot-revision", check_revision },
	{ "viot-reserved", check_reserved },
	{ "viot-draft-length", check_length },
	{ "viot-draft-checksum", check_sum },
	{ "viot-draft-reader", check_reader },
	{ NULL, NULL },
};

/* -- meaning ---------------------------------------------------------------------------------- */

/* The order of `tables` below decides, not that of the IOMMUs. */
static bool has_kind(const struct viommu_topology *topology, enum viommu_iommu_kind kind)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, topology, OBJECT_IOMMU)
		if (iommu->kind == kind)
			return true;
	return false;
}

/*
 * The table of a platform that has such IOMMUs. Nodes for virtio-iommus are in an IORT only; what
 * an IORT has no node for is then left out, and said.
 */
static const char *signature_for(const struct viommu_topology *topology)
{
	static const struct {
		enum viommu_iommu_kind kind;
		const char *signature;
	} tables[] = {
		{ VIOMMU_VIRTIO_PCI, "IORT" }, { VIOMMU_VIRTIO_MMIO, "IORT" },
		{ VIOMMU_SMMU_V3, "IORT" },    { VIOMMU_SMMU_V2, "IORT" },
		{ VIOMMU_VTD, "DMAR" },        { VIOMMU_AMD_VI, "IVRS" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
		if (has_kind(topology, tables[i].kind))
			return tables[i].signature;
	return "IORT";
}

const struct format viot_draft_format = {
	.signature = "VIOT-2019",
	.name = "Virtual I/O Translation table, draft of 2019",
	.head = &head_layout,
	.rules = rules,
	.inner_length = inner_length,
	.inner_signature = signature_for,
	.linux_reads = linux_draft,
};
