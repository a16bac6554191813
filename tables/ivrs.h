/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IVRS_H
#define VIOMMU_TABLES_IVRS_H

#include "format.h"

/*
 * The structures of IVRS as the files that read, check and make one see them: members in the
 * order of the specification. Their rows are in ivrs_layout.c.
 */

enum ivrs_block_type {
	IVRS_IVHD_10 = 0x10,
	IVRS_IVHD_11 = 0x11,
	IVRS_IVMD_ALL = 0x20,
	IVRS_IVMD_ONE = 0x21,
	IVRS_IVMD_RANGE = 0x22,
	IVRS_IVHD_40 = 0x40,

	IVRS_BLOCK_UNKNOWN = 0x100, /* beyond what a type can be: none is the right one */
};

enum ivrs_entry_type {
	IVRS_PAD = 0x00,
	IVRS_ALL = 0x01,
	IVRS_SELECT = 0x02,
	IVRS_START = 0x03,
	IVRS_END = 0x04,
	IVRS_PAD_8 = 0x40,
	IVRS_ALIAS = 0x42,
	IVRS_ALIAS_START = 0x43,
	IVRS_EXTENDED = 0x46,
	IVRS_EXTENDED_START = 0x47,
	IVRS_SPECIAL = 0x48,
	IVRS_HID = 0xf0,

	IVRS_ENTRY_UNKNOWN = 0x200, /* apart from blocks, too */
};

#define IVRS_HEAD_LENGTH 48

/* IVinfo: what the machine's IOMMUs have in common. */
#define IVRS_EFR_SUPPORTED (1u << 0)

struct ivrs_head {
	struct acpi_header acpi;
	uint32_t info;
	uint8_t reserved[8];
};

/* Every block begins with these. */
struct ivrs_block {
	uint8_t type, flags;
	uint16_t length;
};

/* An IOMMU; device entries follow. Type 10h ends with `features`, for it has no images. */
struct ivrs_ivhd {
	struct ivrs_block block;
	uint16_t bdf, capability;
	uint64_t base;
	uint16_t segment, info;
	uint32_t features; /* attributes, in types 11h and 40h */
	uint64_t efr, efr2;
};

#define IVRS_UNITY     (1u << 0)
#define IVRS_READ      (1u << 1)
#define IVRS_WRITE     (1u << 2)
#define IVRS_EXCLUSION (1u << 3)

/* Memory that some devices reach in a way of their own. */
struct ivrs_ivmd {
	struct ivrs_block block;
	uint16_t bdf, last; /* `last` in type 22h only */
	uint16_t segment;
	uint8_t reserved[6];
	uint64_t start, length;
};

/* Every device entry but pads begins with these. */
struct ivrs_entry {
	uint8_t type;
	uint16_t bdf;
	uint8_t setting;
};

/* All, select, start, end. */
struct ivrs_plain {
	struct ivrs_entry entry;
};

struct ivrs_pad {
	uint8_t type;
	uint8_t reserved[3];
};

struct ivrs_pad_8 {
	uint8_t type;
	uint8_t reserved[7];
};

struct ivrs_alias {
	struct ivrs_entry entry;
	uint8_t reserved_4;
	uint16_t source;
	uint8_t reserved_7;
};

#define IVRS_NO_ATS (1u << 31)

struct ivrs_extended {
	struct ivrs_entry entry;
	uint32_t extended;
};

enum ivrs_variety { IVRS_IOAPIC = 1, IVRS_HPET = 2 };

struct ivrs_special {
	uint8_t type;
	uint16_t reserved;
	uint8_t setting;
	uint8_t handle;
	uint16_t source;
	uint8_t variety;
};

enum ivrs_uid_format { IVRS_UID_NONE = 0, IVRS_UID_INTEGER = 1, IVRS_UID_STRING = 2 };

/* The unique ID is the rest of its record. */
struct ivrs_hid {
	struct ivrs_entry entry;
	char hid[8], cid[8];
	uint8_t uid_format, uid_length;
};

/* The rows of a block or of an entry of that type; of its head, for one that is not known. */
const struct layout *ivrs_block_layout(uint64_t type);
const struct layout *ivrs_entry_layout(uint64_t type);

/* The type of a record that was decoded whole; ..._UNKNOWN, or IVRS_BYTES for bytes. */
#define IVRS_BYTES 0x300u
static inline unsigned ivrs_type_of(const struct record *record)
{
	return record->layout ? record->layout->type : IVRS_BYTES;
}

/* Is the block an IOMMU, and is it memory? */
static inline bool ivrs_is_ivhd(const struct record *record)
{
	unsigned type = ivrs_type_of(record);

	return type == IVRS_IVHD_10 || type == IVRS_IVHD_11 || type == IVRS_IVHD_40;
}

static inline bool ivrs_is_ivmd(const struct record *record)
{
	unsigned type = ivrs_type_of(record);

	return type >= IVRS_IVMD_ALL && type <= IVRS_IVMD_RANGE;
}

extern const struct layout ivrs_head_layout;

#endif
