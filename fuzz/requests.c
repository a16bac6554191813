/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Anything a guest and its VMM can do to the device itself, in any order
 *
 * The first bytes configure it; after that a byte chooses what is done next. A listener
 * follows one endpoint and counts what it was told: at no time may it have been told to take
 * away what it was not given. In the end nothing may be left that the device still counts.
 */
#include <string.h>

#include <viommu/device.h>

#include "fuzz.h"

#define N_ENDPOINTS 4u
#define N_DOMAINS   6u
#define MAX_STEPS   512
#define LONGEST     96 /* of a request: more than any has */
#define ANSWER      600

struct scene {
	struct viommu *device;
	struct rest *input;
	uint64_t mirrored;
	uint8_t refusals; /* the listener refuses where a bit is set, one bit a call */
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

/* -- what can be done ---------------------------------------------------------------------- */

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
	must(viommu_request(scene->device, readable, 2, &writable, 1) <= room);
}

/* A field of a request, where it stands. */
static void put(uint8_t *request, size_t at, size_t length, uint64_t value)
{
	for (size_t i = 0; i < length; i++)
		request[at + i] = (uint8_t)(value >> 8 * i);
}

/* A request that is one, with numbers that have a chance to mean something. */
static void send_request(struct scene *scene)
{
	static const size_t lengths[] = { 1,
					  VIOMMU_ATTACH_LENGTH,
					  VIOMMU_DETACH_LENGTH,
					  VIOMMU_MAP_LENGTH,
					  VIOMMU_UNMAP_LENGTH,
					  VIOMMU_PROBE_LENGTH };
	uint8_t request[LONGEST] = { 0 }, answer[ANSWER];
	unsigned type = take(scene->input) % (VIOMMU_T_PROBE + 1);
	struct iovec readable = { request, lengths[type] }, writable = { answer, sizeof(answer) };
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
	if (maps) {
		put(request, 8, 8, first);
		put(request, 16, 8, first + take_address(scene->input) - 1);
	}
	if (type == VIOMMU_T_MAP) {
		put(request, 24, 8, take_address(scene->input));
		put(request, 32, 4, take(scene->input) & 15);
	}
	must(viommu_request(scene->device, &readable, 1, &writable, 1) <= sizeof(answer));
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
	struct viommu_reserved reserved = { take_address(scene->input), take_address(scene->input),
					    take(scene->input) % 3 };
	struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = take(scene->input) % N_ENDPOINTS,
		.reserved = &reserved,
		.n_reserved = take(scene->input) & 1,
		.has_ats = take(scene->input) & 1,
		.input_last = take_address(scene->input),
	};

	if (viommu_endpoint_add(scene->device, &endpoint))
		viommu_endpoint_update(scene->device, &endpoint);
}

static void remove_endpoint(struct scene *scene)
{
	uint32_t id = take(scene->input) % N_ENDPOINTS;

	if (id) /* the listener's stays */
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

/* What was saved is there again, unless the listener will not have it. */
static void migrate(struct scene *scene)
{
	char reason[128];
	size_t length;
	void *bytes;

	if (viommu_save(scene->device, &bytes, &length))
		return;
	viommu_load(scene->device, bytes, length, reason, sizeof(reason));
	free(bytes);
}

static void refuse(struct scene *scene)
{
	scene->refusals = take(scene->input);
}

/* -- a life ------------------------------------------------------------------------------- */

static void live(struct scene *scene)
{
	static void (*const steps[])(struct scene *) = {
		send_request, send_request, send_request,    send_anything, translate,
		translate,    add_endpoint, remove_endpoint, write_config,  read_config,
		accept,       reset,        migrate,         refuse,
	};

	for (int i = 0; i < MAX_STEPS && scene->input->length; i++)
		steps[take(scene->input) % (sizeof(steps) / sizeof(steps[0]))](scene);
}

/* Whoever resets the device takes everything away that a guest has made. */
static void settle(struct scene *scene)
{
	struct viommu_counters counters = { .size = sizeof(counters) };

	scene->refusals = 0;
	viommu_reset(scene->device);
	viommu_count(scene->device, &counters);
	must(!counters.domains && !counters.mappings && !counters.bytes && !scene->mirrored);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const struct viommu_listener_ops ops = { sizeof(ops), on_map, on_unmap, on_mode };
	struct rest input = { bytes, length };
	struct scene scene = { .input = &input };
	struct viommu_endpoint first = { .size = sizeof(first) };
	struct viommu_listener *listener;
	struct viommu_config config = {
		.size = sizeof(config),
		.features = take_number(&input, 1),
		.page_size_mask = (uint64_t)1 << take(&input) % 64,
		.probe_size = take(&input) * 8u,
		.bypass = take(&input) & 1,
		.max_domains = take(&input) % N_DOMAINS,
		.max_mappings = take(&input),
	};

	if (viommu_new(&config, NULL, NULL, &scene.device) &&
	    viommu_new(NULL, NULL, NULL, &scene.device))
		return 0;
	must(!viommu_endpoint_add(scene.device, &first));
	must(!viommu_listen(scene.device, first.id, &ops, &scene, &listener));
	viommu_accept(scene.device, viommu_features(scene.device));
	live(&scene);
	settle(&scene);
	viommu_free(scene.device);
	return 0;
}
