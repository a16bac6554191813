/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kinds of values in the text form that speak of PCI: functions, buses, segments
 *
 * Functions are written as lspci writes them, 0000:00:01.0, and a range is first-last. A range
 * over several segments says them apart, in front: then its functions are written without.
 */
#include <inttypes.h>

#include "base/strbuf.h"
#include "text.h"

#define SEGMENT_SHIFT 16

#define FUNCTION_LIMITS "segment 0000 to ffff, bus 00 to ff, device 00 to 1f, function 0 to 7"

static enum scan read_function(const struct text_key *key, const char *text, struct draft *draft)
{
	struct function function;
	enum scan scan = scan_function(&text, &function);

	scan = scan_end(scan, text);
	if (scan != SCAN_OK)
		return scan;
	MEMBER(uint16_t, key, 0, draft->object) = function.segment;
	MEMBER(uint16_t, key, 1, draft->object) = function.bdf;
	return SCAN_OK;
}

/* Always with its segment, so that a line can be searched for without knowing where it stands. */
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

/*
 * Segments are numbers like others here, decimal or with 0x; within a function they are
 * hexadecimal.
 */
static enum scan read_segments(const struct text_key *key, const char *text, struct draft *draft)
{
	uint64_t range[2];
	enum scan scan = scan_range(text, UINT16_MAX, scan_number, range);

	if (scan == SCAN_OK) {
		MEMBER(uint16_t, key, SEGMENT_FIRST, draft->object) = (uint16_t)range[0];
		MEMBER(uint16_t, key, SEGMENT_LAST, draft->object) = (uint16_t)range[1];
	}
	return scan;
}

/* One segment is said with the functions, in front of them as lspci does it, and needs no key. */
static bool write_segments(const struct text_key *key, const void *object, struct strbuf *out)
{
	uint16_t first = MEMBER(uint16_t, key, SEGMENT_FIRST, object);
	uint16_t last = MEMBER(uint16_t, key, SEGMENT_LAST, object);

	strbuf_append_printf(out, "%u-%u", first, last);
	return first != last;
}

/* Nothing was said: an inverted range, until the functions say it. */
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
 * The last function need not repeat the segment. If it does, it is the same one: a range over
 * segments is not an interval of functions, and says so by `segments`.
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

/* Segments are said either here or by a text_segments key in front, or by both alike. */
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

/*
 * A segment in front of a function that is not the one of `segments` is refused: which of both is
 * meant, nobody can tell.
 */
static enum scan read_functions(const struct text_key *key, const char *text, struct draft *draft)
{
	struct function first;
	uint16_t last = 0;
	enum scan scan = function_range(text, &first, &last);

	if (scan != SCAN_OK)
		return scan;
	if (!take_segment(key, &first, draft->object))
		return SCAN_SYNTAX;
	MEMBER(uint16_t, key, BDF_FIRST, draft->object) = first.bdf;
	MEMBER(uint16_t, key, BDF_LAST, draft->object) = last;
	return SCAN_OK;
}

/*
 * The shortest that is read again as the same: no segment where `segments` has said it, no end
 * where there is one function.
 */
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

/* Hexadecimal without a prefix, as in lspci: bus 10 is 0x10. */
static enum scan read_buses(const struct text_key *key, const char *text, struct draft *draft)
{
	uint64_t range[2];
	enum scan scan = scan_range(text, UINT8_MAX, scan_hex, range);

	if (scan == SCAN_OK) {
		MEMBER(uint8_t, key, 0, draft->object) = (uint8_t)range[0];
		MEMBER(uint8_t, key, 1, draft->object) = (uint8_t)range[1];
	}
	return scan;
}

/* One bus is one number: nobody writes a range of it. */
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

/* Bus 0 is below no bridge, so 0 says that the buses are not known. */
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

/* The ID of a range is that of its functions on a host bridge, where nothing else is said. */
static uint32_t usual_first_id(const struct viommu_pci_range *range)
{
	return (uint32_t)range->segment_first << SEGMENT_SHIFT | range->bdf_first;
}

/* Said where it is not what the functions have anyway. */
static bool write_first_id(const struct text_key *key, const void *object, struct strbuf *out)
{
	text_write_id(key, object, out);
	return MEMBER(uint32_t, key, 0, object) != usual_first_id(object);
}

/* With IDs that count on from the function, ranges on host bridges say what their bridge says. */
static void absent_first_id(const struct text_key *key, void *object)
{
	MEMBER(uint32_t, key, 0, object) = usual_first_id(object);
}

const struct text_kind text_first_id = {
	.what = "a number",
	.example = "0x1000",
	.limits = "0 to 0xffffffff",
	.read = text_read_number,
	.write = write_first_id,
	.absent = absent_first_id,
};
