/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BENCH_WORKLOAD_H
#define VIOMMU_BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What every contestant is put through: ranges, and the order in which they come and go
 *
 * The address space is cut into slots of one size, each with a range at its beginning and a gap
 * behind it, so that a miss has a place in the middle of things. Some slots are spare: the
 * oldest range goes as a new one comes, and the number of ranges stays what it is.
 */

struct extent {
	uint64_t first, last, phys;
};

enum order { UPWARD, DOWNWARD, SCATTERED };
enum sizes { PAGES, MIXED }; /* 4 KiB; powers of two from 4 KiB to 2 MiB */

struct workload {
	size_t n;        /* ranges at any time */
	size_t n_slots;  /* with the spare ones */
	uint32_t *slots; /* in the order in which their ranges come, and go */
	enum order order;
	enum sizes sizes;
};

/* False when out of memory. */
bool workload_make(struct workload *workload);
void workload_free(struct workload *workload);

/* The i-th range to come; i may be any number, for what has gone comes again. */
struct extent workload_extent(const struct workload *workload, uint64_t i);

/* Where `n` accesses go, in or behind the ranges that come first. */
uint64_t *workload_hits(const struct workload *workload, size_t n);
uint64_t *workload_misses(const struct workload *workload, size_t n);

/* Numbers that look random, and are the same in every run. */
uint64_t random_next(uint64_t *state);

#endif
