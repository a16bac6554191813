/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu resolve: which IOMMU does a device reach, with which ID, by whose word?
 *
 * There are two answers: what the table says, by its specification, and what Linux makes of it,
 * which takes the last of several nodes of a VIOT and refuses to let an IOMMU translate itself.
 * They are the same for most devices; where they are not, both are shown, for that is when people
 * ask.
 *
 * The entry that decides is named by its place, an offset or a line: it is what has to be changed
 * where the answer is not the one that was wanted.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "resolve.h"
#include "route_text.h"

static char *from, *pasid_text;
static gboolean as_json, all_devices;

static const GOptionEntry options[] = {
	{ "all", 'a', 0, G_OPTION_ARG_NONE, &all_devices,
	  "show the whole map, every device that something is said of", NULL },
	{ "from", 'f', 0, G_OPTION_ARG_FILENAME, &from,
	  "the table or topology to ask, not the tables of this machine", "FILE" },
	{ "json", 'j', 0, G_OPTION_ARG_NONE, &as_json, "print JSON on standard output", NULL },
	{ "pasid", 'p', 0, G_OPTION_ARG_STRING, &pasid_text,
	  "say whether this PASID of the device arrives, too", "NUMBER" },
	INPUT_FORM_OPTION,
	G_OPTION_ENTRY_NULL,
};

struct question {
	char **devices;
	char **files; /* to ask, instead of `from`; or NULL */
	struct viommu_findings *findings;
	struct json *json; /* NULL: text */
	bool has_pasid;
	guint64 pasid;
	unsigned n; /* inputs that had an answer */
	int status;
};

/* Whatever the table is: once by its specification, and once by what Linux makes of it. */
struct answer {
	const char *device;
	const struct viommu_topology *topology;
	struct viommu_device_name name;
	const struct viommu_platform_device *platform_device; /* if it is one */
	const struct viommu_host_device *on_host;             /* NULL: not known */
	struct viommu_route route, linux_route;
	const char *why_linux;
};

/* -- words ------------------------------------------------------------------------ */

/* What a VMM says has no place. */
static char *by(const struct viommu_place *place)
{
	char *text = viommu_place_text(place);

	if (*text)
		return text;
	g_free(text);
	return g_strdup("nobody");
}

/* One sentence for each way of it. Bypassing is somebody's word; nothing is nobody's. */
static char *describe(const struct viommu_route *route, uint64_t n_ids)
{
	g_autofree char *place = by(&route->place), *at = NULL, *ids = NULL;

	if (route->reach == VIOMMU_REACH_NOTHING)
		return g_strdup("no IOMMU: nothing is said of it");
	if (route->reach == VIOMMU_REACH_BYPASS)
		return g_strdup_printf("no IOMMU: bypasses, by %s", place);
	at = viommu_iommu_at_text(route->iommu);
	ids = ids_text(route->id, n_ids);
	return g_strdup_printf("%s (%s at %s), %s %s, by %s", route->iommu->name,
			       viommu_iommu_kind_name(route->iommu->kind), at,
			       viommu_iommu_id_name(route->iommu->kind), ids, place);
}

/* The hop of interrupts; NULL where nobody tells of an ITS. */
static char *describe_msis(const struct viommu_route *route)
{
	g_autofree char *place = by(&route->its_place);

	if (!route->its)
		return NULL;
	return g_strdup_printf("MSIs to %s, device 0x%" PRIx32 ", by %s", route->its->name,
			       route->device_id, place);
}

/* A width of 0 would let PASID 0 through, which no bridge that forwards none does. */
static bool pasid_fits(const struct viommu_route *route, guint64 pasid)
{
	return route->iommu && pasid < (guint64)1 << route->pasid_bits && route->pasid_bits;
}

/* From the first hop on: each reason makes the next ones pointless. */
static char *describe_pasid(const struct viommu_route *route, guint64 pasid)
{
	g_autofree char *place = by(&route->pasid_place);

	if (!route->iommu)
		return g_strdup("means nothing, for no IOMMU is reached");
	if (!route->pasid_bits)
		return g_strdup("does not arrive: nobody says that PASIDs are forwarded");
	return g_strdup_printf("%s: they have up to %u bits, by %s",
			       pasid_fits(route, pasid) ? "arrives" : "is too large",
			       route->pasid_bits, place);
}

/* -- text ------------------------------------------------------------------------- */

/* Both hops are compared, but only what differs is said again. */
static void print_linux(const struct answer *answer, const char *said, const char *msis)
{
	g_autofree char *linux_said = describe(&answer->linux_route, 1);
	g_autofree char *linux_msis = describe_msis(&answer->linux_route);

	if (!strcmp(said, linux_said) && !g_strcmp0(msis, linux_msis))
		return;
	say_line("    Linux: %s", linux_said);
	if (g_strcmp0(msis, linux_msis))
		say_line("    %s", linux_msis ? linux_msis : "MSIs to no ITS");
	say_line("    %s", answer->why_linux);
}

/* What the kernel has done, which is another thing than what a table asks for. */
static void print_sysfs(const struct viommu_host_device *device)
{
	if (!device)
		return;
	if (device->iommu && device->group)
		say_line("    sysfs: %s, group %" PRIu32, device->iommu->name,
			 device->group->number);
	else if (device->iommu)
		say_line("    sysfs: %s", device->iommu->name);
	else
		say_line("    sysfs: no IOMMU: %s", viommu_host_link_name(device->link));
}

/* Is the memory that of this device: of its function, or of its ID behind its IOMMU? */
static bool is_memory_of(const struct viommu_reserved_memory *memory, const struct answer *answer)
{
	const struct viommu_device_name *name = &answer->name;
	const struct viommu_route *route = &answer->route;

	if (!memory->iommu)
		return name->pci && !memory->path && memory->segment == name->segment &&
		       memory->bdf_first <= name->bdf && name->bdf <= memory->bdf_last;
	return route->iommu && !strcmp(memory->iommu, route->iommu->name) &&
	       (!memory->has_ids ||
		(memory->id_first <= route->id && route->id <= memory->id_last));
}

/* What decides whether a function can be given to a guest: an RMRR, an IVMD, an RMR. */
static void print_memory(const struct answer *answer)
{
	const struct viommu_reserved_memory *memory;

	for (size_t i = 0; (memory = viommu_topology_reserved_memory(answer->topology, i)); i++) {
		g_autofree char *place = by(&memory->place);
		bool keep = memory->kind == VIOMMU_MEMORY_IDENTITY ||
			    memory->kind == VIOMMU_MEMORY_EXCLUSION;

		if (is_memory_of(memory, answer))
			say_line("    %s 0x%" PRIx64 "-0x%" PRIx64 " (%s), by %s",
				 keep ? "must keep" : "must not use", memory->first, memory->last,
				 viommu_memory_kind_name(memory->kind), place);
	}
}

/* A device may have other IDs, even behind another IOMMU. */
static void print_more_ids(const struct answer *answer)
{
	const struct viommu_device_id *more;

	for (size_t i = 0; (more = viommu_topology_device_id(answer->topology, i)); i++) {
		g_autofree char *ids = ids_text(more->id, more->n_ids);
		g_autofree char *place = by(&more->place);

		if (!g_strcmp0(more->device, answer->platform_device->name))
			say_line("    also %s %s, by %s", more->iommu ? more->iommu : "bypassing",
				 ids, place);
	}
}

/* Compared as they would be read: routes differ where their descriptions do. */
static void print_answer(const struct question *question, const struct answer *answer)
{
	uint64_t n_ids = answer->platform_device ? answer->platform_device->n_ids : 1;
	g_autofree char *whole = describe(&answer->route, n_ids);
	g_autofree char *said = describe(&answer->route, 1);
	g_autofree char *msis = describe_msis(&answer->route), *pasid = NULL;

	say_line("%s: %s", answer->device, whole);
	if (answer->platform_device && answer->platform_device->name)
		print_more_ids(answer);
	if (msis)
		say_line("    %s", msis);
	if (question->has_pasid) {
		pasid = describe_pasid(&answer->route, question->pasid);
		say_line("    PASID 0x%" PRIx64 " %s", question->pasid, pasid);
	}
	print_memory(answer);
	print_linux(answer, said, msis);
	print_sysfs(answer->on_host);
}

/* -- JSON -------------------------------------------------------------------------- */

/* An object of its own, because it has a place of its own. */
static void add_msis(struct json *json, const struct viommu_route *route)
{
	if (!route->its)
		return;
	json_key(json, "msi");
	json_open(json, '{');
	json_string(json, "its", route->its->name);
	json_number(json, "device_id", route->device_id);
	json_place(json, &route->its_place);
	json_close(json, '}');
}

/* The same keys for both answers, so that a program compares them key by key. */
static void add_route(struct json *json, const struct viommu_route *route)
{
	json_route(json, route);
	if (route->iommu)
		json_number(json, "id", route->id);
	add_msis(json, route);
	json_number(json, "pasid_bits", route->pasid_bits);
}

static void add_sysfs(struct json *json, const struct viommu_host_device *device)
{
	if (!device)
		return;
	json_key(json, "sysfs");
	json_open(json, '{');
	json_string(json, "iommu", device->iommu ? device->iommu->name : NULL);
	if (!device->iommu)
		json_string(json, "no_iommu", viommu_host_link_name(device->link));
	if (device->group)
		json_number(json, "group", device->group->number);
	json_close(json, '}');
}

/* Both answers are always there, the same or not: a program need not ask which it got. */
static void add_answer(const struct question *question, const struct answer *answer)
{
	struct json *json = question->json;

	json_open(json, '{');
	json_string(json, "device", answer->device);
	add_route(json, &answer->route);
	if (question->has_pasid) {
		json_key(json, "pasid_arrives");
		json_add_boolean(json, pasid_fits(&answer->route, question->pasid));
	}
	json_key(json, "linux");
	json_open(json, '{');
	add_route(json, &answer->linux_route);
	json_string(json, "why", answer->why_linux);
	json_close(json, '}');
	add_sysfs(json, answer->on_host);
	json_close(json, '}');
}

/* -- asking ------------------------------------------------------------------------ */

/* Only when a table is read it is known which names there are, so each input has its complaint. */
static int complain_device(const char *input, const char *device, int error)
{
	g_autofree char *name = printable(device), *file = printable(input);

	if (error == -ENOTUNIQ)
		complain("%s: several devices are called \"%s\"; write the whole name", file, name);
	else
		complain("%s: \"%s\" is no device: nothing there has that name; write 0000:03:00.0 "
			 "for a PCI function, 0x10001000 for a device at that address",
			 file, name);
	return EXIT_COULD_NOT;
}

/* A name goes before an address, as in the library: several devices may have no address at all. */
static const struct viommu_platform_device *
platform_device_of(const struct viommu_topology *topology, const struct viommu_device_name *name)
{
	const struct viommu_platform_device *device = NULL;

	for (size_t i = 0; !name->pci && (device = viommu_topology_platform_device(topology, i));
	     i++)
		if (name->name ? !g_strcmp0(device->name, name->name) : device->base == name->base)
			break;
	return device;
}

/* One device that is not there does not keep the others from being answered; the status tells. */
static void ask_of(struct question *question, const struct input *input, const char *device)
{
	struct answer answer = { .device = device, .topology = input->topology };
	struct viommu_device_name name;
	int r = viommu_topology_find_device(answer.topology, device, &name);

	if (r < 0) {
		question->status = complain_device(input->name, device, r);
		return;
	}
	answer.name = name;
	answer.platform_device = platform_device_of(answer.topology, &name);
	if (input->host && name.pci)
		answer.on_host = viommu_host_find_function(input->host, name.segment, name.bdf);
	viommu_topology_resolve(answer.topology, &name, &answer.route, &answer.linux_route,
				&answer.why_linux);
	if (question->json)
		add_answer(question, &answer);
	else
		print_answer(question, &answer);
}

/* Each input answers for itself: who names a folder of tables learns what each of them says. */
static void ask(void *opaque, struct input *input)
{
	struct question *question = opaque;
	g_autofree char *name = printable(input->name);

	if (!input_meaning(input, question->findings))
		return;
	if (all_devices && question->json) {
		add_map(question->json, input->name, input->topology);
	} else if (all_devices) {
		printf("%s%s\n\n", question->n ? "\n" : "", name);
		print_map(input->topology);
	}
	question->n++;
	for (char **device = question->devices; *device; device++)
		ask_of(question, input, *device);
}

/* The frame of JSON is there whatever happens, for a program that reads it sees the status later.
 */
static int ask_all(struct question *question)
{
	char *from_one[] = { from, NULL };
	char **names = question->files ? question->files : from_one;
	int status;

	question->findings = viommu_findings_new();
	if (as_json) {
		question->json = json_begin();
		json_key(question->json, all_devices ? "maps" : "answers");
		json_open(question->json, '[');
	}
	status = read_inputs(names, question->findings, ask, question);
	if (question->json) {
		json_close(question->json, ']');
		json_end(question->json);
	}
	status = worse(worse(status, question->status), print_findings(question->findings));
	viommu_findings_free(question->findings);
	return question->n ? status : complain_nothing(names, status);
}

/* What does not fit into 64 bits is no PASID, and neither is what is no number. */
static bool parse_pasid(struct question *question)
{
	static const guint hexadecimal = 16, decimal = 10;
	bool has_prefix = pasid_text && g_str_has_prefix(pasid_text, "0x");

	question->has_pasid = pasid_text;
	return !pasid_text ||
	       g_ascii_string_to_unsigned(pasid_text + (has_prefix ? strlen("0x") : 0),
					  has_prefix ? hexadecimal : decimal, 0, G_MAXUINT64,
					  &question->pasid, NULL);
}

/*
 * Files can follow only where no devices do: a device would be taken for a file otherwise, or a
 * file for a device.
 */
static int run(const struct command *command, char **arguments)
{
	static char *nothing[] = { NULL };
	struct question question = { .devices = all_devices ? nothing : arguments };

	if (!all_devices && !*arguments)
		return command_usage(command, "name a device, or say --all");
	if (all_devices && *arguments && from)
		return command_usage(command, "name files behind --all, or one by --from");
	if (all_devices && *arguments)
		question.files = arguments;
	if (all_devices && pasid_text)
		return command_usage(command, "--pasid needs a device");
	if (!parse_pasid(&question))
		return command_usage(command, "\"%s\" is no PASID", pasid_text);
	return ask_all(&question);
}

const struct command resolve_command = {
	.name = "resolve",
	.arguments = "DEVICE... | --all [FILE...]",
	.summary = "say which IOMMU a device reaches, by whose word, and what Linux makes of it",
	.details =
		"A DEVICE is a PCI function (0000:03:00.0, or 03:00.0 in segment 0), the address\n"
		"where a platform device begins (0x10001000), or its name or the last part of it.\n"
		"FILE is as for dump, or a topology. Where MSIs go is said as well, and where "
		"Linux\n"
		"does otherwise, another line says so.",
	.options = options,
	.run = run,
};
