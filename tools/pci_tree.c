/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI functions from a host, from `lspci -x...`, `lspci -v...`, `lspci -t...`, or from `info pci`
 *
 * Each line of a text is tried as what one of these programs prints; what none prints is skipped,
 * as people post such text with more around it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "pci_tree.h"
#include "plain_lines.h"

#define CONFIG_LENGTH  4096u
#define FUNCTIONS_MAX  65536u
#define COLUMNS_MAX    512u
#define PREFIX_MAX     96u
#define LISTING_MAX    4096u
#define DEVFN(dev, fn) ((uint16_t)((dev) << 3 | (fn)))
#define CLASS_BRIDGE   0x0604

struct pci_tree {
	GArray *functions; /* struct pci_function */
	GHashTable *index; /* segment << 16 | BDF -> index + 1 */
	bool has_groups;   /* it says of groups, perhaps of no function here */
};

/* What is known of the lines so far. */
struct text {
	struct pci_tree *tree;
	guint current; /* index + 1 of the function that the last header named; 0: none */
	uint8_t config[CONFIG_LENGTH];
	size_t length;                    /* of config */
	uint32_t segment_at[COLUMNS_MAX]; /* of the functions that begin in a column */
	int16_t bus_at[COLUMNS_MAX];      /* -1: none does */
	bool in_group, is_empty;          /* below the title of a group; no function yet */
	uint32_t group;
};

/* -- functions -------------------------------------------------------------------- */

static struct pci_tree *tree_new(void)
{
	struct pci_tree *tree = g_new0(struct pci_tree, 1);

	tree->functions = g_array_new(FALSE, TRUE, sizeof(struct pci_function));
	tree->index = g_hash_table_new(g_direct_hash, g_direct_equal);
	return tree;
}

void pci_tree_free(struct pci_tree *tree)
{
	if (!tree)
		return;
	g_array_unref(tree->functions);
	g_hash_table_unref(tree->index);
	g_free(tree);
}

static gpointer key_of(uint32_t segment, uint16_t bdf)
{
	return GSIZE_TO_POINTER((gsize)segment << 16 | bdf);
}

static struct pci_function *at(const struct pci_tree *tree, guint i)
{
	return i < tree->functions->len ? &g_array_index(tree->functions, struct pci_function, i)
					: NULL;
}

const struct pci_function *pci_tree_get(const struct pci_tree *tree, unsigned i)
{
	return at(tree, i);
}

const struct pci_function *pci_tree_find(const struct pci_tree *tree, uint32_t segment,
					 uint16_t bdf)
{
	guint i = GPOINTER_TO_UINT(g_hash_table_lookup(tree->index, key_of(segment, bdf)));

	return i ? at(tree, i - 1) : NULL;
}

/* The first of several with one number counts. Returns its index + 1, or 0 if there are too many.
 */
static guint add(struct pci_tree *tree, const struct pci_function *function)
{
	gpointer key = key_of(function->segment, function->bdf);
	guint found = GPOINTER_TO_UINT(g_hash_table_lookup(tree->index, key));

	if (found || tree->functions->len >= FUNCTIONS_MAX)
		return found;
	g_array_append_val(tree->functions, *function);
	g_hash_table_insert(tree->index, key, GUINT_TO_POINTER(tree->functions->len));
	return tree->functions->len;
}

/* By its index, for the array moves as it grows. */
static struct pci_function *current_of(const struct text *text)
{
	return text->current ? at(text->tree, text->current - 1) : NULL;
}

/* -- the bridge above a function ---------------------------------------------------- */

#define BUSES 256u

static gint compare_segments(gconstpointer a, gconstpointer b)
{
	const struct pci_function *const *one = a, *const *other = b;

	if ((*one)->segment != (*other)->segment)
		return (*one)->segment < (*other)->segment ? -1 : 1;
	return *one < *other ? -1 : *one > *other;
}

/* Of bridges that have a bus below them, the one with the highest secondary bus, and the first. */
static void take_bridge(const struct pci_function **above, const struct pci_function *bridge)
{
	if (!bridge->bridge || bridge->secondary <= bridge->bdf >> 8)
		return;
	for (unsigned bus = bridge->secondary; bus <= bridge->subordinate; bus++)
		if (!above[bus] || bridge->secondary > above[bus]->secondary)
			above[bus] = bridge;
}

/* The functions of one segment; returns how many. */
static guint set_above_in_segment(struct pci_function **functions, guint n)
{
	const struct pci_function *above[BUSES] = { NULL };
	guint end = 0;

	while (end < n && functions[end]->segment == functions[0]->segment)
		take_bridge(above, functions[end++]);
	for (guint i = 0; i < end; i++)
		functions[i]->above = above[functions[i]->bdf >> 8];
	return end;
}

/* Once, after the last function: a search for each of many functions would take too long. */
static void set_above(struct pci_tree *tree)
{
	guint n = tree->functions->len;
	g_autoptr(GPtrArray) sorted = g_ptr_array_sized_new(n);

	for (guint i = 0; i < n; i++)
		g_ptr_array_add(sorted, at(tree, i));
	g_ptr_array_sort(sorted, compare_segments);
	for (guint i = 0; i < n;)
		i += set_above_in_segment((struct pci_function **)sorted->pdata + i, n - i);
}

/* -- hosts ------------------------------------------------------------------------ */

struct pci_tree *pci_tree_of_host(const struct viommu_host *host)
{
	struct pci_tree *tree = tree_new();
	const struct viommu_host_device *device;

	for (size_t i = 0; (device = viommu_host_device(host, i)); i++) {
		const struct pci_function function = {
			.segment = device->segment,
			.bdf = device->bdf,
			.is_read = true,
			.bridge = device->bridge,
			.secondary = device->secondary,
			.subordinate = device->subordinate,
			.port = device->port,
			.pci_class = device->pci_class >> 8,
			.has_group = device->group,
			.group = device->group ? device->group->number : 0,
		};

		if (device->pci)
			add(tree, &function);
		tree->has_groups |= function.has_group;
	}
	set_above(tree);
	return tree;
}

static struct pci_tree *read_host(const char *name)
{
	struct viommu_host *host = viommu_host_scan(name, NULL);
	struct pci_tree *tree = host ? pci_tree_of_host(host) : NULL;

	viommu_host_free(host);
	return tree;
}

/* -- lspci: a function by itself --------------------------------------------------------- */

enum {
	HEADER_TYPE = 0x0e,
	CLASS = 0x0a,
	SECONDARY = 0x19,
	SUBORDINATE = 0x1a,
	CAPABILITIES = 0x34,
	HEADER_LENGTH = 0x40,
	EXPRESS = 0x10,
	EXTENDED = 0x100,
	CONTROL_SERVICES = 0x0d,
};

/* "0000:00:1c.0" or "00:1c.0": returns what follows the number, or NULL. */
static const char *skip_bdf(const char *line, uint32_t *segment, uint16_t *bdf)
{
	unsigned a, b, c, d;
	int end = 0;

	*segment = 0;
	if (sscanf(line, "%8x:%2x:%2x.%1x%n", &a, &b, &c, &d, &end) == 4 && end)
		*segment = a;
	else if (sscanf(line, "%2x:%2x.%1x%n", &b, &c, &d, &end) != 3 || !end)
		return NULL;
	if (c > 0x1f || d > 7)
		return NULL;
	*bdf = (uint16_t)(b << 8 | DEVFN(c, d));
	return line + end;
}

/* The same, if the number is a word. */
static const char *scan_bdf(const char *line, uint32_t *segment, uint16_t *bdf)
{
	const char *rest = skip_bdf(line, segment, bdf);

	return rest && (!*rest || g_ascii_isspace(*rest)) ? rest : NULL;
}

static enum viommu_host_port port_of(unsigned type)
{
	static const enum viommu_host_port ports[] = {
		[0] = VIOMMU_HOST_ENDPOINT,    [1] = VIOMMU_HOST_ENDPOINT,
		[4] = VIOMMU_HOST_ROOT_PORT,   [5] = VIOMMU_HOST_UPSTREAM,
		[6] = VIOMMU_HOST_DOWNSTREAM,  [7] = VIOMMU_HOST_TO_PCI,
		[8] = VIOMMU_HOST_FROM_PCI,    [9] = VIOMMU_HOST_INTEGRATED,
		[10] = VIOMMU_HOST_INTEGRATED,
	};

	return type < G_N_ELEMENTS(ports) ? ports[type] : VIOMMU_HOST_PORT_UNKNOWN;
}

/* Without a list of capabilities in what was printed, the port is not known. */
static enum viommu_host_port port_by(const struct text *text)
{
	size_t next = text->config[CAPABILITIES] & 0xfc;

	if (text->length <= HEADER_LENGTH)
		return VIOMMU_HOST_PORT_UNKNOWN;
	for (int n = 0; n < 48 && next >= HEADER_LENGTH && next + 3 < text->length; n++) {
		if (text->config[next] == EXPRESS)
			return port_of(text->config[next + 2] >> 4);
		next = text->config[next + 1] & 0xfc;
	}
	return VIOMMU_HOST_CONVENTIONAL;
}

/* Extended capabilities: 16 bits of ID, 4 of version, 12 of the next one's offset. */
static bool has_control_services(const struct text *text)
{
	size_t next = EXTENDED;

	for (unsigned n = 0; n < 64 && next >= EXTENDED && next + 3 < text->length; n++) {
		const uint8_t *at = text->config + next;

		if (at[0] == CONTROL_SERVICES && !at[1])
			return true;
		next = ((size_t)at[3] << 4 | at[2] >> 4) & ~(size_t)3;
	}
	return false;
}

static void take_config(struct text *text)
{
	struct pci_function *current = current_of(text);

	if (current && text->length >= HEADER_LENGTH) {
		uint32_t code = (uint32_t)text->config[CLASS + 1] << 8 | text->config[CLASS];
		enum viommu_host_port port = port_by(text);

		/* What another listing said stays where this one does not know. */
		if (code)
			current->pci_class = code;
		if (port != VIOMMU_HOST_PORT_UNKNOWN)
			current->port = port;
		current->is_read = true;
		current->has_acs |= has_control_services(text);
		current->bridge = (text->config[HEADER_TYPE] & 0x7f) == 1;
		if (current->bridge) {
			current->secondary = text->config[SECONDARY];
			current->subordinate = text->config[SUBORDINATE];
		}
	}
	text->length = 0;
}

/* "00: 86 80 0c 0c ...": 16 bytes of configuration space. */
static bool take_bytes(struct text *text, const char *line)
{
	unsigned first, byte;
	int end = 0;

	if (sscanf(line, "%3x:%n", &first, &end) != 1 || !end || line[end] != ' ' || first % 16)
		return false;
	for (line += end; first < CONFIG_LENGTH && sscanf(line, " %2x%n", &byte, &end) == 1;
	     line += end, first++) {
		text->config[first] = (uint8_t)byte;
		text->length = MAX(text->length, first + 1);
	}
	return true;
}

/*
 * Of `lspci -vv`: "Capabilities: [40] Express (v2) Root Port"; with one v, there is no version. A
 * function with capabilities of which none is Express is conventional; those that only root may
 * read are not listed.
 */
static void take_capability(struct pci_function *current, const char *line)
{
	static const struct {
		const char *words;
		enum viommu_host_port port;
	} ports[] = {
		{ "Root Port", VIOMMU_HOST_ROOT_PORT },
		{ "Upstream Port", VIOMMU_HOST_UPSTREAM },
		{ "Downstream Port", VIOMMU_HOST_DOWNSTREAM },
		{ "PCI-Express to PCI", VIOMMU_HOST_TO_PCI },
		{ "PCI/PCI-X to PCI-Express", VIOMMU_HOST_FROM_PCI },
		{ "Root Complex Integrated", VIOMMU_HOST_INTEGRATED },
		{ "Endpoint", VIOMMU_HOST_ENDPOINT },
	};
	const char *express = strstr(line, "] Express ");

	if (strstr(line, "] Access Control Services"))
		current->has_acs = true;
	if (current->port == VIOMMU_HOST_PORT_UNKNOWN && strstr(line, "Capabilities: ["))
		current->port = VIOMMU_HOST_CONVENTIONAL;
	for (size_t i = 0; express && i < G_N_ELEMENTS(ports); i++)
		if (strstr(express, ports[i].words)) {
			current->port = ports[i].port;
			return;
		}
}

/* `lspci -v` prints one of these for each function, and the buses of bridges. */
static bool is_verbose(const char *line)
{
	line += strspn(line, " \t");
	return g_str_has_prefix(line, "Flags: ") || g_str_has_prefix(line, "Control: ");
}

static void set_group(struct text *text, struct pci_function *current, uint32_t group)
{
	current->has_group = text->tree->has_groups = true;
	current->group = group;
}

/* Of `lspci -v`: "IOMMU group: 12"; of `lspci -vmm`: "IOMMUGroup:  12". */
static void take_group(struct text *text, struct pci_function *current, const char *line)
{
	unsigned group;

	line += strspn(line, " \t");
	if (sscanf(line, "IOMMU group: %9u", &group) != 1 &&
	    sscanf(line, "IOMMUGroup: %9u", &group) != 1)
		return;
	set_group(text, current, group);
}

/*
 * What stands for the class: " Words: name" of `lspci`, " 0300: 10de:1c03" of `lspci -n`, and
 * " Words [0300]: name [10de:1c03]" of `lspci -nn`. With -mm, it is in quotation marks.
 */
static size_t class_length(const char *words, char mark)
{
	size_t length = strcspn(words, ":\"");

	return words[length] && (mark == '"') == (words[length] == '"') ? length : 0;
}

/* The number at the end; 0: there is none. */
static uint32_t scan_code(const char *words, size_t length)
{
	static const char form[] = " [0300]";
	const char *code = words + length - MIN(length, strlen(form));
	size_t n = strspn(words, "0123456789abcdef");

	if (length == 4 && n == 4)
		return (uint32_t)strtoul(words, NULL, 16);
	if (length < strlen(form))
		return 0;
	for (size_t i = 0; form[i]; i++)
		if (g_ascii_isdigit(form[i]) ? !g_ascii_isxdigit(code[i]) : code[i] != form[i])
			return 0;
	return (uint32_t)strtoul(code + strlen(" ["), NULL, 16);
}

static void take_class(struct pci_function *current, const char *words, size_t length)
{
	static const char bridge[] = "PCI bridge";
	uint32_t code = scan_code(words, length);
	bool is_named = length && !code && !g_str_has_prefix(words, "Class ");

	if (is_named && !strncmp(words, bridge, strlen(bridge)))
		code = CLASS_BRIDGE;
	if (code)
		current->pci_class = code;
	current->is_read |= is_named && code != CLASS_BRIDGE;
}

/* Of `lspci -vmm`: "Class:  PCI bridge". */
static void take_class_line(struct pci_function *current, const char *line)
{
	static const char key[] = "Class:";

	if (!g_str_has_prefix(line, key))
		return;
	line += strlen(key);
	line += strspn(line, " \t");
	take_class(current, line, strlen(line));
}

/* Of `lspci -v`: "Bus: primary=00, secondary=01, subordinate=01", and capabilities. */
static void take_verbose(struct text *text, const char *line)
{
	struct pci_function *current = current_of(text);
	const char *buses = strstr(line, "secondary=");
	unsigned secondary, subordinate;

	if (current)
		current->is_read |= is_verbose(line);
	if (current && buses &&
	    sscanf(buses, "secondary=%2x, subordinate=%2x", &secondary, &subordinate) == 2) {
		current->is_read = true;
		current->bridge = true;
		current->secondary = (uint8_t)secondary;
		current->subordinate = (uint8_t)subordinate;
	}
	if (!current)
		return;
	take_class_line(current, line);
	take_capability(current, line);
	take_group(text, current, line);
}

/* What follows the number of a function. */
static void take_class_of_header(struct pci_function *current, const char *what)
{
	const char *words = what + strspn(what, " ");
	char mark = *words;

	words += mark == '"';
	take_class(current, words, class_length(words, mark));
}

static void begin_function(struct text *text, uint32_t segment, uint16_t bdf, const char *what)
{
	struct pci_function function = { .segment = segment, .bdf = bdf }, *current;

	take_config(text);
	text->current = add(text->tree, &function);
	current = current_of(text);
	if (current)
		take_class_of_header(current, what);
}

/* -- paths from a root bus to a function ------------------------------------------------- */

#define PATH_MAX_FUNCTIONS 32u

struct path {
	uint32_t segment;
	uint16_t functions[PATH_MAX_FUNCTIONS];
	unsigned n;
};

/* The bridges of a path lead at least to the buses that follow. */
static void take_steps(struct text *text, const struct path *path)
{
	for (unsigned i = 0; i + 1 < path->n; i++) {
		struct pci_function bridge = { .segment = path->segment,
					       .bdf = path->functions[i] };
		struct pci_function *above = at(text->tree, add(text->tree, &bridge) - 1);
		uint8_t next = (uint8_t)(path->functions[i + 1] >> 8);
		uint8_t last = (uint8_t)(path->functions[path->n - 1] >> 8);

		if (!above)
			return;
		above->secondary = above->bridge ? MIN(above->secondary, next) : next;
		above->subordinate = above->bridge ? MAX(above->subordinate, last) : last;
		above->bridge = above->is_read = true;
		above->pci_class = CLASS_BRIDGE;
	}
}

static bool add_step(struct path *path, uint16_t bdf)
{
	if (path->n == PATH_MAX_FUNCTIONS ||
	    (path->n && bdf >> 8 <= path->functions[path->n - 1] >> 8))
		return false;
	path->functions[path->n++] = bdf;
	return true;
}

/* The bus is that below the bridge before, if it is known. */
static const char *skip_devfn(const struct text *text, const char *step, const struct path *path,
			      uint16_t *ret_bdf)
{
	const struct pci_function *bridge =
		pci_tree_find(text->tree, path->segment, path->functions[path->n - 1]);
	unsigned device, function;
	int end = 0;

	if (!bridge || !bridge->bridge ||
	    sscanf(step, "%2x.%1x%n", &device, &function, &end) != 2 || !end || device > 0x1f ||
	    function > 7)
		return NULL;
	*ret_bdf = (uint16_t)(bridge->secondary << 8 | DEVFN(device, function));
	return step + end;
}

/*
 * Of `lspci -PP`: "00:1c.0/02:00.0"; of `lspci -P`, without the bus: "00:1c.0/00.0". Returns
 * what follows; NULL: there is no path, or it leads to a bus that is not known.
 */
static const char *scan_path(const struct text *text, const char *line, struct path *path)
{
	uint32_t segment;
	uint16_t bdf;
	const char *rest = skip_bdf(line, &path->segment, &bdf), *step;

	path->n = 0;
	while (rest && add_step(path, bdf) && *rest == '/') {
		step = rest + 1;
		rest = skip_bdf(step, &segment, &bdf);
		rest = rest ? rest : skip_devfn(text, step, path, &bdf);
	}
	return rest && g_ascii_isspace(*rest) && path->n > 1 ? rest : NULL;
}

/* "00:1c.0/" */
static bool is_path(const char *line)
{
	uint32_t segment;
	uint16_t bdf;
	const char *rest = skip_bdf(line, &segment, &bdf);

	return rest && *rest == '/';
}

/* What follows a path that cannot be read is of no function here. */
static bool take_path_of_lspci(struct text *text, const char *line)
{
	struct path path;
	const char *rest;

	if (!is_path(line))
		return false;
	take_config(text);
	text->current = 0;
	rest = scan_path(text, line, &path);
	if (rest) {
		take_steps(text, &path);
		begin_function(text, path.segment, path.functions[path.n - 1], rest);
	}
	return true;
}

/* Of sysfs: "/devices/pci0000:00/0000:00:1c.0/0000:02:00.0". Another "pci" is behind a VMD. */
static void take_path_of_sysfs(struct text *text, const char *line)
{
	static const char root[] = "/pci";
	const char *at = strstr(line, root), *next;
	struct path path = { 0 };
	unsigned bus;
	uint32_t segment;
	uint16_t bdf;
	int end = 0;

	while (at && sscanf(at, "/pci%8x:%2x%n", &path.segment, &bus, &end) != 2)
		at = strstr(at + 1, root);
	for (at = at ? at + end : NULL; at && *at == '/'; at = next) {
		next = skip_bdf(at + 1, &segment, &bdf);
		if (!next || segment != path.segment || !add_step(&path, bdf))
			break;
	}
	if (path.n) {
		struct pci_function last = { path.segment, .bdf = path.functions[path.n - 1] };

		add(text->tree, &last);
		take_steps(text, &path);
	}
}

/* -- QEMU's monitor: info pci -------------------------------------------------------- */

/* `info pci` has no capabilities: its bridges are known by their IDs. */
static const struct {
	unsigned vendor, device;
	enum viommu_host_port port;
} known[] = {
	{ 0x1b36, 0x000c, VIOMMU_HOST_ROOT_PORT },    { 0x8086, 0x3420, VIOMMU_HOST_ROOT_PORT },
	{ 0x104c, 0x8232, VIOMMU_HOST_UPSTREAM },     { 0x104c, 0x8233, VIOMMU_HOST_DOWNSTREAM },
	{ 0x19e5, 0xa120, VIOMMU_HOST_ROOT_PORT },    { 0x1b36, 0x000e, VIOMMU_HOST_TO_PCI },
	{ 0x1b36, 0x0001, VIOMMU_HOST_CONVENTIONAL }, { 0x8086, 0x244e, VIOMMU_HOST_CONVENTIONAL },
	{ 0x8086, 0x2448, VIOMMU_HOST_CONVENTIONAL }, { 0x1011, 0x0026, VIOMMU_HOST_CONVENTIONAL },
};

static bool take_monitor_line(struct text *text, const char *line)
{
	unsigned bus, device, function, vendor, id;
	struct pci_function *current = current_of(text);
	const char *ids = strstr(line, "PCI device ");

	if (sscanf(line, " Bus %3u, device %3u, function %3u:", &bus, &device, &function) == 3) {
		begin_function(text, 0,
			       (uint16_t)((bus & 0xff) << 8 | DEVFN(device & 0x1f, function & 7)),
			       "");
		current = current_of(text);
		if (current)
			current->is_read = true;
		return true;
	}
	if (current && sscanf(line, " secondary bus %3u", &bus) == 1) {
		current->bridge = true;
		current->secondary = (uint8_t)bus;
	} else if (current && sscanf(line, " subordinate bus %3u", &bus) == 1) {
		current->subordinate = (uint8_t)bus;
	} else if (current && ids && sscanf(ids, "PCI device %4x:%4x", &vendor, &id) == 2) {
		for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
			if (known[i].vendor == vendor && known[i].device == id)
				current->port = known[i].port;
	} else {
		return false;
	}
	return true;
}

/* -- lspci -t ----------------------------------------------------------------------------- */

/* A line of the tree. A bus stands in brackets, and the functions that follow are on it. */
struct tree_line {
	struct text *text;
	const char *line;
	size_t at; /* the column that is read next */
	uint32_t segment;
	int bus; /* -1: that of the function above in the same column */
	struct pci_function *last;
};

/* "[0000:00]" is a root bus; "[01-02]" after a bridge has its secondary and subordinate buses. */
static bool take_tree_bus(struct tree_line *tree)
{
	const char *place = tree->line + tree->at, *close = strchr(place, ']');
	unsigned segment, bus, subordinate;
	int end = 0;

	if (!close)
		return false;
	if (sscanf(place, "[%8x:%2x", &segment, &bus) == 2) {
		tree->segment = segment;
	} else if (tree->last && sscanf(place, "[%2x%n", &bus, &end) == 1) {
		tree->last->bridge = true;
		tree->last->secondary = tree->last->subordinate = (uint8_t)bus;
		if (sscanf(place + end, "-%2x", &subordinate) == 1)
			tree->last->subordinate = (uint8_t)subordinate;
	} else {
		return false;
	}
	tree->bus = (int)bus;
	tree->at = (size_t)(close + 1 - tree->line);
	return true;
}

static bool scan_tree_function(const struct tree_line *tree, unsigned *devfn, int *length)
{
	unsigned device, function;
	const char *place = tree->line + tree->at;

	*length = 0;
	if (!tree->at || place[-1] != '-' || !g_ascii_isxdigit(*place) ||
	    sscanf(place, "%2x.%1x%n", &device, &function, length) != 2 || !*length ||
	    device > 0x1f || function > 7)
		return false;
	*devfn = DEVFN(device, function);
	return true;
}

static bool take_tree_function(struct tree_line *tree, unsigned devfn, int length)
{
	struct text *text = tree->text;
	struct pci_function function = { 0 };

	if (tree->bus < 0) {
		tree->bus = text->bus_at[tree->at];
		tree->segment = text->segment_at[tree->at];
	}
	if (tree->bus < 0)
		return false;
	text->bus_at[tree->at] = (int16_t)tree->bus;
	text->segment_at[tree->at] = tree->segment;
	function.segment = tree->segment;
	function.bdf = (uint16_t)((unsigned)tree->bus << 8 | devfn);
	add(text->tree, &function);
	tree->last =
		(struct pci_function *)pci_tree_find(text->tree, function.segment, function.bdf);
	if (tree->last)
		tree->last->is_read = true;
	tree->at += (size_t)length;
	return true;
}

/* The name of a function follows its number behind a space. */
static bool is_tree_art(const struct tree_line *tree)
{
	char c = tree->line[tree->at];

	return strchr(" |+-\\", c) && !(tree->last && c == ' ');
}

static bool take_tree_line(struct text *text, const char *line)
{
	char start[COLUMNS_MAX + 1];
	struct tree_line tree = { .text = text, .line = start, .bus = -1 };
	bool found = false;
	unsigned devfn;
	int length;

	g_strlcpy(start, line, sizeof start);
	while (start[tree.at]) {
		if (start[tree.at] == '[') {
			if (!take_tree_bus(&tree))
				break;
			found = true;
		} else if (scan_tree_function(&tree, &devfn, &length)) {
			if (!take_tree_function(&tree, devfn, length))
				break;
			found = true;
		} else if (is_tree_art(&tree)) {
			tree.at++;
		} else {
			break;
		}
	}
	return found;
}

/* -- lists of IOMMU groups ------------------------------------------------------------ */

/* The number may have a colon or a path behind it. NULL: this is none. */
static struct pci_function *begin_member(struct text *text, const char *number, const char *what)
{
	uint32_t segment;
	uint16_t bdf;

	if (!skip_bdf(number, &segment, &bdf))
		return NULL;
	begin_function(text, segment, bdf, what);
	return current_of(text);
}

static bool take_member(struct text *text, const char *number, uint32_t group, const char *what)
{
	struct pci_function *current = begin_member(text, number, what);

	if (!current)
		return false;
	set_group(text, current, group);
	text->is_empty = false;
	return true;
}

/* Where the word ends that a number of a function is in. */
static const char *word_before(const char *line, const char *end)
{
	while (end > line && (g_ascii_isxdigit(end[-1]) || end[-1] == ':' || end[-1] == '.'))
		end--;
	return end;
}

/* A path of /sys: of a function, or of the folder that a listing follows. */
static bool take_path(struct text *text, const char *line)
{
	static const char path[] = "iommu_groups/";
	const char *at = strstr(line, path);
	unsigned group;
	int end = 0;

	if (!at || sscanf(at + strlen(path), "%9u/devices%n", &group, &end) != 1 || !end)
		return false;
	at += strlen(path) + (size_t)end;
	at += *at == '/';
	if (take_member(text, at, group, ""))
		return true;
	text->tree->has_groups = true;
	text->in_group = text->is_empty = true;
	text->group = group;
	return true;
}

/* A kernel's message, which was another one before Linux 5.3. */
static bool take_group_message(struct text *text, const char *line)
{
	static const char now[] = ": Adding to iommu group ", before[] = "Adding device ";
	const char *at = strstr(line, now);
	unsigned group;

	if (at && sscanf(at + strlen(now), "%9u", &group) == 1)
		return take_member(text, word_before(line, at), group, "");
	at = strstr(line, before);
	return at && sscanf(at + strlen(before), "%*15s to group %9u", &group) == 1 &&
	       take_member(text, at + strlen(before), group, "");
}

/* sscanf() reads a line to its end: a long one with many numbers would take too long. */
static bool is_short(const char *line)
{
	return strnlen(line, LISTING_MAX) < LISTING_MAX;
}

/* `ls -l` of the folder of a group: "lrwxrwxrwx ... 0000:03:00.0 -> ../../../../devices/..." */
static bool take_link(struct text *text, const char *line)
{
	bool is_link = *line == 'l' && text->in_group && is_short(line);
	const char *arrow = is_link ? strstr(line, " -> ") : NULL;

	if (!arrow)
		return false;
	return take_member(text, word_before(line, arrow), text->group, "");
}

/* What `ls -l` prints besides, and what may stand between a title and its functions. */
static bool is_of_listing(const struct text *text, const char *line)
{
	return g_str_has_prefix(line, "total ") || g_str_has_prefix(line, "drwx") ||
	       (text->is_empty && g_str_has_prefix(line, "```"));
}

/* `ls` prints several in a line. */
static bool take_members(struct text *text, const char *number)
{
	uint32_t segment;
	uint16_t bdf;
	const char *what = scan_bdf(number, &segment, &bdf);
	bool found = false;

	while (what && take_member(text, number, text->group, what)) {
		found = true;
		number = what + strspn(what, " ");
		what = is_short(number) ? scan_bdf(number, &segment, &bdf) : NULL;
	}
	return found;
}

/* -- the table of Proxmox --------------------------------------------------------------------- */

/* The lines of its box are spaces by now. NULL: the cell is no number. */
static const char *skip_number_cell(const char *cell, unsigned *ret_value)
{
	int end = 0;

	cell += strspn(cell, " |");
	return sscanf(cell, "0x%6x%n", ret_value, &end) == 1 ? cell + end + strspn(cell + end, " |")
							     : NULL;
}

/* "| 0x060400 | 0x1901 | 0000:00:01.0 | 1 | ...": class, device, function, group or -1. */
static bool take_row(struct text *text, const char *line)
{
	unsigned code, device;
	int group;
	const char *cell = skip_number_cell(line, &code);
	struct pci_function *current;

	cell = cell ? skip_number_cell(cell, &device) : NULL;
	current = cell ? begin_member(text, cell, "") : NULL;
	if (!current)
		return false;
	current->pci_class = code >> 8;
	if (sscanf(cell, "%*[0-9a-f:.]%*[ |]%9d", &group) != 1)
		return true;
	text->tree->has_groups = true;
	if (group >= 0)
		set_group(text, current, (uint32_t)group);
	return true;
}

/* -- logs of a kernel ---------------------------------------------------------------------- */

/* What Linux calls a function since 6.10. */
static void take_kind(struct pci_function *current, const char *words)
{
	static const struct {
		const char *words;
		enum viommu_host_port port;
	} kinds[] = {
		{ "PCIe Root Port", VIOMMU_HOST_ROOT_PORT },
		{ "PCIe Switch Upstream Port", VIOMMU_HOST_UPSTREAM },
		{ "PCIe Switch Downstream Port", VIOMMU_HOST_DOWNSTREAM },
		{ "PCIe to PCI/PCI-X bridge", VIOMMU_HOST_TO_PCI },
		{ "PCI/PCI-X to PCIe bridge", VIOMMU_HOST_FROM_PCI },
		{ "PCIe Root Complex Integrated Endpoint", VIOMMU_HOST_INTEGRATED },
		{ "PCIe Endpoint", VIOMMU_HOST_ENDPOINT },
		{ "conventional PCI", VIOMMU_HOST_CONVENTIONAL },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (strstr(words, kinds[i].words))
			current->port = kinds[i].port;
}

/* "pci 0000:00:1c.0: [8086:a110] type 01 class 0x060400 PCIe Root Port" */
static bool take_found(struct text *text, const char *line)
{
	const char *at = strstr(line, "] type 0"), *open = at;
	struct pci_function *current;
	unsigned code;
	int end = 0;

	while (open && open > line && *open != '[')
		open--;
	if (!at || open < line + 2 || sscanf(at, "] type %*2u class %8x%n", &code, &end) != 1)
		return false;
	current = begin_member(text, word_before(line, open - 2), "");
	if (!current)
		return false;
	current->pci_class = code >> 8 & 0xffff;
	current->is_read |= current->pci_class != CLASS_BRIDGE;
	take_kind(current, at + end);
	return true;
}

/* "pci 0000:00:1c.0: PCI bridge to [bus 02-05]" */
static bool take_bridge_to(struct text *text, const char *line)
{
	static const char words[] = ": PCI bridge to [bus ";
	const char *at = strstr(line, words);
	unsigned secondary, subordinate;
	struct pci_function *current;
	int n = at ? sscanf(at + strlen(words), "%2x-%2x", &secondary, &subordinate) : 0;

	current = n > 0 ? begin_member(text, word_before(line, at), "") : NULL;
	if (!current)
		return false;
	current->is_read = current->bridge = true;
	current->secondary = (uint8_t)secondary;
	current->subordinate = (uint8_t)(n == 2 ? subordinate : secondary);
	return true;
}

/* -- titles of groups ---------------------------------------------------------------------- */

/* Lists put marks and IDs in brackets before the number. */
static const char *skip_brackets(const char *line)
{
	const char *close;

	for (line += strspn(line, " "); *line == '[' && (close = strchr(line, ']')); line = close)
		close += 1 + strspn(close + 1, " ");
	return line;
}

/* "IOMMU Group 7:", or the same before each function. */
static const char *take_title(struct text *text, const char *line)
{
	const char *at = line + strspn(line, " ");
	int end = 0;

	if (!g_ascii_strncasecmp(at, "IOMMU ", strlen("IOMMU ")))
		at += strlen("IOMMU ");
	if (g_ascii_strncasecmp(at, "Group ", strlen("Group ")) != 0 ||
	    sscanf(at + strlen("Group "), "%9u%n", &text->group, &end) != 1)
		return line;
	text->in_group = text->is_empty = true;
	at += strlen("Group ") + (size_t)end;
	return *at == ':' ? at + 1 : at;
}

/* Posted lists of groups are what a loop over /sys/kernel/iommu_groups prints with lspci. */
static bool take_group_line(struct text *text, const char *line)
{
	const char *rest = take_title(text, line);

	if (text->in_group && take_members(text, skip_brackets(rest)))
		return true;
	if (rest != line || take_path(text, line) || take_group_message(text, line) ||
	    take_link(text, line) || take_row(text, line) || take_found(text, line) ||
	    take_bridge_to(text, line))
		return true;
	if (*line && *line != ' ' && !is_of_listing(text, line))
		text->in_group = false;
	return false;
}

/* -- texts -------------------------------------------------------------------------- */

/* A number before a colon, so that few places are read as a function. */
static bool may_be_bdf(const char *at)
{
	size_t n = 0;

	while (n < 8 && g_ascii_isxdigit(at[n]))
		n++;
	return n && at[n] == ':';
}

/* Does what names a function begin here? */
static bool begins_function(const char *at)
{
	unsigned bus, device, function;
	uint32_t segment;
	uint16_t bdf;

	return (may_be_bdf(at) && scan_bdf(at, &segment, &bdf)) ||
	       (!strncmp(at, "-[", 2) && g_ascii_isxdigit(at[2])) ||
	       sscanf(at, "Bus %3u, device %3u, function %3u:", &bus, &device, &function) == 3;
}

/* A string of JSON begins behind its key, in the same line. */
static const char *string_of_json(const char *line)
{
	static const char colon[] = "\": \"";
	const char *string = strstr(line, colon);

	return string && begins_function(string + strlen(colon)) ? string + strlen(colon) : line;
}

static void take_line(struct text *text, const char *line)
{
	uint32_t segment;
	uint16_t bdf;
	const char *rest;

	line = string_of_json(line);
	if (is_short(line))
		take_path_of_sysfs(text, line);
	if (take_group_line(text, line) || take_path_of_lspci(text, line))
		return;
	rest = scan_bdf(line, &segment, &bdf);
	if (rest)
		begin_function(text, segment, bdf, rest);
	else if (!take_monitor_line(text, line) && !take_bytes(text, line) &&
		 !take_tree_line(text, line))
		take_verbose(text, line);
}

/* Of several root buses, the first one stands behind "-+-". */
static size_t without_branch(const char *line, size_t length)
{
	return length >= 2 && !memcmp(line + length - 2, "-+", 2) ? length - 2 : length;
}

/* The length of what is before the first function of a line; 0: nothing, or there is none. */
static size_t prefix_length(const char *line)
{
	for (size_t i = 1; i < PREFIX_MAX && line[i - 1]; i++)
		if (!g_ascii_isalnum(line[i - 1]) && line[i - 1] != ':' &&
		    begins_function(line + i))
			return without_branch(line, i);
	return 0;
}

/* Takes the lines, or with a prefix what is behind it: that of the first line with a function. */
static void take_lines(struct text *text, const GString *lines, bool prefixed)
{
	const char *end = lines->str + lines->len, *prefix = NULL;
	size_t length = 0;

	for (size_t i = 0; i < COLUMNS_MAX; i++)
		text->bus_at[i] = -1;
	text->in_group = false;
	for (const char *line = lines->str; line < end; line += strlen(line) + 1) {
		if (!*line)
			continue;
		if (prefixed && !length) {
			length = prefix_length(line);
			prefix = line;
		}
		take_line(text, length ? without_prefix(line, prefix, length) : line);
	}
	take_config(text);
}

static struct pci_tree *read_text(const char *name)
{
	GString *lines = read_plain_lines(name);
	struct text text = { .tree = lines ? tree_new() : NULL };

	if (!lines)
		return NULL;
	take_lines(&text, lines, false);
	if (!text.tree->functions->len)
		take_lines(&text, lines, true);
	set_above(text.tree);
	g_string_free(lines, TRUE);
	return text.tree;
}

struct pci_tree *pci_tree_read(const char *name)
{
	bool is_host = viommu_host_is_tree(name) || g_file_test(name, G_FILE_TEST_IS_DIR);
	struct pci_tree *tree = is_host ? read_host(name) : read_text(name);

	if (tree && tree->functions->len)
		return tree;
	if (!tree && !is_host)
		return NULL; /* read_plain_lines() has reported why */
	report_error(
		"%s: no PCI function is in it; give a copy of /sys, a kernel log, or what lspci "
		"-xxxx, lspci -tvnn or QEMU's info pci prints",
		name);
	pci_tree_free(tree);
	return NULL;
}

/* -- questions ----------------------------------------------------------------------- */

bool pci_tree_has_groups(const struct pci_tree *tree)
{
	return tree->has_groups;
}

/* As pci_for_each_dma_alias() of Linux: the alias nearest to the root counts. */
bool pci_function_alias(const struct pci_function *function, uint16_t *ret_bdf,
			const struct pci_function **ret_bridge)
{
	const struct pci_function *bridge = function;
	bool found = false;

	while ((bridge = bridge->above)) {
		bool to_pci = bridge->port == VIOMMU_HOST_TO_PCI;

		if (!to_pci && bridge->port != VIOMMU_HOST_CONVENTIONAL &&
		    bridge->port != VIOMMU_HOST_FROM_PCI)
			continue;
		*ret_bdf = bridge->bdf;
		if (to_pci)
			*ret_bdf = (uint16_t)(bridge->secondary << 8);
		*ret_bridge = bridge;
		found = true;
	}
	return found;
}

bool pci_function_is_bridge(const struct pci_function *function)
{
	return function->bridge || function->pci_class == CLASS_BRIDGE;
}

bool pci_function_may_lead(const struct pci_function *function)
{
	return !function->is_read && (!function->pci_class || function->pci_class == CLASS_BRIDGE);
}

/* The bus of a function has a higher number than those of all bridges above it. */
static const struct pci_function *first_that_may_lead(const struct pci_tree *tree,
						      const struct pci_function *to)
{
	const struct pci_function *function;

	for (unsigned i = 0; (function = pci_tree_get(tree, i)); i++)
		if (function->segment == to->segment && function->bdf >> 8 < to->bdf >> 8 &&
		    pci_function_may_lead(function))
			return function;
	return NULL;
}

const struct pci_function *pci_function_unknown_bridge(const struct pci_tree *tree,
						       const struct pci_function *function)
{
	const struct pci_function *bridge = function->above;

	if (!bridge)
		return first_that_may_lead(tree, function);
	while (bridge && bridge->port != VIOMMU_HOST_PORT_UNKNOWN)
		bridge = bridge->above;
	return bridge;
}

bool pci_tree_below(void *tree, uint16_t segment, uint16_t bdf, uint8_t *ret_first,
		    uint8_t *ret_last)
{
	const struct pci_function *bridge = pci_tree_find(tree, segment, bdf);

	if (!bridge || !bridge->bridge || !bridge->secondary)
		return false;
	*ret_first = bridge->secondary;
	*ret_last = bridge->subordinate;
	return true;
}
