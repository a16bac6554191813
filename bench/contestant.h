/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BENCH_CONTESTANT_H
#define VIOMMU_BENCH_CONTESTANT_H

#include "workload.h"

/*
 * An implementation of a set of ranges, behind an interface common to all
 *
 * Each is used as its own users would: an insert rejects an overlap, and a removal removes every
 * range inside an interval.
 */

#ifdef __cplusplus
extern "C" {
#endif

#define NOWHERE UINT64_MAX

struct contestant {
	const char *name;

	void *(*make)(void); /* NULL: out of memory */
	void (*free)(void *set);

	/* False if refused. */
	bool (*map)(void *set, const struct extent *extent);
	bool (*unmap)(void *set, uint64_t first, uint64_t last);

	/* Where an address goes, or NOWHERE. */
	uint64_t (*translate)(void *set, uint64_t address);

	/* The sum of where all ranges go, in ascending order. */
	uint64_t (*walk)(void *set);

	/* Take very many ranges at once; NULL: one by one is no slower. */
	bool (*load)(void *set, const struct workload *workload);
};

extern const struct contestant contestant_map, contestant_device, contestant_gtree,
	contestant_array, contestant_radix, contestant_judy, contestant_rbtree, contestant_btree;

#ifdef __cplusplus
}
#endif

#endif
