/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Do all functions of a root complex reach an ITS, or none?
 *
 * Where an SMMU is between them, its mappings have to include the stream IDs of the functions. The
 * stream IDs that an SMMU sends on are sorted once, so each mapping is found by a search.
 */
#include "base/array.h"
#include "base/hash.h"
#include "check.h"
#include "tables/findings/findings.h"

#define LAST_RID 0xffffu

/* A run of IDs, of which each is in a mapping. */
struct run {
	uint64_t first, last;
};

static int by_first(const void *a, const void *b)
{
	const struct run *one = a, *other = b;

	return (one->first > other->first) - (one->first < other->first);
}

/* The IDs that an SMMU sends to ITS groups, as runs apart from each other. */
static struct array *runs_of(struct hash *nodes, const struct record *smmu)
{
	struct array *runs = array_new(sizeof(struct run));
	const struct record *record;
	size_t n = 0;

	for (guint i = 0; (record = iort_next(smmu, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = record->host;
		struct run run = { mapping->input_base,
				   (uint64_t)mapping->input_base + mapping->id_count };
		const struct record *target =
			hash_lookup(nodes, GSIZE_TO_POINTER((gsize)mapping->output_reference));

		if (target && iort_type_of(target) == IORT_ITS_GROUP &&
		    !(mapping->flags & IORT_MAPPING_SINGLE))
			array_append(runs, run);
	}
	array_sort(runs, by_first);
	for (size_t i = 1; i < runs->len; i++) {
		struct run *last = &array_index(runs, struct run, n);
		const struct run run = array_index(runs, struct run, i);

		if (run.first <= last->last + 1)
			last->last = MAX(last->last, run.last);
		else
			array_index(runs, struct run, ++n) = run;
	}
	array_set_size(runs, runs->len ? n + 1 : 0);
	return runs;
}

static void free_runs(void *runs)
{
	array_free(runs);
}

/* Which runs each SMMU has is found once. */
struct coverage {
	struct hash *nodes, *runs;
};

static const struct array *runs_at(const struct coverage *coverage, const struct record *smmu)
{
	struct array *runs = hash_lookup(coverage->runs, smmu);

	if (!runs) {
		runs = runs_of(coverage->nodes, smmu);
		hash_insert(coverage->runs, smmu, runs);
	}
	return runs;
}

enum covered { NOT_COVERED, PARTLY_COVERED, COVERED };

/* Is each ID of the range in one of the runs, or any? */
static enum covered is_covered(const struct array *runs, const struct run *range)
{
	size_t low = 0, high = runs->len;
	const struct run *run;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (array_index(runs, struct run, middle).last < range->first)
			low = middle + 1;
		else
			high = middle;
	}
	run = low < runs->len ? &array_index(runs, struct run, low) : NULL;
	if (!run || run->first > range->last)
		return NOT_COVERED;
	return run->first <= range->first && range->last <= run->last ? COVERED : PARTLY_COVERED;
}

/* IDs beyond the last requester ID. A single mapping is for all functions. */
static bool has_no_function(const struct iort_mapping *mapping)
{
	return mapping->input_base > LAST_RID && !(mapping->flags & IORT_MAPPING_SINGLE);
}

/* Do the functions of a mapping of a root complex reach an ITS? */
static enum covered reaches_its(const struct coverage *coverage, const struct iort_mapping *mapping,
				const struct record *target)
{
	uint64_t n = mapping->flags & IORT_MAPPING_SINGLE
			     ? 0
			     : MIN(mapping->id_count, LAST_RID - mapping->input_base);
	struct run range = { mapping->output_base, mapping->output_base + n };

	if (iort_type_of(target) == IORT_ITS_GROUP)
		return COVERED;
	return is_covered(runs_at(coverage, target), &range);
}

static void check_complex(const struct table_check *check, const struct coverage *coverage,
			  const struct record *node)
{
	const struct record *record, *without = NULL;
	bool any = false;

	for (guint k = 0; (record = iort_next(node, &iort_mapping_layout, &k));) {
		const struct iort_mapping *mapping = record->host;
		const struct record *target = hash_lookup(
			coverage->nodes, GSIZE_TO_POINTER((gsize)mapping->output_reference));
		enum covered covered = target && !has_no_function(mapping)
					       ? reaches_its(coverage, mapping, target)
					       : NOT_COVERED;

		if (has_no_function(mapping))
			continue;
		any |= covered != NOT_COVERED;
		if (target && covered != COVERED && !without)
			without = record;
	}
	if (any && without)
		report(check->findings, check->rule_id, table_place(check->table, without->at),
		       "map stream IDs of the SMMU to the ITS group, too",
		       "functions of this ID mapping reach no ITS, and others of the root complex "
		       "do");
}

/* Some functions of a root complex have MSIs and others do not. */
void iort_check_partial_its(const struct table_check *check)
{
	struct coverage coverage = {
		.nodes = iort_index(check->table),
		.runs = hash_new_full(&hash_direct, NULL, free_runs),
	};
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(check->table, &i));)
		if (iort_type_of(node) == IORT_ROOT_COMPLEX)
			check_complex(check, &coverage, node);
	hash_free(coverage.runs);
	hash_free(coverage.nodes);
}
