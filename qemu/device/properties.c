/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Properties: what a user can say of a device
 *
 * One row says all there is to a property. The class takes its properties from the rows,
 * and `-plugin viommu-qemu.so,help=on` prints them: QEMU's own `-device NAME,help` is
 * answered before plugins are loaded.
 *
 * Lists of ranges are text, because QEMU's property arrays are written differently in
 * each generation.
 */

#define MAX_AW_BITS 64

struct row {
	Property property;
	const char *help;
};

#define ROW(kind, name, member, value, help) \
	{ \
		DEFINE_PROP_##kind(name, struct iommu, set.member, value), help \
	}
#define ROW_STRING(name, member, help) \
	{ \
		DEFINE_PROP_STRING(name, struct iommu, set.member), help \
	}

static const struct row rows[] = {
	{ DEFINE_PROP_LINK("root-bus", struct iommu, root_bus, TYPE_PCI_BUS, PCIBus *),
	  "name of the root bus to serve (\"pcie.0\", a pxb-pcie's id); "
	  "default: the one it is on, on virtio-mmio the machine's first" },
	ROW(UINT64, "page-size-mask", page_size_mask, 0,
	    "page sizes; the lowest bit is the granule, down to 1 byte; 0: 4 KiB and up"),
	ROW(UINT8, "aw-bits", aw_bits, MAX_AW_BITS, "width of addresses that can be mapped"),
	ROW(UINT64, "input-first", input_first, 0, "lowest address that can be mapped"),
	ROW(UINT64, "input-last", input_last, 0,
	    "highest address that can be mapped; 0: as aw-bits says"),
	ROW(UINT32, "domain-first", domain_first, 0, "lowest domain number"),
	ROW(UINT32, "domain-last", domain_last, 0, "highest domain number; 0: no limit"),
	ROW(UINT32, "probe-size", probe_size, 0,
	    "bytes of properties in an answer to PROBE; 0: 512"),
	ROW(BOOL, "boot-bypass", boot_bypass, true,
	    "at power-on, endpoints attached to nothing reach memory untranslated"),
	ROW_STRING("reserved", reserved,
		   "ranges that cannot be mapped: FIRST-LAST[:msi], joined by '+'"),
	ROW(ON_OFF_AUTO, "msi", msi, ON_OFF_AUTO_AUTO,
	    "tell endpoints of the machine's MSI window; auto: unless 'reserved' has one"),
	ROW(UINT64, "max-domains", max_domains, 0, "domains a guest can make; 0: 65536"),
	ROW(UINT64, "max-mappings", max_mappings, 0, "mappings a guest can make; 0: 4194304"),
	ROW(UINT64, "max-bytes", max_bytes, 0, "host memory a guest can make them take; 0: 1 GiB"),
	ROW_STRING(
		"proximity-domain", proximity,
		"NUMA node that PROBE tells of endpoints: a number, 'auto' (their root bus's) or "
		"'off'; default: auto"),
	ROW(BOOL, "probe-ats", ats, false,
	    "PROBE says that endpoints may use ATS; needs devices with ats=on"),
	ROW_STRING(
		"firmware", firmware,
		"what the guest's firmware is told: 'auto', 'off', 'viot' or 'dt'; default: auto"),
};

void properties_install(DeviceClass *class)
{
	static Property properties[ARRAY_SIZE(rows) + 1];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		properties[i] = rows[i].property;
	set_properties(class, properties, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		object_class_property_set_description(OBJECT_CLASS(class), rows[i].property.name,
						      rows[i].help);
}

static void print_row(const struct row *row)
{
	const Property *property = &row->property;
	g_autofree char *value = g_strdup("");

	if (property->set_default && PROPERTY_TYPE(property->info)[0] == 'b')
		value = g_strdup_printf(" (%s)", property->defval.u ? "on" : "off");
	else if (property->set_default && !property->info->enum_table)
		value = g_strdup_printf(" (%" PRIu64 ")", property->defval.u);
	printf("  %s=<%s>%s\n      %s\n", property->name, PROPERTY_TYPE(property->info), value,
	       row->help);
}

void properties_print(void)
{
	puts("-device " TYPE_VIOMMU_PCI "     on a root bus (pcie.0, or a pxb-pcie's)\n"
	     "-device " TYPE_VIOMMU_DEVICE "  on a virtio-mmio bus\n"
	     "with these properties (and in parentheses their defaults), beside those of every\n"
	     "virtio device:");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		print_row(&rows[i]);
}

/* -- what was set ------------------------------------------------------------------ */

/* "FIRST-LAST" or "FIRST-LAST:msi" */
static bool parse_range(const char *text, struct viommu_reserved *ret_range)
{
	struct viommu_reserved range = { .subtype = VIOMMU_RESV_MEM_RESERVED };

	if (qemu_strtou64(text, &text, 0, &range.first) || *text++ != '-' ||
	    qemu_strtou64(text, &text, 0, &range.last) || range.last < range.first)
		return false;
	if (g_str_equal(text, ":msi"))
		range.subtype = VIOMMU_RESV_MEM_MSI;
	else if (*text && !g_str_equal(text, ":reserved"))
		return false;
	*ret_range = range;
	return true;
}

static bool parse_reserved(struct iommu *iommu, Error **errp)
{
	g_auto(GStrv) pieces = g_strsplit(iommu->set.reserved ?: "", "+", 0);

	for (char **piece = pieces; *piece; piece++) {
		struct viommu_reserved range;

		if (!parse_range(*piece, &range)) {
			error_setg(errp, "reserved: '%s' is not FIRST-LAST or FIRST-LAST:msi",
				   *piece);
			return false;
		}
		g_array_append_val(iommu->reserved, range);
	}
	return true;
}

static bool has_msi(const struct iommu *iommu)
{
	for (guint i = 0; i < iommu->reserved->len; i++)
		if (g_array_index(iommu->reserved, struct viommu_reserved, i).subtype ==
		    VIOMMU_RESV_MEM_MSI)
			return true;
	return false;
}

/* Where a machine's devices write to interrupt: the first kind that it has. */
static const struct msi_window {
	const char *type;     /* of the machine, or of its interrupt controller */
	uint64_t first, last; /* from the controller's first register on, if it has any */
} msi_windows[] = {
	{ "x86-machine", 0xfee00000, 0xfeefffff },
	{ "arm-gicv3-its-common", 0x10000, 0x1ffff }, /* the page of GITS_TRANSLATER */
	{ "arm-gicv2m", 0, 0xfff },
};

static bool find_window(const struct msi_window *window, struct viommu_reserved *ret_range)
{
	Object *object = qdev_get_machine();
	uint64_t base = 0;

	if (!object_dynamic_cast(object, window->type)) {
		object = object_resolve_path_type("", window->type, NULL);
		if (!object)
			return false;
		base = SYS_BUS_DEVICE(object)->mmio[0].addr;
	}
	*ret_range = (struct viommu_reserved){ .first = base + window->first,
					       .last = base + window->last,
					       .subtype = VIOMMU_RESV_MEM_MSI };
	return true;
}

static bool add_msi(struct iommu *iommu, Error **errp)
{
	struct viommu_reserved range;

	if (iommu->set.msi == ON_OFF_AUTO_OFF ||
	    (iommu->set.msi == ON_OFF_AUTO_AUTO && has_msi(iommu)))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(msi_windows); i++)
		if (find_window(&msi_windows[i], &range)) {
			g_array_append_val(iommu->reserved, range);
			return true;
		}
	if (iommu->set.msi == ON_OFF_AUTO_ON)
		error_setg(errp, "msi=on: this machine's MSI window is not known; give it in "
				 "'reserved'");
	return iommu->set.msi != ON_OFF_AUTO_ON;
}

static bool choose_firmware(struct iommu *iommu, Error **errp)
{
	static const char *const names[] = { "auto", "off", "viot", "dt" };
	const char *name = iommu->set.firmware ?: names[FIRMWARE_AUTO];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (g_str_equal(name, names[i])) {
			iommu->firmware = (enum firmware)i;
			return true;
		}
	error_setg(errp, "firmware: '%s' is none of auto, off, viot, dt", name);
	return false;
}

static bool choose_proximity(struct iommu *iommu, Error **errp)
{
	const char *said = iommu->set.proximity ?: "auto";
	unsigned int number = 0;

	iommu->proximity = g_str_equal(said, "auto")  ? PROXIMITY_AUTO
			   : g_str_equal(said, "off") ? PROXIMITY_OFF
						      : PROXIMITY_GIVEN;
	if (iommu->proximity == PROXIMITY_GIVEN && qemu_strtoui(said, NULL, 0, &number)) {
		error_setg(errp, "proximity-domain: '%s' is no number, 'auto' or 'off'", said);
		return false;
	}
	iommu->proximity_domain = number;
	return true;
}

static bool choose_input_last(const struct settings *set, uint64_t *ret_last, Error **errp)
{
	if (!set->aw_bits || set->aw_bits > MAX_AW_BITS) {
		error_setg(errp, "aw-bits: %d is not 1 to %d", set->aw_bits, MAX_AW_BITS);
		return false;
	}
	*ret_last = set->input_last ?: UINT64_MAX >> (MAX_AW_BITS - set->aw_bits);
	return true;
}

bool properties_apply(struct iommu *iommu, Error **errp)
{
	const struct settings *set = &iommu->set;

	iommu->reserved = g_array_new(false, false, sizeof(struct viommu_reserved));
	iommu->config = (struct viommu_config){
		.size = sizeof(iommu->config),
		.page_size_mask = set->page_size_mask,
		.input_first = set->input_first,
		.domain_first = set->domain_first,
		.domain_last = set->domain_last ?: UINT32_MAX,
		.probe_size = set->probe_size,
		.bypass = set->boot_bypass,
		.max_domains = set->max_domains,
		.max_mappings = set->max_mappings,
		.max_bytes = set->max_bytes,
	};
	return choose_input_last(set, &iommu->config.input_last, errp) &&
	       parse_reserved(iommu, errp) && add_msi(iommu, errp) &&
	       choose_proximity(iommu, errp) && choose_firmware(iommu, errp);
}

void properties_release(struct iommu *iommu)
{
	if (iommu->reserved)
		g_array_free(iommu->reserved, true);
	iommu->reserved = NULL;
}
