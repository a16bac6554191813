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

/* The standard header of configuration space, where no capability can be. */
#define CONFIG_HEADER_LENGTH 0x40

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

void ivrs_check_capabilities(const struct table_check *check)
{
	const struct record *block;

	for_each_child(i, block, check->table->root) {
		const struct ivrs_ivhd *ivhd = block->host;

		if (ivrs_is_ivhd(block) && ivhd->capability < CONFIG_HEADER_LENGTH)
			report(check->findings, check->rule_id,
			       table_place_of(check->table, block, "Capability offset"),
			       "write where the capability block is in configuration space",
			       "no capability can be at 0x%x", ivhd->capability);
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
