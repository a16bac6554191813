/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of an IVRS about IOMMUs and special devices as wholes: where registers are, and which
 * IOAPIC, HPET or ACPI device an entry names
 */
#include <inttypes.h>
#include <string.h>

#include "ivrs.h"
#include "tables/findings/findings.h"

/* Base Address Low: registers begin at a multiple of 16 KiB. */
#define BASE_ALIGNMENT 0x4000u

/* Behind the standard header of configuration space; the offset is one byte, and a multiple of 4.
 */
#define CAPABILITY_FIRST 0x40
#define CAPABILITY_LAST  0xfc

/* -- IOMMUs --------------------------------------------------------------------------- */

/* Linux reserves the registers, and has no IOMMU if it cannot. */
void ivrs_check_bases(const struct table_check *check)
{
	const struct record *block;

	for_each_child(i, block, check->table->root) {
		const struct ivrs_ivhd *ivhd = block->host;

		if (ivrs_is_ivhd(block) && (!ivhd->base || ivhd->base % BASE_ALIGNMENT))
			report(check->findings, check->rule_id,
			       table_place_of(check->table, block, "Base address"),
			       "write the address of the IOMMU's registers",
			       "the registers of an IOMMU cannot be at 0x%" PRIx64, ivhd->base);
	}
}

static bool is_capability(unsigned offset)
{
	return offset >= CAPABILITY_FIRST && offset <= CAPABILITY_LAST && !(offset & 3);
}

void ivrs_check_capabilities(const struct table_check *check)
{
	const struct record *block;

	for_each_child(i, block, check->table->root) {
		const struct ivrs_ivhd *ivhd = block->host;

		if (ivrs_is_ivhd(block) && !is_capability(ivhd->capability))
			report(check->findings, check->rule_id,
			       table_place_of(check->table, block, "Capability offset"),
			       "write where the capability block is in configuration space",
			       "no capability can be at 0x%x", ivhd->capability);
	}
}

/* Is the address, or its last byte, above the width in IVinfo? 0 bits: it is not stated. */
static void check_width(const struct table_check *check, const struct record *block,
			uint64_t address, const char *field)
{
	const struct ivrs_head *head = check->table->root->host;
	unsigned bits = (head->info & IVRS_ADDRESS_BITS) >> IVRS_ADDRESS_SHIFT;

	if (bits && bits < 64 && address >> bits)
		report(check->findings, check->rule_id, table_place_of(check->table, block, field),
		       "correct the address, or the width in IVinfo",
		       "0x%" PRIx64 " is beyond the physical addresses of %u bits", address, bits);
}

void ivrs_check_addresses(const struct table_check *check)
{
	const struct record *block;

	for_each_child(i, block, check->table->root) {
		const struct ivrs_ivmd *memory = block->host;

		if (ivrs_is_ivhd(block))
			check_width(check, block, ((const struct ivrs_ivhd *)block->host)->base,
				    "Base address");
		else if (ivrs_is_ivmd(block) && memory->length &&
			 memory->start <= UINT64_MAX - (memory->length - 1))
			check_width(check, block, memory->start + (memory->length - 1),
				    "Start address");
	}
}

/* -- special devices ---------------------------------------------------------------------- */

/* Do two entries give the same device to the same IOMMU, with the same ID? */
static bool is_same(const struct record *block, const struct record *entry,
		    const struct record *block_before, const struct record *before)
{
	const struct ivrs_ivhd *one = block->host, *other = block_before->host;

	return one->segment == other->segment && one->block.bdf == other->block.bdf &&
	       ((const struct ivrs_special *)entry->host)->source ==
		       ((const struct ivrs_special *)before->host)->source;
}

/*
 * Within the blocks of one type: those of other types say the same for other readers. Linux keeps
 * both entries and uses the first.
 */
void ivrs_check_special_twice(const struct table_check *check)
{
	const struct record *first[IVRS_HPET + 1][UINT8_MAX + 1][2] = { { { NULL } } };
	unsigned type = ivrs_linux_type(check->table);
	const struct record *block, *entry;

	for_each_child(i, block, check->table->root) {
		if (!ivrs_is_ivhd(block) || ivrs_type_of(block) != type)
			continue;
		for_each_child(j, entry, block) {
			const struct ivrs_special *special = entry->host;
			const struct record **before;

			if (ivrs_type_of(entry) != IVRS_SPECIAL || special->variety > IVRS_HPET)
				continue;
			before = first[special->variety][special->handle];
			if (before[0] && !is_same(block, entry, before[0], before[1]))
				report(check->findings, check->rule_id,
				       table_place_of(check->table, entry, "Handle"),
				       "list each IOAPIC and HPET once, with the ID it has",
				       "a second entry is that of %s %u",
				       special->variety == IVRS_IOAPIC ? "IOAPIC" : "HPET",
				       special->handle);
			before[0] = block;
			before[1] = entry;
		}
	}
}

/* -- ACPI devices -------------------------------------------------------------------------- */

/* "PNP0A03" or "AMDI0020": capitals and digits, padded with NULs or spaces. */
static bool is_hid(const char *hid, size_t length)
{
	size_t n = 0;

	while (n < length && ((hid[n] >= 'A' && hid[n] <= 'Z') || (hid[n] >= '0' && hid[n] <= '9')))
		n++;
	while (n < length && (hid[n] == '\0' || hid[n] == ' '))
		n++;
	return n == length;
}

void ivrs_check_hid_text(const struct table_check *check)
{
	const struct record *block, *entry;

	for_each_child(i, block, check->table->root)
		for_each_child(j, entry, block) {
			const struct ivrs_hid *hid = entry->host;

			if (!ivrs_has_entries(block) || ivrs_type_of(entry) != IVRS_HID ||
			    is_hid(hid->hid, sizeof(hid->hid)))
				continue;
			report(check->findings, check->rule_id,
			       table_place_of(check->table, entry, "Hardware ID"),
			       "write capitals and digits, such as AMDI0020",
			       "the hardware ID has other characters");
		}
}
