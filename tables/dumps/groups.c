/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Groups of digits: how programs print bytes
 *
 * hexdump prints words in the order of the machine, xxd in that of the file, od in octal. The first
 * group of a dump decides: only one form makes the signature of a table out of it.
 */
#include <string.h>

#include <glib.h>

#include "dumps.h"

#define LENGTH_LEAST 36u
#define LENGTH_MOST  (64u << 20)
#define BEGIN_LENGTH 8u
#define SURE         UINT32_MAX

/* Of two forms that fit, the first is taken. */
const struct form forms[] = {
	{ .radix = 16, .min = 2, .max = 2, .width = 1, .gap = 3 },
	{ .radix = 16, .min = 4, .max = 4, .width = 2, .big = true, .gap = 4 },
	{ .radix = 16, .min = 4, .max = 4, .width = 2, .gap = 4 },
	{ .radix = 16, .min = 8, .max = 8, .width = 4, .gap = 9 },
	{ .radix = 16, .min = 8, .max = 8, .width = 4, .big = true, .gap = 9 },
	{ .radix = 16, .min = 16, .max = 16, .width = 8, .gap = 4 },
	{ .radix = 16, .min = 16, .max = 16, .width = 8, .big = true, .gap = 4 },
	{ .radix = 8, .min = 3, .max = 3, .width = 1, .gap = 2 },
	{ .radix = 8, .min = 6, .max = 6, .width = 2, .gap = 4 },
	{ .radix = 8, .min = 11, .max = 11, .width = 4, .gap = 4 },
	{ .radix = 16, .min = 1, .max = 3, .width = 1, .marked = true, .gap = 8 },
	{ .radix = 10, .min = 1, .max = 3, .width = 1, .gap = 4 },
	{ .radix = 10, .min = 1, .max = 5, .width = 2, .gap = 8 },
	{ .radix = 10, .min = 1, .max = 10, .width = 4, .gap = 12 },
	{ .radix = 10, .min = 1, .max = 20, .width = 8, .gap = 22 },
	{ .radix = 8, .min = 22, .max = 22, .width = 8, .gap = 4 },
	{ .radix = 2, .min = 8, .max = 8, .width = 1, .gap = 2 },
	{ .radix = 16, .min = 32, .max = G_MAXUINT, .big = true, .gap = 2 },
};
const size_t n_forms = G_N_ELEMENTS(forms);

static bool is_word(char letter)
{
	return g_ascii_isalnum(letter) || letter == '_';
}

bool is_word_start(const char *text, const char *at)
{
	return at == text || !is_word(at[-1]);
}

static int digit_value(char letter, unsigned radix)
{
	int value = g_ascii_xdigit_value(letter);

	return value < (int)radix ? value : -1;
}

/* 0x, 0X, \x, &H, $, # */
static size_t prefix_length(const char *at, const char *end)
{
	if (end - at >= 2 && (((*at == '0' || *at == '\\') && (at[1] == 'x' || at[1] == 'X')) ||
			      (*at == '&' && at[1] == 'H')))
		return 2;
	return end > at && (*at == '$' || *at == '#');
}

static void add_value(const struct form *form, uint64_t value, size_t width, uint8_t *bytes)
{
	for (size_t i = 0; i < width; i++)
		bytes[form->big ? width - 1 - i : i] = (uint8_t)(value >> (8 * i));
}

/* Two digits a byte, any number of them. */
static bool add_pairs(const char *digits, size_t n_digits, uint8_t *bytes, size_t room, size_t *n)
{
	if (n_digits % 2)
		return false;
	for (size_t i = 0; i < n_digits && *n < room; i += 2)
		bytes[(*n)++] = (uint8_t)(g_ascii_xdigit_value(digits[i]) << 4 |
					  g_ascii_xdigit_value(digits[i + 1]));
	return true;
}

static bool add_digits(const struct form *form, const char *digits, size_t n_digits, uint8_t *bytes,
		       size_t room, size_t *n)
{
	/* xxd ends with a group of fewer bytes. */
	size_t width = n_digits < form->min ? n_digits / 2 : form->width;
	uint64_t value = 0;

	if (!form->width)
		return add_pairs(digits, n_digits, bytes, room, n);
	for (size_t i = 0; i < n_digits; i++)
		value = value * form->radix + (uint64_t)digit_value(digits[i], form->radix);
	if ((width < 8 && value >> (8 * width)) || *n + width > room)
		return false;
	add_value(form, value, width, bytes + *n);
	*n += width;
	return true;
}

/* A group that is shorter than its form is the last one. */
static bool fits(const struct form *form, size_t n_digits, size_t n)
{
	if (n_digits > form->max || !n_digits)
		return false;
	if (!form->width)
		return true;
	return n_digits >= form->min ||
	       (form->radix == 16 && (n || form->partial) && n_digits % 2 == 0);
}

/* h and U of assemblers and C, u8 of Rust. Returns the length. */
static size_t suffix_length(const char *at, const char *end)
{
	static const char *const suffixes[] = { "_u8", "u8", "h", "H", "u", "U" };

	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		size_t n = strlen(suffixes[i]);

		if ((size_t)(end - at) >= n && !memcmp(at, suffixes[i], n))
			return n;
	}
	return 0;
}

/* What a program prints as a number with a sign. */
static const char *signed_value(const struct form *form, const char *at, const char *end,
				uint8_t *bytes, size_t room, size_t *n)
{
	uint64_t most = (uint64_t)1 << (8 * form->width - 1), value = 0;

	while (at < end && value <= most / 10 && g_ascii_isdigit(*at))
		value = value * 10 + (uint64_t)(*at++ - '0');
	if (!value || value > most || *n + form->width > room || (at < end && is_word(*at)))
		return NULL;
	add_value(form, -value, form->width, bytes + *n);
	*n += form->width;
	return at;
}

const char *group_parse(const struct form *form, const char *at, const char *end, uint8_t *bytes,
			size_t room, size_t *n)
{
	size_t prefix = prefix_length(at, end), n_digits = 0, suffix;
	const char *digits = at + prefix, *after;

	if (form->radix == 10 && at < end && *at == '-')
		return signed_value(form, at + 1, end, bytes, room, n);
	while (digits + n_digits < end && digit_value(digits[n_digits], form->radix) >= 0)
		n_digits++;
	after = digits + n_digits;
	suffix = suffix_length(after, end);
	prefix += suffix;
	after += suffix;
	if ((after < end && is_word(*after)) || (form->marked && !prefix) ||
	    (form->radix != 16 && prefix) || !fits(form, n_digits, *n))
		return NULL;
	return add_digits(form, digits, n_digits, bytes, room, n) ? after : NULL;
}

/* Spaces, one comma with spaces, or one dash as in the middle of a debugger's line. */
static const char *skip_separator(const struct form *form, const char *at, const char *end)
{
	const char *start = at;
	bool comma = at < end && *at == ',';

	at += comma;
	while (at < end && *at == ' ')
		at++;
	if ((size_t)(at - start) > form->gap && !comma)
		return NULL;
	if (at == start && at < end && *at == '-')
		return at + 1;
	return at > start && at < end ? at : NULL;
}

size_t groups_parse(const struct form *form, const char *at, const char *end, uint8_t *bytes,
		    size_t room)
{
	size_t n = 0;

	while (at && n < room) {
		at = group_parse(form, at, end, bytes, room, &n);
		if (at)
			at = skip_separator(form, at, end);
	}
	return n;
}

/* -- the first bytes ----------------------------------------------------------------------------
 */

static uint32_t load32(const uint8_t *bytes, bool big)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 4; i++)
		value |= (uint32_t)bytes[i] << (big ? 24 - 8 * i : 8 * i);
	return value;
}

static bool is_signature(const uint8_t *bytes)
{
	for (unsigned i = 0; i < 4; i++)
		if (!g_ascii_isupper((gchar)bytes[i]) && bytes[i] != '_' && bytes[i] != '!' &&
		    (!i || !g_ascii_isdigit((gchar)bytes[i])))
			return false;
	return true;
}

static bool is_tree(const uint8_t *bytes)
{
	return !memcmp(bytes, "\xd0\x0d\xfe\xed", 4);
}

uint32_t dump_length(const uint8_t *header)
{
	return load32(header + 4, is_tree(header));
}

/* What tables of a machine have to do with IOMMUs, and those that are in every dump. */
static const char usual[][5] = {
	"DMAR", "IVRS", "IORT", "VIOT", "RIMT", "IOVT", "APIC", "MCFG", "SRAT",
	"APMT", "DSDT", "SSDT", "FACP", "FACS", "XSDT", "RSDT", "HPET", "BGRT",
};

static bool is_common(const uint8_t *bytes)
{
	for (size_t i = 0; i < G_N_ELEMENTS(usual); i++)
		if (!memcmp(usual[i], bytes, 4))
			return true;
	return false;
}

/*
 * Bytes in the wrong order can make another signature: of several forms, the one with a signature
 * that is usual, or else the shortest table.
 */
uint32_t dump_begins(const uint8_t *bytes, size_t n)
{
	bool tree = n >= 4 && is_tree(bytes);
	uint32_t length;

	if (n >= BEGIN_LENGTH && !memcmp(bytes, "RSD PTR ", BEGIN_LENGTH))
		return SURE;
	if (n < 4 || (!tree && !is_signature(bytes)))
		return 0;
	if (n < BEGIN_LENGTH)
		return is_common(bytes) ? SURE : 1;
	length = dump_length(bytes);
	if (length < LENGTH_LEAST || length > LENGTH_MOST)
		return 0;
	return tree || is_common(bytes) ? SURE : SURE - length;
}
