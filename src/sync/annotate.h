/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_SYNC_ANNOTATE_H
#define VIOMMU_SYNC_ANNOTATE_H

/*
 * Tells Valgrind's drd what an atomic store or load orders
 *
 * Compilers, processors and ThreadSanitizer know that from the atomic operation. drd sees a plain
 * store and a plain load (tests/device/meson.build, "drd").
 */

#include <stddef.h>

#ifdef WITH_DRD
#include <valgrind/drd.h>
#endif

/* Threads store and load there at once, in whatever order. */
static inline void annotate_atomic(const volatile void *at, size_t size)
{
#ifdef WITH_DRD
	ANNOTATE_BENIGN_RACE_SIZED(at, size, "atomic");
#endif
	(void)at;
	(void)size;
}

/* Before the store. drd keeps a clock for each address. */
static inline void annotate_release(const volatile void *at)
{
#ifdef WITH_DRD
	annotate_atomic(at, sizeof(void *));
	ANNOTATE_HAPPENS_BEFORE(at);
#endif
	(void)at;
}

/* After the load. */
static inline void annotate_acquire(const volatile void *at)
{
#ifdef WITH_DRD
	ANNOTATE_HAPPENS_AFTER(at);
#endif
	(void)at;
}

#endif
