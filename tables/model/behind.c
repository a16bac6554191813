/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which IOMMU translates the accesses of each IOMMU
 *
 * The functions of IOMMUs are sorted once. Each range then takes those functions in it that no
 * other range has taken, so the cost is that of sorting, however long a chain of IOMMUs is.
 */
#include <glib.h>

#include "base/array.h"
#include "base/hash.h"
#include "topology.h"

#define BUS_SHIFT     8
#define SEGMENT_SHIFT 16
#define LAST_DEVFN    0xffu

/* The function of an IOMMU, the i-th of the topology. */
struct function {
	uint32_t id; /* segment and BDF */
	size_t i;
};

struct chains {
	const struct viommu_topology *topology;
	struct array *functions;
	struct array *free; /* size_t: the next function at or behind this one that is not taken */
	struct hash *indices; /* IOMMU -> its index, plus 1 */
	size_t *behind;
};

static const struct function *function_at(const struct chains *chains, size_t i)
{
	return &array_index(chains->functions, struct function, i);
}

static int by_id(const void *a, const void *b)
{
	const struct function *one = a, *other = b;

	return (one->id > other->id) - (one->id < other->id);
}

static void find_functions(struct chains *chains)
{
	const struct viommu_iommu *iommu;
	size_t n = 0;

	for_each_object(i, iommu, chains->topology, OBJECT_IOMMU) {
		struct function function = { (uint32_t)iommu->segment << SEGMENT_SHIFT | iommu->bdf,
					     i };

		hash_insert(chains->indices, iommu, GSIZE_TO_POINTER(i + 1));
		chains->behind[i] = SIZE_MAX;
		if (!iommu_has_window(iommu))
			array_append(chains->functions, function);
	}
	array_sort(chains->functions, by_id);
	for (; n <= chains->functions->len; n++)
		array_append(chains->free, n);
}

/* The first function at or behind the i-th that is not taken; halves the paths that it follows. */
static size_t next_free(const struct chains *chains, size_t i)
{
	size_t *next = &array_index(chains->free, size_t, 0);

	while (next[i] != i)
		i = next[i] = next[next[i]];
	return i;
}

static size_t first_at(const struct chains *chains, uint32_t id)
{
	size_t low = 0, high = chains->functions->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (function_at(chains, middle)->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* SIZE_MAX: there is no IOMMU of that name. */
static size_t index_of(const struct chains *chains, const char *name)
{
	const void *iommu = name ? viommu_topology_find_iommu(chains->topology, name) : NULL;

	return iommu ? GPOINTER_TO_SIZE(hash_lookup(chains->indices, iommu)) - 1 : SIZE_MAX;
}

/* The IOMMU translates these functions of a segment, but for those that another has. */
static void take(struct chains *chains, const char *iommu, uint32_t segment, uint32_t first,
		 uint32_t last)
{
	size_t index = index_of(chains, iommu);
	uint32_t end = segment << SEGMENT_SHIFT | last;
	size_t i = next_free(chains, first_at(chains, segment << SEGMENT_SHIFT | first));

	for (; i < chains->functions->len && function_at(chains, i)->id <= end;
	     i = next_free(chains, i + 1)) {
		chains->behind[function_at(chains, i)->i] = index;
		array_index(chains->free, size_t, i) = i + 1;
	}
}

static void take_range(struct chains *chains, const struct viommu_pci_range *range)
{
	uint16_t first, last;

	if (!range_is_known(range))
		return;
	for (uint32_t s = range->segment_first; s <= range->segment_last; s++) {
		take(chains, range->iommu, s, range->bdf_first, range->bdf_last);
		if (range_below(range, &first, &last))
			take(chains, range->iommu, s, first, last);
	}
}

/* A host bridge leaves out the function of its own IOMMU. */
static void take_bridges(struct chains *chains)
{
	const struct viommu_host_bridge *bridge;

	for_each_object(i, bridge, chains->topology, OBJECT_HOST_BRIDGE)
		take(chains, bridge->iommu, bridge->segment,
		     (uint32_t)bridge->bus_first << BUS_SHIFT,
		     (uint32_t)bridge->bus_last << BUS_SHIFT | LAST_DEVFN);
}

/* An IOMMU with registers is the device with the same address. */
static void take_windows(struct chains *chains)
{
	auto_hash struct hash *devices = hash_new(&hash_number);
	const struct viommu_platform_device *device;
	const struct viommu_iommu *iommu;

	for_each_object(i, device, chains->topology, OBJECT_PLATFORM_DEVICE)
		if (device->iommu)
			hash_insert(devices, &device->base, device);
	for_each_object(i, iommu, chains->topology, OBJECT_IOMMU) {
		device = iommu->kind == VIOMMU_VIRTIO_MMIO ? hash_lookup(devices, &iommu->base)
							   : NULL;
		if (device)
			chains->behind[i] = index_of(chains, device->iommu);
	}
}

size_t *topology_behind(const struct viommu_topology *topology, bool last)
{
	size_t n = topology_count(topology, OBJECT_PCI_RANGE);
	struct chains chains = {
		.topology = topology,
		.functions = array_new(sizeof(struct function)),
		.free = array_new(sizeof(size_t)),
		.indices = hash_new(&hash_direct),
		.behind =
			memory_new(size_t, topology_count(topology, OBJECT_IOMMU) + 1), /* not 0 */
	};

	find_functions(&chains);
	for (size_t i = 0; i < n; i++)
		take_range(&chains, topology_get(topology, OBJECT_PCI_RANGE, last ? n - 1 - i : i));
	take_bridges(&chains);
	take_windows(&chains);
	hash_free(chains.indices);
	array_free(chains.free);
	array_free(chains.functions);
	return chains.behind;
}

/* What is known of an IOMMU. */
enum { UNKNOWN, ON_WAY, ENDS, WAITS };

/* Where does the way from the i-th IOMMU lead: to an end, or round and round? */
static uint8_t follow(const size_t *behind, uint8_t *states, size_t i)
{
	size_t at = i;
	uint8_t state;

	for (; at != SIZE_MAX && states[at] == UNKNOWN; at = behind[at])
		states[at] = ON_WAY;
	state = at == SIZE_MAX || states[at] == ENDS ? ENDS : WAITS;
	for (at = i; at != SIZE_MAX && states[at] == ON_WAY; at = behind[at])
		states[at] = state;
	return state;
}

void topology_note_waiting(struct viommu_topology *topology, bool last, bool by_itself,
			   const char *why)
{
	size_t n = topology_count(topology, OBJECT_IOMMU);
	auto_free size_t *behind = topology_behind(topology, last);
	auto_free uint8_t *states = memory_new(uint8_t, n + 1);

	for (size_t i = 0; i < n; i++)
		if (behind[i] == i && !by_itself)
			behind[i] = SIZE_MAX;
	for (size_t i = 0; i < n; i++)
		if (follow(behind, states, i) == WAITS)
			topology_set_unused(topology, topology_get(topology, OBJECT_IOMMU, i), why);
}
