/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What Xen and FreeBSD make of a DMAR that Linux reads otherwise
 *
 * At a structure that it does not accept, Xen disables all of VT-d (acpi_parse_dmar()). FreeBSD
 * takes each unit by itself, and for a function the first one in the order of the table that names
 * it or has INCLUDE_PCI_ALL (dmar_find()).
 */
#include "base/array.h"
#include "dmar.h"
#include "tables/table/others.h"

static bool is_of(const struct record *structure, unsigned type)
{
	return dmar_type_of(structure) == type;
}

/* The second structure of a type, in segment 0, with the flag. */
static const struct record *find_second(const struct viommu_table *table, unsigned type)
{
	const struct record *structure;
	bool seen = false;

	for_each_structure(structure, table) {
		const struct dmar_drhd *drhd = structure->host;
		const struct dmar_ports *ports = structure->host;
		bool unit = type == DMAR_DRHD;

		if (!is_of(structure, type) || (unit ? drhd->segment : ports->segment) ||
		    !((unit ? drhd->flags : ports->flags) & 1))
			continue;
		if (seen)
			return structure;
		seen = true;
	}
	return NULL;
}

static const struct record *find_second_all(const struct viommu_table *table)
{
	return find_second(table, DMAR_DRHD);
}

static const struct record *find_second_all_ports(const struct viommu_table *table)
{
	return find_second(table, DMAR_ATSR);
}

static bool names_any(const struct record *structure, unsigned last_type)
{
	const struct record *record;

	for (size_t i = 0; (record = dmar_scope(structure, i)); i++) {
		unsigned type = ((const struct dmar_scope *)record->host)->type;

		if (type >= DMAR_SCOPE_ENDPOINT && type <= last_type)
			return true;
	}
	return false;
}

/* Xen keeps only regions with a scope of a type that it knows. */
static bool is_kept(const struct record *structure)
{
	return is_of(structure, DMAR_RMRR) && names_any(structure, DMAR_SCOPE_HPET);
}

static const struct dmar_rmrr *region_of(const void *structure)
{
	return ((const struct record *)structure)->host;
}

static int by_base(const void *a, const void *b)
{
	uint64_t one = region_of(*(const void *const *)a)->base;
	uint64_t other = region_of(*(const void *const *)b)->base;

	return (one > other) - (one < other);
}

/* Sorted by their beginnings. */
static struct array *kept_regions(const struct viommu_table *table)
{
	struct array *regions = array_new(sizeof(const struct record *));
	const struct record *structure;

	for_each_structure(structure, table)
		if (is_kept(structure) && region_of(structure)->base <= region_of(structure)->limit)
			array_append(regions, structure);
	array_sort(regions, by_base);
	return regions;
}

/* A region overlaps one before it if it begins before its end. */
static const struct record *find_overlap(const struct viommu_table *table)
{
	auto_array struct array *regions = kept_regions(table);
	const struct record *structure;
	uint64_t end = 0;

	for (size_t i = 0; i < regions->len; i++) {
		structure = array_index(regions, const struct record *, i);
		if (i && region_of(structure)->base <= end)
			return structure;
		end = MAX(end, region_of(structure)->limit);
	}
	return NULL;
}

/* Of regions sorted by address, the first one of the table in each half, quarter and so on. */
struct earliest {
	size_t n;
	size_t *at; /* of the i-th region at n + i */
};

static struct earliest earliest_of(const struct array *kept)
{
	struct earliest earliest = { kept->len, memory_new(size_t, 2 * kept->len + 2) };

	for (size_t i = 0; i < kept->len; i++)
		earliest.at[kept->len + i] = array_index(kept, const struct record *, i)->at;
	for (size_t i = kept->len; i-- > 1;)
		earliest.at[i] = MIN(earliest.at[2 * i], earliest.at[2 * i + 1]);
	return earliest;
}

/* The earliest of [first, end); SIZE_MAX if there is none. */
static size_t earliest_in(const struct earliest *earliest, size_t first, size_t end)
{
	size_t at = SIZE_MAX;

	for (first += earliest->n, end += earliest->n; first < end; first /= 2, end /= 2) {
		if (first % 2) {
			at = MIN(at, earliest->at[first]);
			first++;
		}
		if (end % 2) {
			end--;
			at = MIN(at, earliest->at[end]);
		}
	}
	return at;
}

/* How many regions, sorted and apart from each other, end before an address; or begin up to it. */
static size_t count_before(const struct array *kept, uint64_t address, bool ends)
{
	size_t low = 0, high = kept->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct dmar_rmrr *region =
			region_of(array_index(kept, const struct record *, middle));

		if (ends ? region->limit < address : region->base <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Xen compares a region with those that it has kept before it looks at its scopes. Regions that it
 * keeps are apart from each other here.
 */
static const struct record *find_unscoped_overlap(const struct viommu_table *table)
{
	auto_array struct array *kept = kept_regions(table);
	struct earliest earliest = earliest_of(kept);
	const struct record *structure, *found = NULL;

	for_each_structure(structure, table) {
		const struct dmar_rmrr *region = structure->host;

		if (found || !is_of(structure, DMAR_RMRR) || is_kept(structure) ||
		    region->limit < region->base)
			continue;
		if (earliest_in(&earliest, count_before(kept, region->base, true),
				count_before(kept, region->limit, false)) < structure->at)
			found = structure;
	}
	memory_free(earliest.at);
	return found;
}

/* Of regions that Xen keeps, whatever their number and order; or of one that it does not keep. */
static const struct record *find_any_overlap(const struct viommu_table *table)
{
	const struct record *found = find_overlap(table);

	return found ? found : find_unscoped_overlap(table);
}

static const struct record *find_inverted(const struct viommu_table *table)
{
	const struct record *structure;

	for_each_structure(structure, table)
		if (is_kept(structure) && region_of(structure)->limit < region_of(structure)->base)
			return structure;
	return NULL;
}

static const struct record *find_without_registers(const struct viommu_table *table)
{
	const struct record *structure;

	for_each_structure(structure, table)
		if (is_of(structure, DMAR_DRHD) && !((struct dmar_drhd *)structure->host)->base)
			return structure;
	return NULL;
}

static const struct record *find_without_name(const struct viommu_table *table)
{
	const struct record *structure;

	for_each_structure(structure, table)
		if (is_of(structure, DMAR_ANDD) && !dmar_object_name(structure))
			return structure;
	return NULL;
}

/* A unit with functions, behind that of its segment with INCLUDE_PCI_ALL. */
static const struct record *find_shadowed(const struct viommu_table *table)
{
	uint8_t closed[0x10000 / 8] = { 0 };
	const struct record *structure;

	for_each_structure(structure, table) {
		const struct dmar_drhd *drhd = structure->host;
		uint8_t bit;

		if (!is_of(structure, DMAR_DRHD))
			continue;
		bit = (uint8_t)(1u << drhd->segment % 8);
		if (closed[drhd->segment / 8] & bit && names_any(structure, DMAR_SCOPE_BRIDGE))
			return structure;
		if (drhd->flags & DMAR_INCLUDE_PCI_ALL)
			closed[drhd->segment / 8] |= bit;
	}
	return NULL;
}

const struct other_reader dmar_others[] = {
	{ "Xen disables VT-d: it allows one unit with INCLUDE_PCI_ALL in segment 0",
	  find_second_all },
	{ "Xen disables VT-d: it allows one ATSR with ALL_PORTS in segment 0",
	  find_second_all_ports },
	{ "Xen disables VT-d: it allows no reserved regions that overlap", find_any_overlap },
	{ "Xen disables VT-d: it allows no reserved region that ends before it begins",
	  find_inverted },
	{ "FreeBSD omits a unit without registers, and uses the others", find_without_registers },
	{ "Xen and FreeBSD use the units of the table: they do not read ANDDs", find_without_name },
	{ "FreeBSD takes a unit with INCLUDE_PCI_ALL before the units of its segment that follow "
	  "it",
	  find_shadowed },
	{ NULL, NULL },
};
