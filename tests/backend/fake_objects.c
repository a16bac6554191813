/* SPDX-License-Identifier: BSD-3-Clause */
/* The objects of the fake kernel's iommufd beside IOAS: page tables, vIOMMUs, vDEVICEs, queues */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake.h"

#include "backend/layouts.h"

static int refuse(int error)
{
	errno = error;
	return -1;
}

struct fake_object *fake_object(uint32_t id)
{
	struct fake_object *object = &fake.objects[(id - FAKE_OBJECT) % FAKE_OBJECTS];

	return id >= FAKE_OBJECT && id < FAKE_OBJECT + FAKE_OBJECTS && object->kind ? object : NULL;
}

static struct fake_object *object_of(uint32_t id, enum fake_kind kind)
{
	struct fake_object *object = fake_object(id);

	return object && object->kind == kind ? object : NULL;
}

static int make(const struct fake_object *wanted, uint32_t *ret_id)
{
	for (uint32_t i = 0; i < FAKE_OBJECTS; i++) {
		if (fake.objects[i].kind)
			continue;
		fake.objects[i] = *wanted;
		*ret_id = FAKE_OBJECT + i;
		return 0;
	}
	return refuse(ENOMEM);
}

unsigned fake_n_objects(void)
{
	unsigned n = 0;

	for (int i = 0; i < FAKE_OBJECTS; i++)
		n += fake.objects[i].kind != 0;
	return n;
}

bool fake_space_has_objects(uint32_t space)
{
	for (int i = 0; i < FAKE_OBJECTS; i++)
		if (fake.objects[i].kind && fake.objects[i].space == space)
			return true;
	return false;
}

static int device_of(uint32_t dev_id)
{
	int device = (int)dev_id - 1000;

	return device >= 0 && device < FAKE_DEVICES && fake.bound[device] ? device : -1;
}

int fake_hwpt_alloc(void *opaque)
{
	struct kernel_hwpt_alloc *argument = opaque;
	int device = device_of(argument->dev_id);
	const struct fake_object *over = fake_object(argument->pt_id);
	struct fake_object hwpt = { .kind = FAKE_HWPT, .space = argument->pt_id };
	bool nested = over != NULL;

	if (argument->size != 48 || device < 0)
		return refuse(EINVAL);
	if (!nested && (argument->pt_id >= FAKE_SPACES || !fake.space[argument->pt_id]))
		return refuse(ENOENT);
	hwpt.iommu = fake.iommu[device];
	hwpt.flags = argument->flags & ~KERNEL_HWPT_FAULT;
	hwpt.faults = argument->flags & KERNEL_HWPT_FAULT ? argument->fault_id : 0;
	if (hwpt.faults && !object_of(hwpt.faults, FAKE_FAULTS))
		return refuse(ENOENT);
	if (!nested)
		return hwpt.flags & ~fake.limits[device].hwpt_flags
			       ? refuse(EOPNOTSUPP)
			       : make(&hwpt, &argument->out_hwpt_id);
	if (over->iommu != hwpt.iommu || hwpt.flags & ~KERNEL_HWPT_PASID ||
	    argument->data_length > sizeof(hwpt.data))
		return refuse(EINVAL);
	if (over->kind != FAKE_VIOMMU && !(over->flags & KERNEL_HWPT_NEST))
		return refuse(EINVAL);
	hwpt.space = over->space;
	hwpt.over = argument->pt_id;
	hwpt.data_type = argument->data_type;
	memcpy(hwpt.data, (void *)(uintptr_t)argument->data, argument->data_length);
	return make(&hwpt, &argument->out_hwpt_id);
}

static uint64_t window_of(uint32_t id)
{
	return FAKE_WINDOW * (1ull + id - FAKE_OBJECT);
}

int fake_viommu_alloc(void *opaque)
{
	struct kernel_viommu_alloc *argument = opaque;
	const struct fake_object *parent = object_of(argument->hwpt_id, FAKE_HWPT);
	int device = device_of(argument->dev_id);
	struct fake_object viommu = { .kind = FAKE_VIOMMU, .over = argument->hwpt_id };

	viommu.has_queues = argument->type == KERNEL_VIOMMU_CMDQV;
	if (argument->size != 40 || device < 0 ||
	    (!viommu.has_queues && argument->type != KERNEL_VIOMMU_ARM_SMMUV3) ||
	    (viommu.has_queues && !fake.limits[device].queues_log2))
		return refuse(EOPNOTSUPP);
	if (viommu.has_queues && fake.no_queues)
		return refuse(ENOSPC);
	if (!parent || !(parent->flags & KERNEL_HWPT_NEST) || parent->iommu != fake.iommu[device])
		return refuse(EINVAL);
	viommu.iommu = fake.iommu[device];
	viommu.space = parent->space;
	viommu.device = device;
	if (make(&viommu, &argument->out_viommu_id))
		return -1;
	if (viommu.has_queues)
		*(struct kernel_window *)(uintptr_t)argument->data =
			(struct kernel_window){ window_of(argument->out_viommu_id),
						FAKE_WINDOW_BYTES };
	return 0;
}

static unsigned count_queues(uint32_t viommu)
{
	unsigned n = 0;

	for (int i = 0; i < FAKE_OBJECTS; i++)
		n += fake.objects[i].kind == FAKE_HW_QUEUE && fake.objects[i].over == viommu;
	return n;
}

/* In one mapping, which is one physical range here. */
static bool is_mapped(uint32_t space, uint64_t base, uint64_t length)
{
	for (unsigned i = 0; i < fake.n_maps[space]; i++) {
		const struct fake_map *map = &fake.maps[space][i];

		if (base >= map->iova && base - map->iova < map->length &&
		    length <= map->length - (base - map->iova))
			return true;
	}
	return false;
}

bool fake_is_pinned(uint32_t space, uint64_t iova, uint64_t length)
{
	for (int i = 0; i < FAKE_OBJECTS; i++) {
		const struct fake_object *queue = &fake.objects[i];

		if (queue->kind == FAKE_HW_QUEUE && queue->space == space &&
		    queue->base <= iova + (length - 1) && iova <= queue->base + (queue->length - 1))
			return true;
	}
	return false;
}

int fake_hw_queue_alloc(void *opaque)
{
	struct kernel_hw_queue_alloc *argument = opaque;
	const struct fake_object *viommu = object_of(argument->viommu_id, FAKE_VIOMMU);
	struct fake_object queue = { .kind = FAKE_HW_QUEUE,
				     .over = argument->viommu_id,
				     .base = argument->base,
				     .length = argument->length };

	if (argument->size != 40 || argument->type != KERNEL_QUEUE_CMDQV || !viommu ||
	    !viommu->has_queues)
		return refuse(EOPNOTSUPP);
	if (argument->index >= 1u << fake.limits[viommu->device].queues_log2 ||
	    argument->length > 16ull << fake.limits[viommu->device].queue_log2)
		return refuse(EINVAL);
	if (argument->index != count_queues(argument->viommu_id))
		return refuse(EIO);
	if (!is_mapped(viommu->space, argument->base, argument->length))
		return refuse(ENOENT);
	queue.space = viommu->space;
	return make(&queue, &argument->out_queue_id);
}

int fake_vdevice_alloc(void *opaque)
{
	struct kernel_vdevice_alloc *argument = opaque;
	const struct fake_object *viommu = object_of(argument->viommu_id, FAKE_VIOMMU);
	int device = device_of(argument->dev_id);
	struct fake_object vdevice = { .kind = FAKE_VDEVICE, .over = argument->viommu_id };

	if (argument->size != 24 || !viommu || device < 0 || viommu->iommu != fake.iommu[device])
		return refuse(EINVAL);
	for (int i = 0; i < FAKE_OBJECTS; i++)
		if (fake.objects[i].kind == FAKE_VDEVICE && fake.objects[i].device == device)
			return refuse(EEXIST);
	vdevice.space = viommu->space;
	vdevice.device = device;
	vdevice.virtual_id = argument->virt_id;
	return make(&vdevice, &argument->out_vdevice_id);
}

int fake_veventq_alloc(void *opaque)
{
	struct kernel_veventq_alloc *argument = opaque;
	const struct fake_object *viommu = object_of(argument->viommu_id, FAKE_VIOMMU);
	struct fake_object queue = { .kind = FAKE_QUEUE, .over = argument->viommu_id };
	int ends[2];

	if (argument->size != 32 || !viommu || !argument->depth)
		return refuse(EINVAL);
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC))
		return -1;
	queue.space = viommu->space;
	queue.write_end = ends[1];
	argument->out_veventq_fd = (uint32_t)ends[0];
	return make(&queue, &argument->out_veventq_id);
}

void fake_event(const void *bytes, size_t length)
{
	for (int i = 0; i < FAKE_OBJECTS; i++)
		if (fake.objects[i].kind == FAKE_QUEUE &&
		    write(fake.objects[i].write_end, bytes, length) < 0)
			fake.calls = 0;
}

static bool is_used(uint32_t id)
{
	for (int i = 0; i < FAKE_OBJECTS; i++)
		if (fake.objects[i].kind &&
		    (fake.objects[i].over == id || fake.objects[i].faults == id))
			return true;
	for (int i = 0; i < FAKE_DEVICES; i++) {
		if (fake.in[i] == id)
			return true;
		for (int pasid = 0; pasid < FAKE_PASIDS; pasid++)
			if (fake.pasid_in[i][pasid] == id)
				return true;
	}
	return false;
}

int fake_destroy(uint32_t id)
{
	struct fake_object *object = fake_object(id);

	if (!object)
		return refuse(ENOENT);
	if (is_used(id) || (object->has_queues && fake.window == window_of(id)))
		return refuse(EBUSY);
	if (object->kind == FAKE_QUEUE || object->kind == FAKE_FAULTS)
		close(object->write_end);
	object->kind = FAKE_NOTHING;
	return 0;
}

/* A vDEVICE in the vIOMMU that a page table is over, if it is over one. */
static bool may_enter(int device, const struct fake_object *hwpt)
{
	if (hwpt->iommu != fake.iommu[device])
		return false;
	if (!object_of(hwpt->over, FAKE_VIOMMU))
		return true;
	for (int i = 0; i < FAKE_OBJECTS; i++)
		if (fake.objects[i].kind == FAKE_VDEVICE && fake.objects[i].device == device)
			return fake.objects[i].over == hwpt->over;
	return false;
}

int fake_enter(int device, uint32_t id)
{
	const struct fake_object *hwpt = object_of(id, FAKE_HWPT);

	if (!hwpt)
		return refuse(ENOENT);
	if (!may_enter(device, hwpt))
		return refuse(EINVAL);
	if (hwpt->faults && !fake.limits[device].requests_pages)
		return refuse(EOPNOTSUPP);
	for (int pasid = 0; pasid < FAKE_PASIDS; pasid++)
		if (fake.pasid_in[device][pasid] && !(hwpt->flags & KERNEL_HWPT_PASID))
			return refuse(EINVAL);
	return fake_place(device, hwpt->space, id) ? 0 : refuse(EINVAL);
}

/* What the device is in without a PASID has to allow it, too. */
int fake_enter_pasid(int device, uint32_t pasid, uint32_t id)
{
	const struct fake_object *hwpt = object_of(id, FAKE_HWPT);
	const struct fake_object *whole = object_of(fake.in[device], FAKE_HWPT);

	if (!hwpt || pasid >= FAKE_PASIDS || !(hwpt->flags & KERNEL_HWPT_PASID) ||
	    hwpt->iommu != fake.iommu[device] ||
	    (fake.at[device] && !(whole && whole->flags & KERNEL_HWPT_PASID)))
		return refuse(EINVAL);
	fake.pasid_in[device][pasid] = id;
	return 0;
}

/* -- page requests --------------------------------------------------------------------- */

int fake_fault_queue_alloc(void *opaque)
{
	struct kernel_fault_queue_alloc *argument = opaque;
	struct fake_object queue = { .kind = FAKE_FAULTS };
	int ends[2];

	if (argument->size != 16)
		return refuse(EINVAL);
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
		return -1;
	queue.write_end = ends[1];
	argument->out_fault_fd = (uint32_t)ends[0];
	return make(&queue, &argument->out_fault_id);
}

void fake_request_pages(int device, const void *bytes, size_t length)
{
	const struct fake_object *hwpt = object_of(fake.in[device], FAKE_HWPT);
	const struct fake_object *queue = hwpt ? object_of(hwpt->faults, FAKE_FAULTS) : NULL;

	if (!queue || write(queue->write_end, bytes, length) < 0)
		abort();
}

bool fake_answer(uint32_t *ret_cookie, uint32_t *ret_code)
{
	struct kernel_page_response response;

	for (int i = 0; i < FAKE_OBJECTS; i++) {
		if (fake.objects[i].kind != FAKE_FAULTS ||
		    read(fake.objects[i].write_end, &response, sizeof(response)) < 0)
			continue;
		*ret_cookie = response.cookie;
		*ret_code = response.code;
		return true;
	}
	return false;
}

/* -- invalidation and dirty pages ----------------------------------------------------- */

int fake_invalidate(void *opaque)
{
	struct kernel_hwpt_invalidate *argument = opaque;
	const struct fake_object *object = fake_object(argument->hwpt_id);
	const unsigned char *entry = (void *)(uintptr_t)argument->data;
	uint32_t n = argument->n;

	if (!object || (object->kind != FAKE_VIOMMU && object->kind != FAKE_HWPT))
		return refuse(EINVAL);
	argument->n = 0;
	for (uint32_t i = 0; i < n; i++, argument->n++, entry += argument->entry_length) {
		if (fake.invalidate_most && i == fake.invalidate_most)
			return refuse(EIO);
		if (fake.n_invalidated < FAKE_ENTRIES)
			memcpy(fake.invalidated[fake.n_invalidated++], entry, 16);
	}
	return 0;
}

int fake_track(void *opaque)
{
	const struct kernel_hwpt_track *argument = opaque;
	struct fake_object *hwpt = object_of(argument->hwpt_id, FAKE_HWPT);

	if (argument->size != 16 || !hwpt || !(hwpt->flags & KERNEL_HWPT_DIRTY))
		return refuse(EINVAL);
	hwpt->tracks = argument->flags & KERNEL_TRACK_ENABLE;
	hwpt->n_dirty = 0;
	return 0;
}

/* Bits are added to those that are set. */
int fake_dirty_bitmap(void *opaque)
{
	const struct kernel_hwpt_dirty *argument = opaque;
	struct fake_object *hwpt = object_of(argument->hwpt_id, FAKE_HWPT);
	uint64_t *bits = (uint64_t *)(uintptr_t)argument->data;
	unsigned kept = 0;

	if (argument->size != 48 || !hwpt || !hwpt->tracks || argument->page_size != 4096 ||
	    !argument->length)
		return refuse(EINVAL);
	for (unsigned i = 0; i < hwpt->n_dirty; i++) {
		uint64_t page = (hwpt->dirty[i] - argument->iova) / 4096;

		if (hwpt->dirty[i] - argument->iova < argument->length)
			bits[page / 64] |= 1ull << (page % 64);
		else
			hwpt->dirty[kept++] = hwpt->dirty[i];
	}
	hwpt->n_dirty = kept;
	return 0;
}

void fake_wrote(int device, uint64_t iova)
{
	struct fake_object *hwpt = object_of(fake.in[device], FAKE_HWPT);

	if (hwpt && object_of(hwpt->over, FAKE_VIOMMU))
		hwpt = object_of(fake_object(hwpt->over)->over, FAKE_HWPT);
	if (hwpt && hwpt->tracks && hwpt->n_dirty < FAKE_DIRTY)
		hwpt->dirty[hwpt->n_dirty++] = iova;
}
