/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model.h"

/*
 * The device against the model, over random histories
 *
 * After every request both must have given the same status; every page that matters must
 * translate alike for every endpoint and every kind of access; every fault must be reported as it
 * is; counters and configuration space must say what is there; and a listener on every endpoint,
 * which may refuse, must know exactly the mappings that are there. At any point
 * the state may be saved, and another device goes on from there. The spaces are small, so that
 * things collide.
 *
 *     test_reference [REQUESTS [SEED]]
 *
 * prints the seed, and the history that led to a difference, shortest first.
 */

#define PAGE          0x1000ull
#define N_LOW         24ull                       /* pages at the bottom */
#define TOP           (UINT64_MAX - 8 * PAGE + 1) /* and at the top of the address space */
#define N_PAGES       (N_LOW + 8)
#define N_DOMAINS     5u
#define HISTORY       400u
#define DEFAULT_STEPS 40000u

/* -- an operation, as data: so a history can be printed, shortened and run again -------- */

enum kind {
	ATTACH,
	DETACH,
	MAP,
	UNMAP,
	BYPASS,
	RESET,
	SYSTEM_RESET,
	REMOVE,
	ADD,
	MIGRATE,
	N_KINDS
};

struct operation {
	enum kind kind;
	bool refuses; /* the endpoint's listener, as long as this lasts */
	uint32_t domain, endpoint, flags;
	uint64_t first, last, phys;
};

struct history {
	struct operation operations[HISTORY];
	size_t n;
};

static uint64_t random_state;

static uint64_t random_below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % n;
}

static uint64_t page_address(uint64_t page)
{
	return page < N_LOW ? page * PAGE : TOP + (page - N_LOW) * PAGE;
}

static struct operation random_operation(void)
{
	/* How often each kind comes, of 64. */
	static const unsigned weights[N_KINDS] = { 12, 5, 22, 15, 3, 1, 1, 2, 2, 1 };
	uint64_t at = random_below(64), page = random_below(N_PAGES);
	struct operation op = { .kind = ATTACH };

	while (op.kind < MIGRATE && at >= weights[op.kind])
		at -= weights[op.kind++];
	op.domain = (uint32_t)random_below(N_DOMAINS + 1);
	op.endpoint = (uint32_t)random_below(MODEL_ENDPOINTS + 1);
	op.flags = op.kind == ATTACH ? random_below(8) == 0 : (uint32_t)random_below(8);
	op.refuses = random_below(8) == 0;
	if (random_below(64) == 0)
		op.flags |= 0x10;
	op.first = page_address(page);
	op.last = op.first + PAGE * (1 + random_below(4)) - 1;
	if (random_below(16) == 0)
		op.last = page_address(random_below(N_PAGES)) - random_below(2);
	if (random_below(32) == 0)
		op.first += random_below(3);
	op.phys = page_address(random_below(N_PAGES));
	return op;
}

/* -- the two devices, and what a listener knows -------------------------------- */

struct mirror {
	struct viommu_listener *listener;
	enum viommu_mode mode;
	struct viommu_mapping mappings[MODEL_MAPPINGS];
	size_t n;
	bool inconsistent;
	bool refuses;
};

struct pair {
	struct viommu *device;
	struct model model;
	struct mirror mirrors[MODEL_ENDPOINTS];
	uint8_t fault[VIOMMU_FAULT_LENGTH];
	bool fault_reported;
	const char *difference;
};

static int mirror_map(void *opaque, const struct viommu_mapping *mapping)
{
	struct mirror *mirror = opaque;

	if (mirror->mode != VIOMMU_TRANSLATED || mirror->n == MODEL_MAPPINGS)
		mirror->inconsistent = true;
	if (mirror->refuses || mirror->inconsistent)
		return -EIO;
	mirror->mappings[mirror->n++] = *mapping;
	return 0;
}

static void mirror_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	struct mirror *mirror = opaque;

	for (size_t i = 0; i < mirror->n; i++)
		if (!memcmp(&mirror->mappings[i], mapping, sizeof(*mapping))) {
			mirror->mappings[i] = mirror->mappings[--mirror->n];
			return;
		}
	mirror->inconsistent = true;
}

static int mirror_mode(void *opaque, enum viommu_mode mode)
{
	struct mirror *mirror = opaque;

	if (mirror->n)
		mirror->inconsistent = true;
	mirror->mode = mode;
	return mirror->refuses ? -EIO : 0;
}

static int take_event(void *opaque, const void *record, size_t length)
{
	struct pair *pair = opaque;

	assert_int_equal(length, VIOMMU_FAULT_LENGTH);
	pair->fault_reported = true;
	memcpy(pair->fault, record, length);
	return 0;
}

/* Endpoints are of several kinds, so that some do not fit together. */
static const struct viommu_reserved regions[] = {
	{ 4 * PAGE, 5 * PAGE - 1, VIOMMU_RESV_MEM_RESERVED },
	{ 9 * PAGE, 10 * PAGE - 1, VIOMMU_RESV_MEM_MSI },
};
static const struct viommu_endpoint endpoints[MODEL_ENDPOINTS] = {
	{ .size = sizeof(struct viommu_endpoint), .id = 0 },
	{ .size = sizeof(struct viommu_endpoint), .id = 1 },
	{ .size = sizeof(struct viommu_endpoint), .id = 2, .reserved = regions, .n_reserved = 2 },
	{ .size = sizeof(struct viommu_endpoint), .id = 3, .reserved = regions, .n_reserved = 1 },
	{ .size = sizeof(struct viommu_endpoint), .id = 4, .input_last = 16 * PAGE - 1 },
	{ .size = sizeof(struct viommu_endpoint), .id = 5, .page_size_mask = 2 * PAGE },
};

static bool plug_device(struct pair *pair, uint32_t id)
{
	static const struct viommu_listener_ops ops = {
		.size = sizeof(ops), .map = mirror_map, .unmap = mirror_unmap, .mode = mirror_mode
	};
	struct mirror *mirror = &pair->mirrors[id];

	if (viommu_endpoint_add(pair->device, &endpoints[id]) < 0)
		return false;
	*mirror = (struct mirror){ 0 };
	assert_int_equal(viommu_listen(pair->device, id, &ops, mirror, &mirror->listener), 0);
	return true;
}

static void plug(struct pair *pair, uint32_t id)
{
	if (plug_device(pair, id))
		model_add(&pair->model, &endpoints[id]);
}

static void accept(struct pair *pair, uint64_t features)
{
	assert_int_equal(viommu_accept(pair->device, features), 0);
	model_accept(&pair->model, features);
}

/* What a driver may do without, by the bits of a number. */
static uint64_t some_features(uint32_t bits)
{
	static const uint64_t lacking[] = { 0, VIOMMU_F_MMIO, VIOMMU_F_BYPASS_CONFIG,
					    VIOMMU_F_MAP_UNMAP };

	return VIOMMU_FEATURES_DEFAULT & ~lacking[bits % 4];
}

static void new_device(struct pair *pair)
{
	const struct viommu_config config = { .size = sizeof(config),
					      .max_fault_rate = VIOMMU_RATE_UNLIMITED,
					      .domain_last = N_DOMAINS - 1 };
	const struct viommu_ops ops = { .size = sizeof(ops), .event = take_event };

	assert_int_equal(viommu_new(&config, &ops, pair, &pair->device), 0);
}

static struct pair *pair_new(void)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	assert_non_null(pair);
	new_device(pair);
	model_init(&pair->model, viommu_configuration(pair->device));
	for (uint32_t id = 0; id < MODEL_ENDPOINTS; id++)
		plug(pair, id);
	accept(pair, VIOMMU_FEATURES_DEFAULT);
	return pair;
}

/* The endpoint's listener refuses everything that it can, or stops doing so. */
static void refuse(struct pair *pair, uint32_t id, bool refuses)
{
	model_refuse(&pair->model, id, refuses);
	if (id < MODEL_ENDPOINTS)
		pair->mirrors[id].refuses = refuses;
}

/* Another device with the same endpoints. */
static void move(struct pair *pair, uint32_t refusing)
{
	viommu_free(pair->device);
	new_device(pair);
	for (int i = 0; i < MODEL_ENDPOINTS; i++)
		if (pair->model.endpoints[i].exists)
			assert_true(plug_device(pair, pair->model.endpoints[i].config.id));
	refuse(pair, refusing, refusing < MODEL_ENDPOINTS);
}

/* What is saved now must be what was saved before. */
static void save_again(const struct pair *pair, const void *bytes, size_t length)
{
	size_t again_length;
	void *again;

	assert_int_equal(viommu_save(pair->device, &again, &again_length), 0);
	assert_int_equal(again_length, length);
	assert_memory_equal(again, bytes, length);
	free(again);
}

/*
 * The state is saved, and this device or another continues with it. If a listener refuses that, the
 * device is as after a reset; the `bypass` of another device is then as configured.
 */
static void migrate(struct pair *pair, const struct operation *op)
{
	bool elsewhere = op->flags & 1;
	char reason[128] = "";
	size_t length;
	void *bytes;
	int error;

	assert_int_equal(viommu_save(pair->device, &bytes, &length), 0);
	if (elsewhere)
		move(pair, op->refuses ? op->endpoint : UINT32_MAX);
	error = viommu_load(pair->device, bytes, length, reason, sizeof(reason));
	if (!error) {
		save_again(pair, bytes, length);
	} else if (op->refuses && error == -EIO) {
		model_reset(&pair->model, elsewhere);
		accept(pair, VIOMMU_FEATURES_DEFAULT);
	} else {
		fail_msg("the state was refused: %s", reason);
	}
	free(bytes);
}

static void pair_free(struct pair *pair)
{
	viommu_free(pair->device);
	free(pair);
}

/* -- one operation on both ------------------------------------------------------------------ */

static void put(uint8_t *bytes, size_t at, unsigned length, uint64_t value)
{
	for (unsigned i = 0; i < length; i++, value >>= 8)
		bytes[at + i] = (uint8_t)value;
}

static int send(struct pair *pair, uint8_t *request, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH] = { 0xa5, 0xa5, 0xa5, 0xa5 };
	const struct iovec readable = { request, length }, writable = { tail, sizeof(tail) };
	size_t used = viommu_request(pair->device, &readable, 1, &writable, 1);

	return used ? tail[0] : -1;
}

static int on_device(struct pair *pair, const struct operation *op)
{
	uint8_t request[VIOMMU_PROBE_LENGTH] = { 0 };

	put(request, 4, 4, op->domain);
	if (op->kind == ATTACH || op->kind == DETACH)
		put(request, 8, 4, op->endpoint);
	else
		put(request, 8, 8, op->first);
	switch (op->kind) {
	case ATTACH:
		request[0] = VIOMMU_T_ATTACH;
		put(request, 12, 4, op->flags);
		return send(pair, request, VIOMMU_ATTACH_LENGTH);
	case DETACH:
		request[0] = VIOMMU_T_DETACH;
		return send(pair, request, VIOMMU_DETACH_LENGTH);
	case MAP:
		request[0] = VIOMMU_T_MAP;
		put(request, 16, 8, op->last);
		put(request, 24, 8, op->phys);
		put(request, 32, 4, op->flags);
		return send(pair, request, VIOMMU_MAP_LENGTH);
	default:
		request[0] = VIOMMU_T_UNMAP;
		put(request, 16, 8, op->last);
		return send(pair, request, VIOMMU_UNMAP_LENGTH);
	}
}

static int on_model(struct pair *pair, const struct operation *op)
{
	const struct viommu_mapping mapping = { .domain = op->domain,
						.flags = op->flags,
						.first = op->first,
						.last = op->last,
						.phys = op->phys };

	switch (op->kind) {
	case ATTACH:
		return model_attach(&pair->model, op->domain, op->endpoint, op->flags);
	case DETACH:
		return model_detach(&pair->model, op->domain, op->endpoint);
	case MAP:
		return model_map(&pair->model, &mapping);
	default:
		return model_unmap(&pair->model, op->domain, op->first, op->last);
	}
}

/* What the VMM does, and not the driver. */
static void happen(struct pair *pair, const struct operation *op)
{
	uint8_t bypass = (uint8_t)(op->flags & 3);

	switch (op->kind) {
	case BYPASS:
		viommu_config_write(pair->device, VIOMMU_CONFIG_BYPASS, &bypass, 1);
		model_write_bypass(&pair->model, bypass);
		break;
	case RESET:
		viommu_reset(pair->device);
		model_reset(&pair->model, false);
		accept(pair, some_features(op->flags));
		break;
	case SYSTEM_RESET:
		viommu_system_reset(pair->device);
		model_reset(&pair->model, true);
		accept(pair, VIOMMU_FEATURES_DEFAULT);
		break;
	case MIGRATE:
		migrate(pair, op);
		break;
	case REMOVE:
		viommu_endpoint_remove(pair->device, op->endpoint);
		model_remove(&pair->model, op->endpoint);
		break;
	default:
		if (op->endpoint < MODEL_ENDPOINTS)
			plug(pair, op->endpoint);
	}
}

/* -- comparing both ------------------------------------------------------------ */

struct access {
	uint32_t endpoint, flags;
	uint64_t iova;
};

/* Is the reported record the one that the model expects? */
static bool fault_is(const struct pair *pair, uint8_t reason, const struct access *access)
{
	uint8_t record[VIOMMU_FAULT_LENGTH] = { reason };

	put(record, 4, 4, access->flags | VIOMMU_FAULT_F_ADDRESS);
	put(record, 8, 4, access->endpoint);
	put(record, 16, 8, access->iova);
	return pair->fault_reported && !memcmp(record, pair->fault, sizeof(record));
}

static const char *compare_page(struct pair *pair, const struct access *access)
{
	struct viommu_translation found = { 0 };
	uint64_t address = 0;
	uint8_t reason = 0;
	int mine, theirs;

	pair->fault_reported = false;
	mine = viommu_translate(pair->device, access->endpoint, access->iova, 1, access->flags,
				&found);
	theirs = model_translate(&pair->model, access->endpoint, access->iova, access->flags,
				 &address, &reason);
	if (mine != theirs)
		return "an access is let through by one only";
	if (!mine && found.address != address)
		return "an access goes to another address";
	if (mine == -EFAULT && !fault_is(pair, reason, access))
		return "a fault is told otherwise";
	if (mine != -EFAULT && pair->fault_reported)
		return "a fault without a fault";
	return NULL;
}

static const char *compare_mirror(const struct pair *pair, uint32_t id)
{
	const struct mirror *mirror = &pair->mirrors[id];
	size_t n = 0;
	int domain = -1;

	for (int i = 0; i < MODEL_ENDPOINTS; i++)
		if (pair->model.endpoints[i].exists && pair->model.endpoints[i].config.id == id)
			domain = pair->model.endpoints[i].domain;
	for (int i = 0; i < MODEL_MAPPINGS; i++)
		n += domain >= 0 && pair->model.mappings[i].exists &&
		     pair->model.mappings[i].domain == domain;
	if (mirror->inconsistent)
		return "a listener was told a story that cannot be";
	return mirror->n == n && mirror->mode == model_mode(&pair->model, id)
		       ? NULL
		       : "a listener knows other mappings, or another mode";
}

static const char *compare_numbers(const struct pair *pair)
{
	struct viommu_counters counters = { .size = sizeof(counters) };
	uint8_t bypass;

	viommu_count(pair->device, &counters);
	viommu_config_read(pair->device, VIOMMU_CONFIG_BYPASS, &bypass, 1);
	if (bypass != pair->model.bypass)
		return "`bypass` in configuration space";
	return counters.domains == model_count_domains(&pair->model) &&
			       counters.mappings == model_count_mappings(&pair->model) &&
			       counters.endpoints == model_count_endpoints(&pair->model)
		       ? NULL
		       : "the counters";
}

static const char *compare(struct pair *pair)
{
	const char *difference = NULL;

	for (uint32_t id = 0; id < MODEL_ENDPOINTS && !difference; id++) {
		struct viommu_endpoint_state state;

		if (viommu_next_endpoint(pair->device, id, &state) || state.id != id)
			continue;
		difference = compare_mirror(pair, id);
		for (uint64_t page = 0; page < N_PAGES && !difference; page++) {
			const struct access access = {
				.endpoint = id,
				.flags = (uint32_t)random_below(4),
				.iova = page_address(page) + random_below(PAGE),
			};

			difference = compare_page(pair, &access);
		}
	}
	return difference ? difference : compare_numbers(pair);
}

/* Returns what they disagree about, or NULL. */
static const char *step(struct pair *pair, const struct operation *op)
{
	const char *difference = NULL;

	refuse(pair, op->endpoint, op->refuses);
	if (op->kind >= BYPASS)
		happen(pair, op);
	else if (on_device(pair, op) != on_model(pair, op))
		difference = "the status";
	refuse(pair, op->endpoint, false);
	return difference ? difference : compare(pair);
}

/* -- histories ----------------------------------------------------------------- */

static const char *run(const struct history *history)
{
	struct pair *pair = pair_new();
	const char *difference = NULL;

	for (size_t i = 0; i < history->n && !difference; i++)
		difference = step(pair, &history->operations[i]);
	pair_free(pair);
	return difference;
}

/* Removes all steps that are not needed for a difference: the result is the shortest history. */
static void shrink(struct history *history)
{
	for (size_t i = history->n; i-- > 0;) {
		struct history shorter = *history;

		memmove(&shorter.operations[i], &shorter.operations[i + 1],
			(shorter.n - i - 1) * sizeof(shorter.operations[0]));
		shorter.n--;
		if (run(&shorter))
			*history = shorter;
	}
}

static void tell(const struct history *history)
{
	static const char *const names[] = {
		"ATTACH", "DETACH",       "MAP",    "UNMAP", "bypass",
		"reset",  "system reset", "remove", "add",   "migrate"
	};

	for (size_t i = 0; i < history->n; i++) {
		const struct operation *op = &history->operations[i];

		print_error("  %s domain %" PRIu32 " endpoint %" PRIu32 "%s flags %" PRIx32
			    " 0x%" PRIx64 "-0x%" PRIx64 " -> 0x%" PRIx64 "\n",
			    names[op->kind], op->domain, op->endpoint,
			    op->refuses ? " (refuses)" : "", op->flags, op->first, op->last,
			    op->phys);
	}
}

static uint64_t n_steps = DEFAULT_STEPS, seed = 1;

static void device_and_model_agree_on_random_histories(void **state)
{
	static struct history history;

	(void)state;
	random_state = seed * 0x9e3779b97f4a7c15ull | 1;
	for (uint64_t done = 0; done < n_steps; done += history.n) {
		struct pair *pair = pair_new();
		const char *difference = NULL;

		for (history.n = 0; history.n < HISTORY && !difference;) {
			history.operations[history.n] = random_operation();
			difference = step(pair, &history.operations[history.n++]);
		}
		pair_free(pair);
		if (!difference)
			continue;
		shrink(&history);
		tell(&history);
		fail_msg("seed %" PRIu64 ", after %zu operations: %s", seed, history.n, difference);
	}
	print_message("%" PRIu64 " operations, seed %" PRIu64 "\n", n_steps, seed);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_and_model_agree_on_random_histories),
	};

	if (argc > 1)
		n_steps = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
