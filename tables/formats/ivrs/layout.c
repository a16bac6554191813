/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows of all structures of an IVRS (AMD I/O Virtualization Technology Specification, chapter
 * "I/O Virtualization ACPI Table")
 *
 * A table is a list of blocks. A block of type 10h, 11h or 40h (IVHD) is an IOMMU, and its device
 * entries list what it translates. A block of type 20h to 22h (IVMD) is memory. An IOMMU may have
 * one block of each type: newer types have more fields, and readers use the newest type that they
 * know.
 */
#include "ivrs.h"

/* A mask of the bits from `first` to `last`. */
#define BITS(first, last) (~UINT64_C(0) >> (63 - (last) + (first)) << (first))

/* Address widths of guests, of physical memory and of virtual addresses are in bits. */
static const struct field_name info_bits[] = {
	{ BITS(0, 0), "EFR supported" },
	{ BITS(1, 1), "DMA remapped before boot" },
	{ BITS(5, 7), "GVASize" },
	{ BITS(8, 14), "PASize" },
	{ BITS(15, 21), "VASize" },
	{ BITS(22, 22), "ATS range reserved" },
	{ 0, NULL },
};

static const struct field head_fields[] = {
	ACPI_ROWS(struct ivrs_head),
	ROW_NAMED(struct ivrs_head, 36, FLAGS, info, "IVinfo", info_bits),
	ROW(struct ivrs_head, 40, RESERVED, reserved, "Reserved"),
};

const struct layout ivrs_head_layout = LAYOUT("I/O Virtualization Reporting Structure", 0,
					      IVRS_HEAD_LENGTH, struct ivrs_head, head_fields);

/* -- blocks ------------------------------------------------------------------------- */

static const struct field_name block_types[] = {
	{ IVRS_IVHD_10, "IOMMU" },
	{ IVRS_IVHD_11, "IOMMU with EFR image" },
	{ IVRS_IVMD_ALL, "memory of all devices" },
	{ IVRS_IVMD_ONE, "memory of a device" },
	{ IVRS_IVMD_RANGE, "memory of a range" },
	{ IVRS_IVHD_40, "IOMMU with ACPI devices" },
	{ IVRS_VIRTIO_PCI, "virtio-iommu, PCI" },
	{ IVRS_VIRTIO_MMIO, "virtio-iommu, MMIO" },
	{ 0, NULL },
};

/*
 * Software copies the first four to the control register. In newer blocks the last two are in the
 * image of the feature register.
 */
static const struct field_name ivhd_flags[] = {
	{ 1u << 0, "HtTunEn" }, { 1u << 1, "PassPW" },   { 1u << 2, "ResPassPW" },
	{ 1u << 3, "Isoc" },    { 1u << 4, "IotlbSup" }, { 1u << 5, "Coherent" },
	{ 1u << 6, "PrefSup" }, { 1u << 7, "PPRSup" },   { 0, NULL },
};

/* The rights are those of the identity mapping; they have no meaning for exclusion. */
static const struct field_name ivmd_flags[] = {
	{ IVRS_UNITY, "unity" },         { IVRS_READ, "read" }, { IVRS_WRITE, "write" },
	{ IVRS_EXCLUSION, "exclusion" }, { 0, NULL },
};

/* Flags have the same offset in all blocks, but another meaning in IVMDs. */
#define BLOCK_ROWS(host, names_of_flags) \
	ROW_NAMED(host, 0, TYPE, block.type, "Type", block_types), \
		ROW_NAMED(host, 1, FLAGS, block.flags, "Flags", names_of_flags), \
		ROW(host, 2, LENGTH, block.length, "Length")

/* Common to all IVHD types. */
#define IVHD_ROWS \
	BLOCK_ROWS(struct ivrs_ivhd, ivhd_flags), \
		ROW(struct ivrs_ivhd, 4, BDF, block.bdf, "Device ID"), \
		ROW(struct ivrs_ivhd, 6, HEX, capability, "Capability offset"), \
		ROW(struct ivrs_ivhd, 8, HEX, base, "Base address"), \
		ROW(struct ivrs_ivhd, 16, HEX, segment, "PCI segment"), \
		ROW_NAMED(struct ivrs_ivhd, 18, FLAGS, info, "IOMMU info", iommu_info_bits)

/* The MSI message number of the event log, and the unit ID of HyperTransport. */
static const struct field_name iommu_info_bits[] = {
	{ BITS(0, 4), "MSINum" },
	{ BITS(8, 12), "UnitID" },
	{ 0, NULL },
};

/* The bits of the hardware register, in another order. */
static const struct field_name feature_bits[] = {
	{ BITS(0, 0), "XTSup" },        { BITS(1, 1), "NXSup" },
	{ BITS(2, 2), "GTSup" },        { BITS(3, 4), "GLXSup" },
	{ BITS(5, 5), "IASup" },        { BITS(6, 6), "GASup" },
	{ BITS(7, 7), "HESup" },        { BITS(8, 12), "PASmax" },
	{ BITS(13, 16), "PNCounters" }, { BITS(17, 22), "PNBanks" },
	{ BITS(23, 27), "MsiNumPPR" },  { BITS(28, 29), "GATS" },
	{ BITS(30, 31), "HATS" },       { 0, NULL },
};

static const struct field ivhd_10_fields[] = {
	IVHD_ROWS,
	ROW_NAMED(struct ivrs_ivhd, 20, FLAGS, features, "Feature reporting", feature_bits),
};

/* The features that the EFR image does not have. Firmware of AMD sets bit 9, too. */
static const struct field_name attribute_bits[] = {
	{ BITS(0, 12), "bits 0-12" },  { BITS(13, 16), "PNCounters" }, { BITS(17, 22), "PNBanks" },
	{ BITS(23, 27), "MsiNumPPR" }, { BITS(28, 31), "bits 28-31" }, { 0, NULL },
};

/*
 * By their names in the specification of AMD and in Linux. The images are copies of registers: what
 * a later revision defines is no mistake of the table, so that all other bits have a name, too.
 */
static const struct field_name efr_bits[] = {
	{ BITS(0, 0), "PreFSup" },
	{ BITS(1, 1), "PPRSup" },
	{ BITS(2, 2), "XTSup" },
	{ BITS(3, 3), "NXSup" },
	{ BITS(4, 4), "GTSup" },
	{ BITS(6, 6), "IASup" },
	{ BITS(7, 7), "GASup" },
	{ BITS(8, 8), "HESup" },
	{ BITS(9, 9), "PCSup" },
	{ BITS(10, 11), "HATS" },
	{ BITS(12, 13), "GATS" },
	{ BITS(14, 15), "GLXSup" },
	{ BITS(16, 17), "SmiFSup" },
	{ BITS(18, 20), "SmiFRC" },
	{ BITS(21, 23), "GAMSup" },
	{ BITS(24, 25), "DualPprLogSup" },
	{ BITS(28, 29), "DualEventLogSup" },
	{ BITS(32, 36), "PASmax" },
	{ BITS(37, 37), "USSup" },
	{ BITS(38, 39), "DevTblSegSup" },
	{ BITS(40, 40), "PprOvrflwEarlySup" },
	{ BITS(41, 41), "PprAutoRspSup" },
	{ BITS(42, 43), "MarcSup" },
	{ BITS(44, 44), "BlkStopMrkSup" },
	{ BITS(45, 45), "PerfOptSup" },
	{ BITS(46, 46), "MsiCapMmioSup" },
	{ BITS(48, 48), "GIOSup" },
	{ BITS(49, 49), "HASup" },
	{ BITS(50, 50), "EPHSup" },
	{ BITS(51, 51), "AttrFWSup" },
	{ BITS(52, 52), "HDSup" },
	{ BITS(54, 54), "InvIotlbTypeSup" },
	{ BITS(61, 61), "GAUpdateDisSup" },
	{ BITS(62, 62), "ForcePhyDestSup" },
	{ BITS(63, 63), "SNPSup" },
	{ BITS(5, 5), "bit 5" },
	{ BITS(26, 27), "bits 26-27" },
	{ BITS(30, 31), "bits 30-31" },
	{ BITS(47, 47), "bit 47" },
	{ BITS(53, 53), "bit 53" },
	{ BITS(55, 60), "bits 55-60" },
	{ 0, NULL },
};
static const struct field_name efr2_bits[] = {
	{ BITS(1, 1), "SEVSNPIOSup" },  { BITS(3, 3), "GCR3TRPMode" },
	{ BITS(5, 7), "SNPAVICSup" },   { BITS(11, 11), "HTRangeIgnore" },
	{ BITS(0, 0), "bit 0" },        { BITS(2, 2), "bit 2" },
	{ BITS(4, 4), "bit 4" },        { BITS(8, 10), "bits 8-10" },
	{ BITS(12, 63), "bits 12-63" }, { 0, NULL },
};

/* The images are copies of the registers, available before PCI is set up. */
static const struct field ivhd_11_fields[] = {
	IVHD_ROWS,
	ROW_NAMED(struct ivrs_ivhd, 20, FLAGS, features, "Attributes", attribute_bits),
	ROW_NAMED(struct ivrs_ivhd, 24, FLAGS, efr, "EFR image", efr_bits),
	ROW_NAMED(struct ivrs_ivhd, 32, FLAGS, efr2, "EFR image 2", efr2_bits),
};

/* The three types have the same fields, but use none, one or both of the device IDs. */
#define IVMD_ROWS(name_of_last, kind_of_last, name_of_bdf, kind_of_bdf) \
	BLOCK_ROWS(struct ivrs_ivmd, ivmd_flags), \
		ROW(struct ivrs_ivmd, 4, kind_of_bdf, block.bdf, name_of_bdf), \
		ROW(struct ivrs_ivmd, 6, kind_of_last, last, name_of_last), \
		ROW(struct ivrs_ivmd, 8, HEX, segment, "PCI segment"), \
		ROW(struct ivrs_ivmd, 10, RESERVED, reserved, "Reserved"), \
		ROW(struct ivrs_ivmd, 16, HEX, start, "Start address"), \
		ROW(struct ivrs_ivmd, 24, HEX, length, "Memory length")

static const struct field ivmd_all_fields[] = {
	IVMD_ROWS("Auxiliary data", RESERVED, "Device ID", RESERVED),
};

static const struct field ivmd_one_fields[] = {
	IVMD_ROWS("Auxiliary data", RESERVED, "Device ID", BDF),
};

static const struct field ivmd_range_fields[] = {
	IVMD_ROWS("Last device ID", BDF, "First device ID", BDF),
};

/*
 * The draft of 2019 has nodes of virtio-iommus in an IORT only. These blocks are this library's
 * own: the types of the nodes, the fields of a block 10h as far as they have a meaning, and device
 * entries as there. One with a register window is of segment 0.
 */
static const struct field_name virtio_flags[] = { { IVRS_COHERENT, "Coherent" }, { 0, NULL } };

static const struct field virtio_pci_fields[] = {
	BLOCK_ROWS(struct ivrs_ivhd, virtio_flags),
	ROW(struct ivrs_ivhd, 4, BDF, block.bdf, "Device ID"),
	ROW(struct ivrs_ivhd, 6, RESERVED, reserved_6, "Reserved"),
	ROW(struct ivrs_ivhd, 8, RESERVED, reserved_8, "Reserved"),
	ROW(struct ivrs_ivhd, 16, HEX, segment, "PCI segment"),
	ROW(struct ivrs_ivhd, 18, RESERVED, reserved_18, "Reserved"),
	ROW(struct ivrs_ivhd, 20, RESERVED, reserved_20, "Reserved"),
};
static const struct field virtio_mmio_fields[] = {
	BLOCK_ROWS(struct ivrs_ivhd, virtio_flags),
	ROW(struct ivrs_ivhd, 4, RESERVED, reserved_4, "Reserved"),
	ROW(struct ivrs_ivhd, 6, RESERVED, reserved_6, "Reserved"),
	ROW(struct ivrs_ivhd, 8, HEX, base, "Base address"),
	ROW(struct ivrs_ivhd, 16, RESERVED, reserved_16, "Reserved"),
	ROW(struct ivrs_ivhd, 18, RESERVED, reserved_18, "Reserved"),
	ROW(struct ivrs_ivhd, 20, NUMBER, interrupt, "Interrupt"),
	ROW(struct ivrs_ivhd, 24, HEX, span, "Span"),
};

/* The head of a block; the bytes behind it are kept. */
struct unknown_block {
	struct ivrs_block block;
};

static const struct field unknown_block_fields[] = { BLOCK_ROWS(struct unknown_block, NULL) };

static const struct layout block_layouts[] = {
	LAYOUT("IVHD, type 10h", IVRS_IVHD_10, 24, struct ivrs_ivhd, ivhd_10_fields),
	LAYOUT("IVHD, type 11h", IVRS_IVHD_11, 40, struct ivrs_ivhd, ivhd_11_fields),
	LAYOUT("IVMD, all devices", IVRS_IVMD_ALL, 32, struct ivrs_ivmd, ivmd_all_fields),
	LAYOUT("IVMD, one device", IVRS_IVMD_ONE, 32, struct ivrs_ivmd, ivmd_one_fields),
	LAYOUT("IVMD, range of devices", IVRS_IVMD_RANGE, 32, struct ivrs_ivmd, ivmd_range_fields),
	LAYOUT("IVHD, type 40h", IVRS_IVHD_40, 40, struct ivrs_ivhd, ivhd_11_fields),
	LAYOUT("virtio-iommu on PCI", IVRS_VIRTIO_PCI, 24, struct ivrs_ivhd, virtio_pci_fields),
	LAYOUT("virtio-iommu on MMIO", IVRS_VIRTIO_MMIO, 32, struct ivrs_ivhd, virtio_mmio_fields),
};

static const struct layout unknown_block_layout = LAYOUT(
	"Block of unknown type", IVRS_BLOCK_UNKNOWN, 4, struct unknown_block, unknown_block_fields);

/* -- device entries ----------------------------------------------------------------- */

static const struct field_name entry_types[] = {
	{ IVRS_PAD, "pad" },
	{ IVRS_ALL, "all" },
	{ IVRS_SELECT, "select" },
	{ IVRS_START, "start of range" },
	{ IVRS_END, "end of range" },
	{ IVRS_PAD_8, "pad" },
	{ IVRS_ALIAS, "alias select" },
	{ IVRS_ALIAS_START, "alias start of range" },
	{ IVRS_EXTENDED, "extended select" },
	{ IVRS_EXTENDED_START, "extended start of range" },
	{ IVRS_SPECIAL, "special device" },
	{ IVRS_HID, "ACPI device" },
	{ 0, NULL },
};

/* Interrupts that pass without remapping; two bits are for system management messages. */
static const struct field_name settings[] = {
	{ 1u << 0, "INITPass" },  { 1u << 1, "EIntPass" },
	{ 1u << 2, "NMIPass" },   { 1u << 4, "SysMgt1" },
	{ 1u << 5, "SysMgt2" },   { 1u << 6, "Lint0Pass" },
	{ 1u << 7, "Lint1Pass" }, { 0, NULL },
};

#define ENTRY_ROWS(host) \
	ROW_NAMED(host, 0, TYPE, entry.type, "Type", entry_types), \
		ROW(host, 1, BDF, entry.bdf, "Device ID"), \
		ROW_NAMED(host, 3, FLAGS, entry.setting, "Setting", settings)

/* All, select, start and end. */
static const struct field plain_fields[] = { ENTRY_ROWS(struct ivrs_plain) };

/* Nonzero bytes in a pad are reported, because they may be a lost entry. */
static const struct field pad_fields[] = {
	ROW_NAMED(struct ivrs_pad, 0, TYPE, type, "Type", entry_types),
	ROW(struct ivrs_pad, 1, RESERVED, reserved, "Reserved"),
};

static const struct field pad_8_fields[] = {
	ROW_NAMED(struct ivrs_pad_8, 0, TYPE, type, "Type", entry_types),
	ROW(struct ivrs_pad_8, 1, RESERVED, reserved, "Reserved"),
};

/* Requests carry the ID `source`, as behind a bridge to conventional PCI. */
static const struct field alias_fields[] = {
	ENTRY_ROWS(struct ivrs_alias),
	ROW(struct ivrs_alias, 4, RESERVED, reserved_4, "Reserved"),
	ROW(struct ivrs_alias, 5, BDF, source, "Source device ID"),
	ROW(struct ivrs_alias, 7, RESERVED, reserved_7, "Reserved"),
};

static const struct field_name extended_bits[] = {
	{ IVRS_NO_ATS, "ATS disabled" },
	{ 0, NULL },
};

static const struct field extended_fields[] = {
	ENTRY_ROWS(struct ivrs_extended),
	ROW_NAMED(struct ivrs_extended, 4, FLAGS, extended, "Extended setting", extended_bits),
};

/* The kind of device that the handle identifies. */
static const struct field_name varieties[] = {
	{ IVRS_IOAPIC, "IOAPIC" },
	{ IVRS_HPET, "HPET" },
	{ 0, NULL },
};

/* An interrupt source, and the requester ID that it uses. */
static const struct field special_fields[] = {
	ROW_NAMED(struct ivrs_special, 0, TYPE, type, "Type", entry_types),
	ROW(struct ivrs_special, 1, RESERVED, reserved, "Reserved"),
	ROW_NAMED(struct ivrs_special, 3, FLAGS, setting, "Setting", settings),
	ROW(struct ivrs_special, 4, NUMBER, handle, "Handle"),
	ROW(struct ivrs_special, 5, BDF, source, "Source device ID"),
	ROW_NAMED(struct ivrs_special, 7, ENUM, variety, "Variety", varieties),
};

/* An integer has 8 bytes; a string has no NUL. */
static const struct field_name uid_formats[] = {
	{ IVRS_UID_NONE, "none" },
	{ IVRS_UID_INTEGER, "integer" },
	{ IVRS_UID_STRING, "string" },
	{ 0, NULL },
};

static const struct field hid_fields[] = {
	ENTRY_ROWS(struct ivrs_hid),
	ROW(struct ivrs_hid, 4, TEXT, hid, "Hardware ID"),
	ROW(struct ivrs_hid, 12, TEXT, cid, "Compatible ID"),
	ROW_NAMED(struct ivrs_hid, 20, ENUM, uid_format, "UID format", uid_formats),
	ROW(struct ivrs_hid, 21, NUMBER, uid_length, "UID length"),
};

/* Only its length is known, from its type. */
struct unknown_entry {
	uint8_t type;
	uint8_t bytes[3];
};

static const struct field unknown_entry_fields[] = {
	ROW_NAMED(struct unknown_entry, 0, TYPE, type, "Type", entry_types),
	ROW(struct unknown_entry, 1, BYTES, bytes, "Data"),
};

/* Entries with the same rows. */
#define PLAIN(name, type)    LAYOUT(name, type, 4, struct ivrs_plain, plain_fields)
#define EXTENDED(name, type) LAYOUT(name, type, 8, struct ivrs_extended, extended_fields)

static const struct layout entry_layouts[] = {
	LAYOUT("Pad", IVRS_PAD, 4, struct ivrs_pad, pad_fields),
	PLAIN("All functions", IVRS_ALL),
	PLAIN("Function", IVRS_SELECT),
	PLAIN("Start of range", IVRS_START),
	PLAIN("End of range", IVRS_END),
	LAYOUT("Pad of 8 bytes", IVRS_PAD_8, 8, struct ivrs_pad_8, pad_8_fields),
	LAYOUT("Alias", IVRS_ALIAS, 8, struct ivrs_alias, alias_fields),
	LAYOUT("Start of alias range", IVRS_ALIAS_START, 8, struct ivrs_alias, alias_fields),
	EXTENDED("Extended function", IVRS_EXTENDED),
	EXTENDED("Start of extended range", IVRS_EXTENDED_START),
	LAYOUT("Special device", IVRS_SPECIAL, 8, struct ivrs_special, special_fields),
	LAYOUT("ACPI device", IVRS_HID, 22, struct ivrs_hid, hid_fields),
};

static const struct layout unknown_entry_layout =
	LAYOUT("Device entry of unknown type", IVRS_ENTRY_UNKNOWN, 4, struct unknown_entry,
	       unknown_entry_fields);

/* -- finding the rows ------------------------------------------------------------------ */

static const struct layout *find(const struct layout *layouts, size_t n, uint64_t type,
				 const struct layout *unknown)
{
	for (size_t i = 0; i < n; i++)
		if (layouts[i].type == type)
			return &layouts[i];
	return unknown;
}

const struct layout *ivrs_block_layout(uint64_t type)
{
	return find(block_layouts, G_N_ELEMENTS(block_layouts), type, &unknown_block_layout);
}

const struct layout *ivrs_entry_layout(uint64_t type)
{
	return find(entry_layouts, G_N_ELEMENTS(entry_layouts), type, &unknown_entry_layout);
}
