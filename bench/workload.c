/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "workload.h"

#define BASE         0x100000000ull
#define PAGE         0x1000ull
#define SLOT_PAGES   (2 * PAGE)
#define SLOT_MIXED   0x400000ull
#define MIXED_SHIFTS 10
#define SPARE_LEAST  128
#define SEED         0x9e3779b97f4a7c15ull

/* A linear generator whose high half is folded into the low one. */
uint64_t random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state ^ (*state >> 29);
}

static uint64_t below(uint64_t *state, uint64_t limit)
{
	return (random_next(state) >> 16) % limit;
}

static void shuffle(uint32_t *slots, size_t n)
{
	uint64_t state = SEED;

	for (size_t i = n; i > 1; i--) {
		size_t j = below(&state, i);
		uint32_t slot = slots[i - 1];

		slots[i - 1] = slots[j];
		slots[j] = slot;
	}
}

bool workload_make(struct workload *workload)
{
	workload->n_slots = workload->n + workload->n / 8 + SPARE_LEAST;
	workload->slots = malloc(workload->n_slots * sizeof(workload->slots[0]));
	if (!workload->slots)
		return false;
	for (size_t i = 0; i < workload->n_slots; i++)
		workload->slots[i] =
			(uint32_t)(workload->order == DOWNWARD ? workload->n_slots - 1 - i : i);
	if (workload->order == SCATTERED)
		shuffle(workload->slots, workload->n_slots);
	return true;
}

void workload_free(struct workload *workload)
{
	free(workload->slots);
	workload->slots = NULL;
}

static uint64_t slot_bytes(const struct workload *workload)
{
	return workload->sizes == PAGES ? SLOT_PAGES : SLOT_MIXED;
}

static struct extent extent_of(const struct workload *workload, uint32_t slot)
{
	uint64_t state = slot + SEED, first = BASE + slot * slot_bytes(workload);
	uint64_t random = random_next(&state), length = PAGE;

	if (workload->sizes == MIXED)
		length <<= random % MIXED_SHIFTS;
	return (struct extent){ first, first + length - 1, random >> 20 << 12 };
}

struct extent workload_extent(const struct workload *workload, uint64_t i)
{
	return extent_of(workload, workload->slots[i % workload->n_slots]);
}

/* The first, or the last, page of each slot; the last page is always a gap. */
static uint64_t *accesses(const struct workload *workload, size_t n, uint64_t page)
{
	uint64_t *addresses = malloc(n * sizeof(addresses[0])), state = SEED;

	for (size_t i = 0; addresses && i < n; i++) {
		uint64_t random = random_next(&state);
		size_t which = workload->order == SCATTERED ? random >> 16 : i;

		addresses[i] =
			workload_extent(workload, which % workload->n).first + page + random % PAGE;
	}
	return addresses;
}

uint64_t *workload_hits(const struct workload *workload, size_t n)
{
	return accesses(workload, n, 0);
}

uint64_t *workload_misses(const struct workload *workload, size_t n)
{
	return accesses(workload, n, slot_bytes(workload) - PAGE);
}
