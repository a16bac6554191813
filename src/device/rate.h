/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_RATE_H
#define VIOMMU_DEVICE_RATE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A rate limit: so many per second on average, and at most those of a second at once
 *
 * The level is what may be taken, in billionths, so that a nanosecond adds the rate.
 */

#define RATE_UNLIMITED UINT32_MAX

struct rate {
	uint32_t per_second;
	uint64_t level, filled_ns;
};

/* Full. The clock is never read for an unlimited rate. */
void rate_init(struct rate *rate, uint32_t per_second);

/* Take one; false if there is none. */
bool rate_take_limited(struct rate *rate);

static inline bool rate_take(struct rate *rate)
{
	return rate->per_second == RATE_UNLIMITED || rate_take_limited(rate);
}

/* Nanoseconds until there is one. */
uint64_t rate_delay(struct rate *rate);

uint64_t monotonic_ns(void);

#endif
