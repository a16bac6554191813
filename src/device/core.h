/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_CORE_H
#define VIOMMU_DEVICE_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include <viommu/device.h>

#include "device/checks.h"
#include "device/directory.h"
#include "device/ids.h"
#include "device/rate.h"
#include "device/tlb.h"
#include "map/map.h"
#include "pgtable/pgtable.h"
#include "record/trace.h"
#include "sync/readers.h"

/*
 * The objects of the device core, and the functions that its files share
 *
 *     device --*--> endpoint --0..1--> domain --1--> interval map
 *                      |                  |
 *                      *                  +--*--> its endpoints
 *                   listener
 *
 * A domain exists while an endpoint or a PASID is attached to it, or a table has it as its parent.
 * One lock covers all of it. Translations and DMA
 * sections do not take it: in a read-side section, they use only the members that are marked as
 * for translations. Functions declared here are called with the lock held, unless they say
 * otherwise.
 */

#define NO_PASID UINT32_MAX

/* The subject of a reader: the endpoint's number, with this bit. */
#define DMA_SUBJECT (UINT64_C(1) << 32)

/* Everything that a translation needs to know about an endpoint's accesses. Immutable. */
struct route {
	enum viommu_mode mode;
	bool is_forced;            /* blocked by the VMM, with all PASIDs and MSIs */
	uint8_t fault;             /* VIOMMU_FAULT_R_* of a refused access */
	struct map *map;           /* if VIOMMU_TRANSLATED */
	const struct table *table; /* if the guest owns a table; NULL: `map` */
};

/* A table of the guest, or a table of tables (table.c). Immutable. */
struct table {
	uint16_t format; /* VIOMMU_TABLE_* */
	bool is_context;
	uint8_t body[VIOMMU_TABLE_BODY_LENGTH];
	uint64_t granules;
	struct domain *parent; /* NULL: addresses are guest-physical */
	struct tlb *tlb;       /* of the domain; modified in place */
	union {
		struct pt_space space;
		struct pt_context context; /* if is_context */
	};
};

/* Guest memory, sorted (memory.c). Immutable. */
struct memory {
	size_t n;
	struct viommu_memory range[];
};

/* Page requests of an endpoint that wait for one answer (group.c). */
struct page_group {
	struct page_group *next;
	struct endpoint *endpoint;
	bool has_pasid, is_complete;
	uint32_t pasid;
	uint16_t id;
};

/* The kind of a new domain. */
struct domain_spec {
	uint32_t id;
	bool bypass;
	const struct table *table; /* copied; NULL: it has mappings */
	bool replaces; /* replace the domain with that number, which only this slot holds */
};

/* A holder of a domain: an endpoint or one of its PASIDs (classes.c, atc.c). */
struct member {
	struct endpoint *endpoint;
	struct member *next_class; /* if it represents its class */
	struct member *next_in_class;
	struct member **in_class_at; /* the pointer to it in its class, or NULL */
	uint32_t pasid;              /* or NO_PASID */
	bool is_stale;               /* in viommu.stale */
	struct member *next_stale;
};

/* A PASID of an endpoint, attached to a domain (slot.c). */
struct slot {
	_Atomic(struct slot *) next; /* in its bucket; for translations, with `pasid` and `route` */
	uint32_t pasid;
	_Atomic(const struct route *) route;
	struct endpoint *endpoint;
	struct domain *domain;
	struct member member;
	struct slot *next_in_domain, **at; /* the pointer to it in its domain */
	struct shadow *shadows;            /* one for each of the endpoint's listeners */
	size_t n_shadows;
	struct slot *next_retired;
};

/* Hash table of the slots of an endpoint; without PASIDs in use there is none. */
#define SLOT_BUCKETS 256
struct slots {
	size_t n;
	struct slots *next_retired;
	_Atomic(struct slot *) bucket[SLOT_BUCKETS];
};

struct domain {
	struct id_node node; /* in viommu.domains; must be first */
	struct route route;  /* for translations */
	bool bypass;
	bool changed;     /* in viommu.changed */
	bool is_in_use;   /* so its nodes are not reclaimed yet; concern.c */
	uint64_t awaited; /* the last grace period that those who reach it are waited for in */
	uint64_t granule; /* of all its endpoints */
	struct map *map;  /* empty if `bypass` */
	struct endpoint *endpoints, **end; /* in the order of attachment */
	struct member *classes;            /* one representative each; classes.c */
	uint64_t n_endpoints;
	struct slot *slots; /* PASIDs attached to it */
	uint64_t n_slots;
	struct table *table;                   /* NULL: the domain has mappings, or bypasses */
	uint64_t n_tracked;                    /* endpoints and PASIDs with dirty logging */
	uint64_t n_children;                   /* tables with this domain as parent */
	struct domain *children;               /* domains with such tables */
	struct domain *next_child, **child_at; /* if it has a parent */
	bool is_stale;                         /* there were UNMAPs in this grace period: */
	uint64_t stale_first, stale_last;
	atomic_uint_fast64_t generation; /* UNMAPs while there are children, for what they cached */
	struct shadow *shadows, **shadows_end;
	size_t n_shadows;
	size_t n_shadows_by_mapping; /* of listeners without `unmap_range` */
	uint64_t serial;             /* among all domains of the device; 0: no listener knows it */
	uint64_t left;      /* the grace period in which an endpoint left it, or a child, last */
	uint64_t n_leaving; /* endpoints that have left, with listeners to be notified */
	struct domain *next_changed, *next_retired;
};

/* UNMAPs of the domain that a table is over; 0: it is over none. */
static inline uint64_t table_parent_generation(const struct table *table)
{
	return table->parent
		       ? atomic_load_explicit(&table->parent->generation, memory_order_acquire)
		       : 0;
}

/* Reserved regions, sorted. Immutable. */
struct regions {
	size_t n;
	struct viommu_reserved region[];
};

/*
 * A position in a list of a domain, which ascends: a number that is given at joining. So a refused
 * request can give back the position in the domain before.
 */
struct position {
	uint64_t now, before;
};

struct endpoint {
	struct id_node node; /* in viommu.endpoints; must be first */

	/* For translations, beside the ID: immutable, or changed by one store. */
	struct viommu *device;
	_Atomic(const struct route *) route;
	_Atomic(struct regions *) regions; /* NULL: none */

	_Atomic(struct slots *) slots; /* PASIDs in use; NULL: none */
	atomic_bool can_request_pages; /* config.max_page_requests is not 0 */

	struct viommu_endpoint
		config; /* without `reserved`, which is in `regions`, and `formats` */
	struct viommu_table_format *formats;
	struct page_group *groups;
	uint32_t n_groups;
	uint64_t granule;
	uint64_t input_first, input_last; /* within the device's */
	struct domain *domain;            /* NULL: attached to nothing */
	struct domain *leaving;           /* left, with listeners still to be notified; else NULL */
	struct endpoint *next_moving;     /* in viommu.moving */
	bool was_quarantined;             /* if it moves: before that */
	uint8_t n_turns;                  /* 1: it moves back; 2: that was refused, too */
	bool clears_slots;                /* if it moves: its PASIDs are detached first */
	struct endpoint *next, **at;      /* the domain's list; the pointer to it there */
	struct position position;         /* in that list */
	struct member member;
	struct viommu_listener *listeners; /* in the order in which they were added */
	struct viommu_handle *handles;     /* bound to it */
	int notified_mode;                 /* MODE_UNKNOWN, or the mode last notified */
	bool quarantined;                  /* blocked while attached to no domain */
	bool is_forced;                    /* blocked by the VMM, wherever it is attached */
	bool is_tracked;                   /* viommu_dirty_track() */
	uint64_t concerned; /* the last grace period that its sections are waited for in */
	atomic_uint_fast64_t faults;
};

struct layout;

struct viommu_handle {
	struct viommu *device;
	_Atomic(struct endpoint *) endpoint; /* NULL: unbound; for translations */
	struct viommu_handle *next, **at;    /* in its list; what points to it there, or NULL */
};

/* A listener of a slot, in the list of the slot's domain. */
struct shadow {
	struct viommu_listener *listener; /* NULL: it was removed */
	struct shadow *next, **at;        /* the pointer to it in the list */
	struct position position;         /* in the list */
};

struct viommu_listener {
	struct endpoint *endpoint;
	struct viommu_listener_ops ops;
	void *opaque;
	struct viommu_listener *next;
	struct shadow shadow; /* of the default slot, while that has a domain */

	bool is_dirty; /* notified since its last commit, in viommu.dirty */
	struct viommu_listener *next_dirty;
	uint64_t token, flight; /* of a commit that is under way; in viommu.committing */
	struct viommu_listener *next_committing, **committing_at;
};

/*
 * A mapping taken out of a domain whose listeners are to be notified after the grace period; or a
 * range of mappings, if all of them have `unmap_range`.
 */
struct removal {
	struct domain *domain;
	struct viommu_mapping mapping;
};

/* Removals that may wait for one grace period. */
#define REMOVALS_MAX 512

#define N_LAST_FAULTS 64

/* What a batch has used (pause.c). */
struct budget {
	struct rate requests, attaches;
	uint64_t begin_ns; /* 0: not measured yet */
	uint64_t calls, checked_calls;
	unsigned n_requests; /* since the time was checked */
	bool in_batch;       /* from viommu_batch_begin() to the end of the batch */
	bool is_bounded;     /* the batch ends, and leaves calls of listeners to the next one */
};

/* How far the listeners of an endpoint were notified of a domain that it enters or leaves. */
struct progress {
	const struct budget *budget;         /* that bounds it, or NULL */
	struct viommu_listener *listener;    /* whose turn it is; NULL: the first one's */
	bool has_left;                       /* all were notified of what the endpoint has left */
	bool is_notified;                    /* the listener was of the mode or domain */
	const struct viommu_listener *until; /* the last one that has anything to unmap, or NULL */
	size_t until_n;                      /* its first mappings */
	bool has_refused; /* `until` has refused: it has these mappings even if it has `domain` */
	size_t n;         /* mappings that it was notified of, */
	uint64_t from;    /* and where they end */
	size_t shadow;    /* of a slot: whose turn it is, not `listener` */
};

/* A slot, blocked, that enters its domain; `from`: its domain before, or NULL. */
struct entry {
	struct slot *slot; /* NULL: none does */
	struct domain *from;
	bool is_back; /* a listener has refused another domain */
};

/* The result where an errno can be: the budget is used up. */
#define TO_BE_CONTINUED 1

struct viommu {
	/* The members up to the lock are for translations. */
	struct viommu_config config; /* defaults filled in */
	const struct personality *personality;
	struct viommu_ops ops;
	void *opaque;
	struct directory directory; /* of all endpoints */
	struct readers readers;
	_Atomic(struct memory *) memory; /* NULL: none */

	pthread_mutex_t lock;
	pthread_mutex_t waiting_lock; /* taken inside `lock`; guards the next */
	bool is_waiting;              /* the owner of `lock` */

	bool sync_pending;      /* translations may still use what was unpublished */
	bool concerns_all;      /* any section may; concern.c */
	unsigned n_changes;     /* of maps since their nodes were reclaimed */
	struct domain *changed; /* domains with such maps */
	struct domain *retired; /* domains to free after a grace period */
	struct slot *retired_slots;
	struct slots *retired_tables;
	struct member *stale;   /* to be dropped after the grace period; atc.c */
	uint64_t retired_bytes; /* bytes of these three; not part of n_bytes */
	size_t n_listeners;
	size_t n_committers;  /* of these: with `commit` */
	size_t n_by_mapping;  /* of these: without `unmap_range` */
	uint64_t n_calls;     /* notifications, since viommu_new() */
	uint64_t n_notices;   /* of these: to listeners with `commit` */
	struct budget budget; /* of the batch; pause.c */
	struct viommu_listener *dirty, *last_dirty, *committing;
	bool commits_later; /* a request is executed that may be held */
	bool commits_now;   /* one was answered that needs a commit before the device is unlocked */

	struct pending *held, *parked, *answers; /* flight.c */
	struct endpoint *moving, **moving_end; /* blocked; their listeners are notified together */
	struct progress move;                  /* of the first one, or of: */
	struct entry entry;
	struct removal unmap; /* what is left of an UNMAP; without a domain: nothing */
	bool is_resetting;    /* the moves are those of a reset */
	bool is_divided;      /* a batch has ended before these were finished */
	bool has_spare;       /* a request is put off beyond `max_bytes` */
	bool leaves_parked;   /* a batch has ended before all that can be executed were */
	bool moves_first;     /* parked ones are executed when the moves are finished */
	uint64_t n_calls_due; /* of listeners, for moves and the UNMAP */
	unsigned n_pending;   /* of all three */
	uint64_t flight;      /* number of the open one */
	uint64_t n_tokens;

	struct journal *journal; /* NULL: nothing is recorded */
	struct dirty *dirty_log; /* NULL: nothing is logged */

	pthread_mutex_t record_lock; /* taken inside `lock`; guards the rest */
	struct trace_writer trace;
	uint64_t trace_ns; /* when its last record was added */
	bool is_recording; /* changed with both locks held */

	uint64_t grace_period;    /* number of the current one, from 1 */
	struct removal *removals; /* room for REMOVALS_MAX, allocated for the first listener */
	size_t n_removals;
	uint64_t n_removal_calls; /* of listeners, for these */

	atomic_uint_fast64_t accepted; /* features; changed with the lock held */
	atomic_bool bypass;            /* the field of configuration space */

	struct ids endpoints, domains;
	uint64_t n_mappings, n_bytes; /* account of all domains */
	uint8_t *properties;          /* probe_size bytes for the answer to PROBE */
	uint8_t *topology;            /* copy of config.topology, or NULL */

	/* The counts when the device was last unlocked or began to wait, for query functions. */
	atomic_uint_fast64_t published_domains, published_mappings, published_bytes,
		published_endpoints, published_pending;
	/* Changed with the lock held. */
	atomic_uint_fast64_t waits, waited_ns, longest_wait_ns, overdue_waits, pauses;
	atomic_uint_fast64_t most_domains, most_mappings, most_bytes;
	atomic_uint_fast64_t requests, requests_bad, refused, limited;
	atomic_uint_fast64_t n_logged[VIOMMU_N_LOG_EVENTS];

	uint64_t n_serials;   /* of domains, given so far */
	uint64_t n_positions; /* in domains, given so far */

	pthread_mutex_t faults_lock; /* taken inside `lock`; guards the rest */
	struct viommu_fault last_faults[N_LAST_FAULTS];
	uint64_t faults, faults_dropped, faults_limited;
	struct rate fault_rate;

#ifdef VIOMMU_CHECKS
	_Atomic(const void *) owner; /* of `lock` */
	atomic_int n_handles;        /* struct viommu_dma */
#endif
};

#define for_all_endpoints(e, device) \
	for (struct endpoint *e = ids_next(&(device)->endpoints, 0); e; \
	     e = ids_after(&(device)->endpoints, &e->node))
#define for_all_domains(d, device) \
	for (struct domain *d = ids_next(&(device)->domains, 0); d; \
	     d = ids_after(&(device)->domains, &d->node))
#define for_each_endpoint(e, domain) for (struct endpoint *e = (domain)->endpoints; e; e = e->next)
#define for_each_slot(s, domain)     for (struct slot *s = (domain)->slots; s; s = s->next_in_domain)
#define for_each_class(m, domain)    for (struct member *m = (domain)->classes; m; m = m->next_class)
#define for_each_shadow(s, domain)   for (struct shadow *s = (domain)->shadows; s; s = s->next)
#define for_each_listener(l, endpoint) \
	for (struct viommu_listener *l = (endpoint)->listeners; l; l = l->next)

static inline uint64_t granule_of(uint64_t page_size_mask)
{
	return page_size_mask & -page_size_mask;
}

/* -- counts for query functions, which read them without the lock ------------- */

static inline void count_publish(atomic_uint_fast64_t *published, uint64_t count)
{
	annotate_release(published);
	atomic_store_explicit(published, count, memory_order_relaxed);
}

static inline void count_raise(atomic_uint_fast64_t *most, uint64_t count)
{
	if (count > atomic_load_explicit(most, memory_order_relaxed))
		count_publish(most, count);
}

static inline void count_add(atomic_uint_fast64_t *sum, uint64_t more)
{
	count_publish(sum, atomic_load_explicit(sum, memory_order_relaxed) + more);
}

/* -- device.c ----------------------------------------------------------------- */

/* Detach every endpoint and accept no feature. device_begin_reset() leaves the moves to
 * flights_finish_moves(). */
void device_reset(struct viommu *device, bool bypass);
void device_begin_reset(struct viommu *device, bool bypass);

static inline bool device_accepted(const struct viommu *device, uint64_t feature)
{
	return (atomic_load_explicit(&device->accepted, memory_order_relaxed) & feature) == feature;
}

/* -- route.c ------------------------------------------------------------------- */

enum viommu_mode endpoint_mode(const struct endpoint *endpoint);

/* Publish an endpoint's route after its domain, quarantine or the device's `bypass` has changed. */
void endpoint_publish_route(struct endpoint *endpoint);

/* Block an endpoint with all its PASIDs and MSIs. */
void endpoint_publish_forced(struct endpoint *endpoint);

/* Block an endpoint between two domains, whatever it is attached to. */
void endpoint_block(struct endpoint *endpoint);

/* -- lock.c ---------------------------------------------------------------------- */

/*
 * Unlocking waits for a grace period if one is pending, lets listeners commit, and then answers
 * requests.
 */
void device_lock_by(struct viommu *device, const char *function);
#define device_lock(device) device_lock_by(device, __func__)
void device_unlock(struct viommu *device);

/* The same at the end of a batch, within its budget. Is anything left to the next one? */
bool device_unlock_bounded(struct viommu *device);

/* No request is put off any more. */
#define device_lock_drained(device) (device_lock(device), flights_drain(device))

/* The same, but a reset may be unfinished. */
#define device_lock_answered(device) (device_lock(device), flights_answer_all(device))

/* -- query.c --------------------------------------------------------------------- */

/* Counts for query functions. */
void device_publish_counts(struct viommu *device);

/* The owner of the lock waits, maybe already: until the end, queries read the device. */
void device_begin_wait(struct viommu *device);
void device_end_wait(struct viommu *device);

/* The device is read only, with the lock or while its owner waits. Pass the result to the end. */
bool device_begin_query_by(struct viommu *device, const char *function);
#define device_begin_query(device) device_begin_query_by(device, __func__)
void device_end_query(struct viommu *device, bool owns_lock);

/* -- quiesce.c ------------------------------------------------------------------ */

/* The domain's map has changed, and has nodes to reclaim. */
void device_changed(struct viommu *device, struct domain *domain);

/* The owner of the lock begins to wait for sections, or has waited: `readers.waits`. */
void device_wait(const struct readers *readers, bool begins);

/* A grace period does not end: `readers.overdue`. */
void device_log_wait(const struct readers *readers, const struct reader *reader,
		     uint64_t waited_ns);

/* Something was unpublished: wait for all sections before it is used again. */
static inline void device_mark_sync_pending(struct viommu *device)
{
	device->sync_pending = true;
	device->concerns_all = true;
}

/* The same, if only sections reach it that can translate for this endpoint. */
static inline void endpoint_mark_sync_pending(struct endpoint *endpoint)
{
	endpoint->device->sync_pending = true;
	endpoint->concerned = endpoint->device->grace_period;
}

/* The same, if they reach it through the domain, or a table over it. */
static inline void domain_mark_sync_pending(struct viommu *device, struct domain *domain)
{
	device->sync_pending = true;
	domain->awaited = device->grace_period;
}

/* -- concern.c -------------------------------------------------------------------- */

/* Is the grace period for sections that translate for this endpoint alone? `readers.concerns`. */
bool endpoint_is_concerned(const void *endpoint);

/* -- quiesce.c -------------------------------------------------------------------- */

/* Free a domain without endpoints after a grace period. */
void device_retire_domain(struct viommu *device, struct domain *domain);

/* Wait for a grace period, then reclaim and free. */
void device_synchronize(struct viommu *device);

/* The same, with what was replaced in the map of this domain. */
void device_reclaim(struct viommu *device, struct domain *domain);
void device_synchronize_if_due(struct viommu *device);

/* Notify pending removals now: before a mapping, a route or a list of listeners changes. */
void device_deliver_removals(struct viommu *device);

/*
 * Before a map changes: a translation that read its route before an endpoint left this domain, or a
 * child of it, must not find a mapping that was added later. Waits only if an endpoint or a PASID
 * has left in this grace period.
 */
void device_synchronize_if_left(struct viommu *device, const struct domain *domain);
void domain_mark_left(const struct viommu *device, struct domain *domain);

/* -- pause.c ---------------------------------------------------------------------- */

void budget_init(struct viommu *device);
void budget_begin(struct viommu *device);

/* Is none left for a further call of a listener? */
bool budget_is_used_up(struct viommu *device);

/* Calls of listeners that may be made before budget_is_used_up() is called again. */
uint64_t budget_calls(const struct viommu *device);

/* Calls of listeners that a batch makes before another request, however long they take. */
#define CALLS_DUE_SHORT 256

static inline bool has_many_calls_due(const struct viommu *device)
{
	return device->n_calls_due > CALLS_DUE_SHORT;
}

static inline void budget_count(struct viommu *device, bool is_attach)
{
	struct budget *budget = &device->budget;

	budget->n_requests++;
	rate_take(&budget->requests);
	if (is_attach)
		rate_take(&budget->attaches);
}

/* -- requests.c: the layouts of all requests, decoded ------------------------------ */

struct request_attach {
	uint8_t type, reserved_head[3];
	uint32_t domain, endpoint, flags, reserved; /* with VIOMMU_SLOT_F_PASID: the PASID */
};

struct request_detach {
	uint8_t type, reserved_head[3];
	uint32_t domain, endpoint;
	uint64_t reserved;
};

/* DETACH with VIOMMU_F_PASID. */
struct request_detach_slot {
	uint8_t type, reserved_head[3];
	uint32_t domain, endpoint, flags, pasid;
};

struct request_attach_table {
	uint8_t type, reserved_head[3];
	uint32_t domain, endpoint, flags;
	uint16_t format, reserved;
	uint32_t pasid, parent, reserved1;
	uint8_t body[VIOMMU_TABLE_BODY_LENGTH];
};

struct request_invalidate {
	uint8_t type, reserved_head[3];
	uint8_t scope, caches;
	uint16_t flags;
	uint32_t domain, pasid;
	uint64_t id, address, nr_pages;
	uint8_t page_size, reserved[19];
};

struct request_page_response {
	uint8_t type, reserved_head[3];
	uint32_t endpoint, flags, pasid;
	uint16_t group, code;
	uint8_t reserved[12];
};

struct request_map {
	uint8_t type, reserved_head[3];
	uint32_t domain;
	uint64_t virt_start, virt_end, phys_start;
	uint32_t flags;
};

struct request_unmap {
	uint8_t type, reserved_head[3];
	uint32_t domain;
	uint64_t virt_start, virt_end;
	uint32_t reserved;
};

struct request_probe {
	uint8_t type, reserved_head[3];
	uint32_t endpoint;
	uint8_t reserved[64];
};

/* ATTACH_TABLE of draft C. What a field means depends on the format. */
struct request_draft_c_table {
	uint8_t type, reserved_head[3];
	uint32_t domain, endpoint, flags;
	uint16_t format;
	uint8_t s1fmt, s1dss;
	uint32_t s1cdmax; /* or the PASID */
	uint64_t pointer; /* s1contextptr, pgd */
	uint64_t fl_flags;
	uint32_t addr_width;
	uint8_t reserved[36];
	uint32_t padding; /* the driver's struct is longer than the draft's */
};

struct request_draft_c_invalidate {
	uint8_t type, reserved_head[3];
	uint16_t inv_gran, inv_type, flags, reserved;
	uint32_t domain, pasid, reserved1;
	uint64_t archid, virt_start, nr_pages;
	uint8_t granule, reserved2[11];
};

struct request_draft_e_table {
	uint8_t type, reserved_head[3];
	uint32_t domain, endpoint;
	uint8_t format, reserved[3];
	uint64_t ste0, ste1;
	uint8_t reserved1[92];
};

/* Reserved bytes that a driver must clear. */
static inline bool bytes_are_zero(const uint8_t *bytes, size_t length)
{
	uint8_t any = 0;

	for (size_t i = 0; i < length; i++)
		any |= bytes[i];
	return !any;
}

/* In bytes, as sent. */
#define REQUEST_LONGEST VIOMMU_DRAFT_E_ATTACH_TABLE_LENGTH

union request {
	uint8_t type;
	struct request_attach attach;
	struct request_detach detach;
	struct request_detach_slot detach_slot;
	struct request_attach_table attach_table;
	struct request_invalidate invalidate;
	struct request_page_response page_response;
	struct request_map map;
	struct request_unmap unmap;
	struct request_probe probe;
	struct request_draft_c_table draft_c_table;
	struct request_draft_c_invalidate draft_c_invalidate;
	struct request_draft_e_table draft_e_table;
};

/* The endpoint and domains that a request names (flight.c). */
struct request_keys {
	bool has_endpoint;
	uint32_t endpoint;
	unsigned n;
	struct {
		uint32_t id;
		bool is_removed; /* mappings, an attachment, or the domain itself */
	} domain[3];
};

/* A request that is answered later. */
struct pending {
	struct pending *next;
	union request request;
	const struct layout *layout;
	uint8_t (*run)(struct viommu *device, const union request *request);
	void *cookie;
	uint8_t *tail[VIOMMU_TAIL_LENGTH]; /* the bytes of the answer */
	size_t used;                       /* 0: the answer is not written */
	struct request_keys keys;
	uint64_t flight; /* if it is held */
	int error;       /* if it is refused */
	uint8_t status;
	bool is_refused, is_alone;
	bool is_spare; /* beyond `max_bytes` */
};
#define PENDING_BYTES (sizeof(struct pending) + 16) /* with the overhead of the heap */

/*
 * Execute a request of a journal. Returns its status, and its length; -1: it is none, or its
 * feature was not accepted.
 */
int request_repeat(struct viommu *device, const uint8_t *wire, size_t room, size_t *ret_length);

/* Each returns a status. */
uint8_t do_attach(struct viommu *device, const union request *request);
uint8_t do_detach(struct viommu *device, const union request *request);
uint8_t do_detach_slot(struct viommu *device, const union request *request);
uint8_t do_attach_table(struct viommu *device, const union request *request);
uint8_t do_invalidate(struct viommu *device, const union request *request);
uint8_t do_page_response(struct viommu *device, const union request *request);
uint8_t do_map(struct viommu *device, const union request *request);
uint8_t do_unmap(struct viommu *device, const union request *request);
uint8_t do_probe(struct viommu *device, const union request *request);

/* -- domain.c -------------------------------------------------------------------------- */

struct domain *domain_find(const struct viommu *device, uint32_t id);

/* NULL when out of memory. Not in the device and not accounted yet. */
struct domain *domain_new(const struct domain_spec *spec, uint64_t granule);
void domain_free(struct domain *domain);

/* Resources that the guest makes the device hold. */
struct usage {
	uint64_t domains, mappings, bytes;
};

/* Would `more` exceed a limit? */
static inline bool device_is_full(const struct viommu *device, struct usage more)
{
	const struct viommu_config *config = &device->config;

	return device->domains.count + more.domains > config->max_domains ||
	       device->n_mappings + more.mappings > config->max_mappings ||
	       device->n_bytes > config->max_bytes ||
	       more.bytes > config->max_bytes - device->n_bytes;
}

/* Bytes of heap, of a domain with its map; and of an empty one. */
uint64_t domain_bytes(const struct domain *domain);
uint64_t domain_bytes_empty(const struct domain_spec *spec);

/* Add what a domain holds to the device's account, or subtract it. */
void domain_account(struct viommu *device, const struct domain *domain);
void domain_unaccount(struct viommu *device, const struct domain *domain);

/*
 * Add an endpoint to a domain, as the last, or at its position there before; remove it. No listener
 * is called.
 */
void endpoint_link(struct endpoint *endpoint, struct domain *domain);
void endpoint_link_again(struct endpoint *endpoint, struct domain *domain);
void endpoint_unlink(struct endpoint *endpoint);

static inline void position_take(struct position *position, struct viommu *device)
{
	position->before = position->now;
	position->now = ++device->n_positions;
}

/* The range as a listener sees it. */
static inline struct viommu_mapping mapping_of(const struct domain *domain,
					       const struct range *range)
{
	return (struct viommu_mapping){
		.domain = domain->node.id,
		.flags = range->flags,
		.first = range->first,
		.last = range->last,
		.phys = range->phys,
	};
}

/* Endpoints, PASIDs, and tables whose parent it is. */
static inline uint64_t domain_n_holders(const struct domain *domain)
{
	return domain->n_endpoints + domain->n_slots + domain->n_children;
}

static inline bool domain_is_held(const struct domain *domain)
{
	return domain_n_holders(domain);
}

static inline struct domain *domain_parent(const struct domain *domain)
{
	return domain->table ? domain->table->parent : NULL;
}

/* The domain whose mappings a listener is notified of: for a table over a parent, the parent. */
static inline struct domain *domain_followed(struct domain *domain)
{
	struct domain *parent = domain_parent(domain);

	return parent ? parent : domain;
}

static inline bool domain_alone_is_awaited(const struct viommu *device, struct domain *domain)
{
	if (domain->awaited == device->grace_period)
		return true;
	domain->is_in_use = domain->changed;
	return false;
}

/*
 * Is the grace period for sections that reach the domain, or its parent? If not, what was replaced
 * there is not reclaimed, because a section may use it.
 */
static inline bool domain_is_awaited(const struct viommu *device, struct domain *domain)
{
	struct domain *parent = domain_parent(domain);

	return domain_alone_is_awaited(device, domain) ||
	       (parent && domain_alone_is_awaited(device, parent));
}

/* May a driver use that number? */
static inline bool domain_is_in_range(const struct viommu *device, uint32_t id)
{
	return id >= device->config.domain_first && id <= device->config.domain_last;
}

/* Does the default slot have the tables of all PASIDs? */
static inline bool endpoint_has_context(const struct endpoint *endpoint)
{
	return endpoint->domain && endpoint->domain->table && endpoint->domain->table->is_context;
}

/* -- lifetime.c: creating and freeing ------------------------------------------ */

/* Make `parent` the one that a domain with a table is over. */
void domain_link_child(struct domain *child, struct domain *parent);

/* Retire a domain that nothing holds any more. NULL is accepted. */
void domain_release(struct viommu *device, struct domain *domain);

/*
 * Create the domain of a request and account for it; it replaces one with the same number. `more`
 * is what else the request needs. Returns a status.
 */
uint8_t domain_make(struct viommu *device, const struct domain_spec *spec, uint64_t granule,
		    struct usage more, const char *request, struct domain **ret_domain);

/* Free a domain that a refused request made. `old` has its number again; NULL: none. */
void domain_unmake(struct viommu *device, struct domain *domain, struct domain *old);

/* -- attach.c -------------------------------------------------------------------------- */

/* Attach the default slot. Returns a status. */
uint8_t endpoint_attach(struct endpoint *endpoint, const struct domain_spec *spec);

/* Take the endpoint out of its domain and notify its listeners. Cannot fail. */
void endpoint_detach(struct endpoint *endpoint);

/*
 * Notify the listeners of the first endpoint in viommu.moving, after the grace period, and publish
 * its route. If one refuses, its errno is returned, and the endpoint is still moving: back to its
 * old domain. TO_BE_CONTINUED: the budget is used up.
 */
int endpoint_finish_move(struct endpoint *endpoint, struct progress *progress);

/* Attach the endpoint to nothing and block it until it is attached again. */
void endpoint_quarantine(struct endpoint *endpoint);

/* The same in parts, if many calls of listeners need that. False: it is done. */
bool endpoint_begin_quarantine(struct endpoint *endpoint);

/* Block an endpoint by force, or end that. Returns the errno of a listener that refuses. */
int endpoint_set_forced(struct endpoint *endpoint, bool is_forced);

/* Begin to detach all endpoints, with one grace period: they are blocked, and moving. */
void endpoints_begin_detach(struct viommu *device);

/* Publish and notify the modes of endpoints without a domain, after `bypass` or features changed.
 */
void notify_mode_changes(struct viommu *device);

/* -- slot.c ------------------------------------------------------------------------------------ */

/* The route for accesses with a PASID; NULL if the slot is empty. By any thread. */
const struct route *slot_route(const struct endpoint *endpoint, uint32_t pasid);

/* Does the endpoint support that PASID? */
bool slot_exists(const struct endpoint *endpoint, uint32_t pasid);

/* The domain in a slot, or NULL. */
struct domain *slot_domain(const struct endpoint *endpoint, uint32_t pasid);

/* The slot with that PASID, or the next higher one, or NULL. */
struct slot *slot_next(const struct endpoint *endpoint, uint32_t from);

/* Attach a slot to a domain, which is new or exists and has the same kind. Returns a status. */
uint8_t slot_attach(struct endpoint *endpoint, uint32_t pasid, const struct domain_spec *spec);

/* Empty a slot that is attached to that domain. False if it is not. */
bool slot_detach(struct endpoint *endpoint, uint32_t pasid, const struct domain *domain);

/* classes_add() and classes_remove() for all PASID slots of an endpoint. */
void slots_add_classes(struct endpoint *endpoint);
void slots_remove_classes(struct endpoint *endpoint);

/* Empty all PASID slots of an endpoint. */
void slots_clear(struct endpoint *endpoint);

/* The same in parts: block them, and after the grace period, empty them. 0, or TO_BE_CONTINUED. */
void slots_begin_clear(struct endpoint *endpoint);
int slots_clear_some(struct endpoint *endpoint, const struct budget *budget);

/* Calls of listeners for that, and when a slot enters the domain, or a table over it. */
uint64_t slots_calls_of_clear(const struct endpoint *endpoint);
uint64_t slots_calls_of_entry(const struct endpoint *endpoint, struct domain *domain);

/*
 * Notify the listeners of the slot that enters its domain, after the grace period, and publish its
 * route. 0: it is done, TO_BE_CONTINUED, or the errno of a listener: then the slot is entering its
 * domain before, or is empty.
 */
int slot_finish_entry(struct viommu *device, struct progress *progress);

/* Nothing enters any more; the domain before is released. */
void slot_abandon_entry(struct viommu *device);

/* Can the PASIDs in use stay in their domains when `endpoint` becomes as `changed`? */
bool slots_fit(const struct endpoint *endpoint, const struct endpoint *changed);

bool slots_are_empty(const struct endpoint *endpoint);

/* May the grace period be for those who reach the domain of a PASID? */
bool slots_may_be_awaited(const struct endpoint *endpoint);

/* For the listeners of the endpoint, all PASID slots are empty; or have their domains again, if no
 * listener refuses one. */
void slots_leave_listeners(struct endpoint *endpoint);
bool slots_join_listeners(struct endpoint *endpoint);

/* The endpoint is tracked from now on, or no longer. */
void slots_track(struct endpoint *endpoint, bool on);

/* The listener is removed: all PASID slots are empty for it. */
void slots_forget(const struct viommu_listener *listener);

/*
 * Attaching a PASID in two steps, for stage.c: a slot that is in its domain but in no list of the
 * endpoint's, so no translation finds it, and it is not detached. NULL: out of memory.
 */
struct slot *slot_prepare(struct endpoint *endpoint, uint32_t pasid, struct domain *domain);
void slot_publish(struct slot *slot);
void slot_discard(struct slot *slot);

/* Bytes of heap of one more slot; without what the first of an endpoint needs. */
uint64_t slot_bytes(const struct endpoint *endpoint);
uint64_t slot_bytes_alone(const struct endpoint *endpoint);

/* -- memory.c ---------------------------------------------------------------------------------- */

/*
 * The process's address for `length` bytes of guest memory. NULL if they are not all in one range,
 * or if they are read-only and `write` is set. In a read-side section.
 */
void *memory_find(const struct viommu *device, uint64_t address, uint64_t length, bool write);

/* -- format.c ---------------------------------------------------------------------------------- */

/* Decode a body by the capabilities of the format. False if it is malformed. */
bool table_decode(const struct viommu_table_format *format, const uint8_t *body,
		  struct table *ret_table);

/* The endpoint's row of a format, or NULL. */
const struct viommu_table_format *table_format_of(const struct endpoint *endpoint, uint16_t format);

/* What a body says without being decoded. False: the format is unknown. */
bool table_prepare(uint16_t format, const uint8_t *body, struct table *ret_table);

/* Decode the body by what the endpoint has of the format. False: it has not, or malformed. */
bool table_decode_for(const struct endpoint *endpoint, struct table *table);

/* Can the endpoint be attached to it? */
bool table_has_format(const struct endpoint *endpoint, const struct table *table);
bool table_fits(const struct endpoint *endpoint, const struct table *table);

/* "ARM_CD"; "unknown". */
const char *table_format_name(uint16_t format);

bool table_format_is_known(uint16_t format);
bool table_format_is_context(uint16_t format);

/* -- walk.c -------------------------------------------------------------------- */

/* An access to be translated by a table of the guest. */
struct table_access {
	const struct table *table;
	uint32_t pasid; /* or NO_PASID */
	uint64_t address;
	uint32_t wanted; /* VIOMMU_MAP_F_*, VIOMMU_ACCESS_EXEC, VIOMMU_ACCESS_PRIVILEGED */
};

/* The output of a table: an address of guest memory, or of the parent. */
struct table_answer {
	uint64_t address, last; /* up to the end of the page */
	uint32_t flags;         /* VIOMMU_MAP_F_* */
	bool identity;
};

/* 0, or a reason VIOMMU_FAULT_R_*. In a read-side section. */
uint8_t table_translate(const struct viommu *device, const struct table_access *access,
			struct table_answer *ret_answer);

/* -- classes.c ------------------------------------------------------------------------------ */

/*
 * Call when an endpoint or a PASID has joined a domain or leaves it, and around a change of the
 * endpoint's constraints.
 */
void classes_add(struct domain *domain, struct member *member);
void classes_remove(struct domain *domain, struct member *member);

/* -- atc.c ----------------------------------------------------------------------------------- */

/*
 * Is the endpoint to be told of changes in the domain? Listeners are notified of mappings in other
 * ways, and by this only of tables. NULL: domains that may have one.
 */
bool atc_is_concerned(const struct endpoint *endpoint, const struct domain *domain);

/*
 * An address space of an endpoint, or all of them, was replaced: drop what the endpoint caches of
 * it.
 */
void atc_drop(struct member *member);

/* Mappings in [first, last] were removed. The domain is in viommu.changed. */
void atc_unmap(struct domain *domain, uint64_t first, uint64_t last);

/* Call `invalidate`. The VMM must have set it. */
void atc_invalidate(const struct member *member, uint64_t first, uint64_t last);

/*
 * The same for the PASIDs of a domain. If they are many, their endpoints drop all address spaces,
 * except those whose default slot has the domain, too: the caller invalidates these.
 */
void atc_invalidate_slots(const struct domain *domain, uint64_t first, uint64_t last);

/* Call after the grace period. */
void atc_deliver(struct viommu *device);

/* -- mapping.c --------------------------------------------------------------------------- */

/* Can the domain have the range? Limits are not checked. Returns a status. */
uint8_t mapping_check(const struct viommu *device, const struct domain *domain,
		      const struct range *range);

/* A phrase with the reason if only this device cannot have the range. NULL if no device could. */
const char *mapping_conflict_reason(const struct viommu *device, const struct domain *domain,
				    const struct range *range);

/* Does the UNMAP call listeners so often that a batch may leave a part of it to the next one? */
bool mapping_has_many_calls(const struct domain *domain, uint64_t first, uint64_t last);

/* Remove the rest of an UNMAP, until a budget is used up, or all of it. */
void mapping_continue_unmap(struct viommu *device, const struct budget *budget);

/* Begin an UNMAP that is done in parts. */
void mapping_begin_unmap(struct viommu *device, struct domain *domain, uint64_t first,
			 uint64_t last);

/* Remove a mapping again. */
void mapping_undo(struct viommu *device, struct domain *domain, uint64_t first, uint64_t last);

/* -- endpoint.c ---------------------------------------------------------------------------- */

struct endpoint *endpoint_find(const struct viommu *device, uint32_t id);

/* Is the endpoint compatible with the domain and its mappings? */
bool endpoint_fits(const struct endpoint *endpoint, const struct domain *domain);

/* The first mapping that ends at or after `from` and does not fit; false: all do. */
bool endpoint_next_misfit(const struct endpoint *endpoint, const struct domain *domain,
			  uint64_t from, struct viommu_misfit *ret_misfit);

/* A reserved region that overlaps [first, last], or NULL. By any thread. */
const struct viommu_reserved *endpoint_reserved(const struct endpoint *endpoint, uint64_t first,
						uint64_t last);

/* -- handle.c -------------------------------------------------------------------- */

/* The endpoint is removed: translations by its handles find nothing any more. */
void handles_unbind(struct endpoint *endpoint);

int handle_bind(struct viommu_handle *handle, uint32_t id);
bool handle_is_bound(const struct viommu_handle *handle);

/* -- listen.c -------------------------------------------------------------------- */

/* viommu_listen() and viommu_unlisten(). */
int listener_start(struct viommu *device, uint32_t id, const struct viommu_listener_ops *ops,
		   void *opaque, struct viommu_listener **ret_listener);
void listener_stop(struct viommu_listener *listener);

/* -- probe.c -------------------------------------------------------------------------------- */

bool probe_values_are_valid(const struct viommu_endpoint *config);

/* Write the endpoint's properties if they fit into `room`. Returns the bytes that they need. */
size_t probe_properties(const struct endpoint *endpoint, uint8_t *properties, size_t room);

#define MODE_UNKNOWN (-1)

/* -- listener.c ------------------------------------------------------------------------------ */

/* The status for a negative errno of a listener. */
uint8_t status_of(int error);

/* Add a listener to the lists of its endpoint and domain, or remove it. */
void listener_add(struct viommu_listener *listener);
void listener_remove(struct viommu_listener *listener);

/* Notify one listener of the current mode and every mapping; unmap every mapping. */
int listener_replay(struct viommu_listener *listener);
void listener_unmap_all(struct viommu_listener *listener);
int listener_notify_mode(struct viommu_listener *listener, enum viommu_mode mode);

/*
 * The endpoint joins its domain, or is about to leave it: add or remove its listeners there.
 * `again`: at the positions that they had in the domain before.
 */
void listeners_join(struct endpoint *endpoint, bool again);
void listeners_leave(struct endpoint *endpoint);

/* The same for a PASID. */
void shadows_join(struct slot *slot, bool again);
void shadows_leave(struct slot *slot);

/* Can all listeners of the endpoint follow PASIDs and tables? */
bool listeners_follow_spaces(const struct endpoint *endpoint);

/*
 * A PASID that no translation finds has entered its domain: notify the listeners. If one refuses,
 * the slot is empty for all of them, and its errno is returned.
 */
int shadows_enter(const struct slot *slot);

/* The same from where the progress is, without a commit. 0, TO_BE_CONTINUED, or an errno. */
int shadows_enter_some(const struct slot *slot, struct progress *progress);

/* Notify the listeners that the slot is empty. */
void shadows_empty(const struct slot *slot);

/* The listener of a shadow is removed: the slot is empty for it. */
void shadow_end(struct shadow *shadow, const struct slot *slot);

/* Notify all listeners of an endpoint that its tables have changed. */
void listeners_invalidate(const struct endpoint *endpoint, const struct viommu_invalidation *what);

/* The endpoint has left that domain: unmap all of its mappings. */
void listeners_unmap_all(struct endpoint *endpoint, struct domain *domain);

/*
 * Call when an endpoint has entered another domain: notify the mode and every mapping. If a
 * listener refuses, unmap what was mapped before, and return its errno.
 */
int listeners_replay(struct endpoint *endpoint);

/*
 * The same, from where the progress is. 0, TO_BE_CONTINUED, or an errno: then listeners have what
 * the progress says.
 */
int listeners_unmap_some(struct endpoint *endpoint, struct domain *domain,
			 struct progress *progress);
int listeners_replay_some(struct endpoint *endpoint, struct progress *progress);

/* The progress of unmapping what was notified until a refusal. */
struct progress progress_of_refusal(const struct progress *progress);

/* The endpoint's configuration was replaced; after the grace period. */
void listeners_notify_update(const struct endpoint *endpoint);

/* Notify the mode of an endpoint without a domain. Cannot fail: refusals are ignored. */
void listeners_notify_mode(struct endpoint *endpoint);

/* Notify the listeners of a domain, of which there are, of a mapping. If one refuses, as
 * listeners_replay(). */
int listeners_map(struct domain *domain, const struct viommu_mapping *mapping);
void listeners_unmap(const struct domain *domain, const struct viommu_mapping *mapping);

/*
 * End of a batch for one listener, which was popped, or is committing. 1: it will commit by the
 * token, which is not 0. `has_next`: if this returns 0, the next listener commits, and nothing
 * that queries read changes before. So they are let in once for all of them.
 */
struct viommu_listener *listener_pop_dirty(struct viommu *device);
int listener_commit(struct viommu_listener *listener, uint64_t token, bool has_next);
void listener_end_commit(struct viommu_listener *listener);

/* All that were notified commit without delay. Returns the first refusal. */
int listeners_commit_now(struct viommu *device);

/* Notify removals, after the grace period. */
void listeners_deliver_removals(struct viommu *device);

/* Notify the modes of endpoints without a domain, where they differ from the last notification. */
void listeners_notify_mode_changes(struct viommu *device);

/* Free an endpoint's listeners without calling them. */
void listeners_free(struct endpoint *endpoint);

/* -- dirty.c -------------------------------------------------------------------------------- */

/* A tracked endpoint, or one of its PASIDs, gets another route; mappings are about to be removed,
 * while there is a log. */
void dirty_leave(const struct endpoint *endpoint, const struct route *old);
void dirty_unmap(const struct viommu *device, const struct domain *domain, uint64_t first,
		 uint64_t last);

static inline void domain_count_tracked(struct domain *domain, bool on)
{
	if (on)
		domain->n_tracked++;
	else
		domain->n_tracked--;
}

/* -- dirty_log.c ---------------------------------------------------------------------------- */

void dirty_free(struct viommu *device);

/* -- journal.c ------------------------------------------------------------------------------ */

/* The bytes of requests, in order. */
struct journal {
	size_t length, room;
	bool is_lost; /* there was no room, or the state has changed in another way */
	uint8_t bytes[];
};

/* Begin anew with room for so many bytes; end. -ENOMEM */
int journal_begin(struct viommu *device, size_t room);
void journal_end(struct viommu *device);

/* The state has changed in another way than by a request. */
void journal_invalidate(struct viommu *device);

void journal_record(struct viommu *device, const struct layout *layout,
		    const union request *request, uint8_t status);

/* -- attach.c ------------------------------------------------------------------------------- */

/* Calls of listeners when the endpoint leaves its domain for another one, or NULL; or for a table
 * over that. */
uint64_t endpoint_calls_of_move(const struct endpoint *endpoint, struct domain *domain);
uint64_t endpoint_calls_of_table(const struct endpoint *endpoint, const struct domain *parent);

/* -- flight.c ----------------------------------------------------------------------------- */

/* Memory for one more request; NULL: none, or a limit is reached; for one beyond the limit. */
struct pending *pending_new(struct viommu *device);
struct pending *pending_new_spare(struct viommu *device);
void pending_free(struct viommu *device, struct pending *pending);

/* Execute a request, or put it off. False: it has its status, and the caller answers and frees. */
bool flights_submit(struct viommu *device, struct pending *pending);

/* Does the request make so many calls of listeners that it is divided? */
bool flights_divide(const struct viommu *device, const union request *request);

/* Finish what the next batch would continue: moves of endpoints, and an UNMAP. */
void flights_finish_moves(struct viommu *device);

static inline bool flights_have_memory(const struct viommu *device)
{
	return !device_is_full(device, (struct usage){ .bytes = PENDING_BYTES });
}

/* Can another request be put off? */
static inline bool flights_have_room(const struct viommu *device)
{
	return !device->has_spare && flights_have_memory(device);
}

/* End of a run: listeners commit. */
void flights_launch(struct viommu *device);

/* A listener has committed. */
void flights_committed(struct viommu_listener *listener, int result);

/* Execute and answer all requests that were put off; or drop them without a status. */
void flights_execute_all(struct viommu *device);
static inline void flights_answer_all(struct viommu *device)
{
	if (device->n_pending)
		flights_execute_all(device);
}
/* The same, and finish a reset. */
static inline void flights_drain(struct viommu *device)
{
	if (device->is_resetting)
		flights_finish_moves(device);
	flights_answer_all(device);
}
void flights_cancel(struct viommu *device);

/* Requests to be answered, after the device is unlocked. */
struct pending *flights_take_answers(struct viommu *device);
void flights_deliver(struct viommu *device, struct pending *answers);

void flights_free(struct viommu *device);

/* -- fault.c -------------------------------------------------------------------------------- */

/* A record for the event queue. */
struct event {
	uint8_t reason;
	uint32_t flags; /* VIOMMU_FAULT_F_*, without those that follow from `access` and `pasid` */
	uint32_t access, pasid;
	uint64_t address;
	uint16_t group;
	uint64_t private_data[2];
};

/* Report a refused access. By any thread in a read-side section. */
void fault_report(struct endpoint *endpoint, const struct event *event);

/* Report a page request to the driver. False if the driver has provided no buffer. */
bool fault_request_page(struct endpoint *endpoint, const struct event *event);

/* -- group.c -------------------------------------------------------------------------------- */

/* The group with that number, or NULL. A PASID may be NO_PASID. */
struct page_group *group_find(const struct endpoint *endpoint, uint32_t pasid, uint16_t id);

/* NULL: out of memory. */
struct page_group *group_open(struct endpoint *endpoint, uint32_t pasid, uint16_t id);

/* The same in two steps: a group that the endpoint does not have yet. */
struct page_group *group_prepare(struct endpoint *endpoint, uint32_t pasid, uint16_t id);
void group_put(struct page_group *group);

/* Answer a group and free it. */
void group_close(struct endpoint *endpoint, struct page_group *group, uint16_t code);

/* Free a group without an answer. */
void group_drop(struct endpoint *endpoint, struct page_group *group);

/* A slot, or the whole endpoint, is detached: its groups are answered INVALID. */
void groups_close_slot(struct endpoint *endpoint, uint32_t pasid);
void groups_close_all(struct endpoint *endpoint);

#endif
