/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kernel command-line arguments for devices on virtio-mmio: <viommu/devicetree.h>
 *
 * With `virtio_mmio.device=SIZE@BASE:IRQ` Linux finds a device on a machine that has neither ACPI
 * nor a device tree. The argument cannot name the endpoints of an IOMMU: they have to be in the
 * IOMMU's configuration space, as a built-in topology.
 */
#include <inttypes.h>

#include <glib.h>

#include <viommu/devicetree.h>

#include "base/strbuf.h"
#include "questions.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

/* The registers of virtio-mmio, with the device's configuration space behind them. */
#define SPAN_VIRTIO_MMIO 0x200u

/* In plain bytes. Linux also accepts a suffix. */
static void put_device(struct strbuf *line, const struct viommu_iommu *iommu)
{
	strbuf_append_printf(line, "%svirtio_mmio.device=%" PRIu64 "@0x%" PRIx64 ":%" PRIu32,
			     line->len ? " " : "", iommu->span ? iommu->span : SPAN_VIRTIO_MMIO,
			     iommu->base, iommu->interrupts[0]);
}

/* Skips IOMMUs on PCI, which Linux finds by scanning, and IOMMUs that another table describes. */
char *kernel_command_line(const struct viommu_topology *topology, struct viommu_findings *findings)
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
			       "IOMMU \"%s\" has no interrupt, which the argument needs",
			       iommu->name);
	}
	if (line->len)
		report(findings, "cmdline-silent", place_of_file(NULL),
		       "give the IOMMUs a built-in topology",
		       "a kernel command line cannot name the endpoints of an IOMMU");
	if (line->len)
		return strbuf_steal(line);
	strbuf_free(line);
	return NULL;
}
