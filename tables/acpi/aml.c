/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AML for a DSDT of devices: packages, names, and their resources
 *
 * A package has its own length in front, which counts the bytes of the length too (20.2.4), so its
 * terms are encoded first.
 */
#include <string.h>

#include "aml.h"
#include "wire/layout.h"

enum {
	ZERO = 0x00,
	ONE = 0x01,
	NAME = 0x08,
	BYTE = 0x0a,
	WORD = 0x0b,
	DWORD = 0x0c,
	STRING = 0x0d,
	QWORD = 0x0e,
	SCOPE = 0x10,
	BUFFER = 0x11,
	EXTENDED = 0x5b,
	DEVICE = 0x82, /* behind EXTENDED */
};

static void put(struct bytes *aml, uint64_t value, size_t length)
{
	uint8_t wire[sizeof(value)];

	wire_store(wire, length, value);
	bytes_append(aml, wire, length);
}

/* -- packages --------------------------------------------------------------------------- */

/* One byte holds 6 bits of the length; with further bytes, the first one holds 4. */
static void put_length(struct bytes *aml, size_t inside)
{
	unsigned more = 0;
	size_t length = inside + 1;

	if (length > 0x3f)
		for (more = 1, length++; length >> (4 + 8 * more); more++)
			length++;
	put(aml, more ? more << 6 | (length & 0xf) : length, 1);
	if (more)
		put(aml, length >> 4, more);
}

void aml_scope(struct bytes *aml, const struct bytes *terms)
{
	static const char root[] = { '\\', '_', 'S', 'B', '_' };

	put(aml, SCOPE, 1);
	put_length(aml, sizeof(root) + terms->len);
	bytes_append(aml, root, sizeof(root));
	bytes_append(aml, terms->data, terms->len);
}

#define NAME_LENGTH 4

void aml_device(struct bytes *aml, const char *name, const struct bytes *terms)
{
	put(aml, EXTENDED, 1);
	put(aml, DEVICE, 1);
	put_length(aml, NAME_LENGTH + terms->len);
	bytes_append(aml, name, NAME_LENGTH);
	bytes_append(aml, terms->data, terms->len);
}

/* -- names ------------------------------------------------------------------------------ */

static void begin_name(struct bytes *aml, const char *name)
{
	put(aml, NAME, 1);
	bytes_append(aml, name, NAME_LENGTH);
}

void aml_name_text(struct bytes *aml, const char *name, const char *text)
{
	begin_name(aml, name);
	put(aml, STRING, 1);
	bytes_append(aml, text, strlen(text) + 1);
}

/* In the shortest encoding, as compilers write it. */
static void put_number(struct bytes *aml, uint64_t number)
{
	static const struct {
		uint8_t opcode, length;
	} widths[] = { { BYTE, 1 }, { WORD, 2 }, { DWORD, 4 }, { QWORD, 8 } };
	size_t i = 0;

	if (number <= 1) {
		put(aml, number ? ONE : ZERO, 1);
		return;
	}
	while (widths[i].length < sizeof(number) && number >> (8 * widths[i].length))
		i++;
	put(aml, widths[i].opcode, 1);
	put(aml, number, widths[i].length);
}

void aml_name_number(struct bytes *aml, const char *name, uint64_t number)
{
	begin_name(aml, name);
	put_number(aml, number);
}

/* Resources are the contents of a buffer. */
void aml_name_resources(struct bytes *aml, const char *name, const struct bytes *resources)
{
	struct bytes *size = bytes_new();

	begin_name(aml, name);
	put_number(size, resources->len);
	put(aml, BUFFER, 1);
	put_length(aml, size->len + resources->len);
	bytes_append(aml, size->data, size->len);
	bytes_append(aml, resources->data, resources->len);
	bytes_free(size);
}

/* -- resources --------------------------------------------------------------------------- */

enum {
	MEMORY_32_FIXED = 0x86,
	EXTENDED_INTERRUPT = 0x89,
	QWORD_ADDRESS_SPACE = 0x8a,
	END_TAG = 0x79,
};

#define MEMORY_32_FIXED_LENGTH     9
#define QWORD_ADDRESS_SPACE_LENGTH 43
#define INTERRUPT_HEAD_LENGTH      2

#define WRITABLE        1
#define FIXED_AT_BOTH   (1 << 2 | 1 << 3) /* minimum and maximum are fixed */
#define LEVEL_HIGH_ONLY 1                 /* consumer; level, active-high, exclusive */

/* 6.4.3.4, Memory32Fixed, as firmware has it; beyond 4 GiB 6.4.3.5.1, QWordMemory. */
void aml_memory(struct bytes *resources, uint64_t base, uint64_t length)
{
	if (base + (length - 1) <= UINT32_MAX) {
		put(resources, MEMORY_32_FIXED, 1);
		put(resources, MEMORY_32_FIXED_LENGTH, 2);
		put(resources, WRITABLE, 1);
		put(resources, base, 4);
		put(resources, length, 4);
		return;
	}
	put(resources, QWORD_ADDRESS_SPACE, 1);
	put(resources, QWORD_ADDRESS_SPACE_LENGTH, 2);
	put(resources, 0, 1); /* memory */
	put(resources, FIXED_AT_BOTH, 1);
	put(resources, WRITABLE, 1);
	put(resources, 0, 8); /* granularity */
	put(resources, base, 8);
	put(resources, base + (length - 1), 8);
	put(resources, 0, 8); /* translation */
	put(resources, length, 8);
}

/* 6.4.3.6 */
void aml_interrupts(struct bytes *resources, const uint32_t *interrupts, unsigned n)
{
	put(resources, EXTENDED_INTERRUPT, 1);
	put(resources, INTERRUPT_HEAD_LENGTH + n * sizeof(*interrupts), 2);
	put(resources, LEVEL_HIGH_ONLY, 1);
	put(resources, n, 1);
	for (unsigned i = 0; i < n; i++)
		put(resources, interrupts[i], sizeof(*interrupts));
}

/* 6.4.2.9; a checksum of 0 is not checked. */
void aml_end(struct bytes *resources)
{
	put(resources, END_TAG, 1);
	put(resources, 0, 1);
}
