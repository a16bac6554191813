/* SPDX-License-Identifier: BSD-3-Clause */
#include <time.h>

#include "device/rate.h"

#define SECOND UINT64_C(1000000000)

uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static bool is_limited(const struct rate *rate)
{
	return rate->per_second != RATE_UNLIMITED;
}

void rate_init(struct rate *rate, uint32_t per_second)
{
	*rate = (struct rate){ .per_second = per_second, .level = per_second * SECOND };
	if (is_limited(rate))
		rate->filled_ns = monotonic_ns();
}

/* Cannot overflow: twice what a second adds, which is below 2^62. */
static void fill(struct rate *rate)
{
	uint64_t now = monotonic_ns(), passed = now - rate->filled_ns;
	uint64_t full = rate->per_second * SECOND;

	rate->filled_ns = now;
	rate->level += (passed < SECOND ? passed : SECOND) * rate->per_second;
	if (rate->level > full)
		rate->level = full;
}

bool rate_take_limited(struct rate *rate)
{
	fill(rate);
	if (rate->level < SECOND)
		return false;
	rate->level -= SECOND;
	return true;
}

uint64_t rate_delay(struct rate *rate)
{
	if (!is_limited(rate) || rate->level >= SECOND)
		return 0;
	fill(rate);
	return rate->level < SECOND ? (SECOND - rate->level) / rate->per_second + 1 : 0;
}
