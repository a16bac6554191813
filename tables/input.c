/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables in the forms that people have them in
 *
 * Raw tables, one after the other, as firmware and the kernel give them; or the text that
 * acpidump prints. Which it is, the content says: the first line of acpidump's text names a
 * table and its address, and no table begins like that.
 */
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "findings.h"
#include "format.h"

typedef bool each_function(void *opaque, const char *name, const void *table, size_t length);

struct input {
	const uint8_t *bytes;
	size_t length;
	const char *file;
	each_function *each;
	void *opaque;
	struct viommu_findings *findings;
	size_t found;
	bool stopped;
};

#define SIGNATURE_LENGTH 4

/* The name of a table in a file: the file's, and its signature if there are several. */
static void give(struct input *input, const uint8_t *table, size_t length, bool alone)
{
	g_autofree char *name = NULL;

	if (alone)
		name = g_strdup(input->file);
	else
		name = g_strdup_printf("%s#%.4s", input->file, (const char *)table);
	input->found++;
	input->stopped = !input->each(input->opaque, name, table, length);
}

/* -- raw ------------------------------------------------------------------------ */

static void split_raw(struct input *input)
{
	size_t at = 0;

	while (at < input->length && !input->stopped) {
		size_t left = input->length - at, length = left;

		if (left >= ACPI_HEADER_LENGTH)
			length = (size_t)wire_load(input->bytes + at + 4, 4);
		/* What is too long, or too short to go on, is the last: decoding says why. */
		if (length < ACPI_HEADER_LENGTH || length > left ||
		    left - length < ACPI_HEADER_LENGTH)
			length = left;
		give(input, input->bytes + at, length, !at && length == left);
		at += length;
	}
}

/* -- acpidump's text ----------------------------------------------------------------- */

/* "VIOT @ 0x0000000000000000" */
static bool is_title(const char *line, size_t length)
{
	return length > SIGNATURE_LENGTH + 5 && !memcmp(line + SIGNATURE_LENGTH, " @ 0x", 5);
}

static int hex_pair(const char *text)
{
	int high = g_ascii_xdigit_value(text[0]);
	int low = high < 0 ? -1 : g_ascii_xdigit_value(text[1]);

	return low < 0 ? -1 : high << 4 | low;
}

/* "    0010: 42 58 ... 20  BXPC    ": at most 16 bytes, then two spaces and the same as text. */
static bool add_line(GByteArray *table, const char *line, size_t length)
{
	const char *end = line + length, *at = memchr(line, ':', length);
	char *colon = NULL;

	if (!at || g_ascii_strtoull(line, &colon, 16) != table->len || colon != at)
		return false;
	at++;
	for (unsigned n = 0; n < 16 && end - at >= 3 && at[0] == ' '; n++, at += 3) {
		int value = hex_pair(at + 1);
		guint8 byte = (guint8)value;

		if (value < 0)
			break;
		g_byte_array_append(table, &byte, 1);
	}
	return true;
}

static const char *end_of_line(const char *line, const char *end)
{
	const char *found = memchr(line, '\n', (size_t)(end - line));

	return found ? found : end;
}

static void give_dumped(struct input *input, GByteArray *table)
{
	if (table->len && !input->stopped)
		give(input, table->data, table->len, false);
	g_byte_array_set_size(table, 0);
}

static void split_text(struct input *input)
{
	const char *line = (const char *)input->bytes, *end = line + input->length, *next;
	GByteArray *table = g_byte_array_new();
	unsigned number = 1;

	for (; line < end && !input->stopped; line = next + (next < end), number++) {
		size_t length;

		next = end_of_line(line, end);
		length = (size_t)(next - line);
		if (is_title(line, length))
			give_dumped(input, table);
		else if (length > 1 && !add_line(table, line, length))
			report(input->findings, "input-acpidump",
			       place_in_text(input->file, number, 1),
			       "write an offset, a colon, and at most 16 bytes in hexadecimal",
			       "a line that is not the next one of a dump at offset 0x%x",
			       table->len);
	}
	give_dumped(input, table);
	g_byte_array_free(table, TRUE);
}

/* -- by content --------------------------------------------------------------------------- */

#define DTB_MAGIC "\xd0\x0d\xfe\xed"

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
	};
	const char *text = bytes;

	if (!length)
		report(findings, "input-empty", place_of_file(file),
		       "give a table, or what acpidump prints", "there is nothing in it");
	else if (length >= SIGNATURE_LENGTH && !memcmp(bytes, DTB_MAGIC, SIGNATURE_LENGTH))
		report(findings, "input-device-tree", place_in_table(file, 0), NULL,
		       "a device tree: these are not understood yet");
	else if (is_title(text, (size_t)(end_of_line(text, text + length) - text)))
		split_text(&input);
	else
		split_raw(&input);
	return input.found;
}
