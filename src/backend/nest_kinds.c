/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <viommu/protocol.h>

#include "backend/iommufd.h"
#include "backend/layouts.h"

/*
 * What hardware reads tables of the guest, and how: a row for each IOMMU
 *
 * AMD's IOMMU has no row: Linux 7.3 attaches its guest tables and has no way to invalidate them.
 */

static uint64_t word(const void *bytes, unsigned i)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)bytes + sizeof(value) * i, sizeof(value));
	return le64toh(value);
}

static void set_word(void *bytes, unsigned i, uint64_t value)
{
	value = htole64(value);
	memcpy((uint8_t *)bytes + sizeof(value) * i, &value, sizeof(value));
}

static uint64_t bits(uint64_t value, unsigned high, unsigned low)
{
	return value >> low & (UINT64_MAX >> (63 - (high - low)));
}

/* -- Arm SMMUv3: words 0 and 1 of a stream table entry -------------------------------- */

/* Arm IHI 0070, 5.2 Stream Table Entry, 4.3 and 4.4 commands, 7.3 events. */
#define STE_VALID         1ull
#define STE_STAGE_1       (5ull << 1)
#define STE_GUEST_0       0xf80ffffffffffff0ull               /* S1Fmt, S1ContextPtr, S1CDMax */
#define STE_GUEST_1       3ull                                /* S1DSS */
#define STE_CACHED        (1ull << 2 | 1ull << 4 | 3ull << 6) /* write-back, inner shareable */
#define CMD_CFGI_CD_ALL   0x06ull
#define CMD_TLBI_NSNH_ALL 0x30ull
#define CMD_TLBI_NH_VAA   0x13ull
#define ARM_PAGES_MAX     64 /* with one command for each */
#define ARM_PAGE          4096ull

/* IDR0, IDR1 and IDR5 (6.3.1, 6.3.2, 6.3.6) of struct kernel_arm_info. */
static struct viommu_table_format arm_describe(const struct hardware_info *info)
{
	static const uint8_t output_bits[8] = { 32, 36, 40, 42, 44, 48, 52, 52 };
	/* With granules of 4, 16 and 64 KiB: pages and blocks. */
	static const uint64_t pages[3] = { 0x40201000, 0x2004000, 0x20010000 };
	struct kernel_arm_info arm;
	uint64_t granules = 0;

	memcpy(&arm, info, sizeof(arm));
	for (unsigned i = 0; i < 3; i++)
		granules |= arm.idr[5] >> (4 + i) & 1 ? pages[i] : 0;
	return (struct viommu_table_format){
		.format = VIOMMU_TABLE_ARM_CD_TABLE,
		.input_bits = bits(arm.idr[5], 11, 10) == 1 ? 52 : 48,
		.output_bits = output_bits[bits(arm.idr[5], 2, 0)],
		.granules = granules,
		.asid_bits = arm.idr[0] >> 12 & 1 ? 16 : 8,
	};
}

static int arm_encode(const uint8_t *body, void *data)
{
	set_word(data, 0, (word(body, 0) & STE_GUEST_0) | STE_STAGE_1 | STE_VALID);
	set_word(data, 1, (word(body, 1) & STE_GUEST_1) | STE_CACHED);
	return 0;
}

/* A descriptor may have changed. */
static void arm_drop_contexts(uint64_t id, void *entry)
{
	set_word(entry, 0, CMD_CFGI_CD_ALL | id << 32);
	set_word(entry, 1, 0);
}

/* The ASIDs are known to the guest's contexts only, so a page is dropped under all of them. */
static size_t arm_drop_ranges(const struct viommu_range *ranges, size_t n, void *entries)
{
	uint8_t *entry = entries;
	size_t n_entries = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t more = (ranges[i].last - ranges[i].first) / ARM_PAGE;

		if (more >= ARM_PAGES_MAX - n_entries) {
			set_word(entries, 0, CMD_TLBI_NSNH_ALL);
			set_word(entries, 1, 0);
			return 1;
		}
		n_entries += (size_t)more + 1;
		for (uint64_t page = 0; page <= more; page++, entry += 16) {
			set_word(entry, 0, CMD_TLBI_NH_VAA);
			set_word(entry, 1, ranges[i].first + page * ARM_PAGE);
		}
	}
	return n_entries;
}

static bool arm_decode(const void *record, struct viommu_fault *ret_fault)
{
	static const struct {
		uint8_t event, reason;
		bool has_address;
	} rows[] = {
		{ 0x04, VIOMMU_FAULT_R_CONTEXT, false },   /* C_BAD_STE */
		{ 0x06, VIOMMU_FAULT_R_DOMAIN, false },    /* F_STREAM_DISABLED */
		{ 0x08, VIOMMU_FAULT_R_CONTEXT, false },   /* C_BAD_SUBSTREAMID */
		{ 0x0a, VIOMMU_FAULT_R_CONTEXT, false },   /* C_BAD_CD */
		{ 0x10, VIOMMU_FAULT_R_MAPPING, true },    /* F_TRANSLATION */
		{ 0x11, VIOMMU_FAULT_R_RANGE, true },      /* F_ADDR_SIZE */
		{ 0x12, VIOMMU_FAULT_R_ACCESS, true },     /* F_ACCESS */
		{ 0x13, VIOMMU_FAULT_R_PERMISSION, true }, /* F_PERMISSION */
	};
	uint64_t first = word(record, 0), second = word(record, 1);
	struct viommu_fault fault = { .endpoint = (uint32_t)bits(first, 63, 32) };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].event != bits(first, 7, 0))
			continue;
		fault.reason = rows[i].reason;
		if (first >> 11 & 1) {
			fault.flags |= VIOMMU_FAULT_F_PASID;
			fault.pasid = (uint32_t)bits(first, 31, 12);
		}
		if (rows[i].has_address) {
			fault.flags |= VIOMMU_FAULT_F_ADDRESS;
			fault.flags |=
				second >> 35 & 1 ? VIOMMU_FAULT_F_READ : VIOMMU_FAULT_F_WRITE;
			fault.address = word(record, 2);
		}
		*ret_fault = fault;
		return true;
	}
	return false;
}

/* -- VT-d: a PASID table entry for a first stage ---------------------------------------- */

/* Intel VT-d 9.6: PGTT, FSPM, FSPTPTR, SRE, WPE. */
#define VTD_FIRST_STAGE 1
#define VTD_PAGE        4096ull

/* CAP and ECAP (11.4.2, 11.4.3) after 8 bytes of struct iommu_hw_info_vtd. */
static struct viommu_table_format vtd_describe(const struct hardware_info *info)
{
	uint64_t cap = info->word[1];
	bool has_five_levels = cap >> 60 & 1;

	return (struct viommu_table_format){
		.format = VIOMMU_TABLE_X86_PASID_ENTRY,
		.input_bits = has_five_levels ? 57 : 48,
		.output_bits = (uint8_t)(bits(cap, 21, 16) + 1),
		.granules = 0x1000 | 0x200000 | (cap >> 56 & 1 ? 0x40000000 : 0),
		.flags = has_five_levels ? VIOMMU_TABLE_F_FIVE_LEVELS : 0,
	};
}

static int vtd_encode(const uint8_t *body, void *data)
{
	struct kernel_vtd_table *table = data;
	uint64_t entry = word(body, 2);

	/* Pass-through has no table that hardware could read here. */
	if (bits(word(body, 0), 8, 6) != VTD_FIRST_STAGE)
		return -EOPNOTSUPP;
	*table = (struct kernel_vtd_table){
		.flags = (entry & 1 ? KERNEL_VTD_SRE : 0) | (entry >> 4 & 1 ? KERNEL_VTD_WPE : 0),
		.address = entry & -VTD_PAGE,
		.address_bits = bits(entry, 3, 2) ? 57 : 48,
	};
	return 0;
}

static size_t vtd_drop_ranges(const struct viommu_range *ranges, size_t n, void *entries)
{
	struct kernel_vtd_invalidate *entry = entries;

	for (size_t i = 0; i < n; i++) {
		bool whole = ranges[i].first == 0 && ranges[i].last == UINT64_MAX;

		entry[i] = (struct kernel_vtd_invalidate){
			.address = ranges[i].first,
			.pages = whole ? UINT64_MAX
				       : (ranges[i].last - ranges[i].first) / VTD_PAGE + 1,
		};
	}
	return n;
}

static const struct nest_kind rows[] = {
	{
		.hardware = KERNEL_HW_ARM_SMMUV3,
		.format = VIOMMU_TABLE_ARM_CD_TABLE,
		.data_type = KERNEL_DATA_ARM_SMMUV3,
		.data_length = 16,
		.encode = arm_encode,
		.describe = arm_describe,
		.has_object = true,
		.object_type = KERNEL_VIOMMU_ARM_SMMUV3,
		.events_type = KERNEL_VEVENTQ_ARM_SMMUV3,
		.invalidate_type = KERNEL_INVALIDATE_ARM_SMMUV3,
		.queue_hardware = KERNEL_HW_CMDQV,
		.queue_object = KERNEL_VIOMMU_CMDQV,
		.queue_type = KERNEL_QUEUE_CMDQV,
		.entry_length = 16,
		.drop_contexts = arm_drop_contexts,
		.drop_ranges = arm_drop_ranges,
		.event_length = 32,
		.decode = arm_decode,
	},
	{
		.hardware = KERNEL_HW_INTEL_VTD,
		.format = VIOMMU_TABLE_X86_PASID_ENTRY,
		.data_type = KERNEL_DATA_VTD,
		.data_length = sizeof(struct kernel_vtd_table),
		.encode = vtd_encode,
		.describe = vtd_describe,
		.invalidate_type = KERNEL_INVALIDATE_VTD,
		.entry_length = sizeof(struct kernel_vtd_invalidate),
		.drop_ranges = vtd_drop_ranges,
	},
};

const struct nest_kind *nest_kind_of(const struct kernel_device *device, uint16_t format)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].hardware == device->hardware && (!format || rows[i].format == format))
			return &rows[i];
	return NULL;
}
