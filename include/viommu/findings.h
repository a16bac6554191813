/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_FINDINGS_H
#define VIOMMU_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What is wrong with a file, and where
 *
 * Everything that libviommu-tables has to say about an input is a finding: a file that
 * cannot be read, a table that is damaged, a rule that a topology breaks. A finding
 * names the place, says in one sentence what is wrong and in another what would be
 * right, and has an id that never changes its meaning and is never used again.
 *
 *     viot.bin:0x50: error: output node 0x48 is not the start of a node; ... [viot-output-node]
 *     virt.dtb:/pcie@10000000:iommu-map: error: ... [dt-dangling]
 *
 * Functions that read an input take a list and add to it; the walk goes on after a
 * finding as far as it safely can. The list belongs to the caller, and is used by one
 * thread at a time. RUNNING OUT OF MEMORY NEVER ENDS THE PROGRAM (<viommu/topology.h>): it is the
 * error "input-memory", which needs no memory itself.
 *
 * They are printed so, and an input is refused if there is an error among them:
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
 * An input decides how many findings there are and what they quote, so both are bounded: a list
 * has at most VIOMMU_FINDINGS_MAX, and one more that says how many it does not list and is as
 * severe as the worst of them; a text has at most VIOMMU_FINDING_TEXT_MAX bytes, is UTF-8, and has
 * no control characters.
 */
#define VIOMMU_FINDINGS_MAX     1000
#define VIOMMU_FINDING_TEXT_MAX 800 /* bytes, without the NUL; of each string of a finding */

#ifdef __cplusplus
extern "C" {
#endif

/* How bad it is. The order is one of severity, so that they can be compared. */
enum viommu_severity {
	VIOMMU_NOTE,    /* worth knowing; nothing is wrong */
	VIOMMU_WARNING, /* some reader will complain, or will see something else */
	VIOMMU_ERROR,   /* breaks the specification, or a guest */
};

/*
 * "note", "warning", "error"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_severity_name(enum viommu_severity severity);

/*
 * Where something stands. Which members say so depends on what was read: of a text line and
 * column, of an ACPI table `at`, of a device tree `path`. A reader fills in the places of what it
 * reads. A VMM that makes objects by calls leaves them zero: with a `file` of NULL the other
 * members mean nothing, an `at` of 0 too. A VMM that has a place of its own to show sets `file` and
 * `line`, or `file` and `at`; with a file, `at` must be VIOMMU_NOWHERE unless it is an offset.
 */
struct viommu_place {
	const char *file; /* copied with what has the place; NULL: not from a file */
	unsigned line;    /* of a text, from 1; 0: none */
	unsigned column;  /* from 1; 0: none */
	size_t at;        /* of a table: bytes from its start; VIOMMU_NOWHERE: none */
	const char *path; /* of a device tree: a node, and behind a ':' a property; NULL: none */
};

/* No offset, since 0 is one: the first byte of a table. */
#define VIOMMU_NOWHERE ((size_t)-1)

/*
 * One finding. `id` is that of a rule, from which viommu_rule() in <viommu/tables.h> leads to the
 * clause of the specification, and to what Linux does when it is broken; tests and programs look
 * at it, for texts change between versions. All strings belong to the list.
 */
struct viommu_finding {
	const char *id; /* "viot-output-node" */
	enum viommu_severity severity;
	struct viommu_place place;
	const char *text; /* what is wrong: lower case, no full stop */
	const char *cure; /* what would be right, or NULL */
};

/* Opaque. Everything in it is a copy, so it may outlive the input and what was made of it. */
struct viommu_findings;

/*
 * A new, empty list. Free with viommu_findings_free().
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_findings *viommu_findings_new(void);

/*
 * Frees the list with all it holds; NULL is fine.
 *
 * Returns: NULL. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_findings *viommu_findings_free(struct viommu_findings *findings);

/*
 * Add one of a rule that viommu_rule() in <viommu/tables.h> knows, which gives the severity. All
 * strings are copied; `place` and `cure` may be NULL, and so may `findings`. Returns 0, -ENOENT
 * if there is no such rule, or -ENOMEM.
 *
 * Returns: 0, -ENOENT, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_findings_add(struct viommu_findings *findings, const char *rule_id,
			const struct viommu_place *place, const char *text, const char *cure);

/*
 * How many there are in the list, the one that only counts included.
 *
 * Returns: how many. Locks: none. Waits: no. Since: 0.1 (testing)
 */
size_t viommu_findings_count(const struct viommu_findings *findings);

/*
 * How many of at least that severity. Those that were only counted are one, of the severity of the
 * worst: an error is never missed. Walks over the list.
 *
 * Returns: how many. Locks: none. Waits: no. Since: 0.1 (testing)
 */
size_t viommu_findings_count_from(const struct viommu_findings *findings,
				  enum viommu_severity severity);

/*
 * The i-th, in the order found, or NULL behind the last; it and its strings live as long as the
 * list, and do not move when it grows.
 *
 * Returns: the finding; NULL: behind the last. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_finding *viommu_findings_get(const struct viommu_findings *findings, size_t i);

/*
 * The finding as one line without its end: "FILE:PLACE: severity: text; cure [id]".
 * Returns a string to be freed with free(). The beginning is as compilers have it, so that editors
 * find the place; it is left out for what comes from no file, and so is "; cure" if there is none.
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_finding_line(const struct viommu_finding *finding);

#ifdef __cplusplus
}
#endif

#endif
