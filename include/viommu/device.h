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
 * In the smallest VMM, which has an endpoint 8 and a virtio transport of its own, that is:
 *
 *     static int put_event(void *opaque, const void *record, size_t length);
 *
 *     struct viommu_ops ops = { .size = sizeof(ops), .event = put_event };
 *     struct viommu_endpoint nic = { .size = sizeof(nic), .id = 8 };
 *     struct viommu *device;
 *
 *     error = viommu_new(NULL, &ops, vmm, &device);
 *     if (!error)
 *             error = viommu_endpoint_add(device, &nic);
 *
 * From then on it forwards what the driver does: viommu_accept() at FEATURES_OK, one
 * viommu_request() for each descriptor chain of the request queue, viommu_config_read() and
 * viommu_config_write() for configuration space, and viommu_reset() when the driver writes 0
 * to the status. All DMA of endpoint 8 asks viommu_translate() or, better, a DMA section.
 *
 * Ranges are closed, [first, last], everywhere: so the last byte of the 64-bit space
 * can be named, and a range is never empty.
 *
 * Structs that cross this boundary begin with their own size, set by whoever fills
 * them: `struct viommu_config config = { .size = sizeof(config) };`. They only ever
 * grow at the end, and a member that is zero (or beyond the caller's size) means its
 * default. So a VMM keeps working with a newer library without being built again. A struct
 * that is longer than the library's is taken if all that the library does not know of it is
 * zero, and is -E2BIG otherwise; a `size` smaller than itself is -EINVAL.
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
 *
 * Who waits for whom: whatever changes where accesses go may wait for DMA sections of other
 * threads. These are requests and the end of a batch, resets, viommu_load(), viommu_accept(),
 * a write of `bypass`, and adding, updating and removing an endpoint. A thread that calls one
 * of them inside a section of its own waits for itself, for ever. So it may with a mere question,
 * which takes the device's lock: whoever holds it may be waiting for that section. Translations
 * take no lock, even where there is no memory: a listener may ask for one, and so may a thread in a
 * section.
 *
 * Callbacks return: no longjmp and no exception leaves them. A thread may end in `event`, as by
 * pthread_cancel(), unless it had no memory for its first viommu_translate(): no request waits for
 * it then. Nothing here is for signal handlers, nor for the child of a process that had several
 * threads when it forked: what those held, or were in, is never let go there.
 *
 * Limits and what they protect
 *
 * A guest decides how many domains and mappings there are, and so how much memory of the host
 * they need. `max_domains`, `max_mappings` and `max_bytes` bound that: a request beyond them is
 * answered VIOMMU_S_NOMEM, counted in `limited`, and changes nothing. Bytes are all that requests
 * make the device hold, 16 for malloc beside each block included: at no moment, in the middle of
 * a request or of viommu_load(), are there more. What a request does not leave behind, such as
 * faults, PROBEs and whatever is refused, takes no memory at all. Endpoints, listeners and threads
 * are made by the VMM and are not bounded here.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* The device is opaque: all of its state is behind the functions of this header, and there may be
 * any number of devices in a process, which know nothing of each other. */
struct viommu;

/* -- the device ------------------------------------------------------------ */

/* What a device offers where the configuration does not choose. */
#define VIOMMU_FEATURES_DEFAULT \
	(VIOMMU_F_INPUT_RANGE | VIOMMU_F_DOMAIN_RANGE | VIOMMU_F_MAP_UNMAP | VIOMMU_F_PROBE | \
	 VIOMMU_F_MMIO | VIOMMU_F_BYPASS_CONFIG)

/*
 * Defaults for members of struct viommu_config that are 0. 512 bytes of properties are 21
 * reserved regions; 4 Mi mappings of 4 KiB cover 16 GiB; the last is 1 GiB of the host's heap.
 * Of the limits, the one that is reached first counts.
 */
#define VIOMMU_PROBE_SIZE_DEFAULT   512
#define VIOMMU_MAX_DOMAINS_DEFAULT  65536
#define VIOMMU_MAX_MAPPINGS_DEFAULT (4u << 20)
#define VIOMMU_MAX_BYTES_DEFAULT    (1ull << 30)

/* For the limits below: never answer NOMEM because of this one. Only for guests that are trusted
 * with the host's memory. */
#define VIOMMU_UNLIMITED UINT64_MAX

/*
 * What the device is. It is read once, by viommu_new(), which checks it as a whole: a
 * configuration that the driver could misunderstand is -EINVAL and not corrected. Defaults are
 * filled in first, so viommu_configuration() shows numbers where 0 was given.
 */
struct viommu_config {
	size_t size;

	/* VIOMMU_F_*, 0: VIOMMU_FEATURES_DEFAULT. VIOMMU_F_BYPASS is superseded and offered
	 * only if named here; together with VIOMMU_F_BYPASS_CONFIG it is refused, and so is any
	 * bit of the transport. Without VIOMMU_F_MAP_UNMAP the device only ever lets pass or
	 * blocks. */
	uint64_t features;

	/* The page sizes; the lowest bit is the granule of mappings, which may be a single
	 * byte. 0: 4 KiB and every power of two above. Bit n stands for pages of 2^n bytes;
	 * first, last + 1 and the physical address of every MAP are multiples of the granule, or
	 * it is answered VIOMMU_S_RANGE. Bits above the lowest are a hint to the driver and are
	 * not enforced. "Device configuration layout" */
	uint64_t page_size_mask;

	/* Addresses that can be mapped. Both 0: all of the 64-bit space. Anything narrower needs
	 * VIOMMU_F_INPUT_RANGE, for a driver that is not told would map outside of it. A MAP that
	 * leaves the range is answered VIOMMU_S_RANGE. */
	uint64_t input_first, input_last;

	/* Numbers that a driver may give to domains. Both 0: any. Anything narrower needs
	 * VIOMMU_F_DOMAIN_RANGE. An ATTACH to another is answered VIOMMU_S_RANGE. It bounds names
	 * and not how many there are at once: that is `max_domains`. */
	uint32_t domain_first, domain_last;

	/* Bytes of properties in an answer to PROBE, a multiple of 8 and at most 65536. 0: the
	 * default. All that is said of any endpoint has to fit: 24 bytes for a reserved region, 8
	 * for the proximity domain, 8 for ATS. What is left is filled with zeroes, which is
	 * property NONE and ends the list. */
	uint32_t probe_size;

	/* Does an endpoint that is attached to nothing reach guest memory untranslated? This
	 * is the value at power-on; the driver changes it in configuration space. Not without
	 * VIOMMU_F_BYPASS_CONFIG. It holds before any driver accepts features, so that firmware
	 * without a driver can boot from a disk behind the IOMMU; false is the safe value, since
	 * nothing then reaches memory before a driver says so. */
	bool bypass;

	/* What the guest can make the host hold. A request that would go beyond is answered
	 * VIOMMU_S_NOMEM. 0: the default; VIOMMU_UNLIMITED: no limit. Domains exist while an
	 * endpoint is attached to them, so there are never more of them than endpoints. */
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

/* -- observing a device ---------------------------------------------------- */

/* A field of a request, in host byte order. */
struct viommu_trace_field {
	const char *name; /* the standard's: "virt_start" */
	uint64_t value;
};

/* A request that was executed. All pointers are valid until `trace` returns. */
struct viommu_trace {
	const char *request; /* "ATTACH", "DETACH", "MAP", "UNMAP", "PROBE"; NULL: unknown type */
	uint8_t type;        /* VIOMMU_T_*, or what the guest sent */
	bool answered;       /* false: returned unwritten, and there are no fields and no status */
	uint8_t status;      /* VIOMMU_S_* */
	const char *status_name; /* "OK", "INVAL", ... */
	size_t n_fields;         /* a reserved field is one of them only if it is not 0 */
	const struct viommu_trace_field *fields;
	const char *text; /* all of it in one line, without a newline */
};

/* What a VMM's owner should know of. */
enum viommu_log_event {
	VIOMMU_LOG_LIMIT,      /* max_domains, max_mappings or max_bytes refused a request */
	VIOMMU_LOG_MEMORY,     /* the host has no memory for a request */
	VIOMMU_LOG_LISTENER,   /* a listener refused, and so did the device */
	VIOMMU_LOG_QUARANTINE, /* an endpoint is blocked: a listener refused its old state too */
	VIOMMU_LOG_CONFIG,     /* a write to configuration space was ignored */
	VIOMMU_LOG_FEATURES,   /* the driver accepted a feature that was not offered */
	VIOMMU_LOG_REQUEST,    /* a request was malformed, and returned unwritten */
	VIOMMU_LOG_QUEUE,      /* a virtqueue is broken; <viommu/mmio.h> only */
	VIOMMU_N_LOG_EVENTS,   /* how many this library knows; may grow */
};

struct viommu_log {
	enum viommu_log_event event;
	uint64_t count;   /* how often it has happened since viommu_new() */
	const char *text; /* one sentence, without a newline; valid until `log` returns */
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
	 * at once; may take locks of its own, must not wait for a request. The record has the
	 * guest's byte order already (little-endian, <viommu/protocol.h>), is to be copied as it
	 * is, and is gone when this returns. NULL: every fault is dropped. "Event queue"
	 */
	int (*event)(void *opaque, const void *record, size_t length);

	/*
	 * A request was executed: its fields and its status. For debugging. Called by the thread
	 * of the request, once for each, in order, with the device locked; before the guest can
	 * see the answer. May take locks of its own and call viommu_translate(). NULL: costs
	 * nothing.
	 */
	void (*trace)(void *opaque, const struct viommu_trace *trace);

	/*
	 * Something that the owner of the VMM should know. A guest can cause these events without
	 * limit, so of each kind only the 1st, 2nd, 4th, 8th, ... is reported. Called by any
	 * thread, several at once, with or without the device locked: the rules are those of
	 * `trace`. NULL: costs nothing.
	 */
	void (*log)(void *opaque, const struct viommu_log *entry);
};

/*
 * Make a device. `config` and `ops` are copied, and may be NULL for all defaults;
 * `opaque` is handed to every callback. Free it with viommu_free(). The topology that `config`
 * points to is copied as well.
 *
 * -EINVAL   the configuration contradicts itself: a range inverted or narrower than what the
 *           features let the driver know, `bypass` without its feature, an unknown feature, a
 *           probe_size that is no multiple of 8, a topology that is too short or too long
 * -E2BIG    `config` or `ops` sets a member that this library does not have
 * -ENOMEM
 */
int viommu_new(const struct viommu_config *config, const struct viommu_ops *ops, void *opaque,
	       struct viommu **ret_device);

/*
 * Forget everything and free the device with its listeners, without telling them. DMA passes
 * must have been freed before. NULL is fine. Returns NULL, so that the pointer can be cleared in
 * the same line: device = viommu_free(device). No other thread may be inside the library with
 * this device, nor call it later.
 */
struct viommu *viommu_free(struct viommu *device);

/* The configuration in force, defaults filled in. Constant while the device lives. */
const struct viommu_config *viommu_configuration(const struct viommu *device);

/* -- features, configuration space, reset ------------------------------------ */

/*
 * The feature bits to offer (VIOMMU_F_*); those of the transport are the VMM's to add, among them
 * VIRTIO_F_VERSION_1, which this device needs. Constant while the device lives.
 */
uint64_t viommu_features(const struct viommu *device);

/*
 * The driver has accepted these features. Bits that the device does not know (the
 * transport's) are ignored. -EINVAL if one was not offered: nothing changes then, and the
 * transport leaves FEATURES_OK clear. What was not accepted does not exist: a MAP without
 * VIOMMU_F_MAP_UNMAP goes back unwritten, and VIOMMU_MAP_F_MMIO without VIOMMU_F_MMIO is an
 * unknown flag. Endpoints that are attached to nothing may change over, if VIOMMU_F_BYPASS is
 * among them; their listeners are told. "Device initialization"
 */
int viommu_accept(struct viommu *device, uint64_t features);

/*
 * How many bytes of configuration space there are: VIOMMU_CONFIG_LENGTH, or as many as the
 * built-in topology needs. Constant while the device lives.
 */
size_t viommu_config_length(const struct viommu *device);

/*
 * Read `length` bytes of configuration space at `offset`: any size, any offset; what
 * lies behind its end reads as 0. Fields can be read before features are accepted. Bytes are as
 * on the wire, little-endian; a field whose feature is not offered reads as 0. Two reads are two
 * moments: only `bypass` can change in between, and that is one byte.
 */
void viommu_config_read(struct viommu *device, uint64_t offset, void *bytes, size_t length);

/*
 * Write to configuration space. Only `bypass` can be written, with 0 or 1, and only
 * once VIOMMU_F_BYPASS_CONFIG was accepted; all else is ignored. Endpoints that are
 * attached to nothing change over at once, and their listeners are told. A store of several bytes
 * counts if it covers VIOMMU_CONFIG_BYPASS; the others of its bytes are ignored. Accesses that
 * were let through before have ended when this returns, as far as they are in DMA sections.
 */
void viommu_config_write(struct viommu *device, uint64_t offset, const void *bytes, size_t length);

/*
 * Device reset: what the driver asks of its transport. No feature is accepted and no
 * endpoint attached afterwards, and so no domain or mapping exists; `bypass` stays.
 * Endpoints, listeners and counters stay too. Returns when no DMA section can still reach memory
 * by what was mapped. "Device configuration layout" lets `bypass` outlive the reset, so that a
 * guest that starts another kernel does not open a gap.
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
 *
 * The readable bytes are copied once, before anything is checked, so a guest that changes them
 * meanwhile changes nothing. Longer requests than the standard has are taken, and what is behind
 * their known part is ignored. Empty pieces may have no address. A piece must be memory of this
 * process that can be read, or written, whole: the caller has translated it and checked it.
 *
 * What each status means, request by request, stands in <viommu/protocol.h>. Returns only when
 * the guest may know: after an UNMAP nothing can reach the memory any more.
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
 *
 * A kick of the request queue is then served so:
 *
 *     viommu_batch_begin(device);
 *     while (queue_pop(queue, &chain))
 *             queue_push(queue, &chain,
 *                        viommu_batch_request(device, chain.readable, chain.n_readable,
 *                                             chain.writable, chain.n_writable));
 *     viommu_batch_end(device);
 *     queue_publish(queue);
 *
 * where queue_push() only notes an element of the used ring, and queue_publish() moves its index
 * and sends the interrupt. Statuses are written to guest memory as requests are executed; the
 * guest has no right to look at them before the ring says so.
 *
 * ATTACH and DETACH wait for sections by themselves, in a batch too. A run of UNMAPs, such as a
 * driver sends when it tears down a buffer, waits once; a MAP only now and then, when the map has
 * to have memory back that old nodes still hold.
 * Other threads that want the lock wait as long as the batch lasts, translations do not: so bound
 * it by the size of the queue.
 */
void viommu_batch_begin(struct viommu *device);

/* The end: what sections still use is waited for, and the device is free for other threads. */
void viommu_batch_end(struct viommu *device);

/* As viommu_request(), which is a batch of one. Only between begin and end, by the same thread. */
size_t viommu_batch_request(struct viommu *device, const struct iovec *readable, size_t n_readable,
			    const struct iovec *writable, size_t n_writable);

/* -- endpoints ----------------------------------------------------------------- */

/*
 * A range that an endpoint cannot use for mappings: a MAP that touches it is answered
 * VIOMMU_S_INVAL. In a region of VIOMMU_RESV_MEM_MSI the endpoint's writes are let through
 * untranslated whatever mode it is in, since they are interrupts and not memory; reads only by an
 * endpoint that bypasses.
 * One of VIOMMU_RESV_MEM_RESERVED merely has no mappings. ("RESV_MEM property")
 */
struct viommu_reserved {
	uint64_t first, last;
	uint32_t subtype; /* VIOMMU_RESV_MEM_RESERVED or VIOMMU_RESV_MEM_MSI */
};

#define VIOMMU_PROPERTY_MEMBERS(name, type, has, member, bits, text) \
	bool has_##has; \
	uint32_t member;

/*
 * What the VMM says of a device whose DMA it translates here. It is copied, and says nothing of
 * who it is attached to: that is the driver's to say. "PROBE request" tells the guest most of it.
 */
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

	/* Sorted or not, but disjoint, and at most one of them MSI. Copied. NULL only with
	 * n_reserved 0. On x86 the MSI region is [0xfee00000, 0xfeefffff]. */
	const struct viommu_reserved *reserved;
	size_t n_reserved;

	/*
	 * bool has_<has>; uint32_t <member>; for each row of VIOMMU_PROPERTIES: PROBE answers the
	 * property with that value. Now: has_proximity, proximity_domain, has_ats, ats.
	 *
	 * A VMM that sets both VIOMMU_ATS_F_* needs a listener whose `unmap` and `mode` return
	 * only when the endpoint's cached translations are invalidated.
	 */
	VIOMMU_PROPERTIES(VIOMMU_PROPERTY_MEMBERS)
};

/*
 * From now on the endpoint's DMA goes through this device. It is attached to nothing, and so
 * blocked or let pass as `bypass` has it. May be called at any time, for a device that is plugged
 * into a running guest; the guest learns of it by other means (its bus).
 *
 * -EEXIST   an endpoint with this `id` was added, and was not removed
 * -EINVAL   a range is inverted, or has nothing in common with the device's; regions overlap; two
 *           of them are MSI; an unknown subtype or ATS flag
 * -ENOSPC   its properties do not fit into probe_size
 * -E2BIG    it sets a member that this library does not have
 * -ENOMEM
 */
int viommu_endpoint_add(struct viommu *device, const struct viommu_endpoint *endpoint);

/*
 * Change what is said of an endpoint: all of it. The guest learns of it only when it
 * probes the endpoint again. -EBUSY if it is attached to a domain that could then not
 * have it: its mappings lie in a region that is to be reserved or outside of the new input
 * range, or the granule would be another than that of the domain. The endpoint is then as it was.
 * Listeners are told nothing, for no mapping changes. Otherwise as viommu_endpoint_add(), and
 * -ENOENT.
 */
int viommu_endpoint_update(struct viommu *device, const struct viommu_endpoint *endpoint);

/*
 * The endpoint is unplugged. It is detached first, as if by DETACH, and its listeners
 * are told and freed. Returns when no DMA section can still reach memory for it. Pointers to its
 * listeners are invalid from then on; a translation for its ID is -ENOENT. If it was the last of
 * its domain, the domain is gone with its mappings. -ENOENT: there is no such endpoint.
 */
int viommu_endpoint_remove(struct viommu *device, uint32_t id);

/* -- listeners ------------------------------------------------------------------- */

/*
 * One mapping, as one MAP made it: mappings are never merged or cut. `last` - `first` + 1 bytes
 * from `first` are at `phys` in guest memory, in one piece; neither end wraps around.
 */
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
 * A listener for VFIO, for example, does three things: `map` calls VFIO_IOMMU_MAP_DMA with the
 * host's address of `phys`, `unmap` calls VFIO_IOMMU_UNMAP_DMA, and `mode` maps all of guest
 * memory to itself for VIOMMU_BYPASS and takes that away for any other. An endpoint may have any
 * number of listeners; they are told in the order in which they were added.
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

	/* The endpoint can reach this range from now on. Called before translations know it, so
	 * that a refusal leaves nothing to take back; `mapping` is gone when this returns. */
	int (*map)(void *opaque, const struct viommu_mapping *mapping);

	/* The endpoint must not reach it any more when this returns. Always exactly one that
	 * `map` was given. Cannot be refused. */
	void (*unmap)(void *opaque, const struct viommu_mapping *mapping);

	/* Another mode is in force. Mappings are told only between a call with
	 * VIOMMU_TRANSLATED and the next with another. Where nobody can be refused (reset,
	 * removal, a write to `bypass`) the result is ignored. */
	int (*mode)(void *opaque, enum viommu_mode mode);
};

/* Opaque. It belongs to the device, and lives until viommu_unlisten(), or until its endpoint is
 * removed or the device is freed. */
struct viommu_listener;

/*
 * Listen on an endpoint. Before this returns, `mode` is told the mode in force, and
 * `map` every mapping there is. If either refuses, the listener is not added and the
 * errno is returned; what it had agreed to until then it was told to unmap. `ops` is copied,
 * `opaque` is not looked at. -ENOENT: no such endpoint. -E2BIG, -EINVAL: its size. -ENOMEM
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

/* How many mappings an answer can go over: so a guest with millions of them cannot make
 * translations take long, nor the requests that wait for them. */
#define VIOMMU_ANSWER_MAPPINGS_MAX 1024

/* Where an access goes. Not touched when there is an error. */
struct viommu_translation {
	uint64_t address; /* guest physical */
	uint64_t length;  /* bytes from there, at most as many as asked for, at least 1 */
	uint32_t flags;   /* VIOMMU_MAP_F_*: what is permitted in all of it */
	bool identity;    /* not translated: bypass, or an MSI region */
};

/*
 * Where does an endpoint's access of `length` bytes at `iova` go? The answer covers
 * as much of the beginning of the access as is contiguous in guest memory and
 * permitted, over as many as VIOMMU_ANSWER_MAPPINGS_MAX mappings: ask again for the rest. (It may
 * end with any mapping while others of the domain are changing all the time.) `access` is
 * VIOMMU_MAP_F_READ, _WRITE, both, or 0 to ask only whether there is a mapping. An access that
 * would go beyond the 64-bit space is cut there.
 *
 * Bypass answers the address itself, for reads and writes and all of `length`; so does an MSI
 * region, for writes, as far as it goes. `flags` are what every part of the answer permits: they
 * may be more than was asked for.
 *
 * -EFAULT: the first byte cannot be accessed so. The guest is told through the event
 * queue, unless VIOMMU_ACCESS_QUIET: reason DOMAIN if the endpoint is attached to nothing,
 * MAPPING if its domain has no such mapping, UNKNOWN if a listener keeps it blocked.
 * -ENOENT: nobody added that endpoint; the guest, who cannot know it, is not told.
 * -EINVAL: length 0.
 *
 * The answer may be out of date when this returns. For an access that the guest's
 * UNMAP is to wait for, use a DMA section. Takes no lock, and never waits, but for what
 * `event` does. Allocates a cache line or two when a thread first calls it, and is merely slower
 * if it cannot have them. Listeners may call it; `event` may not.
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
 * anything of the same device but viommu_dma_translate() and viommu_translate(). Nor should it make
 * a request to another one, whose sections that waits for: two threads that do so crosswise wait
 * for each other, for ever.
 *
 * So a device model fetches a buffer of its guest, piece by piece:
 *
 *     viommu_dma_begin(dma);
 *     for (size_t done = 0; done < length && !error; done += piece.length) {
 *             error = viommu_dma_translate(dma, endpoint, iova + done, length - done,
 *                                          VIOMMU_MAP_F_READ, &piece);
 *             if (!error)
 *                     guest_read(bytes + done, piece.address, piece.length);
 *             else
 *                     piece.length = 0;
 *     }
 *     viommu_dma_end(dma);
 *
 * Nothing of `piece` may be kept beyond the end: whoever wants to keep translations has to listen,
 * and drop them when `unmap` says so.
 */
struct viommu_dma;

/* Make a pass, outside of any section. It may be handed to another thread, but is used by one at
 * a time. A section never allocates. -ENOMEM */
int viommu_dma_new(struct viommu *device, struct viommu_dma **ret_dma);

/* Not inside a section, and before viommu_free(); NULL is fine. Returns NULL. */
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
 * attachments, mappings; and which endpoints are blocked because a listener would not have them
 * back. Not what the VMM said: configuration, endpoints and listeners it says again on the other
 * side. Nor virtqueues and transport: those are the VMM's to save, or viommu_mmio_save() does.
 * The stream has a version and describes itself (docs/state.md); a newer library reads what an
 * older one wrote. One state has one stream: saving what was loaded gives the same bytes.
 *
 * *ret_bytes is to be freed with free(). -ENOMEM
 */
int viommu_save(struct viommu *device, void **ret_bytes, size_t *ret_length);

/*
 * Become what a stream says. What the device was before is forgotten first, as by
 * viommu_reset(); listeners are told all of it. On failure, whatever it is, the device is as after
 * viommu_reset(), so with the same `bypass` as before; and `reason` (of `room` bytes, 128 are
 * enough) has a sentence that says why. It is cut off if it needs more, ends with a NUL, and may
 * be NULL if `room` is 0; on success it is not touched.
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

/* A domain, which exists from the ATTACH that first names it until its last endpoint leaves it. */
struct viommu_domain_state {
	uint32_t id;
	bool bypass;
	uint64_t n_endpoints, n_mappings;
};

/* An endpoint, as it is for translations. One that is attached to nothing is in VIOMMU_BYPASS or
 * VIOMMU_BLOCKED. */
struct viommu_endpoint_state {
	uint32_t id;
	enum viommu_mode mode;
	bool attached;
	uint32_t domain; /* if attached */
	uint64_t faults; /* since it was added */
};

/* A fault as the guest was told it, or would have been. "Event queue" */
struct viommu_fault {
	uint32_t endpoint;
	uint8_t reason;   /* VIOMMU_FAULT_R_* */
	bool dropped;     /* there was no buffer on the event queue */
	uint32_t flags;   /* VIOMMU_FAULT_F_* */
	uint64_t address; /* if VIOMMU_FAULT_F_ADDRESS */
};

/*
 * The first domain with a number of `from` or above. All domains, then, are:
 *
 *     for (uint32_t id = 0; !viommu_next_domain(device, id, &domain); id = domain.id + 1) {
 *             show(&domain);
 *             if (domain.id == UINT32_MAX)
 *                     break;
 *     }
 */
int viommu_next_domain(struct viommu *device, uint32_t from,
		       struct viommu_domain_state *ret_domain);

/* The first endpoint with an ID of `from` or above, attached or not. */
int viommu_next_endpoint(struct viommu *device, uint32_t from,
			 struct viommu_endpoint_state *ret_endpoint);

/* The first mapping of a domain that ends at or after `from`; go on with `last` + 1. -ENOENT if
 * there is none, or no such domain (any more). */
int viommu_next_mapping(struct viommu *device, uint32_t domain, uint64_t from,
			struct viommu_mapping *ret_mapping);

/* Copy the youngest faults, youngest first, at most `n` and at most 64. Returns how many. */
size_t viommu_last_faults(struct viommu *device, struct viommu_fault *faults, size_t n);

/*
 * What is held, and what has happened since viommu_new(): resets do not set counters back. They
 * are read one after the other, so a sum may be off by what happens meanwhile.
 */
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

/* Fill the struct, as far as the caller's `size` reaches, which must be set; what a newer caller
 * has beyond this library's is set to 0. */
void viommu_count(struct viommu *device, struct viommu_counters *counters);

/*
 * Write all of the above as text for a person: configuration, counters and limits,
 * domains with their endpoints and the first mappings of each, last faults. `write` is
 * called with pieces of it, outside of any lock; a piece has `length` bytes, and is gone when
 * `write` returns. The words are for people and change between versions: programs use the walks.
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
