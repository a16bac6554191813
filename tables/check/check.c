/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking a topology: the rules that hold for every machine
 *
 * A rule is a row of rules.c, which says what it asks for, and a row here, which names the
 * function that looks for what breaks it. All rules are checked, whatever the others found.
 * They look at the model only, so they hold alike for a text, a table and what a VMM made;
 * rules that only one table has are checked with that table.
 */

#include "base/hash.h"
#include "check.h"
#include "tables/findings/findings.h"

/* Which object of another type does this one refer to? */
typedef const char *reference_of(enum object_type type, const void *object);

/* -- names -------------------------------------------------------------------- */

/*
 * One walk for all references of a sort: objects of types that have none of that sort say
 * NULL, and are passed over.
 */
static void check_references(const struct check *check, reference_of *reference,
			     enum object_type target, const char *cure)
{
	const void *object;

	for (enum object_type type = 0; type < N_OBJECT_TYPES; type++)
		for_each_object(i, object, check->topology, type) {
			const char *name = reference(type, object);
			struct subject subject = { type, object, i };
			char *what;

			if (!name || topology_find(check->topology, target, name))
				continue;
			what = subject_describe(&subject);
			check_blame(check, &subject, cure,
				    "%s refers to \"%s\", which there is not", what, name);
			memory_free(what);
		}
}

/*
 * Readers of tables find an IOMMU by a reference too, and drop what refers to none; here the
 * finding comes before there is a table.
 */
static void check_iommu_names(const struct check *check)
{
	check_references(check, object_iommu, OBJECT_IOMMU,
			 "name one of `iommus`, or none for what bypasses");
}

/*
 * A group that does not exist leaves devices without MSIs, which is seen only when the guest runs.
 */
static void check_its_names(const struct check *check)
{
	check_references(check, object_its, OBJECT_ITS_GROUP, "name one of `its-groups`");
}

/* Further IDs are those of a device, which may come before or after them. */
static void check_device_names(const struct check *check)
{
	check_references(check, object_device, OBJECT_PLATFORM_DEVICE, "name one of `devices`");
}

/* Reserved memory refers to an IOMMU but brings it no device, so it does not count. */
static void check_idle_iommus(const struct check *check)
{
	struct hash *used = hash_new(&hash_text);
	const struct viommu_iommu *iommu;
	const void *object;

	for (enum object_type type = 0; type < N_OBJECT_TYPES; type++)
		for_each_object(i, object, check->topology, type)
			if (object_iommu(type, object) && type != OBJECT_RESERVED_MEMORY)
				hash_add(used, (void *)object_iommu(type, object));
	for_each_object(i, iommu, check->topology, OBJECT_IOMMU)
		if (!hash_contains(used, iommu->name))
			check_blame(
				check, &(struct subject){ OBJECT_IOMMU, iommu, i },
				"name it in a host bridge, a range or a device, or leave it out",
				"IOMMU %s translates nothing", iommu->name);
	hash_free(used);
}

/* -- IDs and functions -------------------------------------------------------- */

/* Counted in 64 bits: the sum of a 32-bit first ID and a whole range of segments fits there. */
static void check_ids_beyond(const struct check *check)
{
	const struct viommu_pci_range *range;

	for_each_object(i, range, check->topology, OBJECT_PCI_RANGE) {
		uint64_t last = range_id(range, range->segment_last, range->bdf_last);

		if (range->iommu && last > UINT32_MAX)
			check_blame(check, &(struct subject){ OBJECT_PCI_RANGE, range, i },
				    "choose a smaller `first-id`, or fewer functions",
				    "the last function of the range would have ID 0x%" PRIx64,
				    last);
	}
}

/*
 * What is below a bridge is not asked for: only a range that names the function itself is told of.
 */
static bool range_has(const struct viommu_pci_range *range, uint16_t segment, uint16_t bdf)
{
	return range->segment_first <= segment && segment <= range->segment_last &&
	       range->bdf_first <= bdf && bdf <= range->bdf_last;
}

/*
 * Asked of explicit ranges only. Host bridges leave the function of their IOMMU out, and
 * include_self is there for those who do not want that. That of an AMD-Vi is always listed.
 */
static void check_own_functions(const struct check *check)
{
	const struct viommu_pci_range *range;

	for_each_object(i, range, check->topology, OBJECT_PCI_RANGE) {
		const struct viommu_iommu *iommu =
			viommu_topology_find_iommu(check->topology, range->iommu);

		if (iommu && iommu->kind == VIOMMU_VIRTIO_PCI &&
		    range_has(range, iommu->segment, iommu->bdf))
			check_blame(check, &(struct subject){ OBJECT_PCI_RANGE, range, i },
				    "leave it out, as a device tree has to",
				    "the range has the function of IOMMU %s itself", iommu->name);
	}
}

/* -- memory and nodes --------------------------------------------------------- */

/*
 * A write to these addresses never reaches memory on x86, mapped or not. Whoever reserves them
 * for something else has mistaken them, or speaks of another architecture: hence a warning.
 */
static void check_interrupt_window(const struct check *check)
{
	static const uint64_t first = 0xfee00000, last = 0xfeefffff;
	const struct viommu_reserved_memory *memory;

	for_each_object(i, memory, check->topology, OBJECT_RESERVED_MEMORY)
		if (memory->kind != VIOMMU_MEMORY_MSI && memory->first <= last &&
		    first <= memory->last)
			check_blame(
				check, &(struct subject){ OBJECT_RESERVED_MEMORY, memory, i },
				"on x86, say `kind: msi` of exactly 0xfee00000-0xfeefffff",
				"the range has addresses of x86 interrupts, and is not for MSIs");
}

/* Linux has room for 1024 nodes at the most (NODES_SHIFT is at most 10). */
static void check_domain(const struct check *check, const struct subject *subject, bool has,
			 uint32_t domain)
{
	static const uint32_t most = 1023;
	char *what;

	if (!has || domain <= most)
		return;
	what = subject_describe(subject);
	check_blame(check, subject, "number proximity domains from 0", "%s has proximity domain %u",
		    what, domain);
	memory_free(what);
}

/* The three types of objects that have a proximity domain, each with its own members. */
static void check_domains(const struct check *check)
{
	const struct viommu_topology *topology = check->topology;
	const struct viommu_iommu *iommu;
	const struct viommu_host_bridge *bridge;
	const struct viommu_platform_device *device;

	for_each_object(i, iommu, topology, OBJECT_IOMMU)
		check_domain(check, &(struct subject){ OBJECT_IOMMU, iommu, i },
			     iommu->has_proximity_domain, iommu->proximity_domain);
	for_each_object(i, bridge, topology, OBJECT_HOST_BRIDGE)
		check_domain(check, &(struct subject){ OBJECT_HOST_BRIDGE, bridge, i },
			     bridge->has_proximity_domain, bridge->proximity_domain);
	for_each_object(i, device, topology, OBJECT_PLATFORM_DEVICE)
		check_domain(check, &(struct subject){ OBJECT_PLATFORM_DEVICE, device, i },
			     device->has_proximity_domain, device->proximity_domain);
}

/* -- the list ----------------------------------------------------------------- */

/* Each goes over all that it is about, in the order of the topology. */
static const struct {
	const char *rule_id;
	void (*run)(const struct check *check);
} checks[] = {
	{ "topology-iommu-unknown", check_iommu_names },
	{ "topology-its-unknown", check_its_names },
	{ "topology-device-unknown", check_device_names },
	{ "topology-iommu-idle", check_idle_iommus },
	{ "topology-iommu-outside", check_iommus_outside },
	{ "topology-function-twice", check_functions_twice },
	{ "topology-bridges-overlap", check_bridges_overlap },
	{ "topology-ranges-overlap", check_ranges_overlap },
	{ "topology-range-outside", check_ranges_outside },
	{ "topology-range-own", check_own_functions },
	{ "topology-id-beyond", check_ids_beyond },
	{ "topology-id-twice", check_ids_twice },
	{ "topology-id-shared", check_ids_shared },
	{ "topology-registers-overlap", check_windows_overlap },
	{ "topology-memory-overlap", check_memory_overlap },
	{ "topology-memory-interrupts", check_interrupt_window },
	{ "topology-domain", check_domains },
	{ "topology-domains-differ", check_domains_differ },
};

/*
 * Rules do not depend on each other. One mistake may break several, and then all of them are
 * told: which of them helps most is for the person to see.
 */
void viommu_topology_check(const struct viommu_topology *topology, struct viommu_findings *findings)
{
	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
		struct check check = { topology, findings, checks[i].rule_id };

		checks[i].run(&check);
	}
}
