/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All dumps of a text
 *
 * A line that belongs to no dump with offsets is searched word by word for bytes without offsets.
 */
#include <string.h>

#include <glib.h>

#include "dumps.h"

#define HEADER_MAX 128 /* characters of a line */
#define BEGIN      8u  /* bytes: a signature and a length */

/* Base64 in a mail: first a header, then an empty line, then the bytes. */
enum announced { NOT, IN_HEADER, NEXT };

struct scan {
	struct dumps *dumps;
	struct lines *lines;
	const char *end;
	const char *line_end; /* of the latest line; it is looked for once */
	const char *text_end; /* of the latest line, without spaces at its end */
	unsigned number;      /* of the line */
	unsigned depth;       /* 1: base64 held the text, and is not looked for again */
	enum announced announced;
};

/* -- words -------------------------------------------------------------------------------- */

static bool may_begin(const char *line, const char *at)
{
	return *at == '"' || *at == '\'' || *at == '\\' || *at == '&' ||
	       ((g_ascii_isalnum(*at) || *at == '/') && is_word_start(line, at));
}

static const char *take_word(struct scan *scan, const char *line, const char *at)
{
	const char *after = stream_take(scan->dumps, line, at, scan->end, scan->number);

	if (after || scan->depth)
		return after;
	return base64_take(scan->dumps, line, at, scan->end, scan->number, false);
}

/* Returns where the next line begins, behind all that was taken. */
static const char *search_words(struct scan *scan, const char *line, const char *end)
{
	for (const char *at = line; at < end; at++) {
		const char *after = may_begin(line, at) ? take_word(scan, line, at) : NULL;

		if (!after)
			continue;
		for (const char *c = at; c < after; c++)
			scan->number += *c == '\n';
		return after;
	}
	scan->number++;
	return end + (end < scan->end);
}

/* -- mails ----------------------------------------------------------------------------------- */

static bool has_word(const char *line, const char *end, const char *word)
{
	size_t n = strlen(word);

	end = MIN(end, line + HEADER_MAX);
	for (; (size_t)(end - line) >= n && line < end; line++)
		if (!g_ascii_strncasecmp(line, word, n))
			return true;
	return false;
}

static enum announced announce(const struct scan *scan, const char *line, const char *end)
{
	if (has_word(line, end, "content-transfer-encoding: base64"))
		return IN_HEADER;
	if (end - line > 13 && !memcmp(line, "begin-base64 ", 13))
		return NEXT;
	return scan->announced == IN_HEADER && line == end ? NEXT : scan->announced;
}

/* Returns the next line, NULL: this is no base64. */
static const char *take_announced(struct scan *scan, const char *line)
{
	const char *after;

	scan->announced = NOT;
	after = base64_take(scan->dumps, line, line, scan->end, scan->number, true);
	for (const char *c = line; after && c < after; c++)
		scan->number += *c == '\n';
	return after;
}

/* -- the text --------------------------------------------------------------------------------- */

static const char *take_line(struct scan *scan, const char *line, const char *end)
{
	const char *next = NULL;

	if (scan->announced == NEXT && line < end && !scan->depth)
		next = take_announced(scan, line);
	else if (!scan->depth)
		scan->announced = announce(scan, line, end);
	if (next)
		return next;
	if (lines_take(scan->lines, line, MAX(line, scan->text_end), scan->number)) {
		scan->number++;
		return end + (end < scan->end);
	}
	return search_words(scan, line, end);
}

/* A line may hold many dumps. */
static const char *find_line_end(struct scan *scan, const char *line)
{
	const char *end;

	if (scan->line_end && line <= scan->line_end)
		return scan->line_end;
	end = memchr(line, '\n', (size_t)(scan->end - line));
	scan->line_end = scan->text_end = end ? end : scan->end;
	while (scan->text_end > line && scan->text_end[-1] == ' ')
		scan->text_end--;
	return scan->line_end;
}

/* What was added since belongs to a text with other lines than the input. */
static void forget_lines(struct dumps *dumps, size_t n_found, size_t n_gaps)
{
	for (size_t i = n_found; i < dumps->found->len; i++)
		((struct dump *)dumps->found->pdata[i])->line = 0;
	for (size_t i = n_gaps; i < dumps->gaps->len; i++)
		array_index(dumps->gaps, struct dump_gap, i).line = 0;
}

/* Sets `cleaning->unescapes`. */
static void scan(struct dumps *dumps, const uint8_t *bytes, size_t length, unsigned depth,
		 struct cleaning *cleaning)
{
	struct bytes *text = clean_text(bytes, length, cleaning);
	const char *line = (const char *)text->data;
	size_t n_found = dumps->found->len, n_gaps = dumps->gaps->len;
	struct scan scan = {
		.dumps = dumps,
		.lines = lines_new(dumps, line + text->len),
		.end = line + text->len,
		.number = 1,
		.depth = depth,
	};

	dumps->broken = line;
	/* Without joined lines, the text was searched before. */
	if (cleaning->splits_lines && !cleaning->moves_lines)
		scan.end = line;
	while (line < scan.end)
		line = take_line(&scan, line, find_line_end(&scan, line));
	lines_finish(scan.lines);
	if (depth || cleaning->moves_lines)
		forget_lines(dumps, n_found, n_gaps);
	memory_free(scan.lines);
	bytes_free(text);
}

static struct dumps *find_with(const uint8_t *bytes, size_t length, struct cleaning *cleaning)
{
	struct dumps *dumps = dumps_new();

	scan(dumps, bytes, length, 0, cleaning);
	for (size_t i = 0; i < dumps->texts->len; i++) {
		const struct dump *text = dumps->texts->pdata[i];

		scan(dumps, text->bytes->data, text->bytes->len, 1, cleaning);
	}
	return dumps;
}

/* How many bytes of tables there are, as far as their headers state them. */
static uint64_t count_bytes(const struct dumps *dumps)
{
	uint64_t n = 0;

	for (size_t i = 0; i < dumps->found->len; i++) {
		const struct bytes *bytes = ((const struct dump *)dumps->found->pdata[i])->bytes;

		n += bytes->len < BEGIN ? 0 : MIN(bytes->len, dump_length(bytes->data));
	}
	return n;
}

/* The one that has more of them, `one` of two with as many. Frees the other. */
static struct dumps *fuller(struct dumps *one, struct dumps *other)
{
	bool is_other = count_bytes(other) > count_bytes(one);

	dumps_free(is_other ? one : other);
	return is_other ? other : one;
}

/* A string with escapes is a text with a dump, or it is the bytes of a table. */
static struct dumps *find_escaped(const uint8_t *bytes, size_t length)
{
	struct cleaning all = { .tries_escapes = true }, some = { .keeps_escapes = true };
	struct dumps *decoded = find_with(bytes, length, &all), *kept;

	if (!all.unescapes)
		return decoded;
	kept = find_with(bytes, length, &some);
	return count_bytes(kept) ? fuller(kept, decoded) : fuller(decoded, kept);
}

static bool is_whole(const struct dumps *dumps)
{
	for (size_t i = 0; i < dumps->found->len; i++) {
		const struct bytes *bytes = ((const struct dump *)dumps->found->pdata[i])->bytes;

		if (bytes->len < BEGIN || bytes->len < dump_length(bytes->data))
			return false;
	}
	return dumps->found->len && !dumps->gaps->len;
}

struct dumps *dumps_find(const uint8_t *bytes, size_t length)
{
	struct cleaning joined = { .tries_escapes = true, .splits_lines = true };
	struct dumps *dumps = find_escaped(bytes, length);

	return is_whole(dumps) ? dumps : fuller(dumps, find_with(bytes, length, &joined));
}
