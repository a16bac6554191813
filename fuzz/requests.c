/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any calls of a guest and its VMM to the device, in any order
 *
 * The first bytes configure the device; after that, each byte selects an operation. A listener
 * follows one endpoint and checks its notifications: it is never called to remove a mapping that it
 * does not have, and always has exactly the mappings of the domain. At the end, the device has no
 * resources left.
 */
#include <string.h>

#include <viommu/device.h>

#include "fuzz.h"

#define PAGE        0x1000u
#define N_ENDPOINTS 4u
#define N_DOMAINS   6u
#define MAX_STEPS   512
#define LONGEST     104 /* of a request: more than any has */
#define ANSWER      600
#define MEMORY      (16 * PAGE) /* of the guest, from address 0 on */

struct scene {
	struct viommu *device;
	struct viommu_config config;
	struct rest *input;
	uint64_t mirrored;
	uint8_t refusals; /* the listener refuses where a bit is set, one bit a call */
	struct viommu_dma *dma;
	struct viommu_listener *second; /* of the same endpoint; or NULL */
	unsigned spent;                 /* of patience */
	bool in_batch;
	bool has_buffers; /* on the event queue */
	bool has_spaces;  /* PASIDs, tables, page requests */
	uint64_t memory[MEMORY / sizeof(uint64_t)];
};

/* -- a listener that does not trust the device ------------------------------------------ */

static bool refuses(struct scene *scene)
{
	bool refuses = scene->refusals & 1;

	scene->refusals = (uint8_t)(scene->refusals >> 1);
	return refuses;
}

static int on_map(void *opaque, const struct viommu_mapping *mapping)
{
	struct scene *scene = opaque;

	must(mapping->first <= mapping->last);
	if (refuses(scene))
		return -1;
	scene->mirrored++;
	return 0;
}

static void on_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	struct scene *scene = opaque;

	must(mapping->first <= mapping->last);
	must(scene->mirrored--);
}

static int on_mode(void *opaque, enum viommu_mode mode)
{
	struct scene *scene = opaque;

	must(mode == VIOMMU_TRANSLATED || !scene->mirrored);
	return refuses(scene) ? -1 : 0;
}

/* A listener that is added and removed, and checks nothing. */
static int accept_map(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque;
	(void)mapping;
	return 0;
}

static void forget_map(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque;
	(void)mapping;
}

static void listen_or_not(struct scene *scene)
{
	static const struct viommu_listener_ops ops = { .size = sizeof(ops),
							.map = accept_map,
							.unmap = forget_map };

	if (scene->second)
		scene->second = viommu_unlisten(scene->second);
	else
		must(!viommu_listen(scene->device, 0, &ops, scene, &scene->second));
}

/* The event queue, as a driver fills it or does not. */
static int on_event(void *opaque, const void *record, size_t length)
{
	const struct scene *scene = opaque;

	must(record && length);
	return scene->has_buffers ? 0 : -1;
}

/* A trace is complete: its fields have names, and its text is a line that ends. */
static void on_trace(void *opaque, const struct viommu_trace *trace)
{
	(void)opaque;
	must(trace->text[0] && !strchr(trace->text, '\n'));
	must(!trace->answered == !trace->status_name && (trace->request || !trace->answered));
	for (size_t i = 0; i < trace->n_fields; i++)
		must(trace->fields[i].name[0]);
}

static void on_log(void *opaque, const struct viommu_log *entry)
{
	(void)opaque;
	must(entry->text[0] && !strchr(entry->text, '\n') && entry->count);
	must(entry->event < VIOMMU_N_LOG_EVENTS);
}

/* -- a VMM with guest memory ------------------------------------------------------------ */

/* The guest changes its tables while a walk sets a flag in them. */
static void on_dirty(void *opaque, uint64_t address, uint64_t length)
{
	struct scene *scene = opaque;

	must(address < MEMORY && length == sizeof(uint64_t) && !(address % length));
	if (take(scene->input) & 1)
		scene->memory[take_number(scene->input, 2) % (MEMORY / sizeof(uint64_t))] ^=
			take_address(scene->input);
}

static void on_invalidate(void *opaque, const struct viommu_invalidation *what)
{
	(void)opaque;
	must(what->endpoint < N_ENDPOINTS && what->first <= what->last);
}

static void on_response(void *opaque, const struct viommu_page_response *response)
{
	(void)opaque;
	must(response->endpoint < N_ENDPOINTS && response->code <= VIOMMU_PAGE_FAILURE);
}

static const struct viommu_table_format formats[] = {
	{ VIOMMU_TABLE_GENERIC, 48, 52, 0x40201000, 0, VIOMMU_TABLE_F_NEST },
	{ VIOMMU_TABLE_X86_PASID_ENTRY, 57, 52, 0x40201000, 16,
	  VIOMMU_TABLE_F_UPDATES | VIOMMU_TABLE_F_FIVE_LEVELS },
	{ VIOMMU_TABLE_X86_PASID_DIR, 57, 52, 0x40201000, 16, VIOMMU_TABLE_F_UPDATES },
	{ VIOMMU_TABLE_ARM_CD, 48, 48, 0x1000, 16, VIOMMU_TABLE_F_UPDATES },
	{ VIOMMU_TABLE_ARM_CD_TABLE, 48, 48, 0x1000, 16, VIOMMU_TABLE_F_UPDATES },
	{ VIOMMU_TABLE_AMD_GCR3_ENTRY, 48, 52, 0x40201000, 0, VIOMMU_TABLE_F_UPDATES },
	{ VIOMMU_TABLE_AMD_GCR3, 48, 52, 0x40201000, 0, VIOMMU_TABLE_F_UPDATES },
	{ VIOMMU_TABLE_RISCV_PC, 57, 52, 0x40201000, 0, VIOMMU_TABLE_F_UPDATES },
	{ VIOMMU_TABLE_RISCV_DC, 57, 52, 0x40201000, 0, VIOMMU_TABLE_F_UPDATES },
};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

static void add_endpoints(const struct scene *scene)
{
	for (uint32_t id = 0; id < N_ENDPOINTS; id++) {
		const struct viommu_endpoint endpoint = {
			.size = sizeof(endpoint),
			.id = id,
			.pasid_bits = 9,
			.formats = formats,
			.n_formats = N_FORMATS,
			.max_page_requests = 2,
		};

		if (viommu_endpoint_update(scene->device, &endpoint))
			viommu_endpoint_add(scene->device, &endpoint);
	}
}

/* All of the memory, or only a part of it, or none that can be written, or none. */
static void give_memory(struct scene *scene, uint8_t how)
{
	struct viommu_memory range = {
		.last = (how & 1 ? MEMORY / 2 : MEMORY) - 1,
		.host = scene->memory,
		.read_only = how & 2,
	};

	must(!viommu_set_memory(scene->device, &range, how & 4 ? 0 : 1));
}

static void change_memory(struct scene *scene)
{
	give_memory(scene, take(scene->input));
}

/* An entry that points to a page, or to where there is none. */
static void write_memory(struct scene *scene)
{
	uint64_t word = take_number(scene->input, 2), value = take_address(scene->input);

	if (take(scene->input) & 1) /* as RISC-V shifts them */
		value >>= 2;
	scene->memory[word % (MEMORY / sizeof(uint64_t))] =
		value | take_number(scene->input, 1) | (uint64_t)(take(scene->input) & 0xf) << 8;
}

/* -- operations ---------------------------------------------------------------- */

static size_t submit(struct scene *scene, const struct iovec readable[2], struct iovec *writable)
{
	if (scene->in_batch)
		return viommu_batch_request(scene->device, readable, 2, writable, 1);
	return viommu_request(scene->device, readable, 2, writable, 1);
}

/* Bytes of the input as they are: most are no request, and all must get an answer that fits. */
static void send_anything(struct scene *scene)
{
	uint8_t request[LONGEST], answer[ANSWER];
	size_t length = take(scene->input) % (LONGEST + 1),
	       room = (size_t)take_number(scene->input, 2) % ANSWER;
	size_t cut = length ? take(scene->input) % length : 0;
	struct iovec readable[2], writable = { answer, room };

	for (size_t i = 0; i < length; i++)
		request[i] = take(scene->input);
	readable[0] = (struct iovec){ request, cut };
	readable[1] = (struct iovec){ request + cut, length - cut };
	must(submit(scene, readable, &writable) <= room);
}

/* A field of a request, where it stands. */
static void put(uint8_t *request, size_t at, size_t length, uint64_t value)
{
	for (size_t i = 0; i < length; i++)
		request[at + i] = (uint8_t)(value >> 8 * i);
}

static void put_range(uint8_t *request, uint64_t first, uint64_t last)
{
	put(request, 8, 8, first);
	put(request, 16, 8, last);
}

/* As long as its type has it. */
static void send_whole(struct scene *scene, uint8_t *request)
{
	static const size_t lengths[] = {
		[0] = 1,
		[VIOMMU_T_ATTACH] = VIOMMU_ATTACH_LENGTH,
		[VIOMMU_T_DETACH] = VIOMMU_DETACH_LENGTH,
		[VIOMMU_T_MAP] = VIOMMU_MAP_LENGTH,
		[VIOMMU_T_UNMAP] = VIOMMU_UNMAP_LENGTH,
		[VIOMMU_T_PROBE] = VIOMMU_PROBE_LENGTH,
		[VIOMMU_T_ATTACH_TABLE] = VIOMMU_ATTACH_TABLE_LENGTH,
		[VIOMMU_T_INVALIDATE] = VIOMMU_INVALIDATE_LENGTH,
		[VIOMMU_T_PAGE_RESPONSE] = VIOMMU_PAGE_RESPONSE_LENGTH,
	};
	uint8_t answer[ANSWER];
	struct iovec readable[2] = { { request, lengths[*request] }, { NULL, 0 } };
	struct iovec writable = { answer, sizeof(answer) };

	must(submit(scene, readable, &writable) <= sizeof(answer));
}

/* A request that is one, with numbers that have a chance to mean something. */
static void send_request(struct scene *scene)
{
	uint8_t request[LONGEST] = { 0 };
	unsigned type = take(scene->input) % (VIOMMU_T_PROBE + 1);
	bool maps = type == VIOMMU_T_MAP || type == VIOMMU_T_UNMAP;
	uint64_t first = take_address(scene->input);

	request[0] = (uint8_t)type;
	put(request, 4, 4, take(scene->input) % N_DOMAINS);
	if (type == VIOMMU_T_PROBE)
		put(request, 4, 4, take(scene->input) % (N_ENDPOINTS + 1));
	else if (!maps)
		put(request, 8, 4, take(scene->input) % (N_ENDPOINTS + 1));
	if (type == VIOMMU_T_ATTACH)
		put(request, 12, 4, take(scene->input) & 3);
	if (maps)
		put_range(request, first, first + take_address(scene->input) - 1);
	if (type == VIOMMU_T_MAP) {
		put(request, 24, 8, take_address(scene->input));
		put(request, 32, 4, take(scene->input) & 15);
	}
	send_whole(scene, request);
}

/* -- address spaces --------------------------------------------------------------------- */

static uint32_t take_pasid(struct scene *scene)
{
	return take(scene->input) % 5 * 64;
}

static void attach_pasid(struct scene *scene)
{
	uint8_t request[LONGEST] = { VIOMMU_T_ATTACH };

	put(request, 4, 4, take(scene->input) % N_DOMAINS);
	put(request, 8, 4, take(scene->input) % N_ENDPOINTS);
	put(request, 12, 4, VIOMMU_SLOT_F_PASID | (take(scene->input) & 1));
	put(request, 16, 4, take_pasid(scene));
	send_whole(scene, request);
}

static void detach_slot(struct scene *scene)
{
	static const uint32_t flags[] = { 0, VIOMMU_SLOT_F_PASID, VIOMMU_SLOT_F_PASID,
					  VIOMMU_SLOT_F_ALL };
	uint8_t request[LONGEST] = { VIOMMU_T_DETACH };

	put(request, 4, 4, take(scene->input) % N_DOMAINS);
	put(request, 8, 4, take(scene->input) % N_ENDPOINTS);
	put(request, 12, 4, flags[take(scene->input) % 4]);
	put(request, 16, 4, take_pasid(scene));
	send_whole(scene, request);
}

/* A body that is sound if the input changes nothing of it. */
static void put_body(struct scene *scene, uint8_t *body, uint16_t format)
{
	uint64_t root = (uint64_t)(take(scene->input) % 18) * PAGE;
	uint64_t riscv = (8ull + take(scene->input) % 3) << 60 | root >> 12;
	const struct {
		uint16_t format;
		uint64_t words[4];
	} bodies[] = {
		{ VIOMMU_TABLE_GENERIC, { root } },
		{ VIOMMU_TABLE_X86_PASID_ENTRY,
		  { 1 | 1 << 6, 0, root | 3 | (uint64_t)(take(scene->input) & 1) << 2 } },
		{ VIOMMU_TABLE_X86_PASID_DIR, { root | 1, take_pasid(scene) } },
		{ VIOMMU_TABLE_ARM_CD, { 0x56204c0903510 | 3ull << 42, root } },
		{ VIOMMU_TABLE_ARM_CD_TABLE,
		  { root | (uint64_t)(take(scene->input) % 3) << 4 | 8ull << 59,
		    take(scene->input) & 3 } },
		{ VIOMMU_TABLE_AMD_GCR3_ENTRY, { root | 1, 4 } },
		{ VIOMMU_TABLE_AMD_GCR3, { root, 0x10400 | (take(scene->input) & 1) } },
		{ VIOMMU_TABLE_RISCV_PC, { 1, riscv } },
		{ VIOMMU_TABLE_RISCV_DC,
		  { 1 | 1 << 5 | 1 << 8, 0, 0,
		    (1ull + take(scene->input) % 3) << 60 | root >> 12 } },
	};
	uint8_t flips = take(scene->input);

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		for (unsigned k = 0; bodies[i].format == format && k < 4; k++)
			put(body, 8 * k, 8, bodies[i].words[k]);
	if (flips & 0x80)
		body[flips & 63] ^= (uint8_t)(1u << take(scene->input) % 8);
}

static void attach_table(struct scene *scene)
{
	uint8_t request[LONGEST] = { VIOMMU_T_ATTACH_TABLE }, flags = take(scene->input);
	uint16_t format = formats[take(scene->input) % N_FORMATS].format;

	put(request, 4, 4, take(scene->input) % N_DOMAINS);
	put(request, 8, 4, take(scene->input) % N_ENDPOINTS);
	put(request, 12, 4,
	    (flags & 1 ? VIOMMU_SLOT_F_PASID : 0) | (flags & 2 ? VIOMMU_SLOT_F_PARENT : 0));
	put(request, 16, 2, format);
	if (flags & 1)
		put(request, 20, 4, take_pasid(scene));
	if (flags & 2)
		put(request, 24, 4, take(scene->input) % N_DOMAINS);
	put_body(scene, request + 32, format);
	send_whole(scene, request);
}

static void invalidate(struct scene *scene)
{
	uint8_t request[LONGEST] = { VIOMMU_T_INVALIDATE };

	put(request, 4, 1, take(scene->input) & 3);
	put(request, 5, 1, take(scene->input) & 7);
	put(request, 6, 2, take(scene->input) & 15);
	put(request, 8, 4, take(scene->input) % N_DOMAINS);
	put(request, 12, 4, take_pasid(scene));
	put(request, 24, 8, take_address(scene->input));
	put(request, 32, 8, take_address(scene->input) >> (take(scene->input) & 63));
	put(request, 40, 1, take(scene->input) & 1 ? 12 : take(scene->input));
	send_whole(scene, request);
}

static void answer_pages(struct scene *scene)
{
	uint8_t request[LONGEST] = { VIOMMU_T_PAGE_RESPONSE }, has_pasid = take(scene->input) & 1;

	put(request, 4, 4, take(scene->input) % N_ENDPOINTS);
	put(request, 8, 4, has_pasid);
	put(request, 12, 4, take_pasid(scene));
	put(request, 16, 2, take(scene->input) & 3);
	put(request, 18, 2, take(scene->input) & 3);
	send_whole(scene, request);
}

static void request_page(struct scene *scene)
{
	uint8_t how = take(scene->input);
	const struct viommu_page_request request = {
		.size = sizeof(request),
		.endpoint = take(scene->input) % (N_ENDPOINTS + 1),
		.has_pasid = how & 1,
		.pasid = take_pasid(scene),
		.address = take_address(scene->input),
		.access = how >> 1 & 3,
		.group = take(scene->input) & 3,
		.last = how & 8,
	};

	viommu_page_request(scene->device, &request);
}

static void translate_pasid(struct scene *scene)
{
	static const uint32_t kinds[] = { 0, VIOMMU_ACCESS_EXEC, VIOMMU_ACCESS_PRIVILEGED,
					  VIOMMU_ACCESS_RECOVERABLE };
	struct viommu_translation to;
	uint64_t iova = take_address(scene->input), length = take_address(scene->input);
	uint32_t access = (take(scene->input) & 7) | kinds[take(scene->input) & 3];
	uint32_t endpoint = take(scene->input) % N_ENDPOINTS, pasid = take_pasid(scene);

	if (viommu_translate_pasid(scene->device, endpoint, pasid, iova, length, access, &to))
		return;
	must(to.length && to.length <= length);
	must(to.identity || to.address <= UINT64_MAX - (to.length - 1));
}

/* As many mappings as make a tree of several levels, with room between them or without. */
static void fill(struct scene *scene)
{
	uint8_t request[LONGEST] = { VIOMMU_T_MAP };
	uint64_t first = (uint64_t)take(scene->input) << 16;
	unsigned n = take(scene->input) * 4u, step = 1 + take(scene->input) % 3;

	put(request, 4, 4, take(scene->input) % N_DOMAINS);
	put(request, 32, 4, VIOMMU_MAP_F_READ);
	if (!has_patience(&scene->spent))
		return;
	for (unsigned i = 0; i < n; i++, first += step * PAGE) {
		put_range(request, first, first + PAGE - 1);
		put(request, 24, 8, first);
		send_whole(scene, request);
	}
}

/* A wide UNMAP, within what fill() fills. */
static void empty(struct scene *scene)
{
	uint8_t request[LONGEST] = { VIOMMU_T_UNMAP };
	uint64_t first = take_number(scene->input, 2) * PAGE;

	put(request, 4, 4, take(scene->input) % N_DOMAINS);
	put_range(request, first, first + take_number(scene->input, 2) * PAGE + PAGE - 1);
	send_whole(scene, request);
}

/* What a driver has notified of together. */
static void send_batch(struct scene *scene)
{
	static void (*const steps[])(struct scene *) = { send_request, send_request, send_anything,
							 fill, empty };
	unsigned n = take(scene->input) % 16;

	viommu_batch_begin(scene->device);
	scene->in_batch = true;
	for (unsigned i = 0; i < n; i++)
		steps[take(scene->input) % (sizeof(steps) / sizeof(steps[0]))](scene);
	scene->in_batch = false;
	viommu_batch_end(scene->device);
}

/* A device's access, in pieces, which ends where one of them is refused. */
static void access_memory(struct scene *scene)
{
	struct viommu_translation piece;
	uint32_t endpoint = take(scene->input) % (N_ENDPOINTS + 1), flags = take(scene->input) & 7;
	uint64_t iova = take_address(scene->input), length = take(scene->input) * (PAGE / 2);

	viommu_dma_begin(scene->dma);
	for (uint64_t done = 0; done < length; done += piece.length) {
		if (viommu_dma_translate(scene->dma, endpoint, iova + done, length - done, flags,
					 &piece))
			break;
		must(piece.length && piece.length <= length - done);
	}
	viommu_dma_end(scene->dma);
}

static void translate(struct scene *scene)
{
	struct viommu_translation to;
	uint32_t endpoint = take(scene->input) % (N_ENDPOINTS + 1);
	uint64_t iova = take_address(scene->input), length = take_address(scene->input);

	if (viommu_translate(scene->device, endpoint, iova, length, take(scene->input) & 7, &to))
		return;
	must(to.length && to.length <= length);
	must(to.identity || to.address <= UINT64_MAX - (to.length - 1));
}

static void add_endpoint(struct scene *scene)
{
	struct viommu_reserved reserved[2] = {
		{ take_address(scene->input), take_address(scene->input), take(scene->input) % 3 },
		{ UINT64_MAX - PAGE, UINT64_MAX, VIOMMU_RESV_MEM_RESERVED },
	};
	struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = take(scene->input) % N_ENDPOINTS,
		.reserved = reserved,
		.n_reserved = take(scene->input) % 3,
		.has_ats = take(scene->input) & 1,
		.input_last = take_address(scene->input),
	};
	uint8_t more = take(scene->input);

	endpoint.input_first = more & 1 ? PAGE : 0;
	endpoint.has_proximity = more & 2;
	endpoint.page_size_mask = more & 4 ? UINT64_MAX << (more >> 3) : 0;
	if (scene->has_spaces) {
		endpoint.pasid_bits = take(scene->input) % 10;
		endpoint.formats = formats;
		endpoint.n_formats = take(scene->input) % (N_FORMATS + 1);
		endpoint.max_page_requests = take(scene->input) & 3;
	}

	if (viommu_endpoint_add(scene->device, &endpoint))
		viommu_endpoint_update(scene->device, &endpoint);
}

static void remove_endpoint(struct scene *scene)
{
	uint32_t id = take(scene->input) % N_ENDPOINTS;

	if (id) /* those of the listeners stay */
		viommu_endpoint_remove(scene->device, id);
}

static void write_config(struct scene *scene)
{
	uint64_t value = take_number(scene->input, 8);

	viommu_config_write(scene->device, take(scene->input), &value, take(scene->input) % 9);
}

static void read_config(struct scene *scene)
{
	uint8_t bytes[64];

	viommu_config_read(scene->device, take_address(scene->input), bytes, sizeof(bytes));
}

static void accept(struct scene *scene)
{
	viommu_accept(scene->device, take_number(scene->input, 2));
}

static void reset(struct scene *scene)
{
	if (take(scene->input) & 1)
		viommu_system_reset(scene->device);
	else
		viommu_reset(scene->device);
}

/* As the input has it, or by default, if the input has it so that no device can be so. */
static struct viommu *new_device(struct scene *scene, const struct viommu_ops *ops)
{
	struct viommu *device;
	struct viommu_endpoint first = { .size = sizeof(first) };

	if (viommu_new(&scene->config, ops, scene, &device))
		must(!viommu_new(NULL, ops, scene, &device));
	must(!viommu_endpoint_add(device, &first));
	viommu_accept(device, viommu_features(device));
	return device;
}

/*
 * The loaded state equals the saved one, unless the listener refuses it. A similar device loads it
 * too, or gives a reason: it may have lower limits than the device of the input.
 */
static void migrate(struct scene *scene)
{
	char reason[VIOMMU_REASON_LENGTH] = "";
	struct viommu *other;
	size_t length;
	void *bytes;

	if (!has_patience(&scene->spent))
		return;
	other = new_device(scene, NULL);
	if (!viommu_save(scene->device, &bytes, &length)) {
		viommu_load(scene->device, bytes, length, reason, sizeof(reason));
		must(!viommu_load(other, bytes, length, reason, sizeof(reason)) || *reason);
		free(bytes);
	}
	viommu_free(other);
}

static void refuse(struct scene *scene)
{
	scene->refusals = take(scene->input);
}

static void change_buffers(struct scene *scene)
{
	scene->has_buffers = !scene->has_buffers;
}

/* -- the device under test ----------------------------------------------------- */

/* In order, apart, and inside of the domain; how many there are. */
static uint64_t count_mappings(const struct scene *scene, uint32_t domain)
{
	struct viommu_mapping mapping;
	uint64_t n = 0, from = 0;

	while (!viommu_next_mapping(scene->device, domain, from, &mapping)) {
		must(mapping.first >= from && mapping.first <= mapping.last);
		must(mapping.domain == domain);
		n++;
		from = mapping.last + 1;
		if (!from)
			break;
	}
	return n;
}

static uint64_t count_all_mappings(const struct scene *scene)
{
	struct viommu_domain_state domain;
	uint64_t n = 0;

	for (uint32_t id = 0; !viommu_next_domain(scene->device, id, &domain); id = domain.id + 1) {
		uint64_t here = count_mappings(scene, domain.id);

		must(domain.n_mappings == here);
		n += here;
		if (domain.id == UINT32_MAX)
			break;
	}
	return n;
}

static void swallow(void *opaque, const char *text, size_t length)
{
	(void)opaque;
	must(text && length);
}

/* The listener has the mappings of its domain, and all counters agree. */
static void visit_all(const struct scene *scene)
{
	struct viommu_counters counters = { .size = sizeof(counters) };
	struct viommu_endpoint_state endpoint;
	struct viommu_fault faults[80];

	viommu_count(scene->device, &counters);
	must(counters.mappings == count_all_mappings(scene));
	must(!viommu_next_endpoint(scene->device, 0, &endpoint) && !endpoint.id);
	must(scene->mirrored == (endpoint.attached ? count_mappings(scene, endpoint.domain) : 0));
	must(viommu_last_faults(scene->device, faults, sizeof(faults) / sizeof(faults[0])) <= 64);
	viommu_dump(scene->device, swallow, NULL);
}

static void look(struct scene *scene)
{
	if (has_patience(&scene->spent))
		visit_all(scene);
}

/* -- a life ------------------------------------------------------------------------------- */

/* Steps of a device without address spaces come first. */
#define N_STEPS 21

static void live(struct scene *scene)
{
	static void (*const steps[])(struct scene *) = {
		send_request,    send_request,    send_request,  send_anything,
		translate,       translate,       add_endpoint,  remove_endpoint,
		write_config,    read_config,     accept,        reset,
		migrate,         refuse,          fill,          empty,
		send_batch,      access_memory,   look,          listen_or_not,
		change_buffers,  attach_pasid,    detach_slot,   attach_table,
		attach_table,    invalidate,      answer_pages,  request_page,
		translate_pasid, translate_pasid, change_memory, write_memory,
		write_memory,    write_memory,
	};
	const size_t n_steps = scene->has_spaces ? sizeof(steps) / sizeof(steps[0]) : N_STEPS;

	for (int i = 0; i < MAX_STEPS && scene->input->length; i++)
		steps[take(scene->input) % n_steps](scene);
}

/* A reset removes everything that a guest has made. */
static void collect(struct scene *scene)
{
	struct viommu_counters counters = { .size = sizeof(counters) };

	scene->refusals = 0;
	viommu_reset(scene->device);
	viommu_count(scene->device, &counters);
	must(!counters.domains && !counters.mappings && !counters.bytes && !scene->mirrored);
	for (uint32_t id = 0; id < N_ENDPOINTS; id++)
		must(!viommu_groups(scene->device, id, NULL, 0));
}

/* Limits are small, so that they are met. */
static struct viommu_config choose_config(struct rest *input, bool *ret_has_spaces)
{
	static const uint8_t topology[64] = { 1 };
	struct viommu_config config = {
		.size = sizeof(config),
		.features = take_number(input, 1),
		.page_size_mask = (uint64_t)1 << take(input) % 64,
		.probe_size = take(input) * 8u,
		.bypass = take(input) & 1,
		.max_domains = take(input) % N_DOMAINS,
		.max_mappings = take(input) * 16u,
	};
	uint8_t more = take(input);

	config.input_first = more & 1 ? take_address(input) : 0;
	config.input_last = more & 2 ? take_address(input) : 0;
	config.domain_first = more & 4 ? take(input) % N_DOMAINS : 0;
	config.domain_last = more & 8 ? take(input) % N_DOMAINS : 0;
	config.max_bytes = more & 16 ? take(input) * 256u : 0;
	config.topology = more & 32 ? topology : NULL;
	config.topology_length = more & 32 ? sizeof(topology) : 0;
	*ret_has_spaces = more & 64;
	if (more & 64) {
		config = (struct viommu_config){
			.size = sizeof(config),
			.features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID | VIOMMU_F_TABLE |
				    VIOMMU_F_NEST | VIOMMU_F_PAGE_REQUEST,
			.bypass = config.bypass,
			.max_domains = config.max_domains,
			.max_bytes = more & 16 ? config.max_bytes * 16 : 0,
		};
	}
	return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const struct viommu_listener_ops listener_ops = {
		.size = sizeof(listener_ops), .map = on_map, .unmap = on_unmap, .mode = on_mode
	};
	static const struct viommu_ops ops = {
		.size = sizeof(ops),
		.event = on_event,
		.trace = on_trace,
		.log = on_log,
		.dirty = on_dirty,
		.invalidate = on_invalidate,
		.page_response = on_response,
	};
	struct rest input = { bytes, length };
	static struct scene scene;
	struct viommu_listener *listener;

	scene = (struct scene){ .input = &input };
	scene.config = choose_config(&input, &scene.has_spaces);

	scene.device = new_device(&scene, &ops);
	if (scene.has_spaces) {
		give_memory(&scene, 0);
		add_endpoints(&scene);
	}
	must(!viommu_dma_new(scene.device, &scene.dma));
	must(!viommu_listen(scene.device, 0, &listener_ops, &scene, &listener));
	live(&scene);
	visit_all(&scene);
	collect(&scene);
	viommu_dma_free(scene.dma);
	viommu_free(scene.device);
	return 0;
}
