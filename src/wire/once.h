/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_WIRE_ONCE_H
#define VIOMMU_WIRE_ONCE_H

#include <stddef.h>
#include <string.h>

/*
 * Copy bytes that the guest may be changing
 *
 * The fence prevents the compiler from reading them again after they were checked. An empty piece
 * may have a NULL address, which memcpy() does not accept.
 */
static inline void copy_once(void *to, const void *from, size_t length)
{
	if (length)
		memcpy(to, from, length);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif
