/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory map of a machine, and the memory that its tables want mapped
 *
 * Firmware that uses memory for DMA has to reserve it, or an operating system puts data there.
 * Linux checks this for RMRRs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "memory_map.h"
#include "plain_lines.h"
#include "read_bytes.h"

struct region {
	uint64_t first, last;
};

struct memory_map {
	GArray *reserved; /* struct region, sorted, and apart from each other */
	unsigned n;       /* regions of any kind */
};

static void add(struct memory_map *map, uint64_t first, uint64_t last, bool reserved)
{
	const struct region region = { first, last };

	if (first > last)
		return;
	map->n++;
	if (reserved)
		g_array_append_val(map->reserved, region);
}

/* -- kernel logs -------------------------------------------------------------------------- */

/* Linux turns these types of EFI into reserved regions. */
static bool is_reserved_by_efi(const char *type)
{
	static const char *const types[] = { "Reserved", "Runtime Code", "Runtime Data", "MMIO" };

	for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
		if (g_str_has_prefix(type, types[i]))
			return true;
	return false;
}

/* "BIOS-e820: [mem 0x0-0x9fbff] usable", and "BIOS-e820: 0 - 9fc00 (usable)" of old kernels. */
static bool take_e820(struct memory_map *map, const char *line)
{
	const char *at = strstr(line, "BIOS-e820:");
	uint64_t first, last;
	int end = 0;

	if (!at)
		return false;
	at += strlen("BIOS-e820:");
	if (sscanf(at, " [mem 0x%" SCNx64 "-0x%" SCNx64 "] %n", &first, &last, &end) == 2 && end)
		add(map, first, last, g_str_has_prefix(at + end, "reserved"));
	else if (sscanf(at, " %" SCNx64 " - %" SCNx64 " (%n", &first, &last, &end) == 2 && end)
		add(map, first, last - 1, g_str_has_prefix(at + end, "reserved"));
	return true;
}

/* "efi: mem00: [Boot Code | | |WB|WT|WC|UC] range=[0x0-0xfff] (0MB)" */
static void take_efi(struct memory_map *map, const char *line)
{
	const char *type = strstr(line, ": ["), *range = strstr(line, "range=[0x");
	uint64_t first, last;

	if (strstr(line, "efi: mem") && type && range &&
	    sscanf(range, "range=[0x%" SCNx64 "-0x%" SCNx64, &first, &last) == 2)
		add(map, first, last, is_reserved_by_efi(type + strlen(": [")));
}

/* "[    0.000000] " or "[2026-11-30 10:00:00] ", unlike "[0000000000000000, 000000000009d3ff]". */
static const char *skip_time(const char *at)
{
	size_t n = *at == '[' ? strcspn(at, ",]") : 0;

	return n && at[n] == ']' ? at + n + 1 : at;
}

/* "(XEN)  [0000000000000000, 000000000009d3ff] (usable)", and with `-` and a last byte more. */
static bool take_xen(struct memory_map *map, const char *line)
{
	const char *at = strstr(line, "(XEN) ");
	uint64_t first, last;
	int end = 0;

	if (!at)
		return false;
	at = skip_time(at + strlen("(XEN) "));
	if (sscanf(at, " [%" SCNx64 ", %" SCNx64 "] (%n", &first, &last, &end) == 2 && end)
		add(map, first, last, g_str_has_prefix(at + end, "reserved"));
	else if (sscanf(at, " %" SCNx64 " - %" SCNx64 " (%n", &first, &last, &end) == 2 && end)
		add(map, first, last - 1, g_str_has_prefix(at + end, "reserved"));
	return true;
}

static bool read_log(struct memory_map *map, const char *name)
{
	GString *lines = read_plain_lines(name);

	if (!lines)
		return false;
	for (const char *line = lines->str; line < lines->str + lines->len;
	     line += strlen(line) + 1)
		if (!take_e820(map, line) && !take_xen(map, line))
			take_efi(map, line);
	g_string_free(lines, TRUE);
	return true;
}

/* -- /sys/firmware/memmap ---------------------------------------------------------------------- */

static char *read_value(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? g_strstrip(text) : NULL;
}

static void read_region(struct memory_map *map, const char *folder)
{
	g_autofree char *first = read_value(folder, "start"), *last = read_value(folder, "end");
	g_autofree char *type = read_value(folder, "type");

	if (first && last && type)
		add(map, g_ascii_strtoull(first, NULL, 16), g_ascii_strtoull(last, NULL, 16),
		    !g_ascii_strcasecmp(type, "Reserved"));
}

static bool read_folder(struct memory_map *map, const char *folder)
{
	GPtrArray *names = list_folder(folder);

	if (!names)
		return false;
	for (guint i = 0; i < names->len; i++)
		read_region(map, names->pdata[i]);
	g_ptr_array_free(names, TRUE);
	return true;
}

/* -- the map ------------------------------------------------------------------------------ */

static gint compare_regions(gconstpointer a, gconstpointer b)
{
	const struct region *one = a, *other = b;

	return (one->first > other->first) - (one->first < other->first);
}

/* Regions that overlap or touch become one region, so that a search needs no walk. */
static void merge(GArray *regions)
{
	guint n = 0;

	g_array_sort(regions, compare_regions);
	for (guint i = 0; i < regions->len; i++) {
		const struct region *region = &g_array_index(regions, struct region, i);
		struct region *before = n ? &g_array_index(regions, struct region, n - 1) : NULL;

		if (before && (!region->first || region->first - 1 <= before->last))
			before->last = MAX(before->last, region->last);
		else
			g_array_index(regions, struct region, n++) = *region;
	}
	g_array_set_size(regions, n);
}

void memory_map_free(struct memory_map *map)
{
	if (map)
		g_array_unref(map->reserved);
	g_free(map);
}

struct memory_map *memory_map_read(const char *name)
{
	struct memory_map *map = g_new0(struct memory_map, 1);
	bool is_read;

	map->reserved = g_array_new(FALSE, FALSE, sizeof(struct region));
	if (g_file_test(name, G_FILE_TEST_IS_DIR))
		is_read = read_folder(map, name);
	else
		is_read = read_log(map, name);
	merge(map->reserved);
	if (map->n)
		return map;
	if (is_read)
		report_error("%s: no memory region is in it; give the kernel log from the start of "
			     "the machine (dmesg), or a copy of /sys/firmware/memmap",
			     name);
	memory_map_free(map);
	return NULL;
}

/* 0 for the region that has the first byte of another. */
static gint compare_with_byte(gconstpointer a, gconstpointer b)
{
	const struct region *region = a, *byte = b;

	return (region->first > byte->first) - (region->last < byte->first);
}

/* The first byte from `first` on that no reserved region has. */
static uint64_t end_of_reserved(const struct memory_map *map, uint64_t first)
{
	const struct region byte = { first, first };
	guint i;

	if (!g_array_binary_search(map->reserved, &byte, compare_with_byte, &i))
		return first;
	first = g_array_index(map->reserved, struct region, i).last;
	return first == UINT64_MAX ? first : first + 1;
}

void memory_map_check(const struct memory_map *map, const struct viommu_topology *topology,
		      struct viommu_findings *findings)
{
	const struct viommu_reserved_memory *memory;

	for (size_t i = 0; (memory = viommu_topology_reserved_memory(topology, i)); i++) {
		uint64_t end = end_of_reserved(map, memory->first);
		g_autofree char *text = NULL;

		if (memory->kind != VIOMMU_MEMORY_IDENTITY || end > memory->last)
			continue;
		text = g_strdup_printf("memory 0x%" PRIx64 "-0x%" PRIx64
				       " is not reserved from 0x%" PRIx64
				       " on: an operating system uses it, too",
				       memory->first, memory->last, end);
		viommu_findings_add(findings, "memory-map", &memory->place, text,
				    "reserve it in the memory map of the firmware");
	}
}
