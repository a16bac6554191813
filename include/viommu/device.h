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
 * The device owns no thread, no file descriptor and no virtqueue. It reads guest memory only where
 * the guest attached a page table, and the VMM said where its memory is (viommu_set_memory()).
 *
 *     guest driver --virtqueue--> VMM --viommu_request()---> device --> listeners
 *     endpoint ----DMA----------> VMM --viommu_translate()-> device --> event queue
 *
 * <viommu/mmio.h> and <viommu/pci.h> add virtqueues and virtio-mmio registers or a PCI function,
 * for a VMM without virtio.
 *
 * Life cycle
 *
 *     viommu_new
 *       viommu_endpoint_add           for each device whose DMA it may translate
 *       viommu_listen                 for each component that shadows an endpoint's mappings
 *         viommu_accept               the driver has set FEATURES_OK
 *         viommu_request ...          one for each descriptor chain of the request queue
 *         viommu_config_read, _write  accesses to configuration space
 *         viommu_reset                the driver has written 0 to the device status
 *       viommu_endpoint_remove
 *     viommu_free
 *
 * A minimal VMM, with one endpoint, number 8, and its own virtio transport:
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
 * For DMA of endpoint 8, the VMM then calls viommu_translate() or, better, uses a DMA section.
 *
 * Conventions
 *
 * Ranges are closed, [first, last]: the last byte of the 64-bit space can be named, and a range is
 * never empty. Result parameters (`ret_...`) are not changed on failure. No function prints, exits
 * or aborts, except with -Dchecks=true (see "Threads"). Clauses such as "5.13.6.3" are of virtio
 * 1.3.
 *
 * Structs begin with their own `size`, set by the caller: `struct viommu_config config = { .size =
 * sizeof(config) };`. They only grow at the end. A member that is 0, or beyond the caller's size,
 * has its default. A struct longer than the library's is accepted if the part that the library
 * does not know is 0, and is -E2BIG otherwise. A `size` that does not cover itself is -EINVAL.
 *
 * A pair `has_x; x`: x is ignored if has_x is false.
 *
 * Enums may get more values. A caller treats an unknown enum viommu_mode as VIOMMU_BLOCKED, and an
 * unknown enum viommu_log_event as information.
 *
 * Errors
 *
 * A guest's error is a status byte, or a fault record on the event queue. An error of the VMM or
 * the host is a negative errno:
 *
 *   -EINVAL   an argument breaks a rule of this header
 *   -E2BIG    a struct sets a member that this library does not have
 *   -EEXIST   it exists already
 *   -ENOENT   it does not exist
 *   -EBUSY    it is in use in a way that does not permit this
 *   -ENOSPC   it does not fit into `probe_size`
 *   -EFAULT   the endpoint may not access that address
 *   -ESTALE   changes were not recorded
 *   -ENOMEM   out of memory
 *
 * Threads
 *
 * Any thread may call any function at any time; viommu_free() must be the last call. Requests run
 * one after the other. Translations run beside each other and beside requests, and never see a
 * request half done; but for an UNMAP with more than 256 calls of listeners without `unmap_range`,
 * which is done in parts.
 *
 * The last line of each function's comment is:
 *
 *   Returns   the value, or 0 and the errnos that are possible
 *   Locks     the locks that it takes: the device lock, the fault lock, or none; "state": the
 *             device lock, or none while its owner waits for DMA sections or for `commit` of a
 *             listener
 *   Waits     "DMA sections": it returns only after DMA sections of other threads that began
 *             before, and that it concerns, have ended ("DMA sections" below); "no"
 *   Since     the version that has it first; stable: a VMM in this tree uses it, and it changes
 *             only by growing; testing: it may still change
 *
 * Inside a DMA section, a thread must not call a function that takes the device lock: another
 * thread may hold the lock and wait for that section. It may call those that lock the state, which
 * then see a request half done: an endpoint that has left its old domain, and not entered the new
 * one; a domain without its last endpoint.
 *
 * Callbacks are made by the thread whose call caused them. They must return: no longjmp, no
 * exception. What each may call of the same device:
 *
 *     event, dirty               nothing; several at once, the device may be locked
 *     page_response              nothing; the device is locked
 *     trace                      viommu_translate(); the device may be locked
 *     log                        viommu_translate(); several at once, the device may be locked
 *     map, unmap, unmap_range,
 *     mode, domain, update,
 *     space                      viommu_translate(); the device is locked
 *     invalidate                 viommu_translate(); the device is locked
 *     commit                     viommu_translate(); the device is locked
 *     answered, rest             everything; several at once
 *     write of viommu_dump()     everything
 *
 * Where viommu_translate() is permitted, viommu_translate_pasid(), viommu_handle_translate() and
 * viommu_fault_report() are, too. Every callback may call viommu_count() and
 * viommu_configuration(). No callback but those of the last two lines may begin a DMA section.
 *
 * A thread may end in `event`, as by pthread_cancel(), or inside a DMA section, which ends with it.
 * It may not end in any other callback, or in a batch.
 *
 * A library built with -Dchecks=true detects forbidden calls: it prints the function and the place
 * to stderr, and aborts. Without it, such a call may deadlock.
 *
 * No function is async-signal-safe. After fork() in a process with several threads, no function
 * works in the child.
 *
 * Limits
 *
 * A guest controls the number of domains and mappings. `max_domains`, `max_mappings` and
 * `max_bytes` bound them: a request beyond a limit has the status VIOMMU_S_NOMEM, is counted in
 * `limited`, is logged, and changes nothing. Bytes are all heap memory that requests make the
 * device hold, with 16 bytes for malloc's overhead of each block. The limits are not exceeded, not
 * even during a request or viommu_load(), with two exceptions: a batch may retire up to 512 KiB
 * before it waits for DMA sections, and one request that it divides is put off. Faults, PROBEs and
 * refused requests take no memory. The VMM controls endpoints, listeners and threads; they are not
 * bounded here.
 */

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque. A process may have any number of devices; they share nothing. */
struct viommu;

/* -- the device ------------------------------------------------------------ */

/* The features of a device whose configuration has `features` 0. */
#define VIOMMU_FEATURES_DEFAULT \
	(VIOMMU_F_INPUT_RANGE | VIOMMU_F_DOMAIN_RANGE | VIOMMU_F_MAP_UNMAP | VIOMMU_F_PROBE | \
	 VIOMMU_F_MMIO | VIOMMU_F_BYPASS_CONFIG)

/*
 * Defaults for members of struct viommu_config that are 0: 21 reserved regions; 16 GiB in mappings
 * of 4 KiB; 1 GiB of heap.
 */
#define VIOMMU_PROBE_SIZE_DEFAULT   512
#define VIOMMU_MAX_DOMAINS_DEFAULT  65536
#define VIOMMU_MAX_MAPPINGS_DEFAULT (4u << 20)
#define VIOMMU_MAX_BYTES_DEFAULT    (1ull << 30)

#define VIOMMU_WAIT_LOG_NS_DEFAULT     UINT64_C(1000000000)
#define VIOMMU_RATE_UNLIMITED          UINT32_MAX
#define VIOMMU_MAX_FAULT_RATE_DEFAULT  100000u
#define VIOMMU_MAX_ATTACH_RATE_DEFAULT 10000u
#define VIOMMU_MAX_BATCH_NS_DEFAULT    UINT64_C(10000000)
#define VIOMMU_MAX_BATCH_CALLS_DEFAULT UINT64_C(65536)

/* No limit. Only for guests that are trusted with the host's memory. */
#define VIOMMU_UNLIMITED UINT64_MAX

/* The configuration of a device. viommu_new() rejects an invalid one. */
struct viommu_config {
	size_t size;

	/* VIOMMU_F_*. 0: VIOMMU_FEATURES_DEFAULT. VIOMMU_F_BYPASS is superseded, offered only if
	 * set here, and not together with VIOMMU_F_BYPASS_CONFIG. Bits of the transport are
	 * -EINVAL. Without VIOMMU_F_MAP_UNMAP the device only bypasses or blocks. 5.13.3 */
	uint64_t features;

	/* Bit n: pages of 2^n bytes. 0: 4 KiB and all powers of two above. The lowest bit is the
	 * granule, down to 1 byte: first, last + 1 and the physical address of a MAP are multiples
	 * of it, or the MAP is answered VIOMMU_S_RANGE. Other bits are hints to the driver. 5.13.4
	 */
	uint64_t page_size_mask;

	/* Addresses that can be mapped. Both 0: all of the 64-bit space. A narrower range needs
	 * VIOMMU_F_INPUT_RANGE. A MAP outside is answered VIOMMU_S_RANGE. */
	uint64_t input_first, input_last;

	/* Domain numbers that a driver may use. Both 0: all. A narrower range needs
	 * VIOMMU_F_DOMAIN_RANGE. An ATTACH to another is answered VIOMMU_S_RANGE. This is not a
	 * limit on how many domains exist: that is `max_domains`. */
	uint32_t domain_first, domain_last;

	/* Bytes of properties in the answer to PROBE: a multiple of 8, at most 65536. 0:
	 * VIOMMU_PROBE_SIZE_DEFAULT. Must have room for the properties of each endpoint: 24 for
	 * each reserved region, 8 for each other property. The rest is filled with 0. */
	uint32_t probe_size;

	/* The value of the configuration field `bypass` at power-on: whether endpoints attached to
	 * nothing reach guest memory untranslated. Needs VIOMMU_F_BYPASS_CONFIG. True lets firmware
	 * without a driver boot from a disk behind the IOMMU; false is the safe value. */
	bool bypass;

	/* See "Limits". 0: the default. Domains exist while an endpoint is attached, so there are
	 * never more domains than endpoints. */
	uint64_t max_domains;
	uint64_t max_mappings; /* of all domains together */
	uint64_t max_bytes;    /* of heap, for domains and mappings together */

	/*
	 * A built-in topology, for old guests on platforms without firmware tables: an image of
	 * configuration space, longer than VIOMMU_CONFIG_TOPOLOGY and at most
	 * VIOMMU_TOPOLOGY_LENGTH_MAX bytes. `viommu generate builtin-v3` or <viommu/tables.h> makes
	 * one. Copied. NULL: none.
	 *
	 * Guests read the image from VIOMMU_CONFIG_TOPOLOGY on; the bytes before are the device's
	 * own fields. The device then offers VIOMMU_F_TOPOLOGY itself. It shares bit 6 with
	 * VIOMMU_F_BYPASS_CONFIG, so `features` must not include that bit; the default does not.
	 */
	const void *topology;
	size_t topology_length;

	/* A wait for one DMA section, or one translation, that lasts so many nanoseconds is logged
	 * (VIOMMU_LOG_WAIT) and counted, and again after each doubling. 0:
	 * VIOMMU_WAIT_LOG_NS_DEFAULT. The wait itself goes on: until the section ends, its thread
	 * may access memory that the guest has unmapped. */
	uint64_t wait_log_ns;

	/*
	 * What a guest may use of the host. 0: the default. Rates are per second, on average; a
	 * guest that has used less before may use at most those of one second at once.
	 * VIOMMU_RATE_UNLIMITED: no limit. Faults above their rate are dropped, and counted in
	 * `faults_limited`: the device enforces that. The other limits only determine what
	 * viommu_batch_pause() returns; the VMM enforces them. <viommu/mmio.h> and <viommu/pci.h>
	 * do that for a VMM with `paused`.
	 */
	uint32_t max_fault_rate;
	uint32_t max_request_rate; /* default: no limit */
	uint32_t max_attach_rate;  /* ATTACH and ATTACH_TABLE: they cost much more than others */
	uint64_t max_batch_ns;     /* the time of a batch */
	uint64_t max_batch_calls;  /* calls of listeners in a batch */

	/*
	 * VIOMMU_PERSONALITY_*. Drafts speak the published drafts of page tables, for drivers of
	 * these: docs/drafts.md. `features` 0 then has the draft's features. Otherwise it must
	 * include VIOMMU_F_TABLE, which stands for the draft's bit, and VIOMMU_F_PROBE, and no
	 * other feature of the proposal; with draft E no VIOMMU_F_MAP_UNMAP.
	 */
	uint32_t personality;
};

/* What a device speaks. */
enum {
	VIOMMU_PERSONALITY_NATIVE,  /* virtio 1.3, and what `features` has of the proposal */
	VIOMMU_PERSONALITY_DRAFT_C, /* "draft-c" */
	VIOMMU_PERSONALITY_DRAFT_E, /* "draft-e" */
};

/* -- observing a device ---------------------------------------------------- */

/* A field of a request, in host byte order. */
struct viommu_trace_field {
	const char *name; /* the standard's: "virt_start" */
	uint64_t value;
};

/* A request that was executed. All pointers are valid until `trace` returns. */
struct viommu_trace {
	const char *request;     /* "ATTACH", "DETACH", "MAP", "UNMAP", "PROBE", "ATTACH_TABLE",
				  * "INVALIDATE", "PAGE_RESPONSE"; NULL: unknown type */
	uint8_t type;            /* VIOMMU_T_*, or what the guest sent */
	bool answered;           /* false: returned unwritten, without fields and status */
	uint8_t status;          /* VIOMMU_S_* */
	const char *status_name; /* "OK", "INVAL", ...; NULL if not answered */
	size_t n_fields;         /* a reserved field is one of them only if it is not 0; the
				  * body of ATTACH_TABLE is in `text` alone */
	const struct viommu_trace_field *fields;
	const char *text; /* all of it in one line, without a newline */
};

/* Events for the owner of a VMM. */
enum viommu_log_event {
	VIOMMU_LOG_LIMIT,      /* max_domains, max_mappings or max_bytes refused a request */
	VIOMMU_LOG_MEMORY,     /* the host has no memory for a request */
	VIOMMU_LOG_LISTENER,   /* a listener refused, and so did the device */
	VIOMMU_LOG_QUARANTINE, /* an endpoint is blocked: a listener refused its old state too */
	VIOMMU_LOG_CONFIG,     /* a write to configuration space was ignored */
	VIOMMU_LOG_FEATURES,   /* the driver accepted a feature that was not offered */
	VIOMMU_LOG_REQUEST,    /* a request was malformed, and returned unwritten */
	VIOMMU_LOG_QUEUE,      /* a virtqueue is broken: <viommu/mmio.h>, <viommu/pci.h> */
	VIOMMU_LOG_WAIT,       /* a DMA section does not end: thread, endpoint, how long */
	VIOMMU_N_LOG_EVENTS,   /* number of events in this header */
};

struct viommu_log {
	enum viommu_log_event event;
	uint64_t count;   /* number of events of this kind since viommu_new() */
	const char *text; /* one sentence, without a newline; valid until `log` returns */
};

struct viommu_fault;
struct viommu_invalidation;
struct viommu_page_response;

/* Callbacks of the device. Every member may be NULL. See "Threads". */
struct viommu_ops {
	size_t size;

	/*
	 * Copy a fault record of `length` bytes into the next buffer of the event queue. Returns
	 * 0, or a negative errno if there is no buffer or it is too short: the record is then
	 * dropped and counted. `record` has the layout of <viommu/protocol.h>, in the guest's byte
	 * order, and is valid until this returns. Must not wait for a request. NULL: every fault
	 * is dropped. 5.13.6.9
	 */
	int (*event)(void *opaque, const void *record, size_t length);

	/* A request was executed. Called once for each, in order, before the guest can see the
	 * answer. NULL: costs nothing. */
	void (*trace)(void *opaque, const struct viommu_trace *trace);

	/* An event for the owner of the VMM. A guest can cause events without limit, so only the
	 * 1st, 2nd, 4th, 8th, ... of each kind is reported. NULL: costs nothing. */
	void (*log)(void *opaque, const struct viommu_log *entry);

	/* A flag of a page table was updated at this guest-physical address: the page is dirty.
	 * Called by translations, also by several threads at once. */
	void (*dirty)(void *opaque, uint64_t address, uint64_t length);

	/*
	 * Remove this range from the endpoint's own cache before returning. Called with the device
	 * locked, after all sections that could use the old translation, and before the guest sees
	 * its request completed: for each endpoint of a domain, and for each PASID attached to it,
	 * that an INVALIDATE with DEV_TLB applies to. Not for endpoints with listeners. For
	 * endpoints with `formats` or `pasid_bits`, it is also called for everything else that
	 * removes translations: UNMAP, also in the parent of a table; DETACH, and ATTACH over a
	 * slot; reset, a write to `bypass`, and viommu_endpoint_update(). A call may cover more
	 * than was cached; a request may cause several calls. For a domain with more than 16
	 * PASIDs, or more than 16 tables over it, INVALIDATE and UNMAP cause one call for each
	 * endpoint instead, for all of its address spaces, and also for endpoints whose PASIDs have
	 * other domains. NULL: no endpoint has such a cache.
	 */
	void (*invalidate)(void *opaque, const struct viommu_invalidation *what);

	/* The answer to a group of page requests. Called once for each group that
	 * viommu_page_request() began, with the device locked: by a PAGE_RESPONSE of the driver, or
	 * with VIOMMU_PAGE_INVALID when the slot is emptied. Not called by viommu_free(). */
	void (*page_response)(void *opaque, const struct viommu_page_response *response);

	/*
	 * A request for which viommu_submit() returned VIOMMU_LATER is answered, with the used
	 * length that viommu_request() would have returned. 0: it was dropped by a reset or
	 * viommu_load(); its buffers were not written, and the guest gets no answer. Called once
	 * for each, by the thread that caused it, possibly before viommu_submit() or
	 * viommu_batch_end() returns. NULL: every request is answered at once.
	 */
	void (*answered)(void *opaque, void *cookie, size_t used);

	/*
	 * Requests are left to the next batch, as if viommu_batch_yield() had not returned 0: begin
	 * one soon. Called by viommu_listener_complete(), which then does as much as one batch may.
	 * NULL: it executes all requests that have waited for the commit.
	 */
	void (*rest)(void *opaque);
};

struct viommu_page_response {
	uint32_t endpoint;
	bool has_pasid;
	uint32_t pasid;
	uint16_t group, code; /* VIOMMU_PAGE_* */
};

/* A range to drop from an endpoint's own cache. */
struct viommu_invalidation {
	uint32_t endpoint;
	bool has_pasid; /* false: all address spaces of the endpoint, with and without a PASID */
	uint32_t pasid;
	uint64_t first, last; /* in each of them; all of it: 0, UINT64_MAX */
};

/*
 * Create a device. `config` and `ops` are copied, the topology included; NULL: all defaults.
 * `opaque` is passed to every callback.
 *
 * -EINVAL   a range is inverted, or narrower than what the features let the driver know; `bypass`
 *           without its feature; an unknown feature; a bad probe_size or topology_length
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (stable)
 */
int viommu_new(const struct viommu_config *config, const struct viommu_ops *ops, void *opaque,
	       struct viommu **ret_device);

/*
 * Free the device and its listeners. Makes no callback. DMA section handles must have been
 * freed before. No thread may use the device meanwhile or afterwards. NULL is accepted.
 *
 * Returns: NULL. Locks: none. Waits: no. Since: 0.1 (stable)
 */
struct viommu *viommu_free(struct viommu *device);

/*
 * The configuration in force, defaults filled in. Constant while the device lives.
 *
 * Returns: never NULL. Locks: none. Waits: no. Since: 0.1 (stable)
 */
const struct viommu_config *viommu_configuration(const struct viommu *device);

/*
 * The name of a VIOMMU_PERSONALITY_*: "native", "draft-c", "draft-e".
 *
 * Returns: a constant string, or NULL. Locks: none. Waits: no. Since: 0.2 (testing)
 */
const char *viommu_personality_name(uint32_t number);

/* -- features, configuration space, reset ------------------------------------ */

/*
 * The feature bits to offer. The VMM adds those of the transport, VIRTIO_F_VERSION_1 among them,
 * which this device needs. Constant while the device lives.
 *
 * Returns: VIOMMU_F_*. Locks: none. Waits: no. Since: 0.1 (stable)
 */
uint64_t viommu_features(const struct viommu *device);

/*
 * The driver has accepted these features. Bits of the transport are ignored. -EINVAL: one was not
 * offered; nothing changes, and the transport leaves FEATURES_OK clear. A request or flag whose
 * feature was not accepted is unknown to the device. Unattached endpoints change their mode if
 * VIOMMU_F_BYPASS is accepted or no longer is.
 *
 * Returns: 0, -EINVAL. Locks: device. Waits: DMA sections. Since: 0.1 (stable)
 */
int viommu_accept(struct viommu *device, uint64_t features);

/*
 * Bytes of configuration space: VIOMMU_CONFIG_LENGTH, or more for a built-in topology. Constant
 * while the device lives.
 *
 * Returns: bytes. Locks: none. Waits: no. Since: 0.1 (testing)
 */
size_t viommu_config_length(const struct viommu *device);

/*
 * Read configuration space: any offset, any length. Bytes are as on the wire, little-endian; beyond
 * the end they are 0, and so is a field whose feature is not offered. 5.13.4
 *
 * Returns: nothing. Locks: none. Waits: no. Since: 0.1 (stable)
 */
void viommu_config_read(struct viommu *device, uint64_t offset, void *bytes, size_t length);

/*
 * Write configuration space. Only `bypass` can be written, with 0 or 1, once
 * VIOMMU_F_BYPASS_CONFIG was accepted; all else is ignored and logged. A write of several bytes
 * counts if it covers VIOMMU_CONFIG_BYPASS. Unattached endpoints change their mode, and their
 * listeners are notified. 5.13.4
 *
 * Returns: nothing. Locks: device. Waits: DMA sections. Since: 0.1 (stable)
 */
void viommu_config_write(struct viommu *device, uint64_t offset, const void *bytes, size_t length);

/*
 * Device reset. No feature is accepted, no endpoint attached, and no domain or mapping exists
 * afterwards. `bypass` (5.13.4.2), endpoints, listeners and counters stay.
 *
 * Returns: nothing. Locks: device. Waits: DMA sections. Since: 0.1 (stable)
 */
void viommu_reset(struct viommu *device);

/*
 * As viommu_reset(), but with many calls of listeners it is divided, as by viommu_batch_yield(): a
 * reset makes up to `max_mappings` calls for each listener without `unmap_range`. If it returns 0,
 * the reset is done. Otherwise batches continue it, with or without requests, until
 * viommu_batch_yield() returns 0. Until then a transport shows a device status other than 0
 * (virtio 1.4, 2.4.1, 4.1.4.3.1), and endpoints that were attached are blocked. Requests that were
 * put off are dropped, and one that was divided is not finished. Meanwhile viommu_next_domain() may
 * return domains without endpoints, and viommu_next_endpoint() returns the mode that an endpoint
 * has afterwards. A request but PROBE and PAGE_RESPONSE finishes the reset first, and so does all
 * that lets listeners commit without delay, but viommu_accept(), viommu_config_write() and
 * viommu_flush(). Slots of PASIDs are blocked, and emptied in parts.
 *
 * Returns: nanoseconds; 0: it is done. Locks: device. Waits: DMA sections. Since: 0.2 (testing)
 */
uint64_t viommu_reset_begin(struct viommu *device);

/*
 * System reset: as viommu_reset(), and `bypass` is again as configured.
 *
 * Returns: nothing. Locks: device. Waits: DMA sections. Since: 0.1 (stable)
 */
void viommu_system_reset(struct viommu *device);

/* -- requests ---------------------------------------------------------------- */

/*
 * Execute one request: the device-readable and device-writable parts of one descriptor chain, in
 * any number of pieces. Requests must come in the order of the available ring. <viommu/protocol.h>
 * says what each status means.
 *
 * Each piece must be memory of this process that can be read, or written, as a whole; an empty one
 * may have no address. The guest may change the memory meanwhile: it is copied once, before
 * anything is checked. Bytes beyond the request's known part are ignored.
 *
 * Returns only when it is safe to complete the request to the guest: after an UNMAP, no access can
 * reach the memory.
 *
 * Returns: the used length; 0: return the buffers unwritten. Locks: device. Waits: DMA sections.
 * Since: 0.1 (testing)
 */
size_t viommu_request(struct viommu *device, const struct iovec *readable, size_t n_readable,
		      const struct iovec *writable, size_t n_writable);

/*
 * Begin a batch: requests that wait together for DMA sections. Until viommu_batch_end() the device
 * is locked for this thread, which must not call anything of it but viommu_batch_request(),
 * viommu_batch_submit(), viommu_batch_pause() and viommu_batch_yield(). Publish no answer before
 * viommu_batch_end() has returned:
 *
 *     viommu_batch_begin(device);
 *     while (queue_pop(queue, &chain))
 *             queue_push(queue, &chain,
 *                        viommu_batch_request(device, chain.readable, chain.n_readable,
 *                                             chain.writable, chain.n_writable));
 *     viommu_batch_end(device);
 *     queue_publish(queue);
 *
 * where queue_push() only notes a used element, and queue_publish() moves the index and sends the
 * interrupt. Other threads that need the lock wait as long as the batch lasts; translations do not.
 * So bound it by the size of the queue.
 *
 * All ATTACHes, DETACHes and UNMAPs of a batch wait for sections once, at its end. Further waits
 * occur if a mapping is added to or removed from a domain that an endpoint has just left, if a
 * listener must be notified first, and occasionally to reclaim nodes of a map. ATTACHes and
 * DETACHes of endpoints with listeners wait each; those of viommu_batch_submit() that follow one
 * another wait once.
 *
 * Returns: nothing. Locks: device, kept. Waits: no. Since: 0.1 (stable)
 */
void viommu_batch_begin(struct viommu *device);

/*
 * End a batch, by the thread that began it.
 *
 * Returns: nothing. Locks: device, released. Waits: DMA sections. Since: 0.1 (stable)
 */
void viommu_batch_end(struct viommu *device);

/*
 * As viommu_batch_end(), but calls of listeners stop at `max_batch_ns` or `max_batch_calls`. The
 * next batch continues. So these requests of viommu_batch_submit() are divided:
 *
 * - an ATTACH or DETACH of an endpoint with listeners;
 * - an UNMAP with more than 256 calls, in a domain with a listener without `unmap_range`;
 * - an ATTACH_TABLE, an ATTACH of a PASID and a DETACH of all PASIDs, with more than 256 calls.
 *   But not those that a draft has in a layout of its own.
 *
 * Requests that waited for a commit are executed and divided in the same way.
 * viommu_batch_pause() asks for the end of a batch until all is finished. So if this does not
 * return 0, the VMM begins a batch again after that time, even if there is no request:
 *
 *     viommu_batch_begin(device);
 *     while (!(pause = viommu_batch_pause(device)) && queue_pop(queue, &chain))
 *             ...
 *     rest = viommu_batch_yield(device);
 *     if (pause || rest)
 *             serve_again_after(pause > rest ? pause : rest);
 *
 * An endpoint is blocked meanwhile, and its listeners are called in the same order. An UNMAP is
 * done in parts, each in the order of struct viommu_listener_ops: at each point the listeners have
 * the mappings that translations find. So the calls of a batch for which the VMM has asked
 * viommu_batch_pause() are at most `max_batch_calls`, and those of the request that reached it:
 * 256, or one for each listener of its domain. A divided request that a listener refuses is undone
 * in parts as well, and answered then. One exception: an ATTACH of a PASID or ATTACH_TABLE that is
 * not divided is undone at once, however many mappings the domain before has.
 *
 * Whatever lets listeners commit without delay also finishes a request that is divided, at once:
 * viommu_request(), viommu_save(), viommu_batch_end(). So does a MAP, UNMAP, ATTACH_TABLE
 * or INVALIDATE of viommu_submit() that waits for no earlier request; an ATTACH or DETACH may.
 *
 * Returns: nanoseconds; 0: nothing is left. Locks: device, released. Waits: DMA sections. Since:
 * 0.2 (testing)
 */
uint64_t viommu_batch_yield(struct viommu *device);

/*
 * As viommu_request(), between viommu_batch_begin() and viommu_batch_end().
 *
 * Returns: the used length. Locks: none, it is held. Waits: DMA sections, for ATTACH, DETACH and a
 * MAP that needs memory of retired nodes. Since: 0.1 (testing)
 */
size_t viommu_batch_request(struct viommu *device, const struct iovec *readable, size_t n_readable,
			    const struct iovec *writable, size_t n_writable);

/*
 * Should the batch end now? 0: no. Otherwise end it, publish its answers, and begin the next one
 * after so many nanoseconds; 1: as soon as other threads had their turn. To be asked in a batch
 * before each request:
 *
 *     viommu_batch_begin(device);
 *     while (!(pause = viommu_batch_pause(device)) && queue_pop(queue, &chain))
 *             ...
 *     viommu_batch_end(device);
 *     if (pause)
 *             serve_again_after(pause);
 *
 * It follows from `max_request_rate`, `max_attach_rate`, `max_batch_ns` and `max_batch_calls`, and
 * from the requests of viommu_batch_submit() that wait for earlier ones: 16 of them, which are
 * executed in no batch and not divided unless the VMM has `rest`; and from ATTACHes, DETACHes and
 * UNMAPs with more than 256 calls of listeners, which the next request would finish. The VMM
 * enforces them by asking: the device executes a request that comes nevertheless. One request may
 * take longer than a batch should: an ATTACH to a domain with mappings calls each listener of the
 * endpoint once for every mapping, unless the listener has `domain`; an UNMAP calls each
 * listener without `unmap_range` as often: see viommu_batch_yield().
 *
 * Returns: nanoseconds, or 0. Locks: none, it is held. Waits: no. Since: 0.2 (testing)
 */
uint64_t viommu_batch_pause(struct viommu *device);

/*
 * Requests that are answered later
 *
 * A listener with `commit` may need time: for an ioctl, or for a message to another process and its
 * answer. A request that is submitted does not wait for it:
 *
 *     guest --viommu_submit()--> device --map, unmap, ...--> listener
 *                                       --commit(token)----> listener: VIOMMU_PENDING
 *           <--VIOMMU_LATER-----
 *                                       <--viommu_listener_complete(token)-- when it has
 *           <--`answered`-------
 *
 * Meanwhile other requests are executed and answered. A request that names an endpoint or a domain
 * of one that is not answered yet is put off, so that the requests of a domain and of an endpoint
 * are executed in their order. So is any request after one that is divided and concerns PASIDs or
 * tables, or that is tried again after a refusal. All MAPs of a batch, and all its UNMAPs, are one
 * commit for each listener. A guest can have at most 1024 requests put off, and as many as
 * `max_bytes` has room for: a further one waits until listeners have committed. A VMM that asks
 * viommu_batch_pause() lets all requests wait while 16 are put off, so `commit` must not wait for
 * another request, such as PAGE_RESPONSE.
 *
 * All other functions that change something, viommu_request() among them, first let listeners
 * commit without delay (token 0) until no request is put off. So does viommu_save(). A reset and
 * viommu_load() drop requests that were put off.
 *
 * For a VMM with its own virtqueues, which can return a chain later; <viommu/mmio.h> and
 * <viommu/pci.h> do that.
 */
#define VIOMMU_LATER SIZE_MAX

/* Of viommu_mmio_poll() and viommu_pci_poll(): the driver notifies of its next request. */
#define VIOMMU_SLEEP UINT64_MAX

/*
 * As viommu_request(), but a request that a listener has to commit, or that is divided, is answered
 * by `answered`, with this cookie. Until then its device-writable memory must stay valid; the lists
 * need not.
 *
 * Returns: the used length; VIOMMU_LATER: it is answered later. Locks: device. Waits: DMA sections.
 * Since: 0.2 (testing)
 */
size_t viommu_submit(struct viommu *device, const struct iovec *readable, size_t n_readable,
		     const struct iovec *writable, size_t n_writable, void *cookie);

/*
 * As viommu_submit(), in the place of viommu_batch_request(). In a batch with both of them, all
 * listeners commit without delay, but for an ATTACH or DETACH that viommu_batch_yield() divides:
 * its listeners commit in the batch that finishes it.
 *
 * Returns: as viommu_submit(). Locks: none, it is held. Waits: as viommu_batch_request(). Since:
 * 0.2 (testing)
 */
size_t viommu_batch_submit(struct viommu *device, const struct iovec *readable, size_t n_readable,
			   const struct iovec *writable, size_t n_writable, void *cookie);

/*
 * Let listeners commit without delay, until no request is put off. All of viommu_submit() that were
 * made before are answered when this returns, but for those that another thread is about to answer:
 * a VMM that counts requests waits for these as well.
 *
 * Returns: nothing. Locks: device. Waits: DMA sections. Since: 0.2 (testing)
 */
void viommu_flush(struct viommu *device);

/* -- endpoints ----------------------------------------------------------------- */

/*
 * A range that an endpoint cannot map: a MAP that overlaps it has the status VIOMMU_S_INVAL. Writes
 * to a VIOMMU_RESV_MEM_MSI region pass untranslated in every mode; reads pass only in bypass.
 * 5.13.6.8.1
 */
struct viommu_reserved {
	uint64_t first, last;
	uint32_t subtype; /* VIOMMU_RESV_MEM_RESERVED or VIOMMU_RESV_MEM_MSI */
};

/* A format of page tables or contexts, with its supported sizes and features. */
struct viommu_table_format {
	uint16_t format; /* VIOMMU_TABLE_* */
	uint8_t input_bits, output_bits;
	uint64_t granules; /* bit n: pages of 2^n bytes */
	uint32_t asid_bits;
	uint32_t flags; /* VIOMMU_TABLE_F_* */
};

#define VIOMMU_PROPERTY_MEMBERS(name, type, has, member, bits, text) \
	bool has_##has; \
	uint32_t member;

/* A device whose DMA is translated. The driver attaches it to a domain. */
struct viommu_endpoint {
	size_t size;

	/* The guest's number of the endpoint: any 32-bit value that is unique within the device.
	 * For a PCI function it is the ID in the firmware tables, usually segment << 16 | BDF. */
	uint32_t id;

	/* The page sizes, if fewer than the device's. 0: the device's. The protocol has no
	 * property for the granule of one endpoint: if possible, configure the device with the
	 * largest granule. */
	uint64_t page_size_mask;

	/* The addresses that can be mapped, if fewer than the device's. Both 0: the device's.
	 * PROBE reports the rest of the device's range as reserved regions. */
	uint64_t input_first, input_last;

	/* Any order, disjoint, at most one of them MSI. Copied. May be NULL if n_reserved is 0. On
	 * x86 the MSI region is [0xfee00000, 0xfeefffff]. */
	const struct viommu_reserved *reserved;
	size_t n_reserved;

	/*
	 * bool has_<has>; uint32_t <member>; for each row of VIOMMU_PROPERTIES: PROBE answers the
	 * property with that value. Now: has_proximity, proximity_domain, has_ats, ats.
	 *
	 * A VMM that sets both VIOMMU_ATS_F_* needs a listener whose `unmap` and `mode` return
	 * only when the endpoint's cached translations are invalidated; or `invalidate`, for an
	 * endpoint with formats or PASIDs.
	 */
	VIOMMU_PROPERTIES(VIOMMU_PROPERTY_MEMBERS)

	/* PASIDs of the endpoint are below 2^pasid_bits, at most VIOMMU_PASID_BITS_MAX. 0: it has
	 * none. Needs VIOMMU_F_PASID, or a draft. */
	uint32_t pasid_bits;

	/* Formats of tables that the endpoint may be attached to, the best first. Copied. May be
	 * NULL if n_formats is 0. Needs VIOMMU_F_TABLE. Those that a draft cannot express are left
	 * out. */
	const struct viommu_table_format *formats;
	size_t n_formats;

	/* The maximum number of unanswered groups of page requests. 0: the endpoint makes no
	 * page requests. Needs VIOMMU_F_PAGE_REQUEST. */
	uint32_t max_page_requests;
	uint32_t page_request_flags; /* VIOMMU_PAGE_REQUEST_F_* */

	/* The PASIDs on the wire: VIOMMU_PASID_IDENTITY or _ALLOCATED. For listeners, and reported
	 * by PROBE. */
	uint32_t pasid_policy;
};

/*
 * Add an endpoint. It is attached to no domain: it is blocked, or bypasses if `bypass` is set. May
 * be called while the guest runs; the guest discovers the device on its bus.
 *
 * -EEXIST   `id` is in use
 * -EINVAL   a range is inverted or disjoint from the device's; regions overlap; two of them are
 *           MSI; an unknown subtype; a property value with unknown bits
 * -ENOSPC   the properties do not fit into probe_size
 *
 * Returns: 0, -EEXIST, -EINVAL, -ENOSPC, -E2BIG, -ENOMEM. Locks: device. Waits: DMA sections.
 * Since: 0.1 (stable)
 */
int viommu_endpoint_add(struct viommu *device, const struct viommu_endpoint *endpoint);

/*
 * Replace the configuration of an endpoint. The guest sees the change when it probes again.
 * Listeners are called with `update`. -EBUSY: the endpoint's domains are incompatible with it,
 * because of a mapping in a new reserved region or outside the new input range, the granule, a
 * PASID in use, or the format of a table; nothing changes.
 *
 * Returns: 0, -ENOENT, -EBUSY, or as viommu_endpoint_add(). Locks: device. Waits: DMA sections.
 * Since: 0.1 (stable)
 */
int viommu_endpoint_update(struct viommu *device, const struct viommu_endpoint *endpoint);

/*
 * Endpoints and mappings of one domain
 *
 * All endpoints of a domain have all its mappings, so each mapping must fit each endpoint: aligned
 * to the granule, which all endpoints share; inside the input range; and in no reserved region. The
 * order of requests does not matter. What fits is accepted in every order. Of an endpoint and a
 * mapping that do not fit, the one that comes last is refused: an ATTACH is answered
 * VIOMMU_S_UNSUPP (5.13.6.3.2), a MAP VIOMMU_S_RANGE or, if it overlaps a reserved region,
 * VIOMMU_S_INVAL (5.13.6.8.1). The endpoint or the domain stays as it was, so the driver can attach
 * the endpoint to a domain of its own. An endpoint that narrows the range of others is a decision
 * of the guest, which has read its reserved regions by PROBE.
 *
 * viommu_next_misfit() reports what does not fit before the guest tries; viommu_endpoint_needs()
 * reports what an endpoint requires of the configuration of the device.
 */

/* Why an endpoint does not fit a domain. */
enum viommu_misfit_reason {
	VIOMMU_FITS,            /* never reported */
	VIOMMU_MISFIT_GRANULE,  /* the endpoints of the domain have another granule */
	VIOMMU_MISFIT_TABLE,    /* the endpoint lacks the format of the domain's table, or sizes */
	VIOMMU_MISFIT_INPUT,    /* a mapping is outside of the endpoint's input range */
	VIOMMU_MISFIT_RESERVED, /* a mapping overlaps a reserved region of the endpoint */
};

/* A part of a domain that an endpoint cannot have. */
struct viommu_misfit {
	enum viommu_misfit_reason reason;
	uint64_t first, last; /* the mapping; 0, UINT64_MAX: GRANULE and TABLE, which concern all */
	uint64_t endpoint_first, endpoint_last; /* its input range, or its reserved region */
	uint64_t domain_granule, endpoint_granule;
};

/*
 * Would the domain accept an endpoint with this configuration? The first mapping that ends at or
 * after `from` and does not fit; continue with `last` + 1. The endpoint need not have been added,
 * and `id` is not used; members that PROBE alone reports do not matter. -ENOENT: there is none, or
 * no such domain, so an ATTACH is not refused for that. viommu_endpoint_update() of an endpoint in
 * the domain is refused for the same reasons.
 *
 * Returns: 0, -ENOENT, -EINVAL, -E2BIG, -ENOMEM. Locks: state. Waits: no. Since: 0.2 (testing)
 */
int viommu_next_misfit(struct viommu *device, uint32_t domain,
		       const struct viommu_endpoint *endpoint, uint64_t from,
		       struct viommu_misfit *ret_misfit);

/* What an endpoint takes of the device, and leaves for the mappings of its domain. */
struct viommu_needs {
	size_t size;
	uint64_t granule;                 /* mappings are multiples of it */
	uint64_t input_first, input_last; /* mappings are inside, and not in `reserved` */
	uint32_t probe_size; /* bytes of its properties; viommu_endpoint_add() is -ENOSPC if the
			      * device has less */
};

/*
 * What an endpoint with this configuration would need, whether or not it can be added: also if
 * `id` is in use, or the device's `probe_size` is too small. Set `size` before. Endpoints
 * of different granules cannot share a domain.
 *
 * Returns: 0, -EINVAL, -E2BIG, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_endpoint_needs(struct viommu *device, const struct viommu_endpoint *endpoint,
			  struct viommu_needs *ret_needs);

/*
 * Unplug an endpoint. It is detached as by DETACH; its listeners are notified and freed, so
 * pointers to them are invalid afterwards. Translations for it are -ENOENT.
 *
 * Returns: 0, -ENOENT. Locks: device. Waits: DMA sections. Since: 0.1 (stable)
 */
int viommu_endpoint_remove(struct viommu *device, uint32_t id);

/*
 * Block an endpoint by force, or end that. While it is blocked, every access is refused, also with
 * a PASID or to an MSI region, with a fault of reason UNKNOWN; its page requests are answered
 * VIOMMU_PAGE_INVALID. Listeners are notified of VIOMMU_BLOCKED, and of no PASID or mapping. Its
 * domains are kept: the guest's requests for the endpoint are executed and answered as usual, and
 * take effect when it is no longer blocked. Lasts over resets; not saved. Without effect if it is
 * so already. If a listener refuses the mappings, the endpoint stays blocked, and the errno is
 * returned; -EIO if it refuses a PASID.
 *
 * Returns: 0, -ENOENT, or a listener's errno. Locks: device. Waits: DMA sections. Since: 0.2
 * (testing)
 */
int viommu_endpoint_block(struct viommu *device, uint32_t id, bool block);

/* -- listeners ------------------------------------------------------------------- */

/* The mapping of one MAP: never merged and never split. Neither range wraps around. */
struct viommu_mapping {
	uint32_t domain;
	uint32_t flags;       /* VIOMMU_MAP_F_* */
	uint64_t first, last; /* IOVAs */
	uint64_t phys;        /* the guest-physical address of `first` */
};

/* The treatment of an endpoint's accesses. */
enum viommu_mode {
	VIOMMU_BLOCKED,    /* refused, except for writes to an MSI region */
	VIOMMU_BYPASS,     /* passed untranslated */
	VIOMMU_TRANSLATED, /* translated by the mappings of its domain */
};

/* The address space in a slot of an endpoint. Valid until the callback returns. */
struct viommu_space {
	enum viommu_mode mode; /* VIOMMU_BLOCKED: the slot is empty */
	uint32_t pasid_policy; /* of the endpoint */

	/* If VIOMMU_TRANSLATED: as of `domain` below. */
	uint32_t domain;
	uint64_t serial;

	/* The table of the guest; 0: the domain has mappings. */
	uint16_t format;     /* VIOMMU_TABLE_* */
	const uint8_t *body; /* VIOMMU_TABLE_BODY_LENGTH bytes, of ATTACH_TABLE */
	bool has_parent;     /* addresses in the table are those of the domain `parent` */
	uint32_t parent;
	uint64_t parent_serial;
};

/*
 * A component that shadows an endpoint's mappings: VFIO, iommufd, a vhost IOTLB, a device with an
 * ATS cache. Every member may be NULL. An endpoint's listeners are called in the order in which
 * they were added.
 *
 * Order. A change that grants access is notified first, and then published to translations. A
 * change that removes access takes these steps: it is unpublished, sections that may use it end,
 * listeners are notified, the guest's request completes. So viommu_translate() in `unmap` or `mode`
 * already gives the new answer. So a cache that is dropped in `unmap` and `mode` never keeps an old
 * translation, if it is filled in the DMA section that has translated, or with a lock held since
 * before the translation that `unmap` and `mode` take as well (<viommu/iotlb.h>). An endpoint with
 * listeners is blocked while it moves from one domain to another.
 *
 * For VFIO: `map` calls VFIO_IOMMU_MAP_DMA with the host's address of `phys`, `unmap` calls
 * VFIO_IOMMU_UNMAP_DMA, and `mode` maps all of guest memory one to one for VIOMMU_BYPASS, and
 * unmaps it for any other mode.
 *
 * `map` and `mode` refuse with a negative errno, which becomes the status of the request:
 *
 *     -ENOMEM, -ENOSPC NOMEM   -EINVAL INVAL   -ERANGE RANGE   -EFAULT FAULT
 *     -EOPNOTSUPP UNSUPP       -EIO IOERR      any other DEVERR
 *
 * The request is then undone: listeners that agreed before are called with `unmap`, and the device
 * is as before. If a listener refuses even the old state, the endpoint is quarantined: attached to
 * nothing and blocked.
 */
struct viommu_listener_ops {
	size_t size;

	/* The endpoint gets access to this range. Called before translations use it. `mapping`
	 * is valid until this returns. */
	int (*map)(void *opaque, const struct viommu_mapping *mapping);

	/* Remove the endpoint's access to this range before returning. The mapping is one that
	 * `map` was called with. Cannot refuse. */
	void (*unmap)(void *opaque, const struct viommu_mapping *mapping);

	/* The mode has changed. `map` is called only while it is VIOMMU_TRANSLATED. The result
	 * is ignored if the device cannot refuse: reset, removal, a write to `bypass`. */
	int (*mode)(void *opaque, enum viommu_mode mode);

	/*
	 * The endpoint has another domain. For a component that has one page table for a domain,
	 * and can switch an endpoint to it at once. If it is there:
	 *
	 * - it is called in the place of `mode` VIOMMU_TRANSLATED, and for each move to another
	 *   domain. Two domains never have the same `serial`; a number may come again;
	 * - what the endpoint had before ends with this call, or with the next one of `mode`:
	 *   `unmap` is called for UNMAPs only;
	 * - 0: `map` is called for every mapping of the domain, which has none if it is new. 1: the
	 *   component has them already. A negative errno: as by `mode`.
	 */
	int (*domain)(void *opaque, uint32_t domain, uint64_t serial);

	/* viommu_endpoint_update() has replaced the endpoint's configuration. Mappings are as
	 * before; a cache must drop translations of the old reserved regions before returning. */
	void (*update)(void *opaque);

	/*
	 * End of a batch: what the listener was called with since its last commit must be in
	 * force. Several MAPs or UNMAPs can be one batch. Without this member, every other one
	 * returns only when it is in force.
	 *
	 *     0                it is
	 *     VIOMMU_PENDING   it will be: call viommu_listener_complete() with this token. Not if
	 *                      `token` is 0, which then is the error -EBUSY
	 *     negative errno   not all of it, and the requests concerned are refused. The listener
	 *                      is called with `unmap` for each `map`, also for what was not in
	 *                      force, and with `mode`. Only `map`, `mode` and `domain` may be
	 *                      refused like this: if there were none, the endpoint is quarantined
	 *
	 * A token is not 0 only for requests of viommu_submit(). Their MAPs are found by
	 * translations before the commit. If several MAPs and ATTACHes are refused together, each
	 * of them is tried again alone. An endpoint whose ATTACH, or divided ATTACH_TABLE, is
	 * refused has left its old domain, and is quarantined; a PASID is detached. A call with
	 * token 0 ends a commit that is pending: its token is unknown then.
	 */
	int (*commit)(void *opaque, uint64_t token);

	/*
	 * A slot of the endpoint has another address space: that of a PASID; or, with
	 * VIOMMU_NO_PASID, the default one, which has got a table of the guest. For a component
	 * that follows PASIDs and tables. If a listener of the endpoint lacks it, ATTACH with a
	 * PASID and ATTACH_TABLE are answered UNSUPP.
	 *
	 * - What the slot had before ends with this call. The default slot's table ends with the
	 *   next call of `space`, `mode` or `domain`.
	 * - 0: `map` is called for every mapping of the domain; for a table with a parent, of the
	 *   parent, which the slot follows from then on. 1: the component has them already. A
	 *   negative errno: as by `mode`; of an empty slot it is ignored.
	 * - `map` and `unmap` are called once for each slot with the domain, and name the domain,
	 *   but not the PASID. Several calls for one mapping are therefore to be expected.
	 */
	int (*space)(void *opaque, uint32_t pasid, const struct viommu_space *space);

	/*
	 * Forget what was read in the tables of the guest for this range: by INVALIDATE, whatever
	 * caches it names, or by UNMAP in a table's parent. Called as `unmap`, and as often as
	 * `invalidate` of struct viommu_ops. Needs `space`.
	 */
	void (*invalidate)(void *opaque, const struct viommu_invalidation *what);

	/*
	 * In the place of `unmap`: remove the endpoint's access to all mappings of `domain` in
	 * [first, last], of which there is one at least, and no other one begins or ends inside. An
	 * UNMAP is one call, unless another listener of the domain lacks this member; so is an
	 * endpoint that leaves its domain: 0, UINT64_MAX.
	 */
	void (*unmap_range)(void *opaque, uint32_t domain, uint64_t first, uint64_t last);

	/*
	 * Not NULL: the address is the same for listeners of which one `commit` puts in force what
	 * all of them were called with, as for a component with many endpoints. Of those that were
	 * called one after the other, one commits. It returns 0, always.
	 */
	const void *committer;
};

/* The result of `commit` for later. */
#define VIOMMU_PENDING 1

/* Opaque. Valid until viommu_unlisten(), the removal of its endpoint, or viommu_free(). */
struct viommu_listener;

/*
 * Add a listener to an endpoint. Before this returns it is called with `mode` and with `map` for
 * every mapping. If it refuses, `unmap` is called for the mappings that it agreed to, it is not
 * added, and its errno is returned. `ops` is copied. -EBUSY: a PASID or a table of the guest is
 * attached.
 *
 * Returns: 0, -ENOENT, -EBUSY, -EINVAL, -E2BIG, -ENOMEM, or the listener's errno. Locks: device.
 * Waits: DMA sections. Since: 0.1 (stable)
 */
int viommu_listen(struct viommu *device, uint32_t endpoint, const struct viommu_listener_ops *ops,
		  void *opaque, struct viommu_listener **ret_listener);

/*
 * Remove a listener: it is called with `unmap` for every mapping, then with `mode` VIOMMU_BLOCKED;
 * and with `space` for each PASID, as if the slots were emptied. Not for a listener whose endpoint
 * was removed. NULL is accepted.
 *
 * Returns: NULL. Locks: device. Waits: DMA sections. Since: 0.1 (testing)
 */
struct viommu_listener *viommu_unlisten(struct viommu_listener *listener);

/*
 * A listener has committed what it was called with: the result of `commit`, later. Outside of
 * callbacks, by any thread. -ENOENT: the token is unknown, as after a reset, or after the listener
 * was removed.
 *
 * Returns: 0, -ENOENT. Locks: device. Waits: DMA sections. Since: 0.2 (testing)
 */
int viommu_listener_complete(struct viommu *device, uint64_t token, int result);

/* -- guest memory ----------------------------------------------------------------- */

/* A range of guest-physical memory, and its address in this process. */
struct viommu_memory {
	uint64_t first, last;
	void *host;     /* of `first`; aligned as `first` is, to 8 bytes at least */
	bool read_only; /* flags of page tables in this range cannot be updated */
};

/*
 * Set the ranges of guest memory from which page tables are read. Replaces all earlier ranges,
 * which are no longer used when this returns. Ranges may have any order; -EINVAL if they overlap.
 * Without VIOMMU_F_TABLE it has no effect.
 *
 * Returns: 0, -EINVAL, -ENOMEM. Locks: device. Waits: DMA sections. Since: 0.2 (testing)
 */
int viommu_set_memory(struct viommu *device, const struct viommu_memory *memory, size_t n);

/* -- translation -------------------------------------------------------------------- */

/* A flag of an access, in addition to VIOMMU_MAP_F_READ and VIOMMU_MAP_F_WRITE: report no fault. */
#define VIOMMU_ACCESS_QUIET (1u << 31)

/* For page tables of the guest: an instruction fetch; an access with privileged rights. */
#define VIOMMU_ACCESS_EXEC       (1u << 29)
#define VIOMMU_ACCESS_PRIVILEGED (1u << 30)

/* The endpoint can wait: if the driver could resolve the fault, -EAGAIN is returned and no fault
 * is reported. The VMM then calls viommu_page_request(). */
#define VIOMMU_ACCESS_RECOVERABLE (1u << 28)

/* The maximum number of mappings in an answer, which bounds the time of a translation. */
#define VIOMMU_ANSWER_MAPPINGS_MAX 1024

struct viommu_translation {
	uint64_t address; /* guest-physical */
	uint64_t length;  /* bytes from there: 1 to what was asked for */
	uint32_t flags;   /* VIOMMU_MAP_F_* that all of it permits; may be more than asked for */
	bool identity;    /* untranslated: bypass, or an MSI region */
};

/*
 * Translate an access of `length` bytes at `iova`. The answer covers the start of the access, as
 * far as it is permitted and contiguous in guest memory, or less: call again for the rest. `access`
 * is VIOMMU_MAP_F_READ, VIOMMU_MAP_F_WRITE, both, or 0 for any mapping; and VIOMMU_ACCESS_QUIET. An
 * access beyond the 64-bit space is cut there.
 *
 *     the first byte                              returns   fault record       reported to
 *     no endpoint has this ID                     -ENOENT   none               -
 *     `length` is 0                               -EINVAL   none               -
 *     the endpoint is attached to nothing,
 *     and blocked                                 -EFAULT   reason DOMAIN      the guest
 *     the endpoint is quarantined, or
 *     blocked by force                            -EFAULT   reason UNKNOWN     the guest
 *     no mapping, or not with that permission     -EFAULT   reason MAPPING     the guest
 *
 * With VIOMMU_ACCESS_QUIET nothing is reported. Otherwise the fault is also in
 * viommu_last_faults().
 *
 * The answer may be outdated when this returns: use a DMA section for an access that the guest's
 * UNMAP must wait for. The first call of a thread allocates a few cache lines; without memory for
 * them, calls are slower.
 *
 * Returns: 0, -EFAULT, -ENOENT, -EINVAL. Locks: none. Waits: no, but for `event`. Since: 0.1
 * (stable)
 */
int viommu_translate(struct viommu *device, uint32_t endpoint, uint64_t iova, uint64_t length,
		     uint32_t access, struct viommu_translation *ret_translation);

/*
 * As viommu_translate(), for an access with a PASID, by the domain of that PASID's slot. An empty
 * slot refuses the access with reason DOMAIN, whatever `bypass` is. MSI regions are only for
 * accesses without PASID.
 *
 * Returns: as viommu_translate(). Locks: none. Waits: no, but for `event`. Since: 0.2 (testing)
 */
int viommu_translate_pasid(struct viommu *device, uint32_t endpoint, uint32_t pasid, uint64_t iova,
			   uint64_t length, uint32_t access,
			   struct viommu_translation *ret_translation);

/*
 * Handles
 *
 * An ID refers to the endpoint that has it at the moment. If a guest renumbers its functions, a VMM
 * must not translate by an old ID: the access would use the domain of another function. A handle
 * refers to the endpoint itself: it is bound to the endpoint with an ID once, and translates for
 * that endpoint until it is bound to another one, or unbound by the endpoint's removal.
 * Translations by an unbound handle return -ENOENT. They are also faster, because no lookup is
 * needed.
 *
 *     error = viommu_endpoint_remove(device, old);           the handle is unbound
 *     error = viommu_endpoint_add(device, &function);        with its new number
 *     error = viommu_handle_bind(handle, function.id);
 */
struct viommu_handle; /* opaque */

/* In place of a PASID: the access has none. */
#define VIOMMU_NO_PASID UINT32_MAX

/*
 * Create an unbound handle.
 *
 * Returns: 0, -ENOMEM. Locks: none. Waits: no. Since: 0.2 (testing)
 */
int viommu_handle_new(struct viommu *device, struct viommu_handle **ret_handle);

/*
 * Free a handle, before viommu_free(). No thread may use it meanwhile or afterwards. NULL is
 * accepted.
 *
 * Returns: NULL. Locks: device. Waits: no. Since: 0.2 (testing)
 */
struct viommu_handle *viommu_handle_free(struct viommu_handle *handle);

/*
 * Bind a handle to the endpoint that has this ID. Other threads may translate by the handle
 * meanwhile. -ENOENT: there is no such endpoint; the handle is unchanged.
 *
 * Returns: 0, -ENOENT. Locks: device. Waits: no. Since: 0.2 (testing)
 */
int viommu_handle_bind(struct viommu_handle *handle, uint32_t endpoint);

/*
 * As viommu_translate(), or viommu_translate_pasid() if `pasid` is not VIOMMU_NO_PASID.
 *
 * Returns: as viommu_translate(). Locks: none. Waits: no, but for `event`. Since: 0.2 (testing)
 */
int viommu_handle_translate(struct viommu_handle *handle, uint32_t pasid, uint64_t iova,
			    uint64_t length, uint32_t access,
			    struct viommu_translation *ret_translation);

/*
 * DMA sections
 *
 * After the guest sees its UNMAP completed, no device may access the memory. So a thread that does
 * DMA for endpoints translates and accesses inside a DMA section. UNMAP, DETACH, reset and removal
 * of an endpoint complete only when every section has ended that began before them and could use
 * what they remove. A section that begins later sees their result.
 *
 * A section that has translated for one endpoint only is waited for by what concerns that endpoint:
 * its own ATTACH, DETACH and update; UNMAP and INVALIDATE in the domain of one of its slots, or in
 * the parent of one; and what concerns all, which is a reset, the removal of any endpoint,
 * occasionally viommu_endpoint_add(), and viommu_set_memory(). With more than 64 PASIDs in use,
 * everything concerns the endpoint. A section that has translated for several endpoints, or for
 * none yet, is waited for by everything: so begin a section for each endpoint, and right before the
 * first translation. viommu_handle_translate() and other translations outside of sections are
 * waited for always.
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
 * `piece` is invalid after the end of the section: a component that keeps translations must be a
 * listener.
 *
 * Keep sections short: a request waits for them with the device locked, so later requests wait,
 * too. The thread that began a section must end it. Inside a section, call only functions that
 * translate or lock the state. Do not execute a request of another device either: two threads that
 * do so in opposite order deadlock.
 */
struct viommu_dma; /* a DMA section handle: opaque, one for each thread */

/*
 * Create a DMA section handle. One thread at a time may use it. Sections themselves never allocate.
 *
 * Returns: 0, -ENOMEM. Locks: none. Waits: no. Since: 0.1 (testing)
 */
int viommu_dma_new(struct viommu *device, struct viommu_dma **ret_dma);

/*
 * Free a handle, outside of a section and before viommu_free(). NULL is accepted.
 *
 * Returns: NULL. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_dma *viommu_dma_free(struct viommu_dma *dma);

/*
 * Begin a section. Sections of one handle do not nest.
 *
 * Returns: nothing. Locks: none. Waits: no. Since: 0.1 (testing)
 */
void viommu_dma_begin(struct viommu_dma *dma);

/*
 * End the section. Its translations must not be used any more. Without effect if the section has
 * ended with its thread.
 *
 * Returns: nothing. Locks: none. Waits: no. Since: 0.1 (testing)
 */
void viommu_dma_end(struct viommu_dma *dma);

/*
 * As viommu_translate(), inside a section: the answer may be accessed until the section ends.
 * Another translation of the same address may give another answer, even in the same section.
 *
 * Returns: as viommu_translate(). Locks: none. Waits: no, but for `event`. Since: 0.1 (testing)
 */
int viommu_dma_translate(struct viommu_dma *dma, uint32_t endpoint, uint64_t iova, uint64_t length,
			 uint32_t access, struct viommu_translation *ret_translation);

/*
 * As viommu_translate_pasid(), inside a section.
 *
 * Returns: as viommu_translate(). Locks: none. Waits: no, but for `event`. Since: 0.2 (testing)
 */
int viommu_dma_translate_pasid(struct viommu_dma *dma, uint32_t endpoint, uint32_t pasid,
			       uint64_t iova, uint64_t length, uint32_t access,
			       struct viommu_translation *ret_translation);

/*
 * As viommu_handle_translate(), inside a section of the same device.
 *
 * Returns: as viommu_translate(). Locks: none. Waits: no, but for `event`. Since: 0.2 (testing)
 */
int viommu_dma_handle_translate(struct viommu_dma *dma, struct viommu_handle *handle,
				uint32_t pasid, uint64_t iova, uint64_t length, uint32_t access,
				struct viommu_translation *ret_translation);

/* -- faults of the host ------------------------------------------------------------ */

/*
 * Report to the guest that the host refused an access, as by an IOMMU of the host that translates
 * for an assigned device: a record on the event queue, as viommu_translate() reports one. Of
 * `fault` are used: endpoint, reason, flags (VIOMMU_FAULT_F_READ, _WRITE, _EXEC, _PRIVILEGED,
 * _ADDRESS, which is taken as set, and _PASID), address, pasid. An endpoint that the guest can make
 * fault without limit is to be reported at a rate that the VMM chooses. May be called inside a DMA
 * section.
 *
 * -EINVAL   an unknown reason, another flag, or a PASID of too many bits
 *
 * Returns: 0, -ENOENT, -EINVAL, -ENOMEM. Locks: fault lock. Waits: no, but for `event`. Since: 0.2
 * (testing)
 */
int viommu_fault_report(struct viommu *device, const struct viommu_fault *fault);

/* -- page requests -------------------------------------------------------------------- */

/* A page that an endpoint needs, by PRI or by a stalled access. */
struct viommu_page_request {
	size_t size;
	uint32_t endpoint;
	bool has_pasid;
	uint32_t pasid;
	uint64_t address;
	uint32_t access; /* VIOMMU_MAP_F_READ, _WRITE, VIOMMU_ACCESS_EXEC, _PRIVILEGED */
	uint16_t group;
	bool last; /* the group is complete: it is answered */
	bool has_private;
	uint64_t private_data[2]; /* passed to the driver unchanged */
};

/*
 * Request a page from the driver. Never waits: the answer comes by `page_response`. If this fails,
 * there is no further answer. A request that is the last of its group, with a PASID and without
 * access, marks the end of that PASID's requests and has no answer.
 *
 *     -EFAULT   VIOMMU_PAGE_INVALID: the slot has no table, or the driver did not accept page
 *               requests, or it has no buffer for the record
 *     -ENOSPC   VIOMMU_PAGE_FAILURE: too many groups are unanswered
 *
 * Returns: 0, -EFAULT, -ENOSPC, -ENOENT, -EINVAL, -E2BIG, -ENOMEM. Locks: device. Waits: no. Since:
 * 0.2 (testing)
 */
int viommu_page_request(struct viommu *device, const struct viommu_page_request *request);

/* -- saved state --------------------------------------------------------------------- */

/* The length of a buffer for any reason of viommu_load() and viommu_mmio_load(), with its NUL. */
#define VIOMMU_REASON_LENGTH 128

/*
 * Save the state that the driver controls: features, `bypass`, domains, attachments, PASIDs,
 * mappings, attached page tables, unanswered page requests, and quarantined endpoints. Page tables
 * are guest memory; cached translations are not saved. Not saved: configuration, endpoints and
 * listeners, which the VMM sets up again at the destination; virtqueues and transport (see
 * viommu_mmio_save()). docs/state.md has the format. A newer library can load the state of an older
 * one. Saving a loaded state gives the same bytes.
 *
 * *ret_bytes is freed with free().
 *
 * Returns: 0, -ENOMEM. Locks: device. Waits: DMA sections. Since: 0.1 (stable)
 */
int viommu_save(struct viommu *device, void **ret_bytes, size_t *ret_length);

/*
 * Load saved state. The device is reset first, as by viommu_reset(), and listeners are notified of
 * all that is loaded. On any failure the device is as after viommu_reset(), with `bypass` as
 * before, and `reason` has a sentence: NUL-terminated, cut off to `room` bytes,
 * VIOMMU_REASON_LENGTH are enough. It may be NULL if `room` is 0, and is not changed on success.
 *
 * -EINVAL    the stream is damaged
 * -ENOTSUP   its version is unknown
 * -EBUSY     it does not fit this device: an endpoint is missing, or has no such PASID or format of
 *            tables; a limit is too low; ...
 *
 * Returns: 0, -EINVAL, -ENOTSUP, -EBUSY, -ENOMEM, or a listener's errno. Locks: device. Waits: DMA
 * sections. Since: 0.1 (stable)
 */
int viommu_load(struct viommu *device, const void *bytes, size_t length, char *reason, size_t room);

/*
 * Saving in rounds, so that the guest is stopped for a short time only:
 *
 *     viommu_save_begin()      the whole state     viommu_load()            the guest runs
 *     viommu_save_changes()    what has changed    viommu_load_changes()    and again
 *        the guest stops
 *     viommu_save_changes()    the rest            viommu_load_changes()
 *     viommu_save_end()
 *
 * A stream of changes holds the requests that have changed the state. It is loaded by executing
 * them, and its time is theirs. At most `max_changes` bytes of requests are kept for a round, which
 * the device allocates at once: 40 bytes for each MAP that is expected are enough.
 *
 * -ESTALE: the changes are not known, and the VMM begins again, or uses viommu_save(). There were
 * more than `max_changes`, or the state has changed by other calls: a reset, viommu_accept(), a
 * write to `bypass`, removal of an endpoint, viommu_load(), a page request, or a listener that
 * caused a quarantine.
 */

/*
 * As viommu_save(), and begin to record changes.
 *
 * Returns: 0, -ENOMEM. Locks: device. Waits: no. Since: 0.2 (testing)
 */
int viommu_save_begin(struct viommu *device, size_t max_changes, void **ret_bytes,
		      size_t *ret_length);

/*
 * Save what has changed since the last call of this or viommu_save_begin(). *ret_bytes is freed
 * with free().
 *
 * Returns: 0, -ESTALE, -ENOMEM. Locks: device. Waits: DMA sections. Since: 0.2 (testing)
 */
int viommu_save_changes(struct viommu *device, void **ret_bytes, size_t *ret_length);

/*
 * Stop recording changes, and free what was recorded.
 *
 * Returns: nothing. Locks: device. Waits: no. Since: 0.2 (testing)
 */
void viommu_save_end(struct viommu *device);

/*
 * Load changes, to the state that was loaded before. Listeners are notified as by requests. On any
 * failure the device is as after viommu_reset(); `reason` as for viommu_load(). -EBUSY: a request
 * has another status here, for instance because a limit is lower.
 *
 * Returns: 0, -EINVAL, -ENOTSUP, -EBUSY. Locks: device. Waits: DMA sections. Since: 0.2 (testing)
 */
int viommu_load_changes(struct viommu *device, const void *bytes, size_t length, char *reason,
			size_t room);

/* -- dirty logging --------------------------------------------------------------------- */

/*
 * Which guest pages can an endpoint have written? For a live migration with endpoints whose writes
 * the VMM does not see: assigned devices, vhost. The device knows their mappings, not their writes:
 * a page is dirty if an endpoint could have written it.
 *
 *     viommu_dirty_track(device, nic, true);
 *     viommu_dirty_begin(device, &ram, 1, 12);
 *     rounds, while the guest runs:  viommu_dirty_read(..., false, ...)   copy those pages
 *     the guest has stopped:         viommu_dirty_read(..., true, ...)    copy the rest
 *     viommu_dirty_end(device);
 *
 * A page that is mapped for writing may be written at any time, so it is reported when the mapping
 * has gone (UNMAP, DETACH, ATTACH, reset, removal), and no DMA by it is in flight; or when it is
 * asked for. A page table of the guest is not read for this: with such a table, or in bypass, an
 * endpoint can write every page, or every page that the table's parent maps for writing. A VMM that
 * has a better source, as the IOMMU's dirty bits (<viommu/backend.h>), does not track the endpoint.
 */

/* A range of guest-physical memory, in whole pages. */
struct viommu_dirty_region {
	uint64_t first, last;
};

/*
 * Begin a log, with all pages clean. It replaces one that had begun. Takes one bit for each page of
 * 2^page_shift bytes. Regions have any order; they need not be what viommu_set_memory() has.
 *
 * -EINVAL   a region is inverted, or not of whole pages, or overlaps another; page_shift above 63
 *
 * Returns: 0, -EINVAL, -ENOMEM. Locks: device. Waits: DMA sections. Since: 0.2 (testing)
 */
int viommu_dirty_begin(struct viommu *device, const struct viommu_dirty_region *regions, size_t n,
		       uint32_t page_shift);

/*
 * Track an endpoint with all its PASIDs, or no longer. Before or after viommu_dirty_begin(); lasts
 * until the endpoint is removed.
 *
 * Returns: 0, -ENOENT. Locks: device. Waits: DMA sections. Since: 0.2 (testing)
 */
int viommu_dirty_track(struct viommu *device, uint32_t endpoint, bool on);

/*
 * Read the log of [first, last], which is in one region: bit n % 64 of bitmap[n / 64] is set if the
 * n-th page is dirty, and is not changed otherwise. These pages are clean afterwards. With
 * `with_present`, all pages that tracked endpoints can write now are dirty, in all regions: set it
 * in the first call of a pass. Takes time in proportion to the range, and to all mappings of
 * tracked endpoints.
 *
 * -EINVAL   the range is not in one region, or no log has begun
 *
 * Returns: 0, -EINVAL. Locks: device. Waits: DMA sections. Since: 0.2 (testing)
 */
int viommu_dirty_read(struct viommu *device, uint64_t first, uint64_t last, bool with_present,
		      uint64_t *bitmap);

/*
 * End the log and free it.
 *
 * Returns: nothing. Locks: device. Waits: no. Since: 0.2 (testing)
 */
void viommu_dirty_end(struct viommu *device);

/* -- inspection --------------------------------------------------------------------- */

/*
 * Walks over the live state, one object per call. Each call finds the first object at or after
 * `from`. Continue with `from` = found + 1, unless the highest number was found. A change between
 * two calls may or may not be seen.
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
	uint32_t domain; /* 0 if not attached */
	uint64_t faults; /* since it was added */
};

/* A fault that was reported to the guest, or dropped. 5.13.6.9 */
struct viommu_fault {
	uint32_t endpoint;
	uint8_t reason;   /* VIOMMU_FAULT_R_* */
	bool dropped;     /* there was no buffer on the event queue */
	uint32_t flags;   /* VIOMMU_FAULT_F_* */
	uint64_t address; /* if VIOMMU_FAULT_F_ADDRESS */
	uint32_t pasid;   /* if VIOMMU_FAULT_F_PASID */
};

/*
 * The first domain with a number of `from` or above:
 *
 *     for (uint32_t id = 0; !viommu_next_domain(device, id, &domain); id = domain.id + 1) {
 *             show(&domain);
 *             if (domain.id == UINT32_MAX)
 *                     break;
 *     }
 *
 * Returns: 0, -ENOENT. Locks: state. Waits: no. Since: 0.1 (stable)
 */
int viommu_next_domain(struct viommu *device, uint32_t from,
		       struct viommu_domain_state *ret_domain);

/*
 * The first endpoint with an ID of `from` or above, attached or not.
 *
 * Returns: 0, -ENOENT. Locks: state. Waits: no. Since: 0.1 (stable)
 */
int viommu_next_endpoint(struct viommu *device, uint32_t from,
			 struct viommu_endpoint_state *ret_endpoint);

/*
 * The first mapping of a domain that ends at or after `from`; continue with `last` + 1.
 *
 * Returns: 0; -ENOENT: no such mapping or domain. Locks: state. Waits: no. Since: 0.1 (stable)
 */
int viommu_next_mapping(struct viommu *device, uint32_t domain, uint64_t from,
			struct viommu_mapping *ret_mapping);

/* A PASID that is attached. */
struct viommu_slot_state {
	uint32_t endpoint, pasid, domain;
};

/*
 * The first attached PASID of an endpoint with a number of `pasid` or above. PASIDs of a table of
 * contexts (VIOMMU_TABLE_ARM_CD_TABLE, ...) are controlled by the guest, and not included. Takes
 * time in proportion to their number.
 *
 * Returns: 0; -ENOENT: no such PASID or endpoint. Locks: state. Waits: no. Since: 0.2 (testing)
 */
int viommu_next_slot(struct viommu *device, uint32_t endpoint, uint32_t pasid,
		     struct viommu_slot_state *ret_slot);

/* A page table or context table of the guest, and its cached translations. */
struct viommu_table_state {
	size_t size;
	uint32_t domain;
	uint16_t format;         /* VIOMMU_TABLE_* */
	const char *format_name; /* "X86_PASID_ENTRY", ...; a constant */
	bool has_parent;
	uint32_t parent;
	uint8_t body[VIOMMU_TABLE_BODY_LENGTH]; /* of ATTACH_TABLE */
	uint64_t n_endpoints, n_pasids;         /* attached to it */
	uint64_t pages, tables; /* cached translations, and cached tables of the last level */
	uint64_t walks, drops; /* walks that found a page, and INVALIDATEs, since it was attached */
};

/*
 * The first domain with a table of the guest and a number of `from` or above. Set `size` before.
 *
 * Returns: 0, -ENOENT, -EINVAL. Locks: state. Waits: no. Since: 0.2 (testing)
 */
int viommu_next_table(struct viommu *device, uint32_t from, struct viommu_table_state *ret_table);

/* Page requests without an answer, as the driver sees them. */
struct viommu_group_state {
	uint32_t endpoint;
	bool has_pasid;
	uint32_t pasid;
	uint16_t group;
	bool is_complete; /* its last request was sent, so that the driver can answer */
};

/*
 * Copy the open groups of page requests of an endpoint, the newest first: at most `n`.
 *
 * Returns: how many there are. Locks: state. Waits: no. Since: 0.2 (testing)
 */
size_t viommu_groups(struct viommu *device, uint32_t endpoint, struct viommu_group_state *groups,
		     size_t n);

/*
 * Copy the newest faults, the newest first: at most `n`, and at most 64.
 *
 * Returns: how many. Locks: fault lock. Waits: no. Since: 0.1 (stable)
 */
size_t viommu_last_faults(struct viommu *device, struct viommu_fault *faults, size_t n);

/* Resources in use, and counts of events since viommu_new(). Resets do not clear counters. */
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

	uint64_t waits;           /* grace periods: until translations and sections have ended */
	uint64_t waited_ns;       /* for those that were found, all together */
	uint64_t longest_wait_ns; /* a long one: some section is too long */
	uint64_t most_domains, most_mappings, most_bytes; /* that were held at a time */
	uint64_t pending;        /* requests that are put off now; viommu_submit() */
	uint64_t overdue_waits;  /* that lasted for `wait_log_ns`, and for each doubling */
	uint64_t faults_limited; /* of those dropped: above `max_fault_rate` */
	uint64_t pauses;         /* that viommu_batch_pause() asked for */
};

/*
 * Fill the struct as far as its `size` reaches, which the caller sets; members that this library
 * does not have become 0. Counters are read one after the other, so they may be inconsistent with
 * each other. Resources in use are those after the last request that ended or began to wait.
 *
 * Returns: nothing. Locks: fault lock. Waits: no. Since: 0.1 (stable)
 */
void viommu_count(struct viommu *device, struct viommu_counters *counters);

/*
 * Write configuration, counters and limits, endpoints, domains with their first mappings, and the
 * last faults as readable text. `write` is called with pieces of it, without a lock; `text` is
 * valid until it returns. The format may change in any version: programs must use the walks above.
 *
 * Returns: nothing. Locks: state, fault lock; not during `write`. Waits: no. Since: 0.1 (testing)
 */
void viommu_dump(struct viommu *device,
		 void (*write)(void *opaque, const char *text, size_t length), void *opaque);

/* -- version ----------------------------------------------------------------------- */

/*
 * The version of the library that runs, as "0.2.0"; <viommu/version.h> has that of the headers.
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_version(void);

#ifdef __cplusplus
}
#endif

#endif
