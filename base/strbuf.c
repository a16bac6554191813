/* SPDX-License-Identifier: BSD-3-Clause */
/* Growing texts, and stores of strings */
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "hash.h"
#include "pool.h"
#include "strbuf.h"

#define FIRST_ROOM  32u
#define PART_LENGTH 0x10000u

/* -- growing texts ------------------------------------------------------------- */

/* Reserve space for `length` more bytes and the NUL. */
static char *reserve(struct strbuf *strbuf, size_t length)
{
	size_t wanted = strbuf->room;

	if (length >= SIZE_MAX / 2 - strbuf->len)
		memory_fail();
	while (wanted < strbuf->len + length + 1)
		wanted *= 2;
	if (wanted != strbuf->room)
		strbuf->str = memory_grow(strbuf, strbuf->str, wanted);
	strbuf->room = wanted;
	return strbuf->str + strbuf->len;
}

struct strbuf *strbuf_new(const char *text)
{
	struct strbuf *strbuf = memory_new(struct strbuf, 1);

	strbuf->str = memory_get(FIRST_ROOM);
	strbuf->str[0] = 0;
	strbuf->room = FIRST_ROOM;
	if (text)
		strbuf_append(strbuf, text);
	return strbuf;
}

void strbuf_append_n(struct strbuf *strbuf, const char *text, size_t length)
{
	memcpy(reserve(strbuf, length), text, length);
	strbuf->len += length;
	strbuf->str[strbuf->len] = 0;
}

void strbuf_append(struct strbuf *strbuf, const char *text)
{
	strbuf_append_n(strbuf, text, strlen(text));
}

void strbuf_append_char(struct strbuf *strbuf, char c)
{
	strbuf_append_n(strbuf, &c, 1);
}

void strbuf_append_blanks(struct strbuf *strbuf, size_t n)
{
	memset(reserve(strbuf, n), ' ', n);
	strbuf->len += n;
	strbuf->str[strbuf->len] = 0;
}

void strbuf_append_unicode(struct strbuf *strbuf, uint32_t character)
{
	char bytes[6];

	strbuf_append_n(strbuf, bytes, (size_t)g_unichar_to_utf8(character, bytes));
}

void strbuf_append_hex(struct strbuf *strbuf, uint64_t value, unsigned digits)
{
	char text[sizeof(value) * 2];
	size_t at = sizeof(text);

	do {
		text[--at] = "0123456789abcdef"[value & 0xf];
		value >>= 4;
	} while (at && (value || sizeof(text) - at < digits));
	strbuf_append_n(strbuf, text + at, sizeof(text) - at);
}

void strbuf_append_decimal(struct strbuf *strbuf, uint64_t value, unsigned width)
{
	char text[sizeof("18446744073709551615")];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	if (sizeof(text) - at < width)
		strbuf_append_blanks(strbuf, width - (sizeof(text) - at));
	strbuf_append_n(strbuf, text + at, sizeof(text) - at);
}

void strbuf_append_printf(struct strbuf *strbuf, const char *format, ...)
{
	va_list args, again;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(strbuf->str + strbuf->len, strbuf->room - strbuf->len, format, args);
	if (length < 0)
		memory_fail();
	if ((size_t)length >= strbuf->room - strbuf->len)
		vsnprintf(reserve(strbuf, (size_t)length), (size_t)length + 1, format, again);
	strbuf->len += (size_t)length;
	va_end(again);
	va_end(args);
}

void strbuf_truncate(struct strbuf *strbuf, size_t length)
{
	if (length < strbuf->len)
		strbuf->len = length;
	strbuf->str[strbuf->len] = 0;
}

bool strbuf_equal(const struct strbuf *one, const struct strbuf *other)
{
	return one->len == other->len && !memcmp(one->str, other->str, one->len);
}

struct strbuf *strbuf_new_for(strbuf_taker *take, void *opaque)
{
	struct strbuf *strbuf = strbuf_new(NULL);

	strbuf->take = take;
	strbuf->opaque = opaque;
	return strbuf;
}

/* take() may be left by longjmp(), and may call the library again: no door is open meanwhile. */
static void pass_all(struct strbuf *strbuf)
{
	struct memory_door *door;

	if (!strbuf->take || strbuf->is_refused || !strbuf->len)
		return;
	door = memory_suspend();
	strbuf->is_refused = !strbuf->take(strbuf->opaque, strbuf->str, strbuf->len);
	memory_resume(door);
	strbuf_truncate(strbuf, 0);
}

bool strbuf_pass_on(struct strbuf *strbuf)
{
	if (strbuf->len >= PART_LENGTH)
		pass_all(strbuf);
	return !strbuf->is_refused;
}

void strbuf_end(struct strbuf *strbuf)
{
	pass_all(strbuf);
	strbuf_free(strbuf);
}

void strbuf_free(struct strbuf *strbuf)
{
	if (strbuf)
		memory_free(strbuf_steal(strbuf));
}

char *strbuf_steal(struct strbuf *strbuf)
{
	char *text = strbuf->str;

	memory_free(strbuf);
	return text;
}

/* -- characters ----------------------------------------------------------------------- */

char *utf8_copy(const char *text, ssize_t length)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t left = length < 0 ? strlen(text) : (size_t)length;
	struct strbuf *copy = strbuf_new(NULL);
	const char *end;

	while (!g_utf8_validate_len(text, left, &end)) {
		size_t valid = (size_t)(end - text);

		strbuf_append_n(copy, text, valid);
		strbuf_append(copy, replacement);
		text = end + 1;
		left -= valid + 1;
	}
	strbuf_append_n(copy, text, left);
	return strbuf_steal(copy);
}

char *ascii_lower(const char *text)
{
	char *lower = memory_text(text);

	for (char *c = lower; *c; c++)
		*c = g_ascii_tolower(*c);
	return lower;
}

/* -- stores --------------------------------------------------------------------------- */

struct string_store {
	struct pool *pool;
	struct hash *once;
};

struct string_store *string_store_new(void)
{
	struct string_store *store = memory_new(struct string_store, 1);

	store->pool = pool_new();
	store->once = hash_new(&hash_text);
	return store;
}

const char *string_store_add(struct string_store *store, const char *text)
{
	return pool_copy(store->pool, text, strlen(text) + 1);
}

const char *string_store_add_once(struct string_store *store, const char *text)
{
	const char *copy = hash_lookup(store->once, text);

	if (copy)
		return copy;
	hash_reserve(store->once);
	copy = string_store_add(store, text);
	hash_insert(store->once, copy, copy);
	return copy;
}

void string_store_clear(struct string_store *store)
{
	hash_clear(store->once);
	pool_clear(store->pool);
}

void string_store_free(struct string_store *store)
{
	if (!store)
		return;
	pool_free(store->pool);
	hash_free(store->once);
	memory_free(store);
}
