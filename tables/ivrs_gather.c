/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device entries of a topology
 *
 * Ranges of the topology become entries in its order, which is what a table has that somebody made
 * for a machine with just these functions. Behind them come what host bridges leave to an IOMMU,
 * sorted; sources of interrupts; and devices that ACPI names.
 *
 * Readers apply entries in their order, and of ranges the first one counts. So ranges that overlap
 * are written from the last to the first; and where even that would not do, because an entry
 * cannot say that a function bypasses, or because blocks stand in the order of IOMMUs, as the
 * disjoint pieces that the ranges come to.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "findings.h"
#include "ivrs_write.h"
#include "resolve.h"

/* -- one entry ----------------------------------------------------------------------------- */

static struct ivrs_item *add_item(struct ivrs_unit *unit, unsigned type, struct viommu_place place)
{
	struct ivrs_item new = { .type = type, .place = place };

	new.host.plain.entry.type = (uint8_t)type;
	g_array_append_val(unit->items, new);
	return &g_array_index(unit->items, struct ivrs_item, unit->items->len - 1);
}

/* The types of an entry for one function, and of one that begins a range. */
struct entry_types {
	enum ivrs_entry_type one, start;
};

/* The functions of a range that are in the segment of its IOMMU, with what is said of them. */
struct window {
	struct ivrs_unit *unit;
	const struct viommu_pci_range *range;
	uint16_t first, last;
	bool alias;
	uint16_t source; /* if it is an alias */
};

static struct entry_types types_of(const struct window *window)
{
	if (window->alias)
		return (struct entry_types){ IVRS_ALIAS, IVRS_ALIAS_START };
	if (window->range->no_ats)
		return (struct entry_types){ IVRS_EXTENDED, IVRS_EXTENDED_START };
	return (struct entry_types){ IVRS_SELECT, IVRS_START };
}

static bool is_everything(const struct window *window)
{
	return !window->first && window->last == IVRS_LAST_BDF && !window->alias &&
	       !window->range->no_ats;
}

static unsigned type_of(const struct window *window)
{
	struct entry_types types = types_of(window);

	if (is_everything(window))
		return IVRS_ALL;
	return window->first == window->last ? types.one : types.start;
}

/* One entry, or two for a range that is neither a single function nor all there are. */
static void add_window(const struct window *window)
{
	unsigned type = type_of(window);
	struct ivrs_item *item = add_item(window->unit, type, window->range->place);

	item->host.plain.entry.bdf = window->first;
	item->host.plain.entry.setting = (uint8_t)window->range->settings;
	if (window->alias)
		item->host.alias.source = window->source;
	else if (window->range->no_ats)
		item->host.extended.extended = IVRS_NO_ATS;
	if (type != types_of(window).start)
		return;
	item = add_item(window->unit, IVRS_END, window->range->place);
	item->host.plain.entry.bdf = window->last;
}

/* -- ranges ---------------------------------------------------------------------------------- */

/*
 * A device ID is that of a function of the segment, or there is no entry for it. False with a
 * finding.
 */
static bool set_source(const struct ivrs_writing *writing, struct window *window)
{
	uint16_t segment = window->unit->iommu->segment;
	uint64_t id = range_id(window->range, segment, window->first);

	window->source = (uint16_t)id;
	window->alias = window->range->one_id || id != function_id(segment, window->first);
	if (id >> 16 != segment) {
		report(writing->findings, "ivrs-silent-id", window->range->place,
		       "choose an ID that is segment << 16 | BDF of a function there",
		       "IVRS has no device ID 0x%" PRIx64 " in segment %04x: left out", id,
		       segment);
		return false;
	}
	if (window->alias && window->range->no_ats)
		report(writing->findings, "ivrs-silent-ats", window->range->place, NULL,
		       "IVRS does not say of an alias that ATS is refused");
	return true;
}

/* IDs of functions that count on, but from another one, are an alias each. */
static void add_functions(const struct ivrs_writing *writing, const struct window *functions)
{
	struct window window = *functions;

	if (!set_source(writing, &window))
		return;
	if (!window.alias || window.range->one_id || window.first == window.last) {
		add_window(&window);
		return;
	}
	for (unsigned bdf = functions->first; bdf <= functions->last; bdf++) {
		window.first = window.last = (uint16_t)bdf;
		if (!set_source(writing, &window))
			return;
		add_window(&window);
	}
}

static bool has_segment(const struct viommu_pci_range *range, uint16_t segment)
{
	return range->segment_first <= segment && segment <= range->segment_last;
}

static void blame_segments(const struct ivrs_writing *writing, const struct ivrs_unit *unit,
			   const struct viommu_pci_range *range)
{
	report(writing->findings, "ivrs-silent-segment", range->place,
	       "give these functions to an IOMMU of their own segment",
	       "IOMMU %s serves segment %04x: functions of others are left out", unit->iommu->name,
	       unit->iommu->segment);
}

static void add_range(void *opaque, const struct viommu_pci_range *range)
{
	const struct ivrs_writing *writing = opaque;
	struct ivrs_unit *unit = ivrs_unit_of(writing, range->iommu);
	uint16_t first, last;

	if (!unit || !range_is_known(range))
		return;
	if (range->segment_first != range->segment_last ||
	    !has_segment(range, unit->iommu->segment))
		blame_segments(writing, unit, range);
	if (!has_segment(range, unit->iommu->segment))
		return;
	add_functions(writing, &(struct window){ .unit = unit,
						 .range = range,
						 .first = range->bdf_first,
						 .last = range->bdf_last });
	if (range_below(range, &first, &last))
		add_functions(writing,
			      &(struct window){
				      .unit = unit, .range = range, .first = first, .last = last });
}

/* -- the order of ranges ---------------------------------------------------------------------- */

/* The place of an IOMMU among those that have blocks; -1 for what has none, as what bypasses. */
static int order_of(const struct ivrs_writing *writing, const struct viommu_pci_range *range)
{
	const struct ivrs_unit *unit = ivrs_unit_of(writing, range->iommu);

	return unit ? (int)unit->order : -1;
}

/*
 * May ranges that overlap be written from the last to the first? What counts is the range that
 * stands first, and what is applied last: the last block's.
 */
static bool can_be_turned(const struct ivrs_writing *writing)
{
	const struct viommu_pci_range *range;
	int before = G_MAXINT;

	for_each_object(i, range, writing->topology, OBJECT_PCI_RANGE) {
		int order = order_of(writing, range);

		if (order < 0 || order > before)
			return false;
		before = order;
	}
	return true;
}

static void add_as_they_stand(struct ivrs_writing *writing, bool from_last)
{
	size_t n = topology_count(writing->topology, OBJECT_PCI_RANGE);

	for (size_t i = 0; i < n; i++)
		add_range(writing,
			  viommu_topology_pci_range(writing->topology, from_last ? n - 1 - i : i));
	topology_for_each_bridge_range(writing->topology, add_range, writing);
}

static void add_ranges(struct ivrs_writing *writing)
{
	bool overlap = topology_ranges_overlap(writing->topology);

	if (overlap && !can_be_turned(writing))
		viommu_topology_for_each_pci_range(writing->topology, add_range, writing);
	else
		add_as_they_stand(writing, overlap);
}

/* -- what is not PCI --------------------------------------------------------------------------- */

static bool is_elsewhere(const struct ivrs_writing *writing, const struct ivrs_unit *unit,
			 uint32_t id, struct viommu_place place)
{
	uint16_t segment = unit->iommu->segment;

	if (id >> 16 == segment)
		return false;
	report(writing->findings, "ivrs-silent-id", place,
	       "choose an ID that is segment << 16 | BDF of a function there",
	       "IVRS has no device ID 0x%x in segment %04x: left out", id, segment);
	return true;
}

static void blame_path(const struct ivrs_writing *writing, struct viommu_place place,
		       const char *path)
{
	report(writing->findings, "ivrs-silent-path", place, "give the functions by their buses",
	       "IVRS has no paths: what is at the end of \"%s\" is left out", path);
}

static void add_source(struct ivrs_writing *writing, const struct viommu_interrupt_source *source)
{
	struct ivrs_unit *unit = ivrs_unit_of(writing, source->iommu);
	struct ivrs_item *item;

	if (!unit)
		return;
	if (source->path) {
		blame_path(writing, source->place, source->path);
		return;
	}
	if (is_elsewhere(writing, unit, function_id(source->segment, source->bdf), source->place))
		return;
	item = add_item(unit, IVRS_SPECIAL, source->place);
	item->host.special = (struct ivrs_special){
		.type = IVRS_SPECIAL,
		.setting = (uint8_t)source->settings,
		.handle = (uint8_t)source->number,
		.source = source->bdf,
		.variety = source->kind == VIOMMU_HPET ? IVRS_HPET : IVRS_IOAPIC,
	};
}

/* Digits alone, as a number is written, and so that it fits. */
static bool is_integer(const char *uid, uint64_t *ret_value)
{
	char *end = NULL;

	if (!g_ascii_isdigit(uid[0]) || (uid[0] == '0' && uid[1]))
		return false;
	errno = 0;
	*ret_value = g_ascii_strtoull(uid, &end, 10);
	return !*end && !errno;
}

static void set_uid(struct ivrs_item *item, const char *uid)
{
	uint8_t wire[sizeof(uint64_t)];
	uint64_t value;

	if (!uid)
		return;
	item->uid = g_byte_array_new();
	if (is_integer(uid, &value)) {
		wire_store(wire, sizeof(wire), value);
		g_byte_array_append(item->uid, wire, sizeof(wire));
		item->host.hid.uid_format = IVRS_UID_INTEGER;
	} else {
		g_byte_array_append(item->uid, (const guint8 *)uid, (guint)strlen(uid));
		item->host.hid.uid_format = IVRS_UID_STRING;
	}
	item->host.hid.uid_length = (uint8_t)item->uid->len;
}

static bool is_longer(const char *text, size_t most)
{
	return text && strlen(text) > most;
}

/* What keeps a device out of the table, or NULL. */
static const char *silent_about(const struct viommu_platform_device *device)
{
	static const size_t most = sizeof(((struct ivrs_hid *)NULL)->hid);

	if (!device->hid)
		return "a device without an ACPI hardware ID";
	if (is_longer(device->hid, most) || is_longer(device->cid, most))
		return "a hardware ID or compatible ID of more than 8 characters";
	if (is_longer(device->uid, UINT8_MAX))
		return "a unique ID of more than 255 characters";
	return NULL;
}

static void copy_id(char *field, size_t length, const char *id)
{
	if (id)
		memcpy(field, id, MIN(strlen(id), length));
}

static void add_device(struct ivrs_writing *writing, const struct viommu_platform_device *device)
{
	struct ivrs_unit *unit = ivrs_unit_of(writing, device->iommu);
	const char *why = unit ? silent_about(device) : NULL;
	struct ivrs_item *item;

	if (!unit || is_elsewhere(writing, unit, device->id, device->place))
		return;
	if (why) {
		report(writing->findings, "ivrs-silent-device", device->place,
		       "give its `hid`, and none of its IDs longer than its field",
		       "IVRS has no place for %s: left out", why);
		return;
	}
	item = add_item(unit, IVRS_HID, device->place);
	item->host.hid.entry.bdf = (uint16_t)device->id;
	item->host.hid.entry.setting = (uint8_t)device->settings;
	copy_id(item->host.hid.hid, sizeof(item->host.hid.hid), device->hid);
	copy_id(item->host.hid.cid, sizeof(item->host.hid.cid), device->cid);
	set_uid(item, device->uid);
	unit->acpi_devices = true;
}

static void blame_ids(const struct ivrs_writing *writing, struct viommu_place place, uint32_t n)
{
	report(writing->findings, "ivrs-silent-ids", place, "give the device one ID",
	       "an ACPI device of an IVRS has one ID: %u more are left out", n);
}

static void add_devices(struct ivrs_writing *writing)
{
	const struct viommu_platform_device *device;
	const struct viommu_device_id *id;

	for_each_object(i, device, writing->topology, OBJECT_PLATFORM_DEVICE) {
		add_device(writing, device);
		if (device->n_ids > 1 && ivrs_unit_of(writing, device->iommu))
			blame_ids(writing, device->place, device->n_ids - 1);
	}
	for_each_object(i, id, writing->topology, OBJECT_DEVICE_ID)
		if (ivrs_unit_of(writing, id->iommu))
			blame_ids(writing, id->place, MAX(id->n_ids, 1));
}

/* At the end of a path, and below a bridge whose buses nobody knows, there may be any function. */
static void blame_unknown(const struct ivrs_writing *writing)
{
	const struct viommu_pci_range *range;

	for_each_object(i, range, writing->topology, OBJECT_PCI_RANGE)
		if (!ivrs_unit_of(writing, range->iommu))
			continue;
		else if (!range_is_known(range))
			blame_path(writing, range->place, range->path);
		else if (range->scope == VIOMMU_SCOPE_BRIDGE && !range->below_first)
			report(writing->findings, "ivrs-silent-path", range->place,
			       "say which buses are `below` the bridge",
			       "IVRS has no bridges: what is below this one is left out");
}

void ivrs_gather(struct ivrs_writing *writing)
{
	const struct viommu_interrupt_source *source;

	add_ranges(writing);
	blame_unknown(writing);
	for_each_object(i, source, writing->topology, OBJECT_INTERRUPT_SOURCE)
		add_source(writing, source);
	add_devices(writing);
}
