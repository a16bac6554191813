/* SPDX-License-Identifier: BSD-3-Clause */
/* viommu resolve: which IOMMU does a device reach, with which ID, by whose word? */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

static char *from;

static const GOptionEntry options[] = {
	{ "from", 'f', 0, G_OPTION_ARG_FILENAME, &from,
	  "the table or topology to ask; without it, the tables of this machine", "FILE" },
	G_OPTION_ENTRY_NULL,
};

struct question {
	char **devices;
	struct viommu_findings *findings;
	unsigned answered;
};

/* "0000:00:02.0", or "0xa000000" */
static char *where_is(const struct viommu_iommu *iommu)
{
	if (iommu->kind == VIOMMU_VIRTIO_PCI || iommu->kind == VIOMMU_AMD_VI)
		return g_strdup_printf("%04x:%02x:%02x.%x", iommu->segment, iommu->bdf >> 8,
				       iommu->bdf >> 3 & 0x1f, iommu->bdf & 7);
	return g_strdup_printf("0x%" PRIx64, iommu->base);
}

static char *describe_place(const struct viommu_place *place)
{
	if (place->at != VIOMMU_NOWHERE)
		return g_strdup_printf("%s:0x%zx", place->file ? place->file : "", place->at);
	if (place->line)
		return g_strdup_printf("%s:%u:%u", place->file ? place->file : "", place->line,
				       place->column);
	return g_strdup(place->file ? place->file : "nobody");
}

static char *describe(const struct viommu_route *route)
{
	g_autofree char *where = NULL, *place = describe_place(&route->place);

	if (route->reach == VIOMMU_REACH_NOTHING)
		return g_strdup("no IOMMU: nothing is said of it");
	if (route->reach == VIOMMU_REACH_BYPASS)
		return g_strdup_printf("no IOMMU: bypasses, by %s", place);
	where = where_is(route->iommu);
	return g_strdup_printf("%s (%s at %s), endpoint 0x%" PRIx32 ", by %s", route->iommu->name,
			       viommu_iommu_kind_name(route->iommu->kind), where, route->id, place);
}

static void answer(const struct viommu_topology *topology, const char *device)
{
	struct viommu_route route, linux_route;
	struct viommu_device_name name;
	const char *why = NULL;
	g_autofree char *said = NULL, *linux_said = NULL;

	if (viommu_device_name_parse(device, &name) < 0)
		return;
	viommu_topology_resolve(topology, &name, &route, &linux_route, &why);
	said = describe(&route);
	linux_said = describe(&linux_route);
	printf("%s: %s\n", device, said);
	if (strcmp(said, linux_said))
		printf("    Linux: %s\n", linux_said);
	if (why)
		printf("    %s\n", why);
}

static void ask(void *opaque, const struct input *input)
{
	struct question *question = opaque;
	struct viommu_topology *topology = NULL;

	if (input->table)
		topology = viommu_table_topology(input->table, question->findings);
	if (!topology && !input->topology)
		return;
	for (char **device = question->devices; *device; device++)
		answer(topology ? topology : input->topology, *device);
	question->answered++;
	viommu_topology_free(topology);
}

static int run(const struct command *command, char **arguments)
{
	char *names[] = { from ? from : (char *)SYSTEM_TABLES, NULL };
	struct question question = { .devices = arguments };
	struct viommu_device_name name;
	int status;

	if (!*arguments)
		return command_usage(command, "name a device");
	for (char **device = arguments; *device; device++)
		if (viommu_device_name_parse(*device, &name) < 0)
			return command_usage(command,
					     "\"%s\" is no device: write 0000:03:00.0 for a PCI "
					     "function, 0x10001000 for a device at that address",
					     *device);
	question.findings = viommu_findings_new();
	status = read_inputs(names, question.findings, ask, &question);
	status = worse(status, print_findings(question.findings));
	viommu_findings_free(question.findings);
	if (!question.answered && status != EXIT_COULD_NOT) {
		complain("%s: no table there says anything of IOMMUs that is understood here",
			 names[0]);
		status = EXIT_COULD_NOT;
	}
	return status;
}

const struct command resolve_command = {
	.name = "resolve",
	.arguments = "DEVICE...",
	.summary = "say which IOMMU a device reaches, by whose word, and what Linux makes of it",
	.details =
		"A DEVICE is a PCI function (0000:03:00.0, or 03:00.0 in segment 0), or the "
		"address\n"
		"where a platform device begins (0x10001000). FILE is as for dump, or a topology.",
	.options = options,
	.run = run,
};
