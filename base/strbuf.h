/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BASE_STRBUF_H
#define VIOMMU_BASE_STRBUF_H

#include <sys/types.h>

#include "memory.h"

#include <stdint.h>

/* Growing texts, UTF-8 conversion, and stores of strings */

/* Takes a part of a text, which is valid during the call. False: no more is wanted. */
typedef bool strbuf_taker(void *opaque, const char *text, size_t length);

/* A growing text. `str` is always NUL-terminated. */
struct strbuf {
	char *str;
	size_t len, room;
	strbuf_taker *take; /* NULL: the text is kept */
	void *opaque;
	bool is_refused; /* take() wants no more */
};

/* `text` is the initial content; NULL means empty. */
struct strbuf *strbuf_new(const char *text);
void strbuf_append(struct strbuf *strbuf, const char *text);
void strbuf_append_n(struct strbuf *strbuf, const char *text, size_t length);
void strbuf_append_char(struct strbuf *strbuf, char c);
void strbuf_append_blanks(struct strbuf *strbuf, size_t n);
void strbuf_append_unicode(struct strbuf *strbuf, uint32_t character); /* as UTF-8 */

/* As "%0*x" and "%*u", without the time that printf() takes: a table has very many numbers. */
void strbuf_append_hex(struct strbuf *strbuf, uint64_t value, unsigned digits);
void strbuf_append_decimal(struct strbuf *strbuf, uint64_t value, unsigned width);
__attribute__((format(printf, 2, 3))) void strbuf_append_printf(struct strbuf *strbuf,
								const char *format, ...);
void strbuf_truncate(struct strbuf *strbuf, size_t length);
bool strbuf_equal(const struct strbuf *one, const struct strbuf *other);
void strbuf_free(struct strbuf *strbuf);

/*
 * A text that is passed on in parts, because it can be long: strbuf_pass_on() passes it on if there
 * is enough for a part, and returns whether more is wanted; strbuf_end() passes on the rest, and
 * frees. A text that is kept is not passed on, and more is wanted. take() may be code of a caller.
 */
struct strbuf *strbuf_new_for(strbuf_taker *take, void *opaque);
bool strbuf_pass_on(struct strbuf *strbuf);
void strbuf_end(struct strbuf *strbuf);

/* Frees the string; its text is the result, to be freed with free(). */
char *strbuf_steal(struct strbuf *strbuf);

/*
 * A copy with every invalid byte of UTF-8 replaced by U+FFFD. A length of -1 means up to the NUL.
 */
char *utf8_copy(const char *text, ssize_t length);

/* A copy in lower case, ASCII only. */
char *ascii_lower(const char *text);

/* Strings with the lifetime of their store */
struct string_store;

struct string_store *string_store_new(void);

/* Add a copy. string_store_add_once() shares the copy of equal texts. */
const char *string_store_add(struct string_store *store, const char *text);
const char *string_store_add_once(struct string_store *store, const char *text);

/* Frees all strings. */
void string_store_clear(struct string_store *store);
void string_store_free(struct string_store *store);

#endif
