/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading one object of the text form
 *
 * First the mapping is collected: each key with its value, a list of scalars. Then each row of the
 * section takes its value or uses its default. A value that no row takes does not apply to this
 * object. The scalars of an object live until the next object begins; the topology copies what it
 * keeps.
 */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/strbuf.h"
#include "events.h"
#include "tables/findings/findings.h"

#define MAX_ITEMS 65536u

/* A scalar with its own position, so that findings about a list point at the item. */
struct item {
	const char *text;
	struct mark mark;
};

/* The value of a key as written. */
struct value {
	const char *key;
	struct mark mark;
	size_t first, n; /* its items */
	bool list;       /* written as a list */
	bool broken;     /* already reported */
	bool taken;      /* by a row */
};

void reader_begin(struct reader *r)
{
	r->words = string_store_new();
	r->items = array_new(sizeof(struct item));
	r->values = array_new(sizeof(struct value));
	r->owned = pointers_new(memory_free);
}

void reader_end(struct reader *r)
{
	string_store_free(r->words);
	array_free(r->items);
	array_free(r->values);
	pointers_free(r->owned);
}

/* Memory is reused: a text needs as much as its largest object, and the topology. */
static void clear_object(struct reader *r)
{
	string_store_clear(r->words);
	array_set_size(r->items, 0);
	array_set_size(r->values, 0);
	pointers_set_size(r->owned, 0);
}

/* -- scalars ------------------------------------------------------------------ */

/* libyaml has checked that they are UTF-8. */
static const char *scalar(const struct reader *r)
{
	return (const char *)r->event.data.scalar.value;
}

/* The text from a line on; lines are asked for in ascending order. */
static const char *text_from_line(struct reader *r, size_t line)
{
	const char *end;

	while (r->line < line &&
	       (end = memchr(r->text + r->line_at, '\n', r->length - r->line_at))) {
		r->line_at = (size_t)(end - r->text) + 1;
		r->line++;
	}
	return r->text + r->line_at;
}

/* Does the source of the current event have such an escape? On its lines is near enough. */
static bool has_escape(struct reader *r, const char *letters)
{
	const char *at = text_from_line(r, r->event.start_mark.line), *end = r->text + r->length;
	size_t lines = r->event.end_mark.line - r->event.start_mark.line + 1;

	for (; at + 1 < end && lines; at++) {
		if (*at == '\\' && strchr(letters, at[1]))
			return true;
		lines -= *at == '\n';
	}
	return false;
}

/*
 * "\_SB.DEV0" in double quotes is a no-break space and "SB.DEV0": YAML has escapes for four kinds
 * of space that look like the beginning of an ACPI path. No name has these spaces.
 */
static bool lost_a_backslash(struct reader *r)
{
	static const char *const spaces[] = { "\xc2\xa0", "\xc2\x85", "\xe2\x80\xa8",
					      "\xe2\x80\xa9" };

	if (r->event.data.scalar.style != YAML_DOUBLE_QUOTED_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(spaces); i++)
		if (strstr(scalar(r), spaces[i]))
			return has_escape(r, "_NLP");
	return false;
}

/* YAML allows a quoted "\0", but a C string ends there. */
static bool check_scalar(struct reader *r)
{
	if (r->event.type == YAML_SCALAR_EVENT &&
	    strlen(scalar(r)) == r->event.data.scalar.length) {
		if (!lost_a_backslash(r))
			return true;
		reader_report(r, "text-value", reader_here(r),
			      "write the path without quotes or in single quotes",
			      "in double quotes, a backslash and the letter behind it are a "
			      "space");
		return false;
	}
	reader_report(r, "text-type", reader_here(r), "write a word or a number",
		      "a list, a mapping or a value with a NUL is not allowed here");
	return false;
}

/* A key that is a list or a mapping is reported and skipped. */
char *reader_take_key(struct reader *r)
{
	if (check_scalar(r))
		return memory_text(scalar(r));
	reader_skip(r);
	return NULL;
}

/* Copied, because the next event frees the current one. */
static bool take_item(struct reader *r)
{
	struct item item = { NULL, reader_here(r) };

	if (!check_scalar(r)) {
		reader_skip(r);
		return false;
	}
	item.text = string_store_add(r->words, scalar(r));
	array_append(r->items, item);
	return true;
}

/* -- collecting --------------------------------------------------------------- */

/*
 * Linear, because unknown and repeated keys are not kept: an object has at most as many values as
 * its section has rows.
 */
static struct value *find_value(const struct reader *r, const char *key)
{
	for (guint i = 0; i < r->values->len; i++) {
		struct value *value = &array_index(r->values, struct value, i);

		if (!strcmp(value->key, key))
			return value;
	}
	return NULL;
}

/* The edit distance of two words. */
static unsigned distance(const char *a, const char *b)
{
	enum { LONGEST = 24 };
	unsigned row[LONGEST + 1];
	size_t width = strlen(b);

	if (width > LONGEST || strlen(a) > LONGEST)
		return LONGEST;
	for (unsigned j = 0; j <= width; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			unsigned same = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			row[j] = MIN(same, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[width];
}

/* The key that differs in at most two characters, or NULL. */
static const char *similar_key(const struct text_section *section, const char *name)
{
	unsigned least = 3;
	const char *similar = NULL;

	for_each_key(key, section) {
		unsigned d = distance(name, key->name);

		if (d < least) {
			least = d;
			similar = key->name;
		}
	}
	return similar;
}

/* Rows with the same name are neighbours. */
static void add_keys(struct strbuf *text, const struct text_section *section)
{
	const char *before = NULL;

	for_each_key(key, section) {
		if (before && !strcmp(before, key->name))
			continue;
		strbuf_append_printf(text, "%s%s", before ? ", " : "", key->name);
		before = key->name;
	}
}

/* A synonym is certain, so it precedes a key of similar spelling. All keys follow in any case. */
static char *cure_of_unknown_key(const struct text_section *section, const char *name)
{
	const char *meant = text_synonym(section, name);
	struct strbuf *cure = strbuf_new(NULL);

	if (!meant)
		meant = similar_key(section, name);
	if (meant)
		strbuf_append_printf(cure, "did you mean `%s`? ", meant);
	strbuf_append(cure, "the keys are: ");
	add_keys(cure, section);
	return strbuf_steal(cure);
}

static void report_unknown_key(struct reader *r, const struct text_section *section,
			       const char *name)
{
	auto_free char *cure =
		findings_are_full(r->findings) ? NULL : cure_of_unknown_key(section, name);

	reader_report(r, "text-key", reader_here(r), cure, "%s has no key `%s`", section->what,
		      name);
}

static bool key_is_fine(struct reader *r, const struct text_section *section, const char *name)
{
	if (!text_find_key(section, name)) {
		report_unknown_key(r, section, name);
		return false;
	}
	if (find_value(r, name)) {
		reader_report_twice(r, name);
		return false;
	}
	return true;
}

/* Rows bound everything but the length of a list. */
static bool has_room(struct reader *r, const struct value *value)
{
	if (r->items->len - value->first < MAX_ITEMS)
		return true;
	reader_report(r, "text-limits", reader_here(r), "omit items: no object needs more",
		      "the list has more than %u items", MAX_ITEMS);
	r->stopped = true;
	return false;
}

/* A broken value is kept, so that its key is not reported as missing too. */
static void collect_value(struct reader *r, struct value *value)
{
	value->list = r->event.type == YAML_SEQUENCE_START_EVENT;
	if (!value->list) {
		value->broken = !take_item(r);
	} else {
		while (reader_next(r) && r->event.type != YAML_SEQUENCE_END_EVENT)
			value->broken |= !has_room(r, value) || !take_item(r);
	}
	value->n = r->items->len - value->first;
}

/* An unknown key is skipped with its value. */
static void collect_pair(struct reader *r, const struct text_section *section)
{
	struct value value = { .mark = reader_here(r), .first = r->items->len };
	char *name = reader_take_key(r);
	bool fine = name && key_is_fine(r, section, name);

	if (!reader_next(r) || !fine) {
		reader_skip(r);
		memory_free(name);
		return;
	}
	value.key = string_store_add(r->words, name);
	collect_value(r, &value);
	array_append(r->values, value);
	memory_free(name);
}

/* Values come before it is known which keys make sense, for that may depend on one further down. */
static bool collect(struct reader *r, const struct text_section *section)
{
	clear_object(r);
	if (r->event.type != YAML_MAPPING_START_EVENT) {
		reader_report(r, "text-type", reader_here(r),
			      "write it as `key: value`, a line each",
			      "%s is a mapping of keys to values, and this is none", section->what);
		reader_skip(r);
		return false;
	}
	while (reader_next(r) && r->event.type != YAML_MAPPING_END_EVENT)
		collect_pair(r, section);
	return !r->stopped;
}

/* -- rows --------------------------------------------------------------------- */

static void report_choice(struct reader *r, const struct text_key *key, const struct item *item)
{
	struct strbuf *cure = strbuf_new("the values are: ");

	for (int i = 0; key->nth(i); i++)
		strbuf_append_printf(cure, "%s%s", i ? ", " : "", key->nth(i));
	reader_report(r, "text-value", item->mark, cure->str, "`%s` cannot be \"%s\"", key->name,
		      item->text);
	strbuf_free(cure);
}

/*
 * The fault selects rule and cure: an example for a malformed value, the limits for one that is too
 * large.
 */
static void report_value(struct reader *r, const struct text_key *key, const struct item *item,
			 enum scan scan)
{
	const struct text_kind *kind = key->kind;
	char *cure;

	if (scan == SCAN_INVERTED) {
		reader_report(r, "topology-inverted", item->mark, "write the smaller one first",
			      "the range \"%s\" of `%s` is inverted", item->text, key->name);
	} else if (key->nth) {
		report_choice(r, key, item);
	} else if (scan == SCAN_BEYOND) {
		cure = memory_printf("write %s, for example %s", kind->limits, kind->example);
		reader_report(r, "text-value-range", item->mark, cure,
			      "the value \"%s\" of `%s` is out of range", item->text, key->name);
		memory_free(cure);
	} else {
		cure = memory_printf("write %s, for example %s", kind->what, kind->example);
		reader_report(r, "text-value", item->mark, cure, "`%s` cannot be \"%s\"", key->name,
			      item->text);
		memory_free(cure);
	}
}

/* A list of one item is not accepted for a single value. */
static bool check_shape(struct reader *r, const struct text_key *key, const struct value *value)
{
	char *cure;

	if (value->broken)
		return false;
	if (value->n && (key->kind->many || !value->list))
		return true;
	cure = memory_printf("write %s, for example %s", key->kind->what, key->kind->example);
	reader_report(r, "text-type", value->mark, cure, "`%s` is %s", key->name,
		      value->n ? "not a list" : "an empty list");
	memory_free(cure);
	return false;
}

/* Stops at the first wrong item, because the others are mostly wrong for the same reason. */
static bool take_value(struct reader *r, const struct text_key *key, struct value *value,
		       void *object)
{
	struct object_builder builder = { object, r->owned, 0, value->n };

	value->taken = true;
	if (!check_shape(r, key, value))
		return false;
	for (; builder.i < builder.n; builder.i++) {
		const struct item *item =
			&array_index(r->items, struct item, value->first + builder.i);
		enum scan scan = key->kind->read(key, item->text, &builder);

		if (scan != SCAN_OK) {
			report_value(r, key, item, scan);
			return false;
		}
	}
	return true;
}

/* The default is set even if the key is required, because later rows may use it. */
static bool use_default(struct reader *r, const struct text_key *key, void *object,
			const struct text_section *section, struct mark mark)
{
	char *cure;

	if (key->kind->absent)
		key->kind->absent(key, object);
	if (!key->required)
		return true;
	cure = memory_printf("write `%s: ...`, %s", key->name, key->help);
	reader_report(r, "text-key-missing", mark, cure, "%s requires the key `%s`", section->what,
		      key->name);
	memory_free(cure);
	return false;
}

/* The remaining values have keys that do not apply to such an object. */
static void report_misplaced(struct reader *r, const struct text_section *section)
{
	for (guint i = 0; i < r->values->len; i++) {
		const struct value *value = &array_index(r->values, struct value, i);
		const struct text_key *key = text_find_key(section, value->key);

		if (value->taken)
			continue;
		reader_report(r, "text-key-misplaced", value->mark, "omit it",
			      "the key `%s` is only for %s", key->name, key->only);
	}
}

/* If a choice is wrong, keys that depend on it are not checked. */
static bool build(struct reader *r, const struct text_section *section, void *object,
		  struct mark mark)
{
	bool fine = true;

	for_each_key(key, section) {
		struct value *value = find_value(r, key->name);
		bool taken;

		if (key->when && !key->when(object))
			continue;
		taken = value ? take_value(r, key, value, object)
			      : use_default(r, key, object, section, mark);
		fine = fine && taken;
		if (!taken && key->kind == &text_choice)
			return false;
	}
	report_misplaced(r, section);
	return fine;
}

/* -- objects ------------------------------------------------------------------ */

/* Findings about the meaning of the object point at its beginning. */
static void set_place(struct reader *r, const struct text_section *section, void *object,
		      struct mark mark)
{
	struct viommu_place *place = (struct viommu_place *)object_place(section->type, object);

	*place = place_in_text(r->file, mark.line, mark.column);
	*(size_t *)object = section->size;
}

/* What the topology refuses, if that is not a register window. */
static const struct {
	enum object_type type;
	const char *cure, *text;
} limits[] = {
	{ OBJECT_HOST_BRIDGE,
	  "use `memory-hints` and `memory-flags` up to 0xff, `pasid-bits` up to 20 and "
	  "`address-bits` up to 64",
	  "a value of the host bridge is too large" },
	{ OBJECT_PLATFORM_DEVICE,
	  "use `memory-hints` and `memory-flags` up to 0xff, `pasid-bits` up to 20, `address-bits` "
	  "up to 64, and a smaller `span`",
	  "a value of the device is too large" },
	{ OBJECT_MONITOR, "give one of `iommu`, `device` and `segment`, which is up to 0xffff",
	  "a monitor counts for one object" },
	{ OBJECT_WIRE_BRIDGE, "use an `index` up to 0xffff",
	  "the index of the wire bridge is too large" },
};

static void report_refused(struct reader *r, const struct text_section *section, struct mark mark)
{
	for (size_t i = 0; i < G_N_ELEMENTS(limits); i++)
		if (limits[i].type == section->type) {
			reader_report(r, "text-value", mark, limits[i].cure, "%s", limits[i].text);
			return;
		}
	reader_report(r, "topology-window", mark, "use a smaller `span`",
		      "the register window ends beyond the last address");
}

/* The topology refuses what no single row can check. */
static void add(struct reader *r, const struct text_section *section, const void *object)
{
	const struct viommu_place *place = object_place(section->type, object);
	struct mark mark = { place->line, place->column };
	const char *name = object_name(section->type, object);

	switch (topology_add(r->topology, section->type, object)) {
	case 0:
		break;
	case -EEXIST:
		reader_report(r, "topology-name-twice", mark, "use another name",
			      "another %s has the name \"%s\"", strchr(section->what, ' ') + 1,
			      name);
		break;
	case -ENOSPC:
		reader_report(r, "topology-segments", mark, "omit segments that the machine lacks",
			      "the ranges cover too many segments");
		break;
	default:
		report_refused(r, section, mark);
	}
}

void reader_take_object(struct reader *r, const struct text_section *section)
{
	struct mark mark = reader_here(r);
	void *object;

	if (!collect(r, section))
		return;
	object = memory_zeroed(1, section->size);
	set_place(r, section, object, mark);
	if (build(r, section, object, mark))
		add(r, section, object);
	memory_free(object);
}

/* Keys that are absent keep the values of the header so far. */
void reader_take_header(struct reader *r, const char *signature)
{
	struct viommu_table_header header = *viommu_topology_header(r->topology, signature);
	struct mark mark = reader_here(r);

	if (!collect(r, &text_header))
		return;
	if (build(r, &text_header, &header, mark))
		viommu_topology_set_header(r->topology, signature, &header);
}
