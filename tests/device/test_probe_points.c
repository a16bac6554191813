/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"
#include "sdt/sys/sdt.h"

/* Static probe points (src/device/sdt.h), in a library that is built with a <sys/sdt.h> of ours. */

static char hits[1024];
static const void *of;

void probe_hit(const char *name, unsigned n, const uint64_t *values)
{
	size_t at = strlen(hits);

	assert_true(!of || values[0] == (uintptr_t)of);
	at += (size_t)snprintf(hits + at, sizeof(hits) - at, "%s%s", at ? ", " : "", name);
	for (unsigned i = 1; i < n && strcmp(name, "wait_end"); i++)
		at += (size_t)snprintf(hits + at, sizeof(hits) - at, " %llx",
				       (unsigned long long)values[i]);
}

static void assert_hit(const char *expected)
{
	assert_string_equal(hits, expected);
	hits[0] = '\0';
}

static int commit(void *opaque, uint64_t token)
{
	(void)opaque;
	return token ? VIOMMU_PENDING : 0;
}

static int take_map(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque;
	(void)mapping;
	return 0;
}

static void requests_faults_waits_and_commits_are_probed(void **state)
{
	const struct viommu_listener_ops ops = { .size = sizeof(ops),
						 .map = take_map,
						 .commit = commit };
	struct rig *rig = *state;
	struct viommu_listener *listener;

	of = rig->device;
	hits[0] = '\0';
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_INVAL);
	assert_hit("request 1 0, request 3 0, request 3 4");
	where(rig, EP, 0x5000, 1, W);
	assert_hit("fault 8 2 5000 0");
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_hit("request 4 0, wait_begin, wait_end");
	assert_int_equal(viommu_listen(rig->device, EP, &ops, NULL, &listener), 0);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_hit("commit 8 0, committed 8 0 0, request 3 0");
	of = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(requests_faults_waits_and_commits_are_probed, plug,
						unplug),
	};

	return cmocka_run_group_tests_name("probe points", tests, NULL, NULL);
}
