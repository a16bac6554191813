/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <viommu/pci.h>

/*
 * A virtio-iommu as the PCI function 00:01.0 of a VMM: what the VMM's handlers of configuration
 * space (ECAM) and of memory forward, and what a guest's first accesses see.
 */

#define RAM_LENGTH (1u << 20)
#define ECAM       0xe0000000ull
#define SLOT       1 /* device 1, function 0 of bus 0 */

struct vmm {
	uint8_t *ram;
	struct viommu_pci *iommu;
	uint64_t bar;      /* where the guest has mapped it; 0: nowhere */
	uint64_t pause_ns; /* when to serve requests that were left; 0: none were */
};

/* -- callbacks of the function ------------------------------------------------------------- */

static void *find_ram(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	struct vmm *vmm = opaque;

	(void)write;
	if (address >= RAM_LENGTH)
		return NULL;
	if (*length > RAM_LENGTH - address)
		*length = RAM_LENGTH - address;
	return vmm->ram + address;
}

/* A VMM on KVM uses KVM_SIGNAL_MSI here. */
static void send_msi(void *opaque, uint64_t address, uint32_t data)
{
	(void)opaque;
	printf("MSI 0x%x to 0x%llx\n", data, (unsigned long long)address);
}

static void move_bar(void *opaque, bool mapped, uint64_t address)
{
	struct vmm *vmm = opaque;

	vmm->bar = mapped ? address : 0;
}

/* No store of the guest takes longer than a batch. */
static void set_timer(void *opaque, uint64_t ns)
{
	struct vmm *vmm = opaque;

	vmm->pause_ns = ns;
}

/* The event loop calls this after pause_ns. */
static void run_timer(struct vmm *vmm)
{
	if (!vmm->pause_ns)
		return;
	vmm->pause_ns = 0;
	viommu_pci_serve(vmm->iommu);
}

/* -- the guest's accesses ------------------------------------------------------------------ */

static bool is_in_bar(const struct vmm *vmm, uint64_t address)
{
	return vmm->bar && address >= vmm->bar &&
	       address - vmm->bar < viommu_pci_bar_length(vmm->iommu);
}

static uint64_t load(struct vmm *vmm, uint64_t address, unsigned length)
{
	uint64_t offset = address - ECAM;

	if (address >= ECAM && offset >> 12 == SLOT << 3)
		return viommu_pci_config_read(vmm->iommu, offset & 0xfff, length);
	if (is_in_bar(vmm, address))
		return viommu_pci_bar_read(vmm->iommu, address - vmm->bar, length);
	return UINT64_MAX;
}

static void store(struct vmm *vmm, uint64_t address, unsigned length, uint64_t value)
{
	uint64_t offset = address - ECAM;

	if (address >= ECAM && offset >> 12 == SLOT << 3)
		viommu_pci_config_write(vmm->iommu, offset & 0xfff, length, (uint32_t)value);
	else if (is_in_bar(vmm, address))
		viommu_pci_bar_write(vmm->iommu, address - vmm->bar, length, value);
}

int main(void)
{
	enum { ID = 0, COMMAND = 4, BAR = 0x10, MEMORY_AND_MASTER = 6, NUM_QUEUES = 18 };
	const uint64_t slot = ECAM + (SLOT << 15);
	const struct viommu_pci_ops ops = {
		.size = sizeof(ops),
		.memory = find_ram,
		.message = send_msi,
		.mapped = move_bar,
		.paused = set_timer,
	};
	const struct viommu_endpoint disk = { .size = sizeof(disk), .id = 0x10 };
	struct vmm vmm = { .ram = calloc(1, RAM_LENGTH) };

	if (!vmm.ram || viommu_pci_new(NULL, NULL, &ops, &vmm, &vmm.iommu) ||
	    viommu_endpoint_add(viommu_pci_device(vmm.iommu), &disk))
		return 1;
	printf("00:01.0 is %04x:%04x\n", (unsigned)load(&vmm, slot + ID, 2),
	       (unsigned)load(&vmm, slot + ID + 2, 2));
	store(&vmm, slot + BAR, 4, 0xc0000000);
	store(&vmm, slot + COMMAND, 2, MEMORY_AND_MASTER);
	printf("BAR 0 is at 0x%llx, and has %u queues\n", (unsigned long long)vmm.bar,
	       (unsigned)load(&vmm, 0xc0000000 + NUM_QUEUES, 2));
	run_timer(&vmm);
	viommu_pci_free(vmm.iommu);
	free(vmm.ram);
	return 0;
}
