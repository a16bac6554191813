/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <viommu/host.h>

#include "clock.h"
#include "plan/plan.h"

/*
 * host TREE: how long it takes to scan a tree of a host, to print it, and to plan a guest for it
 *
 * The guest has a few functions of each IOMMU, as many as it has bus numbers for.
 *
 * Prints as JSON the nanoseconds of processor time of each step, the shortest of a few, how many
 * devices there are, and how much memory the process needed at the most.
 */

#define TURNS 5
#define EACH  12 /* functions of an IOMMU */

static uint64_t shorter(uint64_t best, uint64_t began)
{
	uint64_t now = spent_ns() - began;

	return !best || now < best ? now : best;
}

/* To be freed with free(); names are the host's. */
static const char **some_of_each(const struct viommu_host *host)
{
	const char **names = calloc(viommu_host_count_iommus(host) * EACH + 1, sizeof(*names));
	const struct viommu_host_iommu *iommu;
	const struct viommu_host_device *device;
	size_t n = 0;

	for (size_t i = 0; names && (iommu = viommu_host_iommu(host, i)); i++)
		for (size_t d = 0, taken = 0;
		     taken < EACH && (device = viommu_host_iommu_device(iommu, d)); d++)
			if (device->pci && !device->bridge && !device->pf) {
				names[n++] = device->name;
				taken++;
			}
	return names;
}

/* Nanoseconds of a plan and of its arguments of QEMU; 0: there is none, and why is printed. */
static uint64_t plan(const struct viommu_host *host)
{
	const struct plan_options options = { .qemu = PLAN_DEFAULT_QEMU, .managed = true };
	struct viommu_findings *findings = viommu_findings_new();
	const char **names = some_of_each(host);
	uint64_t began = spent_ns(), took = 0;
	struct plan *made = names ? plan_make(host, &options, names, NULL, findings) : NULL;
	const struct viommu_finding *finding;

	if (made) {
		g_free(plan_qemu(made));
		took = spent_ns() - began;
	}
	for (size_t i = 0; (finding = viommu_findings_get(findings, i)); i++)
		fprintf(stderr, "%s [%s]\n", finding->text, finding->id);
	plan_free(made);
	free(names);
	viommu_findings_free(findings);
	return took;
}

int main(int argc, char **argv)
{
	uint64_t scan = 0, print = 0, best = 0;
	struct rusage usage = { 0 };
	size_t n = 0;

	if (argc != 2)
		return 2;
	for (int turn = 0; turn < TURNS; turn++) {
		uint64_t began = spent_ns(), took;
		struct viommu_host *host = viommu_host_scan(argv[1], NULL);
		char *text;

		if (!host)
			return 2;
		scan = shorter(scan, began);
		began = spent_ns();
		text = viommu_host_json(host, NULL, NULL);
		print = shorter(print, began);
		free(text);
		took = plan(host);
		if (!took)
			return 2;
		best = !best || took < best ? took : best;
		n = viommu_host_count_devices(host);
		viommu_host_free(host);
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"scan\": %llu, \"print\": %llu, \"plan\": %llu, \"devices\": %zu, "
	       "\"peak_kib\": %ld}\n",
	       (unsigned long long)scan, (unsigned long long)print, (unsigned long long)best, n,
	       usage.ru_maxrss);
	return 0;
}
