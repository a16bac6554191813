/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DSDT and SSDTs, the definition blocks (ACPI 6.5, 5.2.11; AML: chapter 20)
 *
 * Tables of IOMMUs name devices by their paths in the namespace, which the AML of these tables
 * defines. AML cannot be read without interpreting it; but the definition of a device is a few
 * bytes that are rarely anything else: an opcode, a length that fits, and a name. Searching for
 * these may find too many names, and so never reports a device that is there.
 */
#include <string.h>

#include "dsdt.h"
#include "wire/layout.h"

enum {
	AML_ROOT = '\\',
	AML_PARENT = '^',
	AML_NAME = 0x08,
	AML_STRING = 0x0d,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_METHOD = 0x14,
	AML_DUAL_NAME = 0x2e,
	AML_MULTI_NAME = 0x2f,
	AML_EXTENDED = 0x5b,
	AML_RETURN = 0xa4,
	AML_DEVICE = 0x82, /* these three behind AML_EXTENDED */
	AML_PROCESSOR = 0x83,
	AML_THERMAL_ZONE = 0x85,
};

#define NAME_LENGTH 4
#define NAMES_MAX   ((size_t)1 << 20)

struct code {
	const uint8_t *at, *end;
};

/* -- names ---------------------------------------------------------------------------- */

static bool is_name(const struct code *code)
{
	if (code->end - code->at < NAME_LENGTH)
		return false;
	for (int i = 0; i < NAME_LENGTH; i++) {
		uint8_t c = code->at[i];

		if (!(c >= 'A' && c <= 'Z') && c != '_' && !(i && c >= '0' && c <= '9'))
			return false;
	}
	return true;
}

/* How many names follow each other; the position moves to the first. */
static unsigned begin_names(struct code *code)
{
	while (code->at < code->end && (*code->at == AML_ROOT || *code->at == AML_PARENT))
		code->at++;
	if (code->at == code->end)
		return 0;
	if (*code->at == AML_DUAL_NAME) {
		code->at++;
		return 2;
	}
	if (*code->at != AML_MULTI_NAME)
		return 1;
	code->at++;
	return code->at < code->end ? *code->at++ : 0;
}

/*
 * 20.2.4: the first byte has the number of bytes that follow, and 6 or 4 bits of the length.
 * Returns whether what has that length lies inside the code, which then ends with it.
 */
static bool take_length(struct code *code)
{
	const uint8_t *start = code->at;
	unsigned more;
	size_t length;

	if (code->at == code->end)
		return false;
	more = *code->at >> 6;
	length = more ? *code->at & 0x0f : *code->at & 0x3f;
	if ((size_t)(code->end - code->at) <= more || (more && *code->at & 0x30))
		return false;
	for (unsigned i = 1; i <= more; i++)
		length |= (size_t)start[i] << (8 * i - 4);
	code->at += 1 + more;
	if (length < 1 + more + NAME_LENGTH || length > (size_t)(code->end - start))
		return false;
	code->end = start + length;
	return true;
}

/* A definition: its names lead to the last one, which is defined or opened. */
static bool collect(struct code code, struct hash *last, struct hash *before)
{
	unsigned n;

	if (!take_length(&code))
		return true;
	for (n = begin_names(&code); n && is_name(&code); n--, code.at += NAME_LENGTH)
		hash_add(n > 1 ? before : last, GUINT_TO_POINTER(acpi_name((const char *)code.at)));
	return hash_size(last) + hash_size(before) < NAMES_MAX;
}

bool dsdt_collect_names(const struct viommu_table *block, struct hash *devices, struct hash *scopes)
{
	const struct rest *rest = &block->root->rest;
	struct code code = { rest->data, rest->data + rest->len };
	bool complete = true;

	for (; complete && code.end - code.at > 2; code.at++) {
		bool extended = code.at[0] == AML_EXTENDED;
		uint8_t opcode = extended ? code.at[1] : code.at[0];
		struct code behind = { code.at + (extended ? 2 : 1), code.end };

		if (extended && opcode == AML_DEVICE)
			complete = collect(behind, devices, scopes);
		else if (extended ? opcode == AML_PROCESSOR || opcode == AML_THERMAL_ZONE
				  : opcode == AML_SCOPE)
			complete = collect(behind, scopes, scopes);
	}
	return complete;
}

/* -- hardware IDs ----------------------------------------------------------------------- */

static bool has_bytes(const struct rest *in, const void *bytes, size_t length)
{
	const uint8_t *at = in->data, *end = at + in->len;

	while (length && (size_t)(end - at) >= length) {
		at = memchr(at, *(const uint8_t *)bytes, (size_t)(end - at) - length + 1);
		if (!at)
			return false;
		if (!memcmp(at, bytes, length))
			return true;
		at++;
	}
	return false;
}

/* EISAID of ASL: three capitals of five bits each, and four hexadecimal digits. */
static bool pack(const char *id, uint8_t packed[4])
{
	unsigned letters = 0, digits = 0;

	if (strlen(id) != 7)
		return false;
	for (int i = 0; i < 3; i++) {
		if (id[i] < 'A' || id[i] > 'Z')
			return false;
		letters = letters << 5 | (unsigned)(id[i] - '@');
	}
	for (int i = 3; i < 7; i++) {
		if (g_ascii_xdigit_value(id[i]) < 0)
			return false;
		digits = digits << 4 | (unsigned)g_ascii_xdigit_value(id[i]);
	}
	packed[0] = (uint8_t)(letters >> 8);
	packed[1] = (uint8_t)letters;
	packed[2] = (uint8_t)(digits >> 8);
	packed[3] = (uint8_t)digits;
	return true;
}

bool dsdt_has_hardware_id(const struct viommu_table *block, const char *id)
{
	const struct rest *code = &block->root->rest;
	uint8_t packed[4];

	return has_bytes(code, id, strlen(id)) ||
	       (pack(id, packed) && has_bytes(code, packed, sizeof(packed)));
}

/* -- devices ---------------------------------------------------------------------------- */

#define DEPTH_MAX 32u

/* A position in a block, and the devices that it is in, of which each is in the one before. */
struct scan {
	struct code code;
	struct code devices[DEPTH_MAX];
	unsigned depth;
};

static struct scan scan_of(const struct viommu_table *block)
{
	const struct rest *rest = &block->root->rest;

	return (struct scan){ .code = { rest->data, rest->data + rest->len } };
}

/* Enters the device that begins here, if there is one. */
static void scan_here(struct scan *scan)
{
	struct code behind = scan->code;

	while (scan->depth && scan->devices[scan->depth - 1].end <= scan->code.at)
		scan->depth--;
	if (scan->depth == DEPTH_MAX || behind.end - behind.at <= 2 ||
	    behind.at[0] != AML_EXTENDED || behind.at[1] != AML_DEVICE)
		return;
	behind.at += 2;
	if (take_length(&behind))
		scan->devices[scan->depth++] = behind;
}

/* More bytes than a device has that is on no bus. */
#define DEVICE_LENGTH_MAX 0x10000

/* The innermost device; NULL: there is none, or it is too large. */
static const struct code *scan_device(const struct scan *scan)
{
	const struct code *device = scan->depth ? &scan->devices[scan->depth - 1] : NULL;

	return device && device->end - device->at <= DEVICE_LENGTH_MAX ? device : NULL;
}

/* -- proximity domains ------------------------------------------------------------------ */

/* ACPI 6.5, 6.4.3: descriptors of memory, with the offset and width of its first address. */
static const struct {
	uint8_t head[3]; /* the tag, and the length of what follows */
	uint8_t at, width;
	bool has_type; /* behind the head: 0 is memory, others are I/O and bus numbers */
} descriptors[] = {
	{ { 0x86, 0x09, 0 }, 4, 4, false }, /* 32-bit fixed memory range */
	{ { 0x87, 0x17, 0 }, 10, 4, true }, /* DWord address space */
	{ { 0x8a, 0x2b, 0 }, 14, 8, true }, /* QWord address space */
};

/* No machine's namespace refers to one address from many places. */
#define DESCRIPTORS_MAX 64

/* Is there a descriptor of memory? */
static bool is_memory(const struct code *code, uint64_t *ret_base)
{
	size_t room = (size_t)(code->end - code->at);

	for (size_t i = 0; i < G_N_ELEMENTS(descriptors); i++) {
		size_t at = descriptors[i].at, width = descriptors[i].width;

		if (room < at + width ||
		    memcmp(code->at, descriptors[i].head, sizeof(descriptors[i].head)) != 0 ||
		    (descriptors[i].has_type && code->at[sizeof(descriptors[i].head)]))
			continue;
		*ret_base = wire_load(code->at + at, width);
		return true;
	}
	return false;
}

/* 20.2.3: Zero, One, and constants of a byte, a word, a double word and a quad word. */
static bool take_constant(struct code *code, uint64_t *ret_value)
{
	static const uint8_t widths[] = { [0x0a] = 1, [0x0b] = 2, [0x0c] = 4, [0x0e] = 8 };
	size_t room = (size_t)(code->end - code->at), width;

	if (!room || code->at[0] >= sizeof(widths))
		return false;
	width = widths[code->at[0]];
	if (room <= width || (!width && code->at[0] > 1))
		return false;
	*ret_value = width ? wire_load(code->at + 1, width) : code->at[0];
	code->at += 1 + width;
	return true;
}

/* What a device gives a name, up to the end of the device. False: it has no such name. */
static bool find_value(struct code device, const char *name, struct code *ret_value)
{
	for (; device.end - device.at > 1 + NAME_LENGTH; device.at++)
		if (*device.at == AML_NAME && !memcmp(device.at + 1, name, NAME_LENGTH)) {
			*ret_value = (struct code){ device.at + 1 + NAME_LENGTH, device.end };
			return true;
		}
	return false;
}

static bool defines_domain(struct code device, uint32_t domain)
{
	struct code value;
	uint64_t number;

	return find_value(device, "_PXM", &value) && take_constant(&value, &number) &&
	       number == domain;
}

void dsdt_find_domains(const struct viommu_table *block, const struct hash *devices)
{
	struct scan scan = scan_of(block);

	for (; scan.code.at < scan.code.end; scan.code.at++) {
		struct dsdt_device *wanted;
		const struct code *device;
		uint64_t base;

		scan_here(&scan);
		wanted = is_memory(&scan.code, &base) ? hash_lookup(devices, &base) : NULL;
		device = wanted && !wanted->has_domain && wanted->n++ < DESCRIPTORS_MAX
				 ? scan_device(&scan)
				 : NULL;
		if (device)
			wanted->has_domain = defines_domain(*device, wanted->domain);
	}
}

/* -- command queues ----------------------------------------------------------------------- */

#define QUEUES_MAX 0x1000u

/* A number, or its decimal digits: the text that Linux compares. */
static bool take_identifier(struct code *code, uint32_t *ret_identifier)
{
	uint64_t number = 0;
	unsigned n = 0;

	if (take_constant(code, &number)) {
		*ret_identifier = (uint32_t)number;
		return number <= UINT32_MAX;
	}
	if (code->at == code->end || *code->at != AML_STRING)
		return false;
	for (code->at++; code->at < code->end && g_ascii_isdigit(*code->at); code->at++, n++)
		if (number > UINT32_MAX || (n && !number))
			return false;
		else
			number = number * 10 + (uint64_t)(*code->at - '0');
	*ret_identifier = (uint32_t)number;
	return n && number <= UINT32_MAX && code->at < code->end && !*code->at;
}

/* A buffer: a length, a size, and the descriptors. */
static bool take_buffer(struct code *code)
{
	uint64_t size;

	if (code->at == code->end || *code->at++ != AML_BUFFER || !take_length(code) ||
	    !take_constant(code, &size))
		return false;
	code->end -= size < (size_t)(code->end - code->at)
			     ? (size_t)(code->end - code->at) - (size_t)size
			     : 0;
	return true;
}

/* 6.4.2 and 6.4.3: bit 7 of a tag tells a length of 2 bytes behind it from one in its bits 2:0. */
static bool take_descriptor(struct code *code, struct code *ret_descriptor)
{
	size_t room = (size_t)(code->end - code->at), length;

	if (!room || (*code->at & 0x80 && room < 3))
		return false;
	length = *code->at & 0x80 ? 3 + (size_t)wire_load(code->at + 1, 2)
				  : 1 + (size_t)(*code->at & 7);
	if (room < length)
		return false;
	*ret_descriptor = (struct code){ code->at, code->at + length };
	code->at += length;
	return true;
}

/* The first memory, and the first interrupt. */
static void read_resources(struct code code, struct dsdt_queues *queues)
{
	enum { EXTENDED_INTERRUPT = 0x89, FIRST_AT = 5 };
	struct code descriptor;
	uint64_t base;

	while (take_descriptor(&code, &descriptor)) {
		if (!queues->base && is_memory(&descriptor, &base))
			queues->base = base;
		if (!queues->interrupt && *descriptor.at == EXTENDED_INTERRUPT &&
		    descriptor.end - descriptor.at >= FIRST_AT + (ptrdiff_t)sizeof(uint32_t))
			queues->interrupt =
				(uint32_t)wire_load(descriptor.at + FIRST_AT, sizeof(uint32_t));
	}
}

#define METHOD_ARGUMENTS 7u /* bits of its flags */

/* What a method without arguments returns in its first statement. False: it does more. */
static bool take_return(struct code method, struct code *ret_value)
{
	const uint8_t *flags = method.at + NAME_LENGTH;

	if (method.end - flags < 3 || *flags & METHOD_ARGUMENTS || flags[1] != AML_RETURN)
		return false;
	*ret_value = (struct code){ flags + 2, method.end };
	return true;
}

/* The method of that name, from its name on. */
static bool find_method(struct code device, const char *name, struct code *ret_method)
{
	for (; device.at < device.end; device.at++) {
		struct code method = { device.at + 1, device.end };

		if (*device.at == AML_METHOD && take_length(&method) &&
		    !memcmp(method.at, name, NAME_LENGTH)) {
			*ret_method = method;
			return true;
		}
	}
	return false;
}

/* A number, a text, a buffer: what take_constant() and the like read. */
static bool is_data(const struct code *code)
{
	static const uint8_t opcodes[] = { 0x00, 0x01, 0x0a,       0x0b,
					   0x0c, 0x0e, AML_STRING, AML_BUFFER };

	return code->at < code->end && memchr(opcodes, *code->at, sizeof(opcodes));
}

enum found { FOUND_NOTHING, FOUND_CODE, FOUND_VALUE };

/*
 * The value of an object: of a name, or of a method that only returns it or a name of the device.
 * Other methods are not evaluated.
 */
static enum found find_object(struct code device, const char *name, struct code *ret_value)
{
	char other[NAME_LENGTH];
	struct code method;

	if (find_value(device, name, ret_value))
		return FOUND_VALUE;
	if (!find_method(device, name, &method))
		return FOUND_NOTHING;
	if (!take_return(method, ret_value))
		return FOUND_CODE;
	if (!is_name(ret_value))
		return is_data(ret_value) ? FOUND_VALUE : FOUND_CODE;
	memcpy(other, ret_value->at, sizeof(other));
	return find_value(device, other, ret_value) ? FOUND_VALUE : FOUND_CODE;
}

/* A device without one of the two is none that Linux finds queues by. */
static void collect_device(struct code device, size_t at, struct array *all)
{
	struct dsdt_queues queues = { .at = at };
	struct code uid, resources;
	enum found has_uid = find_object(device, "_UID", &uid);
	enum found has_resources = find_object(device, "_CRS", &resources);

	if (has_uid == FOUND_NOTHING || has_resources == FOUND_NOTHING)
		return;
	if (has_uid == FOUND_VALUE && has_resources == FOUND_VALUE &&
	    take_identifier(&uid, &queues.identifier) && take_buffer(&resources))
		read_resources(resources, &queues);
	queues.is_computed = has_uid == FOUND_CODE || has_resources == FOUND_CODE;
	if (queues.base || queues.is_computed)
		array_append(all, queues);
}

/* Each device is searched once, for its first _HID, whether it has queues or not. */
void dsdt_collect_queues(const struct viommu_table *block, struct array *all)
{
	static const uint8_t id[] = "\x08_HID\x0d" DSDT_QUEUES;
	struct scan scan = scan_of(block);
	const uint8_t *begin = scan.code.at;
	unsigned n = 0;

	while ((size_t)(scan.code.end - scan.code.at) >= sizeof(id) && n < QUEUES_MAX) {
		const struct code *device;

		scan_here(&scan);
		device = memcmp(scan.code.at, id, sizeof(id)) ? NULL : scan_device(&scan);
		if (device) {
			collect_device(*device, (size_t)(scan.code.at - begin) + ACPI_HEADER_LENGTH,
				       all);
			scan.code.at = device->end;
			n++;
		} else {
			scan.code.at++;
		}
	}
}

/* -- the formats -------------------------------------------------------------------------- */

/* All code is one run of bytes. */
static void decode(struct viommu_table *table, const uint8_t *bytes, size_t length,
		   struct viommu_findings *findings)
{
	(void)findings;
	record_add_rest(table->root, bytes + ACPI_HEADER_LENGTH, length - ACPI_HEADER_LENGTH);
}

static const struct table_rule rules[] = { { NULL, NULL } };

const struct format dsdt_format = {
	.signature = "DSDT",
	.name = "Differentiated System Description table",
	.head = &acpi_layout,
	.decode = decode,
	.rules = rules,
};

const struct format ssdt_format = {
	.signature = "SSDT",
	.name = "Secondary System Description table",
	.head = &acpi_layout,
	.decode = decode,
	.rules = rules,
};
