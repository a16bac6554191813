/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VIOMMU_QEMU_IOMMU_H
#define VIOMMU_QEMU_IOMMU_H

#include "build/compat.h"

#include <viommu/device.h>

/*
 * The objects of the module, and what its files ask of each other
 *
 *     viommu-pci --1--> viommu-device (struct iommu) --1--> struct viommu (libviommu)
 *     virtio-mmio --1-->      |
 *                             *
 *                      struct endpoint: the address space of one requester ID
 *
 * All of it runs under QEMU's big lock, but for the translation of an access, which any
 * thread may ask for, and the fault that comes of it.
 *
 * libviommu's listeners are called while its device is locked, and what QEMU does when a
 * region is switched or a mapping announced may well come back with a translation. So the
 * listeners only queue notifications, and notify_deliver() delivers them when the call
 * into libviommu is over, but before the guest sees its request done.
 */

#define TYPE_VIOMMU_DEVICE "viommu-device"
#define TYPE_VIOMMU_PCI    "viommu-pci"
#define TYPE_VIOMMU_REGION "viommu-memory-region"

#define VIRTIO_ID_VIOMMU  23
#define VIOMMU_QUEUE_SIZE 256

/* What the guest's firmware is told. */
enum firmware { FIRMWARE_AUTO, FIRMWARE_OFF, FIRMWARE_VIOT, FIRMWARE_DT };

/* The NUMA node that the guest is told of endpoints. AUTO: their root bus's. */
enum proximity { PROXIMITY_AUTO, PROXIMITY_OFF, PROXIMITY_GIVEN };

/* What was set on the command line: properties.c has the rows. */
struct settings {
	uint64_t page_size_mask;
	uint8_t aw_bits;
	uint64_t input_first, input_last;
	uint32_t domain_first, domain_last;
	uint32_t probe_size;
	bool boot_bypass;
	uint64_t max_domains, max_mappings, max_bytes;
	char *reserved;
	OnOffAuto msi;
	char *proximity;
	bool ats;
	char *firmware;
};

struct iommu {
	VirtIODevice virtio;
	VirtQueue *requests, *events;
	PCIBus *root_bus; /* whose functions are its endpoints; NULL: none */
	struct settings set;

	struct viommu *core;
	struct viommu_config config;
	enum firmware firmware;
	enum proximity proximity;
	uint32_t proximity_domain; /* if it was given */
	GArray *reserved;          /* struct viommu_reserved, told of every endpoint */

	QLIST_HEAD(, endpoint) endpoints;
	GArray *pending_notifications; /* struct notification: mappings to announce */
	bool modes_pending;            /* some endpoint's mode may not be in force yet */
	DeviceListener unplugs;

	QEMUBH *requests_bh, *events_bh;
	VMChangeStateEntry *state_change;
	bool serving;   /* the request queue: not to be entered twice */
	bool resetting; /* a reset of the whole system is under way */

	QemuMutex faults_lock; /* guards the ring of records for which there was no buffer yet */
	uint8_t faults[VIOMMU_QUEUE_SIZE][VIOMMU_FAULT_LENGTH];
	unsigned int first_fault, n_faults;

	uint8_t *saved; /* only while state is saved or loaded */
	uint32_t saved_length;

	char *mappings_from; /* inspection: where the page of mappings begins */
	QTAILQ_ENTRY(iommu) next;
};

DECLARE_INSTANCE_CHECKER(struct iommu, VIOMMU_DEVICE, TYPE_VIOMMU_DEVICE)

/* The address space of one requester ID. Made once; used again when its bus is gone. */
struct endpoint {
	struct iommu *iommu;
	PCIBus *bus; /* NULL: free to be used for another requester */
	int devfn;
	DeviceState *platform; /* not PCI: the virtio-mmio transport */
	uint32_t id;           /* the endpoint ID that libviommu has it under, or ENDPOINT_FREE */
	struct viommu_listener *listener;
	uint64_t page_size_mask; /* of a host's IOMMU; 0: it has no say */
	GArray *host_reserved;   /* likewise; NULL: none */
	unsigned int n_hosts;    /* assigned devices that have said so */

	enum viommu_mode mode; /* the latest, applied by notify_deliver() */
	AddressSpace as;
	MemoryRegion root, bypass;
	IOMMUMemoryRegion translated;
	QLIST_ENTRY(endpoint) next;
};

/* No device is there. */
#define ENDPOINT_FREE UINT32_MAX
/* IDs from here on are for functions that the guest has not given a bus number yet. */
#define ENDPOINT_UNASSIGNED 0x80000000u
/* IDs of devices behind virtio-mmio: behind those of PCI. */
#define ENDPOINT_PLATFORM 0x10000u

/* -- device.c ---------------------------------------------------------------- */

typedef QTAILQ_HEAD(, iommu) iommu_list;
extern iommu_list iommus; /* every one that is realized */

void device_types_register(void);

/* virtio writes through a copy of the configuration space, all of it, whichever byte the guest
 * wrote: keep it fresh. */
void config_get(VirtIODevice *virtio, uint8_t *bytes);
void config_refresh(struct iommu *iommu);

/* The smallest page. */
static inline uint64_t granule_of(const struct iommu *iommu)
{
	return iommu->config.page_size_mask & -iommu->config.page_size_mask;
}

/* -- faults.c ---------------------------------------------------------------- */

/* libviommu's event callback, for any thread; the bottom half that delivers; reset. */
int fault_store(void *opaque, const void *record, size_t length);
void faults_deliver(void *opaque);
void faults_forget(struct iommu *iommu);

/* -- pci.c ------------------------------------------------------------------- */

void pci_types_register(void);

/* -- mmio.c ------------------------------------------------------------------ */

/* If the device is on virtio-mmio: choose its root bus, and serve other transports. */
void mmio_prepare(struct iommu *iommu);

/* -- region.c ---------------------------------------------------------------- */

void region_types_register(void);

/* -- endpoint/notify.c -------------------------------------------------------- */

/* What libviommu calls with a struct endpoint: queues a notification, and does nothing else. */
extern const struct viommu_listener_ops notify_ops;

/* The queue of an IOMMU. Notifications in it at the end are dropped. */
void notify_start(struct iommu *iommu);
void notify_stop(struct iommu *iommu);

/* Queue a change of mode that libviommu does not report: the endpoint leaves. */
void notify_mode(struct endpoint *endpoint, enum viommu_mode mode);

/* Deliver what was queued, and apply modes. Call it after each call into libviommu that may change
 * mappings or modes, before the guest sees the request completed. */
void notify_deliver(struct iommu *iommu);

/* Can a host's IOMMU map it? */
bool notify_can_mirror(const struct viommu_mapping *mapping);

/* Announce a mapping at once, to one notifier, or with NULL to all of the region. */
void notify_mapping(IOMMUMemoryRegion *region, IOMMUNotifier *notifier, IOMMUNotifierFlag type,
		    const struct viommu_mapping *mapping);

/* -- endpoint.c -------------------------------------------------------------- */

/* That of a function, which is made and given an ID where it has none. */
struct endpoint *endpoint_at(struct iommu *iommu, PCIBus *bus, int devfn);
void endpoint_leave(struct endpoint *endpoint);

/* Give every endpoint the ID that it has by the bus numbers of this moment. */
void endpoints_number(struct iommu *iommu);

/* The same before state is saved, and let nothing be attached that has no such ID. */
void endpoints_prepare_save(struct iommu *iommu);

/* The address space of a device on virtio-mmio, made when it is asked for first. */
AddressSpace *endpoint_platform(struct iommu *iommu, DeviceState *transport);

/* Can an endpoint be what the properties say? */
bool endpoint_try(struct iommu *iommu, Error **errp);

/* Put all that have an ID into a new libviommu device. */
void endpoints_enter(struct iommu *iommu);

/* That of a function, or NULL; what is reserved for it; say again what libviommu is told of it. */
struct endpoint *endpoint_of(struct iommu *iommu, PCIDevice *function);
GArray *endpoint_reserved(const struct endpoint *endpoint);
int endpoint_update(struct endpoint *endpoint);

/* -- bus.c -------------------------------------------------------------------- */

/* Serve the root bus, and what is plugged in below it. */
bool endpoints_attach(struct iommu *iommu, Error **errp);
void endpoints_detach(struct iommu *iommu);

/* -- restrict_granule.c ------------------------------------------------------- */

/* Make libviommu's device from the configuration. */
bool iommu_start(struct iommu *iommu, Error **errp);

/* Only page sizes that the endpoint's host has; the device may begin anew. */
bool endpoint_restrict_granule(struct endpoint *endpoint, uint64_t page_size_mask, Error **errp);

/* -- properties.c ------------------------------------------------------------- */

/* Make properties of the class from the rows; print the rows. */
void properties_install(DeviceClass *class);
void properties_print(void);

/* Turn what was set into configuration, reserved regions and the like. */
bool properties_apply(struct iommu *iommu, Error **errp);
void properties_release(struct iommu *iommu);

/* -- firmware.c ----------------------------------------------------------------- */

/* Let the guest's firmware tables name all devices, once the machine is complete. */
void firmware_prepare(void);

/* -- roots.c -------------------------------------------------------------------- */

/* The root bus above a bus; all root buses by number; the last number below the i-th; the IOMMU
 * that serves one, or NULL. */
PCIBus *root_of(PCIBus *bus);
GPtrArray *root_buses(void);
uint8_t root_bus_last(const GPtrArray *roots, guint i);
struct iommu *root_iommu(PCIBus *root);

/* The PCI function that is the device, or NULL; else where its registers are. */
PCIDevice *iommu_function(const struct iommu *iommu);
uint64_t iommu_window(const struct iommu *iommu);

/* -- devicetree.c --------------------------------------------------------------- */

void devicetree_install(void);

/* -- loader.c ------------------------------------------------------------------- */

/* Put a table beside those that the machine lets the guest's firmware load. */
void loader_install(const void *table, size_t length);

/* -- migration.c ---------------------------------------------------------------- */

extern const VMStateDescription saved_device, saved_core;

/* -- state.c -------------------------------------------------------------------- */

void state_install(ObjectClass *class);

#endif
