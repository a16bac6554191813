/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page tables and what they must translate to, from files
 *
 *     vectors FILE.json...
 *
 * A file has a format, a configuration, words of memory, and cases: an address and an access, and
 * the output or the fault that is expected, and what words are afterwards. Each case that disagrees
 * is printed, then how many do. A member that is unknown here is ignored; what is expected but
 * not said (a level, a size) is not compared. A case may override a member of `config`, and add
 * words of memory.
 *
 * Exit status: 0; 1 if a case disagrees, or there is none; 2 if a file, or a case in it, cannot be
 * read. The place is printed, and the others are tried.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-glib/json-glib.h>

#include "pgtable/pgtable.h"

/* -- reading JSON: the first mistake of a case is kept ------------------------------------------
 */

static GString *mistake; /* NULL: none yet */

__attribute__((format(printf, 1, 2))) static void unreadable(const char *format, ...)
{
	va_list args;

	if (mistake)
		return;
	mistake = g_string_new(NULL);
	va_start(args, format);
	g_string_vprintf(mistake, format, args);
	va_end(args);
}

/* NULL: it is not there, or null. */
static JsonNode *node_of(JsonObject *object, const char *name)
{
	JsonNode *node = json_object_get_member(object, name);

	return node && !JSON_NODE_HOLDS_NULL(node) ? node : NULL;
}

static uint64_t number_in(JsonNode *node, const char *name)
{
	const char *text;
	uint64_t number;
	char *end;

	if (!JSON_NODE_HOLDS_VALUE(node)) {
		unreadable("\"%s\" is not a number", name);
		return 0;
	}
	if (json_node_get_value_type(node) == G_TYPE_BOOLEAN)
		return json_node_get_boolean(node) ? 1 : 0;
	if (json_node_get_value_type(node) == G_TYPE_INT64)
		return (uint64_t)json_node_get_int(node);
	text = json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : "";
	errno = 0;
	number = strtoull(text, &end, 0);
	if (end == text || *end || errno || *text == '-')
		unreadable("\"%s\" is not a number: \"%s\"", name, text);
	return number;
}

static uint64_t number_of(JsonObject *object, const char *name, uint64_t otherwise)
{
	JsonNode *node = node_of(object, name);

	return node ? number_in(node, name) : otherwise;
}

static uint64_t number_needed(JsonObject *object, const char *name)
{
	JsonNode *node = node_of(object, name);

	if (!node)
		unreadable("there is no \"%s\"", name);
	return node ? number_in(node, name) : 0;
}

/* NULL: it is not there. */
static const char *text_of(JsonObject *object, const char *name)
{
	JsonNode *node = node_of(object, name);

	if (!node)
		return NULL;
	if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING)
		return json_node_get_string(node);
	unreadable("\"%s\" is not a text", name);
	return NULL;
}

static JsonObject *object_of(JsonObject *object, const char *name)
{
	JsonNode *node = node_of(object, name);

	if (node && !JSON_NODE_HOLDS_OBJECT(node))
		unreadable("\"%s\" is not an object", name);
	return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static JsonArray *array_of(JsonObject *object, const char *name)
{
	JsonNode *node = node_of(object, name);

	if (node && !JSON_NODE_HOLDS_ARRAY(node))
		unreadable("\"%s\" is not an array", name);
	return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

static guint length_of(JsonArray *array)
{
	return array ? json_array_get_length(array) : 0;
}

static JsonObject *element_of(JsonArray *array, guint i, const char *name)
{
	JsonNode *node = json_array_get_element(array, i);

	if (JSON_NODE_HOLDS_OBJECT(node))
		return json_node_get_object(node);
	unreadable("%s[%u] is not an object", name, i);
	return NULL;
}

/* -- memory: words by address ------------------------------------------------------------------ */

struct range {
	uint64_t first, last, phys;
	bool read, write;
};

struct scene {
	GHashTable *words; /* address -> its word */
	uint64_t limit;
	GArray *parent; /* of struct range; NULL: there is no parent */
	bool is_parent_at_fault;
	uint64_t parent_address; /* where it is */
};

/* The word at an address, little-endian as in tables; unlisted words are 0. */
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

/* Through the parent, if there is one. `ret_last`: the end of the parent's page. */
static bool output_of(struct scene *scene, uint64_t *address, bool write, uint64_t *ret_last)
{
	const struct range *range;

	*ret_last = UINT64_MAX;
	if (!scene->parent)
		return true;
	range = parent_at(scene, *address);
	scene->parent_address = *address;
	if (!range || !(write ? range->write : range->read))
		return false;
	*address += range->phys - range->first;
	*ret_last = range->phys + (range->last - range->first);
	return true;
}

static uint64_t *word(void *opaque, uint64_t address, bool write)
{
	struct scene *scene = opaque;
	uint64_t last;

	if (!output_of(scene, &address, write, &last)) {
		scene->is_parent_at_fault = true;
		return NULL;
	}
	return address < scene->limit && !(address % sizeof(uint64_t)) ? word_at(scene, address)
								       : NULL;
}

/* "0750108000000000": as they lie in memory. */
static uint64_t word_of_bytes(const char *text)
{
	uint64_t word = 0;

	if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdefABCDEF") != 16) {
		unreadable("a word of memory has neither \"word\" nor 8 \"bytes\"");
		return 0;
	}
	for (unsigned i = 0; i < 8; i++)
		word |= (uint64_t)(g_ascii_xdigit_value(text[2 * i]) << 4 |
				   g_ascii_xdigit_value(text[2 * i + 1]))
			<< 8 * i;
	return word;
}

/* A list of {address, word}, or an object of words by address. */
static void read_words(JsonObject *object, struct scene *scene)
{
	JsonNode *node = node_of(object, "memory");
	JsonArray *memory;

	if (node && JSON_NODE_HOLDS_OBJECT(node)) {
		JsonObjectIter iter;
		const char *name;

		json_object_iter_init(&iter, json_node_get_object(node));
		while (json_object_iter_next(&iter, &name, &node))
			*word_at(scene, g_ascii_strtoull(name, NULL, 0)) =
				GUINT64_TO_LE(number_in(node, name));
		return;
	}
	memory = array_of(object, "memory");
	for (guint i = 0; i < length_of(memory); i++) {
		JsonObject *this = element_of(memory, i, "memory");
		uint64_t address = this ? number_needed(this, "address") : 0;

		if (!this)
			return;
		if (address % sizeof(uint64_t))
			unreadable("memory[%u] is not aligned", i);
		*word_at(scene, address) = GUINT64_TO_LE(
			node_of(this, "word") ? number_of(this, "word", 0)
					      : word_of_bytes(text_of(this, "bytes")));
	}
}

static void read_parent(JsonObject *config, struct scene *scene)
{
	JsonArray *ranges = array_of(config, "parent");

	if (!ranges)
		return;
	scene->parent = g_array_new(FALSE, FALSE, sizeof(struct range));
	for (guint i = 0; i < length_of(ranges); i++) {
		JsonObject *this = element_of(ranges, i, "parent");
		const char *flags = this ? text_of(this, "flags") : NULL;
		struct range range;

		if (!this)
			return;
		range = (struct range){
			.first = number_needed(this, "first"),
			.last = number_needed(this, "last"),
			.phys = number_needed(this, "phys"),
			.read = !flags || strchr(flags, 'r'),
			.write = !flags || strchr(flags, 'w'),
		};
		g_array_append_val(scene->parent, range);
	}
}

static struct scene read_scene(JsonObject *file, JsonObject *config, JsonObject *this)
{
	struct scene scene = {
		.words = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free),
		.limit = number_of(config, "memory_limit",
				   number_of(file, "memory_limit", UINT64_MAX)),
	};

	read_words(file, &scene);
	read_words(this, &scene);
	read_parent(config, &scene);
	return scene;
}

static void free_scene(struct scene *scene)
{
	g_hash_table_destroy(scene->words);
	if (scene->parent)
		g_array_free(scene->parent, TRUE);
}

/* -- formats ------------------------------------------------------------------- */

/* The input of a case: an address space, or a context with address spaces. */
struct subject {
	bool is_context;
	bool is_malformed;
	struct pt_space space;
	struct pt_context context;
};

typedef bool read_subject(JsonObject *config, const struct pt_limits *limits, struct scene *scene,
			  struct subject *ret_subject);

/* An array of words; or, where there is none, the words at an address in memory. */
static void read_structure(JsonObject *config, const char *name, const char *address_name,
			   struct scene *scene, uint64_t *words, guint n)
{
	JsonArray *array = array_of(config, name);

	if (!array && !node_of(config, address_name))
		unreadable("config has no \"%s\"", name);
	for (guint i = 0; i < n; i++)
		if (!array)
			words[i] = GUINT64_FROM_LE(
				*word_at(scene, number_of(config, address_name, 0) + 8 * i));
		else if (i < length_of(array))
			words[i] = number_in(json_array_get_element(array, i), name);
}

static bool read_arm(JsonObject *config, const struct pt_limits *limits, struct scene *scene,
		     struct subject *ret)
{
	uint64_t cd[8] = { 0 };

	read_structure(config, "cd", "cd_address", scene, cd, 8);
	return pt_decode_arm_cd(cd, limits, false, &ret->space);
}

static bool read_arm_table(JsonObject *config, const struct pt_limits *limits, struct scene *scene,
			   struct subject *ret)
{
	uint64_t ste[2];

	(void)scene;
	ste[0] = number_needed(config, "s1contextptr") | number_of(config, "s1fmt", 0) << 4 |
		 number_of(config, "s1cdmax", 0) << 59;
	ste[1] = number_of(config, "s1dss", 0);
	ret->is_context = true;
	return pt_decode_arm_cd_table(ste, limits, &ret->context);
}

/* By way of a PASID entry. */
static bool read_x86(JsonObject *config, const struct pt_limits *limits, struct scene *scene,
		     struct subject *ret)
{
	uint64_t entry[8] = { 1 | 1 << 6 };

	if (node_of(config, "entry")) {
		read_structure(config, "entry", "", scene, entry, 8);
		return pt_decode_x86_entry(entry, limits, true, &ret->space);
	}
	entry[2] = number_needed(config, "root") | 3 |
		   (number_of(config, "levels", 4) == 5 ? 1 << 2 : 0) |
		   number_of(config, "wp", true) << 4 | number_of(config, "nxe", true) << 5 |
		   number_of(config, "smep", false) << 6;
	return pt_decode_x86_entry(entry, limits, true, &ret->space);
}

static bool read_x86_directory(JsonObject *config, const struct pt_limits *limits,
			       struct scene *scene, struct subject *ret)
{
	uint64_t entry[2];

	(void)scene;
	entry[0] = number_needed(config, "pasid_dir") | number_of(config, "pdts", 0) << 9 | 1;
	entry[1] = number_of(config, "rid_pasid", 0);
	ret->is_context = true;
	return pt_decode_x86_directory(entry, limits, &ret->context);
}

static bool read_amd(JsonObject *config, const struct pt_limits *limits, struct scene *scene,
		     struct subject *ret)
{
	(void)scene;
	ret->is_context = true;
	return pt_decode_amd_gcr3(number_needed(config, "gcr3_root"),
				  (unsigned)number_of(config, "glx", 0),
				  (unsigned)number_of(config, "levels", 4),
				  number_of(config, "giov", false), limits, &ret->context);
}

static bool read_amd_root(JsonObject *config, const struct pt_limits *limits, struct scene *scene,
			  struct subject *ret)
{
	(void)scene;
	return pt_decode_amd_root(number_needed(config, "root") | 1,
				  (unsigned)number_of(config, "levels", 4),
				  number_of(config, "sign_extended", true), limits, &ret->space);
}

static bool read_riscv(JsonObject *config, const struct pt_limits *limits, struct scene *scene,
		       struct subject *ret)
{
	bool sade = number_of(config, "sade", false);
	uint64_t ta =
		1 | number_of(config, "ens", false) << 1 | number_of(config, "sum", false) << 2;

	(void)scene;
	if (!node_of(config, "fsc"))
		number_needed(config, "iosatp");
	return pt_decode_riscv_pc(number_of(config, "ta", ta),
				  number_of(config, "iosatp", number_of(config, "fsc", 0)), sade,
				  limits, &ret->space);
}

static bool read_riscv_directory(JsonObject *config, const struct pt_limits *limits,
				 struct scene *scene, struct subject *ret)
{
	uint64_t tc = 1 | 1 << 5 | number_of(config, "sade", false) << 8 |
		      number_of(config, "dpe", false) << 9;

	(void)scene;
	ret->is_context = true;
	return pt_decode_riscv_dc(number_of(config, "tc", tc), number_of(config, "iohgatp", 0),
				  number_needed(config, "pdtp"), limits, &ret->context);
}

static bool read_generic(JsonObject *config, const struct pt_limits *limits, struct scene *scene,
			 struct subject *ret)
{
	(void)limits, (void)scene;
	return pt_decode_generic(number_needed(config, "pgd"), true, &ret->space);
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
	{ "amd-v2", read_amd_root },
	{ "riscv-s-stage", read_riscv },
	{ "riscv-pdt", read_riscv_directory },
	{ "generic-virt", read_generic },
};

static read_subject *find_format(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		if (!g_strcmp0(formats[i].name, name))
			return formats[i].read;
	unreadable(name ? "format \"%s\" is unknown" : "there is no \"format\"", name);
	return NULL;
}

/* The capabilities of the device: all, unless the file or a case overrides them. */
static struct pt_limits read_limits(JsonObject *config)
{
	return (struct pt_limits){
		.output_bits = (uint8_t)number_of(config, "implemented_output_bits",
						  number_of(config, "maxphyaddr", 52)),
		.input_bits = (uint8_t)number_of(config, "implemented_input_bits", 0),
		.updates_flags = number_of(config, "ad_update", true),
		.five_levels = number_of(config, "five_levels", true),
		.page_1g = number_of(config, "page1g", true),
		.lpa2 = number_of(config, "lpa2", true),
		.small_tables = number_of(config, "small_tables", true),
		.svnapot = number_of(config, "svnapot", true),
		.svpbmt = number_of(config, "svpbmt", true),
		.svrsw60t59b = number_of(config, "svrsw60t59b", false),
	};
}

/* The configuration of a case: that of the file with the overrides of the case. */
static JsonObject *merge(JsonObject *config, JsonObject *this)
{
	JsonObject *merged = json_object_new(), *const from[] = { config, this };
	JsonObjectIter iter;
	const char *name;
	JsonNode *node;

	for (size_t i = 0; i < G_N_ELEMENTS(from); i++) {
		if (!from[i])
			continue;
		json_object_iter_init(&iter, from[i]);
		while (json_object_iter_next(&iter, &name, &node))
			json_object_set_member(merged, name, json_node_copy(node));
	}
	return merged;
}

/* -- one case ---------------------------------------------------------------------------------- */

struct answer {
	const char *fault; /* NULL: none */
	struct pt_result result;
	uint64_t run; /* bytes from the address that lie together */
};

static unsigned access_of(JsonObject *this)
{
	static const char letters[] = "rwx";
	const char *wanted = text_of(this, "access");
	unsigned access = number_of(this, "priv", false) ? PT_PRIVILEGED : 0;

	if (!wanted || !*wanted || strspn(wanted, letters) != strlen(wanted))
		unreadable("\"access\" is not made of r, w and x");
	for (unsigned i = 0; wanted && letters[i]; i++)
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
	uint64_t where, last, page;

	if (!fault && subject->is_context)
		fault = pt_find_space(&subject->context, pasid, &memory, &subject->space, &where);
	if (!fault)
		fault = pt_translate(&subject->space, number_needed(this, "va"), access, &memory,
				     &answer.result);
	if (fault)
		answer.fault = pt_fault_name(fault);
	if (scene->is_parent_at_fault) {
		answer.fault = "parent-walk";
		answer.result.level = -1;
		return answer;
	}
	if (fault)
		return answer;
	page = answer.result.shift < 64 ? (UINT64_C(1) << answer.result.shift) - 1 : UINT64_MAX;
	answer.run = page - (answer.result.address & page) + 1;
	if (!output_of(scene, &answer.result.address, access & PT_WRITE, &last)) {
		answer.fault = "parent";
		answer.result.level = -1;
	} else if (last - answer.result.address < answer.run - 1) {
		answer.run = last - answer.result.address + 1;
	}
	return answer;
}

/* Expectations that are absent are not compared. */
static void compare(GString *text, JsonObject *expected, const char *name, uint64_t is)
{
	if (node_of(expected, name) && number_of(expected, name, 0) != is)
		g_string_append_printf(text, ", %s is 0x%" PRIx64 ", not 0x%" PRIx64, name, is,
				       number_of(expected, name, 0));
}

static void compare_rights(GString *text, JsonObject *expected, uint8_t rights)
{
	static const char letters[] = "rwx";
	const char *wanted = text_of(expected, "perm");
	size_t n = wanted && strchr(wanted, 'x') ? 3 : 2;

	for (unsigned i = 0; wanted && i < n; i++)
		if (!strchr(wanted, letters[i]) != !(rights >> i & 1))
			g_string_append_printf(text, ", perm %s %c, not \"%s\"",
					       rights >> i & 1 ? "has" : "has no", letters[i],
					       wanted);
}

static void compare_fault(GString *text, JsonObject *expected, const struct answer *answer)
{
	const char *wanted = text_of(expected, "fault");
	JsonNode *level = node_of(expected, "level");

	if (g_strcmp0(answer->fault, wanted))
		g_string_append_printf(text, ", %s%s (level %d), not %s",
				       answer->fault ? "fault " : "no fault",
				       answer->fault ? answer->fault : "", answer->result.level,
				       wanted ? wanted : "one");
	else if (level && (int64_t)number_in(level, "level") != answer->result.level)
		g_string_append_printf(text, ", level %d, not %" PRId64, answer->result.level,
				       (int64_t)number_in(level, "level"));
}

static void compare_answer(GString *text, JsonObject *this, const struct scene *scene,
			   const struct answer *answer)
{
	JsonObject *expected = object_of(this, "expect");
	const struct pt_result *result = &answer->result;

	if (!expected) {
		unreadable("there is no \"expect\"");
		return;
	}
	if (answer->fault || text_of(expected, "fault")) {
		compare_fault(text, expected, answer);
		if (answer->fault && g_str_has_prefix(answer->fault, "parent"))
			compare(text, this, "parent_address", scene->parent_address);
		return;
	}
	compare(text, expected, "pa", result->address);
	compare(text, expected, "page_size", result->shift < 64 ? UINT64_C(1) << result->shift : 0);
	compare_rights(text, expected, result->rights);
	compare(text, this, "contiguous", answer->run);
}

/* Each word is unchanged, unless another value is expected. */
static void compare_words(GString *text, struct scene *now, struct scene *before)
{
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, now->words);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		uint64_t address = *(uint64_t *)key, is = GUINT64_FROM_LE(*(uint64_t *)value);
		uint64_t wanted = GUINT64_FROM_LE(*word_at(before, address));

		if (is != wanted)
			g_string_append_printf(
				text, ", word 0x%" PRIx64 " is 0x%" PRIx64 ", not 0x%" PRIx64,
				address, is, wanted);
	}
}

/* Make `before` what memory should be now. */
static void expect_words(JsonObject *object, const char *member, struct scene *now,
			 struct scene *before)
{
	JsonObject *after = object ? object_of(object, member) : NULL;
	JsonObjectIter iter;
	const char *name;
	JsonNode *node;

	if (!after)
		return;
	json_object_iter_init(&iter, after);
	while (json_object_iter_next(&iter, &name, &node)) {
		char *end;
		uint64_t address = g_ascii_strtoull(name, &end, 0);

		if (end == name || *end || address % sizeof(uint64_t))
			unreadable("\"%s\" of \"%s\" is not the address of a word", name, member);
		word_at(now, address);
		*word_at(before, address) = GUINT64_TO_LE(number_in(node, name));
	}
}

/* What disagrees, as ", ..."; empty: nothing. */
static GString *check(JsonObject *file, JsonObject *this)
{
	JsonObject *config = merge(object_of(file, "config"), this);
	struct scene scene = read_scene(file, config, this);
	struct scene before = read_scene(file, config, this);
	struct pt_limits limits = read_limits(config);
	const char *child = text_of(config, "child");
	read_subject *read = find_format(child ? child : text_of(file, "format"));
	struct subject subject = { 0 };
	GString *text = g_string_new(NULL);
	struct answer answer;

	if (read)
		subject.is_malformed = !read(config, &limits, &scene, &subject);
	if (!mistake) {
		answer = ask(&subject, &scene, this);
		compare_answer(text, this, &scene, &answer);
		expect_words(object_of(this, "expect"), "entries_after", &scene, &before);
		expect_words(this, "after", &scene, &before);
		/* A parent's refusal of the page may come before or behind the flags of tables. */
		if (g_strcmp0(answer.fault, "parent"))
			compare_words(text, &scene, &before);
	}
	free_scene(&scene);
	free_scene(&before);
	json_object_unref(config);
	return text;
}

/* -- files --------------------------------------------------------------------------------------
 */

struct count {
	unsigned cases, wrong, unreadable;
};

static void complain(struct count *count, const char *path, const char *place)
{
	fprintf(stderr, "%s: %s%s\n", path, place, mistake->str);
	g_string_free(mistake, TRUE);
	mistake = NULL;
	count->unreadable++;
}

static void check_case(struct count *count, const char *path, JsonObject *file, JsonArray *cases,
		       guint i)
{
	JsonObject *this = element_of(cases, i, "cases");
	const char *name = this ? text_of(this, "name") : NULL;
	char *place = name ? g_strdup_printf("cases[%u] (%s): ", i, name)
			   : g_strdup_printf("cases[%u]: ", i);
	GString *text = this && !mistake ? check(file, this) : g_string_new(NULL);

	if (mistake) {
		complain(count, path, place);
	} else {
		count->cases++;
		count->wrong += text->len != 0;
		if (text->len)
			printf("%s: %s%s\n", path, place, text->str + 2);
	}
	g_string_free(text, TRUE);
	g_free(place);
}

static void check_file(struct count *count, const char *path)
{
	JsonParser *parser = json_parser_new();
	GError *error = NULL;
	JsonNode *root;
	JsonArray *cases = NULL;

	if (!json_parser_load_from_file(parser, path, &error)) {
		unreadable("%s", error->message);
		g_error_free(error);
	} else {
		root = json_parser_get_root(parser);
		if (!root || !JSON_NODE_HOLDS_OBJECT(root))
			unreadable("it is not an object");
		else
			cases = array_of(json_node_get_object(root), "cases");
		if (!cases)
			unreadable("there is no \"cases\"");
	}
	if (mistake)
		complain(count, path, "");
	for (guint i = 0; i < length_of(cases); i++)
		check_case(count, path, json_node_get_object(root), cases, i);
	g_object_unref(parser);
}

int main(int argc, char **argv)
{
	struct count count = { 0 };

	for (int i = 1; i < argc; i++)
		check_file(&count, argv[i]);
	printf("%u cases, %u disagree", count.cases, count.wrong);
	if (count.unreadable)
		printf(", %u cannot be read", count.unreadable);
	printf("\n");
	if (count.unreadable)
		return 2;
	return count.wrong || !count.cases;
}
