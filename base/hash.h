/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BASE_HASH_H
#define VIOMMU_BASE_HASH_H

#include "array.h"

/*
 * Hash tables: keys and values are pointers
 *
 * Keys are compared as a kind of key asks: texts, numbers of 64 bits that a key points to, or the
 * keys themselves. A set is a table whose keys are its values.
 */

struct hash_kind {
	uint64_t (*hash)(const void *key, uint64_t secret);
	bool (*equal)(const void *one, const void *other);
};

extern const struct hash_kind hash_text, hash_number, hash_direct;

struct hash;

/* free_key() and free_value() are called for what is removed or replaced; NULL: nothing is. */
struct hash *hash_new(const struct hash_kind *kind);
struct hash *hash_new_full(const struct hash_kind *kind, void (*free_key)(void *key),
			   void (*free_value)(void *value));

/* Afterwards, one more is inserted without allocating. */
void hash_reserve(struct hash *hash);

/* A key that is there stays, and `key` is freed in its place. Returns whether it is new. */
bool hash_insert(struct hash *hash, const void *key, const void *value);

/* Into a set; returns whether it is new. */
bool hash_add(struct hash *hash, const void *key);

void *hash_lookup(const struct hash *hash, const void *key);

/* Whether the key is there, and then its value, which may be NULL. */
bool hash_lookup_value(const struct hash *hash, const void *key, void **ret_value);
bool hash_contains(const struct hash *hash, const void *key);

/* Returns whether it was there. */
bool hash_remove(struct hash *hash, const void *key);

/* Takes it out; the value is not freed, and no key may be. */
bool hash_take(struct hash *hash, const void *key, void **ret_value);
size_t hash_size(const struct hash *hash);

/* The i-th entry in no order, for i below hash_slots(); false: there is none at i. */
size_t hash_slots(const struct hash *hash);
bool hash_entry(const struct hash *hash, size_t i, void **ret_key, void **ret_value);

/* Removes all. Does not allocate. */
void hash_clear(struct hash *hash);
void hash_free(struct hash *hash);

static inline void hash_cleanup(void *pointer)
{
	hash_free(*(struct hash **)pointer);
}

#define auto_hash __attribute__((cleanup(hash_cleanup)))

#endif
