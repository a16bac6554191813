/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_TEXT_READ_H
#define VIOMMU_TABLES_TEXT_READ_H

#include <yaml.h>

#include "base/array.h"
#include "base/strbuf.h"
#include "text.h"

/* YAML events of a topology text, and the reader that holds the current one */

/* A position in the text; both count from 1. */
struct mark {
	unsigned line, column;
};

/* The reader of one text. `event` is the current one. */
struct reader {
	const char *text;
	size_t length;
	const char *file;
	struct viommu_findings *findings;
	struct viommu_topology *topology;

	yaml_parser_t parser;
	yaml_event_t event;
	unsigned depth;
	size_t line, line_at; /* a line that was looked up, from 0, and its offset */
	bool stopped;         /* cannot continue */
	bool failed;          /* there was an error, whether or not it was recorded */

	/* The object being read: scalars, and its values, which are lists of scalars. */
	struct string_store *words;
	struct array *items, *values;
	struct pointers *owned;
};

void reader_begin(struct reader *r);
void reader_end(struct reader *r);

/* Report an error at that mark. */
__attribute__((format(printf, 5, 6))) void reader_report(struct reader *r, const char *rule_id,
							 struct mark mark, const char *cure,
							 const char *format, ...);

/* The position of the current event; read the next event; skip the rest of a node. */
struct mark reader_here(const struct reader *r);
bool reader_next(struct reader *r);
void reader_skip(struct reader *r);
void reader_report_twice(struct reader *r, const char *name);

/* Is the current event a scalar? Report an error at the current event. */
bool reader_at_scalar(const struct reader *r);
void reader_report_event(struct reader *r, const char *rule_id, const char *cure, const char *text);

/* parse_object.c: read the object or the table header that begins with the current event. */
void reader_take_object(struct reader *r, const struct text_section *section);
void reader_take_header(struct reader *r, const char *signature);

/* The current event as a key, to be freed with memory_free(); NULL, with a finding, if it is none.
 */
char *reader_take_key(struct reader *r);

#endif
