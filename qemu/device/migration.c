/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Migration: libviommu's saved state inside QEMU's stream
 *
 * virtio saves queues, features and the configuration space; libviommu saves endpoints, domains and
 * mappings (docs/state.md). Properties are not saved: the destination is started with them, and a
 * property that does not fit the saved state is reported by name.
 *
 * With postcopy all of this arrives before the guest runs, and loading it reads no guest memory.
 */

static int saved_drop(void *opaque)
{
	struct iommu *iommu = opaque;

	free(iommu->saved);
	iommu->saved = NULL;
	iommu->saved_length = 0;
	return 0;
}

static int saved_create(void *opaque)
{
	struct iommu *iommu = opaque;
	void *bytes;
	size_t length;
	int status;

	saved_drop(iommu);
	endpoints_prepare_save(iommu);
	status = viommu_save(iommu->core, &bytes, &length);
	if (status)
		return status;
	iommu->saved = bytes;
	iommu->saved_length = (uint32_t)length;
	if (length <= INT32_MAX)
		return 0;
	saved_drop(iommu);
	return -EFBIG;
}

/* -- properties of the source and of the destination ---------------------------------------- */

/* Fields that the guest has read at the source, and that must have the same value here. */
static const struct field {
	size_t offset, width;
	const char *properties;
} fields[] = {
	{ VIOMMU_CONFIG_PAGE_SIZE_MASK, sizeof(uint64_t), "page-size-mask" },
	{ VIOMMU_CONFIG_INPUT_START, sizeof(uint64_t), "input-first" },
	{ VIOMMU_CONFIG_INPUT_END, sizeof(uint64_t), "aw-bits or input-last" },
	{ VIOMMU_CONFIG_DOMAIN_START, sizeof(uint32_t), "domain-first" },
	{ VIOMMU_CONFIG_DOMAIN_END, sizeof(uint32_t), "domain-last" },
	{ VIOMMU_CONFIG_PROBE_SIZE, sizeof(uint32_t), "probe-size" },
};

/*
 * virtio has already loaded its copy of the configuration space, which has the values of the
 * source.
 */
static bool fits_field(struct iommu *iommu, const struct field *field)
{
	uint64_t there = ldn_le_p(iommu->virtio.config + field->offset, (int)field->width);
	uint64_t here = 0;

	viommu_config_read(iommu->core, field->offset, &here, field->width);
	here = le64_to_cpu(here);
	if (here != there)
		error_report("%s: %s: the saved state has 0x%" PRIx64
			     ", and this device has 0x%" PRIx64,
			     TYPE_VIOMMU_DEVICE, field->properties, there, here);
	return here == there;
}

static bool fits(struct iommu *iommu)
{
	bool all = true;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		all &= fits_field(iommu, &fields[i]);
	return all;
}

/* Names the device, since a machine may have several. */
static void report_refusal(struct iommu *iommu, int status, const char *reason)
{
	g_autofree char *path = object_get_canonical_path(OBJECT(iommu));

	error_report("%s: the saved state cannot be loaded into %s: %s", TYPE_VIOMMU_DEVICE, path,
		     reason);
	if (status == -EBUSY)
		error_printf(
			"Start it with the properties (max-domains, max-mappings and max-bytes may "
			"be higher) and the functions that it had where the state was saved.\n");
}

/* Bridges are loaded before this (MIG_PRI_PCI_BUS), so bus numbers are those of the source. */
static int saved_load(void *opaque, int version)
{
	struct iommu *iommu = opaque;
	char reason[128] = "properties differ";
	int status = -EBUSY;

	endpoints_assign_ids(iommu);
	if (fits(iommu))
		status = viommu_load(iommu->core, iommu->saved, iommu->saved_length, reason,
				     sizeof(reason));
	endpoints_deliver(iommu);
	config_refresh(iommu);
	saved_drop(iommu);
	if (status)
		report_refusal(iommu, status, reason);
	return status;
}

/* -- saved state --------------------------------------------------------------- */

/* QEMU uses the length of such a field as a signed number. */
static bool saved_length_is_valid(void *opaque, int version)
{
	return ((struct iommu *)opaque)->saved_length <= INT32_MAX;
}

static POST_SAVE_STATUS saved_end(void *opaque)
{
	saved_drop(opaque);
	return POST_SAVE_DONE;
}

const VMStateDescription saved_core = {
	.name = TYPE_VIOMMU_DEVICE "/core",
	.version_id = 1,
	.minimum_version_id = 1,
	.pre_load = saved_drop,
	.pre_save = saved_create,
	.post_save = saved_end,
	.post_load = saved_load,
	.fields =
		VMSTATE_FIELDS{
			VMSTATE_UINT32(saved_length, struct iommu),
			VMSTATE_VALIDATE("length of the saved state", saved_length_is_valid),
			VMSTATE_VBUFFER_ALLOC_UINT32(saved, struct iommu, 0, NULL, saved_length),
			VMSTATE_END_OF_LIST(),
		},
};

const VMStateDescription saved_device = {
	.name = TYPE_VIOMMU_DEVICE,
	.version_id = 1,
	.minimum_version_id = 1,
	.priority = MIG_PRI_IOMMU,
	.fields = VMSTATE_FIELDS{ VMSTATE_VIRTIO_DEVICE, VMSTATE_END_OF_LIST() },
};
