/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_TEXT_SCAN_H
#define VIOMMU_TABLES_TEXT_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/strbuf.h"

/* What came of reading a value. */
enum scan {
	SCAN_OK,
	SCAN_SYNTAX,   /* it is not what it should be */
	SCAN_BEYOND,   /* it is, but too large */
	SCAN_INVERTED, /* a range that ends before it begins */
};

struct function {
	bool has_segment; /* it was written down */
	uint16_t segment, bdf;
};

/*
 * Each reads one thing at `*at` and moves it behind that, unless there is none. Values at
 * `ret_` are not touched on failure.
 */

/* 4096 or 0x1000: a decimal number does not begin with 0, which other readers take for octal. */
enum scan scan_number(const char **at, uint64_t limit, uint64_t *ret_number);

/* Hexadecimal digits without 0x. */
enum scan scan_hex(const char **at, uint64_t limit, uint64_t *ret_number);

/* 0001:03:00.0 or 03:00.0 (segment 0) */
enum scan scan_function(const char **at, struct function *ret_function);

/* FIRST-LAST, or FIRST for both, in a whole text; one of the two above reads each. */
enum scan scan_range(const char *text, uint64_t limit,
		     enum scan (*scan_one)(const char **, uint64_t, uint64_t *),
		     uint64_t ret_range[2]);

/* What is left behind a value makes it something else. */
static inline enum scan scan_end(enum scan scan, const char *rest)
{
	return scan == SCAN_OK && *rest ? SCAN_SYNTAX : scan;
}

/* The '-' of a range, with or without blanks around it. */
bool scan_dash(const char **at);

/* And the way back: "0001:03:00.0", "03:00.0" */
void put_function(struct strbuf *out, uint16_t segment, uint16_t bdf);
void put_bdf(struct strbuf *out, unsigned bdf);

#endif
