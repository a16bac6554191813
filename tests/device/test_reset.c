/* SPDX-License-Identifier: BSD-3-Clause */
#include <time.h>

#include "rig.h"

/* Device reset and system reset: virtio 1.3, "IOMMU Device / Device initialization",
 * "Device configuration layout". */

static void populate(struct rig *rig)
{
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 2, EP3), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, TOP - 0xfff, TOP, 0x9000, R), VIOMMU_S_OK);
}

static void assert_empty(struct rig *rig, enum viommu_mode mode)
{
	assert_int_equal(counters(rig).domains, 0);
	assert_int_equal(counters(rig).mappings, 0);
	assert_int_equal(counters(rig).bytes, 0);
	assert_int_equal(counters(rig).endpoints, 3);
	assert_int_equal(mode_of(rig, EP), mode);
	assert_int_equal(mode_of(rig, EP2), mode);
	assert_int_equal(mode_of(rig, EP3), mode);
}

/* Shows: reset-detaches, reset-system */
static void nothing_is_attached_after_either_reset(void **state)
{
	static void (*const resets[])(struct viommu *) = { viommu_reset, viommu_system_reset };
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT_OF(resets); i++) {
		assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
		populate(rig);
		resets[i](rig->device);
		assert_empty(rig, VIOMMU_BLOCKED);
		assert_string_equal(peek(rig, EP, 0x1000, 1), "fault");
	}
}

/* Shows: reset-features */
static void no_feature_is_accepted_after_a_reset(void **state)
{
	static const uint8_t bytes[VIOMMU_MAP_LENGTH] = { VIOMMU_T_MAP };
	uint8_t tail[VIOMMU_TAIL_LENGTH];
	struct rig *rig = *state;

	viommu_reset(rig->device);
	assert_int_equal(request(rig, bytes, sizeof(bytes), tail, sizeof(tail)), 0);
	assert_int_equal(attach_bypass(rig, 1, EP), VIOMMU_S_INVAL);
}

/* Shows: reset-bypass, reset-system-bypass */
static void bypass_survives_a_device_reset_and_not_a_system_reset(void **state)
{
	struct rig *rig = *state;

	for (uint8_t initial = 0; initial <= 1; initial++) {
		replace(rig, (struct viommu_config){ .bypass = initial });
		write_bypass(rig, !initial);
		viommu_reset(rig->device);
		assert_int_equal(read_bypass(rig), !initial);
		assert_empty(rig, initial ? VIOMMU_BLOCKED : VIOMMU_BYPASS);
		viommu_system_reset(rig->device);
		assert_int_equal(read_bypass(rig), initial);
		assert_empty(rig, initial ? VIOMMU_BYPASS : VIOMMU_BLOCKED);
	}
}

/* Shows: reset-detaches */
static void listeners_are_notified_of_a_reset(void **state)
{
	struct recorder mapped = { 0 }, bypass = { 0 };
	struct rig *rig = *state;

	populate(rig);
	assert_int_equal(recorder_listen(&mapped, rig, "m", EP), 0);
	assert_int_equal(recorder_listen(&bypass, rig, "b", EP3), 0);
	rig->notified[0] = '\0';
	viommu_reset(rig->device);
	assert_notified(rig, "m unmap 1 1000-1fff, m unmap 1 fffffffffffff000-ffffffffffffffff, "
			     "m mode blocked, b mode blocked");
	viommu_reset(rig->device);
	assert_notified(rig, "");
}

/* Shows: reset-system-bypass */
static void a_system_reset_notifies_of_a_changed_bypass_once(void **state)
{
	struct recorder attached = { 0 }, idle = { 0 };
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .bypass = true });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&attached, rig, "a", EP), 0);
	assert_int_equal(recorder_listen(&idle, rig, "i", EP2), 0);
	write_bypass(rig, 0);
	assert_notified(rig, "a mode translated, i mode bypass, i mode blocked");
	viommu_system_reset(rig->device);
	assert_notified(rig, "i mode bypass, a mode bypass");
}

/* Shows: reset-bypass-old */
static void a_reset_takes_back_the_old_bypass(void **state)
{
	struct recorder recorder = { 0 };
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .features = VIOMMU_F_MAP_UNMAP | VIOMMU_F_BYPASS });
	assert_int_equal(recorder_listen(&recorder, rig, "a", EP), 0);
	viommu_reset(rig->device);
	assert_notified(rig, "a mode bypass, a mode blocked");
	assert_int_equal(viommu_accept(rig->device, VIOMMU_F_BYPASS), 0);
	assert_notified(rig, "a mode bypass");
}

/* Shows: reset-detaches */
static void a_device_works_as_new_after_a_reset(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < 3; i++) {
		populate(rig);
		assert_string_equal(peek(rig, EP2, 0x1000, 1), "8000+1 r");
		viommu_reset(rig->device);
		assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
	}
}

/* -- duration ------------------------------------------------------------------ */

enum { MANY = 1 << 14 };

static uint64_t cpu_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void attach_many(struct rig *rig)
{
	for (uint32_t i = 0; i < MANY; i++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							  .id = 0x100 + i };

		assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
		assert_int_equal(attach(rig, 1, endpoint.id), VIOMMU_S_OK);
	}
}

/* The guest decides which endpoints a domain has, and a reset holds the lock meanwhile. Time is
 * compared with what the guest had to do for it. */
static void a_reset_is_over_as_soon_as_the_attaching_was(void **state)
{
	uint64_t begin = cpu_time(), attached;

	attach_many(*state);
	attached = cpu_time();
	viommu_reset(((struct rig *)*state)->device);
	assert_true(cpu_time() - attached < 2 * (attached - begin));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(nothing_is_attached_after_either_reset),
		ON_A_FRESH_DEVICE(no_feature_is_accepted_after_a_reset),
		ON_A_FRESH_DEVICE(bypass_survives_a_device_reset_and_not_a_system_reset),
		ON_A_FRESH_DEVICE(listeners_are_notified_of_a_reset),
		ON_A_FRESH_DEVICE(a_system_reset_notifies_of_a_changed_bypass_once),
		ON_A_FRESH_DEVICE(a_reset_takes_back_the_old_bypass),
		ON_A_FRESH_DEVICE(a_device_works_as_new_after_a_reset),
		cmocka_unit_test_setup_teardown(a_reset_is_over_as_soon_as_the_attaching_was, plug,
						unplug),
	};

	return cmocka_run_group_tests_name("reset", tests, NULL, NULL);
}
