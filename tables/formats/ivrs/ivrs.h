/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IVRS_H
#define VIOMMU_TABLES_IVRS_H

#include "tables/model/topology.h"
#include "tables/table/format.h"

/*
 * The structures of an IVRS, decoded: members in the order of the specification. Their rows are in
 * layout.c.
 */

/*
 * Block types on the wire. IVHD blocks describe an IOMMU; types 11h and 40h came with later
 * revisions of the specification. IVMD blocks describe memory for all devices, one, or a range.
 */
enum ivrs_block_type {
	IVRS_IVHD_10 = 0x10,
	IVRS_IVHD_11 = 0x11,
	IVRS_IVMD_ALL = 0x20,
	IVRS_IVMD_ONE = 0x21,
	IVRS_IVMD_RANGE = 0x22,
	IVRS_IVHD_40 = 0x40,

	/* Only in a table inside a VIOT of 2019: virtio-iommus (docs/tables.md). */
	IVRS_VIRTIO_PCI = 0x80,
	IVRS_VIRTIO_MMIO = 0x81,

	IVRS_BLOCK_UNKNOWN = LAYOUT_UNKNOWN,
};

/*
 * Types of device entries. The two top bits of a type below 80h give the length, so that unknown
 * types can be skipped; only ACPI devices have a length field. Most entries come in two forms: for
 * one function, and for the start of a range.
 */
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

	IVRS_ENTRY_UNKNOWN = LAYOUT_UNKNOWN,
};

#define IVRS_HEAD_LENGTH 48

/*
 * Bounds memory: each entry of four bytes becomes a record. Three blocks of 65536 entries each are
 * well below.
 */
#define IVRS_MAX_STRUCTURES (1u << 20)

/* The last function of a segment, and the first of its last bus. */
#define IVRS_LAST_BDF 0xffffu
#define IVRS_LAST_BUS 0xff00u

/* IVinfo: attributes of all IOMMUs. */
#define IVRS_EFR_SUPPORTED (1u << 0)
#define IVRS_ADDRESS_SHIFT 8
#define IVRS_ADDRESS_BITS  (0x7fu << IVRS_ADDRESS_SHIFT)
#define IVRS_VIRTUAL_SHIFT 15
#define IVRS_VIRTUAL_BITS  (0x7fu << IVRS_VIRTUAL_SHIFT)

/* The default width of physical addresses. */
#define IVRS_DEFAULT_ADDRESS_BITS 40

/* Performance counters, in the features of a block 10h and in the EFR. */
#define IVRS_COUNTERS     (0xfu << 13)
#define IVRS_BANKS        (0x3fu << 17)
#define IVRS_EFR_COUNTERS (UINT64_C(1) << 9)

/* Blocks follow, up to the end of the table. */
struct ivrs_head {
	struct acpi_header acpi;
	uint32_t info;
	uint8_t reserved[8];
};

/* The head of known blocks. Of unknown ones only the length is certain. */
struct ivrs_block {
	uint8_t type, flags;
	uint16_t length;
	uint16_t bdf;
};

/* The IOMMU's own accesses are cache-coherent. The model represents no other flag. */
#define IVRS_COHERENT (1u << 5)

/* Flags that blocks 11h and 40h have too: their register images replace the others. */
#define IVRS_IMAGE_FLAGS 0x3fu

/*
 * An IOMMU; device entries follow. Type 10h ends after `features`. The last members are those of
 * virtio-iommus.
 */
struct ivrs_ivhd {
	struct ivrs_block block;
	uint16_t capability;
	uint64_t base;
	uint16_t segment, info;
	uint32_t features; /* attributes, in types 11h and 40h */
	uint64_t efr, efr2;

	uint64_t span;
	uint32_t interrupt;
	uint16_t reserved_4, reserved_6, reserved_16, reserved_18;
	uint64_t reserved_8;
	uint32_t reserved_20;
};

/*
 * IVMD flags: an identity mapping with these rights, or memory that is accessed without
 * translation.
 */
#define IVRS_UNITY     (1u << 0)
#define IVRS_READ      (1u << 1)
#define IVRS_WRITE     (1u << 2)
#define IVRS_EXCLUSION (1u << 3)

#define IVRS_ANY_ACCESS (IVRS_READ | IVRS_WRITE)

struct ivrs_ivmd {
	struct ivrs_block block;
	uint16_t last; /* in type 22h only */
	uint16_t segment;
	uint8_t reserved[6];
	uint64_t start, length;
};

/* The head of all device entries but pads. */
struct ivrs_entry {
	uint8_t type;
	uint16_t bdf;
	uint8_t setting;
};

/* All, select, start, end. */
struct ivrs_plain {
	struct ivrs_entry entry;
};

/* Aligns the next entry to 8 bytes. */
struct ivrs_pad {
	uint8_t type;
	uint8_t reserved[3];
};

struct ivrs_pad_8 {
	uint8_t type;
	uint8_t reserved[7];
};

/*
 * The IOMMU sees requests of the functions as those of `source`, such as a bridge to conventional
 * PCI.
 */
struct ivrs_alias {
	struct ivrs_entry entry;
	uint8_t reserved_4;
	uint16_t source;
	uint8_t reserved_7;
};

/* The IOMMU refuses address translation requests of these functions. */
#define IVRS_NO_ATS (1u << 31)

struct ivrs_extended {
	struct ivrs_entry entry;
	uint32_t extended;
};

/*
 * An interrupt source. The handle is the ID of an IOAPIC in the MADT, or the number of an HPET;
 * `source` is its requester ID.
 */
enum ivrs_variety { IVRS_IOAPIC = 1, IVRS_HPET = 2 };

struct ivrs_special {
	uint8_t type;
	uint16_t reserved;
	uint8_t setting;
	uint8_t handle;
	uint16_t source;
	uint8_t variety;
};

/* The unique ID of an ACPI device. */
enum ivrs_uid_format { IVRS_UID_NONE = 0, IVRS_UID_INTEGER = 1, IVRS_UID_STRING = 2 };

/* The unique ID follows: a string in a child record, anything else in the rest of this one. */
struct ivrs_hid {
	struct ivrs_entry entry;
	char hid[8], cid[8];
	uint8_t uid_format, uid_length;
};

/* The layout of a block or an entry of that type; an unknown type has the layout of a head. */
const struct layout *ivrs_block_layout(uint64_t type);
const struct layout *ivrs_entry_layout(uint64_t type);

/* The type of a record; LAYOUT_UNKNOWN if it was not decoded. */
static inline unsigned ivrs_type_of(const struct record *record)
{
	return record->layout ? record->layout->type : LAYOUT_UNKNOWN;
}

/* Is the block an IVHD, an IVMD? */
static inline bool ivrs_is_ivhd(const struct record *record)
{
	unsigned type = ivrs_type_of(record);

	return type == IVRS_IVHD_10 || type == IVRS_IVHD_11 || type == IVRS_IVHD_40;
}

/* Is the block a virtio-iommu? It has device entries as an IVHD has, and no other reader. */
static inline bool ivrs_is_virtio(const struct record *record)
{
	unsigned type = ivrs_type_of(record);

	return type == IVRS_VIRTIO_PCI || type == IVRS_VIRTIO_MMIO;
}

static inline bool ivrs_has_entries(const struct record *record)
{
	return ivrs_is_ivhd(record) || ivrs_is_virtio(record);
}

/* May the block have entries of ACPI devices? */
static inline bool ivrs_may_name(const struct record *record)
{
	return ivrs_type_of(record) == IVRS_IVHD_40 || ivrs_is_virtio(record);
}

static inline bool ivrs_is_ivmd(const struct record *record)
{
	unsigned type = ivrs_type_of(record);

	return type >= IVRS_IVMD_ALL && type <= IVRS_IVMD_RANGE;
}

/* Where known IOMMUs of AMD have their capability block, and QEMU's. */
#define IVRS_CAPABILITY 0x40

/* Device IDs of the southbridge: of AMD, 00:14.0, and of some machines of Hygon, 00:0b.0. */
#define IVRS_SOUTHBRIDGE       0x00a0
#define IVRS_SOUTHBRIDGE_HYGON 0x0058

extern const struct layout ivrs_head_layout;

/* check_across.c */
void ivrs_check_bases(const struct table_check *check);
void ivrs_check_addresses(const struct table_check *check);
void ivrs_check_capabilities(const struct table_check *check);
void ivrs_check_special_twice(const struct table_check *check);
void ivrs_check_hid_text(const struct table_check *check);

/*
 * The block type that Linux reads, for all IOMMUs: the byte, which need not be a type that is
 * known. LAYOUT_UNKNOWN if there is no block.
 */
unsigned ivrs_linux_type(const struct viommu_table *table);

/* The bytes of registers that Linux reserves for the IOMMU of a block. */
uint64_t ivrs_span(const struct record *block);

/* The highest device ID of a block that Linux counts, or -1. */
int ivrs_highest_of(const struct record *block);

/* check_entries.c, check_coverage.c */
void ivrs_check_open(const struct table_check *check);
void ivrs_check_inverted(const struct table_check *check);
void ivrs_check_none(const struct table_check *check);
void ivrs_check_beyond(const struct table_check *check);
void ivrs_check_last(const struct table_check *check);
void ivrs_check_special(const struct table_check *check);
void ivrs_check_southbridge(const struct table_check *check);
void ivrs_check_hid(const struct table_check *check);
void ivrs_check_uid(const struct table_check *check);

/* defaults.c: what a generated table has unless the topology gives something else. */
struct ivrs_defaults {
	uint32_t blocks[VIOMMU_MAX_BLOCKS]; /* of every IOMMU */
	unsigned n_blocks;
	uint8_t revision;
	uint32_t flags;
};
struct ivrs_defaults ivrs_defaults(bool images, bool acpi_devices);

/* Does the table describe the IOMMU? Virtio-iommus are in a table inside a VIOT of 2019 only. */
static inline bool ivrs_describes(const struct viommu_table *table,
				  const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_AMD_VI || (table->base && iommu_is_virtio(iommu));
}

/* Does the IOMMU have values for which only blocks 11h and 40h have fields? */
bool ivrs_has_images(const struct viommu_iommu *iommu);

/* check.c, rejections.c, read.c, write.c */
extern const struct table_rule ivrs_rules[];
extern const struct table_rejection ivrs_rejections[];
void ivrs_read_header(const struct viommu_table *table, struct viommu_table_header *header);
struct viommu_topology *ivrs_read(const struct viommu_table *table,
				  struct viommu_findings *findings);
bool ivrs_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings);

/* linux.c */
linux_reader linux_ivrs;

#endif
