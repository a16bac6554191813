/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <viommu/host.h>

#include "clock.h"

/*
 * host TREE: how long it takes to scan a tree of a host, and to print it
 *
 * Prints as JSON the nanoseconds of each step, the shortest of a few, how many devices there are,
 * and how much memory the process needed at the most.
 */

#define TURNS 5

static uint64_t shorter(uint64_t best, uint64_t began)
{
	uint64_t now = now_ns() - began;

	return !best || now < best ? now : best;
}

int main(int argc, char **argv)
{
	uint64_t scan = 0, print = 0;
	struct rusage usage = { 0 };
	size_t n = 0;

	if (argc != 2)
		return 2;
	for (int turn = 0; turn < TURNS; turn++) {
		uint64_t began = now_ns();
		struct viommu_host *host = viommu_host_scan(argv[1], NULL);
		char *text;

		if (!host)
			return 2;
		scan = shorter(scan, began);
		began = now_ns();
		text = viommu_host_json(host, NULL, NULL);
		print = shorter(print, began);
		free(text);
		n = viommu_host_count_devices(host);
		viommu_host_free(host);
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"scan\": %llu, \"print\": %llu, \"devices\": %zu, \"peak_kib\": %ld}\n",
	       (unsigned long long)scan, (unsigned long long)print, n, usage.ru_maxrss);
	return 0;
}
