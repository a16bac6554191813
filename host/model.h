/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_MODEL_H
#define VIOMMU_HOST_MODEL_H

#include <glib.h>

#include <viommu/host.h>

/* A host during the scan: each struct starts with the public one */
struct host_iommu {
	struct viommu_host_iommu shown;
	GPtrArray *devices; /* of struct viommu_host_device */
	char *path;         /* its folder in the tree */
	bool has_list;      /* sysfs has a list of its devices */
};

struct host_device {
	struct viommu_host_device shown;
	GPtrArray *vfs;
	char *path;          /* its folder, "sys/devices/pci0000:00/0000:00:01.0" */
	const char *pf_name; /* of a VF, until it is found */
	uint16_t vf_number;  /* of a PF: the device ID of its VFs; 0: not known */
	const char *iommu_name;
	bool has_group;
	uint32_t group_number;
	bool has_listing;        /* its IOMMU lists it */
	char *firmware_name;     /* of a device that is not PCI: its name in tables; or NULL */
	enum viommu_reach reach; /* by the tables */
};

struct host_group {
	struct viommu_host_group shown;
	GPtrArray *devices;
	GArray *regions; /* of struct viommu_host_region */
};

struct host_egm {
	struct viommu_host_egm shown;
	GPtrArray *gpus; /* of struct host_device */
};

struct viommu_host {
	char *name;
	char *cmdline;
	GStringChunk *strings;
	GPtrArray *iommus;   /* of struct host_iommu */
	GPtrArray *devices;  /* of struct host_device */
	GPtrArray *groups;   /* of struct host_group */
	GPtrArray *segments; /* of struct viommu_host_segment */
	GPtrArray *nodes;    /* of struct viommu_host_node */
	GPtrArray *egm;      /* of struct host_egm */
	GPtrArray *tables;   /* of struct viommu_table */
	struct viommu_topology *topology;
	bool tables_unreadable;    /* there are tables, readable by root only */
	GHashTable *host_of_table; /* IOMMU of the topology -> struct host_iommu */

	GHashTable *iommu_by_name, *device_by_name, *group_by_number;
};

struct viommu_host *host_new(const char *name);

/* A copy that is valid as long as the host: UTF-8 without control characters. NULL stays NULL. */
const char *host_string(struct viommu_host *host, const char *text);

/* Add an object, or find an existing one. Devices are identified by their name in sysfs. */
struct host_iommu *host_add_iommu(struct viommu_host *host, const char *name);
struct host_device *host_add_device(struct viommu_host *host, const char *name, const char *path);
struct host_group *host_add_group(struct viommu_host *host, uint32_t number);
struct host_egm *host_add_egm(struct viommu_host *host, const char *name);

struct host_device *host_device_by_name(const struct viommu_host *host, const char *name);
struct host_iommu *host_iommu_by_name(const struct viommu_host *host, const char *name);

/* All objects but groups have been added: sort and number them. */
void host_sort(struct viommu_host *host);
void host_sort_groups(struct viommu_host *host);

#endif
