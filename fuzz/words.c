/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Words for a fuzzer's dictionary, from the rows that readers use: words topology > topology.dict
 */
#include <stdio.h>
#include <string.h>

#include "tables/formats/builtin/builtin.h"
#include "tables/formats/dmar/dmar.h"
#include "tables/formats/iort/iort.h"
#include "tables/formats/ivrs/ivrs.h"
#include "tables/formats/madt.h"
#include "tables/formats/rimt/rimt.h"
#include "tables/formats/srat/srat.h"
#include "tables/text/text.h"
#include "tables/formats/viot/viot.h"

/* In the common syntax of libFuzzer and AFL++: a quoted string with escaped quotes. */
static void put_word(const char *before, const char *word, const char *after)
{
	g_autofree char *whole = g_strconcat(before, word, after, NULL);

	putchar('"');
	for (const char *c = whole; *c; c++)
		if (*c == '"' || *c == '\\' || !g_ascii_isprint(*c))
			printf("\\x%02x", (unsigned char)*c);
		else
			putchar(*c);
	puts("\"");
}

static void put_key(const struct text_key *key)
{
	put_word("    ", key->name, ": ");
	if (key->kind->example)
		put_word("", key->kind->example, "\n");
	for (int i = 0; key->nth && key->nth(i); i++)
		put_word("", key->nth(i), "\n");
}

static void put_section(const struct text_section *section)
{
	put_word("", section->name, ":\n  - ");
	for_each_key(key, section)
		put_key(key);
}

static void put_topology(void)
{
	put_word("viommu: ", TEXT_VERSION, "\n");
	for (size_t i = 0; i < N_TEXT_SECTIONS; i++)
		put_section(&text_sections[i]);
	put_section(&text_header);
}

/* -- tables ------------------------------------------------------------------------------ */

/*
 * The maximum length of a word for the fuzzers; only zeroes of the largest structures are cut off.
 */
#define WORD_MAX 64

/* The newest revision, and more room than any node needs: so the rows are those of all fields. */
#define NEWEST 255u

static const struct layout *iort_node(uint64_t type)
{
	return iort_layout(type, NEWEST, UINT16_MAX);
}

static const struct layout *oldest_item(uint64_t type)
{
	return builtin_layout(&builtin_v1, type);
}

static const struct layout *newest_item(uint64_t type)
{
	return builtin_layout(&builtin_v3, type);
}

/* Returns the rows of a structure by its type. */
typedef const struct layout *finder(uint64_t type);

static finder *const of_tables[] = {
	viot_layout, iort_node, rimt_layout, dmar_layout, ivrs_block_layout, ivrs_entry_layout,
};

/* Those of tables that are lists. */
static const struct layout *const of_lists[] = {
	&rimt_mapping_layout, &rimt_wire_layout,   &srat_initiator_layout,
	&madt_its_layout,     &madt_ioapic_layout,
};

static void put_bytes(const uint8_t *bytes, size_t length)
{
	putchar('"');
	for (size_t i = 0; i < length; i++)
		printf("\\x%02x", bytes[i]);
	puts("\"");
}

/* Zeroes, except for type and length of the structure. */
static void put_structure(const struct layout *layout)
{
	g_autofree uint8_t *wire = g_malloc0(MAX(layout->length, WORD_MAX));

	for_each_field(field, layout) {
		if (field->kind == FIELD_TYPE)
			wire_store(wire + field->at, field->length, layout->type);
		if (field->kind == FIELD_LENGTH)
			wire_store(wire + field->at, field->length, layout->length);
	}
	put_bytes(wire, MIN(layout->length, WORD_MAX));
}

/* Unknown types have rows as well. */
static void put_structures(finder *find)
{
	for (uint64_t type = 0; type <= UINT8_MAX; type++) {
		const struct layout *layout = find(type);

		if (layout && layout->type == type)
			put_structure(layout);
	}
}

/* Signatures, and every structure of every table as long as it must be. */
static void put_tables(void)
{
	for (size_t i = 0; topology_signature(i); i++)
		put_word("", topology_signature(i), "");
	put_word("", "\xd0\x0d\xfe\xed", "");
	for (size_t i = 0; i < G_N_ELEMENTS(of_tables); i++)
		put_structures(of_tables[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(of_lists); i++)
		put_structure(of_lists[i]);
}

static void put_builtin(void)
{
	put_structures(oldest_item);
	put_structures(newest_item);
}

/* -- both, for a target of files of all sorts --------------------------------------------- */

static void put_all(void)
{
	put_topology();
	put_tables();
}

static const struct dictionary {
	const char *name;
	void (*put)(void);
} dictionaries[] = {
	{ "topology", put_topology },
	{ "tables", put_tables },
	{ "builtin", put_builtin },
	{ "all", put_all },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < G_N_ELEMENTS(dictionaries); i++)
		if (!strcmp(argv[1], dictionaries[i].name)) {
			dictionaries[i].put();
			return 0;
		}
	return 2;
}
