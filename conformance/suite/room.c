/* SPDX-License-Identifier: BSD-3-Clause */
#include "room.h"

enum { MAPPED_DOMAINS = 16 };

struct room room;

void room_take(uint64_t unit)
{
	const unsigned n = (unsigned)((unit < 2 * PAGE ? 2 * PAGE : unit) / PAGE);
	uint64_t pages = (uint64_t)take_pages(2 * n);

	room.first = (pages + n * PAGE - 1) / unit * unit;
	room.last = room.first + n * PAGE - 1;
}

uint32_t room_domain(void)
{
	return offers(VIOMMU_F_DOMAIN_RANGE) ? config32(VIOMMU_CONFIG_DOMAIN_START) : 0;
}

void room_share(void)
{
	const uint32_t begin = room_domain();

	if (!(device_status() & DRIVER_OK) || (device_status() & NEEDS_RESET))
		return;
	for (uint32_t i = 0; i <= MAPPED_DOMAINS; i++) {
		int status = map(begin + i, room.first, room.last, room.first, RW);

		if (status == SILENT || status == UNWRITTEN)
			return;
	}
}
