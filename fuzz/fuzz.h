/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_FUZZ_FUZZ_H
#define VIOMMU_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * Fuzz targets: one file for each kind of hostile input
 *
 * A target is the function that libFuzzer and AFL++ call with their bytes. Bytes are taken from the
 * front, and an exhausted input continues with zeroes, so that any bytes are an input and a shorter
 * one is simpler. must() states an invariant, and ends the program if it does not hold.
 *
 * ./run fuzz [MINUTES] [TARGET]  search for new inputs
 * meson test --suite fuzz  run the kept inputs as tests
 */

/* What the fuzzers call. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* Throughput does not matter: every invariant is checked for every input. */
extern const bool replaying;

/* What is left of an input. */
struct rest {
	const uint8_t *bytes;
	size_t length;
};

/* Without a message, since the debugger of a fuzzer shows the line. */
static inline void must(bool holds)
{
	if (!holds)
		abort();
}

/* The next byte; 0 behind the end. */
static inline uint8_t take(struct rest *input)
{
	if (!input->length)
		return 0;
	input->length--;
	return *input->bytes++;
}

/* The next `n` bytes as a number, little-endian. */
static inline uint64_t take_number(struct rest *input, unsigned n)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < n; i++)
		number |= (uint64_t)take(input) << 8 * i;
	return number;
}

/* Some steps take as long as a hundred others: an input may have but a few of them. */
static inline bool has_patience(unsigned *spent)
{
	static const unsigned patience = 12;

	return (*spent)++ < patience;
}

/*
 * Addresses that are worth a try: most are small multiples of a page, some are at the top of the
 * space, and some are anything. So ranges meet each other, and the ends.
 */
static inline uint64_t take_address(struct rest *input)
{
	static const unsigned page_shift = 12, whole = 8;
	uint8_t how = take(input);

	if (how < 0xc0)
		return (uint64_t)how << page_shift;
	if (how < 0xe0)
		return UINT64_MAX - ((uint64_t)(how & 0x1f) << page_shift) - (how & 1);
	return take_number(input, whole);
}

#endif
