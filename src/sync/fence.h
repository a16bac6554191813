/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_SYNC_FENCE_H
#define VIOMMU_SYNC_FENCE_H

#include <stdatomic.h>

/*
 * A full fence: the thread's stores are visible before its later loads. ThreadSanitizer does not
 * model fences, so an exchange replaces it there.
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
