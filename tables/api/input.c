/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables in the forms that people have them in
 *
 * Raw tables, one after the other, as firmware and the kernel give them; the text that
 * acpidump prints; or a device tree. Which it is, the content says: the first line of
 * acpidump's text names a table and its address, and no table begins like that.
 */
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/array.h"
#include "base/hash.h"
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
	struct hash *seen; /* signatures that are known, of tables so far */
	bool several;
	size_t found;
	bool stopped;
};

#define SIGNATURE_LENGTH 4u
#define LENGTH_AT        4u

/*
 * An input is one machine's tables. Where only the first of a kind is ever read, another is a
 * mistake of whoever made them. Tables that are not known, such as SSDT, may come any number of
 * times.
 */
static void look_for_second(struct input *input, const char *name, const char *signature)
{
	if ((viommu_table_abilities(signature) & VIOMMU_TABLE_MEANING) &&
	    !hash_add(input->seen, memory_text(signature)))
		report(input->findings, "input-twice", place_of_file(name),
		       "put everything into one table", "a second %s", signature);
}

/* The name of a table in a file: the file's, and its signature if there are several. */
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

/* Does another table begin there? If not, whatever is there belongs to the one before. */
static bool begins_table(const struct input *input, size_t at)
{
	return at <= input->length && input->length - at >= ACPI_HEADER_LENGTH &&
	       acpi_signature(input->bytes + at);
}

/* The length of the table there. One that cannot be right is the input's last: decoding says why.
 */
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

/* One behind the other, each as long as its header says. */
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
 * Five characters behind a signature decide: in a raw table its length stands there, and this
 * would be one of 770 MiB.
 */
static bool is_title(const char *line, size_t length)
{
	return length > SIGNATURE_LENGTH + 5 && !memcmp(line + SIGNATURE_LENGTH, " @ 0x", 5);
}

/* -1 for anything else, the end of the line's digits included. */
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

/* Between tables, with the line ends of any system. */
static bool is_blank(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_isspace(line[i]))
			return false;
	return true;
}

/* The last line may have no end. */
static const char *end_of_line(const char *line, const char *end)
{
	const char *found = memchr(line, '\n', (size_t)(end - line));

	return found ? found : end;
}

/* A table as it comes in, line by line. */
struct dumped {
	struct bytes *bytes;
	unsigned title; /* the line that it begins with, from 1 */
	bool broken;    /* one of its lines was wrong: those behind it are passed over */
};

/* A title without bytes is a table that was lost on the way, which the dump itself does not say. */
static void give_dumped(struct input *input, struct dumped *table)
{
	if (input->stopped || !table->title)
		return;
	if (table->bytes->len)
		give(input, table->bytes->data, table->bytes->len);
	else if (!table->broken)
		report(input->findings, "input-acpidump",
		       place_in_text(input->file, table->title, 1), "dump the table again",
		       "a table without a line of bytes");
}

/*
 * A line that does not go on at the offset where the last one ended means that bytes are missing:
 * what follows would stand in the wrong place, so the table ends there with a finding.
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
		       "a line that is not the next one of a dump, at offset 0x%zx: the rest of "
		       "the table is passed over",
		       table->bytes->len);
	}
}

/* Known before the first table is given, since it decides about how each of them is called. */
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

/* A device tree is the whole input: nothing says that something else would follow it. */
static void give_tree(struct input *input)
{
	input->found++;
	input->each(input->opaque, input->file, input->bytes, input->length);
}

/* Content decides, not the file's name. */
size_t viommu_input_split(const void *bytes, size_t length, const char *file,
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
		       "there is nothing in it");
	else if (dt_begins(bytes, length))
		give_tree(&input);
	else if (is_title(text, (size_t)(end_of_line(text, text + length) - text)))
		split_text(&input);
	else
		split_raw(&input);
	hash_free(input.seen);
	return input.found;
}
