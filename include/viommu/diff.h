/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DIFF_H
#define VIOMMU_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include <viommu/findings.h>
#include <viommu/topology.h>

/*
 * What is different between two machines, by meaning
 *
 * Two tables may differ in every byte and say the same: nodes in another order, other offsets, an
 * IOMMU that another name was made up for, a range that was cut in two. So topologies are
 * compared, and in them what a guest can tell: first which way every device goes, then what else
 * is said of each object, then what headers of tables say.
 *
 *     0000:10:00.0-10:1f.7: was behind viommu0 as 0x1000-0x10ff, is bypassing now
 *
 * Objects are the same if they are in the same place: an IOMMU at its function or its registers,
 * a platform device at its address or by its name, an ITS group by the numbers in it. A device
 * that an entry lets bypass and a device that no entry names are the same to a guest, and no
 * difference. The targets of MSIs are compared only if both sides can describe them: a VIOT, a
 * DMAR and an IVRS cannot.
 *
 * Did anything change that a guest's devices notice?
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
 * Both sides may come from anything: two tables, a table and a text, a topology that a VMM has
 * made. Used by one thread at a time. RUNNING OUT OF MEMORY NEVER ENDS THE PROGRAM
 * (<viommu/topology.h>).
 */

#ifdef __cplusplus
extern "C" {
#endif

/* How much a difference matters, what matters most first. Differences are sorted by it. */
enum viommu_difference_rank {
	VIOMMU_DIFFERENCE_ROUTE,  /* a device reaches memory, or its MSIs an ITS, another way */
	VIOMMU_DIFFERENCE_DETAIL, /* something else is said of an object */
	VIOMMU_DIFFERENCE_HEADER, /* who made the table, and which revision of theirs it is */
};

/*
 * "way", "detail", "header"
 *
 * Returns: a constant string. Locks: none. Waits: no. Since: 0.1 (testing)
 */
const char *viommu_difference_rank_name(enum viommu_difference_rank rank);

/*
 * One difference. Functions that changed alike are one, over segments too, so there are as many as
 * there are changes, however large the machine is. Values of a property are written as the text
 * form has them (docs/topology.md), those of a way in words. `before` and `after` are never both
 * NULL.
 */
struct viommu_difference {
	enum viommu_difference_rank rank;
	const char *what;     /* "0000:10:00.0-10:1f.7", "IOMMU smmu0 (smmu-v3 at 0x9050000)" */
	const char *property; /* what of it, as the text form calls it; NULL: it as a whole */

	const char *before, *after; /* how it was and how it is; NULL: it was not, or is no more */
	struct viommu_place before_place, after_place; /* where that is said */
};

/* Opaque: the list of differences, in order, with strings of its own. */
struct viommu_diff;

/*
 * Compare two topologies, in O(n log n) for n objects of both. Free it with
 * viommu_diff_free(). Both topologies must live as long.
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
 * How many differences of that rank there are. 0 of all three: a guest sees the same machine.
 *
 * Returns: how many. Locks: none. Waits: no. Since: 0.1 (testing)
 */
size_t viommu_diff_count(const struct viommu_diff *diff, enum viommu_difference_rank rank);

/*
 * The i-th, by rank, and within a rank in the order of functions and of lists; or NULL behind the
 * last. It and its strings live as long as the diff.
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
