/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of objects in findings
 */
#include <stdarg.h>
#include <string.h>

#include "base/strbuf.h"
#include "check.h"
#include "tables/findings/findings.h"
#include "tables/text/text.h"

/*
 * The place of the object: a line of a text, or a byte of a table. A full list only counts, so it
 * needs no text.
 */
void check_report(const struct check *check, const struct subject *subject, const char *cure,
		  const char *format, ...)
{
	auto_free char *text = NULL;
	va_list args;

	if (!findings_are_full(check->findings)) {
		va_start(args, format);
		text = memory_vprintf(format, args);
		va_end(args);
	}
	report(check->findings, check->rule_id, *object_place(subject->type, subject->object), cure,
	       "%s", text);
}

/* For "a range", "an IOMMU" and "reserved memory". */
static const char *without_article(const char *what)
{
	static const char *const articles[] = { "a ", "an " };

	for (size_t i = 0; i < G_N_ELEMENTS(articles); i++)
		if (g_str_has_prefix(what, articles[i]))
			return what + strlen(articles[i]);
	return what;
}

/* The name, or the first required key, as in the text form. */
char *subject_describe(const struct subject *subject)
{
	const struct text_section *section = text_section_of(subject->type);
	struct strbuf *out = strbuf_new(without_article(section->what));
	const char *name = object_name(subject->type, subject->object);

	strbuf_append_char(out, ' ');
	if (name) {
		text_put(out, name);
		return strbuf_steal(out);
	}
	for_each_key(key, section)
		if (key->required) {
			key->kind->write(key, subject->object, out);
			break;
		}
	return strbuf_steal(out);
}
