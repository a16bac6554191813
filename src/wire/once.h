/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_WIRE_ONCE_H
#define VIOMMU_WIRE_ONCE_H

#include <stddef.h>
#include <string.h>

/*
 * Copy bytes out of memory that the guest may be changing
 *
 * The compiler must not look there again when it needs a byte of the copy: it may be another
 * by then than the one that was checked. An empty piece may have no address, which memcpy must
 * not be given.
 */
static inline void copy_once(void *to, const void *from, size_t length)
{
	if (length)
		memcpy(to, from, length);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif
