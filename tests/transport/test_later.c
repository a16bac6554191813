/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring whose requests are answered later, and a kick that ends before the ring is empty
 *
 * ENDPOINT has a listener that commits when the test says so: VIOMMU_PENDING. OTHER has none.
 */
#include <stdlib.h>

#include "rig.h"

#define OTHER        0x20
#define OTHER_DOMAIN 9

enum { MAX_PAUSES = 64, MANY = 100 };

/* -- blocks of the heap ----------------------------------------------------------- */

static long n_blocks;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *block);

static void *count_block(void *block)
{
	n_blocks += block != NULL;
	return block;
}

void *__wrap_malloc(size_t size)
{
	return count_block(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return count_block(__real_calloc(n, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return count_block(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *block)
{
	n_blocks -= block != NULL;
	__real_free(block);
}

/* -- a window --------------------------------------------------------------------- */

/* The window's opaque is `rig`, which is first. */
struct scene {
	struct rig rig;
	uint64_t token;     /* of the pending commit, or 0 */
	unsigned n_at_once; /* commits without delay */
	unsigned n_calls;   /* of `map` and `unmap` */
	bool is_quick;
	uint64_t pauses[MAX_PAUSES];
	unsigned n_pauses;
	unsigned n_written; /* bytes of answers that the VMM was told of */
};

static int on_map(void *opaque, const struct viommu_mapping *mapping)
{
	struct scene *scene = opaque;

	(void)mapping;
	scene->n_calls++;
	return 0;
}

static void on_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	on_map(opaque, mapping);
}

static int on_mode(void *opaque, enum viommu_mode mode)
{
	(void)opaque;
	(void)mode;
	return 0;
}

static int on_commit(void *opaque, uint64_t token)
{
	struct scene *scene = opaque;

	scene->n_at_once += !token;
	scene->token = scene->is_quick ? 0 : token;
	return scene->token ? VIOMMU_PENDING : 0;
}

static void on_paused(void *opaque, uint64_t ns)
{
	struct scene *scene = opaque;

	assert_in_range(scene->n_pauses, 0, MAX_PAUSES - 1);
	scene->pauses[scene->n_pauses++] = ns;
}

static void count_answers(struct rig *rig, uint64_t address, uint64_t length)
{
	struct scene *scene = (struct scene *)rig;

	if (address >= REQUESTS_AT && address < REQUESTS_AT + 0x10000)
		scene->n_written += (unsigned)length;
}

static struct viommu_mmio *new_window(struct scene *scene, const struct viommu_config *config,
				      bool can_pause)
{
	static const struct viommu_listener_ops listener = {
		.size = sizeof(listener),
		.map = on_map,
		.unmap = on_unmap,
		.mode = on_mode,
		.commit = on_commit,
	};
	const struct viommu_mmio_config window = {
		.size = sizeof(window),
		.queue_size = 1024,
		.suspend = true,
	};
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = ENDPOINT };
	struct viommu_mmio_ops ops = rig_ops;
	struct viommu_listener *listening;
	struct viommu_mmio *mmio;

	ops.size = sizeof(ops);
	if (can_pause)
		ops.paused = on_paused;
	assert_int_equal(viommu_mmio_new(config, &window, &ops, scene, &mmio), 0);
	assert_int_equal(viommu_endpoint_add(viommu_mmio_device(mmio), &endpoint), 0);
	assert_int_equal(
		viommu_listen(viommu_mmio_device(mmio), ENDPOINT, &listener, scene, &listening), 0);
	endpoint.id = OTHER;
	assert_int_equal(viommu_endpoint_add(viommu_mmio_device(mmio), &endpoint), 0);
	return mmio;
}

static struct viommu_mmio *window_like(struct scene *scene, const struct viommu_config *config)
{
	return new_window(scene, config, true);
}

static void move_to(struct scene *scene, struct viommu_mmio *mmio)
{
	viommu_mmio_free(scene->rig.mmio);
	scene->rig.mmio = mmio;
	scene->rig.device = viommu_mmio_device(mmio);
	scene->rig.window = window_of(mmio);
}

static void set_up_with(struct scene *scene, const struct viommu_config *config)
{
	*scene = (struct scene){ .rig.written = count_answers };
	guest_init(&scene->rig.guest);
	move_to(scene, window_like(scene, config));
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	if (!scene)
		return -1;
	*state = scene;
	set_up_with(scene, NULL);
	return 0;
}

/* Another configuration of the device. */
static struct scene *set_up_again(void **state, const struct viommu_config *config)
{
	struct scene *scene = *state;

	viommu_mmio_free(scene->rig.mmio);
	guest_fini(&scene->rig.guest);
	set_up_with(scene, config);
	return scene;
}

static void complete(struct scene *scene)
{
	uint64_t token = scene->token;

	assert_int_not_equal(token, 0);
	scene->token = 0;
	assert_int_equal(viommu_listener_complete(scene->rig.device, token, 0), 0);
}

static void post_attach_to(struct rig *rig, uint32_t domain, uint32_t endpoint)
{
	uint8_t *bytes = post(rig, VIOMMU_T_ATTACH, VIOMMU_ATTACH_LENGTH);

	wire_store(bytes + 4, 4, domain);
	wire_store(bytes + 8, 4, endpoint);
}

/* Nothing is in the used ring. */
static void assert_unanswered(struct rig *rig)
{
	uint32_t length;
	void *tail;

	assert_int_equal(ring_take(rig->requests, &tail, &length), 0);
}

/* An answered ATTACH of ENDPOINT. */
static struct rig *attached(struct scene *scene, const struct variant *variant)
{
	struct rig *rig = &scene->rig;

	driver_start(rig, variant);
	post_attach(rig);
	kick(rig);
	assert_unanswered(rig);
	complete(scene);
	scene->n_at_once = 0;
	assert_int_equal(status(rig), VIOMMU_S_OK);
	return rig;
}

/* -- answers that come later -------------------------------------------------------------- */

static void a_listener_that_needs_time_does_not_stop_the_ring(void **state)
{
	struct scene *scene = *state;
	uint64_t address;

	for (size_t i = 0; i < n_variants; i++) {
		struct rig *rig = attached(scene, &variants[i]);

		post_map(rig, IOVA, PHYS, R);
		kick(rig);
		assert_unanswered(rig);
		post_attach_to(rig, OTHER_DOMAIN, OTHER);
		kick(rig);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		assert_unanswered(rig);
		store(&rig->window, INTERRUPT_ACK, 3);
		ring_interrupts(rig->requests, true);
		scene->n_written = 0;
		complete(scene);
		assert_int_equal(scene->n_written, VIOMMU_TAIL_LENGTH);
		assert_true(rig->level);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		assert_int_equal(reach(rig, IOVA, &address), 0);
		assert_int_equal(scene->n_at_once, 0);
	}
}

/* More requests in all than the ring has entries, with one of them held for long. */
static void a_ring_goes_round_while_a_request_is_held(void **state)
{
	struct scene *scene = *state;

	for (size_t i = 0; i < n_variants; i++) {
		struct rig *rig = attached(scene, &variants[i]);

		post_map(rig, IOVA, PHYS, R);
		kick(rig);
		for (unsigned n = 0; n < MANY; n++) {
			post_attach_to(rig, OTHER_DOMAIN, OTHER);
			kick(rig);
			assert_int_equal(status(rig), VIOMMU_S_OK);
		}
		complete(scene);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		assert_unanswered(rig);
		assert_false(needs_reset(&rig->window));
	}
}

/* A run of requests is one commit; a listener that commits at once is as none. */
static void a_listener_that_commits_at_once_answers_at_once(void **state)
{
	struct scene *scene = *state;
	struct rig *rig = attached(scene, &variants[0]);

	scene->is_quick = true;
	post_map(rig, IOVA, PHYS, R);
	post_map(rig, IOVA + PAGE, PHYS, R);
	kick(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_unanswered(rig);
}

/* -- what does not wait for a listener ------------------------------------------------------ */

/* With a MAP that is put off. */
static struct rig *with_a_map(struct scene *scene)
{
	static const struct variant variant = { "split", F_SUSPEND | F_RING_RESET, 16 };
	struct rig *rig = attached(scene, &variant);

	post_map(rig, IOVA, PHYS, R);
	kick(rig);
	assert_unanswered(rig);
	return rig;
}

/* It was committed without delay, so the listener has nothing to complete. */
static void assert_ended(struct scene *scene)
{
	assert_in_range(scene->n_at_once, 1, 2);
	assert_int_equal(viommu_listener_complete(scene->rig.device, 2, 0), -ENOENT);
}

static void a_reset_leaves_no_request_behind(void **state)
{
	struct scene *scene = *state;
	struct rig *rig = with_a_map(scene);
	unsigned before;

	store(&rig->window, STATUS, 0);
	assert_ended(scene);
	before = scene->n_written;
	driver_start(rig, &variants[0]);
	assert_int_equal(viommu_listener_complete(rig->device, 2, 0), -ENOENT);
	assert_int_equal(scene->n_written, before);
	assert_unanswered(rig);
}

static void a_reset_of_the_queue_leaves_no_request_behind(void **state)
{
	struct scene *scene = *state;
	struct rig *rig = with_a_map(scene);

	store(&rig->window, QUEUE_SEL, VIOMMU_REQUEST_QUEUE);
	store(&rig->window, QUEUE_READY, 0);
	assert_ended(scene);
}

static void a_suspended_device_has_answered_its_requests(void **state)
{
	struct scene *scene = *state;
	struct rig *rig = with_a_map(scene);

	store(&rig->window, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK | SUSPEND);
	assert_ended(scene);
	assert_int_equal(status(rig), VIOMMU_S_OK);
}

static void no_request_is_put_off_over_a_change_of_memory(void **state)
{
	struct scene *scene = *state;
	struct rig *rig = with_a_map(scene);

	viommu_mmio_memory_changed(rig->mmio);
	assert_ended(scene);
	assert_int_equal(status(rig), VIOMMU_S_OK);
}

static void a_saved_window_has_no_request_that_is_put_off(void **state)
{
	struct scene *scene = *state;
	struct rig *rig = with_a_map(scene);
	char reason[VIOMMU_REASON_LENGTH];
	struct viommu_mmio *other;
	uint64_t address;
	size_t length;
	void *bytes;

	assert_int_equal(viommu_mmio_save(rig->mmio, &bytes, &length), 0);
	assert_ended(scene);
	scene->is_quick = true;
	other = window_like(scene, NULL);
	if (viommu_mmio_load(other, bytes, length, reason, sizeof(reason)))
		fail_msg("%s", reason);
	move_to(scene, other);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_int_equal(reach(rig, IOVA, &address), 0);
	post_unmap(rig, IOVA);
	kick(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	free(bytes);
}

/* No listener is called any more, and no answer comes. */
static void a_window_is_freed_with_the_requests_that_it_holds(void **state)
{
	struct scene *scene = *state;
	struct rig *rig;
	long before;

	with_a_map(scene);
	move_to(scene, window_like(scene, NULL)); /* what a process allocates once */
	driver_stop(&scene->rig);
	before = n_blocks;
	for (unsigned n = 0; n < 3; n++) {
		rig = with_a_map(scene);
		post_map(rig, IOVA + PAGE, PHYS, R);
		post_unmap(rig, IOVA);
		kick(rig);
		assert_unanswered(rig);
		move_to(scene, window_like(scene, NULL));
		driver_stop(rig);
		assert_int_equal(n_blocks, before);
	}
}

/* By the VMM, which should reset the window. The ring goes on, and its position can be saved. */
static void requests_that_a_reset_of_the_device_drops_come_back_unwritten(void **state)
{
	struct scene *scene = *state;

	for (size_t i = 0; i < n_variants; i++) {
		struct rig *rig = attached(scene, &variants[i]);
		struct viommu_mmio *other = window_like(scene, NULL);
		size_t length;
		void *bytes;

		post_map(rig, IOVA, PHYS, R);
		post_unmap(rig, IOVA);
		kick(rig);
		assert_unanswered(rig);
		viommu_reset(rig->device);
		assert_int_equal(viommu_mmio_save(rig->mmio, &bytes, &length), 0);
		assert_int_equal(viommu_mmio_load(other, bytes, length, NULL, 0), 0);
		free(bytes);
		move_to(scene, other);
		assert_int_equal(status(rig), -1);
		assert_int_equal(status(rig), -1);
		assert_unanswered(rig);
		post_attach_to(rig, OTHER_DOMAIN, OTHER);
		kick(rig);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		assert_unanswered(rig);
	}
}

/* -- a kick that ends before the ring is empty ------------------------------------------------ */

/* Each returns whether it is to be called again. */
static bool serve_by_kick(struct scene *scene)
{
	scene->n_pauses = 0;
	viommu_mmio_serve(scene->rig.mmio);
	return scene->n_pauses;
}

static bool serve_by_poll(struct scene *scene)
{
	return viommu_mmio_poll(scene->rig.mmio, 0) != VIOMMU_SLEEP;
}

static void post_unmap_all(struct rig *rig, uint32_t domain)
{
	uint8_t *bytes = post(rig, VIOMMU_T_UNMAP, VIOMMU_UNMAP_LENGTH);

	wire_store(bytes + 4, 4, domain);
	wire_store(bytes + 16, 8, UINT64_MAX);
}

static void post_map_at(struct rig *rig, uint32_t domain, uint64_t iova)
{
	uint8_t *bytes = post(rig, VIOMMU_T_MAP, VIOMMU_MAP_LENGTH);

	wire_store(bytes + 4, 4, domain);
	wire_store(bytes + 8, 8, iova);
	wire_store(bytes + 16, 8, iova + PAGE - 1);
	wire_store(bytes + 32, 4, R);
}

/* An endpoint that goes to and fro between two domains of MANY mappings. */
static void assert_bounded(void **state, bool (*serve)(struct scene *scene))
{
	enum { CALLS = 64, MOVES = 6 };
	static const struct viommu_config config = { .size = sizeof(config),
						     .max_batch_calls = CALLS };
	struct scene *scene = set_up_again(state, &config);
	struct rig *rig = &scene->rig;
	unsigned most = 0, before, n_kicks = 0;
	bool is_left;

	scene->is_quick = true;
	driver_start(rig, &variants[0]);
	post_attach_to(rig, OTHER_DOMAIN, OTHER);
	kick(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	for (unsigned i = 0; i < MANY; i++) {
		post_map_at(rig, OTHER_DOMAIN, IOVA + i * PAGE);
		kick(rig);
		assert_int_equal(status(rig), VIOMMU_S_OK);
	}
	assert_int_equal(scene->n_pauses, 0);
	scene->n_calls = 0;
	for (unsigned i = 0; i < MOVES; i++)
		post_attach_to(rig, i % 2 ? DOMAIN : OTHER_DOMAIN, ENDPOINT);
	ring_offer(rig->requests);
	do {
		before = scene->n_calls;
		is_left = serve(scene);
		if (scene->n_calls - before > most)
			most = scene->n_calls - before;
		n_kicks++;
	} while (is_left);
	assert_int_equal(scene->n_calls, MOVES * MANY);
	assert_in_range(most, 1, CALLS + 2);
	assert_in_range(n_kicks, MOVES * MANY / CALLS, 2 * MOVES * MANY / CALLS);
	for (unsigned i = 0; i < MOVES; i++)
		assert_int_equal(status(rig), VIOMMU_S_OK);
}

/* The UNMAP waits for the MAP before it, and is executed when the listener has committed that. */
static void a_commit_lets_a_bounded_number_of_calls_follow(void **state)
{
	enum { CALLS = 64 };
	static const struct viommu_config config = { .size = sizeof(config),
						     .max_batch_calls = CALLS };
	struct scene *scene = set_up_again(state, &config);
	struct rig *rig = attached(scene, &variants[0]);
	unsigned n_serves = 0;

	scene->is_quick = true;
	for (unsigned i = 0; i < 3 * MANY; i++) {
		post_map_at(rig, DOMAIN, IOVA + i * PAGE);
		kick(rig);
		assert_int_equal(status(rig), VIOMMU_S_OK);
	}
	scene->is_quick = false;
	post_map_at(rig, DOMAIN, IOVA + 3 * MANY * PAGE);
	post_unmap_all(rig, DOMAIN);
	kick(rig);
	scene->n_calls = scene->n_pauses = 0;
	complete(scene);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_in_range(scene->n_calls, 1, CALLS + 2);
	while (scene->n_pauses) {
		scene->n_pauses = scene->n_calls = 0;
		assert_unanswered(rig);
		viommu_mmio_serve(rig->mmio);
		assert_in_range(scene->n_calls, 1, CALLS + 2);
		n_serves++;
	}
	assert_in_range(n_serves, 3 * MANY / CALLS - 1, 3 * MANY / CALLS + 2);
	complete(scene);
	assert_int_equal(status(rig), VIOMMU_S_OK);
}

/* ENDPOINT is in a domain of N mappings, and the driver writes 0 to the status. */
static struct scene *reset_with(void **state, unsigned n, uint64_t calls)
{
	const struct viommu_config config = { .size = sizeof(config), .max_batch_calls = calls };
	struct scene *scene = set_up_again(state, &config);
	struct rig *rig = attached(scene, &variants[0]);

	scene->is_quick = true;
	for (unsigned i = 0; i < n; i++) {
		post_map_at(rig, DOMAIN, IOVA + i * PAGE);
		kick(rig);
		assert_int_equal(status(rig), VIOMMU_S_OK);
	}
	scene->n_calls = scene->n_pauses = 0;
	store(&rig->window, STATUS, 0);
	assert_in_range(scene->n_calls, 1, calls + 2);
	return scene;
}

static void the_status_is_0_when_a_reset_is_done(void **state)
{
	enum { CALLS = 64, N = 3 * MANY };
	struct scene *scene = reset_with(state, N, CALLS);
	struct rig *rig = &scene->rig;
	unsigned n_calls = 0, n_serves = 0;

	while (scene->n_pauses) {
		assert_int_equal(load(&rig->window, STATUS), ACKNOWLEDGE);
		n_calls += scene->n_calls;
		scene->n_calls = scene->n_pauses = 0;
		viommu_mmio_serve(rig->mmio);
		assert_in_range(scene->n_calls, 1, CALLS + 2);
		n_serves++;
	}
	assert_in_range(n_serves, N / CALLS, N / CALLS + 2);
	assert_int_equal(n_calls + scene->n_calls, N);
	assert_int_equal(load(&rig->window, STATUS), 0);
	driver_start(rig, &variants[0]);
	post_attach(rig);
	kick(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
}

static void a_thread_that_polls_continues_a_reset(void **state)
{
	struct scene *scene = reset_with(state, MANY, 4);

	while (viommu_mmio_poll(scene->rig.mmio, 0) == 1)
		;
	assert_int_equal(scene->n_calls, MANY);
	assert_int_equal(load(&scene->rig.window, STATUS), 0);
}

/* As Linux on virtio-mmio. Its requests wait for the end of the reset. */
static void a_driver_that_does_not_wait_for_a_reset_goes_on(void **state)
{
	struct scene *scene = reset_with(state, MANY, 4);
	struct rig *rig = &scene->rig;

	driver_start(rig, &variants[0]);
	assert_int_not_equal(scene->n_calls, MANY);
	post_attach(rig);
	kick(rig);
	assert_unanswered(rig);
	while (scene->n_pauses) {
		scene->n_pauses = 0;
		viommu_mmio_serve(rig->mmio);
	}
	assert_int_equal(scene->n_calls, MANY);
	assert_int_equal(status(rig), VIOMMU_S_OK);
}

static void a_system_reset_does_all_at_once(void **state)
{
	struct scene *scene = reset_with(state, MANY, 4);
	unsigned before = scene->n_pauses;

	viommu_mmio_system_reset(scene->rig.mmio);
	assert_int_equal(scene->n_calls, MANY);
	assert_int_equal(load(&scene->rig.window, STATUS), 0);
	assert_int_equal(scene->n_pauses, before);
}

static void a_kick_makes_a_bounded_number_of_calls(void **state)
{
	assert_bounded(state, serve_by_kick);
}

static void a_poll_makes_a_bounded_number_of_calls(void **state)
{
	assert_bounded(state, serve_by_poll);
}

static void a_guest_above_its_rate_waits(void **state)
{
	static const struct viommu_config config = { .size = sizeof(config),
						     .max_request_rate = 2 };
	struct scene *scene = set_up_again(state, &config);
	struct rig *rig = &scene->rig;

	driver_start(rig, &variants[0]);
	for (unsigned i = 0; i < 4; i++)
		post_attach_to(rig, OTHER_DOMAIN, OTHER);
	kick(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_unanswered(rig);
	assert_int_equal(scene->n_pauses, 1);
	assert_in_range(scene->pauses[0], 1000, 1000000000);
	viommu_mmio_serve(rig->mmio);
	assert_unanswered(rig);
	assert_int_equal(scene->n_pauses, 2);
}

/* `paused` is called only if requests are left. */
static void a_guest_at_its_rate_does_not_wait(void **state)
{
	static const struct viommu_config config = { .size = sizeof(config),
						     .max_request_rate = 2 };
	struct scene *scene = set_up_again(state, &config);
	struct viommu_counters counters = { .size = sizeof(counters) };
	struct rig *rig = &scene->rig;

	driver_start(rig, &variants[0]);
	for (unsigned i = 0; i < 2; i++)
		post_attach_to(rig, OTHER_DOMAIN, OTHER);
	kick(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	viommu_mmio_serve(rig->mmio);
	assert_int_equal(scene->n_pauses, 0);
	viommu_count(rig->device, &counters);
	assert_int_equal(counters.pauses, 0);
	/* It notifies of the next one. */
	post_attach_to(rig, OTHER_DOMAIN, OTHER);
	kick(rig);
	assert_int_equal(scene->n_pauses, 1);
}

/* The driver was told not to notify, so the destination serves what is left. */
static struct rig *migrated_in_a_pause(void **state, bool can_pause)
{
	static const struct viommu_config config = { .size = sizeof(config),
						     .max_request_rate = 1 };
	struct scene *scene = set_up_again(state, &config);
	struct rig *rig = &scene->rig;
	char reason[VIOMMU_REASON_LENGTH];
	struct viommu_mmio *other;
	size_t length;
	void *bytes;

	driver_start(rig, &variants[0]);
	post_attach_to(rig, OTHER_DOMAIN, OTHER);
	post_attach_to(rig, OTHER_DOMAIN, OTHER);
	kick(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_unanswered(rig);
	assert_int_equal(viommu_mmio_save(rig->mmio, &bytes, &length), 0);
	other = new_window(scene, NULL, can_pause);
	scene->n_pauses = 0;
	if (viommu_mmio_load(other, bytes, length, reason, sizeof(reason)))
		fail_msg("%s", reason);
	free(bytes);
	move_to(scene, other);
	return rig;
}

static void requests_left_in_a_pause_are_served_after_a_migration(void **state)
{
	struct rig *rig = migrated_in_a_pause(state, true);
	const struct scene *scene = *state;

	assert_int_equal(scene->n_pauses, 1);
	assert_int_equal(scene->pauses[0], 1);
	viommu_mmio_serve(rig->mmio);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_int_equal(scene->n_pauses, 1);
}

static void without_pauses_they_are_served_by_the_migration(void **state)
{
	struct rig *rig = migrated_in_a_pause(state, false);

	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_unanswered(rig);
	post_attach_to(rig, OTHER_DOMAIN, OTHER);
	kick(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_listener_that_needs_time_does_not_stop_the_ring),
		TEST(a_ring_goes_round_while_a_request_is_held),
		TEST(a_listener_that_commits_at_once_answers_at_once),
		TEST(a_reset_leaves_no_request_behind),
		TEST(a_reset_of_the_queue_leaves_no_request_behind),
		TEST(a_suspended_device_has_answered_its_requests),
		TEST(no_request_is_put_off_over_a_change_of_memory),
		TEST(a_saved_window_has_no_request_that_is_put_off),
		TEST(a_window_is_freed_with_the_requests_that_it_holds),
		TEST(requests_that_a_reset_of_the_device_drops_come_back_unwritten),
		TEST(a_commit_lets_a_bounded_number_of_calls_follow),
		TEST(the_status_is_0_when_a_reset_is_done),
		TEST(a_thread_that_polls_continues_a_reset),
		TEST(a_driver_that_does_not_wait_for_a_reset_goes_on),
		TEST(a_system_reset_does_all_at_once),
		TEST(a_kick_makes_a_bounded_number_of_calls),
		TEST(a_poll_makes_a_bounded_number_of_calls),
		TEST(a_guest_above_its_rate_waits),
		TEST(a_guest_at_its_rate_does_not_wait),
		TEST(requests_left_in_a_pause_are_served_after_a_migration),
		TEST(without_pauses_they_are_served_by_the_migration),
	};

	return cmocka_run_group_tests_name("transport: later", tests, NULL, NULL);
}
