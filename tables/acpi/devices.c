/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A DSDT with the devices of a topology that are on no bus that announces them
 *
 *     Scope (\_SB) {
 *             Device (V000) {
 *                     Name (_HID, "LNRO0005")    virtio-mmio, for Linux and others
 *                     Name (_UID, 0)
 *                     Name (_CCA, One)
 *                     Name (_PXM, 1)
 *                     Name (_CRS, ...)           registers, and interrupts
 *             }
 *     }
 *
 * VIOT refers to these devices by the address of their registers.
 */
#include <inttypes.h>
#include <string.h>

#include <glib.h>

#include "acpi.h"
#include "aml.h"
#include "tables/check/check.h"
#include "tables/findings/findings.h"
#include "tables/formats/dsdt.h"
#include "tables/formats/iort/iort.h"
#include "tables/model/topology.h"
#include "tables/table/unsupported.h"

/* virtio 1.3, 4.2.2: registers up to 0xff, with the configuration of the device behind them */
#define SPAN_VIRTIO_MMIO 0x200
#define HID_VIRTIO_MMIO  "LNRO0005"

/* Command queues of an SMMUv3 (CMDQV of Tegra241). */
#define SPAN_CMDQV 0x50000

/* Three hexadecimal digits behind the letter. */
#define DEVICES_MAX 0x1000

struct devices {
	struct bytes *aml;
	unsigned n;
	const struct viommu_table *iort; /* of the set, or NULL */
	struct viommu_findings *findings;
};

/* Of an IOMMU or of a platform device. */
struct device {
	struct subject subject;
	const char *hid, *cid, *uid;
	uint64_t base, span;
	const uint32_t *interrupts;
	unsigned n_interrupts;
	bool works_without_interrupts;
	bool is_incoherent, has_domain;
	uint32_t domain;
	struct viommu_place place;
	const char *lower; /* the cure of registers that end too high; NULL: by `at` or `span` */
};

static uint64_t span_of(const struct device *device)
{
	return device->span ? device->span : SPAN_VIRTIO_MMIO;
}

static void put_resources(struct bytes *terms, const struct device *device)
{
	struct bytes *resources = bytes_new();

	aml_memory(resources, device->base, span_of(device));
	if (device->n_interrupts)
		aml_interrupts(resources, device->interrupts, device->n_interrupts);
	aml_end(resources);
	aml_name_resources(terms, "_CRS", resources);
	bytes_free(resources);
}

static void put_device(struct devices *devices, const struct device *device)
{
	auto_free char *name = memory_printf("V%03X", devices->n);
	struct bytes *terms = bytes_new();

	aml_name_text(terms, "_HID", device->hid ? device->hid : HID_VIRTIO_MMIO);
	if (device->cid)
		aml_name_text(terms, "_CID", device->cid);
	if (device->uid)
		aml_name_text(terms, "_UID", device->uid);
	else
		aml_name_number(terms, "_UID", devices->n);
	aml_name_number(terms, "_CCA", !device->is_incoherent);
	if (device->has_domain)
		aml_name_number(terms, "_PXM", device->domain);
	put_resources(terms, device);
	aml_device(devices->aml, name, terms);
	bytes_free(terms);
	devices->n++;
}

static void report_device(const struct devices *devices, const struct device *device,
			  const char *why, const char *cure)
{
	auto_free char *text = subject_describe(&device->subject);

	report(devices->findings, "image-device", device->place, cure,
	       "%s %s: the DSDT has no device for it", text, why);
}

/* 6.1.5: an EISA ID, such as PNP0A08, or an ACPI ID, such as LNRO0005. */
static bool is_id(const char *text)
{
	static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
			  both[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	enum { EISA_VENDOR = 3, ACPI_VENDOR = 4, PRODUCT = 4 };
	size_t length = strlen(text), vendor = length - PRODUCT;

	return (length == EISA_VENDOR + PRODUCT || length == ACPI_VENDOR + PRODUCT) &&
	       strspn(text, vendor == EISA_VENDOR ? capitals : both) >= vendor &&
	       strspn(text + vendor, "0123456789ABCDEF") == PRODUCT;
}

/* A string of AML has the characters 01h to 7Fh; those that people see are enough. */
static bool is_uid(const char *text)
{
	while (g_ascii_isprint(*text))
		text++;
	return !*text;
}

/* An interpreter of AML reports a wrong ID, or finds no driver, and its caller has no table. */
static bool has_ids(const struct devices *devices, const struct device *device)
{
	const char *wrong = device->hid && !is_id(device->hid)   ? device->hid
			    : device->cid && !is_id(device->cid) ? device->cid
								 : NULL;

	if (wrong)
		report(devices->findings, "image-id", device->place,
		       "write three capitals or four capitals and digits, and four of 0-9 and A-F: "
		       "PNP0A08, LNRO0005",
		       "\"%s\" is no hardware ID of ACPI", wrong);
	else if (device->uid && !is_uid(device->uid))
		report(devices->findings, "image-id", device->place,
		       "write a unique ID of printable ASCII",
		       "the unique ID has characters that AML has no string of");
	else
		return true;
	return false;
}

static void add_device(struct devices *devices, const struct device *device)
{
	static const char give_both[] = "give it `at` and `interrupts`";

	if (!device->base)
		report_device(devices, device, "lacks an address", give_both);
	else if (!device->n_interrupts && !device->works_without_interrupts)
		report_device(devices, device, "lacks interrupts", give_both);
	else if (span_of(device) - 1 > UINT64_MAX - device->base)
		report_device(devices, device, "has registers that end beyond 64 bits",
			      device->lower ? device->lower
					    : "write a lower `at`, or a smaller `span`");
	else if (devices->n == DEVICES_MAX)
		report_device(devices, device, "is one more than 4096", "omit some devices");
	else if (has_ids(devices, device))
		put_device(devices, device);
}

/* Linux finds the queues of an SMMU by the identifier of its node. */
static void add_queues(struct devices *devices, const struct viommu_iommu *iommu)
{
	struct device device = {
		.subject = { OBJECT_IOMMU, iommu, 0 },
		.hid = DSDT_QUEUES,
		.base = iommu->cmdqv.base,
		.span = SPAN_CMDQV,
		.interrupts = &iommu->cmdqv.interrupt,
		.n_interrupts = iommu->cmdqv.interrupt != 0,
		.works_without_interrupts = true,
		.place = iommu->place,
		.lower = "write a lower `cmdqv`",
	};
	auto_free char *uid = NULL;
	uint32_t identifier;

	if (!iommu_has_queues(iommu) || !devices->iort || devices->n > DEVICES_MAX)
		return;
	if (!iort_find_smmu_v3(devices->iort, iommu->base, &identifier)) {
		report_device(devices, &device, "has a CMDQV, and no node in the IORT",
			      "give an IORT with a node for it, or omit the CMDQV");
		return;
	}
	uid = memory_printf("%" PRIu32, identifier);
	device.uid = uid;
	add_device(devices, &device);
}

static void add_iommu(struct devices *devices, const struct viommu_iommu *iommu)
{
	if (iommu->kind == VIOMMU_VIRTIO_MMIO)
		add_device(devices, &(struct device){
					    .subject = { OBJECT_IOMMU, iommu, 0 },
					    .base = iommu->base,
					    .span = iommu->span,
					    .interrupts = iommu->interrupts,
					    .n_interrupts = iommu->n_interrupts,
					    .has_domain = iommu->has_proximity_domain,
					    .domain = iommu->proximity_domain,
					    .place = iommu->place,
				    });
}

static void add_platform_device(struct devices *devices,
				const struct viommu_platform_device *device)
{
	add_device(devices, &(struct device){
				    .subject = { OBJECT_PLATFORM_DEVICE, device, 0 },
				    .hid = device->hid,
				    .cid = device->cid,
				    .uid = device->uid,
				    .base = device->base,
				    .span = device->span,
				    .interrupts = device->interrupts,
				    .n_interrupts = device->n_interrupts,
				    .is_incoherent = device->incoherent,
				    .has_domain = device->has_proximity_domain,
				    .domain = device->proximity_domain,
				    .place = device->place,
			    });
}

struct bytes *part_dsdt(const struct viommu_topology *topology, const struct viommu_table *iort,
			struct viommu_findings *findings)
{
	struct devices devices = { .aml = bytes_new(), .iort = iort, .findings = findings };
	const struct viommu_platform_device *device;
	const struct viommu_iommu *iommu;
	struct bytes *dsdt = part_begin("DSDT", 2);

	for_each_object(i, iommu, topology, OBJECT_IOMMU) {
		add_iommu(&devices, iommu);
		add_queues(&devices, iommu);
	}
	for_each_object(i, device, topology, OBJECT_PLATFORM_DEVICE)
		add_platform_device(&devices, device);
	aml_scope(dsdt, devices.aml);
	part_end(dsdt);
	bytes_free(devices.aml);
	return dsdt;
}
