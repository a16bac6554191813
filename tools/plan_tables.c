/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu plan TOPOLOGY: the tables a machine needs for each kind of guest
 *
 * Each kind of guest reads certain tables; a row lists them. The plan generates each table to
 * report its length and what it cannot describe, and discards it. An IOMMU that none of a guest's
 * tables can describe is not available to that guest.
 *
 * The plan also lists the PCI functions and IDs behind each IOMMU, hotplug included: the space that
 * a VMM has to provide.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "columns.h"
#include "command.h"
#include "plan_tables.h"
#include "resolve.h"
#include "route_text.h"

#define MAX_TABLES     3
#define SEGMENT_LENGTH 0x10000u

#define KIND(kind)   (1u << (kind))
#define VIRTIO_KINDS (KIND(VIOMMU_VIRTIO_PCI) | KIND(VIOMMU_VIRTIO_MMIO))
#define ARM_KINDS    (KIND(VIOMMU_SMMU_V2) | KIND(VIOMMU_SMMU_V3))
#define RISCV_KINDS  (KIND(VIOMMU_RISCV) | KIND(VIOMMU_RISCV_PCI))
#define ANY_DT_KIND  (VIRTIO_KINDS | ARM_KINDS | RISCV_KINDS | KIND(VIOMMU_OTHER))

/* The kinds of IOMMUs that a table describes. SRAT only adds NUMA nodes, so it has no row. */
struct part {
	const char *signature;
	unsigned kinds;
};

static const struct guest {
	const char *name;
	struct part parts[MAX_TABLES];
} guests[] = {
	{ "arm64 with ACPI", { { "IORT", ARM_KINDS }, { "VIOT", VIRTIO_KINDS } } },
	{ "x86 with ACPI",
	  { { "DMAR", KIND(VIOMMU_VTD) },
	    { "IVRS", KIND(VIOMMU_AMD_VI) },
	    { "VIOT", VIRTIO_KINDS } } },
	{ "riscv64 with ACPI", { { "RIMT", RISCV_KINDS }, { "VIOT", VIRTIO_KINDS } } },
	{ "device tree", { { "DTB", ANY_DT_KIND } } },
	{ "drafts of 2020, without firmware", { { "builtin-v3", KIND(VIOMMU_VIRTIO_PCI) } } },
};

struct plan {
	const struct viommu_topology *topology;
	struct viommu_findings *findings;
	char *name; /* of the input */
	struct columns lines;
	unsigned n; /* topologies */
	int status;
};

/* -- tables of guests --------------------------------------------------------------- */

static bool describes(const struct part *part, const struct viommu_iommu *iommu)
{
	return part->signature && part->kinds & KIND(iommu->kind);
}

/* Of an arm64 guest's tables only IORT describes the ITS of a device. */
static bool describes_msis(const struct plan *plan, const struct part *part)
{
	return !strcmp(part->signature, "IORT") && viommu_topology_its_group(plan->topology, 0);
}

/* The names of what the table describes, or NULL. */
static char *described_by(const struct plan *plan, const struct part *part)
{
	GString *names = g_string_new(NULL);
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(plan->topology, i)); i++)
		if (describes(part, iommu))
			g_string_append_printf(names, "%s%s", names->len ? ", " : "", iommu->name);
	if (!names->len && describes_msis(plan, part))
		g_string_append(names, "MSI routing");
	return g_string_free(names, !names->len);
}

/*
 * IOMMUs that another of the guest's tables describes are not reported as omitted, and what no
 * table has is reported once, for all of them.
 */
static bool is_expected(const struct viommu_finding *finding)
{
	return !strcmp(finding->id, "table-silent-hotplug") ||
	       g_str_has_suffix(finding->id, "-silent-iommu") ||
	       g_str_has_suffix(finding->id, "-silent-virtio") ||
	       g_str_has_suffix(finding->id, "-silent-smmu");
}

/* Findings about a table belong below it, so they go to standard output. */
static void print_omitted(const struct viommu_findings *findings)
{
	for (size_t i = 0; i < viommu_findings_count(findings); i++) {
		const struct viommu_finding *finding = viommu_findings_get(findings, i);
		char *line = viommu_finding_line(finding);

		if (!is_expected(finding))
			print_line("      %s", line);
		free(line);
	}
}

/* Quoted if needed, because users copy the command into a shell. */
static char *shell_word(const char *name)
{
	static const char plain[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_./:@+,-";

	return *name && *name != '-' && !name[strspn(name, plain)] ? g_strdup(name)
								   : g_shell_quote(name);
}

/* The length of the table, and the command that generates it. */
static void print_table(const struct plan *plan, const char *signature, const char *iommu,
			const struct viommu_table *table)
{
	g_autofree char *name = g_ascii_strdown(signature, -1),
			*which = iommu ? shell_word(iommu) : NULL, *file = shell_word(plan->name);
	void *bytes;
	size_t length = viommu_table_encode(table, &bytes);

	free(bytes);
	print_line("      %zu bytes: viommu generate %s%s%s %s", length, name,
		   which ? " --iommu=" : "", which ? which : "", file);
}

static void plan_table(struct plan *plan, const char *signature, const char *iommu)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *table =
		viommu_table_generate_for(plan->topology, signature, iommu, findings);

	if (table)
		print_table(plan, signature, iommu, table);
	else
		puts("      cannot be generated for this machine:");
	print_omitted(findings);
	viommu_table_free(table);
	viommu_findings_free(findings);
}

/* A built-in topology describes the device that contains it: one for each IOMMU. */
static void plan_builtin(struct plan *plan, const struct part *part)
{
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(plan->topology, i)); i++)
		if (describes(part, iommu))
			plan_table(plan, part->signature, iommu->name);
}

/* A table that would describe nothing is not needed. */
static void plan_part(struct plan *plan, const struct part *part)
{
	g_autofree char *names = part->signature ? described_by(plan, part) : NULL;

	if (!names)
		return;
	print_line("  %s describes %s", part->signature, names);
	if (g_str_has_prefix(part->signature, "builtin"))
		plan_builtin(plan, part);
	else
		plan_table(plan, part->signature, NULL);
}

static void print_undescribed(const struct plan *plan, const struct guest *guest)
{
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(plan->topology, i)); i++) {
		bool described = false;

		for (int n = 0; n < MAX_TABLES; n++)
			described |= describes(&guest->parts[n], iommu);
		if (!described)
			print_line("  no table describes %s, a %s", iommu->name,
				   viommu_iommu_kind_name(iommu->kind));
	}
}

/* NUMA nodes of virtio-iommus are in SRAT, which the machine has anyway. */
static void plan_domains(struct plan *plan)
{
	g_autofree char *file = shell_word(plan->name);
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(plan->topology, i)); i++)
		if (iommu->has_proximity_domain && iommu->kind == VIOMMU_VIRTIO_PCI)
			print_line("  SRAT gives %s the NUMA node %" PRIu32
				   ": viommu generate srat --into SRAT %s",
				   iommu->name, iommu->proximity_domain, file);
}

static void plan_guest(struct plan *plan, const struct guest *guest)
{
	printf("\n%s\n", guest->name);
	for (int i = 0; i < MAX_TABLES; i++)
		plan_part(plan, &guest->parts[i]);
	if (strstr(guest->name, "ACPI"))
		plan_domains(plan);
	print_undescribed(plan, guest);
}

/* -- devices of each IOMMU ----------------------------------------------------- */

struct usage {
	const struct viommu_iommu *iommu;
	uint64_t n_functions, n_devices;
	uint64_t first, last; /* IDs */
};

/* Extends the span of IDs; there may be gaps. */
static void add_ids(struct usage *usage, uint64_t first, uint64_t last)
{
	bool is_first = !usage->n_functions && !usage->n_devices;

	usage->first = is_first ? first : MIN(usage->first, first);
	usage->last = is_first ? last : MAX(usage->last, last);
}

static void add_functions(void *opaque, const struct viommu_route_range *range)
{
	uint64_t segments = (uint64_t)(range->segment_last - range->segment_first) + 1;
	uint64_t functions = (uint64_t)(range->bdf_last - range->bdf_first) + 1;
	uint64_t span = range->shared_id ? 1 : (segments - 1) * SEGMENT_LENGTH + functions;
	struct usage *usage;

	if (!range->route.iommu)
		return;
	usage = g_hash_table_lookup(opaque, range->route.iommu);
	add_ids(usage, range->route.id, range->route.id + span - 1);
	usage->n_functions += segments * functions;
}

static void add_devices(GHashTable *usages, const struct viommu_topology *topology)
{
	const struct viommu_platform_device *device;

	for (size_t i = 0; (device = viommu_topology_platform_device(topology, i)); i++) {
		struct usage *usage = g_hash_table_lookup(
			usages, viommu_topology_find_iommu(topology, device->iommu));

		if (!usage)
			continue;
		add_ids(usage, device->id, device->id + (uint64_t)MAX(device->n_ids, 1) - 1);
		usage->n_devices++;
	}
}

/* An IOMMU with nothing behind it gets a line too: that is often a mistake. */
static void add_usage_line(struct plan *plan, const struct usage *usage)
{
	g_autofree char *functions = g_strdup_printf("%" PRIu64, usage->n_functions);
	g_autofree char *devices = g_strdup_printf("%" PRIu64, usage->n_devices);
	bool idle = !usage->n_functions && !usage->n_devices;

	columns_add(&plan->lines,
		    (char *[MAX_COLUMNS]){ g_strdup(usage->iommu->name),
					   g_strdup(viommu_iommu_kind_name(usage->iommu->kind)),
					   g_steal_pointer(&functions), g_steal_pointer(&devices),
					   idle ? NULL
						: ids_text((uint32_t)usage->first,
							   usage->last - usage->first + 1) });
}

/* As `table-silent-hotplug` of each table has it. */
static void print_hotplug(const struct plan *plan)
{
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(plan->topology, i)); i++)
		if (iommu->hotplug)
			print_line("%s: no table has `hotplug: %" PRIu32
				   "`; keep it in the text form",
				   iommu->name, iommu->hotplug);
}

static void print_usages(struct plan *plan)
{
	GHashTable *usages = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
	const struct viommu_iommu *iommu;
	struct usage *usage;

	for (size_t i = 0; (iommu = viommu_topology_iommu(plan->topology, i)); i++) {
		usage = g_new0(struct usage, 1);
		usage->iommu = iommu;
		g_hash_table_insert(usages, (void *)iommu, usage);
	}
	viommu_topology_for_each_route(plan->topology, add_functions, usages);
	add_devices(usages, plan->topology);
	columns_begin(&plan->lines);
	columns_add(&plan->lines,
		    (char *[MAX_COLUMNS]){ g_strdup("IOMMU"), g_strdup("kind"),
					   g_strdup("PCI functions"), g_strdup("other devices"),
					   g_strdup("IDs") });
	for (size_t i = 0; (iommu = viommu_topology_iommu(plan->topology, i)); i++)
		add_usage_line(plan, g_hash_table_lookup(usages, iommu));
	columns_end(&plan->lines);
	g_hash_table_destroy(usages);
}

/* -- the machine ------------------------------------------------------------------------ */

/* A topology with errors is not planned. */
static void plan_machine(void *opaque, struct input *input)
{
	struct plan *plan = opaque;

	plan->topology = input_topology(input, plan->findings);
	if (!plan->topology || plan->n++)
		return;
	plan->name = printable(input->name);
	viommu_topology_check(plan->topology, plan->findings);
	if (viommu_findings_count_from(plan->findings, VIOMMU_ERROR)) {
		plan->status = EXIT_COULD_NOT;
		return;
	}
	print_usages(plan);
	print_hotplug(plan);
	for (size_t i = 0; i < G_N_ELEMENTS(guests); i++)
		plan_guest(plan, &guests[i]);
}

int plan_tables(const struct command *command, char **arguments)
{
	struct plan plan = { 0 };
	int status;

	if (g_strv_length(arguments) != 1)
		return command_usage(command, "name one topology");
	plan.findings = viommu_findings_new();
	status = read_inputs(arguments, plan.findings, plan_machine, &plan);
	if (plan.n > 1)
		report_error("%s: %u tables: only the first was planned", *arguments, plan.n);
	if (!plan.n)
		status = report_no_input(arguments, status);
	status = worse(worse(status, plan.status), print_findings(plan.findings));
	viommu_findings_free(plan.findings);
	g_free(plan.name);
	return status;
}
