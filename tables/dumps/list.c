/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The list of what was found in a text
 */
#include <string.h>

#include "dumps.h"

#define REPEAT_MAX ((size_t)4 << 20)

static void free_dump(void *pointer)
{
	struct dump *dump = pointer;

	bytes_free(dump->bytes);
	memory_free(dump);
}

struct dumps *dumps_new(void)
{
	struct dumps *dumps = memory_new(struct dumps, 1);

	dumps->found = pointers_new(free_dump);
	dumps->texts = pointers_new(free_dump);
	dumps->packs = pointers_new(free_dump);
	dumps->gaps = array_new(sizeof(struct dump_gap));
	dumps->room = REPEAT_MAX;
	return dumps;
}

struct dump *dumps_add(struct pointers *list, struct bytes *bytes, unsigned line)
{
	struct dump *dump;

	if (!bytes->len) {
		bytes_free(bytes);
		return NULL;
	}
	dump = memory_new(struct dump, 1);
	dump->bytes = bytes;
	dump->line = line;
	pointers_add(list, dump);
	return dump;
}

void dumps_free(struct dumps *dumps)
{
	pointers_free(dumps->found);
	pointers_free(dumps->texts);
	pointers_free(dumps->packs);
	array_free(dumps->gaps);
	memory_free(dumps);
}

const char *text_find(const char *text, ptrdiff_t length, const char *word)
{
	size_t n = strlen(word);
	const char *end = text + length, *at = text;

	while (at && (size_t)(end - at) >= n) {
		if (!memcmp(at, word, n))
			return at;
		at = memchr(at + 1, *word, (size_t)(end - at - 1));
	}
	return NULL;
}
