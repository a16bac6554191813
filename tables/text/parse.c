/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading a topology from its text form
 *
 * The text is plain YAML: mappings, sequences and scalars. The reader takes one event at a time and
 * keeps only the object that it reads. First the keys and scalars of an object are collected; then
 * the rows of its section build the object. So keys may have any order.
 *
 * Findings carry line and column. The reader continues after an error unless what follows cannot be
 * understood (`stopped`). A text with an error gives no topology.
 */
#include <string.h>
#include <yaml.h>

#include "base/strbuf.h"
#include "events.h"
#include "tables/findings/findings.h"
#include "text.h"

/* The section of a key: its index, or one of these. */
enum { SECTION_HEADERS = N_TEXT_SECTIONS, SECTION_VERSION, SECTION_UNKNOWN };

#define MAX_LENGTH (64u << 20)

/* -- sections ----------------------------------------------------------------- */

/* A section without a value is an empty list. */
static void read_sequence(struct reader *r, const struct text_section *section)
{
	bool empty = reader_at_scalar(r) && !r->event.data.scalar.length;

	if (empty)
		return;
	if (r->event.type != YAML_SEQUENCE_START_EVENT) {
		reader_report(r, "text-type", reader_here(r), "begin each item with '- '",
			      "the value of `%s` is not a list", section->name);
		reader_skip(r);
		return;
	}
	while (reader_next(r) && r->event.type != YAML_SEQUENCE_END_EVENT)
		reader_take_object(r, section);
}

/* The index of the table, or one beyond the last. */
static unsigned signature_index(const char *name)
{
	unsigned i = 0;

	while (topology_signature(i) && g_ascii_strcasecmp(topology_signature(i), name) != 0)
		i++;
	return i;
}

static void report_unknown_table(struct reader *r, const char *name)
{
	struct strbuf *cure = strbuf_new("the tables are:");

	for (size_t i = 0; topology_signature(i); i++)
		strbuf_append_printf(cure, " %s", topology_signature(i));
	reader_report(r, "text-key", reader_here(r), cure->str, "there is no table `%s`", name);
	strbuf_free(cure);
}

/* tables: { viot: { oem-id: ... } } */
static void read_header(struct reader *r, unsigned long *seen)
{
	char *name = reader_take_key(r);
	unsigned i = name ? signature_index(name) : 0;
	bool fine = name && topology_signature(i) && !(*seen & 1ul << i);

	if (name && !topology_signature(i))
		report_unknown_table(r, name);
	else if (name && !fine)
		reader_report_twice(r, name);
	if (fine)
		*seen |= 1ul << i;
	memory_free(name);
	if (reader_next(r) && fine)
		reader_take_header(r, topology_signature(i));
	else
		reader_skip(r);
}

static void read_headers(struct reader *r)
{
	unsigned long seen = 0;

	if (r->event.type != YAML_MAPPING_START_EVENT) {
		reader_report(r, "text-type", reader_here(r), "write `tables: { viot: { ... } }`",
			      "the value of `tables` is not a mapping of tables to their headers");
		reader_skip(r);
		return;
	}
	while (reader_next(r) && r->event.type != YAML_MAPPING_END_EVENT)
		read_header(r, &seen);
}

/* -- the whole text ----------------------------------------------------------- */

static void report_unknown_section(struct reader *r, const char *name)
{
	struct strbuf *cure = strbuf_new("the keys are: viommu, tables");

	for (size_t i = 0; i < N_TEXT_SECTIONS; i++)
		strbuf_append_printf(cure, ", %s", text_sections[i].name);
	reader_report(r, "text-key", reader_here(r), cure->str, "a topology has no key `%s`", name);
	strbuf_free(cure);
}

static unsigned section_index(const char *name)
{
	if (!strcmp(name, text_header.name))
		return SECTION_HEADERS;
	if (!strcmp(name, "viommu"))
		return SECTION_VERSION;
	for (unsigned i = 0; i < N_TEXT_SECTIONS; i++)
		if (!strcmp(text_sections[i].name, name))
			return i;
	return SECTION_UNKNOWN;
}

/* Unknown sections have been reported, and are skipped. */
static void read_section(struct reader *r, unsigned i)
{
	if (!reader_next(r))
		return;
	if (i < N_TEXT_SECTIONS)
		read_sequence(r, &text_sections[i]);
	else if (i == SECTION_HEADERS)
		read_headers(r);
	else
		reader_skip(r);
}

/* A second section of the same name is reported and skipped. */
static void read_sections(struct reader *r)
{
	unsigned long seen = 1ul << SECTION_VERSION;

	while (reader_next(r) && r->event.type != YAML_MAPPING_END_EVENT) {
		char *name = reader_take_key(r);
		unsigned i = name ? section_index(name) : SECTION_UNKNOWN;

		if (name && i == SECTION_UNKNOWN) {
			report_unknown_section(r, name);
		} else if (name && seen & 1ul << i) {
			reader_report_twice(r, name);
			i = SECTION_UNKNOWN;
		}
		seen |= 1ul << i;
		memory_free(name);
		read_section(r, i);
	}
}

/* Source forms of binary inputs, each with a string that all of them contain. */
static const struct {
	const char *word, *cure;
} sources[] = {
	{ "/dts-v1/", "compile it with `dtc -O dtb`, and use the output" },
	{ "ACPI Component Architecture", "compile it with `iasl`, and use the .aml file" },
};

static bool contains(const struct reader *r, const char *word)
{
	return memmem(r->text, r->length, word, strlen(word));
}

static const char *cure_of(const struct reader *r)
{
	for (size_t i = 0; i < G_N_ELEMENTS(sources); i++)
		if (contains(r, sources[i].word))
			return sources[i].cure;
	return "begin with the line `viommu: " TEXT_VERSION "`";
}

/* The version of the text form is its first key. */
static bool read_version(struct reader *r)
{
	struct mark mark = reader_here(r);
	char *key = NULL;
	bool fine =
		r->event.type == YAML_MAPPING_START_EVENT && reader_next(r) && reader_at_scalar(r);

	if (fine) {
		mark = reader_here(r);
		key = reader_take_key(r);
		fine = key && !strcmp(key, "viommu") && reader_next(r) && reader_at_scalar(r) &&
		       !strcmp((const char *)r->event.data.scalar.value, TEXT_VERSION);
		memory_free(key);
	}
	if (!fine && !r->stopped)
		reader_report(r, "text-version", mark, cure_of(r),
			      "the text does not begin with a supported version");
	return fine;
}

/* Skip an event of the stream. */
static bool next_but_one(struct reader *r)
{
	bool fine = reader_next(r);

	return fine && reader_next(r);
}

static void read_text(struct reader *r)
{
	if (!contains(r, "viommu")) {
		reader_report(r, "text-version", (struct mark){ 0 }, cure_of(r),
			      "the text is not a topology");
		return;
	}
	if (!next_but_one(r))
		return;
	if (r->event.type != YAML_DOCUMENT_START_EVENT) {
		reader_report(r, "text-version", reader_here(r), cure_of(r), "the text is empty");
		return;
	}
	if (!reader_next(r) || !read_version(r))
		return;
	read_sections(r);
	if (next_but_one(r) && r->event.type == YAML_DOCUMENT_START_EVENT)
		reader_report_event(r, "text-plain", "write each topology to its own file",
				    "a second document begins");
}

/* libyaml allocates for itself. */
static void end_yaml(void *opaque)
{
	struct reader *r = opaque;

	yaml_event_delete(&r->event);
	yaml_parser_delete(&r->parser);
}

/* The length is checked before anything is allocated. Some editors write a byte order mark. */
struct viommu_topology *topology_parse(const char *text, size_t length, const char *file,
				       struct viommu_findings *findings)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	struct reader r = {
		.text = text ? text : "", .length = length, .file = file, .findings = findings
	};

	if (length > MAX_LENGTH) {
		reader_report(&r, "text-limits", (struct mark){ 0 },
			      "a topology has at most 64 MiB", "the text has %zu bytes", length);
		return NULL;
	}
	if (length >= strlen(byte_order_mark) &&
	    !memcmp(r.text, byte_order_mark, strlen(byte_order_mark))) {
		r.text += strlen(byte_order_mark);
		r.length -= strlen(byte_order_mark);
	}
	r.topology = topology_new();
	reader_begin(&r);
	if (!yaml_parser_initialize(&r.parser))
		memory_fail();
	memory_on_failure(end_yaml, &r);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.text, r.length);
	read_text(&r);
	memory_on_failure(NULL, NULL);
	end_yaml(&r);
	reader_end(&r);
	return r.failed ? viommu_topology_free(r.topology) : r.topology;
}
