/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Words for a fuzzer's dictionary, from the rows that readers walk
 *
 *     words topology > topology.dict
 *
 * A fuzzer puts them together in ways of its own, and comes further than with letters.
 */
#include <stdio.h>
#include <string.h>

#include "text.h"

/* In the syntax that libFuzzer and AFL++ share: a quoted string, with its quotes escaped. */
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

/* A signature, and nodes of every small type with a plausible length. */
static void put_tables(void)
{
	enum { TYPES = 16, SHORTEST = 4, STEP = 4, LONGEST = 96 };

	for (size_t i = 0; topology_signature(i); i++)
		put_word("", topology_signature(i), "");
	for (unsigned type = 0; type < TYPES; type++)
		printf("\"\\x%02x\\x00\"\n", type);
	for (unsigned length = SHORTEST; length <= LONGEST; length += STEP)
		printf("\"\\x%02x\\x00\"\n", length);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "topology"))
		put_topology();
	else if (argc == 2 && !strcmp(argv[1], "tables"))
		put_tables();
	else
		return 2;
	return 0;
}
