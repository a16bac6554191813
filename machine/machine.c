/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine.h"

/* The reference machine: the least that embeds libviommu completely. */

#define MEMORY_DEFAULT (16ull << 20)
#define NS_PER_S       1000000000

struct machine {
	struct viommu_mmio *window;
	struct viommu_pci *function;
	uint8_t *memory;
	uint64_t memory_length;
	atomic_uint_fast64_t msis;
	atomic_uint_fast64_t pause_ns; /* 0: no requests were left */
};

struct dma_device {
	struct machine *machine;
	struct viommu_dma *pass;
	uint32_t endpoint;
};

/* -- memory and interrupts ------------------------------------------------------ */

static void *find_memory(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	struct machine *machine = opaque;

	(void)write;
	if (address >= machine->memory_length)
		return NULL;
	if (*length > machine->memory_length - address)
		*length = machine->memory_length - address;
	return machine->memory + address;
}

void *machine_memory(struct machine *machine, uint64_t address, uint64_t length)
{
	uint64_t found = length;
	void *at = find_memory(machine, address, &found, true);

	return found == length ? at : NULL;
}

/* The guest polls its rings, and counts MSIs only. */
static void set_interrupt(void *opaque, bool level)
{
	(void)opaque;
	(void)level;
}

/* A message is a write to the bus, and only the MSI window counts it. */
static void take_message(void *opaque, uint64_t address, uint32_t data)
{
	struct machine *machine = opaque;

	(void)data;
	if (address >= MACHINE_MSI_FIRST && address <= MACHINE_MSI_LAST)
		atomic_fetch_add(&machine->msis, 1);
}

uint64_t machine_msis(const struct machine *machine)
{
	return atomic_load(&machine->msis);
}

/* -- requests that were left ---------------------------------------------------- */

static void set_pause(void *opaque, uint64_t ns)
{
	struct machine *machine = opaque;

	atomic_store(&machine->pause_ns, ns);
}

/* A VMM has a timer for this. Here the guest waits. */
void machine_serve(struct machine *machine)
{
	uint64_t ns;

	while ((ns = atomic_exchange(&machine->pause_ns, 0))) {
		const struct timespec pause = { (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };

		nanosleep(&pause, NULL);
		if (machine->function)
			viommu_pci_serve(machine->function);
		else
			viommu_mmio_serve(machine->window);
	}
}

/* -- the machine ------------------------------------------------------------------ */

static int new_window(struct machine *machine, const struct viommu_config *iommu,
		      const struct viommu_mmio_config *given)
{
	static const struct viommu_mmio_ops ops = {
		.size = sizeof(ops),
		.memory = find_memory,
		.interrupt = set_interrupt,
		.paused = set_pause,
	};
	struct viommu_mmio_config config = *given;

	config.size = sizeof(config);
	return viommu_mmio_new(iommu, &config, &ops, machine, &machine->window);
}

static int new_function(struct machine *machine, const struct viommu_config *iommu)
{
	static const struct viommu_pci_ops ops = {
		.size = sizeof(ops),
		.memory = find_memory,
		.interrupt = set_interrupt,
		.message = take_message,
		.paused = set_pause,
	};

	return viommu_pci_new(iommu, NULL, &ops, machine, &machine->function);
}

struct machine *machine_new(const struct machine_config *config)
{
	struct viommu_config iommu = config->iommu;
	struct machine *machine = calloc(1, sizeof(*machine));
	int error = -ENOMEM;

	if (!machine)
		return NULL;
	iommu.size = sizeof(iommu);
	machine->memory_length = config->memory ? config->memory : MEMORY_DEFAULT;
	if (machine->memory_length <= SIZE_MAX)
		machine->memory = calloc(1, (size_t)machine->memory_length);
	if (machine->memory)
		error = config->pci ? new_function(machine, &iommu)
				    : new_window(machine, &iommu, &config->window);
	return error ? machine_free(machine) : machine;
}

struct machine *machine_free(struct machine *machine)
{
	if (!machine)
		return NULL;
	viommu_mmio_free(machine->window);
	viommu_pci_free(machine->function);
	free(machine->memory);
	free(machine);
	return NULL;
}

struct viommu *machine_iommu(struct machine *machine)
{
	return machine->function ? viommu_pci_device(machine->function)
				 : viommu_mmio_device(machine->window);
}

struct viommu_mmio *machine_window(struct machine *machine)
{
	return machine->window;
}

struct viommu_pci *machine_function(struct machine *machine)
{
	return machine->function;
}

void machine_reset(struct machine *machine)
{
	if (machine->function)
		viommu_pci_system_reset(machine->function);
	else
		viommu_mmio_system_reset(machine->window);
}

int machine_save(struct machine *machine, void **ret_bytes, size_t *ret_length)
{
	return machine->function ? viommu_pci_save(machine->function, ret_bytes, ret_length)
				 : viommu_mmio_save(machine->window, ret_bytes, ret_length);
}

int machine_load(struct machine *machine, const void *bytes, size_t length, char *reason,
		 size_t room)
{
	int error = machine->function
			    ? viommu_pci_load(machine->function, bytes, length, reason, room)
			    : viommu_mmio_load(machine->window, bytes, length, reason, room);

	machine_serve(machine);
	return error;
}

/* -- devices ------------------------------------------------------------------------- */

struct dma_device *dma_plug(struct machine *machine, const struct viommu_endpoint *endpoint)
{
	struct dma_device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->machine = machine;
	device->endpoint = endpoint->id;
	if (viommu_dma_new(machine_iommu(machine), &device->pass) < 0)
		goto free_device;
	if (viommu_endpoint_add(machine_iommu(machine), endpoint) < 0)
		goto free_pass;
	return device;

free_pass:
	viommu_dma_free(device->pass);
free_device:
	free(device);
	return NULL;
}

struct dma_device *dma_unplug(struct dma_device *device)
{
	if (!device)
		return NULL;
	viommu_endpoint_remove(machine_iommu(device->machine), device->endpoint);
	viommu_dma_free(device->pass);
	free(device);
	return NULL;
}

struct transfer {
	void *to_device;         /* or NULL */
	const void *from_device; /* or NULL */
	uint64_t length;
};

/* The guest's bus: memory, or the MSI window, where writes are interrupts. */
static int access_bus(struct machine *machine, uint64_t address, const struct transfer *transfer)
{
	void *memory = machine_memory(machine, address, transfer->length);

	if (memory && transfer->to_device)
		memcpy(transfer->to_device, memory, (size_t)transfer->length);
	else if (memory && transfer->from_device)
		memcpy(memory, transfer->from_device, (size_t)transfer->length);
	else if (address >= MACHINE_MSI_FIRST && address <= MACHINE_MSI_LAST &&
		 transfer->from_device)
		atomic_fetch_add(&machine->msis, 1);
	else
		return -EFAULT;
	return 0;
}

/* All pieces of the access are in one DMA section. */
static int access_memory(struct dma_device *device, uint64_t iova, struct transfer all)
{
	uint32_t access = all.to_device ? VIOMMU_MAP_F_READ : VIOMMU_MAP_F_WRITE;
	struct viommu_translation found;
	int error = 0;

	viommu_dma_begin(device->pass);
	for (uint64_t done = 0; done < all.length && !error; done += found.length) {
		struct transfer piece = { NULL, NULL, 0 };

		error = viommu_dma_translate(device->pass, device->endpoint, iova + done,
					     all.length - done, access, &found);
		if (error)
			break;
		if (all.to_device)
			piece.to_device = (uint8_t *)all.to_device + done;
		else
			piece.from_device = (const uint8_t *)all.from_device + done;
		piece.length = found.length;
		error = access_bus(device->machine, found.address, &piece);
	}
	viommu_dma_end(device->pass);
	return error;
}

int dma_read(struct dma_device *device, uint64_t iova, void *bytes, uint64_t length)
{
	return access_memory(device, iova,
			     (struct transfer){ .to_device = bytes, .length = length });
}

int dma_write(struct dma_device *device, uint64_t iova, const void *bytes, uint64_t length)
{
	return access_memory(device, iova,
			     (struct transfer){ .from_device = bytes, .length = length });
}
