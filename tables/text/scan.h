/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_TEXT_SCAN_H
#define VIOMMU_TABLES_TEXT_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/strbuf.h"

/* Scanning scalars: numbers, ranges and PCI functions */

/* The result of reading a value. */
enum scan {
	SCAN_OK,
	SCAN_SYNTAX,   /* malformed */
	SCAN_BEYOND,   /* well-formed, but too large */
	SCAN_INVERTED, /* the last of a range is smaller than the first */
};

struct function {
	bool has_segment; /* the text gives it */
	uint16_t segment, bdf;
};

/*
 * Each reads one value at `*at` and advances `*at` past it. On failure, neither `*at` nor `ret_`
 * changes.
 */

/* 4096 or 0x1000. Leading zeroes are refused, because some readers take them for octal. */
enum scan scan_number(const char **at, uint64_t limit, uint64_t *ret_number);

/* Hexadecimal digits without 0x. */
enum scan scan_hex(const char **at, uint64_t limit, uint64_t *ret_number);

/* 0001:03:00.0 or 03:00.0 (segment 0) */
enum scan scan_function(const char **at, struct function *ret_function);

/* The whole text is FIRST-LAST, or FIRST for both; scan_one is one of the two above. */
enum scan scan_range(const char *text, uint64_t limit,
		     enum scan (*scan_one)(const char **, uint64_t, uint64_t *),
		     uint64_t ret_range[2]);

/* A value with trailing characters is malformed. */
static inline enum scan scan_end(enum scan scan, const char *rest)
{
	return scan == SCAN_OK && *rest ? SCAN_SYNTAX : scan;
}

/* The '-' of a range, with or without spaces around it. */
bool scan_dash(const char **at);

/* Append "0001:03:00.0", or "03:00.0". */
void put_function(struct strbuf *out, uint16_t segment, uint16_t bdf);
void put_bdf(struct strbuf *out, unsigned bdf);

#endif
