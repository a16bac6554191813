/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_FINDINGS_H
#define VIOMMU_TABLES_FINDINGS_H

#include <stddef.h>

#include <viommu/findings.h>

/* Findings inside the library: adding them, and the places they have */

/*
 * Add a finding. `rule_id` names a row of rules.c, which has the severity; a missing row is a bug
 * of this library. `cure` is what would be right, or NULL. All strings are copied. NULL findings
 * are allowed.
 */
__attribute__((format(printf, 5, 6))) void report(struct viommu_findings *findings,
						  const char *rule_id, struct viommu_place place,
						  const char *cure, const char *format, ...);

/* Does the list only count what is reported further? So does one that does not exist. */
bool findings_are_full(const struct viommu_findings *findings);

/* Does the list take findings of that rule? Then the rule must be checked. */
bool findings_want(const struct viommu_findings *findings, const char *rule_id);

/* Memory ran out, at any place. Allocates nothing. */
void report_no_memory(struct viommu_findings *findings);

/*
 * A copy of at most `max` bytes that is safe to print: valid UTF-8, with a question mark for every
 * unprintable character, including newlines. free() it.
 */
char *shown(const char *text, size_t max);

/* A place in a text, a byte of a table, and a whole file. */
static inline struct viommu_place place_in_text(const char *file, unsigned line, unsigned column)
{
	return (struct viommu_place){
		.file = file, .line = line, .column = column, .at = VIOMMU_NOWHERE
	};
}

static inline struct viommu_place place_in_table(const char *file, size_t at)
{
	return (struct viommu_place){ .file = file, .at = at };
}

static inline struct viommu_place place_of_file(const char *file)
{
	return place_in_table(file, VIOMMU_NOWHERE);
}

/* The work of the public functions of these names (tables/public/). */
struct viommu_findings *findings_new(void);
int findings_take_only(struct viommu_findings *findings, const char *const *rule_ids);
int findings_add(struct viommu_findings *findings, const char *rule_id,
		 const struct viommu_place *place, const char *text, const char *cure);
char *finding_line(const struct viommu_finding *finding);

/* Add copies of all findings of another list. */
void findings_take(struct viommu_findings *findings, const struct viommu_findings *others);

#endif
