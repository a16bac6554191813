/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <unistd.h>

#include "../device/callbacks.h"
#include "pci.h"

static void *find_memory(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	enter("memory");
	return pci_rig_ops.memory(opaque, address, length, write);
}

static void set_level(void *opaque, bool level)
{
	(void)opaque, (void)level;
	enter("interrupt");
}

static void take_message(void *opaque, uint64_t address, uint32_t data)
{
	(void)opaque, (void)address, (void)data;
	enter("message");
}

static void take_mapping(void *opaque, bool mapped, uint64_t address)
{
	(void)opaque, (void)mapped, (void)address;
	enter("mapped");
}

static void note_write(void *opaque, uint64_t address, uint64_t length)
{
	(void)opaque, (void)address, (void)length;
	enter("written");
}

static void note_pause(void *opaque, uint64_t ns)
{
	(void)opaque, (void)ns;
	enter("paused");
}

/* Saved state may have been saved in a pause. */
static void load_own_state(struct viommu_pci *pci)
{
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes;

	if (!viommu_pci_save(pci, &bytes, &length))
		viommu_pci_load(pci, bytes, length, reason, sizeof(reason));
	free(bytes);
}

/* One request with the line as interrupt, and one with messages. */
void transport_scene(void)
{
	static const struct viommu_pci_ops ops = { .size = sizeof(ops),
						   .memory = find_memory,
						   .interrupt = set_level,
						   .message = take_message,
						   .mapped = take_mapping,
						   .written = note_write,
						   .paused = note_pause };
	void *state;
	struct pci_rig *rig;

	device = NULL;
	if (pci_rig_setup_with(&state, NULL, &ops))
		_exit(5);
	rig = state;
	device = rig->rig.device;
	pci_set(rig->pci, 4, 2, 0);
	pci_open(rig->pci);
	driver_start(&rig->rig, &variants[0]);
	attach_and_map(&rig->rig);
	driver_start(&rig->rig, &variants[0]);
	pci_enable_msix(rig->pci);
	viommu_pci_bar_write(rig->pci, COMMON_QUEUE_SELECT, 2, VIOMMU_REQUEST_QUEUE);
	viommu_pci_bar_write(rig->pci, COMMON_QUEUE_VECTOR, 2, 1);
	attach_and_map(&rig->rig);
	load_own_state(rig->pci);
}
