/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_FINDINGS_H
#define VIOMMU_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Findings: problems of an input, with their places
 *
 * Everything that libviommu-tables reports about an input is a finding: an unreadable file, a
 * damaged table, a topology that breaks a rule. A finding has a place, a text with the problem, a
 * cure, and a permanent id that never changes its meaning.
 *
 *     viot.bin:0x50: error: output node 0x48 is not the start of a node; ... [viot-output-node]
 *     virt.dtb:/pcie@10000000:iommu-map: error: ... [dt-dangling]
 *
 * Functions that read an input add findings to a list, and continue after a finding as far as
 * possible. The caller owns the list. One thread at a time uses it. RUNNING OUT OF MEMORY NEVER
 * ENDS THE PROGRAM (<viommu/topology.h>): it is the error "input-memory", which can be added
 * without memory.
 *
 * Print findings, and reject an input with an error:
 *
 *     const struct viommu_finding *finding;
 *
 *     for (size_t i = 0; (finding = viommu_findings_get(findings, i)); i++) {
 *             char *line = viommu_finding_line(finding);
 *
 *             fprintf(stderr, "%s\n", line);
 *             free(line);
 *     }
 *     if (viommu_findings_count_from(findings, VIOMMU_ERROR))
 *             return EXIT_FAILURE;
 *
 * The number of findings and the texts that they quote depend on the input, so both are bounded. A
 * list has at most VIOMMU_FINDINGS_MAX findings, and one more with the number of findings that are
 * not listed and their highest severity. A text has at most VIOMMU_FINDING_TEXT_MAX bytes, is
 * UTF-8, and has no control characters.
 */
#define VIOMMU_FINDINGS_MAX     1000
#define VIOMMU_FINDING_TEXT_MAX 800 /* bytes, without the NUL; of each string of a finding */

#ifdef __cplusplus
extern "C" {
#endif

/* The severity. Values ascend with the severity, so that they can be compared. */
enum viommu_severity {
	VIOMMU_NOTE,    /* the input is correct */
	VIOMMU_WARNING, /* some consumer reports a problem, or reads another meaning */
	VIOMMU_ERROR,   /* violates the specification, or breaks a guest */
};

/*
 * "note", "warning", "error"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_severity_name(enum viommu_severity severity);

/*
 * A place in an input. Readers set the members for their kind of input: line and column in a text,
 * `at` in an ACPI table, `path` in a device tree. A VMM that adds objects by calls may leave all
 * members zero: without a `file`, the other members have no meaning. A VMM with its own places sets
 * `file` and `line`, or `file` and `at`; with a file, `at` must be VIOMMU_NOWHERE unless it is an
 * offset.
 */
struct viommu_place {
	const char *file; /* copied with its object; NULL: not from a file */
	unsigned line;    /* of a text, from 1; 0: none */
	unsigned column;  /* from 1; 0: none */
	size_t at;        /* of a table: bytes from its start; VIOMMU_NOWHERE: none */
	const char *path; /* of a device tree: the path of a node, and after a ':' a property; NULL:
			     none */
};

/* No offset. 0 is the offset of the first byte of a table. */
#define VIOMMU_NOWHERE ((size_t)-1)

/*
 * One finding. `id` identifies a rule: viommu_rule() in <viommu/tables.h> has the clause of the
 * specification, and what Linux does with an input that breaks it. Tests and programs compare `id`,
 * because texts change between versions. The list owns all strings.
 */
struct viommu_finding {
	const char *id; /* "viot-output-node" */
	enum viommu_severity severity;
	struct viommu_place place;
	const char *text; /* the problem: lower case, no full stop */
	const char *cure; /* how to fix it, or NULL */
};

/* Opaque. Everything in it is a copy, so it may outlive the input and its tables and topologies. */
struct viommu_findings;

/*
 * A new, empty list. Free with viommu_findings_free().
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_findings *viommu_findings_new(void);

/*
 * Free the list and its findings. NULL is accepted.
 *
 * Returns: NULL. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_findings *viommu_findings_free(struct viommu_findings *findings);

/*
 * Add a finding. The rule, one of viommu_rule() in <viommu/tables.h>, has the severity. All strings
 * are copied; `place`, `cure` and `findings` may be NULL. -ENOENT: there is no such rule.
 *
 * Returns: 0, -ENOENT, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_findings_add(struct viommu_findings *findings, const char *rule_id,
			const struct viommu_place *place, const char *text, const char *cure);

/*
 * From now on, take findings of these rules only; NULL ends the ids, which are copied. A check with
 * the list omits all other rules, so a caller that asks for one rule pays for no others, and the
 * bound of the list counts no others. -ENOENT: an id is that of no rule, and the list is unchanged.
 *
 * Returns: 0, -ENOENT, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_findings_take_only(struct viommu_findings *findings, const char *const *rule_ids);

/*
 * The number of findings in the list, including the one that counts the unlisted.
 *
 * Returns: how many. Locks: none. Waits: no. Since: 0.1 (testing)
 */
size_t viommu_findings_count(const struct viommu_findings *findings);

/*
 * The number of findings of at least that severity. The unlisted ones count as one finding of their
 * highest severity, so an error is never missed. Iterates over the list.
 *
 * Returns: how many. Locks: none. Waits: no. Since: 0.1 (testing)
 */
size_t viommu_findings_count_from(const struct viommu_findings *findings,
				  enum viommu_severity severity);

/*
 * The i-th finding, in the order of discovery; NULL after the last. It and its strings are valid as
 * long as the list, and do not move when it grows.
 *
 * Returns: the finding; NULL: behind the last. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_finding *viommu_findings_get(const struct viommu_findings *findings, size_t i);

/*
 * The finding as one line without a newline: "FILE:PLACE: severity: text; cure [id]". Free it with
 * free(). The format is that of compilers, so that editors find the place. Without a file the place
 * is omitted, and without a cure "; cure".
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_finding_line(const struct viommu_finding *finding);

#ifdef __cplusplus
}
#endif

#endif
