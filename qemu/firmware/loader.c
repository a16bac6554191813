/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * An additional ACPI table for machines that offer no interface for one: arm's virt, microvm
 *
 * Firmware reads ACPI tables as files of fw_cfg, and a script, "etc/table-loader", whose commands
 * allocate the files and patch pointers and checksums (QEMU: bios-linker-loader). The machine
 * writes both again when the guest selects one of them, because its PCI buses have numbers then.
 *
 * So the machine's script is renamed, and ours takes its name. When the guest selects our script,
 * we select the machine's, which makes the machine write it, and copy it. Our copy has one more
 * file with the new table and with a copy of the XSDT that lists it too, and the RSDP points to
 * that XSDT. (EDK2 installs every table to which a pointer of the script leads.)
 */

#define LOADER_FILE  "etc/table-loader"
#define MACHINE_FILE "etc/table-loader.machine"
#define TABLES_FILE  "etc/acpi/tables"
#define RSDP_FILE    "etc/acpi/rsdp"
#define OUR_FILE     "etc/acpi/viommu"

#define RSDP_XSDT_AT    24
#define TABLE_LENGTH_AT 4
#define TABLE_SUM_AT    9
#define TABLE_HEADER    36
#define POINTER         8
#define ALIGNMENT       64
#define MAX_SCRIPT      0x10000
#define SCRIPT_STEP     0x1000 /* qboot reads the script onto its stack, so the script must be small */
#define MAX_XSDT        0x1000

enum { ALLOCATE = 1, ADD_POINTER, ADD_CHECKSUM };
enum { ZONE_HIGH = 1 };

struct command {
	uint32_t code;
	union {
		struct {
			char file[FW_CFG_MAX_FILE_PATH];
			uint32_t align;
			uint8_t zone;
		} QEMU_PACKED allocate;
		struct {
			char at_file[FW_CFG_MAX_FILE_PATH], to_file[FW_CFG_MAX_FILE_PATH];
			uint32_t at;
			uint8_t length;
		} QEMU_PACKED pointer;
		struct {
			char file[FW_CFG_MAX_FILE_PATH];
			uint32_t at, first, length;
		} QEMU_PACKED checksum;
		uint8_t pad[124];
	};
} QEMU_PACKED;

static struct {
	FWCfgState *fw_cfg;
	struct command script[MAX_SCRIPT / sizeof(struct command)];
	size_t n_commands, max_commands;
	uint8_t *file; /* the table, and from `xsdt` on the copy of the XSDT */
	size_t xsdt, length;
	uint64_t machine_xsdt; /* offset of the machine's XSDT in its file */
} loader;

/* The contents of a file of the machine. */
static uint8_t *machine_file(const char *name, size_t *ret_length)
{
	g_autofree char *wanted = g_strdup_printf("/rom@%s", name);
	ObjectPropertyIterator children;
	ObjectProperty *child;

	object_property_iter_init(&children, OBJECT(loader.fw_cfg));
	while ((child = object_property_iter_next(&children))) {
		MemoryRegion *region;

		if (!g_str_equal(child->type, "child<memory-region>"))
			continue;
		region = MEMORY_REGION(child->opaque);
		if (g_strcmp0(memory_region_name(region), wanted))
			continue;
		*ret_length = memory_region_size(region);
		return memory_region_get_ram_ptr(region);
	}
	return NULL;
}

static struct command *command_add(uint32_t code)
{
	static struct command too_many;
	struct command *command = &too_many;

	if (loader.n_commands < loader.max_commands)
		command = &loader.script[loader.n_commands++];
	memset(command, 0, sizeof(*command));
	command->code = cpu_to_le32(code);
	return command;
}

static void add_pointer(size_t at, const char *to_file)
{
	struct command *command = command_add(ADD_POINTER);

	g_strlcpy(command->pointer.at_file, OUR_FILE, FW_CFG_MAX_FILE_PATH);
	g_strlcpy(command->pointer.to_file, to_file, FW_CFG_MAX_FILE_PATH);
	command->pointer.at = cpu_to_le32((uint32_t)at);
	command->pointer.length = POINTER;
}

/* Copy the XSDT behind our table, with one more entry. Returns its length, or 0. */
static size_t copy_xsdt(uint64_t at)
{
	size_t tables_length, length;
	uint8_t *tables = machine_file(TABLES_FILE, &tables_length);
	uint8_t *copy = loader.file + loader.xsdt;

	if (!tables || at > tables_length || tables_length - at < TABLE_HEADER)
		return 0;
	length = ldl_le_p(tables + at + TABLE_LENGTH_AT);
	if (length < TABLE_HEADER || length > MAX_XSDT - POINTER || length > tables_length - at)
		return 0;
	memcpy(copy, tables + at, length);
	stq_le_p(copy + length, 0); /* our table is at offset 0 of the file */
	stl_le_p(copy + TABLE_LENGTH_AT, (uint32_t)(length + POINTER));
	copy[TABLE_SUM_AT] = 0;
	return length + POINTER;
}

/* Copy a command of the machine. The pointer to its XSDT becomes a pointer to ours. */
static void copy_command(const struct command *theirs, size_t *ret_xsdt_length)
{
	struct command *ours = command_add(le32_to_cpu(theirs->code));
	size_t length;
	uint8_t *rsdp;

	*ours = *theirs;
	if (theirs->code != cpu_to_le32(ADD_POINTER) ||
	    theirs->pointer.at != cpu_to_le32(RSDP_XSDT_AT) ||
	    strncmp(theirs->pointer.at_file, RSDP_FILE, FW_CFG_MAX_FILE_PATH) != 0)
		return;
	rsdp = machine_file(RSDP_FILE, &length);
	if (!rsdp || length < RSDP_XSDT_AT + POINTER)
		return;
	/* The script may be selected again without the machine writing its files again. */
	if (ldq_le_p(rsdp + RSDP_XSDT_AT) != loader.xsdt)
		loader.machine_xsdt = ldq_le_p(rsdp + RSDP_XSDT_AT);
	*ret_xsdt_length = copy_xsdt(loader.machine_xsdt);
	if (!*ret_xsdt_length)
		return;
	stq_le_p(rsdp + RSDP_XSDT_AT, loader.xsdt);
	g_strlcpy(ours->pointer.to_file, OUR_FILE, FW_CFG_MAX_FILE_PATH);
}

static void write_script(void)
{
	size_t length, xsdt_length = 0;
	const struct command *theirs = (const void *)machine_file(LOADER_FILE, &length);
	struct command *command;

	memset(loader.script, 0, sizeof(loader.script));
	loader.n_commands = 0;
	command = command_add(ALLOCATE);
	g_strlcpy(command->allocate.file, OUR_FILE, FW_CFG_MAX_FILE_PATH);
	command->allocate.align = cpu_to_le32(ALIGNMENT);
	command->allocate.zone = ZONE_HIGH;
	for (size_t i = 0; theirs && i < length / sizeof(*theirs); i++)
		if (theirs[i].code)
			copy_command(&theirs[i], &xsdt_length);
	if (!xsdt_length)
		return;
	for (size_t at = TABLE_HEADER; at < xsdt_length - POINTER; at += POINTER)
		add_pointer(loader.xsdt + at, TABLES_FILE);
	add_pointer(loader.xsdt + xsdt_length - POINTER, OUR_FILE);
	command = command_add(ADD_CHECKSUM);
	g_strlcpy(command->checksum.file, OUR_FILE, FW_CFG_MAX_FILE_PATH);
	command->checksum.at = cpu_to_le32((uint32_t)loader.xsdt + TABLE_SUM_AT);
	command->checksum.first = cpu_to_le32((uint32_t)loader.xsdt);
	command->checksum.length = cpu_to_le32((uint32_t)xsdt_length);
}

static FWCfgFile *directory_entry(const char *name)
{
	FWCfgFiles *files = loader.fw_cfg->files;

	for (uint32_t i = 0; files && i < be32_to_cpu(files->count); i++)
		if (!strcmp(files->f[i].name, name))
			return &files->f[i];
	return NULL;
}

/* Select the machine's script through the guest's register. Its key depends on the files before it.
 * fw_cfg resizes a file by its name, which is now ours, so ours is set again. */
static void script_selected(void *opaque)
{
	FWCfgState *fw_cfg = loader.fw_cfg;
	uint16_t selected = fw_cfg->cur_entry;
	uint16_t theirs = be16_to_cpu(directory_entry(MACHINE_FILE)->select);
	MemoryRegion *select = object_dynamic_cast(OBJECT(fw_cfg), TYPE_FW_CFG_MEM)
				       ? &FW_CFG_MEM(fw_cfg)->ctl_iomem
				       : &FW_CFG_IO(fw_cfg)->comb_iomem;

	select->ops->write(select->opaque, 0, theirs, sizeof(theirs));
	fw_cfg->cur_entry = selected;
	write_script();
	fw_cfg_modify_file(fw_cfg, LOADER_FILE, loader.script,
			   loader.max_commands * sizeof(*loader.script));
}

/* At the first reset the machine has added its files, and the guest has read none of them. */
static void machine_reset(void *opaque)
{
	FWCfgFile *theirs;

	loader.fw_cfg = fw_cfg_find();
	if (!loader.fw_cfg || directory_entry(MACHINE_FILE))
		return;
	theirs = directory_entry(LOADER_FILE);
	if (!theirs)
		return;
	g_strlcpy(theirs->name, MACHINE_FILE, sizeof(theirs->name));
	fw_cfg_add_file(loader.fw_cfg, OUR_FILE, loader.file, loader.length);
	loader.max_commands = ARRAY_SIZE(loader.script);
	write_script();
	loader.max_commands =
		ROUND_UP((loader.n_commands + 1) * sizeof(*loader.script), SCRIPT_STEP) /
		sizeof(*loader.script);
	fw_cfg_add_file_callback(loader.fw_cfg, LOADER_FILE, script_selected, NULL, NULL,
				 loader.script, loader.max_commands * sizeof(*loader.script), true);
}

void loader_install(const void *table, size_t length)
{
	loader.xsdt = ROUND_UP(length, ALIGNMENT);
	loader.length = loader.xsdt + MAX_XSDT;
	loader.file = g_malloc0(loader.length);
	memcpy(loader.file, table, length);
	qemu_register_reset(machine_reset, NULL);
}
