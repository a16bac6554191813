/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVICETREE_H
#define DEVICETREE_H

#include "bare.h"

/* A flattened device tree (Devicetree Specification 0.4, chapter 5), as virtual machines make it */

struct node {
	const uint8_t *properties; /* its first property */
};

/* The n-th node whose property, a list of strings, has this one. */
bool devicetree_find(const void *tree, const char *property, const char *string, unsigned n,
		     struct node *ret_node);

/* The value of a property, or NULL. */
const uint8_t *devicetree_property(const void *tree, const struct node *node, const char *name,
				   uint32_t *ret_length);

/* The n-th cell of a property. */
bool devicetree_cell(const void *tree, const struct node *node, const char *name, unsigned n,
		     uint32_t *ret_value);

/* Its first register window, of two cells for the address and two for the size. */
bool devicetree_window(const void *tree, const struct node *node, uint64_t *ret_first,
		       uint64_t *ret_length);

/* The window of the first node with this `compatible`, or 0. */
uint64_t devicetree_device(const void *tree, const char *compatible);

/* The host bridge that is "pci-host-ecam-generic", with its memory of 32 bits. */
bool devicetree_pci(const void *tree, struct pci_host *ret_host);

#endif
