/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The source of a device tree in a text, as people post it
 *
 * The source begins with the line that has /dts-v1/, or with the root, as U-Boot prints it. What is
 * before that in its line is the prefix of all lines. It ends with the last block in braces. Lines
 * keep their numbers, since dtc names them.
 */
#include <stdbool.h>
#include <string.h>

#include <glib.h>

#include "plain_lines.h"
#include "tree_text.h"

static const char version[] = "/dts-v1/", root[] = "/ {";

const char *find_tree_version(const char *text, size_t length)
{
	const char *end = text + length, *at = text, *after;

	while ((at = memmem(at, (size_t)(end - at), version, sizeof(version) - 1))) {
		for (after = at + sizeof(version) - 1; after < end && g_ascii_isspace(*after);)
			after++;
		if (after < end && *after == ';')
			return at;
		at = after;
	}
	return NULL;
}

/* The line that the source begins with, and its prefix. NULL: there is none. */
static const char *find_begin(const char *text, size_t *ret_prefix)
{
	const char *at = find_tree_version(text, strlen(text)), *line;

	if (!at)
		for (at = strstr(text, root); at && at > text && at[-1] != '\n' && at[-1] != ' ';)
			at = strstr(at + 1, root);
	if (!at)
		return NULL;
	for (line = at; line > text && line[-1] != '\n'; line--)
		;
	*ret_prefix = (size_t)(at - line);
	return line;
}

/* Where the parser is. */
struct scanner {
	int depth;
	bool in_comment, in_string;
	const char *inside; /* of a comment or string: behind its mark, in the current line */
};

/* Follows braces outside of strings and comments. */
static void scan_line(struct scanner *scanner, const char *line)
{
	for (const char *c = line; *c; c++) {
		if (scanner->in_comment) {
			scanner->in_comment = !(c[0] == '*' && c[1] == '/');
			c += !scanner->in_comment;
		} else if (scanner->in_string) {
			scanner->in_string = *c != '"';
			c += *c == '\\' && c[1];
		} else if (c[0] == '/' && c[1] == '*') {
			scanner->in_comment = true;
			scanner->inside = ++c + 1;
		} else if (c[0] == '/' && c[1] == '/') {
			return;
		} else if (g_str_has_prefix(c, "'\"'")) {
			c += 2;
		} else {
			scanner->in_string = *c == '"';
			scanner->inside = c + 1;
			scanner->depth += (*c == '{') - (*c == '}');
		}
	}
}

/* Outside of all braces: a directive, a comment, a node, or a label before it. */
static bool may_be_source(const char *line)
{
	line += strspn(line, " ");
	if (!*line || strchr("/&#*}", *line))
		return true;
	while (g_ascii_isalnum(*line) || *line == '_')
		line++;
	return *line == ':' && strpbrk(line, "&/");
}

static bool is_open(const struct scanner *scanner)
{
	return scanner->in_comment || scanner->in_string;
}

/*
 * Lines are copied one at a time: a text may have millions. What follows a comment or a string that
 * does not end is left out, because dtc takes long for it.
 */
static void append_lines(GString *source, const char *begin, size_t prefix)
{
	g_autoptr(GString) line = g_string_new(NULL);
	struct scanner scanner = { 0 };
	size_t open_at = 0;
	size_t n;

	for (const char *at = begin; *at; at += n + (at[n] == '\n')) {
		const char *content;

		n = strcspn(at, "\n");
		g_string_truncate(line, 0);
		g_string_append_len(line, at, (gssize)n);
		content = without_prefix(line->str, begin, prefix);
		if (!scanner.depth && !scanner.in_comment && !may_be_source(content))
			break;
		scanner.inside = NULL;
		scan_line(&scanner, content);
		if (!is_open(&scanner))
			open_at = 0;
		else if (scanner.inside)
			open_at = source->len + (size_t)(scanner.inside - content);
		g_string_append(source, content);
		g_string_append_c(source, '\n');
	}
	if (open_at)
		g_string_truncate(source, open_at);
}

char *find_tree_source(const char *text)
{
	size_t prefix = 0;
	const char *begin = find_begin(text, &prefix);
	GString *source = g_string_new(NULL);

	if (begin && !find_tree_version(begin, strlen(begin)))
		g_string_append(source, "/dts-v1/; ");
	for (const char *c = text; begin && c < begin; c++)
		if (*c == '\n')
			g_string_append_c(source, '\n');
	if (begin)
		append_lines(source, begin, prefix);
	return g_string_free(source, FALSE);
}
