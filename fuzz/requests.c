/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Anything a guest and its VMM can do to the device itself, in any order
 *
 * The first bytes configure it; after that a byte chooses what is done next. A listener
 * follows one endpoint and counts the calls of its listener: at no time may it be called to take
 * away what it was not given, nor know of more or less than the domain has. In the end nothing may
 * be left that the device still counts.
 */
#include <string.h>

#include <viommu/device.h>

#include "fuzz.h"

#define PAGE        0x1000u
#define N_ENDPOINTS 4u
#define N_DOMAINS   6u
#define MAX_STEPS   512
#define LONGEST     96 /* of a request: more than any has */
#define ANSWER      600

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

/* One that comes and goes, and knows nothing. */
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
	       room = take_number(scene->input, 2) % ANSWER;
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
	static const size_t lengths[] = { 1,
					  VIOMMU_ATTACH_LENGTH,
					  VIOMMU_DETACH_LENGTH,
					  VIOMMU_MAP_LENGTH,
					  VIOMMU_UNMAP_LENGTH,
					  VIOMMU_PROBE_LENGTH };
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
 * What was saved is there again, unless the listener will not have it. A device that is like it
 * takes it as well, or says why not: what the input's device has room for, it need not have.
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

/* The listener knows of what its domain has; and everybody counts alike. */
static void look_at_all(const struct scene *scene)
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
		look_at_all(scene);
}

/* -- a life ------------------------------------------------------------------------------- */

static void live(struct scene *scene)
{
	static void (*const steps[])(struct scene *) = {
		send_request,   send_request, send_request,    send_anything, translate,
		translate,      add_endpoint, remove_endpoint, write_config,  read_config,
		accept,         reset,        migrate,         refuse,        fill,
		empty,          send_batch,   access_memory,   look,          listen_or_not,
		change_buffers,
	};

	for (int i = 0; i < MAX_STEPS && scene->input->length; i++)
		steps[take(scene->input) % (sizeof(steps) / sizeof(steps[0]))](scene);
}

/* Whoever resets the device takes everything away that a guest has made. */
static void collect(struct scene *scene)
{
	struct viommu_counters counters = { .size = sizeof(counters) };

	scene->refusals = 0;
	viommu_reset(scene->device);
	viommu_count(scene->device, &counters);
	must(!counters.domains && !counters.mappings && !counters.bytes && !scene->mirrored);
}

/* Limits are small, so that they are met. */
static struct viommu_config choose_config(struct rest *input)
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
	};
	struct rest input = { bytes, length };
	struct scene scene = { .input = &input, .config = choose_config(&input) };
	struct viommu_listener *listener;

	scene.device = new_device(&scene, &ops);
	must(!viommu_dma_new(scene.device, &scene.dma));
	must(!viommu_listen(scene.device, 0, &listener_ops, &scene, &listener));
	live(&scene);
	look_at_all(&scene);
	collect(&scene);
	viommu_dma_free(scene.dma);
	viommu_free(scene.device);
	return 0;
}
