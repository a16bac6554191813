/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_PGTABLE_CPU_RANDOM_H
#define TESTS_PGTABLE_CPU_RANDOM_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What the makers of random tables share: the same numbers for a seed, and files for the guest. */

static uint64_t seed;

static inline void seed_by(const char *number)
{
	seed = strtoull(number, NULL, 0) * 0x9e3779b97f4a7c15ull + 1;
}

static inline uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static inline bool one_of(unsigned n)
{
	return draw() % n == 0;
}

static inline void write_file(const char *path, const void *bytes, size_t length)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(bytes, length, 1, file) != 1 || fclose(file)) {
		perror(path);
		exit(2);
	}
}
#endif
