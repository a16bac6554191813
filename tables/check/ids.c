/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of endpoint IDs and stream IDs: IDs behind one IOMMU are unique
 *
 * An exception are SMMUs, which translate streams: firmware gives two devices the same stream if
 * they are one piece of hardware, such as both roles of a USB controller. That is a note.
 */
#include <inttypes.h>

#include <glib.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/pool.h"
#include "check.h"
#include "tables/model/topology.h"

enum { ALONE, MAY_SHARE, N_CLAIMS };

/* Owns the pieces of ranges that claims refer to. */
struct ids {
	const struct check *check;
	struct array *claims[N_CLAIMS]; /* IDs of one device each; those that devices may share */
	struct hash *groups;            /* the name of an IOMMU -> its group, from 1 */
	struct pool *pieces;            /* of struct viommu_pci_range: subjects of claims */
	size_t n_pieces;
};

/*
 * The index of the IOMMU, from 1. 0 for a missing IOMMU, which another rule reports, and for one
 * whose IDs are not chosen.
 */
static uint64_t group_of(const struct ids *ids, const char *iommu)
{
	return GPOINTER_TO_SIZE(hash_lookup(ids->groups, iommu));
}

static enum viommu_iommu_kind kind_of(const struct ids *ids, uint64_t group)
{
	const struct viommu_iommu *iommu =
		topology_get(ids->check->topology, OBJECT_IOMMU, (size_t)group - 1);

	return iommu->kind;
}

static bool is_smmu(enum viommu_iommu_kind kind)
{
	return kind == VIOMMU_SMMU_V2 || kind == VIOMMU_SMMU_V3;
}

/* Devices with the same stream share a translation table. What an ID means to an IOMMU of another
 * kind is not known: MediaTek's is a port of a bus, which a codec shares with its cores. */
static bool may_share(enum viommu_iommu_kind kind)
{
	return is_smmu(kind) || kind == VIOMMU_OTHER;
}

/* One function is a device. Device trees have one stream for each root port, until a boot loader
 * replaces it. */
static bool piece_may_share(enum viommu_iommu_kind kind, const struct viommu_pci_range *piece)
{
	return is_smmu(kind) && piece->segment_first == piece->segment_last &&
	       piece->bdf_first == piece->bdf_last;
}

/*
 * A piece has the place of the range or host bridge that it was cut from. Functions with one ID
 * share it on purpose, with their bridge, too.
 */
static void claim_ids(void *opaque, const struct viommu_pci_range *piece)
{
	struct ids *ids = opaque;
	uint64_t group = group_of(ids, piece->iommu);
	struct viommu_pci_range *copy;
	struct array *claims;

	if (!group || piece->shared_id)
		return;
	claims = ids->claims[piece_may_share(kind_of(ids, group), piece) ? MAY_SHARE : ALONE];
	copy = pool_new_object(ids->pieces, struct viommu_pci_range);
	*copy = *piece;
	ids->n_pieces++;
	for (unsigned s = piece->segment_first; s <= piece->segment_last; s++)
		claims_add(claims, group, range_id(piece, (uint16_t)s, piece->bdf_first),
			   range_id(piece, (uint16_t)s, piece->bdf_last),
			   (struct subject){ OBJECT_PCI_RANGE, copy, ids->n_pieces });
}

/* 0 and 1 both mean one. */
static uint32_t last_id(uint32_t id, uint32_t n_ids)
{
	return n_ids ? id + (n_ids - 1) : id;
}

static void claim_device(const struct ids *ids, const struct viommu_platform_device *device,
			 size_t i)
{
	uint64_t group = group_of(ids, device->iommu);

	if (group)
		claims_add(ids->claims[may_share(kind_of(ids, group)) ? MAY_SHARE : ALONE], group,
			   device->id, last_id(device->id, device->n_ids),
			   (struct subject){ OBJECT_PLATFORM_DEVICE, device, i });
}

static void claim_all(struct ids *ids)
{
	const struct viommu_topology *topology = ids->check->topology;
	const struct viommu_platform_device *device;

	topology_for_each_pci_range(topology, claim_ids, ids);
	for_each_object(i, device, topology, OBJECT_PLATFORM_DEVICE)
		if (device->iommu)
			claim_device(ids, device, i);
}

/* Claims a shared ID once, for the first device that has it. */
static void claim_shared(struct ids *ids)
{
	struct array *others = ids->claims[ALONE], *shared = ids->claims[MAY_SHARE];
	struct claim *open = NULL;

	claims_sort(shared);
	for (size_t i = 0; i < shared->len; i++) {
		struct claim *claim = &array_index(shared, struct claim, i);

		if (open && open->group == claim->group && claim->first <= open->last) {
			open->last = MAX(open->last, claim->last);
			continue;
		}
		if (open)
			array_append_many(others, open, 1);
		open = claim;
	}
	if (open)
		array_append_many(others, open, 1);
}

/*
 * Only chosen IDs can collide; the others are the functions themselves. Group 0 means no group.
 * Returns whether there are any.
 */
static bool begin(struct ids *ids, const struct check *check)
{
	const struct viommu_iommu *iommu;

	*ids = (struct ids){
		.check = check,
		.claims = { claims_new(), claims_new() },
		.groups = hash_new(&hash_text),
		.pieces = pool_new(),
	};
	for_each_object(i, iommu, check->topology, OBJECT_IOMMU)
		if (iommu_ids_are_chosen(iommu))
			hash_insert(ids->groups, (void *)iommu->name, GSIZE_TO_POINTER(i + 1));
	if (hash_size(ids->groups))
		claim_all(ids);
	return hash_size(ids->groups);
}

static void end(struct ids *ids)
{
	for (int i = 0; i < N_CLAIMS; i++)
		array_free(ids->claims[i]);
	hash_free(ids->groups);
	pool_free(ids->pieces);
}

/* Claims pieces rather than ranges: IDs that a range takes from a host bridge are free. */
void check_ids_twice(const struct check *check)
{
	struct ids ids;

	if (begin(&ids, check)) {
		claim_shared(&ids);
		claims_report_overlaps(check, g_steal_pointer(&ids.claims[ALONE]),
				       "have an ID in common behind one IOMMU",
				       "choose IDs that no other device of this IOMMU has");
	}
	end(&ids);
}

void check_ids_shared(const struct check *check)
{
	struct ids ids;

	if (begin(&ids, check))
		claims_report_overlaps(
			check, g_steal_pointer(&ids.claims[MAY_SHARE]),
			"have a stream ID in common: what is mapped for one is mapped for both",
			NULL);
	end(&ids);
}

/* -- stream IDs of SMMUv2s ---------------------------------------------------------------- */

#define LAST_STREAM 0xffffu

static bool is_beyond(const struct check *check, const char *iommu, uint64_t last)
{
	const struct viommu_iommu *found = viommu_topology_find_iommu(check->topology, iommu);

	return found && found->kind == VIOMMU_SMMU_V2 && last > LAST_STREAM;
}

static void report_stream(const struct check *check, struct subject subject, uint64_t last)
{
	auto_free char *what = subject_describe(&subject);

	check_report(check, &subject, "choose IDs up to 0xffff",
		     "%s would have stream ID 0x%" PRIx64 " at an SMMUv2", what, last);
}

static void check_stream_id(void *opaque, const struct viommu_pci_range *piece)
{
	const struct check *check = opaque;
	uint64_t last = range_id(piece, piece->segment_last, piece->bdf_last);

	if (is_beyond(check, piece->iommu, last))
		report_stream(check, (struct subject){ OBJECT_PCI_RANGE, piece, 0 }, last);
}

/* The device tree binding has a mask in the upper half of the cell: other IDs would be meant. */
void check_stream_ids(const struct check *check)
{
	const struct viommu_platform_device *device;
	const struct viommu_device_id *id;

	if (!topology_has_kind(check->topology, VIOMMU_SMMU_V2))
		return;
	topology_for_each_pci_range(check->topology, check_stream_id, (void *)check);
	for_each_object(i, device, check->topology, OBJECT_PLATFORM_DEVICE) {
		uint64_t last = (uint64_t)device->id + MAX(device->n_ids, 1u) - 1;

		if (is_beyond(check, device->iommu, last))
			report_stream(check, (struct subject){ OBJECT_PLATFORM_DEVICE, device, i },
				      last);
	}
	for_each_object(i, id, check->topology, OBJECT_DEVICE_ID) {
		uint64_t last = (uint64_t)id->id + MAX(id->n_ids, 1u) - 1;

		if (is_beyond(check, id->iommu, last))
			report_stream(check, (struct subject){ OBJECT_DEVICE_ID, id, i }, last);
	}
}
