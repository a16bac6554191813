/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys chosen by the author of a file do not collide in a hash table (base/hash.h).
 *
 * The hash is public and can be inverted, so keys with any hash can be computed for a known secret.
 * A table with a secret of its own must spread them like others. Entries are found by linear
 * probing, so the longest run of occupied slots bounds the work of any lookup.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

#define N_KEYS 4096u

/* In a table that is half full, the longest run of random keys is about 8 * ln(N_KEYS) slots. */
#define LONGEST_RUN 512u

/* All bits but the lowest, which tells an empty slot, select the slot. */
#define SLOT_BITS 0x3ffeu

struct keys {
	uint64_t numbers[N_KEYS];
	char names[N_KEYS][sizeof(uint64_t) + 1];
	size_t n_names;
};

/* The inverse of a multiplication by an odd number, by Newton's method. */
static uint64_t inverse_of(uint64_t factor)
{
	uint64_t inverse = factor;

	for (int i = 0; i < 6; i++)
		inverse *= 2 - factor * inverse;
	return inverse;
}

static uint64_t undo_shift(uint64_t n, unsigned shift)
{
	uint64_t result = n;

	for (unsigned done = shift; done < 64; done += shift)
		result = n ^ result >> shift;
	return result;
}

/* The inverse of the finalizer of splitmix64. */
static uint64_t unmix(uint64_t n)
{
	n = undo_shift(n, 31) * inverse_of(0x94d049bb133111ebu);
	n = undo_shift(n, 27) * inverse_of(0xbf58476d1ce4e5b9u);
	return undo_shift(n, 30);
}

/* A text of 8 bytes is hashed as a word, and then its length; one with a NUL would be shorter. */
static void add_name(struct keys *keys, uint64_t hash)
{
	uint64_t word = unmix(unmix(hash) ^ sizeof(word));

	if (!memchr(&word, '\0', sizeof(word)))
		memcpy(keys->names[keys->n_names++], &word, sizeof(word));
}

/* Keys whose hashes without a secret select the same slot. */
static struct keys *choose_keys(void)
{
	struct keys *keys = test_calloc(1, sizeof(*keys));

	for (uint64_t i = 0; i < N_KEYS; i++)
		keys->numbers[i] = unmix(i << 32);
	for (uint64_t i = 0; keys->n_names < N_KEYS; i++)
		add_name(keys, i << 32);
	return keys;
}

static size_t longest_run(const struct hash *hash)
{
	size_t longest = 0, run = 0;
	void *key, *value;

	for (size_t i = 0; i < hash_slots(hash); i++) {
		run = hash_entry(hash, i, &key, &value) ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

/* Otherwise the test would show nothing. */
static void chosen_keys_collide_without_a_secret(void **state)
{
	struct keys *keys = choose_keys();

	(void)state;
	for (size_t i = 0; i < N_KEYS; i++) {
		assert_int_equal(hash_number.hash(&keys->numbers[i], 0) & SLOT_BITS, 0);
		assert_int_equal(hash_text.hash(keys->names[i], 0) & SLOT_BITS, 0);
	}
	test_free(keys);
}

static void chosen_numbers_are_spread(void **state)
{
	struct keys *keys = choose_keys();
	struct hash *hash = hash_new(&hash_number);

	(void)state;
	for (size_t i = 0; i < N_KEYS; i++)
		hash_add(hash, &keys->numbers[i]);
	assert_int_equal(hash_size(hash), N_KEYS);
	assert_in_range(longest_run(hash), 1, LONGEST_RUN);
	hash_free(hash);
	test_free(keys);
}

static void chosen_names_are_spread(void **state)
{
	struct keys *keys = choose_keys();
	struct hash *hash = hash_new(&hash_text);

	(void)state;
	for (size_t i = 0; i < N_KEYS; i++)
		hash_add(hash, keys->names[i]);
	assert_int_equal(hash_size(hash), N_KEYS);
	assert_in_range(longest_run(hash), 1, LONGEST_RUN);
	hash_free(hash);
	test_free(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chosen_keys_collide_without_a_secret),
		cmocka_unit_test(chosen_numbers_are_spread),
		cmocka_unit_test(chosen_names_are_spread),
	};

	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
