/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include <viommu/iotlb.h>

#include "rig.h"

/*
 * <viommu/iotlb.h>: a consumer of translations, as vhost is one
 *
 * It keeps what it is given by UPDATE, drops it by INVALIDATE, and writes its calls down.
 */

#define N_ENTRIES 64

struct consumer {
	struct viommu_iotlb *iotlb;
	char said[1024];
	bool is_slow; /* an UPDATE takes its time */
	pthread_mutex_t lock;
	struct entry {
		uint64_t first, last, address;
	} entries[N_ENTRIES];
	size_t n;
};

static void say(struct consumer *consumer, const char *what, uint64_t a, uint64_t b)
{
	size_t at = strlen(consumer->said);

	if (at < sizeof(consumer->said) - 64)
		snprintf(consumer->said + at, sizeof(consumer->said) - at, "%s%s %llx-%llx",
			 at ? ", " : "", what, (unsigned long long)a, (unsigned long long)b);
}

static void on_update(void *opaque, uint64_t iova, const struct viommu_translation *translation)
{
	struct consumer *consumer = opaque;

	if (consumer->is_slow)
		nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
	pthread_mutex_lock(&consumer->lock);
	say(consumer, "update", iova, iova + (translation->length - 1));
	if (consumer->n < N_ENTRIES)
		consumer->entries[consumer->n++] =
			(struct entry){ iova, iova + (translation->length - 1),
					translation->address };
	pthread_mutex_unlock(&consumer->lock);
}

static void on_invalidate(void *opaque, uint64_t first, uint64_t last)
{
	struct consumer *consumer = opaque;
	size_t n = 0;

	pthread_mutex_lock(&consumer->lock);
	say(consumer, "invalidate", first, last);
	for (size_t i = 0; i < consumer->n; i++)
		if (consumer->entries[i].last < first || consumer->entries[i].first > last)
			consumer->entries[n++] = consumer->entries[i];
	consumer->n = n;
	pthread_mutex_unlock(&consumer->lock);
}

/* Where the consumer goes for an address, or 0. */
static uint64_t use(struct consumer *consumer, uint64_t iova)
{
	uint64_t to = 0;

	pthread_mutex_lock(&consumer->lock);
	for (size_t i = 0; i < consumer->n; i++)
		if (iova >= consumer->entries[i].first && iova <= consumer->entries[i].last)
			to = consumer->entries[i].address + (iova - consumer->entries[i].first);
	pthread_mutex_unlock(&consumer->lock);
	return to;
}

static void assert_events(struct consumer *consumer, const char *said)
{
	assert_string_equal(consumer->said, said);
	consumer->said[0] = '\0';
}

static struct rig *with(void **state, struct consumer *consumer, uint32_t max_ranges)
{
	const struct viommu_iotlb_ops ops = {
		.size = sizeof(ops),
		.update = on_update,
		.invalidate = on_invalidate,
		.max_ranges = max_ranges,
	};
	struct rig *rig = *state;

	*consumer = (struct consumer){ .lock = PTHREAD_MUTEX_INITIALIZER };
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(viommu_iotlb_new(rig->device, EP, &ops, consumer, &consumer->iotlb), 0);
	return rig;
}

static int miss(struct consumer *consumer, uint64_t iova, uint64_t length)
{
	return viommu_iotlb_miss(consumer->iotlb, iova, length, R | VIOMMU_ACCESS_QUIET);
}

static void a_miss_is_an_update(void **state)
{
	struct consumer consumer;
	struct rig *rig = with(state, &consumer, 0);

	assert_int_equal(miss(&consumer, 0x1000, 8), -EFAULT);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_events(&consumer, "");
	assert_int_equal(miss(&consumer, 0x1008, 0x10000), 0);
	assert_events(&consumer, "update 1008-1fff");
	assert_int_equal(use(&consumer, 0x1010), 0x8010);
	assert_int_equal(miss(&consumer, 0x1000, 0), -EINVAL);
	viommu_iotlb_free(consumer.iotlb);
	assert_events(&consumer, "invalidate 1008-1fff");
}

static void what_was_handed_out_is_invalidated_by_unmap(void **state)
{
	struct consumer consumer;
	struct rig *rig = with(state, &consumer, 0);

	for (uint64_t at = 0x1000; at < 0x5000; at += 0x1000)
		assert_int_equal(map(rig, 1, at, at + 0xfff, at << 4, R), VIOMMU_S_OK);
	assert_int_equal(miss(&consumer, 0x1000, 0x1000), 0);
	assert_int_equal(miss(&consumer, 0x3000, 0x1000), 0);
	assert_events(&consumer, "update 1000-1fff, update 3000-3fff");
	assert_int_equal(unmap(rig, 1, 0x2000, 0x2fff), VIOMMU_S_OK);
	assert_events(&consumer, "");
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_events(&consumer, "invalidate 1000-1fff");
	assert_int_equal(unmap(rig, 1, 0x3000, 0x4fff), VIOMMU_S_OK);
	assert_events(&consumer, "invalidate 3000-3fff");
	viommu_iotlb_free(consumer.iotlb);
	assert_events(&consumer, "");
}

static void detach_attach_bypass_and_reset_invalidate(void **state)
{
	struct consumer consumer;
	struct rig *rig = with(state, &consumer, 0);

	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(miss(&consumer, 0x1000, 8), 0);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_events(&consumer, "update 1000-1007, invalidate 1000-1007");
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0x9000, R), VIOMMU_S_OK);
	assert_int_equal(miss(&consumer, 0x1000, 8), 0);
	assert_int_equal(detach(rig, 2, EP), VIOMMU_S_OK);
	assert_events(&consumer, "update 1000-1007, invalidate 1000-1007");
	write_bypass(rig, 1);
	assert_int_equal(miss(&consumer, 0x5000, 8), 0);
	write_bypass(rig, 0);
	assert_events(&consumer, "update 5000-5007, invalidate 5000-5007");
	write_bypass(rig, 1);
	assert_int_equal(miss(&consumer, 0x5000, 8), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_events(&consumer, "update 5000-5007, invalidate 5000-5007");
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(miss(&consumer, 0x1000, 8), 0);
	viommu_reset(rig->device);
	assert_events(&consumer, "update 1000-1007, invalidate 1000-1007");
	viommu_iotlb_free(consumer.iotlb);
}

static void answers_that_overlap_are_invalidated_together(void **state)
{
	struct consumer consumer;
	struct rig *rig = with(state, &consumer, 0);

	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x2000, 0x2fff, 0x9000, R), VIOMMU_S_OK);
	assert_int_equal(miss(&consumer, 0x1800, 0x1000), 0);
	assert_int_equal(miss(&consumer, 0x1000, 0x1000), 0);
	assert_events(&consumer, "update 1800-27ff, update 1000-1fff");
	assert_int_equal(unmap(rig, 1, 0x2000, 0x2fff), VIOMMU_S_OK);
	assert_events(&consumer, "invalidate 1000-27ff");
	assert_int_equal(use(&consumer, 0x1000), 0);
	viommu_iotlb_free(consumer.iotlb);
}

static void a_full_iotlb_takes_back_another_range(void **state)
{
	struct consumer consumer;
	struct rig *rig = with(state, &consumer, 2);

	for (uint64_t at = 0x1000; at < 0x5000; at += 0x1000)
		assert_int_equal(map(rig, 1, at, at + 0xfff, at << 4, R), VIOMMU_S_OK);
	assert_int_equal(miss(&consumer, 0x1000, 8), 0);
	assert_int_equal(miss(&consumer, 0x2000, 8), 0);
	assert_int_equal(miss(&consumer, 0x2000, 16), 0);
	assert_events(&consumer, "update 1000-1007, update 2000-2007, update 2000-200f");
	assert_int_equal(miss(&consumer, 0x3000, 8), 0);
	assert_events(&consumer, "invalidate 1000-1007, update 3000-3007");
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	assert_events(&consumer, "invalidate 2000-3007");
	viommu_iotlb_free(consumer.iotlb);
}

static void an_iotlb_outlives_its_endpoint(void **state)
{
	const struct viommu_endpoint again = { .size = sizeof(again), .id = EP };
	struct consumer consumer;
	struct rig *rig = with(state, &consumer, 0);

	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(miss(&consumer, 0x1000, 8), 0);
	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
	assert_events(&consumer, "update 1000-1007, invalidate 1000-1007");
	assert_int_equal(viommu_endpoint_add(rig->device, &again), 0);
	assert_int_equal(miss(&consumer, 0x1000, 8), -ENOENT);
	assert_ptr_equal(viommu_iotlb_free(consumer.iotlb), NULL);
	assert_ptr_equal(viommu_iotlb_free(NULL), NULL);
	assert_events(&consumer, "");
}

/* Writes to the MSI region pass untranslated until the endpoint has another one. */
static void an_update_of_the_endpoint_invalidates(void **state)
{
	const struct viommu_reserved msi = { 0xfee00000, 0xfeefffff, VIOMMU_RESV_MEM_MSI };
	struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = EP,
		.reserved = &msi,
		.n_reserved = 1,
	};
	struct consumer consumer;
	struct rig *rig = with(state, &consumer, 0);

	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	assert_int_equal(viommu_iotlb_miss(consumer.iotlb, 0xfee00000, 4, W), 0);
	assert_events(&consumer, "update fee00000-fee00003");
	endpoint.n_reserved = 0;
	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	assert_events(&consumer, "invalidate fee00000-fee00003");
	viommu_iotlb_free(consumer.iotlb);
}

static void what_cannot_be_made_is_refused(void **state)
{
	struct viommu_iotlb_ops ops = { .size = sizeof(ops), .update = on_update };
	struct rig *rig = *state;
	struct viommu_iotlb *iotlb;

	assert_int_equal(viommu_iotlb_new(rig->device, EP, &ops, NULL, &iotlb), -EINVAL);
	ops.invalidate = on_invalidate;
	assert_int_equal(viommu_iotlb_new(rig->device, NO_ENDPOINT, &ops, NULL, &iotlb), -ENOENT);
	ops.max_ranges = UINT32_MAX;
	assert_int_equal(viommu_iotlb_new(rig->device, EP, &ops, NULL, &iotlb), -EINVAL);
}

/* -- misses against requests --------------------------------------------------- */

#ifdef WITH_DRD
#define ROUNDS 20 /* drd is slow */
#else
#define ROUNDS 300
#endif

struct race {
	struct consumer *consumer;
	atomic_bool ended;
	atomic_uint n_updates;
};

static void *keep_missing(void *opaque)
{
	struct race *race = opaque;

	while (!atomic_load(&race->ended))
		if (use(race->consumer, 0x1000) || miss(race->consumer, 0x1000, 0x1000))
			sched_yield();
		else
			atomic_fetch_add(&race->n_updates, 1);
	return NULL;
}

/* After UNMAP, DETACH or reset completes, the consumer has no mapping left. */
static void take_away(struct rig *rig, unsigned round)
{
	if (round % 3 == 0)
		assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	else if (round % 3 == 1)
		assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	else
		viommu_reset(rig->device);
}

static void nothing_old_is_kept_however_misses_and_requests_meet(void **state)
{
	struct consumer consumer;
	struct rig *rig = with(state, &consumer, 0);
	struct race race = { .consumer = &consumer };
	pthread_t thread;
	unsigned stale = 0;

	consumer.is_slow = true;
	assert_int_equal(pthread_create(&thread, NULL, keep_missing, &race), 0);
	for (unsigned i = 0; !stale && (i < ROUNDS || atomic_load(&race.n_updates) < ROUNDS / 10);
	     i++) {
		assert_int_equal(viommu_accept(rig->device, VIOMMU_FEATURES_DEFAULT), 0);
		attach(rig, 1, EP);
		assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
		take_away(rig, i);
		stale += use(&consumer, 0x1000) != 0;
		attach(rig, 1, EP);
		if (i % 3 != 2)
			detach(rig, 1, EP);
	}
	atomic_store(&race.ended, true);
	pthread_join(thread, NULL);
	assert_int_equal(stale, 0);
	viommu_iotlb_free(consumer.iotlb);
}

/* -- the endpoint goes meanwhile ------------------------------------------------ */

struct removal {
	struct rig *rig;
	atomic_bool ended;
};

static void *keep_replacing(void *opaque)
{
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = EP };
	struct removal *removal = opaque;

	while (!atomic_load(&removal->ended)) {
		viommu_endpoint_remove(removal->rig->device, EP);
		viommu_endpoint_add(removal->rig->device, &endpoint);
	}
	return NULL;
}

/* Each IOTLB has either the endpoint from before or the one from after. */
static void an_iotlb_is_made_and_freed_while_its_endpoint_is_replaced(void **state)
{
	const struct viommu_iotlb_ops ops = {
		.size = sizeof(ops),
		.update = on_update,
		.invalidate = on_invalidate,
	};
	struct consumer consumer = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct removal removal = { .rig = *state };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, keep_replacing, &removal), 0);
	for (unsigned i = 0; i < 10 * ROUNDS; i++) {
		int error =
			viommu_iotlb_new(removal.rig->device, EP, &ops, &consumer, &consumer.iotlb);

		if (!error)
			viommu_iotlb_free(consumer.iotlb);
		else
			assert_int_equal(error, -ENOENT);
	}
	atomic_store(&removal.ended, true);
	pthread_join(thread, NULL);
}

/* The same with a page table that the guest owns. */
static void a_changed_table_is_invalidated(void **state)
{
	static const struct viommu_table_format format = {
		VIOMMU_TABLE_GENERIC, 48, 52, PAGE, 0, 0
	};
	static uint64_t memory[4 * 512] __attribute__((aligned(4096)));
	const struct viommu_memory range = { 0x100000, 0x103fff, memory, false };
	const struct viommu_endpoint config = { .size = sizeof(config),
						.id = EP,
						.pasid_bits = 8,
						.formats = &format,
						.n_formats = 1 };
	const uint8_t attachment[VIOMMU_ATTACH_TABLE_LENGTH] = { HEAD(VIOMMU_T_ATTACH_TABLE),
								 LE32(2),
								 LE32(EP),
								 LE32(0),
								 LE16(VIOMMU_TABLE_GENERIC),
								 LE16(0),
								 LE32(0),
								 LE32(0),
								 LE32(0),
								 LE64(0x100000) };
	const uint8_t invalidation[VIOMMU_INVALIDATE_LENGTH] = { HEAD(VIOMMU_T_INVALIDATE),
								 3,
								 VIOMMU_INVALIDATE_C_TLB,
								 LE16(0),
								 LE32(2),
								 LE32(0),
								 LE64(0),
								 LE64(0x1000),
								 LE64(1),
								 12 };
	const uint8_t of_a_pasid[] = { ATTACH(3, EP, VIOMMU_SLOT_F_PASID, 5) };
	struct consumer consumer;
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){
			     .size = sizeof(struct viommu_config),
			     .features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_TABLE | VIOMMU_F_PASID,
		     });
	assert_int_equal(viommu_endpoint_update(rig->device, &config), 0);
	assert_int_equal(viommu_set_memory(rig->device, &range, 1), 0);
	for (unsigned level = 0; level < 3; level++)
		memory[512 * level] = htole64((0x100000 + (level + 1) * PAGE) | 3);
	memory[3 * 512 + 1] = htole64(0x8000 | 5);
	with(state, &consumer, 0);
	assert_int_equal(status_of(rig, attachment, sizeof(attachment)), VIOMMU_S_OK);
	assert_int_equal(miss(&consumer, 0x1000, PAGE), 0);
	assert_int_equal(use(&consumer, 0x1008), 0x8008);
	consumer.said[0] = '\0';
	memory[3 * 512 + 1] = htole64(0x9000 | 5);
	assert_int_equal(status_of(rig, of_a_pasid, sizeof(of_a_pasid)), VIOMMU_S_OK);
	assert_events(&consumer, "");
	assert_int_equal(status_of(rig, invalidation, sizeof(invalidation)), VIOMMU_S_OK);
	assert_events(&consumer, "invalidate 1000-1fff");
	assert_int_equal(miss(&consumer, 0x1000, PAGE), 0);
	assert_int_equal(use(&consumer, 0x1008), 0x9008);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(use(&consumer, 0x1008), 0);
	viommu_iotlb_free(consumer.iotlb);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, plug, unplug)
	const struct CMUnitTest tests[] = {
		TEST(a_miss_is_an_update),
		TEST(a_changed_table_is_invalidated),
		TEST(what_was_handed_out_is_invalidated_by_unmap),
		TEST(detach_attach_bypass_and_reset_invalidate),
		TEST(answers_that_overlap_are_invalidated_together),
		TEST(a_full_iotlb_takes_back_another_range),
		TEST(an_iotlb_outlives_its_endpoint),
		TEST(an_update_of_the_endpoint_invalidates),
		TEST(what_cannot_be_made_is_refused),
		TEST(nothing_old_is_kept_however_misses_and_requests_meet),
		TEST(an_iotlb_is_made_and_freed_while_its_endpoint_is_replaced),
	};

	return cmocka_run_group_tests_name("iotlb", tests, NULL, NULL);
}
