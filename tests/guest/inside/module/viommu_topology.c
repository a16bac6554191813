// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Devices get their IOMMU by the topology that the IOMMU has built in, in a stock kernel
 *
 * For machines with neither ACPI nor a device tree. Load it after the driver of the transport and
 * before that of the IOMMU:
 *
 *     insmod viommu_topology.ko form=2                     IOMMUs that are PCI functions
 *     insmod viommu_topology.ko form=2 iommu=512@0xfeb00000:5 device=512@0xfeb00200:6
 *                                                          virtio-mmio: the IOMMU, and devices
 *
 * The topology is read before a driver uses the IOMMU. When the driver has it, devices are added
 * again, and a notifier of their bus gives each its endpoint ID before the IOMMU core looks for it.
 */
#include <linux/iommu.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/workqueue.h>

#include "viommu_builtin.h"

#define ITEMS       64
#define DEVICES     16
#define CAP_DEVICE  4 /* types of capabilities of virtio-pci */
#define CAP_COMMON  1
#define MMIO_CONFIG 0x100

static int form = VIOMMU_BUILTIN_V3;
module_param(form, int, 0444);
MODULE_PARM_DESC(form, "0: v1, 1: v2, 2: v3, 3: v3 with segments");

static char *iommu;
module_param(iommu, charp, 0444);
MODULE_PARM_DESC(iommu, "an IOMMU on virtio-mmio: SIZE@BASE:IRQ");

static char *device[DEVICES];
static int devices;
module_param_array(device, charp, &devices, 0444);
MODULE_PARM_DESC(device, "devices on virtio-mmio behind it, as `iommu`");

static struct {
	struct viommu_builtin_item items[ITEMS];
	int n;
	struct device *parent; /* the PCI function or the virtio-mmio device */
	struct device *virtio; /* its virtio device */
	const struct bus_type *virtio_bus;
	struct fwnode_handle *node;
	struct platform_device *platform[1 + DEVICES];
	struct work_struct work;
	int given; /* devices that have got an endpoint ID */
} state;

/* -- the device's registers, for the reader -------------------------------------- */

struct access {
	void __iomem *config, *features, *select, *status;
	bool byte; /* the width of the status */
};

static uint32_t load(void *opaque, uint32_t offset, unsigned int length)
{
	void __iomem *at = ((struct access *)opaque)->config + offset;

	return length == 1 ? ioread8(at) : length == 2 ? ioread16(at) : ioread32(at);
}

static uint32_t features(void *opaque)
{
	struct access *access = opaque;

	iowrite32(0, access->select);
	return ioread32(access->features);
}

static void set_status(void *opaque, uint8_t status)
{
	struct access *access = opaque;

	if (access->byte)
		iowrite8(status, access->status);
	else
		iowrite32(status, access->status);
}

static int read_items(struct access *access, u32 length)
{
	struct viommu_builtin reader = {
		.opaque = access,
		.load = load,
		.length = length,
		.features = features,
		.set_status = set_status,
	};
	ktime_t start = ktime_get();

	if (form < 0 || form >= VIOMMU_BUILTIN_N_FORMS)
		return -EINVAL;
	state.n = viommu_builtin_read(&reader, form, state.items, ITEMS);
	if (state.n < 0)
		return -ENODEV;
	pr_info("viommu_topology: %d items, read in %lld us\n", state.n,
		ktime_us_delta(ktime_get(), start));
	return 0;
}

/* -- an IOMMU that is a PCI function --------------------------------------------- */

static void __iomem *map_capability(struct pci_dev *pdev, u8 type, u32 *ret_length)
{
	int at = pci_find_capability(pdev, PCI_CAP_ID_VNDR);
	u32 offset;
	u8 kind, bar;

	for (; at; at = pci_find_next_capability(pdev, at, PCI_CAP_ID_VNDR)) {
		pci_read_config_byte(pdev, at + 3, &kind);
		if (kind != type)
			continue;
		pci_read_config_byte(pdev, at + 4, &bar);
		pci_read_config_dword(pdev, at + 8, &offset);
		pci_read_config_dword(pdev, at + 12, ret_length);
		return pci_iomap_range(pdev, bar, offset, *ret_length);
	}
	return NULL;
}

static int read_function(struct pci_dev *pdev)
{
	struct access access = { .byte = true };
	void __iomem *common;
	u32 length, unused;
	int error = -ENODEV;

	if (pci_enable_device_mem(pdev))
		return -ENODEV;
	access.config = map_capability(pdev, CAP_DEVICE, &length);
	common = map_capability(pdev, CAP_COMMON, &unused);
	if (access.config && common) {
		access.select = common;
		access.features = common + 0x04;
		access.status = common + 0x14;
		error = read_items(&access, length);
	}
	if (common)
		pci_iounmap(pdev, common);
	if (access.config)
		pci_iounmap(pdev, access.config);
	pci_disable_device(pdev);
	return error;
}

/* -- virtio-mmio ------------------------------------------------------------------- */

static int parse(const char *text, struct resource *memory, struct resource *irq)
{
	unsigned long long size, base;
	unsigned int line;
	char unit;

	if (sscanf(text, "%llu@0x%llx:%u%c", &size, &base, &line, &unit) != 3 || !size)
		return -EINVAL;
	*memory = DEFINE_RES_MEM(base, size);
	*irq = DEFINE_RES_IRQ(line);
	return 0;
}

static struct platform_device *add_platform(const char *text, int id, struct fwnode_handle *node)
{
	struct resource resources[2];
	const struct platform_device_info info = {
		.name = "virtio-mmio",
		.id = id,
		.fwnode = node,
		.res = resources,
		.num_res = 2,
		.dma_mask = DMA_BIT_MASK(64),
	};
	int error = parse(text, &resources[0], &resources[1]);

	return error ? ERR_PTR(error) : platform_device_register_full(&info);
}

static int read_window(void)
{
	struct resource memory, irq;
	void __iomem *window;
	struct access access;
	int error = parse(iommu, &memory, &irq);

	if (error)
		return error;
	window = ioremap(memory.start, resource_size(&memory));
	if (!window)
		return -ENOMEM;
	access = (struct access){ .config = window + MMIO_CONFIG,
				  .features = window + 0x10,
				  .select = window + 0x14,
				  .status = window + 0x70 };
	error = resource_size(&memory) > MMIO_CONFIG
			? read_items(&access, resource_size(&memory) - MMIO_CONFIG)
			: -EINVAL;
	iounmap(window);
	return error;
}

/* -- devices that are added ----------------------------------------------------------- */

static bool find_id(struct device *dev, u32 *ret_id)
{
	struct resource *memory;

	if (dev_is_pci(dev)) {
		struct pci_dev *pdev = to_pci_dev(dev);

		return viommu_builtin_function(state.items, state.n, pci_domain_nr(pdev->bus),
					       pci_dev_id(pdev), ret_id);
	}
	memory = platform_get_resource(to_platform_device(dev), IORESOURCE_MEM, 0);
	return memory && viommu_builtin_device(state.items, state.n, memory->start, ret_id);
}

/* The IOMMU core's notifier runs after this one. */
static int device_event(struct notifier_block *block, unsigned long action, void *data)
{
	struct device *dev = data;
	u32 id;
	int error;

	if (action != BUS_NOTIFY_ADD_DEVICE || dev == state.parent || !find_id(dev, &id))
		return NOTIFY_DONE;
	error = iommu_fwspec_init(dev, state.node);
	if (!error)
		error = iommu_fwspec_add_ids(dev, &id, 1);
	if (error)
		return NOTIFY_DONE;
	dev_info(dev, "endpoint 0x%x of %s\n", id, dev_name(state.parent));
	state.given++;
	return NOTIFY_OK;
}

static struct notifier_block on_pci = { .notifier_call = device_event, .priority = 1 };
static struct notifier_block on_platform = { .notifier_call = device_event, .priority = 1 };

/* -- the IOMMU has a driver ------------------------------------------------------------- */

/* Bridges stay, with what is behind them. */
static void add_functions_again(void)
{
	struct pci_dev *pdev = NULL;
	struct pci_bus *root = to_pci_dev(state.parent)->bus;
	u32 id;

	for_each_pci_dev(pdev)
	{
		if (&pdev->dev == state.parent || pdev->class >> 16 == PCI_BASE_CLASS_BRIDGE ||
		    !find_id(&pdev->dev, &id))
			continue;
		pci_stop_and_remove_bus_device_locked(pdev);
		pci_dev_put(pdev);
		pdev = NULL; /* from the beginning */
	}
	pci_lock_rescan_remove();
	pci_rescan_bus(root);
	pci_unlock_rescan_remove();
}

static void add_devices(struct work_struct *work)
{
	ktime_t start = ktime_get();

	if (dev_is_pci(state.parent))
		add_functions_again();
	for (int i = 0; i < devices; i++)
		state.platform[1 + i] = add_platform(device[i], 1 + i, NULL);
	pr_info("viommu_topology: %d devices in %lld us\n", state.given,
		ktime_us_delta(ktime_get(), start));
}

static int virtio_event(struct notifier_block *block, unsigned long action, void *data)
{
	if (action == BUS_NOTIFY_BOUND_DRIVER && data == state.virtio)
		schedule_work(&state.work);
	return NOTIFY_DONE;
}

static struct notifier_block on_virtio = { .notifier_call = virtio_event };

/* -- the module -------------------------------------------------------------------------- */

static int find_iommu(void)
{
	struct pci_dev *pdev;
	int error;

	if (iommu) {
		error = read_window();
		if (error)
			return error;
		state.platform[0] = add_platform(iommu, 0, state.node);
		if (IS_ERR(state.platform[0]))
			return PTR_ERR(state.platform[0]);
		state.parent = &state.platform[0]->dev;
		return 0;
	}
	pdev = pci_get_device(0x1af4, 0x1057, NULL);
	if (!pdev)
		return -ENODEV;
	state.parent = &pdev->dev;
	error = read_function(pdev);
	if (!error)
		set_primary_fwnode(&pdev->dev, state.node);
	return error;
}

/* The reset of the reader undoes what the transport's driver has set: the IOMMU's starts anew. */
static int __init begin(void)
{
	int error;

	INIT_WORK(&state.work, add_devices);
	state.node = fwnode_create_software_node(NULL, NULL);
	if (IS_ERR(state.node))
		return PTR_ERR(state.node);
	error = find_iommu();
	if (error)
		return error;
	state.virtio = device_find_any_child(state.parent);
	if (!state.virtio)
		return -ENODEV;
	state.virtio_bus = state.virtio->bus;
	bus_register_notifier(&pci_bus_type, &on_pci);
	bus_register_notifier(&platform_bus_type, &on_platform);
	bus_register_notifier(state.virtio_bus, &on_virtio);
	return 0;
}
module_init(begin);

MODULE_DESCRIPTION("Built-in topology of a virtio-iommu");
MODULE_LICENSE("Dual BSD/GPL");
