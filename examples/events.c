/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "guest.h"

/*
 * An event loop, and a device in a thread of its own
 *
 *     processor --iommu_kick--> event loop: viommu_request()  --iommu_done--> processor
 *     processor --disk_kick---> disk: DMA sections            --disk_done---> processor
 *
 * Each arrow is an eventfd. With KVM the kicks are KVM_IOEVENTFDs and the others KVM_IRQFDs, so
 * that no exit of a processor waits. An access of the disk without a mapping is a fault record.
 */
enum { PAGE = 4096, DISK = 8, DOMAIN = 1, IOVA = 0x10000, SECTOR = 512, ROUNDS = 100 };

struct vmm {
	struct viommu *iommu;
	uint8_t ram[2 * PAGE];
	int iommu_kick, iommu_done, disk_kick, disk_done, stop;
	struct {
		bool map;
		uint64_t phys;
		uint8_t status;
	} request; /* of the processor, in the place of a request queue */
	_Atomic uint8_t sector;
	atomic_uint n_faults;
};

static void ring(int fd)
{
	expect(!eventfd_write(fd, 1));
}

static void wait_for(int fd)
{
	eventfd_t n;

	expect(!eventfd_read(fd, &n));
}

/* By the thread whose access it was. A VMM copies the record to a buffer of the event queue. */
static int put_event(void *opaque, const void *record, size_t length)
{
	struct vmm *vmm = opaque;

	(void)record;
	(void)length;
	atomic_fetch_add(&vmm->n_faults, 1);
	return 0;
}

/* -- the event loop ------------------------------------------------------------------------------
 */

static void serve_requests(struct vmm *vmm)
{
	if (vmm->request.map)
		vmm->request.status =
			guest_map(vmm->iommu, DOMAIN, IOVA, IOVA + PAGE - 1, vmm->request.phys);
	else
		vmm->request.status = guest_unmap(vmm->iommu, DOMAIN, IOVA, IOVA + PAGE - 1);
	ring(vmm->iommu_done); /* UNMAP has waited for the disk's sections */
}

static void watch(int loop, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	expect(!epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event));
}

static void *run_loop(void *opaque)
{
	struct vmm *vmm = opaque;
	struct epoll_event event;
	int loop = epoll_create1(EPOLL_CLOEXEC);

	expect(loop >= 0);
	watch(loop, vmm->iommu_kick);
	watch(loop, vmm->stop);
	while (epoll_wait(loop, &event, 1, -1) == 1 && event.data.fd != vmm->stop) {
		wait_for(vmm->iommu_kick);
		serve_requests(vmm);
	}
	close(loop);
	return NULL;
}

/* -- the disk
 * --------------------------------------------------------------------------------------- */

/* What is read from the disk goes to the guest's buffer, in as many pieces as its memory has. */
static int read_sector(struct vmm *vmm, struct viommu_dma *dma)
{
	struct viommu_translation piece = { 0 };
	int error = 0;

	viommu_dma_begin(dma);
	for (uint64_t done = 0; done < SECTOR && !error; done += piece.length) {
		error = viommu_dma_translate(dma, DISK, IOVA + done, SECTOR - done,
					     VIOMMU_MAP_F_WRITE, &piece);
		if (!error)
			memset(vmm->ram + piece.address, atomic_load(&vmm->sector), piece.length);
	}
	viommu_dma_end(dma);
	return error;
}

static void *run_disk(void *opaque)
{
	struct vmm *vmm = opaque;
	struct epoll_event event;
	struct viommu_dma *dma;
	int loop = epoll_create1(EPOLL_CLOEXEC);

	expect(loop >= 0);
	expect(!viommu_dma_new(vmm->iommu, &dma));
	watch(loop, vmm->disk_kick);
	watch(loop, vmm->stop);
	while (epoll_wait(loop, &event, 1, -1) == 1 && event.data.fd != vmm->stop) {
		wait_for(vmm->disk_kick);
		read_sector(vmm, dma);
		ring(vmm->disk_done); /* also of a request that has failed */
	}
	viommu_dma_free(dma);
	close(loop);
	return NULL;
}

/* -- the processor, which runs the guest ----------------------------------------------------------
 */

static uint8_t ask(struct vmm *vmm, bool map, uint64_t phys)
{
	vmm->request.map = map;
	vmm->request.phys = phys;
	ring(vmm->iommu_kick);
	wait_for(vmm->iommu_done);
	return vmm->request.status;
}

static void run_guest(struct vmm *vmm)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t phys = (uint64_t)(round & 1) * PAGE;

		expect(ask(vmm, true, phys) == VIOMMU_S_OK);
		atomic_store(&vmm->sector, (uint8_t)round);
		ring(vmm->disk_kick);
		wait_for(vmm->disk_done);
		expect(vmm->ram[phys] == (uint8_t)round &&
		       vmm->ram[phys + SECTOR - 1] == (uint8_t)round);
		expect(ask(vmm, false, 0) == VIOMMU_S_OK);
		atomic_store(&vmm->sector, UINT8_MAX);
		ring(vmm->disk_kick); /* without a buffer */
		wait_for(vmm->disk_done);
		expect(vmm->ram[phys] == (uint8_t)round);
	}
}

int main(void)
{
	static struct vmm vmm;
	struct viommu_ops ops = { .size = sizeof(ops), .event = put_event };
	struct viommu_endpoint disk = { .size = sizeof(disk), .id = DISK };
	int *const fds[] = { &vmm.iommu_kick, &vmm.iommu_done, &vmm.disk_kick, &vmm.disk_done,
			     &vmm.stop };
	pthread_t loop, thread;

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		expect((*fds[i] = eventfd(0, EFD_CLOEXEC)) >= 0);
	expect(!viommu_new(NULL, &ops, &vmm, &vmm.iommu));
	expect(!viommu_endpoint_add(vmm.iommu, &disk));
	expect(!viommu_accept(vmm.iommu, viommu_features(vmm.iommu)));
	expect(guest_attach(vmm.iommu, DOMAIN, DISK) == VIOMMU_S_OK);
	expect(!pthread_create(&loop, NULL, run_loop, &vmm));
	expect(!pthread_create(&thread, NULL, run_disk, &vmm));
	run_guest(&vmm);
	ring(vmm.stop);
	pthread_join(loop, NULL);
	pthread_join(thread, NULL);
	printf("%u sectors read, %u faults without a buffer\n", (unsigned)ROUNDS,
	       atomic_load(&vmm.n_faults));
	expect(atomic_load(&vmm.n_faults) == ROUNDS);
	viommu_free(vmm.iommu);
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		close(*fds[i]);
	return 0;
}
