/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device entries of a topology for what is no PCI function
 *
 * An IOAPIC or an HPET sends interrupts as if it were a function, and an entry says as which. A
 * device that only ACPI knows has the device ID of some function as well, and is found by the IDs
 * that the namespace gives it: a hardware ID, which it must have, and a unique one that tells it
 * from others of its kind.
 */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "tables/findings/findings.h"
#include "write.h"
#include "tables/routes/route.h"

/* An entry has 16 bits for a device ID, and the block one segment for all of them. */
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

/* An IOAPIC sends as a function that is mostly in no range, so it is its own entry. */
static void add_source(struct ivrs_writing *writing, const struct viommu_interrupt_source *source)
{
	struct ivrs_unit *unit = ivrs_unit_of(writing, source->iommu);
	struct ivrs_item *item;

	if (!unit || source->path)
		return;
	if (is_elsewhere(writing, unit, function_id(source->segment, source->bdf), source->place))
		return;
	item = ivrs_add_item(unit, IVRS_SPECIAL, source->place);
	item->host.special = (struct ivrs_special){
		.type = IVRS_SPECIAL,
		.setting = (uint8_t)source->settings,
		.handle = (uint8_t)source->number,
		.source = source->bdf,
		.variety = source->kind == VIOMMU_HPET ? IVRS_HPET : IVRS_IOAPIC,
	};
}

/* In the order of the topology, as with ranges: which of them is asked first does not matter. */
void ivrs_gather_sources(struct ivrs_writing *writing)
{
	const struct viommu_interrupt_source *source;

	for_each_object(i, source, writing->topology, OBJECT_INTERRUPT_SOURCE)
		add_source(writing, source);
}

/* -- ACPI devices -------------------------------------------------------------------------- */

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

/*
 * A topology has one word for both kinds of unique ID. Digits alone are what ACPI has integers
 * for.
 */
static void set_uid(struct ivrs_item *item, const char *uid)
{
	uint8_t wire[sizeof(uint64_t)];
	uint64_t value;

	if (!uid)
		return;
	item->uid = bytes_new();
	if (is_integer(uid, &value)) {
		wire_store(wire, sizeof(wire), value);
		bytes_append(item->uid, wire, sizeof(wire));
		item->host.hid.uid_format = IVRS_UID_INTEGER;
	} else {
		bytes_append(item->uid, (const guint8 *)uid, (guint)strlen(uid));
		item->host.hid.uid_format = IVRS_UID_STRING;
	}
	item->host.hid.uid_length = (uint8_t)item->uid->len;
}

/* An ID that is not said is not too long. */
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

/* Padded with NUL, and without one where it fills the field. */
static void copy_id(char *field, size_t length, const char *id)
{
	if (id)
		memcpy(field, id, MIN(strlen(id), length));
}

/* In blocks of type 40h alone. That there is one makes the table have such blocks. */
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
	item = ivrs_add_item(unit, IVRS_HID, device->place);
	item->host.hid.entry.bdf = (uint16_t)device->id;
	item->host.hid.entry.setting = (uint8_t)device->settings;
	copy_id(item->host.hid.hid, sizeof(item->host.hid.hid), device->hid);
	copy_id(item->host.hid.cid, sizeof(item->host.hid.cid), device->cid);
	set_uid(item, device->uid);
	unit->acpi_devices = true;
}

/* In the order of the topology, which for a table that was read is that of its entries. */
void ivrs_gather_devices(struct ivrs_writing *writing)
{
	const struct viommu_platform_device *device;

	for_each_object(i, device, writing->topology, OBJECT_PLATFORM_DEVICE)
		add_device(writing, device);
}
