/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules about the fields of any table
 *
 * The kind of a field decides what it must not hold: an unknown type, bytes without a meaning,
 * reserved bits. A format lists these rules under its own ids, because the consequences differ by
 * table.
 */
#include <inttypes.h>

#include "tables/findings/findings.h"
#include "format.h"

/* Visits the fields of one kind in all records. */
struct search {
	const struct table_check *check;
	enum field_kind kind;
	void (*report_field)(const struct search *search, const struct field *field,
			     uint64_t value);
	const struct record *record;
};

/* layout_check() reports all kinds of fields, a rule is about one. */
static void visit_field(void *data, const struct field *field, uint64_t value)
{
	const struct search *search = data;

	if (field->kind == search->kind)
		search->report_field(search, field, value);
}

/*
 * The exact length is known if the type is known and nothing follows the fixed part. Formats limit
 * the depth of records, and so of the recursion.
 */
static void visit_record(struct search *search, const struct record *record)
{
	const struct layout *layout = record->layout;
	bool exact = layout && layout->type != LAYOUT_UNKNOWN && !record->children.len;
	const struct record *child;

	search->record = record;
	if (layout)
		layout_check(layout, record->host, exact, visit_field, search);
	for_each_child(i, child, record)
		visit_record(search, child);
}

static void visit_all(struct search search)
{
	visit_record(&search, search.check->table->root);
}

/* The field rather than the structure, because the field has to be changed. */
static struct viommu_place place_of(const struct search *search, const struct field *field)
{
	return table_place(search->check->table, search->record->at + field->at);
}

/* No cure: consumers skip unknown structures by their length. */
static void report_type(const struct search *search, const struct field *field, uint64_t value)
{
	auto_free char *hex = value < 10 ? NULL : memory_printf(" (0x%" PRIx64 ")", value);

	report(search->check->findings, search->check->rule_id, place_of(search, field), NULL,
	       "type %" PRIu64 "%s is unknown: consumers skip the structure", value,
	       hex ? hex : "");
}

/* Decoding reports structures that are too short. */
static void report_length(const struct search *search, const struct field *field, uint64_t value)
{
	report(search->check->findings, search->check->rule_id, place_of(search, field),
	       "correct the length", "%s has %" PRIu64 " bytes, but only %u of them have a meaning",
	       search->record->layout->name, value, search->record->layout->length);
}

/* Consumers ignore reserved bytes today; a later revision may give them a meaning. */
static void report_reserved(const struct search *search, const struct field *field, uint64_t value)
{
	(void)value;
	report(search->check->findings, search->check->rule_id, place_of(search, field), "write 0",
	       "reserved bytes of %s are not 0", search->record->layout->name);
}

void check_unknown_types(const struct table_check *check)
{
	visit_all((struct search){ check, FIELD_TYPE, report_type, NULL });
}

void check_lengths(const struct table_check *check)
{
	visit_all((struct search){ check, FIELD_LENGTH, report_length, NULL });
}

void check_reserved_bytes(const struct table_check *check)
{
	visit_all((struct search){ check, FIELD_RESERVED, report_reserved, NULL });
}

/*
 * Flags: all bits that are set have a name. Enumeration: the value has a name. Without names, as in
 * a structure of unknown type, every value is defined.
 */
static bool is_defined(const struct field *field, uint64_t value)
{
	uint64_t known = 0;

	if (!field->names)
		return true;
	for (const struct field_name *name = field->names; name->name; name++) {
		if (field->kind == FIELD_ENUM && name->value == value)
			return true;
		known |= name->value;
	}
	return field->kind == FIELD_FLAGS && !(value & ~known);
}

/* Formats limit the depth of records, and so of the recursion. */
static void check_values_of(const struct table_check *check, const struct record *record,
			    bool with_enumerations)
{
	const struct record *child;

	if (record->layout)
		for_each_field(f, record->layout)
			if ((f->kind == FIELD_FLAGS ||
			     (f->kind == FIELD_ENUM && with_enumerations)) &&
			    !is_defined(f, field_get(f, record->host)))
				report(check->findings, check->rule_id,
				       table_place(check->table, record->at + f->at),
				       "write a value of the specification",
				       "%s of %s is undefined: 0x%" PRIx64, f->name,
				       record->layout->name, field_get(f, record->host));
	for_each_child(i, child, record)
		check_values_of(check, child, with_enumerations);
}

void check_undefined_values(const struct table_check *check)
{
	check_values_of(check, check->table->root, true);
}

void check_undefined_flags(const struct table_check *check)
{
	check_values_of(check, check->table->root, false);
}
