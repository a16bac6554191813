/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MADT, the Multiple APIC Description table (ACPI 6.5, 5.2.12)
 *
 * Has rows only for structures that tables of IOMMUs refer to: DMAR and IVRS refer to IOAPICs by
 * ID, IORT to interrupt translation services and their frames. All other structures stay bytes.
 */
#include "madt.h"
#include "tables/table/frame.h"

#define MADT_HEAD_LENGTH 44

/* The head has no count: structures fill the table. */
struct madt_head {
	struct acpi_header acpi;
	uint32_t address, flags;
};

static const struct field_name head_flags[] = { { 0x1, "PCAT_COMPAT" }, { 0, NULL } };
static const struct field head_fields[] = {
	ACPI_ROWS(struct madt_head),
	ROW(struct madt_head, 36, HEX, address, "Local interrupt controller address"),
	ROW_NAMED(struct madt_head, 40, FLAGS, flags, "Flags", head_flags),
};
static const struct layout head_layout = LAYOUT("Multiple APIC Description table", 0,
						MADT_HEAD_LENGTH, struct madt_head, head_fields);

/* Includes common structures without rows, for dumps. */
static const struct field_name types[] = {
	{ 0, "local APIC" },
	{ MADT_IOAPIC, "IOAPIC" },
	{ 9, "local x2APIC" },
	{ 11, "GICC" },
	{ 12, "GICD" },
	{ 14, "GICR" },
	{ MADT_ITS, "GIC ITS" },
	{ MADT_IRS, "GICv5 IRS" },
	{ MADT_ITS_CONFIG, "GICv5 ITS" },
	{ MADT_ITS_TRANSLATE, "GICv5 ITS translate frame" },
	{ 0, NULL },
};

/*
 * Linux looks for each IOAPIC of the MADT among the special entries of an IVRS, and disables
 * interrupt remapping if one is missing there.
 */
static const struct field ioapic_fields[] = {
	TYPE_AND_LENGTH_ROWS(struct madt_ioapic, types),
	ROW(struct madt_ioapic, 2, NUMBER, id, "IOAPIC ID"),
	ROW(struct madt_ioapic, 3, RESERVED, reserved, "Reserved"),
	ROW(struct madt_ioapic, 4, HEX, address, "IOAPIC address"),
	ROW(struct madt_ioapic, 8, NUMBER, interrupt_base, "Global system interrupt base"),
};
const struct layout madt_ioapic_layout =
	LAYOUT("IOAPIC", MADT_IOAPIC, 12, struct madt_ioapic, ioapic_fields);

/* ITS groups of an IORT, and SRAT, refer to this ID. */
static const struct field its_fields[] = {
	TYPE_AND_LENGTH_ROWS(struct madt_its, types),
	ROW(struct madt_its, 2, RESERVED, reserved, "Reserved"),
	ROW(struct madt_its, 4, NUMBER, id, "GIC ITS ID"),
	ROW(struct madt_its, 8, HEX, base, "Physical base address"),
	ROW(struct madt_its, 16, RESERVED, reserved2, "Reserved"),
};
const struct layout madt_its_layout = LAYOUT("GIC ITS", MADT_ITS, 20, struct madt_its, its_fields);

/* -- GICv5 (ACPI 6.7) ---------------------------------------------------------------------- */

static const struct field_name not_coherent[] = { { 0x1, "not coherent" }, { 0, NULL } };

static const struct field irs_fields[] = {
	TYPE_AND_LENGTH_ROWS(struct madt_irs, types),
	ROW(struct madt_irs, 2, NUMBER, version, "GIC version"),
	ROW(struct madt_irs, 3, RESERVED, reserved, "Reserved"),
	ROW(struct madt_irs, 4, NUMBER, id, "IRS ID"),
	ROW_NAMED(struct madt_irs, 8, FLAGS, flags, "Flags", not_coherent),
	ROW(struct madt_irs, 12, RESERVED, reserved2, "Reserved"),
	ROW(struct madt_irs, 16, HEX, config_base, "Config frame base address"),
	ROW(struct madt_irs, 24, HEX, setlpi_base, "SETLPI frame base address"),
};
static const struct layout irs_layout =
	LAYOUT("GICv5 IRS", MADT_IRS, 32, struct madt_irs, irs_fields);

static const struct field its_config_fields[] = {
	TYPE_AND_LENGTH_ROWS(struct madt_its_config, types),
	ROW_NAMED(struct madt_its_config, 2, FLAGS, flags, "Flags", not_coherent),
	ROW(struct madt_its_config, 3, RESERVED, reserved, "Reserved"),
	ROW(struct madt_its_config, 4, NUMBER, id, "ITS ID"),
	ROW(struct madt_its_config, 8, HEX, base, "Config frame base address"),
};
static const struct layout its_config_layout =
	LAYOUT("GICv5 ITS", MADT_ITS_CONFIG, 16, struct madt_its_config, its_config_fields);

/* ITS groups of an IORT refer to the ID of the frame (Linux, iort_register_domain_token()). */
static const struct field its_translate_fields[] = {
	TYPE_AND_LENGTH_ROWS(struct madt_its_translate, types),
	ROW(struct madt_its_translate, 2, RESERVED, reserved, "Reserved"),
	ROW(struct madt_its_translate, 4, NUMBER, its, "Linked ITS ID"),
	ROW(struct madt_its_translate, 8, NUMBER, id, "ITS translate frame ID"),
	ROW(struct madt_its_translate, 12, RESERVED, reserved2, "Reserved"),
	ROW(struct madt_its_translate, 16, HEX, base, "Physical base address"),
};
const struct layout madt_its_translate_layout =
	LAYOUT("GICv5 ITS translate frame", MADT_ITS_TRANSLATE, 24, struct madt_its_translate,
	       its_translate_fields);

/* -- the table ------------------------------------------------------------------------------- */

/* The head of every structure; the rest stays bytes. */
struct other_structure {
	struct madt_node node;
};
static const struct field other_fields[] = { TYPE_AND_LENGTH_ROWS(struct other_structure, types) };
static const struct layout other_layout = LAYOUT("Interrupt controller structure", LAYOUT_UNKNOWN,
						 2, struct other_structure, other_fields);

/* Other interrupt controllers have no rows. */
static const struct layout *find_layout(uint64_t type)
{
	static const struct layout *const known[] = {
		&madt_ioapic_layout, &madt_its_layout,           &irs_layout,
		&its_config_layout,  &madt_its_translate_layout,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (known[i]->type == type)
			return known[i];
	return &other_layout;
}

static const struct frame structures = {
	.framing = FRAMING(1, 1, 1, 2),
	ACPI_FRAME,
	.layout = find_layout,
};

const struct format madt_format = {
	.signature = "APIC",
	.name = "Multiple APIC Description table",
	.head = &head_layout,
	.frame = &structures,
	.decode = frame_decode,
};
