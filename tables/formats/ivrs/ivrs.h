/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IVRS_H
#define VIOMMU_TABLES_IVRS_H

#include "tables/table/format.h"

/*
 * The structures of IVRS as the files that read, check and make one see them: members in the
 * order of the specification. Their rows are in ivrs_layout.c.
 */

/*
 * Blocks that are an IOMMU (IVHD), each of a later specification than the one before; and blocks
 * that are memory (IVMD), by how many devices it is for. Their numbers are those of the wire.
 */
enum ivrs_block_type {
	IVRS_IVHD_10 = 0x10,
	IVRS_IVHD_11 = 0x11,
	IVRS_IVMD_ALL = 0x20,
	IVRS_IVMD_ONE = 0x21,
	IVRS_IVMD_RANGE = 0x22,
	IVRS_IVHD_40 = 0x40,

	IVRS_BLOCK_UNKNOWN = LAYOUT_UNKNOWN,
};

/*
 * Device entries of an IOMMU. The two top bits of a type say how long it is, so a new one can be
 * passed over; only an ACPI device has a length of its own. For each thing that can be said of
 * functions there is an entry for one of them and one that begins a range.
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
 * More records than any machine needs: three blocks of 65536 entries each would not fill it. The
 * bytes of a table may be many, and each entry of four of them becomes a record.
 */
#define IVRS_MAX_STRUCTURES (1u << 20)

/* No fixed part of a block or of an entry has more bytes. */
#define IVRS_LONGEST 40

/* The last function that a segment can have, and the first of its last bus. */
#define IVRS_LAST_BDF 0xffffu
#define IVRS_LAST_BUS 0xff00u

/* IVinfo: what the machine's IOMMUs have in common. */
#define IVRS_EFR_SUPPORTED (1u << 0)
#define IVRS_ADDRESS_SHIFT 8
#define IVRS_ADDRESS_BITS  (0x7fu << IVRS_ADDRESS_SHIFT)

/* How wide physical addresses are where nobody says it. */
#define IVRS_USUAL_BITS 40

/* Blocks follow right behind it, and end with the table. */
struct ivrs_head {
	struct acpi_header acpi;
	uint32_t info;
	uint8_t reserved[8];
};

/* Every block that is known begins with these; all that others are known to have is a length. */
struct ivrs_block {
	uint8_t type, flags;
	uint16_t length;
	uint16_t bdf;
};

/* The IOMMU's own accesses see the caches: a topology has a word for that, and for no other flag.
 */
#define IVRS_COHERENT (1u << 5)

/* Of the flags those that blocks 11h and 40h have, too: their images say what the others did. */
#define IVRS_IMAGE_FLAGS 0x3fu

/* An IOMMU; device entries follow. Type 10h ends with `features`, for it has no images. */
struct ivrs_ivhd {
	struct ivrs_block block;
	uint16_t capability;
	uint64_t base;
	uint16_t segment, info;
	uint32_t features; /* attributes, in types 11h and 40h */
	uint64_t efr, efr2;
};

/*
 * What is special about memory: it is mapped to itself, with these rights, or it is reached without
 * being translated at all.
 */
#define IVRS_UNITY     (1u << 0)
#define IVRS_READ      (1u << 1)
#define IVRS_WRITE     (1u << 2)
#define IVRS_EXCLUSION (1u << 3)

#define IVRS_ANY_ACCESS (IVRS_READ | IVRS_WRITE)

/* Memory that some devices reach in a way of their own. */
struct ivrs_ivmd {
	struct ivrs_block block;
	uint16_t last; /* in type 22h only */
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

/* Nothing: it brings what stands behind it to a multiple of 8. */
struct ivrs_pad {
	uint8_t type;
	uint8_t reserved[3];
};

/* The same, for where the next entry has 8 bytes. */
struct ivrs_pad_8 {
	uint8_t type;
	uint8_t reserved[7];
};

/* The functions are seen by the IOMMU as another one, as behind a bridge to PCI. */
struct ivrs_alias {
	struct ivrs_entry entry;
	uint8_t reserved_4;
	uint16_t source;
	uint8_t reserved_7;
};

/* The IOMMU refuses address translation requests of these functions. */
#define IVRS_NO_ATS (1u << 31)

/* Four bytes more than a plain entry, of which one bit is in use. */
struct ivrs_extended {
	struct ivrs_entry entry;
	uint32_t extended;
};

/*
 * What sends interrupts without being a function. The handle is the ID of an IOAPIC in the MADT, or
 * the number of an HPET; the source is the function as which it sends.
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

/* How a device of the ACPI namespace is told from others with its hardware ID. */
enum ivrs_uid_format { IVRS_UID_NONE = 0, IVRS_UID_INTEGER = 1, IVRS_UID_STRING = 2 };

/* The unique ID follows: text in a record of its own, or else the rest of this one. */
struct ivrs_hid {
	struct ivrs_entry entry;
	char hid[8], cid[8];
	uint8_t uid_format, uid_length;
};

/* The rows of a block or of an entry of that type; of its head, for one that is not known. */
const struct layout *ivrs_block_layout(uint64_t type);
const struct layout *ivrs_entry_layout(uint64_t type);

/* The type of a record that was decoded whole; LAYOUT_UNKNOWN for any other. */
static inline unsigned ivrs_type_of(const struct record *record)
{
	return record->layout ? record->layout->type : LAYOUT_UNKNOWN;
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

/* check_across.c */
void ivrs_check_bases(const struct table_check *check);
void ivrs_check_capabilities(const struct table_check *check);
void ivrs_check_special_twice(const struct table_check *check);
void ivrs_check_hid_text(const struct table_check *check);

/* The type of the blocks that Linux reads, of all IOMMUs; LAYOUT_UNKNOWN if there is none. */
unsigned ivrs_linux_type(const struct viommu_table *table);

/* Does the entry begin a range, whatever it says of it? */
bool ivrs_is_start(const struct record *entry);

/* The device ID that counts for Linux when it looks for the highest; -1 for any other entry. */
int ivrs_counted(unsigned type, uint16_t bdf);

/* Rules of device entries: ivrs_check_entries.c, and ivrs_listed.c. */
void ivrs_check_open(const struct table_check *check);
void ivrs_check_inverted(const struct table_check *check);
void ivrs_check_none(const struct table_check *check);
void ivrs_check_beyond(const struct table_check *check);
void ivrs_check_last(const struct table_check *check);
void ivrs_check_special(const struct table_check *check);
void ivrs_check_southbridge(const struct table_check *check);
void ivrs_check_hid(const struct table_check *check);
void ivrs_check_uid(const struct table_check *check);

/* What a table has where nobody asks for something else (ivrs_write.c). */
struct ivrs_usual {
	uint32_t blocks[VIOMMU_MAX_BLOCKS]; /* of every IOMMU */
	unsigned n_blocks;
	uint8_t revision;
	uint32_t flags;
};
struct ivrs_usual ivrs_usual(bool images, bool acpi_devices);

/* Does the IOMMU say what only blocks 11h and 40h have? */
bool ivrs_has_images(const struct viommu_iommu *iommu);

/* ivrs_check.c, ivrs_read.c, ivrs_write.c */
extern const struct table_rule ivrs_rules[];
void ivrs_read_header(const struct viommu_table *table, struct viommu_table_header *header);
struct viommu_topology *ivrs_read(const struct viommu_table *table,
				  struct viommu_findings *findings);
bool ivrs_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings);

/* linux.c */
linux_reader linux_ivrs;

#endif
