/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hostile guest of a device that speaks a draft: any bytes, and requests that are nearly right
 *
 * The first byte selects the draft. Guest memory is a few pages of tables that change. Every
 * answer fits.
 */
#include <string.h>

#include <viommu/device.h>

#include "fuzz.h"

#define PAGE        0x1000u
#define N_ENDPOINTS 3u
#define N_DOMAINS   4u
#define MAX_STEPS   256
#define LONGEST     132 /* of a request: more than any has */
#define ANSWER      600
#define MEMORY      (16 * PAGE)

struct scene {
	struct viommu *device;
	uint32_t personality;
	struct rest *input;
	uint64_t memory[MEMORY / sizeof(uint64_t)];
};

static int on_event(void *opaque, const void *record, size_t length)
{
	(void)opaque;
	must(record && length == VIOMMU_FAULT_LENGTH);
	return 0;
}

static void on_invalidate(void *opaque, const struct viommu_invalidation *what)
{
	(void)opaque;
	must(what->endpoint < N_ENDPOINTS && what->first <= what->last);
}

static void on_trace(void *opaque, const struct viommu_trace *trace)
{
	(void)opaque;
	must(trace->text[0] && !strchr(trace->text, '\n'));
	must(trace->type < VIOMMU_T_ATTACH_TABLE || !trace->answered);
}

static const struct viommu_table_format formats[] = {
	{ VIOMMU_TABLE_GENERIC, 48, 52, 0x40201000, 0, 0 },
	{ VIOMMU_TABLE_ARM_CD_TABLE, 48, 48, 0x1000, 16, VIOMMU_TABLE_F_UPDATES },
	{ VIOMMU_TABLE_X86_PASID_ENTRY, 57, 52, 0x40201000, 16,
	  VIOMMU_TABLE_F_UPDATES | VIOMMU_TABLE_F_FIVE_LEVELS },
};

static void plug(struct scene *scene)
{
	const struct viommu_config config = { .size = sizeof(config),
					      .personality = scene->personality };
	const struct viommu_ops ops = { .size = sizeof(ops),
					.event = on_event,
					.trace = on_trace,
					.invalidate = on_invalidate };
	const struct viommu_memory range = { .last = MEMORY - 1, .host = scene->memory };

	must(!viommu_new(&config, &ops, scene, &scene->device));
	for (uint32_t id = 0; id < N_ENDPOINTS; id++) {
		const struct viommu_endpoint endpoint = {
			.size = sizeof(endpoint),
			.id = id,
			.pasid_bits = 7,
			.formats = formats,
			.n_formats = sizeof(formats) / sizeof(formats[0]),
		};

		must(!viommu_endpoint_add(scene->device, &endpoint));
	}
	must(!viommu_set_memory(scene->device, &range, 1));
	must(!viommu_accept(scene->device, viommu_features(scene->device)));
}

static void send(struct scene *scene, uint8_t *request, size_t length)
{
	uint8_t answer[ANSWER];
	const struct iovec readable = { request, length }, writable = { answer, sizeof(answer) };

	must(viommu_request(scene->device, &readable, 1, &writable, 1) <= sizeof(answer));
}

static void send_anything(struct scene *scene)
{
	uint8_t request[LONGEST];
	size_t length = take(scene->input) % (LONGEST + 1);

	for (size_t i = 0; i < length; i++)
		request[i] = take(scene->input);
	send(scene, request, length);
}

static void put(uint8_t *request, size_t at, size_t length, uint64_t value)
{
	for (size_t i = 0; i < length; i++)
		request[at + i] = (uint8_t)(value >> 8 * i);
}

/* One bit of it may be wrong. */
static void send_nearly(struct scene *scene, uint8_t *request, size_t length)
{
	uint8_t at = take(scene->input);

	if (at & 0x80)
		request[(at & 0x7f) % length] ^= (uint8_t)(1u << take(scene->input) % 8);
	send(scene, request, length);
}

static void attach_c(struct scene *scene)
{
	uint8_t request[LONGEST] = { VIOMMU_DRAFT_T_ATTACH_TABLE };
	unsigned format = 2 + take(scene->input) % 3;

	put(request, 4, 4, take(scene->input) % N_DOMAINS);
	put(request, 8, 4, take(scene->input) % N_ENDPOINTS);
	put(request, 16, 2, format);
	put(request, 24, 8, (uint64_t)(take(scene->input) % 18) * PAGE);
	if (format == VIOMMU_DRAFT_C_FORMAT_ARM_CD_TABLE) {
		put(request, 18, 1, take(scene->input) % 4);
		put(request, 19, 1, take(scene->input) % 4);
		put(request, 20, 4, take(scene->input) % 8);
	} else if (format == VIOMMU_DRAFT_C_FORMAT_X86) {
		put(request, 32, 8, take(scene->input) & 5);
		put(request, 40, 4, take(scene->input) & 1 ? 48 : 57);
	}
	send_nearly(scene, request, VIOMMU_DRAFT_C_ATTACH_TABLE_LENGTH);
}

static void attach_e(struct scene *scene)
{
	uint8_t request[LONGEST] = { VIOMMU_DRAFT_T_ATTACH_TABLE };

	put(request, 4, 4, take(scene->input) % N_DOMAINS);
	put(request, 8, 4, take(scene->input) % N_ENDPOINTS);
	put(request, 12, 1, VIOMMU_DRAFT_E_FORMAT_ARM_CD_TABLE);
	put(request, 16, 8,
	    (uint64_t)(take(scene->input) % 18) * PAGE | (uint64_t)take(scene->input) % 4 << 4 |
		    (uint64_t)take(scene->input) % 8 << 59);
	put(request, 24, 8, take(scene->input));
	send_nearly(scene, request, VIOMMU_DRAFT_E_ATTACH_TABLE_LENGTH);
}

static void invalidate_c(struct scene *scene)
{
	uint8_t request[LONGEST] = { VIOMMU_DRAFT_T_INVALIDATE };

	put(request, 4, 2, take(scene->input) & 7);
	put(request, 6, 2, take(scene->input) & 7);
	put(request, 8, 2, take(scene->input) & 7);
	put(request, 12, 4, take(scene->input) % N_DOMAINS);
	put(request, 16, 4, take(scene->input));
	put(request, 32, 8, take_address(scene->input));
	put(request, 40, 8, take_address(scene->input) >> (take(scene->input) & 63));
	put(request, 48, 1, take(scene->input) & 63);
	send_nearly(scene, request, VIOMMU_INVALIDATE_LENGTH);
}

static void invalidate_e(struct scene *scene)
{
	uint8_t request[LONGEST] = { VIOMMU_DRAFT_T_INVALIDATE };

	put(request, 4, 1, take(scene->input) & 3);
	put(request, 5, 1, take(scene->input) & 3);
	put(request, 6, 2, take(scene->input) & 15);
	put(request, 8, 4, take(scene->input) % N_DOMAINS);
	put(request, 12, 4, take(scene->input));
	put(request, 24, 8, take_address(scene->input));
	put(request, 32, 8, take_address(scene->input) >> (take(scene->input) & 63));
	put(request, 40, 1, 12);
	send_nearly(scene, request, VIOMMU_INVALIDATE_LENGTH);
}

static void attach_table(struct scene *scene)
{
	(scene->personality == VIOMMU_PERSONALITY_DRAFT_C ? attach_c : attach_e)(scene);
}

static void invalidate(struct scene *scene)
{
	(scene->personality == VIOMMU_PERSONALITY_DRAFT_C ? invalidate_c : invalidate_e)(scene);
}

static void detach(struct scene *scene)
{
	uint8_t request[LONGEST] = { VIOMMU_T_DETACH };

	put(request, 4, 4, take(scene->input) % N_DOMAINS);
	put(request, 8, 4, take(scene->input) % N_ENDPOINTS);
	send_nearly(scene, request, VIOMMU_DETACH_LENGTH);
}

/* A table entry that is sound for one of the formats, or anything. */
static void write_memory(struct scene *scene)
{
	static const uint64_t flags[] = { 3, 0xd, 0x67, 0x443, 0xc0de, 0x1c0de };
	uint64_t word = take_number(scene->input, 2) % (MEMORY / sizeof(uint64_t));

	scene->memory[word] = take(scene->input) & 1 ? take_number(scene->input, 8)
						     : (uint64_t)(take(scene->input) % 18) * PAGE |
							       flags[take(scene->input) % 6];
}

static void translate(struct scene *scene)
{
	uint32_t endpoint = take(scene->input) % N_ENDPOINTS;
	uint64_t address = take_address(scene->input);
	uint32_t access = 1 + take(scene->input) % 3;
	struct viommu_translation got;

	if (take(scene->input) & 1)
		viommu_translate_pasid(scene->device, endpoint, take(scene->input), address, 8,
				       access, &got);
	else
		viommu_translate(scene->device, endpoint, address, 8, access, &got);
}

/* The state is loaded by the same personality, and by no other. */
static void save(struct scene *scene)
{
	const struct viommu_config other = {
		.size = sizeof(other),
		.personality = VIOMMU_PERSONALITY_DRAFT_C + VIOMMU_PERSONALITY_DRAFT_E -
			       scene->personality,
	};
	struct viommu *device;
	void *bytes;
	size_t length;

	must(!viommu_save(scene->device, &bytes, &length));
	must(!viommu_new(&other, NULL, NULL, &device));
	must(viommu_load(device, bytes, length, NULL, 0));
	viommu_free(device);
	must(!viommu_load(scene->device, bytes, length, NULL, 0));
	free(bytes);
}

static void (*const steps[])(struct scene *) = {
	send_anything, attach_table, invalidate, write_memory, write_memory,
	detach,        translate,    translate,  attach_table, save,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct rest input = { bytes, length };
	static struct scene scene;
	struct viommu_counters counters = { .size = sizeof(counters) };

	scene = (struct scene){ .input = &input };
	scene.personality = VIOMMU_PERSONALITY_DRAFT_C + (take(&input) & 1);
	plug(&scene);
	for (unsigned n = 0; input.length && n < MAX_STEPS; n++)
		steps[take(&input) % (sizeof(steps) / sizeof(steps[0]))](&scene);
	viommu_reset(scene.device);
	viommu_count(scene.device, &counters);
	must(!counters.domains && !counters.mappings && !counters.bytes);
	viommu_free(scene.device);
	return 0;
}
