/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <unistd.h>

#include <viommu/mmio.h>

#include "../device/callbacks.h"
#include "pci.h"

/* -- calls ------------------------------------------------------------------------------- */

static struct viommu_pci *function;
static struct viommu_mmio *window;
static char reason[VIOMMU_REASON_LENGTH];

#define CALL(name, expression) \
	static void name(void) \
	{ \
		void *bytes_ = NULL; \
		size_t length_; \
\
		(void)(expression); \
		(void)length_; \
		free(bytes_); \
	}

CALL(function_config_read, viommu_pci_config_read(function, 0, 4))
CALL(function_config_write, (viommu_pci_config_write(function, 0, 4, 0), 0))
CALL(function_bar_address, viommu_pci_bar_address(function, &(uint64_t){ 0 }))
CALL(function_bar_read, viommu_pci_bar_read(function, 0, 4))
CALL(function_bar_write, (viommu_pci_bar_write(function, 0, 4, 0), 0))
CALL(function_serve, (viommu_pci_serve(function), 0))
CALL(function_poll, viommu_pci_poll(function, 0))
CALL(function_memory_changed, (viommu_pci_memory_changed(function), 0))
CALL(function_system_reset, (viommu_pci_system_reset(function), 0))
CALL(function_save, viommu_pci_save(function, &bytes_, &length_))
CALL(function_load, viommu_pci_load(function, "", 0, reason, sizeof(reason)))
CALL(function_load_changes, viommu_pci_load_changes(function, "", 0, reason, sizeof(reason)))

const struct call function_calls[N_FUNCTION_CALLS] = {
	{ "viommu_pci_config_read", function_config_read, .is_harmless = false },
	{ "viommu_pci_config_write", function_config_write, .is_harmless = false },
	{ "viommu_pci_bar_address", function_bar_address, .is_harmless = false },
	{ "viommu_pci_bar_read", function_bar_read, .is_harmless = false },
	{ "viommu_pci_bar_write", function_bar_write, .is_harmless = false },
	{ "viommu_pci_serve", function_serve, .is_harmless = false },
	{ "viommu_pci_poll", function_poll, .is_harmless = false },
	{ "viommu_pci_memory_changed", function_memory_changed, .is_harmless = false },
	{ "viommu_pci_system_reset", function_system_reset, .is_harmless = false },
	{ "viommu_pci_save", function_save, .is_harmless = false },
	{ "viommu_pci_load", function_load, .is_harmless = false },
	{ "viommu_pci_load_changes", function_load_changes, .is_harmless = false },
};

CALL(window_read, viommu_mmio_read(window, 0, 4))
CALL(window_write, (viommu_mmio_write(window, 0, 4, 0), 0))
CALL(window_serve, (viommu_mmio_serve(window), 0))
CALL(window_poll, viommu_mmio_poll(window, 0))
CALL(window_memory_changed, (viommu_mmio_memory_changed(window), 0))
CALL(window_system_reset, (viommu_mmio_system_reset(window), 0))
CALL(window_save, viommu_mmio_save(window, &bytes_, &length_))
CALL(window_save_changes, viommu_mmio_save_changes(window, &bytes_, &length_))
CALL(window_load, viommu_mmio_load(window, "", 0, reason, sizeof(reason)))
CALL(window_load_changes, viommu_mmio_load_changes(window, "", 0, reason, sizeof(reason)))

const struct call window_calls[N_WINDOW_CALLS] = {
	{ "viommu_mmio_read", window_read, .is_harmless = false },
	{ "viommu_mmio_write", window_write, .is_harmless = false },
	{ "viommu_mmio_serve", window_serve, .is_harmless = false },
	{ "viommu_mmio_poll", window_poll, .is_harmless = false },
	{ "viommu_mmio_memory_changed", window_memory_changed, .is_harmless = false },
	{ "viommu_mmio_system_reset", window_system_reset, .is_harmless = false },
	{ "viommu_mmio_save", window_save, .is_harmless = false },
	{ "viommu_mmio_save_changes", window_save_changes, .is_harmless = false },
	{ "viommu_mmio_load", window_load, .is_harmless = false },
	{ "viommu_mmio_load_changes", window_load_changes, .is_harmless = false },
};

/* -- callbacks ----------------------------------------------------------------------------- */

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

/* -- scenes -------------------------------------------------------------------------------- */

static void note_trace(void *opaque, const struct viommu_trace *trace)
{
	(void)opaque, (void)trace;
	enter("trace");
}

static void *find_no_memory(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	(void)opaque, (void)address, (void)length, (void)write;
	return NULL;
}

void window_scene(void)
{
	static const struct viommu_mmio_ops ops = { .size = sizeof(ops),
						    .memory = find_no_memory,
						    .trace = note_trace };

	device = NULL;
	if (viommu_mmio_new(NULL, NULL, &ops, NULL, &window))
		_exit(5);
	device = viommu_mmio_device(window);
	SEND(false, VIOMMU_T_DETACH, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

/* Saved state may have been saved in a pause. */
static void load_own_state(struct viommu_pci *pci)
{
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
	function = rig->pci;
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
