/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * YAML events of a topology text, one at a time
 *
 * Depth and length of the events are bounded here, so that no other file has to bound them.
 * Anchors, aliases and tags are refused.
 */
#include <stdarg.h>
#include <yaml.h>

#include "base/memory.h"
#include "events.h"
#include "tables/findings/findings.h"
#include "text.h"

/* docs/topology.md, "Limits" */
#define MAX_DEPTH  8
#define MAX_SCALAR 1024

void reader_report_event(struct reader *r, const char *rule_id, const char *cure, const char *text)
{
	reader_report(r, rule_id, reader_here(r), cure, "%s", text);
}

/* libyaml counts from 0, editors from 1. */
struct mark reader_here(const struct reader *r)
{
	const yaml_mark_t *mark = &r->event.start_mark;

	return (struct mark){ (unsigned)mark->line + 1, (unsigned)mark->column + 1 };
}

/* For invalid UTF-8, libyaml reports only an offset. */
static struct mark mark_of_offset(const struct reader *r, size_t offset)
{
	struct mark mark = { 1, 1 };

	for (size_t i = 0; i < offset && i < r->length; i++, mark.column++)
		if (r->text[i] == '\n')
			mark = (struct mark){ mark.line + 1, 0 };
	return mark;
}

/* "while scanning a quoted scalar from 4:11, ", or "" if libyaml reports no context. */
static char *context(const yaml_parser_t *parser)
{
	if (!parser->context)
		return memory_text("");
	return memory_printf("%s from %zu:%zu, ", parser->context, parser->context_mark.line + 1,
			     parser->context_mark.column + 1);
}

/* libyaml cannot continue after a syntax error. */
static bool report_not_yaml(struct reader *r)
{
	static const char cure[] =
		"look for a missing ':' or quote, and for tabs or wrong indentation before a key";
	const yaml_parser_t *parser = &r->parser;
	struct mark mark = { (unsigned)parser->problem_mark.line + 1,
			     (unsigned)parser->problem_mark.column + 1 };
	char *where;

	if (parser->error == YAML_MEMORY_ERROR)
		memory_fail();
	where = context(parser);
	if (parser->error == YAML_READER_ERROR)
		mark = mark_of_offset(r, parser->problem_offset);
	reader_report(r, "text-yaml", mark, cure, "the text is not YAML: %s%s", where,
		      parser->problem ? parser->problem : "unknown syntax error");
	memory_free(where);
	r->stopped = true;
	return false;
}

/*
 * Aliases let a short text expand without bound, and tags change the type of a scalar. Topologies
 * need neither.
 */
static bool event_is_plain(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return false;
	case YAML_SCALAR_EVENT:
		return !event->data.scalar.anchor && !event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return !event->data.sequence_start.anchor && !event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return !event->data.mapping_start.anchor && !event->data.mapping_start.tag;
	default:
		return true;
	}
}

static bool starts(const struct reader *r)
{
	return r->event.type == YAML_MAPPING_START_EVENT ||
	       r->event.type == YAML_SEQUENCE_START_EVENT;
}

bool reader_at_scalar(const struct reader *r)
{
	return r->event.type == YAML_SCALAR_EVENT;
}

/* Read the next event; false at the end, and for an event that the reader refuses. */
bool reader_next(struct reader *r)
{
	if (r->stopped)
		return false;
	yaml_event_delete(&r->event);
	if (!yaml_parser_parse(&r->parser, &r->event))
		return report_not_yaml(r);
	if (!event_is_plain(&r->event)) {
		reader_report_event(r, "text-plain", "write the value itself",
				    "anchors, aliases and tags are not supported");
		r->stopped = true;
	}
	if (starts(r))
		r->depth++;
	if (r->event.type == YAML_MAPPING_END_EVENT || r->event.type == YAML_SEQUENCE_END_EVENT)
		r->depth--;
	if (r->depth > MAX_DEPTH ||
	    (reader_at_scalar(r) && r->event.data.scalar.length > MAX_SCALAR)) {
		reader_report_event(r, "text-limits",
				    "reduce the depth or the length: no topology needs more",
				    "the nesting is too deep, or the value too long");
		r->stopped = true;
	}
	return !r->stopped;
}

/* Skip to the end of the node that begins with the current event. */
void reader_skip(struct reader *r)
{
	unsigned depth = r->depth;

	if (!starts(r))
		return;
	while (reader_next(r) && r->depth >= depth)
		;
}

void reader_report_twice(struct reader *r, const char *name)
{
	reader_report(r, "text-key-twice", reader_here(r), "write each key once",
		      "the key `%s` occurs twice", name);
}

/*
 * Set `failed` even if findings are not recorded: the result must not depend on that. A full list
 * only counts, so it needs no text.
 */
void reader_report(struct reader *r, const char *rule_id, struct mark mark, const char *cure,
		   const char *format, ...)
{
	auto_free char *text = NULL;
	va_list args;

	if (!findings_are_full(r->findings)) {
		va_start(args, format);
		text = memory_vprintf(format, args);
		va_end(args);
	}
	report(r->findings, rule_id, place_in_text(r->file, mark.line, mark.column), cure, "%s",
	       text);
	r->failed = true;
}
