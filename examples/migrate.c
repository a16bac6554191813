/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "guest.h"

/*
 * Live migration with an assigned device, whose writes the VMM does not see
 *
 *     guest:  MAP, UNMAP ---> device ---> listener: the page table of the device
 *     device: writes what is mapped, at any time
 *     VMM:    copies what was dirty, in rounds; stops guest and device; copies the rest
 *
 * What processors write comes from KVM_GET_DIRTY_LOG, with a bit for each page, as here: a VMM
 * joins the two by OR.
 */
enum {
	PAGE = 4096,
	SHIFT = 12,
	N_PAGES = 64,
	WORDS = PAGE / 8,
	DEVICE = 8,
	DOMAIN = 1,
	ROUNDS = 200
};

typedef _Atomic uint64_t page[WORDS];

struct vmm {
	struct viommu *iommu;
	page *ram, *copy;
	pthread_mutex_t table_lock; /* hardware has none: UNMAP waits for accesses in flight */
	bool table[N_PAGES];        /* pages that the device reaches */
	atomic_bool stop;
};

/* -- the listener: VFIO would pass the calls to the kernel ------------------------------------ */

static void set_pages(struct vmm *vmm, const struct viommu_mapping *mapping, bool on)
{
	pthread_mutex_lock(&vmm->table_lock);
	for (uint64_t at = mapping->first; at <= mapping->last; at += PAGE)
		vmm->table[(mapping->phys + at - mapping->first) >> SHIFT] = on;
	pthread_mutex_unlock(&vmm->table_lock);
}

static int map(void *opaque, const struct viommu_mapping *mapping)
{
	set_pages(opaque, mapping, true);
	return 0;
}

static void unmap(void *opaque, const struct viommu_mapping *mapping)
{
	set_pages(opaque, mapping, false);
}

/* -- the assigned device ---------------------------------------------------------------------- */

static void *run_device(void *opaque)
{
	struct vmm *vmm = opaque;
	uint32_t random = 1;

	while (!atomic_load(&vmm->stop)) {
		random = random * 1664525u + 1013904223u;
		pthread_mutex_lock(&vmm->table_lock);
		if (vmm->table[random >> 26])
			atomic_store_explicit(&vmm->ram[random >> 26][random >> 17 & (WORDS - 1)],
					      random, memory_order_relaxed);
		pthread_mutex_unlock(&vmm->table_lock);
	}
	return NULL;
}

/* -- the guest: the device has ten pages at a time, each at its own address ---------------------
 */

static void run_guest(struct vmm *vmm, unsigned round)
{
	uint64_t first = (uint64_t)(round % N_PAGES) * PAGE;
	uint64_t old = (uint64_t)((round + N_PAGES - 10) % N_PAGES) * PAGE;

	expect(guest_map(vmm->iommu, DOMAIN, first, first + PAGE - 1, first) == VIOMMU_S_OK);
	usleep(100);
	expect(guest_unmap(vmm->iommu, DOMAIN, old, old + PAGE - 1) == VIOMMU_S_OK);
}

/* -- migration ----------------------------------------------------------------------------------
 */

static void copy_page(struct vmm *vmm, unsigned i)
{
	for (unsigned k = 0; k < WORDS; k++)
		atomic_store_explicit(&vmm->copy[i][k],
				      atomic_load_explicit(&vmm->ram[i][k], memory_order_relaxed),
				      memory_order_relaxed);
}

static bool is_same(struct vmm *vmm)
{
	for (unsigned i = 0; i < N_PAGES; i++)
		for (unsigned k = 0; k < WORDS; k++)
			if (atomic_load(&vmm->copy[i][k]) != atomic_load(&vmm->ram[i][k]))
				return false;
	return true;
}

static unsigned copy_dirty(struct vmm *vmm, bool is_last)
{
	uint64_t bits = 0;
	unsigned n = 0;

	expect(!viommu_dirty_read(vmm->iommu, 0, (uint64_t)N_PAGES * PAGE - 1, is_last, &bits));
	for (unsigned i = 0; i < N_PAGES; i++) {
		if (!(bits >> i & 1))
			continue;
		n++;
		copy_page(vmm, i);
	}
	return n;
}

static void migrate(struct vmm *vmm, pthread_t device)
{
	struct viommu_dirty_region ram = { 0, (uint64_t)N_PAGES * PAGE - 1 };
	unsigned copied = 0, rest;

	expect(!viommu_dirty_track(vmm->iommu, DEVICE, true));
	expect(!viommu_dirty_begin(vmm->iommu, &ram, 1, SHIFT));
	for (unsigned i = 0; i < N_PAGES; i++) /* the first round copies everything */
		copy_page(vmm, i);
	for (unsigned round = 0; round < ROUNDS; round++) {
		run_guest(vmm, round);
		if (round % 20 == 19)
			copied += copy_dirty(vmm, false);
	}
	atomic_store(&vmm->stop, true); /* VFIO: the device's state STOP */
	pthread_join(device, NULL);
	rest = copy_dirty(vmm, true);
	viommu_dirty_end(vmm->iommu);
	expect(is_same(vmm));
	printf("%u pages were copied while the guest ran, %u of %u when it had stopped: the copy "
	       "is the same\n",
	       copied, rest, (unsigned)N_PAGES);
}

int main(void)
{
	static page ram[N_PAGES], copy[N_PAGES];
	struct viommu_endpoint nic = { .size = sizeof(nic), .id = DEVICE };
	struct viommu_listener_ops ops = { .size = sizeof(ops), .map = map, .unmap = unmap };
	struct vmm vmm = { .ram = ram, .copy = copy, .table_lock = PTHREAD_MUTEX_INITIALIZER };
	struct viommu_listener *listener;
	pthread_t device;

	expect(!viommu_new(NULL, NULL, NULL, &vmm.iommu));
	expect(!viommu_endpoint_add(vmm.iommu, &nic));
	expect(!viommu_listen(vmm.iommu, DEVICE, &ops, &vmm, &listener));
	expect(!viommu_accept(vmm.iommu, viommu_features(vmm.iommu)));
	expect(guest_attach(vmm.iommu, DOMAIN, DEVICE) == VIOMMU_S_OK);
	expect(!pthread_create(&device, NULL, run_device, &vmm));
	migrate(&vmm, device);
	viommu_unlisten(listener);
	viommu_free(vmm.iommu);
	return 0;
}
