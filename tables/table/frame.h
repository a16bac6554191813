/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_FRAME_H
#define VIOMMU_TABLES_FRAME_H

#include "format.h"

/*
 * Frames: structures that follow each other, each with its own type and length
 *
 * A format gives the framing and the layouts; frame.c has the loop, the bounds and the findings.
 */

/* A table being decoded. Records need far more memory than their bytes, so they are counted. */
struct decoding {
	const struct viommu_table *table;
	const uint8_t *bytes; /* of the whole table */
	struct viommu_findings *findings;
	size_t records; /* so far, at all levels */
};

/*
 * A frame: structures that follow each other, each with its own type and length. A frame may lie
 * inside a structure of another frame: device scopes in a DMAR, device entries in an IVRS.
 */
struct frame {
	struct framing framing;
	const char *noun;   /* of one structure: "node" */
	const char *parent; /* what the frame lies in: "table" */

	/* The layout of a structure whose framing.head bytes can be read; never NULL. */
	const struct layout *(*layout)(uint64_t type);
	const struct layout *(*layout_at)(const struct cursor *cursor); /* instead, if not NULL */

	/* Decode the bytes of a structure behind its fixed part. NULL: they stay bytes. */
	void (*inside)(struct decoding *decoding, struct record *structure, size_t at, size_t end);

	/* Rules: a structure shorter than its fields or its head; one that exceeds its parent. */
	const char *too_short, *too_long;

	/*
	 * The most records of a table, and the rule. It is checked before each structure of the
	 * outermost frame; 0 in frames inside of others, which their parent's length bounds.
	 */
	size_t max;
	const char *too_many;

	/* The head's fields that locate and count the structures, and their rules, or NULL. */
	const char *offset_field, *bad_offset;
	const char *count_field, *surplus; /* bytes behind as many structures as were counted */
};

/* The members for a table of the ACPI specification. The limit is far above any machine. */
#define ACPI_FRAME \
	.noun = "structure", .parent = "table", .too_short = "acpi-structure-length", \
	.too_long = "acpi-structure-end", .max = 65536, .too_many = "acpi-structures"

/* The first rows of a structure whose type and length have one byte each. */
#define TYPE_AND_LENGTH_ROWS(host, types) \
	ROW_NAMED(host, 0, TYPE, node.type, "Type", types), \
		ROW(host, 1, LENGTH, node.length, "Length")

/* `decode` of a format that has a frame: all structures of the table. */
void frame_decode(struct viommu_table *table, const uint8_t *bytes, size_t length,
		  struct viommu_findings *findings);

/*
 * Decode the structures in [at, end) as children of `parent`. Returns where decoding stopped: `end`
 * or, with a finding, an earlier byte. The caller keeps the bytes behind it.
 */
size_t frame_decode_inside(struct decoding *decoding, const struct frame *frame,
			   struct record *parent, size_t at, size_t end);

/* A rule that a format may list: the head's count of structures is wrong. */
void check_structure_count(const struct table_check *check);

/* Why Linux does not read a structure there, as a sentence. */
#define LINUX_COUNTED "Linux reads as many nodes as the head counts, and the node is behind them"

/*
 * Where the structures begin that the head's count does not include; SIZE_MAX if it includes all.
 * Is the offset of the first structure inside the head, or at the end of the table or beyond?
 */
size_t frame_counted_end(const struct viommu_table *table);
bool frame_begins_inside_head(const struct viommu_table *table);
bool frame_begins_beyond(const struct viommu_table *table);

#endif
