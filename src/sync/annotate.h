/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_SYNC_ANNOTATE_H
#define VIOMMU_SYNC_ANNOTATE_H

/*
 * Tells Valgrind's drd what an atomic store or load orders
 *
 * Compilers, processors and ThreadSanitizer know that from the atomic operation. drd sees a plain
 * store and a plain load (tests/device/meson.build, "drd").
 */

#ifdef WITH_DRD
#include <valgrind/drd.h>
#endif

/* Before the store. */
static inline void annotate_release(const volatile void *at)
{
#ifdef WITH_DRD
	ANNOTATE_BENIGN_RACE_SIZED(at, sizeof(void *), "atomic");
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
