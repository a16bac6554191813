/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "device/core.h"
#include "map/follow.h"

/*
 * Translation and DMA sections (virtio 1.3, 5.13.6)
 *
 * Both are read-side sections (sync/readers.h): they take no lock and never wait. A writer waits
 * for them before it frees or reuses what it removed (quiesce.c). So objects found in a section
 * stay valid until its end.
 */

#define READ_WRITE (VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE)

/* Inlined, because every translation takes these steps. */
#define ON_THE_PATH __attribute__((always_inline)) static inline

struct viommu_dma {
	struct viommu *device;
	struct reader *reader;
};

struct question {
	uint32_t endpoint, pasid, access;
	uint64_t iova, length;
	const struct viommu_handle *handle; /* instead of `endpoint`, or NULL */
};

/* An access, and the objects found for it. */
struct access {
	struct endpoint *endpoint;
	const struct route *route;
	uint64_t first, last;
	uint32_t wanted; /* VIOMMU_MAP_F_READ, VIOMMU_MAP_F_WRITE */
	uint32_t pasid;  /* or NO_PASID */
	uint32_t kind;   /* VIOMMU_ACCESS_EXEC, VIOMMU_ACCESS_PRIVILEGED */
	uint8_t fault;   /* the reason for refusal, or 0 */
};

/* The bytes up to `last`, at most the requested length, so the result cannot overflow. */
static uint64_t length_up_to(const struct access *access, uint64_t last)
{
	return (last < access->last ? last : access->last) - access->first + 1;
}

static struct viommu_translation identity(const struct access *access, uint64_t last,
					  uint32_t flags)
{
	return (struct viommu_translation){
		.address = access->first,
		.length = length_up_to(access, last),
		.flags = flags,
		.identity = true,
	};
}

/*
 * Follow an access over several leaves. Returns whether a range permits its first byte. Bounded,
 * because a guest can have millions of them and requests wait for this.
 */
static bool walk_on(const struct map *map, const struct map_access *access, struct map_walk *walk,
		    struct map_run *run)
{
	unsigned more = VIOMMU_ANSWER_MAPPINGS_MAX;
	struct range range, next;

	if (!map_walk(walk, map, access->first, &range) || range.first > access->first ||
	    (range.flags & access->all) != access->all)
		return false;
	run->phys = range.phys + (access->first - range.first);
	run->flags = range.flags;
	while (range.last < access->last && --more && map_walk_next(walk, &next) &&
	       map_continues(access, &range, &next)) {
		run->flags &= next.flags;
		range = next;
	}
	run->last = range.last;
	return true;
}

/*
 * The answer continues in another leaf. Retry until the walk is consistent; if changes do not
 * stop, keep the answer from one leaf. By values, so that the usual path has them in registers.
 */
__attribute__((noinline)) static struct map_run
walk_across_leaves(const struct map *map, struct map_access access, struct map_run one_leaf)
{
	enum { TRIES = 16 };
	struct map_walk walk;
	struct map_run run;

	for (unsigned i = 0; i < TRIES; i++) {
		bool found = walk_on(map, &access, &walk, &run);

		if (map_walk_is_consistent(&walk))
			return found ? run : one_leaf;
	}
	return one_leaf;
}

ON_THE_PATH bool follow(const struct map *map, const struct map_access *access,
			struct viommu_translation *ret_translation)
{
	struct map_run run;

	if (!map_follow(map, access, &run))
		return false;
	if (run.cut)
		run = walk_across_leaves(map, *access, run);
	ret_translation->address = run.phys;
	ret_translation->length =
		(run.last < access->last ? run.last : access->last) - access->first + 1;
	ret_translation->flags = run.flags;
	ret_translation->identity = false;
	return true;
}

static bool translate_by_map(const struct access *access,
			     struct viommu_translation *ret_translation)
{
	const struct map_access wanted = { access->first, access->last, access->wanted,
					   VIOMMU_MAP_F_MMIO };

	return follow(access->route->map, &wanted, ret_translation);
}

/*
 * Writes to an MSI region pass untranslated, even when the endpoint is attached to nothing. Other
 * reserved regions have no mappings.
 */
static const struct viommu_reserved *msi_region_of_write(const struct access *access)
{
	const struct viommu_reserved *region;

	if (access->wanted & VIOMMU_MAP_F_READ || access->pasid != NO_PASID)
		return NULL;
	region = endpoint_reserved(access->endpoint, access->first, access->first);
	return region && region->subtype == VIOMMU_RESV_MEM_MSI ? region : NULL;
}

/* Shortens the answer to the part before the next reserved region. */
static bool cut_at_region(const struct access *access, uint64_t *last)
{
	const struct viommu_reserved *region =
		endpoint_reserved(access->endpoint, access->first, *last);

	/* The MSI region applies only without a PASID. There is one, so the next is RESERVED. */
	if (region && region->subtype == VIOMMU_RESV_MEM_MSI && access->pasid != NO_PASID)
		region = region->last < *last
				 ? endpoint_reserved(access->endpoint, region->last + 1, *last)
				 : NULL;
	if (!region)
		return true;
	if (region->first <= access->first)
		return false;
	*last = region->first - 1;
	return true;
}

/* The output of a table is an address of the parent. */
static bool translate_by_parent(struct access *access, const struct table_answer *answer,
				uint64_t length, struct viommu_translation *ret_translation)
{
	const struct route route = { .map = access->route->table->parent->map };
	struct access parent = {
		.route = &route,
		.first = answer->address,
		.last = answer->address + (length - 1),
		.wanted = access->wanted,
	};

	access->fault = VIOMMU_FAULT_R_MAPPING;
	if (!translate_by_map(&parent, ret_translation))
		return false;
	ret_translation->flags &= answer->flags | VIOMMU_MAP_F_MMIO;
	return true;
}

/* With a table of the guest, the answer ends at the end of the page. */
__attribute__((noinline)) static bool translate_by_table(struct access *access,
							 struct viommu_translation *ret_translation)
{
	const struct table_access question = {
		.table = access->route->table,
		.pasid = access->pasid,
		.address = access->first,
		.wanted = access->wanted | access->kind,
	};
	struct table_answer answer;
	uint64_t last = access->last, length;

	access->fault = VIOMMU_FAULT_R_MAPPING;
	if (!cut_at_region(access, &last))
		return false;
	access->fault = table_translate(access->endpoint->device, &question, &answer);
	if (access->fault)
		return false;
	length = length_up_to(access, last);
	if (answer.last - answer.address < length - 1)
		length = answer.last - answer.address + 1;
	if (question.table->parent)
		return translate_by_parent(access, &answer, length, ret_translation);
	*ret_translation = (struct viommu_translation){
		.address = answer.address,
		.length = length,
		.flags = answer.flags,
		.identity = answer.identity,
	};
	return true;
}

static bool translate(struct access *access, struct viommu_translation *ret_translation)
{
	enum viommu_mode mode = access->route->mode;
	const struct viommu_reserved *region = msi_region_of_write(access);

	if (mode == VIOMMU_BYPASS)
		*ret_translation = identity(access, UINT64_MAX, READ_WRITE);
	else if (region && !access->route->is_forced)
		*ret_translation = identity(access, region->last, VIOMMU_MAP_F_WRITE);
	else if (access->route->table)
		return translate_by_table(access, ret_translation);
	else
		return mode == VIOMMU_TRANSLATED && translate_by_map(access, ret_translation);
	return true;
}

static const struct route *route_of(const struct endpoint *endpoint)
{
	const struct route *route = atomic_load_explicit(&endpoint->route, memory_order_acquire);

	annotate_acquire(&endpoint->route);
	return route;
}

static const struct route *find_route(const struct access *access)
{
	const struct route *route = route_of(access->endpoint);

	if (access->pasid == NO_PASID || (route->table && route->table->is_context) ||
	    route->is_forced)
		return route;
	return slot_route(access->endpoint, access->pasid);
}

/* Could the driver resolve the fault with a page request? */
static bool is_recoverable(const struct access *access)
{
	const struct endpoint *endpoint = access->endpoint;

	return access->route->table &&
	       atomic_load_explicit(&endpoint->can_request_pages, memory_order_relaxed) &&
	       device_accepted(endpoint->device, VIOMMU_F_PAGE_REQUEST) &&
	       (access->fault == VIOMMU_FAULT_R_MAPPING ||
		access->fault == VIOMMU_FAULT_R_PERMISSION ||
		access->fault == VIOMMU_FAULT_R_ACCESS);
}

static int refuse(const struct access *access, uint32_t asked)
{
	const struct event event = {
		.reason = access->fault,
		.access = access->wanted | access->kind,
		.pasid = access->pasid,
		.address = access->first,
	};

	if (asked & VIOMMU_ACCESS_RECOVERABLE && is_recoverable(access))
		return -EAGAIN;
	if (!(asked & VIOMMU_ACCESS_QUIET))
		fault_report(access->endpoint, &event);
	return -EFAULT;
}

ON_THE_PATH struct endpoint *find_endpoint(const struct viommu *device,
					   const struct question *question)
{
	const struct viommu_handle *handle = question->handle;
	struct endpoint *endpoint;

	if (!handle)
		return directory_find(&device->directory, question->endpoint);
	endpoint = atomic_load_explicit(&handle->endpoint, memory_order_acquire);
	annotate_acquire(&handle->endpoint);
	return endpoint;
}

ON_THE_PATH uint64_t last_of(uint64_t iova, uint64_t length)
{
	return length - 1 > UINT64_MAX - iova ? UINT64_MAX : iova + (length - 1);
}

/* What no mapping permits, and all that is not translated by mappings. The question is copied here,
 * so that the usual path has it in registers. */
__attribute__((noinline)) static int answer_otherwise(struct endpoint *endpoint,
						      struct question question,
						      struct viommu_translation *ret_translation)
{
	struct access access = {
		.endpoint = endpoint,
		.first = question.iova,
		.last = last_of(question.iova, question.length),
		.wanted = question.access & READ_WRITE,
		.pasid = question.pasid,
		.kind = question.access & (VIOMMU_ACCESS_EXEC | VIOMMU_ACCESS_PRIVILEGED),
	};

	if (!question.length)
		return -EINVAL;
	if (!endpoint)
		return -ENOENT;
	access.route = find_route(&access);
	access.fault = access.route->fault;
	if (translate(&access, ret_translation))
		return 0;
	return refuse(&access, question.access);
}

/*
 * Call in a read-side section, in which the endpoint was found; NULL: there is none. Mappings are
 * looked for first: there are none in a reserved region, so an access to one is not to MSIs.
 */
ON_THE_PATH int answer(struct endpoint *endpoint, const struct question *question,
		       struct viommu_translation *ret_translation)
{
	if (endpoint && question->pasid == NO_PASID && question->length) {
		const struct route *route = route_of(endpoint);
		const struct map_access access = {
			.first = question->iova,
			.last = last_of(question->iova, question->length),
			.all = question->access & READ_WRITE,
			.same = VIOMMU_MAP_F_MMIO,
		};

		if (route->mode == VIOMMU_TRANSLATED && !route->table &&
		    follow(route->map, &access, ret_translation))
			return 0;
	}
	return answer_otherwise(endpoint, *question, ret_translation);
}

struct unregistered {
	struct readers *readers;
	unsigned phase;
};

static void leave_unregistered(void *opaque)
{
	const struct unregistered *section = opaque;

	readers_leave_unregistered(section->readers, section->phase);
}

/*
 * For a thread without memory for a reader. It must not take the lock: the thread may be in a DMA
 * section that the lock's owner waits for. Not inlined, because it would cost the usual path
 * registers.
 */
__attribute__((noinline, cold)) static int
translate_unregistered(struct viommu *device, struct question question,
		       struct viommu_translation *ret_translation)
{
	struct unregistered section = { &device->readers,
					readers_enter_unregistered(&device->readers) };
	int error;

	pthread_cleanup_push(leave_unregistered, &section);
	error = answer(find_endpoint(device, &question), &question, ret_translation);
	pthread_cleanup_pop(true);
	return error;
}

ON_THE_PATH int translate_in_section(struct viommu *device, const struct question *question,
				     struct viommu_translation *ret_translation)
{
	struct reader *reader = readers_of_thread(&device->readers);
	int error;

	if (!reader)
		return translate_unregistered(device, *question, ret_translation);
	reader_enter(reader);
	error = answer(find_endpoint(device, question), question, ret_translation);
	reader_leave(reader);
	return error;
}

int viommu_translate(struct viommu *device, uint32_t endpoint, uint64_t iova, uint64_t length,
		     uint32_t access, struct viommu_translation *ret_translation)
{
	const struct question question = { endpoint, NO_PASID, access, iova, length, NULL };

	checks_translate(device, "viommu_translate");
	return translate_in_section(device, &question, ret_translation);
}

int viommu_translate_pasid(struct viommu *device, uint32_t endpoint, uint32_t pasid, uint64_t iova,
			   uint64_t length, uint32_t access,
			   struct viommu_translation *ret_translation)
{
	const struct question question = { endpoint, pasid, access, iova, length, NULL };

	if (pasid >> VIOMMU_PASID_BITS_MAX)
		return -EINVAL;
	checks_translate(device, "viommu_translate_pasid");
	return translate_in_section(device, &question, ret_translation);
}

static bool is_a_pasid(uint32_t pasid)
{
	return pasid == NO_PASID || !(pasid >> VIOMMU_PASID_BITS_MAX);
}

int viommu_handle_translate(struct viommu_handle *handle, uint32_t pasid, uint64_t iova,
			    uint64_t length, uint32_t access,
			    struct viommu_translation *ret_translation)
{
	const struct question question = { 0, pasid, access, iova, length, handle };

	if (!is_a_pasid(pasid))
		return -EINVAL;
	checks_translate(handle->device, "viommu_handle_translate");
	return translate_in_section(handle->device, &question, ret_translation);
}

/* -- DMA sections ------------------------------------------------------------- */

int viommu_dma_new(struct viommu *device, struct viommu_dma **ret_dma)
{
	struct viommu_dma *dma = malloc(sizeof(*dma));

	if (!dma)
		return -ENOMEM;
	dma->device = device;
	dma->reader = reader_new(&device->readers);
	if (!dma->reader) {
		free(dma);
		return -ENOMEM;
	}
	checks_count_handle(device, 1);
	*ret_dma = dma;
	return 0;
}

struct viommu_dma *viommu_dma_free(struct viommu_dma *dma)
{
	if (dma) {
		checks_outside(dma->reader, "viommu_dma_free");
		checks_count_handle(dma->device, -1);
		reader_free(dma->reader);
	}
	free(dma);
	return NULL;
}

void viommu_dma_begin(struct viommu_dma *dma)
{
	checks_begin(dma->device, dma->reader);
	reader_begin(dma->reader);
}

void viommu_dma_end(struct viommu_dma *dma)
{
	checks_in_section(dma->reader, "viommu_dma_end");
	reader_end(dma->reader);
}

/*
 * The section reaches everything through its endpoint: requests that concern others do not wait for
 * it. A wait that is too long can be reported by the endpoint's number.
 */
ON_THE_PATH int answer_in_section(const struct viommu_dma *dma, const struct question *question,
				  struct viommu_translation *ret_translation)
{
	struct endpoint *endpoint = find_endpoint(dma->device, question);

	if (endpoint)
		reader_reach(dma->reader, endpoint, DMA_SUBJECT | endpoint->node.id);
	return answer(endpoint, question, ret_translation);
}

int viommu_dma_translate(struct viommu_dma *dma, uint32_t endpoint, uint64_t iova, uint64_t length,
			 uint32_t access, struct viommu_translation *ret_translation)
{
	const struct question question = { endpoint, NO_PASID, access, iova, length, NULL };

	checks_in_section(dma->reader, "viommu_dma_translate");
	checks_translate(dma->device, "viommu_dma_translate");
	return answer_in_section(dma, &question, ret_translation);
}

int viommu_dma_translate_pasid(struct viommu_dma *dma, uint32_t endpoint, uint32_t pasid,
			       uint64_t iova, uint64_t length, uint32_t access,
			       struct viommu_translation *ret_translation)
{
	const struct question question = { endpoint, pasid, access, iova, length, NULL };

	if (pasid >> VIOMMU_PASID_BITS_MAX)
		return -EINVAL;
	checks_in_section(dma->reader, "viommu_dma_translate_pasid");
	checks_translate(dma->device, "viommu_dma_translate_pasid");
	return answer_in_section(dma, &question, ret_translation);
}

int viommu_dma_handle_translate(struct viommu_dma *dma, struct viommu_handle *handle,
				uint32_t pasid, uint64_t iova, uint64_t length, uint32_t access,
				struct viommu_translation *ret_translation)
{
	const struct question question = { 0, pasid, access, iova, length, handle };

	if (!is_a_pasid(pasid))
		return -EINVAL;
	checks_in_section(dma->reader, "viommu_dma_handle_translate");
	checks_translate(dma->device, "viommu_dma_handle_translate");
	return answer_in_section(dma, &question, ret_translation);
}
