/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * QEMU before 10.2 has no calls of functions for ATS and PRI. These have the names of its later ones, and
 * go to the same callbacks, if the function is behind a viommu device.
 */

int pci_iommu_init_iotlb_notifier(PCIDevice *function, IOMMUNotifier *notifier, IOMMUNotify notify,
				  void *opaque)
{
	struct endpoint *endpoint = endpoint_anywhere(function);

	if (!endpoint)
		return -ENODEV;
	ats_init_notifier(endpoint->bus, endpoint->iommu, endpoint->devfn, notifier, notify, opaque);
	return 0;
}

int pci_iommu_register_iotlb_notifier(PCIDevice *function, uint32_t pasid, IOMMUNotifier *notifier)
{
	struct endpoint *endpoint = endpoint_anywhere(function);

	if (!endpoint)
		return -ENODEV;
	ats_register_notifier(endpoint->bus, endpoint->iommu, endpoint->devfn, pasid, notifier);
	return 0;
}

int pci_iommu_unregister_iotlb_notifier(PCIDevice *function, uint32_t pasid, IOMMUNotifier *notifier)
{
	struct endpoint *endpoint = endpoint_anywhere(function);

	if (!endpoint)
		return -ENODEV;
	ats_unregister_notifier(endpoint->bus, endpoint->iommu, endpoint->devfn, pasid, notifier);
	return 0;
}

ssize_t pci_ats_request_translation(PCIDevice *function, uint32_t pasid, bool privileged, bool execute,
				    hwaddr address, size_t length, bool no_write, IOMMUTLBEntry *result,
				    size_t n_result, uint32_t *ret_refused)
{
	struct endpoint *endpoint = endpoint_anywhere(function);

	if (!endpoint)
		return -ENODEV;
	return ats_request_translation(endpoint->bus, endpoint->iommu, endpoint->devfn, pasid,
				       privileged, execute, address, length, no_write, result,
				       n_result, ret_refused);
}

int pci_pri_register_notifier(PCIDevice *function, uint32_t pasid, IOMMUPRINotifier *notifier)
{
	struct endpoint *endpoint = endpoint_anywhere(function);

	if (!endpoint)
		return -ENODEV;
	pri_register_notifier(endpoint->bus, endpoint->iommu, endpoint->devfn, pasid, notifier);
	return 0;
}

void pci_pri_unregister_notifier(PCIDevice *function, uint32_t pasid)
{
	struct endpoint *endpoint = endpoint_anywhere(function);

	if (endpoint)
		pri_unregister_notifier(endpoint->bus, endpoint->iommu, endpoint->devfn, pasid);
}

int pci_pri_request_page(PCIDevice *function, uint32_t pasid, bool privileged, bool execute,
			 hwaddr address, bool last, uint16_t group, bool read, bool write)
{
	struct endpoint *endpoint = endpoint_anywhere(function);

	if (!endpoint)
		return -ENODEV;
	return pri_request_page(endpoint->bus, endpoint->iommu, endpoint->devfn, pasid, privileged,
				execute, address, last, group, read, write);
}
