/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of functions, IOMMUs and places in output
 *
 * Answers, differences and pictures print functions and IOMMUs as the text form writes them, and
 * places as findings do, so that output can be used as input.
 */
#include <inttypes.h>

#include <glib.h>

#include "base/strbuf.h"
#include "tables/findings/findings.h"
#include "scan.h"
#include "text.h"
#include "tables/model/topology.h"

/* Segments are hexadecimal, as in a function. */
char *functions_text(const struct viommu_route_range *range)
{
	struct strbuf *out = strbuf_new(NULL);

	strbuf_append_hex(out, range->segment_first, 4);
	if (range->segment_last != range->segment_first) {
		strbuf_append_char(out, '-');
		strbuf_append_hex(out, range->segment_last, 4);
	}
	strbuf_append_char(out, ':');
	put_bdf(out, range->bdf_first);
	if (range->bdf_last != range->bdf_first) {
		strbuf_append_char(out, '-');
		put_bdf(out, range->bdf_last);
	}
	return strbuf_steal(out);
}

/* An IOMMU that has both a function and registers is identified by its function. */
char *iommu_at_text(const struct viommu_iommu *iommu)
{
	struct strbuf *out = strbuf_new(NULL);

	if (iommu_is_function(iommu))
		put_function(out, iommu->segment, iommu->bdf);
	else
		strbuf_append_printf(out, "0x%" PRIx64, iommu->base);
	return strbuf_steal(out);
}

/*
 * Only what is known: a topology built by a VMM has no places. A file name may contain anything,
 * but an answer is one line.
 */
char *place_text(const struct viommu_place *place)
{
	struct strbuf *out = strbuf_new(place->file);
	char *text;

	if (place->line) {
		strbuf_append(out, out->len ? ":" : "line ");
		strbuf_append_decimal(out, place->line, 0);
		strbuf_append_char(out, ':');
		strbuf_append_decimal(out, place->column, 0);
	} else if (place->path) {
		strbuf_append(out, out->len ? ":" : "");
		strbuf_append(out, place->path);
	} else if (place->file && place->at != VIOMMU_NOWHERE) {
		strbuf_append(out, ":0x");
		strbuf_append_hex(out, place->at, 1);
	}
	text = shown(out->str, SIZE_MAX);
	strbuf_free(out);
	return text;
}

/* As in the specification of each kind. */
const char *viommu_iommu_id_name(enum viommu_iommu_kind kind)
{
	static const char *const names[] = {
		[VIOMMU_VIRTIO_PCI] = "endpoint",
		[VIOMMU_VIRTIO_MMIO] = "endpoint",
		[VIOMMU_SMMU_V2] = "stream",
		[VIOMMU_SMMU_V3] = "stream",
		[VIOMMU_VTD] = "source",
		[VIOMMU_AMD_VI] = "device",
		[VIOMMU_OTHER] = "ID",
		[VIOMMU_RISCV] = "device",
		[VIOMMU_RISCV_PCI] = "device",
	};

	return kind < G_N_ELEMENTS(names) ? names[kind] : NULL;
}
