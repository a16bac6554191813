/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * make_trace FILE [N]: record a guest that maps, is accessed by, and unmaps N pages, and write the
 * trace
 */
#include <stdlib.h>

#include <viommu/record.h>

#include "rig.h"

#define ROOM (1u << 24)

static void access_page(struct rig *rig, uint32_t endpoint, uint64_t iova)
{
	struct viommu_translation found;
	int error = viommu_translate(rig->device, endpoint, iova, 512, R, &found);

	viommu_record_access(rig->device, endpoint, VIOMMU_NO_PASID, iova, 512, R, error, &found);
}

static void play(struct rig *rig, uint64_t n)
{
	for (uint64_t i = 1; i <= n; i++) {
		viommu_batch_begin(rig->device);
		viommu_batch_end(rig->device);
		map(rig, 1, i * PAGE, i * PAGE + PAGE - 1, i * PAGE << 1, R);
		access_page(rig, EP, i * PAGE);
		access_page(rig, EP, i * PAGE + PAGE);
		unmap(rig, 1, i * PAGE, i * PAGE + PAGE - 1);
	}
	access_page(rig, NO_ENDPOINT, 0);
	probe(rig, EP);
	write_bypass(rig, 1);
	access_page(rig, EP3, PAGE);
	detach(rig, 1, EP);
}

int main(int argc, char **argv)
{
	void *state = NULL, *bytes = malloc(ROOM);
	FILE *file = argc > 1 ? fopen(argv[1], "wb") : NULL;
	struct rig *rig;
	size_t length;

	if (!file || !bytes || plug(&state))
		return 2;
	rig = state;
	attach(rig, 1, EP);
	map(rig, 1, 0x40000000, 0x4000ffff, 0, R);
	if (viommu_record_begin(rig->device, bytes, ROOM))
		return 2;
	play(rig, argc > 2 ? strtoul(argv[2], NULL, 10) : 4);
	length = viommu_record_end(rig->device);
	if (fwrite(bytes, 1, length, file) != length || fclose(file))
		return 2;
	unplug(&state);
	free(bytes);
	return 0;
}
