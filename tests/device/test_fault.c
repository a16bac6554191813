/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/* Fault records: virtio 1.3, "IOMMU Device / Fault reporting". */

static void assert_record(struct rig *rig, unsigned index, uint8_t reason, uint32_t flags,
			  uint32_t endpoint, uint64_t address)
{
	const uint8_t expected[VIOMMU_FAULT_LENGTH] = {
		reason, 0, 0, 0, LE32(flags), LE32(endpoint), LE32(0), LE64(address),
	};

	assert_true(index < rig->n_events);
	assert_memory_equal(rig->events[index], expected, sizeof(expected));
}

/* Shows: fault-layout, fault-reserved, fault-flags, fault-endpoint, fault-reserved1,
 * fault-address, fault-reasons */
static void a_record_has_the_endpoint_the_access_and_the_address(void **state)
{
	static const struct {
		uint32_t endpoint;
		uint64_t address;
		uint32_t access;
		uint8_t reason;
		uint32_t flags;
	} cases[] = {
		{ EP, 0x1fff, W, VIOMMU_FAULT_R_MAPPING, 0x102 },
		{ EP, 0x1000, R | W, VIOMMU_FAULT_R_MAPPING, 0x103 },
		{ EP, 0x2000, R, VIOMMU_FAULT_R_MAPPING, 0x101 },
		{ EP, TOP, R, VIOMMU_FAULT_R_MAPPING, 0x101 },
		{ EP2, 0x1000, R, VIOMMU_FAULT_R_DOMAIN, 0x101 },
		{ EP2, 0x123456789abcdef0, W, VIOMMU_FAULT_R_DOMAIN, 0x102 },
		{ EP2, 0, 0, VIOMMU_FAULT_R_DOMAIN, 0x100 },
	};
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	for (unsigned i = 0; i < COUNT_OF(cases); i++) {
		assert_string_equal(
			where(rig, cases[i].endpoint, cases[i].address, 1, cases[i].access),
			"fault");
		assert_int_equal(rig->n_events, i + 1);
		assert_record(rig, i, cases[i].reason, cases[i].flags, cases[i].endpoint,
			      cases[i].address);
	}
}

/* Whatever the address: the reason is that it is attached to nothing. Shows: fault-reasons */
static void an_unattached_endpoint_has_no_domain_wherever_it_reaches(void **state)
{
	static const struct viommu_reserved reserved[] = {
		{ 0x1000, 0x1fff, VIOMMU_RESV_MEM_RESERVED },
		{ 0xfee00000, 0xfeefffff, VIOMMU_RESV_MEM_MSI },
	};
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = 0x80,
		.reserved = reserved,
		.n_reserved = 2,
	};
	struct rig *rig = *state;

	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	assert_string_equal(where(rig, 0x80, 0x1000, 1, R), "fault");
	assert_record(rig, 0, VIOMMU_FAULT_R_DOMAIN, 0x101, 0x80, 0x1000);
	assert_string_equal(where(rig, 0x80, 0xfee00000, 4, R), "fault");
	assert_record(rig, 1, VIOMMU_FAULT_R_DOMAIN, 0x101, 0x80, 0xfee00000);

	assert_int_equal(attach(rig, 1, 0x80), VIOMMU_S_OK);
	assert_string_equal(where(rig, 0x80, 0x1000, 1, R), "fault");
	assert_record(rig, 2, VIOMMU_FAULT_R_MAPPING, 0x101, 0x80, 0x1000);
	assert_string_equal(where(rig, 0x80, 0xfee00000, 4, R), "fault");
	assert_record(rig, 3, VIOMMU_FAULT_R_MAPPING, 0x101, 0x80, 0xfee00000);
}

/* Shows: fault-no-buffer */
static void without_a_buffer_a_record_is_dropped_and_counted(void **state)
{
	struct viommu_fault faults[4];
	struct rig *rig = *state;

	rig->event_buffers = 1;
	where(rig, EP, 0x1000, 1, R);
	where(rig, EP, 0x2000, 1, R);
	where(rig, EP, 0x3000, 1, R);
	assert_int_equal(rig->n_events, 1);
	assert_int_equal(counters(rig).faults, 3);
	assert_int_equal(counters(rig).faults_dropped, 2);
	assert_int_equal(viommu_last_faults(rig->device, faults, COUNT_OF(faults)), 3);
	assert_true(faults[0].dropped && faults[1].dropped && !faults[2].dropped);

	rig->event_buffers = 1;
	where(rig, EP, 0x4000, 1, R);
	assert_int_equal(rig->n_events, 2);
	assert_record(rig, 1, VIOMMU_FAULT_R_DOMAIN, 0x101, EP, 0x4000);
}

/* Shows: fault-one-buffer, fault-older */
static void a_record_is_offered_whole_and_once(void **state)
{
	struct rig *rig = *state;

	where(rig, EP, 0x1000, 64, R);
	assert_int_equal(rig->event_buffers, MAX_EVENTS - 1);
	rig->event_buffers = 0;
	where(rig, EP, 0x1000, 64, R);
	assert_int_equal(rig->n_events, 1);
}

/* Shows: fault-not-endpoint */
static void an_endpoint_that_is_none_is_not_reported(void **state)
{
	struct rig *rig = *state;

	assert_string_equal(where(rig, NO_ENDPOINT, 0x1000, 1, R), "no endpoint");
	assert_int_equal(rig->n_events, 0);
	assert_int_equal(counters(rig).faults, 0);
}

/* A VMM may look without the guest hearing of it. */
static void a_quiet_access_is_not_reported(void **state)
{
	struct rig *rig = *state;

	assert_string_equal(where(rig, EP, 0x1000, 1, R | VIOMMU_ACCESS_QUIET), "fault");
	assert_int_equal(rig->n_events, 0);
	assert_int_equal(counters(rig).faults, 0);
}

static void a_device_without_an_event_queue_drops_records(void **state)
{
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = EP };
	struct viommu_counters now = { .size = sizeof(now) };
	struct viommu_translation t;
	struct viommu *device;

	(void)state;
	assert_int_equal(viommu_new(NULL, NULL, NULL, &device), 0);
	assert_int_equal(viommu_endpoint_add(device, &endpoint), 0);
	assert_int_equal(viommu_translate(device, EP, 0, 1, R, &t), -EFAULT);
	viommu_count(device, &now);
	assert_int_equal(now.faults_dropped, 1);
	viommu_free(device);
}

static void the_newest_64_faults_are_kept(void **state)
{
	struct viommu_fault faults[100];
	struct rig *rig = *state;

	assert_int_equal(viommu_last_faults(rig->device, faults, COUNT_OF(faults)), 0);
	for (uint64_t i = 0; i < 100; i++)
		where(rig, i % 2 ? EP : EP2, i * PAGE, 1, R | W);
	assert_int_equal(viommu_last_faults(rig->device, faults, 3), 3);
	assert_int_equal(viommu_last_faults(rig->device, faults, COUNT_OF(faults)), 64);
	for (uint64_t i = 0; i < 64; i++) {
		assert_int_equal(faults[i].address, (99 - i) * PAGE);
		assert_int_equal(faults[i].endpoint, (99 - i) % 2 ? EP : EP2);
		assert_int_equal(faults[i].reason, VIOMMU_FAULT_R_DOMAIN);
		assert_int_equal(faults[i].flags, 0x103);
	}
}

/* An IOMMU of the host refused it, and the guest learns of it as of any other. */
static void a_fault_of_the_host_is_reported(void **state)
{
	struct viommu_fault fault = {
		.endpoint = EP,
		.reason = VIOMMU_FAULT_R_MAPPING,
		.flags = VIOMMU_FAULT_F_WRITE | VIOMMU_FAULT_F_ADDRESS,
		.address = 0x123456000,
	}, last;
	struct rig *rig = *state;

	assert_int_equal(viommu_fault_report(rig->device, &fault), 0);
	assert_record(rig, 0, VIOMMU_FAULT_R_MAPPING, 0x102, EP, 0x123456000);
	fault.flags = VIOMMU_FAULT_F_READ | VIOMMU_FAULT_F_PASID;
	fault.pasid = 5;
	fault.reason = VIOMMU_FAULT_R_PERMISSION;
	assert_int_equal(viommu_fault_report(rig->device, &fault), 0);
	/* The driver has accepted neither PASIDs nor the longer records. */
	assert_record(rig, 1, VIOMMU_FAULT_R_MAPPING, 0x101, EP, 0x123456000);
	rig->event_buffers = 0;
	assert_int_equal(viommu_fault_report(rig->device, &fault), 0);
	assert_int_equal(viommu_last_faults(rig->device, &last, 1), 1);
	assert_true(last.dropped);
	assert_int_equal(last.reason, VIOMMU_FAULT_R_PERMISSION);
	assert_int_equal(counters(rig).faults, 3);
	assert_int_equal(counters(rig).faults_dropped, 1);
}

static void a_fault_of_the_host_that_cannot_be_is_refused(void **state)
{
	const struct viommu_fault good = { .endpoint = EP, .reason = VIOMMU_FAULT_R_MAPPING };
	struct rig *rig = *state;
	struct viommu_fault bad = good;

	bad.endpoint = NO_ENDPOINT;
	assert_int_equal(viommu_fault_report(rig->device, &bad), -ENOENT);
	bad = good;
	bad.reason = VIOMMU_FAULT_R_RANGE + 1;
	assert_int_equal(viommu_fault_report(rig->device, &bad), -EINVAL);
	bad = good;
	bad.flags = VIOMMU_FAULT_F_PAGE_REQ;
	assert_int_equal(viommu_fault_report(rig->device, &bad), -EINVAL);
	bad = good;
	bad.flags = VIOMMU_FAULT_F_PASID;
	bad.pasid = 1u << VIOMMU_PASID_BITS_MAX;
	assert_int_equal(viommu_fault_report(rig->device, &bad), -EINVAL);
	assert_int_equal(rig->n_events, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(a_record_has_the_endpoint_the_access_and_the_address),
		ON_A_FRESH_DEVICE(an_unattached_endpoint_has_no_domain_wherever_it_reaches),
		ON_A_FRESH_DEVICE(without_a_buffer_a_record_is_dropped_and_counted),
		ON_A_FRESH_DEVICE(a_record_is_offered_whole_and_once),
		ON_A_FRESH_DEVICE(an_endpoint_that_is_none_is_not_reported),
		ON_A_FRESH_DEVICE(a_quiet_access_is_not_reported),
		cmocka_unit_test(a_device_without_an_event_queue_drops_records),
		ON_A_FRESH_DEVICE(the_newest_64_faults_are_kept),
		ON_A_FRESH_DEVICE(a_fault_of_the_host_is_reported),
		ON_A_FRESH_DEVICE(a_fault_of_the_host_that_cannot_be_is_refused),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
