/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration space of a PCI function (PCI Express Base Specification, 7.5 to 7.9)
 *
 * On real hardware, reading an undefined register may have side effects, and a serial number that
 * is not read is not saved. So for a running machine, and for a tree that is saved, only the header
 * and the capabilities in the lists are read.
 */
#include <string.h>

#include "config.h"

enum {
	HEADER_LENGTH = 64,
	PCI_LENGTH = 256,
	EXPRESS_LENGTH = 4096,

	VENDOR = 0x00,
	CLASS = 0x08,
	HEADER_TYPE = 0x0e,
	BUSES = 0x18,
	SUBSYSTEM = 0x2c,
	CAPABILITIES = 0x34,
	EXTENDED = 0x100,

	CAPABILITY_EXPRESS = 0x10,
	EXTENDED_ACS = 0x0d,
	EXTENDED_ARI = 0x0e,
	EXTENDED_ATS = 0x0f,
	EXTENDED_SRIOV = 0x10,
	EXTENDED_PRI = 0x13,
	EXTENDED_PASID = 0x1b,
	VF_DEVICE = 0x18, /* of EXTENDED_SRIOV: the upper half is the device ID of the VFs */

	/* The maximum number of capabilities: a longer list has a cycle. */
	CAPABILITIES_MAX = (PCI_LENGTH - HEADER_LENGTH) / 4,
	EXTENDED_MAX = (EXPRESS_LENGTH - EXTENDED) / 8,
};

struct config {
	struct tree *tree;
	const struct folder *folder;
	uint8_t bytes[EXPRESS_LENGTH]; /* a copy: the whole space was read */
	bool whole;
	size_t length; /* 0, HEADER_LENGTH, PCI_LENGTH, EXPRESS_LENGTH */
};

/* -- reading --------------------------------------------------------------------------- */

static uint32_t word(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

/* Bytes beyond the end read as 0. */
static uint32_t config_word(const struct config *config, size_t at)
{
	uint8_t bytes[4] = { 0 };

	if (at + sizeof(bytes) > config->length)
		return 0;
	if (config->whole || at < HEADER_LENGTH)
		return word(config->bytes + at);
	if (tree_read_at(config->tree, config->folder, "config", bytes, sizeof(bytes), at) < 0)
		return 0;
	return word(bytes);
}

static size_t length_by(ssize_t n)
{
	if (n < HEADER_LENGTH)
		return 0;
	if (n > PCI_LENGTH)
		return EXPRESS_LENGTH;
	return n > HEADER_LENGTH ? PCI_LENGTH : HEADER_LENGTH;
}

/* Tests one byte beyond each possible length. */
static size_t probe_length(const struct config *config)
{
	uint8_t byte[4];
	size_t length = HEADER_LENGTH;

	while (length < EXPRESS_LENGTH &&
	       tree_read_at(config->tree, config->folder, "config", byte, sizeof(byte), length) > 0)
		length = length == HEADER_LENGTH ? PCI_LENGTH : EXPRESS_LENGTH;
	return length;
}

static void load(struct config *config, struct tree *tree, const struct folder *folder)
{
	size_t size = tree->live || tree->record ? HEADER_LENGTH : EXPRESS_LENGTH;
	ssize_t n;

	config->tree = tree;
	config->folder = folder;
	config->whole = size == EXPRESS_LENGTH;
	n = tree_read_at(tree, folder, "config", config->bytes, size, 0);
	config->length = length_by(n);
	if (n > 0)
		memset(config->bytes + n, 0, sizeof(config->bytes) - (size_t)n);
	if (!config->whole && config->length)
		config->length = probe_length(config);
}

/* -- capabilities ------------------------------------------------------------------------ */

/* The offset; 0 if there is none. */
static size_t find_capability(const struct config *config, unsigned id)
{
	size_t at = config_word(config, CAPABILITIES) & 0xfc;

	for (int n = 0; at >= HEADER_LENGTH && n < CAPABILITIES_MAX; n++) {
		uint32_t head = config_word(config, at);

		if ((head & 0xff) == id)
			return at;
		at = head >> 8 & 0xfc;
	}
	return 0;
}

static void take_acs(const struct config *config, size_t at, struct host_device *device)
{
	uint32_t registers = config_word(config, at + 4);

	device->shown.acs = VIOMMU_YES;
	device->shown.acs_capable = (uint16_t)registers;
	device->shown.acs_enabled = (uint16_t)(registers >> 16);
}

static void take_ari(const struct config *config, size_t at, struct host_device *device)
{
	(void)config;
	(void)at;
	device->shown.ari = VIOMMU_YES;
}

static void take_ats(const struct config *config, size_t at, struct host_device *device)
{
	device->shown.ats = VIOMMU_YES;
	device->shown.ats_enabled = config_word(config, at + 4) >> 31 ? VIOMMU_YES : VIOMMU_NO;
}

static void take_sriov(const struct config *config, size_t at, struct host_device *device)
{
	device->shown.sriov = VIOMMU_YES;
	device->vf_number = (uint16_t)(config_word(config, at + VF_DEVICE) >> 16);
}

static void take_pri(const struct config *config, size_t at, struct host_device *device)
{
	device->shown.pri = VIOMMU_YES;
	device->shown.pri_enabled = config_word(config, at + 4) & 1 ? VIOMMU_YES : VIOMMU_NO;
}

static void take_pasid(const struct config *config, size_t at, struct host_device *device)
{
	uint32_t registers = config_word(config, at + 4);

	device->shown.pasid = VIOMMU_YES;
	device->shown.pasid_bits = MIN(registers >> 8 & 0x1f, VIOMMU_PASID_BITS_MAX);
	device->shown.pasid_enabled = registers >> 16 & 1 ? VIOMMU_YES : VIOMMU_NO;
}

static const struct {
	unsigned id;
	void (*take)(const struct config *config, size_t at, struct host_device *device);
} extended[] = {
	{ EXTENDED_ACS, take_acs },     { EXTENDED_ARI, take_ari }, { EXTENDED_ATS, take_ats },
	{ EXTENDED_SRIOV, take_sriov }, { EXTENDED_PRI, take_pri }, { EXTENDED_PASID, take_pasid },
};

static void take_extended(const struct config *config, struct host_device *device)
{
	size_t at = EXTENDED;

	for (int n = 0; at >= EXTENDED && n < EXTENDED_MAX; n++) {
		uint32_t head = config_word(config, at);

		if (!head || head == UINT32_MAX)
			return;
		for (size_t i = 0; i < G_N_ELEMENTS(extended); i++)
			if ((head & 0xffff) == extended[i].id)
				extended[i].take(config, at, device);
		at = head >> 20 & 0xffc;
	}
}

/* The absence of a capability is certain if the whole space was read, or if there is none. */
static void set_all(struct viommu_host_device *device, enum viommu_known known)
{
	device->ats = device->pri = device->pasid = known;
	device->acs = device->ari = device->sriov = known;
	device->ats_enabled = device->pri_enabled = device->pasid_enabled = known;
}

static const enum viommu_host_port ports[] = {
	[0] = VIOMMU_HOST_ENDPOINT, [1] = VIOMMU_HOST_ENDPOINT,   [4] = VIOMMU_HOST_ROOT_PORT,
	[5] = VIOMMU_HOST_UPSTREAM, [6] = VIOMMU_HOST_DOWNSTREAM, [7] = VIOMMU_HOST_TO_PCI,
	[8] = VIOMMU_HOST_FROM_PCI, [9] = VIOMMU_HOST_INTEGRATED, [10] = VIOMMU_HOST_INTEGRATED,
};

static void take_port(const struct config *config, struct viommu_host_device *device)
{
	size_t express = find_capability(config, CAPABILITY_EXPRESS);
	uint32_t type = config_word(config, express) >> 20 & 0xf;

	if (config->length == HEADER_LENGTH)
		return;
	if (!express)
		device->port = VIOMMU_HOST_CONVENTIONAL;
	else if (type < G_N_ELEMENTS(ports))
		device->port = ports[type];
	if (config->length == EXPRESS_LENGTH || !express)
		set_all(device, VIOMMU_NO);
}

/* -- the header ---------------------------------------------------------------------------- */

static void take_header(const struct config *config, struct viommu_host_device *device)
{
	uint32_t ids = config_word(config, VENDOR), revision = config_word(config, CLASS);
	unsigned type = config->bytes[HEADER_TYPE];

	device->vendor = (uint16_t)ids;
	device->device = (uint16_t)(ids >> 16);
	device->revision = (uint8_t)revision;
	device->pci_class = revision >> 8;
	device->multifunction = type & 0x80;
	device->bridge = (type & 0x7f) == 1;
	if (device->bridge) {
		uint32_t buses = config_word(config, BUSES);

		device->secondary = (uint8_t)(buses >> 8);
		device->subordinate = (uint8_t)(buses >> 16);
	} else {
		uint32_t subsystem = config_word(config, SUBSYSTEM);

		device->subsystem_vendor = (uint16_t)subsystem;
		device->subsystem_device = (uint16_t)(subsystem >> 16);
	}
}

void config_scan(struct tree *tree, const struct folder *folder, struct host_device *device)
{
	struct config config;

	load(&config, tree, folder);
	device->shown.config_length = config.length;
	if (!config.length)
		return;
	take_header(&config, &device->shown);
	take_port(&config, &device->shown);
	if (config.length == EXPRESS_LENGTH)
		take_extended(&config, device);
}
