/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Endpoints: one address space for each requester ID below the root bus
 *
 *     address space -> root --+--> bypass       alias of the system's memory
 *                             +--> translated   asks libviommu (region.c)
 *
 * One of the two is enabled. QEMU asks for the address space of a (bus, devfn) when the function is
 * plugged in. The guest numbers the bus later, and the endpoint ID follows from that number. So IDs
 * are assigned again before requests are served. A function whose bus has no number yet, or the
 * number of another bus, is unassigned: its ID is one that no table names. Accesses are translated by
 * a handle, so that none goes by the ID of another function while IDs are assigned.
 *
 * QEMU cannot free an address space that may still be in use. The endpoint of a function that was
 * unplugged stays, and serves the next function.
 */

/* -- IDs -------------------------------------------------------------------------------- */

/*
 * The ID by the current bus number, or ENDPOINT_UNASSIGNED. Each notification of requests asks it of
 * each endpoint, so pci_bus_num(), which casts objects, is not called.
 */
static uint32_t id_wanted(const struct endpoint *endpoint)
{
	int bus;

	if (!endpoint->bus)
		return endpoint->id;
	if (pci_bus_is_root(endpoint->bus))
		return PCI_BUILD_BDF(endpoint->root_number, endpoint->devfn);
	bus = endpoint->bus->parent_dev->config[PCI_SECONDARY_BUS];
	return bus ? PCI_BUILD_BDF(bus, endpoint->devfn) : ENDPOINT_UNASSIGNED;
}

static bool id_taken(struct iommu *iommu, uint32_t id)
{
	struct viommu_endpoint_state state;

	return !viommu_next_endpoint(iommu->core, id, &state) && state.id == id;
}

static uint32_t id_next_unassigned(struct iommu *iommu)
{
	uint32_t id = ENDPOINT_UNASSIGNED;

	while (id_taken(iommu, id))
		id++;
	return id;
}

GArray *endpoint_reserved(const struct endpoint *endpoint)
{
	GArray *all = g_array_new(false, false, sizeof(struct viommu_reserved));
	GArray *user = endpoint->iommu->reserved, *host = endpoint->host_reserved;

	g_array_append_vals(all, user->data, user->len);
	if (host)
		g_array_append_vals(all, host->data, host->len);
	return all;
}

static DeviceState *device_of(const struct endpoint *endpoint)
{
	if (endpoint->platform)
		return (DeviceState *)virtio_bus_get_device(&VIRTIO_MMIO(endpoint->platform)->bus);
	return endpoint->bus ? (DeviceState *)endpoint->bus->devices[endpoint->devfn] : NULL;
}

/* Apply what `endpoints` says of the device. */
static void apply_overrides(const struct endpoint *endpoint, struct viommu_endpoint *description,
			    struct choice *choices)
{
	DeviceState *device = device_of(endpoint);
	const GArray *overrides = endpoint->iommu->overrides;

	for (guint i = 0; device && device->id && i < overrides->len; i++) {
		const struct override *own = &g_array_index(overrides, struct override, i);

		if (!g_str_equal(own->id, device->id))
			continue;
		if (!description->page_size_mask ||
		    own->page_size_mask & description->page_size_mask)
			description->page_size_mask =
				own->page_size_mask & (description->page_size_mask ?: UINT64_MAX);
		description->input_first = own->input_first;
		description->input_last = own->input_last;
		for (unsigned int property = 0; property < N_PROBE_PROPERTIES; property++)
			if (own->probe[property].kind != CHOICE_UNSET)
				choices[property] = own->probe[property];
	}
}

/* `call` is viommu_endpoint_add() or viommu_endpoint_update(). */
static int describe(struct endpoint *endpoint, uint32_t id,
		    int (*call)(struct viommu *, const struct viommu_endpoint *))
{
	const struct endpoint *limits = endpoint->alias ?: endpoint;
	g_autoptr(GArray) reserved = endpoint_reserved(limits);
	const GArray *formats = endpoint->iommu->formats;
	struct choice choices[N_PROBE_PROPERTIES];
	struct viommu_endpoint description = {
		.size = sizeof(description),
		.id = id,
		.page_size_mask = limits->page_size_mask,
		.reserved = (const struct viommu_reserved *)(void *)reserved->data,
		.n_reserved = reserved->len,
		.pasid_bits = endpoint->iommu->settings.pasid_bits,
		.formats = (const struct viommu_table_format *)(void *)formats->data,
		.n_formats = formats->len,
		.max_page_requests = endpoint->iommu->settings.page_requests,
		.page_request_flags = VIOMMU_PAGE_REQUEST_F_PASID,
	};

	memcpy(choices, endpoint->iommu->probe, sizeof(choices));
	apply_overrides(endpoint, &description, choices);
	probe_describe(endpoint, choices, &description);
	return call(endpoint->iommu->core, &description);
}

void endpoint_unregister(struct endpoint *endpoint)
{
	endpoint_unfollow(endpoint);
	if (endpoint->id != ENDPOINT_FREE)
		viommu_endpoint_remove(endpoint->iommu->core, endpoint->id);
	endpoint->id = ENDPOINT_FREE;
	notify_mode(endpoint, VIOMMU_BLOCKED);
}

bool endpoint_check_properties(struct iommu *iommu, Error **errp)
{
	struct endpoint endpoint = { .iommu = iommu, .bus = iommu->root_bus };
	int status = describe(&endpoint, ENDPOINT_UNASSIGNED, viommu_endpoint_add);

	if (!status)
		viommu_endpoint_remove(iommu->core, ENDPOINT_UNASSIGNED);
	else if (status == -ENOSPC)
		error_setg(errp,
			   "probe-size: %" PRIu32 " bytes are too few for the properties of an "
			   "endpoint",
			   iommu->config.probe_size);
	else
		error_setg_errno(errp, -status, "an endpoint cannot be added");
	return !status;
}

int endpoint_update(struct endpoint *endpoint)
{
	struct endpoint *other;
	int status = describe(endpoint, endpoint->id, viommu_endpoint_update);

	QLIST_FOREACH(other, &endpoint->iommu->endpoints, next)
		if (!status && other->alias == endpoint && other->id != ENDPOINT_FREE)
			status = describe(other, other->id, viommu_endpoint_update);
	return status;
}

static bool has_ats(PCIDevice *function)
{
	return pci_is_express(function) && pcie_find_capability(function, PCI_EXT_CAP_ID_ATS);
}

/* Translation requests do not pass a bus that is not PCI Express. */
static bool has_ats_path(PCIBus *bus)
{
	while (pci_bus_is_express(bus) && !pci_bus_is_root(bus))
		bus = pci_get_bus(bus->parent_dev);
	return pci_bus_is_express(bus);
}

void endpoint_complete(struct endpoint *endpoint, PCIDevice *function)
{
	uint32_t ats = (has_ats(function) ? VIOMMU_ATS_F_ENDPOINT : 0) |
		       (has_ats_path(endpoint->bus) ? VIOMMU_ATS_F_PATH : 0);
	int status;

	if (!endpoint->iommu->overrides->len &&
	    (endpoint->iommu->probe[PROBE_ATS].kind != CHOICE_AUTO || ats == endpoint->ats))
		return;
	endpoint->ats = ats;
	status = endpoint->id == ENDPOINT_FREE ? 0 : endpoint_update(endpoint);
	if (status)
		warn_report("endpoints: the settings of '%s' do not fit the IOMMU's: %s",
			    DEVICE(function)->id ?: object_get_typename(OBJECT(function)),
			    g_strerror(-status));
}

static bool endpoint_register(struct endpoint *endpoint, uint32_t id)
{
	int status = describe(endpoint, id, viommu_endpoint_add);

	if (!status) {
		endpoint->id = id;
		endpoint->source = NULL;
		endpoint->listener = NULL;
		if (!endpoint->alias)
			status = endpoint_follow(endpoint, endpoint);
		if (status) {
			viommu_endpoint_remove(endpoint->iommu->core, id);
			endpoint->id = ENDPOINT_FREE;
		}
	}
	if (status)
		error_report(TYPE_VIOMMU_DEVICE ": endpoint 0x%x is blocked: %s", id,
			     g_strerror(-status));
	return !status;
}

/* Without memory it ends QEMU, as g_new0() does. */
static void renew_handle(struct endpoint *endpoint)
{
	viommu_handle_free(endpoint->handle);
	if (viommu_handle_new(endpoint->iommu->core, &endpoint->handle))
		g_error(TYPE_VIOMMU_DEVICE ": out of memory");
}

void endpoints_renew_handles(struct iommu *iommu)
{
	struct endpoint *endpoint;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		renew_handle(endpoint);
}

void endpoints_register(struct iommu *iommu)
{
	struct endpoint *endpoint;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		if (endpoint->id != ENDPOINT_FREE)
			endpoint_register(endpoint, endpoint->id);
	endpoints_deliver(iommu);
}

static void endpoint_change_id(struct endpoint *endpoint, uint32_t id)
{
	endpoint_unregister(endpoint);
	endpoint_register(endpoint, id);
}

/* Wrong IDs are released first, so that other endpoints can use them. */
void endpoints_assign_ids(struct iommu *iommu)
{
	struct endpoint *endpoint;
	bool moved = false;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		if (endpoint->id < ENDPOINT_UNASSIGNED && endpoint->id != id_wanted(endpoint)) {
			endpoint_change_id(endpoint, id_next_unassigned(iommu));
			moved = true;
		}
	QLIST_FOREACH(endpoint, &iommu->endpoints, next) {
		uint32_t wanted = id_wanted(endpoint);

		if (endpoint->id != ENDPOINT_FREE && endpoint->id >= ENDPOINT_UNASSIGNED &&
		    wanted < ENDPOINT_UNASSIGNED && !id_taken(iommu, wanted)) {
			endpoint_change_id(endpoint, wanted);
			moved = true;
		}
	}
	if (moved)
		endpoints_deliver(iommu);
}

/*
 * A saved state names endpoints by their IDs, so these must follow from the bus numbers saved with
 * it. An unassigned endpoint has another ID at the destination. If the guest guessed its ID and
 * attached it, it is detached here.
 */
void endpoints_prepare_save(struct iommu *iommu)
{
	struct endpoint *endpoint;

	endpoints_assign_ids(iommu);
	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		if (endpoint->id != ENDPOINT_FREE && endpoint->id >= ENDPOINT_UNASSIGNED)
			endpoint_change_id(endpoint, endpoint->id);
	endpoints_deliver(iommu);
}

/* -- creation ------------------------------------------------------------------------------- */

static void regions_init(struct endpoint *endpoint)
{
	Object *owner = OBJECT(endpoint->iommu);

	memory_region_init(&endpoint->root, owner, "viommu-root", UINT64_MAX);
	address_space_init(&endpoint->as, &endpoint->root, TYPE_VIOMMU_DEVICE);
	memory_region_init_alias(&endpoint->bypass, owner, "viommu-bypass", get_system_memory(), 0,
				 memory_region_size(get_system_memory()));
	memory_region_init_iommu(&endpoint->translated, sizeof(endpoint->translated),
				 TYPE_VIOMMU_REGION, owner, "viommu-translated", UINT64_MAX);
	memory_region_set_enabled(&endpoint->bypass, false);
	memory_region_add_subregion_overlap(&endpoint->root, 0,
					    MEMORY_REGION(&endpoint->translated), 0);
	memory_region_add_subregion_overlap(&endpoint->root, 0, &endpoint->bypass, 0);
}

static struct endpoint *endpoint_find(struct iommu *iommu, PCIBus *bus, int devfn)
{
	struct endpoint *endpoint;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		if (endpoint->bus == bus && (!bus || endpoint->devfn == devfn) &&
		    !endpoint->platform)
			return endpoint;
	return NULL;
}

/* Functions behind a bridge to PCI share the one that QEMU chooses. */
struct endpoint *endpoint_of(struct iommu *iommu, PCIDevice *function)
{
	const AddressSpace *as = pci_device_iommu_address_space(function);
	struct endpoint *endpoint;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next)
		if (&endpoint->as == as)
			return endpoint;
	return NULL;
}

struct endpoint *endpoint_anywhere(PCIDevice *function)
{
	struct endpoint *endpoint = NULL;
	struct iommu *iommu;

	QTAILQ_FOREACH(iommu, &iommus, next)
		if (!endpoint)
			endpoint = endpoint_of(iommu, function);
	return endpoint;
}

struct endpoint *endpoint_express(struct iommu *iommu, PCIBus *bus, int devfn)
{
	struct endpoint *endpoint = endpoint_find(iommu, bus, devfn);

	return endpoint && endpoint->id != ENDPOINT_FREE && has_ats_path(bus) ? endpoint : NULL;
}

static struct endpoint *endpoint_new(struct iommu *iommu)
{
	struct endpoint *endpoint = endpoint_find(iommu, NULL, 0);

	if (endpoint)
		return endpoint;
	endpoint = g_new0(struct endpoint, 1);
	endpoint->iommu = iommu;
	endpoint->id = ENDPOINT_FREE;
	renew_handle(endpoint);
	regions_init(endpoint);
	QLIST_INSERT_HEAD(&iommu->endpoints, endpoint, next);
	return endpoint;
}

struct endpoint *endpoint_at(struct iommu *iommu, PCIBus *bus, int devfn, struct endpoint *alias)
{
	struct endpoint *endpoint = endpoint_find(iommu, bus, devfn);

	if (!endpoint) {
		endpoint = endpoint_new(iommu);
		endpoint->bus = bus;
		endpoint->devfn = devfn;
		endpoint->root_number = pci_bus_is_root(bus) ? pci_bus_num(bus) : 0;
	}
	if (endpoint->id == ENDPOINT_FREE) {
		endpoint->ats = 0;
		endpoint->alias = alias == endpoint ? NULL : alias;
		iommu->has_aliases |= endpoint->alias != NULL;
		endpoint_register(endpoint, id_next_unassigned(iommu));
		endpoints_assign_ids(iommu);
	}
	endpoints_deliver(iommu);
	return endpoint;
}

AddressSpace *endpoint_platform(struct iommu *iommu, DeviceState *transport)
{
	struct endpoint *endpoint;
	uint32_t id = ENDPOINT_PLATFORM;

	QLIST_FOREACH(endpoint, &iommu->endpoints, next) {
		if (endpoint->platform == transport)
			return &endpoint->as;
		id += endpoint->platform != NULL;
	}
	endpoint = endpoint_new(iommu);
	endpoint->platform = transport;
	endpoint->alias = NULL;
	endpoint_register(endpoint, id);
	endpoints_deliver(iommu);
	return &endpoint->as;
}
