/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The distances between the guest's NUMA nodes (--numa): those between the nodes of the host, which
 * sysfs has from the SLIT
 */
#include <string.h>

#include "plan.h"

#define LOCAL_DISTANCE 10
#define DISTANCE_MAX   255

/* A line has the distances to all nodes, in the order of their numbers. */
static int place_of_node(const struct viommu_host *host, int number)
{
	const struct viommu_host_node *node;
	int place = 0;
	bool found = false;

	for (size_t i = 0; (node = viommu_host_node(host, i)); i++) {
		place += node->number < (uint32_t)number;
		found |= node->number == (uint32_t)number;
	}
	return found ? place : -1;
}

static const char *line_of(const struct viommu_host *host, int number)
{
	const struct viommu_host_node *node;

	for (size_t i = 0; (node = viommu_host_node(host, i)); i++)
		if (node->number == (uint32_t)number)
			return node->distance;
	return NULL;
}

/* 0: the line has no such number. */
static unsigned number_at(const char *line, int place)
{
	guint64 number = 0;
	char *end = (char *)line;

	for (int i = 0; i <= place; i++) {
		const char *digits = end + strspn(end, " ");

		number = g_ascii_strtoull(digits, &end, 10);
		if (end == digits || number > DISTANCE_MAX)
			return 0;
	}
	return (unsigned)number;
}

/* Guests take no other value for the distance to another node (ACPI 6.5, 5.2.17). */
static bool is_remote(unsigned distance)
{
	return distance > LOCAL_DISTANCE;
}

static bool find_row(struct plan *plan, guint from)
{
	guint n = plan->cells->len;
	const struct plan_cell *cells = (const struct plan_cell *)(void *)plan->cells->data;
	const char *line = line_of(plan->host, cells[from].host_node);

	for (guint to = 0; line && to < n; to++) {
		int place = place_of_node(plan->host, cells[to].host_node);
		unsigned distance = place < 0 ? 0 : number_at(line, place);

		if (from == to)
			distance = LOCAL_DISTANCE;
		else if (!is_remote(distance))
			return false;
		plan->distances[from * n + to] = (uint8_t)distance;
	}
	return line;
}

/* QEMU takes the distances of all pairs or none, and those of initiators are not known. */
void plan_find_distances(struct plan *plan)
{
	guint n = plan->cells->len;
	bool known = n > 1 && !plan->initiators->len;

	if (!known)
		return;
	plan->distances = g_new0(uint8_t, n * n);
	for (guint from = 0; known && from < n; from++)
		known = find_row(plan, from);
	if (!known)
		g_clear_pointer(&plan->distances, g_free);
}
