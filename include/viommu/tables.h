/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_H
#define VIOMMU_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viommu/findings.h>
#include <viommu/topology.h>

/*
 * Firmware tables: bytes in, records and a topology out, and back
 *
 * A table is decoded into records, one for each structure of its specification, each
 * with its fields by name and value. Nothing is lost: unknown structures and reserved
 * bytes are kept, and encoding the records again gives the same bytes. What a table means
 * is a topology (<viommu/topology.h>), which it can be turned into and made from.
 *
 *     bytes <--> struct viommu_table (records) <--> struct viommu_topology
 *
 * Text, JSON and checks all walk the same records. Used by one thread at a time. RUNNING OUT OF
 * MEMORY NEVER ENDS THE PROGRAM (<viommu/topology.h>).
 *
 * Decode a table and report what is wrong with it. `bytes` may be any input, hostile ones too:
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
 * with print_findings() as in <viommu/findings.h>. From a table to another of the same machine it
 * is three calls, viommu_table_topology(), viommu_table_generate() and viommu_table_encode(); and
 * viommu_table_compare() then says what was lost on the way.
 *
 * A signature is the four characters that an ACPI table begins with, "DTB" for a device tree, or
 * one of the longer names that are told of below. Where a list of findings is taken, it may be
 * NULL for a caller who does not want to know.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque. It has copies of all its bytes and of the file's name, and refers to nothing outside: the
 * topology it was made of, or turned into, may be freed before it or after it. */
struct viommu_table;

/* -- bytes ------------------------------------------------------------------- */

/*
 * Decode a table. `file` names it in findings. A table that is damaged is decoded as far
 * as it goes, with findings that say what is wrong where; NULL is returned only if not
 * even a header could be made out. A table whose signature is not known has a header
 * and bytes.
 *
 * One table is decoded, which begins at `bytes`; what is behind its end by the length in its header
 * is kept as bytes, and means nothing. A header is 36 bytes (ACPI 6.5, "System Description Table
 * Header"); a device tree begins with d00dfeed (Devicetree Specification 0.4, "Flattened Devicetree
 * Format"). More than 1 GiB is refused. Offsets in findings are bytes from the start of the table.
 *
 * Returns: the table; NULL: an error among the findings. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
struct viommu_table *viommu_table_decode(const void *bytes, size_t length, const char *file,
					 struct viommu_findings *findings);

/*
 * Decode bytes that do not say of themselves what they are. A built-in topology is such: it is
 * in the configuration space of a virtio-iommu, in one of the forms that drafts of 2019 and 2020
 * had, and the signature names the form: "builtin-v1", "builtin-v2", "builtin-v3", or
 * "builtin-v3-segments" for the third as it was shipped. The bytes are an image of configuration
 * space from its beginning (<viommu/device.h>). NULL with a finding if that is too short to
 * lead to a topology, or longer than VIOMMU_TOPOLOGY_LENGTH_MAX. Any other signature is as
 * viommu_table_decode(): the bytes speak for themselves, whatever was expected of them.
 *
 * Returns: the table; NULL: an error among the findings. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
struct viommu_table *viommu_table_decode_as(const char *signature, const void *bytes, size_t length,
					    const char *file, struct viommu_findings *findings);

/*
 * Frees the table with its records, and with a table that it wraps. NULL is fine.
 *
 * Returns: NULL. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_table *viommu_table_free(struct viommu_table *table);

/*
 * Encode the records: *ret_bytes is to be freed with free(). Returns the length. Of a table that
 * was decoded these are the bytes that it came from, damaged ones too; length and checksum are
 * computed for a table that was made or extended, and are otherwise kept as they are.
 *
 * Returns: bytes; 0 and *ret_bytes NULL if out of memory. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
size_t viommu_table_encode(const struct viommu_table *table, void **ret_bytes);

/* What this library can do with a kind of table. A later version may have more bits. */
enum viommu_table_ability {
	VIOMMU_TABLE_RECORDS =
		1 << 0, /* it is decoded into records, not only into header and bytes */
	VIOMMU_TABLE_MEANING = 1 << 1,  /* viommu_table_topology() reads a topology from it */
	VIOMMU_TABLE_GENERATE = 1 << 2, /* viommu_table_generate() makes it */
	VIOMMU_TABLE_EXTEND = 1 << 3,   /* viommu_table_extend() adds to it */
};

/*
 * The abilities for tables with that signature, any number of VIOMMU_TABLE_*. 0: no such table is
 * known, or the signature is NULL.
 *
 * Returns: VIOMMU_TABLE_*, or 0. Locks: none. Waits: no. Since: 0.2 (testing)
 */
unsigned viommu_table_abilities(const char *signature);

/*
 * The four characters of the signature, NUL-terminated; of a built-in topology its form, and
 * "VIOT-2019" of a VIOT in the form of 2019, which wraps another table. It lives as long as the
 * table. That it is known is not said: any four characters are a signature.
 *
 * Returns: a string of the table. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_table_signature(const struct viommu_table *table);

/*
 * What the file was called, "" for a table that was made; lives as long as the table.
 *
 * Returns: a string of the table. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_table_file(const struct viommu_table *table);

/* -- text ----------------------------------------------------------------------- */

/*
 * Every record with every field, one a line: offset, name, value. To be freed with free(). Of a
 * device tree its source. Control characters of the table are escaped, so it is safe to print.
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_table_text(const struct viommu_table *table);

/*
 * The same as JSON, an object of {"format": 1, ...}. To be freed with free(). It is UTF-8,
 * whatever bytes a table or the name of its file has (docs/tables.md).
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_table_json(const struct viommu_table *table);

/* -- meaning ---------------------------------------------------------------------- */

/*
 * Check every rule there is for this table: of each record, of the records together, and of
 * the topology it means. Rules are listed by viommu_rule(). Findings of decoding are not among
 * these: they are in the list that viommu_table_decode() was given, which may be the same one.
 *
 * Returns: nothing; "input-memory" among the findings if out of memory. Locks: none. Waits: no.
 * Since: 0.1 (testing)
 */
void viommu_table_check(const struct viommu_table *table, struct viommu_findings *findings);

/*
 * Check what tables of one machine say of each other: that the segments, buses, interrupt
 * controllers and proximity domains are there that tables of IOMMUs name (MCFG, MADT, SRAT), and
 * that no function is behind IOMMUs of two tables. `tables` are in any order; of several with one
 * signature the first counts. A rule that needs a table that is not among them is not checked.
 * viommu_table_check() checks the rules of one table alone.
 *
 * Returns: nothing; "input-memory" among the findings if out of memory. Locks: none. Waits: no.
 * Since: 0.1 (testing)
 */
void viommu_tables_check_together(const struct viommu_table *const *tables, size_t n,
				  struct viommu_findings *findings);

/*
 * What the table means, which may be nothing; entries that mean
 * nothing are left out, with a finding. NULL with a finding for any other. To be freed with
 * viommu_topology_free(). Objects have the places of the records that they come from; names that a
 * table has none for are made up, and may be others for the next version. The header is kept, so
 * that the table made of it again has the same one.
 *
 * Returns: the topology; NULL: an error among the findings. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
struct viommu_topology *viommu_table_topology(const struct viommu_table *table,
					      struct viommu_findings *findings);

/*
 * Give IOMMUs of the topology the proximity domains that the SRAT has for them: those that are PCI
 * functions, enabled generic initiators there, and have no domain yet. Returns how many took one; 0
 * for a table that is no SRAT.
 *
 * Returns: how many took a domain, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_topology_apply_srat_domains(struct viommu_topology *topology,
				       const struct viommu_table *srat);

/*
 * Make the table with that signature ("VIOT") from a topology; "VIOT-2019" wraps an IORT if there
 * is a virtio-iommu or an SMMU, or else a DMAR for a VT-d, an IVRS for an AMD-Vi. What the table
 * cannot say is a finding; NULL is returned if there was an error. To be freed with
 * viommu_table_free(). The header is that of viommu_topology_set_header(), and the revision, where
 * none was asked for, the oldest that can say all there is. Whether the topology makes sense is
 * for viommu_topology_check(), and to be asked before.
 *
 * Returns: the table; NULL: an error among the findings. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
struct viommu_table *viommu_table_generate(const struct viommu_topology *topology,
					   const char *signature, struct viommu_findings *findings);

/*
 * As viommu_table_generate(), for a table that speaks of one IOMMU only, by its name: a built-in
 * topology. NULL: the only virtio-iommu that there is. Other tables speak of all of them.
 *
 * Returns: the table; NULL: an error among the findings. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
struct viommu_table *viommu_table_generate_for(const struct viommu_topology *topology,
					       const char *signature, const char *iommu,
					       struct viommu_findings *findings);

/*
 * What does a table say otherwise than the topology that it was made of? A finding for each
 * difference, as <viommu/diff.h> has them, but for headers. Not for an overlay, which is no table
 * by itself.
 *
 * Returns: nothing; "input-memory" among the findings if out of memory. Locks: none. Waits: no.
 * Since: 0.1 (testing)
 */
void viommu_table_compare(const struct viommu_table *table, const struct viommu_topology *topology,
			  struct viommu_findings *findings);

/*
 * Add to a table that is there already what the topology says and it does not. Only an SRAT can be
 * extended: it gets a generic initiator for each IOMMU that is a PCI function and has a proximity
 * domain. Nothing in it is changed but its length and its checksum. Returns false, with a finding,
 * for any other table, and for an SRAT that says something else of such a function or is damaged:
 * the table is then as it was.
 *
 * Returns: true; false: an error among the findings. Locks: none. Waits: no. Since: 0.1
 * (testing)
 */
bool viommu_table_extend(struct viommu_table *table, const struct viommu_topology *topology,
			 struct viommu_findings *findings);

/* -- rules -------------------------------------------------------------------------- */

/*
 * A rule that is checked. What a finding's id leads to: look for the rule with the same `id`. Rules
 * and their strings are constant and live as long as the program.
 */
struct viommu_rule {
	const char *id;
	enum viommu_severity severity;
	const char *clause;   /* where the rule comes from */
	const char *text;     /* what it asks for */
	const char *on_linux; /* what Linux does when it is broken, or NULL */
};

/*
 * The i-th rule, or NULL behind the last. Those of one table stand together. docs/tables.md has all
 * of them.
 *
 * Returns: the rule; NULL: behind the last. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_rule *viommu_rule(size_t i);

/* -- input ---------------------------------------------------------------------------- */

/*
 * Take every table out of an input, by its content: raw ACPI tables (one after the other),
 * the text that acpidump prints, or a device tree. Calls `each` with every table found, in order,
 * for as long as it returns true; bytes are valid during the call only. `name` is the file's, with
 * the signature behind a '#' where a file holds several. Returns how many there were; an
 * input with none is a finding. A second table of a kind that is known is a finding too, and is
 * given all the same. Tables are not checked: `each` hands them to viommu_table_decode(), as
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
 * after which viommu_tables_check_together() is given those of them that are not NULL.
 *
 * Returns: how many tables were found; 0 and "input-memory" if out of memory. Locks: none.
 * Waits: no. Since: 0.1 (testing)
 */
size_t viommu_input_split(const void *bytes, size_t length, const char *file,
			  bool (*each)(void *opaque, const char *name, const void *table,
				       size_t table_length),
			  void *opaque, struct viommu_findings *findings);

#ifdef __cplusplus
}
#endif

#endif
