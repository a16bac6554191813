/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PCI functions behind IOMMUs, as disjoint ranges
 *
 * Three layers decide about a function: ranges, above host bridges, above nothing. The own function
 * of an IOMMU is taken out of the host bridge that it translates. All objects are cut into slices
 * within a segment, intervals of positions `segment << 16 | BDF`. One sweep over the ends of all
 * slices assigns each interval between two ends to the first open slice of the highest layer. That
 * is O(n log n) for n slices, however they overlap.
 *
 * Slices of one range that are not cut are joined across segments.
 */
#include <glib.h>

#include "base/array.h"
#include "base/index_map.h"
#include "topology.h"

#define SEGMENT_SHIFT 16
#define BUS_SHIFT     8
#define LAST_DEVFN    0xff
#define LAST_BDF      0xffff

/* From the top: a range hides the function of an IOMMU, and both hide the host bridge. */
enum layer { LAYER_RANGE, LAYER_SELF, LAYER_BRIDGE, N_LAYERS };

static const enum object_type type_of_layer[N_LAYERS] = { OBJECT_PCI_RANGE, OBJECT_IOMMU,
							  OBJECT_HOST_BRIDGE };

/* Part of an object on one segment. */
struct slice {
	enum layer layer;
	size_t index;       /* of the object in its list; the lowest wins */
	const void *object; /* range, IOMMU or bridge */
	uint64_t first, last;
};

/* The start or the end of a slice: the sweep visits these positions. */
struct end {
	uint64_t position;
	uint32_t slice; /* objects and their segments are counted (topology.h) */
	bool opens;
};

/*
 * Part of a slice, in one segment; or several whole slices of a range in consecutive segments. It
 * becomes a range when a caller needs it, because there can be very many.
 */
struct piece {
	uint32_t slice;
	uint16_t segment_last;
	uint64_t first, last; /* in the first segment */
};

/* The open slices of each layer by index: the first one wins. */
struct sweep {
	const struct viommu_topology *topology;
	bool bridges_only;                /* skip pieces of ranges */
	struct array *slices;             /* struct slice */
	struct array *ends;               /* struct end */
	struct index_map *open[N_LAYERS]; /* index -> slice */
	struct array *pieces;             /* struct piece, the result */
	size_t *last_piece; /* per range: its latest complete piece, from 1; 0: none */
};

/*
 * One number line for all segments. Ranges are cut into one slice per segment, because they have
 * gaps there.
 */
static uint64_t position(uint16_t segment, uint16_t bdf)
{
	return (uint64_t)segment << SEGMENT_SHIFT | bdf;
}

/* -- cutting into slices ------------------------------------------------------ */

/*
 * A slice closes one position behind its last, possibly in the next segment. 64 bits have room for
 * that.
 */
static void slice(struct sweep *sweep, struct slice slice)
{
	uint32_t i = (uint32_t)sweep->slices->len;
	struct end opens = { slice.first, i, true };
	struct end closes = { slice.last + 1, i, false };

	array_append(sweep->slices, slice);
	array_append(sweep->ends, opens);
	array_append(sweep->ends, closes);
}

/*
 * The functions of the range, and those below them if they are bridges. The function at the end of
 * a path is unknown.
 */
static void slice_range(struct sweep *sweep, size_t i, const struct viommu_pci_range *range)
{
	uint16_t first, last;

	if (!range_is_known(range))
		return;
	for (unsigned s = range->segment_first; s <= range->segment_last; s++) {
		slice(sweep, (struct slice){ LAYER_RANGE, i, range,
					     position((uint16_t)s, range->bdf_first),
					     position((uint16_t)s, range->bdf_last) });
		if (range_below(range, &first, &last))
			slice(sweep,
			      (struct slice){ LAYER_RANGE, i, range, position((uint16_t)s, first),
					      position((uint16_t)s, last) });
	}
}

static void slice_ranges(struct sweep *sweep)
{
	const struct viommu_pci_range *range;

	for_each_object(i, range, sweep->topology, OBJECT_PCI_RANGE)
		slice_range(sweep, i, range);
}

/* A slice of one function, above the host bridge. */
static void slice_iommus(struct sweep *sweep)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, sweep->topology, OBJECT_IOMMU) {
		uint64_t own = position(iommu->segment, iommu->bdf);

		if (iommu_is_function(iommu) && !iommu->translates_itself)
			slice(sweep, (struct slice){ LAYER_SELF, i, iommu, own, own });
	}
}

static void slice_bridges(struct sweep *sweep)
{
	const struct viommu_host_bridge *bridge;

	for_each_object(i, bridge, sweep->topology, OBJECT_HOST_BRIDGE) {
		uint64_t segment = position(bridge->segment, 0);

		slice(sweep, (struct slice){ LAYER_BRIDGE, i, bridge,
					     segment | (uint64_t)bridge->bus_first << BUS_SHIFT,
					     segment | (uint64_t)bridge->bus_last << BUS_SHIFT |
						     LAST_DEVFN });
	}
}

/* Ends at one position may come in any order: the winner is determined after all of them. */
static gint compare_ends(gconstpointer a, gconstpointer b)
{
	const struct end *one = a, *other = b;

	return (one->position > other->position) - (one->position < other->position);
}

/* -- the winner of an interval ------------------------------------------------- */

/* The lowest index wins. */
static const struct slice *first_open(const struct sweep *sweep, enum layer layer)
{
	return index_map_first(sweep->open[layer]);
}

/* Is this IOMMU the one that translates the bridge's functions? */
static bool is_behind_itself(const struct slice *self, const struct slice *bridge)
{
	const struct viommu_iommu *iommu = self->object;
	const struct viommu_host_bridge *host_bridge = bridge->object;

	return host_bridge->iommu && g_str_equal(iommu->name, host_bridge->iommu);
}

/* From the top layer down. NULL: no IOMMU translates here. */
static const struct slice *winner(const struct sweep *sweep)
{
	const struct slice *range = first_open(sweep, LAYER_RANGE);
	const struct slice *self = first_open(sweep, LAYER_SELF);
	const struct slice *bridge = first_open(sweep, LAYER_BRIDGE);

	if (range)
		return range;
	return bridge && self && is_behind_itself(self, bridge) ? NULL : bridge;
}

/* -- pieces ------------------------------------------------------------------- */

static uint16_t segment_of(const struct piece *piece)
{
	return (uint16_t)(piece->first >> SEGMENT_SHIFT);
}

static struct viommu_pci_range range_of_bridge(const struct slice *slice)
{
	const struct viommu_host_bridge *bridge = slice->object;

	return (struct viommu_pci_range){ .iommu = bridge->iommu, .place = bridge->place };
}

/*
 * Both ends are in one segment. An ID beyond 32 bits is truncated, as in guests; a rule reports it.
 */
static struct viommu_pci_range range_of(const struct slice *slice, const struct piece *piece)
{
	const struct viommu_pci_range *whole = slice->object;
	uint16_t segment = segment_of(piece), bdf = piece->first & LAST_BDF;
	struct viommu_pci_range range;

	range = slice->layer == LAYER_RANGE ? *whole : range_of_bridge(slice);
	range.size = sizeof(range);
	range.scope = VIOMMU_SCOPE_FUNCTIONS;
	range.secondary_bus = range.subordinate_bus = 0;
	range.id_first = (uint32_t)(slice->layer == LAYER_RANGE ? range_id(whole, segment, bdf)
								: piece->first);
	range.segment_first = segment;
	range.segment_last = piece->segment_last;
	range.bdf_first = bdf;
	range.bdf_last = piece->last & LAST_BDF;
	return range;
}

/* Extends the last piece by a segment, if its functions and IDs continue. */
static bool joins_last(struct sweep *sweep, const struct slice *slice, const struct piece *piece)
{
	const struct viommu_pci_range *range = slice->object;
	size_t last = sweep->last_piece[slice->index];
	struct piece *before;

	if (!last)
		return false;
	before = &array_index(sweep->pieces, struct piece, last - 1);
	if (before->segment_last + 1 != segment_of(piece) || range->shared_id ||
	    (before->first & LAST_BDF) != (piece->first & LAST_BDF))
		return false;
	before->segment_last = piece->segment_last;
	return true;
}

/* NULL: its functions bypass. */
static const char *iommu_of(const struct slice *slice)
{
	return slice->layer == LAYER_RANGE
		       ? ((const struct viommu_pci_range *)slice->object)->iommu
		       : ((const struct viommu_host_bridge *)slice->object)->iommu;
}

/* A piece that bypasses hides lower layers, but is not in the result. */
static void add_piece(struct sweep *sweep, const struct slice *slice, uint64_t first, uint64_t last)
{
	bool whole = slice->layer == LAYER_RANGE && first == slice->first && last == slice->last;
	struct piece piece = {
		.slice = (uint32_t)(slice - (const struct slice *)(void *)sweep->slices->data),
		.segment_last = (uint16_t)(first >> SEGMENT_SHIFT),
		.first = first,
		.last = last,
	};

	if (!iommu_of(slice) || (whole && joins_last(sweep, slice, &piece)) ||
	    (slice->layer == LAYER_RANGE && sweep->bridges_only))
		return;
	array_append(sweep->pieces, piece);
	if (whole)
		sweep->last_piece[slice->index] = sweep->pieces->len;
}

/* -- the sweep ---------------------------------------------------------------- */

/*
 * Slices of one range share an index. In consecutive segments, the next slice may open before the
 * previous one closes; the map then keeps the next one.
 */
static void open_or_close(struct sweep *sweep, const struct end *end)
{
	struct slice *slice = &array_index(sweep->slices, struct slice, end->slice);
	struct index_map *open = sweep->open[slice->layer];

	if (end->opens)
		index_map_set(open, slice->index, slice);
	else if (index_map_get(open, slice->index) == slice)
		index_map_remove(open, slice->index);
}

/*
 * Processes all ends at a position, then determines the winner. A piece ends only where the winner
 * changes.
 */
static void run(struct sweep *sweep)
{
	const struct slice *current = NULL;
	uint64_t since = 0;

	for (guint i = 0; i < sweep->ends->len;) {
		uint64_t now = array_index(sweep->ends, struct end, i).position;
		const struct slice *next;

		for (; i < sweep->ends->len; i++) {
			const struct end *end = &array_index(sweep->ends, struct end, i);

			if (end->position != now)
				break;
			open_or_close(sweep, end);
		}
		next = winner(sweep);
		if (next == current)
			continue;
		if (current)
			add_piece(sweep, current, since, now - 1);
		current = next;
		since = now;
	}
}

/* Ordered maps: slices open and close in any order, and the lowest index is needed. */
static void sweep_begin(struct sweep *sweep)
{
	size_t n_ranges = topology_count(sweep->topology, OBJECT_PCI_RANGE);

	sweep->slices = array_new(sizeof(struct slice));
	sweep->ends = array_new(sizeof(struct end));
	sweep->pieces = array_new(sizeof(struct piece));
	sweep->last_piece = memory_new(size_t, n_ranges);
	for (int layer = 0; layer < N_LAYERS; layer++)
		sweep->open[layer] =
			index_map_new(topology_count(sweep->topology, type_of_layer[layer]));
}

static void sweep_end(struct sweep *sweep)
{
	array_free(sweep->slices);
	array_free(sweep->ends);
	array_free(sweep->pieces);
	memory_free(sweep->last_piece);
	for (int layer = 0; layer < N_LAYERS; layer++)
		index_map_free(sweep->open[layer]);
}

typedef void each_piece(void *opaque, const struct viommu_pci_range *piece);

/* What only the sweep needs is freed before the callbacks, which may need memory for each piece. */
static void end_run(struct sweep *sweep)
{
	array_free(sweep->ends);
	sweep->ends = NULL;
}

/* Collects all pieces first, because a range is complete only at its last segment. */
static void for_each_piece(struct sweep sweep, each_piece *each, void *opaque)
{
	sweep_begin(&sweep);
	slice_ranges(&sweep);
	slice_iommus(&sweep);
	slice_bridges(&sweep);
	array_sort(sweep.ends, compare_ends);
	run(&sweep);
	end_run(&sweep);
	for (size_t i = 0; i < sweep.pieces->len; i++) {
		const struct piece *piece = &array_index(sweep.pieces, struct piece, i);
		struct viommu_pci_range range =
			range_of(&array_index(sweep.slices, struct slice, piece->slice), piece);

		each(opaque, &range);
	}
	sweep_end(&sweep);
}

void topology_for_each_pci_range(const struct viommu_topology *topology, each_piece *each,
				 void *opaque)
{
	for_each_piece((struct sweep){ .topology = topology }, each, opaque);
}

void topology_for_each_bridge_range(const struct viommu_topology *topology, each_piece *each,
				    void *opaque)
{
	for_each_piece((struct sweep){ .topology = topology, .bridges_only = true }, each, opaque);
}

/* -- overlaps ------------------------------------------------------------------ */

/* A difference of positions does not fit into an int. */
static gint compare_slices(gconstpointer a, gconstpointer b)
{
	const struct slice *one = a, *other = b;

	return (one->first > other->first) - (one->first < other->first);
}

/* The windows of a bridge and of the buses below it are disjoint. */
bool topology_ranges_overlap(const struct viommu_topology *topology)
{
	struct sweep sweep = { .topology = topology };
	bool overlap = false;
	uint64_t end = 0;

	sweep_begin(&sweep);
	slice_ranges(&sweep);
	array_sort(sweep.slices, compare_slices);
	for (guint i = 0; i < sweep.slices->len && !overlap; i++) {
		const struct slice *slice = &array_index(sweep.slices, struct slice, i);

		overlap = slice->first < end;
		end = slice->last + 1;
	}
	sweep_end(&sweep);
	return overlap;
}
