/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Functions that translate by themselves (ATS) and request pages (PRI): callbacks of QEMU's PCIIOMMUOps
 *
 * QEMU has them from 10.2 on. In an older one functions of this module call them directly (dma/older.c).
 */

#define ATS_BITS 12 /* PCI Express: the smallest translation has 4 KiB */
#define ATS_PAGE (1ull << ATS_BITS)

QEMU_BUILD_BUG_ON(PCI_NO_PASID != VIOMMU_NO_PASID);

/* -- translation requests --------------------------------------------------------------- */

/* MSIs are not translated, so their address has no translation that could be cached. A function that is
 * blocked sends them, too. */
static bool is_msi(const struct endpoint *endpoint, uint32_t pasid,
		   const struct viommu_translation *found)
{
	return found->identity && pasid == PCI_NO_PASID && endpoint->mode != VIOMMU_BYPASS;
}

/* `access` is what the block must permit. False: it does not, or has no whole page at `page`. */
static bool translate_for(struct endpoint *endpoint, uint32_t pasid, uint64_t page, uint32_t access,
			  struct viommu_translation *found)
{
	uint64_t length = REGION_BLOCK - (page & (REGION_BLOCK - 1));

	return !viommu_handle_translate(endpoint->handle, pasid, page, length,
					access | VIOMMU_ACCESS_QUIET, found) &&
	       found->length >= ATS_PAGE && !(found->address & (ATS_PAGE - 1)) &&
	       !is_msi(endpoint, pasid, found);
}

/*
 * A function asks for all accesses that it may make, and the answer says which of them are permitted. A
 * refused translation request is no fault: the function may request the page, or access it untranslated.
 * The most permissive access of `wanted` that is found, or 0.
 */
static uint32_t find_access(struct endpoint *endpoint, uint32_t pasid, uint64_t page, uint32_t wanted,
			    struct viommu_translation *found)
{
	enum { R = VIOMMU_MAP_F_READ, W = VIOMMU_MAP_F_WRITE, X = VIOMMU_ACCESS_EXEC };
	static const uint32_t some[] = { R | W | X, R | W, R | X, R, W };
	uint32_t before = 0;

	for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
		uint32_t access = wanted & (some[i] | VIOMMU_ACCESS_PRIVILEGED);

		if (access != before && access & (R | W) &&
		    translate_for(endpoint, pasid, page, access, found))
			return access;
		before = access;
	}
	return 0;
}

static IOMMUTLBEntry translate_page(struct endpoint *endpoint, uint32_t pasid, uint64_t page,
				    uint32_t wanted)
{
	struct viommu_translation found;
	uint32_t access = find_access(endpoint, pasid, page, wanted, &found);
	IOMMUTLBEntry entry = {
		.target_as = &address_space_memory,
		.iova = page,
		.translated_addr = access ? found.address : page,
		.addr_mask = (access ? region_block(page, &found) : ATS_PAGE) - 1,
		.perm = IOMMU_ACCESS_FLAG(access & VIOMMU_MAP_F_READ, access & VIOMMU_MAP_F_WRITE),
	};

	if (access & VIOMMU_ACCESS_EXEC)
		entry.perm |= IOMMU_EXEC;
	if (access & VIOMMU_ACCESS_PRIVILEGED)
		entry.perm |= IOMMU_PRIV;
	SET_ENTRY_PASID(entry, pasid);
	return entry;
}

ssize_t ats_request_translation(PCIBus *bus, void *opaque, int devfn, uint32_t pasid, bool privileged,
				bool execute, hwaddr address, size_t length, bool no_write,
				IOMMUTLBEntry *result, size_t n_result, uint32_t *ret_refused)
{
	struct endpoint *endpoint = endpoint_express(opaque, bus, devfn);
	uint32_t wanted = VIOMMU_MAP_F_READ | (no_write ? 0 : VIOMMU_MAP_F_WRITE) |
			  (execute ? VIOMMU_ACCESS_EXEC : 0) |
			  (privileged ? VIOMMU_ACCESS_PRIVILEGED : 0);
	IOMMUAccessFlags all = IOMMU_ACCESS_FLAG(true, !no_write) | (execute ? IOMMU_EXEC : 0);
	uint64_t page = address & -ATS_PAGE, last = address + length - 1;
	size_t n = 0;

	*ret_refused = 0;
	if (!endpoint)
		return -ENODEV;
	if (!length || last < address)
		return -EINVAL;
	for (; n < n_result; n++) {
		result[n] = translate_page(endpoint, pasid, page, wanted);
		*ret_refused += (result[n].perm & all) != all;
		if (last - page <= result[n].addr_mask)
			return (ssize_t)n + 1;
		page += result[n].addr_mask + 1;
	}
	return -ENOMEM;
}

/* -- page requests ---------------------------------------------------------------------- */

int pri_request_page(PCIBus *bus, void *opaque, int devfn, uint32_t pasid, bool privileged,
		     bool execute, hwaddr address, bool last, uint16_t group, bool read, bool write)
{
	struct endpoint *endpoint = endpoint_express(opaque, bus, devfn);
	const struct viommu_page_request request = {
		.size = sizeof(request),
		.endpoint = endpoint ? endpoint->id : ENDPOINT_FREE,
		.has_pasid = pasid != PCI_NO_PASID,
		.pasid = pasid != PCI_NO_PASID ? pasid : 0,
		.address = address,
		.access = (read ? VIOMMU_MAP_F_READ : 0) | (write ? VIOMMU_MAP_F_WRITE : 0) |
			  (execute ? VIOMMU_ACCESS_EXEC : 0) |
			  (privileged ? VIOMMU_ACCESS_PRIVILEGED : 0),
		.group = group,
		.last = last,
	};

	return endpoint ? viommu_page_request(endpoint->iommu->core, &request) : -ENODEV;
}

/* -- notifiers -------------------------------------------------------------------------- */

void ats_get_info(void *opaque, uint8_t *ret_width, uint32_t *ret_page_size)
{
	struct iommu *iommu = opaque;

	*ret_width = iommu->settings.aw_bits;
	*ret_page_size = ATS_PAGE;
}

void ats_init_notifier(PCIBus *bus, void *opaque, int devfn, IOMMUNotifier *notifier,
		       IOMMUNotify notify, void *user)
{
	iommu_notifier_init(notifier, notify, IOMMU_NOTIFIER_DEVIOTLB_EVENTS, 0, HWADDR_MAX, 0);
	SET_NOTIFIER_OPAQUE(notifier, user);
}

void ats_register_notifier(PCIBus *bus, void *opaque, int devfn, uint32_t pasid,
			   IOMMUNotifier *notifier)
{
	struct endpoint *endpoint = endpoint_express(opaque, bus, devfn);

	if (endpoint)
		requester_watch(endpoint, pasid, notifier);
}

void ats_unregister_notifier(PCIBus *bus, void *opaque, int devfn, uint32_t pasid,
			     IOMMUNotifier *notifier)
{
	struct endpoint *endpoint = endpoint_express(opaque, bus, devfn);

	if (endpoint)
		requester_unwatch(endpoint, pasid, notifier);
}

/* An address space has one: the last one. */
void pri_register_notifier(PCIBus *bus, void *opaque, int devfn, uint32_t pasid,
			   IOMMUPRINotifier *notifier)
{
	struct endpoint *endpoint = endpoint_express(opaque, bus, devfn);

	if (endpoint)
		requester_await(endpoint, pasid, notifier);
}

void pri_unregister_notifier(PCIBus *bus, void *opaque, int devfn, uint32_t pasid)
{
	struct endpoint *endpoint = endpoint_express(opaque, bus, devfn);

	if (endpoint)
		requester_await(endpoint, pasid, NULL);
}
