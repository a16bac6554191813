/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "wire/layout.h"

/*
 * The row mechanism, on a structure that has a field of every kind and width
 *
 * That the rows of real structures are right is shown where their bytes are: the
 * requests in tests/device, the tables in tests/tables.
 */

struct sample {
	uint8_t type, reserved[3];
	uint16_t length, bdf;
	uint32_t kind, flags;
	uint64_t address;
	char name[6];
	uint8_t bytes[3], number;
};

static const struct field_name kinds[] = { { 0, "plain" }, { 7, "special" }, { 0, NULL } };
static const struct field_name flags[] = {
	{ 1, "READ" }, { 2, "WRITE" }, { 0x80000000, "LAST" }, { 0, NULL }
};

#define FIELD(at, kind, member, name) ROW(struct sample, at, kind, member, name)
static const struct field sample_fields[] = {
	FIELD(0, TYPE, type, "Type"),
	FIELD(1, RESERVED, reserved, "Reserved"),
	FIELD(4, LENGTH, length, "Length"),
	FIELD(6, BDF, bdf, "Function"),
	ROW_NAMED(struct sample, 8, ENUM, kind, "Kind", kinds),
	ROW_NAMED(struct sample, 12, FLAGS, flags, "Flags", flags),
	FIELD(16, HEX, address, "Address"),
	FIELD(24, TEXT, name, "Name"),
	FIELD(30, BYTES, bytes, "Bytes"),
	FIELD(33, NUMBER, number, "Number"),
};
#undef FIELD

static const struct layout sample_layout = LAYOUT("sample", 9, 34, struct sample, sample_fields);
static const struct layout sample_as_sent =
	LAYOUT_AS_SENT("sample", 9, 34, struct sample, sample_fields);

static const uint8_t wire[34] = {
	9,    0,    0,    0,    34,   0,    0x0a, 0x01, 7,   0,   0,   0,    3, 0, 0,    0x80, 0x88,
	0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 'B',  'O', 'C', '"', 0x07, 0, 1, 0xab, 0xff, 200,
};

static void rows_tile_the_structure(void **state)
{
	unsigned next = 0;

	(void)state;
	for_each_field(f, &sample_layout) {
		assert_int_equal(f->at, next);
		next += f->length;
	}
	assert_int_equal(next, sample_layout.length);
}

static void a_structure_is_read_as_written(void **state)
{
	struct sample sample;

	(void)state;
	layout_decode(&sample_layout, wire, &sample);
	assert_int_equal(sample.type, 9);
	assert_int_equal(sample.length, 34);
	assert_int_equal(sample.bdf, 0x010a);
	assert_int_equal(sample.kind, 7);
	assert_int_equal(sample.flags, 0x80000003);
	assert_int_equal(sample.address, 0x1122334455667788);
	assert_memory_equal(sample.name, "BOC\"\a", 6);
	assert_memory_equal(sample.bytes, "\x01\xab\xff", 3);
	assert_int_equal(sample.number, 200);
}

/* On a host whose integers are not those of the wire, it is not as sent. */
static void a_structure_that_is_as_sent_has_the_same_members(void **state)
{
	struct sample expected, sample;

	(void)state;
	memset(&expected, 0x5a, sizeof(expected));
	memset(&sample, 0x5a, sizeof(sample));
	layout_decode(&sample_layout, wire, &expected);
	layout_decode(&sample_as_sent, wire, &sample);
	assert_memory_equal(&sample, &expected, sizeof(sample));
	if (sample_as_sent.is_as_sent)
		assert_memory_equal(&sample, wire, sizeof(wire));
}

/* At any alignment. */
static void a_structure_survives_the_round_trip(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 8; shift++) {
		uint8_t from[sizeof(wire) + 8], to[sizeof(wire) + 16];
		struct sample sample;

		memcpy(from + shift, wire, sizeof(wire));
		memset(to, 0xa5, sizeof(to));
		layout_decode(&sample_layout, from + shift, &sample);
		layout_encode(&sample_layout, &sample, to + shift);
		assert_memory_equal(to + shift, wire, sizeof(wire));
		assert_int_equal(to[shift + sizeof(wire)], 0xa5);
	}
}

static void integers_of_every_length(void **state)
{
	static const uint8_t bytes[8] = { 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x91 };

	(void)state;
	for (size_t length = 1; length <= sizeof(bytes); length++) {
		uint64_t value = 0x9122334455667788 & (UINT64_MAX >> (64 - 8 * length));
		uint8_t stored[9];

		assert_int_equal(wire_load(bytes, length), value);
		memset(stored, 0xa5, sizeof(stored));
		wire_store(stored, length, 0x9122334455667788);
		assert_memory_equal(stored, bytes, length);
		assert_int_equal(stored[length], 0xa5);
	}
}

static void fitting_never_overflows(void **state)
{
	static const struct {
		uint64_t offset, length, limit;
		bool fits;
	} cases[] = {
		{ 0, 0, 0, true },
		{ 0, 1, 0, false },
		{ 1, 0, 0, false },
		{ 4, 4, 8, true },
		{ 4, 5, 8, false },
		{ 8, 0, 8, true },
		{ UINT64_MAX, 2, 8, false },
		{ 2, UINT64_MAX, 8, false },
		{ 1, UINT64_MAX - 1, UINT64_MAX, true },
		{ 2, UINT64_MAX - 1, UINT64_MAX, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(wire_fits(cases[i].offset, cases[i].length, cases[i].limit),
				 cases[i].fits);
}

static void fields_are_found_by_name(void **state)
{
	struct sample sample = { 0 };
	const struct field *field = layout_field(&sample_layout, "Address");

	(void)state;
	assert_non_null(field);
	assert_true(field_is_integer(field));
	field_set(field, &sample, UINT64_MAX);
	assert_int_equal(sample.address, UINT64_MAX);
	assert_int_equal(field_get(field, &sample), UINT64_MAX);
	assert_null(layout_field(&sample_layout, "address"));

	field = layout_field(&sample_layout, "Name");
	assert_false(field_is_integer(field));
	assert_int_equal(field_get(field, &sample), 0);
	field_set(field, &sample, 1);
	assert_memory_equal(sample.name, "\0\0\0\0\0\0", 6);
}

/* -- check ---------------------------------------------------------------------- */

struct noted {
	unsigned count;
	const char *name;
	uint64_t value;
};

static void note(void *data, const struct field *field, uint64_t value)
{
	struct noted *noted = data;

	noted->count++;
	noted->name = field->name;
	noted->value = value;
}

static void a_value_that_must_not_be_is_reported_by_name(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
		bool exact;
		const char *name; /* NULL: nothing is wrong */
		uint64_t value;
	} cases[] = {
		{ 0, 9, true, NULL, 0 },        { 0, 8, true, "Type", 8 },
		{ 1, 1, true, "Reserved", 0 },  { 3, 0x80, true, "Reserved", 0 },
		{ 4, 33, false, "Length", 33 }, { 4, 35, false, NULL, 0 },
		{ 4, 35, true, "Length", 35 },  { 33, 1, true, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct noted noted = { 0 };
		struct sample sample;
		uint8_t odd[sizeof(wire)];

		memcpy(odd, wire, sizeof(odd));
		odd[cases[i].at] = cases[i].byte;
		layout_decode(&sample_layout, odd, &sample);
		layout_check(&sample_layout, &sample, cases[i].exact, note, &noted);
		assert_int_equal(noted.count, cases[i].name != NULL);
		if (cases[i].name)
			assert_string_equal(noted.name, cases[i].name);
		assert_int_equal(noted.value, cases[i].value);
	}
}

/* -- printed values ------------------------------------------------------------ */

static void values_are_shown_by_their_kind(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{ "Type", "0x09" },
		{ "Reserved", "00 00 00" },
		{ "Length", "0x0022" },
		{ "Function", "01:01.2" },
		{ "Kind", "0x00000007 (special)" },
		{ "Flags", "0x80000003 (READ, WRITE, LAST)" },
		{ "Address", "0x1122334455667788" },
		{ "Name", "\"BOC\\x22\\x07\"" },
		{ "Bytes", "01 ab ff" },
		{ "Number", "200" },
	};
	struct sample sample;

	(void)state;
	layout_decode(&sample_layout, wire, &sample);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct field *field = layout_field(&sample_layout, cases[i].name);
		size_t length = strlen(cases[i].text);

		/* Whatever the room: never a byte too far, always an end. */
		for (size_t room = 0; room <= length + 1; room++) {
			char text[64], expected[64];

			memset(text, 0x55, sizeof(text));
			assert_int_equal(field_format(field, &sample, text, room), length);
			assert_int_equal(text[room], 0x55);
			if (!room)
				continue;
			snprintf(expected, room, "%s", cases[i].text);
			assert_string_equal(text, expected);
		}
	}
}

static void a_value_without_a_name_stands_alone(void **state)
{
	struct sample sample = { .kind = 3, .flags = 4 };
	char text[64];

	(void)state;
	field_format(layout_field(&sample_layout, "Kind"), &sample, text, sizeof(text));
	assert_string_equal(text, "0x00000003");
	field_format(layout_field(&sample_layout, "Flags"), &sample, text, sizeof(text));
	assert_string_equal(text, "0x00000004");
	sample.kind = 0;
	field_format(layout_field(&sample_layout, "Kind"), &sample, text, sizeof(text));
	assert_string_equal(text, "0x00000000 (plain)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_tile_the_structure),
		cmocka_unit_test(a_structure_is_read_as_written),
		cmocka_unit_test(a_structure_that_is_as_sent_has_the_same_members),
		cmocka_unit_test(a_structure_survives_the_round_trip),
		cmocka_unit_test(integers_of_every_length),
		cmocka_unit_test(fitting_never_overflows),
		cmocka_unit_test(fields_are_found_by_name),
		cmocka_unit_test(a_value_that_must_not_be_is_reported_by_name),
		cmocka_unit_test(values_are_shown_by_their_kind),
		cmocka_unit_test(a_value_without_a_name_stands_alone),
	};

	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
