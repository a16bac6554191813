/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compares two topologies: the list of differences, and each as a sentence
 *
 * functions.c and objects.c find the differences, this file those of table headers. A stable sort
 * at the end groups them by rank.
 */
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "diff.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

/* -- headers -------------------------------------------------------------------- */

/* Compares headers only if both sides are that table, or a text that can become it. */
static bool is_of_table(const struct viommu_topology *topology, const char *signature)
{
	const char *source = topology_source(topology);

	return !source || !strcmp(source, signature);
}

/* The OEM and creator fields have a lower rank than revision and flags. */
static enum viommu_difference_rank rank_of_field(const char *name)
{
	static const char *const meant[] = { "revision", "address-bits", "flags" };

	for (size_t i = 0; i < G_N_ELEMENTS(meant); i++)
		if (!strcmp(meant[i], name))
			return VIOMMU_DIFFERENCE_DETAIL;
	return VIOMMU_DIFFERENCE_HEADER;
}

/* As written: "BOCHS " differs from "BOCHS", as the bytes do. */
static void compare_field(struct viommu_diff *diff, const char *signature,
			  const struct text_key *key)
{
	auto_free char *what = memory_printf("header of %s", signature);
	struct strbuf *values[N_SIDES];
	bool said[N_SIDES];

	for (int side = 0; side < N_SIDES; side++) {
		values[side] = strbuf_new(NULL);
		said[side] = key->kind->write(
			key, viommu_topology_header(diff->sides[side], signature), values[side]);
	}
	if (said[BEFORE] != said[AFTER] || !strbuf_equal(values[BEFORE], values[AFTER]))
		diff_add(diff, &(struct viommu_difference){
				       .rank = rank_of_field(key->name),
				       .what = what,
				       .property = key->name,
				       .before = said[BEFORE] ? values[BEFORE]->str : NULL,
				       .after = said[AFTER] ? values[AFTER]->str : NULL,
				       .before_place.at = VIOMMU_NOWHERE,
				       .after_place.at = VIOMMU_NOWHERE });
	for (int side = 0; side < N_SIDES; side++)
		strbuf_free(values[side]);
}

/* Compares the headers of each table that both sides could become. */
static void compare_headers(struct viommu_diff *diff)
{
	for (size_t i = 0; topology_signature(i); i++) {
		const char *signature = topology_signature(i);

		if (is_of_table(diff->sides[BEFORE], signature) &&
		    is_of_table(diff->sides[AFTER], signature))
			for_each_key(key, &text_header)
				compare_field(diff, signature, key);
	}
}

/* -- MSIs ------------------------------------------------------------------------ */

/* A VIOT cannot name an ITS, so its absence is no difference. */
static bool can_describe_msis(const struct viommu_topology *topology)
{
	static const char *const tables[] = { "IORT", "DTB", NULL };
	const char *source = topology_source(topology);

	return !source || g_strv_contains(tables, source);
}

/* -- the list --------------------------------------------------------------------- */

/* Stable, so the order within a rank stays. */
static gint compare_ranks(gconstpointer a, gconstpointer b)
{
	const struct viommu_difference *one = a, *other = b;

	return (one->rank > other->rank) - (one->rank < other->rank);
}

/* Names first: all other comparisons use them. */
struct viommu_diff *topology_diff(const struct viommu_topology *before,
				  const struct viommu_topology *after)
{
	struct viommu_diff *diff = memory_new(struct viommu_diff, 1);

	diff->sides[BEFORE] = before;
	diff->sides[AFTER] = after;
	diff->has_msis = can_describe_msis(before) && can_describe_msis(after);
	diff->list = array_new(sizeof(struct viommu_difference));
	diff->strings = string_store_new();
	diff_name(diff);
	diff_functions(diff);
	diff_objects(diff);
	compare_headers(diff);
	array_sort(diff->list, compare_ranks);
	return diff;
}

/* Does not free the topologies. */
struct viommu_diff *viommu_diff_free(struct viommu_diff *diff)
{
	if (!diff)
		return NULL;
	for (int side = 0; side < N_SIDES; side++)
		hash_free(diff->names[side]);
	array_free(diff->list);
	string_store_free(diff->strings);
	memory_free(diff);
	return NULL;
}

/* Counts on request. */
size_t viommu_diff_count(const struct viommu_diff *diff, enum viommu_difference_rank rank)
{
	size_t n = 0;

	for (size_t i = 0; i < diff->list->len; i++)
		n += viommu_diff_get(diff, i)->rank == rank;
	return n;
}

const struct viommu_difference *viommu_diff_get(const struct viommu_diff *diff, size_t i)
{
	return i < diff->list->len ? &array_index(diff->list, struct viommu_difference, i) : NULL;
}

const char *viommu_difference_rank_name(enum viommu_difference_rank rank)
{
	static const char *const names[] = {
		[VIOMMU_DIFFERENCE_ROUTE] = "way",
		[VIOMMU_DIFFERENCE_DETAIL] = "detail",
		[VIOMMU_DIFFERENCE_HEADER] = "header",
	};

	return rank < G_N_ELEMENTS(names) ? names[rank] : NULL;
}

/* ", was behind smmu0 as 0x10"; nothing if only that side exists. */
static void put_only(struct strbuf *line, const char *introduction, const char *value)
{
	if (strcmp(value, DIFF_THERE) != 0)
		strbuf_append_printf(line, ", %s%s", introduction, value);
}

/* An object was added or removed; a property has a value before and after. */
char *difference_line(const struct viommu_difference *difference)
{
	const char *absent = difference->property ? "absent" : NULL;
	const char *before = difference->before ? difference->before : absent;
	const char *after = difference->after ? difference->after : absent;
	struct strbuf *line = strbuf_new(difference->what);
	char *text;

	strbuf_append(line, ": ");
	if (difference->property)
		strbuf_append_printf(line, "%s ", difference->property);
	if (before && after) {
		strbuf_append_printf(line, "was %s, is %s now", before, after);
	} else if (before) {
		strbuf_append(line, "is gone");
		put_only(line, "was ", before);
	} else {
		strbuf_append(line, "is new");
		put_only(line, "", after);
	}
	text = shown(line->str, SIZE_MAX);
	strbuf_free(line);
	return text;
}
