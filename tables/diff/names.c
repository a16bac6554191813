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
	const char *keys[5]; /* up to a NULL */
} named[] = {
	{ OBJECT_IOMMU, { "kind", "at", "segment", "function" } },
	{ OBJECT_ITS_GROUP, { "ids" } },
};

struct pointers *diff_keys(enum object_type type, const char *const *names)
{
	const struct text_section *section = text_section_of(type);
	struct pointers *keys = pointers_new(NULL);

	for (; *names; names++)
		for_each_key(key, section)
			if (!strcmp(key->name, *names))
				pointers_add(keys, (void *)key);
	return keys;
}

/* Compares values as written in the text form. */
void diff_identify(struct strbuf *identity, const struct pointers *keys, const void *object)
{
	for (size_t i = 0; i < keys->len; i++) {
		const struct text_key *key = keys->pdata[i];

		if (key->when && !key->when(object))
			continue;
		strbuf_append_char(identity, ' ');
		key->kind->write(key, object, identity);
	}
}

static char *identity_of(const struct pointers *keys, const void *object)
{
	struct strbuf *identity = strbuf_new(NULL);

	diff_identify(identity, keys, object);
	return strbuf_steal(identity);
}

/* Of two IOMMUs at one location, which is an error, the first is used. */
static struct hash *index_side(const struct viommu_topology *topology, enum object_type type,
			       const struct pointers *keys)
{
	struct hash *index = hash_new_full(&hash_text, memory_free, NULL);
	const void *object;

	for_each_object(n, object, topology, type) {
		char *identity = identity_of(keys, object);

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
		       const struct pointers *keys, const void *object)
{
	bool is_iommu = type == OBJECT_IOMMU;
	auto_free char *at = is_iommu ? iommu_at_text(object) : identity_of(keys, object);
	auto_free char *where = memory_printf("%s%s", is_iommu ? " at " : " of", at);

	name(diff, side, object, object_name(type, object), where);
}

/* Removes matches from the index, so that each object matches one other at most. */
static void name_type(struct viommu_diff *diff, enum object_type type, const char *const *names)
{
	struct pointers *keys = diff_keys(type, names);
	struct hash *after = index_side(diff->sides[AFTER], type, keys);
	const void *object, *same;

	for_each_object(n, object, diff->sides[BEFORE], type) {
		auto_free char *identity = identity_of(keys, object);

		same = hash_lookup(after, identity);
		if (!same) {
			name_alone(diff, BEFORE, type, keys, object);
			continue;
		}
		name(diff, BEFORE, object, object_name(type, object), "");
		name(diff, AFTER, same, object_name(type, object), "");
		hash_remove(after, identity);
	}
	for_each_object(n, object, diff->sides[AFTER], type)
		if (!hash_contains(diff->names[AFTER], object))
			name_alone(diff, AFTER, type, keys, object);
	hash_free(after);
	pointers_free(keys);
}

/* Uses addresses of objects as keys, since names are unique per side only. */
void diff_name(struct viommu_diff *diff)
{
	for (int side = 0; side < N_SIDES; side++)
		diff->names[side] = hash_new(&hash_direct);
	for (size_t i = 0; i < G_N_ELEMENTS(named); i++)
		name_type(diff, named[i].type, named[i].keys);
}

/* A reference to a missing object keeps its name. */
const char *diff_common(const struct viommu_diff *diff, int side, enum object_type type,
			const char *name)
{
	const void *object = topology_find(diff->sides[side], type, name);

	return object ? hash_lookup(diff->names[side], object) : name;
}
