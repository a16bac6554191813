/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * make_trace FILE [N]: record a guest that maps, is accessed by, and unmaps N pages, and write the
 * trace
 *
 * make_trace FILE pasids: a guest that attaches PASIDs, and is accessed with them
 */
#include <stdlib.h>
#include <string.h>

#include <viommu/record.h>

#include "rig.h"

#define ROOM (1u << 24)

static void access_page(struct rig *rig, uint32_t endpoint, uint64_t iova)
{
	struct viommu_translation found;
	int error = viommu_translate(rig->device, endpoint, iova, 512, R, &found);

	viommu_record_access(rig->device, endpoint, VIOMMU_NO_PASID, iova, 512, R, error, &found);
}

static void access_with(struct rig *rig, uint32_t pasid, uint64_t iova)
{
	struct viommu_translation found;
	int error = viommu_translate_pasid(rig->device, EP, pasid, iova, 512, R, &found);

	viommu_record_access(rig->device, EP, pasid, iova, 512, R, error, &found);
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

static void use_pasids(struct rig *rig)
{
	const struct viommu_config config = { .features =
						      VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						  .id = EP,
						  .pasid_bits = 8 };

	replace(rig, config);
	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
}

static void play_pasids(struct rig *rig)
{
	const uint8_t attach_pasid[] = { ATTACH(2, EP, VIOMMU_SLOT_F_PASID, 5) };
	const uint8_t too_wide[] = { ATTACH(2, EP, VIOMMU_SLOT_F_PASID, 256) };
	const uint8_t detach_pasid[] = { HEAD(VIOMMU_T_DETACH), LE32(2), LE32(EP),
					 LE32(VIOMMU_SLOT_F_PASID), LE32(5) };

	status_of(rig, attach_pasid, sizeof(attach_pasid));
	status_of(rig, too_wide, sizeof(too_wide));
	map(rig, 2, 0x1000, 0x1fff, 0x8000, R);
	access_with(rig, 5, 0x1000);
	access_with(rig, 6, 0x1000);
	access_page(rig, EP, 0x1000);
	status_of(rig, detach_pasid, sizeof(detach_pasid));
	access_with(rig, 5, 0x1000);
}

int main(int argc, char **argv)
{
	const bool pasids = argc > 2 && !strcmp(argv[2], "pasids");
	void *state = NULL, *bytes = malloc(ROOM);
	FILE *file = argc > 1 ? fopen(argv[1], "wb") : NULL;
	struct rig *rig;
	size_t length;

	if (!file || !bytes || plug(&state))
		return 2;
	rig = state;
	if (pasids)
		use_pasids(rig);
	attach(rig, 1, EP);
	map(rig, 1, 0x40000000, 0x4000ffff, 0, R);
	if (viommu_record_begin(rig->device, bytes, ROOM))
		return 2;
	if (pasids)
		play_pasids(rig);
	else
		play(rig, argc > 2 ? strtoul(argv[2], NULL, 10) : 4);
	length = viommu_record_end(rig->device);
	if (fwrite(bytes, 1, length, file) != length || fclose(file))
		return 2;
	unplug(&state);
	free(bytes);
	return 0;
}
