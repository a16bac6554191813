/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_NUMBERS_H
#define VIOMMU_HOST_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Numbers as the kernel prints them
 *
 * A parser takes a whole text, and rejects numbers that are too large and trailing characters.
 */

/* With or without 0x. */
bool parse_hex(const char *text, uint64_t max, uint64_t *ret);
/* Three of them with spaces between, at the beginning of a text. */
bool parse_three_hex(const char *text, uint64_t *one, uint64_t *two, uint64_t *three);

bool parse_decimal(const char *text, int64_t min, int64_t max, int64_t *ret);

/* "0000:3b:00.0", "10000:e1:00.0" or "3b:00.0": the width of a number may vary. */
bool parse_function(const char *text, uint32_t *ret_segment, uint16_t *ret_bdf);

/* The same with a mandatory segment: a function's name in sysfs. */
bool parse_function_name(const char *text, uint32_t *ret_segment, uint16_t *ret_bdf);

/* "0000:3b:00.0"; g_free() it. */
char *function_text(uint32_t segment, uint16_t bdf);

/* The address at the start of a platform device's name: "3010000.iommu". */
bool parse_unit_address(const char *text, uint64_t *ret);

/* Compare names, and numbers in them by value: "dmar2" is before "dmar10". */
int compare_natural(const char *a, const char *b);

#define BDF_OF(bus, device, function) ((uint16_t)((bus) << 8 | (device) << 3 | (function)))
#define BUS_OF(bdf)                   ((uint8_t)((bdf) >> 8))

#endif
