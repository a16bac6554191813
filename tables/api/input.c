/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Splits an input into tables
 *
 * An input is raw tables, one after the other, as firmware and the kernel provide them; text with
 * dumps of them (tables/dumps/); or a device tree. The content selects the form.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "messages.h"
#include "questions.h"
#include "tables/dumps/dumps.h"
#include "tables/fdt/devicetree.h"
#include "tables/findings/findings.h"
#include "tables/table/format.h"
#include "tables/table/image.h"

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
	bool dump;     /* the bytes are of a dump in a text */
	bool array;    /* of an array there */
	unsigned line; /* of the dump; 0: not known */
	bool without_fragments;
	size_t found;
	bool stopped;
};

/* Takes a piece of an input: a table, and the bytes behind it that belong to no other. */
typedef void take_function(struct input *input, const uint8_t *table, size_t length);

#define SIGNATURE_LENGTH 4u
#define LENGTH_AT        4u

/*
 * An input has the tables of one machine. Where Linux reads only the first table of a kind, a
 * second one is a mistake. Unknown tables, such as SSDT, may occur any number of times.
 */
static void check_second(struct input *input, const char *name, const char *signature)
{
	if (((viommu_table_abilities(signature) & VIOMMU_TABLE_MEANING) ||
	     !strcmp(signature, "SRAT")) &&
	    !hash_add(input->seen, memory_text(signature)))
		report(input->findings, "input-twice", place_of_file(name),
		       "put everything into one table, or check tables of different machines one "
		       "by one",
		       "the input has a second %s", signature);
}

static char *signature_of(const uint8_t *table, size_t length)
{
	return memory_text_n((const char *)table, MIN(length, SIGNATURE_LENGTH));
}

/* Modulo 256. */
static uint8_t sum_of(const uint8_t *bytes, size_t length)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return sum;
}

/*
 * Bytes in text that begin like a table of a kind that is not known, but are not as many as its
 * header says. Code and data of other tables have such bytes, and people cut licence keys out. A
 * number of digits is easily enough, so that an array needs the checksum, too.
 */
static bool is_fragment(const struct input *input, const uint8_t *table, size_t length)
{
	auto_free char *signature = signature_of(table, length);

	if (dt_begins(table, length) || viommu_table_abilities(signature))
		return false;
	return length < ACPI_HEADER_LENGTH ||
	       wire_load(table + LENGTH_AT, sizeof(uint32_t)) != length ||
	       (input->array && sum_of(table, length));
}

/* Names a table by its file, and by its signature if the file has several. */
static void give(struct input *input, const uint8_t *table, size_t length)
{
	auto_free char *name = NULL, *signature = NULL;

	if (input->without_fragments && is_fragment(input, table, length))
		return;
	signature = signature_of(table, length);
	if (input->several)
		name = memory_printf("%s#%s", input->file ? input->file : "", signature);
	else
		name = memory_text(input->file);
	check_second(input, name, signature);
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
	return length >= ACPI_HEADER_LENGTH && length <= left &&
			       (begins_table(input, at + length) ||
				(input->dump && !sum_of(input->bytes + at, length)))
		       ? length
		       : left;
}

/* 0: the line is not known. */
static struct viommu_place place_of_line(const char *file, unsigned line)
{
	return line ? place_in_text(file, line, 1) : place_of_file(file);
}

/* A table in memory behind others: more than four letters in it have to be right. */
static bool continues(const struct input *input, size_t at)
{
	auto_free char *signature = NULL;
	uint64_t length;

	if (!begins_table(input, at))
		return false;
	length = wire_load(input->bytes + at + LENGTH_AT, sizeof(uint32_t));
	if (length < ACPI_HEADER_LENGTH || length > input->length - at)
		return false;
	signature = signature_of(input->bytes + at, SIGNATURE_LENGTH);
	return viommu_table_abilities(signature) || !sum_of(input->bytes + at, (size_t)length);
}

/* Firmware aligns tables, with bytes of 0 between. Returns where the next one begins. */
static size_t skip_padding(const struct input *input, size_t at)
{
	size_t next = at;

	if (!input->dump || begins_table(input, at))
		return at;
	while (next < input->length && !input->bytes[next])
		next++;
	if (next == input->length || continues(input, next))
		return next;
	if (input->findings)
		report(input->findings, "input-fragment", place_of_line(input->file, input->line),
		       NULL, "%zu bytes behind a table are ignored", input->length - at);
	return input->length;
}

/*
 * The length in each header gives the start of the next table. A debugger and firmware's shell dump
 * memory: what is behind a whole table there may belong to nothing.
 */
static void split_raw(struct input *input, take_function *take)
{
	size_t at = 0, length = raw_length(input, 0);

	input->several |= begins_table(input, length);
	while (at < input->length && !input->stopped) {
		length = raw_length(input, at);
		take(input, input->bytes + at, length);
		at = skip_padding(input, at + length);
	}
}

/* -- a set of tables -------------------------------------------------------------- */

/* A table that the XSDT lists, or the DSDT that a FADT points to, which no XSDT lists. */
struct listed {
	size_t at, length, order;
	bool is_inside; /* begins inside of another one, or is that */
};

struct listing {
	const struct image *image;
	struct array *tables; /* struct listed */
	size_t n, n_inside, n_outside;
	uint64_t inside, outside; /* the first of each */
};

/* More tables than there is room for are none. ACPICA skips an entry of 0. */
static const uint8_t *list(struct listing *listing, uint64_t pointer, size_t *ret_length)
{
	const uint8_t *table = image_at(listing->image, pointer, ret_length);
	struct listed listed = { .order = listing->tables->len, .length = *ret_length };

	listing->n += pointer != 0;
	if (table && listed.order <= listing->image->length / ACPI_HEADER_LENGTH) {
		listed.at = (size_t)(table - listing->image->bytes);
		array_append(listing->tables, listed);
	} else if (!table && pointer && !listing->n_outside++) {
		listing->outside = pointer;
	}
	return table;
}

static void list_all(struct listing *listing)
{
	size_t length;

	for (size_t i = 0; i < image_count(listing->image); i++) {
		const uint8_t *table = list(listing, image_entry(listing->image, i), &length);

		if (table && !memcmp(table, "FACP", SIGNATURE_LENGTH))
			list(listing, fadt_dsdt(table, length), &length);
	}
}

static int by_place(const void *a, const void *b)
{
	const struct listed *one = a, *other = b;

	return (one->at > other->at) - (one->at < other->at);
}

static int by_order(const void *a, const void *b)
{
	const struct listed *one = a, *other = b;

	return (one->order > other->order) - (one->order < other->order);
}

/* Otherwise a file could have a thousand times as many bytes of tables as it has bytes. */
static void find_inside(struct listing *listing)
{
	size_t end = 0;

	array_sort(listing->tables, by_place);
	for (size_t i = 0; i < listing->tables->len; i++) {
		struct listed *listed = &array_index(listing->tables, struct listed, i);

		listed->is_inside = listed->at < end;
		if (!listed->is_inside)
			end = listed->at + listed->length;
		else if (!listing->n_inside++)
			listing->inside = listing->image->address + listed->at;
	}
	array_sort(listing->tables, by_order);
}

static void report_listing(const struct input *input, const struct listing *listing)
{
	struct viommu_place place = place_in_table(input->file, listing->image->xsdt);

	if (listing->n_outside)
		report(input->findings, "image-entry", place,
		       "give the memory from the RSDP to the last table",
		       "%zu of %zu tables of the XSDT are not in these bytes, the first at "
		       "0x%" PRIx64 ": they are not read",
		       listing->n_outside, listing->n, listing->outside);
	if (listing->n_inside)
		report(input->findings, "image-entry", place,
		       "let each entry point to a table of its own",
		       "%zu of %zu tables of the XSDT begin inside of others, or are listed again, "
		       "the first at 0x%" PRIx64 ": they are not read",
		       listing->n_inside, listing->n, listing->inside);
	if (!listing->n)
		report(input->findings, "image-entry", place, "give the XSDT of the machine",
		       "the XSDT lists no table");
}

/* What <viommu/acpi.h> generates, and guest memory in general: the XSDT lists the tables. */
static void split_image(struct input *input, const struct image *image)
{
	struct listing listing = { .image = image, .tables = array_new(sizeof(struct listed)) };

	list_all(&listing);
	find_inside(&listing);
	report_listing(input, &listing);
	input->several = true;
	for (size_t i = 0; i < listing.tables->len && !input->stopped; i++) {
		const struct listed *listed = &array_index(listing.tables, struct listed, i);

		if (!listed->is_inside)
			give(input, image->bytes + listed->at, listed->length);
	}
	array_free(listing.tables);
}

/* It begins with an RSDP, and has at least another byte. */
static void split_set(struct input *input)
{
	struct image image = { .bytes = input->bytes, .length = input->length };
	const char *why;

	if (image_open(&image, false, &why))
		split_image(input, &image);
	else
		report(input->findings, "image-rsdp", place_in_table(input->file, 0),
		       "give the bytes from the RSDP to the last table", "%s", why);
}

/* Do the bytes consist of tables, without any that belong to none? */
static bool is_all_tables(const struct input *input)
{
	size_t at = 0;

	while (at < input->length) {
		size_t length = raw_length(input, at);

		if (!begins_table(input, at) ||
		    length != wire_load(input->bytes + at + LENGTH_AT, sizeof(uint32_t)))
			return false;
		at += length;
	}
	return true;
}

/* Or memory with a set in it, which may begin with a table. */
static void split_raw_or_memory(struct input *input)
{
	struct image image = { .bytes = input->bytes, .length = input->length };
	const char *why;

	if (!is_all_tables(input) && image_open(&image, false, &why))
		split_image(input, &image);
	else
		split_raw(input, give);
}

/* -- text --------------------------------------------------------------------------- */

static void split_dump(struct input *input, const struct dump *dump, take_function *take)
{
	struct input part = *input;

	part.bytes = dump->bytes->data;
	part.length = dump->bytes->len;
	part.dump = true;
	part.array = dump->array;
	part.line = dump->line;
	if (dt_begins(part.bytes, part.length))
		take(&part, part.bytes, part.length);
	else
		split_raw(&part, take);
	input->found = part.found;
	input->stopped = part.stopped;
}

static void split_dumps(struct input *input, const struct dumps *dumps, take_function *take)
{
	for (size_t i = 0; i < dumps->found->len && !input->stopped; i++)
		split_dump(input, dumps->found->pdata[i], take);
}

/* The pieces of a text, before any is given: their number decides about their names. */
struct count {
	size_t whole, fragments;
	struct hash *seen;
	struct strbuf *signatures; /* of fragments, each once, and not more than a line of them */
};

#define SIGNATURES_MAX 64u

static void count(struct input *input, const uint8_t *table, size_t length)
{
	struct count *count = input->opaque;
	char *signature;

	if (!is_fragment(input, table, length)) {
		count->whole++;
		return;
	}
	count->fragments++;
	signature = signature_of(table, length);
	if (count->signatures->len > SIGNATURES_MAX)
		memory_free(signature);
	else if (hash_add(count->seen, signature))
		strbuf_append_printf(count->signatures, "%s%s", count->signatures->len ? ", " : "",
				     signature);
}

static void report_gap(const struct input *input, const struct dump_gap *gap)
{
	if (gap->offset)
		report(input->findings, "input-acpidump", place_of_line(input->file, gap->line),
		       "dump the table again",
		       "the line does not continue the dump at offset 0x%zx: the rest of the table "
		       "is ignored",
		       gap->offset);
	else
		report(input->findings, "input-acpidump", place_of_line(input->file, gap->line),
		       "dump the table again", "the table has no bytes");
}

static void report_looks(const struct input *input, const struct looks *looks)
{
	report(input->findings, "input-form", place_of_file(input->file), looks->cure,
	       "the input is %s", looks->name);
}

static void report_text(const struct input *input, const struct dumps *dumps)
{
	const struct looks *looks = looks_of_bytes(input->bytes, input->length);

	if (!looks)
		looks = looks_of_text(input->bytes, input->length);

	if (dumps->packed)
		report(input->findings, "input-form", place_of_file(input->file),
		       "decode it with `base64 -d`, and give the result",
		       "the base64 in the text is %s", dumps->packed);
	else if (looks)
		report_looks(input, looks);
	else
		report(input->findings, "input-text", place_of_file(input->file),
		       "give a table, what `acpidump` or `hexdump -C` prints, or a topology, which "
		       "begins with the line `viommu: 1`",
		       "the text has no bytes of a table in it");
}

/* Without a whole table, a fragment may be what somebody wants to know of. */
static void give_counted(struct input *input, const struct dumps *dumps, const struct count *count)
{
	input->several = count->whole + count->fragments > 1;
	input->without_fragments = count->whole && count->fragments;
	if (input->without_fragments)
		report(input->findings, "input-fragment", place_of_file(input->file), NULL,
		       "bytes that begin like tables, but are not as many as these have, are "
		       "ignored: %s",
		       count->signatures->str);
	split_dumps(input, dumps, give);
}

static void split_text(struct input *input)
{
	struct dumps *dumps = dumps_find(input->bytes, input->length);
	struct count counted = {
		.seen = hash_new_full(&hash_text, memory_free, NULL),
		.signatures = strbuf_new(NULL),
	};
	struct input counting = { .opaque = &counted };

	for (size_t i = 0; i < dumps->gaps->len; i++)
		report_gap(input, &array_index(dumps->gaps, struct dump_gap, i));
	split_dumps(&counting, dumps, count);
	give_counted(input, dumps, &counted);
	if (!dumps->found->len && !dumps->gaps->len) {
		report_text(input, dumps);
		report_messages(input->findings, input->file, input->bytes, input->length);
	}
	hash_free(counted.seen);
	strbuf_free(counted.signatures);
	dumps_free(dumps);
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
	const struct looks *looks = looks_of_bytes(bytes, length);

	if (!length)
		report(findings, "input-empty", place_of_file(file),
		       "give a table, a device tree, or what acpidump prints",
		       "the input is empty");
	else if (dt_begins(bytes, length))
		give_tree(&input);
	else if (image_begins(bytes, length))
		split_set(&input);
	else if (dumps_is_text(bytes, length))
		split_text(&input);
	else if (looks)
		report_looks(&input, looks);
	else
		split_raw_or_memory(&input);
	hash_free(input.seen);
	return input.found;
}

/* -- text --------------------------------------------------------------------------------- */

size_t input_packs(const void *bytes, size_t length,
		   bool (*each)(void *opaque, const void *pack, size_t pack_length), void *opaque)
{
	struct dumps *dumps = dumps_is_text(bytes, length) ? dumps_find(bytes, length) : NULL;
	size_t n = 0;

	while (dumps && n < dumps->packs->len) {
		const struct dump *pack = dumps->packs->pdata[n++];

		if (!each(opaque, pack->bytes->data, pack->bytes->len))
			break;
	}
	if (dumps)
		dumps_free(dumps);
	return n;
}

char *input_text(const void *bytes, size_t length)
{
	struct cleaning cleaning = { 0 };
	struct bytes *clean = clean_text(bytes, length, &cleaning);
	char *text = memory_text_n((const char *)clean->data, clean->len);

	bytes_free(clean);
	return text;
}
