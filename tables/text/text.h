/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_TEXT_H
#define VIOMMU_TABLES_TEXT_H

#include <glib.h>

#include "base/array.h"
#include "base/strbuf.h"
#include "scan.h"
#include "tables/model/topology.h"

/*
 * The text form, written down once
 *
 * A section of the text is a list of objects of one type, and an object is a mapping of keys
 * to values. A row says what a key is called, how its value is written, which members of the
 * object it fills, and what it is for. Reader, writer and the check of docs/topology.md walk
 * the same rows. A section's rows are applied in their order, so that a row may depend on what
 * stands above it.
 */

struct text_key;

/* An object in the making. */
struct draft {
	void *object;
	struct pointers *owned; /* what the object points to, as long as it is being made */
	size_t i, n;            /* which item of the value, of how many */
};

/* A way to write a value: what it is, how it is read, how it is written. */
struct text_kind {
	const char *what;    /* "a PCI function" */
	const char *example; /* "0000:00:01.0" */
	const char *limits;  /* "bus 00 to ff, ..."; NULL if it has none */
	bool many;           /* a list of them is fine */

	/* Read one item into the object. What it needs of the text stays valid till the end. */
	enum scan (*read)(const struct text_key *key, const char *text, struct draft *draft);

	/* Append the value. False: it is what the key's absence means. */
	bool (*write)(const struct text_key *key, const void *object, struct strbuf *out);

	/* The key is absent: do what is needed beyond leaving zeroes. May be NULL. */
	void (*absent)(const struct text_key *key, void *object);
};

#define MAX_MEMBERS 4

/* All that reading, writing and comparing a key needs. */
struct text_key {
	const char *name; /* several rows may share one, if no two of them apply at once */
	const struct text_kind *kind;
	size_t members[MAX_MEMBERS]; /* as the kind wants them */
	const char *(*nth)(int i);   /* of a choice: what the value i is called, or NULL */
	size_t room;                 /* of texts: bytes with the NUL; of lists: items */
	bool required;
	bool (*when)(const void *object); /* does the row apply? NULL: always */
	const char *only;                 /* the same in words: "an IOMMU that ..." */
	const char *help;                 /* what the value is */
};

/* A list of the text form, and the type of its objects. */
struct text_section {
	const char *name; /* "host-bridges" */
	const char *what; /* "a host bridge" */
	enum object_type type;
	size_t size; /* of the object */
	const struct text_key *keys;
	size_t n_keys;
};

/* Objects by section, in the order in which they are written; and the header of a table. */
#define N_TEXT_SECTIONS N_OBJECT_TYPES
extern const struct text_section text_sections[N_TEXT_SECTIONS];
extern const struct text_section text_header;

/* The section of a type: every one has its own. */
const struct text_section *text_section_of(enum object_type type);

/* The first row of a key with that name, or NULL. */
const struct text_key *text_find_key(const struct text_section *section, const char *name);

/* The key of the section that other tools call by that word, or NULL. */
const char *text_synonym(const struct text_section *section, const char *word);

#define TEXT_VERSION "1"

#define for_each_key(key, section) \
	for (const struct text_key *key = (section)->keys; \
	     key < (section)->keys + (section)->n_keys; key++)

/* The i-th member that a key fills. */
static inline void *text_member(const struct text_key *key, size_t i, const void *object)
{
	return (char *)object + key->members[i];
}

#define MEMBER(type, key, i, object) (*(type *)text_member(key, i, object))

/* What several kinds share. */
enum scan text_read_number(const struct text_key *key, const char *text, struct draft *draft);
bool text_write_id(const struct text_key *key, const void *object, struct strbuf *out);

/* Kinds, and the members they want. */
extern const struct text_kind text_name;      /* const char * */
extern const struct text_kind text_reference; /* const char *: NULL is "none" */
extern const struct text_kind text_its;       /* the same, of an ITS group */
extern const struct text_kind text_choice;    /* an enum */
extern const struct text_kind text_boolean;   /* bool */
extern const struct text_kind text_segment;   /* uint16_t */
extern const struct text_kind text_number;    /* uint32_t */
extern const struct text_kind text_id;        /* uint32_t */
extern const struct text_kind text_bits;      /* uint32_t: 0 is left out */
extern const struct text_kind text_wide_bits; /* uint64_t: 0 is left out */
extern const struct text_kind text_domain;    /* uint32_t, bool: it is there */
extern const struct text_kind text_input;     /* the same */
extern const struct text_kind text_id_range;  /* uint32_t first, last */
extern const struct text_kind text_some_ids;  /* uint32_t first, last, bool: they are there */
extern const struct text_kind text_address;   /* uint64_t */
extern const struct text_kind text_size;      /* uint64_t */
extern const struct text_kind text_function;  /* uint16_t segment, BDF */
extern const struct text_kind text_functions; /* uint16_t segments first, last; BDFs first, last */
extern const struct text_kind text_segments;  /* the same: goes before text_functions */
extern const struct text_kind text_first_id;  /* uint32_t, in a struct viommu_pci_range */
extern const struct text_kind text_buses;     /* uint8_t first, last */
extern const struct text_kind text_below;     /* the same: 0 is left out */
extern const struct text_kind text_addresses; /* uint64_t first, last */
extern const struct text_kind text_numbers;   /* const uint32_t *, size_t: how many */
extern const struct text_kind text_row;       /* uint32_t [room], unsigned: how many */
extern const struct text_kind text_bytes;     /* char [room] */

/* Append a text so that it is read again as it is. */
void text_put(struct strbuf *out, const char *text);

#endif
