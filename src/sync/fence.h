/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_SYNC_FENCE_H
#define VIOMMU_SYNC_FENCE_H

#include <stdatomic.h>

/*
 * What the thread has stored is seen by all before it loads anything behind this. (The thread
 * sanitizer knows no fences; to an x86 processor an exchange is one.)
 */
static inline void fence(void)
{
#ifdef __SANITIZE_THREAD__
	_Atomic(int) word = 0;

	atomic_exchange(&word, 1);
#else
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

#endif
