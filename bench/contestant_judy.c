/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include <Judy.h>

#include "contestant.h"

/*
 * A Judy array, a digital tree whose nodes adapt to how dense they are. The key is where a range
 * ends, as in ours; the value points to the rest.
 */

struct target {
	uint64_t first, phys;
};

static void *make(void)
{
	return calloc(1, sizeof(Pvoid_t));
}

static void set_free(void *set)
{
	Pvoid_t *judy = set;
	Word_t key = 0;

	for (PPvoid_t at = JudyLFirst(*judy, &key, NULL); at; at = JudyLNext(*judy, &key, NULL))
		free(*at);
	JudyLFreeArray(judy, NULL);
	free(judy);
}

static struct target *find(void *set, Word_t *key)
{
	void **at = JudyLFirst(*(Pvoid_t *)set, key, NULL);

	return at ? *at : NULL;
}

static bool map(void *set, const struct extent *extent)
{
	Word_t key = extent->first;
	struct target *next = find(set, &key);
	PPvoid_t at;

	if (next && next->first <= extent->last)
		return false;
	next = malloc(sizeof(*next));
	at = next ? JudyLIns(set, extent->last, NULL) : NULL;
	if (!at) {
		free(next);
		return false;
	}
	*next = (struct target){ extent->first, extent->phys };
	*at = next;
	return true;
}

static bool unmap(void *set, uint64_t first, uint64_t last)
{
	Word_t key = first;
	struct target *target = find(set, &key);

	if (!target || target->first < first || key > last)
		return false;
	while (target && key <= last) {
		free(target);
		JudyLDel(set, key, NULL);
		target = find(set, &key);
	}
	return true;
}

static uint64_t translate(void *set, uint64_t address)
{
	Word_t key = address;
	const struct target *target = find(set, &key);

	if (!target || target->first > address)
		return NOWHERE;
	return target->phys + (address - target->first);
}

static uint64_t walk(void *set)
{
	Pvoid_t *judy = set;
	Word_t key = 0;
	uint64_t sum = 0;

	for (PPvoid_t at = JudyLFirst(*judy, &key, NULL); at; at = JudyLNext(*judy, &key, NULL))
		sum += ((const struct target *)*at)->phys;
	return sum;
}

const struct contestant contestant_judy = {
	.name = "Judy",
	.make = make,
	.free = set_free,
	.map = map,
	.unmap = unmap,
	.translate = translate,
	.walk = walk,
};
