/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NUMA nodes of the guest (--numa), each with a part of its memory and CPUs
 *
 *     -object memory-backend-ram,id=ram0,size=8589934592,host-nodes=1,policy=bind
 *     -numa node,nodeid=0,memdev=ram0,cpus=0-3
 *
 * The memory of node 0 is on node 1 of the host then, as are the devices below bridges of node 0.
 */
#include <inttypes.h>
#include <string.h>

#include "plan.h"

#define MIB  20
#define UNIT ((uint64_t)2 << MIB) /* a huge page */

/* -- which nodes ------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	const struct plan_cell *one = a, *other = b;

	return one->node != other->node ? one->node - other->node
					: one->host_node - other->host_node;
}

static void add_cell(struct plan *plan, int host_node, int node)
{
	struct plan_cell cell = { .node = node, .host_node = host_node };

	g_array_append_val(plan->cells, cell);
}

/* Those of --node, also without a device. */
static void take_mapping(struct plan *plan)
{
	GHashTableIter iter;
	gpointer host, guest;

	g_hash_table_iter_init(&iter, plan->options.nodes);
	while (g_hash_table_iter_next(&iter, &host, &guest))
		add_cell(plan, GPOINTER_TO_INT(host) - 1, GPOINTER_TO_INT(guest) - 1);
	g_array_sort(plan->cells, compare);
}

static struct plan_cell *cell_of(const struct plan *plan, int host_node)
{
	for (guint i = 0; i < plan->cells->len; i++) {
		struct plan_cell *cell = &g_array_index(plan->cells, struct plan_cell, i);

		if (cell->host_node == host_node)
			return cell;
	}
	return NULL;
}

static void take_node(struct plan *plan, int host_node)
{
	if (host_node >= 0 && !cell_of(plan, host_node))
		add_cell(plan, host_node, 0);
}

static void take_nodes_of_port(struct plan *plan, const struct plan_port *port)
{
	for (guint i = 0; i < port->devices->len; i++)
		take_node(plan,
			  g_array_index(port->devices, struct plan_device, i).host->numa_node);
}

/* Those of the devices and of their IOMMUs, in the order of the host. */
static void take_nodes_of_devices(struct plan *plan)
{
	const struct plan_bridge *branch;

	for (guint i = 0; (branch = plan_branch(plan, i)); i++) {
		take_node(plan, branch->host_node);
		for (guint n = 0; n < branch->ports->len; n++)
			take_nodes_of_port(plan, branch->ports->pdata[n]);
	}
	g_array_sort(plan->cells, compare);
	for (guint i = 0; i < plan->cells->len; i++)
		g_array_index(plan->cells, struct plan_cell, i).node = (int)i;
	for (guint i = 0; i < plan->bridges->len; i++) {
		struct plan_bridge *bridge = plan->bridges->pdata[i];
		const struct plan_cell *cell = cell_of(plan, bridge->host_node);

		if (cell)
			bridge->guest_node = cell->node;
	}
}

/* -- memory and CPUs -------------------------------------------------------------------------- */

void plan_divide_cpus(const struct plan *plan, guint i, guint n, unsigned *ret_first,
		      unsigned *ret_last)
{
	*ret_first = (unsigned)((uint64_t)plan->options.cpus * i / n);
	*ret_last = (unsigned)((uint64_t)plan->options.cpus * (i + 1) / n) - 1;
}

/* As evenly as possible, in huge pages. The last node has what is left. */
static void divide(struct plan *plan)
{
	uint64_t memory = plan->options.memory, part = memory / plan->cells->len / UNIT * UNIT;

	for (guint i = 0; i < plan->cells->len; i++) {
		struct plan_cell *cell = &g_array_index(plan->cells, struct plan_cell, i);

		cell->memory = i + 1 < plan->cells->len ? part : memory;
		memory -= part;
		plan_divide_cpus(plan, i, plan->cells->len, &cell->first_cpu, &cell->last_cpu);
	}
}

static const struct viommu_host_node *node_of_host(const struct viommu_host *host, int number)
{
	const struct viommu_host_node *node;

	for (size_t i = 0; (node = viommu_host_node(host, i)); i++)
		if (node->number == (uint32_t)number)
			return node;
	return NULL;
}

/* A tree without meminfo has no size of any node. With the size of one, 0 is a node's size. */
static bool knows_memory(const struct viommu_host *host)
{
	const struct viommu_host_node *node;

	for (size_t i = 0; (node = viommu_host_node(host, i)); i++)
		if (node->memory)
			return true;
	return false;
}

static void check_cell(const struct plan *plan, const struct plan_cell *cell,
		       struct viommu_findings *findings)
{
	const struct viommu_host_node *node = node_of_host(plan->host, cell->host_node);

	if (!node)
		plan_report(findings, "plan-node",
			    "name nodes of /sys/devices/system/node with --node",
			    "node %d of the guest is on node %d of the host, which does not exist",
			    cell->node, cell->host_node);
	else if (knows_memory(plan->host) && node->memory < cell->memory)
		plan_report(findings, "plan-node",
			    "give the guest less memory, or more nodes with --node",
			    "node %d of the guest needs %" PRIu64
			    " MiB, and node %d of the host has %" PRIu64,
			    cell->node, cell->memory >> MIB, cell->host_node, node->memory >> MIB);
}

/* A tree without nodes does not say which there are. */
static void check_host(const struct plan *plan, struct viommu_findings *findings)
{
	for (guint i = 0; viommu_host_node(plan->host, 0) && i < plan->cells->len; i++)
		check_cell(plan, &g_array_index(plan->cells, struct plan_cell, i), findings);
}

/* -- the request ------------------------------------------------------------------------------ */

static void check_numbers(const struct plan *plan, struct viommu_findings *findings)
{
	for (guint i = 0; i < plan->cells->len; i++)
		if (g_array_index(plan->cells, struct plan_cell, i).node != (int)i) {
			plan_report(
				findings, "plan-node",
				"number the nodes of the guest from 0, one for each of the host",
				"with --numa, --node gives the guest %u nodes, and node %u is "
				"missing or has several nodes of the host",
				plan->cells->len, i);
			return;
		}
	if (plan->cells->len > PLAN_CELLS_MAX)
		plan_report(findings, "plan-node", "name fewer nodes with --node",
			    "the guest has %u NUMA nodes, and QEMU allows %d", plan->cells->len,
			    PLAN_CELLS_MAX);
	if (!plan->cells->len)
		plan_report(findings, "plan-node", "name the nodes with --node",
			    "--numa needs a NUMA node of the host, and that of the devices is not "
			    "known");
}

static void check_object(const struct plan *plan, guint i, const char *memory,
			 struct viommu_findings *findings)
{
	if (plan->options.objects[i])
		plan_report(findings, "plan-node", "rename the object, or leave it out",
			    "the arguments have an object ram%u, as the plan names the memory of "
			    "%s",
			    i, memory);
}

/* QEMU rejects memory of the whole machine beside that of nodes, and two objects with one id. */
static void check_objects(const struct plan *plan, struct viommu_findings *findings)
{
	if (plan->options.has_backend)
		plan_report(findings, "plan-node",
			    "leave out memory-backend= and its -object, or --numa",
			    "the arguments have memory for the whole machine, and --numa gives "
			    "each node its own");
	for (guint i = 0; i < MIN(plan->cells->len, PLAN_CELLS_MAX); i++) {
		g_autofree char *memory = g_strdup_printf("node %u", i);

		check_object(plan, i, memory, findings);
	}
}

static void check_request(const struct plan *plan, struct viommu_findings *findings)
{
	const struct plan_options *options = &plan->options;

	if (options->egm)
		plan_report(findings, "plan-node", "leave out --numa",
			    "--egm gives the guest its nodes");
	if (options->n_nodes)
		plan_report(findings, "plan-node",
			    "leave out --numa, or -numa after --, or <numa> of the domain",
			    "the request has NUMA nodes of the guest already");
	if (options->without_nodes)
		plan_report(findings, "plan-node",
			    "write the domain first, and give it with --domain-xml and -f libvirt",
			    "--numa has no form for virt-install");
	if (!options->memory || options->memory & ((UINT64_C(1) << MIB) - 1) ||
	    options->memory / MAX(1, plan->cells->len) < UNIT)
		plan_report(
			findings, "plan-node",
			"give --memory, -m after --, or <memory> in the domain: a number of MiB, 2 "
			"or more for each node",
			"--numa divides the guest's memory, which is not known, or cannot be "
			"divided");
	if (options->cpus < MAX(1, plan->cells->len))
		plan_report(findings, "plan-node",
			    "give --cpus, -smp after --, or <vcpu> in the domain: each node gets a "
			    "part",
			    "the guest has %u CPUs for %u nodes", options->cpus, plan->cells->len);
}

/* -- an earlier plan -------------------------------------------------------------------------- */

/* The nodes of a running guest do not change. */
static void check_kept(const struct plan *plan, struct viommu_findings *findings)
{
	g_autofree char *nodes = plan_cells_text(plan);
	const char *kept = plan->kept_cells;

	if (kept && strcmp(kept, nodes) != 0)
		plan_report(
			findings, "plan-keep",
			"give the same --numa, --node, --memory and --cpus, or make a new plan, "
			"and restart the guest",
			"the guest has the NUMA nodes \"%s\" by the earlier plan, and \"%s\" "
			"by the request",
			*kept ? kept : "none", *nodes ? nodes : "none");
}

char *plan_cells_text(const struct plan *plan)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < plan->cells->len; i++) {
		const struct plan_cell *cell = &g_array_index(plan->cells, struct plan_cell, i);

		g_string_append_printf(text, "%s%d on %d: %" PRIu64 " bytes, CPUs %u-%u",
				       i ? "; " : "", cell->node, cell->host_node, cell->memory,
				       cell->first_cpu, cell->last_cpu);
	}
	return g_string_free(text, false);
}

void plan_take_cells(struct plan *plan, struct viommu_findings *findings)
{
	if (plan->options.numa) {
		if (plan->options.nodes)
			take_mapping(plan);
		else
			take_nodes_of_devices(plan);
		check_numbers(plan, findings);
		check_request(plan, findings);
		check_objects(plan, findings);
	}
	if (viommu_findings_count_from(findings, VIOMMU_ERROR))
		return;
	if (plan->cells->len) {
		divide(plan);
		check_host(plan, findings);
	}
	check_kept(plan, findings);
}

/* -- what needs the initiators, too ------------------------------------------------------------ */

/*
 * Command queues are contiguous in the host if the guest's memory is in huge pages. With NUMA
 * nodes, each node has memory of its own, and a backend of the user's is the user's to choose.
 */
bool plan_has_own_memory(const struct plan *plan)
{
	const struct plan_options *options = &plan->options;

	return options->cmdqv == PLAN_ON && !options->has_backend && !options->n_nodes &&
	       !options->nodes && !plan->initiators->len && !plan->egm->len && !plan->cells->len;
}

void plan_finish_cells(struct plan *plan, struct viommu_findings *findings)
{
	if (plan_has_own_memory(plan))
		check_object(plan, 0, "the machine", findings);
	plan_find_distances(plan);
}
