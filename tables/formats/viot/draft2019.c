/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VIOT as drafted in 2019: a wrapper around another table
 *
 * Behind the header and 12 reserved bytes follows one whole table, an IORT, DMAR or IVRS, with its
 * own header, length and checksum; its offsets count from its own start. A wrapped table may have
 * structures for virtio-iommus, of types that it has nowhere else. The wrapper kept these types out
 * of the established tables. The draft has those of an IORT; those of a DMAR and an IVRS are this
 * library's own.
 *
 * The draft was never published. The sources are patches to Linux that read it, and one monitor
 * that generated it; docs/decisions.md lists what both leave open.
 *
 * Mainline Linux finds no nodes in such a table. A reader of the draft rejects the header of a
 * final VIOT. So neither form is mistaken for the other.
 */
#include <string.h>

#include "tables/findings/findings.h"
#include "tables/table/format.h"
#include "tables/model/topology.h"
#include "viot.h"

#define HEAD_LENGTH 48

/* The final form has the node count here. The draft has zeros, which distinguishes the forms. */
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

/* Tables that can be wrapped. */
static const char *const wrapped[] = { "IORT", "DMAR", "IVRS" };

/*
 * A final VIOT has its node count and node offset here. If both are 0, and a table begins behind
 * the head, that table is wrapped.
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

/* The length that the inner table states; if it is invalid, all bytes. */
static size_t inner_length(const uint8_t *inner, size_t room)
{
	uint64_t said = wire_load(inner + LENGTH_AT, sizeof(uint32_t));

	return said >= ACPI_HEADER_LENGTH && said <= room ? (size_t)said : room;
}

/* -- rules --------------------------------------------------------------------------------- */

/* A field in the head of the outer or the inner table. */
static struct viommu_place field_of(const struct viommu_table *table, const char *name)
{
	return table_place_of(table, table->root, name);
}

/* Note only: the table is well-formed, but few operating systems support it. */
static void check_form(const struct table_check *check)
{
	report(check->findings, check->rule_id, table_place(check->table, HEAD_LENGTH), NULL,
	       "this is the draft of 2019, which wraps another table");
}

/* No other revision is known. */
static void check_revision(const struct table_check *check)
{
	unsigned revision = acpi_header(check->table)->revision;

	if (revision)
		report(check->findings, check->rule_id, field_of(check->table, "Revision"),
		       "write 0", "the revision is %u, but only 0 is known", revision);
}

/* One finding for all twelve bytes. */
static void check_reserved(const struct table_check *check)
{
	const struct draft_head *head = check->table->root->host;

	for (size_t i = 0; i < sizeof(head->reserved); i++)
		if (head->reserved[i]) {
			report(check->findings, check->rule_id, field_of(check->table, "Reserved"),
			       "write 0", "reserved bytes before the inner table are not 0");
			return;
		}
}

/* The length of the VIOT leaves no bytes behind the inner table. */
static void check_length(const struct table_check *check)
{
	const struct viommu_table *inner = check->table->inner;
	size_t end = acpi_end(check->table, record_length(check->table->root));

	if (inner && acpi_header(inner)->length != end - inner->base)
		report(check->findings, check->rule_id, field_of(inner, "Length"),
		       "correct the length, and end the VIOT behind the inner table",
		       "the length of the inner %s is %u, but the VIOT has %zu bytes for it",
		       inner->signature, acpi_header(inner)->length, end - inner->base);
}

/* The checksum of the inner table has to be corrected first. */
static void check_sum(const struct table_check *check)
{
	const struct viommu_table *inner = check->table->inner;
	uint8_t sum = inner ? acpi_sum(inner) : 0;

	if (sum)
		report(check->findings, check->rule_id, field_of(inner, "Checksum"),
		       "subtract the sum from the checksum, first of this table and then of the "
		       "VIOT",
		       "all bytes of the inner %s add up to 0x%02x, not to 0", inner->signature,
		       sum);
}

/* A note: this library reads the table, but no known consumer does. */
static void check_reader(const struct table_check *check)
{
	const struct viommu_table *inner = check->table->inner;

	if (inner && strcmp(inner->signature, "IORT") != 0)
		report(check->findings, check->rule_id, table_place(inner, 0),
		       "give the guest the table itself", "no known consumer reads the inner %s",
		       inner->signature);
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

/*
 * The table of the platform that has such IOMMUs, with the virtio-iommus beside them; it omits
 * IOMMUs of another platform with a finding.
 */
static const char *signature_for(const struct viommu_topology *topology)
{
	static const struct {
		enum viommu_iommu_kind kind;
		const char *signature;
	} tables[] = {
		{ VIOMMU_SMMU_V3, "IORT" },
		{ VIOMMU_SMMU_V2, "IORT" },
		{ VIOMMU_VTD, "DMAR" },
		{ VIOMMU_AMD_VI, "IVRS" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
		if (topology_has_kind(topology, tables[i].kind))
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
