/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BASE_HASH_H
#define VIOMMU_BASE_HASH_H

#include "array.h"

/*
 * Hash tables: keys and values are pointers
 *
 * The kind of keys selects the comparison: strings, 64-bit numbers that keys point to, or the
 * pointers themselves. A set is a table whose keys are its values.
 */

struct hash_kind {
	uint64_t (*hash)(const void *key, uint64_t secret);
	bool (*equal)(const void *one, const void *other);
};

extern const struct hash_kind hash_text, hash_number, hash_direct;

struct hash;

/* free_key() and free_value() are called for removed and replaced entries, unless they are NULL. */
struct hash *hash_new(const struct hash_kind *kind);
struct hash *hash_new_full(const struct hash_kind *kind, void (*free_key)(void *key),
			   void (*free_value)(void *value));

/* The next insertion does not allocate. */
void hash_reserve(struct hash *hash);

/* An existing key stays, and `key` is freed. Returns whether the key is new. */
bool hash_insert(struct hash *hash, const void *key, const void *value);

/* Add to a set. Returns whether the key is new. */
bool hash_add(struct hash *hash, const void *key);

void *hash_lookup(const struct hash *hash, const void *key);

/* Returns whether the key exists; *ret_value is its value, which may be NULL. */
bool hash_lookup_value(const struct hash *hash, const void *key, void **ret_value);
bool hash_contains(const struct hash *hash, const void *key);

/* Returns whether the key existed. */
bool hash_remove(struct hash *hash, const void *key);

/* Removes an entry without freeing its value. The table must not have a free_key(). */
bool hash_take(struct hash *hash, const void *key, void **ret_value);
size_t hash_size(const struct hash *hash);

/* The i-th entry in no particular order, for i below hash_slots(); false if slot i is empty. */
size_t hash_slots(const struct hash *hash);
bool hash_entry(const struct hash *hash, size_t i, void **ret_key, void **ret_value);

/* Remove all entries. Does not allocate. */
void hash_clear(struct hash *hash);
void hash_free(struct hash *hash);

static inline void hash_cleanup(void *pointer)
{
	hash_free(*(struct hash **)pointer);
}

#define auto_hash __attribute__((cleanup(hash_cleanup)))

#endif
