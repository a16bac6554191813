/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_FORMAT_H
#define VIOMMU_TABLES_FORMAT_H

#include <viommu/tables.h>

#include "base/strbuf.h"
#include "tables/record/record.h"
#include "tables/routes/route.h"

/* The interface of a format: what each kind of table implements */

/* One rule being checked on one table. */
struct table_check {
	const struct viommu_table *table;
	struct viommu_findings *findings;
	const char *rule_id;
};

/* A rule of rules.c, and the function that checks it. */
struct table_rule {
	const char *id;
	void (*run)(const struct table_check *check);
};

/*
 * A table of which Linux uses nothing: what holds for it, and what Linux then says and does, with
 * static storage. Behind the last a NULL function.
 */
struct table_rejection {
	bool (*holds)(const struct viommu_table *table);
	const char *why;
};

/*
 * One kind of table: everything that the rest of the library needs to know about it, as data and
 * functions. A new table is one folder with a struct format, and one row in FORMATS.
 */
struct format {
	const char
		*signature; /* or a name, if the bytes have none or share it with another format */
	const char *name;
	const struct layout *head; /* the ACPI header and what follows it; NULL: a device tree */
	bool bare;                 /* there is no ACPI header */

	/* For formats that share a signature: the format of these bytes; NULL: this one. */
	const struct format *(*form_of)(const uint8_t *bytes, size_t length);

	/*
	 * Decode the bytes behind the head, up to the end that the header states. A table of
	 * structures has a frame (frame.h), and its `decode` is frame_decode.
	 */
	const struct frame *frame;
	void (*decode)(struct viommu_table *table, const uint8_t *bytes, size_t length,
		       struct viommu_findings *findings);

	/*
	 * For a table with another table behind its head, instead of `decode`, `to_topology` and
	 * `from_topology`: the length of the inner table, at most `room`; the signature of the one
	 * to generate.
	 */
	size_t (*inner_length)(const uint8_t *inner, size_t room);
	const char *(*inner_signature)(const struct viommu_topology *topology);

	/* Rules of the bytes, which do not need the topology; the last row has a NULL id. NULL:
	 * none. */
	const struct table_rule *rules;

	/*
	 * The topology of the table; the fields of its head that other tables lack; and generation.
	 * NULL: the table describes no topology; it has no such fields; it cannot be generated.
	 */
	struct viommu_topology *(*to_topology)(const struct viommu_table *table,
					       struct viommu_findings *findings);
	void (*to_header)(const struct viommu_table *table, struct viommu_table_header *header);
	bool (*from_topology)(struct viommu_table *table, const struct viommu_topology *topology,
			      struct viommu_findings *findings);

	/* What it cannot describe (unsupported.h); whether it describes that IOMMU. */
	const struct unsupported *unsupported;
	bool (*describes)(const struct viommu_table *table, const struct viommu_iommu *iommu);

	/* Reasons for which Linux uses nothing of the table; NULL: none. */
	const struct table_rejection *rejections;

	/* Resolves a device as Linux does; NULL: Linux does not read this table. */
	linux_reader *linux_reads;

	/* Add to a table what it lacks of the topology. Returns false if nothing was added. */
	bool (*extend)(struct viommu_table *table, const struct viommu_topology *topology,
		       struct viommu_findings *findings);
};

/*
 * All formats with a struct of their own; api/formats.c adds the forms of built-in topologies. The
 * order does not matter. A device tree has no head.
 */
#define FORMATS(ROW) \
	ROW(viot_format) \
	ROW(viot_draft_format) \
	ROW(iort_format) \
	ROW(dmar_format) \
	ROW(ivrs_format) \
	ROW(rimt_format) \
	ROW(iovt_format) \
	ROW(srat_format) \
	ROW(madt_format) \
	ROW(mcfg_format) \
	ROW(apmt_format) \
	ROW(dsdt_format) \
	ROW(ssdt_format) \
	ROW(dt_format)

#define DECLARE_FORMAT(name) extern const struct format name;
FORMATS(DECLARE_FORMAT)

#define SIGNATURE_MAX 32

/*
 * A table has records or, if it is no ACPI table, a device tree. Only the functions of
 * <viommu/tables.h> accept both.
 */
struct viommu_table {
	char signature[SIGNATURE_MAX]; /* if the bytes have none: the name of the format */
	char *file;
	const char *iommu;           /* during generation: the IOMMU to describe, or NULL */
	const struct format *format; /* NULL: unknown, only header and bytes */
	struct devicetree *tree;     /* fdt/devicetree.h; NULL: the table has records */
	bool whole; /* `root` has the layout of the format's head, not only the ACPI header */
	struct record *root;
	size_t base; /* of an inner table: its offset in the outer one; otherwise 0 */
	struct viommu_table *inner; /* child `root` of this table's root, or NULL */
};

#define for_each_structure(record, table) \
	for (guint i_ = 0; ((record) = record_child((table)->root, i_)); i_++)

/* A place in the table: a byte, or a field of one of its records. */
struct viommu_place table_place(const struct viommu_table *table, size_t at);
struct viommu_place table_place_of(const struct viommu_table *table, const struct record *record,
				   const char *field_name);

/*
 * Rules for the list of a format (check_fields.c): unknown types of structures, bytes of known
 * structures without a meaning, reserved bytes other than 0, flags and enumerations with a value
 * that has no name. They check all records at all depths.
 */
void check_unknown_types(const struct table_check *check);
void check_lengths(const struct table_check *check);
void check_reserved_bytes(const struct table_check *check);
void check_undefined_values(const struct table_check *check);
void check_undefined_flags(const struct table_check *check);

/* -- the header of every ACPI table (acpi_header.c) ----------------------------------------- */

/* The texts lack a NUL. The checksum makes the sum of all bytes 0. */
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

/* Can these four bytes be the signature of an ACPI table? */
bool acpi_signature(const uint8_t *bytes);

/*
 * Is this an absolute path of the ACPI namespace, such as "\\_SB_.DEV0", with 4 characters per
 * name?
 */
bool acpi_is_path(const char *path);

/*
 * The platform device of which Linux finds the node in a table of the ACPI namespace; NULL, and the
 * reason, if it finds none. A node has no address, so a device named by its address is not found.
 */
const struct viommu_platform_device *acpi_find_node(const struct viommu_topology *topology,
						    const struct viommu_device_name *name,
						    const char **ret_why);

/* The head of a table without a format. */
extern const struct layout acpi_layout;

/* The header that a table begins with, whatever its format. */
static inline struct acpi_header *acpi_header(const struct viommu_table *table)
{
	return table->root->host;
}

/* The end of a table of `length` bytes: the header's length if it is valid, otherwise `length`. */
size_t acpi_end(const struct viommu_table *table, size_t length);

/* The sum of all bytes, modulo 256; 0 if the checksum is correct. */
uint8_t acpi_sum(const struct viommu_table *table);

/* Rules of every ACPI table; the last row has a NULL id. */
extern const struct table_rule acpi_rules[];

/* Fill in the header from the topology; then set length and checksum. */
void acpi_begin(struct viommu_table *table, const struct viommu_topology *topology);
void acpi_finish(struct viommu_table *table);

/* The work of the public functions of these names (tables/public/). */
size_t table_encode(const struct viommu_table *table, void **ret_bytes);
void table_text(const struct viommu_table *table, struct strbuf *text);
void table_json(const struct viommu_table *table, struct strbuf *text);
void table_source(const struct viommu_table *table, struct strbuf *text);
size_t table_assemble(const char *text, size_t length, const char *file, bool keep,
		      struct viommu_findings *findings, void **ret_bytes);

#endif
