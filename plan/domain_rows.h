/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PLAN_DOMAIN_ROWS_H
#define VIOMMU_PLAN_DOMAIN_ROWS_H

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "domain.h"

/* A parsed libvirt domain, shared by domain.c and libvirt.c */

struct plan_domain {
	xmlDoc *document;
	bool has_declaration;
	xmlNode *root, *devices; /* the document's */
	GPtrArray *names;        /* NULL-terminated */
	const char *machine;
	unsigned machine_version;
	uint64_t memory;
	uint32_t slots;                     /* of pcie.0 that are in use */
	long index;                         /* of the next controller */
	bool chassis[PLAN_CHASSIS_MAX + 1]; /* that are in use */
	unsigned n_ports;                   /* controllers except pcie-root */
	unsigned n_places;                  /* devices that libvirt places, at most */
	bool managed;
	unsigned n_cells; /* of the guest's NUMA nodes */
	unsigned cpus;    /* at most; those that are plugged in later count */
	GHashTable *nodes;
};

/* Elements and attributes; the functions accept NULL. Free texts with g_free(). */
bool domain_is(const xmlNode *node, const char *name);
xmlNode *domain_child(const xmlNode *node, const char *name);
char *domain_attribute(const xmlNode *node, const char *name);
bool domain_attribute_is(const xmlNode *node, const char *name, const char *value);
long domain_number(const xmlNode *node, const char *name);

/* The text of an element, without spaces around it. */
char *domain_content(const xmlNode *node);

/* Put the plan into the document (libvirt.c). */
void plan_domain_apply(struct plan_domain *domain, const struct plan *plan);

/* An amount of memory with its unit, <memory unit='GiB'>4</memory>; 0 if it is not one. */
uint64_t domain_bytes(const xmlNode *memory);

/* A <hostdev> or <interface> of a PCI function; the name of that function on the host. */
bool domain_is_assigned(const xmlNode *node);
char *domain_source(const xmlNode *hostdev);

#endif
