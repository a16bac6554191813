/* SPDX-License-Identifier: BSD-3-Clause */
/* The headers that src/bindings.rs declares: what libviommu exports. */
#include <viommu/backend.h>
#include <viommu/device.h>
#include <viommu/iotlb.h>
#include <viommu/mmio.h>
#include <viommu/pci.h>
#include <viommu/protocol.h>
#include <viommu/record.h>
