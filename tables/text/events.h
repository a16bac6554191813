/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_TEXT_READ_H
#define VIOMMU_TABLES_TEXT_READ_H

#include <yaml.h>

#include "base/array.h"
#include "base/strbuf.h"
#include "text.h"

/* Where something stands in the text, both from 1. */
struct mark {
	unsigned line, column;
};

/* The reader of one text. `event` is the current one: where reading has come to. */
struct reader {
	const char *text;
	size_t length;
	const char *file;
	struct viommu_findings *findings;
	struct viommu_topology *topology;

	yaml_parser_t parser;
	yaml_event_t event;
	unsigned depth;
	bool stopped; /* nothing more can be read */
	bool failed;  /* something was wrong */

	/* The object being read: its words, and its values, which are lists of them. */
	struct string_store *words;
	struct array *items, *values;
	struct pointers *owned;
};

void reader_begin(struct reader *r);
void reader_end(struct reader *r);

/* Report an error at that mark. */
__attribute__((format(printf, 5, 6))) void reader_complain(struct reader *r, const char *rule_id,
							   struct mark mark, const char *cure,
							   const char *format, ...);

/* text.c: where the current event is; go on to the next, or to the end of this node. */
struct mark reader_here(const struct reader *r);
bool reader_next(struct reader *r);
void reader_skip(struct reader *r);
void reader_say_twice(struct reader *r, const char *name);

/* Does a scalar begin here? Report an error at the current event. */
bool reader_at_scalar(const struct reader *r);
void reader_report_event(struct reader *r, const char *rule_id, const char *cure, const char *text);

/* parse_object.c: what the current event begins. */
void reader_take_object(struct reader *r, const struct text_section *section);
void reader_take_header(struct reader *r, const char *signature);

/* The current event as a key, to be freed with memory_free(); NULL, with a finding, if it is none.
 */
char *reader_take_key(struct reader *r);

#endif
