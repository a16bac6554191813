/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "compat.h"

/*
 * viommu-watch: a PCI function that mirrors its IOMMU's mappings, and checks the notifications
 *
 * It registers as VFIO does: a memory listener on its address space, and for each IOMMU region in
 * it a notifier, which gets all mappings first and then each change. The mirror stands for a host's
 * IOMMU, with its rules: no address is mapped twice, each piece is unmapped whole, and no piece has
 * 2^64 bytes, since its length would be 0.
 *
 *     qom-get PATH wrong     the first violation of these rules, or ""
 *     qom-get PATH mirror    the mirror: a line "FIRST LAST PHYS PERMISSIONS" for each piece
 *     qom-get PATH check     compare the mirror with translations; "" if they agree
 *     qom-set PATH access A  read a few bytes at A, as a device does
 *     qom-set PATH asked A   translate A; qom-get PATH asked: "FIRST LAST PHYS PERMISSIONS"
 *
 * A write to offset 0x40 of configuration space registers again: a replay at the moment that the
 * driver chooses.
 *
 * device-iotlb=on registers for removals only, as a device with ATS does. page-sizes=MASK gives
 * the host's IOMMU these page sizes only, and reach=LAST (from QEMU 9.1 on) addresses up to this
 * one only.
 */

#define TYPE_WATCH "viommu-watch"
#define ACCESSED   64
#define AGAIN_AT   0x40

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

struct piece {
	uint64_t first, last, phys;
	IOMMUAccessFlags permissions;
};

struct watch {
	PCIDevice pci;
	MemoryListener listener;
	QLIST_HEAD(, watched) regions;
	GTree *mirror; /* struct piece, as key and value; pieces that overlap are equal */
	char *wrong;
	uint64_t page_sizes, reach; /* 0: no limit */
	uint64_t asked;
	bool device_iotlb;
	Object *host;
};

struct watched {
	IOMMUNotifier notifier;
	struct watch *watch;
	IOMMUMemoryRegion *region;
	uint64_t offset; /* of the region, as the function sees it */
	QLIST_ENTRY(watched) next;
};

DECLARE_INSTANCE_CHECKER(struct watch, WATCH, TYPE_WATCH)

static void report_violation(struct watch *watch, const char *what, const struct piece *piece)
{
	if (!watch->wrong)
		watch->wrong = g_strdup_printf("%s: 0x%" PRIx64 "-0x%" PRIx64, what, piece->first,
					       piece->last);
}

/* -- the mirror ------------------------------------------------------------------------ */

static gint piece_compare(gconstpointer a, gconstpointer b, gpointer unused)
{
	const struct piece *one = a, *other = b;

	if (one->last < other->first)
		return -1;
	return one->first > other->last;
}

static void mirror_add(struct watch *watch, const struct piece *piece)
{
	struct piece *copy = g_memdup2(piece, sizeof(*piece));

	if (g_tree_lookup(watch->mirror, piece))
		report_violation(watch, "mapped twice", piece);
	g_tree_replace(watch->mirror, copy, copy);
}

static void mirror_remove(struct watch *watch, const struct piece *range)
{
	for (;;) {
		const struct piece *piece = g_tree_lookup(watch->mirror, range);

		if (!piece)
			return;
		if (piece->first < range->first || piece->last > range->last) {
			report_violation(watch, "unmapped in part", range);
			return;
		}
		g_tree_remove(watch->mirror, piece);
	}
}

/* -- the host's IOMMU ------------------------------------------------------------------------ */

#if QEMU_AT_LEAST(10, 0)
#define TYPE_WATCH_HOST TYPE_WATCH "-host"

static uint64_t host_page_sizes(HostIOMMUDevice *host)
{
	return ((struct watch *)host->agent)->page_sizes ?: UINT64_MAX;
}

static GList *host_ranges(HostIOMMUDevice *host)
{
	Range *range = g_new0(Range, 1);

	range_set_bounds(range, 0, ((struct watch *)host->agent)->reach ?: UINT64_MAX);
	return g_list_prepend(NULL, range);
}

static void host_class_init(ObjectClass *class, CLASS_DATA data)
{
	HOST_IOMMU_DEVICE_CLASS(class)->get_page_size_mask = host_page_sizes;
	HOST_IOMMU_DEVICE_CLASS(class)->get_iova_ranges = host_ranges;
}

static void host_register(void)
{
	static const TypeInfo type = {
		.name = TYPE_WATCH_HOST,
		.parent = TYPE_HOST_IOMMU_DEVICE,
		.class_init = host_class_init,
	};

	type_register_static(&type);
}

static bool host_set(struct watch *watch, Error **errp)
{
	if (!watch->page_sizes && !watch->reach)
		return true;
	watch->host = object_new(TYPE_WATCH_HOST);
	HOST_IOMMU_DEVICE(watch->host)->agent = watch;
	if (pci_device_set_iommu_device(&watch->pci, HOST_IOMMU_DEVICE(watch->host), errp))
		return true;
	g_clear_pointer(&watch->host, object_unref);
	return false;
}

static void host_unset(struct watch *watch)
{
	if (watch->host)
		pci_device_unset_iommu_device(&watch->pci);
	object_unref(watch->host);
}

static void restrict_granule(struct watch *watch, IOMMUMemoryRegion *region)
{
}
#else
static void host_register(void)
{
}

static bool host_set(struct watch *watch, Error **errp)
{
	return true;
}

static void host_unset(struct watch *watch)
{
}

/* As VFIO does: a function of the command line whose page sizes are refused ends QEMU. */
static void restrict_granule(struct watch *watch, IOMMUMemoryRegion *region)
{
	if (watch->page_sizes)
		memory_region_iommu_set_page_size_mask(region, watch->page_sizes, &error_fatal);
}
#endif

/* -- listening, as VFIO does ------------------------------------------------------------- */

static void notified(IOMMUNotifier *notifier, IOMMUTLBEntry *entry)
{
	struct watched *watched = container_of(notifier, struct watched, notifier);
	struct piece piece = {
		.first = entry->iova + watched->offset,
		.last = entry->iova + watched->offset + entry->addr_mask,
		.phys = entry->translated_addr,
		.permissions = entry->perm,
	};

	if (entry->addr_mask == UINT64_MAX || entry->iova & entry->addr_mask ||
	    entry->addr_mask & (entry->addr_mask + 1))
		report_violation(watched->watch, "a piece that a host's IOMMU cannot map", &piece);
	else if (entry->perm == IOMMU_NONE)
		mirror_remove(watched->watch, &piece);
	else
		mirror_add(watched->watch, &piece);
}

static void region_add(MemoryListener *listener, MemoryRegionSection *section)
{
	struct watch *watch = container_of(listener, struct watch, listener);
	uint64_t first = section->offset_within_region;
	uint64_t last = first + int128_getlo(int128_sub(section->size, int128_one()));
	struct watched *watched;

	if (!memory_region_is_iommu(section->mr))
		return;
	watched = g_new0(struct watched, 1);
	watched->watch = watch;
	watched->region = IOMMU_MEMORY_REGION(section->mr);
	watched->offset = section->offset_within_address_space - first;
	restrict_granule(watch, watched->region);
	iommu_notifier_init(&watched->notifier, notified,
			    watch->device_iotlb ? IOMMU_NOTIFIER_DEVIOTLB_EVENTS
						: IOMMU_NOTIFIER_IOTLB_EVENTS,
			    first, last, 0);
	memory_region_register_iommu_notifier(section->mr, &watched->notifier, &error_fatal);
	QLIST_INSERT_HEAD(&watch->regions, watched, next);
	memory_region_iommu_replay(watched->region, &watched->notifier);
}

static void region_del(MemoryListener *listener, MemoryRegionSection *section)
{
	static const struct piece everything = { .last = UINT64_MAX };
	struct watch *watch = container_of(listener, struct watch, listener);
	struct watched *watched, *next;

	QLIST_FOREACH_SAFE(watched, &watch->regions, next, next)
	{
		if (MEMORY_REGION(watched->region) != section->mr)
			continue;
		memory_region_unregister_iommu_notifier(section->mr, &watched->notifier);
		QLIST_REMOVE(watched, next);
		g_free(watched);
		mirror_remove(watch, &everything);
	}
}

/* -- properties -------------------------------------------------------------------------- */

static char *wrong_get(Object *object, Error **errp)
{
	return g_strdup(WATCH(object)->wrong ?: "");
}

static gboolean piece_print(gpointer key, gpointer value, gpointer text)
{
	const struct piece *piece = key;

	g_string_append_printf(text, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %d\n", piece->first,
			       piece->last, piece->phys, piece->permissions);
	return false;
}

static char *mirror_get(Object *object, Error **errp)
{
	GString *text = g_string_new("");

	g_tree_foreach(WATCH(object)->mirror, piece_print, text);
	return g_string_free(text, false);
}

static bool translates(struct watched *watched, const struct piece *piece, uint64_t at)
{
	IOMMUMemoryRegionClass *class = IOMMU_MEMORY_REGION_GET_CLASS(watched->region);
	IOMMUTLBEntry entry =
		class->translate(watched->region, at - watched->offset, IOMMU_NONE, 0);

	return entry.perm == piece->permissions &&
	       entry.translated_addr + (at & entry.addr_mask) == piece->phys + (at - piece->first);
}

static gboolean piece_check(gpointer key, gpointer value, gpointer opaque)
{
	struct watch *watch = opaque;
	struct watched *watched = QLIST_FIRST(&watch->regions);
	const struct piece *piece = key;

	if (!watched || !translates(watched, piece, piece->first) ||
	    !translates(watched, piece, piece->last))
		report_violation(watch, "the mirror has a piece that translates otherwise", piece);
	return watch->wrong != NULL;
}

static char *check_get(Object *object, Error **errp)
{
	g_tree_foreach(WATCH(object)->mirror, piece_check, object);
	return wrong_get(object, errp);
}

static void access_set(Object *object, const char *text, Error **errp)
{
	uint8_t bytes[ACCESSED];
	uint64_t address;

	if (qemu_strtou64(text, NULL, 0, &address))
		error_setg(errp, "'%s' is not an address", text);
	else
		pci_dma_read(PCI_DEVICE(object), address, bytes, sizeof(bytes));
}

static char *asked_get(Object *object, Error **errp)
{
	struct watched *watched = QLIST_FIRST(&WATCH(object)->regions);
	IOMMUMemoryRegionClass *class;
	IOMMUTLBEntry entry;

	if (!watched)
		return g_strdup("");
	class = IOMMU_MEMORY_REGION_GET_CLASS(watched->region);
	entry = class->translate(watched->region, WATCH(object)->asked - watched->offset,
				 IOMMU_NONE, 0);
	return g_strdup_printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %d", entry.iova,
			       entry.iova + entry.addr_mask, entry.translated_addr, entry.perm);
}

static void asked_set(Object *object, const char *text, Error **errp)
{
	if (qemu_strtou64(text, NULL, 0, &WATCH(object)->asked))
		error_setg(errp, "'%s' is not an address", text);
}

/* -- realize and exit -------------------------------------------------------------------- */

static void watch_exit(PCIDevice *pci)
{
	struct watch *watch = WATCH(pci);

	host_unset(watch);
	memory_listener_unregister(&watch->listener);
	g_tree_destroy(watch->mirror);
	g_free(watch->wrong);
}

/* As VFIO does, mirror the IOMMU's address space, whether bus mastering is on or off. */
static void watch_realize(PCIDevice *pci, Error **errp)
{
	struct watch *watch = WATCH(pci);

	QLIST_INIT(&watch->regions);
	watch->mirror = g_tree_new_full(piece_compare, NULL, g_free, NULL);
	watch->listener = (MemoryListener){
		.name = TYPE_WATCH,
		.region_add = region_add,
		.region_del = region_del,
	};
	memory_listener_register(&watch->listener, pci_device_iommu_address_space(pci));
	if (!host_set(watch, errp))
		watch_exit(pci);
}

static void watch_write_config(PCIDevice *pci, uint32_t at, uint32_t value, int length)
{
	struct watch *watch = WATCH(pci);

	pci_default_write_config(pci, at, value, length);
	if (at != AGAIN_AT)
		return;
	memory_listener_unregister(&watch->listener);
	memory_listener_register(&watch->listener, pci_device_iommu_address_space(pci));
}

static const VMStateDescription saved = {
	.name = TYPE_WATCH,
	.fields = VMSTATE_FIELDS{ VMSTATE_PCI_DEVICE(pci, struct watch), VMSTATE_END_OF_LIST() },
};

static Property properties[] = {
	DEFINE_PROP_UINT64("page-sizes", struct watch, page_sizes, 0),
	DEFINE_PROP_UINT64("reach", struct watch, reach, 0),
	DEFINE_PROP_BOOL("device-iotlb", struct watch, device_iotlb, false),
	{},
};

static void watch_class_init(ObjectClass *class, CLASS_DATA data)
{
	PCIDeviceClass *pci = PCI_DEVICE_CLASS(class);

	DEVICE_CLASS(class)->vmsd = &saved;
	set_properties(DEVICE_CLASS(class), properties, ARRAY_SIZE(properties) - 1);
	pci->realize = watch_realize;
	pci->exit = watch_exit;
	pci->config_write = watch_write_config;
	pci->vendor_id = PCI_VENDOR_ID_QEMU;
	pci->device_id = 0x10f0;
	pci->class_id = PCI_CLASS_OTHERS;
	object_class_property_add_str(class, "wrong", wrong_get, NULL);
	object_class_property_add_str(class, "mirror", mirror_get, NULL);
	object_class_property_add_str(class, "check", check_get, NULL);
	object_class_property_add_str(class, "access", NULL, access_set);
	object_class_property_add_str(class, "asked", asked_get, asked_set);
}

/* -- a function that is assigned, as far as its type says ------------------------------------ */

static void assigned_realize(PCIDevice *pci, Error **errp)
{
}

static void assigned_class_init(ObjectClass *class, CLASS_DATA data)
{
	PCI_DEVICE_CLASS(class)->realize = assigned_realize;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	static InterfaceInfo interfaces[] = { { INTERFACE_PCIE_DEVICE }, {} };
	static const TypeInfo type = {
		.name = TYPE_WATCH,
		.parent = TYPE_PCI_DEVICE,
		.instance_size = sizeof(struct watch),
		.class_init = watch_class_init,
		.interfaces = interfaces,
	};
	static const TypeInfo assigned = {
		.name = TYPE_WATCH "-assigned",
		.parent = "vfio-pci",
		.class_init = assigned_class_init,
	};

	type_register_static(&type);
	type_register_static(&assigned);
	host_register();
	return 0;
}
