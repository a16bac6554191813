/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/personality.h"

static const struct personality *const personalities[] = {
	[VIOMMU_PERSONALITY_NATIVE] = &personality_native,
	[VIOMMU_PERSONALITY_DRAFT_C] = &personality_draft_c,
	[VIOMMU_PERSONALITY_DRAFT_E] = &personality_draft_e,
};

const struct personality *personality_find(uint32_t number)
{
	return number < sizeof(personalities) / sizeof(personalities[0]) ? personalities[number]
									 : NULL;
}

const char *viommu_personality_name(uint32_t number)
{
	const struct personality *personality = personality_find(number);

	return personality ? personality->name : NULL;
}
