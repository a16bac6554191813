/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects as findings speak of them
 */
#include <stdarg.h>
#include <string.h>

#include "base/strbuf.h"
#include "check.h"
#include "tables/findings/findings.h"
#include "tables/text/text.h"

/*
 * The place comes from the object, so a finding points at what has to be changed, whether that
 * is a line of a text or a byte of a table.
 */
void check_blame(const struct check *check, const struct subject *subject, const char *cure,
		 const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = memory_vprintf(format, args);
	va_end(args);
	report(check->findings, check->rule_id, *object_place(subject->type, subject->object), cure,
	       "%s", text);
	memory_free(text);
}

/* "a range" is a range, and "reserved memory" is reserved memory. */
static const char *without_article(const char *what)
{
	static const char *const articles[] = { "a ", "an " };

	for (size_t i = 0; i < G_N_ELEMENTS(articles); i++)
		if (g_str_has_prefix(what, articles[i]))
			return what + strlen(articles[i]);
	return what;
}

/* Its name, or else the first thing that has to be said of it, as the text form says it. */
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
