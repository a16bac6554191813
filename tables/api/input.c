/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Splits an input into tables
 *
 * An input is raw tables, one after the other, as firmware and the kernel provide them; the text of
 * acpidump; or a device tree. The content selects the form: the first line of acpidump's text has a
 * signature and an address, and no table begins like that.
 */
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/array.h"
#include "base/hash.h"
#include "questions.h"
#include "tables/fdt/devicetree.h"
#include "tables/findings/findings.h"
#include "tables/table/format.h"

typedef bool each_function(void *opaque, const char *name, const void *table, size_t length);

struct input {
	const uint8_t *bytes;
	size_t length;
	const char *file;
	each_function *each;
	void *opaque;
	struct viommu_findings *findings;
	struct hash *seen; /* known signatures so far */
	bool several;
	size_t found;
	bool stopped;
};

#define SIGNATURE_LENGTH 4u
#define LENGTH_AT        4u

/*
 * An input has the tables of one machine. Where Linux reads only the first table of a kind, a
 * second one is a mistake. Unknown tables, such as SSDT, may occur any number of times.
 */
static void look_for_second(struct input *input, const char *name, const char *signature)
{
	if ((viommu_table_abilities(signature) & VIOMMU_TABLE_MEANING) &&
	    !hash_add(input->seen, memory_text(signature)))
		report(input->findings, "input-twice", place_of_file(name),
		       "put everything into one table", "the input has a second %s", signature);
}

/* Names a table by its file, and by its signature if the file has several. */
static void give(struct input *input, const uint8_t *table, size_t length)
{
	auto_free char *name = NULL, *signature = NULL;

	signature = memory_text_n((const char *)table, MIN(length, SIGNATURE_LENGTH));
	if (input->several)
		name = memory_printf("%s#%s", input->file ? input->file : "", signature);
	else
		name = memory_text(input->file);
	look_for_second(input, name, signature);
	input->found++;
	input->stopped = !input->each(input->opaque, name, table, length);
}

/* -- raw ------------------------------------------------------------------------ */

/* If not, the bytes belong to the table before. */
static bool begins_table(const struct input *input, size_t at)
{
	return at <= input->length && input->length - at >= ACPI_HEADER_LENGTH &&
	       acpi_signature(input->bytes + at);
}

/* If the length is invalid, the table takes all remaining bytes, and decoding reports it. */
static size_t raw_length(const struct input *input, size_t at)
{
	size_t left = input->length - at, length;

	if (left < ACPI_HEADER_LENGTH)
		return left;
	length = (size_t)wire_load(input->bytes + at + LENGTH_AT, sizeof(uint32_t));
	return length >= ACPI_HEADER_LENGTH && length <= left && begins_table(input, at + length)
		       ? length
		       : left;
}

/* The length in each header gives the start of the next table. */
static void split_raw(struct input *input)
{
	size_t at = 0, length;

	input->several = raw_length(input, 0) < input->length;
	for (; at < input->length && !input->stopped; at += length) {
		length = raw_length(input, at);
		give(input, input->bytes + at, length);
	}
}

/* -- acpidump's text ----------------------------------------------------------------- */

/*
 * The first line is `SIGN @ 0x...`. In a raw table, these five characters would be a length of 770
 * MiB.
 */
static bool is_title(const char *line, size_t length)
{
	return length > SIGNATURE_LENGTH + 5 && !memcmp(line + SIGNATURE_LENGTH, " @ 0x", 5);
}

/* -1 for any other characters, such as the end of the digits in a line. */
static int hex_pair(const char *text)
{
	int high = g_ascii_xdigit_value(text[0]);
	int low = high < 0 ? -1 : g_ascii_xdigit_value(text[1]);

	return low < 0 ? -1 : high << 4 | low;
}

#define LINE_BYTES  16
#define PAIR_LENGTH 3 /* a space and two digits */

/* "    0010: 42 58 ... 20  BXPC    ": at most 16 bytes, then two spaces and the same as text. */
static bool add_line(struct bytes *table, const char *line, size_t length)
{
	const char *end = line + length, *at = memchr(line, ':', length);
	size_t before = table->len;
	char *colon = NULL;

	/* strtoull ends at the colon at the latest: the line has no end of its own. */
	if (!at || g_ascii_strtoull(line, &colon, 16) != table->len || colon != at)
		return false;
	at++;
	for (; table->len - before < LINE_BYTES && end - at >= PAIR_LENGTH && at[0] == ' ';
	     at += PAIR_LENGTH) {
		int value = hex_pair(at + 1);
		guint8 byte = (guint8)value;

		if (value < 0)
			break;
		bytes_append(table, &byte, 1);
	}
	return table->len > before;
}

/* Accepts LF and CRLF. */
static bool is_blank(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_isspace(line[i]))
			return false;
	return true;
}

/* The last line may lack its newline. */
static const char *end_of_line(const char *line, const char *end)
{
	const char *found = memchr(line, '\n', (size_t)(end - line));

	return found ? found : end;
}

/* A table of the text, line by line. */
struct dumped {
	struct bytes *bytes;
	unsigned title; /* the line of its title, from 1 */
	bool broken;    /* a line was malformed: the following lines are ignored */
};

/* A title without bytes means that the dump is incomplete. */
static void give_dumped(struct input *input, struct dumped *table)
{
	if (input->stopped || !table->title)
		return;
	if (table->bytes->len)
		give(input, table->bytes->data, table->bytes->len);
	else if (!table->broken)
		report(input->findings, "input-acpidump",
		       place_in_text(input->file, table->title, 1), "dump the table again",
		       "the table has no bytes");
}

/*
 * If a line does not continue at the offset where the previous one ended, bytes are missing. The
 * table ends there, with a finding, since all later bytes would be misplaced.
 */
static void take_line(struct input *input, struct dumped *table, const char *line, size_t length,
		      unsigned number)
{
	if (is_title(line, length)) {
		give_dumped(input, table);
		bytes_set_size(table->bytes, 0);
		table->title = number;
		table->broken = false;
	} else if (!is_blank(line, length) && !table->broken &&
		   !add_line(table->bytes, line, length)) {
		table->broken = true;
		report(input->findings, "input-acpidump", place_in_text(input->file, number, 1),
		       "write an offset, a colon, and at most 16 bytes in hexadecimal",
		       "the line does not continue the dump at offset 0x%zx: the rest of the table "
		       "is ignored",
		       table->bytes->len);
	}
}

/*
 * The number of tables is needed before the first one is passed on, because it decides about their
 * names.
 */
static unsigned count_titles(const char *line, const char *end)
{
	const char *next;
	unsigned n = 0;

	for (; line < end; line = next + (next < end)) {
		next = end_of_line(line, end);
		n += is_title(line, (size_t)(next - line));
	}
	return n;
}

static void split_text(struct input *input)
{
	const char *line = (const char *)input->bytes, *end = line + input->length, *next;
	struct dumped table = { .bytes = bytes_new() };
	unsigned number = 1;

	input->several = count_titles(line, end) > 1;
	for (; line < end && !input->stopped; line = next + (next < end), number++) {
		next = end_of_line(line, end);
		take_line(input, &table, line, (size_t)(next - line), number);
	}
	give_dumped(input, &table);
	bytes_free(table.bytes);
}

/* -- by content --------------------------------------------------------------------------- */

/* A device tree is the whole input. */
static void give_tree(struct input *input)
{
	input->found++;
	input->each(input->opaque, input->file, input->bytes, input->length);
}

/* The content selects the form, not the file name. */
size_t input_split(const void *bytes, size_t length, const char *file,
		   bool (*each)(void *opaque, const char *name, const void *table,
				size_t table_length),
		   void *opaque, struct viommu_findings *findings)
{
	struct input input = {
		.bytes = bytes,
		.length = length,
		.file = file,
		.each = each,
		.opaque = opaque,
		.findings = findings,
		.seen = hash_new_full(&hash_text, memory_free, NULL),
	};
	const char *text = bytes;

	if (!length)
		report(findings, "input-empty", place_of_file(file),
		       "give a table, a device tree, or what acpidump prints",
		       "the input is empty");
	else if (dt_begins(bytes, length))
		give_tree(&input);
	else if (is_title(text, (size_t)(end_of_line(text, text + length) - text)))
		split_text(&input);
	else
		split_raw(&input);
	hash_free(input.seen);
	return input.found;
}
