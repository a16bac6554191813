/* SPDX-License-Identifier: BSD-3-Clause */
/* IOMMUs: the attributes in /sys/class/iommu, by the name that the driver gives */
#include <string.h>

#include "numbers.h"
#include "scan.h"

#define LINE 256

/* -- decoding registers -------------------------------------------------------- */

static enum viommu_known known_bit(uint64_t value, unsigned bit)
{
	return value >> bit & 1 ? VIOMMU_YES : VIOMMU_NO;
}

static unsigned field(uint64_t value, unsigned high, unsigned low)
{
	return (unsigned)(value >> low & ((UINT64_C(2) << (high - low)) - 1));
}

/* VT-d: the widest supported page table, from SAGAW. */
static unsigned vtd_widest(uint64_t cap)
{
	static const unsigned bits[] = { 30, 39, 48, 57, 64 };
	unsigned widest = 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(bits); i++)
		if (field(cap, 12, 8) >> i & 1)
			widest = bits[i];
	return widest;
}

/* VT-d 4.1, 11.4.2 Capability Register, 11.4.3 Extended Capability Register */
static void decode_vtd(struct viommu_host_iommu *iommu)
{
	uint64_t cap = iommu->cap, ecap = iommu->ecap;
	bool scalable = ecap >> 43 & 1;

	iommu->input_bits = MIN(field(cap, 21, 16) + 1, vtd_widest(cap));
	iommu->page_sizes = UINT64_C(1) << 12 | (cap >> 34 & 1) << 21 | (cap >> 35 & 1) << 30;
	iommu->coherent = known_bit(ecap, 0);
	iommu->ats = known_bit(ecap, 2);
	iommu->pri = known_bit(ecap, 29);
	iommu->nested = scalable ? known_bit(ecap, 26) : VIOMMU_NO;
	iommu->pasid = scalable ? known_bit(ecap, 40) : VIOMMU_NO;
	iommu->dirty = scalable ? known_bit(ecap, 45) : VIOMMU_NO;
	if (iommu->pasid == VIOMMU_YES)
		iommu->pasid_bits = MIN(field(ecap, 39, 35) + 1, VIOMMU_PASID_BITS_MAX);
}

/*
 * AMD IOMMU specification, 3.4.9 Extended Feature Register; 3.2.1 Capability Header. Page sizes are
 * all powers of two.
 */
static void decode_amd(struct viommu_host_iommu *iommu)
{
	static const unsigned widths[] = { 48, 57, 64, 0 };
	uint64_t features = iommu->features;

	iommu->input_bits = widths[field(features, 11, 10)];
	iommu->page_sizes = ~UINT64_C(0xfff);
	iommu->ats = known_bit(iommu->cap, 24);
	iommu->pri = known_bit(features, 1);
	iommu->nested = known_bit(features, 4);
	iommu->pasid = known_bit(features, 4);
	iommu->dirty = known_bit(features, 52);
	if (iommu->pasid == VIOMMU_YES)
		iommu->pasid_bits = MIN(field(features, 36, 32) + 1, VIOMMU_PASID_BITS_MAX);
}

static bool read_register(struct tree *tree, const struct folder *folder, const char *name,
			  uint64_t *ret)
{
	return tree_hex(tree, folder, name, UINT64_MAX, ret);
}

static void scan_vtd(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		     struct viommu_host_iommu *iommu)
{
	char line[LINE];

	iommu->has_base = read_register(tree, folder, "intel-iommu/address", &iommu->base);
	iommu->has_registers = read_register(tree, folder, "intel-iommu/cap", &iommu->cap) &&
			       read_register(tree, folder, "intel-iommu/ecap", &iommu->ecap);
	if (tree_line(tree, folder, "intel-iommu/version", line, sizeof(line)))
		iommu->version = host_string(host, line);
	if (iommu->has_registers)
		decode_vtd(iommu);
}

/* "EFR", or "EFR:EFR2" of newer kernels such as 6.12; the second register is not used here. */
static bool read_features(struct tree *tree, const struct folder *folder, uint64_t *ret)
{
	static const char name[] = "amd-iommu/features";
	char line[LINE];

	if (!tree_line(tree, folder, name, line, sizeof(line)))
		return false;
	*strchrnul(line, ':') = '\0';
	if (parse_hex(line, UINT64_MAX, ret))
		return true;
	tree_report(tree, "host-file", folder->path, name, "not a hexadecimal number");
	return false;
}

static void scan_amd(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		     struct viommu_host_iommu *iommu)
{
	(void)host;
	iommu->has_registers = read_register(tree, folder, "amd-iommu/cap", &iommu->cap) &&
			       read_features(tree, folder, &iommu->features);
	if (iommu->has_registers)
		decode_amd(iommu);
}

/* -- names ------------------------------------------------------------------------------------- */

static void take_function(struct viommu_host_iommu *iommu, const char *name)
{
	if (name && parse_function_name(name, &iommu->bdf_segment, &iommu->bdf))
		iommu->has_bdf = true;
}

/* "smmu3.0x0000000012000000" */
static void name_smmu(struct viommu_host_iommu *iommu, const char *rest)
{
	iommu->has_base = parse_hex(rest, UINT64_MAX, &iommu->base);
}

/* A PCI function, or "3010000.iommu" of a device tree. */
static void name_device(struct viommu_host_iommu *iommu, const char *rest)
{
	take_function(iommu, rest);
	if (!iommu->has_bdf)
		iommu->has_base = parse_unit_address(rest, &iommu->base);
}

static void name_plain(struct viommu_host_iommu *iommu, const char *rest)
{
	(void)iommu;
	(void)rest;
}

static const struct {
	const char *prefix;
	enum viommu_host_iommu_kind kind;
	void (*name)(struct viommu_host_iommu *iommu, const char *rest);
	void (*scan)(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		     struct viommu_host_iommu *iommu);
} kinds[] = {
	{ "dmar", VIOMMU_HOST_VTD, name_plain, scan_vtd },
	{ "ivhd", VIOMMU_HOST_AMD_VI, name_plain, scan_amd },
	{ "smmu3.", VIOMMU_HOST_SMMU_V3, name_smmu, NULL },
	{ "smmu.", VIOMMU_HOST_SMMU_V2, name_smmu, NULL },
	{ "riscv-iommu@", VIOMMU_HOST_RISCV, name_device, NULL },
	{ "apple-dart.", VIOMMU_HOST_OTHER, name_device, NULL },
};

/*
 * A virtio-iommu has the name of its transport: a PCI function, or a register window
 * "a003e00.virtio_mmio". No other Linux driver uses the name of a PCI function.
 */
static bool is_virtio(const struct viommu_host_iommu *iommu)
{
	uint32_t segment;
	uint16_t bdf;

	return (iommu->parent && g_str_has_prefix(iommu->parent, "virtio")) ||
	       g_str_has_suffix(iommu->name, ".virtio_mmio") ||
	       parse_function_name(iommu->name, &segment, &bdf);
}

static void take_other(struct viommu_host_iommu *iommu)
{
	iommu->kind = is_virtio(iommu) ? VIOMMU_HOST_VIRTIO : VIOMMU_HOST_OTHER;
	name_device(iommu, iommu->name);
}

static void take_kind(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		      struct viommu_host_iommu *iommu)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (!g_str_has_prefix(iommu->name, kinds[i].prefix))
			continue;
		iommu->kind = kinds[i].kind;
		kinds[i].name(iommu, iommu->name + strlen(kinds[i].prefix));
		if (kinds[i].scan)
			kinds[i].scan(host, tree, folder, iommu);
		return;
	}
	take_other(iommu);
}

/* -- kinds of IOMMUs ----------------------------------------------------------- */

/* ".../0000:20:00.2/iommu/ivhd1": the folder of the parent device, or NULL. */
static char *parent_path(const char *path)
{
	const char *end = g_strrstr(path, "/iommu/");
	g_autofree char *parent = end ? g_strndup(path, (size_t)(end - path)) : NULL;

	if (!parent || g_str_has_suffix(parent, "devices/virtual"))
		return NULL;
	return g_steal_pointer(&parent);
}

static void scan_parent(struct viommu_host *host, struct tree *tree, const struct folder *folder,
			struct viommu_host_iommu *iommu)
{
	g_autofree char *path = parent_path(folder->path);
	struct folder parent;
	int64_t node;
	char line[LINE];

	if (!path)
		return;
	iommu->parent = host_string(host, strrchr(path, '/') + 1);
	take_function(iommu, iommu->parent);
	if (tree_enter(tree, path, &parent) < 0)
		return;
	if (tree_line(tree, &parent, "numa_node", line, sizeof(line)) &&
	    parse_decimal(line, -1, UINT16_MAX, &node))
		iommu->numa_node = (int)node;
	tree_leave(&parent);
}

static void scan_iommu(struct viommu_host *host, struct tree *tree, const struct folder *folder,
		       const char *name)
{
	struct host_iommu *iommu = host_add_iommu(host, name);

	iommu->path = g_strdup(folder->path);
	scan_parent(host, tree, folder, &iommu->shown);
	take_kind(host, tree, folder, &iommu->shown);
}

void scan_iommus(struct viommu_host *host, struct tree *tree)
{
	g_autoptr(GPtrArray) names = NULL;
	struct folder class, folder;

	if (tree_enter(tree, "sys/class/iommu", &class) < 0)
		return;
	names = tree_list(tree, &class, VIOMMU_HOST_IOMMUS_MAX);
	for (guint i = 0; names && i < names->len; i++) {
		if (tree_follow(tree, &class, names->pdata[i], &folder) < 0)
			continue;
		scan_iommu(host, tree, &folder, names->pdata[i]);
		tree_leave(&folder);
	}
	tree_leave(&class);
}
