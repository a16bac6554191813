/* SPDX-License-Identifier: BSD-3-Clause */
#include "fwcfg.h"

/* QEMU's docs/specs/fw_cfg.rst: the registers of MMIO, and the directory, which is big-endian */
enum { DATA = 0, SELECTOR = 8, DIRECTORY = 0x19, NAME = 56, MAX_FILE = 1 << 20 };

/* A command of the script: its number, then names of files and little-endian numbers. */
enum { COMMAND = 128, ALLOCATE = 1, ADD_POINTER, ADD_CHECKSUM };
enum { FIRST_NAME = 4, SECOND_NAME = FIRST_NAME + NAME };
enum { ALIGN = SECOND_NAME };
enum { POINTER_AT = SECOND_NAME + NAME, POINTER_LENGTH = POINTER_AT + 4 };
enum { SUM_AT = SECOND_NAME, SUM_FIRST = SUM_AT + 4, SUM_LENGTH = SUM_FIRST + 4 };

struct file {
	char name[NAME];
	uint8_t *bytes;
	uint32_t length;
};

static volatile uint8_t *registers;
static struct file files[16];
static unsigned n_files;

static void select(uint16_t key)
{
	write16(registers, SELECTOR, (uint16_t)(key << 8 | key >> 8));
	machine_fence();
}

/* The next bytes of what is selected. */
static void take(void *to, uint32_t n)
{
	for (uint8_t *at = to; n--; at++)
		*at = registers[DATA];
}

static uint32_t take_big(unsigned n)
{
	uint32_t value = 0;

	while (n--)
		value = value << 8 | registers[DATA];
	return value;
}

static bool is_named(const char *name, const uint8_t *other)
{
	unsigned i = 0;

	while (i < NAME && name[i] && (uint8_t)name[i] == other[i])
		i++;
	return i < NAME && (uint8_t)name[i] == other[i];
}

/* Select the file, whose length it returns; 0: there is none. */
static uint32_t select_file(const char *name)
{
	uint8_t other[NAME];

	select(DIRECTORY);
	for (uint32_t n = take_big(4); n; n--) {
		uint32_t length = take_big(4), key = take_big(4) >> 16;

		take(other, NAME);
		if (!is_named(name, other))
			continue;
		select((uint16_t)key);
		return length <= MAX_FILE ? length : 0;
	}
	return 0;
}

static bool read_file(struct file *file)
{
	file->length = select_file(file->name);
	if (!file->length)
		return false;
	file->bytes = take_pages((unsigned)((file->length + PAGE - 1) / PAGE));
	take(file->bytes, file->length);
	return true;
}

/* One that was allocated; NULL. */
static struct file *file_at(const uint8_t *name)
{
	for (unsigned i = 0; i < n_files; i++)
		if (is_named(files[i].name, name))
			return &files[i];
	return NULL;
}

static bool allocate(const uint8_t *command)
{
	struct file *file = &files[n_files];

	if (n_files == COUNT(files) || get_number(command + ALIGN, 4) > PAGE)
		return false;
	memcpy(file->name, command + FIRST_NAME, NAME);
	n_files++;
	return read_file(file);
}

static bool add_pointer(const uint8_t *command)
{
	const struct file *file = file_at(command + FIRST_NAME);
	const struct file *target = file_at(command + SECOND_NAME);
	uint32_t at = (uint32_t)get_number(command + POINTER_AT, 4);
	unsigned length = command[POINTER_LENGTH];

	if (!file || !target || length > 8 || length > file->length || at > file->length - length)
		return false;
	put_number(file->bytes + at, length,
		   get_number(file->bytes + at, length) + (uint64_t)target->bytes);
	return true;
}

static bool add_checksum(const uint8_t *command)
{
	const struct file *file = file_at(command + FIRST_NAME);
	uint32_t at = (uint32_t)get_number(command + SUM_AT, 4);
	uint32_t first = (uint32_t)get_number(command + SUM_FIRST, 4);
	uint32_t length = (uint32_t)get_number(command + SUM_LENGTH, 4);
	uint8_t sum = 0;

	if (!file || at >= file->length || first > file->length || length > file->length - first)
		return false;
	while (length--)
		sum += file->bytes[first + length];
	file->bytes[at] -= sum;
	return true;
}

/* Other commands tell QEMU an address, which it does not need here. */
static bool (*const commands[])(const uint8_t *command) = {
	[ALLOCATE] = allocate,
	[ADD_POINTER] = add_pointer,
	[ADD_CHECKSUM] = add_checksum,
};

static bool execute(const uint8_t *command)
{
	uint64_t number = get_number(command, 4);

	return number >= COUNT(commands) || !commands[number] || commands[number](command);
}

const void *fwcfg_rsdp(volatile uint8_t *at_registers)
{
	struct file script = { .name = "etc/table-loader" };
	const struct file *rsdp;

	registers = at_registers;
	if (!registers || !read_file(&script))
		return NULL;
	for (uint32_t at = 0; at + COMMAND <= script.length; at += COMMAND)
		if (!execute(script.bytes + at))
			return NULL;
	rsdp = file_at((const uint8_t *)"etc/acpi/rsdp");
	return rsdp && rsdp->length >= 36 ? rsdp->bytes : NULL;
}
