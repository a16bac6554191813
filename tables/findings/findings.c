/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Findings: what is wrong with an input, in the order of discovery
 *
 * The caller owns the list. All strings are copies, so a list outlives the tables and topologies
 * that it is about. A hostile input decides the number and the texts of findings, so the list keeps
 * VIOMMU_FINDINGS_MAX of them and then counts, in one last finding with the highest severity of
 * those; a text has at most VIOMMU_FINDING_TEXT_MAX bytes; control characters are replaced.
 *
 * A lack of memory is a finding that needs none. It comes last, beyond the bound.
 */
#include <errno.h>
#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include <glib.h>

#include "base/array.h"
#include "base/pool.h"
#include "base/strbuf.h"
#include "findings.h"
#include "rules.h"

struct viommu_findings {
	struct pool *pool;            /* of struct viommu_finding */
	struct pointers *list;        /* of these */
	struct string_store *strings; /* of all findings */
	const char **only;            /* ids of rules, up to a NULL; NULL: findings of all rules */
	struct viommu_finding beyond; /* stands for the findings beyond VIOMMU_FINDINGS_MAX */
	size_t n_beyond;
	char beyond_text[64];
	const char *id; /* of the latest report: a rule reports many findings in a row */
	const struct viommu_rule *rule;
	bool no_memory; /* the last finding says so */
};

/* An unknown severity is an error. */
const char *viommu_severity_name(enum viommu_severity severity)
{
	static const char *const names[] = {
		[VIOMMU_NOTE] = "note",
		[VIOMMU_WARNING] = "warning",
		[VIOMMU_ERROR] = "error",
	};

	return severity < G_N_ELEMENTS(names) ? names[severity] : "error";
}

struct viommu_findings *findings_new(void)
{
	struct viommu_findings *findings = memory_new(struct viommu_findings, 1);

	findings->pool = pool_new();
	findings->list = pointers_new(NULL);
	findings->strings = string_store_new();
	return findings;
}

struct viommu_findings *viommu_findings_free(struct viommu_findings *findings)
{
	if (!findings)
		return NULL;
	pointers_free(findings->list);
	pool_free(findings->pool);
	string_store_free(findings->strings);
	memory_free(findings);
	return NULL;
}

/* Includes the finding that counts the unlisted ones. */
size_t viommu_findings_count(const struct viommu_findings *findings)
{
	return findings->list->len + (findings->n_beyond ? 1 : 0) + findings->no_memory;
}

static const struct viommu_finding no_memory = {
	.id = "input-memory",
	.severity = VIOMMU_ERROR,
	.place = { .at = VIOMMU_NOWHERE },
	.text = "out of memory: the result is missing or incomplete",
	.cure = "free memory, or give a smaller input",
};

void report_no_memory(struct viommu_findings *findings)
{
	if (findings)
		findings->no_memory = true;
}

/* The text is made here, since a hostile input has many findings beyond the bound. */
static const struct viommu_finding *beyond(const struct viommu_findings *findings)
{
	char *text = (char *)findings->beyond.text;

	g_snprintf(text, sizeof(findings->beyond_text), "findings that are not listed: %zu",
		   findings->n_beyond);
	return &findings->beyond;
}

const struct viommu_finding *viommu_findings_get(const struct viommu_findings *findings, size_t i)
{
	if (i < findings->list->len)
		return findings->list->pdata[i];
	if (i == findings->list->len && findings->n_beyond)
		return beyond(findings);
	return i < viommu_findings_count(findings) ? &no_memory : NULL;
}

size_t viommu_findings_count_from(const struct viommu_findings *findings,
				  enum viommu_severity severity)
{
	size_t n = 0;

	for (size_t i = 0; i < viommu_findings_count(findings); i++)
		n += viommu_findings_get(findings, i)->severity >= severity;
	return n;
}

static bool is_printable_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_isprint(text[i]))
			return false;
	return true;
}

/*
 * Also replaces control characters beyond ASCII, and those that change the direction of text.
 * Nearly all texts have nothing to replace.
 */
char *shown(const char *text, size_t max)
{
	size_t length = strnlen(text, max);
	auto_free char *valid = NULL;
	struct strbuf *out;

	if (is_printable_ascii(text, length))
		return memory_text_n(text, length);
	valid = utf8_copy(text, (ssize_t)length);
	out = strbuf_new(NULL);
	for (const char *c = valid; *c; c = g_utf8_next_char(c)) {
		gunichar character = g_utf8_get_char(c);

		strbuf_append_unicode(out, g_unichar_isprint(character) ? character : '?');
	}
	return strbuf_steal(out);
}

/* A copy that lives as long as the list. */
static const char *keep(struct viommu_findings *findings, const char *text)
{
	auto_free char *clean = text ? shown(text, VIOMMU_FINDING_TEXT_MAX) : NULL;

	return clean ? string_store_add_once(findings->strings, clean) : NULL;
}

/*
 * The severity of the last finding is the highest of the unlisted ones, so that callers see every
 * error.
 */
static void count_beyond(struct viommu_findings *findings, const struct viommu_rule *rule)
{
	struct viommu_finding *beyond = &findings->beyond;

	beyond->id = "input-findings";
	beyond->place.at = VIOMMU_NOWHERE;
	beyond->severity = MAX(beyond->severity, rule->severity);
	beyond->text = findings->beyond_text;
	findings->n_beyond++;
}

bool findings_are_full(const struct viommu_findings *findings)
{
	return !findings || findings->list->len >= VIOMMU_FINDINGS_MAX;
}

bool findings_want(const struct viommu_findings *findings, const char *rule_id)
{
	bool wanted = findings && !findings->only;

	for (const char **id = findings ? findings->only : NULL; id && *id; id++)
		wanted |= !strcmp(*id, rule_id);
	return wanted;
}

/* What is kept are the ids of the rules, which are constant strings. */
int findings_take_only(struct viommu_findings *findings, const char *const *rule_ids)
{
	const char **only;
	size_t n = 0;

	while (rule_ids[n])
		n++;
	only = pool_get(findings->pool, (n + 1) * sizeof(*only));
	for (size_t i = 0; i < n; i++) {
		const struct viommu_rule *rule = rule_find(rule_ids[i]);

		if (!rule)
			return -ENOENT;
		only[i] = rule->id;
	}
	findings->only = only;
	return 0;
}

/* Ids are compared by address first: mostly they are the same constant. */
static const struct viommu_rule *find_rule(struct viommu_findings *findings, const char *id)
{
	if (findings->id != id) {
		findings->rule = rule_find(id);
		findings->id = findings->rule ? findings->rule->id : NULL;
	}
	return findings->rule;
}

/* Copies the texts. The number of findings is limited, since a hostile input decides it. */
void report(struct viommu_findings *findings, const char *rule_id, struct viommu_place place,
	    const char *cure, const char *format, ...)
{
	const struct viommu_rule *rule = findings ? find_rule(findings, rule_id) : NULL;
	struct viommu_finding *finding;
	va_list args;
	char *text;

	assert(rule || !findings);
	if (!rule || !findings_want(findings, rule->id))
		return;
	if (findings_are_full(findings)) {
		count_beyond(findings, rule);
		return;
	}
	va_start(args, format);
	text = memory_vprintf(format, args);
	va_end(args);

	pointers_reserve(findings->list, 1);
	finding = pool_new_object(findings->pool, struct viommu_finding);
	finding->id = rule->id;
	finding->severity = rule->severity;
	finding->place = place;
	finding->place.file = keep(findings, place.file);
	finding->place.path = keep(findings, place.path);
	finding->text = keep(findings, text);
	finding->cure = keep(findings, cure);
	pointers_add(findings->list, finding);
	memory_free(text);
}

int findings_add(struct viommu_findings *findings, const char *rule_id,
		 const struct viommu_place *place, const char *text, const char *cure)
{
	static const struct viommu_place nowhere = { .at = VIOMMU_NOWHERE };

	if (!rule_find(rule_id))
		return -ENOENT;
	report(findings, rule_id, place ? *place : nowhere, cure, "%s", text);
	return 0;
}

void findings_take(struct viommu_findings *findings, const struct viommu_findings *others)
{
	const struct viommu_finding *finding;

	for (size_t i = 0; (finding = viommu_findings_get(others, i)); i++)
		report(findings, finding->id, finding->place, finding->cure, "%s", finding->text);
}

/*
 * In the form of compiler messages, for editors. A place is a line, a byte offset or a path of a
 * device tree; input without a file has none.
 */
char *finding_line(const struct viommu_finding *finding)
{
	const struct viommu_place *place = &finding->place;
	struct strbuf *line = strbuf_new(NULL);

	if (place->file)
		strbuf_append_printf(line, "%s:", place->file);
	if (place->line)
		strbuf_append_printf(line, "%u:%u:", place->line, place->column);
	else if (place->path)
		strbuf_append_printf(line, "%s:", place->path);
	else if (place->file && place->at != VIOMMU_NOWHERE)
		strbuf_append_printf(line, "0x%zx:", place->at);
	if (line->len)
		strbuf_append_char(line, ' ');
	strbuf_append_printf(line, "%s: %s", viommu_severity_name(finding->severity),
			     finding->text);
	if (finding->cure)
		strbuf_append_printf(line, "; %s", finding->cure);
	strbuf_append_printf(line, " [%s]", finding->id);
	return strbuf_steal(line);
}
