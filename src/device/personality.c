/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/personality.h"

bool personality_permits(const struct personality *personality, uint64_t features)
{
	return (features & personality->required) == personality->required &&
	       !(features & personality->excluded);
}

bool personality_has_format(const struct personality *personality, uint16_t native)
{
	for (size_t i = 0; i < personality->n_formats; i++)
		if (personality->formats[i].native == native)
			return true;
	return !personality->formats;
}

uint16_t personality_native_format(const struct personality *personality, uint16_t draft)
{
	for (size_t i = 0; i < personality->n_formats; i++)
		if (personality->formats[i].draft == draft)
			return personality->formats[i].native;
	return 0;
}

/* Move one bit. What was at `to` is not part of a draft. */
static uint64_t move(uint64_t features, uint64_t from, uint64_t to)
{
	bool is_set = features & from;

	return (features & ~(from | to)) | (is_set ? to : 0);
}

uint64_t personality_offer(const struct personality *personality, uint64_t native)
{
	return move(native, VIOMMU_F_TABLE, personality->table_bit);
}

uint64_t personality_accept(const struct personality *personality, uint64_t features)
{
	return move(features, personality->table_bit, VIOMMU_F_TABLE);
}
