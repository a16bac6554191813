/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * YAML events of a topology text, one at a time, with limits on depth and length
 */
#include <stdarg.h>
#include <yaml.h>

#include "base/memory.h"
#include "events.h"
#include "tables/findings/findings.h"
#include "text.h"

/* The limits of docs/topology.md: until it was read to its end, a text is hostile. */
#define MAX_DEPTH  8
#define MAX_SCALAR 1024

/* For findings whose words do not depend on the text. */
void reader_report_event(struct reader *r, const char *rule_id, const char *cure, const char *text)
{
	reader_complain(r, rule_id, reader_here(r), cure, "%s", text);
}

/* libyaml counts from 0, people and editors from 1. */
struct mark reader_here(const struct reader *r)
{
	const yaml_mark_t *mark = &r->event.start_mark;

	return (struct mark){ (unsigned)mark->line + 1, (unsigned)mark->column + 1 };
}

/* libyaml knows no line for bytes that are not characters, but only their offset. */
static struct mark mark_of_offset(const struct reader *r, size_t offset)
{
	struct mark mark = { 1, 1 };

	for (size_t i = 0; i < offset && i < r->length; i++, mark.column++)
		if (r->text[i] == '\n')
			mark = (struct mark){ mark.line + 1, 0 };
	return mark;
}

/* "while scanning a quoted scalar from 4:11, ", or nothing where libyaml names no context. */
static char *context(const yaml_parser_t *parser)
{
	if (!parser->context)
		return memory_text("");
	return memory_printf("%s from %zu:%zu, ", parser->context, parser->context_mark.line + 1,
			     parser->context_mark.column + 1);
}

/* Behind an error of the syntax libyaml does not go on, and so neither does the reader. */
static bool say_not_yaml(struct reader *r)
{
	static const char cure[] =
		"look for a missing ':' or quote, and for tabs or a wrong depth in front of a key";
	const yaml_parser_t *parser = &r->parser;
	struct mark mark = { (unsigned)parser->problem_mark.line + 1,
			     (unsigned)parser->problem_mark.column + 1 };
	char *where = context(parser);

	if (parser->error == YAML_READER_ERROR)
		mark = mark_of_offset(r, parser->problem_offset);
	reader_complain(r, "text-yaml", mark, cure, "this is not YAML: %s%s", where,
			parser->problem ? parser->problem : "it cannot be read");
	memory_free(where);
	r->stopped = true;
	return false;
}

/*
 * Anchors and aliases are what lets a short text stand for an endless one, and tags would
 * make words of other types than they look like. Topologies need neither.
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

/* What begins has an end somewhere, up to which everything can be passed over. */
static bool starts(const struct reader *r)
{
	return r->event.type == YAML_MAPPING_START_EVENT ||
	       r->event.type == YAML_SEQUENCE_START_EVENT;
}

/* Anchors and tags were refused before, so this is a word and nothing else. */
bool reader_at_scalar(const struct reader *r)
{
	return r->event.type == YAML_SCALAR_EVENT;
}

/* Go on to the next event, if it is one that this reader takes. */
bool reader_next(struct reader *r)
{
	if (r->stopped)
		return false;
	yaml_event_delete(&r->event);
	if (!yaml_parser_parse(&r->parser, &r->event))
		return say_not_yaml(r);
	if (!event_is_plain(&r->event)) {
		reader_report_event(r, "text-plain", "write out what it stands for",
				    "anchors, aliases and tags are not taken");
		r->stopped = true;
	}
	if (starts(r))
		r->depth++;
	if (r->event.type == YAML_MAPPING_END_EVENT || r->event.type == YAML_SEQUENCE_END_EVENT)
		r->depth--;
	if (r->depth > MAX_DEPTH ||
	    (reader_at_scalar(r) && r->event.data.scalar.length > MAX_SCALAR)) {
		reader_report_event(r, "text-limits", "no topology needs as much",
				    "this is nested too deep, or too long for a value");
		r->stopped = true;
	}
	return !r->stopped;
}

/* Go on to the end of the node that begins with the current event. */
void reader_skip(struct reader *r)
{
	unsigned depth = r->depth;

	if (!starts(r))
		return;
	while (reader_next(r) && r->depth >= depth)
		;
}

/* Which of both was meant, nobody can tell. */
void reader_say_twice(struct reader *r, const char *name)
{
	reader_complain(r, "text-key-twice", reader_here(r), "write each key once",
			"`%s` is here for the second time", name);
}

/*
 * `failed` is set whether or not anybody wants the findings: the result must not depend on
 * that.
 */
void reader_complain(struct reader *r, const char *rule_id, struct mark mark, const char *cure,
		     const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = memory_vprintf(format, args);
	va_end(args);
	report(r->findings, rule_id, place_in_text(r->file, mark.line, mark.column), cure, "%s",
	       text);
	memory_free(text);
	r->failed = true;
}
