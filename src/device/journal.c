/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "device/core.h"
#include "wire/layout.h"

/*
 * The journal: requests that have changed the state since it was saved
 *
 * A change is the request that made it, as the guest sent it: executing it again at the destination
 * makes the same change. So a request needs no format of its own, and is checked as one.
 * Conflicting requests are recorded in their order, because that is the order in which they are
 * answered. What changes the state otherwise is rare, and ends the journal.
 */

int journal_begin(struct viommu *device, size_t room)
{
	struct journal *journal;

	if (room > SIZE_MAX - sizeof(*journal))
		return -ENOMEM;
	journal = malloc(sizeof(*journal) + room);
	if (!journal)
		return -ENOMEM;
	free(device->journal);
	*journal = (struct journal){ .room = room };
	device->journal = journal;
	return 0;
}

void journal_end(struct viommu *device)
{
	free(device->journal);
	device->journal = NULL;
}

void journal_invalidate(struct viommu *device)
{
	if (device->journal)
		device->journal->is_lost = true;
}

static bool changes_state(uint8_t type)
{
	return type != VIOMMU_T_PROBE && type != VIOMMU_T_INVALIDATE &&
	       type != VIOMMU_DRAFT_T_INVALIDATE;
}

void journal_record(struct viommu *device, const struct layout *layout,
		    const union request *request, uint8_t status)
{
	struct journal *journal = device->journal;

	if (!journal || status != VIOMMU_S_OK || !changes_state(request->type))
		return;
	if (layout->length > journal->room - journal->length) {
		journal->is_lost = true;
		return;
	}
	layout_encode(layout, request, journal->bytes + journal->length);
	journal->length += layout->length;
}
