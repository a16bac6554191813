/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes without offsets: `xxd -p`, `od -An`, arrays and strings of programming languages
 *
 * What separates bytes may be anything that these use: commas, comments, line ends. The first eight
 * bytes decide whether it is a table at all, so that a search looks at a few characters for each
 * word of the text.
 */
#include <string.h>

#include <glib.h>

#include "dumps.h"

#define BEGIN       8u
#define LEAST       36u /* bytes: the header of a table */
#define COMMENT_MAX 256u
#define TEXT_MAX    4096 /* characters of text to the end of a line */
#define PREFIX_MAX  64u
#define BLANK_MAX   3u  /* line ends in a row */
#define PROBE       512 /* characters that the first bytes may take */
#define BAR_GAP     2u  /* spaces that a bar between columns counts for */

#define OFFSET_LEAST 3 /* digits */

static const struct form stream_forms[] = {
	{ .radix = 16, .min = 2, .max = G_MAXUINT, .big = true },
	{ .radix = 16, .min = 4, .max = 4, .width = 2 },
	{ .radix = 16, .min = 8, .max = 8, .width = 4 },
	{ .radix = 16, .min = 16, .max = 16, .width = 8 },
	{ .radix = 8, .min = 3, .max = 3, .width = 1 },
	{ .radix = 8, .min = 6, .max = 6, .width = 2 },
	{ .radix = 16, .min = 1, .max = 3, .width = 1, .marked = true },
	{ .radix = 10, .min = 1, .max = 3, .width = 1 },
	{ .radix = 16, .min = 1, .max = 2, .width = 1 },
};

struct stream {
	const struct form *form;
	const char *line, *start; /* of the first byte, and of its line */
	const char *end;          /* of the text */
	struct bytes *bytes;
	size_t most; /* bytes to take */
	bool bare;   /* what is before the first byte is no prefix of lines */
	bool star;   /* a line of `*` follows */
};

/* -- separators ----------------------------------------------------------------------------- */

static const char *find(const char *at, const char *end, const char *word)
{
	return text_find(at, MIN(end - at, COMMENT_MAX), word);
}

/* NULL: the line is longer than a program prints, and may hold many beginnings of tables. */
static const char *line_end(const char *at, const char *end)
{
	const char *limit = end - at > TEXT_MAX ? at + TEXT_MAX : end;
	const char *found = at < limit ? memchr(at, '\n', (size_t)(limit - at)) : NULL;

	return found || limit < end ? found : end;
}

enum run { NO_RUN, SPACES, DIGITS, HEX_DIGITS };

static bool is_of(char letter, enum run run)
{
	return run == SPACES   ? letter == ' '
	       : run == DIGITS ? g_ascii_isdigit(letter)
			       : run == HEX_DIGITS && g_ascii_isxdigit(letter);
}

static const char *skip_run(const char *at, const char *end, enum run run)
{
	while (at < end && is_of(*at, run))
		at++;
	return at;
}

/* The last number of a prefix can be an offset, and so can one of several digits. */
static enum run run_at(const char *at, const char *end)
{
	const char *digits_end = skip_run(at, end, HEX_DIGITS), *after = digits_end;

	if (*at == ' ')
		return SPACES;
	while (after < end && !g_ascii_isalnum(*after))
		after++;
	if (digits_end > at && (after == end || digits_end - at >= OFFSET_LEAST))
		return HEX_DIGITS;
	return g_ascii_isdigit(*at) ? DIGITS : NO_RUN;
}

/* They may be bytes of something else before those of a table. */
static bool has_several_numbers(const char *at, const char *end)
{
	unsigned words = 0;

	if (end - at > (ptrdiff_t)PREFIX_MAX)
		return false;
	while (at < end) {
		const char *after = skip_run(skip_run(at, end, SPACES), end, HEX_DIGITS);

		if (after == at)
			return false;
		words += after[-1] != ' ';
		at = after;
	}
	return words > 1;
}

/* Behind what is like the prefix of the first line: logs and listings number lines. Or `line`. */
static const char *match_prefix(const struct stream *stream, const char *line)
{
	const char *prefix = stream->line, *end = stream->start, *at = line;

	if (stream->bare || end - prefix > (ptrdiff_t)PREFIX_MAX)
		return line;
	while (prefix < end && at < stream->end) {
		enum run run = run_at(prefix, end);

		if (run == SPACES ? false : run ? !is_of(*at, run) : *at != *prefix)
			return line;
		prefix = run ? skip_run(prefix, end, run) : prefix + 1;
		at = run ? skip_run(at, stream->end, run) : at + 1;
	}
	return prefix == end ? at : line;
}

/* Assemblers begin each line with the kind of what follows. */
static const char *skip_directive(const char *at, const char *end)
{
	static const char *const directives[] = { ".byte ", "db ", "DB ", "dc.b " };

	for (size_t i = 0; i < G_N_ELEMENTS(directives); i++) {
		size_t n = strlen(directives[i]);

		if ((size_t)(end - at) > n && !memcmp(at, directives[i], n))
			return at + n;
	}
	return at;
}

/* A prefix like that of the first line, and what mails put before a line. */
static const char *skip_prefix(const struct stream *stream, const char *at)
{
	at = match_prefix(stream, at);
	while (at < stream->end && (*at == ' ' || *at == '>' || *at == '|'))
		at++;
	return skip_directive(at, stream->end);
}

/* Returns NULL where no byte can follow. */
static const char *skip_comment(const struct stream *stream, const char *at)
{
	const char *close;

	if (stream->end - at < 2 || *at != '/')
		return NULL;
	if (at[1] == '/')
		return line_end(at, stream->end);
	close = at[1] == '*' ? find(at, stream->end, "*/") : NULL;
	return close ? close + 2 : NULL;
}

/* (byte)0xa8, as Java has it. NULL: the parenthesis is no cast. */
static const char *skip_cast(const struct stream *stream, const char *at)
{
	at++;
	while (at < stream->end && (g_ascii_isalnum(*at) || *at == '_'))
		at++;
	return at < stream->end && *at == ')' ? at + 1 : NULL;
}

/* A digit behind `-` belongs to a number; hex digits are only separated by it. */
static bool is_sign(const struct stream *stream, const char *at)
{
	return *at == '-' && stream->form->radix == 10 && stream->end - at > 1 &&
	       g_ascii_isdigit(at[1]);
}

/* Spaces and punctuation between items; `\x` begins one, and so does 'D'. */
static bool is_between(const struct stream *stream, const char *at)
{
	if (*at == '\'')
		return stream->end - at < 3 || at[2] != '\'' || at[1] == ',';
	if (*at == '\\')
		return stream->end - at < 2 || at[1] != 'x';
	if (*at == ':')
		return !stream->form->width;
	return *at == ' ' || *at == ',' || *at == ';' || *at == '-' || *at == '"' || *at == '`' ||
	       *at == '|';
}

/* The next byte's place. *ret_gap: spaces before it; *ret_fresh: a line begins with it. */
static const char *next_item(const struct stream *stream, const char *at, unsigned *ret_gap,
			     bool *ret_fresh)
{
	unsigned lines = 0;

	*ret_gap = 0;
	*ret_fresh = false;
	while (at && at < stream->end) {
		if (*at == '\n') {
			if (++lines > BLANK_MAX)
				return NULL;
			at = skip_prefix(stream, at + 1);
			*ret_fresh = true;
		} else if (*at == '/') {
			at = skip_comment(stream, at);
		} else if (*at == '(') {
			at = skip_cast(stream, at);
		} else if (is_sign(stream, at) || !is_between(stream, at)) {
			return at;
		} else {
			*ret_gap += *at == '|' ? BAR_GAP : *at == ' ';
			at++;
		}
	}
	return NULL;
}

/* -- items ------------------------------------------------------------------------------------- */

/* 'D' among numbers. */
static const char *take_character(struct stream *stream, const char *at)
{
	if (stream->end - at < 3 || *at != '\'' || at[2] != '\'' ||
	    !(stream->form->marked || stream->form->radix == 10))
		return NULL;
	bytes_append(stream->bytes, at + 1, 1);
	return at + 3;
}

static size_t count_digits(const char *at, const char *end)
{
	size_t n = 0;

	while (at + n < end && n < 2 && (*at == '0' || *at == '\\') && !g_ascii_isxdigit(at[n]))
		n++;
	while (at + n < end && (g_ascii_isxdigit(at[n]) || at[n] == 'x'))
		n++;
	return n;
}

static const char *take_item(struct stream *stream, const char *at)
{
	size_t before = stream->bytes->len, n = before;
	size_t room = n + count_digits(at, stream->end) / 2 + BEGIN;
	const char *after;

	bytes_set_size(stream->bytes, room);
	after = group_parse(stream->form, at, stream->end, stream->bytes->data, room, &n);
	bytes_set_size(stream->bytes, after ? n : before);
	return after ? after : take_character(stream, at);
}

/* Behind the bytes of a line may be the same as text, two spaces away. All lines have as many. */
static const char *take_items(struct stream *stream)
{
	const char *at = stream->start, *after = at, *taken;
	size_t stride = SIZE_MAX, line = 0; /* where the line began */
	unsigned gap = 0;
	bool fresh = true;

	while (at && stream->bytes->len < stream->most) {
		if (fresh)
			line = stream->bytes->len;
		taken = gap >= 2 && stream->bytes->len - line >= stride ? NULL
									: take_item(stream, at);
		if (!taken && (fresh || gap < 2))
			break;
		if (!taken)
			stride = MIN(stride, stream->bytes->len - line);
		at = taken ? taken : line_end(at, stream->end);
		after = at ? at : after;
		at = next_item(stream, at, &gap, &fresh);
	}
	stream->star = at && at < stream->end && *at == '*';
	return after;
}

static const char *probe_end(const char *at, const char *end)
{
	return end - at > PROBE ? at + PROBE : end;
}

/* Most words are no first byte of a table; they cost nothing more. */
static bool may_begin(const struct form *form, const char *at, const char *end)
{
	uint8_t bytes[BEGIN];
	size_t n = 0;

	if (*at == '\'')
		return form->marked || form->radix == 10;
	return group_parse(form, at, end, bytes, sizeof(bytes), &n) && n &&
	       ((*bytes >= 'A' && *bytes <= 'Z') || *bytes == '_' || *bytes == '!' ||
		*bytes == 0xd0);
}

static uint32_t probe(struct stream *stream)
{
	uint32_t is;

	stream->bytes = bytes_new();
	take_items(stream);
	is = stream->bytes->len < BEGIN ? 0 : dump_begins(stream->bytes->data, BEGIN);
	bytes_free(stream->bytes);
	return is;
}

static uint32_t likelihood(const struct form *form, const char *line, const char *at,
			   const char *end)
{
	struct stream stream = {
		.form = form,
		.line = line,
		.start = at,
		.end = probe_end(at, end),
		.most = BEGIN,
	};
	uint32_t is;

	if (!may_begin(form, at, end))
		return 0;
	/* A run of digits is as long as its line. */
	if (!form->width) {
		const char *stop = at;

		while (stop < end && stop - at < (ptrdiff_t)(2 * BEGIN) && g_ascii_isxdigit(*stop))
			stop++;
		if (stop - at == (ptrdiff_t)(2 * BEGIN))
			stream.end = stop;
	}
	is = probe(&stream);
	stream.bare = true;
	return is || !has_several_numbers(line, at) ? is : probe(&stream);
}

/* od and hexdump fill the last word of a table with an odd length. */
static void cut_padding(const struct stream *stream)
{
	uint32_t length = stream->bytes->len >= BEGIN ? dump_length(stream->bytes->data) : 0;

	if (stream->form->width > 1 && stream->bytes->len > length &&
	    stream->bytes->len - length < stream->form->width)
		bytes_set_size(stream->bytes, length);
}

/* Its checksum tells the bytes of a table from bytes and numbers of lines. */
static bool is_whole(const struct bytes *bytes)
{
	uint32_t length = bytes->len < LEAST ? UINT32_MAX : dump_length(bytes->data);
	uint8_t sum = 0;

	if (bytes->len < length)
		return false;
	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + bytes->data[i]);
	return !sum;
}

static const char *read_stream(struct stream *stream)
{
	const char *after;

	stream->bytes = bytes_new();
	after = take_items(stream);
	cut_padding(stream);
	return after;
}

/* With the beginning of its line as the prefix of all; without, if the table is only whole so. */
static const char *read_either(struct stream *stream)
{
	struct stream bare = *stream;
	const char *after = read_stream(stream), *bare_after;

	if (stream->start == stream->line || is_whole(stream->bytes))
		return after;
	bare.bare = true;
	bare_after = read_stream(&bare);
	if (!is_whole(bare.bytes)) {
		bytes_free(bare.bytes);
		return after;
	}
	bytes_free(stream->bytes);
	*stream = bare;
	return bare_after;
}

static const char *take_stream(struct dumps *dumps, const struct form *form, const char *line,
			       const char *at, const char *end, unsigned number)
{
	struct stream stream = {
		.form = form,
		.line = line,
		.start = at,
		.end = end,
		.most = SIZE_MAX,
	};
	const char *after = read_either(&stream);
	struct dump_gap gap = { .line = number, .offset = stream.bytes->len };

	/* od prints `*` for equal lines; without offsets, nothing says for how many. */
	if (stream.star)
		array_append(dumps->gaps, gap);
	if (stream.bytes->len >= LEAST) {
		dumps_add(dumps->found, stream.bytes, number)->array = true;
		return after;
	}
	bytes_free(stream.bytes);
	return NULL;
}

/* -- strings -------------------------------------------------------------------------------------
 */

static const struct {
	char letter, byte;
} escapes[] = { { 'n', '\n' }, { 't', '\t' }, { 'r', '\r' }, { 'a', '\a' },
		{ 'b', '\b' }, { 'f', '\f' }, { 'v', '\v' } };

/* Digits of a number, at most `most`. Returns their end; NULL: there are none. */
static const char *take_number(const char *at, const char *end, unsigned radix, unsigned most,
			       uint8_t *ret)
{
	const char *start = at;
	unsigned value = 0;

	while (at < end && at - start < (ptrdiff_t)most && g_ascii_isxdigit(*at) &&
	       g_ascii_xdigit_value(*at) < (int)radix)
		value = value * radix + (unsigned)g_ascii_xdigit_value(*at++);
	*ret = (uint8_t)value;
	return at > start ? at : NULL;
}

/* What follows a backslash. */
static const char *take_escape(const char *at, const char *end, uint8_t *ret)
{
	if (at >= end)
		return NULL;
	if (*at == 'x')
		return take_number(at + 1, end, 16, 2, ret);
	if (*at == 'u')
		return take_number(at + 1, end, 16, 4, ret);
	if (*at >= '0' && *at <= '7')
		return take_number(at, end, 8, 3, ret);
	*ret = (uint8_t)*at;
	for (size_t i = 0; i < G_N_ELEMENTS(escapes); i++)
		if (escapes[i].letter == *at)
			*ret = (uint8_t)escapes[i].byte;
	return at + 1;
}

/* The opening quotation mark of the next part of a string, as C and Python join them. */
static const char *next_part(const char *at, const char *end, char mark)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\\' || *at == '+'))
		at++;
	if (at < end && *at == 'b')
		at++;
	return at < end && *at == mark ? at + 1 : NULL;
}

/* Up to `most` bytes behind the quotation mark at `at`. NULL: the string is broken at `broken`. */
static const char *take_parts(const char *at, const char *end, struct bytes *bytes, size_t most,
			      const char **broken)
{
	char mark = *at;
	const char *part = at + 1;

	for (at = part; at && at < end && bytes->len < most;) {
		uint8_t byte = (uint8_t)*at;

		*broken = at;
		if (*at == mark) {
			part = at + 1;
			at = next_part(part, end, mark);
			if (!at)
				return part;
			continue;
		}
		if (*at == '\n')
			return NULL;
		at = *at == '\\' ? take_escape(at + 1, end, &byte) : at + 1;
		if (at)
			bytes_append(bytes, &byte, 1);
	}
	return at;
}

static const char *take_string(struct dumps *dumps, const char *at, const char *end,
			       unsigned number)
{
	struct bytes *bytes = bytes_new();
	const char *broken, *after = take_parts(at, probe_end(at, end), bytes, BEGIN, &broken);

	if (after && bytes->len == BEGIN && dump_begins(bytes->data, BEGIN)) {
		bytes_set_size(bytes, 0);
		after = take_parts(at, end, bytes, SIZE_MAX, &broken);
		if (after && bytes->len >= LEAST) {
			dumps_add(dumps->found, bytes, number)->array = true;
			return after;
		}
		if (!after)
			dumps->broken = broken;
	}
	bytes_free(bytes);
	return NULL;
}

static bool may_begin_string(const char *at, const char *end)
{
	return (*at == '"' || *at == '\'') && end - at > (ptrdiff_t)BEGIN &&
	       (g_ascii_isupper(at[1]) || at[1] == '_' || at[1] == '\\');
}

/* Letters other than hex digits begin no byte. */
static bool may_begin_item(const char *at, const char *end)
{
	if (*at == '\'')
		return end - at >= 3 && at[2] == '\'' && g_ascii_isupper(at[1]);
	if (*at == '\\' || *at == '&')
		return end - at >= 2 && at[1] == (*at == '&' ? 'H' : 'x');
	return g_ascii_isxdigit(*at);
}

/* NULL: nothing begins here. */
static const struct form *find_form(const char *line, const char *at, const char *end,
				    uint32_t *ret_likelihood)
{
	const struct form *best = NULL;

	*ret_likelihood = 0;
	for (size_t i = 0; may_begin_item(at, end) && i < G_N_ELEMENTS(stream_forms); i++) {
		uint32_t now = likelihood(&stream_forms[i], line, at, end);

		best = now > *ret_likelihood ? &stream_forms[i] : best;
		*ret_likelihood = MAX(now, *ret_likelihood);
	}
	return best;
}

uint32_t stream_begins(const char *line, const char *at, const char *end)
{
	uint32_t likelihood;

	find_form(line, at, end, &likelihood);
	return likelihood;
}

const char *stream_take(struct dumps *dumps, const char *line, const char *at, const char *end,
			unsigned number)
{
	const struct form *best;
	uint32_t most;

	/* A broken string is read once, and not again from each of its parts. */
	if (at >= dumps->broken && may_begin_string(at, end)) {
		const char *after = take_string(dumps, at, end, number);

		if (after)
			return after;
	}
	best = find_form(line, at, end, &most);
	return best ? take_stream(dumps, best, line, at, end, number) : NULL;
}
