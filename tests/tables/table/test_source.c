/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table as source: what an edit changes, what is computed, and what is refused; and any text of a
 * table in parts
 *
 * test_every_layout.c and the golden tests assemble every table that there is.
 */
#include <errno.h>

#include "tables_rig.h"

static char *source_of(const uint8_t *bytes, size_t length)
{
	struct viommu_table *table = viommu_table_decode(bytes, length, "table", NULL);
	char *source = viommu_table_source(table);

	assert_non_null(source);
	viommu_table_free(table);
	return source;
}

/* The source with the first `from` replaced. */
static char *edited(const char *source, const char *from, const char *to)
{
	const char *at = strstr(source, from);
	size_t room = strlen(source) + strlen(to) + 1;
	char *text = malloc(room);

	assert_non_null(at);
	assert_non_null(text);
	snprintf(text, room, "%.*s%s%s", (int)(at - source), source, to, at + strlen(from));
	return text;
}

static size_t assemble(const char *source, bool keep, uint8_t **ret_bytes)
{
	struct viommu_findings *findings = viommu_findings_new();
	void *bytes;
	size_t length =
		viommu_table_assemble(source, strlen(source), "table", keep, &bytes, findings);

	assert_int_equal(viommu_findings_count(findings), 0);
	viommu_findings_free(findings);
	*ret_bytes = bytes;
	return length;
}

enum { RANGE_AT = 0x40, BDF_LAST_AT = RANGE_AT + 14 };

static void a_changed_field_changes_its_bytes_and_the_checksum(void **state)
{
	uint8_t expected[sizeof(example_a)], *bytes;
	char *source = source_of(example_a, sizeof(example_a));
	char *changed = edited(source, "ff:1f.7", "7f:1f.7");

	(void)state;
	memcpy(expected, example_a, sizeof(expected));
	store(expected + BDF_LAST_AT, 2, 0x7fff);
	fix(expected, sizeof(expected));
	assert_int_equal(assemble(changed, false, &bytes), sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
	free(bytes);
	free(changed);
	free(source);
}

static void with_keep_the_checksum_stays(void **state)
{
	uint8_t *bytes;
	char *source = source_of(example_a, sizeof(example_a));
	char *changed = edited(source, "ff:1f.7", "7f:1f.7");

	(void)state;
	assert_int_equal(assemble(changed, true, &bytes), sizeof(example_a));
	assert_int_equal(bytes[CHECKSUM_AT], example_a[CHECKSUM_AT]);
	assert_int_equal(load(bytes + BDF_LAST_AT, 2), 0x7fff);
	free(bytes);
	free(changed);
	free(source);
}

/* A node that no layout has: its length and that of the table are computed. */
static void an_added_structure_makes_the_table_longer(void **state)
{
	static const char node[] = "Node of the future {\n"
				   "  0 1 Type = 0x77\n"
				   "  0 1 Reserved = 0\n"
				   "  0 2 Length = length\n"
				   "  0 8 Name = \"a\\x00b\"\n"
				   "  0 3 Bytes = 01 02 03 (what they mean)\n"
				   "}\n}";
	static const uint8_t expected[] = { 0x77, 0, 15, 0, 'a', 0, 'b', 0, 0, 0, 0, 0, 1, 2, 3 };
	const size_t length = sizeof(example_a) + sizeof(expected);
	uint8_t *bytes, sum = 0;
	char *source = source_of(example_a, sizeof(example_a));
	char *end = strrchr(source, '}');
	char *changed;

	(void)state;
	*end = '\0';
	changed = malloc(strlen(source) + sizeof(node));
	strcat(strcpy(changed, source), node);
	assert_int_equal(assemble(changed, false, &bytes), length);
	assert_memory_equal(bytes + sizeof(example_a), expected, sizeof(expected));
	assert_int_equal(load(bytes + LENGTH_AT, 4), length);
	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + bytes[i]);
	assert_int_equal(sum, 0);
	free(bytes);
	free(changed);
	free(source);
}

/* What was wrong in the table is a number, and is as wrong in the new one. */
static void a_wrong_length_and_checksum_are_kept(void **state)
{
	uint8_t damaged[sizeof(example_a)], *bytes;
	char *source;

	(void)state;
	memcpy(damaged, example_a, sizeof(damaged));
	store(damaged + LENGTH_AT, 4, sizeof(damaged) - 1);
	damaged[CHECKSUM_AT] ^= 0x55;
	source = source_of(damaged, sizeof(damaged));
	assert_null(strstr(source, "checksum ("));
	assert_int_equal(assemble(source, false, &bytes), sizeof(damaged));
	assert_memory_equal(bytes, damaged, sizeof(damaged));
	free(bytes);
	free(source);
}

static void a_wrong_line_is_named(void **state)
{
	static const struct {
		const char *source;
		unsigned line;
	} wrong[] = {
		{ "", 0 },
		{ "# only a comment\n", 1 },
		{ "T {\n0 1 A = 1\n", 2 },
		{ "0 1 A = 1\n}\n", 2 },
		{ "T {\nA\n}\n", 2 },
		{ "T {\n0 0 A = 1\n}\n", 2 },
		{ "T {\n0 65536 A = 1\n}\n", 2 },
		{ "T {\n0 1 A = 256\n}\n", 2 },
		{ "T {\n0 1 A = -1\n}\n", 2 },
		{ "T {\n0 1 A =\n}\n", 2 },
		{ "T {\n0 8 A = 0x10000000000000000\n}\n", 2 },
		{ "T {\n0 4 A = \"12345\"\n}\n", 2 },
		{ "T {\n0 4 A = \"123\n}\n", 2 },
		{ "T {\n0 4 A = \"\\x4\"\n}\n", 2 },
		{ "T {\n0 4 A = 01 02 03\n}\n", 2 },
		{ "T {\n0 2 A = 01 02 03\n}\n", 2 },
		{ "T {\n0 2 A = 00:20.0\n}\n", 2 },
		{ "T {\n0 2 Checksum = checksum\n}\n", 2 },
		{ "0 1 Length = length\n", 1 },
		{ "T {\n0 1 Length = length\n0 256 A = \"\"\n}\n", 4 },
		{ "{\n{\n{\n{\n{\n{\n{\n{\n{\n{\n{\n{\n{\n{\n{\n{\n{\n", 17 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct viommu_findings *findings = viommu_findings_new();
		void *bytes = &findings;

		if (viommu_table_assemble(wrong[i].source, strlen(wrong[i].source), "table", false,
					  &bytes, findings))
			fail_msg("accepted: %s", wrong[i].source);
		assert_null(bytes);
		assert_int_equal(viommu_findings_count(findings), 1);
		if (viommu_findings_get(findings, 0)->place.line != wrong[i].line)
			fail_msg("line %u: %s", viommu_findings_get(findings, 0)->place.line,
				 wrong[i].source);
		viommu_findings_free(findings);
	}
}

/* 64 MiB of zeros in a line each would be 4 TiB. */
static void a_source_makes_at_most_64_mib(void **state)
{
	static const char line[] = "0 65535 A = \"\"\n";
	const size_t n = 1100, length = n * (sizeof(line) - 1);
	struct viommu_findings *findings = viommu_findings_new();
	char *source = malloc(length);
	void *bytes;

	(void)state;
	for (size_t i = 0; i < n; i++)
		memcpy(source + i * (sizeof(line) - 1), line, sizeof(line) - 1);
	assert_int_equal(viommu_table_assemble(source, length, "table", false, &bytes, findings),
			 0);
	assert_true(found(findings, "source-value"));
	viommu_findings_free(findings);
	free(source);
}

/* -- in parts ------------------------------------------------------------------------------- */

enum { N_RANGES = 20000, RANGE_LENGTH = 24, PART_MAX = 0x20000 };

/* A VIOT with an IOMMU and so many ranges. */
static struct viommu_table *a_large_table(void)
{
	size_t length = RANGE_AT + (size_t)N_RANGES * RANGE_LENGTH;
	uint8_t *bytes = calloc(1, length);
	struct viommu_table *table;

	assert_non_null(bytes);
	memcpy(bytes, example_a, RANGE_AT);
	for (size_t i = 0; i < N_RANGES; i++)
		memcpy(bytes + RANGE_AT + i * RANGE_LENGTH, example_a + RANGE_AT, RANGE_LENGTH);
	store(bytes + 4, 4, length);
	store(bytes + 0x24, 2, 1 + N_RANGES);
	table = viommu_table_decode(bytes, length, "table", NULL);
	assert_non_null(table);
	free(bytes);
	return table;
}

struct parts {
	const struct viommu_table *table;
	char *text;
	size_t length, n, wanted;
	bool has_lines;
};

static bool take_part(void *opaque, const char *text, size_t length)
{
	struct parts *parts = opaque;
	char *again = parts->n ? NULL : viommu_table_text(parts->table);

	assert_true(again || parts->n);
	free(again);
	assert_true(length && length < PART_MAX);
	assert_true(!parts->has_lines || text[length - 1] == '\n');
	parts->text = realloc(parts->text, parts->length + length + 1);
	assert_non_null(parts->text);
	memcpy(parts->text + parts->length, text, length);
	parts->length += length;
	parts->text[parts->length] = '\0';
	return ++parts->n < parts->wanted;
}

static struct parts write_parts(const struct viommu_table *table, enum viommu_table_form form,
				size_t wanted)
{
	struct parts parts = {
		.table = table,
		.wanted = wanted,
		.has_lines = form != VIOMMU_TABLE_JSON,
	};

	assert_int_equal(viommu_table_write(table, form, take_part, &parts), 0);
	return parts;
}

/* <viommu/tables.h>: parts of some 64 KiB, of whole lines, while more are wanted. */
static void a_text_is_passed_on_in_parts(void **state)
{
	static char *(*const whole[])(const struct viommu_table *table) = {
		[VIOMMU_TABLE_TEXT] = viommu_table_text,
		[VIOMMU_TABLE_JSON] = viommu_table_json,
		[VIOMMU_TABLE_SOURCE] = viommu_table_source,
	};
	struct viommu_table *table = a_large_table();

	(void)state;
	for (unsigned form = 0; form < 3; form++) {
		struct parts parts = write_parts(table, (enum viommu_table_form)form, SIZE_MAX);
		char *text = whole[form](table);

		assert_true(parts.n > 10);
		assert_string_equal(parts.text, text);
		free(parts.text);
		free(text);
		parts = write_parts(table, (enum viommu_table_form)form, 3);
		assert_int_equal(parts.n, 3);
		free(parts.text);
	}
	assert_int_equal(viommu_table_write(table, (enum viommu_table_form)3, take_part, NULL),
			 -EINVAL);
	viommu_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_changed_field_changes_its_bytes_and_the_checksum),
		cmocka_unit_test(with_keep_the_checksum_stays),
		cmocka_unit_test(an_added_structure_makes_the_table_longer),
		cmocka_unit_test(a_wrong_length_and_checksum_are_kept),
		cmocka_unit_test(a_wrong_line_is_named),
		cmocka_unit_test(a_source_makes_at_most_64_mib),
		cmocka_unit_test(a_text_is_passed_on_in_parts),
	};

	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
