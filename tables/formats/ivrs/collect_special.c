/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device entries of interrupt sources and ACPI devices
 *
 * An IOAPIC or an HPET sends interrupts with the requester ID in its entry. An ACPI device has a
 * device ID as well; its hardware ID, which is required, and its unique ID identify it.
 */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "tables/findings/findings.h"
#include "write.h"
#include "tables/routes/route.h"

/* An entry has the low 16 bits of a device ID, and the block gives the segment. */
static bool is_elsewhere(const struct ivrs_writing *writing, const struct ivrs_unit *unit,
			 uint32_t id, struct viommu_place place)
{
	uint16_t segment = unit->iommu->segment;

	if (id >> 16 == segment)
		return false;
	report(writing->findings, "ivrs-silent-id", place,
	       "use segment << 16 | BDF of a function of that segment",
	       "device ID 0x%x is not in segment %04x of the IOMMU: the entry was omitted", id,
	       segment);
	return true;
}

static void add_source(struct ivrs_writing *writing, const struct viommu_interrupt_source *source)
{
	struct ivrs_unit *unit = ivrs_unit_of(writing, source->iommu);
	struct ivrs_pending *pending;

	if (!unit || source->path)
		return;
	if (is_elsewhere(writing, unit, function_id(source->segment, source->bdf), source->place))
		return;
	pending = ivrs_add_pending(unit, IVRS_SPECIAL, source->place);
	pending->host.special = (struct ivrs_special){
		.type = IVRS_SPECIAL,
		.setting = (uint8_t)source->settings,
		.handle = (uint8_t)source->number,
		.source = source->bdf,
		.variety = source->kind == VIOMMU_HPET ? IVRS_HPET : IVRS_IOAPIC,
	};
}

void ivrs_collect_sources(struct ivrs_writing *writing)
{
	const struct viommu_interrupt_source *source;

	for_each_object(i, source, writing->topology, OBJECT_INTERRUPT_SOURCE)
		add_source(writing, source);
}

/* -- ACPI devices -------------------------------------------------------------------------- */

/* Decimal digits without leading zeroes, of at most 64 bits. */
static bool is_integer(const char *uid, uint64_t *ret_value)
{
	char *end = NULL;

	if (!g_ascii_isdigit(uid[0]) || (uid[0] == '0' && uid[1]))
		return false;
	errno = 0;
	*ret_value = g_ascii_strtoull(uid, &end, 10);
	return !*end && !errno;
}

/* Both kinds of unique ID are text in a topology: digits alone become an integer. */
static void set_uid(struct ivrs_pending *pending, const char *uid)
{
	uint8_t wire[sizeof(uint64_t)];
	uint64_t value;

	if (!uid)
		return;
	pending->uid = bytes_new();
	if (is_integer(uid, &value)) {
		wire_store(wire, sizeof(wire), value);
		bytes_append(pending->uid, wire, sizeof(wire));
		pending->host.hid.uid_format = IVRS_UID_INTEGER;
	} else {
		bytes_append(pending->uid, (const guint8 *)uid, (guint)strlen(uid));
		pending->host.hid.uid_format = IVRS_UID_STRING;
	}
	pending->host.hid.uid_length = (uint8_t)pending->uid->len;
}

static bool is_longer(const char *text, size_t most)
{
	return text && strlen(text) > most;
}

/* Why IVRS cannot describe the device, or NULL. */
static const char *reason_unsupported(const struct viommu_platform_device *device)
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

/* Padded with NULs; an ID that fills the field has none. */
static void copy_id(char *field, size_t length, const char *id)
{
	if (id)
		memcpy(field, id, MIN(strlen(id), length));
}

/* Makes the table have blocks of type 40h, but for a virtio-iommu, whose block has it. */
static void add_device(struct ivrs_writing *writing, const struct viommu_platform_device *device)
{
	struct ivrs_unit *unit = ivrs_unit_of(writing, device->iommu);
	const char *why = unit ? reason_unsupported(device) : NULL;
	struct ivrs_pending *pending;

	if (!unit || is_elsewhere(writing, unit, device->id, device->place))
		return;
	if (why) {
		report(writing->findings, "ivrs-silent-device", device->place,
		       "give its `hid`, and shorten IDs that exceed their field",
		       "IVRS cannot describe %s: the device was omitted", why);
		return;
	}
	pending = ivrs_add_pending(unit, IVRS_HID, device->place);
	pending->host.hid.entry.bdf = (uint16_t)device->id;
	pending->host.hid.entry.setting = (uint8_t)device->settings;
	copy_id(pending->host.hid.hid, sizeof(pending->host.hid.hid), device->hid);
	copy_id(pending->host.hid.cid, sizeof(pending->host.hid.cid), device->cid);
	set_uid(pending, device->uid);
	unit->acpi_devices = !iommu_is_virtio(unit->iommu);
}

void ivrs_collect_devices(struct ivrs_writing *writing)
{
	const struct viommu_platform_device *device;

	for_each_object(i, device, writing->topology, OBJECT_PLATFORM_DEVICE)
		add_device(writing, device);
}
