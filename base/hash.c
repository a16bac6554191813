/* SPDX-License-Identifier: BSD-3-Clause */
/* Hash tables with open addressing: linear probing, and entries move up on removal */
#include <string.h>
#include <sys/auxv.h>

#include "hash.h"

#define FIRST_ROOM 16u

struct entry {
	void *key, *value;
	uint64_t hash; /* 0: the slot is empty */
};

struct hash {
	const struct hash_kind *kind;
	void (*free_key)(void *key);
	void (*free_value)(void *value);
	struct entry *entries;
	size_t n, room;
	uint64_t secret;
};

/* -- kinds of keys ------------------------------------------------------------------- */

/* The finalizer of splitmix64: each bit of a key changes about half of the bits of the result. */
static uint64_t mix(uint64_t n)
{
	n ^= n >> 30;
	n *= 0xbf58476d1ce4e5b9u;
	n ^= n >> 27;
	n *= 0x94d049bb133111ebu;
	return n ^ n >> 31;
}

/* A secret, because the author of a file could otherwise choose colliding keys. */
static uint64_t secret(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM);
	uint64_t value = 0;

	if (random)
		memcpy(&value, random, sizeof(value));
	return value;
}

static uint64_t text_hash(const void *key, uint64_t hash)
{
	size_t length = strlen(key), at = 0;
	uint64_t word;

	for (; length - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, (const char *)key + at, sizeof(word));
		hash = mix(hash ^ word);
	}
	word = length;
	memcpy(&word, (const char *)key + at, length - at);
	return mix(hash ^ word);
}

static bool text_equal(const void *one, const void *other)
{
	return !strcmp(one, other);
}

static uint64_t number_hash(const void *key, uint64_t hash)
{
	return mix(hash ^ *(const uint64_t *)key);
}

static bool number_equal(const void *one, const void *other)
{
	return *(const uint64_t *)one == *(const uint64_t *)other;
}

static uint64_t direct_hash(const void *key, uint64_t hash)
{
	return mix(hash ^ (uint64_t)(uintptr_t)key);
}

static bool direct_equal(const void *one, const void *other)
{
	return one == other;
}

const struct hash_kind hash_text = { text_hash, text_equal };
const struct hash_kind hash_number = { number_hash, number_equal };
const struct hash_kind hash_direct = { direct_hash, direct_equal };

/* -- slots --------------------------------------------------------------------------- */

static uint64_t hash_of(const struct hash *hash, const void *key)
{
	return hash->kind->hash(key, hash->secret) | 1;
}

static size_t home_of(const struct hash *hash, uint64_t value)
{
	return (size_t)(value >> 1) & (hash->room - 1);
}

/* The entry of the key, or its empty slot. NULL if the table has no slots. */
static struct entry *find(const struct hash *hash, const void *key)
{
	uint64_t value = hash_of(hash, key);
	size_t slot = hash->room ? home_of(hash, value) : 0;

	if (!hash->room)
		return NULL;
	while (hash->entries[slot].hash && (hash->entries[slot].hash != value ||
					    !hash->kind->equal(hash->entries[slot].key, key)))
		slot = (slot + 1) & (hash->room - 1);
	return &hash->entries[slot];
}

static struct entry *present(const struct hash *hash, const void *key)
{
	struct entry *entry = find(hash, key);

	return entry && entry->hash ? entry : NULL;
}

static void place(struct hash *hash, const struct entry *entry)
{
	size_t slot = home_of(hash, entry->hash);

	while (hash->entries[slot].hash)
		slot = (slot + 1) & (hash->room - 1);
	hash->entries[slot] = *entry;
}

/* The old table stays valid until the new one is complete. */
void hash_reserve(struct hash *hash)
{
	struct hash larger = *hash;

	if (4 * (hash->n + 1) <= 3 * hash->room)
		return;
	larger.room = hash->room ? 2 * hash->room : FIRST_ROOM;
	if (larger.room > SIZE_MAX / sizeof(struct entry))
		memory_fail();
	larger.entries = memory_grow(hash, NULL, larger.room * sizeof(struct entry));
	memset(larger.entries, 0, larger.room * sizeof(struct entry));
	for (size_t i = 0; i < hash->room; i++)
		if (hash->entries[i].hash)
			place(&larger, &hash->entries[i]);
	memory_free(hash->entries);
	hash->entries = larger.entries;
	hash->room = larger.room;
}

/* Entries after the hole move into it, except past their home slot. */
static void close_hole(struct hash *hash, size_t hole)
{
	size_t mask = hash->room - 1;

	for (size_t next = (hole + 1) & mask; hash->entries[next].hash; next = (next + 1) & mask) {
		size_t home = home_of(hash, hash->entries[next].hash);

		if (((next - home) & mask) >= ((next - hole) & mask)) {
			hash->entries[hole] = hash->entries[next];
			hole = next;
		}
	}
	hash->entries[hole].hash = 0;
	hash->n--;
}

/* -- tables --------------------------------------------------------------------------- */

struct hash *hash_new(const struct hash_kind *kind)
{
	return hash_new_full(kind, NULL, NULL);
}

struct hash *hash_new_full(const struct hash_kind *kind, void (*free_key)(void *key),
			   void (*free_value)(void *value))
{
	struct hash *hash = memory_new(struct hash, 1);

	hash->kind = kind;
	hash->secret = secret();
	hash->free_key = free_key;
	hash->free_value = free_value;
	return hash;
}

static void drop(void (*free)(void *pointer), void *pointer)
{
	if (free && pointer)
		free(pointer);
}

bool hash_insert(struct hash *hash, const void *key, const void *value)
{
	struct entry *entry = present(hash, key);

	if (entry) {
		drop(hash->free_key, (void *)key);
		drop(hash->free_value, entry->value);
		entry->value = (void *)value;
		return false;
	}
	hash_reserve(hash);
	*find(hash, key) = (struct entry){ (void *)key, (void *)value, hash_of(hash, key) };
	hash->n++;
	return true;
}

bool hash_add(struct hash *hash, const void *key)
{
	struct entry *entry = present(hash, key);

	if (!entry)
		return hash_insert(hash, key, key);
	drop(hash->free_key, entry->key);
	entry->key = entry->value = (void *)key;
	return false;
}

void *hash_lookup(const struct hash *hash, const void *key)
{
	const struct entry *entry = present(hash, key);

	return entry ? entry->value : NULL;
}

bool hash_lookup_value(const struct hash *hash, const void *key, void **ret_value)
{
	const struct entry *entry = present(hash, key);

	if (entry)
		*ret_value = entry->value;
	return entry;
}

bool hash_contains(const struct hash *hash, const void *key)
{
	return present(hash, key);
}

bool hash_remove(struct hash *hash, const void *key)
{
	struct entry *entry = present(hash, key);

	if (!entry)
		return false;
	drop(hash->free_key, entry->key);
	drop(hash->free_value, entry->value);
	close_hole(hash, (size_t)(entry - hash->entries));
	return true;
}

bool hash_take(struct hash *hash, const void *key, void **ret_value)
{
	struct entry *entry = present(hash, key);

	if (!entry)
		return false;
	*ret_value = entry->value;
	close_hole(hash, (size_t)(entry - hash->entries));
	return true;
}

size_t hash_size(const struct hash *hash)
{
	return hash->n;
}

size_t hash_slots(const struct hash *hash)
{
	return hash->room;
}

bool hash_entry(const struct hash *hash, size_t i, void **ret_key, void **ret_value)
{
	const struct entry *entry = &hash->entries[i];

	if (!entry->hash)
		return false;
	*ret_key = entry->key;
	*ret_value = entry->value;
	return true;
}

void hash_clear(struct hash *hash)
{
	for (size_t i = 0; hash->n && i < hash->room; i++)
		if (hash->entries[i].hash) {
			drop(hash->free_key, hash->entries[i].key);
			drop(hash->free_value, hash->entries[i].value);
			hash->entries[i].hash = 0;
		}
	hash->n = 0;
}

void hash_free(struct hash *hash)
{
	if (!hash)
		return;
	hash_clear(hash);
	memory_free(hash->entries);
	memory_free(hash);
}
