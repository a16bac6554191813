/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Layouts of the head and the structures of an SRAT
 */
#include "srat.h"
#include "tables/table/frame.h"

/*
 * The number behind the header is always 1. The revision in the header counts: up to 1, Linux
 * truncates domains to 8 bits.
 */
static const struct field head_fields[] = {
	ACPI_ROWS(struct srat_head),
	ROW(struct srat_head, 36, NUMBER, table_revision, "Table revision"),
	ROW(struct srat_head, 40, RESERVED, reserved, "Reserved"),
};

const struct layout srat_head_layout = LAYOUT("System Resource Affinity table", 0, SRAT_HEAD_LENGTH,
					      struct srat_head, head_fields);

/* Includes structures that do not concern IOMMUs, for dumps. */
static const struct field_name types[] = {
	{ SRAT_CPU, "processor" },
	{ SRAT_MEMORY, "memory" },
	{ SRAT_X2APIC, "processor, x2APIC" },
	{ SRAT_GICC, "processor, GICC" },
	{ SRAT_ITS, "GIC ITS" },
	{ SRAT_INITIATOR, "generic initiator" },
	{ SRAT_PORT, "generic port" },
	{ SRAT_RINTC, "processor, RINTC" },
	{ 0, NULL },
};

static const struct field_name enabled[] = { { SRAT_ENABLED, "enabled" }, { 0, NULL } };

/* Originally, the domain had 8 bits. */
static const struct field cpu_fields[] = {
	TYPE_AND_LENGTH_ROWS(struct srat_cpu, types),
	ROW(struct srat_cpu, 2, NUMBER, domain_low, "Proximity domain 7:0"),
	ROW(struct srat_cpu, 3, NUMBER, apic_id, "APIC ID"),
	ROW_NAMED(struct srat_cpu, 4, FLAGS, flags, "Flags", enabled),
	ROW(struct srat_cpu, 8, NUMBER, sapic_eid, "Local SAPIC EID"),
	ROW(struct srat_cpu, 9, BYTES, domain_high, "Proximity domain 31:8"),
	ROW(struct srat_cpu, 12, NUMBER, clock_domain, "Clock domain"),
};

/* Disabled structures have no effect, so dumps show the flag. */
static const struct field_name memory_flags[] = {
	{ SRAT_ENABLED, "enabled" },
	{ 0x2, "hot-pluggable" },
	{ 0x4, "non-volatile" },
	{ 0x8, "specific purpose" },
	{ 0, NULL },
};

static const struct field memory_fields[] = {
	TYPE_AND_LENGTH_ROWS(struct srat_memory, types),
	ROW(struct srat_memory, 2, NUMBER, domain, "Proximity domain"),
	ROW(struct srat_memory, 6, RESERVED, reserved, "Reserved"),
	ROW(struct srat_memory, 8, HEX, base, "Base address"),
	ROW(struct srat_memory, 16, HEX, length, "Length of memory"),
	ROW(struct srat_memory, 24, HEX, type, "Memory type"), /* of revision 1, then reserved */
	ROW_NAMED(struct srat_memory, 28, FLAGS, flags, "Flags", memory_flags),
	ROW(struct srat_memory, 32, RESERVED, reserved3, "Reserved"),
};

/* For 32-bit APIC IDs. */
static const struct field x2apic_fields[] = {
	TYPE_AND_LENGTH_ROWS(struct srat_x2apic, types),
	ROW(struct srat_x2apic, 2, RESERVED, reserved, "Reserved"),
	ROW(struct srat_x2apic, 4, NUMBER, domain, "Proximity domain"),
	ROW(struct srat_x2apic, 8, NUMBER, id, "x2APIC ID"),
	ROW_NAMED(struct srat_x2apic, 12, FLAGS, flags, "Flags", enabled),
	ROW(struct srat_x2apic, 16, NUMBER, clock_domain, "Clock domain"),
	ROW(struct srat_x2apic, 20, RESERVED, reserved2, "Reserved"),
};

/* Fields are unaligned: the domain is at 2, the UID at 6. */
static const struct field gicc_fields[] = {
	TYPE_AND_LENGTH_ROWS(struct srat_gicc, types),
	ROW(struct srat_gicc, 2, NUMBER, domain, "Proximity domain"),
	ROW(struct srat_gicc, 6, NUMBER, uid, "ACPI processor UID"),
	ROW_NAMED(struct srat_gicc, 10, FLAGS, flags, "Flags", enabled),
	ROW(struct srat_gicc, 14, NUMBER, clock_domain, "Clock domain"),
};

/* The ID is that of the MADT, as in ITS groups of an IORT. */
static const struct field its_fields[] = {
	TYPE_AND_LENGTH_ROWS(struct srat_its, types),
	ROW(struct srat_its, 2, NUMBER, domain, "Proximity domain"),
	ROW(struct srat_its, 6, RESERVED, reserved, "Reserved"),
	ROW(struct srat_its, 8, NUMBER, id, "ITS ID"),
};

static const struct field rintc_fields[] = {
	TYPE_AND_LENGTH_ROWS(struct srat_rintc, types),
	ROW(struct srat_rintc, 2, RESERVED, reserved, "Reserved"),
	ROW(struct srat_rintc, 4, NUMBER, domain, "Proximity domain"),
	ROW(struct srat_rintc, 8, NUMBER, uid, "ACPI processor UID"),
	ROW_NAMED(struct srat_rintc, 12, FLAGS, flags, "Flags", enabled),
	ROW(struct srat_rintc, 16, NUMBER, clock_domain, "Clock domain"),
};

/* The type of the handle selects the layout of its bytes. */
static const struct field_name handles[] = {
	{ SRAT_HANDLE_ACPI, "ACPI" },
	{ SRAT_HANDLE_PCI, "PCI" },
	{ 0, NULL },
};

static const struct field_name initiator_flags[] = {
	{ SRAT_ENABLED, "enabled" },
	{ 0x2, "architectural transactions" },
	{ 0, NULL },
};

/*
 * The bus precedes device and function. QEMU swapped them until 2024, so its older tables name
 * other functions than intended.
 */
static const struct field function_fields[] = {
	TYPE_AND_LENGTH_ROWS(struct srat_function, types),
	ROW(struct srat_function, 2, RESERVED, reserved, "Reserved"),
	ROW_NAMED(struct srat_function, 3, ENUM, handle_type, "Device handle type", handles),
	ROW(struct srat_function, 4, NUMBER, domain, "Proximity domain"),
	ROW(struct srat_function, 8, HEX, segment, "PCI segment"),
	ROW(struct srat_function, 10, HEX, bus, "PCI bus number"),
	ROW(struct srat_function, 11, HEX, devfn, "PCI device and function"),
	ROW(struct srat_function, 12, RESERVED, reserved2, "Reserved"),
	ROW_NAMED(struct srat_function, 24, FLAGS, flags, "Flags", initiator_flags),
	ROW(struct srat_function, 28, RESERVED, reserved3, "Reserved"),
};

/* An ACPI handle names the device by _HID, 8 characters without a NUL, and _UID. */
static const struct field device_fields[] = {
	TYPE_AND_LENGTH_ROWS(struct srat_device, types),
	ROW(struct srat_device, 2, RESERVED, reserved, "Reserved"),
	ROW_NAMED(struct srat_device, 3, ENUM, handle_type, "Device handle type", handles),
	ROW(struct srat_device, 4, NUMBER, domain, "Proximity domain"),
	ROW(struct srat_device, 8, TEXT, hid, "ACPI _HID"),
	ROW(struct srat_device, 16, HEX, uid, "ACPI _UID"),
	ROW(struct srat_device, 20, RESERVED, reserved2, "Reserved"),
	ROW_NAMED(struct srat_device, 24, FLAGS, flags, "Flags", initiator_flags),
	ROW(struct srat_device, 28, RESERVED, reserved3, "Reserved"),
};

/* The head of every structure; the rest stays bytes. */
struct unknown_structure {
	struct srat_node node;
};

static const struct field unknown_fields[] = { TYPE_AND_LENGTH_ROWS(struct unknown_structure,
								    types) };

static const struct layout layouts[] = {
	[SRAT_CPU] = LAYOUT("Processor", SRAT_CPU, 16, struct srat_cpu, cpu_fields),
	[SRAT_MEMORY] = LAYOUT("Memory", SRAT_MEMORY, 40, struct srat_memory, memory_fields),
	[SRAT_X2APIC] =
		LAYOUT("Processor with x2APIC", SRAT_X2APIC, 24, struct srat_x2apic, x2apic_fields),
	[SRAT_GICC] = LAYOUT("Processor with GICC", SRAT_GICC, 18, struct srat_gicc, gicc_fields),
	[SRAT_ITS] = LAYOUT("GIC ITS", SRAT_ITS, 12, struct srat_its, its_fields),
	[SRAT_INITIATOR] =
		LAYOUT("Generic initiator", SRAT_INITIATOR, 32, struct srat_device, device_fields),
	[SRAT_PORT] = LAYOUT("Generic port", SRAT_PORT, 32, struct srat_device, device_fields),
	[SRAT_RINTC] =
		LAYOUT("Processor with RINTC", SRAT_RINTC, 20, struct srat_rintc, rintc_fields),
};

const struct layout srat_initiator_layout = LAYOUT("Generic initiator on PCI", SRAT_INITIATOR, 32,
						   struct srat_function, function_fields);

static const struct layout port_layout =
	LAYOUT("Generic port on PCI", SRAT_PORT, 32, struct srat_function, function_fields);

static const struct layout unknown_layout = LAYOUT("Structure of unknown type", LAYOUT_UNKNOWN, 2,
						   struct unknown_structure, unknown_fields);

#define HANDLE_TYPE_AT 3u

/* The layout was selected by the type of the handle. */
bool srat_is_function(const struct record *record)
{
	return record_is(record, &srat_initiator_layout) || record_is(record, &port_layout);
}

/* Layouts with an ACPI handle, which handles of unknown type have, too. */
bool srat_is_device(const struct record *record)
{
	return record_is(record, &layouts[SRAT_INITIATOR]) ||
	       record_is(record, &layouts[SRAT_PORT]);
}

/* Only here are bus and function combined, in the swapped order. */
uint32_t srat_function_id(const struct record *record)
{
	const struct srat_function *function = record->host;

	return (uint32_t)function->segment << 16 | (uint32_t)function->bus << 8 | function->devfn;
}

/* All structures but the oldest have the domain in one field. */
bool srat_domain(const struct record *record, uint32_t *ret_domain)
{
	const struct field *field =
		record->layout ? layout_field(record->layout, "Proximity domain") : NULL;
	const struct srat_cpu *cpu = record->host;

	if (field) {
		*ret_domain = (uint32_t)field_get(field, record->host);
		return true;
	}
	if (!record_is(record, &layouts[SRAT_CPU]))
		return false;
	*ret_domain = cpu->domain_low | (uint32_t)wire_load(cpu->domain_high, 3) << 8;
	return true;
}

/* An ITS has no flags. */
bool srat_is_enabled(const struct record *record)
{
	const struct field *flags = record->layout ? layout_field(record->layout, "Flags") : NULL;

	return !flags || field_get(flags, record->host) & SRAT_ENABLED;
}

/* The type of the handle selects the layout of its 16 bytes; an unknown type has that of ACPI. */
const struct layout *srat_layout_at(const struct cursor *cursor)
{
	const uint8_t *structure = cursor->table + cursor->at;
	uint64_t type = cursor->type;
	bool pci = cursor->length > HANDLE_TYPE_AT && structure[HANDLE_TYPE_AT] == SRAT_HANDLE_PCI;

	if (pci && type == SRAT_INITIATOR)
		return &srat_initiator_layout;
	if (pci && type == SRAT_PORT)
		return &port_layout;
	return type < G_N_ELEMENTS(layouts) ? &layouts[type] : &unknown_layout;
}
