/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tar archives of host trees
 *
 * A tree that is scanned is saved, and the saved one must give the same answers.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <viommu/host.h>

#include "fuzz.h"

#define LARGEST (256u << 10)
#define PATH    32

/* A file in memory, whose name ends with the process. */
static int make_file(char name[PATH])
{
	int fd = memfd_create("tree", MFD_CLOEXEC);

	must(fd >= 0);
	snprintf(name, PATH, "/proc/self/fd/%d", fd);
	return fd;
}

static void must_be_the_same(const struct viommu_host *host, const char *saved)
{
	struct viommu_host *other = viommu_host_scan(saved, NULL);
	char *one, *two;

	must(other);
	one = viommu_host_json(host, "tree", NULL);
	two = viommu_host_json(other, "tree", NULL);
	must(!strcmp(one, two));
	free(one);
	free(two);
	viommu_host_free(other);
}

static void ask(const struct viommu_host *host, const char *tree)
{
	char name[PATH];
	int fd = make_file(name);

	must(viommu_host_is_tree(tree));
	free(viommu_host_text(host, VIOMMU_HOST_TEXT_IOMMUS | VIOMMU_HOST_TEXT_DEVICES |
					    VIOMMU_HOST_TEXT_GROUPS));
	if (!viommu_host_save(tree, name, NULL))
		must_be_the_same(host, name);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct viommu_findings *findings;
	struct viommu_host *host;
	char name[PATH];
	int fd;

	if (length > LARGEST)
		return 0;
	fd = make_file(name);
	must(write(fd, bytes, length) == (ssize_t)length);
	findings = viommu_findings_new();
	host = viommu_host_scan(name, findings);
	must(host || viommu_findings_count_from(findings, VIOMMU_ERROR));
	if (host)
		ask(host, name);
	viommu_host_free(host);
	viommu_findings_free(findings);
	close(fd);
	return 0;
}
