/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_WIRE_SIZED_H
#define VIOMMU_WIRE_SIZED_H

#include <stddef.h>

/*
 * Take over a struct that begins with its own size (a size_t), from a caller that may
 * be older than this library (what it lacks becomes zero) or newer (what it has beyond
 * must be zero). `own` has `own_size` bytes; its size member becomes own_size.
 *
 * -EINVAL: the size does not even cover itself; -E2BIG: the caller asks for something new.
 */
int sized_take(void *own, size_t own_size, const void *given);

/* The other way: fill the caller's struct as far as its size reaches, keeping its size. What a
 * newer caller has beyond becomes zero. */
void sized_give(void *given, const void *own, size_t own_size);

#endif
