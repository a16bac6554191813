/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page tables and what they must translate to, from files
 *
 *     vectors FILE.json...
 *
 * A file has a configuration, words of memory, and cases: an address and an access, and the output
 * or the fault that is expected, and what the words are afterwards. Each case that disagrees is
 * printed, then how many do. Exit status 1 if any does, or if there is none at all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-glib/json-glib.h>

#include "pgtable/pgtable.h"

/* -- memory: words by address ------------------------------------------------------------------ */

struct range {
	uint64_t first, last, phys;
	bool write;
};

struct scene {
	GHashTable *words; /* address -> its word */
	uint64_t limit;
	GArray *parent; /* of struct range; NULL: there is no parent */
	bool is_parent_at_fault;
};

static uint64_t number_of(JsonObject *object, const char *name, uint64_t otherwise)
{
	JsonNode *node = json_object_get_member(object, name);

	if (!node || JSON_NODE_HOLDS_NULL(node))
		return otherwise;
	if (json_node_get_value_type(node) == G_TYPE_STRING)
		return strtoull(json_node_get_string(node), NULL, 0);
	if (json_node_get_value_type(node) == G_TYPE_BOOLEAN)
		return json_node_get_boolean(node) ? 1 : 0;
	return (uint64_t)json_node_get_int(node);
}

static const char *text_of(JsonObject *object, const char *name)
{
	return json_object_has_member(object, name) ? json_object_get_string_member(object, name)
						    : NULL;
}

/* The word at an address; what is not listed is 0. */
static uint64_t *word_at(struct scene *scene, uint64_t address)
{
	uint64_t *word = g_hash_table_lookup(scene->words, &address);

	if (!word) {
		word = g_new0(uint64_t, 1);
		g_hash_table_insert(scene->words, g_memdup2(&address, sizeof(address)), word);
	}
	return word;
}

static const struct range *parent_at(const struct scene *scene, uint64_t address)
{
	for (guint i = 0; i < scene->parent->len; i++) {
		const struct range *range = &g_array_index(scene->parent, struct range, i);

		if (address >= range->first && address <= range->last)
			return range;
	}
	return NULL;
}

/* Through the parent, if there is one. */
static bool output_of(struct scene *scene, uint64_t *address, bool write)
{
	const struct range *range;

	if (!scene->parent)
		return true;
	range = parent_at(scene, *address);
	if (!range || (write && !range->write))
		return false;
	*address += range->phys - range->first;
	return true;
}

static uint64_t *word(void *opaque, uint64_t address, bool write)
{
	struct scene *scene = opaque;

	if (address % sizeof(uint64_t))
		abort();
	if (!output_of(scene, &address, write)) {
		scene->is_parent_at_fault = true;
		return NULL;
	}
	return address < scene->limit ? word_at(scene, address) : NULL;
}

static struct scene read_scene(JsonObject *file)
{
	JsonArray *memory = json_object_get_array_member(file, "memory");
	JsonObject *config = json_object_get_object_member(file, "config");
	struct scene scene = {
		.words = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free),
		.limit = number_of(file, "memory_limit", UINT64_MAX),
	};

	for (guint i = 0; i < json_array_get_length(memory); i++) {
		JsonObject *this = json_array_get_object_element(memory, i);

		*word_at(&scene, number_of(this, "address", 0)) = number_of(this, "word", 0);
	}
	if (!json_object_has_member(config, "parent"))
		return scene;
	memory = json_object_get_array_member(config, "parent");
	scene.parent = g_array_new(FALSE, FALSE, sizeof(struct range));
	for (guint i = 0; i < json_array_get_length(memory); i++) {
		JsonObject *this = json_array_get_object_element(memory, i);
		struct range range = {
			.first = number_of(this, "first", 0),
			.last = number_of(this, "last", 0),
			.phys = number_of(this, "phys", 0),
			.write = strchr(text_of(this, "flags"), 'w'),
		};

		g_array_append_val(scene.parent, range);
	}
	return scene;
}

static void free_scene(struct scene *scene)
{
	g_hash_table_destroy(scene->words);
	if (scene->parent)
		g_array_free(scene->parent, TRUE);
}

/* -- formats ------------------------------------------------------------------- */

/* What a case is asked of: a space, or a context with spaces. */
struct subject {
	bool is_context;
	bool is_malformed;
	struct pt_space space;
	struct pt_context context;
};

typedef bool read_subject(JsonObject *config, const struct pt_limits *limits,
			  struct subject *ret_subject);

static bool read_arm(JsonObject *config, const struct pt_limits *limits, struct subject *ret)
{
	JsonArray *words = json_object_get_array_member(config, "cd");
	uint64_t cd[8] = { 0 };

	for (guint i = 0; i < json_array_get_length(words) && i < 8; i++)
		cd[i] = strtoull(json_array_get_string_element(words, i), NULL, 0);
	return pt_decode_arm_cd(cd, limits, false, &ret->space);
}

static bool read_arm_table(JsonObject *config, const struct pt_limits *limits, struct subject *ret)
{
	uint64_t ste[2] = {
		number_of(config, "s1contextptr", 0) | number_of(config, "s1fmt", 0) << 4 |
			number_of(config, "s1cdmax", 0) << 59,
		number_of(config, "s1dss", 0),
	};

	ret->is_context = true;
	return pt_decode_arm_cd_table(ste, limits, &ret->context);
}

/* By way of a PASID entry. */
static bool read_x86(JsonObject *config, const struct pt_limits *limits, struct subject *ret)
{
	uint64_t entry[8] = { 1 | 1 << 6 };

	entry[2] = number_of(config, "root", 0) | 3 |
		   (number_of(config, "levels", 4) == 5 ? 1 << 2 : 0) |
		   number_of(config, "wp", true) << 4 | number_of(config, "nxe", true) << 5 |
		   number_of(config, "smep", false) << 6;
	return pt_decode_x86_entry(entry, limits, true, &ret->space);
}

static bool read_x86_directory(JsonObject *config, const struct pt_limits *limits,
			       struct subject *ret)
{
	uint64_t entry[2] = {
		number_of(config, "pasid_dir", 0) | number_of(config, "pdts", 0) << 9 | 1,
		number_of(config, "rid_pasid", 0),
	};

	ret->is_context = true;
	return pt_decode_x86_directory(entry, limits, &ret->context);
}

static bool read_amd(JsonObject *config, const struct pt_limits *limits, struct subject *ret)
{
	ret->is_context = true;
	return pt_decode_amd_gcr3(number_of(config, "gcr3_root", 0),
				  (unsigned)number_of(config, "glx", 0),
				  (unsigned)number_of(config, "levels", 4),
				  number_of(config, "giov", false), limits, &ret->context);
}

static bool read_riscv(JsonObject *config, const struct pt_limits *limits, struct subject *ret)
{
	bool sade = number_of(config, "sade", false);
	uint64_t ta =
		1 | number_of(config, "ens", false) << 1 | number_of(config, "sum", false) << 2;

	return pt_decode_riscv_pc(ta, number_of(config, "iosatp", 0), sade, limits, &ret->space);
}

static bool read_riscv_directory(JsonObject *config, const struct pt_limits *limits,
				 struct subject *ret)
{
	uint64_t tc = 1 | 1 << 5 | number_of(config, "sade", false) << 8 |
		      number_of(config, "dpe", false) << 9;

	ret->is_context = true;
	return pt_decode_riscv_dc(number_of(config, "tc", tc), 0, number_of(config, "pdtp", 0),
				  limits, &ret->context);
}

static bool read_generic(JsonObject *config, const struct pt_limits *limits, struct subject *ret)
{
	(void)limits;
	return pt_decode_generic(number_of(config, "pgd", 0), true, &ret->space);
}

static const struct {
	const char *name;
	read_subject *read;
} formats[] = {
	{ "arm-vmsav8-64-stage1", read_arm },
	{ "arm-smmuv3-cd-table", read_arm_table },
	{ "x86-first-stage", read_x86 },
	{ "vtd-pasid-table", read_x86_directory },
	{ "amd-gcr3", read_amd },
	{ "riscv-s-stage", read_riscv },
	{ "riscv-pdt", read_riscv_directory },
	{ "generic-virt", read_generic },
};

static read_subject *find_format(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		if (!g_strcmp0(formats[i].name, name))
			return formats[i].read;
	return NULL;
}

/* What the device has: all, unless the file or a case says otherwise. */
static struct pt_limits read_limits(JsonObject *config, JsonObject *this)
{
	return (struct pt_limits){
		.output_bits = (uint8_t)number_of(this, "implemented_output_bits",
						  number_of(config, "maxphyaddr", 52)),
		.updates_flags = number_of(config, "ad_update", true),
		.five_levels = true,
		.page_1g = number_of(config, "page1g", true),
		.lpa2 = number_of(config, "lpa2", true),
		.small_tables = number_of(config, "small_tables", true),
		.svnapot = number_of(config, "svnapot", true),
		.svpbmt = number_of(config, "svpbmt", true),
		.svrsw60t59b = number_of(config, "svrsw60t59b", false),
	};
}

/* -- one case ---------------------------------------------------------------------------------- */

struct answer {
	const char *fault; /* NULL: none */
	struct pt_result result;
};

static unsigned access_of(JsonObject *this)
{
	static const char letters[] = "rwx";
	const char *wanted = text_of(this, "access");
	unsigned access = number_of(this, "priv", false) ? PT_PRIVILEGED : 0;

	for (unsigned i = 0; letters[i]; i++)
		if (strchr(wanted, letters[i]))
			access |= 1u << i;
	return access;
}

static struct answer ask(struct subject *subject, struct scene *scene, JsonObject *this)
{
	const struct pt_memory memory = { .word = word, .opaque = scene };
	uint32_t pasid = (uint32_t)number_of(this, "pasid", PT_NO_PASID);
	struct answer answer = { .result.level = -1 };
	unsigned access = access_of(this);
	enum pt_fault fault = subject->is_malformed ? PT_CONTEXT : PT_OK;
	uint64_t where;

	if (!fault && subject->is_context)
		fault = pt_find_space(&subject->context, pasid, &memory, &subject->space, &where);
	if (!fault)
		fault = pt_translate(&subject->space, number_of(this, "va", 0), access, &memory,
				     &answer.result);
	if (fault)
		answer.fault = pt_fault_name(fault);
	if (scene->is_parent_at_fault) {
		answer.fault = "parent-walk";
		answer.result.level = -1;
	} else if (!fault && !output_of(scene, &answer.result.address, access & PT_WRITE)) {
		answer.fault = "parent";
		answer.result.level = -1;
	}
	return answer;
}

static GString *describe(const struct answer *answer)
{
	GString *text = g_string_new(NULL);
	uint8_t shift = answer->result.shift;

	if (answer->fault)
		g_string_printf(text, "fault %s level %d", answer->fault, answer->result.level);
	else
		g_string_printf(text, "pa 0x%" PRIx64 " size 0x%" PRIx64 " perm %s%s",
				answer->result.address, shift < 64 ? UINT64_C(1) << shift : 0,
				answer->result.rights & PT_READ ? "r" : "",
				answer->result.rights & PT_WRITE ? "w" : "");
	return text;
}

static GString *describe_expected(JsonObject *expected)
{
	GString *text = g_string_new(NULL);

	if (json_object_has_member(expected, "fault"))
		g_string_printf(text, "fault %s level %" PRId64, text_of(expected, "fault"),
				json_object_get_int_member(expected, "level"));
	else
		g_string_printf(text, "pa 0x%" PRIx64 " size 0x%" PRIx64 " perm %s",
				number_of(expected, "pa", 0), number_of(expected, "page_size", 0),
				text_of(expected, "perm"));
	return text;
}

/* Each word is what it was, unless it is expected to be another. */
static bool check_words(struct scene *now, struct scene *before, JsonObject *after, GString *text)
{
	size_t length = text->len;
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, now->words);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		uint64_t address = *(uint64_t *)key, is = *(uint64_t *)value;
		char name[32];
		uint64_t wanted;

		snprintf(name, sizeof(name), "0x%" PRIx64, address);
		wanted = *word_at(before, address);
		if (after)
			wanted = number_of(after, name, wanted);
		if (is != wanted)
			g_string_append_printf(text, ", word %s is 0x%" PRIx64 ", not 0x%" PRIx64,
					       name, is, wanted);
	}
	return text->len == length;
}

static bool check(JsonObject *file, const char *path, JsonObject *this)
{
	JsonObject *config = json_object_get_object_member(file, "config");
	JsonObject *expected = json_object_get_object_member(this, "expect"), *after = NULL;
	struct scene scene = read_scene(file), before = read_scene(file);
	struct pt_limits limits = read_limits(config, this);
	const char *format = text_of(file, "format"), *child = text_of(config, "child");
	read_subject *read = find_format(child ? child : format);
	struct subject subject = { 0 };
	struct answer answer;
	GString *is, *wanted;
	bool agrees;

	if (!read) {
		printf("%s: format \"%s\" is unknown\n", path, format);
		exit(2);
	}
	subject.is_malformed = !read(config, &limits, &subject);
	answer = ask(&subject, &scene, this);
	if (json_object_has_member(expected, "entries_after"))
		after = json_object_get_object_member(expected, "entries_after");
	else if (json_object_has_member(this, "after"))
		after = json_object_get_object_member(this, "after");
	is = describe(&answer);
	wanted = describe_expected(expected);
	agrees = g_string_equal(is, wanted);
	/* A parent's refusal of the page may come before or behind the flags of the tables. */
	if (g_strcmp0(answer.fault, "parent"))
		agrees &= check_words(&scene, &before, after, is);
	if (!agrees)
		printf("%s: %s: %s, expected %s\n", path, text_of(this, "name"), is->str,
		       wanted->str);
	g_string_free(is, TRUE);
	g_string_free(wanted, TRUE);
	free_scene(&scene);
	free_scene(&before);
	return agrees;
}

int main(int argc, char **argv)
{
	unsigned n_cases = 0, n_wrong = 0;

	for (int i = 1; i < argc; i++) {
		JsonParser *parser = json_parser_new();
		GError *error = NULL;
		JsonObject *file;
		JsonArray *cases;

		if (!json_parser_load_from_file(parser, argv[i], &error)) {
			fprintf(stderr, "%s: %s\n", argv[i], error->message);
			return 2;
		}
		file = json_node_get_object(json_parser_get_root(parser));
		cases = json_object_get_array_member(file, "cases");
		for (guint j = 0; j < json_array_get_length(cases); j++, n_cases++)
			n_wrong += !check(file, argv[i], json_array_get_object_element(cases, j));
		g_object_unref(parser);
	}
	printf("%u cases, %u disagree\n", n_cases, n_wrong);
	return n_wrong || !n_cases;
}
