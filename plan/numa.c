/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's node of each node of the guest, by QEMU's arguments
 *
 *     -object memory-backend-ram,id=ram1,size=4G,host-nodes=1,policy=bind
 *     -numa node,nodeid=0,memdev=ram1
 *
 * put node 0 of the guest on node 1 of the host. A bridge whose physical IOMMU is there belongs to
 * node 0 then, as --node 1=0 has it; if that says otherwise, the arguments contradict it.
 */
#include <string.h>

#include "arguments.h"

struct plan_numa {
	GHashTable *backends; /* id -> host node + 1, for those on one node */
	GPtrArray *memdevs;   /* of the nodes, in their order; "" for one without */
	GArray *numbers;      /* of the nodes, int */
};

struct plan_numa *plan_numa_new(void)
{
	struct plan_numa *numa = g_new0(struct plan_numa, 1);

	numa->backends = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	numa->memdevs = g_ptr_array_new_with_free_func(g_free);
	numa->numbers = g_array_new(false, false, sizeof(int));
	return numa;
}

void plan_numa_free(struct plan_numa *numa)
{
	g_hash_table_unref(numa->backends);
	g_ptr_array_unref(numa->memdevs);
	g_array_unref(numa->numbers);
	g_free(numa);
}

/* "1", and "[1]" in JSON; -1: several nodes, or none. */
static int one_node(const char *text)
{
	const char *digits = *text == '[' ? text + 1 : text;
	char *end;
	guint64 node = g_ascii_strtoull(digits, &end, 10);

	if (end == digits || node >= PLAN_NODES_MAX || strcmp(end, *text == '[' ? "]" : "") != 0)
		return -1;
	return (int)node;
}

void plan_numa_take_object(struct plan_numa *numa, const char *text)
{
	g_autofree char *id = plan_value_of(text, "id"), *nodes = plan_value_of(text, "host-nodes");
	int node = nodes ? one_node(nodes) : -1;

	if (id && node >= 0)
		g_hash_table_insert(numa->backends, g_steal_pointer(&id),
				    GINT_TO_POINTER(node + 1));
}

void plan_numa_take_node(struct plan_numa *numa, const char *text)
{
	g_autofree char *number = plan_value_of(text, "nodeid");
	char *memdev = plan_value_of(text, "memdev");
	int node = number ? one_node(number) : (int)numa->numbers->len;

	g_ptr_array_add(numa->memdevs, memdev ? memdev : g_strdup(""));
	g_array_append_val(numa->numbers, node);
}

/* Is memory of the guest's node bound to the host's? */
static bool is_bound(const struct plan_numa *numa, int guest, int host)
{
	for (guint i = 0; i < numa->memdevs->len; i++)
		if (g_array_index(numa->numbers, int, i) == guest &&
		    g_hash_table_lookup(numa->backends, numa->memdevs->pdata[i]) ==
			    GINT_TO_POINTER(host + 1))
			return true;
	return false;
}

/* Of two nodes of the guest on one of the host, the first one has the bridges. */
static void map_node(const struct plan_numa *numa, struct plan_options *options, int host,
		     int guest, bool given, struct viommu_findings *findings)
{
	void *key = GINT_TO_POINTER(host + 1), *mapped;

	mapped = g_hash_table_lookup(options->nodes, key);
	if (!mapped && !given)
		g_hash_table_insert(options->nodes, key, GINT_TO_POINTER(guest + 1));
	else if (mapped && given && !is_bound(numa, GPOINTER_TO_INT(mapped) - 1, host))
		plan_report(
			findings, "plan-node",
			"bind the memory of that node to the same node of the host, or change "
			"--node",
			"--node puts devices of the host's node %d on node %d of the guest, but "
			"the memory of the guest's node %d is there",
			host, GPOINTER_TO_INT(mapped) - 1, guest);
}

void plan_numa_map(const struct plan_numa *numa, struct plan_options *options,
		   struct viommu_findings *findings)
{
	bool given = options->nodes;

	for (guint i = 0; i < numa->memdevs->len; i++) {
		int guest = g_array_index(numa->numbers, int, i);
		void *host = g_hash_table_lookup(numa->backends, numa->memdevs->pdata[i]);

		if (!host || guest < 0)
			continue;
		if (!options->nodes)
			options->nodes = g_hash_table_new(NULL, NULL);
		map_node(numa, options, GPOINTER_TO_INT(host) - 1, guest, given, findings);
	}
	options->nodes_are_partial = !given && options->nodes;
}
