/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "wire/crc32.h"

/* CRC-32 against its definition, in every way that this processor has */

#define MOST   700
#define OFFSET 17

static uint8_t bytes[MOST + OFFSET];

/* Bit by bit: the remainder of a division by x^32 + x^26 + x^23 + ... + 1. */
static uint32_t by_definition(const uint8_t *b, size_t length)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < length; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			uint32_t out = (crc ^ (uint32_t)b[i] >> bit) & 1;

			crc = crc >> 1 ^ (out ? 0xedb88320u : 0);
		}
	return ~crc;
}

static int fill(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		bytes[i] = (uint8_t)(seed >> 56);
	}
	return 0;
}

static void the_check_value_is_that_of_the_catalogue(void **state)
{
	(void)state;
	assert_int_equal(crc32_of("123456789", 9), 0xcbf43926);
	assert_int_equal(crc32_by_tables(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(crc32_of("", 0), 0);
}

static void every_length_and_offset_is_as_defined(void **state)
{
	(void)state;
	for (size_t offset = 0; offset < OFFSET; offset++)
		for (size_t length = 0; length <= MOST; length += offset ? 13 : 1) {
			uint32_t right = by_definition(bytes + offset, length);

			assert_int_equal(crc32_of(bytes + offset, length), right);
			assert_int_equal(crc32_by_tables(0, bytes + offset, length), right);
		}
}

static void a_crc_can_be_continued_anywhere(void **state)
{
	uint32_t whole = by_definition(bytes, MOST);

	(void)state;
	for (size_t first = 0; first <= MOST; first++) {
		assert_int_equal(
			crc32_continue(crc32_of(bytes, first), bytes + first, MOST - first), whole);
		assert_int_equal(
			crc32_by_tables(crc32_of(bytes, first), bytes + first, MOST - first),
			whole);
	}
}

/* One bit of each byte: no step forgets one. */
static void every_byte_counts(void **state)
{
	uint32_t whole = crc32_of(bytes, MOST);

	(void)state;
	for (size_t i = 0; i < MOST; i++) {
		bytes[i] ^= (uint8_t)(1 << i % 8);
		assert_int_not_equal(crc32_of(bytes, MOST), whole);
		assert_int_equal(crc32_of(bytes, MOST), by_definition(bytes, MOST));
		bytes[i] ^= (uint8_t)(1 << i % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_check_value_is_that_of_the_catalogue, fill),
		cmocka_unit_test_setup(every_length_and_offset_is_as_defined, fill),
		cmocka_unit_test_setup(a_crc_can_be_continued_anywhere, fill),
		cmocka_unit_test_setup(every_byte_counts, fill),
	};

	return cmocka_run_group_tests_name("crc32", tests, NULL, NULL);
}
