/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_FORMAT_H
#define VIOMMU_TABLES_FORMAT_H

#include <viommu/tables.h>

#include "tables/record/record.h"
#include "tables/routes/route.h"

/* One rule being checked on one table. */
struct table_check {
	const struct viommu_table *table;
	struct viommu_findings *findings;
	const char *rule_id;
};

/* A row of rules.c, and who looks for what breaks it. */
struct table_rule {
	const char *id;
	void (*run)(const struct table_check *check);
};

/*
 * What one kind of table is: everything that the rest of the library asks about it, as data
 * and a few functions. A new table is a new file with a format in it, and a row in table.c.
 */
struct format {
	const char *signature; /* or a name, if another format has it, or if there is none */
	const char *name;
	const struct layout *head; /* the ACPI header and what follows it; NULL: a device tree */
	bool bare;                 /* there is no ACPI header */

	/* The format that these bytes have, of those that share the signature; NULL: this one. */
	const struct format *(*form_of)(const uint8_t *bytes, size_t length);

	/*
	 * Decode the bytes behind the head, up to the end that the header states. A table of
	 * structures has a frame (frame.h), and its `decode` is frame_decode.
	 */
	const struct frame *frame;
	void (*decode)(struct viommu_table *table, const uint8_t *bytes, size_t length,
		       struct viommu_findings *findings);

	/*
	 * A table that lies behind the head of this one, instead of `decode`, `to_topology` and
	 * `from_topology`: its length, at most `room`; the signature of the one to generate.
	 */
	size_t (*inner_length)(const uint8_t *inner, size_t room);
	const char *(*inner_signature)(const struct viommu_topology *topology);

	/* Rules of the bytes, which hold whatever the table means; behind the last a NULL id. */
	const struct table_rule *rules;

	/*
	 * What the table means; what its head says besides what every header does; and the other
	 * way. NULL: nothing that a topology has; nothing; not made.
	 */
	struct viommu_topology *(*to_topology)(const struct viommu_table *table,
					       struct viommu_findings *findings);
	void (*to_header)(const struct viommu_table *table, struct viommu_table_header *header);
	bool (*from_topology)(struct viommu_table *table, const struct viommu_topology *topology,
			      struct viommu_findings *findings);

	/* What it cannot describe (unsupported.h); whether it describes that IOMMU. */
	const struct unsupported *unsupported;
	bool (*describes)(const struct viommu_table *table, const struct viommu_iommu *iommu);

	/* How Linux reads the table; NULL: Linux has no reader of it. */
	linux_reader *linux_reads;

	/* Add to a table what the topology says and it does not; false: nothing was. */
	bool (*extend)(struct viommu_table *table, const struct viommu_topology *topology,
		       struct viommu_findings *findings);
};

extern const struct format viot_format;
extern const struct format iort_format;
extern const struct format dmar_format;
extern const struct format ivrs_format;
extern const struct format viot_draft_format;
extern const struct format srat_format, madt_format, mcfg_format;
extern const struct format dt_format; /* has no head */

#define SIGNATURE_MAX 32

/*
 * A table has records or, if it is none of ACPI's, a device tree. Who walks records is never
 * given one of those, but for the functions of <viommu/tables.h>.
 */
struct viommu_table {
	char signature[SIGNATURE_MAX]; /* of a bare one, the name of its format */
	char *file;
	const char *iommu;           /* while it is made: whose it is to be, or NULL */
	const struct format *format; /* NULL: not known, a header and bytes */
	struct devicetree *tree;     /* devicetree.h; NULL: there are records */
	bool whole;                  /* `root` has the format's head, and not only the header */
	struct record *root;
	size_t base;                /* of a table inside another: where it begins there, or 0 */
	struct viommu_table *inner; /* the table inside this one: a child of `root` is its root */
};

#define for_each_structure(record, table) \
	for (guint i_ = 0; ((record) = record_child((table)->root, i_)); i_++)

/* A place in the table: a byte, or a field of one of its records. */
struct viommu_place table_place(const struct viommu_table *table, size_t at);
struct viommu_place table_place_of(const struct viommu_table *table, const struct record *record,
				   const char *field_name);

/*
 * Rules that a format may list among its own (fields.c): structures whose type is not known, bytes
 * of a known one that have no meaning, and reserved bytes that are not 0. They look at all records,
 * those inside of others too.
 */
void check_unknown_types(const struct table_check *check);
void check_lengths(const struct table_check *check);
void check_reserved_bytes(const struct table_check *check);

/* -- the header of every ACPI table (acpi.c) ----------------------------------------- */

/* The texts have no end, and the checksum makes all bytes sum to 0. */
struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
};

#define ACPI_HEADER_LENGTH 36

/* The first rows of every head; `host` begins with a struct acpi_header named `acpi`. */
#define ACPI_ROWS(host) \
	ROW(host, 0, TEXT, acpi.signature, "Signature"), \
		ROW(host, 4, NUMBER, acpi.length, "Length"), \
		ROW(host, 8, NUMBER, acpi.revision, "Revision"), \
		ROW(host, 9, CHECKSUM, acpi.checksum, "Checksum"), \
		ROW(host, 10, TEXT, acpi.oem_id, "OEM ID"), \
		ROW(host, 16, TEXT, acpi.oem_table_id, "OEM table ID"), \
		ROW(host, 24, NUMBER, acpi.oem_revision, "OEM revision"), \
		ROW(host, 28, TEXT, acpi.creator_id, "Creator ID"), \
		ROW(host, 32, HEX, acpi.creator_revision, "Creator revision")

/* Can these four bytes be the signature of a table? */
bool acpi_signature(const uint8_t *bytes);

/* Is this a whole path of the namespace, as ACPI gives it: "\\_SB_.DEV0", 4 characters a name? */
bool acpi_is_path(const char *path);

/* The head of a table of which nothing else is known. */
extern const struct layout acpi_layout;

/* The header that a table begins with, whatever its format. */
static inline struct acpi_header *acpi_header(const struct viommu_table *table)
{
	return table->root->host;
}

/* Where a table ends that came with `length` bytes: what its header says, if that can be. */
size_t acpi_end(const struct viommu_table *table, size_t length);

/* What all bytes of the table add up to, modulo 256: 0 if the checksum is right. */
uint8_t acpi_sum(const struct viommu_table *table);

/* Rules that hold for every ACPI table; behind the last a NULL id. */
extern const struct table_rule acpi_rules[];

/* Fill in the header from what the topology wants it to say; then length and checksum. */
void acpi_begin(struct viommu_table *table, const struct viommu_topology *topology);
void acpi_finish(struct viommu_table *table);

#endif
