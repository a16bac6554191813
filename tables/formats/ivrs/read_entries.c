/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What device entries of an IVRS mean
 *
 * They become ranges, sources of interrupts and devices, each with its place. Entries are applied
 * in their order, so the last one that has a function counts; of ranges in a topology the first one
 * does. So ranges are added in the order of the table, unless some of them overlap: then all of
 * them are added from the last to the first.
 */
#include <inttypes.h>

#include "base/array.h"
#include "read.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "tables/routes/route.h"

/* -- functions -------------------------------------------------------------------------------- */

/* The one ID of them all is that of the function that they send as. */
static void set_alias(struct viommu_pci_range *range, const struct record *entry)
{
	range->id_first =
		function_id(range->segment_first, ((const struct ivrs_alias *)entry->host)->source);
	range->one_id = true;
}

/* One of the 32 bits has a meaning today. */
static void set_extended(const struct ivrs_reading *reading, struct viommu_pci_range *range,
			 const struct record *entry)
{
	uint32_t extended = ((const struct ivrs_extended *)entry->host)->extended;

	range->no_ats = extended & IVRS_NO_ATS;
	if (extended & ~IVRS_NO_ATS)
		ivrs_say_untold(reading, entry, "bits of the extended setting");
}

/* What the entry says of these functions; where it is one of two, it is the first. */
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

/* The device ID of this entry means nothing; firmware leaves 0 or anything there. */
static void read_all(struct ivrs_reading *reading, const struct record *entry)
{
	take_range(reading, entry, 0, IVRS_LAST_BDF);
}

/* A range of one function, whatever the entry says of it. */
static void read_one(struct ivrs_reading *reading, const struct record *entry)
{
	uint16_t bdf = ((const struct ivrs_entry *)entry->host)->bdf;

	take_range(reading, entry, bdf, bdf);
}

/*
 * What it says waits for its end. One that is not ended is forgotten with the next, as Linux does.
 */
static void read_start(struct ivrs_reading *reading, const struct record *entry)
{
	reading->start = entry;
}

/* An end without a start has a finding of its own, as has one that comes before it. */
static void read_end(struct ivrs_reading *reading, const struct record *entry)
{
	const struct record *start = reading->start;

	if (start)
		take_range(reading, start, ((const struct ivrs_entry *)start->host)->bdf,
			   ((const struct ivrs_entry *)entry->host)->bdf);
	reading->start = NULL;
}

/* A variety that is not known has a finding of its own, and is no source of interrupts. */
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
		viommu_topology_add_interrupt_source(reading->topology, &source);
}

/* -- ACPI devices --------------------------------------------------------------------------- */

/* A field that is filled up with NUL; NULL if that is all there is. */
static char *text_of(const char *field, size_t length)
{
	return length && *field ? memory_text_n(field, length) : NULL;
}

/* An integer is written in decimal, so that a text of digits is one when it is written back. */
static char *uid_of(const struct record *entry)
{
	const struct ivrs_hid *hid = entry->host;
	const struct record *text = record_child(entry, 0);

	if (text)
		return text_of(record_text(text), text->rest->len);
	if (hid->uid_format == IVRS_UID_INTEGER && hid->uid_length <= sizeof(uint64_t))
		return memory_printf("%" PRIu64, wire_load(entry->rest->data, entry->rest->len));
	return NULL;
}

/*
 * It is called by its IDs, so that it can be asked for. A second one of the same IDs
 * has no name.
 */
static int add_device(struct ivrs_reading *reading, struct viommu_platform_device *device)
{
	auto_free char *name = device->uid ? memory_printf("%s:%s", device->hid, device->uid)
					   : memory_text(device->hid);

	device->name = name;
	if (!viommu_topology_add_platform_device(reading->topology, device))
		return 0;
	device->name = NULL;
	return viommu_topology_add_platform_device(reading->topology, device);
}

/* In older blocks Linux skips these entries, and so does the topology. */
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

	if (ivrs_type_of(reading->found->newest) == IVRS_IVHD_40 && hid &&
	    add_device(reading, &device) < 0)
		ivrs_say_untold(reading, entry, "an ID that is no text");
}

/* Pads and what is not known mean nothing. */
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

/* Ranges do not reach from one block into another. */
void ivrs_read_entries(struct ivrs_reading *reading, const struct ivrs_found *found)
{
	const struct record *entry;

	reading->found = found;
	reading->start = NULL;
	for_each_child(i, entry, found->newest)
		read_entry(reading, entry);
}

/* An inverted range was left out before, so none of these is refused. */
static void add_to(struct viommu_topology *topology, const struct array *ranges, bool from_last)
{
	for (guint i = 0; i < ranges->len; i++)
		viommu_topology_add_pci_range(topology,
					      &array_index(ranges, struct viommu_pci_range,
							   from_last ? ranges->len - 1 - i : i));
}

/* Whether any overlap a topology can tell, so they are put into one to be looked at. */
void ivrs_add_ranges(struct ivrs_reading *reading)
{
	struct viommu_topology *looked_at = viommu_topology_new();

	add_to(looked_at, reading->ranges, false);
	add_to(reading->topology, reading->ranges, topology_ranges_overlap(looked_at));
	viommu_topology_free(looked_at);
}

/* A note: the table is fine, and only what is made of it again will be another one. */
void ivrs_say_untold(const struct ivrs_reading *reading, const struct record *record,
		     const char *what)
{
	report(reading->findings, "ivrs-untold", table_place(reading->table, record->at), NULL,
	       "%s: a topology does not say that", what);
}
