/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_UNSUPPORTED_H
#define VIOMMU_TABLES_UNSUPPORTED_H

#include "format.h"
#include "tables/model/topology.h"

/* Rows for objects that a table cannot describe */

/* Which objects a row applies to, by their IOMMU; an IOMMU counts as its own. */
enum unsupported_scope {
	OF_ALL,       /* all, with an IOMMU or without */
	OF_DESCRIBED, /* those whose IOMMU the table describes */
	OF_OTHERS,    /* those whose IOMMU it cannot describe */
};

/*
 * What a table cannot describe, as a row. The rows of a format are reported before the table is
 * written. What depends on the table as written, such as its revision, is the writer's to report.
 */
struct unsupported {
	enum object_type type;
	enum unsupported_scope scope;
	bool (*applies)(const void *object); /* NULL: to each of them */
	const char *rule_id, *cure;
	const char *part;   /* what is omitted of the object; NULL: all of it, */
	const char *reason; /* for this reason */
};

/* The row behind the last. */
#define NO_MORE_UNSUPPORTED \
	{ \
		.rule_id = NULL \
	}

/* Predicates that formats share. */
bool iommu_has_domain(const void *iommu);
bool iommu_has_hotplug(const void *iommu);
bool iommu_has_queues(const void *iommu); /* CMDQV */
bool range_has_path(const void *range);
bool range_has_unknown_buses(const void *range); /* below a bridge */
bool device_has_ids(const void *device);         /* more than one */

/* clang-format off */

/* Rows of tables that identify PCI functions by bus, device and function. */
#define UNSUPPORTED_PATHS(scope, id) \
	{ OBJECT_PCI_RANGE, scope, range_has_path, id, "give the functions by their buses", \
	  .reason = "the buses behind a path are unknown" }, \
	{ OBJECT_PCI_RANGE, scope, range_has_unknown_buses, id, \
	  "give the buses `below` the bridge", .part = "the functions below the bridge" }

/* A row of every table. */
#define UNSUPPORTED_HOTPLUG(scope) \
	{ OBJECT_IOMMU, scope, iommu_has_hotplug, "table-silent-hotplug", \
	  "keep it in the text form", .part = "the number of functions that can be plugged in" }

/* Rows of tables with one ID for each platform device. */
#define UNSUPPORTED_IDS(id) \
	{ OBJECT_PLATFORM_DEVICE, OF_DESCRIBED, device_has_ids, id, "give the device one ID", \
	  .part = "all IDs but the first" }, \
	{ OBJECT_DEVICE_ID, OF_DESCRIBED, NULL, id, "give the device one ID", \
	  .reason = "a device has one ID" }

/* clang-format on */

#endif
