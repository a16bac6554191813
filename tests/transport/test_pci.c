/* SPDX-License-Identifier: BSD-3-Clause */
/* The IOMMU as a PCI function, rule by rule. virtio 1.4, 4.1. */
#include <pthread.h>
#include <stdlib.h>

#include "pci.h"

enum { CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_ISR = 3, CFG_DEVICE = 4, CFG_PCI = 5 };
enum { CAP_LENGTH = 2, CAP_BAR = 4, CAP_OFFSET = 8, CAP_SIZE = 12, CAP_EXTRA = 16 };
enum { COMMAND = 4, STATUS_REGISTER = 6, MSIX = 0x11, ADVANCED = 0x13 };
enum { MEMORY = 2, MASTER = 4, INTX_DISABLE = 0x400 };

static const struct variant plain = { "split", F_RING_RESET, 16 };

static uint32_t common(struct pci_rig *rig, unsigned offset, unsigned length)
{
	return (uint32_t)viommu_pci_bar_read(rig->pci, offset, length);
}

static void set_common(struct pci_rig *rig, unsigned offset, unsigned length, uint32_t value)
{
	viommu_pci_bar_write(rig->pci, offset, length, value);
}

/* Shows: pci-ids, pci-revision, pci-subsystem */
static void the_function_identifies_itself(void **state)
{
	static const struct viommu_pci_config config = { .size = sizeof(config),
							 .subsystem_vendor = 0x1234,
							 .subsystem_device = 0x5678,
							 .multifunction = true };
	struct pci_rig *rig = *state;
	struct viommu_pci *other;

	assert_int_equal(pci_get(rig->pci, 0, 4), 0x10571af4);
	assert_int_equal(pci_get(rig->pci, 8, 4), 0x08060001);
	assert_int_equal(pci_get(rig->pci, 0x0e, 1), 0);
	assert_int_equal(pci_get(rig->pci, 0x2c, 4), 0x00401af4);
	assert_int_equal(pci_get(rig->pci, 0x3d, 1), 1);
	assert_int_equal(viommu_pci_new(NULL, &config, &pci_rig_ops, rig, &other), 0);
	assert_int_equal(pci_get(other, 0x0e, 1), 0x80);
	assert_int_equal(pci_get(other, 0x2c, 4), 0x56781234);
	viommu_pci_free(other);
}

/* Shows: pci-common, pci-notify, pci-isr, pci-device-config, pci-access, pci-cap-length,
 * pci-structures-fit */
static void every_structure_has_a_capability(void **state)
{
	static const struct {
		uint8_t type;
		uint32_t cap_length, alignment, length;
	} structures[] = {
		{ CFG_COMMON, 16, 4, 56 },
		{ CFG_NOTIFY, 20, 2, 2 },
		{ CFG_ISR, 16, 1, 1 },
		{ CFG_DEVICE, 16, 4, 40 },
	};
	struct pci_rig *rig = *state;
	uint64_t bar_length = viommu_pci_bar_length(rig->pci);
	unsigned access = pci_structure(rig->pci, CFG_PCI);

	for (size_t i = 0; i < sizeof(structures) / sizeof(structures[0]); i++) {
		unsigned at = pci_structure(rig->pci, structures[i].type);
		uint32_t offset = pci_get(rig->pci, at + CAP_OFFSET, 4);
		uint32_t length = pci_get(rig->pci, at + CAP_SIZE, 4);

		assert_int_not_equal(at, 0);
		assert_int_equal(pci_get(rig->pci, at + CAP_LENGTH, 1), structures[i].cap_length);
		assert_int_equal(pci_get(rig->pci, at + CAP_BAR, 1), 0);
		assert_int_equal(offset % structures[i].alignment, 0);
		assert_in_range(length, structures[i].length, bar_length);
		assert_in_range(offset, 0, bar_length - length);
	}
	assert_int_not_equal(access, 0);
	assert_int_equal(pci_get(rig->pci, access + CAP_LENGTH, 1), 20);
}

/* Shows: pci-notify */
static void each_queue_has_its_place_in_the_notification_structure(void **state)
{
	struct pci_rig *rig = *state;
	unsigned at = pci_structure(rig->pci, CFG_NOTIFY);
	uint32_t multiplier = pci_get(rig->pci, at + CAP_EXTRA, 4);

	assert_int_equal(multiplier, VIOMMU_PCI_NOTIFY_MULTIPLIER);
	assert_int_equal(pci_get(rig->pci, at + CAP_OFFSET, 4), VIOMMU_PCI_NOTIFY);
	for (uint32_t queue = 0; queue < VIOMMU_N_QUEUES; queue++) {
		set_common(rig, COMMON_QUEUE_SELECT, 2, queue);
		assert_int_equal(common(rig, COMMON_QUEUE_NOTIFY_OFF, 2), queue);
		assert_in_range(queue * multiplier + 2, 2, pci_get(rig->pci, at + CAP_SIZE, 4));
	}
	assert_int_equal(common(rig, COMMON_NUM_QUEUES, 2), VIOMMU_N_QUEUES);
}

/* Shows: pci-device-features, pci-driver-features */
static void features_are_shown_in_words(void **state)
{
	struct pci_rig *rig = *state;

	assert_int_equal(offered_features(&rig->rig.window), VIOMMU_FEATURES_DEFAULT | F_VERSION_1 |
								     F_INDIRECT | F_EVENT_INDEX |
								     F_PACKED | F_RING_RESET);
	for (uint32_t select = 2; select < 100; select += 7) {
		set_common(rig, COMMON_DEVICE_FEATURE_SELECT, 4, select);
		assert_int_equal(common(rig, COMMON_DEVICE_FEATURE, 4), 0);
		assert_int_equal(common(rig, COMMON_DEVICE_FEATURE_SELECT, 4), select);
	}
	set_common(rig, COMMON_STATUS, 1, ACKNOWLEDGE | DRIVER);
	set_common(rig, COMMON_DRIVER_FEATURE_SELECT, 4, 1);
	set_common(rig, COMMON_DRIVER_FEATURE, 4, F_VERSION_1 >> 32);
	set_common(rig, COMMON_DRIVER_FEATURE_SELECT, 4, 0);
	set_common(rig, COMMON_DRIVER_FEATURE, 4, VIOMMU_F_MAP_UNMAP);
	assert_int_equal(common(rig, COMMON_DRIVER_FEATURE, 4), VIOMMU_F_MAP_UNMAP);
	set_common(rig, COMMON_DRIVER_FEATURE_SELECT, 4, 1);
	assert_int_equal(common(rig, COMMON_DRIVER_FEATURE, 4), F_VERSION_1 >> 32);
	set_common(rig, COMMON_DRIVER_FEATURE_SELECT, 4, 2);
	assert_int_equal(common(rig, COMMON_DRIVER_FEATURE, 4), 0);
}

/* Shows: pci-generation */
static void the_generation_has_changed_after_any_number_of_writes(void **state)
{
	struct pci_rig *rig = *state;

	driver_start(&rig->rig, &plain);
	for (unsigned n = 1; n < 600; n++) {
		uint32_t before = common(rig, COMMON_GENERATION, 1);

		viommu_pci_bar_read(rig->pci, DEVICE_CONFIG, 4);
		assert_int_equal(common(rig, COMMON_GENERATION, 1), before);
		for (unsigned i = 0; i < n; i++)
			viommu_pci_bar_write(rig->pci, DEVICE_CONFIG + VIOMMU_CONFIG_BYPASS, 1,
					     i & 1);
		viommu_pci_bar_read(rig->pci, DEVICE_CONFIG + VIOMMU_CONFIG_BYPASS, 1);
		assert_int_not_equal(common(rig, COMMON_GENERATION, 1), before);
		assert_in_range(common(rig, COMMON_GENERATION, 1), 0, UINT8_MAX);
	}
}

/* Shows: pci-64-bit-halves */
static void a_64_bit_field_is_read_in_halves_or_whole(void **state)
{
	struct pci_rig *rig = *state;
	uint64_t whole = viommu_pci_bar_read(rig->pci, DEVICE_CONFIG, 8);

	assert_int_equal(whole, 0xfffffffffffff000);
	assert_int_equal(viommu_pci_bar_read(rig->pci, DEVICE_CONFIG, 4), (uint32_t)whole);
	assert_int_equal(viommu_pci_bar_read(rig->pci, DEVICE_CONFIG + 4, 4), whole >> 32);
	set_common(rig, COMMON_QUEUE_SELECT, 2, 1);
	viommu_pci_bar_write(rig->pci, COMMON_QUEUE_DESC, 8, 0x123456789a000);
	assert_int_equal(viommu_pci_bar_read(rig->pci, COMMON_QUEUE_DESC, 8), 0x123456789a000);
	assert_int_equal(common(rig, COMMON_QUEUE_DESC + 4, 4), 0x12345);
}

/* Shows: pci-reset, pci-queue-enable-reset, pci-vector-reset */
static void writing_zero_to_the_status_resets(void **state)
{
	struct pci_rig *rig = *state;

	driver_start(&rig->rig, &plain);
	attach_and_map(&rig->rig);
	set_common(rig, COMMON_CONFIG_VECTOR, 2, 1);
	set_common(rig, COMMON_QUEUE_SELECT, 2, 0);
	set_common(rig, COMMON_QUEUE_VECTOR, 2, 2);
	assert_true(rig->rig.level);
	set_common(rig, COMMON_STATUS, 1, 0);
	assert_int_equal(common(rig, COMMON_STATUS, 1), 0);
	assert_false(rig->rig.level);
	assert_int_equal(common(rig, COMMON_CONFIG_VECTOR, 2), NO_VECTOR);
	for (uint32_t queue = 0; queue < VIOMMU_N_QUEUES; queue++) {
		set_common(rig, COMMON_QUEUE_SELECT, 2, queue);
		assert_int_equal(common(rig, COMMON_QUEUE_ENABLE, 2), 0);
		assert_int_equal(common(rig, COMMON_QUEUE_RESET, 2), 0);
		assert_int_equal(common(rig, COMMON_QUEUE_SIZE, 2), 256);
		assert_int_equal(common(rig, COMMON_QUEUE_VECTOR, 2), NO_VECTOR);
		assert_int_equal(common(rig, COMMON_QUEUE_DESC, 4), 0);
	}
}

/* Shows: pci-queue-reset */
static void one_queue_can_be_reset(void **state)
{
	struct pci_rig *rig = *state;

	driver_start(&rig->rig, &plain);
	attach_and_map(&rig->rig);
	set_common(rig, COMMON_QUEUE_SELECT, 2, 0);
	assert_int_equal(common(rig, COMMON_QUEUE_RESET, 2), 0);
	set_common(rig, COMMON_QUEUE_ENABLE, 2, 0);
	assert_int_equal(common(rig, COMMON_QUEUE_ENABLE, 2), 1);
	set_common(rig, COMMON_QUEUE_RESET, 2, 1);
	assert_int_equal(common(rig, COMMON_QUEUE_RESET, 2), 0);
	assert_int_equal(common(rig, COMMON_QUEUE_ENABLE, 2), 0);
	ring_free(rig->rig.requests);
	rig->rig.requests = variant_ring(&rig->rig.guest, &plain, LOW_MEMORY);
	assert_true(
		ready_ring(&rig->rig.window, VIOMMU_REQUEST_QUEUE, plain.size, rig->rig.requests));
	post_unmap(&rig->rig, IOVA);
	kick(&rig->rig);
	assert_int_equal(status(&rig->rig), VIOMMU_S_OK);
}

/* Shows: pci-no-queue, pci-queue-size */
static void the_size_of_a_queue_is_one_that_it_can_have(void **state)
{
	struct pci_rig *rig = *state;
	static const uint32_t missing[] = { 2, 3, 0x100, 0xffff };

	for (size_t i = 0; i < 4; i++) {
		set_common(rig, COMMON_QUEUE_SELECT, 2, missing[i]);
		assert_int_equal(common(rig, COMMON_QUEUE_SELECT, 2), missing[i]);
		set_common(rig, COMMON_QUEUE_SIZE, 2, 4);
		set_common(rig, COMMON_QUEUE_VECTOR, 2, 0);
		set_common(rig, COMMON_QUEUE_ENABLE, 2, 1);
		assert_int_equal(common(rig, COMMON_QUEUE_SIZE, 2), 0);
		assert_int_equal(common(rig, COMMON_QUEUE_ENABLE, 2), 0);
		assert_int_equal(common(rig, COMMON_QUEUE_VECTOR, 2), NO_VECTOR);
		viommu_pci_bar_write(rig->pci, VIOMMU_PCI_NOTIFY + 4 * missing[i], 2, missing[i]);
	}
	set_common(rig, COMMON_QUEUE_SELECT, 2, 0);
	set_common(rig, COMMON_QUEUE_SIZE, 2, 64);
	for (uint32_t size = 0; size < 0x10000; size++) {
		uint32_t before = common(rig, COMMON_QUEUE_SIZE, 2);
		bool fits = size && size <= 256 && !(size & (size - 1));

		set_common(rig, COMMON_QUEUE_SIZE, 2, size);
		assert_int_equal(common(rig, COMMON_QUEUE_SIZE, 2), fits ? size : before);
	}
	negotiate(&rig->rig.window, F_VERSION_1 | F_PACKED);
	set_common(rig, COMMON_QUEUE_SELECT, 2, 0);
	set_common(rig, COMMON_QUEUE_SIZE, 2, 7);
	assert_int_equal(common(rig, COMMON_QUEUE_SIZE, 2), 7);
}

/* Shows: pci-other-accesses */
static void other_accesses_read_zero_and_write_nothing(void **state)
{
	static const struct {
		uint64_t offset;
		unsigned length;
	} cases[] = {
		{ COMMON_DEVICE_FEATURE, 1 },
		{ COMMON_DEVICE_FEATURE, 2 },
		{ COMMON_NUM_QUEUES, 1 },
		{ COMMON_CONFIG_VECTOR, 4 },
		{ COMMON_QUEUE_SELECT + 1, 1 },
		{ COMMON_QUEUE_SIZE + 1, 2 },
		{ COMMON_DEVICE_FEATURE + 2, 4 },
		{ 56, 2 },
		{ 60, 4 },
		{ 0x0ffc, 4 },
		{ VIOMMU_PCI_NOTIFY, 2 },
		{ ISR + 1, 1 },
		{ TABLE, 1 },
		{ TABLE + 2, 4 },
		{ TABLE + 48, 4 },
		{ PENDING + 8, 4 },
		{ DEVICE_CONFIG, 3 },
		{ DEVICE_CONFIG + 40, 4 },
		{ DEVICE_CONFIG + 38, 4 },
		{ 0x8000, 4 },
		{ UINT64_MAX - 3, 4 },
		{ UINT64_MAX - 7, 8 },
		{ COMMON_STATUS, 4 },
		{ 0, 0 },
		{ 0, UINT32_MAX },
	};
	struct pci_rig *rig = *state;

	set_common(rig, COMMON_STATUS, 1, ACKNOWLEDGE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		viommu_pci_bar_write(rig->pci, cases[i].offset, cases[i].length, 0);
		if (viommu_pci_bar_read(rig->pci, cases[i].offset, cases[i].length))
			fail_msg("%#llx, %u", (unsigned long long)cases[i].offset, cases[i].length);
	}
	assert_int_equal(common(rig, COMMON_STATUS, 1), ACKNOWLEDGE);
	assert_int_equal(pci_get(rig->pci, 0, 3), UINT32_MAX >> 8);
	assert_int_equal(pci_get(rig->pci, 1, 2), 0xffff);
	assert_int_equal(pci_get(rig->pci, 256, 4), UINT32_MAX);
	assert_int_equal(viommu_pci_config_read(rig->pci, UINT64_MAX - 3, 4), UINT32_MAX);
}

/* Every bit of configuration space that can be written is one of these. Shows: pci-read-only */
static void the_rest_of_configuration_space_is_read_only(void **state)
{
	struct pci_rig *rig = *state;
	unsigned access = pci_structure(rig->pci, CFG_PCI),
		 msix = pci_capability(rig->pci, MSIX, 0);
	unsigned reset = pci_capability(rig->pci, ADVANCED, 0);

	for (unsigned at = 0; at < VIOMMU_PCI_CONFIG_LENGTH; at++) {
		uint32_t before = pci_get(rig->pci, at, 1), changed;

		if (at >= access + CAP_EXTRA && at < access + CAP_EXTRA + 4)
			continue;
		pci_set(rig->pci, at, 1, ~before & (at == reset + 4 ? 0xfe : 0xff));
		changed = pci_get(rig->pci, at, 1) ^ before;
		pci_set(rig->pci, at, 1, before);
		if (at == COMMAND)
			assert_int_equal(changed, MEMORY | MASTER);
		else if (at == COMMAND + 1)
			assert_int_equal(changed, INTX_DISABLE >> 8);
		else if (at == msix + 3)
			assert_int_equal(changed, (MSIX_ENABLE | MSIX_MASK) >> 8);
		else if (at == 0x11)
			assert_int_equal(changed, 0x80);
		else if (at == 0x0c || (at > 0x11 && at < 0x18) || at == 0x3c)
			assert_int_equal(changed, 0xff);
		else if (at == access + CAP_BAR || (at >= access + 8 && at < access + 16))
			assert_int_equal(changed, 0xff);
		else
			assert_int_equal(changed, 0);
	}
}

/* Shows: pci-bar */
static void the_bar_is_where_the_driver_puts_it(void **state)
{
	struct pci_rig *rig = *state;
	uint64_t address, length = viommu_pci_bar_length(rig->pci);
	unsigned before = rig->n_mapped;

	assert_true(rig->mapped);
	assert_int_equal(rig->mapped_at, BAR_AT);
	assert_true(viommu_pci_bar_address(rig->pci, &address));
	assert_int_equal(address, BAR_AT);
	pci_set(rig->pci, COMMAND, 2, MASTER);
	assert_false(rig->mapped);
	assert_false(viommu_pci_bar_address(rig->pci, &address));
	pci_set(rig->pci, 0x10, 4, UINT32_MAX);
	pci_set(rig->pci, 0x14, 4, UINT32_MAX);
	assert_int_equal(pci_get(rig->pci, 0x10, 4), (uint32_t)-length | 4);
	assert_int_equal(pci_get(rig->pci, 0x14, 4), UINT32_MAX);
	pci_set(rig->pci, 0x10, 4, 0x123f8000);
	pci_set(rig->pci, 0x14, 4, 0x7);
	assert_int_equal(rig->n_mapped, before + 1);
	pci_set(rig->pci, COMMAND, 2, MASTER | MEMORY);
	assert_true(rig->mapped);
	assert_int_equal(rig->mapped_at, 0x7123f8000);
	pci_set(rig->pci, COMMAND, 2, MASTER | MEMORY);
	assert_int_equal(rig->n_mapped, before + 2);
}

/* A configuration of more than 16 KiB: the BAR is as long as it takes. Shows: pci-structures-fit */
static void the_bar_has_room_for_a_long_configuration(void **state)
{
	static uint8_t topology[0x9000] = { 0 };
	const struct viommu_config device_config = { .size = sizeof(device_config),
						     .topology = topology,
						     .topology_length = sizeof(topology) };
	struct pci_rig *rig = *state;
	struct viommu_pci *pci;
	unsigned at;

	topology[sizeof(topology) - 1] = 0x5a;
	assert_int_equal(viommu_pci_new(&device_config, NULL, &pci_rig_ops, rig, &pci), 0);
	at = pci_structure(pci, CFG_DEVICE);
	assert_int_equal(pci_get(pci, at + CAP_SIZE, 4), sizeof(topology));
	assert_int_equal(viommu_pci_bar_length(pci), 0x10000);
	assert_int_equal(viommu_pci_bar_read(pci, DEVICE_CONFIG + sizeof(topology) - 1, 1), 0x5a);
	viommu_pci_free(pci);
}

/* -- the access capability ------------------------------------------------------------------- */

static unsigned aim(struct pci_rig *rig, uint8_t bar, uint32_t offset, uint32_t length)
{
	unsigned at = pci_structure(rig->pci, CFG_PCI);

	pci_set(rig->pci, at + CAP_BAR, 1, bar);
	pci_set(rig->pci, at + CAP_OFFSET, 4, offset);
	pci_set(rig->pci, at + CAP_SIZE, 4, length);
	return at + CAP_EXTRA;
}

/* The BAR need not be mapped. Shows: pci-access, pci-access-read, pci-access-write */
static void configuration_space_has_a_window_to_the_bar(void **state)
{
	struct pci_rig *rig = *state;
	unsigned data;

	pci_set(rig->pci, COMMAND, 2, 0);
	data = aim(rig, 0, COMMON_STATUS, 1);
	pci_set(rig->pci, data, 4, 0xffffff00 | ACKNOWLEDGE);
	assert_int_equal(common(rig, COMMON_STATUS, 1), ACKNOWLEDGE);
	assert_int_equal(pci_get(rig->pci, data, 4), ACKNOWLEDGE);
	aim(rig, 0, DEVICE_CONFIG + 4, 4);
	assert_int_equal(pci_get(rig->pci, data, 4), UINT32_MAX);
	aim(rig, 0, COMMON_NUM_QUEUES, 2);
	assert_int_equal(pci_get(rig->pci, data, 2), VIOMMU_N_QUEUES);
	assert_int_equal(pci_get(rig->pci, data + 1, 1), 0);
}

/* Shows: pci-access-read, pci-access-write */
static void the_window_serves_requests_and_acknowledges(void **state)
{
	struct pci_rig *rig = *state;
	unsigned data;

	driver_start(&rig->rig, &plain);
	post_attach(&rig->rig);
	ring_offer(rig->rig.requests);
	data = aim(rig, 0, VIOMMU_PCI_NOTIFY, 2);
	pci_set(rig->pci, data, 2, 0);
	assert_int_equal(status(&rig->rig), VIOMMU_S_OK);
	aim(rig, 0, ISR, 1);
	assert_true(rig->rig.level);
	assert_int_equal(pci_get(rig->pci, data, 1), 1);
	assert_false(rig->rig.level);
}

/* Shows: pci-access-invalid */
static void a_window_to_nowhere_reads_zero_and_writes_nothing(void **state)
{
	static const struct {
		uint8_t bar;
		uint32_t offset, length;
	} cases[] = {
		{ 1, COMMON_STATUS, 1 },
		{ 0xff, COMMON_STATUS, 1 },
		{ 0, COMMON_STATUS, 0 },
		{ 0, COMMON_STATUS, 3 },
		{ 0, COMMON_STATUS, 8 },
		{ 0, COMMON_STATUS, 256 },
		{ 0, 0x8000, 4 },
		{ 0, 0xfffffffc, 4 },
		{ 0, DEVICE_CONFIG + 2, 4 },
		{ 0, COMMON_STATUS - 1, 2 },
	};
	struct pci_rig *rig = *state;

	set_common(rig, COMMON_STATUS, 1, ACKNOWLEDGE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned data = aim(rig, cases[i].bar, cases[i].offset, cases[i].length);

		pci_set(rig->pci, data, 4, 0);
		assert_int_equal(pci_get(rig->pci, data, 4), 0);
	}
	assert_int_equal(common(rig, COMMON_STATUS, 1), ACKNOWLEDGE);
	pci_set(rig->pci, aim(rig, 0, TABLE, 8), 4, 0xfee00000);
	assert_int_equal(viommu_pci_bar_read(rig->pci, TABLE, 8), 0);
}

/* -- interrupts ------------------------------------------------------------------------------ */

static void make_device_need_reset(struct pci_rig *rig)
{
	wire_store((uint8_t *)guest_at(&rig->rig.guest,
				       ring_address(rig->rig.requests, RING_DRIVER_AREA)) +
			   2,
		   2, 0x8000);
	store(&rig->rig.window, QUEUE_NOTIFY, VIOMMU_REQUEST_QUEUE);
	assert_true(needs_reset(&rig->rig.window));
}

/* Shows: pci-isr-queue, pci-isr-read, pci-interrupt-status, pci-intx-disable */
static void inta_is_high_until_isr_status_is_read(void **state)
{
	struct pci_rig *rig = *state;

	driver_start(&rig->rig, &plain);
	assert_int_equal(pci_get(rig->pci, STATUS_REGISTER, 2) & 8, 0);
	attach_and_map(&rig->rig);
	assert_true(rig->rig.level);
	assert_int_equal(pci_get(rig->pci, STATUS_REGISTER, 2) & 8, 8);
	pci_set(rig->pci, COMMAND, 2, MEMORY | MASTER | INTX_DISABLE);
	assert_false(rig->rig.level);
	assert_int_equal(pci_get(rig->pci, STATUS_REGISTER, 2) & 8, 8);
	pci_set(rig->pci, COMMAND, 2, MEMORY | MASTER);
	assert_true(rig->rig.level);
	assert_int_equal(viommu_pci_bar_read(rig->pci, ISR, 1), 1);
	assert_false(rig->rig.level);
	assert_int_equal(viommu_pci_bar_read(rig->pci, ISR, 1), 0);
	assert_int_equal(pci_get(rig->pci, STATUS_REGISTER, 2) & 8, 0);
	assert_int_equal(rig->n_messages, 0);
}

/* Shows: pci-isr-config */
static void a_change_of_the_configuration_is_in_isr_status(void **state)
{
	struct pci_rig *rig = *state;

	driver_start(&rig->rig, &plain);
	make_device_need_reset(rig);
	assert_true(rig->rig.level);
	assert_int_equal(viommu_pci_bar_read(rig->pci, ISR, 1), 2);
	driver_start(&rig->rig, &plain);
	pci_enable_msix(rig->pci);
	set_common(rig, COMMON_CONFIG_VECTOR, 2, 1);
	make_device_need_reset(rig);
	assert_int_equal(rig->n_messages, 1);
	assert_int_equal(rig->messages[0].data, 1);
	assert_int_equal(viommu_pci_bar_read(rig->pci, ISR, 1), 2);
}

/* Shows: pci-table-size, pci-vector-count, pci-vector-map, pci-vector-read, pci-vector-unmap,
 * pci-vector-fail */
static void any_event_can_have_any_vector(void **state)
{
	struct pci_rig *rig = *state;
	uint32_t n = (pci_get(rig->pci, pci_capability(rig->pci, MSIX, 0) + 2, 2) & 0x7ff) + 1;

	assert_int_equal(n, 3);
	for (uint32_t queue = 0; queue < VIOMMU_N_QUEUES; queue++) {
		set_common(rig, COMMON_QUEUE_SELECT, 2, queue);
		for (uint32_t vector = 0; vector < 0x10000; vector++) {
			uint32_t expected = vector < n ? vector : NO_VECTOR;

			set_common(rig, COMMON_QUEUE_VECTOR, 2, vector);
			assert_int_equal(common(rig, COMMON_QUEUE_VECTOR, 2), expected);
			set_common(rig, COMMON_CONFIG_VECTOR, 2, vector);
			assert_int_equal(common(rig, COMMON_CONFIG_VECTOR, 2), expected);
		}
	}
}

static void start_with_messages(struct pci_rig *rig, uint32_t vector)
{
	driver_start(&rig->rig, &plain);
	pci_enable_msix(rig->pci);
	set_common(rig, COMMON_QUEUE_SELECT, 2, VIOMMU_REQUEST_QUEUE);
	set_common(rig, COMMON_QUEUE_VECTOR, 2, vector);
	rig->n_messages = 0;
}

static void do_request(struct pci_rig *rig)
{
	post_attach(&rig->rig);
	kick(&rig->rig);
	assert_int_equal(status(&rig->rig), VIOMMU_S_OK);
}

/* Shows: pci-vector-map, pci-isr-queue */
static void a_used_buffer_is_a_message_with_its_vector(void **state)
{
	struct pci_rig *rig = *state;

	for (uint32_t vector = 0; vector < 3; vector++) {
		start_with_messages(rig, vector);
		do_request(rig);
		assert_int_equal(rig->n_messages, 1);
		assert_int_equal(rig->messages[0].address, 0xfee00000 + 16 * vector);
		assert_int_equal(rig->messages[0].data, vector);
		assert_false(rig->rig.level);
		assert_int_equal(viommu_pci_bar_read(rig->pci, ISR, 1), 0);
	}
	assert_int_equal(rig->rig.rises, 0);
}

/* Shows: pci-no-vector */
static void an_event_without_a_vector_is_not_notified_of(void **state)
{
	struct pci_rig *rig = *state;

	start_with_messages(rig, NO_VECTOR);
	do_request(rig);
	make_device_need_reset(rig);
	assert_int_equal(rig->n_messages, 0);
	assert_false(rig->rig.level);
	assert_int_equal(rig->rig.rises, 0);
}

/* Each of the three ways of holding a message back. Shows: pci-pending */
static void a_message_that_is_held_back_is_pending_and_sent_later(void **state)
{
	struct pci_rig *rig = *state;
	unsigned control = pci_capability(rig->pci, MSIX, 0) + 2;

	start_with_messages(rig, 1);
	viommu_pci_bar_write(rig->pci, TABLE + 16 + 12, 4, 1);
	do_request(rig);
	do_request(rig);
	assert_int_equal(rig->n_messages, 0);
	assert_int_equal(viommu_pci_bar_read(rig->pci, PENDING, 8), 2);
	viommu_pci_bar_write(rig->pci, TABLE + 16 + 8, 4, 77);
	viommu_pci_bar_write(rig->pci, TABLE + 16 + 12, 4, 0);
	assert_int_equal(rig->n_messages, 1);
	assert_int_equal(rig->messages[0].data, 77);
	assert_int_equal(viommu_pci_bar_read(rig->pci, PENDING, 8), 0);
	pci_set(rig->pci, control, 2, MSIX_ENABLE | MSIX_MASK);
	do_request(rig);
	assert_int_equal(rig->n_messages, 1);
	assert_int_equal(viommu_pci_bar_read(rig->pci, PENDING, 4), 2);
	pci_set(rig->pci, control, 2, MSIX_ENABLE);
	assert_int_equal(rig->n_messages, 2);
	viommu_pci_bar_write(rig->pci, PENDING, 4, UINT32_MAX);
	assert_int_equal(viommu_pci_bar_read(rig->pci, PENDING, 4), 0);
}

/* "The device MUST NOT send notifications ... after indicating completion of the reset" Shows:
 * pci-vector-reset */
static void a_pending_message_ends_with_a_reset(void **state)
{
	struct pci_rig *rig = *state;

	start_with_messages(rig, 1);
	viommu_pci_bar_write(rig->pci, TABLE + 16 + 12, 4, 1);
	do_request(rig);
	assert_int_equal(viommu_pci_bar_read(rig->pci, PENDING, 4), 2);
	set_common(rig, COMMON_STATUS, 1, 0);
	viommu_pci_bar_write(rig->pci, TABLE + 16 + 12, 4, 0);
	assert_int_equal(rig->n_messages, 0);
}

/* Without MSI-X it is pending no more. */
static void a_pending_message_ends_with_msix(void **state)
{
	struct pci_rig *rig = *state;
	unsigned control = pci_capability(rig->pci, MSIX, 0) + 2;

	start_with_messages(rig, 1);
	pci_set(rig->pci, control, 2, MSIX_ENABLE | MSIX_MASK);
	do_request(rig);
	pci_set(rig->pci, control, 2, 0);
	pci_set(rig->pci, control, 2, MSIX_ENABLE);
	assert_int_equal(rig->n_messages, 0);
}

/* Shows: pci-bus-master */
static void only_a_bus_master_accesses_memory(void **state)
{
	struct pci_rig *rig = *state;
	uint64_t address;

	start_with_messages(rig, 1);
	post_attach(&rig->rig);
	post_map(&rig->rig, IOVA, PHYS, R | W);
	ring_offer(rig->rig.requests);
	add_event_buffer(&rig->rig, EVENTS_AT, VIOMMU_FAULT_LENGTH);
	pci_set(rig->pci, COMMAND, 2, MEMORY);
	store(&rig->rig.window, QUEUE_NOTIFY, VIOMMU_REQUEST_QUEUE);
	assert_int_equal(reach(&rig->rig, IOVA, &address), -EFAULT);
	assert_int_equal(rig->n_messages, 0);
	pci_set(rig->pci, COMMAND, 2, MEMORY | MASTER);
	assert_int_equal(status(&rig->rig), VIOMMU_S_OK);
	assert_int_equal(status(&rig->rig), VIOMMU_S_OK);
	assert_int_equal(reach(&rig->rig, IOVA, &address), 0);
	assert_int_equal(rig->n_messages, 1);
}

/* A ring that is no memory any more is an event that needs no queue. Shows: pci-bus-master */
static void only_a_bus_master_sends_messages(void **state)
{
	struct pci_rig *rig = *state;

	start_with_messages(rig, 1);
	set_common(rig, COMMON_CONFIG_VECTOR, 2, 0);
	pci_set(rig->pci, COMMAND, 2, MEMORY);
	rig->rig.guest.regions[1].read_only = true;
	viommu_pci_memory_changed(rig->pci);
	rig->rig.guest.regions[1].read_only = false;
	assert_true(needs_reset(&rig->rig.window));
	assert_int_equal(rig->n_messages, 0);
	assert_int_equal(viommu_pci_bar_read(rig->pci, PENDING, 4), 1);
	pci_set(rig->pci, COMMAND, 2, MEMORY | MASTER);
	assert_int_equal(rig->n_messages, 1);
	assert_int_equal(rig->messages[0].data, 0);
}

/* Shows: pci-flr */
static void a_function_level_reset_leaves_nothing(void **state)
{
	struct pci_rig *rig = *state;
	uint8_t initial[VIOMMU_PCI_CONFIG_LENGTH];
	struct viommu_pci *fresh = pci_new_like(rig);
	unsigned reset = pci_capability(rig->pci, ADVANCED, 0);
	uint64_t address;

	for (unsigned i = 0; i < sizeof(initial); i++)
		initial[i] = (uint8_t)pci_get(fresh, i, 1);
	viommu_pci_free(fresh);
	assert_int_equal(pci_get(rig->pci, reset + 3, 1), 3);
	start_with_messages(rig, 1);
	attach_and_map(&rig->rig);
	aim(rig, 0, COMMON_STATUS, 1);
	pci_set(rig->pci, reset + 4, 2, 1);
	assert_false(rig->mapped);
	for (unsigned i = 0; i < sizeof(initial); i++)
		assert_int_equal(pci_get(rig->pci, i, 1), initial[i]);
	assert_int_equal(common(rig, COMMON_STATUS, 1), 0);
	assert_int_equal(viommu_pci_bar_read(rig->pci, TABLE + 16, 8), 0);
	assert_int_equal(viommu_pci_bar_read(rig->pci, TABLE + 16 + 12, 4), 1);
	assert_int_equal(reach(&rig->rig, IOVA, &address), -EFAULT);
	pci_open(rig->pci);
	start_with_messages(rig, 2);
	attach_and_map(&rig->rig);
	assert_int_equal(rig->n_messages, 1);
}

/* The bit in a wider write, and 0. Shows: pci-flr */
static void only_its_bit_starts_a_function_level_reset(void **state)
{
	struct pci_rig *rig = *state;
	unsigned reset = pci_capability(rig->pci, ADVANCED, 0);

	set_common(rig, COMMON_STATUS, 1, ACKNOWLEDGE);
	pci_set(rig->pci, reset + 4, 1, 0xfe);
	pci_set(rig->pci, reset, 4, UINT32_MAX);
	assert_int_equal(common(rig, COMMON_STATUS, 1), ACKNOWLEDGE);
	pci_set(rig->pci, reset + 4, 4, 1);
	assert_int_equal(common(rig, COMMON_STATUS, 1), 0);
}

static void a_system_reset_goes_further(void **state)
{
	struct pci_rig *rig = *state;
	uint8_t bypass = 1;

	driver_start(&rig->rig, &plain);
	viommu_pci_bar_write(rig->pci, DEVICE_CONFIG + VIOMMU_CONFIG_BYPASS, 1, 1);
	pci_set(rig->pci, pci_capability(rig->pci, ADVANCED, 0) + 4, 1, 1);
	viommu_config_read(rig->rig.device, VIOMMU_CONFIG_BYPASS, &bypass, 1);
	assert_int_equal(bypass, 1);
	viommu_pci_system_reset(rig->pci);
	viommu_config_read(rig->rig.device, VIOMMU_CONFIG_BYPASS, &bypass, 1);
	assert_int_equal(bypass, 0);
	assert_false(rig->mapped);
}

/* -- the VMM --------------------------------------------------------------------------------- */

static void requests_run_over_every_kind_of_ring(void **state)
{
	struct pci_rig *rig = *state;
	uint64_t address;

	for (size_t v = 0; v < n_variants; v++) {
		driver_start(&rig->rig, &variants[v]);
		attach_and_map(&rig->rig);
		assert_int_equal(reach(&rig->rig, IOVA, &address), 0);
		assert_int_equal(address, PHYS);
		post_unmap(&rig->rig, IOVA);
		kick(&rig->rig);
		assert_int_equal(status(&rig->rig), VIOMMU_S_OK);
		assert_int_equal(reach(&rig->rig, IOVA, &address), -EFAULT);
	}
}

static void a_vmm_may_have_no_messages_or_no_pin(void **state)
{
	struct pci_rig *rig = *state;
	struct viommu_pci_ops ops = { .size = sizeof(ops), .memory = pci_rig_ops.memory };
	struct viommu_pci *pci;
	struct window window;

	assert_int_equal(viommu_pci_new(NULL, NULL, &ops, rig, &pci), 0);
	window = pci_window_of(pci);
	assert_int_equal(pci_capability(pci, MSIX, 0), 0);
	assert_int_not_equal(pci_capability(pci, ADVANCED, 0), 0);
	assert_int_equal(pci_get(pci, 0x3d, 1), 0);
	viommu_pci_bar_write(pci, COMMON_CONFIG_VECTOR, 2, 0);
	assert_int_equal(viommu_pci_bar_read(pci, COMMON_CONFIG_VECTOR, 2), NO_VECTOR);
	viommu_pci_bar_write(pci, TABLE + 8, 4, 5);
	assert_int_equal(viommu_pci_bar_read(pci, TABLE + 8, 4), 0);
	pci_open(pci);
	assert_true(negotiate(&window, F_VERSION_1));
	viommu_pci_free(pci);
}

static void what_cannot_be_is_refused(void **state)
{
	static const struct viommu_pci_ops no_memory = { .size = sizeof(no_memory) };
	static const struct viommu_pci_config bad[] = {
		{ .size = sizeof(bad[0]), .queue_size = 3 },
		{ .size = sizeof(bad[0]), .queue_size = 2048 },
		{ .queue_size = 16 },
	};
	static const struct viommu_config bad_device = { .size = sizeof(bad_device),
							 .probe_size = 7 };
	struct pci_rig *rig = *state;
	struct viommu_pci *pci;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(viommu_pci_new(NULL, &bad[i], &pci_rig_ops, rig, &pci), -EINVAL);
	assert_int_equal(viommu_pci_new(NULL, NULL, NULL, rig, &pci), -EINVAL);
	assert_int_equal(viommu_pci_new(NULL, NULL, &no_memory, rig, &pci), -EINVAL);
	assert_int_equal(viommu_pci_new(&bad_device, NULL, &pci_rig_ops, rig, &pci), -EINVAL);
	assert_null(viommu_pci_free(NULL));
}

static void suspend_is_offered_by_choice(void **state)
{
	static const struct viommu_pci_config config = { .size = sizeof(config), .suspend = true };
	static const struct variant variant = { "split, suspend", F_SUSPEND, 16 };

	assert_int_equal(pci_rig_setup_with(state, &config, &pci_rig_ops), 0);
	driver_start(*state, &variant);
	attach_and_map(*state);
	store(&((struct rig *)*state)->window, STATUS,
	      ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK | SUSPEND);
	assert_int_equal(load(&((struct rig *)*state)->window, STATUS),
			 ACKNOWLEDGE | DRIVER | FEATURES_OK | SUSPEND);
	pci_rig_teardown(state);
	assert_int_equal(pci_rig_setup(state), 0);
	assert_false(offered_features(&((struct rig *)*state)->window) & F_SUSPEND);
	pci_rig_teardown(state);
}

/* -- several processors ----------------------------------------------------------------------- */

enum { N_ACCESSES = 20000 };

struct processor {
	struct pci_rig *rig;
	uint32_t seed;
};

/* Any access but those that read and write guest memory as a ring: that is test_processors.c. */
static void *access_anything(void *opaque)
{
	struct processor *processor = opaque;
	struct viommu_pci *pci = processor->rig->pci;
	uint32_t *seed = &processor->seed;

	for (unsigned i = 0; i < N_ACCESSES; i++) {
		uint32_t config = below(seed, VIOMMU_PCI_CONFIG_LENGTH / 4) * 4;
		uint32_t bar = below(seed, 5) * 0x1000 + below(seed, 64);

		viommu_pci_config_write(pci, config, 4, below(seed, UINT32_MAX));
		viommu_pci_config_read(pci, config, 4);
		viommu_pci_bar_write(pci, bar, 1u << below(seed, 4), below(seed, UINT32_MAX));
		viommu_pci_bar_read(pci, bar, 1u << below(seed, 4));
	}
	return NULL;
}

static void *translate_on_and_on(void *opaque)
{
	struct processor *processor = opaque;
	uint64_t address;

	for (unsigned i = 0; i < N_ACCESSES; i++)
		reach(&processor->rig->rig, IOVA, &address);
	return NULL;
}

static void processors_that_agree_about_nothing_do_no_harm(void **state)
{
	struct pci_rig *rig = *state;
	struct processor processors[] = { { rig, 1 }, { rig, 2 }, { rig, 3 } };
	pthread_t threads[3];

	start_with_messages(rig, 1);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						i ? access_anything : translate_on_and_on,
						&processors[i]),
				 0);
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	viommu_pci_system_reset(rig->pci);
	assert_false(rig->rig.level);
	pci_open(rig->pci);
	start_with_messages(rig, 1);
	attach_and_map(&rig->rig);
	assert_int_equal(rig->n_messages, 1);
}

/* -- saved state ------------------------------------------------------------------------------ */

static void *save(struct pci_rig *rig, size_t *ret_length)
{
	void *bytes;

	assert_int_equal(viommu_pci_save(rig->pci, &bytes, ret_length), 0);
	return bytes;
}

static void migrate(struct pci_rig *rig)
{
	char reason[VIOMMU_REASON_LENGTH];
	size_t length, again_length;
	void *bytes = save(rig, &length), *again;

	pci_move(rig, pci_new_like(rig));
	if (viommu_pci_load(rig->pci, bytes, length, reason, sizeof(reason)))
		fail_msg("%s", reason);
	again = save(rig, &again_length);
	assert_int_equal(again_length, length);
	assert_memory_equal(again, bytes, length);
	free(again);
	free(bytes);
}

static void a_driver_goes_on_with_another_function(void **state)
{
	struct pci_rig *rig = *state;
	uint64_t address;

	for (size_t v = 0; v < n_variants; v++) {
		driver_start(&rig->rig, &variants[v]);
		attach_and_map(&rig->rig);
		migrate(rig);
		assert_true(rig->mapped);
		assert_int_equal(rig->mapped_at, BAR_AT);
		assert_true(rig->rig.level);
		assert_int_equal(reach(&rig->rig, IOVA, &address), 0);
		post_unmap(&rig->rig, IOVA);
		kick(&rig->rig);
		assert_int_equal(status(&rig->rig), VIOMMU_S_OK);
	}
}

/* The last round of a migration in rounds: the device has its domains from the round before. */
static void a_driver_goes_on_with_another_function_after_rounds(void **state)
{
	struct pci_rig *rig = *state;
	size_t first_length, length;
	uint64_t address;
	void *first, *bytes;

	driver_start(&rig->rig, &variants[0]);
	attach_and_map(&rig->rig);
	assert_int_equal(
		viommu_save_begin(viommu_pci_device(rig->pci), 4096, &first, &first_length), 0);
	post_map(&rig->rig, IOVA + PAGE, PHYS, R);
	kick(&rig->rig);
	assert_int_equal(status(&rig->rig), VIOMMU_S_OK);
	assert_int_equal(viommu_pci_save_changes(rig->pci, &bytes, &length), 0);
	pci_move(rig, pci_new_like(rig));
	assert_int_equal(viommu_load(viommu_pci_device(rig->pci), first, first_length, NULL, 0), 0);
	free(first);
	assert_int_equal(viommu_pci_load_changes(rig->pci, bytes, length, NULL, 0), 0);
	free(bytes);
	assert_true(rig->mapped);
	assert_int_equal(rig->mapped_at, BAR_AT);
	assert_int_equal(reach(&rig->rig, IOVA, &address), 0);
	assert_int_equal(reach(&rig->rig, IOVA + PAGE, &address), 0);
	post_unmap(&rig->rig, IOVA);
	kick(&rig->rig);
	assert_int_equal(status(&rig->rig), VIOMMU_S_OK);
}

static void vectors_and_pending_messages_go_along(void **state)
{
	struct pci_rig *rig = *state;

	start_with_messages(rig, 2);
	viommu_pci_bar_write(rig->pci, TABLE + 32 + 12, 4, 1);
	do_request(rig);
	migrate(rig);
	assert_false(rig->rig.level);
	assert_int_equal(rig->n_messages, 0);
	assert_int_equal(viommu_pci_bar_read(rig->pci, PENDING, 4), 4);
	viommu_pci_bar_write(rig->pci, TABLE + 32 + 12, 4, 0);
	assert_int_equal(rig->n_messages, 1);
	assert_int_equal(rig->messages[0].address, 0xfee00020);
	do_request(rig);
	assert_int_equal(rig->n_messages, 2);
}

static uint32_t crc32_of(const uint8_t *bytes, size_t length)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < length; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* After the head: registers of 40 bytes, two queues of 40, and then the function, each with a head
 * of 16. */
#define SUM_AT      16
#define FUNCTION_AT (24 + 3 * (16 + 40) + 16)
#define VECTORS_AT  (FUNCTION_AT + 256)
#define TABLE_STATE (VECTORS_AT + 6)

static void assert_refused(struct pci_rig *rig, const void *bytes, size_t length, int expected,
			   const char *why)
{
	char reason[VIOMMU_REASON_LENGTH] = "";
	int error = viommu_pci_load(rig->pci, bytes, length, reason, sizeof(reason));

	if (error != expected || !strstr(reason, why))
		fail_msg("%d, \"%s\", and not \"%s\"", error, reason, why);
	assert_int_equal(pci_get(rig->pci, COMMAND, 2), 0);
	assert_int_equal(common(rig, COMMON_STATUS, 1), 0);
	assert_false(rig->mapped);
	assert_false(rig->rig.level);
	assert_int_equal(viommu_pci_bar_read(rig->pci, TABLE + 12, 4), 1);
}

static void a_state_that_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *why;
		size_t at;
		uint8_t value;
		int error;
	} cases[] = {
		{ "another function: byte 0x02", FUNCTION_AT + 2, 0x42, -EBUSY },
		{ "another function: byte 0x04", FUNCTION_AT + 4, 0xff, -EBUSY },
		{ "another function: byte 0x10", FUNCTION_AT + 0x10, 0, -EBUSY },
		{ "another function: byte 0x34", FUNCTION_AT + 0x34, 0x50, -EBUSY },
		{ "event 0 has the vector 3, of 3", VECTORS_AT, 3, -EINVAL },
		{ "event 2 has the vector", VECTORS_AT + 4, 0xfe, -EINVAL },
		{ "vector 0 is in an impossible", TABLE_STATE, 1, -EINVAL },
		{ "vector 0 is in an impossible", TABLE_STATE + 12, 2, -EINVAL },
		{ "vector 0 is in an impossible", TABLE_STATE + 16, 2, -EINVAL },
		{ "vector 1 is in an impossible", TABLE_STATE + 20 + 16, 1, -EINVAL },
		{ "registers", 24 + 16 + 32, 4, -EINVAL },
	};
	struct pci_rig *rig = *state;
	uint8_t *bytes, *changed;
	size_t length;

	start_with_messages(rig, 2);
	set_common(rig, COMMON_CONFIG_VECTOR, 2, 0);
	attach_and_map(&rig->rig);
	bytes = save(rig, &length);
	changed = malloc(length);
	assert_non_null(changed);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(changed, bytes, length);
		changed[cases[i].at] = cases[i].value;
		wire_store(changed + SUM_AT, 4, 0);
		wire_store(changed + SUM_AT, 4, crc32_of(changed, length));
		assert_refused(rig, changed, length, cases[i].error, cases[i].why);
	}
	for (size_t cut = 0; cut < length; cut++)
		assert_refused(rig, bytes, cut, -EINVAL, "");
	free(changed);
	free(bytes);
}

/* As when the VMM has been asked by `paused` to come again. */
static void the_vmm_can_have_the_queue_served(void **state)
{
	struct pci_rig *rig = *state;

	driver_start(&rig->rig, &plain);
	post_attach(&rig->rig);
	ring_offer(rig->rig.requests);
	viommu_pci_serve(rig->pci);
	assert_int_equal(status(&rig->rig), VIOMMU_S_OK);
}

/* Also those of the device alone, and of a window. */
static void streams_are_distinguished(void **state)
{
	struct pci_rig *rig = *state;
	void *bytes;
	size_t length;

	assert_int_equal(viommu_save(rig->rig.device, &bytes, &length), 0);
	assert_refused(rig, bytes, length, -EINVAL, "not a saved state");
	free(bytes);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, pci_rig_setup, pci_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_function_identifies_itself),
		TEST(every_structure_has_a_capability),
		TEST(each_queue_has_its_place_in_the_notification_structure),
		TEST(features_are_shown_in_words),
		TEST(the_generation_has_changed_after_any_number_of_writes),
		TEST(a_64_bit_field_is_read_in_halves_or_whole),
		TEST(writing_zero_to_the_status_resets),
		TEST(one_queue_can_be_reset),
		TEST(the_vmm_can_have_the_queue_served),
		TEST(the_size_of_a_queue_is_one_that_it_can_have),
		TEST(other_accesses_read_zero_and_write_nothing),
		TEST(the_rest_of_configuration_space_is_read_only),
		TEST(the_bar_is_where_the_driver_puts_it),
		TEST(the_bar_has_room_for_a_long_configuration),
		TEST(configuration_space_has_a_window_to_the_bar),
		TEST(the_window_serves_requests_and_acknowledges),
		TEST(a_window_to_nowhere_reads_zero_and_writes_nothing),
		TEST(inta_is_high_until_isr_status_is_read),
		TEST(a_change_of_the_configuration_is_in_isr_status),
		TEST(any_event_can_have_any_vector),
		TEST(a_used_buffer_is_a_message_with_its_vector),
		TEST(an_event_without_a_vector_is_not_notified_of),
		TEST(a_message_that_is_held_back_is_pending_and_sent_later),
		TEST(a_pending_message_ends_with_a_reset),
		TEST(a_pending_message_ends_with_msix),
		TEST(only_a_bus_master_accesses_memory),
		TEST(only_a_bus_master_sends_messages),
		TEST(a_function_level_reset_leaves_nothing),
		TEST(only_its_bit_starts_a_function_level_reset),
		TEST(a_system_reset_goes_further),
		TEST(requests_run_over_every_kind_of_ring),
		TEST(a_vmm_may_have_no_messages_or_no_pin),
		TEST(what_cannot_be_is_refused),
		cmocka_unit_test(suspend_is_offered_by_choice),
		TEST(processors_that_agree_about_nothing_do_no_harm),
		TEST(a_driver_goes_on_with_another_function),
		TEST(a_driver_goes_on_with_another_function_after_rounds),
		TEST(vectors_and_pending_messages_go_along),
		TEST(a_state_that_cannot_be_is_refused),
		TEST(streams_are_distinguished),
	};

	return cmocka_run_group_tests_name("transport: pci", tests, NULL, NULL);
}
