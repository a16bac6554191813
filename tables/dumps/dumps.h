/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DUMPS_H
#define VIOMMU_TABLES_DUMPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"

/*
 * Bytes that people post as text
 *
 * A table is posted as what a program printed: acpidump, iasl, hexdump, od, xxd, a debugger, UEFI's
 * shell; as an array or a string of a program; or as base64. A mail client, a log or a web page
 * adds prefixes, and wraps lines. So nothing depends on the column or on what is before. Bytes are
 * found by what they mean: the first ones are the signature of an ACPI table with a length that
 * can be right, or the magic number of a device tree. What follows has to continue: by its offsets
 * if the text has them.
 */

/* Bytes of one table, or of several in a row. */
struct dump {
	struct bytes *bytes;
	unsigned line; /* of its title or its first byte, from 1; 0: the decoded text has others */
	bool array; /* an array or a string of a program: nothing but its bytes marks its begin */
};

/* Where a dump lacks bytes. */
struct dump_gap {
	unsigned line; /* as that of a dump */
	size_t offset; /* of the first byte that is missing */
};

struct dumps {
	struct pointers *found; /* struct dump */
	struct pointers *texts; /* struct dump: text that base64 held */
	struct pointers *packs; /* struct dump: what base64 held that is packed */
	struct array *gaps;     /* struct dump_gap */
	const char *packed;     /* the name of a compression that base64 held; NULL: none */
	size_t room;            /* bytes that lines of `*` may still stand for */
	const char *broken;     /* where the latest string that has no end is broken */
};

/* Is it text? UTF-16 is, and so is text with a few control characters. */
bool dumps_is_text(const uint8_t *bytes, size_t length);

/* All dumps of a text, in its order. */
struct dumps *dumps_find(const uint8_t *bytes, size_t length);
void dumps_free(struct dumps *dumps);

struct cleaning {
	bool keeps_escapes; /* given: strings stay as they are */
	bool tries_escapes; /* given: what is no JSON may have strings with `\\n` as well */
	bool splits_lines;  /* given: lines of dumps may be joined */
	bool unescapes;     /* set: strings were decoded */
	bool moves_lines;   /* set: lines have other numbers than in the original */
};

/* The text with \n, spaces and ASCII where the original has others. */
struct bytes *clean_text(const uint8_t *bytes, size_t length, struct cleaning *cleaning);

/* The text with a line end before each offset of a dump whose lines are joined. */
struct bytes *split_joined(const struct bytes *text);

/* The word in a text that has no end of its own, NULL: it is not there. */
const char *text_find(const char *text, ptrdiff_t length, const char *word);

/* -- what an input looks like (looks.c) --------------------------------------------------- */

struct looks {
	const char *name; /* "the file is NAME" */
	const char *cure;
};

/* By its first bytes, for what is no text; by its words, for text. NULL: like nothing known. */
const struct looks *looks_of_bytes(const uint8_t *bytes, size_t length);
const struct looks *looks_of_text(const uint8_t *bytes, size_t length);

/* -- inside this room ----------------------------------------------------------------------- */

/* Bytes of a text as they were printed in groups of digits. */
struct form {
	unsigned radix, min, max; /* digits of a group */
	unsigned width;           /* bytes of a group; 0: one for two digits */
	bool big;                 /* the first byte has the highest digits */
	bool marked;              /* a group has a prefix such as 0x, or the suffix h */
	bool partial;             /* the first group may be shorter, as the last line's is */
	unsigned gap;             /* spaces between two groups, at most */
};

#define LINE_BYTES_MAX 256u

extern const struct form forms[];
extern const size_t n_forms;

/* The group at `at`, with its prefix. Returns its end, NULL: none. Adds bytes, not above `room`. */
const char *group_parse(const struct form *form, const char *at, const char *end, uint8_t *bytes,
			size_t room, size_t *n);

/* The groups of a line from `at`, in the form. Returns the number of bytes. */
size_t groups_parse(const struct form *form, const char *at, const char *end, uint8_t *bytes,
		    size_t room);

/* A group at `at` begins a word: no letter, digit or underscore is before. */
bool is_word_start(const char *text, const char *at);

/*
 * Can a table or a device tree begin with these bytes? 0: no; more: the more likely. With fewer
 * than 8, only by the signature.
 */
uint32_t dump_begins(const uint8_t *bytes, size_t n);

/* The length that 8 bytes of a header state. */
uint32_t dump_length(const uint8_t *header);

/* Each takes what it finds in a text at a place, and returns where to continue; NULL: nothing. */
const char *stream_take(struct dumps *dumps, const char *line, const char *at, const char *end,
			unsigned number);
const char *base64_take(struct dumps *dumps, const char *line, const char *at, const char *end,
			unsigned number, bool announced);

/* As dump_begins(), of bytes without offsets at a place. */
uint32_t stream_begins(const char *line, const char *at, const char *end);

/* Dumps with offsets, line by line. */
struct lines;

struct lines *lines_new(struct dumps *dumps, const char *text_end);

/* Returns whether the line belongs to a dump. It has no spaces at its end. */
bool lines_take(struct lines *lines, const char *line, const char *end, unsigned number);
void lines_finish(struct lines *lines);

struct dumps *dumps_new(void);

/* Takes the bytes; of none, there is no dump, and NULL is returned. */
struct dump *dumps_add(struct pointers *list, struct bytes *bytes, unsigned line);

#endif
