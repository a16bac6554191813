/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Removes what identifies a machine from files
 *
 * Saved trees are attached to public reports. Serial numbers of PCI functions are never read;
 * device tree and kernel command line are read as a whole and cleaned here.
 */
#include <string.h>

#include <libfdt.h>

#include "clean.h"

/* -- device trees ------------------------------------------------------------------- */

static const char *const private_properties[] = {
	"serial-number", "kaslr-seed", "rng-seed", "local-mac-address", "mac-address",  "bootargs",
	"system-id",     "asset-tag",  "uuid",     "vm,uuid",           "board-serial",
};

static bool is_private(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(private_properties); i++)
		if (!strcmp(name, private_properties[i]))
			return true;
	return false;
}

static void clean_node(void *fdt, int node)
{
	int property, length;

	fdt_for_each_property_offset(property, fdt, node)
	{
		const char *name;
		const void *value = fdt_getprop_by_offset(fdt, property, &name, &length);

		if (value && name && length > 0 && is_private(name))
			memset((char *)value, 0, (size_t)length);
	}
}

/* A damaged device tree cannot be cleaned, so it is omitted. */
static void clean_device_tree(GByteArray *bytes)
{
	int node = 0, depth = 0;

	if (fdt_check_full(bytes->data, bytes->len)) {
		g_byte_array_set_size(bytes, 0);
		return;
	}
	while (node >= 0) {
		clean_node(bytes->data, node);
		node = fdt_next_node(bytes->data, node, &depth);
	}
	/* The space between blocks may hold old values. */
	if (!fdt_pack(bytes->data))
		g_byte_array_set_size(bytes, fdt_totalsize(bytes->data));
}

/* -- the command line -------------------------------------------------------------------- */

static const char *const words[] = {
	"iommu", "intel_iommu", "amd_iommu",    "arm-smmu",    "vfio", "pci=",
	"pcie_", "pci_",        "virtio_iommu", "riscv_iommu", "efi=", "disable_acs_redir"
};

char *clean_cmdline(const char *line)
{
	g_auto(GStrv) all = g_strsplit_set(line, " \t\n", -1);
	g_autoptr(GPtrArray) kept = g_ptr_array_new();

	for (char **word = all; *word; word++)
		for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
			if (g_str_has_prefix(*word, words[i])) {
				g_ptr_array_add(kept, *word);
				break;
			}
	g_ptr_array_add(kept, NULL);
	return g_strjoinv(" ", (char **)kept->pdata);
}

/* -- files ------------------------------------------------------------------------------- */

static void clean_line(GByteArray *bytes)
{
	g_autofree char *line = g_strndup((const char *)bytes->data, bytes->len);
	g_autofree char *kept = clean_cmdline(line);

	g_byte_array_set_size(bytes, 0);
	g_byte_array_append(bytes, (const guint8 *)kept, (guint)strlen(kept));
	g_byte_array_append(bytes, (const guint8 *)"\n", 1);
}

/* An empty or unreadable file has no bytes. */
void clean_file(const char *path, GByteArray *bytes)
{
	if (!bytes->len)
		return;
	if (!strcmp(path, "sys/firmware/fdt"))
		clean_device_tree(bytes);
	else if (!strcmp(path, "proc/cmdline"))
		clean_line(bytes);
}
