// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The kernel's own driver of virtio-iommu, with PASIDs and page requests for Linux's IOMMU core
 * (x86)
 *
 * The core calls domain_alloc_sva, set_dev_pasid and page_response, and queues the page requests
 * that the driver reports. The driver attaches an SVA domain as the page table of its process
 * (docs/proposal-address-spaces.md), and a paging domain with its mappings. A process binds itself
 * to viommu-dma by iommu_sva_bind_device().
 */
#define EVENT_CAME event_came
#include "stock_driver.h"

#include <linux/delay.h>
#include <linux/mmu_notifier.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "viommu_requests.h"

#define F_PASID        56 /* the bits of VIOMMU_F_PASID and others */
#define F_TABLE        57
#define F_PAGE_REQUEST 59

/* The table of a process, for one PASID of one endpoint. */
struct sva_domain {
	struct viommu_domain stock; /* must be first: the driver frees it */
	struct mmu_notifier notifier;
	struct mutex mutex;
	u32 pasid; /* 0: it is not attached */
	u32 invalidations;
};

static struct iopf_queue *page_requests;
static struct viommu_dev *iommu;
static void serve_events(struct work_struct *unused);
static DECLARE_WORK(events_work, serve_events);

static struct sva_domain *to_sva(struct iommu_domain *domain)
{
	return container_of(to_viommu_domain(domain), struct sva_domain, stock);
}

static bool is_function(const struct device *dev)
{
	return function.pci && dev == &function.pci->dev;
}

static int request(const void *bytes, size_t length)
{
	u8 whole[VIOMMU_ATTACH_TABLE_LENGTH + VIOMMU_TAIL_LENGTH];

	memcpy(whole, bytes, length);
	return viommu_send_req_sync(iommu, whole, length + VIOMMU_TAIL_LENGTH);
}

/* -- SVA domains --------------------------------------------------------------------- */

/* The page tables are freed after this. The core detaches the PASID later. */
static void ended(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct sva_domain *sva = container_of(notifier, struct sva_domain, notifier);

	mutex_lock(&sva->mutex);
	if (sva->pasid)
		detach_pasid(sva->stock.id, sva->pasid);
	WRITE_ONCE(sva->pasid, 0);
	mutex_unlock(&sva->mutex);
}

/* After the entries have changed, and before the pages are used otherwise. In any context. */
static void changed(struct mmu_notifier *notifier, struct mm_struct *mm, unsigned long first,
		    unsigned long end)
{
	struct sva_domain *sva = container_of(notifier, struct sva_domain, notifier);

	WRITE_ONCE(sva->invalidations, sva->invalidations + 1);
	if (READ_ONCE(sva->pasid))
		invalidate(sva->stock.id, first, end - 1);
}

static const struct mmu_notifier_ops notifier_ops = {
	.release = ended,
	.arch_invalidate_secondary_tlbs = changed,
};

static int set_sva(struct iommu_domain *domain, struct device *dev, ioasid_t pasid,
		   struct iommu_domain *old)
{
	struct sva_domain *sva = to_sva(domain);
	int error = -EBUSY;

	if (!is_function(dev) || old)
		return -EOPNOTSUPP;
	mutex_lock(&sva->mutex);
	if (!sva->pasid)
		error = attach_process(sva->stock.id, pasid, domain->mm);
	if (!error)
		WRITE_ONCE(sva->pasid, pasid);
	mutex_unlock(&sva->mutex);
	return error;
}

static void free_sva(struct iommu_domain *domain)
{
	mmu_notifier_unregister(&to_sva(domain)->notifier, domain->mm);
	viommu_domain_free(domain);
}

static const struct iommu_domain_ops sva_ops = {
	.set_dev_pasid = set_sva,
	.free = free_sva,
};

static struct iommu_domain *alloc_sva(struct device *dev, struct mm_struct *mm)
{
	struct viommu_dev *viommu = ((struct viommu_endpoint *)dev_iommu_priv_get(dev))->viommu;
	struct sva_domain *sva = kzalloc(sizeof(*sva), GFP_KERNEL);
	int id, error;

	if (!sva)
		return ERR_PTR(-ENOMEM);
	id = ida_alloc_range(&viommu->domain_ids, viommu->first_domain, viommu->last_domain,
			     GFP_KERNEL);
	error = id < 0 ? id : 0;
	spin_lock_init(&sva->stock.mappings_lock);
	sva->stock.mappings = RB_ROOT_CACHED;
	sva->stock.id = id;
	sva->stock.viommu = viommu;
	sva->stock.domain.ops = &sva_ops;
	mutex_init(&sva->mutex);
	sva->notifier.ops = &notifier_ops;
	if (!error)
		error = mmu_notifier_register(&sva->notifier, mm);
	if (!error)
		return &sva->stock.domain;
	if (id >= 0)
		ida_free(&viommu->domain_ids, id);
	kfree(sva);
	return ERR_PTR(error);
}

/* -- paging domains by PASID, and none ------------------------------------------------- */

static int set_paging(struct iommu_domain *domain, struct device *dev, ioasid_t pasid,
		      struct iommu_domain *old)
{
	struct viommu_domain *vdomain = to_viommu_domain(domain);
	const __le32 bytes[VIOMMU_ATTACH_LENGTH / 4] = {
		cpu_to_le32(VIOMMU_T_ATTACH), cpu_to_le32(vdomain->id), cpu_to_le32(endpoint()),
		cpu_to_le32(VIOMMU_SLOT_F_PASID), cpu_to_le32(pasid)
	};
	int error;

	if (!is_function(dev) || old)
		return -EOPNOTSUPP;
	error = request(bytes, sizeof(bytes));
	if (error)
		return error;
	if (!vdomain->nr_endpoints)
		error = viommu_replay_mappings(vdomain);
	if (error)
		detach_pasid(vdomain->id, pasid);
	else
		vdomain->nr_endpoints++;
	return error;
}

/* Requests for pages that came before are answered when this returns. */
static int set_none(struct iommu_domain *none, struct device *dev, ioasid_t pasid,
		    struct iommu_domain *domain)
{
	struct viommu_domain *vdomain = to_viommu_domain(domain);

	if (domain->type == IOMMU_DOMAIN_SVA) {
		ended(&to_sva(domain)->notifier, domain->mm);
		flush_work(&events_work);
		return iopf_queue_flush_dev(dev);
	}
	vdomain->nr_endpoints--;
	return detach_pasid(vdomain->id, pasid);
}

/* An endpoint without domain may bypass: one without PASID is blocked by a domain without mappings.
 */
static int attach_none(struct iommu_domain *domain, struct device *dev, struct iommu_domain *old)
{
	static DEFINE_MUTEX(mutex);
	static struct iommu_domain *empty;

	mutex_lock(&mutex);
	if (IS_ERR_OR_NULL(empty))
		empty = viommu_domain_alloc_paging(dev);
	mutex_unlock(&mutex);
	return IS_ERR(empty) ? PTR_ERR(empty) : viommu_attach_dev(empty, dev, old);
}

static struct iommu_domain blocked = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops =
		&(const struct iommu_domain_ops){
			.attach_dev = attach_none,
			.set_dev_pasid = set_none,
		},
};

/* -- page requests --------------------------------------------------------------------- */

static void report(const struct long_fault *event)
{
	u32 flags = le32_to_cpu(event->flags);
	struct iopf_fault fault = {
		.fault = {
			.type = IOMMU_FAULT_PAGE_REQ,
			.prm = {
				.flags = IOMMU_FAULT_PAGE_REQUEST_PASID_VALID |
					 (flags & VIOMMU_FAULT_F_LAST ? IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE : 0),
				.pasid = le32_to_cpu(event->pasid),
				.grpid = le16_to_cpu(event->group_id),
				.perm = (flags & VIOMMU_FAULT_F_READ ? IOMMU_FAULT_PERM_READ : 0) |
					(flags & VIOMMU_FAULT_F_WRITE ? IOMMU_FAULT_PERM_WRITE : 0),
				.addr = le64_to_cpu(event->address),
			},
		},
	};

	iommu_report_device_fault(&function.pci->dev, &fault);
}

static void serve_events(struct work_struct *unused)
{
	struct virtqueue *queue = iommu->vqs[VIOMMU_EVENT_VQ];
	struct scatterlist in;
	struct viommu_event *event;
	unsigned int length;

	do {
		virtqueue_disable_cb(queue);
		while ((event = virtqueue_get_buf(queue, &length))) {
			if (length >= VIOMMU_FAULT_LENGTH &&
			    !(le32_to_cpu(event->fault.flags) & VIOMMU_FAULT_F_PAGE_REQ))
				viommu_fault_handler(iommu, &event->fault);
			else if (length >= sizeof(event->fault))
				report(&event->fault);
			sg_init_one(&in, event, sizeof(*event));
			virtqueue_add_inbuf(queue, &in, 1, event, GFP_KERNEL);
			virtqueue_kick(queue);
		}
	} while (!virtqueue_enable_cb(queue));
}

static void event_came(struct virtqueue *queue)
{
	if (READ_ONCE(iommu))
		schedule_work(&events_work);
}

/* The codes of Linux are those of the proposal. */
static void answer(struct device *dev, struct iopf_fault *fault,
		   struct iommu_page_response *response)
{
	respond(response->pasid, response->grpid, response->code);
}

/* -- the IOMMU ------------------------------------------------------------------------- */

static int register_changed(struct iommu_device *device, const struct iommu_ops *ops,
			    struct device *parent)
{
	static struct iommu_domain_ops paging_ops;
	static struct iommu_ops with_pasids;

	WRITE_ONCE(iommu, container_of(device, struct viommu_dev, iommu));
	schedule_work(&events_work); /* for what came before */
	device->max_pasids = 1u << VIOMMU_PASID_BITS_MAX;
	paging_ops = *ops->default_domain_ops;
	paging_ops.set_dev_pasid = set_paging;
	with_pasids = *ops;
	with_pasids.default_domain_ops = &paging_ops;
	with_pasids.domain_alloc_sva = alloc_sva;
	with_pasids.blocked_domain = &blocked;
	with_pasids.page_response = answer;
	return iommu_device_register(device, &with_pasids, parent);
}

/* -- processes --------------------------------------------------------------------------- */

struct space {
	struct bound bound; /* must be first: the file's private data */
	struct iommu_sva *handle;
};

static bool ready(void)
{
	return iommu && page_requests;
}

static void unbind(struct file *file)
{
	struct space *space = file->private_data;

	if (!space)
		return;
	file->private_data = NULL;
	iommu_sva_unbind_device(space->handle);
	kfree(space);
}

/* The core's queue of page requests has the function before its first process. */
static long bind(struct file *file)
{
	struct device *dev = &function.pci->dev;
	struct space *space;
	int error;

	if (file->private_data)
		return -EBUSY;
	error = iopf_queue_add_device(page_requests, dev);
	if (error && error != -EBUSY)
		return error;
	space = kzalloc(sizeof(*space), GFP_KERNEL);
	if (!space)
		return -ENOMEM;
	space->handle = iommu_sva_bind_device(dev, current->mm);
	if (IS_ERR(space->handle)) {
		error = PTR_ERR(space->handle);
		kfree(space);
		return error;
	}
	space->bound.pasid = iommu_sva_get_pasid(space->handle);
	space->bound.invalidations = &to_sva(space->handle->handle.domain)->invalidations;
	file->private_data = space;
	return 0;
}

/* -- two PASIDs with paging domains ---------------------------------------------------- */

#define PAIR_AT    0x100000
#define PAIR_BYTES 64

struct member {
	struct iommu_domain *domain;
	u64 at, *page;
	ioasid_t pasid;
};

static int make_member(struct member *member, unsigned int i)
{
	struct device *dev = &function.pci->dev;
	struct iommu_domain *domain = iommu_paging_domain_alloc(dev);
	int error;

	if (IS_ERR(domain))
		return PTR_ERR(domain);
	member->domain = domain;
	member->at = PAIR_AT << i;
	member->page = (u64 *)get_zeroed_page(GFP_KERNEL);
	member->pasid = iommu_alloc_global_pasid(dev);
	if (!member->page || member->pasid == IOMMU_PASID_INVALID)
		return -ENOMEM;
	error = iommu_map(domain, member->at, virt_to_phys(member->page), PAGE_SIZE,
			  IOMMU_READ | IOMMU_WRITE, GFP_KERNEL);
	return error ? error : iommu_attach_device_pasid(domain, dev, member->pasid, NULL);
}

static void end_member(struct member *member, bool attached)
{
	if (!member->domain)
		return;
	if (attached)
		iommu_detach_device_pasid(member->domain, &function.pci->dev, member->pasid);
	if (member->pasid != IOMMU_PASID_INVALID)
		iommu_free_global_pasid(member->pasid);
	iommu_domain_free(member->domain);
	free_page((unsigned long)member->page);
}

static u32 write_with(u32 pasid, u64 at)
{
	const struct viommu_spaces_dma dma = { .address = at, .length = PAIR_BYTES, .command = 1 };
	u32 status;

	while (start_dma(pasid | PASID_VALID, &dma) == -EBUSY)
		msleep(1);
	while ((status = readl(function.registers + REG_STATUS)) == 1)
		msleep(1);
	return status;
}

static void try_pair(struct member members[2], struct viommu_spaces_pair *pair)
{
	for (unsigned int i = 0; i < 2; i++)
		pair->own[i] = write_with(members[i].pasid, members[i].at);
	pair->intact = memchr_inv(members[0].page, 0, PAIR_BYTES) &&
		       memchr_inv(members[1].page, 0, PAIR_BYTES);
	for (unsigned int i = 0; i < 2; i++)
		memset(members[i].page, 0, PAIR_BYTES);
	for (unsigned int i = 0; i < 2; i++)
		pair->others[i] = write_with(members[i].pasid, members[!i].at);
	iommu_unmap(members[0].domain, members[0].at, PAGE_SIZE);
	pair->unmapped = write_with(members[0].pasid, members[0].at);
	iommu_detach_device_pasid(members[1].domain, &function.pci->dev, members[1].pasid);
	pair->detached = write_with(members[1].pasid, members[1].at);
	for (unsigned int i = 0; i < 2; i++)
		pair->intact &= !memchr_inv(members[i].page, 0, PAIR_BYTES);
}

static long other(unsigned int command, void __user *argument)
{
	struct member members[2] = {};
	struct viommu_spaces_pair pair;
	int errors[2];

	if (command != VIOMMU_SPACES_PAIR)
		return -ENOTTY;
	for (unsigned int i = 0; i < 2; i++)
		errors[i] = make_member(&members[i], i);
	if (!errors[0] && !errors[1])
		try_pair(members, &pair);
	end_member(&members[0], !errors[0]);
	end_member(&members[1], !errors[1] && errors[0]);
	if (errors[0] || errors[1])
		return errors[0] ? errors[0] : errors[1];
	return copy_to_user(argument, &pair, sizeof(pair)) ? -EFAULT : 0;
}

/* -- the module -------------------------------------------------------------------------- */

static int __init begin(void)
{
	static const unsigned int more[] = { F_PASID, F_TABLE, F_PAGE_REQUEST };
	int error;

	page_requests = iopf_queue_alloc("viommu");
	if (!page_requests)
		return -ENOMEM;
	error = begin_with(more, ARRAY_SIZE(more));
	return error ? error : register_dma();
}

module_init(begin);
