/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <sched.h>

#include "rig.h"
#include "ring.h"

/*
 * A guest whose processors agree about nothing
 *
 * One brings the device up and asks for mappings, again and again. Another one stores anything into
 * the registers meanwhile, and a third changes the rings while they are read. A device does DMA,
 * and faults. A listener commits later, in a thread of its own. None of them has a right to any
 * outcome; but they all come to their end, and then the device is what it ever was after a reset.
 */

enum { N_STARTS = 3000 };

struct guest_at_odds {
	struct rig *rig;
	_Atomic(uint64_t) token; /* of the listener's pending commit, or 0 */
	atomic_bool over;
};

/* Brings up the queues with rings of all kinds. What comes of it is the others' choice, too. */
static void start(struct rig *rig, const struct variant *variant)
{
	driver_stop(rig);
	rig->requests = variant_ring(&rig->guest, variant, LOW_MEMORY);
	rig->events = variant_ring(&rig->guest, variant, HIGH_MEMORY);
	rig->next_request = REQUESTS_AT;
	negotiate(&rig->window,
		  VIOMMU_FEATURES_DEFAULT | F_VERSION_1 | F_RING_RESET | variant->features);
	ready_ring(&rig->window, VIOMMU_REQUEST_QUEUE, variant->size, rig->requests);
	ready_ring(&rig->window, VIOMMU_EVENT_QUEUE, variant->size, rig->events);
	driver_ok(&rig->window);
}

static void *start_on(void *opaque)
{
	struct guest_at_odds *guest = opaque;
	struct rig *rig = guest->rig;

	for (unsigned i = 0; i < N_STARTS; i++) {
		start(rig, &variants[i % 4]);
		add_event_buffer(rig, EVENTS_AT, EVENT_MAX);
		post_attach(rig);
		post_map(rig, IOVA, PHYS, R | W);
		kick(rig);
		post_unmap(rig, IOVA);
		kick(rig);
	}
	atomic_store(&guest->over, true);
	return NULL;
}

/* Registers that make a difference, and what a driver stores there: some more often than others. */
static const struct {
	uint64_t offset;
	uint32_t value;
} stores[] = {
	{ QUEUE_NOTIFY, VIOMMU_REQUEST_QUEUE },
	{ QUEUE_NOTIFY, VIOMMU_REQUEST_QUEUE },
	{ QUEUE_NOTIFY, VIOMMU_EVENT_QUEUE },
	{ QUEUE_NOTIFY, UINT32_MAX },
	{ QUEUE_SEL, VIOMMU_REQUEST_QUEUE },
	{ QUEUE_SEL, VIOMMU_EVENT_QUEUE },
	{ QUEUE_SEL, 2 },
	{ QUEUE_SIZE, 4 },
	{ QUEUE_SIZE, UINT32_MAX },
	{ QUEUE_READY, 0 },
	{ QUEUE_READY, 1 },
	{ QUEUE_DESC, (uint32_t)HIGH_MEMORY },
	{ QUEUE_DEVICE, (uint32_t)LOW_MEMORY },
	{ QUEUE_RESET, 1 },
	{ INTERRUPT_ACK, UINT32_MAX },
	{ STATUS, 0 },
	{ STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK },
	{ DRIVER_FEATURES_SEL, 1 },
	{ DRIVER_FEATURES, 5 }, /* VERSION_1 and RING_PACKED */
	{ CONFIG + VIOMMU_CONFIG_BYPASS, 1 },
	{ CONFIG + VIOMMU_CONFIG_BYPASS, 0 },
};

static void *store_anything(void *opaque)
{
	struct guest_at_odds *guest = opaque;
	uint32_t seed = 1;

	while (!atomic_load(&guest->over)) {
		uint32_t i = below(&seed, sizeof(stores) / sizeof(stores[0]));

		viommu_mmio_write(guest->rig->mmio, stores[i].offset,
				  stores[i].offset < CONFIG ? 4 : 1, stores[i].value);
		viommu_mmio_read(guest->rig->mmio, below(&seed, VIOMMU_MMIO_LENGTH), 4);
	}
	return NULL;
}

/* Both rings begin at the beginning of their memory. */
static void *change_rings(void *opaque)
{
	enum { RING_LENGTH = 0x2000 };
	struct guest_at_odds *guest = opaque;
	uint32_t seed = 2;

	while (!atomic_load(&guest->over)) {
		uint64_t at = below(&seed, 2) ? LOW_MEMORY : HIGH_MEMORY;
		uint8_t *byte = guest_at(&guest->rig->guest, at + below(&seed, RING_LENGTH));

		__atomic_store_n(byte, (uint8_t)below(&seed, 256), __ATOMIC_RELAXED);
		if (!below(&seed, 64))
			sched_yield();
	}
	return NULL;
}

static void *do_dma(void *opaque)
{
	struct guest_at_odds *guest = opaque;
	struct viommu_translation to;
	struct viommu_dma *dma;

	if (viommu_dma_new(guest->rig->device, &dma))
		return NULL;
	while (!atomic_load(&guest->over)) {
		viommu_dma_begin(dma);
		viommu_dma_translate(dma, ENDPOINT, IOVA, 1, R, &to);
		viommu_dma_translate(dma, ENDPOINT, 0xbad000, 1, W, &to);
		viommu_dma_end(dma);
	}
	viommu_dma_free(dma);
	return NULL;
}

static int on_map(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque;
	(void)mapping;
	return 0;
}

static int on_commit(void *opaque, uint64_t token)
{
	struct guest_at_odds *guest = opaque;

	atomic_store(&guest->token, token);
	return token ? VIOMMU_PENDING : 0;
}

static void *commit(void *opaque)
{
	struct guest_at_odds *guest = opaque;

	while (!atomic_load(&guest->over)) {
		uint64_t token = atomic_exchange(&guest->token, 0);

		if (token)
			viommu_listener_complete(guest->rig->device, token, 0);
		else
			sched_yield();
	}
	return NULL;
}

static struct viommu_listener *listen(struct guest_at_odds *guest)
{
	static const struct viommu_listener_ops ops = { .size = sizeof(ops),
							.map = on_map,
							.commit = on_commit };
	struct viommu_listener *listener;

	assert_int_equal(viommu_listen(guest->rig->device, ENDPOINT, &ops, guest, &listener), 0);
	return listener;
}

static void processors_that_agree_about_nothing_do_no_harm(void **state)
{
	static void *(*const works[])(void *) = { start_on, store_anything, change_rings, do_dma,
						  commit };
	enum { N_WORKS = sizeof(works) / sizeof(works[0]) };
	struct guest_at_odds guest = { .rig = *state };
	struct rig *rig = guest.rig;
	struct viommu_listener *listener = listen(&guest);
	pthread_t threads[N_WORKS];
	uint64_t address;

	for (unsigned i = 0; i < N_WORKS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, works[i], &guest), 0);
	for (unsigned i = 0; i < N_WORKS; i++)
		pthread_join(threads[i], NULL);
	viommu_unlisten(listener);
	assert_int_equal(rig->level, load(&rig->window, INTERRUPT_STATUS) != 0);
	viommu_mmio_system_reset(rig->mmio);
	driver_start(rig, &variants[0]);
	attach_and_map(rig);
	assert_int_equal(reach(rig, IOVA, &address), 0);
	assert_int_equal(address, PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(processors_that_agree_about_nothing_do_no_harm,
						rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests_name("processors", tests, NULL, NULL);
}
