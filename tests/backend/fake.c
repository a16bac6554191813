/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake.h"

#include <errno.h>
#include <string.h>

#include "backend/kernel.h"

struct fake fake;

static int refuse(int error)
{
	errno = error;
	return -1;
}

static bool overlaps(const struct fake_map *map, uint64_t iova, uint64_t length)
{
	return iova <= map->iova + (map->length - 1) && map->iova <= iova + (length - 1);
}

static int do_map(struct kernel_ioas_map *argument)
{
	uint32_t space = argument->ioas_id;

	if (argument->size != 40 || !(argument->flags & KERNEL_MAP_FIXED_IOVA) ||
	    !argument->length || argument->iova + (argument->length - 1) < argument->iova)
		return refuse(EINVAL);
	if ((argument->iova | argument->length | argument->user_va) & 0xfff)
		return refuse(EINVAL);
	if (space >= FAKE_SPACES || !fake.space[space])
		return refuse(ENOENT);
	for (unsigned i = 0; i < fake.n_maps[space]; i++)
		if (overlaps(&fake.maps[space][i], argument->iova, argument->length))
			return refuse(EEXIST);
	if (fake.n_maps[space] == FAKE_MAPS)
		return refuse(ENOMEM);
	fake.maps[space][fake.n_maps[space]++] =
		(struct fake_map){ argument->iova, argument->length, argument->user_va,
				   argument->flags };
	return 0;
}

static int do_unmap(struct kernel_ioas_unmap *argument)
{
	uint32_t space = argument->ioas_id;
	uint64_t last = argument->iova + (argument->length - 1), done = 0;

	if (space >= FAKE_SPACES || !fake.space[space] || !argument->length)
		return refuse(ENOENT);
	for (unsigned i = 0; i < fake.n_maps[space]; i++) {
		const struct fake_map *map = &fake.maps[space][i];

		if (overlaps(map, argument->iova, argument->length) &&
		    (map->iova < argument->iova || map->iova + (map->length - 1) > last))
			return refuse(ENOENT);
	}
	for (unsigned i = 0; i < fake.n_maps[space];) {
		struct fake_map *map = &fake.maps[space][i];

		if (!overlaps(map, argument->iova, argument->length)) {
			i++;
			continue;
		}
		done += map->length;
		*map = fake.maps[space][--fake.n_maps[space]];
	}
	argument->length = done;
	return done ? 0 : refuse(ENOENT);
}

static int do_alloc(struct kernel_ioas_alloc *argument)
{
	for (uint32_t i = 1; i < FAKE_SPACES; i++) {
		if (fake.space[i])
			continue;
		fake.space[i] = true;
		fake.n_maps[i] = 0;
		argument->out_ioas_id = i;
		return 0;
	}
	return refuse(ENOSPC);
}

static int do_destroy(const struct kernel_destroy *argument)
{
	if (argument->id >= FAKE_SPACES || !fake.space[argument->id])
		return refuse(ENOENT);
	for (int i = 0; i < FAKE_DEVICES; i++)
		if (fake.at[i] == argument->id)
			return refuse(EBUSY);
	fake.space[argument->id] = false;
	return 0;
}

int fake_ioctl(int fd, unsigned long request, void *argument)
{
	struct kernel_vfio_attach *attach = argument;
	int device = fd - FAKE_DEVICE;

	fake.calls++;
	if (fake.fail && fake.calls >= fake.fail && fake.calls - fake.fail < fake.fail_n)
		return refuse(fake.error);
	if (fd == FAKE_FD && request == KERNEL_IOAS_ALLOC)
		return do_alloc(argument);
	if (fd == FAKE_FD && request == KERNEL_DESTROY)
		return do_destroy(argument);
	if (fd == FAKE_FD && request == KERNEL_IOAS_MAP)
		return do_map(argument);
	if (fd == FAKE_FD && request == KERNEL_IOAS_UNMAP)
		return do_unmap(argument);
	if (device < 0 || device >= FAKE_DEVICES || fake.stopped[device])
		return refuse(EBADF);
	if (request == KERNEL_VFIO_DETACH) {
		fake.at[device] = 0;
		return 0;
	}
	if (request != KERNEL_VFIO_ATTACH)
		return refuse(ENOTTY);
	if (attach->pt_id >= FAKE_SPACES || !fake.space[attach->pt_id])
		return refuse(ENOENT);
	fake.at[device] = attach->pt_id;
	return 0;
}

unsigned fake_spaces(void)
{
	unsigned n = 0;

	for (int i = 0; i < FAKE_SPACES; i++)
		n += fake.space[i];
	return n;
}

uint64_t fake_dma(int device, uint64_t iova, bool write)
{
	uint32_t space = fake.at[device - FAKE_DEVICE];

	for (unsigned i = 0; space && i < fake.n_maps[space]; i++) {
		const struct fake_map *map = &fake.maps[space][i];

		if (overlaps(map, iova, 1) &&
		    map->flags & (write ? KERNEL_MAP_WRITEABLE : KERNEL_MAP_READABLE))
			return map->va + (iova - map->iova);
	}
	return 0;
}
