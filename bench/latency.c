/* SPDX-License-Identifier: BSD-3-Clause */
/* Latencies of single operations, by the processor's time stamp counter, as a histogram */
#include "latency.h"

#define CALIBRATION_NS 20000000

double ticks_per_ns(void)
{
	uint64_t begin = now_ns(), first = ticks(), end;

	do {
		end = now_ns();
	} while (end - begin < CALIBRATION_NS);
	return (double)(ticks() - first) / (double)(end - begin);
}

/* Of the same power of two, by the three bits that follow the highest. */
static unsigned bucket_of(uint64_t value)
{
	unsigned log2 = 63 - (unsigned)__builtin_clzll(value | LATENCY_STEPS);

	return log2 * LATENCY_STEPS + (unsigned)(value >> (log2 - 3)) % LATENCY_STEPS;
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned bucket)
{
	unsigned log2 = bucket / LATENCY_STEPS, step = bucket % LATENCY_STEPS;

	return ((2 * (LATENCY_STEPS + step) + 1ull) << (log2 - 3)) / 2;
}

void latency_count(struct latency *latency, uint64_t value)
{
	latency->counts[bucket_of(value)]++;
	latency->n++;
}

void latency_add(struct latency *sum, const struct latency *more)
{
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		sum->counts[i] += more->counts[i];
	sum->n += more->n;
}

uint64_t latency_beyond(const struct latency *latency, uint64_t in)
{
	uint64_t behind = 0, wanted = latency->n / in;

	for (unsigned i = LATENCY_BUCKETS; i-- > 0;) {
		behind += latency->counts[i];
		if (behind > wanted)
			return value_of(i);
	}
	return 0;
}
