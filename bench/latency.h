/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BENCH_LATENCY_H
#define VIOMMU_BENCH_LATENCY_H

#include <stdint.h>

#include "clock.h"

/*
 * How long each of very many short things took
 *
 * Times are counted in ticks of the processor's own clock where there is one to be read, for
 * asking the system takes longer than a translation. Buckets are an eighth apart.
 */

#define LATENCY_STEPS   8
#define LATENCY_BUCKETS (64 * LATENCY_STEPS)

struct latency {
	uint64_t n, counts[LATENCY_BUCKETS];
};

static inline uint64_t ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t value;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value));
	return value;
#else
	return now_ns();
#endif
}

/* Ticks in a nanosecond; takes some milliseconds to find out. */
double ticks_per_ns(void);

void latency_count(struct latency *latency, uint64_t ticks);
void latency_add(struct latency *sum, const struct latency *more);

/* The ticks that all but one of `in` stayed below: 2 is the median, 1000 is p99.9. */
uint64_t latency_beyond(const struct latency *latency, uint64_t in);

#endif
