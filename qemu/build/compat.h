/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VIOMMU_QEMU_COMPAT_H
#define VIOMMU_QEMU_COMPAT_H

/*
 * Differences between versions of QEMU: the only file with #if
 *
 * Supports 7.2 (Debian 12), 10.0 (Debian 13) and 10.2, and compiles with the headers of release
 * candidate 2 of 11.1. Every file includes it first, through iommu.h.
 */

#include "qemu/osdep.h"

#define QEMU_AT_LEAST(major, minor) \
	(QEMU_VERSION_MAJOR > (major) || \
	 (QEMU_VERSION_MAJOR == (major) && QEMU_VERSION_MINOR >= (minor)))

#include "block/block_int.h"
#include "hw/acpi/acpi.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_host.h"
#include "hw/pci/pcie.h"
#include "hw/virtio/virtio-bus.h"
#include "hw/virtio/virtio-mmio.h"
#include "hw/virtio/virtio-pci.h"
#include "hw/virtio/virtio.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-control.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/option.h"
#include "qemu/iov.h"
#include "qemu/main-loop.h"

#if QEMU_AT_LEAST(11, 0)
#include "hw/core/boards.h"
#include "hw/core/qdev-properties.h"
#include "hw/core/sysbus.h"
#include "plugins/qemu-plugin.h"
#include "qemu/aio-wait.h"
#include "system/memory_cached.h"
#else
#include "block/aio-wait.h"
#include "hw/boards.h"
#include "hw/qdev-properties.h"
#include "hw/sysbus.h"
#include "qemu/qemu-plugin.h"
#endif
#if QEMU_AT_LEAST(10, 1)
#include "system/address-spaces.h"
#include "system/memory.h"
#else
#include "exec/address-spaces.h"
#include "exec/memory.h"
#endif
#if QEMU_AT_LEAST(10, 0)
#include "qemu/range.h"
#include "qemu/reserved-region.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "qobject/qlist.h"
#include "qobject/qstring.h"
#include "system/block-backend.h"
#include "system/dma.h"
#include "system/device_tree.h"
#include "system/host_iommu_device.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "system/system.h"
#else
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qjson.h"
#include "qapi/qmp/qlist.h"
#include "qapi/qmp/qstring.h"
#include "sysemu/block-backend.h"
#include "sysemu/device_tree.h"
#include "sysemu/dma.h"
#include "sysemu/reset.h"
#include "sysemu/runstate.h"
#include "sysemu/sysemu.h"
#endif

/* Property tables: 7.2 requires an empty row at the end, 10.0 a count. */
#if QEMU_AT_LEAST(10, 0)
#define PROPERTY_TYPE(info)         ((info)->type)
#define set_properties(dc, rows, n) device_class_set_props_n(dc, rows, n)
#define bus_has_iommu(bus)          ((bus)->iommu_ops != NULL)
#else
#define PROPERTY_TYPE(info)         ((info)->name)
#define set_properties(dc, rows, n) device_class_set_props(dc, rows)
#define bus_has_iommu(bus)          ((bus)->iommu_fn != NULL)
#endif

/* The callbacks for functions below a bus: their address spaces, and from 9.1 on the hosts' IOMMUs of
 * assigned devices (endpoint/host.c). */
#if QEMU_AT_LEAST(10, 0)
bool host_iommu_set(PCIBus *bus, void *opaque, int devfn, HostIOMMUDevice *host, Error **errp);
void host_iommu_unset(PCIBus *bus, void *opaque, int devfn);
#define BUS_IOMMU(get) \
	{ \
		.get_address_space = get, .set_iommu_device = host_iommu_set, \
		.unset_iommu_device = host_iommu_unset, BUS_IOMMU_ATS \
	}
#define SET_RESTRICT_GRANULE(class, function) ((void)(function))
typedef PCIIOMMUOps bus_iommu;
static inline void bus_set_iommu(PCIBus *bus, const bus_iommu *ops, void *opaque)
{
	bus->iommu_ops = ops;
	bus->iommu_opaque = opaque;
}
#else
#define BUS_IOMMU(get)              (get)
#define SET_RESTRICT_GRANULE(class, function) ((class)->iommu_set_page_size_mask = (function))
typedef PCIIOMMUFunc bus_iommu;
static inline void bus_set_iommu(PCIBus *bus, const bus_iommu *ask, void *opaque)
{
	pci_setup_iommu(bus, ask ? *ask : NULL, opaque);
}
#endif

/* ATS and PRI, from 10.2 on: callbacks of the IOMMU (endpoint/ats.c), and what functions
 * call. An older QEMU has neither these functions nor some types; dma/older.c has them then. */
#if QEMU_AT_LEAST(10, 2)
#define BUS_IOMMU_ATS \
	.get_iotlb_info = ats_get_info, .init_iotlb_notifier = ats_init_notifier, \
	.register_iotlb_notifier = ats_register_notifier, \
	.unregister_iotlb_notifier = ats_unregister_notifier, \
	.ats_request_translation = ats_request_translation, \
	.pri_register_notifier = pri_register_notifier, \
	.pri_unregister_notifier = pri_unregister_notifier, .pri_request_page = pri_request_page,
#define SET_ENTRY_PASID(entry, number)       ((entry).pasid = (number))
#define SET_NOTIFIER_OPAQUE(notifier, value) ((notifier)->opaque = (value))
#define SET_EXPRESS(function, member, at)    ((function)->exp.member = (at))
#else
#define BUS_IOMMU_ATS
#define SET_ENTRY_PASID(entry, number)       ((void)(number))
#define SET_NOTIFIER_OPAQUE(notifier, value) ((void)(value))
#define SET_EXPRESS(function, member, at)    ((void)(function))
#define IOMMU_EXEC                           IOMMU_NONE
#define IOMMU_PRIV                           IOMMU_NONE

enum { IOMMU_PRI_RESP_SUCCESS, IOMMU_PRI_RESP_INVALID_REQUEST, IOMMU_PRI_RESP_FAILURE };
typedef struct {
	int response_code;
	uint16_t prgi;
} IOMMUPRIResponse;
typedef struct notifier_of_answers {
	void (*notify)(struct notifier_of_answers *notifier, IOMMUPRIResponse *response);
} IOMMUPRINotifier;

int pci_iommu_init_iotlb_notifier(PCIDevice *function, IOMMUNotifier *notifier, IOMMUNotify notify,
				  void *opaque);
int pci_iommu_register_iotlb_notifier(PCIDevice *function, uint32_t pasid, IOMMUNotifier *notifier);
int pci_iommu_unregister_iotlb_notifier(PCIDevice *function, uint32_t pasid, IOMMUNotifier *notifier);
ssize_t pci_ats_request_translation(PCIDevice *function, uint32_t pasid, bool privileged, bool execute,
				    hwaddr address, size_t length, bool no_write, IOMMUTLBEntry *result,
				    size_t n_result, uint32_t *ret_refused);
int pci_pri_register_notifier(PCIDevice *function, uint32_t pasid, IOMMUPRINotifier *notifier);
void pci_pri_unregister_notifier(PCIDevice *function, uint32_t pasid);
int pci_pri_request_page(PCIDevice *function, uint32_t pasid, bool privileged, bool execute,
			 hwaddr address, bool last, uint16_t group, bool read, bool write);
#endif

/* Drained sections of the block layer. 7.2 has a lock for each AioContext. */
#if QEMU_AT_LEAST(10, 0)
#define LOCK_CONTEXT(context)   ((void)(context))
#define UNLOCK_CONTEXT(context) ((void)(context))
#define BEGIN_DRAIN(node)       bdrv_do_drained_begin_quiesce(node, NULL)
#define POLL_DRAIN(node)        bdrv_drain_poll(node, NULL, false)
#else
#define LOCK_CONTEXT(context)   aio_context_acquire(context)
#define UNLOCK_CONTEXT(context) aio_context_release(context)
#define BEGIN_DRAIN(node)       bdrv_do_drained_begin_quiesce(node, NULL, false)
#define POLL_DRAIN(node)        bdrv_drain_poll(node, false, NULL, false)
#endif

/* The size of a type's structure in the running QEMU. 10.0 does not report it: 0, which is the
 * size of no structure. */
#if QEMU_AT_LEAST(10, 0)
#define STRUCTURE_SIZE(name) ((void)(name), (size_t)0)
#else
#define STRUCTURE_SIZE(name) object_type_get_instance_size(name)
#endif

/* Signatures with a new parameter or const. */
#if QEMU_AT_LEAST(10, 1)
#define CLASS_DATA const void *
#else
#define CLASS_DATA void *
#endif
#if QEMU_AT_LEAST(10, 2)
#define ADD_RUN_STATE_HANDLER(device, handler, opaque) \
	qdev_add_vm_change_state_handler(device, handler, NULL, opaque)
#else
#define ADD_RUN_STATE_HANDLER(device, handler, opaque) \
	qdev_add_vm_change_state_handler(device, handler, opaque)
#endif
#if QEMU_AT_LEAST(10, 0)
#define SET_RESET(device, function) device_class_set_legacy_reset(device, function)
#else
#define SET_RESET(device, function) ((device)->reset = (function))
#endif
#if QEMU_AT_LEAST(10, 1)
#define INTERFACES(rows) (rows)
#else
#define INTERFACES(rows) ((InterfaceInfo *)(rows))
#endif
#if QEMU_AT_LEAST(9, 1)
#define EXIT_PHASE(object) Object *object, ResetType type
#else
#define EXIT_PHASE(object) Object *object
#endif
#if QEMU_AT_LEAST(11, 0)
#define POST_SAVE_STATUS void
#define POST_SAVE_DONE
#else
#define POST_SAVE_STATUS int
#define POST_SAVE_DONE 0
#endif
#if QEMU_AT_LEAST(9, 0)
#define VMSTATE_FIELDS (const VMStateField[])
#else
#define VMSTATE_FIELDS (VMStateField[])
#endif

#endif
