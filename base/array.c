/* SPDX-License-Identifier: BSD-3-Clause */
/* Growing arrays with doubling capacity, and a stable sort */
#include <string.h>

#include "array.h"

#define FIRST_ROOM 8u

/*
 * Storage for at least n elements; the capacity is counted in elements. Fails if the size exceeds
 * size_t.
 */
static void *grown(const void *owner, void *data, size_t *room, size_t n, size_t size)
{
	size_t wanted = *room ? *room : FIRST_ROOM;

	if (n <= *room)
		return data;
	while (wanted < n && wanted <= SIZE_MAX / 2)
		wanted *= 2;
	if (wanted < n || wanted > SIZE_MAX / size)
		memory_fail();
	data = memory_grow(owner, data, wanted * size);
	*room = wanted;
	return data;
}

/* -- sorting ------------------------------------------------------------------------ */

struct sort {
	int (*compare)(const void *a, const void *b);
	size_t size;
	char *room;
};

static void merge(const struct sort *sort, char *data, size_t half, size_t n)
{
	char *left = sort->room, *left_end = left + half * sort->size;
	char *right = data + half * sort->size, *right_end = data + n * sort->size;

	memcpy(left, data, half * sort->size);
	for (; left < left_end; data += sort->size) {
		bool is_right = right < right_end && sort->compare(left, right) > 0;
		char **from = is_right ? &right : &left;

		memcpy(data, *from, sort->size);
		*from += sort->size;
	}
}

/*
 * The depth of the recursion is logarithmic in n. Most tables have their entries in order: then
 * neighbours are compared, and nothing moves.
 */
static void merge_sort(const struct sort *sort, char *data, size_t n)
{
	size_t half = n / 2;
	char *right;

	if (n < 2)
		return;
	right = data + half * sort->size;
	merge_sort(sort, data, half);
	merge_sort(sort, right, n - half);
	if (sort->compare(right - sort->size, right) > 0)
		merge(sort, data, half, n);
}

static void sort(void *data, size_t n, size_t size, int (*compare)(const void *a, const void *b))
{
	auto_free char *room = memory_get(n / 2 * size);

	merge_sort(&(struct sort){ compare, size, room }, data, n);
}

/* -- structs ------------------------------------------------------------------------ */

struct array *array_new(size_t size)
{
	struct array *array = memory_new(struct array, 1);

	array->size = size;
	return array;
}

static void reserve(struct array *array, size_t n)
{
	array->data = grown(array, array->data, &array->room, n, array->size);
}

struct array *array_new_sized(size_t size, size_t room)
{
	struct array *array = array_new(size);

	reserve(array, room);
	return array;
}

void array_set_clear(struct array *array, void (*clear)(void *element))
{
	array->clear = clear;
}

void array_append_many(struct array *array, const void *elements, size_t n)
{
	if (!n)
		return;
	reserve(array, array->len + n);
	memcpy(array->data + array->len * array->size, elements, n * array->size);
	array->len += n;
}

void array_set_size(struct array *array, size_t n)
{
	if (n > array->len) {
		reserve(array, n);
		memset(array->data + array->len * array->size, 0, (n - array->len) * array->size);
	}
	for (size_t i = n; array->clear && i < array->len; i++)
		array->clear(array->data + i * array->size);
	array->len = n;
}

void array_sort(struct array *array, int (*compare)(const void *a, const void *b))
{
	sort(array->data, array->len, array->size, compare);
}

void array_free(struct array *array)
{
	if (!array)
		return;
	array_set_size(array, 0);
	memory_free(array->data);
	memory_free(array);
}

void *array_steal(struct array *array)
{
	void *data = array->data;

	memory_free(array);
	return data;
}

/* -- pointers ----------------------------------------------------------------------- */

struct pointers *pointers_new(void (*free)(void *pointer))
{
	struct pointers *pointers = memory_new(struct pointers, 1);

	pointers_init(pointers, free, pointers);
	return pointers;
}

void pointers_init(struct pointers *pointers, void (*free)(void *pointer), const void *owner)
{
	*pointers = (struct pointers){ .free = free, .owner = owner };
}

void pointers_reserve(struct pointers *pointers, size_t n)
{
	pointers->pdata = grown(pointers->owner, pointers->pdata, &pointers->room,
				pointers->len + n, sizeof(pointers->pdata[0]));
}

void pointers_add(struct pointers *pointers, void *pointer)
{
	pointers_reserve(pointers, 1);
	pointers->pdata[pointers->len++] = pointer;
}

void pointers_set_size(struct pointers *pointers, size_t n)
{
	while (pointers->len > n) {
		void *last = pointers->pdata[--pointers->len];

		if (pointers->free)
			pointers->free(last);
	}
	while (pointers->len < n)
		pointers_add(pointers, NULL);
}

void *pointers_take_fast(struct pointers *pointers, size_t i)
{
	void *taken = pointers->pdata[i];

	pointers->pdata[i] = pointers->pdata[--pointers->len];
	return taken;
}

void pointers_sort(struct pointers *pointers, int (*compare)(const void *a, const void *b))
{
	sort(pointers->pdata, pointers->len, sizeof(pointers->pdata[0]), compare);
}

void pointers_free(struct pointers *pointers)
{
	if (!pointers)
		return;
	for (size_t i = 0; pointers->free && i < pointers->len; i++)
		pointers->free(pointers->pdata[i]);
	memory_free(pointers->pdata);
	if (pointers->owner == pointers)
		memory_free(pointers);
}

void pointers_free_value(void *pointers)
{
	pointers_free(pointers);
}

/* -- bytes -------------------------------------------------------------------------- */

struct bytes *bytes_new(void)
{
	struct bytes *bytes = memory_new(struct bytes, 1);

	bytes_init(bytes, bytes);
	return bytes;
}

void bytes_init(struct bytes *bytes, const void *owner)
{
	*bytes = (struct bytes){ .owner = owner };
}

static void bytes_reserve(struct bytes *bytes, size_t n)
{
	bytes->data = grown(bytes->owner, bytes->data, &bytes->room, n, 1);
}

struct bytes *bytes_new_sized(size_t room)
{
	struct bytes *bytes = bytes_new();

	bytes_reserve(bytes, room);
	return bytes;
}

void bytes_append(struct bytes *bytes, const void *data, size_t length)
{
	if (!length)
		return;
	bytes_reserve(bytes, bytes->len + length);
	memcpy(bytes->data + bytes->len, data, length);
	bytes->len += length;
}

/* Further bytes are uninitialized. */
void bytes_set_size(struct bytes *bytes, size_t length)
{
	bytes_reserve(bytes, length);
	bytes->len = length;
}

void bytes_free(struct bytes *bytes)
{
	if (!bytes)
		return;
	memory_free(bytes->data);
	if (bytes->owner == bytes)
		memory_free(bytes);
}

void *bytes_steal(struct bytes *bytes)
{
	void *data = bytes->data;

	memory_free(bytes);
	return data;
}
