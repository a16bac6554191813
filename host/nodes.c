/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NUMA nodes
 */
#include <stdio.h>
#include <string.h>

#include "numbers.h"
#include "scan.h"

#define NODES_MAX 65536u
#define TEXT_MAX  65536

static const char *line_of(struct viommu_host *host, struct tree *tree, const struct folder *folder,
			   const char *name)
{
	char line[TEXT_MAX];

	return tree_line(tree, folder, name, line, sizeof(line)) ? host_string(host, line) : NULL;
}

/* "Node 0 MemTotal:       65787456 kB" */
static uint64_t memory_of(struct tree *tree, const struct folder *folder)
{
	static const char key[] = "MemTotal:";
	char text[TEXT_MAX];
	ssize_t n = tree_read_at(tree, folder, "meminfo", text, sizeof(text) - 1, 0);
	const char *at;
	unsigned long long kib;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	at = strstr(text, key);
	if (!at || sscanf(at + strlen(key), "%19llu", &kib) != 1 || kib > UINT64_MAX / 1024)
		return 0;
	return (uint64_t)kib * 1024;
}

static void scan_one(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		     uint32_t number)
{
	struct viommu_host_node *node = g_new0(struct viommu_host_node, 1);
	const char *cpus = line_of(host, tree, folder, "cpulist");

	node->number = number;
	node->cpus = cpus ? cpus : "";
	node->has_cpus = *node->cpus;
	node->distance = line_of(host, tree, folder, "distance");
	node->memory = memory_of(tree, folder);
	g_ptr_array_add(host->nodes, node);
}

static bool node_number(const char *name, uint32_t *ret)
{
	int64_t number;

	if (!g_str_has_prefix(name, "node") ||
	    !parse_decimal(name + strlen("node"), 0, NODES_MAX, &number))
		return false;
	*ret = (uint32_t)number;
	return true;
}

void scan_nodes(struct viommu_host *host, struct tree *tree)
{
	g_autoptr(GPtrArray) names = NULL;
	struct folder all, folder;

	if (tree_enter(tree, "sys/devices/system/node", &all) < 0)
		return;
	names = tree_list(tree, &all, NODES_MAX);
	for (guint i = 0; names && i < names->len; i++) {
		uint32_t number;

		if (!node_number(names->pdata[i], &number) ||
		    tree_follow(tree, &all, names->pdata[i], &folder) < 0)
			continue;
		scan_one(host, tree, &folder, number);
		tree_leave(&folder);
	}
	tree_leave(&all);
}
