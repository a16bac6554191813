/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The devices that QEMU's arguments assign
 *
 * -device is parsed in both forms, key=value and JSON (value.c).
 * Other options are skipped: a word after an unknown option is never mistaken for -device.
 */
#include <string.h>

#include "arguments.h"

static char *driver_of(const char *text)
{
	char *driver = plan_value_of(text, "driver");

	return driver || *text == '{' ? driver : g_strndup(text, strcspn(text, ","));
}

/* "01:00.0", "/sys/bus/pci/devices/0000:01:00.0" */
static char *function_of(const char *text)
{
	char *host = plan_value_of(text, "host"),
	     *path = host ? NULL : plan_value_of(text, "sysfsdev");

	if (path)
		host = g_path_get_basename(path);
	g_free(path);
	return host;
}

static void check_smmu(const char *text, GHashTable *seen, GHashTable *ports,
		       struct viommu_findings *findings)
{
	char *bus = plan_value_of(text, "primary-bus");

	if (!bus)
		return;
	if (g_hash_table_contains(ports, bus))
		plan_report(findings, "plan-port-iommu",
			    "set primary-bus to a pxb-pcie or to pcie.0",
			    "an arm-smmuv3 is on the root port %s, which QEMU rejects", bus);
	if (g_hash_table_contains(seen, bus))
		plan_report(findings, "plan-shared-bus", "give each arm-smmuv3 its own pxb-pcie",
			    "two arm-smmuv3 are on %s, which QEMU rejects", bus);
	g_hash_table_add(seen, bus);
}

/* The user keeps these, so a plan uses other slots of pcie.0 and other chassis. */
static void take_place(const char *text, struct plan_options *options)
{
	g_autofree char *bus = plan_value_of(text, "bus"), *address = plan_value_of(text, "addr"),
			*chassis = plan_value_of(text, "chassis");
	guint64 number = address ? g_ascii_strtoull(address, NULL, 16) : 0;

	if (number && number < PLAN_ROOT_SLOTS && !g_strcmp0(bus, "pcie.0"))
		options->slots |= UINT32_C(1) << number;
	number = chassis ? g_ascii_strtoull(chassis, NULL, 0) : 0;
	if (number <= PLAN_CHASSIS_MAX)
		options->chassis[number] = true;
}

static void take_device(const char *text, GPtrArray *names, GHashTable *seen, GHashTable *ports,
			struct plan_options *options, struct viommu_findings *findings)
{
	g_autofree char *driver = driver_of(text);
	char *name;

	if (g_strcmp0(driver, "vfio-pci"))
		take_place(text, options);
	if (!g_strcmp0(driver, "pcie-root-port")) {
		options->root_ports++;
		name = plan_value_of(text, "id");
		if (name)
			g_hash_table_add(ports, name);
	} else if (!g_strcmp0(driver, "arm-smmuv3")) {
		check_smmu(text, seen, ports, findings);
	} else if (!g_strcmp0(driver, "vfio-pci")) {
		name = function_of(text);
		if (name)
			g_ptr_array_add(names, name);
		else
			plan_report(findings, "plan-device", "add host= with the function",
				    "a vfio-pci has no host function: %s", text);
	}
}

/* The key of the first value may be omitted; "accel=kvm" alone has no machine. */
static char *type_of(const char *text)
{
	char *type = plan_value_of(text, "type");
	size_t n = strcspn(text, ",");

	return type || memchr(text, '=', n) ? type : g_strndup(text, n);
}

static void take_machine(const char *text, struct plan_options *options,
			 struct viommu_findings *findings)
{
	g_autofree char *type = type_of(text);
	g_autofree char *backend = plan_value_of(text, "memory-backend");
	const char *machine = type ? plan_machine(type) : NULL;

	options->has_backend |= backend != NULL;
	if (type)
		options->machine_version = plan_machine_version(type);
	if (type && !machine)
		plan_report(findings, "plan-machine", "choose a q35 or virt machine",
			    "the machine %s has no root complex for a pxb-pcie", type);
	plan_set_machine(options, machine, "the arguments have", findings);
}

/* "4G", "size=4096,slots=2": mebibytes without a unit. */
static void take_memory(const char *text, struct plan_options *options)
{
	static const char units[] = "BKMGTPE";
	g_autofree char *size = plan_value_of(text, "size");
	char *end;
	guint64 number = g_ascii_strtoull(size ? size : text, &end, 10);
	const char *unit = *end && *end != ',' ? strchr(units, g_ascii_toupper(*end)) : units + 2;
	unsigned shift = unit ? 10 * (unsigned)(unit - units) : 0;
	uint64_t bytes = unit && number < (UINT64_C(1) << 60) >> shift ? number << shift : 0;

	if (!options->memory)
		options->memory = bytes;
	options->has_memory = bytes && options->memory == bytes;
}

/*
 * "8", "cpus=8,sockets=2"; QEMU also computes it from sockets, cores and threads. CPUs up to
 * maxcpus are plugged in later, and have their nodes from the start.
 */
static void take_cpus(const char *text, struct plan_options *options)
{
	static const char *const parts[] = { "drawers",  "books",   "sockets", "dies",
					     "clusters", "modules", "cores",   "threads" };
	g_autofree char *cpus = plan_value_of(text, "cpus"), *most = plan_value_of(text, "maxcpus");
	guint64 n = g_ascii_strtoull(most ? most : cpus ? cpus : text, NULL, 10), product = 1;

	options->has_cpus = true;
	for (size_t i = 0; i < G_N_ELEMENTS(parts) && product <= PLAN_CPUS_MAX; i++) {
		g_autofree char *part = plan_value_of(text, parts[i]);

		product *= part ? g_ascii_strtoull(part, NULL, 10) : 1;
	}
	options->cpus = (unsigned)MIN(n ? n : product, PLAN_CPUS_MAX);
}

/* The plan names the memory of its nodes ram0, ram1, ... */
static void take_object(const char *text, struct plan_numa *numa, struct plan_options *options)
{
	g_autofree char *id = plan_value_of(text, "id");

	plan_numa_take_object(numa, text);
	for (unsigned i = 0; id && i < PLAN_CELLS_MAX; i++) {
		g_autofree char *name = g_strdup_printf("ram%u", i);

		options->objects[i] |= !strcmp(id, name);
	}
}

static void take_node(const char *text, struct plan_numa *numa, struct plan_options *options)
{
	if (!g_str_has_prefix(text, "node"))
		return;
	options->n_nodes++;
	plan_numa_take_node(numa, text);
}

static bool is_option(const char *word, const char *name)
{
	return *word == '-' && !strcmp(word + (word[1] == '-' ? 2 : 1), name);
}

char **plan_arguments(char *const *arguments, struct plan_options *options,
		      struct viommu_findings *findings)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GHashTable) ports = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	struct plan_numa *numa = plan_numa_new();

	if (!options->cpus)
		options->cpus = 1;
	for (; arguments[0] && arguments[1]; arguments++) {
		if (is_option(arguments[0], "device"))
			take_device(arguments[1], names, seen, ports, options, findings);
		else if (is_option(arguments[0], "M") || is_option(arguments[0], "machine"))
			take_machine(arguments[1], options, findings);
		else if (is_option(arguments[0], "numa"))
			take_node(arguments[1], numa, options);
		else if (is_option(arguments[0], "object"))
			take_object(arguments[1], numa, options);
		else if (is_option(arguments[0], "m"))
			take_memory(arguments[1], options);
		else if (is_option(arguments[0], "smp"))
			take_cpus(arguments[1], options);
	}
	plan_numa_map(numa, options, findings);
	plan_numa_free(numa);
	if (!names->len && !viommu_findings_count_from(findings, VIOMMU_ERROR))
		plan_report(findings, "plan-device",
			    "add -device vfio-pci,host=", "QEMU's arguments assign no function");
	if (viommu_findings_count_from(findings, VIOMMU_ERROR)) {
		g_ptr_array_unref(names);
		return NULL;
	}
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(names, false);
}
