/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Common names for the objects of both sides
 *
 * Names are arbitrary, and the sides need not agree. IOMMUs are matched by location and ITS groups
 * by content; matching objects share one name. The name of any other object includes its place, so
 * that "viommu0" of one side is not taken for another "viommu0".
 */
#include <string.h>

#include "base/hash.h"
#include "base/strbuf.h"
#include "diff.h"
#include "tables/model/topology.h"

/* The location identifies an IOMMU, the IDs an ITS group. */
static const struct {
	enum object_type type;
	const char *keys[5];
} named[] = {
	{ OBJECT_IOMMU, { "kind", "at", "segment", "function" } },
	{ OBJECT_ITS_GROUP, { "ids" } },
};

/* Compares values as written in the text form. */
char *diff_identity(enum object_type type, const void *object, const char *const *keys)
{
	const struct text_section *section = text_section_of(type);
	struct strbuf *identity = strbuf_new(NULL);

	for (; *keys; keys++)
		for_each_key(key, section)
			if (!strcmp(key->name, *keys) && (!key->when || key->when(object))) {
				strbuf_append_char(identity, ' ');
				key->kind->write(key, object, identity);
			}
	return strbuf_steal(identity);
}

/* Of two IOMMUs at one location, which is an error, the first is used. */
static struct hash *index_side(const struct viommu_topology *topology, size_t i)
{
	struct hash *index = hash_new_full(&hash_text, memory_free, NULL);
	const void *object;

	for_each_object(n, object, topology, named[i].type) {
		char *identity = diff_identity(named[i].type, object, named[i].keys);

		if (hash_contains(index, identity))
			memory_free(identity);
		else
			hash_insert(index, identity, (void *)object);
	}
	return index;
}

/* Quoted as in the text form: a name may have any characters. */
static void name(struct viommu_diff *diff, int side, const void *object, const char *own,
		 const char *where)
{
	struct strbuf *text = strbuf_new(NULL);

	text_put(text, own);
	strbuf_append(text, where);
	hash_insert(diff->names[side], (void *)object,
		    string_store_add_once(diff->strings, text->str));
	strbuf_free(text);
}

/* An object that the other side does not have. */
static void name_alone(struct viommu_diff *diff, int side, enum object_type type,
		       const void *object)
{
	bool is_iommu = type == OBJECT_IOMMU;
	auto_free char *at = is_iommu
				     ? iommu_at_text(object)
				     : diff_identity(type, object, (const char *[]){ "ids", NULL });
	auto_free char *where = memory_printf("%s%s", is_iommu ? " at " : " of", at);

	name(diff, side, object, object_name(type, object), where);
}

/* Removes matches from the index, so that each object matches one other at most. */
static void name_type(struct viommu_diff *diff, size_t i)
{
	struct hash *after = index_side(diff->sides[AFTER], i);
	enum object_type type = named[i].type;
	const void *object, *same;

	for_each_object(n, object, diff->sides[BEFORE], type) {
		auto_free char *identity = diff_identity(type, object, named[i].keys);

		same = hash_lookup(after, identity);
		if (!same) {
			name_alone(diff, BEFORE, type, object);
			continue;
		}
		name(diff, BEFORE, object, object_name(type, object), "");
		name(diff, AFTER, same, object_name(type, object), "");
		hash_remove(after, identity);
	}
	for_each_object(n, object, diff->sides[AFTER], type)
		if (!hash_contains(diff->names[AFTER], object))
			name_alone(diff, AFTER, type, object);
	hash_free(after);
}

/* Uses addresses of objects as keys, since names are unique per side only. */
void diff_name(struct viommu_diff *diff)
{
	for (int side = 0; side < N_SIDES; side++)
		diff->names[side] = hash_new(&hash_direct);
	for (size_t i = 0; i < G_N_ELEMENTS(named); i++)
		name_type(diff, i);
}

/* A reference to a missing object keeps its name. */
const char *diff_common(const struct viommu_diff *diff, int side, enum object_type type,
			const char *name)
{
	const void *object = topology_find(diff->sides[side], type, name);

	return object ? hash_lookup(diff->names[side], object) : name;
}
