/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_CORE_H
#define VIOMMU_DEVICE_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include <viommu/device.h>

#include "device/directory.h"
#include "device/ids.h"
#include "map/map.h"
#include "sync/readers.h"

/*
 * The objects of the device core, and what its files ask of each other
 *
 *     device --*--> endpoint --0..1--> domain --1--> map of ranges
 *                      |                  |
 *                      *                  +--*--> its endpoints
 *                   listener
 *
 * A domain lives as long as it has an endpoint. One lock stands over all of it, but not over
 * translations and DMA sections: they look at nothing but what is said to be for them, in a
 * section of readers. Functions declared here are called with the lock held, unless they
 * say otherwise.
 */

/* Where accesses go: all that a translation has to know. Never changes. */
struct route {
	enum viommu_mode mode;
	uint8_t fault;   /* why an access is refused: VIOMMU_FAULT_R_* */
	struct map *map; /* if VIOMMU_TRANSLATED */
};

/* A domain: an address space, made by ATTACH and gone with its last endpoint. */
struct domain {
	struct id_node node; /* in the device's; first */
	struct route route;  /* for translations */
	bool bypass;
	bool changed;                      /* is in the device's list of those */
	uint64_t granule;                  /* that of all its endpoints */
	struct map *map;                   /* empty if `bypass` */
	struct endpoint *endpoints, **end; /* in the order in which they were attached */
	struct endpoint *classes;          /* one of each kind; classes.c */
	uint64_t n_endpoints;
	struct domain *next_changed, *next_retired;
};

/* Reserved regions, sorted. Never change. */
struct regions {
	size_t n;
	struct viommu_reserved region[];
};

struct endpoint {
	struct id_node node; /* in the device's; first */

	/* For translations, and the number: what never changes, then what changes by one store. */
	struct viommu *device;
	_Atomic(const struct route *) route;
	_Atomic(struct regions *) regions; /* NULL: none */

	struct viommu_endpoint config; /* as configured, but for regions and the next two */
	uint64_t granule;
	uint64_t input_first, input_last; /* within the device's */
	struct domain *domain;            /* NULL: attached to nothing */
	struct endpoint *next, **at;      /* in the domain's list, and what points to it there */
	struct endpoint *next_class;      /* if it stands for its kind; else NULL */
	struct endpoint *next_in_class,
		**in_class_at;             /* of its kind, and what points to it; or NULL */
	struct viommu_listener *listeners; /* in the order they were added */
	int notified_mode;                 /* the mode listeners were told last, or MODE_UNKNOWN */
	bool quarantined;                  /* blocked while it is attached to nothing */
	atomic_uint_fast64_t faults;
};

struct viommu_listener {
	struct endpoint *endpoint;
	struct viommu_listener_ops ops;
	void *opaque;
	struct viommu_listener *next;
};

#define N_LAST_FAULTS 64

struct viommu {
	/* For translations. */
	struct viommu_config config; /* defaults filled in */
	struct viommu_ops ops;
	void *opaque;
	struct directory directory; /* of all endpoints */
	struct readers readers;

	pthread_mutex_t lock;
	bool sync_pending;      /* to wait until translations have seen what was changed */
	unsigned n_changes;     /* of maps since their nodes were had back, */
	struct domain *changed; /* and of which */
	struct domain *retired; /* to be freed then */
	size_t n_listeners;

	uint64_t accepted; /* features */
	bool bypass;       /* as in configuration space */

	struct ids endpoints, domains;
	uint64_t n_mappings, n_bytes; /* held for the guest */
	uint8_t *properties;          /* config.probe_size bytes to build an answer to PROBE */
	uint8_t *topology;            /* own copy of config.topology, or NULL */

	atomic_uint_fast64_t requests, requests_bad, refused, limited;
	atomic_uint_fast64_t n_logged[VIOMMU_N_LOG_EVENTS];

	pthread_mutex_t faults_lock; /* inside `lock`; guards the rest */
	struct viommu_fault last_faults[N_LAST_FAULTS];
	uint64_t faults, faults_dropped;
};

#define for_all_endpoints(e, device) \
	for (struct endpoint *e = ids_next(&(device)->endpoints, 0); e; \
	     e = ids_after(&(device)->endpoints, &e->node))
#define for_all_domains(d, device) \
	for (struct domain *d = ids_next(&(device)->domains, 0); d; \
	     d = ids_after(&(device)->domains, &d->node))
#define for_each_endpoint(e, domain) for (struct endpoint *e = (domain)->endpoints; e; e = e->next)
#define for_each_class(e, domain)    for (struct endpoint *e = (domain)->classes; e; e = e->next_class)
#define for_each_listener(l, endpoint) \
	for (struct viommu_listener *l = (endpoint)->listeners; l; l = l->next)

/* The lowest bit of a page-size mask. */
static inline uint64_t granule_of(uint64_t page_size_mask)
{
	return page_size_mask & -page_size_mask;
}

/* -- device.c ----------------------------------------------------------------- */

/* Detach every endpoint and let features go; `bypass` becomes what is given. */
void device_reset(struct viommu *device, bool bypass);

static inline bool device_accepted(const struct viommu *device, uint64_t feature)
{
	return (device->accepted & feature) == feature;
}

/* -- route.c ------------------------------------------------------------------- */

/* What an endpoint's accesses come to; what one that is attached to nothing can do. */
enum viommu_mode endpoint_mode(const struct endpoint *endpoint);

/* Let translations see what has become of an endpoint: domain, quarantine, `bypass`. */
void endpoint_publish_route(struct endpoint *endpoint);

/* -- quiesce.c ------------------------------------------------------------------ */

/* Unlocking waits for translations, if something was changed that they may go by. */
void device_lock(struct viommu *device);
void device_unlock(struct viommu *device);

/* Something was taken away: wait for translations before it is used again. */
void device_mark_sync_pending(struct viommu *device);

/* Nobody is in the domain any more: free it after that. */
void device_retire_domain(struct viommu *device, struct domain *domain);

/* The domain's map was changed, so it wants to be settled. */
void device_changed(struct viommu *device, struct domain *domain);

/* Wait for translations, and do what waits for that. */
void device_synchronize(struct viommu *device);
void device_synchronize_if_due(struct viommu *device);

/* -- requests.c: the layouts of all requests, decoded ------------------------------ */

struct request_attach {
	uint8_t type, reserved_head[3];
	uint32_t domain, endpoint, flags, reserved;
};

struct request_detach {
	uint8_t type, reserved_head[3];
	uint32_t domain, endpoint;
	uint64_t reserved;
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

union request {
	uint8_t type;
	struct request_attach attach;
	struct request_detach detach;
	struct request_map map;
	struct request_unmap unmap;
	struct request_probe probe;
};

/* What each does; returns a status. */
uint8_t do_attach(struct viommu *device, const union request *request);
uint8_t do_detach(struct viommu *device, const union request *request);
uint8_t do_map(struct viommu *device, const union request *request);
uint8_t do_unmap(struct viommu *device, const union request *request);
uint8_t do_probe(struct viommu *device, const union request *request);

/* -- domain.c -------------------------------------------------------------------------- */

struct domain *domain_find(const struct viommu *device, uint32_t id);

/* A domain that nobody is in and nobody counts yet, or NULL; and the end of one. */
struct domain *domain_new(uint32_t id, bool bypass, uint64_t granule);
void domain_free(struct domain *domain);

/* What the guest makes the device hold: now, or in addition. */
struct usage {
	uint64_t domains, mappings, bytes;
};

/* Would that much more be beyond a limit? */
bool device_is_full(const struct viommu *device, struct usage more);

/* Heap that a domain takes, with its map; and that an empty one would. */
uint64_t domain_bytes(const struct domain *domain);
uint64_t domain_bytes_empty(void);

/* Count, or do not count any more, what a domain holds. */
void domain_account(struct viommu *device, const struct domain *domain);
void domain_unaccount(struct viommu *device, const struct domain *domain);

/* Write an endpoint down in a domain, as the last of it, or strike it out. Nobody is told. */
void endpoint_link(struct endpoint *endpoint, struct domain *domain);
void endpoint_link_before(struct endpoint *endpoint, struct domain *domain, struct endpoint *next);
void endpoint_unlink(struct endpoint *endpoint);

/* The range as a listener sees it. */
struct viommu_mapping mapping_of(const struct domain *domain, const struct range *range);

/* -- attach.c -------------------------------------------------------------------------- */

/* Take the endpoint out of its domain; listeners are told. Cannot fail. */
void endpoint_detach(struct endpoint *endpoint);

/* -- classes.c ------------------------------------------------------------------------------ */

/* An endpoint comes into its domain, or leaves it; or what is said of it is about to change, and
 * has changed. */
void classes_add(struct endpoint *endpoint);
void classes_remove(struct endpoint *endpoint);

/* -- mapping.c --------------------------------------------------------------------------- */

/* May the domain have that range, all limits apart? A status. */
uint8_t mapping_check(const struct viommu *device, const struct domain *domain,
		      const struct range *range);

/* If it may not: what is in the way here, and would not be with another device, as a phrase. NULL:
 * it could be in no domain. */
const char *mapping_conflict_reason(const struct viommu *device, const struct domain *domain,
				    const struct range *range);

/* -- endpoint.c ---------------------------------------------------------------------------- */

struct endpoint *endpoint_find(const struct viommu *device, uint32_t id);

/* Could the endpoint be in that domain, with the mappings that are there? */
bool endpoint_fits(const struct endpoint *endpoint, const struct domain *domain);

/* A reserved region that overlaps [first, last], by any thread. */
const struct viommu_reserved *endpoint_reserved(const struct endpoint *endpoint, uint64_t first,
						uint64_t last);

/* -- probe.c -------------------------------------------------------------------------------- */

/* Are all values of properties that the VMM configured valid? */
bool probe_values_are_valid(const struct viommu_endpoint *config);

/* Write the endpoint's properties. Returns how many bytes they need; writes only if <= room. */
size_t probe_properties(const struct endpoint *endpoint, uint8_t *properties, size_t room);

#define MODE_UNKNOWN (-1)

/* -- listener.c ------------------------------------------------------------------------------ */

/* The status that a listener's refusal, a negative errno, becomes. */
uint8_t status_of(int error);

/* The endpoint is about to leave its domain: unmap everything. */
void listeners_unmap_all(struct endpoint *endpoint);

/*
 * The endpoint is in another domain: tell the mode, and every mapping. On a refusal those
 * that were told are told to unmap again, and the errno is returned.
 */
int listeners_replay(struct endpoint *endpoint);

/* The endpoint is in no domain: tell the mode, whatever the listeners say. */
void listeners_notify_mode(struct endpoint *endpoint);

/* A mapping is new in a domain: as above, for all of its endpoints. */
int listeners_map(struct domain *domain, const struct viommu_mapping *mapping);
void listeners_unmap(struct domain *domain, const struct viommu_mapping *mapping);

/* Tell the mode where it is no longer what was told last. */
void listeners_notify_mode_changes(struct viommu *device);

/* Free those of an endpoint, without a word. */
void listeners_free(struct endpoint *endpoint);

/* -- fault.c -------------------------------------------------------------------------------- */

/* Report an access that was refused. By any thread in a section of readers. */
void fault_report(struct endpoint *endpoint, uint8_t reason, uint32_t access, uint64_t address);

#endif
