/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_WIRE_LAYOUT_H
#define VIOMMU_WIRE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Wire layouts, written once
 *
 * A layout is the specification's table of one structure: a row for each field, in wire order,
 * with name, offset and length. Decoding, encoding, printing, JSON and checks walk the same rows.
 * Virtio's requests and the nodes of every ACPI table are described this way. Everything is
 * little-endian.
 *
 * The host struct has a member for every row, reserved bytes included, exactly as wide as the
 * field. So a decoded structure encodes to the same bytes. Fields of 1, 2, 4 and 8 bytes are
 * integers; all others are arrays of bytes in wire order.
 */

enum field_kind {
	FIELD_TYPE,     /* which layout this is */
	FIELD_LENGTH,   /* of the whole structure, with what follows it */
	FIELD_NUMBER,   /* printed in decimal */
	FIELD_HEX,      /* printed in hexadecimal, as wide as the field */
	FIELD_BDF,      /* a PCI function: bus:device.function */
	FIELD_OFFSET,   /* of another structure, from the start of the table */
	FIELD_ENUM,     /* the value is one of `names` */
	FIELD_FLAGS,    /* the value is a mask of `names` */
	FIELD_TEXT,     /* ASCII, padded with NUL */
	FIELD_BYTES,    /* bytes without a meaning here */
	FIELD_CHECKSUM, /* makes all bytes of the table add up to 0 */
	FIELD_RESERVED, /* written as 0, reported otherwise */
};

/*
 * The name of a value, of a bit of FIELD_FLAGS, or of adjacent bits there, which are a number. A
 * NULL name ends the list.
 */
struct field_name {
	uint64_t value;
	const char *name;
};

struct field {
	const char *name;               /* the specification's, in sentence case */
	uint16_t at;                    /* offset in bytes */
	uint16_t length;                /* bytes */
	uint16_t member;                /* offset in the host struct */
	uint8_t kind;                   /* enum field_kind */
	const struct field_name *names; /* of FIELD_ENUM and FIELD_FLAGS */
};

/* The type of a layout for unknown types: more than two bytes can hold. */
#define LAYOUT_UNKNOWN 0x10000u

struct layout {
	const char *name;
	uint32_t type;      /* value of the FIELD_TYPE */
	uint16_t length;    /* bytes of the fixed part */
	uint16_t host_size; /* sizeof the host struct */
	uint16_t n_fields;
	bool is_as_sent; /* the host struct begins with the bytes of the wire */
	const struct field *fields;
};

/* ROW(struct viot_pci_range, 4, HEX, endpoint_start, "Endpoint start") */
#define ROW(host, at, kind, m, name) \
	{ \
		name, at, sizeof(((host *)NULL)->m), offsetof(host, m), FIELD_##kind, NULL \
	}
#define ROW_NAMED(host, at, kind, m, name, names) \
	{ \
		name, at, sizeof(((host *)NULL)->m), offsetof(host, m), FIELD_##kind, names \
	}

/* The same, of a layout as sent: a member that is not where its field is does not compile. */
#define ROW_AS_SENT(host, at, kind, m, name, names) \
	{ \
		name, at, sizeof(((host *)NULL)->m), \
			offsetof(host, m) + 0 * sizeof(char[offsetof(host, m) == (at) ? 1 : -1]), \
			FIELD_##kind, names \
	}

#define LAYOUT(name, type, length, host, fields) \
	{ \
		name, type, length, sizeof(host), sizeof(fields) / sizeof((fields)[0]), false, \
			fields \
	}
#define LAYOUT_AS_SENT(name, type, length, host, fields) \
	{ \
		name, type, length, sizeof(host), sizeof(fields) / sizeof((fields)[0]), \
			__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, fields \
	}

#define for_each_field(f, layout) \
	for (const struct field *f = (layout)->fields; f < (layout)->fields + (layout)->n_fields; \
	     f++)

/* Integers byte by byte, for any alignment and host. `length` is 1 to 8. */
uint64_t wire_load(const void *wire, size_t length);
void wire_store(void *wire, size_t length, uint64_t value);

/* Does [offset, offset + length) lie inside [0, limit)? Never overflows. */
static inline bool wire_fits(uint64_t offset, uint64_t length, uint64_t limit)
{
	return offset <= limit && length <= limit - offset;
}

bool field_is_integer(const struct field *field);

/* 0 for an array of bytes. */
uint64_t field_get(const struct field *field, const void *host);
void field_set(const struct field *field, void *host, uint64_t value);

bool field_is_zero(const struct field *field, const void *host);

/* The row with that name, or NULL. */
const struct field *layout_field(const struct layout *layout, const char *name);

/* `wire` has layout->length bytes, `host` has layout->host_size. */
void layout_decode(const struct layout *layout, const void *wire, void *host);
void layout_encode(const struct layout *layout, const void *host, void *wire);

/* Write a field's value for a person, NUL-terminated. Returns the length needed, as snprintf(). */
size_t field_format(const struct field *field, const void *host, char *text, size_t room);

/*
 * Report every field that is invalid whatever the rest says: a wrong type or length, a reserved
 * byte that is not 0. FIELD_LENGTH may be larger unless `exact`.
 */
typedef void layout_report(void *data, const struct field *field, uint64_t value);
void layout_check(const struct layout *layout, const void *host, bool exact, layout_report *report,
		  void *data);

#endif
