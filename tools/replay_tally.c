/* SPDX-License-Identifier: BSD-3-Clause */
/* Times of short calls: the median is not moved by what else the machine does */
#include <time.h>

#include "replay_tally.h"

#define NS_PER_SECOND 1000000000u
#define TRIALS        1000

uint64_t tally_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t tally_clock(void)
{
	static struct tally trials;

	trials = (struct tally){ .name = NULL };
	for (int i = 0; i < TRIALS; i++)
		tally_add(&trials, tally_now(), 0);
	return tally_median(&trials);
}

void tally_add(struct tally *tally, uint64_t begin, uint64_t clock)
{
	uint64_t ns = tally_now() - begin;

	ns = ns > clock ? ns - clock : 0;
	tally->n++;
	tally->sum += ns;
	tally->count[ns < TALLY_NS ? ns : TALLY_NS]++;
}

uint64_t tally_median(const struct tally *tally)
{
	uint64_t seen = 0;

	for (uint64_t ns = 0; ns <= TALLY_NS; ns++) {
		seen += tally->count[ns];
		if (tally->n && seen * 2 >= tally->n)
			return ns;
	}
	return 0;
}

uint64_t tally_mean(const struct tally *tally)
{
	return tally->n ? tally->sum / tally->n : 0;
}
