/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_WIRE_LAYOUT_H
#define VIOMMU_WIRE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Wire layouts, written down once
 *
 * A layout is the specification's own table of one structure: a row a field, in
 * wire order, with the specification's name, offset and length. Decoding,
 * encoding, printing, JSON and checking are walks over the same rows, so a field
 * that one of them knows, all of them know. Virtio's requests and the nodes of
 * every ACPI table are described this way. Everything is little-endian.
 *
 * The host struct has a member for every row, reserved bytes included, and the
 * member is exactly as wide as the field on the wire. So what was decoded can be
 * encoded again without loss. Fields of 1, 2, 4 and 8 bytes are integers of that
 * width; all others are arrays of bytes, kept in wire order.
 */

enum field_kind {
	FIELD_TYPE,     /* says which layout this is */
	FIELD_LENGTH,   /* the length of the whole structure, what follows it included */
	FIELD_NUMBER,   /* shown in decimal */
	FIELD_HEX,      /* shown in hexadecimal, as wide as the field */
	FIELD_BDF,      /* a PCI function: bus:device.function */
	FIELD_OFFSET,   /* where another structure begins, from the start of the table */
	FIELD_ENUM,     /* one of `names`: the value must be equal */
	FIELD_FLAGS,    /* any of `names`: the value is a mask */
	FIELD_TEXT,     /* bytes of ASCII, padded with NUL */
	FIELD_BYTES,    /* bytes without a meaning of their own */
	FIELD_CHECKSUM, /* makes all bytes of the table add up to 0 */
	FIELD_RESERVED, /* written as 0, reported otherwise */
};

/* What a value, or a bit of one, is called. A list ends with a NULL name. */
struct field_name {
	uint64_t value;
	const char *name;
};

struct field {
	const char *name;               /* the specification's, in sentence case */
	uint16_t at;                    /* bytes from the start of the structure */
	uint16_t length;                /* bytes */
	uint16_t member;                /* where the host struct keeps it */
	uint8_t kind;                   /* enum field_kind */
	const struct field_name *names; /* of FIELD_ENUM and FIELD_FLAGS */
};

/* The type of a layout for structures whose type is not known: more than two bytes can hold. */
#define LAYOUT_UNKNOWN 0x10000u

struct layout {
	const char *name;
	uint32_t type;      /* what a FIELD_TYPE holds */
	uint16_t length;    /* bytes of the fixed part on the wire */
	uint16_t host_size; /* sizeof the host struct */
	uint16_t n_fields;
	const struct field *fields;
};

/* A row: ROW(struct viot_pci_range, 4, HEX, endpoint_start, "Endpoint start") */
#define ROW(host, at, kind, m, name) \
	{ \
		name, at, sizeof(((host *)NULL)->m), offsetof(host, m), FIELD_##kind, NULL \
	}
#define ROW_NAMED(host, at, kind, m, name, names) \
	{ \
		name, at, sizeof(((host *)NULL)->m), offsetof(host, m), FIELD_##kind, names \
	}

#define LAYOUT(name, type, length, host, fields) \
	{ \
		name, type, length, sizeof(host), sizeof(fields) / sizeof((fields)[0]), fields \
	}

#define for_each_field(f, layout) \
	for (const struct field *f = (layout)->fields; f < (layout)->fields + (layout)->n_fields; \
	     f++)

/* Integers on the wire, byte by byte: any alignment, any host. `length` is 1 to 8. */
uint64_t wire_load(const void *wire, size_t length);
void wire_store(void *wire, size_t length, uint64_t value);

/* Does [offset, offset + length) lie inside [0, limit)? Never overflows. */
static inline bool wire_fits(uint64_t offset, uint64_t length, uint64_t limit)
{
	return offset <= limit && length <= limit - offset;
}

/* Is the field an integer (and not an array of bytes)? */
bool field_is_integer(const struct field *field);

/* The integer that the host struct keeps for a field; 0 for an array of bytes. */
uint64_t field_get(const struct field *field, const void *host);
void field_set(const struct field *field, void *host, uint64_t value);

/* Are all bytes of the field 0? */
bool field_is_zero(const struct field *field, const void *host);

/* The row with that name, or NULL. */
const struct field *layout_field(const struct layout *layout, const char *name);

/* `wire` has layout->length bytes, `host` has layout->host_size. */
void layout_decode(const struct layout *layout, const void *wire, void *host);
void layout_encode(const struct layout *layout, const void *host, void *wire);

/*
 * Write a field's value as a person reads it into `text`, always NUL-terminated.
 * Returns the length it needs without the NUL, as snprintf does.
 */
size_t field_format(const struct field *field, const void *host, char *text, size_t room);

/*
 * Call `report` for every field that holds what it must not whatever the table
 * says: a type or length that is not the layout's, a reserved byte that is not 0.
 * FIELD_LENGTH is checked only where `exact`, for what follows may make it longer.
 */
typedef void layout_report(void *data, const struct field *field, uint64_t value);
void layout_check(const struct layout *layout, const void *host, bool exact, layout_report *report,
		  void *data);

#endif
