/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IORT_WRITE_H
#define VIOMMU_TABLES_IORT_WRITE_H

#include <viommu/topology.h>

#include "iort.h"

/* What the files that make an IORT share. */

/* Stream IDs that come from somewhere: [first, last]. */
struct iort_ids {
	uint32_t first, last;
};

/* An SMMU on the way into the table. */
struct iort_iommu_state {
	const struct viommu_iommu *iommu;
	size_t at;        /* of its node */
	uint32_t last_id; /* the last stream ID that it may see */
	GArray *ids;      /* struct iort_ids: of PCI functions */
	GArray *msis;     /* struct span of struct viommu_msi_range, or of the IOMMU itself */
};

/* PCI functions of one segment that an SMMU translates. */
struct iort_rid_range {
	uint64_t first, last; /* segment << 16 | BDF */
	const struct iort_iommu_state *state;
	uint32_t id;
	bool shared_id;
};

/* Targets are written before what refers to them, so an offset is known when it is needed. */
struct iort_writing {
	struct viommu_table *table;
	const struct viommu_topology *topology;
	const struct viommu_table_header *header;
	unsigned revision;
	size_t end;         /* where the next node would be */
	uint32_t n;         /* nodes so far */
	size_t n_mappings;  /* gathered so far, for any node */
	bool too_large;     /* a node has more than it can have, or the table more than is read */
	GHashTable *iommus; /* SMMUs by name: struct iort_unit */
	GHashTable *groups; /* offsets of ITS groups by name */
	GArray *rid_ranges; /* struct iort_piece, sorted */
	struct viommu_findings *findings;
};

/* The SMMU of that name, or NULL. */
struct iort_iommu_state *iort_find_iommu(const struct iort_writing *writing, const char *iommu);

/* The offset of an ITS group, or 0 for none. */
uint32_t iort_its_group_at(const struct iort_writing *writing, const char *its);

/*
 * Is there room for one mapping more? If not, the table cannot be made, and no other one has room
 * either: a few words of a topology can stand for millions of them.
 */
bool iort_has_room(struct iort_writing *writing, const GArray *mappings);

/*
 * A node is begun with what `host` says, and gets its arrays; then it is ended, which fills in its
 * length and puts it into the table. Its layout is that of the revision in `host`.
 */
struct record *iort_begin_node(const struct iort_writing *writing, enum iort_type type, void *host);
struct record *iort_begin_with(const struct iort_writing *writing, const struct layout *layout,
			       void *host);
void iort_add_elements(struct record *node, const struct layout *layout, const void *hosts,
		       size_t n);
void iort_add_mappings(struct record *node, const GArray *mappings);
void iort_end_node(struct iort_writing *writing, struct record *node);

/* Say that the table's revision has no place for something. */
void iort_report_revision(const struct iort_writing *writing, struct viommu_place place,
			  unsigned revision, const char *what);

/* iort_write_smmu.c: what SMMUs there are, whose MSIs go where, and which revision they need. */
void iort_collect_iommus(struct iort_writing *writing);
unsigned iort_smmu_revision(const struct iort_writing *writing,
			    const struct iort_iommu_state *state);
void iort_write_smmus(struct iort_writing *writing);

/* iort_write_virtio.c: the node of a virtio-iommu, in a table that a VIOT of 2019 wraps. */
struct record *iort_virtio_node(const struct iort_writing *writing,
				const struct viommu_iommu *iommu);

/* iort_write_device.c */
void iort_note_device_ids(struct iort_writing *writing);
void iort_write_components(struct iort_writing *writing);

/* iort_pieces.c: find all pieces. */
void iort_collect_rid_ranges(struct iort_writing *writing);

/* The index of the first piece that ends at that function, segment << 16 | BDF, or behind it. */
guint iort_seek_rid_range(const struct iort_writing *writing, uint64_t function);

/* iort_write_map.c */
void iort_write_root_complexes(struct iort_writing *writing);

/* iort_write_rmr.c: are there such nodes, and the nodes. */
bool iort_has_rmrs(const struct viommu_topology *topology);
void iort_write_rmrs(struct iort_writing *writing);

#endif
