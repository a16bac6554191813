/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The public functions of tables: <viommu/tables.h>
 *
 * The signature of a table selects its format, and the format says how to decode, check and
 * generate it. A table without a format is a header and bytes, and encodes to the bytes it was
 * decoded from.
 */
#include <string.h>

#include <viommu/protocol.h>

#include "base/memory.h"
#include "formats.h"
#include "tables/fdt/devicetree.h"
#include "tables/check/check.h"
#include "tables/findings/findings.h"
#include "tables/formats/builtin/builtin.h"
#include "tables/formats/dsdt.h"
#include "tables/model/others.h"
#include "tables/model/topology.h"
#include "tables/table/format.h"
#include "tables/table/others.h"
#include "unsupported.h"

/*
 * Several formats may share a signature in the bytes: VIOT has two forms, and `form_of` of the
 * first one selects between them.
 */
#define POINTER_TO(format) &format,
static const struct format *const formats[] = { &builtin_v1.format, &builtin_v2.format,
						&builtin_v3.format, &builtin_v3_segments.format,
						FORMATS(POINTER_TO) };

#define SIGNATURE_LENGTH 4u

/* Larger than any real table, and too small for sums of lengths to overflow. */
#define TABLE_LENGTH_MAX ((size_t)1 << 30)

/* A linear search, since it runs once per table. NULL finds nothing. */
static const struct format *find_format(const char *signature)
{
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		if (!g_strcmp0(formats[i]->signature, signature))
			return formats[i];
	return NULL;
}

const struct format *format_get(size_t i)
{
	return i < G_N_ELEMENTS(formats) ? formats[i] : NULL;
}

/* NULL for a topology that was read from no table. */
linux_reader *linux_reader_of(const struct viommu_topology *topology)
{
	const char *source = topology_source(topology);
	const struct format *format = source ? find_format(source) : NULL;

	return format ? format->linux_reads : NULL;
}

/* Some tables are decoded only because other tables refer to their structures. */
static bool has_meaning(const struct format *format)
{
	return format && (format->to_topology || format->inner_length);
}

static bool can_generate(const struct format *format)
{
	return format && (format->from_topology || format->inner_signature);
}

/* Decoding does not imply a meaning: other tables refer to MADT and MCFG. */
unsigned viommu_table_abilities(const char *signature)
{
	const struct format *format = find_format(signature);
	unsigned abilities = format ? VIOMMU_TABLE_RECORDS : 0;

	if (has_meaning(format))
		abilities |= VIOMMU_TABLE_MEANING;
	if (can_generate(format))
		abilities |= VIOMMU_TABLE_GENERATE;
	if (format && format->extend)
		abilities |= VIOMMU_TABLE_EXTEND;
	return abilities;
}

/* Copies a signature from bytes, where it has no NUL. */
static struct viommu_table *table_new(const char *signature, size_t length, const char *file)
{
	struct viommu_table *table = memory_new(struct viommu_table, 1);

	memcpy(table->signature, signature, MIN(length, SIGNATURE_MAX - 1));
	table->file = memory_text(file ? file : "");
	table->format = find_format(table->signature);
	return table;
}

/* By the name of the format: some formats have no signature in their bytes. */
static struct viommu_table *table_of_format(const struct format *format, const char *file)
{
	return table_new(format->signature, strlen(format->signature), file);
}

/* -- bytes ------------------------------------------------------------------------ */

static void put_inside(struct viommu_table *outer, struct viommu_table *inner)
{
	inner->root->base = (uint32_t)inner->base;
	record_add_child(outer->root, inner->root);
	outer->inner = inner;
}

static void decode(struct viommu_table *table, const uint8_t *bytes, size_t length,
		   struct viommu_findings *findings);

/*
 * Offsets in the inner table count from its own start, places from the start of the file. If the
 * table ends inside the inner header, the rest stays bytes.
 */
static void decode_inner(struct viommu_table *table, const uint8_t *bytes, size_t length,
			 struct viommu_findings *findings)
{
	size_t room = length < ACPI_HEADER_LENGTH ? 0 : table->format->inner_length(bytes, length);
	struct viommu_table *inner;

	if (room) {
		inner = table_new((const char *)bytes, SIGNATURE_LENGTH, table->file);
		inner->base = record_length(table->root);
		decode(inner, bytes, room, findings);
		put_inside(table, inner);
	}
	record_add_rest(table->root, bytes + room, length - room);
}

static void decode_body(struct viommu_table *table, const uint8_t *bytes, size_t length,
			struct viommu_findings *findings)
{
	size_t head = table->format->head->length;

	if (table->format->inner_length)
		decode_inner(table, bytes + head, length > head ? length - head : 0, findings);
	else
		table->format->decode(table, bytes, length, findings);
}

/* Decodes up to the end that the header states, and keeps the rest as bytes. */
static void decode(struct viommu_table *table, const uint8_t *bytes, size_t length,
		   struct viommu_findings *findings)
{
	const struct format *format = table->format;
	size_t end;

	table->whole = format && length >= format->head->length;
	table->root = record_new_root(table->whole ? format->head : &acpi_layout, bytes);
	end = table->whole ? acpi_end(table, length) : ACPI_HEADER_LENGTH;
	if (table->whole)
		decode_body(table, bytes, end, findings);
	else if (format)
		report(findings, "acpi-short", table_place(table, length),
		       "dump the table again: it is truncated",
		       "%s needs at least %u bytes, but has %zu", table->signature,
		       format->head->length, length);
	record_add_rest(table->root, bytes + end, length - end);
}

/* If several formats share the signature, the first bytes select one of them. */
static void choose_form(struct viommu_table *table, const uint8_t *bytes, size_t length)
{
	const struct format *format = table->format, *form = NULL;

	if (format && format->form_of && length >= format->head->length)
		form = format->form_of(bytes, length);
	if (!form)
		return;
	table->format = form;
	g_strlcpy(table->signature, form->signature, sizeof(table->signature));
}

/* A device tree has its own magic number; it has no ACPI header. */
static struct viommu_table *decode_tree(const void *bytes, size_t length, const char *file,
					struct viommu_findings *findings)
{
	struct devicetree *tree = dt_open(bytes, length, file, findings);
	struct viommu_table *table;

	if (!tree)
		return NULL;
	table = table_of_format(&dt_format, file);
	table->tree = tree;
	table->whole = true;
	return table;
}

/*
 * Only input without an ACPI header is refused. A damaged table can still be dumped, to be
 * repaired.
 */
struct viommu_table *table_decode(const void *bytes, size_t length, const char *file,
				  struct viommu_findings *findings)
{
	struct viommu_table *table;

	if (dt_begins(bytes, length) && length <= TABLE_LENGTH_MAX)
		return decode_tree(bytes, length, file, findings);
	if (length < ACPI_HEADER_LENGTH || length > TABLE_LENGTH_MAX || !acpi_signature(bytes)) {
		report(findings, "acpi-header", place_in_table(file, 0),
		       "give the bytes of one ACPI table, or what acpidump prints",
		       "these %zu bytes do not begin with the header of an ACPI table", length);
		return NULL;
	}
	table = table_new(bytes, SIGNATURE_LENGTH, file);
	choose_form(table, bytes, length);
	decode(table, bytes, length, findings);
	return table;
}

/* Configuration space cannot hold more, and the limit bounds the work. */
static bool bare_length_is_sound(const struct format *format, size_t length, const char *file,
				 struct viommu_findings *findings)
{
	if (length < format->head->length)
		report(findings, "builtin-short", place_in_table(file, length),
		       "give the whole configuration space",
		       "%s needs at least %u bytes, but has %zu", format->signature,
		       format->head->length, length);
	else if (length > VIOMMU_TOPOLOGY_LENGTH_MAX)
		report(findings, "builtin-too-large", place_of_file(file),
		       "give only the configuration space", "%s has at most %u bytes, not %zu",
		       format->signature, VIOMMU_TOPOLOGY_LENGTH_MAX, length);
	else
		return true;
	return false;
}

/* `signature` matters only for formats without a signature in their bytes. */
struct viommu_table *table_decode_as(const char *signature, const void *bytes, size_t length,
				     const char *file, struct viommu_findings *findings)
{
	const struct format *format = find_format(signature);
	struct viommu_table *table;

	if (!format || !format->bare || !format->head)
		return table_decode(bytes, length, file, findings);
	if (!bare_length_is_sound(format, length, file, findings))
		return NULL;
	table = table_of_format(format, file);
	table->whole = true;
	table->root = record_new_root(format->head, bytes);
	format->decode(table, bytes, length, findings);
	return table;
}

/* -- meaning ----------------------------------------------------------------------- */

/* A note, since nothing is wrong with the table. */
static bool is_known(const struct viommu_table *table, struct viommu_findings *findings)
{
	if (!has_meaning(table->format))
		report(findings, "acpi-unknown", place_in_table(table->file, 0), NULL,
		       "%s is not a table of IOMMUs that can be read", table->signature);
	return has_meaning(table->format);
}

/* The topology keeps the fields of the header, so that a table generated from it has them, too. */
static void keep_header(struct viommu_topology *topology, const struct viommu_table *table)
{
	struct viommu_table_header header = { .size = sizeof(header) };
	const struct acpi_header *acpi = acpi_header(table);

	memcpy(header.oem_id, acpi->oem_id, sizeof(acpi->oem_id));
	memcpy(header.oem_table_id, acpi->oem_table_id, sizeof(acpi->oem_table_id));
	memcpy(header.creator_id, acpi->creator_id, sizeof(acpi->creator_id));
	header.oem_revision = acpi->oem_revision;
	header.creator_revision = acpi->creator_revision;
	if (table->whole && table->format->to_header)
		table->format->to_header(table, &header);
	viommu_topology_set_header(topology, table->format->signature, &header);
}

static struct viommu_topology *read_meaning(const struct viommu_table *table,
					    struct viommu_findings *findings)
{
	struct viommu_topology *topology = NULL;

	if (table->whole && !table->format->inner_length)
		return table->format->to_topology(table, findings);
	if (table->whole && table->inner)
		topology = table_topology(table->inner, findings);
	return topology ? topology : topology_new();
}

static const char *find_rejection(const struct viommu_table *table)
{
	const struct table_rejection *rejection = table->format->rejections;

	for (; table->whole && rejection && rejection->holds; rejection++)
		if (rejection->holds(table))
			return rejection->why;
	return NULL;
}

/* NULL inside a VIOT, which no other system reads. */
static const struct other_reader *others_of(const struct viommu_table *table)
{
	if (table->base)
		return NULL;
	return table->format == &dmar_format   ? dmar_others
	       : table->format == &ivrs_format ? ivrs_others
					       : NULL;
}

static void find_others(struct viommu_topology *topology, const struct viommu_table *table)
{
	const struct other_reader *other = others_of(table);

	for (; table->whole && other && other->text; other++)
		if (other->applies(table))
			topology_add_other_system(topology, other->text);
}

/*
 * The topology keeps the format as its source, because Linux reads each kind of table differently.
 */
struct viommu_topology *table_topology(const struct viommu_table *table,
				       struct viommu_findings *findings)
{
	struct viommu_topology *topology;

	if (!is_known(table, findings))
		return NULL;
	topology = read_meaning(table, findings);
	topology_set_source(topology, table->format->signature);
	topology_set_rejection(topology, find_rejection(table));
	find_others(topology, table);
	if (!table->format->bare)
		keep_header(topology, table);
	return topology;
}

/* Continues after a failure, to report everything. */
static void check_rules(const struct viommu_table *table, const struct table_rule *rules,
			struct viommu_findings *findings)
{
	for (const struct table_rule *rule = rules; rule && rule->id; rule++)
		if (findings_want(findings, rule->id))
			rule->run(&(struct table_check){ table, findings, rule->id });
}

/*
 * From the outside in: header, bytes, meaning. A table that ends inside its head has no bytes to
 * check.
 */
void table_check(const struct viommu_table *table, struct viommu_findings *findings)
{
	struct viommu_topology *topology;

	if (!table->format || !table->format->bare)
		check_rules(table, acpi_rules, findings);
	if (table->whole)
		check_rules(table, table->format->rules, findings);
	if (table->inner && table->inner->whole)
		check_rules(table->inner, table->inner->format->rules, findings);
	if (table->format && !has_meaning(table->format))
		return;
	if (!is_known(table, findings) || !table->whole)
		return;
	topology = table_topology(table, findings);
	topology_check(topology, findings);
	viommu_topology_free(topology);
}

/* The head begins as zeros, so reserved bytes are 0. The format creates a device tree. */
static struct viommu_table *table_blank(const struct format *format)
{
	struct viommu_table *table = table_of_format(format, NULL);
	auto_free uint8_t *blank = NULL;

	table->whole = true;
	if (!format->head)
		return table;
	blank = memory_zeroed(1, format->head->length);
	table->root = record_new_root(format->head, blank);
	return table;
}

static bool fill(struct viommu_table *table, const struct viommu_topology *topology,
		 const char *iommu, struct viommu_findings *findings);

/* Sets the base first: findings about the inner table use it. */
static bool fill_inner(struct viommu_table *table, const struct viommu_topology *topology,
		       struct viommu_findings *findings)
{
	struct viommu_table *inner =
		table_blank(find_format(table->format->inner_signature(topology)));

	inner->base = record_length(table->root);
	if (!fill(inner, topology, NULL, findings))
		return viommu_table_free(inner);
	put_inside(table, inner);
	return true;
}

/* Keeps the caller's `iommu` only while the table is generated. */
static bool fill(struct viommu_table *table, const struct viommu_topology *topology,
		 const char *iommu, struct viommu_findings *findings)
{
	bool bare = table->format->bare, made;

	if (!bare)
		acpi_begin(table, topology);
	table->iommu = iommu;
	report_unsupported(table, topology, findings);
	made = table->format->inner_signature
		       ? fill_inner(table, topology, findings)
		       : table->format->from_topology(table, topology, findings);
	table->iommu = NULL;
	if (made && !bare)
		acpi_finish(table);
	return made;
}

/* NULL with a finding, rather than a table that silently lacks what was asked for. */
struct viommu_table *table_generate_for(const struct viommu_topology *topology,
					const char *signature, const char *iommu,
					struct viommu_findings *findings)
{
	const struct format *format = find_format(signature);
	struct viommu_table *table;

	if (!can_generate(format)) {
		report(findings, "acpi-unknown", place_of_file(NULL),
		       "request a table that docs/tables.md has under \"made\"",
		       "%s cannot be generated", signature ? signature : "no table");
		return NULL;
	}
	table = table_blank(format);
	return fill(table, topology, iommu, findings) ? table : viommu_table_free(table);
}

static struct viommu_table *copy_of(const struct viommu_table *table)
{
	struct viommu_table *copy;
	void *bytes;
	size_t length = table_encode(table, &bytes);

	copy = table_decode(bytes, length, table->file, NULL);
	memory_free(bytes);
	return copy;
}

/* All but the name, which lives as long as the table. */
static void swap(struct viommu_table *table, struct viommu_table *copy)
{
	struct viommu_table old = *table;
	char *copied_name = copy->file;

	*table = *copy;
	table->file = old.file;
	*copy = old;
	copy->file = copied_name;
}

/*
 * Extends a copy, so that a lack of memory leaves the table as it was. Only for formats that keep
 * everything they cannot decode. Updates length and checksum. Of all tables here, Linux rejects
 * only an IVRS for its checksum, but other consumers may be stricter.
 */
bool table_extend(struct viommu_table *table, const struct viommu_topology *topology,
		  struct viommu_findings *findings)
{
	struct viommu_table *copy;
	bool extended = false;

	if (!table->whole || !table->format->extend) {
		report(findings, "extend-kind", place_in_table(table->file, 0),
		       "generate the table anew", "%s cannot be extended", table->signature);
		return false;
	}
	report_unsupported(table, topology, findings);
	copy = copy_of(table);
	if (table->format->extend(copy, topology, findings)) {
		acpi_finish(copy);
		swap(table, copy);
		extended = true;
	}
	viommu_table_free(copy);
	return extended;
}

/* Most tables describe all IOMMUs, so most callers name none. */
struct viommu_table *table_generate(const struct viommu_topology *topology, const char *signature,
				    struct viommu_findings *findings)
{
	return table_generate_for(topology, signature, NULL, findings);
}
