/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_FINDINGS_H
#define VIOMMU_TABLES_FINDINGS_H

#include <stddef.h>

#include <viommu/findings.h>

/*
 * Add a finding. `rule_id` names a row of rules.c, which gives the severity: an id that has no
 * row is a mistake in this library. `cure` says what would be right, or is NULL. All strings
 * are copied. NULL findings are fine: then nobody wants to know.
 */
__attribute__((format(printf, 5, 6))) void report(struct viommu_findings *findings,
						  const char *rule_id, struct viommu_place place,
						  const char *cure, const char *format, ...);

/*
 * A copy of at most `max` bytes that a terminal shows and does not obey: UTF-8, with a question
 * mark for every character that prints nothing, newlines among them. free() it.
 */
char *shown(const char *text, size_t max);

/* A place in a text, one in a table, and a file as a whole. */
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

#endif
