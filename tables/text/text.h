/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_TEXT_H
#define VIOMMU_TABLES_TEXT_H

#include <glib.h>

#include "base/array.h"
#include "base/strbuf.h"
#include "scan.h"
#include "tables/model/topology.h"

/*
 * The schema of the text form (docs/topology.md)
 *
 * A section of the text is a list of objects of one type; an object maps keys to values. A row
 * gives the name of a key, the kind of its value, the members that it fills, and its meaning.
 * Reader, writer and the test of docs/topology.md use the same rows. Rows are applied in order, so
 * that a row may depend on the rows above it.
 */

struct text_key;

/* An object being read. */
struct object_builder {
	void *object;
	struct pointers *owned; /* memory that the object points to */
	size_t i, n;            /* index of the item in the value, and number of items */
};

/* What a value is in JSON. */
enum text_json {
	TEXT_JSON_TEXT, /* as it is written */
	TEXT_JSON_NAME, /* without its quotes */
	TEXT_JSON_BYTES,
	TEXT_JSON_NUMBER,
	TEXT_JSON_NUMBERS,
	TEXT_JSON_BOOLEAN,
};

/* A kind of values: its description, how it is read, and how it is written. */
struct text_kind {
	const char *what;    /* "a PCI function" */
	const char *example; /* "0000:00:01.0" */
	const char *limits;  /* "bus 00 to ff, ..."; NULL: none */
	bool many;           /* accepts a list */
	enum text_json json;

	/* Read one item into the object. `text` stays valid until the object is complete. */
	enum scan (*read)(const struct text_key *key, const char *text,
			  struct object_builder *builder);

	/* Append the value. False if it equals the default, so that the key may be omitted. */
	bool (*write)(const struct text_key *key, const void *object, struct strbuf *out);

	/* Set the default if it is not zero. May be NULL. */
	void (*absent)(const struct text_key *key, void *object);
};

#define MAX_MEMBERS 4

/* A key. */
struct text_key {
	const char *name; /* rows that never apply to the same object may share one */
	const struct text_kind *kind;
	size_t members[MAX_MEMBERS]; /* offsets, as the kind requires */
	const char *(*nth)(int i);   /* of a choice: the name of value i, or NULL */
	size_t room;                 /* of text: bytes with the NUL; of lists: items */
	bool required;
	bool (*when)(const void *object); /* does the row apply to the object? NULL: always */
	const char *only;                 /* such objects: "an IOMMU that ..." */
	const char *help;                 /* the meaning of the value */
};

/* A section, and the type of its objects. */
struct text_section {
	const char *name; /* "host-bridges" */
	const char *what; /* "a host bridge" */
	enum object_type type;
	size_t size; /* of the object */
	const struct text_key *keys;
	size_t n_keys;
};

/* Sections in the order in which they are written; the keys of a table header. */
#define N_TEXT_SECTIONS N_OBJECT_TYPES
extern const struct text_section text_sections[N_TEXT_SECTIONS];
extern const struct text_section text_header;

/* The section of objects of that type. */
const struct text_section *text_section_of(enum object_type type);

/* The first row of a key with that name, or NULL. */
const struct text_key *text_find_key(const struct text_section *section, const char *name);

/* The key of the section that other tools call by that word, or NULL. */
const char *text_synonym(const struct text_section *section, const char *word);

#define TEXT_VERSION "1"

#define for_each_key(key, section) \
	for (const struct text_key *key = (section)->keys; \
	     key < (section)->keys + (section)->n_keys; key++)

static inline void *text_member(const struct text_key *key, size_t i, const void *object)
{
	return (char *)object + key->members[i];
}

#define MEMBER(type, key, i, object) (*(type *)text_member(key, i, object))

/* Shared by several kinds. */
enum scan text_read_number(const struct text_key *key, const char *text,
			   struct object_builder *builder);
bool text_write_id(const struct text_key *key, const void *object, struct strbuf *out);

/* Kinds, and the members that they fill. */
extern const struct text_kind text_name;      /* const char * */
extern const struct text_kind text_reference; /* const char *: NULL is "none" */
extern const struct text_kind text_its;       /* the same, of an ITS group */
extern const struct text_kind text_choice;    /* an enum */
extern const struct text_kind text_boolean;   /* bool */
extern const struct text_kind text_segment;   /* uint16_t */
extern const struct text_kind text_number;    /* uint32_t */
extern const struct text_kind text_id;        /* uint32_t */
extern const struct text_kind text_bits;      /* uint32_t: default 0 */
extern const struct text_kind text_wide_bits; /* uint64_t: default 0 */
extern const struct text_kind text_domain;    /* uint32_t, bool: present */
extern const struct text_kind text_input;     /* the same */
extern const struct text_kind text_id_range;  /* uint32_t first, last */
extern const struct text_kind text_some_ids;  /* uint32_t first, last, bool: present */
extern const struct text_kind text_address;   /* uint64_t */
extern const struct text_kind text_size;      /* uint64_t */
extern const struct text_kind text_function;  /* uint16_t segment, BDF */
extern const struct text_kind text_functions; /* uint16_t segments first, last; BDFs first, last */
extern const struct text_kind text_segments;  /* the same; precedes text_functions */
extern const struct text_kind text_first_id;  /* uint32_t, in a struct viommu_pci_range */
extern const struct text_kind text_buses;     /* uint8_t first, last */
extern const struct text_kind text_below;     /* the same: default 0 */
extern const struct text_kind text_addresses; /* uint64_t first, last */
extern const struct text_kind text_numbers;   /* const uint32_t *, size_t: number of items */
extern const struct text_kind text_row;       /* uint32_t [room], unsigned: number of items */
extern const struct text_kind text_bytes;     /* char [room] */

/* Append a text, quoted if YAML requires it. */
void text_put(struct strbuf *out, const char *text);

/* The work of the public functions of these names (tables/public/). */
struct viommu_topology *topology_parse(const char *text, size_t length, const char *file,
				       struct viommu_findings *findings);
char *topology_text(const struct viommu_topology *topology);
char *topology_json(const struct viommu_topology *topology);
char *functions_text(const struct viommu_route_range *range);
char *iommu_at_text(const struct viommu_iommu *iommu);
char *place_text(const struct viommu_place *place);

#endif
