/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Dumps whose lines have offsets
 *
 * The first line decides the form of groups and of offsets. A later line belongs to the dump if it
 * has an offset of that form that continues it, wherever in the line. How many bytes a line has is
 * known from the next offset, because the text column of a dump can look like bytes.
 */
#include <string.h>

#include <glib.h>

#include "dumps.h"

#define COLUMNS      256u /* offsets begin in these */
#define SYMBOL_MAX   64u
#define SHORT_DIGITS 4u
#define LINE_USUAL   16u
#define BEGIN        8u
#define DUMP_MAX     (64u << 20)
#define RSDP         "RSD PTR "

static const unsigned radixes[] = { 16, 8, 10 };

#define N_RADIXES G_N_ELEMENTS(radixes)

struct offset {
	uint64_t values[N_RADIXES]; /* as each radix reads it */
	unsigned digits;
	char mark;         /* ':', or ' ' for none */
	const char *after; /* the first group, or the end of the line */
};

struct lines {
	struct dumps *dumps;
	const char *text_end;
	unsigned title; /* the line of a title without bytes so far; 0: none */

	struct bytes *bytes; /* NULL: no dump has begun */
	unsigned line;
	struct form form;
	struct offset first;
	int radix;                       /* an index; -1: not known yet */
	uint8_t pending[LINE_BYTES_MAX]; /* of the last line */
	size_t n_pending, stride;
	bool repeats; /* a line of `*` was the last */
	bool blank;   /* a blank line was the last */
};

struct lines *lines_new(struct dumps *dumps, const char *text_end)
{
	struct lines *lines = memory_new(struct lines, 1);

	lines->dumps = dumps;
	lines->text_end = text_end;
	return lines;
}

static void add_gap(struct lines *lines, unsigned line, size_t offset)
{
	struct dump_gap gap = { .line = line, .offset = offset };

	array_append(lines->dumps->gaps, gap);
}

static void end_dump(struct lines *lines)
{
	if (!lines->bytes)
		return;
	bytes_append(lines->bytes, lines->pending, lines->n_pending);
	/* An RSDP has no header of an ACPI table, and says nothing of IOMMUs. */
	if (lines->bytes->len >= strlen(RSDP) && !memcmp(lines->bytes->data, RSDP, strlen(RSDP)))
		bytes_free(lines->bytes);
	else
		dumps_add(lines->dumps->found, lines->bytes, lines->line);
	lines->bytes = NULL;
	lines->n_pending = 0;
}

void lines_finish(struct lines *lines)
{
	end_dump(lines);
	if (lines->title)
		add_gap(lines, lines->title, 0);
	lines->title = 0;
}

/* -- offsets ------------------------------------------------------------------------------ */

static const char *skip_spaces(const char *at, const char *end)
{
	while (at < end && *at == ' ')
		at++;
	return at;
}

static void add_digit(struct offset *offset, char digit)
{
	uint64_t value = (uint64_t)g_ascii_xdigit_value(digit);

	for (unsigned i = 0; i < N_RADIXES; i++)
		if (value >= radixes[i] || offset->values[i] > UINT64_MAX / 16)
			offset->values[i] = UINT64_MAX;
		else
			offset->values[i] = offset->values[i] * radixes[i] + value;
	offset->digits++;
}

/* A debugger writes "0x7ffe0 <table+16>:". */
static const char *skip_symbol(const char *at, const char *end)
{
	const char *close = at < end && *at == '<'
				    ? memchr(at, '>', MIN((size_t)(end - at), SYMBOL_MAX))
				    : NULL;

	return close ? close + 1 : at;
}

static const char *parse_digits(struct offset *offset, const char *at, const char *end)
{
	if (end - at > 2 && *at == '0' && (at[1] == 'x' || at[1] == 'X'))
		at += 2;
	for (; at < end && (g_ascii_isxdigit(*at) || (*at == '`' && offset->digits)); at++)
		if (*at != '`')
			add_digit(offset, *at);
	if (at < end && (*at == 'h' || *at == 'H'))
		at++;
	return offset->digits >= 2 && offset->digits <= 16 ? at : NULL;
}

static bool parse_offset(const char *at, const char *end, struct offset *ret)
{
	const char *mark;

	*ret = (struct offset){ .mark = ' ' };
	at = parse_digits(ret, at, end);
	if (!at)
		return false;
	mark = skip_spaces(skip_symbol(skip_spaces(at, end), end), end);
	if (mark < end && *mark == ':') {
		ret->mark = ':';
		at = mark + 1;
	}
	ret->after = skip_spaces(at, end);
	return ret->after == end || ret->after > at;
}

/* An offset has more digits when it needs them. */
static bool is_like_first(const struct lines *lines, const struct offset *offset)
{
	return offset->mark == lines->first.mark &&
	       (offset->digits == lines->first.digits ||
		(offset->digits > lines->first.digits &&
		 offset->values[0] >> (4 * (offset->digits - 1))));
}

/* -- first lines ------------------------------------------------------------------------------ */

static const char *columns_end(const char *line, const char *end)
{
	return (size_t)(end - line) > COLUMNS ? line + COLUMNS : end;
}

/* Where a dump could begin. */
struct start {
	const char *line, *at, *end; /* its first line, and the offset in that */
	struct offset offset;
	const struct form *form;
	uint32_t likelihood;
};

static bool follows(const struct offset *offset, const struct offset *first, size_t n)
{
	for (unsigned i = 0; i < N_RADIXES; i++)
		if (offset->values[i] != UINT64_MAX && offset->values[i] - first->values[i] == n)
			return true;
	return false;
}

/* The beginning of the next line that is not blank; its length is 0 if there is none. */
static const char *next_line(const struct lines *lines, const char *end, size_t *ret_length)
{
	const char *line = end, *limit = columns_end(end, lines->text_end), *stop;

	while (line < limit && (*line == ' ' || *line == '\n'))
		line++;
	while (line > end && line[-1] != '\n')
		line--;
	limit = columns_end(line, lines->text_end);
	stop = memchr(line, '\n', (size_t)(limit - line));
	*ret_length = (size_t)((stop ? stop : limit) - line);
	return line;
}

/* In the same column, or first of all: JSON puts other text before the first line. */
static bool next_offset(const struct start *start, const char *line, size_t length, size_t n,
			struct offset *ret)
{
	size_t column = (size_t)(start->at - start->line);

	return (length > column && parse_offset(line + column, line + length, ret) &&
		follows(ret, &start->offset, n)) ||
	       (parse_offset(skip_spaces(line, line + length), line + length, ret) &&
		follows(ret, &start->offset, n));
}

/* Lines may have a few bytes, or one. */
static size_t first_bytes(const struct lines *lines, const struct form *form,
			  const struct start *start, uint8_t bytes[BEGIN])
{
	size_t n = groups_parse(form, start->offset.after, start->end, bytes, BEGIN), length;
	const char *line, *end = start->end;
	struct offset offset;

	while (n && n < BEGIN) {
		line = next_line(lines, end, &length);
		end = line + length;
		if (!length || !next_offset(start, line, length, n, &offset))
			break;
		n += groups_parse(form, offset.after, end, bytes + n, BEGIN - n);
	}
	return n;
}

static uint32_t likelihood(const struct lines *lines, const struct form *form,
			   const struct start *start)
{
	uint8_t bytes[BEGIN];
	size_t n = first_bytes(lines, form, start, bytes);

	if (n < BEGIN && (n < BEGIN / 2 || start->offset.mark != ':'))
		return 0;
	return dump_begins(bytes, n);
}

static void find_form(const struct lines *lines, struct start *start)
{
	uint8_t byte[LINE_BYTES_MAX];

	for (size_t i = 0; i < n_forms; i++) {
		uint32_t now = forms[i].marked && start->offset.mark != ':'
				       ? 0
				       : likelihood(lines, &forms[i], start);

		start->form = now > start->likelihood ? &forms[i] : start->form;
		start->likelihood = MAX(now, start->likelihood);
	}
	/* After a title, a table may be damaged from its first byte on. */
	if (!start->form && lines->title && !start->offset.values[0] && start->offset.mark == ':' &&
	    groups_parse(forms, start->offset.after, start->end, byte, sizeof(byte)))
		start->form = forms;
}

static void begin_dump(struct lines *lines, const struct start *start, unsigned number)
{
	end_dump(lines);
	lines->line = lines->title ? lines->title : number;
	lines->title = 0;
	lines->bytes = bytes_new();
	lines->form = *start->form;
	lines->form.partial = true;
	lines->first = start->offset;
	lines->radix = -1;
	lines->stride = 0;
	lines->repeats = lines->blank = false;
	lines->n_pending = groups_parse(start->form, start->offset.after, start->end,
					lines->pending, sizeof(lines->pending));
}

static bool is_offset_start(const char *line, const char *at)
{
	return g_ascii_isxdigit(*at) && is_word_start(line, at);
}

/* An offset of few digits looks like a byte, unless it is the first word. */
static bool is_offset_at(const char *line, const char *at, const char *end, struct offset *ret)
{
	if (!is_offset_start(line, at) || !parse_offset(at, end, ret))
		return false;
	if (ret->mark == ':' || ret->digits >= SHORT_DIGITS)
		return true;
	while (line < at && !g_ascii_isalnum(*line))
		line++;
	return line == at;
}

/* Groups of eight digits can look like an offset: then the line has a more likely table. */
static bool has_likelier_stream(const struct lines *lines, const struct start *start)
{
	for (const char *at = start->line; at < columns_end(start->line, start->end); at++)
		if (is_offset_start(start->line, at) &&
		    stream_begins(start->line, at, lines->text_end) > start->likelihood)
			return true;
	return false;
}

static bool begins_dump(struct lines *lines, const char *line, const char *end, unsigned number)
{
	struct start best = { .form = NULL };

	for (const char *at = line; at < columns_end(line, end); at++) {
		struct start start = { .line = line, .at = at, .end = end };

		if (!is_offset_at(line, at, end, &start.offset))
			continue;
		find_form(lines, &start);
		if (start.form && (!best.form || start.likelihood > best.likelihood))
			best = start;
	}
	if (!best.form || (best.likelihood && has_likelier_stream(lines, &best)))
		return false;
	begin_dump(lines, &best, number);
	return true;
}

/* -- lines that continue ------------------------------------------------------------------------
 */

static uint64_t distance(const struct lines *lines, const struct offset *offset, unsigned radix)
{
	if (offset->values[radix] == UINT64_MAX || lines->first.values[radix] == UINT64_MAX ||
	    offset->values[radix] < lines->first.values[radix])
		return 0;
	return offset->values[radix] - lines->first.values[radix];
}

/* The radix that makes a line follow those before. Few bytes a line can fit several. */
static unsigned choose_radix(const struct lines *lines, const struct offset *offset, bool *ret_only)
{
	size_t next = lines->bytes->len + lines->n_pending;
	unsigned found = N_RADIXES, n = 0;

	*ret_only = true;
	if (lines->radix >= 0)
		return (unsigned)lines->radix;
	for (unsigned i = 0; i < N_RADIXES; i++) {
		if (distance(lines, offset, i) != next)
			continue;
		found = n++ ? found : i;
	}
	*ret_only = n < 2;
	if (n)
		return found;
	for (unsigned i = 0; i < N_RADIXES; i++) {
		uint64_t to = distance(lines, offset, i);

		if (to > lines->bytes->len && to < next)
			return i;
	}
	return 0;
}

/* hexdump, od and xxd print `*` for lines that are equal to the one before. */
static bool repeat_line(struct lines *lines, uint64_t to)
{
	struct bytes *bytes = lines->bytes;
	size_t before = bytes->len, stride = lines->stride;

	if (!lines->repeats || !stride || to > DUMP_MAX || to - before > lines->dumps->room)
		return false;
	lines->dumps->room -= (size_t)to - before;
	bytes_set_size(bytes, (size_t)to);
	for (size_t i = before; i < bytes->len; i++)
		bytes->data[i] = bytes->data[i - stride];
	return true;
}

/* Keeps of the last line what the next offset leaves to it. Returns false if bytes are missing. */
static bool finish_pending(struct lines *lines, uint64_t to)
{
	if (to - lines->bytes->len < lines->n_pending)
		lines->n_pending = (size_t)to - lines->bytes->len;
	bytes_append(lines->bytes, lines->pending, lines->n_pending);
	if (lines->n_pending)
		lines->stride = lines->n_pending;
	lines->n_pending = 0;
	return to == lines->bytes->len || repeat_line(lines, to);
}

static void continue_dump(struct lines *lines, const struct offset *offset, const char *end,
			  unsigned number, uint64_t to)
{
	if (!finish_pending(lines, to)) {
		add_gap(lines, number, lines->bytes->len);
		end_dump(lines);
		return;
	}
	lines->n_pending =
		groups_parse(&lines->form, offset->after, end, lines->pending,
			     lines->stride ? MIN(lines->stride, LINE_BYTES_MAX) : LINE_BYTES_MAX);
	if (!lines->n_pending)
		end_dump(lines);
}

static bool has_groups(const struct lines *lines, const struct offset *offset, const char *end)
{
	uint8_t bytes[LINE_BYTES_MAX];

	return groups_parse(&lines->form, offset->after, end, bytes, sizeof(bytes));
}

/* Also a last line of nothing but the length, as hexdump and od print it. */
static bool continues_dump(struct lines *lines, const char *line, const char *end, unsigned number)
{
	struct offset offset;
	unsigned radix;
	uint64_t to;
	bool only;

	for (const char *at = line; at < columns_end(line, end); at++) {
		if (!is_offset_at(line, at, end, &offset) || !is_like_first(lines, &offset) ||
		    (offset.after != end && !has_groups(lines, &offset, end)))
			continue;
		radix = choose_radix(lines, &offset, &only);
		to = distance(lines, &offset, radix);
		if (to <= lines->bytes->len)
			return false;
		if (to != lines->bytes->len + lines->n_pending && !lines->repeats &&
		    begins_dump(lines, line, end, number))
			return true;
		lines->radix = only ? (int)radix : -1;
		continue_dump(lines, &offset, end, number, to);
		lines->repeats = lines->blank = false;
		return true;
	}
	return false;
}

/* -- other lines ------------------------------------------------------------------------------- */

static bool is_repeat(const char *line, const char *end)
{
	while (line < end && (*line == ' ' || *line == '>' || *line == '|'))
		line++;
	return end - line >= 1 && *line == '*' && skip_spaces(line + 1, end) == end;
}

/* What the length in the header leaves to the last line: words of a text can look like bytes. */
static size_t bytes_left(const struct lines *lines)
{
	struct bytes *head = bytes_new();
	size_t length = 0;

	bytes_append(head, lines->bytes->data, MIN(lines->bytes->len, BEGIN));
	bytes_append(head, lines->pending, MIN(lines->n_pending, BEGIN));
	if (head->len >= BEGIN)
		length = dump_length(head->data);
	bytes_free(head);
	return length > lines->bytes->len ? length - lines->bytes->len : 0;
}

static size_t room_of_line(const struct lines *lines)
{
	size_t stride = lines->stride ? MIN(lines->stride, LINE_BYTES_MAX) : LINE_USUAL;

	stride = MIN(stride, bytes_left(lines));
	return lines->n_pending < stride ? stride - lines->n_pending : 0;
}

/* A mail client broke the line before. */
static bool is_rest_of_line(struct lines *lines, const char *line, const char *end)
{
	size_t room = lines->blank ? 0 : room_of_line(lines), n;

	while (line < end && !g_ascii_isalnum(*line))
		line++;
	n = groups_parse(&lines->form, line, end, lines->pending + lines->n_pending, room);
	lines->n_pending += n;
	return n;
}

/* `SIGN @ 0x...`, as acpidump begins each table; older ones wrote `(nil)`, and `RSD PTR @`. */
static bool is_title(const char *line, const char *end)
{
	static const char mark[] = " @ ";
	const char *at = text_find(line, MIN(end - line, (ptrdiff_t)COLUMNS), mark), *after;

	if (!at || at - line < 4)
		return false;
	after = at + strlen(mark);
	if (end - after < 2 || (memcmp(after, "0x", 2) != 0 && memcmp(after, "(n", 2) != 0))
		return false;
	if (at - line >= 7 && !memcmp(at - 7, "RSD PTR", 7))
		return true;
	for (unsigned i = 1; i <= 4; i++)
		if (!g_ascii_isalnum(at[-(int)i]) && at[-(int)i] != '_' && at[-(int)i] != '!')
			return false;
	return is_word_start(line, at - 4);
}

bool lines_take(struct lines *lines, const char *line, const char *end, unsigned number)
{
	if (is_title(line, end)) {
		lines_finish(lines);
		lines->title = number;
		return true;
	}
	if (lines->bytes && is_repeat(line, end)) {
		lines->repeats = true;
		return true;
	}
	if (lines->bytes && continues_dump(lines, line, end, number))
		return true;
	if (begins_dump(lines, line, end, number))
		return true;
	if (lines->bytes && is_rest_of_line(lines, line, end))
		return true;
	lines->blank |= line == end;
	return false;
}
