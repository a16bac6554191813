/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IORT_WRITE_H
#define VIOMMU_TABLES_IORT_WRITE_H

#include <viommu/topology.h>

#include "base/array.h"
#include "base/hash.h"
#include "iort.h"

/* Shared by the files that write an IORT. */

/* Stream IDs [first, last] from one source. */
struct iort_ids {
	uint32_t first, last;
};

/* An IOMMU that gets a node. */
struct iort_iommu_state {
	const struct viommu_iommu *iommu;
	size_t at;          /* offset of its node */
	uint32_t last_id;   /* the last stream ID that may reach it */
	struct array *ids;  /* struct iort_ids of PCI functions */
	struct array *msis; /* struct span, owned by a struct viommu_msi_range or by the IOMMU */
};

/* Requester IDs of one segment that an IOMMU translates. Ranges are disjoint. */
struct iort_rid_range {
	uint64_t first, last; /* segment << 16 | BDF */
	const struct iort_iommu_state *state;
	uint32_t id;
	bool shared_id;
};

/* The table being written. Nodes precede nodes that refer to them, so their offsets are known. */
struct iort_writing {
	struct viommu_table *table;
	const struct viommu_topology *topology;
	const struct viommu_table_header *header;
	unsigned revision;
	size_t end;               /* offset of the next node */
	uint32_t n;               /* nodes so far */
	size_t n_mappings;        /* of all nodes, so far */
	bool too_large;           /* a node or the table exceeds its limit */
	struct hash *iommus;      /* name -> struct iort_iommu_state */
	struct hash *groups;      /* name of an ITS group -> its offset */
	struct hash *components;  /* name of a device -> the offset of its node */
	struct hash *complexes;   /* segment -> the offset of its root complex */
	struct array *rid_ranges; /* struct iort_rid_range, sorted */
	struct viommu_findings *findings;
};

/* The IOMMU of that name if it has a node here, or NULL. */
struct iort_iommu_state *iort_find_iommu(const struct iort_writing *writing, const char *iommu);

/* The offset of an ITS group, or 0 for none. */
uint32_t iort_its_group_at(const struct iort_writing *writing, const char *its);

/*
 * Is there room for one more mapping? If not, the table cannot be generated, and there is no room
 * for any further one: a short topology can mean millions of mappings.
 */
bool iort_has_room(struct iort_writing *writing, const struct array *mappings);

/*
 * Begin a node with the fields in `host`, whose revision selects the layout; add its arrays; then
 * end it, which sets its length and adds it to the table.
 */
struct record *iort_begin_node(const struct iort_writing *writing, enum iort_type type, void *host);
struct record *iort_begin_with(const struct iort_writing *writing, const struct layout *layout,
			       void *host);
void iort_add_elements(struct record *node, const struct layout *layout, const void *hosts,
		       size_t n);
void iort_add_mappings(struct record *node, const struct array *mappings);

/* A path of the ACPI namespace with its NUL, behind the fields of the node. */
void iort_add_path(struct record *node, const char *path);

/* Memory access properties as a node has them. */
struct iort_memory iort_memory_of(bool incoherent, const struct viommu_memory_access *access);
void iort_end_node(struct iort_writing *writing, struct record *node);

/* Report that the table's revision cannot represent something. */
void iort_report_revision(const struct iort_writing *writing, struct viommu_place place,
			  unsigned revision, const char *what);

/* write_smmu.c */
void iort_collect_iommus(struct iort_writing *writing);
unsigned iort_smmu_revision(const struct iort_writing *writing,
			    const struct iort_iommu_state *state);
void iort_write_smmus(struct iort_writing *writing);

/* write_virtio.c: the node of a virtio-iommu, for a table inside a VIOT of 2019. */
struct record *iort_virtio_node(const struct iort_writing *writing,
				const struct viommu_iommu *iommu);

/* write_device.c. iort_note_device_ids() raises the last stream IDs of IOMMUs. */
void iort_note_device_ids(struct iort_writing *writing);
void iort_write_components(struct iort_writing *writing);

/* write_rid_ranges.c */
void iort_collect_rid_ranges(struct iort_writing *writing);

/*
 * The index of the first range whose last function is `function` or a later one (segment << 16 |
 * BDF).
 */
size_t iort_seek_rid_range(const struct iort_writing *writing, uint64_t function);

/* write_root_complex.c */
void iort_write_root_complexes(struct iort_writing *writing);

/* write_rmr.c */
bool iort_has_rmrs(const struct viommu_topology *topology);
void iort_write_rmrs(struct iort_writing *writing);

/* write_others.c: monitors and wire bridges */
void iort_write_others(struct iort_writing *writing);

#endif
