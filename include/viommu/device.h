/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_H
#define VIOMMU_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <viommu/protocol.h>

/*
 * A virtio-iommu device for a virtual machine monitor (VMM) to embed
 *
 * The device is a state and two functions: bytes of a request in, bytes of the
 * answer out; and the address that an endpoint puts on the bus in, the guest's
 * physical address out. It owns no thread, no file descriptor and no virtqueue, and
 * never looks at guest memory.
 *
 *     guest driver --virtqueue--> VMM --viommu_request()---> device --> listeners
 *     endpoint ----DMA----------> VMM --viommu_translate()-> device --> event queue
 *
 * A VMM that has no virtio of its own finds virtqueues and the virtio-mmio registers
 * in <viommu/mmio.h>.
 *
 * Life cycle
 *
 *     viommu_new                      the device knows no endpoint yet
 *       viommu_endpoint_add           for every device whose DMA it may translate
 *       viommu_listen                 where somebody mirrors an endpoint's mappings
 *         viommu_accept               features, when the driver has chosen (FEATURES_OK)
 *         viommu_request ...          the driver runs
 *         viommu_reset                the driver, or the transport, resets the device
 *       viommu_endpoint_remove
 *     viommu_free
 *
 * Ranges are closed, [first, last], everywhere: so the last byte of the 64-bit space
 * can be named, and a range is never empty.
 *
 * Structs that cross this boundary begin with their own size, set by whoever fills
 * them: `struct viommu_config config = { .size = sizeof(config) };`. They only ever
 * grow at the end, and a member that is zero (or beyond the caller's size) means its
 * default. So a VMM keeps working with a newer library without being built again.
 *
 * Who is to blame
 *
 * What the guest does wrong is answered to the guest: in a status byte, or as a fault
 * on the event queue. What the VMM does wrong, or what the host runs out of, is a
 * negative errno. The two never mix.
 *
 *   -EINVAL   an argument breaks a rule of this header
 *   -E2BIG    a struct asks for something newer than this library
 *   -EEXIST   there is one already
 *   -ENOENT   there is none
 *   -EBUSY    not while it is in use that way
 *   -ENOSPC   it does not fit (into `probe_size`)
 *   -EFAULT   the endpoint may not access that address
 *   -ENOMEM   out of memory
 *
 * Result parameters (`ret_...`) are not touched on failure. Nothing here prints, exits
 * or aborts, whatever guest or VMM do.
 *
 * Threads
 *
 * Every function may be called from any thread at any time, except that viommu_free
 * must come last. Requests are executed one after the other. Translations run beside
 * each other and beside requests, and never see half of one. Callbacks are made by
 * the thread whose call caused them, while the device is locked: they must not call
 * back into the same device, but for functions that say they may be.
 */

#ifdef __cplusplus
extern "C" {
#endif

struct viommu;

/* -- the device ------------------------------------------------------------ */

/* What a device offers where the configuration does not choose. */
#define VIOMMU_FEATURES_DEFAULT \
	(VIOMMU_F_INPUT_RANGE | VIOMMU_F_DOMAIN_RANGE | VIOMMU_F_MAP_UNMAP | VIOMMU_F_PROBE | \
	 VIOMMU_F_MMIO | VIOMMU_F_BYPASS_CONFIG)

#define VIOMMU_PROBE_SIZE_DEFAULT   512
#define VIOMMU_MAX_DOMAINS_DEFAULT  65536
#define VIOMMU_MAX_MAPPINGS_DEFAULT (4u << 20)
#define VIOMMU_MAX_BYTES_DEFAULT    (1ull << 30)

/* For the limits below. */
#define VIOMMU_UNLIMITED UINT64_MAX

struct viommu_config {
	size_t size;

	/* VIOMMU_F_*, 0: VIOMMU_FEATURES_DEFAULT. VIOMMU_F_BYPASS is superseded and offered
	 * only if named here; together with VIOMMU_F_BYPASS_CONFIG it is refused. */
	uint64_t features;

	/* The page sizes; the lowest bit is the granule of mappings, which may be a single
	 * byte. 0: 4 KiB and every power of two above. */
	uint64_t page_size_mask;

	/* Addresses that can be mapped. Both 0: all of the 64-bit space. */
	uint64_t input_first, input_last;

	/* Numbers that a driver may give to domains. Both 0: any. */
	uint32_t domain_first, domain_last;

	/* Bytes of properties in an answer to PROBE, a multiple of 8. 0: the default. */
	uint32_t probe_size;

	/* Does an endpoint that is attached to nothing reach guest memory untranslated? This
	 * is the value at power-on; the driver changes it in configuration space. Not without
	 * VIOMMU_F_BYPASS_CONFIG. */
	bool bypass;

	/* What the guest can make the host hold. A request that would go beyond is answered
	 * VIOMMU_S_NOMEM. 0: the default; VIOMMU_UNLIMITED: no limit. */
	uint64_t max_domains;
	uint64_t max_mappings; /* of all domains together */
	uint64_t max_bytes;    /* of heap for domains and mappings together */

	/*
	 * A built-in topology, for old guests on platforms without firmware tables: an image of
	 * configuration space, of more than VIOMMU_CONFIG_TOPOLOGY and at most
	 * VIOMMU_TOPOLOGY_LENGTH_MAX bytes. `viommu generate builtin-v3` makes one, and so does
	 * <viommu/tables.h>. Copied. Guests read it from VIOMMU_CONFIG_TOPOLOGY on; what is
	 * before that the device says itself, as always. It is then the device that offers
	 * VIOMMU_F_TOPOLOGY: `features` must not have that bit, which is
	 * VIOMMU_F_BYPASS_CONFIG's too, and has it not by default. NULL: none.
	 */
	const void *topology;
	size_t topology_length;
};

/*
 * What the device asks of its VMM. Every member may be NULL.
 */
struct viommu_ops {
	size_t size;

	/*
	 * Put a fault record of `length` bytes into the next buffer of the event queue.
	 * Returns 0, or a negative errno when there is no buffer (or it is too short): the
	 * record is then dropped, and counted. Called by the thread that translates, several
	 * at once; may take locks of its own, must not wait for a request.
	 */
	int (*event)(void *opaque, const void *record, size_t length);
};

/*
 * Make a device. `config` and `ops` are copied, and may be NULL for all defaults;
 * `opaque` is handed to every callback. Free it with viommu_free().
 *
 * -EINVAL, -E2BIG, -ENOMEM
 */
int viommu_new(const struct viommu_config *config, const struct viommu_ops *ops, void *opaque,
	       struct viommu **ret_device);

/* Forget everything and free the device with its listeners, without telling them. DMA passes
 * must have been freed before. NULL is fine. Returns NULL. */
struct viommu *viommu_free(struct viommu *device);

/* The configuration in force, defaults filled in. Constant while the device lives. */
const struct viommu_config *viommu_configuration(const struct viommu *device);

/* -- features, configuration space, reset ------------------------------------ */

/* The feature bits to offer (VIOMMU_F_*); those of the transport are the VMM's to add. */
uint64_t viommu_features(const struct viommu *device);

/*
 * The driver has accepted these features. Bits that the device does not know (the
 * transport's) are ignored. -EINVAL if one was not offered: nothing changes then.
 */
int viommu_accept(struct viommu *device, uint64_t features);

/*
 * How many bytes of configuration space there are: VIOMMU_CONFIG_LENGTH, or as many as the
 * built-in topology needs. Constant while the device lives.
 */
size_t viommu_config_length(const struct viommu *device);

/*
 * Read `length` bytes of configuration space at `offset`: any size, any offset; what
 * lies behind its end reads as 0. Fields can be read before features are accepted.
 */
void viommu_config_read(struct viommu *device, uint64_t offset, void *bytes, size_t length);

/*
 * Write to configuration space. Only `bypass` can be written, with 0 or 1, and only
 * once VIOMMU_F_BYPASS_CONFIG was accepted; all else is ignored. Endpoints that are
 * attached to nothing change over at once, and their listeners are told.
 */
void viommu_config_write(struct viommu *device, uint64_t offset, const void *bytes, size_t length);

/*
 * Device reset: what the driver asks of its transport. No feature is accepted and no
 * endpoint attached afterwards, and so no domain or mapping exists; `bypass` stays.
 */
void viommu_reset(struct viommu *device);

/* System reset: as viommu_reset(), and `bypass` returns to what was configured. */
void viommu_system_reset(struct viommu *device);

/* -- requests ---------------------------------------------------------------- */

/*
 * Execute one request of the request queue. The descriptor chain comes as two lists,
 * what the device may read and what it may write, in any number of pieces; both may be
 * memory that the guest is changing. Returns the used length: how many bytes were
 * written, from the first writable byte on. 0 says that the buffers go back unwritten,
 * as virtio wants it of an unknown type, and of a request that is too short or has no
 * room for a status.
 *
 * Requests must be handed over in the order of the available ring.
 */
size_t viommu_request(struct viommu *device, const struct iovec *readable, size_t n_readable,
		      const struct iovec *writable, size_t n_writable);

/*
 * Several requests in one go, such as those that a driver has notified of together: between
 * the two calls the device is locked for the calling thread, and requests do not wait each
 * for the DMA sections that must end before the guest may know (see below). The end waits
 * once for all of them. So no answer may be shown to the guest before viommu_batch_end()
 * has returned: write the used ring after it.
 *
 * In between the thread must not call anything of the same device but viommu_batch_request().
 */
void viommu_batch_begin(struct viommu *device);
void viommu_batch_end(struct viommu *device);

/* As viommu_request(), which is a batch of one. */
size_t viommu_batch_request(struct viommu *device, const struct iovec *readable, size_t n_readable,
			    const struct iovec *writable, size_t n_writable);

/* -- endpoints ----------------------------------------------------------------- */

/* A range that an endpoint cannot use for mappings. */
struct viommu_reserved {
	uint64_t first, last;
	uint32_t subtype; /* VIOMMU_RESV_MEM_RESERVED or VIOMMU_RESV_MEM_MSI */
};

struct viommu_endpoint {
	size_t size;

	/* The number by which the guest knows it: for PCI, what the firmware tables say, most
	 * often segment << 16 | BDF. */
	uint32_t id;

	/* If narrower than the device's. 0: the device's. A guest cannot be told of a larger
	 * granule: give it to the device too, where that is possible. */
	uint64_t page_size_mask;

	/* If narrower than the device's. Both 0: the device's. What is left out is told to the
	 * guest as reserved regions. */
	uint64_t input_first, input_last;

	/* Sorted or not, but disjoint, and at most one of them MSI. Copied. */
	const struct viommu_reserved *reserved;
	size_t n_reserved;

	/* The NUMA node, as the ACPI proximity domain; told to the guest if `has_proximity`. */
	bool has_proximity;
	uint32_t proximity_domain;

	/* Address Translation Services; told to the guest if `has_ats`. VIOMMU_ATS_F_*. A VMM
	 * that says so must have a listener whose `unmap` and `mode` return only when the
	 * endpoint's cached translations are gone. */
	bool has_ats;
	uint32_t ats;
};

/*
 * From now on the endpoint's DMA goes through this device. It is attached to nothing.
 *
 * -EEXIST, -EINVAL (ranges inverted, overlapping, outside; two MSI regions), -ENOSPC
 * (its properties do not fit into probe_size), -ENOMEM
 */
int viommu_endpoint_add(struct viommu *device, const struct viommu_endpoint *endpoint);

/*
 * Change what is said of an endpoint: all of it. The guest learns of it only when it
 * probes the endpoint again. -EBUSY if it is attached to a domain that could then not
 * have it. Otherwise as viommu_endpoint_add(), and -ENOENT.
 */
int viommu_endpoint_update(struct viommu *device, const struct viommu_endpoint *endpoint);

/*
 * The endpoint is unplugged. It is detached first, as if by DETACH, and its listeners
 * are told and freed. Returns when no DMA section can still reach memory for it.
 * -ENOENT
 */
int viommu_endpoint_remove(struct viommu *device, uint32_t id);

/* -- listeners ------------------------------------------------------------------- */

struct viommu_mapping {
	uint32_t domain;
	uint32_t flags;       /* VIOMMU_MAP_F_* */
	uint64_t first, last; /* the endpoint's addresses: IOVAs */
	uint64_t phys;        /* the guest's physical address of `first` */
};

/* What becomes of an endpoint's accesses. */
enum viommu_mode {
	VIOMMU_BLOCKED,    /* none is let through, but for writes to an MSI region */
	VIOMMU_BYPASS,     /* all are, untranslated */
	VIOMMU_TRANSLATED, /* by the mappings of its domain */
};

/*
 * Whoever mirrors an endpoint's mappings (VFIO, iommufd, a vhost IOTLB, a device with
 * an ATS cache). Every member may be NULL.
 *
 * A refusal of `map` or `mode` is a negative errno and becomes the status of the
 * guest's request: -ENOMEM and -ENOSPC NOMEM, -EINVAL INVAL, -ERANGE RANGE, -EFAULT
 * FAULT, -EOPNOTSUPP UNSUPP, -EIO IOERR, all else DEVERR. Whatever was done for that
 * request is undone, listeners told before are told to unmap again, and the device
 * stays as it was. (If even the old state cannot be told again, the endpoint is left
 * attached to nothing, and blocked.)
 */
struct viommu_listener_ops {
	size_t size;

	/* The endpoint can reach this range from now on. */
	int (*map)(void *opaque, const struct viommu_mapping *mapping);

	/* The endpoint must not reach it any more when this returns. Always exactly one that
	 * `map` was given. Cannot be refused. */
	void (*unmap)(void *opaque, const struct viommu_mapping *mapping);

	/* Another mode is in force. Mappings are told only between a call with
	 * VIOMMU_TRANSLATED and the next with another. Where nobody can be refused (reset,
	 * removal, a write to `bypass`) the result is ignored. */
	int (*mode)(void *opaque, enum viommu_mode mode);
};

struct viommu_listener;

/*
 * Listen on an endpoint. Before this returns, `mode` is told the mode in force, and
 * `map` every mapping there is. If either refuses, the listener is not added and the
 * errno is returned. -ENOENT, -E2BIG, -ENOMEM
 */
int viommu_listen(struct viommu *device, uint32_t endpoint, const struct viommu_listener_ops *ops,
		  void *opaque, struct viommu_listener **ret_listener);

/*
 * Stop listening: `unmap` is told every mapping there is, then `mode`
 * VIOMMU_BLOCKED. Not for a listener whose endpoint was removed; NULL is fine. Returns
 * NULL.
 */
struct viommu_listener *viommu_unlisten(struct viommu_listener *listener);

/* -- translation -------------------------------------------------------------------- */

/* Besides VIOMMU_MAP_F_READ and _WRITE, in what an access asks for: */
#define VIOMMU_ACCESS_QUIET (1u << 31) /* do not report a fault to the guest */

struct viommu_translation {
	uint64_t address; /* guest physical */
	uint64_t length;  /* bytes from there, at most as many as asked for, at least 1 */
	uint32_t flags;   /* VIOMMU_MAP_F_*: what is permitted in all of it */
	bool identity;    /* not translated: bypass, or an MSI region */
};

/*
 * Where does an endpoint's access of `length` bytes at `iova` go? The answer covers
 * as much of the beginning of the access as is contiguous in guest memory and
 * permitted, over any number of mappings: ask again for the rest. (It may end with any
 * mapping while others of the domain are changing all the time.) `access` is
 * VIOMMU_MAP_F_READ, _WRITE, both, or 0 to ask only whether there is a mapping.
 *
 * -EFAULT: the first byte cannot be accessed so. The guest is told through the event
 * queue, unless VIOMMU_ACCESS_QUIET.
 * -ENOENT: nobody added that endpoint; the guest, who cannot know it, is not told.
 * -EINVAL: length 0.
 *
 * The answer may be out of date when this returns. For an access that the guest's
 * UNMAP is to wait for, use a DMA section. Takes no lock, and never waits, but for what
 * `event` does; allocates a cache line or two when a thread first calls it.
 */
int viommu_translate(struct viommu *device, uint32_t endpoint, uint64_t iova, uint64_t length,
		     uint32_t access, struct viommu_translation *ret_translation);

/*
 * DMA sections
 *
 * An IOMMU promises that when the guest sees its UNMAP done, the memory is no longer
 * touched. A thread that does DMA for endpoints therefore translates and accesses
 * between viommu_dma_begin() and viommu_dma_end(): UNMAP, DETACH, reset and removal
 * of an endpoint complete only when every section is over that began before them; one
 * that begins after sees their result.
 *
 * Each such thread makes a pass of its own, once, and uses it for all its sections. Keep
 * sections short: requests wait for them. Inside a section the thread must not call
 * anything of the same device but viommu_dma_translate() and viommu_translate().
 */
struct viommu_dma;

/* -ENOMEM */
int viommu_dma_new(struct viommu *device, struct viommu_dma **ret_dma);

/* Not inside a section; NULL is fine. Returns NULL. */
struct viommu_dma *viommu_dma_free(struct viommu_dma *dma);

/* Enter a section. Never waits; never nest two of one pass. */
void viommu_dma_begin(struct viommu_dma *dma);

/* Leave it: whatever was translated in it must not be accessed any more. */
void viommu_dma_end(struct viommu_dma *dma);

/* As viommu_translate(); what it answers may be accessed until the section ends. Asked again in
 * the same section it may answer otherwise. */
int viommu_dma_translate(struct viommu_dma *dma, uint32_t endpoint, uint64_t iova, uint64_t length,
			 uint32_t access, struct viommu_translation *ret_translation);

/* -- saved state --------------------------------------------------------------------- */

/*
 * Write down everything that the driver has made of the device: features, `bypass`, domains,
 * attachments, mappings. Not what the VMM said: configuration, endpoints and listeners it
 * says again on the other side. The stream has a version and describes itself
 * (docs/state.md); a newer library reads what an older one wrote.
 *
 * *ret_bytes is to be freed with free(). -ENOMEM
 */
int viommu_save(struct viommu *device, void **ret_bytes, size_t *ret_length);

/*
 * Become what a stream says. What the device was before is forgotten first, as by
 * viommu_reset(); listeners are told all of it. On failure the device is as after a
 * reset, and `reason` (of `room` bytes, 128 are enough) has a sentence that says why.
 *
 * -EINVAL   the stream is damaged
 * -ENOTSUP  it is of a version that this library does not know
 * -EBUSY    it does not fit this device: an endpoint is missing, a limit too low, ...
 * -ENOMEM, and whatever a listener refused with
 */
int viommu_load(struct viommu *device, const void *bytes, size_t length, char *reason, size_t room);

/* -- inspection --------------------------------------------------------------------- */

/*
 * Walks over the live state, one object a call and any number of pages: each finds the
 * first object at or after `from`, or returns -ENOENT. Ask for what follows with
 * from = found + 1, unless what was found is the highest number there is: then nothing
 * follows. What changes between two calls is seen, or not.
 */

struct viommu_domain_state {
	uint32_t id;
	bool bypass;
	uint64_t n_endpoints, n_mappings;
};

struct viommu_endpoint_state {
	uint32_t id;
	enum viommu_mode mode;
	bool attached;
	uint32_t domain; /* if attached */
	uint64_t faults; /* since it was added */
};

struct viommu_fault {
	uint32_t endpoint;
	uint8_t reason;   /* VIOMMU_FAULT_R_* */
	bool dropped;     /* there was no buffer on the event queue */
	uint32_t flags;   /* VIOMMU_FAULT_F_* */
	uint64_t address; /* if VIOMMU_FAULT_F_ADDRESS */
};

/* The first domain with a number of `from` or above. */
int viommu_next_domain(struct viommu *device, uint32_t from,
		       struct viommu_domain_state *ret_domain);

/* The first endpoint with an ID of `from` or above, attached or not. */
int viommu_next_endpoint(struct viommu *device, uint32_t from,
			 struct viommu_endpoint_state *ret_endpoint);

/* The first mapping of a domain that ends at or after `from`. */
int viommu_next_mapping(struct viommu *device, uint32_t domain, uint64_t from,
			struct viommu_mapping *ret_mapping);

/* Copy the youngest faults, youngest first, at most `n` and at most 64. Returns how many. */
size_t viommu_last_faults(struct viommu *device, struct viommu_fault *faults, size_t n);

struct viommu_counters {
	size_t size;
	uint64_t domains, mappings, bytes; /* held now, against the limits */
	uint64_t endpoints;
	uint64_t requests;       /* answered with a status */
	uint64_t requests_bad;   /* returned unwritten */
	uint64_t refused;        /* of those answered: not OK */
	uint64_t limited;        /* of those: a limit was reached */
	uint64_t faults;         /* reported or dropped */
	uint64_t faults_dropped; /* of those: no buffer on the event queue */
};

/* Fill the struct, as far as the caller's `size` reaches. */
void viommu_count(struct viommu *device, struct viommu_counters *counters);

/*
 * Write all of the above as text for a person: configuration, counters and limits,
 * domains with their endpoints and the first mappings of each, last faults. `write` is
 * called with pieces of it, outside of any lock.
 */
void viommu_dump(struct viommu *device,
		 void (*write)(void *opaque, const char *text, size_t length), void *opaque);

/* -- version ----------------------------------------------------------------------- */

/* The library's version, as "0.1.0". */
const char *viommu_version(void);

#ifdef __cplusplus
}
#endif

#endif
