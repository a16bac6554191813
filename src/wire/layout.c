/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/layout.h"

/* -- integers on the wire ------------------------------------------------- */

uint64_t wire_load(const void *wire, size_t length)
{
	const uint8_t *bytes = wire;
	uint64_t value = 0;

	while (length--)
		value = value << 8 | bytes[length];
	return value;
}

void wire_store(void *wire, size_t length, uint64_t value)
{
	uint8_t *bytes = wire;

	for (size_t i = 0; i < length; i++, value >>= 8)
		bytes[i] = (uint8_t)value;
}

/* -- members of the host struct -------------------------------------------- */

bool field_is_integer(const struct field *field)
{
	switch (field->length) {
	case 1:
	case 2:
	case 4:
	case 8:
		return field->kind != FIELD_TEXT && field->kind != FIELD_BYTES;
	default:
		return false;
	}
}

uint64_t field_get(const struct field *field, const void *host)
{
	const void *member = (const char *)host + field->member;

	if (!field_is_integer(field))
		return 0;
	switch (field->length) {
	case 1:
		return *(const uint8_t *)member;
	case 2:
		return *(const uint16_t *)member;
	case 4:
		return *(const uint32_t *)member;
	default:
		return *(const uint64_t *)member;
	}
}

void field_set(const struct field *field, void *host, uint64_t value)
{
	void *member = (char *)host + field->member;

	if (!field_is_integer(field))
		return;
	switch (field->length) {
	case 1:
		*(uint8_t *)member = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)member = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)member = (uint32_t)value;
		break;
	default:
		*(uint64_t *)member = value;
		break;
	}
}

bool field_is_zero(const struct field *field, const void *host)
{
	const uint8_t *bytes = (const uint8_t *)host + field->member;

	for (uint16_t i = 0; i < field->length; i++)
		if (bytes[i])
			return false;
	return true;
}

const struct field *layout_field(const struct layout *layout, const char *name)
{
	for_each_field(f, layout)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

/* -- walks over rows -------------------------------------------------------- */

/* Both directions. On little-endian hosts the bytes stay as they are. */
static void copy_integer(void *to, const void *from, uint16_t length)
{
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	switch (length) {
	case 1:
		memcpy(to, from, 1);
		break;
	case 2:
		memcpy(&two, from, sizeof(two));
		two = le16toh(two);
		memcpy(to, &two, sizeof(two));
		break;
	case 4:
		memcpy(&four, from, sizeof(four));
		four = le32toh(four);
		memcpy(to, &four, sizeof(four));
		break;
	default:
		memcpy(&eight, from, sizeof(eight));
		eight = le64toh(eight);
		memcpy(to, &eight, sizeof(eight));
		break;
	}
}

static void copy_field(const struct field *field, void *to, const void *from)
{
	if (field_is_integer(field))
		copy_integer(to, from, field->length);
	else
		memcpy(to, from, field->length);
}

void layout_decode(const struct layout *layout, const void *wire, void *host)
{
	if (layout->is_as_sent) {
		memcpy(host, wire, layout->length);
		return;
	}
	for_each_field(f, layout)
		copy_field(f, (char *)host + f->member, (const char *)wire + f->at);
}

void layout_encode(const struct layout *layout, const void *host, void *wire)
{
	for_each_field(f, layout)
		copy_field(f, (char *)wire + f->at, (const char *)host + f->member);
}

void layout_check(const struct layout *layout, const void *host, bool exact, layout_report *report,
		  void *data)
{
	for_each_field(f, layout) {
		uint64_t value = field_get(f, host);
		bool wrong = false;

		if (f->kind == FIELD_TYPE)
			wrong = value != layout->type;
		else if (f->kind == FIELD_LENGTH)
			wrong = exact ? value != layout->length : value < layout->length;
		else if (f->kind == FIELD_RESERVED)
			wrong = !field_is_zero(f, host);
		if (wrong)
			report(data, f, value);
	}
}

/* -- printing ---------------------------------------------------------------- */

/* Like snprintf: text beyond the buffer is only counted. */
struct text {
	char *at;
	size_t room, used;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	size_t left = text->used < text->room ? text->room - text->used : 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(left ? text->at + text->used : NULL, left, format, args);
	va_end(args);
	if (n > 0)
		text->used += (size_t)n;
}

static void add_bytes(struct text *text, const struct field *field, const uint8_t *bytes)
{
	for (uint16_t i = 0; i < field->length; i++)
		add(text, i ? " %02x" : "%02x", (unsigned)bytes[i]);
}

/* Quoted, without padding; unprintable bytes as \xNN. */
static void add_text(struct text *text, const struct field *field, const char *bytes)
{
	size_t length = field->length;

	while (length && !bytes[length - 1])
		length--;
	add(text, "\"");
	for (size_t i = 0; i < length; i++)
		if (bytes[i] >= ' ' && bytes[i] < 127 && bytes[i] != '"' && bytes[i] != '\\')
			add(text, "%c", bytes[i]);
		else
			add(text, "\\x%02x", (unsigned)(uint8_t)bytes[i]);
	add(text, "\"");
}

static void add_hex(struct text *text, const struct field *field, uint64_t value)
{
	add(text, "0x%0*" PRIx64, 2 * (int)field->length, value);
}

static bool is_one_bit(uint64_t mask)
{
	return !(mask & (mask - 1));
}

static uint64_t number_in(uint64_t value, uint64_t mask)
{
	return (value & mask) >> __builtin_ctzll(mask);
}

static void add_names(struct text *text, const struct field *field, uint64_t value)
{
	const char *before = " (";

	for (const struct field_name *n = field->names; n && n->name; n++) {
		if (field->kind == FIELD_FLAGS ? !(value & n->value) : value != n->value)
			continue;
		add(text, "%s%s", before, n->name);
		if (field->kind == FIELD_FLAGS && !is_one_bit(n->value))
			add(text, "=0x%" PRIx64, number_in(value, n->value));
		before = ", ";
	}
	if (before[0] == ',')
		add(text, ")");
}

size_t field_format(const struct field *field, const void *host, char *to, size_t room)
{
	const char *member = (const char *)host + field->member;
	struct text text = { to, room, 0 };
	uint64_t value = field_get(field, host);

	if (room)
		to[0] = '\0';
	if (field->kind == FIELD_TEXT)
		add_text(&text, field, member);
	else if (!field_is_integer(field))
		add_bytes(&text, field, (const uint8_t *)member);
	else if (field->kind == FIELD_NUMBER)
		add(&text, "%" PRIu64, value);
	else if (field->kind == FIELD_BDF)
		add(&text, "%02x:%02x.%x", (unsigned)(value >> 8 & 0xff),
		    (unsigned)(value >> 3 & 0x1f), (unsigned)(value & 7));
	else
		add_hex(&text, field, value);
	if (field->names)
		add_names(&text, field, value);
	return text.used;
}
