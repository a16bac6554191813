/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DIFF_H
#define VIOMMU_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include <viommu/findings.h>
#include <viommu/topology.h>

/*
 * Differences between two machines, by meaning
 *
 * Two tables may differ in every byte and have the same meaning: nodes in another order, other
 * offsets, another name of an IOMMU, a range split in two. So topologies are compared, by what a
 * guest can observe: first the route of every device, then other properties of each object, then
 * the headers of tables.
 *
 *     0000:10:00.0-10:1f.7: was behind viommu0 as 0x1000-0x10ff, is bypassing now
 *
 * Objects are matched by location: an IOMMU at its function or its registers, a platform device at
 * its address or by its name, an ITS group by its ITS numbers. A device with an entry for bypass
 * and a device without an entry are equal to a guest. The targets of MSIs are compared only if both
 * sides can describe them: a VIOT, a DMAR and an IVRS cannot.
 *
 * Has the route of any device changed?
 *
 *     struct viommu_diff *diff = viommu_topology_diff(before, after);
 *     const struct viommu_difference *difference;
 *
 *     for (size_t i = 0; (difference = viommu_diff_get(diff, i)); i++) {
 *             char *line = viommu_difference_line(difference);
 *
 *             puts(line);
 *             free(line);
 *     }
 *     safe = !viommu_diff_count(diff, VIOMMU_DIFFERENCE_ROUTE);
 *     diff = viommu_diff_free(diff);
 *
 * Each side may be read from a table or a text, or built by a VMM. Used by one thread at a time.
 * RUNNING OUT OF MEMORY NEVER ENDS THE PROGRAM (<viommu/topology.h>).
 */

#ifdef __cplusplus
extern "C" {
#endif

/* The rank of a difference, most important first. Differences are sorted by rank. */
enum viommu_difference_rank {
	VIOMMU_DIFFERENCE_ROUTE,  /* the route of a device or of its MSIs differs */
	VIOMMU_DIFFERENCE_DETAIL, /* another property of an object differs */
	VIOMMU_DIFFERENCE_HEADER, /* OEM, creator and their revisions differ */
};

/*
 * "way", "detail", "header"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_difference_rank_name(enum viommu_difference_rank rank);

/*
 * One difference. Functions with the same change are one difference, also across segments, so their
 * number does not grow with the machine. Values of a property have the syntax of the text form
 * (docs/topology.md); routes are phrases. `before` and `after` are never both NULL.
 */
struct viommu_difference {
	enum viommu_difference_rank rank;
	const char *what;     /* "0000:10:00.0-10:1f.7", "IOMMU smmu0 (smmu-v3 at 0x9050000)" */
	const char *property; /* its key in the text form; NULL: the object as a whole */

	const char *before, *after;                    /* old and new value; NULL: absent */
	struct viommu_place before_place, after_place; /* their places */
};

/* Opaque: the list of differences, in order, with its own strings. */
struct viommu_diff;

/*
 * Compare two topologies, in O(n log n) for n objects of both. Free it with viommu_diff_free().
 * Both topologies must outlive it.
 *
 * Returns: the diff; NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_diff *viommu_topology_diff(const struct viommu_topology *before,
					 const struct viommu_topology *after);

/*
 * Frees the list with its differences and their strings. NULL is fine.
 *
 * Returns: NULL. Locks: none. Waits: no. Since: 0.1 (testing)
 */
struct viommu_diff *viommu_diff_free(struct viommu_diff *diff);

/*
 * The number of differences of that rank. If all three are 0, a guest sees the same machine.
 *
 * Returns: how many. Locks: none. Waits: no. Since: 0.1 (testing)
 */
size_t viommu_diff_count(const struct viommu_diff *diff, enum viommu_difference_rank rank);

/*
 * The i-th difference, by rank, and within a rank in the order of functions and of lists; NULL
 * after the last. It and its strings are valid as long as the diff.
 *
 * Returns: the difference; NULL: behind the last. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const struct viommu_difference *viommu_diff_get(const struct viommu_diff *diff, size_t i);

/*
 * The difference as a sentence without its full stop, as above. To be freed with free().
 *
 * Returns: NULL if out of memory. Locks: none. Waits: no. Since: 0.1 (testing)
 */
char *viommu_difference_line(const struct viommu_difference *difference);

#ifdef __cplusplus
}
#endif

#endif
