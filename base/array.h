/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BASE_ARRAY_H
#define VIOMMU_BASE_ARRAY_H

#include "memory.h"

#include <stdint.h>

/*
 * Growing arrays: of structs, of pointers, of bytes
 *
 * They move when they grow, so pointers into them are valid until the next append.
 */

/* Elements of one size. */
struct array {
	char *data;
	size_t len, room; /* elements */
	size_t size;      /* of an element */
	void (*clear)(void *element);
};

struct array *array_new(size_t size);
struct array *array_new_sized(size_t size, size_t room);

/* Call clear() for each element that is removed. */
void array_set_clear(struct array *array, void (*clear)(void *element));

void array_append_many(struct array *array, const void *elements, size_t n);

/* New elements are zero. */
void array_set_size(struct array *array, size_t n);

/* Stable. */
void array_sort(struct array *array, int (*compare)(const void *a, const void *b));

/* Frees the array and its elements. NULL is fine. */
void array_free(struct array *array);

/* Frees the array; its elements are the result, to be freed with free(), or NULL. */
void *array_steal(struct array *array);

#define array_append(array, element) array_append_many((array), &(element), 1)
#define array_index(array, type, i)  (((type *)(void *)(array)->data)[i])

/* Pointers. */
struct pointers {
	void **pdata;
	size_t len, room;
	void (*free)(void *pointer);
	const void *owner;
};

/* `free` is called for each removed pointer, unless it is NULL. */
struct pointers *pointers_new(void (*free)(void *pointer));

/* As a part of another object, the owner, which was allocated as a whole and is freed after it. */
void pointers_init(struct pointers *pointers, void (*free)(void *pointer), const void *owner);

/* The next n additions do not allocate. */
void pointers_reserve(struct pointers *pointers, size_t n);
void pointers_add(struct pointers *pointers, void *pointer);
void pointers_set_size(struct pointers *pointers, size_t n);

/* Removes the i-th pointer and moves the last into its place. */
void *pointers_take_fast(struct pointers *pointers, size_t i);

/* Stable. compare() is given pointers to pointers. */
void pointers_sort(struct pointers *pointers, int (*compare)(const void *a, const void *b));
void pointers_free(struct pointers *pointers);

/* For use as free_value of a hash table. */
void pointers_free_value(void *pointers);

/* Bytes. */
struct bytes {
	uint8_t *data;
	size_t len, room;
	const void *owner;
};

struct bytes *bytes_new(void);
void bytes_init(struct bytes *bytes, const void *owner); /* as pointers_init() */
struct bytes *bytes_new_sized(size_t room);
void bytes_append(struct bytes *bytes, const void *data, size_t length);
void bytes_set_size(struct bytes *bytes, size_t length);
void bytes_free(struct bytes *bytes);
void *bytes_steal(struct bytes *bytes);

static inline void array_cleanup(void *pointer)
{
	array_free(*(struct array **)pointer);
}

static inline void pointers_cleanup(void *pointer)
{
	pointers_free(*(struct pointers **)pointer);
}

#define auto_array    __attribute__((cleanup(array_cleanup)))
#define auto_pointers __attribute__((cleanup(pointers_cleanup)))

#endif
