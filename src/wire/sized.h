/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_WIRE_SIZED_H
#define VIOMMU_WIRE_SIZED_H

#include <stddef.h>

/*
 * Copy in a struct that begins with its size (a size_t). Members that an older caller lacks become
 * 0; members that only a newer caller has must be 0. `own` has `own_size` bytes, and its size
 * becomes that. -EINVAL: the size does not cover itself. -E2BIG: a member is set that this library
 * does not have.
 */
int sized_take(void *own, size_t own_size, const void *given);

/*
 * Copy out: fill the caller's struct up to its size, and keep its size. Members that only a newer
 * caller has become 0.
 */
void sized_give(void *given, const void *own, size_t own_size);

#endif
