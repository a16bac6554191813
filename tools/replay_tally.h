/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_REPLAY_TALLY_H
#define VIOMMU_TOOLS_REPLAY_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/* Counts and times of one kind of call. Times up to TALLY_NS are counted one by one. */
#define TALLY_NS 8192u

struct tally {
	const char *name;
	uint64_t n, refused, differ;
	uint64_t sum;
	uint32_t count[TALLY_NS + 1];
};

/* The time of the clock itself, which is in each measured time. */
uint64_t tally_clock(void);

uint64_t tally_now(void);

/* A call that began then. */
void tally_add(struct tally *tally, uint64_t begin, uint64_t clock);

/* 0 without a call. */
uint64_t tally_median(const struct tally *tally);
uint64_t tally_mean(const struct tally *tally);

#endif
