/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a plan reads: libvirt domains, earlier plans, and arguments of QEMU
 *
 * The first byte selects which. The host is a small one, always the same. A plan that is made must
 * be kept as it is, and a domain that is written must be one, which has a plan already.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "plan/arguments.h"
#include "plan/domain.h"
#include "plan/plan.h"

#define LARGEST 65536u
#define BLOCK   512u

/* -- the host --------------------------------------------------------------------- */

static void add_link(GByteArray *tar, const char *path, const char *target)
{
	char head[BLOCK] = { 0 };
	unsigned sum = 0;

	g_strlcpy(head, path, 100);
	memcpy(head + 100, "0000777", 7);
	memcpy(head + 124, "00000000000", 11);
	memset(head + 148, ' ', 8);
	head[156] = target ? '2' : '5';
	g_strlcpy(head + 157, target ? target : "", 100);
	memcpy(head + 257,
	       "ustar\0"
	       "00",
	       8);
	for (size_t i = 0; i < sizeof(head); i++)
		sum += (uint8_t)head[i];
	snprintf(head + 148, 7, "%06o", sum);
	g_byte_array_append(tar, (const guint8 *)head, sizeof(head));
}

static void add_device(GByteArray *tar, unsigned bus, unsigned unit)
{
	g_autofree char *name = g_strdup_printf("0000:%02x:00.0", bus),
			*place = g_strdup_printf("sys/devices/pci0000:%02x/%s", bus, name),
			*link = g_strdup_printf("sys/bus/pci/devices/%s", name),
			*target = g_strdup_printf("../../../devices/pci0000:%02x/%s", bus, name),
			*iommu = g_strdup_printf("%s/iommu", place),
			*owner = g_strdup_printf("../../virtual/iommu/dmar%u", unit);

	add_link(tar, place, NULL);
	add_link(tar, link, target);
	add_link(tar, iommu, owner);
}

static struct viommu_host *make_host(void)
{
	g_autoptr(GByteArray) tar = g_byte_array_new();
	char name[32];
	int fd = memfd_create("host", MFD_CLOEXEC);
	struct viommu_host *host;

	add_link(tar, "sys/devices/virtual/iommu/dmar0", NULL);
	add_link(tar, "sys/devices/virtual/iommu/dmar1", NULL);
	add_link(tar, "sys/class/iommu/dmar0", "../../devices/virtual/iommu/dmar0");
	add_link(tar, "sys/class/iommu/dmar1", "../../devices/virtual/iommu/dmar1");
	for (unsigned bus = 1; bus <= 4; bus++)
		add_device(tar, bus, bus > 2);
	g_byte_array_set_size(tar, tar->len + 2 * BLOCK);
	memset(tar->data + tar->len - 2 * BLOCK, 0, 2 * BLOCK);
	must(write(fd, tar->data, tar->len) == (ssize_t)tar->len);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	host = viommu_host_scan(name, NULL);
	close(fd);
	must(host && viommu_host_count_devices(host) == 4);
	return host;
}

static const struct viommu_host *host(void)
{
	static struct viommu_host *made;

	if (!made)
		made = make_host();
	return made;
}

/* -- what is read ------------------------------------------------------------------- */

static const char *const all[] = { "0000:01:00.0", "0000:02:00.0", "0000:03:00.0", "0000:04:00.0",
				   NULL };

/* NULL, and then there is a reason. */
static struct plan *plan_of(const struct plan_options *options, const char *const *names,
			    const char *before, struct viommu_findings *findings)
{
	struct plan *plan = plan_make(host(), options, names, before, findings);

	must(!plan == (viommu_findings_count_from(findings, VIOMMU_ERROR) != 0));
	return plan;
}

static void must_be_kept(const struct plan_options *options, const char *const *names,
			 const struct plan *plan)
{
	struct viommu_findings *findings = viommu_findings_new();
	g_autofree char *before = plan_json(plan), *after = NULL;
	struct plan *again = plan_of(options, names, before, findings);

	must(again);
	after = plan_json(again);
	must(g_str_has_prefix(after, "{"));
	must(!strcmp(strstr(before, "\"mmio64\""), strstr(after, "\"mmio64\"")));
	plan_free(again);
	viommu_findings_free(findings);
}

static void try_domain(const char *text, size_t length, struct viommu_findings *findings)
{
	struct plan_domain *domain = plan_domain_read(text, length, findings);
	struct plan_options options = { .qemu = PLAN_DEFAULT_QEMU };
	struct plan *plan;

	must(domain || viommu_findings_count_from(findings, VIOMMU_ERROR));
	if (!domain)
		return;
	plan_domain_options(domain, &options, findings);
	plan = plan_of(&options, plan_domain_devices(domain), NULL, findings);
	if (plan) {
		g_autofree char *written = plan_domain_write(domain, plan);

		must(!plan_domain_read(written, strlen(written), findings));
		must_be_kept(&options, plan_domain_devices(domain), plan);
	}
	plan_free(plan);
	plan_domain_free(domain);
	if (options.nodes)
		g_hash_table_unref(options.nodes);
}

static void try_keep(const char *text, size_t length, struct viommu_findings *findings)
{
	const struct plan_options options = { .qemu = PLAN_DEFAULT_QEMU };
	struct plan *plan = plan_of(&options, all, text, findings);

	(void)length;
	if (plan)
		must_be_kept(&options, all, plan);
	plan_free(plan);
}

/* Words are separated by ends of lines. */
static void try_arguments(const char *text, size_t length, struct viommu_findings *findings)
{
	g_auto(GStrv) words = g_strsplit(text, "\n", 64), names = NULL;
	struct plan_options options = { .qemu = PLAN_DEFAULT_QEMU };

	(void)length;
	names = plan_arguments(words, &options, findings);
	must(names || viommu_findings_count_from(findings, VIOMMU_ERROR));
	if (names)
		plan_free(plan_of(&options, (const char *const *)names, NULL, findings));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static void (*const tries[])(const char *text, size_t length,
				     struct viommu_findings *findings) = {
		try_domain,
		try_keep,
		try_arguments,
	};
	struct rest input = { bytes, length };
	uint8_t which = take(&input);
	struct viommu_findings *findings;
	char *text;

	if (length > LARGEST)
		return 0;
	findings = viommu_findings_new();
	text = g_strndup((const char *)input.bytes, input.length);
	tries[which % G_N_ELEMENTS(tries)](text, strlen(text), findings);
	g_free(text);
	viommu_findings_free(findings);
	return 0;
}
