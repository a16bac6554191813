/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_ANSWER_H
#define VIOMMU_TOOLS_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include <viommu/host.h>
#include <viommu/topology.h>

#include "pci_tree.h"

/* What resolve and explain share: a question about devices, and the answer for one. */

struct json;
struct answer;

struct question {
	char **devices;
	char **files;         /* instead of `from`; or NULL */
	char *from;           /* or NULL */
	const char *pci_name; /* or NULL */
	struct viommu_findings *findings;
	bool all, as_json;
	struct json *json; /* NULL: text */
	bool has_pasid;
	uint64_t pasid;
	struct pci_tree *given; /* of --pci, for every input; or NULL */
	struct pci_tree *tree;  /* of the input: the given one, or that of its host; or NULL */
	GHashTable *decided;    /* devices, as given, of which a table says all */
	char *wrong_scope;      /* of the input: why Linux gives up its VT-d; or NULL */
	unsigned n;             /* topologies */
	int status;

	/* Print more about an answer, as JSON into its open object, and return whether it is a good
	 * one; NULL: only the answer. */
	bool (*explain)(const struct question *question, const struct answer *answer);
};

struct answer {
	const char *device;
	const struct viommu_topology *topology;
	struct viommu_device_name name;
	const struct viommu_platform_device *platform_device; /* if it is one */
	const struct viommu_host_device *on_host;             /* NULL: unknown */
	const struct pci_tree *tree;                          /* that of the question, or NULL */
	const struct pci_function *function;                  /* in the PCI tree, or NULL */
	const struct pci_function *to_pci; /* the bridge to conventional PCI above it, or NULL */
	uint16_t sends_as;                 /* because of that bridge */
	struct viommu_route route, linux_route;
	const char *why_linux;
};

/* Read the inputs and answer. Returns the exit status. */
int answer_question(struct question *question);

/* May an entry whose bus numbers are not known be about the device instead? */
bool answer_is_undecided(const struct answer *answer);

/* The bridge above the device if it may be one to conventional PCI: its kind is not known. */
const struct pci_function *answer_unknown_bridge(const struct answer *answer);

/* Is the memory reserved for the device, by its function or by its ID behind its IOMMU? */
bool answer_has_memory(const struct answer *answer, const struct viommu_reserved_memory *memory);

/*
 * If the device may be below a bridge that the memory is for: on which condition, to be freed with
 * g_free(). NULL: it is not.
 */
char *answer_memory_condition(const struct answer *answer,
			      const struct viommu_reserved_memory *memory);

#endif
