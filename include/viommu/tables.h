/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_H
#define VIOMMU_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viommu/findings.h>
#include <viommu/topology.h>

/*
 * Firmware tables: conversion between bytes, records and topologies
 *
 * A table is decoded into records, one for each structure of its specification, with fields by name
 * and value. Decoding is lossless: unknown structures and reserved bytes are kept, and encoding the
 * records gives the same bytes. The meaning of a table is a topology (<viommu/topology.h>), which
 * can be read from a table and from which tables are generated.
 *
 *     bytes <--> struct viommu_table (records) <--> struct viommu_topology
 *
 * Text, JSON and checks use the same records. One thread at a time uses a table. RUNNING OUT OF
 * MEMORY NEVER ENDS THE PROGRAM (<viommu/topology.h>).
 *
 * Decode a table and report its problems. `bytes` may be any input, also a hostile one:
 *
 *     struct viommu_findings *findings = viommu_findings_new();
 *     struct viommu_table *table = viommu_table_decode(bytes, length, "viot.bin", findings);
 *
 *     if (table)
 *             viommu_table_check(table, findings);
 *     print_findings(findings);
 *     table = viommu_table_free(table);
 *     findings = viommu_findings_free(findings);
 *
 * with print_findings() as in <viommu/findings.h>. Three calls convert a table to another one:
 * viommu_table_topology(), viommu_table_generate() and viommu_table_encode().
 * viommu_table_compare() then reports what was lost.
 *
 * Specifications: ACPI 6.5 (header, MADT, SRAT, VIOT); Arm DEN 0049E.f (IORT); Intel VT-d, chapter
 * 8 (DMAR); AMD 48882, 5.2 (IVRS); RISC-V IO Mapping Table (RIMT); PCI Firmware
 * Specification 3.3, 4.1.2 (MCFG). viommu_rule() has the clause of each rule.
 *
 * A signature is the first four characters of an ACPI table, "DTB" for a device tree, or one of the
 * longer names below. A list of findings may always be NULL.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque. It has copies of all its bytes and of the file's name: a topology that it was
 * generated from, or that was read from it, may be freed before or after it. */
struct viommu_table;

/* -- bytes ------------------------------------------------------------------- */

/*
 * Decode a table. `file` names it in findings. A damaged table is decoded as far as possible, with
 * findings; NULL is returned only without a valid header. A table with an unknown signature has a
 * header and bytes.
 *
 * Decodes one table, which starts at `bytes`. Bytes after its length, which its header has, are
 * kept without a meaning. A header has 36 bytes (ACPI 6.5, 5.2.6); a
 * device tree begins with d00dfeed (Devicetree Specification 0.4, chapter 5).
 * More than 1 GiB is rejected. Offsets in findings are bytes from the start of the table.
 *
 * Returns: the table; NULL: an error among the findings. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
struct viommu_table *viommu_table_decode(const void *bytes, size_t length, const char *file,
					 struct viommu_findings *findings);

/*
 * Decode bytes that do not identify their format, such as a built-in topology in the configuration
 * space of a virtio-iommu. The signature names its form, from drafts of 2019 and 2020:
 * "builtin-v1", "builtin-v2", "builtin-v3", or "builtin-v3-segments" for the third as shipped. The
 * bytes are an image of configuration space from byte 0 (<viommu/device.h>). NULL with a finding if
 * the image is too short, or longer than VIOMMU_TOPOLOGY_LENGTH_MAX. With any other signature, as
 * viommu_table_decode(): the bytes identify the table, whatever the signature is.
 *
 * Returns: the table; NULL: an error among the findings. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
struct viommu_table *viommu_table_decode_as(const char *signature, const void *bytes, size_t length,
					    const char *file, struct viommu_findings *findings);

/*
 * Free the table with its records and its inner table. NULL is accepted.
 *
 * Returns: NULL. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_table *viommu_table_free(struct viommu_table *table);

/*
 * Encode the records: *ret_bytes is to be freed with free(). Returns the length. A decoded table
 * gives its original bytes, also if it is damaged. Length and checksum are computed only for a
 * generated or extended table.
 *
 * Returns: bytes; 0 and *ret_bytes NULL if out of memory. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
size_t viommu_table_encode(const struct viommu_table *table, void **ret_bytes);

/*
 * The operations that this library supports for a kind of table. A later version may have more
 * bits.
 */
enum viommu_table_ability {
	VIOMMU_TABLE_RECORDS = 1 << 0,  /* decoded into records, not only into header and bytes */
	VIOMMU_TABLE_MEANING = 1 << 1,  /* viommu_table_topology() reads a topology from it */
	VIOMMU_TABLE_GENERATE = 1 << 2, /* viommu_table_generate() generates it */
	VIOMMU_TABLE_EXTEND = 1 << 3,   /* viommu_table_extend() adds to it */
};

/*
 * The abilities for tables with that signature, a mask of VIOMMU_TABLE_*. 0: the signature is
 * unknown or NULL.
 *
 * Returns: VIOMMU_TABLE_*, or 0. Locks: none. Waits: no. Since: 0.2 (testing)
 */
unsigned viommu_table_abilities(const char *signature);

/*
 * The four characters of the signature, NUL-terminated; the form of a built-in topology;
 * "VIOT-2019" for a VIOT of 2019, which wraps another table. Valid as long as the table. The
 * signature may be unknown: any four characters are a signature.
 *
 * Returns: a string of the table. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_table_signature(const struct viommu_table *table);

/*
 * The name of the file, "" for a generated table; valid as long as the table.
 *
 * Returns: a string of the table. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_table_file(const struct viommu_table *table);

/* -- text ----------------------------------------------------------------------- */

/* The texts of a table, which the following functions return. */
enum viommu_table_form {
	VIOMMU_TABLE_TEXT,   /* viommu_table_text() */
	VIOMMU_TABLE_JSON,   /* viommu_table_json() */
	VIOMMU_TABLE_SOURCE, /* viommu_table_source() */
};

/*
 * Pass the text of a table to write(), in parts of some 64 KiB: a table of 1 MiB can have 80 MiB of
 * JSON. A part is not terminated, is valid during the call, and consists of whole lines if the
 * form has lines for itself, as TEXT and SOURCE have. If write() returns false, no further part
 * follows. It may call this library. -EINVAL: there is no such form.
 *
 * Returns: 0, -EINVAL, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_table_write(const struct viommu_table *table, enum viommu_table_form form,
		       bool (*write)(void *opaque, const char *text, size_t length), void *opaque);

/*
 * Every record with every field, one per line: offset, name, value; for a device tree, its source.
 * Free it with free(). Control characters are escaped, so the text is safe to print.
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_table_text(const struct viommu_table *table);

/*
 * The same as JSON, an object of {"format": 1, ...}. Free it with free(). It is valid UTF-8 for any
 * bytes of the table and of its file name (docs/tables.md).
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_table_json(const struct viommu_table *table);

/*
 * Every byte as text that can be edited: a line for each field, with its width, also for reserved
 * bytes that are 0; for a device tree, its source (docs/tables.md). Free it with free().
 * viommu_table_assemble() makes the same bytes from it.
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.2 (testing)
 */
char *viommu_table_source(const struct viommu_table *table);

/*
 * The bytes of tables from their source, which is not that of a device tree. Lengths and checksums
 * that the source leaves to be computed are those of the new bytes or, with `keep`, the numbers
 * that the source has beside them. *ret_bytes is to be freed with free(), also if it is NULL.
 * `file` is for findings, or NULL.
 *
 * Returns: the number of bytes; 0 with a finding if a line is wrong or memory is out. Locks: none.
 * Waits: no. Since: 0.2 (testing)
 */
size_t viommu_table_assemble(const char *source, size_t length, const char *file, bool keep,
			     void **ret_bytes, struct viommu_findings *findings);

/* -- meaning ---------------------------------------------------------------------- */

/*
 * Check every rule for this table: of each record, of the records together, and of the topology.
 * viommu_rule() lists the rules. Findings of decoding are not repeated: they are in the list of
 * viommu_table_decode(), which may be the same one.
 *
 * Returns: nothing; "input-memory" among the findings if out of memory. Locks: none. Waits: no.
 * Since: 0.1 (testing)
 */
void viommu_table_check(const struct viommu_table *table, struct viommu_findings *findings);

/*
 * Check the tables of one machine against each other: segments, buses, interrupt controllers and
 * proximity domains in tables of IOMMUs exist (MCFG; ACPI 6.5, 5.2.12, MADT, and 5.2.16, SRAT), and
 * no function is behind IOMMUs of two tables. `tables` may have any order; the first one with a
 * signature counts. A rule that needs a missing table is skipped. viommu_table_check() checks the
 * rules of one table alone.
 *
 * Returns: nothing; "input-memory" among the findings if out of memory. Locks: none. Waits: no.
 * Since: 0.1 (testing)
 */
void viommu_tables_check_together(const struct viommu_table *const *tables, size_t n,
				  struct viommu_findings *findings);

/*
 * Check the proximity domains of IOMMUs, host bridges and devices against the SRAT of the machine:
 * each is enabled there (ACPI 6.5, 5.2.16), and has memory or processors, which is a note. For a
 * topology from which tables are to be generated; viommu_tables_check_together() checks those of
 * tables. A table that is no SRAT has no effect.
 *
 * Returns: nothing; "input-memory" among the findings if out of memory. Locks: none. Waits: no.
 * Since: 0.2 (testing)
 */
void viommu_topology_check_domains(const struct viommu_topology *topology,
				   const struct viommu_table *srat,
				   struct viommu_findings *findings);

/*
 * The topology of a table, which may be empty. Invalid entries are dropped, with a finding. NULL
 * with a finding for tables without VIOMMU_TABLE_MEANING. Free it with viommu_topology_free().
 * Objects have the places of their records. If a table has no names, names are generated; they may
 * differ in a later version. The header is kept, so that a table generated from the topology has
 * the same header.
 *
 * Returns: the topology; NULL: an error among the findings. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
struct viommu_topology *viommu_table_topology(const struct viommu_table *table,
					      struct viommu_findings *findings);

/*
 * Set the proximity domains of IOMMUs from the SRAT: of those that are PCI functions and enabled
 * generic initiators in the SRAT (ACPI 6.5, 5.2.16.6), and have no domain yet. Returns their
 * number; 0 for a table that is not an SRAT.
 *
 * Returns: how many took a domain, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_apply_srat_domains(struct viommu_topology *topology,
				       const struct viommu_table *srat);

/*
 * Set the command queues (`cmdqv`) of SMMUs from a DSDT or an SSDT: devices with the hardware ID
 * NVDA200C, whose _UID is the identifier of the SMMU's node in the IORT. SMMUs are found by the
 * addresses of their registers. AML is not interpreted: a _UID and a _CRS that code computes are
 * not seen. An SMMU that has queues already keeps them. Returns how many SMMUs got queues; 0 for
 * tables that are no IORT, or no DSDT or SSDT.
 *
 * Returns: how many got queues, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_topology_apply_queues(struct viommu_topology *topology, const struct viommu_table *iort,
				 const struct viommu_table *block);

/*
 * Generate the table with that signature ("VIOT") from a topology; "VIOT-2019" wraps an IORT if
 * there is a virtio-iommu or an SMMU, or else a DMAR for a VT-d, an IVRS for an AMD-Vi. What the
 * table cannot describe is a finding; NULL is returned after an error. Free it with
 * viommu_table_free(). The header is that of viommu_topology_set_header(). The default revision is
 * the oldest that can represent the topology. Call viommu_topology_check() before: this function
 * does not check the topology.
 *
 * Returns: the table; NULL: an error among the findings. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
struct viommu_table *viommu_table_generate(const struct viommu_topology *topology,
					   const char *signature, struct viommu_findings *findings);

/*
 * As viommu_table_generate(), for a table that describes a single IOMMU, a built-in topology.
 * `iommu` is its name; NULL: the only virtio-iommu. Other tables describe all IOMMUs.
 *
 * Returns: the table; NULL: an error among the findings. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
struct viommu_table *viommu_table_generate_for(const struct viommu_topology *topology,
					       const char *signature, const char *iommu,
					       struct viommu_findings *findings);

/*
 * Compare a table with the topology that it was generated from. Adds a finding for each difference
 * (<viommu/diff.h>), except for headers. Not for an overlay, which is not a complete table.
 *
 * Returns: nothing; "input-memory" among the findings if out of memory. Locks: none. Waits: no.
 * Since: 0.1 (testing)
 */
void viommu_table_compare(const struct viommu_table *table, const struct viommu_topology *topology,
			  struct viommu_findings *findings);

/*
 * Add to an existing table what it lacks of the topology. Only an SRAT can be extended: it gets a
 * generic initiator (ACPI 6.5, 5.2.16.6) for each IOMMU that is a PCI function and has a proximity
 * domain. Existing
 * structures are not changed; length and checksum are updated. Returns false, with a finding, for
 * any other table, for a damaged SRAT, and for an SRAT that assigns a different domain to the
 * function; the table is unchanged then.
 *
 * Returns: true; false: an error among the findings. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
bool viommu_table_extend(struct viommu_table *table, const struct viommu_topology *topology,
			 struct viommu_findings *findings);

/* -- rules -------------------------------------------------------------------------- */

/*
 * A rule. The id of a finding is that of its rule. Rules and their strings are constant.
 */
struct viommu_rule {
	const char *id;
	enum viommu_severity severity;
	const char *clause;   /* the source of the rule */
	const char *text;     /* the requirement */
	const char *on_linux; /* what Linux does with an input that breaks it, or NULL */
};

/*
 * The i-th rule; NULL after the last. Rules of one table are adjacent. docs/tables.md lists all
 * rules.
 *
 * Returns: the rule; NULL: behind the last. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_rule *viommu_rule(size_t i);

/* -- input ---------------------------------------------------------------------------- */

/*
 * Split an input into its tables, by content: raw ACPI tables in sequence, text with dumps of them
 * as people post it (docs/tables.md), or a device tree. Calls `each` with every table, in order,
 * while it returns true; the bytes are valid during the call. `name` is that of the file, followed
 * by '#' and the signature if a file has several tables. Returns the number of tables; an input
 * without any is a finding. A second table of a known kind is a finding too, and is passed to
 * `each` nevertheless. Tables are not decoded: `each` calls viommu_table_decode(), as in
 *
 *     static bool take(void *opaque, const char *name, const void *table, size_t length)
 *     {
 *             struct machine *machine = opaque;
 *
 *             machine->tables[machine->n++] =
 *                     viommu_table_decode(table, length, name, machine->findings);
 *             return machine->n < MAX_TABLES;
 *     }
 *
 * Then call viommu_tables_check_together() with the tables that are not NULL.
 *
 * Returns: how many tables were found; 0 and "input-memory" if out of memory. Locks: none.
 * Waits: no. Since: 0.1 (testing)
 */
size_t viommu_input_split(const void *bytes, size_t length, const char *file,
			  bool (*each)(void *opaque, const char *name, const void *table,
				       size_t table_length),
			  void *opaque, struct viommu_findings *findings);

/*
 * The topology of a file, which has the text of viommu_topology_parse(), or tables as for
 * viommu_input_split(). The first IORT, RIMT and VIOT of a file are one machine
 * (viommu_topology_join()); without any of them the topology is that of the first table that
 * describes an IOMMU. A damaged table has a topology as from viommu_table_topology(): what could be
 * read, with errors among the findings. *ret_topology is to be freed with viommu_topology_free(),
 * and is NULL unless 0 is returned. -EINVAL: no table has a topology, or the text has an error.
 * -EFBIG: the file has more than 64 MiB. Others are those of open() and read().
 *
 *     error = viommu_topology_from_file("machine.yaml", findings, &machine);
 *
 * Returns: 0, -ENOENT, -EACCES, ..., -EFBIG, -EINVAL, -ENOMEM. Locks: none. Waits: for the file.
 * Since: 0.2 (testing)
 */
int viommu_topology_from_file(const char *path, struct viommu_findings *findings,
			      struct viommu_topology **ret_topology);

/*
 * What a text has in base64 that is packed: compressed by gzip, xz or another program, or an
 * archive. Calls `each` with every one, in order, while it returns true; the bytes are valid during
 * the call. Nothing is unpacked.
 *
 * Returns: how many were passed to `each`; 0 also if out of memory. Locks: none. Waits: no.
 * Since: 0.2 (testing)
 */
size_t viommu_input_packs(const void *bytes, size_t length,
			  bool (*each)(void *opaque, const void *pack, size_t pack_length),
			  void *opaque);

/*
 * The text of an input as plain lines: with \n, in UTF-8, and without what UTF-16, HTML, JSON,
 * quoted-printable mails and terminals add.
 *
 * Returns: a text to be freed with free(); NULL if out of memory. Locks: none. Waits: no.
 * Since: 0.2 (testing)
 */
char *viommu_input_text(const void *bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
