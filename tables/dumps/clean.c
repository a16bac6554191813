/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text as other programs left it, turned into plain lines
 *
 * Windows writes UTF-16, a web page has entities, a terminal has colours, and a mail is
 * quoted-printable. None of that has a meaning for the bytes of a table.
 */
#include <string.h>

#include <glib.h>

#include "dumps.h"

#define PROBE   65536u
#define TAG_MAX 256u

/* What a sequence of bytes stands for. */
static const struct {
	const char *from, *to;
} replaced[] = {
	{ "\xef\xbb\xbf", "" },                             /* the byte order mark of UTF-8 */
	{ "\xc2\xa0", " " },                                /* no-break space */
	{ "\xc2\xad", "" },                                 /* soft hyphen */
	{ "\xc2\x85", "\n" },                               /* next line */
	{ "\xe2\x80\xa8", "\n" },                           /* line and paragraph separator */
	{ "\xe2\x80\xa9", "\n" },                           /* no space between: */
	{ "\xe2\x80\x8b", "" },                             /* zero width space */
	{ "\xe2\x80\x8c", "" },                             /* zero width non-joiner */
	{ "\xe2\x80\x8d", "" },                             /* zero width joiner */
	{ "\xe2\x81\xa0", "" },                             /* word joiner */
	{ "\xe2\x80\x8e", "" },                             /* marks of direction */
	{ "\xe2\x80\x8f", "" },   { "\xe2\x80\xaf", " " },  /* narrow no-break space */
	{ "\xe3\x80\x80", " " },                            /* ideographic space */
	{ "\xef\xbc\x9a", ":" },                            /* fullwidth colon */
	{ "\xe2\x80\x93", "-" },                            /* dashes */
	{ "\xe2\x80\x94", "-" },  { "\xe2\x80\x9c", "\"" }, /* quotation marks */
	{ "\xe2\x80\x9d", "\"" }, { "&nbsp;", " " },        { "&ensp;", " " },
	{ "&emsp;", " " },        { "&thinsp;", " " },      { "&Tab;", " " },
	{ "&NewLine;", "\n" },    { "&gt;", ">" },          { "&lt;", "<" },
	{ "&quot;", "\"" },       { "&apos;", "'" },        { "&colon;", ":" },
	{ "&amp;", "&" },         { "<br>", "\n" },         { "<br/>", "\n" },
	{ "<br />", "\n" },       { "\r", "\n" },           { "\t", "  " },
	{ "^M\n", "\n" },                                  /* as `cat -A` shows them */
	{ "^I", "  " },           { "\xe2\x94\x82", " " }, /* lines of a box: hexyl prints them
							      between bytes */
	{ "\xe2\x94\x8a", "" },
};

/* -- UTF-16 --------------------------------------------------------------------------- */

/* 0: no UTF-16; otherwise which byte of a pair has the character: 1 or 2. */
static unsigned utf16_half(const uint8_t *bytes, size_t length)
{
	size_t zero[2] = { 0, 0 }, n = MIN(length, PROBE) / 2;

	if (length < 4 || length % 2)
		return 0;
	if (bytes[0] == 0xff && bytes[1] == 0xfe)
		return 1;
	if (bytes[0] == 0xfe && bytes[1] == 0xff)
		return 2;
	for (size_t i = 0; i < n; i++) {
		if (!bytes[2 * i] == !bytes[2 * i + 1])
			return 0;
		zero[0] += !bytes[2 * i];
		zero[1] += !bytes[2 * i + 1];
	}
	return zero[1] == n ? 1 : zero[0] == n ? 2 : 0;
}

/* In UTF-8 (RFC 3629, 3); what has two halves in UTF-16 stays two characters. */
static void append_character(struct bytes *text, unsigned value)
{
	uint8_t bytes[3] = { (uint8_t)(0xe0 | value >> 12), (uint8_t)(0x80 | (value >> 6 & 0x3f)),
			     (uint8_t)(0x80 | (value & 0x3f)) };
	uint8_t byte = (uint8_t)value;

	if (value < 0x80) {
		bytes_append(text, &byte, 1);
		return;
	}
	if (value < 0x800)
		bytes[1] = (uint8_t)(0xc0 | value >> 6);
	bytes_append(text, bytes + (value < 0x800), 3 - (value < 0x800));
}

/* In UTF-32, every other half is 0. */
static struct bytes *from_utf16(const uint8_t *bytes, size_t length, unsigned half)
{
	struct bytes *text = bytes_new_sized(length / 2);

	for (size_t i = 0; i + 1 < length; i += 2) {
		unsigned value = bytes[i + half - 1] | (unsigned)bytes[i + 2 - half] << 8;

		if (value && value != 0xfeff)
			append_character(text, value);
	}
	return text;
}

bool dumps_is_text(const uint8_t *bytes, size_t length)
{
	size_t n = MIN(length, PROBE), odd = 0;

	if (utf16_half(bytes, length))
		return true;
	for (size_t i = 0; i < n; i++)
		odd += bytes[i] < ' ' && !g_ascii_isspace((gchar)bytes[i]) && bytes[i] != 0x1b &&
		       bytes[i] != '\b';
	return n && odd <= n / 64;
}

/* -- quoted-printable (RFC 2045, 6.7) ---------------------------------------------------- */

static bool has_text(const struct bytes *text, const char *word)
{
	return text_find((const char *)text->data, (gssize)text->len, word);
}

/* Base64 ends with a single `=` as well, so an encoded character is asked for. */
static bool is_quoted_printable(const struct bytes *text)
{
	return has_text(text, "quoted-printable") ||
	       (has_text(text, "=\n") && (has_text(text, "=20") || has_text(text, "=3D")));
}

static struct bytes *unquote(const struct bytes *text)
{
	struct bytes *plain = bytes_new_sized(text->len);

	for (size_t i = 0; i < text->len; i++) {
		const char *at = (const char *)text->data + i;
		int high = -1, low = -1;
		uint8_t byte = text->data[i];

		if (*at == '=' && i + 1 < text->len && at[1] == '\n') {
			i++;
			continue;
		}
		if (*at == '=' && i + 2 < text->len) {
			high = g_ascii_xdigit_value(at[1]);
			low = g_ascii_xdigit_value(at[2]);
		}
		if (high >= 0 && low >= 0) {
			byte = (uint8_t)(high << 4 | low);
			i += 2;
		}
		bytes_append(plain, &byte, 1);
	}
	return plain;
}

/* -- JSON and web pages ----------------------------------------------------------------- */

static size_t skip_blanks(const struct bytes *text, size_t at)
{
	while (at < text->len && (text->data[at] == ' ' || text->data[at] == '\n'))
		at++;
	return at;
}

static int byte_at(const struct bytes *text, size_t at)
{
	return at < text->len ? text->data[at] : -1;
}

/*
 * What a tracker's interface answers has strings of JSON (RFC 8259, 7). A line of a kernel's log
 * begins with "[", too.
 */
static bool is_json(const struct bytes *text)
{
	size_t at = skip_blanks(text, 0);
	int first = byte_at(text, at), next = byte_at(text, skip_blanks(text, at + 1));

	return (first == '{' || first == '[') && (next == '{' || next == '[' || next == '"') &&
	       has_text(text, "\":");
}

/* What a backslash and the letters behind it stand for. Returns their length. */
static size_t append_escaped(struct bytes *text, const char *at, size_t left)
{
	unsigned value;

	if (*at != '\\' || left < 2) {
		bytes_append(text, at, 1);
		return 1;
	}
	value = (uint8_t)at[1];
	if (value == 'u' && left >= 6) {
		value = 0;
		for (unsigned i = 2; i < 6; i++)
			value = value << 4 | ((unsigned)g_ascii_xdigit_value(at[i]) & 15);
		append_character(text, value);
		return 6;
	}
	append_character(text, value == 'n' ? '\n' : value == 't' || value == 'r' ? ' ' : value);
	return 2;
}

static struct bytes *unescape(const struct bytes *text)
{
	struct bytes *plain = bytes_new_sized(text->len);

	for (size_t i = 0; i < text->len;)
		i += append_escaped(plain, (const char *)text->data + i, text->len - i);
	return plain;
}

/* A program that highlights a dump puts each byte between tags. */
static bool is_page(const struct bytes *text)
{
	return has_text(text, "</span>") || has_text(text, "</div>") || has_text(text, "</pre>") ||
	       has_text(text, "</td>") || has_text(text, "</html>");
}

/* The length of a tag, 0: there is none. A debugger writes <table+16>, which is none of HTML. */
static size_t tag_length(const char *at, size_t left)
{
	size_t n = 1;

	while (n < left && n < TAG_MAX && at[n] != '>' && at[n] != '<' && at[n] != '\n' &&
	       at[n] != '+')
		n++;
	return n > 1 && n < left && at[n] == '>' && (g_ascii_isalpha(at[1]) || at[1] == '/') ? n + 1
											     : 0;
}

/* Tags that end a line, as the elements of a block do, or a cell of a table. */
static const struct {
	const char *tag, *to;
} ends[] = {
	{ "<br", "\n" },   { "</p>", "\n" }, { "</div>", "\n" }, { "</li>", "\n" },
	{ "</tr>", "\n" }, { "</td>", " " }, { "</th>", " " },
};

/* Behind a tag, with other tags between. */
static bool ends_line(const char *at, const char *end)
{
	size_t n = 1;

	end = end - at > (ptrdiff_t)TAG_MAX ? at + TAG_MAX : end;
	for (; at < end && n; at += n)
		n = *at == ' ' ? 1 : *at == '<' ? tag_length(at, (size_t)(end - at)) : 0;
	return at < end && *at == '\n';
}

static struct bytes *without_tags(const struct bytes *text)
{
	struct bytes *plain = bytes_new_sized(text->len);
	const char *end = (const char *)text->data + text->len;
	size_t n;

	for (size_t i = 0; i < text->len; i += n) {
		const char *at = (const char *)text->data + i;

		n = *at == '<' ? tag_length(at, text->len - i) : 0;
		for (size_t k = 0; n && k < G_N_ELEMENTS(ends); k++)
			if (!g_ascii_strncasecmp(at, ends[k].tag, MIN(n, strlen(ends[k].tag))) &&
			    (*ends[k].to == ' ' || !ends_line(at + n, end)))
				bytes_append(plain, ends[k].to, 1);
		if (!n)
			bytes_append(plain, at, 1);
		n = MAX(n, 1);
	}
	return plain;
}

/* -- differences of two texts ------------------------------------------------------------- */

#define HUNK_MOST 80 /* the length of its title */

struct hunk {
	size_t indent;       /* what stands before the marks: mails and posts indent */
	unsigned old, fresh; /* lines that are left of it */
};

/* A number of lines: "-12,7" or "-12". Returns what follows, NULL if there is none. */
static const char *parse_side(const char *at, const char *end, char mark, unsigned *ret_lines)
{
	unsigned numbers[2] = { 0, 1 };

	if (at == end || *at++ != mark)
		return NULL;
	for (unsigned i = 0; i < 2; i++) {
		const char *start = at;

		numbers[i] = at < end && g_ascii_isdigit(*at) ? 0 : numbers[i];
		while (at < end && at < start + 7 && g_ascii_isdigit(*at))
			numbers[i] = numbers[i] * 10 + (unsigned)(*at++ - '0');
		if (at == start)
			return NULL;
		if (i || at == end || *at != ',')
			break;
		at++;
	}
	*ret_lines = numbers[1];
	return at;
}

/* "@@ -12,7 +12,9 @@" */
static bool parse_hunk(const char *line, const char *end, struct hunk *hunk)
{
	const char *at = text_find(line, MIN(end - line, HUNK_MOST), "@@ -");
	struct hunk found = { .indent = at ? (size_t)(at - line) : 0 };

	at = at ? parse_side(at + 3, end, '-', &found.old) : NULL;
	at = at && at < end && *at == ' ' ? parse_side(at + 1, end, '+', &found.fresh) : NULL;
	if (!at || end - at < 3 || memcmp(at, " @@", 3) != 0)
		return false;
	*hunk = found;
	return true;
}

static const char *line_end(const struct bytes *text, const char *line)
{
	const char *end = (const char *)text->data + text->len;
	const char *stop = memchr(line, '\n', (size_t)(end - line));

	return stop ? stop : end;
}

static bool is_difference(const struct bytes *text)
{
	const char *at = (const char *)text->data, *end = at + text->len;
	struct hunk hunk;

	while ((at = text_find(at, end - at, "@@ -"))) {
		if (parse_hunk(at, MIN(end, at + HUNK_MOST), &hunk))
			return true;
		at++;
	}
	return false;
}

/*
 * Within a hunk: the mark becomes a space, and a line of the old text becomes empty. "\ No newline
 * at end of file" is a line of neither text.
 */
static void take_marked(struct bytes *plain, const char *line, size_t length, struct hunk *hunk)
{
	char mark = ' ';

	if (length > hunk->indent)
		mark = line[hunk->indent];
	if (mark == '\\')
		return;
	hunk->old -= hunk->old && mark != '+';
	hunk->fresh -= hunk->fresh && mark != '-';
	if (mark == '-')
		return;
	bytes_append(plain, line, length);
	if (mark == '+')
		plain->data[plain->len - length + hunk->indent] = ' ';
}

static struct bytes *newer_text(const struct bytes *text)
{
	struct bytes *plain = bytes_new_sized(text->len + 1);
	const char *line = (const char *)text->data, *end = line + text->len;
	struct hunk hunk = { 0 };

	while (line < end) {
		const char *stop = line_end(text, line);

		if (!parse_hunk(line, stop, &hunk) && (hunk.old || hunk.fresh))
			take_marked(plain, line, (size_t)(stop - line), &hunk);
		else
			bytes_append(plain, line, (size_t)(stop - line));
		if (stop < end)
			bytes_append(plain, "\n", 1);
		line = stop + 1;
	}
	return plain;
}

/* -- all of it ----------------------------------------------------------------------------- */

#define COMMAND_MAX 80u /* the title of a window, for example */

/* Behind ESC ]: to BEL, or to ESC \\. */
static size_t command_length(const char *at, size_t left)
{
	for (size_t n = 2; n < left && n < COMMAND_MAX; n++)
		if (at[n] == '\a' || (at[n] == 0x1b && n + 1 < left && at[n + 1] == '\\'))
			return at[n] == '\a' ? n + 1 : n + 2;
	return 2;
}

/* ECMA-48, control sequences: ESC [, parameters, one letter; or ESC, and what is between. */
static size_t sequence_length(const char *at, size_t left)
{
	size_t n = 1;

	if (left > 1 && at[1] == ']')
		return command_length(at, left);
	if (left > 1 && at[1] == '[')
		n++;
	while (n < left && at[n] >= ' ' && at[n] <= '?' && (n > 1 || at[n] < '0'))
		n++;
	return n < left ? n + 1 : n;
}

/* `cat -v` and some editors show ESC as ^[. 0: there is none. */
static size_t escape_length(const char *at, size_t left)
{
	if (left >= 2 && *at == 0x1b)
		return sequence_length(at, left);
	return left >= 4 && !memcmp(at, "^[[", 3) ? 1 + sequence_length(at + 1, left - 1) : 0;
}

/* "&#58;" or "&#x3a;": returns its length; 0: there is none. */
static size_t number_length(const char *at, size_t left, unsigned *ret_value)
{
	bool hex = left > 3 && (at[2] == 'x' || at[2] == 'X');
	size_t start = hex ? 3 : 2, n = start;

	if (left < 4 || at[0] != '&' || at[1] != '#')
		return 0;
	*ret_value = 0;
	while (n < left && n < start + 5 &&
	       (hex ? g_ascii_isxdigit(at[n]) : g_ascii_isdigit(at[n])))
		*ret_value = *ret_value * (hex ? 16 : 10) + (unsigned)g_ascii_xdigit_value(at[n++]);
	return n > start && n < left && at[n] == ';' && *ret_value <= G_MAXUINT16 ? n + 1 : 0;
}

static size_t replace_number(struct bytes *plain, const char *at, size_t left)
{
	unsigned value;
	size_t n = number_length(at, left, &value);

	if (n)
		append_character(plain,
				 value == 0xa0 || value == '\t' || value == '\r' ? ' ' : value);
	return n;
}

/* Spaces of a certain width; and the no-break space of ISO 8859-1, which is no part of UTF-8. */
static size_t space_length(const struct bytes *plain, const char *at, size_t left)
{
	if (left >= 3 && !memcmp(at, "\xe2\x80", 2) && (uint8_t)at[2] >= 0x80 &&
	    (uint8_t)at[2] <= 0x8a)
		return 3;
	return *at == '\xa0' && (!plain->len || plain->data[plain->len - 1] < 0x80);
}

static size_t replace_at(struct bytes *plain, const char *at, size_t left)
{
	size_t n = space_length(plain, at, left);

	if (n)
		bytes_append(plain, " ", 1);
	else
		n = replace_number(plain, at, left);
	for (size_t k = 0; !n && k < G_N_ELEMENTS(replaced); k++) {
		size_t length = strlen(replaced[k].from);

		if (length > left || *at != *replaced[k].from ||
		    memcmp(at, replaced[k].from, length) != 0)
			continue;
		bytes_append(plain, replaced[k].to, strlen(replaced[k].to));
		n = length;
	}
	return n ? n : escape_length(at, left);
}

/* WinDbg prints 64 bits as 00000094`52414d44. */
static bool is_inside_number(const struct bytes *plain, const uint8_t *at, size_t left)
{
	return plain->len && g_ascii_isxdigit(plain->data[plain->len - 1]) && left > 1 &&
	       g_ascii_isxdigit(at[1]);
}

/* Nothing that is replaced begins with it. */
static bool is_plain(uint8_t byte)
{
	return byte == '\n' ||
	       (byte >= ' ' && byte < 0x7f && byte != '&' && byte != '<' && byte != '^');
}

static struct bytes *replace_all(const uint8_t *bytes, size_t length)
{
	struct bytes *plain = bytes_new_sized(length + 1);
	size_t n;

	for (size_t i = 0; i < length; i += n) {
		uint8_t byte = bytes[i];

		n = 1;
		if (byte == '`' && is_inside_number(plain, bytes + i, length - i))
			continue;
		if (is_plain(byte)) {
			bytes_append(plain, &byte, 1);
			continue;
		}
		n = replace_at(plain, (const char *)bytes + i, length - i);
		if (n)
			continue;
		n = 1;
		if (byte == '\b' && plain->len && plain->data[plain->len - 1] != '\n') {
			bytes_set_size(plain, plain->len - 1);
			continue;
		}
		if (byte < ' ')
			byte = ' ';
		bytes_append(plain, &byte, 1);
	}
	return plain;
}

/* A log, YAML and Python print a text of several lines as one string. */
static bool has_line_ends(const struct bytes *text)
{
	return has_text(text, "\\n");
}

/* In this order: a mail may have a page. Entities that stand for `<` are replaced behind it. */
static const struct {
	bool (*is)(const struct bytes *text);
	struct bytes *(*decode)(const struct bytes *text);
} encodings[] = {
	{ is_quoted_printable, unquote },
	{ is_json, unescape },
	{ is_page, without_tags },
	{ is_difference, newer_text },
};

/* In UTF-8, and with \n where Windows and mails have \r\n. */
static struct bytes *to_utf8(const uint8_t *bytes, size_t length)
{
	unsigned half = utf16_half(bytes, length);
	struct bytes *text = half ? from_utf16(bytes, length, half) : bytes_new_sized(length);
	size_t n = 0;

	if (!half)
		bytes_append(text, bytes, length);
	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] != '\r' || i + 1 == text->len || text->data[i + 1] != '\n')
			text->data[n++] = text->data[i];
	bytes_set_size(text, n);
	return text;
}

static size_t count_lines(const struct bytes *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->len; i++)
		n += text->data[i] == '\n' || text->data[i] == '\r';
	return n;
}

/* Each step only adds line ends, or only removes some. */
static void replace_text(struct bytes **text, struct bytes *next, struct cleaning *cleaning)
{
	cleaning->moves_lines |= count_lines(*text) != count_lines(next);
	bytes_free(*text);
	*text = next;
}

struct bytes *clean_text(const uint8_t *bytes, size_t length, struct cleaning *cleaning)
{
	struct bytes *text = to_utf8(bytes, length);

	for (size_t i = 0; i < G_N_ELEMENTS(encodings); i++) {
		bool escapes = encodings[i].decode == unescape;
		bool is = encodings[i].is(text) ||
			  (escapes && cleaning->tries_escapes && has_line_ends(text));

		if (!is || (escapes && cleaning->keeps_escapes))
			continue;
		cleaning->unescapes |= escapes;
		replace_text(&text, encodings[i].decode(text), cleaning);
	}
	replace_text(&text, replace_all(text->data, text->len), cleaning);
	if (cleaning->splits_lines)
		replace_text(&text, split_joined(text), cleaning);
	return text;
}
