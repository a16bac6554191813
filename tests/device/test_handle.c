/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdatomic.h>

#include "rig.h"

/* Handles: an endpoint itself in the hot path, and not the number that it has now */

#define ANY_PASID 3

/* Where an access goes by a handle, or its errno. */
static long reach(struct viommu_handle *handle, uint64_t iova)
{
	struct viommu_translation to;
	int error = viommu_handle_translate(handle, VIOMMU_NO_PASID, iova, 1,
					    R | VIOMMU_ACCESS_QUIET, &to);

	return error ? error : (long)to.address;
}

static struct viommu_handle *bound(struct rig *rig, uint32_t endpoint)
{
	struct viommu_handle *handle;

	assert_int_equal(viommu_handle_new(rig->device, &handle), 0);
	assert_int_equal(viommu_handle_bind(handle, endpoint), 0);
	return handle;
}

static void add(struct rig *rig, uint32_t id)
{
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = id };

	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
}

static void a_handle_translates_as_its_endpoint(void **state)
{
	struct rig *rig = *state;
	struct viommu_handle *handle = bound(rig, EP);

	assert_int_equal(reach(handle, 0x1000), -EFAULT);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(reach(handle, 0x1008), 0x8008);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_int_equal(reach(handle, 0x1008), -EFAULT);
	viommu_handle_free(handle);
}

static void an_unbound_handle_reaches_nothing(void **state)
{
	struct rig *rig = *state;
	struct viommu_handle *handle;

	assert_int_equal(viommu_handle_new(rig->device, &handle), 0);
	assert_int_equal(reach(handle, 0x1000), -ENOENT);
	assert_int_equal(viommu_handle_bind(handle, NO_ENDPOINT), -ENOENT);
	assert_int_equal(reach(handle, 0x1000), -ENOENT);
	assert_int_equal(viommu_handle_bind(handle, EP), 0);
	assert_int_equal(viommu_handle_bind(handle, NO_ENDPOINT), -ENOENT);
	assert_int_equal(reach(handle, 0x1000), -EFAULT);
	assert_ptr_equal(viommu_handle_free(handle), NULL);
	assert_ptr_equal(viommu_handle_free(NULL), NULL);
}

/* The number goes to another endpoint; the handle does not follow it. */
static void a_handle_ends_with_its_endpoint(void **state)
{
	struct rig *rig = *state;
	struct viommu_handle *first = bound(rig, EP), *second = bound(rig, EP);

	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
	add(rig, EP);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "8000+1 r");
	assert_int_equal(reach(first, 0x1000), -ENOENT);
	assert_int_equal(reach(second, 0x1000), -ENOENT);
	assert_int_equal(viommu_handle_bind(second, EP), 0);
	assert_int_equal(reach(first, 0x1000), -ENOENT);
	assert_int_equal(reach(second, 0x1000), 0x8000);
	viommu_handle_free(first);
	viommu_handle_free(second);
}

static void a_handle_can_be_bound_to_another_endpoint(void **state)
{
	struct rig *rig = *state;
	struct viommu_handle *handle = bound(rig, EP);

	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(reach(handle, 0x1000), -EFAULT);
	assert_int_equal(viommu_handle_bind(handle, EP2), 0);
	assert_int_equal(reach(handle, 0x1000), 0x8000);
	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
	assert_int_equal(reach(handle, 0x1000), 0x8000);
	viommu_handle_free(handle);
}

static void a_handle_translates_inside_a_section(void **state)
{
	struct rig *rig = *state;
	struct viommu_handle *handle = bound(rig, EP);
	struct viommu_translation to;
	struct viommu_dma *dma;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(viommu_dma_new(rig->device, &dma), 0);
	viommu_dma_begin(dma);
	assert_int_equal(
		viommu_dma_handle_translate(dma, handle, VIOMMU_NO_PASID, 0x1000, 1, R, &to), 0);
	assert_int_equal(to.address, 0x8000);
	assert_int_equal(viommu_dma_handle_translate(dma, handle, ANY_PASID, 0x1000, 1,
						     R | VIOMMU_ACCESS_QUIET, &to),
			 -EFAULT);
	assert_int_equal(
		viommu_dma_handle_translate(dma, handle, UINT32_MAX - 1, 0x1000, 1, R, &to),
		-EINVAL);
	viommu_dma_end(dma);
	viommu_dma_free(dma);
	viommu_handle_free(handle);
}

static void a_handle_translates_by_pasid(void **state)
{
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						  .id = EP,
						  .pasid_bits = 8 };
	const uint8_t bytes[] = { ATTACH(1, EP, VIOMMU_SLOT_F_PASID, ANY_PASID) };
	struct rig *rig = *state;
	struct viommu_translation to;
	struct viommu_handle *handle;

	replace(rig,
		(struct viommu_config){ .size = sizeof(struct viommu_config),
					.features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID });
	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	handle = bound(rig, EP);
	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(viommu_handle_translate(handle, ANY_PASID, 0x1000, 1, R, &to), 0);
	assert_int_equal(to.address, 0x8000);
	assert_int_equal(reach(handle, 0x1000), -EFAULT);
	assert_int_equal(viommu_handle_translate(handle, 1u << 20, 0x1000, 1, R, &to), -EINVAL);
	viommu_handle_free(handle);
}

/* -- two functions whose numbers are exchanged again and again ---------------------- */

#define ROUNDS 3000

struct race {
	struct rig *rig;
	struct viommu_handle *first;
	atomic_bool ended;
	atomic_uint wrong, right;
};

static void *access_by_handle(void *opaque)
{
	struct race *race = opaque;

	while (!atomic_load(&race->ended)) {
		long to = reach(race->first, 0x1000);

		if (to == 0x9000)
			atomic_fetch_add(&race->wrong, 1);
		else if (to == 0x8000)
			atomic_fetch_add(&race->right, 1);
	}
	return NULL;
}

/* The first function's domain is the one that maps to 0x8000, whatever its number is. */
static void give_numbers(struct race *race, struct viommu_handle *second, uint32_t first_id,
			 uint32_t second_id)
{
	struct rig *rig = race->rig;

	viommu_endpoint_remove(rig->device, EP);
	viommu_endpoint_remove(rig->device, EP2);
	add(rig, first_id);
	add(rig, second_id);
	assert_int_equal(viommu_handle_bind(race->first, first_id), 0);
	assert_int_equal(viommu_handle_bind(second, second_id), 0);
	assert_int_equal(attach(rig, 1, first_id), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, second_id), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0x9000, R), VIOMMU_S_OK);
}

static void no_access_is_translated_by_another_functions_domain(void **state)
{
	struct rig *rig = *state;
	struct viommu_handle *second = bound(rig, EP2);
	struct race race = { .rig = rig, .first = bound(rig, EP) };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, access_by_handle, &race), 0);
	for (unsigned i = 0; i < ROUNDS || !atomic_load(&race.right); i++)
		give_numbers(&race, second, i % 2 ? EP : EP2, i % 2 ? EP2 : EP);
	atomic_store(&race.ended, true);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&race.wrong), 0);
	viommu_handle_free(race.first);
	viommu_handle_free(second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, plug, unplug)
	const struct CMUnitTest tests[] = {
		TEST(a_handle_translates_as_its_endpoint),
		TEST(an_unbound_handle_reaches_nothing),
		TEST(a_handle_ends_with_its_endpoint),
		TEST(a_handle_can_be_bound_to_another_endpoint),
		TEST(a_handle_translates_inside_a_section),
		TEST(a_handle_translates_by_pasid),
		TEST(no_access_is_translated_by_another_functions_domain),
	};

	return cmocka_run_group_tests_name("handle", tests, NULL, NULL);
}
