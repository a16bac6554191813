/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "pci.h"

enum { COMMAND = 4, BAR = 0x10, CAPABILITIES = 0x34 };

static void set_level(void *opaque, bool level)
{
	struct rig *rig = opaque;

	rig->rises += level;
	rig->level = level;
}

static void take_message(void *opaque, uint64_t address, uint32_t data)
{
	struct pci_rig *rig = opaque;

	if (rig->n_messages < N_MESSAGES) {
		rig->messages[rig->n_messages].address = address;
		rig->messages[rig->n_messages].data = data;
	}
	rig->n_messages++;
}

static void take_mapping(void *opaque, bool mapped, uint64_t address)
{
	struct pci_rig *rig = opaque;

	rig->n_mapped++;
	rig->mapped = mapped;
	rig->mapped_at = address;
}

static void *find_memory(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	return rig_ops.memory(opaque, address, length, write);
}

const struct viommu_pci_ops pci_rig_ops = {
	.size = sizeof(pci_rig_ops),
	.memory = find_memory,
	.interrupt = set_level,
	.message = take_message,
	.mapped = take_mapping,
};

/* -- the function as a window ---------------------------------------------------------------- */

/* Registers of the window that are fields of common configuration. */
static const struct {
	uint16_t at, length;
} fields[CONFIG] = {
	[DEVICE_FEATURES] = { COMMON_DEVICE_FEATURE, 4 },
	[DEVICE_FEATURES_SEL] = { COMMON_DEVICE_FEATURE_SELECT, 4 },
	[DRIVER_FEATURES] = { COMMON_DRIVER_FEATURE, 4 },
	[DRIVER_FEATURES_SEL] = { COMMON_DRIVER_FEATURE_SELECT, 4 },
	[QUEUE_SEL] = { COMMON_QUEUE_SELECT, 2 },
	[QUEUE_SIZE_MAX] = { COMMON_QUEUE_SIZE, 2 },
	[QUEUE_SIZE] = { COMMON_QUEUE_SIZE, 2 },
	[QUEUE_READY] = { COMMON_QUEUE_ENABLE, 2 },
	[STATUS] = { COMMON_STATUS, 1 },
	[QUEUE_DESC] = { COMMON_QUEUE_DESC, 4 },
	[QUEUE_DESC + 4] = { COMMON_QUEUE_DESC + 4, 4 },
	[QUEUE_DRIVER] = { COMMON_QUEUE_DESC + 8, 4 },
	[QUEUE_DRIVER + 4] = { COMMON_QUEUE_DESC + 12, 4 },
	[QUEUE_DEVICE] = { COMMON_QUEUE_DESC + 16, 4 },
	[QUEUE_DEVICE + 4] = { COMMON_QUEUE_DESC + 20, 4 },
	[QUEUE_RESET] = { COMMON_QUEUE_RESET, 2 },
	[CONFIG_GENERATION] = { COMMON_GENERATION, 1 },
};

static uint64_t window_load(void *device, uint64_t offset, unsigned length)
{
	if (offset >= CONFIG)
		return viommu_pci_bar_read(device, DEVICE_CONFIG + offset - CONFIG, length);
	if (offset == INTERRUPT_STATUS)
		return viommu_pci_bar_read(device, ISR, 1);
	assert_true(fields[offset].length);
	return viommu_pci_bar_read(device, fields[offset].at, fields[offset].length);
}

static void window_store(void *device, uint64_t offset, unsigned length, uint64_t value)
{
	if (offset >= CONFIG) {
		viommu_pci_bar_write(device, DEVICE_CONFIG + offset - CONFIG, length, value);
	} else if (offset == QUEUE_NOTIFY) {
		viommu_pci_bar_write(
			device, VIOMMU_PCI_NOTIFY + value * VIOMMU_PCI_NOTIFY_MULTIPLIER, 2, value);
	} else if (offset == INTERRUPT_ACK) {
		viommu_pci_bar_read(device, ISR, 1);
	} else {
		assert_true(fields[offset].length);
		viommu_pci_bar_write(device, fields[offset].at, fields[offset].length, value);
	}
}

struct window pci_window_of(struct viommu_pci *pci)
{
	return (struct window){ pci, window_load, window_store };
}

/* -- configuration space --------------------------------------------------------------------- */

uint32_t pci_get(struct viommu_pci *pci, unsigned offset, unsigned length)
{
	return viommu_pci_config_read(pci, offset, length);
}

void pci_set(struct viommu_pci *pci, unsigned offset, unsigned length, uint32_t value)
{
	viommu_pci_config_write(pci, offset, length, value);
}

unsigned pci_capability(struct viommu_pci *pci, uint8_t id, unsigned n)
{
	unsigned at = pci_get(pci, CAPABILITIES, 1);

	for (unsigned i = 0; at && i < 48; i++, at = pci_get(pci, at + 1, 1))
		if (pci_get(pci, at, 1) == id && !n--)
			return at;
	return 0;
}

unsigned pci_structure(struct viommu_pci *pci, uint8_t type)
{
	unsigned at;

	for (unsigned n = 0; (at = pci_capability(pci, 9, n)); n++)
		if (pci_get(pci, at + 3, 1) == type)
			return at;
	return 0;
}

void pci_open(struct viommu_pci *pci)
{
	pci_set(pci, BAR, 4, (uint32_t)BAR_AT);
	pci_set(pci, BAR + 4, 4, BAR_AT >> 32);
	pci_set(pci, COMMAND, 2, 6);
}

void pci_enable_msix(struct viommu_pci *pci)
{
	for (uint32_t i = 0; i < 3; i++) {
		viommu_pci_bar_write(pci, TABLE + 16 * i, 8, 0xfee00000 + 16 * i);
		viommu_pci_bar_write(pci, TABLE + 16 * i + 8, 4, i);
		viommu_pci_bar_write(pci, TABLE + 16 * i + 12, 4, 0);
	}
	pci_set(pci, pci_capability(pci, 0x11, 0) + 2, 2, MSIX_ENABLE);
}

/* -- rigs ------------------------------------------------------------------------------------ */

static int adopt(struct pci_rig *rig, struct viommu_pci *pci)
{
	static const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = ENDPOINT };

	rig->pci = pci;
	rig->rig.device = viommu_pci_device(pci);
	rig->rig.window = pci_window_of(pci);
	return viommu_endpoint_add(rig->rig.device, &endpoint);
}

int pci_rig_setup_with(void **state, const struct viommu_pci_config *config,
		       const struct viommu_pci_ops *ops)
{
	struct pci_rig *rig = calloc(1, sizeof(*rig));
	struct viommu_pci *pci;

	if (!rig)
		return -1;
	*state = rig;
	guest_init(&rig->rig.guest);
	if (viommu_pci_new(NULL, config, ops, rig, &pci) || adopt(rig, pci))
		return -1;
	pci_open(pci);
	return 0;
}

int pci_rig_setup(void **state)
{
	return pci_rig_setup_with(state, NULL, &pci_rig_ops);
}

int pci_rig_teardown(void **state)
{
	struct pci_rig *rig = *state;

	driver_stop(&rig->rig);
	assert_null(viommu_pci_free(rig->pci));
	guest_fini(&rig->rig.guest);
	free(rig);
	return 0;
}

struct viommu_pci *pci_new_like(struct pci_rig *rig)
{
	struct viommu_pci *pci;

	rig->rig.level = false;
	rig->mapped = false;
	assert_int_equal(viommu_pci_new(NULL, NULL, &pci_rig_ops, rig, &pci), 0);
	return pci;
}

void pci_move(struct pci_rig *rig, struct viommu_pci *pci)
{
	viommu_pci_free(rig->pci);
	assert_int_equal(adopt(rig, pci), 0);
}
