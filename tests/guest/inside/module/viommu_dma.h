/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * viommu-dma and its file /dev/viommu-spaces, for the modules that give it address spaces
 *
 * The module defines bind() and unbind(), which keep a struct bound in the private data of a file,
 * ready(), and other(), for commands of its own.
 */
#ifndef VIOMMU_DMA_H
#define VIOMMU_DMA_H

#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "viommu_spaces.h"

#define DMA_VENDOR  0x1234
#define DMA_DEVICE  0x7664
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

/* What a file has bound. */
struct bound {
	u32 pasid;
	const u32 *invalidations;
};

static struct {
	struct pci_dev *pci;
	u8 __iomem *registers;
	struct mutex mutex; /* of the registers */
} function = { .mutex = __MUTEX_INITIALIZER(function.mutex) };

static long bind(struct file *file);
static void unbind(struct file *file);
static bool ready(void);
static long other(unsigned int command, void __user *argument);

/* -- DMA --------------------------------------------------------------------------- */

/* `pasid`: what the register gets. */
static long start_dma(u32 pasid, const struct viommu_spaces_dma *dma)
{
	long status = 0;

	mutex_lock(&function.mutex);
	if (readl(function.registers + REG_STATUS) == 1) {
		status = -EBUSY;
	} else {
		writeq(dma->address, function.registers + REG_ADDRESS);
		writeq(dma->length, function.registers + REG_LENGTH);
		writeq(dma->seed, function.registers + REG_SEED);
		writel(pasid, function.registers + REG_PASID);
		writel(dma->flags, function.registers + REG_FLAGS);
		writel(dma->command, function.registers + REG_COMMAND);
	}
	mutex_unlock(&function.mutex);
	return status;
}

static long start(struct file *file, const void __user *argument)
{
	const struct bound *bound = file->private_data;
	struct viommu_spaces_dma dma;

	if (copy_from_user(&dma, argument, sizeof(dma)))
		return -EFAULT;
	return bound ? start_dma(bound->pasid | PASID_VALID, &dma) : -EINVAL;
}

static long result(struct file *file, void __user *argument)
{
	const struct bound *bound = file->private_data;
	/* First: what is read before a command has ended is not its result. */
	u32 status = readl(function.registers + REG_STATUS);
	const struct viommu_spaces_result result = {
		.status = status,
		.sum = readq(function.registers + REG_SUM),
		.done = readq(function.registers + REG_DONE),
		.requests = readl(function.registers + REG_REQUESTS),
		.drops = readl(function.registers + REG_DROPS),
		.hits = readl(function.registers + REG_HITS),
		.invalidations = bound ? READ_ONCE(*bound->invalidations) : 0,
	};

	return copy_to_user(argument, &result, sizeof(result)) ? -EFAULT : 0;
}

/* -- mapping, DMA, unmapping --------------------------------------------------------- */

#define CANARY      0x5a
#define CHURN_ORDER 2
#define CHURN_BYTES (PAGE_SIZE << CHURN_ORDER)

/* A round before may have DMA under way: that one goes on, or ends where nothing is mapped. */
static int churn_once(void *page, u32 round, struct viommu_spaces_churn *churn)
{
	struct device *dev = &function.pci->dev;
	dma_addr_t at = dma_map_single(dev, page, CHURN_BYTES, DMA_FROM_DEVICE);
	const struct viommu_spaces_dma dma = {
		.address = at, .length = CHURN_BYTES, .seed = round, .command = 1
	};

	if (dma_mapping_error(dev, at))
		return -ENOMEM;
	start_dma(0, &dma);
	while (round % 2 && readl(function.registers + REG_STATUS) == 1)
		cpu_relax();
	churn->under_way += readl(function.registers + REG_STATUS) == 1;
	dma_unmap_single(dev, at, CHURN_BYTES, DMA_FROM_DEVICE);
	churn->written += !!memchr_inv(page, CANARY, CHURN_BYTES);
	memset(page, CANARY, CHURN_BYTES);
	while (round % 4 == 0 && readl(function.registers + REG_STATUS) == 1)
		cpu_relax();
	churn->damaged += !!memchr_inv(page, CANARY, CHURN_BYTES);
	return 0;
}

static long churn_pages(void __user *argument)
{
	void *page = (void *)__get_free_pages(GFP_KERNEL, CHURN_ORDER);
	struct viommu_spaces_churn churn;
	int error = 0;

	if (!page || copy_from_user(&churn, argument, sizeof(churn)))
		error = -EFAULT;
	else
		memset(page, CANARY, CHURN_BYTES);
	for (u32 i = 0; !error && i < churn.rounds; i++) {
		error = churn_once(page, i, &churn);
		cond_resched();
	}
	if (!error && copy_to_user(argument, &churn, sizeof(churn)))
		error = -EFAULT;
	free_pages((unsigned long)page, CHURN_ORDER);
	return error;
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
	case VIOMMU_SPACES_CHURN:
		return churn_pages((void __user *)argument);
	default:
		return other(command, (void __user *)argument);
	}
}

static int opened(struct inode *inode, struct file *file)
{
	file->private_data = NULL;
	return function.registers && ready() ? 0 : -ENODEV;
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

/* -- the function ---------------------------------------------------------------- */

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
	function.pci = pci;
	function.registers = pcim_iomap(pci, 0, 0);
	return function.registers ? 0 : -ENOMEM;
}

static void pci_gone(struct pci_dev *pci)
{
	function.registers = NULL;
}

static const struct pci_device_id pci_ids[] = { { PCI_DEVICE(DMA_VENDOR, DMA_DEVICE) }, {} };
static struct pci_driver pci_driver = {
	.name = KBUILD_MODNAME,
	.id_table = pci_ids,
	.probe = pci_found,
	.remove = pci_gone,
};

static int __init register_dma(void)
{
	int status = pci_register_driver(&pci_driver);

	return status ? status : misc_register(&misc);
}

#endif
