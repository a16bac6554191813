/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_PCI_TREE_H
#define VIOMMU_TOOLS_PCI_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include <viommu/host.h>

/*
 * The PCI functions of a machine and the buses below its bridges, from whatever a person has: a
 * host, or text of lspci or of QEMU's monitor
 */
struct pci_function {
	uint32_t segment;
	uint16_t bdf;
	bool is_read; /* the input says whether it is a bridge, and of which buses */
	bool bridge;
	uint8_t secondary, subordinate; /* of a bridge */
	enum viommu_host_port port;
	bool has_acs; /* Access Control Services, which Linux enables */
	bool has_group;
	uint32_t group;                   /* of the IOMMU */
	uint32_t pci_class;               /* 16 bits: 0x0604; 0: not known */
	const struct pci_function *above; /* the bridge with its bus below it, or NULL */
};

struct pci_tree;

/* NULL, with a message, if there is no function in it. */
struct pci_tree *pci_tree_read(const char *name);
struct pci_tree *pci_tree_of_host(const struct viommu_host *host);
void pci_tree_free(struct pci_tree *tree);

/* The i-th, in the order of the input; the one with that number; or NULL. */
const struct pci_function *pci_tree_get(const struct pci_tree *tree, unsigned i);
const struct pci_function *pci_tree_find(const struct pci_tree *tree, uint32_t segment,
					 uint16_t bdf);

/* Does it say of any function in which IOMMU group that is? */
bool pci_tree_has_groups(const struct pci_tree *tree);

/*
 * The requester ID that its DMA may have instead of its own, for a bridge to conventional PCI is
 * above it; false if there is none. `ret_bridge` is that bridge.
 */
bool pci_function_alias(const struct pci_function *function, uint16_t *ret_bdf,
			const struct pci_function **ret_bridge);

/* Is it a bridge to another bus, by its header or its class? */
bool pci_function_is_bridge(const struct pci_function *function);

/* May it have buses below it that the input does not say? `lspci -nn` has no buses of bridges. */
bool pci_function_may_lead(const struct pci_function *function);

/*
 * The nearest bridge above it whose kind is not known: it may be one to conventional PCI. If the
 * tree does not say what is above it, one that may be; or NULL.
 */
const struct pci_function *pci_function_unknown_bridge(const struct pci_tree *tree,
						       const struct pci_function *function);

/* As viommu_topology_expand() asks; `tree` is a struct pci_tree. */
bool pci_tree_below(void *tree, uint16_t segment, uint16_t bdf, uint8_t *ret_first,
		    uint8_t *ret_last);

#endif
