/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * One path for `-plugin`, whatever QEMU is installed: load the module that was built for the running
 * QEMU, from the folder qemu/VERSION/ beside this file
 *
 * A module of another patch release of the same generation is the second choice: the module itself
 * checks whether the structures that it contains are those of the running QEMU, and ends QEMU
 * otherwise. QEMU reads qemu_plugin_version after constructors have run, so the value is that of the
 * chosen module. Nothing here includes a header of QEMU, because this file serves every version.
 */

/* The answer of QMP's query-version, whose layout QEMU's schema fixes. */
struct version {
	int64_t major, minor, micro;
};

struct version_info {
	struct version *qemu;
	char *package;
};

extern struct version_info *qmp_query_version(void *error) __attribute__((weak));

typedef int install_function(uint64_t id, const void *info, int argc, char **argv);

__attribute__((visibility("default"))) int qemu_plugin_version;
static install_function *install;

__attribute__((noreturn)) static void fail(void)
{
	exit(EXIT_FAILURE);
}

/* The folder with one folder for each version: qemu/, beside the file of this function. */
static void modules_folder(char *path, size_t size)
{
	Dl_info here;
	char *slash;

	if (!dladdr((void *)modules_folder, &here) || !realpath(here.dli_fname, path)) {
		perror("viommu: the folder of this module");
		fail();
	}
	slash = strrchr(path, '/');
	snprintf(slash, size - (size_t)(slash - path), "/qemu");
}

static bool is_better(const struct version *is, const struct version *found, const struct version *best)
{
	bool same_generation = found->major == is->major && found->minor == is->minor;

	if (!same_generation || best->micro == is->micro)
		return false;
	return found->micro == is->micro || found->micro > best->micro;
}

static bool parse_version(const char *name, struct version *version)
{
	int end = 0;

	return sscanf(name, "%" SCNd64 ".%" SCNd64 ".%" SCNd64 "%n", &version->major, &version->minor,
		      &version->micro, &end) == 3 &&
	       !name[end];
}

/* The best module for `is`; `have` lists all versions in the folder. False if none is of its generation. */
static bool choose(const char *folder, const struct version *is, struct version *best, char *have,
		   size_t size)
{
	DIR *stream = opendir(folder);
	struct version found;
	size_t used = 0;

	*best = (struct version){ .micro = -1 };
	for (struct dirent *entry; stream && (entry = readdir(stream));) {
		if (!parse_version(entry->d_name, &found))
			continue;
		if (used < size)
			used += (size_t)snprintf(have + used, size - used, " %s", entry->d_name);
		if (is_better(is, &found, best))
			*best = found;
	}
	if (stream)
		closedir(stream);
	return best->micro >= 0;
}

static void load(const char *path)
{
	void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	int *version = module ? dlsym(module, "qemu_plugin_version") : NULL;

	if (module)
		*(void **)&install = dlsym(module, "qemu_plugin_install");
	if (!version || !install) {
		fprintf(stderr, "viommu: %s\n", dlerror());
		fail();
	}
	qemu_plugin_version = *version;
}

__attribute__((constructor)) static void choose_module(void)
{
	char folder[PATH_MAX], path[PATH_MAX + 96], have[256] = " none";
	struct version best;
	const struct version *is;

	if (!qmp_query_version)
		return;
	is = qmp_query_version(NULL)->qemu;
	modules_folder(folder, sizeof(folder));
	if (!choose(folder, is, &best, have, sizeof(have))) {
		fprintf(stderr,
			"viommu: no module for QEMU %d.%d.%d in %s (there:%s): install the package "
			"viommu-qemu of this release, or build one with ./run module\n",
			(int)is->major, (int)is->minor, (int)is->micro, folder, have);
		fail();
	}
	snprintf(path, sizeof(path), "%s/%d.%d.%d/viommu-qemu.so", folder, (int)best.major,
		 (int)best.minor, (int)best.micro);
	load(path);
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info, int argc,
							       char **argv)
{
	return install(id, info, argc, argv);
}
