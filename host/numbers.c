/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parsing numbers and PCI functions as the kernel prints them
 *
 * Every parser takes a whole text and bounds the number, because files of a tree are untrusted.
 */
#include <inttypes.h>
#include <string.h>

#include <glib.h>

#include "base/pci.h"
#include "numbers.h"

#define DEVICE_MAX   0x1fu
#define FUNCTION_MAX 7u

/* The digits of a number up to its end; NULL if there are none or the number is too large. */
static const char *take_hex(const char *text, uint64_t max, uint64_t *ret)
{
	const char *at = text;
	uint64_t value = 0;

	for (; g_ascii_isxdigit(*at); at++) {
		uint64_t digit = (uint64_t)g_ascii_xdigit_value(*at);

		if (digit > max || value > (max - digit) / 16)
			return NULL;
		value = value * 16 + digit;
	}
	*ret = value;
	return at == text ? NULL : at;
}

bool parse_hex(const char *text, uint64_t max, uint64_t *ret)
{
	const char *end;

	if (g_str_has_prefix(text, "0x"))
		text += strlen("0x");
	end = take_hex(text, max, ret);
	return end && !*end;
}

bool parse_three_hex(const char *text, uint64_t *one, uint64_t *two, uint64_t *three)
{
	uint64_t *const numbers[] = { one, two, three };

	for (size_t i = 0; text && i < G_N_ELEMENTS(numbers); i++) {
		while (*text == ' ')
			text++;
		if (g_str_has_prefix(text, "0x"))
			text += strlen("0x");
		text = take_hex(text, UINT64_MAX, numbers[i]);
	}
	return text;
}

bool parse_unit_address(const char *text, uint64_t *ret)
{
	const char *end = take_hex(text, UINT64_MAX, ret);

	return end && *end == '.';
}

bool parse_decimal(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	gint64 value;

	if (!g_ascii_string_to_signed(text, 10, min, max, &value, NULL))
		return false;
	*ret = value;
	return true;
}

/* bus:device.function to the end of the text. */
static bool parse_bdf(const char *text, uint64_t bus, uint16_t *ret_bdf)
{
	uint64_t device, function;
	const char *at = take_hex(text, DEVICE_MAX, &device);

	if (!at || *at != '.')
		return false;
	at = take_hex(at + 1, FUNCTION_MAX, &function);
	if (!at || *at || bus > UINT8_MAX)
		return false;
	*ret_bdf = BDF_OF(bus, device, function);
	return true;
}

bool parse_function_name(const char *text, uint32_t *ret_segment, uint16_t *ret_bdf)
{
	uint64_t segment, bus;
	const char *at = take_hex(text, UINT32_MAX, &segment);

	if (!at || *at != ':')
		return false;
	at = take_hex(at + 1, UINT8_MAX, &bus);
	if (!at || *at != ':' || !parse_bdf(at + 1, bus, ret_bdf))
		return false;
	*ret_segment = (uint32_t)segment;
	return true;
}

bool parse_function(const char *text, uint32_t *ret_segment, uint16_t *ret_bdf)
{
	uint64_t bus;
	const char *at;

	if (parse_function_name(text, ret_segment, ret_bdf))
		return true;
	at = take_hex(text, UINT8_MAX, &bus);
	*ret_segment = 0;
	return at && *at == ':' && parse_bdf(at + 1, bus, ret_bdf);
}

char *function_text(uint32_t segment, uint16_t bdf)
{
	return g_strdup_printf("%04" PRIx32 ":" PCI_BDF, segment, PCI_BDF_PARTS(bdf));
}

int compare_natural(const char *a, const char *b)
{
	while (*a && *b) {
		if (g_ascii_isdigit(*a) && g_ascii_isdigit(*b)) {
			size_t n, m;
			int r;

			a += strspn(a, "0");
			b += strspn(b, "0");
			n = strspn(a, "0123456789");
			m = strspn(b, "0123456789");
			if (n != m)
				return n < m ? -1 : 1;
			r = strncmp(a, b, n);
			if (r != 0)
				return r;
			a += n;
			b += m;
		} else if (*a != *b) {
			return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
		} else {
			a++;
			b++;
		}
	}
	return *a ? 1 : *b ? -1 : 0;
}
