/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The topology: one list of objects for each type
 *
 * An object is a public struct that starts with its own size. The topology copies it, and the copy
 * never moves or changes afterwards, so pointers to it are valid as long as the topology. Its
 * strings are in one store, where equal strings are stored once.
 *
 * A row of types[] has everything that is specific to a type: the offsets of its strings and
 * references, and the check of its values. Names are unique within a type. topology_check()
 * resolves references, because objects may be added in any order.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include <glib.h>

#include <viommu/acpi.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/strbuf.h"
#include "others.h"
#include "topology.h"
#include "wire/sized.h"

#define NO_MEMBER SIZE_MAX

#define BUS_SHIFT        8
#define PASID_BITS_MAX   20
#define N_OTHER_WORDS    4
#define ADDRESS_BITS_MAX 64
#define READINGS_MAX     2

/*
 * ACPI tables that can be generated from a topology. The draft of 2019 shares its signature with
 * VIOT, so it has its own name here.
 */
static const char *const signatures[] = { "VIOT", "IORT", "DMAR",     "IVRS",
					  "SRAT", "RIMT", "VIOT-2019" };

struct viommu_topology {
	struct pool *pool; /* of the objects and the arrays that they point to */
	struct pointers *objects[N_OBJECT_TYPES];
	struct hash *names[N_OBJECT_TYPES]; /* name -> object */
	struct string_store *strings;
	size_t n_segments; /* of all ranges together */
	const char *source;
	const char *rejection; /* why Linux rejects the table, or NULL */
	const char *others[OTHERS_MAX];
	size_t n_others;
	struct hash *unread; /* object -> why Linux does not read its mappings; NULL: all are */
	struct hash *unused; /* IOMMU -> why Linux does not use it; NULL: it uses all */
	struct viommu_table_header headers[G_N_ELEMENTS(signatures)]; /* size 0: not set */
	struct {
		struct viommu_topology *topology;
		const char *kernels;
	} readings[READINGS_MAX];
	size_t n_readings;
	struct pointers *parts; /* struct viommu_topology; NULL: it is of one table */
};

/* -- types of objects ---------------------------------------------------------- */

/* The register window ends within the 64-bit space; a span of 0 means unknown. */
static bool iommu_makes_sense(const void *object)
{
	const struct viommu_iommu *iommu = object;

	return iommu->kind <= VIOMMU_RISCV_PCI && iommu->n_interrupts <= VIOMMU_MAX_INTERRUPTS &&
	       (iommu->smmu_v2.context_interrupts || !iommu->smmu_v2.n_context_interrupts) &&
	       (iommu->smmu_v2.pmu_interrupts || !iommu->smmu_v2.n_pmu_interrupts) &&
	       iommu->amd.image_flags <= UINT8_MAX && iommu->amd.n_blocks <= VIOMMU_MAX_BLOCKS &&
	       (!iommu->span || iommu->base <= UINT64_MAX - (iommu->span - 1));
}

/* Each is one byte in an IORT. */
static bool access_makes_sense(const struct viommu_memory_access *access)
{
	return access->hints <= UINT8_MAX && access->flags <= UINT8_MAX;
}

/*
 * A bridge has at least one bus. PASIDs have at most 20 bits, as in PCI Express. Addresses have at
 * most 64 bits; larger values in an IORT mean no limit.
 */
static bool bridge_makes_sense(const void *object)
{
	const struct viommu_host_bridge *bridge = object;

	return access_makes_sense(&bridge->access) && bridge->bus_first <= bridge->bus_last &&
	       bridge->pasid_bits <= PASID_BITS_MAX && bridge->address_bits <= ADDRESS_BITS_MAX;
}

/* Buses below a bridge have higher numbers than the bridge. */
static bool scope_makes_sense(const struct viommu_pci_range *range)
{
	return range->scope == VIOMMU_SCOPE_BRIDGE && range->bdf_first == range->bdf_last &&
	       range->secondary_bus <= range->subordinate_bus &&
	       (!range->subordinate_bus || range->secondary_bus > range->bdf_first >> BUS_SHIFT);
}

/*
 * Both ends are inclusive, as in a VIOT, so an inverted range is an error and not an empty range.
 */
static bool range_makes_sense(const void *object)
{
	const struct viommu_pci_range *range = object;

	return range->segment_first <= range->segment_last && range->bdf_first <= range->bdf_last &&
	       (range->scope == VIOMMU_SCOPE_FUNCTIONS || scope_makes_sense(range)) &&
	       range->settings <= UINT8_MAX;
}

/* The last of several IDs fits into 32 bits. */
static bool ids_make_sense(uint32_t id, uint32_t n_ids)
{
	return !n_ids || id <= UINT32_MAX - (n_ids - 1);
}

/*
 * The number is stored in one byte of an ANDD structure and of its scope, and the settings in one
 * byte of an IVRS entry, so larger values could not be written.
 */
static bool device_makes_sense(const void *object)
{
	const struct viommu_platform_device *device = object;

	return access_makes_sense(&device->access) && ids_make_sense(device->id, device->n_ids) &&
	       device->number <= UINT8_MAX && device->settings <= UINT8_MAX &&
	       device->pasid_bits <= PASID_BITS_MAX && device->address_bits <= ADDRESS_BITS_MAX &&
	       device->n_interrupts <= VIOMMU_MAX_INTERRUPTS &&
	       (!device->span || device->base <= UINT64_MAX - (device->span - 1));
}

/* A further ID of a device. The name of the device is required, because the ID refers to it. */
static bool device_id_makes_sense(const void *object)
{
	const struct viommu_device_id *device_id = object;

	return device_id->device && ids_make_sense(device_id->id, device_id->n_ids);
}

/*
 * Linux uses the first identifier of a group for the MSI domain. With an empty group, devices would
 * get no MSIs.
 */
static bool group_makes_sense(const void *object)
{
	const struct viommu_its_group *group = object;

	return group->ids && group->n_ids;
}

/*
 * The end is the last byte, so memory can reach the end of the address space. Readers of IORT and
 * IVRS convert base and length.
 */
static bool memory_makes_sense(const void *object)
{
	const struct viommu_reserved_memory *memory = object;

	return memory->first <= memory->last && memory->kind <= VIOMMU_MEMORY_EXCLUSION &&
	       memory->bdf_first <= memory->bdf_last && memory->id_first <= memory->id_last &&
	       memory->scope <= VIOMMU_SCOPE_BRIDGE;
}

/* Applies to functions or to the IDs of an IOMMU. The unused pair is 0, which is valid. */
static bool msi_range_makes_sense(const void *object)
{
	const struct viommu_msi_range *range = object;

	return range->id_first <= range->id_last && range->bdf_first <= range->bdf_last;
}

/*
 * DMAR and IVRS store the ID of an IOAPIC or the number of an HPET in one byte, and IVRS the
 * settings in another.
 */
static bool source_makes_sense(const void *object)
{
	const struct viommu_interrupt_source *source = object;

	return source->kind <= VIOMMU_HPET && source->number <= UINT8_MAX &&
	       source->settings <= UINT8_MAX;
}

/* The flags have one byte in a device scope of a DMAR. */
static bool ats_makes_sense(const void *object)
{
	const struct viommu_ats *ats = object;

	return ats->kind <= VIOMMU_ATS_PROPERTIES && ats->scope <= VIOMMU_SCOPE_BRIDGE &&
	       ats->flags <= UINT8_MAX;
}

/* It counts for one node. */
static bool monitor_makes_sense(const void *object)
{
	const struct viommu_monitor *monitor = object;

	return monitor->segment <= UINT16_MAX &&
	       (monitor->iommu != NULL) + (monitor->device != NULL) + monitor->has_segment <= 1;
}

static bool wire_bridge_makes_sense(const void *object)
{
	const struct viommu_wire_bridge *bridge = object;

	return bridge->index <= UINT16_MAX;
}

/*
 * One row for each type. A new type needs a check function and a row; names, references and strings
 * are then handled like those of other types.
 */
#define AT(host, m) offsetof(struct host, m)
static const struct type {
	size_t size;
	size_t place;
	size_t name, iommu, its; /* strings; NO_MEMBER: the type has no such string */
	bool name_needed;
	bool (*makes_sense)(const void *object);
	size_t device; /* a string; 0: no such string, because `size` is at offset 0 */
	size_t words[N_OTHER_WORDS]; /* other strings; 0 ends them */
} types[] = {
	[OBJECT_IOMMU] = {
		sizeof(struct viommu_iommu), AT(viommu_iommu, place),
		AT(viommu_iommu, name), NO_MEMBER, AT(viommu_iommu, its),
		true, iommu_makes_sense, 0, { AT(viommu_iommu, riscv.hardware_id) },
	},
	[OBJECT_HOST_BRIDGE] = {
		sizeof(struct viommu_host_bridge), AT(viommu_host_bridge, place),
		AT(viommu_host_bridge, name), AT(viommu_host_bridge, iommu),
		AT(viommu_host_bridge, its),
		false, bridge_makes_sense, 0, { 0 },
	},
	[OBJECT_PCI_RANGE] = {
		sizeof(struct viommu_pci_range), AT(viommu_pci_range, place),
		NO_MEMBER, AT(viommu_pci_range, iommu), NO_MEMBER,
		false, range_makes_sense, 0, { AT(viommu_pci_range, path) },
	},
	[OBJECT_PLATFORM_DEVICE] = {
		sizeof(struct viommu_platform_device), AT(viommu_platform_device, place),
		AT(viommu_platform_device, name), AT(viommu_platform_device, iommu), NO_MEMBER,
		false, device_makes_sense, 0,
		{ AT(viommu_platform_device, hid), AT(viommu_platform_device, cid),
		  AT(viommu_platform_device, uid) },
	},
	[OBJECT_DEVICE_ID] = {
		sizeof(struct viommu_device_id), AT(viommu_device_id, place),
		NO_MEMBER, AT(viommu_device_id, iommu), NO_MEMBER,
		false, device_id_makes_sense, AT(viommu_device_id, device), { 0 },
	},
	[OBJECT_ITS_GROUP] = {
		sizeof(struct viommu_its_group), AT(viommu_its_group, place),
		AT(viommu_its_group, name), NO_MEMBER, NO_MEMBER,
		true, group_makes_sense, 0, { 0 },
	},
	[OBJECT_MSI_RANGE] = {
		sizeof(struct viommu_msi_range), AT(viommu_msi_range, place),
		NO_MEMBER, AT(viommu_msi_range, iommu), AT(viommu_msi_range, its),
		false, msi_range_makes_sense, 0, { 0 },
	},
	[OBJECT_INTERRUPT_SOURCE] = {
		sizeof(struct viommu_interrupt_source), AT(viommu_interrupt_source, place),
		NO_MEMBER, AT(viommu_interrupt_source, iommu), NO_MEMBER,
		false, source_makes_sense, 0, { AT(viommu_interrupt_source, path) },
	},
	[OBJECT_ATS] = {
		sizeof(struct viommu_ats), AT(viommu_ats, place),
		NO_MEMBER, NO_MEMBER, NO_MEMBER,
		false, ats_makes_sense, 0, { AT(viommu_ats, path) },
	},
	[OBJECT_RESERVED_MEMORY] = {
		sizeof(struct viommu_reserved_memory), AT(viommu_reserved_memory, place),
		NO_MEMBER, AT(viommu_reserved_memory, iommu), NO_MEMBER,
		false, memory_makes_sense, 0, { AT(viommu_reserved_memory, path) },
	},
	[OBJECT_MONITOR] = {
		sizeof(struct viommu_monitor), AT(viommu_monitor, place),
		NO_MEMBER, AT(viommu_monitor, iommu), AT(viommu_monitor, its),
		false, monitor_makes_sense, AT(viommu_monitor, device), { 0 },
	},
	[OBJECT_WIRE_BRIDGE] = {
		sizeof(struct viommu_wire_bridge), AT(viommu_wire_bridge, place),
		AT(viommu_wire_bridge, name), NO_MEMBER, AT(viommu_wire_bridge, its),
		true, wire_bridge_makes_sense, 0, { 0 },
	},
};
#undef AT

/* The address of a string member, or NULL if the type has none. */
static const char **string_member(const void *object, size_t member)
{
	return member == NO_MEMBER ? NULL : (const char **)((char *)object + member);
}

/* NULL if the type has no such member or the object does not set it. */
static const char *string(const void *object, size_t member)
{
	const char **text = string_member(object, member);

	return text ? *text : NULL;
}

/* Access to members by type, for checks and comparisons that handle all types alike. */
const char *object_name(enum object_type type, const void *object)
{
	return string(object, types[type].name);
}

const char *object_iommu(enum object_type type, const void *object)
{
	return string(object, types[type].iommu);
}

const char *object_its(enum object_type type, const void *object)
{
	return string(object, types[type].its);
}

const char *object_device(enum object_type type, const void *object)
{
	return types[type].device ? string(object, types[type].device) : NULL;
}

/*
 * Skips members that the type lacks, so that a comparison can translate the references of any
 * object.
 */
void object_refer(enum object_type type, void *object, const char *iommu, const char *its)
{
	const char **iommu_member = string_member(object, types[type].iommu);
	const char **its_member = string_member(object, types[type].its);

	if (iommu_member)
		*iommu_member = iommu;
	if (its_member)
		*its_member = its;
}

const struct viommu_place *object_place(enum object_type type, const void *object)
{
	return (const struct viommu_place *)((const char *)object + types[type].place);
}

/* -- creating and freeing ------------------------------------------------------ */

/* One set of names for each type: an IOMMU and an ITS group may have the same name. */
struct viommu_topology *topology_new(void)
{
	struct viommu_topology *topology = memory_new(struct viommu_topology, 1);

	topology->pool = pool_new();
	for (int type = 0; type < N_OBJECT_TYPES; type++) {
		topology->objects[type] = pointers_new(NULL);
		topology->names[type] = hash_new(&hash_text);
	}
	topology->strings = string_store_new();
	return topology;
}

struct viommu_topology *viommu_topology_free(struct viommu_topology *topology)
{
	if (!topology)
		return NULL;
	for (int type = 0; type < N_OBJECT_TYPES; type++) {
		pointers_free(topology->objects[type]);
		hash_free(topology->names[type]);
	}
	hash_free(topology->unread);
	hash_free(topology->unused);
	for (size_t i = 0; i < topology->n_readings; i++)
		viommu_topology_free(topology->readings[i].topology);
	pointers_free(topology->parts);
	string_store_free(topology->strings);
	pool_free(topology->pool);
	memory_free(topology);
	return NULL;
}

bool topology_has_kind(const struct viommu_topology *topology, enum viommu_iommu_kind kind)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, topology, OBJECT_IOMMU)
		if (iommu->kind == kind)
			return true;
	return false;
}

/*
 * The only change to an object after it was added. VIOT has no field for a proximity domain; the
 * SRAT has it, and is read after the topology exists.
 */
void topology_set_domain(struct viommu_topology *topology, size_t i, uint32_t domain)
{
	struct viommu_iommu *iommu = topology->objects[OBJECT_IOMMU]->pdata[i];

	iommu->has_proximity_domain = true;
	iommu->proximity_domain = domain;
}

void topology_set_queues(struct viommu_topology *topology, size_t i,
			 const struct viommu_iommu_cmdqv *queues)
{
	struct viommu_iommu *iommu = topology->objects[OBJECT_IOMMU]->pdata[i];

	iommu->cmdqv = *queues;
}

/* Not copied: it is the signature of a format, with static storage. */
void topology_set_source(struct viommu_topology *topology, const char *signature)
{
	topology->source = signature;
}

/* NULL for a topology that was not read from a table; Linux has no table to read then. */
const char *topology_source(const struct viommu_topology *topology)
{
	return topology->source;
}

bool topology_is_from(const struct viommu_topology *topology, const char *signature)
{
	return topology->source && !strcmp(topology->source, signature);
}

void topology_set_rejection(struct viommu_topology *topology, const char *why)
{
	topology->rejection = why;
}

const char *topology_rejection(const struct viommu_topology *topology)
{
	return topology->rejection;
}

void topology_add_other_system(struct viommu_topology *topology, const char *text)
{
	if (topology->n_others < OTHERS_MAX)
		topology->others[topology->n_others++] = text;
}

const char *viommu_topology_other_system(const struct viommu_topology *topology, size_t i)
{
	return i < topology->n_others ? topology->others[i] : NULL;
}

void topology_set_unread(struct viommu_topology *topology, const void *object, const char *why)
{
	if (!topology->unread)
		topology->unread = hash_new(&hash_direct);
	hash_insert(topology->unread, object, why);
}

const char *topology_unread(const struct viommu_topology *topology, const void *object)
{
	return topology->unread ? hash_lookup(topology->unread, object) : NULL;
}

void topology_set_unused(struct viommu_topology *topology, const struct viommu_iommu *iommu,
			 const char *why)
{
	if (!topology->unused)
		topology->unused = hash_new(&hash_direct);
	hash_insert(topology->unused, iommu, why);
}

const char *topology_unused(const struct viommu_topology *topology,
			    const struct viommu_iommu *iommu)
{
	return topology->unused ? hash_lookup(topology->unused, iommu) : NULL;
}

void topology_add_reading(struct viommu_topology *topology, struct viommu_topology *other,
			  const char *kernels)
{
	topology->readings[topology->n_readings].topology = other;
	topology->readings[topology->n_readings++].kernels = kernels;
}

const struct viommu_topology *viommu_topology_reading(const struct viommu_topology *topology,
						      size_t i, const char **ret_kernels)
{
	if (i >= topology->n_readings)
		return NULL;
	*ret_kernels = topology->readings[i].kernels;
	return topology->readings[i].topology;
}

static void free_part(void *part)
{
	viommu_topology_free(part);
}

void topology_add_part(struct viommu_topology *topology, struct viommu_topology *part)
{
	if (!topology->parts)
		topology->parts = pointers_new(free_part);
	pointers_add(topology->parts, part);
}

const struct viommu_topology *topology_part(const struct viommu_topology *topology, size_t i)
{
	return topology->parts && i < topology->parts->len ? topology->parts->pdata[i] : NULL;
}

/* -- adding ------------------------------------------------------------------- */

/* In the text form, "none" stands for no object. */
static bool is_a_name(const char *name)
{
	return *name && strcmp(name, "none") != 0;
}

/* UTF-8, because the text form is UTF-8 and GLib functions require it. */
static bool string_is_fine(const char *text)
{
	return !text || (is_a_name(text) && g_utf8_validate(text, -1, NULL));
}

/* Strings that are not names, and the name of the device. */
static bool words_are_fine(enum object_type type, const void *object)
{
	for (const size_t *word = types[type].words; *word; word++)
		if (!string_is_fine(string(object, *word)))
			return false;
	return string_is_fine(object_device(type, object));
}

/*
 * The names of the object and of its references. References are resolved later, because objects may
 * be added in any order.
 */
static int check_names(const struct viommu_topology *topology, enum object_type type,
		       const void *object)
{
	const char *name = object_name(type, object);

	if (!string_is_fine(name) || !string_is_fine(object_iommu(type, object)) ||
	    !string_is_fine(object_its(type, object)) || !words_are_fine(type, object))
		return -EINVAL;
	if (!name)
		return types[type].name_needed ? -EINVAL : 0;
	return topology_find(topology, type, name) ? -EEXIST : 0;
}

/* Checks process ranges by segment, so the number of segments of all ranges is limited. */
static int check_segments(const struct viommu_topology *topology, enum object_type type,
			  const void *object)
{
	const struct viommu_pci_range *range = object;

	if (type != OBJECT_PCI_RANGE)
		return 0;
	return range_segments(range) > VIOMMU_MAX_SEGMENTS - topology->n_segments ? -ENOSPC : 0;
}

/* Equal strings are stored once: thousands of ranges refer to few IOMMUs and files. */
static void keep(struct viommu_topology *topology, const char **text)
{
	if (text && *text)
		*text = string_store_add_once(topology->strings, *text);
}

/* An empty list becomes NULL: the caller's pointer may be invalid later. */
static void keep_list(struct viommu_topology *topology, const uint32_t **list, size_t n)
{
	uint32_t *copy = pool_get(topology->pool, n * sizeof((*list)[0]));

	*list = n ? memcpy(copy, *list, n * sizeof((*list)[0])) : NULL;
}

/* Copy everything that the object points to into the topology. */
static void own(struct viommu_topology *topology, enum object_type type, void *object)
{
	struct viommu_place *place = (struct viommu_place *)object_place(type, object);

	keep(topology, string_member(object, types[type].name));
	keep(topology, string_member(object, types[type].iommu));
	keep(topology, string_member(object, types[type].its));
	if (types[type].device)
		keep(topology, string_member(object, types[type].device));
	for (const size_t *word = types[type].words; *word; word++)
		keep(topology, string_member(object, *word));
	keep(topology, &place->file);
	keep(topology, &place->path);
	if (type == OBJECT_ITS_GROUP) {
		struct viommu_its_group *group = object;

		keep_list(topology, &group->ids, group->n_ids);
	} else if (type == OBJECT_IOMMU) {
		struct viommu_iommu *iommu = object;

		keep_list(topology, &iommu->smmu_v2.context_interrupts,
			  iommu->smmu_v2.n_context_interrupts);
		keep_list(topology, &iommu->smmu_v2.pmu_interrupts,
			  iommu->smmu_v2.n_pmu_interrupts);
	}
}

/* Memory has been reserved, so adding cannot fail halfway. */
static void link_object(struct viommu_topology *topology, enum object_type type, void *object)
{
	const char *name = object_name(type, object);

	pointers_add(topology->objects[type], object);
	if (name)
		hash_insert(topology->names[type], name, object);
	if (type == OBJECT_PCI_RANGE)
		topology->n_segments += range_segments(object);
}

/* Values that are valid only if a flag is set. */
#define OPTIONAL(type, host, flag, member) \
	{ \
		type, offsetof(struct host, flag), offsetof(struct host, member), \
			sizeof(((struct host *)NULL)->member) \
	}
static const struct optional {
	enum object_type type;
	size_t flag, value, length;
} optionals[] = {
	OPTIONAL(OBJECT_IOMMU, viommu_iommu, has_proximity_domain, proximity_domain),
	OPTIONAL(OBJECT_IOMMU, viommu_iommu, has_identifier, identifier),
	OPTIONAL(OBJECT_IOMMU, viommu_iommu, smmu_v3.has_msi_id, smmu_v3.msi_id),
	OPTIONAL(OBJECT_IOMMU, viommu_iommu, amd.has_image_flags, amd.image_flags),
	OPTIONAL(OBJECT_HOST_BRIDGE, viommu_host_bridge, has_proximity_domain, proximity_domain),
	OPTIONAL(OBJECT_PLATFORM_DEVICE, viommu_platform_device, has_input, input_first),
	OPTIONAL(OBJECT_PLATFORM_DEVICE, viommu_platform_device, has_proximity_domain,
		 proximity_domain),
	OPTIONAL(OBJECT_PLATFORM_DEVICE, viommu_platform_device, has_number, number),
	OPTIONAL(OBJECT_DEVICE_ID, viommu_device_id, has_input, input_first),
	OPTIONAL(OBJECT_RESERVED_MEMORY, viommu_reserved_memory, has_ids, id_first),
	OPTIONAL(OBJECT_RESERVED_MEMORY, viommu_reserved_memory, has_ids, id_last),
	OPTIONAL(OBJECT_HOST_BRIDGE, viommu_host_bridge, access.has_flags, access.flags),
	OPTIONAL(OBJECT_PLATFORM_DEVICE, viommu_platform_device, access.has_flags, access.flags),
	OPTIONAL(OBJECT_MONITOR, viommu_monitor, has_segment, segment),
	OPTIONAL(OBJECT_MONITOR, viommu_monitor, has_identifier, identifier),
	OPTIONAL(OBJECT_WIRE_BRIDGE, viommu_wire_bridge, has_identifier, identifier),
};
#undef OPTIONAL

/* Values without their flag become 0, so that readers need not check the flag. */
static void clear_absent(enum object_type type, void *object)
{
	char *bytes = object;

	for (size_t i = 0; i < G_N_ELEMENTS(optionals); i++)
		if (optionals[i].type == type && !*(bool *)(bytes + optionals[i].flag))
			memset(bytes + optionals[i].value, 0, optionals[i].length);
}

/*
 * The object is copied before the checks: the copy has all members, whatever size the caller gave.
 */
int topology_add(struct viommu_topology *topology, enum object_type type, const void *given)
{
	union {
		struct viommu_iommu largest;
		char bytes[sizeof(struct viommu_iommu)];
	} copy;
	size_t size = types[type].size;
	void *object;
	int r;

	assert(size <= sizeof(copy));
	r = sized_take(&copy, size, given);
	if (r)
		return r;
	clear_absent(type, &copy);
	if (!types[type].makes_sense(&copy))
		return -EINVAL;
	r = check_names(topology, type, &copy);
	if (!r)
		r = check_segments(topology, type, &copy);
	if (r)
		return r;
	pointers_reserve(topology->objects[type], 1);
	hash_reserve(topology->names[type]);
	object = memcpy(pool_get(topology->pool, size), &copy, size);
	own(topology, type, object);
	link_object(topology, type, object);
	return 0;
}

int topology_add_iommu(struct viommu_topology *topology, const struct viommu_iommu *iommu)
{
	return topology_add(topology, OBJECT_IOMMU, iommu);
}

int topology_add_host_bridge(struct viommu_topology *topology,
			     const struct viommu_host_bridge *bridge)
{
	return topology_add(topology, OBJECT_HOST_BRIDGE, bridge);
}

int topology_add_pci_range(struct viommu_topology *topology, const struct viommu_pci_range *range)
{
	return topology_add(topology, OBJECT_PCI_RANGE, range);
}

int topology_add_platform_device(struct viommu_topology *topology,
				 const struct viommu_platform_device *device)
{
	return topology_add(topology, OBJECT_PLATFORM_DEVICE, device);
}

int topology_add_device_id(struct viommu_topology *topology,
			   const struct viommu_device_id *device_id)
{
	return topology_add(topology, OBJECT_DEVICE_ID, device_id);
}

int topology_add_msi_range(struct viommu_topology *topology, const struct viommu_msi_range *range)
{
	return topology_add(topology, OBJECT_MSI_RANGE, range);
}

int topology_add_interrupt_source(struct viommu_topology *topology,
				  const struct viommu_interrupt_source *source)
{
	return topology_add(topology, OBJECT_INTERRUPT_SOURCE, source);
}

int topology_add_ats(struct viommu_topology *topology, const struct viommu_ats *ats)
{
	return topology_add(topology, OBJECT_ATS, ats);
}

int topology_add_its_group(struct viommu_topology *topology, const struct viommu_its_group *group)
{
	return topology_add(topology, OBJECT_ITS_GROUP, group);
}

int topology_add_reserved_memory(struct viommu_topology *topology,
				 const struct viommu_reserved_memory *memory)
{
	return topology_add(topology, OBJECT_RESERVED_MEMORY, memory);
}

int topology_add_monitor(struct viommu_topology *topology, const struct viommu_monitor *monitor)
{
	return topology_add(topology, OBJECT_MONITOR, monitor);
}

int topology_add_wire_bridge(struct viommu_topology *topology,
			     const struct viommu_wire_bridge *bridge)
{
	return topology_add(topology, OBJECT_WIRE_BRIDGE, bridge);
}

/* -- getting ------------------------------------------------------------------ */

/* The count is the index of the next object, which numbers the IOMMUs of a table. */
size_t topology_count(const struct viommu_topology *topology, enum object_type type)
{
	return topology->objects[type]->len;
}

/* NULL after the last object, which ends a loop. */
const void *topology_get(const struct viommu_topology *topology, enum object_type type, size_t i)
{
	const struct pointers *objects = topology->objects[type];

	return i < objects->len ? objects->pdata[i] : NULL;
}

/* NULL finds nothing, so that callers need not check optional references. */
const void *topology_find(const struct viommu_topology *topology, enum object_type type,
			  const char *name)
{
	return name ? hash_lookup(topology->names[type], name) : NULL;
}

const struct viommu_iommu *viommu_topology_iommu(const struct viommu_topology *topology, size_t i)
{
	return topology_get(topology, OBJECT_IOMMU, i);
}

const struct viommu_host_bridge *viommu_topology_host_bridge(const struct viommu_topology *topology,
							     size_t i)
{
	return topology_get(topology, OBJECT_HOST_BRIDGE, i);
}

const struct viommu_pci_range *viommu_topology_pci_range(const struct viommu_topology *topology,
							 size_t i)
{
	return topology_get(topology, OBJECT_PCI_RANGE, i);
}

const struct viommu_platform_device *
viommu_topology_platform_device(const struct viommu_topology *topology, size_t i)
{
	return topology_get(topology, OBJECT_PLATFORM_DEVICE, i);
}

const struct viommu_device_id *viommu_topology_device_id(const struct viommu_topology *topology,
							 size_t i)
{
	return topology_get(topology, OBJECT_DEVICE_ID, i);
}

const struct viommu_msi_range *viommu_topology_msi_range(const struct viommu_topology *topology,
							 size_t i)
{
	return topology_get(topology, OBJECT_MSI_RANGE, i);
}

const struct viommu_interrupt_source *
viommu_topology_interrupt_source(const struct viommu_topology *topology, size_t i)
{
	return topology_get(topology, OBJECT_INTERRUPT_SOURCE, i);
}

const struct viommu_ats *viommu_topology_ats(const struct viommu_topology *topology, size_t i)
{
	return topology_get(topology, OBJECT_ATS, i);
}

const struct viommu_monitor *viommu_topology_monitor(const struct viommu_topology *topology,
						     size_t i)
{
	return topology_get(topology, OBJECT_MONITOR, i);
}

const struct viommu_wire_bridge *viommu_topology_wire_bridge(const struct viommu_topology *topology,
							     size_t i)
{
	return topology_get(topology, OBJECT_WIRE_BRIDGE, i);
}

const struct viommu_its_group *viommu_topology_its_group(const struct viommu_topology *topology,
							 size_t i)
{
	return topology_get(topology, OBJECT_ITS_GROUP, i);
}

const struct viommu_reserved_memory *
viommu_topology_reserved_memory(const struct viommu_topology *topology, size_t i)
{
	return topology_get(topology, OBJECT_RESERVED_MEMORY, i);
}

const struct viommu_iommu *viommu_topology_find_iommu(const struct viommu_topology *topology,
						      const char *name)
{
	return topology_find(topology, OBJECT_IOMMU, name);
}

/* Collected once, so that many devices take linear time. */
struct hash *topology_ids_by_device(const struct viommu_topology *topology)
{
	struct hash *by_device = hash_new_full(&hash_text, NULL, pointers_free_value);
	const struct viommu_device_id *id;

	for_each_object(i, id, topology, OBJECT_DEVICE_ID) {
		struct pointers *ids = hash_lookup(by_device, id->device);

		if (!ids) {
			ids = pointers_new(NULL);
			hash_insert(by_device, (gpointer)id->device, ids);
		}
		pointers_add(ids, (gpointer)id);
	}
	return by_device;
}

/*
 * The words of the text form; messages use them too, so that they can be copied into a text. NULL
 * for an unknown value.
 */
const char *viommu_iommu_kind_name(enum viommu_iommu_kind kind)
{
	static const char *const names[] = {
		[VIOMMU_VIRTIO_PCI] = "virtio-iommu-pci",
		[VIOMMU_VIRTIO_MMIO] = "virtio-iommu-mmio",
		[VIOMMU_SMMU_V2] = "smmu-v2",
		[VIOMMU_SMMU_V3] = "smmu-v3",
		[VIOMMU_VTD] = "vt-d",
		[VIOMMU_AMD_VI] = "amd-vi",
		[VIOMMU_OTHER] = "other",
		[VIOMMU_RISCV] = "riscv-iommu",
		[VIOMMU_RISCV_PCI] = "riscv-iommu-pci",
	};

	return kind < G_N_ELEMENTS(names) ? names[kind] : NULL;
}

/*
 * A virtio-iommu reports reserved and MSI regions by PROBE; RMRs, RMRRs and unity IVMDs are
 * identity regions; only IVRS has exclusions.
 */
const char *viommu_memory_kind_name(enum viommu_memory_kind kind)
{
	static const char *const names[] = {
		[VIOMMU_MEMORY_RESERVED] = "reserved",
		[VIOMMU_MEMORY_MSI] = "msi",
		[VIOMMU_MEMORY_IDENTITY] = "identity",
		[VIOMMU_MEMORY_EXCLUSION] = "exclusion",
	};

	return kind < G_N_ELEMENTS(names) ? names[kind] : NULL;
}

/* As in the scopes of a DMAR: a single function, or a bridge with everything below it. */
const char *viommu_scope_name(enum viommu_scope scope)
{
	static const char *const names[] = {
		[VIOMMU_SCOPE_FUNCTIONS] = "functions",
		[VIOMMU_SCOPE_BRIDGE] = "bridge",
	};

	return scope < G_N_ELEMENTS(names) ? names[scope] : NULL;
}

const char *viommu_interrupt_kind_name(enum viommu_interrupt_kind kind)
{
	static const char *const names[] = {
		[VIOMMU_IOAPIC] = "ioapic",
		[VIOMMU_HPET] = "hpet",
	};

	return kind < G_N_ELEMENTS(names) ? names[kind] : NULL;
}

/* The structures of a DMAR: ATSR, SATC and SIDP. */
const char *viommu_ats_kind_name(enum viommu_ats_kind kind)
{
	static const char *const names[] = {
		[VIOMMU_ATS_ROOT_PORT] = "root-port",
		[VIOMMU_ATS_INTEGRATED] = "integrated",
		[VIOMMU_ATS_PROPERTIES] = "properties",
	};

	return kind < G_N_ELEMENTS(names) ? names[kind] : NULL;
}

/* -- table headers ------------------------------------------------------------- */

/* NULL after the last. */
const char *topology_signature(size_t i)
{
	return i < G_N_ELEMENTS(signatures) ? signatures[i] : NULL;
}

static bool signature_index(const char *signature, size_t *ret_i)
{
	for (size_t i = 0; i < G_N_ELEMENTS(signatures); i++)
		if (signature && !strcmp(signatures[i], signature)) {
			*ret_i = i;
			return true;
		}
	return false;
}

/* Rejects strings without a NUL within their array, which a reader would overrun. */
static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* The strings must end within their arrays, because readers rely on it. */
int viommu_topology_set_header(struct viommu_topology *topology, const char *signature,
			       const struct viommu_table_header *header)
{
	struct viommu_table_header taken;
	size_t i;
	int r;

	if (!signature_index(signature, &i))
		return -EINVAL;
	r = sized_take(&taken, sizeof(taken), header);
	if (r < 0)
		return r;
	if (!ends(taken.oem_id, sizeof(taken.oem_id)) ||
	    !ends(taken.oem_table_id, sizeof(taken.oem_table_id)) ||
	    !ends(taken.creator_id, sizeof(taken.creator_id)))
		return -EINVAL;
	topology->headers[i] = taken;
	return 0;
}

/* Constant defaults, without a date or version, so that a topology always gives the same bytes. */
const struct viommu_table_header *viommu_topology_header(const struct viommu_topology *topology,
							 const char *signature)
{
	static const struct viommu_table_header unchosen = {
		.size = sizeof(unchosen),
		.oem_id = "VIOMMU",
		.oem_table_id = "VIOMMU  ",
		.oem_revision = 1,
		.creator_id = "VIOM",
		.creator_revision = 1,
	};
	size_t i;

	if (!signature_index(signature, &i))
		return NULL;
	return topology->headers[i].size ? &topology->headers[i] : &unchosen;
}
