/* SPDX-License-Identifier: BSD-3-Clause */
/* A fake kernel with iommufd and VFIO type1: see fake.h */
#include "fake.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/layouts.h"

struct fake fake;

enum { FAKE_RANGES = 128 };

static int refuse(int error)
{
	errno = error;
	return -1;
}

static bool fails(void)
{
	fake.calls++;
	return fake.fail && fake.calls >= fake.fail && fake.calls - fake.fail < fake.fail_n;
}

static bool overlaps(const struct fake_map *map, uint64_t iova, uint64_t length)
{
	return iova <= map->iova + (map->length - 1) && map->iova <= iova + (length - 1);
}

/* -- mappings, of either kind of space ------------------------------------------------ */

static int add_map(uint32_t space, const struct fake_map *map, int full)
{
	if (!map->length || map->iova + (map->length - 1) < map->iova)
		return refuse(EINVAL);
	if ((map->iova | map->length | map->va) & 0xfff)
		return refuse(EINVAL);
	for (unsigned i = 0; i < fake.n_maps[space]; i++)
		if (overlaps(&fake.maps[space][i], map->iova, map->length))
			return refuse(EEXIST);
	if (fake.n_maps[space] == (fake.max_maps ? fake.max_maps : FAKE_MAPS_USUAL))
		return refuse(full);
	fake.maps[space][fake.n_maps[space]++] = *map;
	return 0;
}

/* Neither interface unmaps a part of a mapping; they differ in what they call that. */
static int remove_maps(uint32_t space, uint64_t iova, uint64_t length, int split,
		       uint64_t *ret_done)
{
	uint64_t last = iova + (length - 1);

	*ret_done = 0;
	for (unsigned i = 0; i < fake.n_maps[space]; i++) {
		const struct fake_map *map = &fake.maps[space][i];

		if (overlaps(map, iova, length) &&
		    (map->iova < iova || map->iova + (map->length - 1) > last))
			return refuse(split);
	}
	for (unsigned i = 0; i < fake.n_maps[space];) {
		struct fake_map *map = &fake.maps[space][i];

		if (!overlaps(map, iova, length)) {
			i++;
			continue;
		}
		*ret_done += map->length;
		*map = fake.maps[space][--fake.n_maps[space]];
	}
	return 0;
}

static uint32_t new_space(void)
{
	for (uint32_t i = 1; i < FAKE_SPACES; i++) {
		if (fake.space[i])
			continue;
		fake.space[i] = true;
		fake.has_iommu[i] = fake.tracks[i] = false;
		fake.n_maps[i] = 0;
		return i;
	}
	return 0;
}

static bool is_space(uint32_t space)
{
	return space && space < FAKE_SPACES && fake.space[space];
}

static bool is_in_use(uint32_t space)
{
	for (int i = 0; i < FAKE_DEVICES; i++)
		if (fake.at[i] == space)
			return true;
	return false;
}

/* -- limits --------------------------------------------------------------------------- */

/* Of the only device in a space, which is where limits are read. */
static struct fake_limits limits_in(uint32_t space)
{
	struct fake_limits limits = { 0 };

	for (int i = 0; i < FAKE_DEVICES; i++)
		if (fake.at[i] == space)
			limits = fake.limits[i];
	if (!limits.alignment)
		limits.alignment = 4096;
	if (!limits.last)
		limits.last = (1ull << 48) - 1;
	return limits;
}

/* The first `room` ranges; returns how many there are. */
static uint32_t ranges_of(const struct fake_limits *limits, struct kernel_range *ranges,
			  uint32_t room)
{
	struct kernel_range all[FAKE_RANGES] = { { 0, limits->last } };
	uint32_t n = limits->n_ranges ? limits->n_ranges : limits->hole_last ? 2 : 1;

	for (uint64_t i = 0; i < limits->n_ranges; i++)
		all[i] = (struct kernel_range){ limits->touch && i ? all[i - 1].last : i << 32,
						(i << 32) + (i + 1) * 4096 - 1 };
	if (limits->hole_last) {
		all[0].last = limits->hole_first - 1;
		all[1] = (struct kernel_range){ limits->hole_last + 1, limits->last };
	}
	memcpy(ranges, all, (n < room ? n : room) * sizeof(*ranges));
	return n;
}

static int ioas_ranges(void *opaque)
{
	struct kernel_ioas_ranges *argument = opaque;
	struct fake_limits limits = limits_in(argument->ioas_id);
	uint32_t room = argument->n;

	if (argument->size != 32 || !is_space(argument->ioas_id))
		return refuse(EINVAL);
	argument->n = ranges_of(&limits, (struct kernel_range *)(uintptr_t)argument->ranges, room);
	argument->alignment = limits.alignment;
	return argument->n > room ? refuse(EMSGSIZE) : 0;
}

static int queue_info(const struct fake_limits *limits, const struct kernel_hw_info *argument)
{
	const struct kernel_cmdqv_info info = { .log2_queues = limits->queues_log2 };

	if (argument->flags != KERNEL_HW_TYPE || argument->type != KERNEL_HW_CMDQV ||
	    !limits->queues_log2)
		return refuse(EOPNOTSUPP);
	memcpy((void *)(uintptr_t)argument->data, &info, argument->data_length);
	return 0;
}

static int hw_info(void *opaque)
{
	struct kernel_hw_info *argument = opaque;
	const struct fake_limits *limits;

	if (argument->size != 40 || argument->dev_id < 1000)
		return refuse(EINVAL);
	limits = &fake.limits[argument->dev_id - 1000];
	if (argument->flags)
		return queue_info(limits, argument);
	argument->capabilities = limits->dirty ? KERNEL_HW_DIRTY : 0;
	argument->capabilities |= limits->no_ats ? KERNEL_HW_NO_ATS : 0;
	argument->pasid_bits = limits->pasid_bits;
	argument->type = limits->hardware;
	if (argument->data_length >= sizeof(limits->info_flags))
		memcpy((void *)(uintptr_t)argument->data, &limits->info_flags,
		       sizeof(limits->info_flags));
	/* IDR1.CMDQS of struct kernel_arm_info. */
	if (argument->data_length >= sizeof(struct kernel_arm_info))
		((struct kernel_arm_info *)(uintptr_t)argument->data)->idr[1] =
			(uint32_t)limits->queue_log2 << 21;
	return 0;
}

/* Two capabilities behind the answer, the ranges last. */
static int container_info(uint32_t space, void *opaque)
{
	struct fake_limits limits = limits_in(space);
	struct kernel_iommu_info *info = opaque;
	struct kernel_cap dirty = { .id = KERNEL_CAP_DIRTY, .version = 1, .next = 64 };
	struct kernel_cap_ranges cap = { .cap = { .id = KERNEL_CAP_RANGES, .version = 1 } };
	unsigned char *answer = opaque;
	struct kernel_range ranges[FAKE_RANGES];
	uint32_t needed;

	if (info->argsz < sizeof(*info) || !fake.has_iommu[space])
		return refuse(EINVAL);
	info->flags = KERNEL_INFO_PAGE_SIZES | KERNEL_INFO_CAPS;
	info->page_sizes = -limits.alignment;
	cap.n = ranges_of(&limits, ranges, FAKE_RANGES);
	needed = (uint32_t)(64 + sizeof(cap) + cap.n * sizeof(ranges[0]));
	info->cap_offset = 0;
	if (info->argsz >= needed) {
		info->cap_offset = limits.dirty ? 24 : 64;
		memcpy(answer + 24, &dirty, sizeof(dirty));
		memcpy(answer + 64, &cap, sizeof(cap));
		memcpy(answer + 64 + sizeof(cap), ranges, cap.n * sizeof(ranges[0]));
	}
	info->argsz = needed;
	return 0;
}

/* -- iommufd ---------------------------------------------------------------------------- */

static int ioas_alloc(void *opaque)
{
	struct kernel_ioas_alloc *argument = opaque;

	if (argument->size != 12 || argument->flags)
		return refuse(EINVAL);
	argument->out_ioas_id = new_space();
	return argument->out_ioas_id ? 0 : refuse(ENOSPC);
}

static int ioas_destroy(void *opaque)
{
	const struct kernel_destroy *argument = opaque;

	if (argument->id >= FAKE_OBJECT)
		return fake_destroy(argument->id);
	if (!is_space(argument->id))
		return refuse(ENOENT);
	if (is_in_use(argument->id) || fake_space_has_objects(argument->id))
		return refuse(EBUSY);
	fake.space[argument->id] = false;
	return 0;
}

static int ioas_map(void *opaque)
{
	const struct kernel_ioas_map *argument = opaque;
	const struct fake_map map = { argument->iova, argument->length, argument->user_va,
				      argument->flags, 0 };

	if (argument->size != 40 || !(argument->flags & KERNEL_MAP_FIXED_IOVA))
		return refuse(EINVAL);
	return is_space(argument->ioas_id) ? add_map(argument->ioas_id, &map, ENOMEM)
					   : refuse(ENOENT);
}

/* A part of one mapping of the source; it gives no right that the source lacks. */
static int ioas_copy(void *opaque)
{
	const struct kernel_ioas_copy *argument = opaque;

	if (argument->size != 40 || !is_space(argument->to) || !is_space(argument->from))
		return refuse(ENOENT);
	for (unsigned i = 0; i < fake.n_maps[argument->from]; i++) {
		const struct fake_map *source = &fake.maps[argument->from][i];
		const struct fake_map map = { argument->to_iova, argument->length,
					      source->va + (argument->from_iova - source->iova),
					      argument->flags, 0 };

		if (argument->from_iova < source->iova ||
		    argument->from_iova - source->iova > source->length - argument->length)
			continue;
		if (argument->flags & ~source->flags)
			return refuse(EPERM);
		fake.n_copies++;
		return add_map(argument->to, &map, ENOMEM);
	}
	return refuse(ENOENT);
}

static int ioas_map_file(void *opaque)
{
	const struct kernel_ioas_map_file *argument = opaque;
	const struct fake_map map = { argument->iova, argument->length,
				      FAKE_FILE_BASE + (uint64_t)argument->fd * FAKE_FILE_STEP +
					      argument->start,
				      argument->flags, 0 };

	if (argument->size != 40 || !(argument->flags & KERNEL_MAP_FIXED_IOVA))
		return refuse(EINVAL);
	return is_space(argument->ioas_id) ? add_map(argument->ioas_id, &map, ENOMEM)
					   : refuse(ENOENT);
}

static int ioas_unmap(void *opaque)
{
	struct kernel_ioas_unmap *argument = opaque;
	uint64_t done;

	if (!is_space(argument->ioas_id) || !argument->length)
		return refuse(ENOENT);
	if (fake_is_pinned(argument->ioas_id, argument->iova, argument->length))
		return refuse(EBUSY);
	if (remove_maps(argument->ioas_id, argument->iova, argument->length, ENOENT, &done))
		return -1;
	argument->length = done;
	return done ? 0 : refuse(ENOENT);
}

/* -- devices ------------------------------------------------------------------------------ */

static int fake_group(int device)
{
	return device == FAKE_MATE ? FAKE_MATE - 1 : device;
}

static int device_bind(int device, void *opaque)
{
	struct kernel_vfio_bind *argument = opaque;

	if (argument->argsz != 16 || argument->iommufd != FAKE_FD || fake.bound[device])
		return refuse(EINVAL);
	fake.bound[device] = true;
	argument->out_devid = 1000 + (uint32_t)device;
	return 0;
}

/* A group has one page table: one that its second device enters, or replaces for both. */
bool fake_place(int device, uint32_t space, uint32_t hwpt)
{
	for (int mate = 0; mate < FAKE_DEVICES; mate++) {
		if (mate == device || fake_group(mate) != fake_group(device) || !fake.at[mate])
			continue;
		if (!fake.at[device] && (fake.at[mate] != space || fake.in[mate] != hwpt))
			return false;
		fake.at[mate] = space;
		fake.in[mate] = hwpt;
	}
	fake.at[device] = space;
	fake.in[device] = hwpt;
	return true;
}

static int device_attach(int device, void *opaque)
{
	const struct kernel_vfio_attach *argument = opaque;

	if (!fake.bound[device])
		return refuse(EINVAL);
	if (argument->flags & KERNEL_VFIO_PASID)
		return fake_enter_pasid(device, argument->pasid, argument->pt_id);
	if (argument->pt_id >= FAKE_OBJECT)
		return fake_enter(device, argument->pt_id);
	if (!is_space(argument->pt_id))
		return refuse(ENOENT);
	return fake_place(device, argument->pt_id, 0) ? 0 : refuse(EINVAL);
}

static int device_detach(int device, void *opaque)
{
	const struct kernel_vfio_detach *argument = opaque;

	if (argument->flags & KERNEL_VFIO_PASID) {
		fake.pasid_in[device][argument->pasid % FAKE_PASIDS] = 0;
		return 0;
	}
	fake.at[device] = fake.in[device] = 0;
	fake.n_detached[device]++;
	return 0;
}

static int device_reset_info(int device, void *opaque)
{
	struct kernel_reset_info *info = opaque;
	uint32_t n = fake.n_reset + fake.resets_others;
	uint32_t room = (info->argsz - (uint32_t)sizeof(*info)) / sizeof(info->devices[0]);

	(void)device;
	info->flags = KERNEL_RESET_IDS;
	info->count = n;
	if (n > room)
		return refuse(ENOSPC);
	for (uint32_t i = 0; i < fake.n_reset; i++)
		info->devices[i].id = i < 2 ? 1000 + i : 0;
	if (fake.resets_others)
		info->devices[n - 1].id = UINT32_MAX;
	return 0;
}

static int log_start(int device, const void *opaque)
{
	const struct kernel_log_start *argument = opaque;
	const struct kernel_log_range *ranges = (void *)(uintptr_t)argument->ranges;

	if (argument->feature.argsz != 32 || argument->page_size != 4096 || !argument->n ||
	    fake.logging[device])
		return refuse(EINVAL);
	for (uint32_t i = 0; i < argument->n; i++)
		if ((ranges[i].iova | ranges[i].length) & 0xfff || !ranges[i].length ||
		    ranges[i].iova + ranges[i].length < ranges[i].iova)
			return refuse(EOVERFLOW);
	fake.logging[device] = true;
	fake.n_logged[device] = 0;
	return 0;
}

static int log_stop(int device, const void *opaque)
{
	(void)opaque;
	fake.logging[device] = false;
	return 0;
}

static int log_report(int device, const void *opaque)
{
	const struct kernel_log_report *argument = opaque;
	uint64_t *bits = (uint64_t *)(uintptr_t)argument->bits;
	unsigned kept = 0;

	if (argument->feature.argsz != 40 || argument->page_size != 4096 || !fake.logging[device])
		return refuse(EINVAL);
	for (unsigned i = 0; i < fake.n_logged[device]; i++) {
		uint64_t page = fake.logged[device][i] - argument->iova;

		if (page < argument->length)
			bits[page / 4096 / 64] |= 1ull << (page / 4096 % 64);
		else
			fake.logged[device][kept++] = fake.logged[device][i];
	}
	fake.n_logged[device] = kept;
	return 0;
}

static int device_feature(int device, void *opaque)
{
	static const struct {
		uint32_t flags;
		int (*perform)(int device, const void *opaque);
	} rows[] = {
		{ KERNEL_FEATURE_SET | KERNEL_LOG_START, log_start },
		{ KERNEL_FEATURE_SET | KERNEL_LOG_STOP, log_stop },
		{ KERNEL_FEATURE_GET | KERNEL_LOG_REPORT, log_report },
	};
	const struct kernel_feature *feature = opaque;

	if (!fake.bound[device] || !fake.limits[device].logs)
		return refuse(ENOTTY);
	if (feature->flags & KERNEL_FEATURE_PROBE)
		return 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].flags == feature->flags)
			return rows[i].perform(device, opaque);
	return refuse(ENOTTY);
}

/* -- groups and containers ------------------------------------------------------------------ */

static int group_status(int group, void *opaque)
{
	struct kernel_group_status *argument = opaque;

	argument->flags = fake.not_viable ? 0 : KERNEL_GROUP_VIABLE;
	(void)group;
	return argument->argsz == 8 ? 0 : refuse(EINVAL);
}

static int group_set(int group, void *opaque)
{
	uint32_t space = (uint32_t)(*(int *)opaque - FAKE_CONTAINER);

	if (!is_space(space))
		return refuse(EBADF);
	if (fake.at[group])
		return refuse(EINVAL);
	fake.at[group] = space;
	return 0;
}

static int group_unset(int group, void *opaque)
{
	uint32_t space = fake.at[group];

	(void)opaque;
	if (!space)
		return refuse(EINVAL);
	if (fake.file[group] || fake.held[group])
		return refuse(EBUSY);
	fake.at[group] = 0;
	if (is_in_use(space))
		return 0;
	fake.has_iommu[space] = fake.tracks[space] = false;
	fake.n_maps[space] = 0;
	return 0;
}

static int group_device(int group, void *opaque)
{
	if (strcmp(opaque, fake_name(group)) != 0)
		return refuse(ENODEV);
	if (!fake.at[group] || !fake.has_iommu[fake.at[group]])
		return refuse(EINVAL);
	fake.file[group] = true;
	return FAKE_DEVICE + group;
}

static int container_version(uint32_t space, void *opaque)
{
	(void)space;
	(void)opaque;
	return 0;
}

static int container_check(uint32_t space, void *opaque)
{
	(void)space;
	return (uintptr_t)opaque == KERNEL_TYPE1V2 && !fake.no_type1;
}

static int container_iommu(uint32_t space, void *opaque)
{
	if (!is_in_use(space) || fake.has_iommu[space] || (uintptr_t)opaque != KERNEL_TYPE1V2)
		return refuse(EINVAL);
	fake.has_iommu[space] = true;
	return 0;
}

static int container_map(uint32_t space, void *opaque)
{
	const struct kernel_dma_map *argument = opaque;
	const struct fake_map map = {
		argument->iova, argument->length, argument->va,
		(argument->flags & KERNEL_DMA_READ ? KERNEL_MAP_READABLE : 0) |
			(argument->flags & KERNEL_DMA_WRITE ? KERNEL_MAP_WRITEABLE : 0),
		0
	};

	if (argument->argsz != 32 || !fake.has_iommu[space])
		return refuse(EINVAL);
	return add_map(space, &map, ENOSPC);
}

/* The bitmap of a range that consists of whole mappings; its pages are the smallest of the
 * container. */
static int get_bitmap(uint32_t space, uint64_t iova, uint64_t length,
		      const struct kernel_bitmap *bitmap)
{
	uint64_t *bits = (uint64_t *)(uintptr_t)bitmap->bits, size = limits_in(space).alignment;

	if (!fake.tracks[space] || bitmap->page_size != size || bitmap->bytes * 8 < length / size ||
	    bitmap->bytes % 8)
		return refuse(EINVAL);
	for (unsigned i = 0; i < fake.n_maps[space]; i++) {
		struct fake_map *map = &fake.maps[space][i];

		if (!overlaps(map, iova, length))
			continue;
		if (map->iova < iova || map->iova + (map->length - 1) > iova + (length - 1))
			return refuse(EINVAL);
		for (uint64_t page = 0; page < 64; page++) {
			uint64_t at = (map->iova - iova + page * 4096) / size;

			if (map->dirty >> page & 1)
				bits[at / 64] |= 1ull << (at % 64);
		}
		map->dirty = 0;
	}
	return 0;
}

static int container_dirty(uint32_t space, void *opaque)
{
	const struct kernel_dma_dirty *argument = opaque;

	if (!fake.has_iommu[space] || fake.no_tracking)
		return refuse(EINVAL);
	if (argument->argsz == 48 && argument->flags == KERNEL_DIRTY_GET)
		return get_bitmap(space, argument->iova, argument->length, &argument->bitmap);
	if (argument->argsz != 8 || argument->flags == KERNEL_DIRTY_GET)
		return refuse(EINVAL);
	if (fake.tracks[space] && argument->flags == KERNEL_DIRTY_START)
		return 0;
	fake.tracks[space] = argument->flags == KERNEL_DIRTY_START;
	for (unsigned i = 0; i < fake.n_maps[space]; i++)
		fake.maps[space][i].dirty = 0;
	return 0;
}

static int container_unmap(uint32_t space, void *opaque)
{
	struct kernel_dma_unmap *argument = opaque;
	bool with_bitmap = argument->flags & KERNEL_UNMAP_DIRTY;

	if (argument->argsz != (with_bitmap ? 48 : 24) || !fake.has_iommu[space])
		return refuse(EINVAL);
	if (with_bitmap && get_bitmap(space, argument->iova, argument->length, &argument->bitmap))
		return -1;
	return remove_maps(space, argument->iova, argument->length, EINVAL, &argument->length);
}

/* -- system calls ----------------------------------------------------------------------------- */

static int of_iommufd(unsigned long request, void *argument)
{
	static const struct {
		unsigned long request;
		int (*perform)(void *argument);
	} rows[] = {
		{ KERNEL_IOAS_ALLOC, ioas_alloc },
		{ KERNEL_DESTROY, ioas_destroy },
		{ KERNEL_IOAS_RANGES, ioas_ranges },
		{ KERNEL_HW_INFO, hw_info },
		{ KERNEL_IOAS_MAP, ioas_map },
		{ KERNEL_IOAS_UNMAP, ioas_unmap },
		{ KERNEL_IOAS_COPY, ioas_copy },
		{ KERNEL_IOAS_MAP_FILE, ioas_map_file },
		{ KERNEL_HWPT_ALLOC, fake_hwpt_alloc },
		{ KERNEL_HWPT_TRACK, fake_track },
		{ KERNEL_HWPT_DIRTY_BITMAP, fake_dirty_bitmap },
		{ KERNEL_HWPT_INVALIDATE, fake_invalidate },
		{ KERNEL_VIOMMU_ALLOC, fake_viommu_alloc },
		{ KERNEL_VDEVICE_ALLOC, fake_vdevice_alloc },
		{ KERNEL_VEVENTQ_ALLOC, fake_veventq_alloc },
		{ KERNEL_HW_QUEUE_ALLOC, fake_hw_queue_alloc },
		{ KERNEL_FAULT_QUEUE_ALLOC, fake_fault_queue_alloc },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].request == request)
			return rows[i].perform(argument);
	return refuse(ENOTTY);
}

static int of_container(uint32_t space, unsigned long request, void *argument)
{
	static const struct {
		unsigned long request;
		int (*perform)(uint32_t space, void *argument);
	} rows[] = {
		{ KERNEL_VFIO_API_VERSION, container_version },
		{ KERNEL_VFIO_CHECK_EXTENSION, container_check },
		{ KERNEL_VFIO_SET_IOMMU, container_iommu },
		{ KERNEL_IOMMU_INFO, container_info },
		{ KERNEL_DMA_MAP, container_map },
		{ KERNEL_DMA_UNMAP, container_unmap },
		{ KERNEL_DMA_DIRTY, container_dirty },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].request == request)
			return rows[i].perform(space, argument);
	return refuse(ENOTTY);
}

static int of_device(int device, unsigned long request, void *argument)
{
	static const struct {
		unsigned long request;
		bool of_group;
		int (*perform)(int device, void *argument);
	} rows[] = {
		{ KERNEL_VFIO_BIND, false, device_bind },
		{ KERNEL_VFIO_ATTACH, false, device_attach },
		{ KERNEL_VFIO_DETACH, false, device_detach },
		{ KERNEL_RESET_INFO, false, device_reset_info },
		{ KERNEL_DEVICE_FEATURE, false, device_feature },
		{ KERNEL_GROUP_STATUS, true, group_status },
		{ KERNEL_GROUP_SET_CONTAINER, true, group_set },
		{ KERNEL_GROUP_UNSET_CONTAINER, true, group_unset },
		{ KERNEL_GROUP_DEVICE, true, group_device },
	};
	bool of_group = device >= FAKE_GROUP - FAKE_DEVICE;

	if (of_group)
		device -= FAKE_GROUP - FAKE_DEVICE;
	if (device >= FAKE_DEVICES || !(of_group ? fake.group : fake.file)[device])
		return refuse(EBADF);
	if (fake.dead[device])
		return refuse(ENODEV);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].request == request && rows[i].of_group == of_group)
			return rows[i].perform(device, argument);
	return refuse(ENOTTY);
}

int fake_ioctl(int fd, unsigned long request, void *argument)
{
	if (fails())
		return refuse(fake.error);
	if (fd == FAKE_FD)
		return of_iommufd(request, argument);
	if (fd < FAKE_DEVICE)
		return refuse(EBADF);
	if (fd < FAKE_CONTAINER)
		return of_device(fd - FAKE_DEVICE, request, argument);
	return is_space((uint32_t)(fd - FAKE_CONTAINER))
		       ? of_container((uint32_t)(fd - FAKE_CONTAINER), request, argument)
		       : refuse(EBADF);
}

static int open_one(bool *is_open, int first, unsigned number)
{
	if (number >= FAKE_DEVICES)
		return refuse(ENOENT);
	if (is_open[number])
		return refuse(EBUSY);
	is_open[number] = true;
	return first + (int)number;
}

int fake_open(const char *path)
{
	uint32_t space;
	unsigned number;

	if (fails())
		return refuse(fake.error);
	if (!strcmp(path, "/dev/iommu"))
		return fake.no_iommufd ? refuse(ENOENT) : FAKE_FD;
	if (sscanf(path, "/dev/vfio/devices/vfio%u", &number) == 1)
		return open_one(fake.file, FAKE_DEVICE, number);
	if (sscanf(path, "/dev/vfio/%u", &number) == 1)
		return open_one(fake.group, FAKE_GROUP, number);
	if (strcmp(path, "/dev/vfio/vfio") != 0)
		return refuse(ENOENT);
	space = new_space();
	return space ? FAKE_CONTAINER + (int)space : refuse(EMFILE);
}

int fake_close(int fd)
{
	if (fd >= FAKE_CONTAINER) {
		fake.space[fd - FAKE_CONTAINER] = false;
	} else if (fd >= FAKE_GROUP) {
		fake.group[fd - FAKE_GROUP] = false;
		fake.at[fd - FAKE_GROUP] = 0;
	} else if (fd >= FAKE_DEVICE) {
		fake.file[fd - FAKE_DEVICE] = fake.logging[fd - FAKE_DEVICE] = false;
		if (fake.bound[fd - FAKE_DEVICE])
			fake.at[fd - FAKE_DEVICE] = fake.in[fd - FAKE_DEVICE] = 0;
		memset(fake.pasid_in[fd - FAKE_DEVICE], 0, sizeof(fake.pasid_in[0]));
		fake.bound[fd - FAKE_DEVICE] = false;
	} else if (fd < FAKE_FD) {
		close(fd); /* a queue's, which is a pipe */
	}
	return 0;
}

/* -- what tests look at ------------------------------------------------------------------------ */

unsigned fake_spaces(void)
{
	unsigned n = 0;

	for (int i = 0; i < FAKE_SPACES; i++)
		n += fake.space[i];
	return n;
}

uint64_t fake_dma(int device, uint64_t iova, bool write)
{
	uint32_t space = fake.at[device];

	if (!fake.file[device] && !fake.held[device])
		return 0;
	for (unsigned i = 0; space && i < fake.n_maps[space]; i++) {
		struct fake_map *map = &fake.maps[space][i];

		if (!overlaps(map, iova, 1) ||
		    !(map->flags & (write ? KERNEL_MAP_WRITEABLE : KERNEL_MAP_READABLE)))
			continue;
		if (write && (iova - map->iova) / 4096 < 64)
			map->dirty |= 1ull << ((iova - map->iova) / 4096);
		if (write)
			fake_wrote(device, iova & ~0xfffull);
		if (write && fake.logging[device] && fake.n_logged[device] < FAKE_DIRTY)
			fake.logged[device][fake.n_logged[device]++] = iova & ~0xfffull;
		return map->va + (iova - map->iova);
	}
	return 0;
}

/* -- sysfs ------------------------------------------------------------------------------- */

static char root[] = "/tmp/viommu-backend-XXXXXX";

const char *fake_name(int device)
{
	static char name[32];

	snprintf(name, sizeof(name), "0000:%02x:00.0", (unsigned)device & 0xff);
	return name;
}

static void make_folder(const char *path)
{
	char whole[256];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	if (mkdir(whole, 0755))
		abort();
}

static void make_device(int device)
{
	char path[128], link[256], target[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", fake_name(device));
	make_folder(path);
	snprintf(link, sizeof(link), "%s%s/iommu_group", root, path);
	snprintf(target, sizeof(target), "../../../kernel/iommu_groups/%d", fake_group(device));
	if (symlink(target, link))
		abort();
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", fake_name(device));
	make_folder(path);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev/vfio%d", fake_name(device),
		 device);
	make_folder(path);
}

const char *fake_make_sysfs(void)
{
	static const char *const folders[] = { "/sys", "/sys/bus", "/sys/bus/pci",
					       "/sys/bus/pci/devices" };

	if (!mkdtemp(root))
		abort();
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		make_folder(folders[i]);
	for (int i = 0; i < FAKE_DEVICES; i++)
		make_device(i);
	return root;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

void fake_remove_sysfs(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
