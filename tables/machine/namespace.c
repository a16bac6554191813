/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of devices of the ACPI namespace that tables of IOMMUs name
 *
 * ANDDs of a DMAR and named components of an IORT have paths, device entries of an IVRS hardware
 * IDs. Without the DSDT, the namespace is unknown. Tables that are loaded later may define more:
 * so these are notes.
 */
#include <string.h>

#include "tables/findings/findings.h"
#include "tables/formats/dsdt.h"
#include "machine.h"

/* Each is searched for in all blocks; real tables have less than ten. */
#define IDS_MAX 16u

/* -- paths ------------------------------------------------------------------------------ */

struct names {
	struct hash *devices, *scopes;
};

/* What is there without being defined (ACPI 6.5, 5.3.1). */
static void add_predefined(struct names *names)
{
	static const char *const predefined[] = { "_SB_", "_GPE", "_PR_", "_SI_", "_TZ_" };

	for (size_t i = 0; i < G_N_ELEMENTS(predefined); i++)
		hash_add(names->scopes, GUINT_TO_POINTER(acpi_name(predefined[i])));
}

static bool collect_names(const struct machine *machine, struct names *names)
{
	bool complete = true;

	names->devices = hash_new(&hash_direct);
	names->scopes = hash_new(&hash_direct);
	add_predefined(names);
	for (size_t i = 0; i < machine->blocks->len; i++)
		complete &= dsdt_collect_names(machine->blocks->pdata[i], names->devices,
					       names->scopes);
	return complete;
}

/* The name up to the next dot, padded as in AML. */
static gpointer name_at(const char *path)
{
	char name[4] = { '_', '_', '_', '_' };
	size_t length = strcspn(path, ".");

	memcpy(name, path, MIN(length, sizeof(name)));
	return GUINT_TO_POINTER(acpi_name(name));
}

/* Where in the path a name is in no block; NULL: all are. The last has to be that of a device. */
static const char *find_missing(const struct names *names, const char *path)
{
	for (path++; *path; path += strspn(path, ".")) {
		const char *end = path + strcspn(path, ".");

		if (!hash_contains(names->devices, name_at(path)) &&
		    (!*end || !hash_contains(names->scopes, name_at(path))))
			return path;
		path = end;
	}
	return NULL;
}

static void check_device(const struct machine *machine, const struct names *names,
			 const struct viommu_platform_device *device)
{
	const char *missing =
		device->name && *device->name == '\\' ? find_missing(names, device->name) : NULL;

	if (missing)
		report(machine->findings, machine->rule_id, device->place,
		       "write the path of a device, or give the SSDT that defines it, too",
		       "%s: no Device of the DSDT or of an SSDT here has the name %.*s",
		       device->name, (int)strcspn(missing, "."), missing);
}

void machine_check_objects(const struct machine *machine)
{
	const struct viommu_platform_device *device;
	const struct description *description;
	struct names names;

	if (!machine->has_dsdt)
		return;
	if (collect_names(machine, &names))
		for_each_description(description, machine)
			for_each_object(i, device, description->topology, OBJECT_PLATFORM_DEVICE)
				check_device(machine, &names, device);
	hash_free(names.devices);
	hash_free(names.scopes);
}

/* -- hardware IDs ----------------------------------------------------------------------- */

static bool is_defined(const struct machine *machine, const char *id)
{
	for (size_t i = 0; i < machine->blocks->len; i++)
		if (dsdt_has_hardware_id(machine->blocks->pdata[i], id))
			return true;
	return false;
}

void machine_check_hardware_ids(const struct machine *machine)
{
	struct hash *seen = hash_new(&hash_text);
	const struct viommu_platform_device *device;
	const struct description *description;

	for_each_description(description, machine)
		for_each_object(i, device, description->topology, OBJECT_PLATFORM_DEVICE) {
			if (!machine->has_dsdt || !device->hid || hash_size(seen) >= IDS_MAX ||
			    !hash_add(seen, device->hid) || is_defined(machine, device->hid))
				continue;
			report(machine->findings, machine->rule_id, device->place,
			       "write the hardware ID of a device, or give the SSDT that has it, "
			       "too",
			       "no DSDT or SSDT here has the hardware ID %s", device->hid);
		}
	hash_free(seen);
}
