/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scanning scalars of the text form: numbers and PCI functions
 *
 * PCI functions are hexadecimal without 0x, as lspci prints them. All other numbers are decimal, or
 * hexadecimal with 0x.
 */
#include <string.h>

#include "base/pci.h"
#include "base/strbuf.h"
#include "scan.h"

#define DECIMAL     10
#define HEXADECIMAL 16

#define MAX_SEGMENT  0xffff
#define MAX_BUS      0xff
#define MAX_DEVICE   0x1f
#define MAX_FUNCTION 7

#define BUS_SHIFT    8
#define DEVICE_SHIFT 3

/*
 * All digits are read even after an overflow, so that the result is SCAN_BEYOND and not
 * SCAN_SYNTAX.
 */
static enum scan scan_digits(const char **at, unsigned base, uint64_t limit, uint64_t *ret_number)
{
	const char *c = *at;
	uint64_t number = 0;
	bool beyond = false;

	for (; g_ascii_isxdigit(*c); c++) {
		unsigned digit = (unsigned)g_ascii_xdigit_value(*c);

		if (digit >= base)
			break;
		beyond = beyond || number > (UINT64_MAX - digit) / base;
		number = number * base + digit;
	}
	if (c == *at)
		return SCAN_SYNTAX;
	if (beyond || number > limit)
		return SCAN_BEYOND;
	*at = c;
	*ret_number = number;
	return SCAN_OK;
}

/* YAML 1.1 takes a leading zero for octal, YAML 1.2 does not: refuse it. */
enum scan scan_number(const char **at, uint64_t limit, uint64_t *ret_number)
{
	static const char prefix[] = "0x";
	const char *c = *at;
	enum scan scan;

	if (!g_ascii_strncasecmp(c, prefix, strlen(prefix))) {
		c += strlen(prefix);
		scan = scan_digits(&c, HEXADECIMAL, limit, ret_number);
	} else if (c[0] == '0' && g_ascii_isdigit(c[1])) {
		scan = SCAN_SYNTAX;
	} else {
		scan = scan_digits(&c, DECIMAL, limit, ret_number);
	}
	if (scan == SCAN_OK)
		*at = c;
	return scan;
}

enum scan scan_hex(const char **at, uint64_t limit, uint64_t *ret_number)
{
	return scan_digits(at, HEXADECIMAL, limit, ret_number);
}

bool scan_dash(const char **at)
{
	const char *c = *at;

	while (*c == ' ')
		c++;
	if (*c++ != '-')
		return false;
	while (*c == ' ')
		c++;
	*at = c;
	return true;
}

enum scan scan_range(const char *text, uint64_t limit,
		     enum scan (*scan_one)(const char **, uint64_t, uint64_t *),
		     uint64_t ret_range[2])
{
	uint64_t first = 0, last = 0;
	enum scan scan = scan_one(&text, limit, &first);

	last = first;
	if (scan == SCAN_OK && scan_dash(&text))
		scan = scan_one(&text, limit, &last);
	scan = scan_end(scan, text);
	if (scan != SCAN_OK)
		return scan;
	if (last < first)
		return SCAN_INVERTED;
	ret_range[0] = first;
	ret_range[1] = last;
	return SCAN_OK;
}

/* The numbers before the dot; the segment is optional. */
enum { SEGMENT, BUS, DEVICE, N_PARTS };

/* Two numbers are bus and device, three begin with the segment. */
static enum scan scan_parts(const char **at, uint64_t parts[N_PARTS], unsigned *ret_n)
{
	unsigned n = 0;

	for (;;) {
		enum scan scan = scan_hex(at, UINT64_MAX, &parts[n]);

		if (scan != SCAN_OK)
			return scan;
		if (++n == N_PARTS || **at != ':')
			break;
		(*at)++;
	}
	*ret_n = n;
	return SCAN_OK;
}

/* The parts are bounded after all are read, so that 00:20.0 is out of range and not malformed. */
enum scan scan_function(const char **at, struct function *ret_function)
{
	uint64_t parts[N_PARTS], number;
	const char *c = *at;
	unsigned n;
	enum scan scan = scan_parts(&c, parts, &n);

	if (scan != SCAN_OK)
		return scan;
	if (n <= BUS || *c++ != '.')
		return SCAN_SYNTAX;
	if (n == DEVICE) {
		memmove(&parts[BUS], &parts[SEGMENT], sizeof(parts) - sizeof(parts[SEGMENT]));
		parts[SEGMENT] = 0;
	}
	scan = scan_hex(&c, MAX_FUNCTION, &number);
	if (scan != SCAN_OK)
		return scan;
	if (parts[SEGMENT] > MAX_SEGMENT || parts[BUS] > MAX_BUS || parts[DEVICE] > MAX_DEVICE)
		return SCAN_BEYOND;
	*at = c;
	ret_function->has_segment = n == N_PARTS;
	ret_function->segment = (uint16_t)parts[SEGMENT];
	ret_function->bdf =
		(uint16_t)(parts[BUS] << BUS_SHIFT | parts[DEVICE] << DEVICE_SHIFT | number);
	return SCAN_OK;
}

/* The canonical form, so that it can be searched for. */
void put_bdf(struct strbuf *out, unsigned bdf)
{
	strbuf_append_hex(out, bdf >> 8 & 0xff, 2);
	strbuf_append_char(out, ':');
	strbuf_append_hex(out, bdf >> 3 & 0x1f, 2);
	strbuf_append_char(out, '.');
	strbuf_append_hex(out, bdf & 7, 1);
}

void put_function(struct strbuf *out, uint16_t segment, uint16_t bdf)
{
	strbuf_append_hex(out, segment, 4);
	strbuf_append_char(out, ':');
	put_bdf(out, bdf);
}
