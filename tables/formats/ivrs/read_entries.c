/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What device entries of an IVRS mean
 *
 * They become ranges, interrupt sources and devices. Readers apply entries in order, so the last
 * entry of a function counts; in a topology the first range does. So ranges keep the order of the
 * table unless some overlap, and are then added in reverse order.
 */
#include <inttypes.h>

#include "base/array.h"
#include "read.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "tables/routes/route.h"

/* -- functions -------------------------------------------------------------------------------- */

/* The functions share the ID of the function that they send as. */
static void set_alias(struct viommu_pci_range *range, const struct record *entry)
{
	range->id_first =
		function_id(range->segment_first, ((const struct ivrs_alias *)entry->host)->source);
	range->shared_id = true;
}

/* Only bit 31 is defined. */
static void set_extended(const struct ivrs_reading *reading, struct viommu_pci_range *range,
			 const struct record *entry)
{
	uint32_t extended = ((const struct ivrs_extended *)entry->host)->extended;

	range->no_ats = extended & IVRS_NO_ATS;
	if (extended & ~IVRS_NO_ATS)
		ivrs_report_unrepresentable(reading, entry, "bits of the extended setting");
}

/* The attributes of a range are those of its start entry. */
static void take_range(struct ivrs_reading *reading, const struct record *entry, uint16_t first,
		       uint16_t last)
{
	const struct viommu_iommu *iommu = &reading->found->iommu;
	struct viommu_pci_range range = {
		.size = sizeof(range),
		.segment_first = iommu->segment,
		.segment_last = iommu->segment,
		.bdf_first = first,
		.bdf_last = last,
		.id_first = function_id(iommu->segment, first),
		.iommu = iommu->name,
		.settings = ((const struct ivrs_entry *)entry->host)->setting,
		.place = table_place(reading->table, entry->at),
	};
	unsigned type = ivrs_type_of(entry);

	if (type == IVRS_ALIAS || type == IVRS_ALIAS_START)
		set_alias(&range, entry);
	if (type == IVRS_EXTENDED || type == IVRS_EXTENDED_START)
		set_extended(reading, &range, entry);
	if (first <= last)
		array_append(reading->ranges, range);
}

/* Software ignores the device ID of this entry. */
static void read_all(struct ivrs_reading *reading, const struct record *entry)
{
	take_range(reading, entry, 0, IVRS_LAST_BDF);
}

static void read_one(struct ivrs_reading *reading, const struct record *entry)
{
	uint16_t bdf = ((const struct ivrs_entry *)entry->host)->bdf;

	take_range(reading, entry, bdf, bdf);
}

/* A start without an end is dropped at the next start, as in Linux. */
static void read_start(struct ivrs_reading *reading, const struct record *entry)
{
	reading->start = entry;
}

/* Rules report ends without a start, and inverted ranges. */
static void read_end(struct ivrs_reading *reading, const struct record *entry)
{
	const struct record *start = reading->start;

	if (start)
		take_range(reading, start, ((const struct ivrs_entry *)start->host)->bdf,
			   ((const struct ivrs_entry *)entry->host)->bdf);
	reading->start = NULL;
}

/* Rules report unknown varieties. */
static void read_special(struct ivrs_reading *reading, const struct record *entry)
{
	const struct viommu_iommu *iommu = &reading->found->iommu;
	const struct ivrs_special *special = entry->host;
	const struct viommu_interrupt_source source = {
		.size = sizeof(source),
		.kind = special->variety == IVRS_HPET ? VIOMMU_HPET : VIOMMU_IOAPIC,
		.number = special->handle,
		.segment = iommu->segment,
		.bdf = special->source,
		.iommu = iommu->name,
		.settings = special->setting,
		.place = table_place(reading->table, entry->at),
	};

	if (special->variety == IVRS_IOAPIC || special->variety == IVRS_HPET)
		topology_add_interrupt_source(reading->topology, &source);
}

/* -- ACPI devices --------------------------------------------------------------------------- */

/* The field is padded with NULs; NULL if it is empty. */
static char *text_of(const char *field, size_t length)
{
	return length && *field ? memory_text_n(field, length) : NULL;
}

/* An integer is decimal, so that digits are written as an integer again. */
static char *uid_of(const struct record *entry)
{
	const struct ivrs_hid *hid = entry->host;
	const struct record *text = record_child(entry, 0);

	if (text)
		return text_of(record_text(text), text->rest.len);
	if (hid->uid_format == IVRS_UID_INTEGER && hid->uid_length <= sizeof(uint64_t))
		return memory_printf("%" PRIu64, wire_load(entry->rest.data, entry->rest.len));
	return NULL;
}

/* Named by its IDs. A second device with the same IDs has no name. */
static int add_device(struct ivrs_reading *reading, struct viommu_platform_device *device)
{
	auto_free char *name = device->uid ? memory_printf("%s:%s", device->hid, device->uid)
					   : memory_text(device->hid);

	device->name = name;
	if (!topology_add_platform_device(reading->topology, device))
		return 0;
	device->name = NULL;
	return topology_add_platform_device(reading->topology, device);
}

/* As in Linux, these entries count only in blocks of type 40h. */
static void read_hid(struct ivrs_reading *reading, const struct record *entry)
{
	const struct viommu_iommu *iommu = &reading->found->iommu;
	const struct ivrs_hid *fields = entry->host;
	auto_free char *hid = text_of(fields->hid, sizeof(fields->hid));
	auto_free char *cid = text_of(fields->cid, sizeof(fields->cid));
	auto_free char *uid = uid_of(entry);
	struct viommu_platform_device device = {
		.size = sizeof(device),
		.iommu = iommu->name,
		.id = function_id(iommu->segment, fields->entry.bdf),
		.hid = hid,
		.cid = cid,
		.uid = uid,
		.settings = fields->entry.setting,
		.place = table_place(reading->table, entry->at),
	};

	if (ivrs_may_name(reading->found->newest) && hid && add_device(reading, &device) < 0)
		ivrs_report_unrepresentable(reading, entry, "IDs that are not text");
}

/* Pads and unknown entries are skipped. */
static void read_entry(struct ivrs_reading *reading, const struct record *entry)
{
	static const struct {
		enum ivrs_entry_type type;
		void (*read)(struct ivrs_reading *reading, const struct record *entry);
	} readers[] = {
		{ IVRS_ALL, read_all },
		{ IVRS_SELECT, read_one },
		{ IVRS_ALIAS, read_one },
		{ IVRS_EXTENDED, read_one },
		{ IVRS_START, read_start },
		{ IVRS_ALIAS_START, read_start },
		{ IVRS_EXTENDED_START, read_start },
		{ IVRS_END, read_end },
		{ IVRS_SPECIAL, read_special },
		{ IVRS_HID, read_hid },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(readers); i++)
		if (readers[i].type == ivrs_type_of(entry))
			readers[i].read(reading, entry);
}

/* A range ends with its block. */
void ivrs_read_entries(struct ivrs_reading *reading, const struct ivrs_iommu *found)
{
	const struct record *entry;

	reading->found = found;
	reading->start = NULL;
	for_each_child(i, entry, found->newest)
		read_entry(reading, entry);
}

/* Inverted ranges were dropped before, so none is refused. */
static void add_to(struct viommu_topology *topology, const struct array *ranges, bool from_last)
{
	for (guint i = 0; i < ranges->len; i++)
		topology_add_pci_range(topology, &array_index(ranges, struct viommu_pci_range,
							      from_last ? ranges->len - 1 - i : i));
}

/* A topology can tell whether its ranges overlap, so they are added to a temporary one first. */
void ivrs_add_ranges(struct ivrs_reading *reading)
{
	struct viommu_topology *temporary = topology_new();

	add_to(temporary, reading->ranges, false);
	add_to(reading->topology, reading->ranges, topology_ranges_overlap(temporary));
	viommu_topology_free(temporary);
}

/* A note: the table is valid, but a table generated from the topology will differ. */
void ivrs_report_unrepresentable(const struct ivrs_reading *reading, const struct record *record,
				 const char *what)
{
	report(reading->findings, "ivrs-untold", table_place(reading->table, record->at), NULL,
	       "a topology cannot represent %s", what);
}
