/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Differences of objects other than routes
 *
 * A row states the keys of the text form that identify an object, and those that are compared
 * elsewhere. All other keys are compared as written, so a new key of the text form needs no change
 * here. References are replaced by common names first.
 */
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/strbuf.h"
#include "tables/check/check.h"
#include "diff.h"
#include "tables/model/topology.h"

#define MAX_IDENTITY 6
#define MAX_SKIPPED  10
#define MAX_USUAL    3

struct rule {
	enum object_type type;
	bool (*applies)(const void *object);                          /* NULL: to all of the type */
	const char *identity[MAX_IDENTITY];                           /* keys that identify it, */
	void (*identify)(struct strbuf *identity, const void *object, /* or a function that does */
			 const struct viommu_topology *other);
	const char *skipped[MAX_SKIPPED];   /* keys that are no difference */
	const char *usual[MAX_USUAL];       /* keys whose absence means the default */
	char *(*route)(const void *object); /* its route, if it has one */
	bool quiet;                         /* its absence equals an object without properties */
};

/* -- objects with common names -------------------------------------------------- */

struct known {
	const void *copy; /* with common names */
	const void *object;
	const char *identity;
};

/* The objects of one row. A machine can have very many, so they share a pool and texts. */
struct comparison {
	struct viommu_diff *diff;
	const struct rule *rule;
	struct pointers *identity, *compared; /* struct text_key: what identifies, and the others */
	struct pool *pool;                    /* of what is known */
	struct strbuf *values[N_SIDES];       /* of the key that is compared */
	struct array *known[N_SIDES];         /* struct known */
};

/* Several rows may be for one type, each for some of its objects. */
static bool applies(const struct rule *rule, const void *object)
{
	return !rule->applies || rule->applies(object);
}

/* The device of the side before that is at the same address, if its name is another; or NULL. */
static const char *name_before(const struct viommu_diff *diff, const char *name)
{
	const struct viommu_platform_device *device, *other;

	if (topology_find(diff->sides[BEFORE], OBJECT_PLATFORM_DEVICE, name))
		return NULL;
	device = topology_find(diff->sides[AFTER], OBJECT_PLATFORM_DEVICE, name);
	if (device && device->base)
		for_each_object(i, other, diff->sides[BEFORE], OBJECT_PLATFORM_DEVICE)
			if (other->base == device->base)
				return other->name;
	return NULL;
}

/* A further ID refers to its device by name, and a device may be renamed. */
static void use_name_before(const struct viommu_diff *diff, struct viommu_device_id *device_id)
{
	const char *name = name_before(diff, device_id->device);

	if (name)
		device_id->device = name;
}

/* A copy whose references have common names. */
static void *copy_with_common_names(const struct comparison *comparison, int side,
				    const void *object)
{
	const struct viommu_diff *diff = comparison->diff;
	enum object_type type = comparison->rule->type;
	size_t size = text_section_of(type)->size;
	void *copy = memcpy(pool_get(comparison->pool, size), object, size);

	object_refer(type, copy, diff_common(diff, side, OBJECT_IOMMU, object_iommu(type, object)),
		     diff_common(diff, side, OBJECT_ITS_GROUP, object_its(type, object)));
	if (type == OBJECT_DEVICE_ID && side == AFTER)
		use_name_before(diff, copy);
	return copy;
}

/* How many objects of a side have the same keys: the n-th matches the n-th of the other side. */
static const char *identify(const struct comparison *comparison, int side, const void *copy,
			    struct hash *seen)
{
	const struct rule *rule = comparison->rule;
	struct strbuf *text = comparison->values[side];
	const char *identity, *first;
	size_t n;

	strbuf_truncate(text, 0);
	if (rule->identify)
		rule->identify(text, copy, comparison->diff->sides[!side]);
	else
		diff_identify(text, comparison->identity, copy);
	first = identity = pool_copy(comparison->pool, text->str, text->len + 1);
	n = GPOINTER_TO_SIZE(hash_lookup(seen, first));
	if (n) {
		strbuf_append_printf(text, "\n%zu", n);
		identity = pool_copy(comparison->pool, text->str, text->len + 1);
	}
	hash_insert(seen, (void *)first, GSIZE_TO_POINTER(n + 1));
	return identity;
}

/* The copies to compare, each with its original for the place. */
static void list_side(struct comparison *comparison, int side)
{
	const struct rule *rule = comparison->rule;
	struct hash *seen = hash_new(&hash_text);
	const void *object;

	comparison->known[side] = array_new(sizeof(struct known));
	for_each_object(i, object, comparison->diff->sides[side], rule->type) {
		struct known known = { .object = object };

		if (!applies(rule, object))
			continue;
		known.copy = copy_with_common_names(comparison, side, object);
		known.identity = identify(comparison, side, known.copy, seen);
		array_append(comparison->known[side], known);
	}
	hash_free(seen);
}

/* -- keys ------------------------------------------------------------------------- */

/* Linear: lists of keys are short. */
static bool is_among(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

/* The value of the key, until the next one of that side; NULL if it is not written. */
static const char *value_of(const struct comparison *comparison, int side,
			    const struct text_key *key, const struct known *known)
{
	struct strbuf *value = comparison->values[side];
	bool said;

	strbuf_truncate(value, 0);
	said = known && (!key->when || key->when(known->copy)) &&
	       key->kind->write(key, known->copy, value);
	return said ? value->str : NULL;
}

/* The location and the name of an IOMMU. */
static char *describe(enum object_type type, const void *object)
{
	char *what = subject_describe(&(struct subject){ type, object, 0 });
	const struct viommu_iommu *iommu = object;
	auto_free char *at = NULL, *plain = what;

	if (type != OBJECT_IOMMU)
		return g_steal_pointer(&plain);
	at = iommu_at_text(iommu);
	return memory_printf("%s (%s at %s)", what, viommu_iommu_kind_name(iommu->kind), at);
}

/* VIOMMU_NOWHERE for a missing object. */
static struct viommu_place place_of(enum object_type type, const struct known *known)
{
	static const struct viommu_place nowhere = { .at = VIOMMU_NOWHERE };

	return known ? *object_place(type, known->object) : nowhere;
}

static void add(struct viommu_diff *diff, enum object_type type, const struct known *const *known,
		const struct viommu_difference *difference)
{
	const struct known *either = known[BEFORE] ? known[BEFORE] : known[AFTER];
	auto_free char *what = describe(type, either->copy);
	struct viommu_difference whole = *difference;

	whole.what = what;
	whole.before_place = place_of(type, known[BEFORE]);
	whole.after_place = place_of(type, known[AFTER]);
	diff_add(diff, &whole);
}

/* An absent key with a default may be equal; some tables cannot describe MSIs. */
static bool may_be_same(const struct viommu_diff *diff, const struct rule *rule, const char *name,
			bool both)
{
	if (!diff->has_msis && g_str_equal(name, "its"))
		return true;
	return !both && is_among(name, rule->usual);
}

/* A key with its default value is written like an absent one. */
static void compare_key(const struct comparison *comparison, const struct text_key *key,
			const struct known *const *known)
{
	const struct rule *rule = comparison->rule;
	const char *before = value_of(comparison, BEFORE, key, known[BEFORE]);
	const char *after = value_of(comparison, AFTER, key, known[AFTER]);

	if (g_strcmp0(before, after) &&
	    !may_be_same(comparison->diff, rule, key->name, before && after))
		add(comparison->diff, rule->type, known,
		    &(struct viommu_difference){ .rank = VIOMMU_DIFFERENCE_DETAIL,
						 .property = key->name,
						 .before = before,
						 .after = after });
}

/* NULL if the object is missing; otherwise its route, or that it exists. */
static char *whole_of(const struct rule *rule, const struct known *known)
{
	if (!known)
		return NULL;
	return rule->route ? rule->route(known->copy) : memory_text(DIFF_THERE);
}

/* The route of a device, so that the most important difference is one sentence. */
static void compare_whole(const struct comparison *comparison, const struct known *const *known)
{
	const struct rule *rule = comparison->rule;
	auto_free char *before = whole_of(rule, known[BEFORE]);
	auto_free char *after = whole_of(rule, known[AFTER]);

	if (g_strcmp0(before, after))
		add(comparison->diff, rule->type, known,
		    &(struct viommu_difference){ .rank = rule->route ? VIOMMU_DIFFERENCE_ROUTE
								     : VIOMMU_DIFFERENCE_DETAIL,
						 .before = before,
						 .after = after });
}

/* Compares the keys of objects that both sides have. */
static void compare(const struct comparison *comparison, const struct known *before,
		    const struct known *after)
{
	const struct known *const known[] = { [BEFORE] = before, [AFTER] = after };
	const struct rule *rule = comparison->rule;

	if (!rule->quiet)
		compare_whole(comparison, known);
	if (!rule->quiet && !(known[BEFORE] && known[AFTER]))
		return;
	for (size_t i = 0; i < comparison->compared->len; i++)
		compare_key(comparison, comparison->compared->pdata[i], known);
}

/* -- objects of a type --------------------------------------------------------- */

/* The list no longer grows, so the pointer stays valid. */
static struct known *known_at(struct array *list, size_t i)
{
	return &array_index(list, struct known, i);
}

/*
 * Objects of the side before in their order, then new ones. Matching takes constant time per
 * object.
 */
static void compare_sides(const struct comparison *comparison)
{
	struct array *before = comparison->known[BEFORE], *after = comparison->known[AFTER];
	struct hash *index = hash_new(&hash_text);
	struct hash *taken = hash_new(&hash_direct);
	struct known *same;

	for (size_t i = 0; i < after->len; i++)
		hash_insert(index, known_at(after, i)->identity, known_at(after, i));
	for (size_t i = 0; i < before->len; i++) {
		same = hash_lookup(index, known_at(before, i)->identity);
		compare(comparison, known_at(before, i), same);
		hash_add(taken, same);
	}
	for (size_t i = 0; i < after->len; i++)
		if (!hash_contains(taken, known_at(after, i)))
			compare(comparison, NULL, known_at(after, i));
	hash_free(index);
	hash_free(taken);
}

static struct pointers *keys_to_compare(const struct rule *rule)
{
	struct pointers *keys = pointers_new(NULL);

	for_each_key(key, text_section_of(rule->type))
		if (!is_among(key->name, rule->identity) && !is_among(key->name, rule->skipped))
			pointers_add(keys, (void *)key);
	return keys;
}

static void compare_all(struct viommu_diff *diff, const struct rule *rule)
{
	struct comparison comparison = {
		.diff = diff,
		.rule = rule,
		.identity = diff_keys(rule->type, rule->identity),
		.compared = keys_to_compare(rule),
		.pool = pool_new(),
	};

	for (int side = 0; side < N_SIDES; side++) {
		comparison.values[side] = strbuf_new(NULL);
		list_side(&comparison, side);
	}
	compare_sides(&comparison);
	for (int side = 0; side < N_SIDES; side++) {
		strbuf_free(comparison.values[side]);
		array_free(comparison.known[side]);
	}
	pointers_free(comparison.identity);
	pointers_free(comparison.compared);
	pool_free(comparison.pool);
}

/* -- the rules -------------------------------------------------------------------- */

/* The map has only functions whose numbers are known. */
static bool range_is_unknown(const void *object)
{
	const struct viommu_pci_range *range = object;

	return !range_is_known(range) ||
	       (range->scope == VIOMMU_SCOPE_BRIDGE && !range->secondary_bus);
}

/* Most ranges have no properties but their route. */
static bool range_has_details(const void *object)
{
	const struct viommu_pci_range *range = object;

	return !range_is_unknown(range) && (range->settings || range->no_ats);
}

/* By name if the other side has that name, otherwise by address if there is one. */
static void identify_device(struct strbuf *identity, const void *object,
			    const struct viommu_topology *other)
{
	const struct viommu_platform_device *device = object;
	bool has_namesake = topology_find(other, OBJECT_PLATFORM_DEVICE, device->name);

	if (device->base && !has_namesake)
		strbuf_append_printf(identity, "0x%" PRIx64, device->base);
	else if (device->name)
		strbuf_append(identity, device->name);
}

/* As the routes of functions (functions.c). */
static char *describe_way(const char *iommu, uint32_t id, uint32_t n_ids)
{
	if (!iommu)
		return memory_text("bypassing");
	if (n_ids <= 1)
		return memory_printf("behind %s as 0x%" PRIx32, iommu, id);
	return memory_printf("behind %s as 0x%" PRIx32 "-0x%" PRIx32, iommu, id, id + n_ids - 1);
}

static char *route_text_of_device(const void *object)
{
	const struct viommu_platform_device *device = object;

	return describe_way(device->iommu, device->id, device->n_ids);
}

static char *route_text_of_device_id(const void *object)
{
	const struct viommu_device_id *device_id = object;

	return describe_way(device_id->iommu, device_id->id, device_id->n_ids);
}

/* Skips keys about routes, which functions.c compares. */
static const struct rule rules[] = {
	{ .type = OBJECT_IOMMU,
	  .identity = { "kind", "at", "segment", "function" },
	  .skipped = { "name" },
	  .usual = { "span", "capability" } },
	{ .type = OBJECT_HOST_BRIDGE,
	  .identity = { "segment", "buses" },
	  .skipped = { "name", "iommu", "its", "pasid", "pasid-bits" },
	  .quiet = true },
	{ .type = OBJECT_PCI_RANGE,
	  .applies = range_has_details,
	  .identity = { "segments", "functions", "scope" },
	  .skipped = { "iommu", "first-id", "one-id", "below" },
	  .quiet = true },
	{ .type = OBJECT_PCI_RANGE,
	  .applies = range_is_unknown,
	  .identity = { "segments", "functions", "scope", "path" } },
	{ .type = OBJECT_PLATFORM_DEVICE,
	  .identify = identify_device,
	  .skipped = { "name", "at", "iommu", "id", "ids" },
	  .usual = { "span", "interrupts" },
	  .route = route_text_of_device },
	{ .type = OBJECT_DEVICE_ID,
	  .identity = { "device", "iommu", "id", "ids" },
	  .route = route_text_of_device_id },
	{ .type = OBJECT_ITS_GROUP, .identity = { "ids" }, .skipped = { "name" } },
	{ .type = OBJECT_INTERRUPT_SOURCE, .identity = { "kind", "number" } },
	{ .type = OBJECT_ATS, .identity = { "kind", "function", "scope", "path" } },
	{ .type = OBJECT_MONITOR, .identity = { "at" }, .usual = { "identifier" } },
	{ .type = OBJECT_WIRE_BRIDGE,
	  .identity = { "at" },
	  .skipped = { "name" },
	  .usual = { "identifier" } },
	{ .type = OBJECT_RESERVED_MEMORY,
	  .identity = { "range", "iommu", "functions", "path", "ids" } },
};

/* Skips ITS groups if one side cannot describe MSIs, as a VIOT. */
void diff_objects(struct viommu_diff *diff)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
		if (rules[i].type != OBJECT_ITS_GROUP || diff->has_msis)
			compare_all(diff, &rules[i]);
}
