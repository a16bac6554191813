/* SPDX-License-Identifier: BSD-3-Clause */
/* The headers that src/bindings.rs declares: what libviommu-tables exports. */
#include <viommu/acpi.h>
#include <viommu/devicetree.h>
#include <viommu/diff.h>
#include <viommu/findings.h>
#include <viommu/tables.h>
#include <viommu/topology.h>
