/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules that fields of any table can break
 *
 * The rows of a layout say what a field is for, and so what it must not hold: a type that is no
 * structure's, bytes that have no meaning, reserved bits. A format lists these rules under ids of
 * its own, for what follows from breaking them is different for every table.
 */
#include <inttypes.h>

#include "tables/findings/findings.h"
#include "format.h"

/* One kind of field, looked for in every structure. */
struct search {
	const struct table_check *check;
	enum field_kind kind;
	void (*blame)(const struct search *search, const struct field *field, uint64_t value);
	const struct record *record;
};

/* layout_check() tells of all kinds at once, and a rule is about one. */
static void look_at_field(void *data, const struct field *field, uint64_t value)
{
	const struct search *search = data;

	if (field->kind == search->kind)
		search->blame(search, field, value);
}

/*
 * How long a structure should be is known where its type is, and nothing of its own follows the
 * fixed part. Formats nest a handful deep, whatever a table holds, and so does this.
 */
static void look_at_record(struct search *search, const struct record *record)
{
	const struct layout *layout = record->layout;
	bool exact = layout && layout->type != LAYOUT_UNKNOWN && !record->children->len;

	search->record = record;
	if (layout)
		layout_check(layout, record->host, exact, look_at_field, search);
	for (guint i = 0; i < record->children->len; i++)
		look_at_record(search, record->children->pdata[i]);
}

static void look_at_all(struct search search)
{
	look_at_record(&search, search.check->table->root);
}

/* The field, not the structure: there is where something has to be changed. */
static struct viommu_place place_of(const struct search *search, const struct field *field)
{
	return table_place(search->check->table, search->record->at + field->at);
}

/* No cure: structures carry a length so that readers can skip what they do not know. */
static void blame_type(const struct search *search, const struct field *field, uint64_t value)
{
	report(search->check->findings, search->check->rule_id, place_of(search, field), NULL,
	       "type %" PRIu64 " is not known: skipped", value);
}

/* Shorter ones were found when the table was decoded, for then their fields are not there. */
static void blame_length(const struct search *search, const struct field *field, uint64_t value)
{
	report(search->check->findings, search->check->rule_id, place_of(search, field),
	       "write the length that it has",
	       "%s has %" PRIu64 " bytes, and only %u of them have a meaning",
	       search->record->layout->name, value, search->record->layout->length);
}

/* Readers ignore them today. A bit set there by accident means something in a later version. */
static void blame_reserved(const struct search *search, const struct field *field, uint64_t value)
{
	(void)value;
	report(search->check->findings, search->check->rule_id, place_of(search, field), "write 0",
	       "reserved bytes of %s are not 0", search->record->layout->name);
}

void check_unknown_types(const struct table_check *check)
{
	look_at_all((struct search){ check, FIELD_TYPE, blame_type, NULL });
}

void check_lengths(const struct table_check *check)
{
	look_at_all((struct search){ check, FIELD_LENGTH, blame_length, NULL });
}

/* Readers ignore them today. What stands there may get a meaning with the next revision. */
void check_reserved_bytes(const struct table_check *check)
{
	look_at_all((struct search){ check, FIELD_RESERVED, blame_reserved, NULL });
}
