/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Placement: the bridge and root port of each device, and bus numbers
 *
 * Functions of one slot of the host share a root port and have one slot in the guest, because
 * drivers search for sibling functions there. A virtual function has its own port.
 *
 * A bridge uses its own bus and one for each port. The last bridge has the highest numbers, and a
 * bridge that is added later has lower numbers than all others, so existing numbers never change.
 */
#include <stdlib.h>
#include <string.h>

#include "keep.h"
#include "plan.h"

#define FUNCTIONS       8u
#define ROOT_FIRST_SLOT 1u  /* on pcie.0: 0 is the host bridge */
#define ROOT_LAST_SLOT  30u /* 0x1f is the chipset of q35 */

/* -- choosing devices ---------------------------------------------------------- */

static int compare_devices(const void *a, const void *b)
{
	const struct viommu_host_device *one = *(struct viommu_host_device *const *)a;
	const struct viommu_host_device *other = *(struct viommu_host_device *const *)b;

	return (one->index > other->index) - (one->index < other->index);
}

/* Add the devices of the names to a set. */
static void find_devices(const struct plan *plan, const char *const *names, GHashTable *set,
			 struct viommu_findings *findings)
{
	for (; names && *names; names++) {
		const struct viommu_host_device *device =
			viommu_host_find_device(plan->host, *names);

		if (device)
			g_hash_table_add(set, (void *)device);
		else
			plan_report(findings, "plan-device",
				    "run viommu host to list the host's devices",
				    "the host has no device %s", *names);
	}
}

/*
 * Devices in the order of the host, without duplicates: the order of the request does not matter.
 */
static GPtrArray *take_devices(struct plan *plan, const char *const *names,
			       struct viommu_findings *findings)
{
	g_autoptr(GHashTable) set = g_hash_table_new(NULL, NULL);
	GPtrArray *devices = g_ptr_array_new();
	GHashTableIter iter;
	gpointer device;

	find_devices(plan, names, set, findings);
	find_devices(plan, plan->options.bypass, plan->bypassing, findings);
	g_hash_table_iter_init(&iter, plan->bypassing);
	while (g_hash_table_iter_next(&iter, &device, NULL))
		g_hash_table_add(set, device);
	g_hash_table_iter_init(&iter, set);
	while (g_hash_table_iter_next(&iter, &device, NULL))
		g_ptr_array_add(devices, device);
	g_ptr_array_sort(devices, compare_devices);
	for (guint i = 0; i < devices->len; i++)
		plan_refuse_device(&plan->options, devices->pdata[i], findings);
	return devices;
}

/* -- ports ----------------------------------------------------------------------------------- */

static bool is_of_slot(const struct plan_port *port, const struct viommu_host_device *device)
{
	const struct viommu_host_device *there;

	if (!port->devices->len || device->pf)
		return false;
	there = g_array_index(port->devices, struct plan_device, 0).host;
	return !there->pf && there->segment == device->segment &&
	       there->bdf / FUNCTIONS == device->bdf / FUNCTIONS;
}

static struct plan_bridge *bridge_of(struct plan *plan, const struct viommu_host_device *device)
{
	const struct viommu_host_iommu *iommu = device->iommu;

	if (g_hash_table_contains(plan->bypassing, device))
		return plan_root(plan);
	for (guint i = 0; i < plan->bridges->len; i++) {
		struct plan_bridge *bridge = plan->bridges->pdata[i];

		if (!strcmp(bridge->iommu_name, iommu->name))
			return bridge;
	}
	return plan_bridge_new(plan, iommu);
}

static struct plan_port *free_port(const struct plan_bridge *bridge)
{
	for (guint i = 0; i < bridge->ports->len; i++) {
		struct plan_port *port = bridge->ports->pdata[i];

		if (!port->devices->len)
			return port;
	}
	return NULL;
}

/* The IOMMU's own node counts, if sysfs has it. */
static void take_node(struct plan_bridge *bridge, const struct viommu_host_device *device)
{
	if (bridge->host_node < 0)
		bridge->host_node = device->numa_node;
}

/*
 * In the host's order, functions of one slot are adjacent, except for VFs between them. A kept
 * bridge belongs to a running guest, so it gets no new ports. Kept ports of pcie.0 have slots.
 */
static void place_device(struct plan *plan, const struct viommu_host_device *device,
			 struct viommu_findings *findings)
{
	struct plan_bridge *bridge = bridge_of(plan, device);
	struct plan_port *port = NULL;
	struct plan_device placed = { .host = device, .function = device->bdf % FUNCTIONS };

	for (guint i = bridge->ports->len; i-- && !port && !bridge->kept;) {
		struct plan_port *other = bridge->ports->pdata[i];

		if (!other->slot && is_of_slot(other, device))
			port = other;
	}
	if (!port && bridge->kept) {
		port = free_port(bridge);
		placed.function = 0;
	}
	if (!port && !bridge->kept)
		port = plan_port_new(bridge);
	if (!port) {
		plan_report(findings, "plan-keep",
			    "make a new plan with --spare, and restart the guest",
			    "all %u root ports of pxb%u are in use, so there is none for %s",
			    bridge->ports->len, bridge->number, device->name);
		return;
	}
	g_array_append_val(port->devices, placed);
	take_node(bridge, device);
}

/* The host may have changed: a device below the bridge of another IOMMU would not be isolated. */
static bool place_kept(const struct plan *plan, GHashTable *kept,
		       const struct viommu_host_device *device, struct viommu_findings *findings)
{
	const struct plan_kept *place = kept ? g_hash_table_lookup(kept, device->name) : NULL;
	struct plan_device placed = { .host = device };

	if (!place)
		return false;
	if (place->bridge != plan->root && g_hash_table_contains(plan->bypassing, device)) {
		plan_report(findings, "plan-keep", "make a new plan, and restart the guest",
			    "%s is to bypass, but its earlier place is below pxb%u", device->name,
			    place->bridge->number);
		return true;
	}
	if (place->bridge != plan->root &&
	    strcmp(place->bridge->iommu_name, device->iommu->name) != 0) {
		plan_report(
			findings, "plan-keep", "make a new plan, and restart the guest",
			"%s is behind %s, but its earlier place is below pxb%u, the bridge of %s",
			device->name, device->iommu->name, place->bridge->number,
			place->bridge->iommu_name);
		return true;
	}
	placed.function = place->function;
	g_array_append_val(place->port->devices, placed);
	if (place->bridge != plan->root)
		take_node(place->bridge, device);
	return true;
}

/* A guest does not scan a slot without function 0. */
static void number_functions(struct plan_port *port)
{
	bool has_first = false;
	const struct plan_device *first;

	for (guint i = 0; i < port->devices->len; i++)
		has_first |= !g_array_index(port->devices, struct plan_device, i).function;
	for (guint i = 0; i < port->devices->len && !has_first; i++)
		g_array_index(port->devices, struct plan_device, i).function = i;
	if (port->devices->len == 1) {
		first = &g_array_index(port->devices, struct plan_device, 0);
		if (first->host->pf)
			g_array_index(port->devices, struct plan_device, 0).function = 0;
	}
}

/* -- bus numbers ----------------------------------------------------------------------------- */

static char *arithmetic(const struct plan *plan)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < plan->bridges->len; i++) {
		const struct plan_bridge *bridge = plan->bridges->pdata[i];

		g_string_append_printf(text, "%s%s: 1 + %u", i ? ", " : "", bridge->iommu_name,
				       bridge->ports->len);
	}
	return g_string_free(text, false);
}

/* A bridge that has numbers of this range, or NULL. */
static const struct plan_bridge *owner_of(const struct plan *plan, unsigned first, unsigned last)
{
	for (guint i = 0; i < plan->bridges->len; i++) {
		const struct plan_bridge *bridge = plan->bridges->pdata[i];

		if (bridge->bus && bridge->bus <= last && first <= bridge->last)
			return bridge;
	}
	return NULL;
}

static bool has_bridge(const struct plan *plan, const char *iommu)
{
	for (guint i = 0; i < plan->bridges->len; i++)
		if (!strcmp(((struct plan_bridge *)plan->bridges->pdata[i])->iommu_name, iommu))
			return true;
	return false;
}

static gint compare_texts(gconstpointer a, gconstpointer b)
{
	return strcmp(a, b);
}

static void check_requested(const struct plan *plan, struct viommu_findings *findings)
{
	GList *names = plan->options.buses ? g_hash_table_get_keys(plan->options.buses) : NULL;

	names = g_list_sort(names, compare_texts);
	for (const GList *name = names; name; name = name->next)
		if (!has_bridge(plan, name->data))
			plan_report(findings, "plan-bus-numbers",
				    "name the IOMMU of an assigned device",
				    "no assigned device is behind %s, so it has no bridge",
				    (const char *)name->data);
	g_list_free(names);
}

static void set_buses(struct plan_bridge *bridge, unsigned first)
{
	bridge->bus = (uint8_t)first;
	bridge->last = (uint8_t)(first + bridge->ports->len);
}

/* Numbers of the request (--bus). `own`: the first that pcie.0 and its bridges do not use. */
static void number_requested(struct plan *plan, unsigned own, struct viommu_findings *findings)
{
	for (guint i = 0; plan->options.buses && i < plan->bridges->len; i++) {
		struct plan_bridge *bridge = plan->bridges->pdata[i];
		unsigned first = GPOINTER_TO_UINT(
			g_hash_table_lookup(plan->options.buses, bridge->iommu_name));
		unsigned last = first + bridge->ports->len;

		if (!first || bridge->kept)
			continue;
		if (first >= own && last <= PLAN_TOP_BUS && !owner_of(plan, first, last))
			set_buses(bridge, first);
		else
			plan_report(findings, "plan-bus-numbers", "request another number",
				    "the bridge of %s cannot have the buses %u to %u: they are not "
				    "free; pcie.0 and its bridges use %u",
				    bridge->iommu_name, first, last, own);
	}
}

/* The first of `n` free numbers, the highest up to `top`; 0: there are none. */
static unsigned find_buses(const struct plan *plan, unsigned top, unsigned n, unsigned own)
{
	const struct plan_bridge *other;

	while (top + 1 >= own + n) {
		other = owner_of(plan, top + 1 - n, top);
		if (!other)
			return top + 1 - n;
		top = other->bus - 1u;
	}
	return 0;
}

static void report_buses(const struct plan *plan, unsigned top, unsigned own,
			 struct viommu_findings *findings)
{
	g_autofree char *sum = arithmetic(plan);
	unsigned need = 0;

	for (guint i = 0; i < plan->bridges->len; i++) {
		const struct plan_bridge *bridge = plan->bridges->pdata[i];

		need += bridge->kept ? 0 : 1 + bridge->ports->len;
	}
	plan_report(findings, "plan-bus-numbers", "assign fewer devices, or use a smaller --spare",
		    "bridges and root ports need %u bus numbers (%s), but only %u are free: %u to "
		    "%u; pcie.0 and its bridges use %u",
		    need, sum, top + 1 > own ? top + 1 - own : 0, own, top, own);
}

/* Bus 0 and the user's bridges on pcie.0 use the lowest numbers. */
static void number_buses(struct plan *plan, unsigned top, struct viommu_findings *findings)
{
	unsigned own = 1 + plan->options.root_ports + (plan->root ? plan->root->ports->len : 0);

	check_requested(plan, findings);
	number_requested(plan, own, findings);
	for (guint i = plan->bridges->len; i--;) {
		struct plan_bridge *bridge = plan->bridges->pdata[i];
		unsigned first = bridge->bus ? bridge->bus
					     : find_buses(plan, top, 1 + bridge->ports->len, own);

		if (first < own) {
			report_buses(plan, top, own, findings);
			return;
		}
		if (!bridge->bus)
			set_buses(bridge, first);
	}
}

/* A function keeps its number, and a guest does not see a slot without function 0. */
static void check_functions(const struct plan_bridge *bridge, guint n,
			    struct viommu_findings *findings)
{
	const struct plan_port *port = bridge->ports->pdata[n];
	const struct plan_device *device = NULL;
	g_autofree char *name = plan_port_name(bridge, n);

	for (guint i = 0; i < port->devices->len; i++) {
		device = &g_array_index(port->devices, struct plan_device, i);
		if (!device->function)
			return;
	}
	if (device)
		plan_report(findings, "plan-keep",
			    "keep the device that is function 0, or plan anew",
			    "%s is function %u of %s, which a guest does not see without function "
			    "0",
			    device->host->name, device->function, name);
}

/* There are more chassis than bus numbers, so one is free; 0 if the bus numbers are not. */
static unsigned take_chassis(bool *taken)
{
	for (unsigned chassis = 1; chassis <= PLAN_CHASSIS_MAX; chassis++)
		if (!taken[chassis]) {
			taken[chassis] = true;
			return chassis;
		}
	return 0;
}

static void number_ports(struct plan_bridge *bridge, bool *chassis,
			 struct viommu_findings *findings)
{
	for (guint i = 0; i < bridge->ports->len; i++) {
		struct plan_port *port = bridge->ports->pdata[i];

		port->bus = (uint8_t)(bridge->bus + 1 + i);
		port->slot = (uint8_t)(i % PLAN_ROOT_SLOTS);
		port->function = (uint8_t)(i / PLAN_ROOT_SLOTS);
		port->multifunction = !port->function && i + PLAN_ROOT_SLOTS < bridge->ports->len;
		if (!port->chassis)
			port->chassis = take_chassis(chassis);
		if (bridge->kept)
			check_functions(bridge, i, findings);
		else
			number_functions(port);
	}
}

/* A kept port has a slot. */
static void number_root_ports(struct plan *plan, bool *chassis, struct viommu_findings *findings)
{
	for (guint i = 0; plan->root && i < plan->root->ports->len; i++) {
		struct plan_port *port = plan->root->ports->pdata[i];

		if (!port->chassis)
			port->chassis = take_chassis(chassis);
		if (port->slot)
			check_functions(plan->root, i, findings);
		else
			number_functions(port);
	}
}

static int compare_buses(const void *a, const void *b)
{
	const struct plan_bridge *one = *(struct plan_bridge *const *)a;
	const struct plan_bridge *other = *(struct plan_bridge *const *)b;

	return one->bus - other->bus;
}

/* The lowest free slot of pcie.0; 0 if there is none. */
static unsigned take_slot(uint32_t *taken)
{
	for (unsigned slot = ROOT_FIRST_SLOT; slot <= ROOT_LAST_SLOT; slot++)
		if (!(*taken & UINT32_C(1) << slot)) {
			*taken |= UINT32_C(1) << slot;
			return slot;
		}
	return 0;
}

/*
 * The highest slot of pcie.0 that is free; 0: none is. libvirt does not know the devices of a
 * <qemu:commandline>, and places its own root ports from slot 1 upwards, and USB and audio in the
 * slots of the ICH9.
 */
static unsigned take_last_slot(uint32_t *taken)
{
	static const uint32_t ich9 =
		UINT32_C(1) << 0x1a | UINT32_C(1) << 0x1b | UINT32_C(1) << 0x1d;

	for (unsigned slot = ROOT_LAST_SLOT; slot >= ROOT_FIRST_SLOT; slot--)
		if (!((*taken | ich9) & UINT32_C(1) << slot)) {
			*taken |= UINT32_C(1) << slot;
			return slot;
		}
	return take_slot(taken);
}

/* Eight IOMMUs share a slot, because sixteen slots may not be free. */
static unsigned number_iommus(struct plan *plan, uint32_t *taken)
{
	unsigned slot = 0, used = 0;

	for (guint i = 0; i < plan->bridges->len; i++) {
		const struct plan_bridge *bridge = plan->bridges->pdata[i];

		if (!bridge->iommu_slot || (slot && bridge->iommu_slot > slot))
			continue;
		used = bridge->iommu_slot == slot ? used : 0;
		used = MAX(used, bridge->iommu_function + 1);
		slot = bridge->iommu_slot;
	}
	for (guint i = 0; i < plan->bridges->len; i++) {
		struct plan_bridge *bridge = plan->bridges->pdata[i];

		if (bridge->iommu_slot)
			continue;
		if (!slot || used == FUNCTIONS) {
			slot = take_last_slot(taken);
			used = 0;
		}
		if (!slot)
			return 0;
		bridge->iommu_slot = slot;
		bridge->iommu_function = used++;
	}
	return 1;
}

static uint32_t slots_in_use(const struct plan *plan)
{
	uint32_t taken = plan->options.slots | UINT32_C(1) << plan->iommu_slot;

	for (guint i = 0; i < plan->bridges->len; i++) {
		const struct plan_bridge *bridge = plan->bridges->pdata[i];

		taken |= UINT32_C(1) << bridge->slot | UINT32_C(1) << bridge->iommu_slot;
	}
	for (guint i = 0; plan->root && i < plan->root->ports->len; i++)
		taken |= UINT32_C(1) << ((struct plan_port *)plan->root->ports->pdata[i])->slot;
	return taken;
}

/* Bridges first, so that devices that bypass change no place of theirs. 0: a slot is missing. */
static unsigned number_bridges(struct plan *plan, uint32_t *taken)
{
	unsigned last = 1;

	for (guint i = 0; i < plan->bridges->len && last; i++) {
		struct plan_bridge *bridge = plan->bridges->pdata[i];

		if (!bridge->slot)
			last = bridge->slot = take_slot(taken);
	}
	for (guint i = 0; plan->root && i < plan->root->ports->len && last; i++) {
		struct plan_port *port = plan->root->ports->pdata[i];

		if (!port->slot)
			last = port->slot = (uint8_t)take_slot(taken);
	}
	return last;
}

static void number_slots(struct plan *plan, struct viommu_findings *findings)
{
	uint32_t taken = slots_in_use(plan);
	unsigned last = number_bridges(plan, &taken);

	if (plan->kind == PLAN_VIRTIO && last)
		last = number_iommus(plan, &taken);
	if (!plan->iommu_slot && (plan->kind == PLAN_VIRTIO_STOCK || plan->kind == PLAN_AMD))
		last = plan->iommu_slot = take_slot(&taken);
	if (!last)
		plan_report(
			findings, "plan-slots", "assign devices behind fewer IOMMUs",
			"%u bridges, their IOMMUs and %u ports for devices that bypass need more "
			"slots than pcie.0 has free, of %u",
			plan->bridges->len, plan->root ? plan->root->ports->len : 0,
			ROOT_LAST_SLOT);
}

/* -- the plan ------------------------------------------------------------------ */

static void map_nodes(struct plan *plan, struct viommu_findings *findings)
{
	for (guint i = 0; plan->options.nodes && i < plan->bridges->len; i++) {
		struct plan_bridge *bridge = plan->bridges->pdata[i];
		void *node;

		if (bridge->host_node < 0)
			continue;
		node = g_hash_table_lookup(plan->options.nodes,
					   GINT_TO_POINTER(bridge->host_node + 1));
		if (node)
			bridge->guest_node = GPOINTER_TO_INT(node) - 1;
		else if (!plan->options.nodes_are_partial)
			plan_report(findings, "plan-node",
				    "map it to a node of the guest with --node HOST=GUEST",
				    "%s is in the host's NUMA node %d, which is not mapped to a "
				    "node of the guest",
				    bridge->iommu_name, bridge->host_node);
	}
}

void plan_find_chassis(const struct plan *plan, bool *taken)
{
	const struct plan_bridge *bridge;

	memcpy(taken, plan->options.chassis, sizeof(plan->options.chassis));
	for (guint i = 0; (bridge = plan_branch(plan, i)); i++)
		for (guint n = 0; n < bridge->ports->len; n++)
			taken[((struct plan_port *)bridge->ports->pdata[n])->chassis] = true;
}

/* Kept devices first, so that a new device does not take their ports. */
static void place_all(struct plan *plan, GPtrArray *devices, GHashTable *kept,
		      struct viommu_findings *findings)
{
	g_autoptr(GPtrArray) others = g_ptr_array_new();

	for (guint i = 0; i < devices->len; i++)
		if (!place_kept(plan, kept, devices->pdata[i], findings))
			g_ptr_array_add(others, devices->pdata[i]);
	for (guint i = 0; i < others->len; i++)
		place_device(plan, others->pdata[i], findings);
}

/* New bridges get lower numbers than kept ones. */
static void place(struct plan *plan, GPtrArray *devices, GHashTable *kept,
		  struct viommu_findings *findings)
{
	bool chassis[PLAN_CHASSIS_MAX + 1];
	unsigned number = 0, top = PLAN_TOP_BUS;

	plan_find_chassis(plan, chassis);
	place_all(plan, devices, kept, findings);
	for (guint i = 0; i < plan->bridges->len; i++) {
		struct plan_bridge *bridge = plan->bridges->pdata[i];

		for (unsigned n = 0; !bridge->kept && n < plan->options.spare; n++)
			plan_port_new(bridge);
		if (bridge->kept) {
			number = MAX(number, bridge->number + 1);
			top = MIN(top, bridge->bus - 1u);
		}
	}
	number_buses(plan, top, findings);
	g_ptr_array_sort(plan->bridges, compare_buses);
	for (guint i = 0; i < plan->bridges->len; i++) {
		struct plan_bridge *bridge = plan->bridges->pdata[i];

		if (!bridge->kept)
			bridge->number = number++;
		number_ports(bridge, chassis, findings);
	}
	number_root_ports(plan, chassis, findings);
}

static int compare_bridges(const void *a, const void *b)
{
	const struct plan_bridge *one = *(struct plan_bridge *const *)a;
	const struct plan_bridge *other = *(struct plan_bridge *const *)b;

	return (one->iommu->index > other->iommu->index) -
	       (one->iommu->index < other->iommu->index);
}

/* A function that VFIO has without a character device shows that the kernel has no iommufd. */
static bool has_iommufd(const struct plan_options *options, GPtrArray *devices)
{
	bool has = options->qemu >= PLAN_VERSION(9, 0);

	for (guint i = 0; i < devices->len; i++) {
		const struct viommu_host_device *device = devices->pdata[i];

		has &= !device->vfio || device->vfio_cdev;
	}
	return has;
}

/* A device whose place is kept on pcie.0 bypasses without being named again. */
static void keep_bypassing(struct plan *plan, GPtrArray *devices, GHashTable *kept)
{
	for (guint i = 0; kept && i < devices->len; i++) {
		const struct viommu_host_device *device = devices->pdata[i];
		const struct plan_kept *place = g_hash_table_lookup(kept, device->name);

		if (place && place->bridge == plan->root)
			g_hash_table_add(plan->bypassing, (void *)device);
	}
}

static bool has_errors(struct viommu_findings *findings)
{
	return viommu_findings_count_from(findings, VIOMMU_ERROR);
}

/* The bridges that the devices need. False with a finding if they need none. */
static bool make_bridges(struct plan *plan, GPtrArray *devices, struct viommu_findings *findings)
{
	for (guint i = 0; i < devices->len; i++)
		bridge_of(plan, devices->pdata[i]);
	g_ptr_array_sort(plan->bridges, compare_bridges);
	if (!plan->bridges->len)
		plan_report(findings, "plan-device", "assign a device without --bypass",
			    "all devices bypass, so the guest needs no virtual IOMMU");
	return plan->bridges->len;
}

struct plan *plan_make(const struct viommu_host *host, const struct plan_options *options,
		       const char *const *names, const char *before,
		       struct viommu_findings *findings)
{
	struct plan *plan = plan_new(host, options);
	g_autoptr(GPtrArray) devices = take_devices(plan, names, findings);
	g_autoptr(GHashTable) kept = NULL;

	if (before && !has_errors(findings))
		kept = plan_keep(plan, before, findings);
	keep_bypassing(plan, devices, kept);
	plan_refuse_groups(plan, devices, findings);
	if (has_errors(findings) || !make_bridges(plan, devices, findings))
		return plan_free(plan);
	plan->iommufd = has_iommufd(options, devices);
	plan_choose(plan, findings);
	place(plan, devices, kept, findings);
	number_slots(plan, findings);
	map_nodes(plan, findings);
	plan_take_egm(plan, findings);
	plan_take_cells(plan, findings);
	plan_size_memory(plan, findings);
	plan_count_initiators(plan);
	plan_finish_cells(plan, findings);
	plan_refuse_whole(plan, findings);
	return has_errors(findings) ? plan_free(plan) : plan;
}
