/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kinds of values in the text form: how each is read, and next to it how it is written
 *
 * A value that is written is read back unchanged. Readers accept several spellings, such as 64K for
 * a size and `on` for yes. Writers have one: addresses and IDs in hexadecimal, small numbers in
 * decimal.
 */
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "base/strbuf.h"
#include "text.h"

/* Trailing characters are an error: 0x10O0 is not 0x10. */
static enum scan whole_number(const char *text, uint64_t limit, uint64_t *ret_number)
{
	enum scan scan = scan_number(&text, limit, ret_number);

	return scan_end(scan, text);
}

/* -- text --------------------------------------------------------------------- */

/*
 * Does YAML need no quotes for it anywhere? Stricter than YAML itself: a final colon would make a
 * key, and other characters are indicators at the beginning.
 */
static bool is_plain(const char *text)
{
	static const char fine[] = "_./@+-\\:";

	if (!g_ascii_isalnum(*text) && !strchr("_/\\", *text))
		return false;
	for (; *text; text++)
		if (!g_ascii_isalnum(*text) && (!strchr(fine, *text) || (*text == ':' && !text[1])))
			return false;
	return true;
}

/* Escapes what a YAML reader would refuse or an editor would not show. */
static void put_quoted(struct strbuf *out, const char *text)
{
	static const gunichar largest_short = 0xffff;

	strbuf_append_char(out, '"');
	for (; *text; text = g_utf8_next_char(text)) {
		gunichar c = g_utf8_get_char(text);

		if (c == '"' || c == '\\')
			strbuf_append_printf(out, "\\%c", (int)c);
		else if (g_unichar_isprint(c))
			strbuf_append_unicode(out, c);
		else if (c <= largest_short)
			strbuf_append_printf(out, "\\u%04" PRIx32, c);
		else
			strbuf_append_printf(out, "\\U%08" PRIx32, c);
	}
	strbuf_append_char(out, '"');
}

/* YAML takes a missing value for null, so an empty text needs quotes. */
void text_put(struct strbuf *out, const char *text)
{
	if (*text && is_plain(text))
		strbuf_append(out, text);
	else
		put_quoted(out, text);
}

/* "none" stands for no IOMMU or ITS group, and so cannot be a name. */
static bool is_none(const char *text)
{
	return !strcmp(text, "none");
}

static enum scan read_name(const struct text_key *key, const char *text,
			   struct object_builder *builder)
{
	if (!*text || is_none(text))
		return SCAN_SYNTAX;
	MEMBER(const char *, key, 0, builder->object) = text;
	return SCAN_OK;
}

static bool write_name(const struct text_key *key, const void *object, struct strbuf *out)
{
	const char *name = MEMBER(const char *, key, 0, object);

	text_put(out, name ? name : "");
	return name;
}

const struct text_kind text_name = {
	.what = "a name other than \"none\"",
	.example = "viommu0",
	.json = TEXT_JSON_NAME,
	.read = read_name,
	.write = write_name,
};

/* In the model, NULL stands for none. */
static enum scan read_reference(const struct text_key *key, const char *text,
				struct object_builder *builder)
{
	if (!*text)
		return SCAN_SYNTAX;
	MEMBER(const char *, key, 0, builder->object) = is_none(text) ? NULL : text;
	return SCAN_OK;
}

/* The default is none, so the key is omitted. */
static bool write_reference(const struct text_key *key, const void *object, struct strbuf *out)
{
	const char *name = MEMBER(const char *, key, 0, object);

	text_put(out, name ? name : "none");
	return name;
}

const struct text_kind text_reference = {
	.what = "a name, or none",
	.example = "viommu0",
	.json = TEXT_JSON_NAME,
	.read = read_reference,
	.write = write_reference,
};

const struct text_kind text_its = {
	.what = "a name, or none",
	.example = "its0",
	.json = TEXT_JSON_NAME,
	.read = read_reference,
	.write = write_reference,
};

/* Bytes of a table need not be UTF-8: each byte is the character with its number. */
static enum scan read_bytes(const struct text_key *key, const char *text,
			    struct object_builder *builder)
{
	char *bytes = text_member(key, 0, builder->object);
	glong length = g_utf8_strlen(text, -1);

	if ((size_t)length >= key->room)
		return SCAN_BEYOND;
	for (const char *c = text; *c; c = g_utf8_next_char(c))
		if (g_utf8_get_char(c) > UINT8_MAX)
			return SCAN_SYNTAX;
	memset(bytes, 0, key->room);
	for (; *text; text = g_utf8_next_char(text))
		*bytes++ = (char)g_utf8_get_char(text);
	return SCAN_OK;
}

static bool write_bytes(const struct text_key *key, const void *object, struct strbuf *out)
{
	struct strbuf *text = strbuf_new(NULL);

	for (const char *byte = text_member(key, 0, object); *byte; byte++)
		strbuf_append_unicode(text, (uint8_t)*byte);
	put_quoted(out, text->str);
	strbuf_free(text);
	return true;
}

const struct text_kind text_bytes = {
	.what = "ASCII text",
	.example = "\"VIOMMU\"",
	.limits = "as many characters as the field of the table has",
	.json = TEXT_JSON_BYTES,
	.read = read_bytes,
	.write = write_bytes,
};

/* -- choices ------------------------------------------------------------------ */

static enum scan read_choice(const struct text_key *key, const char *text,
			     struct object_builder *builder)
{
	for (int i = 0; key->nth(i); i++)
		if (!strcmp(key->nth(i), text)) {
			MEMBER(int, key, 0, builder->object) = i;
			return SCAN_OK;
		}
	return SCAN_SYNTAX;
}

/* The first choice is the default. */
static bool write_choice(const struct text_key *key, const void *object, struct strbuf *out)
{
	int value = MEMBER(int, key, 0, object);

	strbuf_append(out, key->nth(value));
	return value;
}

const struct text_kind text_choice = {
	.what = "one of these",
	.read = read_choice,
	.write = write_choice,
};

/* The words of YAML 1.1; those at odd indices are true. */
static enum scan read_boolean(const struct text_key *key, const char *text,
			      struct object_builder *builder)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on" };

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (!g_ascii_strcasecmp(words[i], text)) {
			MEMBER(bool, key, 0, builder->object) = i & 1;
			return SCAN_OK;
		}
	return SCAN_SYNTAX;
}

static bool write_boolean(const struct text_key *key, const void *object, struct strbuf *out)
{
	bool value = MEMBER(bool, key, 0, object);

	strbuf_append(out, value ? "yes" : "no");
	return value;
}

const struct text_kind text_boolean = {
	.what = "yes or no",
	.example = "yes",
	.json = TEXT_JSON_BOOLEAN,
	.read = read_boolean,
	.write = write_boolean,
};

/* -- numbers ------------------------------------------------------------------ */

static enum scan read_segment(const struct text_key *key, const char *text,
			      struct object_builder *builder)
{
	uint64_t number = 0;
	enum scan scan = whole_number(text, UINT16_MAX, &number);

	if (scan == SCAN_OK)
		MEMBER(uint16_t, key, 0, builder->object) = (uint16_t)number;
	return scan;
}

/* Functions have hexadecimal segments, so a prefix tells them apart above 9. */
static bool write_segment(const struct text_key *key, const void *object, struct strbuf *out)
{
	static const uint16_t last_digit = 9;
	uint16_t segment = MEMBER(uint16_t, key, 0, object);

	strbuf_append_printf(out, segment > last_digit ? "0x%04x" : "%u", segment);
	return segment;
}

const struct text_kind text_segment = {
	.what = "a number",
	.example = "0",
	.limits = "0 to 0xffff",
	.json = TEXT_JSON_NUMBER,
	.read = read_segment,
	.write = write_segment,
};

enum scan text_read_number(const struct text_key *key, const char *text,
			   struct object_builder *builder)
{
	uint64_t number = 0;
	enum scan scan = whole_number(text, UINT32_MAX, &number);

	if (scan == SCAN_OK)
		MEMBER(uint32_t, key, 0, builder->object) = (uint32_t)number;
	return scan;
}

static bool write_number(const struct text_key *key, const void *object, struct strbuf *out)
{
	uint32_t number = MEMBER(uint32_t, key, 0, object);

	strbuf_append_printf(out, "%" PRIu32, number);
	return number;
}

/* The kinds of numbers of 32 bits. */
#define NUMBER_KIND(an_example, reads, writes) \
	{ \
		.what = "a number", .example = (an_example), .limits = "0 to 0xffffffff", \
		.json = TEXT_JSON_NUMBER, .read = (reads), .write = (writes) \
	}

const struct text_kind text_number = NUMBER_KIND("1", text_read_number, write_number);

/* Always written: 0 is a valid ID. */
bool text_write_id(const struct text_key *key, const void *object, struct strbuf *out)
{
	strbuf_append_printf(out, "0x%" PRIx32, MEMBER(uint32_t, key, 0, object));
	return true;
}

const struct text_kind text_id = NUMBER_KIND("0x1000", text_read_number, text_write_id);

static bool write_bits(const struct text_key *key, const void *object, struct strbuf *out)
{
	return text_write_id(key, object, out) && MEMBER(uint32_t, key, 0, object);
}

const struct text_kind text_bits = NUMBER_KIND("0x1000", text_read_number, write_bits);

/* Domain 0 is valid, so a separate member tells whether there is one. */
static enum scan read_domain(const struct text_key *key, const char *text,
			     struct object_builder *builder)
{
	enum scan scan = text_read_number(key, text, builder);

	if (scan == SCAN_OK)
		MEMBER(bool, key, 1, builder->object) = true;
	return scan;
}

static bool write_domain(const struct text_key *key, const void *object, struct strbuf *out)
{
	write_number(key, object, out);
	return MEMBER(bool, key, 1, object);
}

const struct text_kind text_domain = NUMBER_KIND("0", read_domain, write_domain);

/* As a domain, but hexadecimal. */
static bool write_input(const struct text_key *key, const void *object, struct strbuf *out)
{
	return text_write_id(key, object, out) && MEMBER(bool, key, 1, object);
}

const struct text_kind text_input = NUMBER_KIND("0x1000", read_domain, write_input);

/* Any 64-bit number: whether the object fits behind it is checked with the object. */
static enum scan read_address(const struct text_key *key, const char *text,
			      struct object_builder *builder)
{
	return whole_number(text, UINT64_MAX, &MEMBER(uint64_t, key, 0, builder->object));
}

static bool write_address(const struct text_key *key, const void *object, struct strbuf *out)
{
	strbuf_append_printf(out, "0x%" PRIx64, MEMBER(uint64_t, key, 0, object));
	return MEMBER(uint64_t, key, 0, object);
}

const struct text_kind text_address = {
	.what = "an address",
	.example = "0x10001000",
	.limits = "0 to 0xffffffffffffffff",
	.read = read_address,
	.write = write_address,
};

const struct text_kind text_wide_bits = {
	.what = "a number",
	.example = "0x1000",
	.limits = "0 to 0xffffffffffffffff",
	.read = read_address,
	.write = write_address,
};

/* Units are powers of 2. */
static enum scan read_size(const struct text_key *key, const char *text,
			   struct object_builder *builder)
{
	static const struct {
		const char *name;
		unsigned shift;
	} units[] = { { "", 0 },     { "K", 10 }, { "KiB", 10 }, { "M", 20 },
		      { "MiB", 20 }, { "G", 30 }, { "GiB", 30 } };
	uint64_t number = 0;
	enum scan scan = scan_number(&text, UINT64_MAX, &number);

	if (scan != SCAN_OK)
		return scan;
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
		if (!strcmp(units[i].name, text)) {
			if (number > UINT64_MAX >> units[i].shift)
				return SCAN_BEYOND;
			MEMBER(uint64_t, key, 0, builder->object) = number << units[i].shift;
			return SCAN_OK;
		}
	return SCAN_SYNTAX;
}

const struct text_kind text_size = {
	.what = "a number of bytes",
	.example = "64K",
	.limits = "up to 0xffffffffffffffff",
	.read = read_size,
	.write = write_address,
};

/* Both ends are inclusive, so that a range can reach the end of the address space. */
static enum scan read_addresses(const struct text_key *key, const char *text,
				struct object_builder *builder)
{
	uint64_t range[2];
	enum scan scan = scan_range(text, UINT64_MAX, scan_number, range);

	if (scan == SCAN_OK) {
		MEMBER(uint64_t, key, 0, builder->object) = range[0];
		MEMBER(uint64_t, key, 1, builder->object) = range[1];
	}
	return scan;
}

static bool write_addresses(const struct text_key *key, const void *object, struct strbuf *out)
{
	strbuf_append_printf(out, "0x%" PRIx64 "-0x%" PRIx64, MEMBER(uint64_t, key, 0, object),
			     MEMBER(uint64_t, key, 1, object));
	return true;
}

const struct text_kind text_addresses = {
	.what = "addresses first-last",
	.example = "0xfee00000-0xfeefffff",
	.limits = "0 to 0xffffffffffffffff",
	.read = read_addresses,
	.write = write_addresses,
};

static enum scan read_id_range(const struct text_key *key, const char *text,
			       struct object_builder *builder)
{
	uint64_t range[2];
	enum scan scan = scan_range(text, UINT32_MAX, scan_number, range);

	if (scan == SCAN_OK) {
		MEMBER(uint32_t, key, 0, builder->object) = (uint32_t)range[0];
		MEMBER(uint32_t, key, 1, builder->object) = (uint32_t)range[1];
	}
	return scan;
}

static bool write_id_range(const struct text_key *key, const void *object, struct strbuf *out)
{
	strbuf_append_printf(out, "0x%" PRIx32 "-0x%" PRIx32, MEMBER(uint32_t, key, 0, object),
			     MEMBER(uint32_t, key, 1, object));
	return true;
}

const struct text_kind text_id_range = {
	.what = "numbers first-last",
	.example = "0x0-0xffff",
	.limits = "0 to 0xffffffff",
	.read = read_id_range,
	.write = write_id_range,
};

/* 0-0 is valid, so a separate member tells whether there is a range. */
static enum scan read_some_ids(const struct text_key *key, const char *text,
			       struct object_builder *builder)
{
	enum scan scan = read_id_range(key, text, builder);

	if (scan == SCAN_OK)
		MEMBER(bool, key, 2, builder->object) = true;
	return scan;
}

static bool write_some_ids(const struct text_key *key, const void *object, struct strbuf *out)
{
	return write_id_range(key, object, out) && MEMBER(bool, key, 2, object);
}

const struct text_kind text_some_ids = {
	.what = "numbers first-last",
	.example = "0x0-0xffff",
	.limits = "0 to 0xffffffff",
	.read = read_some_ids,
	.write = write_some_ids,
};

/* -- lists of numbers --------------------------------------------------------- */

/* In YAML's flow style, on one line. */
static void write_list(struct strbuf *out, const uint32_t *numbers, size_t n)
{
	strbuf_append_char(out, '[');
	for (size_t i = 0; i < n; i++)
		strbuf_append_printf(out, i ? ", %" PRIu32 : "%" PRIu32, numbers[i]);
	strbuf_append_char(out, ']');
}

/* Allocated for all items at once; the reader owns it until the topology has copied it. */
static enum scan read_numbers(const struct text_key *key, const char *text,
			      struct object_builder *builder)
{
	uint32_t **numbers = text_member(key, 0, builder->object);
	uint64_t number = 0;
	enum scan scan = whole_number(text, UINT32_MAX, &number);

	if (scan != SCAN_OK)
		return scan;
	if (!builder->i) {
		*numbers = memory_new(uint32_t, builder->n);
		pointers_add(builder->owned, *numbers);
	}
	(*numbers)[builder->i] = (uint32_t)number;
	MEMBER(size_t, key, 1, builder->object) = builder->i + 1;
	return SCAN_OK;
}

static bool write_numbers(const struct text_key *key, const void *object, struct strbuf *out)
{
	write_list(out, MEMBER(const uint32_t *, key, 0, object), MEMBER(size_t, key, 1, object));
	return MEMBER(size_t, key, 1, object);
}

const struct text_kind text_numbers = {
	.what = "a list of numbers",
	.example = "[0, 1]",
	.limits = "0 to 0xffffffff",
	.many = true,
	.json = TEXT_JSON_NUMBERS,
	.read = read_numbers,
	.write = write_numbers,
};

/* In place, in a member of fixed size. */
static enum scan read_row(const struct text_key *key, const char *text,
			  struct object_builder *builder)
{
	uint32_t *numbers = text_member(key, 0, builder->object);
	uint64_t number = 0;
	enum scan scan = whole_number(text, UINT32_MAX, &number);

	if (scan != SCAN_OK)
		return scan;
	if (builder->i >= key->room)
		return SCAN_BEYOND;
	numbers[builder->i] = (uint32_t)number;
	MEMBER(unsigned, key, 1, builder->object) = (unsigned)builder->i + 1;
	return SCAN_OK;
}

static bool write_row(const struct text_key *key, const void *object, struct strbuf *out)
{
	unsigned n = MEMBER(unsigned, key, 1, object);

	write_list(out, text_member(key, 0, object), n);
	return n;
}

const struct text_kind text_row = {
	.what = "a list of numbers",
	.example = "[36, 37, 38, 39]",
	.limits = "at most 4 numbers, 0 to 0xffffffff",
	.many = true,
	.json = TEXT_JSON_NUMBERS,
	.read = read_row,
	.write = write_row,
};
