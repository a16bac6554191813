/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices on virtio-mmio, for the kernel's command line: <viommu/devicetree.h>
 *
 * `virtio_mmio.device=SIZE@BASE:IRQ` is how Linux learns of a device on a machine that has neither
 * ACPI nor a device tree. It is told where the device is, and not more: an IOMMU that is found in
 * this way has endpoints only if its configuration space says which (the built-in topology).
 */
#include <inttypes.h>

#include <glib.h>

#include <viommu/devicetree.h>

#include "base/strbuf.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

/* All registers of virtio-mmio, with a device's own behind them. */
#define SPAN_VIRTIO_MMIO 0x200u

/* The size is in plain bytes: Linux reads a suffix, too, but this needs none. */
static void put_device(struct strbuf *line, const struct viommu_iommu *iommu)
{
	strbuf_append_printf(line, "%svirtio_mmio.device=%" PRIu64 "@0x%" PRIx64 ":%" PRIu32,
			     line->len ? " " : "", iommu->span ? iommu->span : SPAN_VIRTIO_MMIO,
			     iommu->base, iommu->interrupts[0]);
}

/*
 * An IOMMU on PCI is found by scanning, and one of another kind has its own table: both are passed
 * over without a word.
 */
char *viommu_kernel_command_line(const struct viommu_topology *topology,
				 struct viommu_findings *findings)
{
	struct strbuf *line = strbuf_new(NULL);
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, topology, OBJECT_IOMMU) {
		if (iommu->kind != VIOMMU_VIRTIO_MMIO)
			continue;
		if (iommu->n_interrupts)
			put_device(line, iommu);
		else
			report(findings, "cmdline-interrupt", iommu->place, "give it `interrupts`",
			       "\"%s\" has no interrupt, without which it cannot be named",
			       iommu->name);
	}
	if (line->len)
		report(findings, "cmdline-silent", place_of_file(NULL),
		       "let the devices tell it, in a built-in topology",
		       "a command line does not say who is behind an IOMMU");
	if (line->len)
		return strbuf_steal(line);
	strbuf_free(line);
	return NULL;
}
