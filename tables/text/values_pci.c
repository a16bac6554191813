/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kinds of PCI values in the text form: functions, buses, segments
 *
 * Functions are written as lspci writes them, 0000:00:01.0, and ranges are first-last. A range over
 * several segments has them in a key of its own, `segments`, and its functions then have none.
 */
#include <inttypes.h>

#include "base/strbuf.h"
#include "text.h"

#define SEGMENT_SHIFT 16

#define FUNCTION_LIMITS "segment 0000 to ffff, bus 00 to ff, device 00 to 1f, function 0 to 7"

static enum scan read_function(const struct text_key *key, const char *text,
			       struct object_builder *builder)
{
	struct function function;
	enum scan scan = scan_function(&text, &function);

	scan = scan_end(scan, text);
	if (scan != SCAN_OK)
		return scan;
	MEMBER(uint16_t, key, 0, builder->object) = function.segment;
	MEMBER(uint16_t, key, 1, builder->object) = function.bdf;
	return SCAN_OK;
}

/* With the segment, so that the text can be searched. */
static bool write_function(const struct text_key *key, const void *object, struct strbuf *out)
{
	put_function(out, MEMBER(uint16_t, key, 0, object), MEMBER(uint16_t, key, 1, object));
	return true;
}

const struct text_kind text_function = {
	.what = "a PCI function",
	.example = "0000:00:01.0",
	.limits = FUNCTION_LIMITS,
	.read = read_function,
	.write = write_function,
};

enum { SEGMENT_FIRST, SEGMENT_LAST, BDF_FIRST, BDF_LAST };

/* Decimal or with 0x, unlike in a function. */
static enum scan read_segments(const struct text_key *key, const char *text,
			       struct object_builder *builder)
{
	uint64_t range[2];
	enum scan scan = scan_range(text, UINT16_MAX, scan_number, range);

	if (scan == SCAN_OK) {
		MEMBER(uint16_t, key, SEGMENT_FIRST, builder->object) = (uint16_t)range[0];
		MEMBER(uint16_t, key, SEGMENT_LAST, builder->object) = (uint16_t)range[1];
	}
	return scan;
}

/* A single segment is written with the functions. */
static bool write_segments(const struct text_key *key, const void *object, struct strbuf *out)
{
	uint16_t first = MEMBER(uint16_t, key, SEGMENT_FIRST, object);
	uint16_t last = MEMBER(uint16_t, key, SEGMENT_LAST, object);

	strbuf_append_printf(out, "%u-%u", first, last);
	return first != last;
}

/* An inverted range means that `functions` gives the segment. */
static void absent_segments(const struct text_key *key, void *object)
{
	MEMBER(uint16_t, key, SEGMENT_FIRST, object) = 1;
	MEMBER(uint16_t, key, SEGMENT_LAST, object) = 0;
}

const struct text_kind text_segments = {
	.what = "segments first-last",
	.example = "0-1",
	.limits = "0 to 0xffff",
	.read = read_segments,
	.write = write_segments,
	.absent = absent_segments,
};

/*
 * The last function may omit the segment, and otherwise must have the same one. A range over
 * several segments is not an interval of functions, and needs `segments`.
 */
static enum scan function_range(const char *text, struct function *ret_first, uint16_t *ret_last)
{
	struct function first, last;
	enum scan scan = scan_function(&text, &first);

	if (scan != SCAN_OK)
		return scan;
	last = first;
	if (scan_dash(&text))
		scan = scan_function(&text, &last);
	scan = scan_end(scan, text);
	if (scan != SCAN_OK)
		return scan;
	if (last.has_segment && last.segment != first.segment)
		return SCAN_SYNTAX;
	if (last.bdf < first.bdf)
		return SCAN_INVERTED;
	*ret_first = first;
	*ret_last = last.bdf;
	return SCAN_OK;
}

/* The segment is given here, by a preceding text_segments key, or by both alike. */
static bool take_segment(const struct text_key *key, const struct function *function, void *object)
{
	uint16_t *first = text_member(key, SEGMENT_FIRST, object);
	uint16_t *last = text_member(key, SEGMENT_LAST, object);

	if (first != last && *first <= *last)
		return !function->has_segment ||
		       (function->segment == *first && function->segment == *last);
	*first = *last = function->segment;
	return true;
}

static enum scan read_functions(const struct text_key *key, const char *text,
				struct object_builder *builder)
{
	struct function first;
	uint16_t last = 0;
	enum scan scan = function_range(text, &first, &last);

	if (scan != SCAN_OK)
		return scan;
	if (!take_segment(key, &first, builder->object))
		return SCAN_SYNTAX;
	MEMBER(uint16_t, key, BDF_FIRST, builder->object) = first.bdf;
	MEMBER(uint16_t, key, BDF_LAST, builder->object) = last;
	return SCAN_OK;
}

/* The shortest form: no segment if `segments` gives it, no last function if there is one. */
static bool write_functions(const struct text_key *key, const void *object, struct strbuf *out)
{
	uint16_t segment = MEMBER(uint16_t, key, SEGMENT_FIRST, object);
	uint16_t first = MEMBER(uint16_t, key, BDF_FIRST, object);
	uint16_t last = MEMBER(uint16_t, key, BDF_LAST, object);

	if (MEMBER(uint16_t, key, SEGMENT_LAST, object) == segment)
		strbuf_append_printf(out, "%04x:", segment);
	put_bdf(out, first);
	if (last != first) {
		strbuf_append_char(out, '-');
		put_bdf(out, last);
	}
	return true;
}

const struct text_kind text_functions = {
	.what = "PCI functions first-last of one segment, which `segments` may name instead",
	.example = "0000:10:00.0-10:1f.7",
	.limits = FUNCTION_LIMITS,
	.read = read_functions,
	.write = write_functions,
};

/* Hexadecimal without a prefix, as in lspci. */
static enum scan read_buses(const struct text_key *key, const char *text,
			    struct object_builder *builder)
{
	uint64_t range[2];
	enum scan scan = scan_range(text, UINT8_MAX, scan_hex, range);

	if (scan == SCAN_OK) {
		MEMBER(uint8_t, key, 0, builder->object) = (uint8_t)range[0];
		MEMBER(uint8_t, key, 1, builder->object) = (uint8_t)range[1];
	}
	return scan;
}

static bool write_buses(const struct text_key *key, const void *object, struct strbuf *out)
{
	uint8_t first = MEMBER(uint8_t, key, 0, object), last = MEMBER(uint8_t, key, 1, object);

	strbuf_append_printf(out, first == last ? "%02x" : "%02x-%02x", first, last);
	return true;
}

const struct text_kind text_buses = {
	.what = "bus numbers first-last, hexadecimal without 0x",
	.example = "00-7f",
	.limits = "00 to ff",
	.read = read_buses,
	.write = write_buses,
};

/* Bus 0 is below no bridge, so 0 stands for unknown. */
static bool write_below(const struct text_key *key, const void *object, struct strbuf *out)
{
	return write_buses(key, object, out) && MEMBER(uint8_t, key, 0, object);
}

const struct text_kind text_below = {
	.what = "bus numbers first-last, hexadecimal without 0x",
	.example = "01-05",
	.limits = "00 to ff",
	.read = read_buses,
	.write = write_below,
};

/* The ID that the functions would have on a host bridge. */
static uint32_t default_first_id(const struct viommu_pci_range *range)
{
	return (uint32_t)range->segment_first << SEGMENT_SHIFT | range->bdf_first;
}

static bool write_first_id(const struct text_key *key, const void *object, struct strbuf *out)
{
	text_write_id(key, object, out);
	return MEMBER(uint32_t, key, 0, object) != default_first_id(object);
}

static void absent_first_id(const struct text_key *key, void *object)
{
	MEMBER(uint32_t, key, 0, object) = default_first_id(object);
}

const struct text_kind text_first_id = {
	.what = "a number",
	.example = "0x1000",
	.limits = "0 to 0xffffffff",
	.json = TEXT_JSON_NUMBER,
	.read = text_read_number,
	.write = write_first_id,
	.absent = absent_first_id,
};
