/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu resolve: which IOMMU does a device reach, with which ID, by whose word?
 *
 * There are two answers: what the table says, by its specification, and what Linux makes of it,
 * which takes the last of several nodes and refuses to let an IOMMU translate itself. They are
 * the same for most devices; where they are not, both are shown, for that is when people ask.
 *
 * The entry that decides is named by its place, an offset or a line: it is what has to be changed
 * where the answer is not the one that was wanted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "json.h"

static char *from;
static gboolean as_json;

static const GOptionEntry options[] = {
	{ "from", 'f', 0, G_OPTION_ARG_FILENAME, &from,
	  "the table or topology to ask, not the tables of this machine", "FILE" },
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json, "print JSON on standard output", NULL },
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

struct question {
	char **devices;
	struct viommu_findings *findings;
	JsonBuilder *builder; /* NULL: text */
	unsigned n;           /* inputs that had an answer */
};

/* Whatever the table is: once by its specification, and once by what Linux makes of it. */
struct answer {
	const char *device;
	struct viommu_route route, linux_route;
	const char *why_linux;
};

/* -- text ------------------------------------------------------------------------- */

/* As the topology's text has it: a function, or where registers begin. */
static char *where_is(const struct viommu_iommu *iommu)
{
	if (iommu->kind == VIOMMU_VIRTIO_PCI || iommu->kind == VIOMMU_AMD_VI)
		return g_strdup_printf("%04x:%02x:%02x.%x", iommu->segment, iommu->bdf >> 8,
				       iommu->bdf >> 3 & 0x1f, iommu->bdf & 7);
	return g_strdup_printf("0x%" PRIx64, iommu->base);
}

/* As in a finding, so that an editor can go there. */
static char *describe_place(const struct viommu_place *place)
{
	if (place->at != VIOMMU_NOWHERE)
		return g_strdup_printf("%s:0x%zx", place->file ? place->file : "", place->at);
	if (place->line)
		return g_strdup_printf("%s:%u:%u", place->file ? place->file : "", place->line,
				       place->column);
	return g_strdup(place->file ? place->file : "nobody");
}

/* One sentence for each way of it. Bypassing is somebody's word; nothing is nobody's. */
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

/* Compared as they would be read: routes differ where their descriptions do. */
static void print_answer(const struct answer *answer)
{
	g_autofree char *said = describe(&answer->route);
	g_autofree char *linux_said = describe(&answer->linux_route);

	printf("%s: %s\n", answer->device, said);
	if (strcmp(said, linux_said))
		printf("    Linux: %s\n    %s\n", linux_said, answer->why_linux);
}

/* -- JSON -------------------------------------------------------------------------- */

/* The keys that mean nothing without an IOMMU are left out without one. */
static void add_route(JsonBuilder *builder, const struct viommu_route *route)
{
	static const char *const reaches[] = {
		[VIOMMU_REACH_IOMMU] = "iommu",
		[VIOMMU_REACH_BYPASS] = "bypass",
		[VIOMMU_REACH_NOTHING] = "nothing",
	};
	g_autofree char *where = NULL;

	json_string(builder, "reach", reaches[route->reach]);
	json_place(builder, &route->place);
	if (route->reach != VIOMMU_REACH_IOMMU)
		return;
	where = where_is(route->iommu);
	json_string(builder, "iommu", route->iommu->name);
	json_string(builder, "kind", viommu_iommu_kind_name(route->iommu->kind));
	json_string(builder, "at", where);
	json_number(builder, "id", route->id);
}

/* Both answers are always there, the same or not: a program need not ask which it got. */
static void add_answer(JsonBuilder *builder, const struct answer *answer)
{
	json_builder_begin_object(builder);
	json_string(builder, "device", answer->device);
	add_route(builder, &answer->route);
	json_builder_set_member_name(builder, "linux");
	json_builder_begin_object(builder);
	add_route(builder, &answer->linux_route);
	json_string(builder, "why", answer->why_linux);
	json_builder_end_object(builder);
	json_builder_end_object(builder);
}

/* -- asking ------------------------------------------------------------------------ */

/* The name was parsed before, when it could still be refused; here it only comes back as numbers.
 */
static void ask_of(const struct question *question, const struct viommu_topology *topology,
		   const char *device)
{
	struct answer answer = { .device = device };
	struct viommu_device_name name;

	if (viommu_device_name_parse(device, &name) < 0)
		return;
	viommu_topology_resolve(topology, &name, &answer.route, &answer.linux_route,
				&answer.why_linux);
	if (question->builder)
		add_answer(question->builder, &answer);
	else
		print_answer(&answer);
}

/* Each input answers for itself: who names a folder of tables learns what each of them says. */
static void ask(void *opaque, struct input *input)
{
	struct question *question = opaque;
	const struct viommu_topology *topology = input_meaning(input, question->findings);

	if (!topology)
		return;
	question->n++;
	for (char **device = question->devices; *device; device++)
		ask_of(question, topology, *device);
}

static int ask_all(struct question *question)
{
	char *names[] = { from, NULL };
	int status;

	question->findings = viommu_findings_new();
	if (as_json) {
		question->builder = json_begin();
		json_builder_set_member_name(question->builder, "answers");
		json_builder_begin_array(question->builder);
	}
	status = read_inputs(names, question->findings, ask, question);
	if (question->builder) {
		json_builder_end_array(question->builder);
		json_end(question->builder);
	}
	status = worse(status, print_findings(question->findings));
	viommu_findings_free(question->findings);
	return question->n ? status : complain_nothing(names, status);
}

/* All devices are looked at before anything is read: a typing mistake should not cost an answer. */
static int run(const struct command *command, char **arguments)
{
	struct question question = { .devices = arguments };
	struct viommu_device_name name;

	if (!*arguments)
		return command_usage(command, "name a device");
	for (char **device = arguments; *device; device++)
		if (viommu_device_name_parse(*device, &name) < 0)
			return command_usage(command,
					     "\"%s\" is no device: write 0000:03:00.0 for a PCI "
					     "function, 0x10001000 for a device at that address",
					     *device);
	return ask_all(&question);
}

const struct command resolve_command = {
	.name = "resolve",
	.arguments = "DEVICE...",
	.summary = "say which IOMMU a device reaches, by whose word, and what Linux makes of it",
	.details =
		"A DEVICE is a PCI function (0000:03:00.0, or 03:00.0 in segment 0), or the\n"
		"address where a platform device begins (0x10001000). FILE is as for dump, or a\n"
		"topology. Where Linux does otherwise, a second line says so.",
	.options = options,
	.run = run,
};
