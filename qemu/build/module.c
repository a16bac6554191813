/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * The entry of the module, for `-plugin viommu-qemu.so`
 *
 * QEMU loads plugins before it creates devices, so -device can name the types that are registered
 * here. Nothing else of the plugin interface is used.
 *
 * The module contains structures of QEMU, so it runs only in the version whose headers it was built
 * with. QEMU's symbols are weak in it: another version can load it and then gets an error message.
 */

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static bool is_same_version(void)
{
	VersionInfo *running = qmp_query_version(NULL);
	const VersionTriple *is = running->qemu;
	bool same = is->major == QEMU_VERSION_MAJOR && is->minor == QEMU_VERSION_MINOR &&
		    is->micro == QEMU_VERSION_MICRO;

	if (!same)
		error_report(
			"viommu-qemu.so was built for QEMU " QEMU_VERSION
			", but this is %d.%d.%d: build it again with ./run module --qemu %d.%d",
			(int)is->major, (int)is->minor, (int)is->micro, (int)is->major,
			(int)is->minor);
	qapi_free_VersionInfo(running);
	return same;
}

/*
 * Runs when the module is loaded, before QEMU checks the plugin version with a less specific
 * message.
 */
__attribute__((constructor)) static void check_version(void)
{
	if (!is_same_version())
		exit(EXIT_FAILURE);
}

static bool parse_argument(const char *argument)
{
	bool on;

	if (g_str_equal(argument, "help=on") || g_str_equal(argument, "help=true")) {
		properties_print();
		exit(EXIT_SUCCESS);
	}
	on = !g_str_equal(argument, "help=off");
	if (on)
		error_report("viommu-qemu.so: unknown argument '%s'; the only one is help=on",
			     argument);
	return !on;
}

/* QEMU would abort at a second type of the same name. It loads one path once, but not one file. */
static bool is_registered(void)
{
	bool registered = object_class_by_name(TYPE_VIOMMU_DEVICE) != NULL;

	if (registered)
		error_report("viommu-qemu.so: another copy of this module is loaded already: give "
			     "-plugin once");
	return registered;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!parse_argument(argv[i]))
			return -EINVAL;
	if (is_registered())
		return -EEXIST;
	region_types_register();
	dma_types_register();
	device_types_register();
	pci_types_register();
	return 0;
}
