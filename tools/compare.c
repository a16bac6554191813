/* SPDX-License-Identifier: BSD-3-Clause */
/* Pairs the maps of two machines, and compares each pair. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "left_out.h"

enum { BEFORE, AFTER, N_SIDES };

/* A table or topology of one side. */
struct map {
	char *name, *signature; /* "" for a topology */
	char *file;             /* the last part of the name */
	struct viommu_topology *topology;
	GString *left_out; /* structures of the table that a topology has no place for */
	unsigned n_left_out;
	struct map *pair; /* of the other side; NULL: none */
};

struct comparison {
	GPtrArray *sides[N_SIDES]; /* struct map */
	GPtrArray *taking;
	struct viommu_findings *findings;
};

/* -- sides --------------------------------------------------------------------------- */

static void map_free(gpointer pointer)
{
	struct map *map = pointer;

	g_free(map->name);
	g_free(map->signature);
	g_free(map->file);
	viommu_topology_free(map->topology);
	g_string_free(map->left_out, TRUE);
	g_free(map);
}

static void take_left_out(struct map *map, const struct viommu_table *table)
{
	struct viommu_findings *findings = viommu_findings_new();
	const struct viommu_finding *finding;

	map->left_out = g_string_new(NULL);
	report_left_out(table, findings);
	for (size_t i = 0; (finding = viommu_findings_get(findings, i)); i++) {
		g_string_append_printf(map->left_out, "%s %s\n", finding->id, finding->text);
		map->n_left_out++;
	}
	viommu_findings_free(findings);
}

static void take_map(void *opaque, struct input *input)
{
	struct comparison *comparison = opaque;
	struct map *map;

	if (!input_topology(input, comparison->findings))
		return;
	map = g_new0(struct map, 1);
	map->name = printable(input->name);
	map->file = g_path_get_basename(input->name);
	map->signature = g_strdup(input->table ? viommu_table_signature(input->table) : "");
	map->topology = g_steal_pointer(&input->topology);
	take_left_out(map, input->table);
	g_ptr_array_add(comparison->taking, map);
}

static int read_side(struct comparison *comparison, int side, char **names)
{
	int status;

	comparison->taking = comparison->sides[side];
	input_joined = true;
	status = read_inputs(names, comparison->findings, take_map, comparison);
	input_joined = false;
	return comparison->taking->len ? status : report_no_input(names, status);
}

int comparison_read(struct comparison *comparison, char **before, char **after)
{
	int status = read_side(comparison, BEFORE, before);

	return worse(status, read_side(comparison, AFTER, after));
}

struct comparison *comparison_new(struct viommu_findings *findings)
{
	struct comparison *comparison = g_new0(struct comparison, 1);

	comparison->findings = findings;
	for (int i = 0; i < N_SIDES; i++)
		comparison->sides[i] = g_ptr_array_new_with_free_func(map_free);
	return comparison;
}

void comparison_free(struct comparison *comparison)
{
	for (int i = 0; comparison && i < N_SIDES; i++)
		g_ptr_array_unref(comparison->sides[i]);
	g_free(comparison);
}

/* -- pairs --------------------------------------------------------------------------- */

/* NULL after the last. */
static struct map *map_at(const struct comparison *comparison, int side, guint i)
{
	return i < comparison->sides[side]->len ? comparison->sides[side]->pdata[i] : NULL;
}

/* What both maps of a pair have; g_free() it. */
typedef char *key_function(const struct map *map);

static char *key_of_signature(const struct map *map)
{
	return g_strdup(map->signature);
}

static char *key_of_file(const struct map *map)
{
	return g_strdup_printf("%s %s", map->signature, map->file);
}

/* The maps of a key, in their order. */
static GQueue *queue_of(GHashTable *queues, char *key)
{
	GQueue *queue = g_hash_table_lookup(queues, key);

	if (queue) {
		g_free(key);
		return queue;
	}
	queue = g_queue_new();
	g_hash_table_insert(queues, key, queue);
	return queue;
}

/* Each map gets the first one of the other side with its key that has no pair yet. */
static void pair(struct comparison *comparison, key_function *key)
{
	g_autoptr(GHashTable) queues = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
							     (GDestroyNotify)g_queue_free);
	struct map *map;

	for (guint i = 0; (map = map_at(comparison, AFTER, i)); i++)
		if (!map->pair)
			g_queue_push_tail(queue_of(queues, key(map)), map);
	for (guint i = 0; (map = map_at(comparison, BEFORE, i)); i++) {
		if (map->pair)
			continue;
		map->pair = g_queue_pop_head(queue_of(queues, key(map)));
		if (map->pair)
			map->pair->pair = map;
	}
}

/* A single map on each side is a pair whatever the signatures. */
static void pair_all(struct comparison *comparison)
{
	struct map *before = map_at(comparison, BEFORE, 0), *after = map_at(comparison, AFTER, 0);

	if (comparison->sides[BEFORE]->len == 1 && comparison->sides[AFTER]->len == 1) {
		before->pair = after;
		after->pair = before;
		return;
	}
	pair(comparison, key_of_file);
	pair(comparison, key_of_signature);
}

/* -- comparing ----------------------------------------------------------------------- */

static const struct viommu_place nowhere = { .at = VIOMMU_NOWHERE };

/* What they are is not compared: a topology, for one, cannot have them. */
static void compare_left_out(const struct map *before, difference_function *each, void *opaque)
{
	g_autofree char *was = g_strdup_printf("%u", before->n_left_out);
	g_autofree char *is = g_strdup_printf("%u", before->pair->n_left_out);

	if (!g_string_equal(before->left_out, before->pair->left_out))
		each(opaque,
		     &(struct viommu_difference){ .rank = VIOMMU_DIFFERENCE_DETAIL,
						  .what = "the machine",
						  .property = "structures without a meaning here",
						  .before = was,
						  .after = is,
						  .before_place = nowhere,
						  .after_place = nowhere });
}

static void compare_pair(const struct map *before, difference_function *each, void *opaque)
{
	struct viommu_diff *diff = viommu_topology_diff(before->topology, before->pair->topology);
	const struct viommu_difference *difference;

	for (size_t i = 0; (difference = viommu_diff_get(diff, i)); i++)
		each(opaque, difference);
	viommu_diff_free(diff);
	compare_left_out(before, each, opaque);
}

/* A missing table may change every route, so it ranks with the differences of routes. */
static void report_alone(const struct map *map, int side, difference_function *each, void *opaque)
{
	struct viommu_place place = { .file = map->name, .at = VIOMMU_NOWHERE };
	g_autofree char *what =
		g_strdup_printf("table %s", *map->signature ? map->signature : map->name);

	each(opaque, &(struct viommu_difference){ .rank = VIOMMU_DIFFERENCE_ROUTE,
						  .what = what,
						  .before = side == BEFORE ? "there" : NULL,
						  .after = side == AFTER ? "there" : NULL,
						  .before_place = side == BEFORE ? place : nowhere,
						  .after_place = side == AFTER ? place : nowhere });
}

void comparison_each(struct comparison *comparison, difference_function *each, void *opaque)
{
	const struct map *map;

	pair_all(comparison);
	for (guint i = 0; (map = map_at(comparison, BEFORE, i)); i++)
		if (map->pair)
			compare_pair(map, each, opaque);
		else
			report_alone(map, BEFORE, each, opaque);
	for (guint i = 0; (map = map_at(comparison, AFTER, i)); i++)
		if (!map->pair)
			report_alone(map, AFTER, each, opaque);
}

char *comparison_maps(const struct comparison *comparison)
{
	GString *text = g_string_new(NULL);
	const struct map *map;

	for (guint i = 0; (map = map_at(comparison, BEFORE, i)); i++)
		g_string_append_printf(text, "%s%s", i ? ", " : "",
				       *map->signature ? map->signature : "a topology");
	return g_string_free(text, FALSE);
}
