/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VIOMMU_QEMU_IOMMU_H
#define VIOMMU_QEMU_IOMMU_H

#include "build/compat.h"

#include <viommu/device.h>

/*
 * The objects of the module, and what its files offer each other
 *
 *     viommu-pci --1--> viommu-device (struct iommu) --1--> struct viommu (libviommu)
 *     virtio-mmio --1-->      |
 *                             *
 *                      struct endpoint: the address space of one requester ID
 *
 * The rooms; each uses only itself and rooms above it (tests/api/arrows.py):
 *
 *     firmware/   root buses; the tables and nodes that describe the IOMMUs to the guest
 *     endpoint/   address spaces, translation, notification, faults, limits of assigned devices
 *     dma/        viommu-dma, a function for tests that does DMA with PASIDs, ATS and page requests
 *     device/     viommu-device and viommu-pci: requests, properties, migration, inspection
 *     build/      compiles them: the entry of the plugin, scripts. compat.h is included by all.
 *
 * Locks: everything runs under QEMU's big lock, except the translation of an access and the fault
 * that results from it, which any thread may cause.
 */

#define TYPE_VIOMMU_DEVICE "viommu-device"
#define TYPE_VIOMMU_PCI    "viommu-pci"
#define TYPE_VIOMMU_REGION "viommu-memory-region"
#define TYPE_VIOMMU_DMA    "viommu-dma"

#define VIRTIO_ID_VIOMMU  23
#define VIOMMU_QUEUE_SIZE 256
#define VIOMMU_BATCH      64 /* requests that are executed, and then returned, as one */
/* Notifications of a batch: each may cost an ioctl, with the big lock held. */
#define VIOMMU_BATCH_CALLS 4096
#define MAX_AW_BITS       64

/* The firmware description of the device for the guest. */
enum firmware {
	FIRMWARE_AUTO,
	FIRMWARE_OFF,
	FIRMWARE_VIOT,
	FIRMWARE_DT,
	FIRMWARE_BUILTIN, /* and all forms of it behind this one */
};

/* The properties that PROBE reports: PROBE_PROXIMITY, PROBE_ATS, ... */
#define PROBE_PROPERTY(name, type, has, member, bits, text) PROBE_##name,
enum { VIOMMU_PROPERTIES(PROBE_PROPERTY) N_PROBE_PROPERTIES };

/* What the user wants PROBE to report as one property. AUTO: what QEMU knows, if anything. */
struct choice {
	enum { CHOICE_UNSET, CHOICE_OFF, CHOICE_AUTO, CHOICE_VALUE } kind;
	uint32_t value;
};

/* The properties as the user set them; device/properties.c has the rows. */
struct settings {
	char *root_bus; /* its name; NULL: not given */
	uint64_t page_size_mask;
	uint8_t aw_bits;
	uint64_t input_first, input_last;
	uint32_t domain_first, domain_last;
	uint32_t probe_size;
	bool boot_bypass;
	bool pci;
	bool wait_for_io;
	uint64_t max_domains, max_mappings, max_bytes;
	uint32_t max_requests, max_attaches, max_faults; /* per second */
	char *reserved;
	OnOffAuto msi;
	char *probe[N_PROBE_PROPERTIES];
	uint32_t pasid_bits, page_requests;
	char *tables, *personality;
	bool nest;
	char *firmware;
	char *endpoints;
};

/* The request queue in guest memory: device/ring.c. */
struct ring_place {
	unsigned int n; /* requests that it has room for */
	hwaddr descriptors, available, used;
};

struct ring {
	MemoryListener listener;
	bool is_open, is_stale; /* stale: memory has changed since it was opened */
	bool may_move;          /* the next buffer chooses the piece of memory */
	struct ring_place place;
	MemoryRegionCache descriptors, available, used;
	MemoryRegionCache buffers; /* a piece of memory, with all buffers of a batch */
	hwaddr buffers_at;
	uint64_t buffers_length;
	uint16_t first; /* the index of the first request of the batch */
	unsigned int heads[VIOMMU_BATCH]; /* of the requests of the batch, */
	uint64_t written[VIOMMU_BATCH];   /* and where in that piece their answers are */
};

struct ring_chain {
	struct iovec readable[3], writable[1];
	unsigned int n_readable, n_writable;
};

/* Settings of one endpoint, by the `id` of its device. Page sizes and addresses: 0: the IOMMU's. */
struct override {
	char *id;
	uint64_t page_size_mask, input_first, input_last;
	struct choice probe[N_PROBE_PROPERTIES]; /* UNSET: the IOMMU's */
};

struct iommu {
	VirtIODevice virtio;
	VirtQueue *requests, *events;
	PCIBus *root_bus; /* the root bus that it serves; NULL: none, or it does not exist yet */
	bool awaits_root;  /* its bus does not exist yet */
	bool bypassed;    /* the user has excluded that bus from IOMMUs */
	struct settings settings;

	struct viommu *core;
	struct viommu_config config;
	enum firmware firmware;
	struct choice probe[N_PROBE_PROPERTIES]; /* not UNSET */
	GArray *reserved;                        /* struct viommu_reserved, of every endpoint */
	GArray *overrides;                       /* struct override */
	GArray *formats;       /* struct viommu_table_format, of every endpoint */
	MemoryListener memory; /* if there are formats */
	GArray *ranges;        /* struct viommu_memory, during a change of memory */

	QLIST_HEAD(, endpoint) endpoints;
	GArray *pending_notifications; /* struct notification of endpoint/notify.c */
	bool modes_pending;            /* some endpoint's mode is not applied yet */
	struct endpoint *notified;     /* whose listener was called last; or NULL */
	bool has_removals;             /* not delivered yet to notifiers of endpoint/requester.c */
	GArray *answers;               /* struct answer of endpoint/requester.c, not delivered yet */
	bool has_aliases;              /* some endpoint has an alias */
	DeviceListener device_listener;

	QEMUBH *requests_bh, *events_bh;
	QEMUTimer *requests_timer; /* for requests that come faster than the user allows */
	VMChangeStateEntry *state_change;
	bool serving;   /* requests are being served, which is not reentrant */
	struct batch {
		VirtQueueElement *elements[VIOMMU_BATCH];
		unsigned int used[VIOMMU_BATCH]; /* bytes written for each */
		unsigned int n;
		bool is_divided; /* libviommu has not finished the last ones */
		bool is_direct;  /* they are of the ring, and there are no elements */
	} batch;            /* executed requests; returned when the I/O that they wait for has ended */
	struct ring ring;
	GPtrArray *drained; /* BlockDriverState: the nodes of that I/O */
	QEMUTimer *drain_timer;
	bool resetting; /* the whole system is being reset */
	bool complete;  /* it has been reset once, so the machine has all its functions */

	QemuMutex faults_lock; /* guards the ring of fault records */
	struct {
		uint8_t bytes[VIOMMU_FAULT_LONG_LENGTH];
		size_t length;
	} faults[VIOMMU_QUEUE_SIZE];
	unsigned int first_fault, n_faults;

	struct record {
		char *file;     /* NULL: no trace is wanted */
		void *bytes;    /* of the trace; NULL: none has begun */
		uint64_t limit; /* 0: the default */
		Notifier exit;
	} record; /* endpoint/record.c */

	uint8_t *saved; /* only while state is saved or loaded */
	uint32_t saved_length;

	char *mappings_from; /* the property, see device/state.c */
	Notifier complete_notifier; /* device/builtin.c */
	QTAILQ_ENTRY(iommu) next;
};

DECLARE_INSTANCE_CHECKER(struct iommu, VIOMMU_DEVICE, TYPE_VIOMMU_DEVICE)

/* The address space of one requester ID. Never freed; reused when its bus is gone. */
struct endpoint {
	struct iommu *iommu;
	PCIBus *bus; /* NULL: not PCI, or free for another function */
	int devfn;
	int root_number;       /* of `bus`, if that is a root bus: it never changes */
	DeviceState *platform; /* the virtio-mmio transport, or NULL */
	uint32_t id;           /* its ID in libviommu, or ENDPOINT_FREE */
	/* Behind a bridge to PCI: the endpoint by whose ID the function does DMA. NULL: its own. */
	struct endpoint *alias;
	struct endpoint *source; /* the endpoint whose attachment applies to the address space */
	struct viommu_handle *handle; /* translates accesses by `source`, whatever its ID */
	struct viommu_listener *listener;
	uint64_t page_size_mask; /* page sizes of the host's IOMMU; 0: no restriction */
	GArray *host_reserved;   /* addresses that the host's IOMMU cannot map; NULL: none */
	unsigned int n_hosts;    /* assigned devices that restrict it */
	uint32_t ats;            /* VIOMMU_ATS_F_*, of its function */
	bool has_table;          /* the guest's, in the default slot */

	QLIST_HEAD(, watcher) watchers; /* of a function that translates by itself */

	enum viommu_mode mode; /* the latest mode; notify_deliver() applies it */
	bool has_maps;         /* mappings were announced since the last change of the mode, */
	uint64_t maps_last;    /* and this is the end of the last one */
	bool revoked;          /* requests have taken accesses away from it */
	AddressSpace as;
	MemoryRegion root, bypass;
	IOMMUMemoryRegion translated;
	QLIST_ENTRY(endpoint) next;
};

/* Not registered with libviommu: there is no device. */
#define ENDPOINT_FREE UINT32_MAX
/* Functions whose bus the guest has not numbered yet have IDs from here on. */
#define ENDPOINT_UNASSIGNED 0x80000000u
/* IDs of devices on virtio-mmio follow those of PCI. */
#define ENDPOINT_PLATFORM 0x10000u

/* The size of the smallest page. */
static inline uint64_t granule_of(const struct iommu *iommu)
{
	return iommu->config.page_size_mask & -iommu->config.page_size_mask;
}

/*
 * QEMU passes on notifications before DRIVER_OK, when no buffer may be used and none may be reported
 * (virtio 1.4, 2.1.2). `disabled`: the driver has turned bus mastering off.
 */
static inline bool iommu_runs(const struct iommu *iommu)
{
	return iommu->virtio.vm_running && !iommu->virtio.disabled &&
	       (iommu->virtio.status & VIRTIO_CONFIG_S_DRIVER_OK);
}

/* -- firmware/roots.c ---------------------------------------------------------------- */

typedef QTAILQ_HEAD(, iommu) iommu_list;
extern iommu_list iommus; /* all realized devices */

/* The root bus above a bus; all root buses by number (to be freed); the last bus number below the
 * i-th of them; the IOMMU that serves one, or NULL. */
PCIBus *root_of(PCIBus *bus);
GPtrArray *root_buses(void);
uint8_t root_bus_last(const GPtrArray *roots, guint i);
struct iommu *root_iommu(PCIBus *root);

/* The PCI function of the device, or NULL if it is on virtio-mmio; the address of its registers
 * there. */
PCIDevice *iommu_function(const struct iommu *iommu);
uint64_t iommu_window(const struct iommu *iommu);

/* -- firmware/native.c --------------------------------------------------------------- */

/* Hide root buses that we serve from the tables of the machine's own IOMMU, if it has one; show them
 * while a function is plugged in. */
void native_hide_roots(bool hide);

/* Can guests use both? */
bool native_check(Error **errp);

/* Are all functions behind the machine's AMD-Vi on buses below this root bus? */
bool native_is_below(PCIBus *root);

/* -- firmware/warnings.c ------------------------------------------------------------- */

/* Warn of a virtio function whose DMA bypasses the IOMMU; of all such conditions, when the machine is
 * complete. */
void warn_untranslated(const struct iommu *iommu, PCIDevice *function);
void warn_all(const struct iommu *iommu);

/* -- firmware/firmware.c ------------------------------------------------------------- */

/* Describe all devices to the guest once the machine is complete. The first call counts. */
void firmware_prepare(void);

/* An image of the configuration space of one device, with the topology in the form of its `firmware`
 * property (to be freed with free()). NULL after an error. */
void *builtin_generate(const struct iommu *iommu, size_t *ret_length, Error **errp);

/* -- firmware/devicetree.c ----------------------------------------------------------- */

void devicetree_install(void);

/* -- firmware/loader.c --------------------------------------------------------------- */

/* Add an ACPI table, which is copied, to those that the guest's firmware loads. */
void loader_install(const void *table, size_t length);

/* -- endpoint/announce.c ------------------------------------------------------------- */

/* Announce a mapping at once to one notifier, or with NULL to all of the region. `pasid`: or
 * PCI_NO_PASID. */
void announce_mapping(IOMMUMemoryRegion *region, IOMMUNotifier *notifier, IOMMUNotifierFlag type,
		      uint32_t pasid, const struct viommu_mapping *mapping);

/* -- endpoint/requester.c ------------------------------------------------------------ */

/* A notifier of an address space drops what its function has cached, from now on; no longer. */
void requester_watch(struct endpoint *endpoint, uint32_t pasid, IOMMUNotifier *notifier);
void requester_unwatch(struct endpoint *endpoint, uint32_t pasid, const IOMMUNotifier *notifier);

/* A notifier gets the answers to page requests of an address space; NULL: none does. */
void requester_await(struct endpoint *endpoint, uint32_t pasid, IOMMUPRINotifier *notifier);

/* The endpoint's function is gone, and all its notifiers with it. */
void requester_forget(struct endpoint *endpoint);

/* Queue a removed translation; an answer (libviommu's `page_response` callback); one that the guest
 * cannot give. */
void requester_invalidate(struct endpoint *endpoint, const struct viommu_invalidation *what);
void requester_answer(void *opaque, const struct viommu_page_response *response);
void requester_refuse(struct iommu *iommu, const uint8_t *record);

/* Call the notifiers for all that is queued. */
void requester_deliver(struct iommu *iommu);

/* Create the queue of answers; free it. */
void requester_start(struct iommu *iommu);
void requester_stop(struct iommu *iommu);

/* -- endpoint/notify.c --------------------------------------------------------------- */

/* The callbacks of libviommu for a struct endpoint: they queue notifications. */
extern const struct viommu_listener_ops notify_ops;

/* Create the queue of an IOMMU; free it with all that is in it. */
void notify_start(struct iommu *iommu);
void notify_stop(struct iommu *iommu);

/* Queue a change of mode. libviommu does not report the mode of a removed endpoint. */
void notify_mode(struct endpoint *endpoint, enum viommu_mode mode);

/* Deliver the queued notifications, and apply modes. endpoints_deliver() calls it. */
void notify_deliver(struct iommu *iommu);

/* Can a host's IOMMU map it? */
bool notify_can_mirror(const struct viommu_mapping *mapping);

/* -- endpoint/memory.c --------------------------------------------------------------- */

/* Report the guest's memory and its changes to libviommu, from now on; stop it. */
void memory_start(struct iommu *iommu);
void memory_stop(struct iommu *iommu);

/* libviommu's device is another one. */
void memory_report(struct iommu *iommu);

/* libviommu's `dirty` callback, in any thread. */
void memory_mark_dirty(void *opaque, uint64_t address, uint64_t length);

/* -- endpoint/probe.c ---------------------------------------------------------------- */

/* "probe-ats": the name of the QEMU property. `endpoints` has it without "probe-". */
const char *probe_name(unsigned int property);

/* Parse "off", "auto", "on" or a number; "" or NULL: the default. False if it is none of them. */
bool probe_parse(unsigned int property, const char *text, struct choice *ret_choice);

/* Fill in the members of libviommu's description by the choices of an endpoint. */
void probe_describe(const struct endpoint *endpoint, const struct choice *choices,
		    struct viommu_endpoint *description);

/* -- endpoint/ats.c ------------------------------------------------------------------ */

/* Callbacks of QEMU's PCIIOMMUOps. `opaque` is the struct iommu. */
void ats_get_info(void *opaque, uint8_t *ret_width, uint32_t *ret_page_size);
void ats_init_notifier(PCIBus *bus, void *opaque, int devfn, IOMMUNotifier *notifier,
		       IOMMUNotify notify, void *user);
void ats_register_notifier(PCIBus *bus, void *opaque, int devfn, uint32_t pasid,
			   IOMMUNotifier *notifier);
void ats_unregister_notifier(PCIBus *bus, void *opaque, int devfn, uint32_t pasid,
			     IOMMUNotifier *notifier);
ssize_t ats_request_translation(PCIBus *bus, void *opaque, int devfn, uint32_t pasid, bool privileged,
				bool execute, hwaddr address, size_t length, bool no_write,
				IOMMUTLBEntry *result, size_t n_result, uint32_t *ret_refused);

int pri_request_page(PCIBus *bus, void *opaque, int devfn, uint32_t pasid, bool privileged,
		     bool execute, hwaddr address, bool last, uint16_t group, bool read, bool write);
void pri_register_notifier(PCIBus *bus, void *opaque, int devfn, uint32_t pasid,
			   IOMMUPRINotifier *notifier);
void pri_unregister_notifier(PCIBus *bus, void *opaque, int devfn, uint32_t pasid);

/* -- endpoint/faults.c --------------------------------------------------------------- */

/* libviommu's `event` callback, in any thread: keeps the record for the event queue. */
int fault_push(void *opaque, const void *record, size_t length);

/* The bottom half that moves records into the event queue. */
void faults_deliver(void *opaque);
void faults_clear(struct iommu *iommu);

/* -- endpoint/alias.c ---------------------------------------------------------------- */

/*
 * Apply the attachments of aliases, deliver the queued notifications, and apply modes. Call it after
 * each call into libviommu that may change mappings or modes, before the guest sees the request
 * completed.
 */
void endpoints_deliver(struct iommu *iommu);

/* Translate an address space by an endpoint's attachment. Returns 0 or a negative errno. */
int endpoint_follow(struct endpoint *endpoint, struct endpoint *source);

/* Before an endpoint is removed: neither it nor its alias follows another one any more. */
void endpoint_unfollow(struct endpoint *endpoint);

/* -- endpoint/endpoint.c ------------------------------------------------------------- */

/* The endpoint of a function; created and given an ID if there is none. `alias`: see there. */
struct endpoint *endpoint_at(struct iommu *iommu, PCIBus *bus, int devfn, struct endpoint *alias);

/* The endpoint that has the address space of a function, or NULL. Functions behind a bridge to PCI
 * share one. */
struct endpoint *endpoint_of(struct iommu *iommu, PCIDevice *function);

/* The same, whatever IOMMU serves the function. */
struct endpoint *endpoint_anywhere(PCIDevice *function);

/* The endpoint of a function whose translation requests reach the IOMMU: all buses up to it are PCI
 * Express. Or NULL. */
struct endpoint *endpoint_express(struct iommu *iommu, PCIBus *bus, int devfn);

/* The address space of a device on virtio-mmio; created on the first call. */
AddressSpace *endpoint_platform(struct iommu *iommu, DeviceState *transport);

/* Remove it from libviommu, which detaches it. Its ID is then ENDPOINT_FREE. */
void endpoint_unregister(struct endpoint *endpoint);

/* Add all that have an ID to a new libviommu device. */
void endpoints_register(struct iommu *iommu);

/* libviommu's device is another one: before the old one is freed. */
void endpoints_renew_handles(struct iommu *iommu);

/* Give each endpoint the ID that follows from the current bus numbers. */
void endpoints_assign_ids(struct iommu *iommu);

/* The same before state is saved; endpoints that have no such ID are detached. */
void endpoints_prepare_save(struct iommu *iommu);

/* The reserved regions of the user and of the endpoint's host (to be freed). */
GArray *endpoint_reserved(const struct endpoint *endpoint);

/* Describe it to libviommu again. Returns what viommu_endpoint_update() does. */
int endpoint_update(struct endpoint *endpoint);

/* The function is complete: report its ATS capability. */
void endpoint_complete(struct endpoint *endpoint, PCIDevice *function);

/* Does libviommu accept an endpoint with the properties that the user set? */
bool endpoint_check_properties(struct iommu *iommu, Error **errp);

/* -- endpoint/record.c --------------------------------------------------------------- */

/* The properties of traces; they begin when libviommu's device is there, and are written at the
 * latest when it goes. */
void record_install(ObjectClass *class);
bool record_start(struct iommu *iommu, Error **errp);
void record_stop(struct iommu *iommu);

/* libviommu's device is another one. */
void record_renew(struct iommu *iommu);

/* If there is a trace: an access was translated by the endpoint's attachment, or not. */
void record_translation(struct endpoint *endpoint, uint32_t pasid, uint64_t iova, uint64_t length,
			uint32_t access, int result, const struct viommu_translation *found);

/* -- endpoint/restrict_granule.c ----------------------------------------------------- */

/* Create libviommu's device from the configuration. */
bool core_create(struct iommu *iommu, Error **errp);

/* Create it again, with another configuration: the guest has not seen it yet. */
bool core_recreate(struct iommu *iommu, Error **errp);

/*
 * Restrict an endpoint to the page sizes of a mask. If they do not include the granule, the device
 * gets a larger granule; that fails once the machine is ready, because the guest may have read the
 * old one.
 */
bool endpoint_restrict_granule(struct endpoint *endpoint, uint64_t page_size_mask, Error **errp);

/* -- endpoint/region.c --------------------------------------------------------------- */

void region_types_register(void);

/* The size of a block that one translation covers, if all of it has one. Accesses of QEMU are rarely
 * larger. */
#define REGION_BLOCK 0x10000ull

/* The size of the largest naturally aligned block that starts at `iova`, and has this translation. */
uint64_t region_block(uint64_t iova, const struct viommu_translation *found);

/* -- endpoint/bus.c ------------------------------------------------------------------ */

/* Serve the root bus, and what is plugged in below it; at once, or when the bus that the user names exists. */
bool bus_serve(struct iommu *iommu, Error **errp);

/* The machine is complete, and has been reset. */
void bus_complete(struct iommu *iommu);
void bus_release(struct iommu *iommu);

/* -- dma/dma.c ----------------------------------------------------------------------- */

void dma_types_register(void);

/* -- device/config.c ----------------------------------------------------------------- */

/* virtio applies a write of the guest to its own copy of the configuration space, and then writes
 * the whole copy to the device. A stale copy would undo changes: refresh it. */
void config_get(VirtIODevice *virtio, uint8_t *bytes);
void config_refresh(struct iommu *iommu);

/* -- device/properties.c ------------------------------------------------------------- */

/* Add the properties to the class; print them for `help=on`. */
void properties_install(DeviceClass *class);
void properties_print(void);

/* -- device/settings.c --------------------------------------------------------------- */

/* Turn the settings into a configuration. An error names the property at fault. */
bool settings_apply(struct iommu *iommu, Error **errp);
void settings_release(struct iommu *iommu);

/* -- device/overrides.c -------------------------------------------------------------- */

/* Parse the property `endpoints` into iommu->overrides; free them. */
bool overrides_parse(struct iommu *iommu, Error **errp);
void overrides_free(struct iommu *iommu);

/* -- device/migration.c -------------------------------------------------------------- */

extern const VMStateDescription saved_device, saved_core;

/* -- device/state.c ------------------------------------------------------------------ */

void state_install(ObjectClass *class);

/* -- device/builtin.c ---------------------------------------------------------------- */

/* A device with a built-in topology: make room for it in the configuration space, before libviommu's
 * device is created; fill it in once the machine is complete. The length of the space. */
void builtin_reserve(struct iommu *iommu);
void builtin_prepare(struct iommu *iommu);
size_t builtin_length(const struct iommu *iommu);

/* -- device/mmio.c ------------------------------------------------------------------- */

/* If the device is on virtio-mmio: choose its root bus, and serve the other transports. */
void mmio_prepare(struct iommu *iommu);

/* Features that the bus of the device does not have, of those that QEMU offers. */
uint64_t mmio_lacks(struct iommu *iommu);

/* -- device/drain.c ------------------------------------------------------------------ */

/*
 * After a batch that took accesses away: drain the disks of these endpoints. True: I/O is in flight,
 * and the timer will run, which calls drain_poll() for the same answer.
 */
bool drain_begin(struct iommu *iommu);
bool drain_poll(struct iommu *iommu);

/* Wait until the I/O has ended; or end the drained sections at once. */
void drain_wait(struct iommu *iommu);
void drain_end(struct iommu *iommu);

/* -- device/ring.c ------------------------------------------------------------------- */

/* From now on, map the queue again after a change of memory; stop that. */
void ring_start(struct iommu *iommu);
void ring_stop(struct iommu *iommu);

/* Unmap all of it until the next request; the same if memory has changed and no batch is to be returned. */
void ring_close(struct iommu *iommu);
void ring_let_go(struct iommu *iommu);

/* Is there a request in a queue that can be served here? Call it when no batch is to be returned. */
bool ring_waits(struct iommu *iommu);

/* Is there another one, after a batch? False also if memory has changed: the main loop looks again then. */
bool ring_still_waits(struct iommu *iommu);

/* Request `i` of a batch, where it is in guest memory, after ring_waits(); false: there is none, or QEMU
 * is to take it. */
bool ring_next(struct iommu *iommu, unsigned int i, struct ring_chain *chain);

/* Return the requests of a batch that ring_next() has found, unless their queue is not there any more, or
 * the device may not do DMA. */
void ring_return(struct iommu *iommu);

/* -- device/device.c, device/pci.c --------------------------------------------------- */

void device_types_register(void);
void pci_types_register(void);

#endif
