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
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/workqueue.h>

#include "protocol.h"
#include "viommu_spaces.h"

#define VIRTIO_ID   23
#define DMA_VENDOR  0x1234
#define DMA_DEVICE  0x7664
#define EVENTS      32
#define CAP_PRI     0x13
#define CAP_PASID   0x1b
#define CAP_ATS     0x0f
#define PASID_VALID BIT(31)

enum {
	REG_ADDRESS = 0x08,
	REG_LENGTH = 0x10,
	REG_PASID = 0x18,
	REG_FLAGS = 0x1c,
	REG_SEED = 0x20,
	REG_SUM = 0x28,
	REG_COMMAND = 0x30,
	REG_STATUS = 0x34,
	REG_DONE = 0x38,
	REG_REQUESTS = 0x40,
	REG_DROPS = 0x44,
	REG_HITS = 0x48
};

/* A process, bound by a file. Its PASID is the number of its domain, too. */
struct space {
	struct mmu_notifier notifier;
	struct mm_struct *mm;
	struct list_head entry;
	u32 pasid;
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

	struct pci_dev *pci;
	u8 __iomem *registers;

	struct mutex mutex; /* of the list of spaces, and the function's registers */
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

static u32 endpoint(void)
{
	return pci_dev_id(state.pci);
}

static u64 fspm_of_processor(void)
{
	unsigned long cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	return cr4 & X86_CR4_LA57 ? 1 << 2 : 0;
}

/* First stage; no execute bit; supervisor requests are refused. */
static int attach(struct space *space)
{
	__le32 bytes[VIOMMU_ATTACH_TABLE_LENGTH / 4] = { cpu_to_le32(VIOMMU_T_ATTACH_TABLE) };
	u64 root = __pa(space->mm->pgd) | 1 << 5 | fspm_of_processor();

	bytes[1] = cpu_to_le32(space->pasid);
	bytes[2] = cpu_to_le32(endpoint());
	bytes[3] = cpu_to_le32(VIOMMU_SLOT_F_PASID);
	bytes[4] = cpu_to_le32(VIOMMU_TABLE_X86_PASID_ENTRY);
	bytes[5] = cpu_to_le32(space->pasid);
	bytes[8] = cpu_to_le32(1 | 1 << 6);
	bytes[12] = cpu_to_le32((u32)root);
	bytes[13] = cpu_to_le32(root >> 32);
	return request(bytes, sizeof(bytes));
}

static int detach(const struct space *space)
{
	const __le32 bytes[] = { cpu_to_le32(VIOMMU_T_DETACH), cpu_to_le32(space->pasid),
				 cpu_to_le32(endpoint()), cpu_to_le32(VIOMMU_SLOT_F_PASID),
				 cpu_to_le32(space->pasid) };

	return request(bytes, sizeof(bytes));
}

static int invalidate(const struct space *space, u64 first, u64 last)
{
	u8 bytes[VIOMMU_INVALIDATE_LENGTH] = { VIOMMU_T_INVALIDATE };

	bytes[4] = VIOMMU_INVALIDATE_S_ADDRESS;
	bytes[5] = VIOMMU_INVALIDATE_C_TLB | VIOMMU_INVALIDATE_C_DEV_TLB;
	*(__le32 *)(bytes + 8) = cpu_to_le32(space->pasid);
	*(__le64 *)(bytes + 24) = cpu_to_le64(first & PAGE_MASK);
	*(__le64 *)(bytes + 32) = cpu_to_le64((last >> PAGE_SHIFT) - (first >> PAGE_SHIFT) + 1);
	bytes[40] = PAGE_SHIFT;
	return request(bytes, sizeof(bytes));
}

static int respond(const u8 *event, u16 code)
{
	const __le32 bytes[VIOMMU_PAGE_RESPONSE_LENGTH / 4] = {
		cpu_to_le32(VIOMMU_T_PAGE_RESPONSE), *(__le32 *)(event + 8),
		cpu_to_le32(VIOMMU_PAGE_RESPONSE_F_PASID), *(__le32 *)(event + 12),
		cpu_to_le32(le16_to_cpup((__le16 *)(event + 24)) | (u32)code << 16)
	};

	return request(bytes, sizeof(bytes));
}

/* -- page requests --------------------------------------------------------------- */

/* With a reference to its mm, unless that is ending. */
static struct mm_struct *mm_of(u32 pasid)
{
	struct mm_struct *mm = NULL;
	struct space *space;

	mutex_lock(&state.mutex);
	list_for_each_entry(space, &state.spaces,
			    entry) if (space->pasid == pasid && space->attached &&
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
		respond(event, fault_in(pasid, address, flags & VIOMMU_FAULT_F_WRITE));
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
		detach(space);
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
		invalidate(space, first, end - 1);
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
		detach(space);
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
	space->pasid = ++state.last_pasid;
	list_add(&space->entry, &state.spaces);
	mutex_unlock(&state.mutex);
	file->private_data = space;
	status = mmu_notifier_register(&space->notifier, space->mm);
	if (status)
		return status;
	mutex_lock(&state.mutex);
	status = attach(space);
	space->attached = !status;
	mutex_unlock(&state.mutex);
	return status ? -EIO : 0;
}

static long start(struct file *file, const void __user *argument)
{
	struct space *space = file->private_data;
	struct viommu_spaces_dma dma;
	long status = 0;

	if (copy_from_user(&dma, argument, sizeof(dma)))
		return -EFAULT;
	if (!space)
		return -EINVAL;
	mutex_lock(&state.mutex);
	if (readl(state.registers + REG_STATUS) == 1) {
		status = -EBUSY;
	} else {
		writeq(dma.address, state.registers + REG_ADDRESS);
		writeq(dma.length, state.registers + REG_LENGTH);
		writeq(dma.seed, state.registers + REG_SEED);
		writel(space->pasid | PASID_VALID, state.registers + REG_PASID);
		writel(dma.flags, state.registers + REG_FLAGS);
		writel(dma.command, state.registers + REG_COMMAND);
	}
	mutex_unlock(&state.mutex);
	return status;
}

static long result(struct file *file, void __user *argument)
{
	const struct space *space = file->private_data;
	/* First: what is read before a command has ended is not its result. */
	u32 status = readl(state.registers + REG_STATUS);
	const struct viommu_spaces_result result = {
		.status = status,
		.sum = readq(state.registers + REG_SUM),
		.done = readq(state.registers + REG_DONE),
		.requests = readl(state.registers + REG_REQUESTS),
		.drops = readl(state.registers + REG_DROPS),
		.hits = readl(state.registers + REG_HITS),
		.invalidations = space ? space->invalidations : 0,
	};

	return copy_to_user(argument, &result, sizeof(result)) ? -EFAULT : 0;
}

static long control(struct file *file, unsigned int command, unsigned long argument)
{
	switch (command) {
	case VIOMMU_SPACES_BIND:
		return bind(file);
	case VIOMMU_SPACES_UNBIND:
		unbind(file);
		return 0;
	case VIOMMU_SPACES_START:
		return start(file, (void __user *)argument);
	case VIOMMU_SPACES_RESULT:
		return result(file, (void __user *)argument);
	default:
		return -ENOTTY;
	}
}

static int opened(struct inode *inode, struct file *file)
{
	file->private_data = NULL;
	return state.registers && state.virtio ? 0 : -ENODEV;
}

static int closed(struct inode *inode, struct file *file)
{
	unbind(file);
	return 0;
}

static const struct file_operations file_ops = {
	.owner = THIS_MODULE,
	.open = opened,
	.release = closed,
	.unlocked_ioctl = control,
};

static struct miscdevice misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "viommu-spaces",
	.fops = &file_ops,
};

/* -- the devices ---------------------------------------------------------------------- */

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

static void enable(struct pci_dev *pci, u16 id, int at, u16 value)
{
	int capability = pci_find_ext_capability(pci, id);

	if (capability)
		pci_write_config_word(pci, capability + at, value);
}

static int pci_found(struct pci_dev *pci, const struct pci_device_id *id)
{
	int status = pcim_enable_device(pci);

	if (status)
		return status;
	pci_set_master(pci);
	enable(pci, CAP_PASID, 6, 1);
	enable(pci, CAP_ATS, 6, 0x8000);
	enable(pci, CAP_PRI, 4, 1);
	state.pci = pci;
	state.registers = pcim_iomap(pci, 0, 0);
	return state.registers ? 0 : -ENOMEM;
}

static void pci_gone(struct pci_dev *pci)
{
	state.registers = NULL;
}

static const struct pci_device_id pci_ids[] = { { PCI_DEVICE(DMA_VENDOR, DMA_DEVICE) }, {} };
static struct pci_driver pci_driver = {
	.name = "viommu_spaces",
	.id_table = pci_ids,
	.probe = pci_found,
	.remove = pci_gone,
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
	if (!status)
		status = pci_register_driver(&pci_driver);
	return status ? status : misc_register(&misc);
}

module_init(begin);
MODULE_DESCRIPTION("Shared virtual addresses with viommu, for tests");
MODULE_LICENSE("Dual BSD/GPL");
