/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an IVRS means, as a topology
 *
 * IOMMUs become amdvi0, amdvi1, ... in the order of the table. Of several blocks of one IOMMU the
 * newest type counts, for it has all that older ones have; only flags and features of the others
 * are kept. Its entries become ranges, sources of interrupts and devices, each with its place.
 *
 * Entries are applied in their order, so the last one that has a function counts; of ranges in a
 * topology the first one does. So ranges are added in the order of the table, unless some of them
 * overlap: then all of them are added from the last to the first.
 */
#include <inttypes.h>
#include <string.h>

#include "findings.h"
#include "ivrs.h"
#include "resolve.h"
#include "topology.h"

/* An IOMMU, and the block of it that counts. */
struct found {
	struct viommu_iommu iommu;
	const struct record *newest;
};

struct reading {
	const struct viommu_table *table;
	struct viommu_topology *topology;
	GPtrArray *iommus;          /* of struct found */
	GHashTable *by_function;    /* the same, by segment and BDF */
	GArray *ranges;             /* of struct viommu_pci_range, in the order of the table */
	const struct found *found;  /* whose entries are read */
	const struct record *start; /* of a range that has not ended yet */
	struct viommu_findings *findings;
};

static void found_free(void *opaque)
{
	struct found *found = opaque;

	g_free((char *)found->iommu.name);
	g_free(found);
}

static void say_untold(const struct reading *reading, const struct record *record, const char *what)
{
	report(reading->findings, "ivrs-untold", table_place(reading->table, record->at), NULL,
	       "%s: a topology does not say that", what);
}

/* -- IOMMUs ------------------------------------------------------------------------------- */

static struct found *find_iommu(struct reading *reading, const struct ivrs_ivhd *ivhd)
{
	gpointer key = GUINT_TO_POINTER(function_id(ivhd->segment, ivhd->block.bdf));
	struct found *found = g_hash_table_lookup(reading->by_function, key);

	if (found)
		return found;
	found = g_new0(struct found, 1);
	found->iommu.size = sizeof(found->iommu);
	found->iommu.kind = VIOMMU_AMD_VI;
	found->iommu.name = g_strdup_printf("amdvi%u", reading->iommus->len);
	found->iommu.include_self = true;
	g_ptr_array_add(reading->iommus, found);
	g_hash_table_insert(reading->by_function, key, found);
	return found;
}

/* What only blocks of one sort have. */
static void take_details(struct viommu_iommu *iommu, const struct record *block)
{
	const struct ivrs_ivhd *ivhd = block->host;

	if (ivrs_type_of(block) == IVRS_IVHD_10) {
		iommu->features = ivhd->features;
		iommu->flags = ivhd->block.flags & ~IVRS_COHERENT;
	} else {
		iommu->attributes = ivhd->features;
		iommu->efr = ivhd->efr;
		iommu->efr2 = ivhd->efr2;
		iommu->has_image_flags = true;
		iommu->image_flags = ivhd->block.flags & ~IVRS_COHERENT;
	}
}

static void take_block(struct reading *reading, const struct record *block)
{
	const struct ivrs_ivhd *ivhd = block->host;
	struct found *found = find_iommu(reading, ivhd);
	struct viommu_iommu *iommu = &found->iommu;

	if (iommu->n_blocks < VIOMMU_MAX_BLOCKS)
		iommu->blocks[iommu->n_blocks++] = ivrs_type_of(block);
	take_details(iommu, block);
	if (found->newest && ivrs_type_of(block) < ivrs_type_of(found->newest))
		return;
	found->newest = block;
	iommu->segment = ivhd->segment;
	iommu->bdf = ivhd->block.bdf;
	iommu->base = ivhd->base;
	iommu->capability = ivhd->capability;
	iommu->info = ivhd->info;
	iommu->coherent = ivhd->block.flags & IVRS_COHERENT;
	iommu->place = table_place(reading->table, block->at);
}

/* What is as it would be written anyway is not said. */
static void leave_usual_out(struct viommu_iommu *iommu, const struct ivrs_usual *usual)
{
	if (iommu->has_image_flags && iommu->image_flags == (iommu->flags & IVRS_IMAGE_FLAGS))
		iommu->has_image_flags = false;
	if (iommu->n_blocks == usual->n_blocks &&
	    !memcmp(iommu->blocks, usual->blocks, usual->n_blocks * sizeof(usual->blocks[0])))
		iommu->n_blocks = 0;
	if (!iommu->has_image_flags)
		iommu->image_flags = 0;
}

/* -- device entries -------------------------------------------------------------------------- */

static void set_alias(struct viommu_pci_range *range, const struct record *entry)
{
	range->id_first =
		function_id(range->segment_first, ((const struct ivrs_alias *)entry->host)->source);
	range->one_id = true;
}

static void set_extended(const struct reading *reading, struct viommu_pci_range *range,
			 const struct record *entry)
{
	uint32_t extended = ((const struct ivrs_extended *)entry->host)->extended;

	range->no_ats = extended & IVRS_NO_ATS;
	if (extended & ~IVRS_NO_ATS)
		say_untold(reading, entry, "bits of the extended setting");
}

/* What the entry says of these functions; where it is one of two, it is the first. */
static void take_range(struct reading *reading, const struct record *entry, uint16_t first,
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
		g_array_append_val(reading->ranges, range);
}

static void read_all(struct reading *reading, const struct record *entry)
{
	take_range(reading, entry, 0, IVRS_LAST_BDF);
}

static void read_one(struct reading *reading, const struct record *entry)
{
	uint16_t bdf = ((const struct ivrs_entry *)entry->host)->bdf;

	take_range(reading, entry, bdf, bdf);
}

static void read_start(struct reading *reading, const struct record *entry)
{
	reading->start = entry;
}

/* An end without a start has a finding of its own, as has one that comes before it. */
static void read_end(struct reading *reading, const struct record *entry)
{
	const struct record *start = reading->start;

	if (start)
		take_range(reading, start, ((const struct ivrs_entry *)start->host)->bdf,
			   ((const struct ivrs_entry *)entry->host)->bdf);
	reading->start = NULL;
}

static void read_special(struct reading *reading, const struct record *entry)
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
	return length && *field ? g_strndup(field, length) : NULL;
}

/* An integer is written in decimal, so that a text of digits is one when it is written back. */
static char *uid_of(const struct record *entry)
{
	const struct ivrs_hid *hid = entry->host;
	const struct record *text = record_child(entry, 0);

	if (text)
		return text_of(record_text(text), text->rest->len);
	if (hid->uid_format == IVRS_UID_INTEGER && hid->uid_length <= sizeof(uint64_t))
		return g_strdup_printf("%" PRIu64, wire_load(entry->rest->data, entry->rest->len));
	return NULL;
}

/*
 * It is called by its IDs, so that it can be asked for. A second one of the same IDs
 * has no name.
 */
static int add_device(struct reading *reading, struct viommu_platform_device *device)
{
	g_autofree char *name = g_strjoin(":", device->hid, device->uid, NULL);

	device->name = name;
	if (!viommu_topology_add_platform_device(reading->topology, device))
		return 0;
	device->name = NULL;
	return viommu_topology_add_platform_device(reading->topology, device);
}

static void read_hid(struct reading *reading, const struct record *entry)
{
	const struct viommu_iommu *iommu = &reading->found->iommu;
	const struct ivrs_hid *fields = entry->host;
	g_autofree char *hid = text_of(fields->hid, sizeof(fields->hid));
	g_autofree char *cid = text_of(fields->cid, sizeof(fields->cid));
	g_autofree char *uid = uid_of(entry);
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
		say_untold(reading, entry, "an ID that is no text");
}

static void read_entry(struct reading *reading, const struct record *entry)
{
	static const struct {
		enum ivrs_entry_type type;
		void (*read)(struct reading *reading, const struct record *entry);
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

static void read_entries(struct reading *reading, const struct found *found)
{
	const struct record *entry;

	reading->found = found;
	reading->start = NULL;
	for_each_child(i, entry, found->newest) read_entry(reading, entry);
}

static void add_to(struct viommu_topology *topology, const GArray *ranges, bool from_last)
{
	for (guint i = 0; i < ranges->len; i++)
		viommu_topology_add_pci_range(topology,
					      &g_array_index(ranges, struct viommu_pci_range,
							     from_last ? ranges->len - 1 - i : i));
}

/* Whether any overlap a topology can tell, so they are put into one to be looked at. */
static void add_ranges(struct reading *reading)
{
	struct viommu_topology *looked_at = viommu_topology_new();

	add_to(looked_at, reading->ranges, false);
	add_to(reading->topology, reading->ranges, topology_ranges_overlap(looked_at));
	viommu_topology_free(looked_at);
}

/* -- memory ----------------------------------------------------------------------------------- */

/* The last device that the memory is for. */
static uint16_t last_of(const struct record *block)
{
	const struct ivrs_ivmd *ivmd = block->host;

	switch (ivrs_type_of(block)) {
	case IVRS_IVMD_ALL:
		return IVRS_LAST_BDF;
	case IVRS_IVMD_RANGE:
		return ivmd->last;
	default:
		return ivmd->block.bdf;
	}
}

/* Flags but for the one that is the kind; what is mapped to itself may be read and written. */
static uint32_t flags_of(enum viommu_memory_kind kind, uint32_t flags)
{
	if (kind == VIOMMU_MEMORY_EXCLUSION)
		return flags & ~IVRS_EXCLUSION;
	flags &= ~IVRS_UNITY;
	return flags == IVRS_ANY_ACCESS ? 0 : flags;
}

static void add_memory(struct reading *reading, const struct record *block,
		       enum viommu_memory_kind kind)
{
	const struct ivrs_ivmd *ivmd = block->host;
	const struct viommu_reserved_memory memory = {
		.size = sizeof(memory),
		.first = ivmd->start,
		.last = ivmd->start + (ivmd->length - 1),
		.kind = kind,
		.segment = ivmd->segment,
		.bdf_first = ivrs_type_of(block) == IVRS_IVMD_ALL ? 0 : ivmd->block.bdf,
		.bdf_last = last_of(block),
		.flags = flags_of(kind, ivmd->block.flags),
		.place = table_place(reading->table, block->at),
	};

	viommu_topology_add_reserved_memory(reading->topology, &memory);
}

/* Memory without a byte, or that does not end, has findings of its own. */
static void read_memory(struct reading *reading, const struct record *block)
{
	const struct ivrs_ivmd *ivmd = block->host;
	uint8_t flags = ivmd->block.flags;

	if (!(flags & (IVRS_UNITY | IVRS_EXCLUSION)))
		say_untold(reading, block, "memory that is neither mapped to itself nor excluded");
	else if (flags == IVRS_UNITY)
		say_untold(reading, block, "memory that can neither be read nor written");
	else if (ivmd->length)
		add_memory(reading, block,
			   flags & IVRS_EXCLUSION ? VIOMMU_MEMORY_EXCLUSION
						  : VIOMMU_MEMORY_IDENTITY);
}

/* -- the head ------------------------------------------------------------------------------- */

/* Does the block say what only blocks 11h and 40h have? */
static bool has_images(const struct record *block)
{
	const struct ivrs_ivhd *ivhd = block->host;

	return ivrs_type_of(block) != IVRS_IVHD_10 && (ivhd->efr || ivhd->efr2 || ivhd->features);
}

static bool has_entry(const struct record *block, unsigned type)
{
	const struct record *entry;

	for_each_child(i, entry, block) if (ivrs_type_of(entry) == type) return true;
	return false;
}

/* What the table would have if it were made from what it means. */
static struct ivrs_usual usual_of(const struct viommu_table *table)
{
	bool images = false, acpi_devices = false;
	const struct record *block;

	for_each_child(i, block, table->root)
	{
		if (!ivrs_is_ivhd(block))
			continue;
		images |= has_images(block);
		acpi_devices |= ivrs_type_of(block) == IVRS_IVHD_40 && has_entry(block, IVRS_HID);
	}
	return ivrs_usual(images, acpi_devices);
}

static bool has_pads(const struct viommu_table *table)
{
	const struct record *block;

	for_each_child(i, block, table->root) if (ivrs_is_ivhd(block) &&
						  has_entry(block, IVRS_PAD)) return true;
	return false;
}

/* What is as it would be written anyway is not said. */
void ivrs_read_header(const struct viommu_table *table, struct viommu_table_header *header)
{
	const struct ivrs_head *head = table->root->host;
	const struct ivrs_usual usual = usual_of(table);
	unsigned bits = (head->info & IVRS_ADDRESS_BITS) >> IVRS_ADDRESS_SHIFT;
	uint32_t flags = head->info & ~IVRS_ADDRESS_BITS;

	header->has_revision = head->acpi.revision != usual.revision;
	header->revision = header->has_revision ? head->acpi.revision : 0;
	header->address_bits = bits == IVRS_USUAL_BITS ? 0 : bits;
	header->has_flags = flags != usual.flags;
	header->flags = header->has_flags ? flags : 0;
	header->aligned = has_pads(table);
}

/* -- the whole ------------------------------------------------------------------------------ */

static void find_iommus(struct reading *reading)
{
	const struct record *block;

	for_each_child(i, block, reading->table->root) if (ivrs_is_ivhd(block))
		take_block(reading, block);
}

static void read_iommus(struct reading *reading)
{
	struct ivrs_usual usual = usual_of(reading->table);

	for (guint i = 0; i < reading->iommus->len; i++) {
		struct found *found = reading->iommus->pdata[i];

		leave_usual_out(&found->iommu, &usual);
		viommu_topology_add_iommu(reading->topology, &found->iommu);
		read_entries(reading, found);
	}
	add_ranges(reading);
}

struct viommu_topology *ivrs_read(const struct viommu_table *table,
				  struct viommu_findings *findings)
{
	struct reading reading = {
		.table = table,
		.topology = viommu_topology_new(),
		.iommus = g_ptr_array_new_with_free_func(found_free),
		.by_function = g_hash_table_new(NULL, NULL),
		.ranges = g_array_new(FALSE, FALSE, sizeof(struct viommu_pci_range)),
		.findings = findings,
	};
	const struct record *block;

	find_iommus(&reading);
	read_iommus(&reading);
	for_each_child(i, block, table->root) if (ivrs_is_ivmd(block)) read_memory(&reading, block);
	g_array_free(reading.ranges, TRUE);
	g_hash_table_destroy(reading.by_function);
	g_ptr_array_free(reading.iommus, TRUE);
	return reading.topology;
}
