/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bytes of a table's source
 *
 * The lines are written one after the other, whatever their offsets and the layouts of viommu. So a
 * structure of any type can be added. The end of a block sets the values that depend on its length
 * and sum.
 */
#include <string.h>

#include <glib.h>

#include "base/array.h"
#include "tables/findings/findings.h"
#include "format.h"
#include "source.h"

#define DEPTH_MAX 16u
#define BYTES_MAX ((size_t)64 << 20)
#define WIDTH_MAX UINT16_MAX

/* A value to compute: where it is, and whose length or sum it depends on. */
struct computed {
	size_t at, width;
	unsigned depth; /* of its block */
	bool checksum;
};

struct assembly {
	const char *file;
	unsigned line;
	struct bytes *bytes;
	struct array *computed; /* struct computed, of open blocks */
	size_t starts[DEPTH_MAX];
	unsigned depth;
	bool keep; /* the numbers behind `length` and `checksum` */
	bool failed;
	struct viommu_findings *findings;
};

/* A line without the spaces around it. */
struct line {
	const char *at, *end;
};

static void report_error(struct assembly *assembly, const char *rule_id, const char *cure,
			 const char *text)
{
	report(assembly->findings, rule_id, place_in_text(assembly->file, assembly->line, 1), cure,
	       "%s", text);
	assembly->failed = true;
}

static void skip_spaces(struct line *line)
{
	while (line->at < line->end && g_ascii_isspace(*line->at))
		line->at++;
}

static bool starts_with(const struct line *line, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(line->end - line->at) >= n && !memcmp(line->at, word, n);
}

/* -- blocks --------------------------------------------------------------------------------- */

static void open_block(struct assembly *assembly)
{
	if (assembly->depth == DEPTH_MAX)
		report_error(assembly, "source-line", "end a structure before this one",
			     "structures are more than 16 deep");
	else
		assembly->starts[assembly->depth++] = assembly->bytes->len;
}

static void set_length(struct assembly *assembly, const struct computed *computed, uint64_t length)
{
	if (computed->width < sizeof(length) && length >> (8 * computed->width))
		report_error(assembly, "source-value", "make the structure shorter",
			     "the length of the structure does not fit into its field");
	else
		wire_store(assembly->bytes->data + computed->at, computed->width, length);
}

static void set_checksum(struct assembly *assembly, size_t at, size_t start)
{
	uint8_t sum = 0;

	for (size_t i = start; i < assembly->bytes->len; i++)
		sum = (uint8_t)(sum + assembly->bytes->data[i]);
	assembly->bytes->data[at] = (uint8_t)-sum;
}

/* Lengths first, for they are part of the sum. After one checksum, the others are 0. */
static void close_block(struct assembly *assembly)
{
	size_t n = assembly->computed->len, start, first = n;

	if (!assembly->depth) {
		report_error(assembly, "source-line", "remove the line", "no structure ends here");
		return;
	}
	start = assembly->starts[assembly->depth - 1];
	for (size_t i = n; i; i--) {
		const struct computed *computed =
			&array_index(assembly->computed, struct computed, i - 1);

		if (computed->depth != assembly->depth)
			break;
		first = i - 1;
		if (!computed->checksum)
			set_length(assembly, computed, assembly->bytes->len - start);
	}
	for (size_t i = first; i < n; i++) {
		const struct computed *computed =
			&array_index(assembly->computed, struct computed, i);

		if (computed->checksum) {
			set_checksum(assembly, computed->at, start);
			break;
		}
	}
	array_set_size(assembly->computed, first);
	assembly->depth--;
}

/* -- values --------------------------------------------------------------------------------- */

static bool take_hex(struct line *line, unsigned digits, uint8_t *ret)
{
	unsigned value = 0;

	for (unsigned i = 0; i < digits; i++) {
		int digit = line->at < line->end ? g_ascii_xdigit_value(*line->at) : -1;

		if (digit < 0)
			return false;
		value = value << 4 | (unsigned)digit;
		line->at++;
	}
	*ret = (uint8_t)value;
	return true;
}

/* Text, padded with NULs. */
static bool take_text(struct line *line, uint8_t *bytes, size_t width)
{
	for (size_t n = 0; line->at < line->end; n++) {
		uint8_t byte = (uint8_t)*line->at++;

		if (byte == '"')
			return true;
		if (byte == '\\' &&
		    (line->at == line->end || *line->at++ != 'x' || !take_hex(line, 2, &byte)))
			return false;
		if (n == width)
			return false;
		bytes[n] = byte;
	}
	return false;
}

static bool take_pairs(struct line *line, uint8_t *bytes, size_t width)
{
	for (size_t n = 0; n < width; n++) {
		if (n)
			skip_spaces(line);
		if (!take_hex(line, 2, &bytes[n]))
			return false;
	}
	return true;
}

/* 0x10 or 16. */
static bool take_number(struct line *line, uint64_t *ret)
{
	bool hex = starts_with(line, "0x");
	unsigned radix = hex ? 16 : 10;
	const char *start;

	line->at += hex ? 2 : 0;
	start = line->at;
	*ret = 0;
	for (; line->at < line->end && g_ascii_isxdigit(*line->at); line->at++) {
		unsigned digit = (unsigned)g_ascii_xdigit_value(*line->at);

		if (digit >= radix || *ret > (UINT64_MAX - digit) / radix)
			return false;
		*ret = *ret * radix + digit;
	}
	return line->at > start;
}

/* A PCI function: 00:1f.7. */
static bool take_function(struct line *line, uint64_t *ret)
{
	struct line at = *line;
	uint8_t bus, device, function;

	if (!take_hex(&at, 2, &bus) || at.at == at.end || *at.at++ != ':' ||
	    !take_hex(&at, 2, &device) || at.at == at.end || *at.at++ != '.' ||
	    !take_hex(&at, 1, &function) || device > 0x1f || function > 7)
		return false;
	*ret = (uint64_t)bus << 8 | (uint64_t)device << 3 | function;
	*line = at;
	return true;
}

static bool take_integer(struct line *line, uint8_t *bytes, size_t width)
{
	uint64_t value;

	if (!take_function(line, &value) && !take_number(line, &value))
		return false;
	if (width > sizeof(value) || (width < sizeof(value) && value >> (8 * width)))
		return false;
	wire_store(bytes, width, value);
	return true;
}

/* `length`, or `length (16)` with the number that it had. */
static bool take_computed(struct assembly *assembly, struct line *line, size_t width,
			  uint8_t *bytes)
{
	const struct computed computed = {
		.at = assembly->bytes->len - width,
		.width = width,
		.depth = assembly->depth,
		.checksum = starts_with(line, SOURCE_CHECKSUM),
	};
	bool good = assembly->depth && width <= (computed.checksum ? 1 : sizeof(uint64_t));

	while (line->at < line->end && g_ascii_isalpha(*line->at))
		line->at++;
	skip_spaces(line);
	if (!assembly->keep) {
		array_append(assembly->computed, computed);
		return good;
	}
	line->at += starts_with(line, "(");
	good = take_integer(line, bytes, width);
	line->at += starts_with(line, ")");
	return good;
}

/* Is it bytes, of which a field with several has pairs of digits? */
static bool is_pairs(const struct line *line, size_t width)
{
	const char *at = line->at;

	return width > 1 && line->end - at > 2 && g_ascii_isxdigit(at[0]) &&
	       g_ascii_isxdigit(at[1]) && g_ascii_isspace(at[2]) && line->end - at > 4 &&
	       g_ascii_isxdigit(at[3]) && g_ascii_isxdigit(at[4]);
}

/* Behind the value may be what it means, in parentheses. */
static void take_value(struct assembly *assembly, struct line *line, size_t width)
{
	size_t at = assembly->bytes->len;
	uint8_t *bytes;
	bool good;

	bytes_set_size(assembly->bytes, at + width);
	bytes = assembly->bytes->data + at;
	memset(bytes, 0, width);
	if (starts_with(line, SOURCE_LENGTH) || starts_with(line, SOURCE_CHECKSUM)) {
		good = take_computed(assembly, line, width, bytes);
	} else if (starts_with(line, "\"")) {
		line->at++;
		good = take_text(line, bytes, width);
	} else {
		good = is_pairs(line, width) ? take_pairs(line, bytes, width)
					     : take_integer(line, bytes, width);
	}
	skip_spaces(line);
	if (!good || (line->at < line->end && *line->at != '('))
		report_error(
			assembly, "source-value",
			"write a number, text in quotes, or a pair of hexadecimal digits for each "
			"byte, of the width in the second column",
			"the value is none that fits the width of its field");
}

/* -- lines ---------------------------------------------------------------------------------- */

static void skip_word(struct line *line)
{
	while (line->at < line->end && !g_ascii_isspace(*line->at))
		line->at++;
	skip_spaces(line);
}

/* "0004   4  Length = 112" */
static void take_field(struct assembly *assembly, struct line line)
{
	uint64_t width = 0;
	bool good;

	skip_word(&line);
	good = take_number(&line, &width) && width && width <= WIDTH_MAX;
	while (line.at < line.end && *line.at != '=')
		line.at++;
	if (!good || line.at == line.end) {
		report_error(assembly, "source-line",
			     "write OFFSET WIDTH NAME = VALUE, NAME {, or }",
			     "the line is no field, and neither begins nor ends a structure");
		return;
	}
	line.at++;
	skip_spaces(&line);
	if (assembly->bytes->len + width > BYTES_MAX)
		report_error(assembly, "source-value", "end the table before",
			     "the table is larger than 64 MiB");
	else
		take_value(assembly, &line, (size_t)width);
}

static void take_line(struct assembly *assembly, struct line line)
{
	while (line.end > line.at && g_ascii_isspace(line.end[-1]))
		line.end--;
	skip_spaces(&line);
	if (line.at == line.end || *line.at == '#')
		return;
	if (line.end[-1] == '{')
		open_block(assembly);
	else if (line.end - line.at == 1 && *line.at == '}')
		close_block(assembly);
	else
		take_field(assembly, line);
}

/* Stops at the first error: what follows would be at another offset. */
static void take_lines(struct assembly *assembly, const char *text, size_t length)
{
	const char *end = text + length;

	while (text < end && !assembly->failed) {
		const char *next = memchr(text, '\n', (size_t)(end - text));

		assembly->line++;
		take_line(assembly, (struct line){ text, next ? next : end });
		text = next ? next + 1 : end;
	}
	if (!assembly->failed && assembly->depth)
		report_error(assembly, "source-line", "write } on a line of its own at its end",
			     "a structure does not end");
	else if (!assembly->failed && !assembly->bytes->len)
		report_error(assembly, "source-line", "give what `viommu dump --source` prints",
			     "the source has no field");
}

size_t table_assemble(const char *text, size_t length, const char *file, bool keep,
		      struct viommu_findings *findings, void **ret_bytes)
{
	struct assembly assembly = {
		.file = file,
		.bytes = bytes_new(),
		.computed = array_new(sizeof(struct computed)),
		.keep = keep,
		.findings = findings,
	};

	take_lines(&assembly, text, length);
	array_free(assembly.computed);
	if (assembly.failed) {
		bytes_free(assembly.bytes);
		*ret_bytes = NULL;
		return 0;
	}
	length = assembly.bytes->len;
	*ret_bytes = bytes_steal(assembly.bytes);
	return length;
}
