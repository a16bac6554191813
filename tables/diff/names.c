/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What both sides of a comparison call the same
 *
 * Names are made up, by people or by whoever read a table, and two sides need not agree. IOMMUs and
 * ITS groups, which others refer to, are found on the other side by where they are and what they
 * have; then they have one name. Others have a name with their place in it, so that nobody takes
 * "viommu0" here for another "viommu0" there.
 */
#include <string.h>

#include "diff.h"
#include "tables/model/topology.h"

/*
 * Where an IOMMU is, is what cannot be changed without making it another one. Groups have nothing
 * but their IDs.
 */
static const struct {
	enum object_type type;
	const char *keys[5];
} named[] = {
	{ OBJECT_IOMMU, { "kind", "at", "segment", "function" } },
	{ OBJECT_ITS_GROUP, { "ids" } },
};

/* As it would be written, for what is written alike means the same. */
char *diff_identity(enum object_type type, const void *object, const char *const *keys)
{
	const struct text_section *section = text_section_of(type);
	GString *identity = g_string_new(NULL);

	for (; *keys; keys++)
		for_each_key(key, section)
			if (!strcmp(key->name, *keys) && (!key->when || key->when(object))) {
				g_string_append_c(identity, ' ');
				key->kind->write(key, object, identity);
			}
	return g_string_free(identity, FALSE);
}

/* Of two in the same place, which is an error, the first one is found. */
static GHashTable *index_side(const struct viommu_topology *topology, size_t i)
{
	GHashTable *index = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const void *object;

	for_each_object(n, object, topology, named[i].type) {
		char *identity = diff_identity(named[i].type, object, named[i].keys);

		if (g_hash_table_contains(index, identity))
			g_free(identity);
		else
			g_hash_table_insert(index, identity, (void *)object);
	}
	return index;
}

/* Written as the text form has it: a name may be anything, and an answer is a line. */
static void name(struct viommu_diff *diff, int side, const void *object, const char *own,
		 const char *where)
{
	GString *text = g_string_new(NULL);

	text_put(text, own);
	g_string_append(text, where);
	g_hash_table_insert(diff->names[side], (void *)object,
			    g_string_chunk_insert_const(diff->strings, text->str));
	g_string_free(text, TRUE);
}

/* An object that the other side does not have. */
static void name_alone(struct viommu_diff *diff, int side, enum object_type type,
		       const void *object)
{
	bool is_iommu = type == OBJECT_IOMMU;
	g_autofree char *at =
		is_iommu ? viommu_iommu_at_text(object)
			 : diff_identity(type, object, (const char *[]){ "ids", NULL });
	g_autofree char *where = g_strconcat(is_iommu ? " at " : " of", at, NULL);

	name(diff, side, object, object_name(type, object), where);
}

/* Taken out of the index, so that two of one side never are the same one of the other. */
static void name_type(struct viommu_diff *diff, size_t i)
{
	GHashTable *after = index_side(diff->sides[AFTER], i);
	enum object_type type = named[i].type;
	const void *object, *same;

	for_each_object(n, object, diff->sides[BEFORE], type) {
		g_autofree char *identity = diff_identity(type, object, named[i].keys);

		same = g_hash_table_lookup(after, identity);
		if (!same) {
			name_alone(diff, BEFORE, type, object);
			continue;
		}
		name(diff, BEFORE, object, object_name(type, object), "");
		name(diff, AFTER, same, object_name(type, object), "");
		g_hash_table_remove(after, identity);
	}
	for_each_object(n, object, diff->sides[AFTER], type)
		if (!g_hash_table_contains(diff->names[AFTER], object))
			name_alone(diff, AFTER, type, object);
	g_hash_table_destroy(after);
}

/* Objects are keys by their address: a name need not be unique over both sides. */
void diff_name(struct viommu_diff *diff)
{
	for (int side = 0; side < N_SIDES; side++)
		diff->names[side] = g_hash_table_new(g_direct_hash, g_direct_equal);
	for (size_t i = 0; i < G_N_ELEMENTS(named); i++)
		name_type(diff, i);
}

/* What a side refers to and does not have is called as it calls it. */
const char *diff_common(const struct viommu_diff *diff, int side, enum object_type type,
			const char *name)
{
	const void *object = topology_find(diff->sides[side], type, name);

	return object ? g_hash_table_lookup(diff->names[side], object) : name;
}
