// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Shared virtual addresses by the proposal of docs/proposal-address-spaces.md
 *
 * A process that binds itself gives its own page table to the device: the root of ATTACH_TABLE is
 * that of its mm. The processor's changes are followed by INVALIDATE (MMU notifier), and page
 * requests are answered by faulting the page in. The endpoint is viommu-dma; no other driver of the
 * IOMMU is loaded.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/workqueue.h>

#include "viommu_requests.h"

#define VIRTIO_ID 23
#define EVENTS    32

/* A process, bound by a file. Its PASID is the number of its domain, too. */
struct space {
	struct bound bound; /* must be first: the file's private data */
	struct mmu_notifier notifier;
	struct mm_struct *mm;
	struct list_head entry;
	bool attached;
	u32 invalidations;
};

/* While it is set, page requests get no answer. */
static bool hold;
module_param(hold, bool, 0644);

static struct {
	struct virtio_device *virtio;
	struct virtqueue *queues[2];
	spinlock_t lock; /* of the request queue, and `request` and `tail` */
	struct buffers {
		u8 request[128], tail[4];
		u8 events[EVENTS][VIOMMU_FAULT_LONG_LENGTH];
	} * buffers;
	struct work_struct work;

	struct mutex mutex; /* of the list of spaces */
	struct list_head spaces;
	u32 last_pasid;
} state;

/* -- requests ------------------------------------------------------------------ */

/* In any context: busy until the device has answered. */
static int request(const void *bytes, size_t length)
{
	struct scatterlist out, in, *lists[] = { &out, &in };
	unsigned long flags;
	unsigned int used;
	int status;

	spin_lock_irqsave(&state.lock, flags);
	memcpy(state.buffers->request, bytes, length);
	state.buffers->tail[0] = 0xff;
	sg_init_one(&out, state.buffers->request, length);
	sg_init_one(&in, state.buffers->tail, sizeof(state.buffers->tail));
	status = virtqueue_add_sgs(state.queues[0], lists, 1, 1, &state, GFP_ATOMIC);
	if (!status) {
		virtqueue_kick(state.queues[0]);
		while (!virtqueue_get_buf(state.queues[0], &used))
			cpu_relax();
		status = used ? READ_ONCE(state.buffers->tail[0]) : -EIO;
	}
	spin_unlock_irqrestore(&state.lock, flags);
	return status;
}

/* -- page requests --------------------------------------------------------------- */

/* With a reference to its mm, unless that is ending. */
static struct mm_struct *mm_of(u32 pasid)
{
	struct mm_struct *mm = NULL;
	struct space *space;

	mutex_lock(&state.mutex);
	list_for_each_entry(space, &state.spaces,
			    entry) if (space->bound.pasid == pasid && space->attached &&
				       mmget_not_zero(space->mm)) mm = space->mm;
	mutex_unlock(&state.mutex);
	return mm;
}

static u16 fault_in(u32 pasid, u64 address, bool write)
{
	struct mm_struct *mm = mm_of(pasid);
	struct page *page;
	long n = 0;

	if (!mm)
		return VIOMMU_PAGE_INVALID;
	mmap_read_lock(mm);
	if (address < TASK_SIZE_MAX)
		n = get_user_pages_remote(mm, address, 1, write ? FOLL_WRITE : 0, &page, NULL);
	mmap_read_unlock(mm);
	if (n == 1)
		put_page(page);
	mmput(mm);
	return n == 1 ? VIOMMU_PAGE_SUCCESS : VIOMMU_PAGE_INVALID;
}

static void serve(const u8 *event)
{
	u32 flags = le32_to_cpup((__le32 *)(event + 4));
	u64 address = le64_to_cpup((__le64 *)(event + 16));
	u32 pasid = le32_to_cpup((__le32 *)(event + 12));

	while (flags & VIOMMU_FAULT_F_PAGE_REQ && READ_ONCE(hold))
		msleep(10);
	if (flags & VIOMMU_FAULT_F_PAGE_REQ)
		respond(pasid, le16_to_cpup((__le16 *)(event + 24)),
			fault_in(pasid, address, flags & VIOMMU_FAULT_F_WRITE));
	else
		pr_info("viommu_spaces: fault, reason %u, PASID %u, address 0x%llx\n", event[0],
			pasid, address);
}

static void offer(u8 *event)
{
	struct scatterlist in;

	sg_init_one(&in, event, sizeof(state.buffers->events[0]));
	virtqueue_add_inbuf(state.queues[1], &in, 1, event, GFP_KERNEL);
	virtqueue_kick(state.queues[1]);
}

static void work(struct work_struct *unused)
{
	unsigned int length;
	u8 *event;

	do {
		virtqueue_disable_cb(state.queues[1]);
		while ((event = virtqueue_get_buf(state.queues[1], &length))) {
			if (length >= VIOMMU_FAULT_LENGTH)
				serve(event);
			offer(event);
		}
	} while (!virtqueue_enable_cb(state.queues[1]));
}

static void event_came(struct virtqueue *queue)
{
	schedule_work(&state.work);
}

/* -- processes --------------------------------------------------------------------- */

static struct space *space_of(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct space, notifier);
}

/* The page tables are freed after this. */
static void ended(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct space *space = space_of(notifier);

	mutex_lock(&state.mutex);
	if (space->attached)
		detach_pasid(space->bound.pasid, space->bound.pasid);
	space->attached = false;
	mutex_unlock(&state.mutex);
}

/* After the entries have changed, and before the pages are used otherwise. In any context. */
static void changed(struct mmu_notifier *notifier, struct mm_struct *mm, unsigned long first,
		    unsigned long end)
{
	struct space *space = space_of(notifier);

	space->invalidations++;
	if (READ_ONCE(space->attached))
		invalidate(space->bound.pasid, first, end - 1);
}

static const struct mmu_notifier_ops notifier_ops = {
	.release = ended,
	.arch_invalidate_secondary_tlbs = changed,
};

static void unbind(struct file *file)
{
	struct space *space = file->private_data;

	if (!space)
		return;
	file->private_data = NULL;
	mmu_notifier_unregister(&space->notifier, space->mm);
	mutex_lock(&state.mutex);
	if (space->attached)
		detach_pasid(space->bound.pasid, space->bound.pasid);
	list_del(&space->entry);
	mutex_unlock(&state.mutex);
	mmdrop(space->mm);
	kfree(space);
}

static long bind(struct file *file)
{
	struct space *space;
	int status;

	if (file->private_data)
		return -EBUSY;
	space = kzalloc(sizeof(*space), GFP_KERNEL);
	if (!space)
		return -ENOMEM;
	space->mm = current->mm;
	space->notifier.ops = &notifier_ops;
	mmgrab(space->mm);
	mutex_lock(&state.mutex);
	space->bound = (struct bound){ ++state.last_pasid, &space->invalidations };
	list_add(&space->entry, &state.spaces);
	mutex_unlock(&state.mutex);
	file->private_data = space;
	status = mmu_notifier_register(&space->notifier, space->mm);
	if (status)
		return status;
	mutex_lock(&state.mutex);
	status = attach_process(space->bound.pasid, space->bound.pasid, space->mm);
	space->attached = !status;
	mutex_unlock(&state.mutex);
	return status ? -EIO : 0;
}

static bool ready(void)
{
	return state.virtio;
}

static long other(unsigned int command, void __user *argument)
{
	return -ENOTTY;
}

/* -- the IOMMU ---------------------------------------------------------------------- */

static int virtio_found(struct virtio_device *virtio)
{
	struct virtqueue_info queues[] = { { "request", NULL }, { "event", event_came } };
	int status = virtio_find_vqs(virtio, 2, state.queues, queues, NULL);

	if (status)
		return status;
	state.virtio = virtio;
	virtio_device_ready(virtio);
	for (unsigned int i = 0; i < EVENTS; i++)
		offer(state.buffers->events[i]);
	return 0;
}

static void virtio_gone(struct virtio_device *virtio)
{
	virtio_reset_device(virtio);
	cancel_work_sync(&state.work);
	virtio->config->del_vqs(virtio);
	state.virtio = NULL;
}

static const struct virtio_device_id virtio_ids[] = { { VIRTIO_ID, VIRTIO_DEV_ANY_ID }, {} };
static const unsigned int features[] = { 4 /* PROBE */, 56, 57, 59 };
static struct virtio_driver virtio_driver = {
	.driver.name = "viommu_spaces",
	.id_table = virtio_ids,
	.feature_table = features,
	.feature_table_size = ARRAY_SIZE(features),
	.probe = virtio_found,
	.remove = virtio_gone,
};

static int __init begin(void)
{
	int status;

	spin_lock_init(&state.lock);
	mutex_init(&state.mutex);
	INIT_LIST_HEAD(&state.spaces);
	INIT_WORK(&state.work, work);
	state.buffers = kzalloc(sizeof(*state.buffers), GFP_KERNEL);
	if (!state.buffers)
		return -ENOMEM;
	status = register_virtio_driver(&virtio_driver);
	return status ? status : register_dma();
}

module_init(begin);
MODULE_DESCRIPTION("Shared virtual addresses with viommu, for tests");
MODULE_LICENSE("Dual BSD/GPL");
