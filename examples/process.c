/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memfd_create() */
#endif
#include <linux/vhost_types.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <viommu/iotlb.h>

#include "guest.h"

/*
 * A device in another process, which translates by a cache, as with vhost-user or vfio-user
 *
 *     VMM                                          device's process
 *       reads misses   <------- misses: MISS ------- DMA, if its cache has no translation
 *       viommu_iotlb_miss() --- orders: UPDATE -----> cache
 *       UNMAP of the guest ---- orders: INVALIDATE -> cache, then an answer
 *
 * UPDATE and INVALIDATE take one way, so that they arrive in order. A miss takes another way than
 * the answer to INVALIDATE: the thread that serves misses may wait for the one that waits for the
 * answer.
 */
enum { PAGE = 4096, N_PAGES = 4, DEVICE = 8, DOMAIN = 1, IOVA = 0x10000, CACHE = 8, ROUNDS = 100 };

struct channels {
	int orders[2], misses[2]; /* [0]: the VMM's, [1]: the device's */
};

/* The other process gets the padding, too, so it must not have what was on the stack. */
static void begin_message(struct vhost_iotlb_msg *message, uint8_t type, uint64_t iova)
{
	memset(message, 0, sizeof(*message));
	message->type = type;
	message->iova = iova;
}

static bool transfer(int fd, struct vhost_iotlb_msg *message, bool out)
{
	return (out ? write(fd, message, sizeof(*message)) : read(fd, message, sizeof(*message))) ==
	       sizeof(*message);
}

/* -- the device's process: no function of libviommu ------------------------------------------- */

struct device {
	struct channels channels;
	_Atomic uint64_t *ram;
	pthread_mutex_t lock;
	struct vhost_iotlb_msg cache[CACHE]; /* size 0: free */
	unsigned next;
	atomic_bool stop;
};

static const struct vhost_iotlb_msg *find(const struct device *device, uint64_t iova)
{
	for (unsigned i = 0; i < CACHE; i++)
		if (iova >= device->cache[i].iova &&
		    iova - device->cache[i].iova < device->cache[i].size)
			return &device->cache[i];
	return NULL;
}

/* One word of DMA. The lock is held during the access, so INVALIDATE waits for it. */
static void access_memory(struct device *device, uint64_t iova)
{
	const struct vhost_iotlb_msg *entry;
	struct vhost_iotlb_msg miss;

	begin_message(&miss, VHOST_IOTLB_MISS, iova);
	miss.perm = VHOST_ACCESS_WO;
	pthread_mutex_lock(&device->lock);
	entry = find(device, iova);
	if (entry && entry->perm & VHOST_ACCESS_WO)
		atomic_fetch_add(&device->ram[(entry->uaddr + iova - entry->iova) / 8], 1);
	pthread_mutex_unlock(&device->lock);
	if (!entry && !transfer(device->channels.misses[1], &miss, true))
		atomic_store(&device->stop, true);
}

static void *run_dma(void *opaque)
{
	struct device *device = opaque;

	while (!atomic_load(&device->stop)) {
		access_memory(device, IOVA);
		usleep(50);
	}
	return NULL;
}

static void obey(struct device *device, const struct vhost_iotlb_msg *order)
{
	pthread_mutex_lock(&device->lock);
	if (order->type == VHOST_IOTLB_UPDATE)
		device->cache[device->next++ % CACHE] = *order;
	for (unsigned i = 0; i < CACHE && order->type == VHOST_IOTLB_INVALIDATE; i++)
		if (device->cache[i].iova - order->iova < order->size ||
		    order->iova - device->cache[i].iova < device->cache[i].size)
			device->cache[i].size = 0;
	pthread_mutex_unlock(&device->lock);
}

static int run_device(struct channels channels, void *ram)
{
	struct device device = { .channels = channels,
				 .ram = ram,
				 .lock = PTHREAD_MUTEX_INITIALIZER };
	struct vhost_iotlb_msg order;
	pthread_t dma;

	close(channels.orders[0]);
	close(channels.misses[0]);
	expect(!pthread_create(&dma, NULL, run_dma, &device));
	while (transfer(channels.orders[1], &order, false)) {
		obey(&device, &order);
		if (order.type == VHOST_IOTLB_INVALIDATE)
			expect(transfer(channels.orders[1], &order, true));
	}
	atomic_store(&device.stop, true);
	pthread_join(dma, NULL);
	return 0;
}

/* -- the VMM ------------------------------------------------------------------------------------
 */

struct vmm {
	struct channels channels;
	struct viommu_iotlb *iotlb;
	unsigned n_updates, n_invalidates;
};

/* vhost-user sends the VMM's address; here it is the offset in the shared memory. */
static void send_update(void *opaque, uint64_t iova, const struct viommu_translation *to)
{
	struct vmm *vmm = opaque;
	struct vhost_iotlb_msg message;

	begin_message(&message, VHOST_IOTLB_UPDATE, iova);
	message.size = to->length;
	message.uaddr = to->address;
	if (to->flags & VIOMMU_MAP_F_READ)
		message.perm |= VHOST_ACCESS_RO;
	if (to->flags & VIOMMU_MAP_F_WRITE)
		message.perm |= VHOST_ACCESS_WO;
	vmm->n_updates++;
	expect(transfer(vmm->channels.orders[0], &message, true));
}

/* Returns when the device has dropped the range. A real VMM has a time limit for that. */
static void send_invalidate(void *opaque, uint64_t first, uint64_t last)
{
	struct vmm *vmm = opaque;
	struct vhost_iotlb_msg message;

	begin_message(&message, VHOST_IOTLB_INVALIDATE, first);
	message.size = last - first == UINT64_MAX ? UINT64_MAX : last - first + 1;
	vmm->n_invalidates++;
	expect(transfer(vmm->channels.orders[0], &message, true));
	expect(transfer(vmm->channels.orders[0], &message, false));
}

static void *serve_misses(void *opaque)
{
	struct vmm *vmm = opaque;
	struct vhost_iotlb_msg miss;

	while (transfer(vmm->channels.misses[0], &miss, false))
		viommu_iotlb_miss(vmm->iotlb, miss.iova, PAGE,
				  VIOMMU_ACCESS_QUIET |
					  (miss.perm & VHOST_ACCESS_WO ? VIOMMU_MAP_F_WRITE
								       : VIOMMU_MAP_F_READ));
	return NULL;
}

/* The guest gives the device one page after the other, and uses each again after its UNMAP. */
static void run_guest(struct viommu *iommu, _Atomic uint64_t *ram)
{
	expect(guest_attach(iommu, DOMAIN, DEVICE) == VIOMMU_S_OK);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t phys = (uint64_t)(round % N_PAGES) * PAGE;
		_Atomic uint64_t *word = &ram[phys / 8];

		atomic_store(word, 0);
		expect(guest_map(iommu, DOMAIN, IOVA, IOVA + PAGE - 1, phys) == VIOMMU_S_OK);
		while (!atomic_load(word))
			usleep(50);
		expect(guest_unmap(iommu, DOMAIN, IOVA, IOVA + PAGE - 1) == VIOMMU_S_OK);
		atomic_store(word, UINT32_MAX);
		usleep(200);
		expect(atomic_load(word) == UINT32_MAX); /* nothing was written after the UNMAP */
	}
}

static void run_vmm(struct channels channels, void *ram)
{
	struct viommu_endpoint disk = { .size = sizeof(disk), .id = DEVICE };
	struct viommu_iotlb_ops ops = { .size = sizeof(ops),
					.update = send_update,
					.invalidate = send_invalidate };
	struct vmm vmm = { .channels = channels };
	struct viommu *iommu;
	pthread_t misses;

	close(channels.orders[1]);
	close(channels.misses[1]);
	expect(!viommu_new(NULL, NULL, NULL, &iommu));
	expect(!viommu_endpoint_add(iommu, &disk));
	expect(!viommu_accept(iommu, viommu_features(iommu)));
	expect(!viommu_iotlb_new(iommu, DEVICE, &ops, &vmm, &vmm.iotlb));
	expect(!pthread_create(&misses, NULL, serve_misses, &vmm));
	run_guest(iommu, ram);
	shutdown(channels.misses[0], SHUT_RDWR);
	pthread_join(misses, NULL);
	viommu_iotlb_free(vmm.iotlb);
	close(channels.orders[0]);
	viommu_free(iommu);
	printf("%u pages, %u UPDATEs, %u INVALIDATEs: nothing was written after an UNMAP\n",
	       (unsigned)ROUNDS, vmm.n_updates, vmm.n_invalidates);
}

int main(void)
{
	int file = memfd_create("ram", MFD_CLOEXEC), status;
	struct channels channels;
	void *ram;
	pid_t child;

	expect(file >= 0 && !ftruncate(file, N_PAGES * PAGE));
	ram = mmap(NULL, N_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	expect(ram != MAP_FAILED && !socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channels.orders) &&
	       !socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channels.misses));
	child = fork();
	expect(child >= 0);
	if (!child)
		_exit(run_device(channels, ram));
	run_vmm(channels, ram);
	expect(waitpid(child, &status, 0) == child && !status);
	return 0;
}
