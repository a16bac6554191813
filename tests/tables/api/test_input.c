/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inputs with tables: raw, several in a row, and the text of acpidump
 */
#include "tables_rig.h"

enum { MAX_TABLES = 8, MAX_NAME = 64 };

/* What came out of an input. */
struct taken {
	struct viommu_findings *findings;
	unsigned n, limit;
	char names[MAX_TABLES][MAX_NAME];
	uint8_t *bytes[MAX_TABLES];
	size_t lengths[MAX_TABLES];
};

static bool take(void *opaque, const char *name, const void *table, size_t length)
{
	struct taken *taken = opaque;

	assert_true(taken->n < MAX_TABLES);
	snprintf(taken->names[taken->n], MAX_NAME, "%s", name);
	taken->bytes[taken->n] = copy_of(table, length);
	taken->lengths[taken->n] = length;
	return ++taken->n != taken->limit;
}

static int taken_set_up(void **state)
{
	struct taken *taken = calloc(1, sizeof(*taken));

	taken->findings = viommu_findings_new();
	*state = taken;
	return 0;
}

static int taken_tear_down(void **state)
{
	struct taken *taken = *state;

	for (unsigned i = 0; i < taken->n; i++)
		free(taken->bytes[i]);
	viommu_findings_free(taken->findings);
	free(taken);
	return 0;
}

#define WITH_WHAT_IS_TAKEN(test) \
	cmocka_unit_test_setup_teardown(test, taken_set_up, taken_tear_down)

/* Split a copy that ends where the input does. */
static void split(struct taken *taken, const void *bytes, size_t length)
{
	uint8_t *copy = copy_of(bytes, length);
	unsigned before = taken->n;
	size_t n = viommu_input_split(copy, length, "in", take, taken, taken->findings);

	assert_int_equal(n, taken->n - before);
	free(copy);
}

static void assert_taken(const struct taken *taken, unsigned i, const char *name, const void *bytes,
			 size_t length)
{
	assert_true(i < taken->n);
	assert_string_equal(taken->names[i], name);
	assert_int_equal(taken->lengths[i], length);
	assert_memory_equal(taken->bytes[i], bytes, length);
}

/* A table as acpidump prints it, each line ended with `end`. */
static size_t dump(char *to, size_t room, const uint8_t *table, size_t length, const char *end)
{
	int n = snprintf(to, room, "%.4s @ 0x0000000000000000%s", (const char *)table, end);

	for (size_t i = 0; i < length; i++) {
		if (!(i % 16))
			n += snprintf(to + n, room - (size_t)n, "    %04zX:", i);
		n += snprintf(to + n, room - (size_t)n, " %02X", table[i]);
		if (i % 16 == 15 || i == length - 1)
			n += snprintf(to + n, room - (size_t)n, "  ....%s", end);
	}
	n += snprintf(to + n, room - (size_t)n, "%s", end);
	return (size_t)n;
}

/* -- raw --------------------------------------------------------------------------------- */

static void raw_tables_follow_each_other(void **state)
{
	struct taken *taken = *state;
	uint8_t bytes[sizeof(example_a) + sizeof(example_a2)];

	memcpy(bytes, example_a, sizeof(example_a));
	memcpy(bytes + sizeof(example_a), example_a2, sizeof(example_a2));
	memcpy(bytes + sizeof(example_a), "OEM1", 4);
	split(taken, bytes, sizeof(bytes));
	assert_int_equal(taken->n, 2);
	assert_taken(taken, 0, "in#VIOT", example_a, sizeof(example_a));
	assert_taken(taken, 1, "in#OEM1", bytes + sizeof(example_a), sizeof(example_a2));
}

/* ACPI has one VIOT, but any number of tables with an unknown signature. */
static void a_second_table_is_reported_where_there_may_be_one(void **state)
{
	struct taken *taken = *state;
	uint8_t bytes[4 * sizeof(example_a)];

	for (size_t i = 0; i < sizeof(bytes); i += sizeof(example_a))
		memcpy(bytes + i, example_a, sizeof(example_a));
	memcpy(bytes, "SSDT", 4);
	memcpy(bytes + 2 * sizeof(example_a), "SSDT", 4);
	split(taken, bytes, 3 * sizeof(example_a));
	assert_int_equal(viommu_findings_count(taken->findings), 0);
	split(taken, bytes + sizeof(example_a), 3 * sizeof(example_a));
	assert_int_equal(viommu_findings_count(taken->findings), 1);
	assert_true(found(taken->findings, "input-twice"));
}

static void a_single_table_has_the_name_of_its_file(void **state)
{
	struct taken *taken = *state;

	split(taken, example_a, sizeof(example_a));
	assert_taken(taken, 0, "in", example_a, sizeof(example_a));
}

/* The callback may end the split. */
static void a_callback_can_end_the_walk(void **state)
{
	struct taken *taken = *state;
	uint8_t bytes[2 * sizeof(example_a)];

	memcpy(bytes, example_a, sizeof(example_a));
	memcpy(bytes + sizeof(example_a), example_a, sizeof(example_a));
	taken->limit = 1;
	split(taken, bytes, sizeof(bytes));
	assert_int_equal(taken->n, 1);
}

/* A length that cannot be right, or with no table behind it, does not tear a table in two. */
static void a_wrong_length_does_not_tear_a_table(void **state)
{
	static const uint32_t lengths[] = { 0, 35, 36, 48, 87, 89, UINT32_MAX };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint8_t bytes[sizeof(example_a)];
		struct taken *taken;

		memcpy(bytes, example_a, sizeof(bytes));
		store(bytes + LENGTH_AT, 4, lengths[i]);
		taken_set_up(state);
		taken = *state;
		split(taken, bytes, sizeof(bytes));
		assert_int_equal(taken->n, 1);
		assert_taken(taken, 0, "in", bytes, sizeof(bytes));
		taken_tear_down(state);
	}
}

static void nothing_is_a_finding(void **state)
{
	struct taken *taken = *state;

	split(taken, "", 0);
	assert_int_equal(taken->n, 0);
	assert_true(found(taken->findings, "input-empty"));
}

/* -- acpidump's text --------------------------------------------------------------------- */

/* Example A2 under another signature, for there may be one VIOT only. */
static void other_table(uint8_t other[sizeof(example_a2)])
{
	memcpy(other, example_a2, sizeof(example_a2));
	memcpy(other, "OEM1", 4);
}

static void text_of_several_tables_is_read(void **state)
{
	static const char *const ends[] = { "\n", "\r\n" };
	uint8_t other[sizeof(example_a2)];

	other_table(other);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char text[4096];
		struct taken *taken;
		size_t n;

		n = dump(text, sizeof(text), example_a, sizeof(example_a), ends[i]);
		n += dump(text + n, sizeof(text) - n, other, sizeof(other), ends[i]);
		taken_set_up(state);
		taken = *state;
		split(taken, text, n);
		assert_int_equal(taken->n, 2);
		assert_taken(taken, 0, "in#VIOT", example_a, sizeof(example_a));
		assert_taken(taken, 1, "in#OEM1", other, sizeof(other));
		assert_int_equal(viommu_findings_count(taken->findings), 0);
		taken_tear_down(state);
	}
}

/* A line with the wrong offset is reported once; the next table is read. */
static void a_line_that_does_not_follow_breaks_only_its_table(void **state)
{
	struct taken *taken = *state;
	char text[4096];
	size_t n = dump(text, sizeof(text), example_a, sizeof(example_a), "\n");
	uint8_t other[sizeof(example_a2)];

	other_table(other);
	memcpy(strstr(text, "0010:"), "0110:", 5);
	n += dump(text + n, sizeof(text) - n, other, sizeof(other), "\n");
	split(taken, text, n);
	assert_int_equal(taken->n, 2);
	assert_taken(taken, 0, "in#VIOT", example_a, 16);
	assert_taken(taken, 1, "in#OEM1", other, sizeof(other));
	assert_int_equal(viommu_findings_count(taken->findings), 1);
	assert_int_equal(viommu_findings_get(taken->findings, 0)->place.line, 3);
}

static void odd_lines_are_findings(void **state)
{
	static const char *const lines[] = {
		"    0000:",
		"    0000: no",
		"nonsense",
		"    0000 56 49",
		"    FFFFFFFFFFFFFFFFFF: 56",
		"    0000:56",
		":",
		"\t0000: 5",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct taken *taken;
		char text[128];
		int n = snprintf(text, sizeof(text), "VIOT @ 0x0\n%s", lines[i]);

		taken_set_up(state);
		taken = *state;
		split(taken, text, (size_t)n);
		assert_int_equal(taken->n, 0);
		assert_true(found(taken->findings, "input-acpidump"));
		taken_tear_down(state);
	}
}

/* Broken off anywhere, a dump gives a shorter table or a finding; never nothing at all. */
static void text_may_break_off_anywhere(void **state)
{
	char text[4096];
	size_t length = dump(text, sizeof(text), example_a, sizeof(example_a), "\n");

	for (size_t n = 1; n < length; n++) {
		struct taken *taken;

		taken_set_up(state);
		taken = *state;
		split(taken, text, n);
		assert_true(taken->n || viommu_findings_count(taken->findings));
		if (taken->n && taken->lengths[0] < sizeof(example_a)) {
			walk(taken->bytes[0], taken->lengths[0], taken->findings);
			assert_true(viommu_findings_count(taken->findings));
		}
		taken_tear_down(state);
	}
}

/* Any byte of a dump may be anything. */
static void text_may_be_damaged_anywhere(void **state)
{
	static const char bytes[] = { '\0', '\n', ':', ' ', '@', '\xff' };
	char text[4096];
	size_t length = dump(text, sizeof(text), example_a, sizeof(example_a), "\n");

	for (size_t i = 0; i < length; i++)
		for (size_t k = 0; k < sizeof(bytes); k++) {
			char byte = text[i];
			struct taken *taken;

			text[i] = bytes[k];
			taken_set_up(state);
			taken = *state;
			split(taken, text, length);
			text[i] = byte;
			assert_true(taken->n || viommu_findings_count(taken->findings));
			taken_tear_down(state);
		}
}

/* -- text --------------------------------------------------------------------------------- */

static bool count_pack(void *opaque, const void *pack, size_t length)
{
	size_t *n = opaque;

	assert_true(length > 48 && !memcmp(pack, "\x1f\x8b\x08", 3));
	++*n;
	return false;
}

/* Two streams of gzip, of which the callback wants one. */
static void packs_in_base64_are_passed(void **state)
{
	char line[] =
		"H4sIAAAAAAAAA3MJcg0OUXA0MlNwdHIOCXF0UnDyD1FIzs8tSM0rSU1RKE4sSVUozszNVAAAfsX\n";
	char text[512];
	size_t n = 0;

	(void)state;
	snprintf(text, sizeof(text), "one:\n%s\ntwo:\n%s", line, line);
	assert_int_equal(viommu_input_packs(text, strlen(text), count_pack, &n), 1);
	assert_int_equal(n, 1);
	assert_int_equal(viommu_input_packs("\x1f\x8b", 2, count_pack, &n), 0);
	assert_int_equal(viommu_input_packs(NULL, 0, count_pack, &n), 0);
}

static void text_is_plain(void **state)
{
	static const char mail[] = "\xff\xfe<\0b\0r\0>\0&\0l\0t\0;\0\r\0\n\0";
	static const char pager[] = "--More--\b\b\b\b\b\b\b\b\x1b[1mX\x1b[0m\n\bY";
	char *text = viommu_input_text(mail, sizeof(mail) - 1);

	(void)state;
	assert_string_equal(text, "\n<\n");
	free(text);
	text = viommu_input_text(pager, sizeof(pager) - 1);
	assert_string_equal(text, "X\n Y");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WHAT_IS_TAKEN(raw_tables_follow_each_other),
		WITH_WHAT_IS_TAKEN(a_second_table_is_reported_where_there_may_be_one),
		WITH_WHAT_IS_TAKEN(a_single_table_has_the_name_of_its_file),
		WITH_WHAT_IS_TAKEN(a_callback_can_end_the_walk),
		cmocka_unit_test(a_wrong_length_does_not_tear_a_table),
		WITH_WHAT_IS_TAKEN(nothing_is_a_finding),
		cmocka_unit_test(text_of_several_tables_is_read),
		WITH_WHAT_IS_TAKEN(a_line_that_does_not_follow_breaks_only_its_table),
		cmocka_unit_test(odd_lines_are_findings),
		cmocka_unit_test(text_may_break_off_anywhere),
		cmocka_unit_test(text_may_be_damaged_anywhere),
		cmocka_unit_test(packs_in_base64_are_passed),
		cmocka_unit_test(text_is_plain),
	};

	return cmocka_run_group_tests_name("input", tests, NULL, NULL);
}
