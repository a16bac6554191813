/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of topologies, which hold for every machine
 *
 * A rule is a row of rules.c, with its id and text, and a row here, with the function that checks
 * it. Rules see only the model, so they apply to a text, a table and a VMM's topology alike. Rules
 * of one kind of table are with its format.
 */

#include "base/hash.h"
#include "check.h"
#include "tables/findings/findings.h"

/* The name that an object of any type refers to, or NULL. */
typedef const char *reference_of(enum object_type type, const void *object);

/* -- names -------------------------------------------------------------------- */

/* Checks all references of one kind. Types without such a reference return NULL. */
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
			check_report(check, &subject, cure,
				     "%s refers to \"%s\", which does not exist", what, name);
			memory_free(what);
		}
}

/*
 * Consumers of a table drop an entry whose IOMMU they cannot find. This reports it before a table
 * exists.
 */
static void check_iommu_names(const struct check *check)
{
	check_references(check, object_iommu, OBJECT_IOMMU,
			 "name one of `iommus`, or none for bypass");
}

/* Without the group, devices have no MSIs, which shows only in the running guest. */
static void check_its_names(const struct check *check)
{
	check_references(check, object_its, OBJECT_ITS_GROUP, "name one of `its-groups`");
}

/* Further IDs may precede or follow their device. */
static void check_device_names(const struct check *check)
{
	check_references(check, object_device, OBJECT_PLATFORM_DEVICE, "name one of `devices`");
}

/* Reserved memory and monitors refer to an IOMMU, but put no device behind it. */
static void report_idle_iommus(const struct check *check)
{
	struct hash *used = hash_new(&hash_text);
	const struct viommu_iommu *iommu;
	const void *object;

	for (enum object_type type = 0; type < N_OBJECT_TYPES; type++)
		for_each_object(i, object, check->topology, type)
			if (object_iommu(type, object) && type != OBJECT_RESERVED_MEMORY &&
			    type != OBJECT_MONITOR)
				hash_add(used, (void *)object_iommu(type, object));
	for_each_object(i, iommu, check->topology, OBJECT_IOMMU)
		if (!hash_contains(used, iommu->name))
			check_report(
				check, &(struct subject){ OBJECT_IOMMU, iommu, i },
				"name it in a host bridge, a range or a device, or leave it out",
				"IOMMU %s translates nothing", iommu->name);
	hash_free(used);
}

static void check_idle_iommus(const struct check *check)
{
	if (!topology_is_from(check->topology, "DTB") && !topology_is_from(check->topology, "DMAR"))
		report_idle_iommus(check);
}

/* Firmware of servers lists the units of parts that have no functions on this board. */
static void check_idle_units(const struct check *check)
{
	if (topology_is_from(check->topology, "DMAR"))
		report_idle_iommus(check);
}

/* -- IDs and functions -------------------------------------------------------- */

/* In 64 bits: the first ID has 32 bits, and a range can cover all segments. */
static void check_ids_beyond(const struct check *check)
{
	const struct viommu_pci_range *range;

	for_each_object(i, range, check->topology, OBJECT_PCI_RANGE) {
		uint64_t last = range_id(range, range->segment_last, range->bdf_last);

		if (range->iommu && last > UINT32_MAX)
			check_report(check, &(struct subject){ OBJECT_PCI_RANGE, range, i },
				     "choose a smaller `first-id`, or fewer functions",
				     "the last function of the range would have ID 0x%" PRIx64,
				     last);
	}
}

/* Functions below a bridge do not count, only those that the range names. */
static bool names_function_at(const struct viommu_pci_range *range, uint16_t segment, uint16_t bdf)
{
	return range->segment_first <= segment && segment <= range->segment_last &&
	       range->bdf_first <= bdf && bdf <= range->bdf_last;
}

/*
 * No host bridges: one excludes its IOMMU's function unless `translates_itself` is set. AMD-Vi
 * always lists its own. With a RIMT, Linux lets the IOMMU wait for itself, which is an error
 * (rimt-map-own).
 */
static void check_own_functions(const struct check *check)
{
	const struct viommu_platform_device *device;
	const struct viommu_pci_range *range;

	if (topology_is_from(check->topology, "RIMT"))
		return;
	for_each_object(i, range, check->topology, OBJECT_PCI_RANGE) {
		const struct viommu_iommu *iommu =
			viommu_topology_find_iommu(check->topology, range->iommu);

		if (iommu && !iommu_has_window(iommu) &&
		    names_function_at(range, iommu->segment, iommu->bdf))
			check_report(check, &(struct subject){ OBJECT_PCI_RANGE, range, i },
				     "leave it out, as a device tree has to",
				     "the range has the function of IOMMU %s itself", iommu->name);
	}
	for_each_object(i, device, check->topology, OBJECT_PLATFORM_DEVICE) {
		const struct viommu_iommu *iommu =
			viommu_topology_find_iommu(check->topology, device->iommu);

		if (iommu && iommu->kind == VIOMMU_VIRTIO_MMIO && !device->name &&
		    device->base == iommu->base)
			check_report(check, &(struct subject){ OBJECT_PLATFORM_DEVICE, device, i },
				     "leave it out, as a device tree has to",
				     "the device is IOMMU %s itself", iommu->name);
	}
}

/* -- memory and nodes --------------------------------------------------------- */

/*
 * A warning, since the topology may be of another architecture. On x86, a write to these addresses
 * never reaches memory, mapped or not.
 */
static void check_interrupt_window(const struct check *check)
{
	static const uint64_t first = 0xfee00000, last = 0xfeefffff;
	const struct viommu_reserved_memory *memory;

	for_each_object(i, memory, check->topology, OBJECT_RESERVED_MEMORY)
		if (memory->kind != VIOMMU_MEMORY_MSI && memory->first <= last &&
		    first <= memory->last)
			check_report(
				check, &(struct subject){ OBJECT_RESERVED_MEMORY, memory, i },
				"on x86, say `kind: msi` of exactly 0xfee00000-0xfeefffff",
				"the range has addresses of x86 interrupts, and is not for MSIs");
}

/* Linux supports at most 1024 nodes (NODES_SHIFT is at most 10). */
static void check_domain(const struct check *check, const struct subject *subject, bool has,
			 uint32_t domain)
{
	static const uint32_t most = 1023;
	char *what;

	if (!has || domain <= most)
		return;
	what = subject_describe(subject);
	check_report(check, subject, "number proximity domains from 0",
		     "%s has proximity domain %u", what, domain);
	memory_free(what);
}

/* Three types of objects have a proximity domain. */
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

/* Each rule visits its objects in the order of the topology. */
static const struct {
	const char *rule_id;
	void (*run)(const struct check *check);
} checks[] = {
	{ "topology-iommu-unknown", check_iommu_names },
	{ "topology-its-unknown", check_its_names },
	{ "topology-device-unknown", check_device_names },
	{ "topology-iommu-idle", check_idle_iommus },
	{ "dmar-unit-idle", check_idle_units },
	{ "topology-iommu-outside", check_iommus_outside },
	{ "topology-hotplug", check_hotplug },
	{ "topology-cmdqv", check_command_queues },
	{ "topology-monitor", check_monitors },
	{ "topology-iommu-cycle", check_iommu_cycles },
	{ "topology-registers", check_registers },
	{ "topology-function-twice", check_functions_twice },
	{ "topology-bridges-overlap", check_bridges_overlap },
	{ "topology-ranges-overlap", check_ranges_overlap },
	{ "topology-ranges-overlap", check_amd_ranges_overlap },
	{ "topology-range-outside", check_ranges_outside },
	{ "topology-range-own", check_own_functions },
	{ "topology-id-beyond", check_ids_beyond },
	{ "topology-stream-id", check_stream_ids },
	{ "topology-id-twice", check_ids_twice },
	{ "topology-id-shared", check_ids_shared },
	{ "topology-registers-overlap", check_windows_overlap },
	{ "topology-memory-overlap", check_memory_overlap },
	{ "topology-memory-interrupts", check_interrupt_window },
	{ "topology-domain", check_domains },
	{ "topology-domains-differ", check_domains_differ },
};

/* Checks all rules, whatever the others found: one mistake may break several. */
void topology_check(const struct viommu_topology *topology, struct viommu_findings *findings)
{
	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
		struct check check = { topology, findings, checks[i].rule_id };

		if (findings_want(findings, check.rule_id))
			checks[i].run(&check);
	}
}
