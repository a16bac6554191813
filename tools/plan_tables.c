/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu plan TOPOLOGY: what a machine needs, for each sort of guest
 *
 * Each sort of guest looks for its IOMMUs in tables of its own. A row says in which; the plan makes
 * each of them, to see how long it is and what it cannot say, and throws it away. What no
 * table of a guest can tell of is an IOMMU that such a guest goes without.
 *
 * Beside that it says what lies behind each IOMMU: how many functions there can ever be, and which
 * IDs they have, which is what a VMM has to make room for.
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
#define ANY_DT_KIND  (VIRTIO_KINDS | ARM_KINDS | KIND(VIOMMU_OTHER))

/* Which kinds of IOMMUs a table tells of. SRAT has only where they are, and is not made for it. */
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
	{ "any with a device tree", { { "DTB", ANY_DT_KIND } } },
	{ "one of 2020 without firmware", { { "builtin-v3", KIND(VIOMMU_VIRTIO_PCI) } } },
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

/* Rows have room for three tables, and those that are empty tell of nothing. */
static bool is_told(const struct part *part, const struct viommu_iommu *iommu)
{
	return part->signature && part->kinds & KIND(iommu->kind);
}

/* The only table of an arm64 guest that says which ITS a device has. */
static bool tells_of_msis(const struct plan *plan, const struct part *part)
{
	return !strcmp(part->signature, "IORT") && viommu_topology_its_group(plan->topology, 0);
}

/* Names of those that the table tells of, or NULL. */
static char *told_by(const struct plan *plan, const struct part *part)
{
	GString *names = g_string_new(NULL);
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(plan->topology, i)); i++)
		if (is_told(part, iommu))
			g_string_append_printf(names, "%s%s", names->len ? ", " : "", iommu->name);
	if (!names->len && tells_of_msis(plan, part))
		g_string_append(names, "where MSIs go");
	return g_string_free(names, !names->len);
}

/* An IOMMU that another table tells of is no loss: that it is left out is expected here. */
static bool is_expected(const struct viommu_finding *finding)
{
	return g_str_has_suffix(finding->id, "-silent-iommu") ||
	       g_str_has_suffix(finding->id, "-silent-virtio") ||
	       g_str_has_suffix(finding->id, "-silent-smmu");
}

/* These are of the table, and not of the machine: so they are on standard output, below it. */
static void print_unsaid(const struct viommu_findings *findings)
{
	for (size_t i = 0; i < viommu_findings_count(findings); i++) {
		const struct viommu_finding *finding = viommu_findings_get(findings, i);
		char *line = viommu_finding_line(finding);

		if (!is_expected(finding))
			say_line("      %s", line);
		free(line);
	}
}

/* A name as a word of a command that is copied into a shell, which must not obey it either. */
static char *shell_word(const char *name)
{
	static const char plain[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_./:@+,-";

	return *name && *name != '-' && !name[strspn(name, plain)] ? g_strdup(name)
								   : g_shell_quote(name);
}

/* What a user would type for it. */
static void print_made(const struct plan *plan, const char *signature, const char *iommu,
		       const struct viommu_table *table)
{
	g_autofree char *small = g_ascii_strdown(signature, -1),
			*which = iommu ? shell_word(iommu) : NULL, *file = shell_word(plan->name);
	void *bytes;
	size_t length = viommu_table_encode(table, &bytes);

	free(bytes);
	say_line("      %zu bytes: viommu generate %s%s%s %s", length, small,
		 which ? " --iommu=" : "", which ? which : "", file);
}

/* Only by making it one learns how long it is, and what it has no word for. */
static void try(struct plan *plan, const char *signature, const char *iommu)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *table =
		viommu_table_generate_for(plan->topology, signature, iommu, findings);

	if (table)
		print_made(plan, signature, iommu, table);
	else
		puts("      cannot be made of this machine:");
	print_unsaid(findings);
	viommu_table_free(table);
	viommu_findings_free(findings);
}

/* A built-in topology is told by one device of the devices that are behind it: one for each. */
static void try_each(struct plan *plan, const struct part *part)
{
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(plan->topology, i)); i++)
		if (is_told(part, iommu))
			try(plan, part->signature, iommu->name);
}

/* A table that would tell of nothing here is not needed. */
static void plan_part(struct plan *plan, const struct part *part)
{
	g_autofree char *names = part->signature ? told_by(plan, part) : NULL;

	if (!names)
		return;
	say_line("  %s tells of %s", part->signature, names);
	if (g_str_has_prefix(part->signature, "builtin"))
		try_each(plan, part);
	else
		try(plan, part->signature, NULL);
}

/* The firmware of such a guest has no word for these. */
static void print_untold(const struct plan *plan, const struct guest *guest)
{
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(plan->topology, i)); i++) {
		bool told = false;

		for (int n = 0; n < MAX_TABLES; n++)
			told |= is_told(&guest->parts[n], iommu);
		if (!told)
			say_line("  nothing tells of %s, a %s", iommu->name,
				 viommu_iommu_kind_name(iommu->kind));
	}
}

/* Where each IOMMU is, in the one table that is not its own: the machine's. */
static void plan_domains(struct plan *plan)
{
	g_autofree char *file = shell_word(plan->name);
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (iommu = viommu_topology_iommu(plan->topology, i)); i++)
		if (iommu->has_proximity_domain && iommu->kind == VIOMMU_VIRTIO_PCI)
			say_line("  SRAT tells that %s is in NUMA node %" PRIu32
				 ": viommu generate srat --into SRAT %s",
				 iommu->name, iommu->proximity_domain, file);
}

/* Even a guest that nothing is told of has its title: that is an answer, too. */
static void plan_guest(struct plan *plan, const struct guest *guest)
{
	printf("\n%s\n", guest->name);
	for (int i = 0; i < MAX_TABLES; i++)
		plan_part(plan, &guest->parts[i]);
	if (strstr(guest->name, "ACPI"))
		plan_domains(plan);
	print_untold(plan, guest);
}

/* -- what is behind each IOMMU -------------------------------------------------------- */

struct load {
	const struct viommu_iommu *iommu;
	uint64_t n_functions, n_devices;
	uint64_t first, last; /* IDs */
};

/* The smallest and the largest; those between need not all be used. */
static void take_ids(struct load *load, uint64_t first, uint64_t last)
{
	bool is_first = !load->n_functions && !load->n_devices;

	load->first = is_first ? first : MIN(load->first, first);
	load->last = is_first ? last : MAX(load->last, last);
}

/* As many as there can be, room for hotplug included: a VMM cannot know which will come. */
static void take_functions(void *opaque, const struct viommu_route_range *range)
{
	uint64_t segments = (uint64_t)(range->segment_last - range->segment_first) + 1;
	uint64_t functions = (uint64_t)(range->bdf_last - range->bdf_first) + 1;
	uint64_t span = range->one_id ? 1 : (segments - 1) * SEGMENT_LENGTH + functions;
	struct load *load = opaque;

	if (!range->route.iommu)
		return;
	load = g_hash_table_lookup(opaque, range->route.iommu);
	take_ids(load, range->route.id, range->route.id + span - 1);
	load->n_functions += segments * functions;
}

/* A device without an IOMMU loads none, and one whose IOMMU does not exist was an error before. */
static void take_devices(GHashTable *loads, const struct viommu_topology *topology)
{
	const struct viommu_platform_device *device;

	for (size_t i = 0; (device = viommu_topology_platform_device(topology, i)); i++) {
		struct load *load = g_hash_table_lookup(
			loads, viommu_topology_find_iommu(topology, device->iommu));

		if (!load)
			continue;
		take_ids(load, device->id, device->id + (uint64_t)MAX(device->n_ids, 1) - 1);
		load->n_devices++;
	}
}

/*
 * An IOMMU with nothing behind it has a line too, since somebody may have meant to put something
 * there.
 */
static void add_load(struct plan *plan, const struct load *load)
{
	g_autofree char *functions = g_strdup_printf("%" PRIu64, load->n_functions);
	g_autofree char *devices = g_strdup_printf("%" PRIu64, load->n_devices);
	bool idle = !load->n_functions && !load->n_devices;

	columns_add(&plan->lines,
		    (char *[MAX_COLUMNS]){
			    g_strdup(load->iommu->name),
			    g_strdup(viommu_iommu_kind_name(load->iommu->kind)),
			    g_steal_pointer(&functions), g_steal_pointer(&devices),
			    idle ? NULL
				 : ids_text((uint32_t)load->first, load->last - load->first + 1) });
}

/* Found by the IOMMU in constant time, for there may be many of both. */
static void print_loads(struct plan *plan)
{
	GHashTable *loads = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
	const struct viommu_iommu *iommu;
	struct load *load;

	for (size_t i = 0; (iommu = viommu_topology_iommu(plan->topology, i)); i++) {
		load = g_new0(struct load, 1);
		load->iommu = iommu;
		g_hash_table_insert(loads, (void *)iommu, load);
	}
	viommu_topology_for_each_route(plan->topology, take_functions, loads);
	take_devices(loads, plan->topology);
	columns_begin(&plan->lines);
	columns_add(&plan->lines,
		    (char *[MAX_COLUMNS]){ g_strdup("IOMMU"), g_strdup("kind"),
					   g_strdup("PCI functions"), g_strdup("other devices"),
					   g_strdup("IDs") });
	for (size_t i = 0; (iommu = viommu_topology_iommu(plan->topology, i)); i++)
		add_load(plan, g_hash_table_lookup(loads, iommu));
	columns_end(&plan->lines);
	g_hash_table_destroy(loads);
}

/* -- asking ----------------------------------------------------------------------------- */

/* With an error nothing is planned: what is wrong has to be mended first. */
static void plan_machine(void *opaque, struct input *input)
{
	struct plan *plan = opaque;

	plan->topology = input_meaning(input, plan->findings);
	if (!plan->topology || plan->n++)
		return;
	plan->name = printable(input->name);
	viommu_topology_check(plan->topology, plan->findings);
	if (viommu_findings_count_from(plan->findings, VIOMMU_ERROR)) {
		plan->status = EXIT_COULD_NOT;
		return;
	}
	print_loads(plan);
	for (size_t i = 0; i < G_N_ELEMENTS(guests); i++)
		plan_guest(plan, &guests[i]);
}

/* The first machine only, since all that follows is about one; that there were more is said. */
int plan_tables(const struct command *command, char **arguments)
{
	struct plan plan = { 0 };
	int status;

	if (g_strv_length(arguments) != 1)
		return command_usage(command, "name one topology");
	plan.findings = viommu_findings_new();
	status = read_inputs(arguments, plan.findings, plan_machine, &plan);
	if (plan.n > 1)
		complain("%s: the first of %u tables was planned for", *arguments, plan.n);
	if (!plan.n)
		status = complain_nothing(arguments, status);
	status = worse(worse(status, plan.status), print_findings(plan.findings));
	viommu_findings_free(plan.findings);
	g_free(plan.name);
	return status;
}
