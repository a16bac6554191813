/* SPDX-License-Identifier: BSD-3-Clause */
/* The device as a PCI function: <viommu/pci.h> */
#include <errno.h>
#include <stdlib.h>

#include <viommu/pci.h>

#include "device/checks.h"
#include "device/virtio_iommu.h"
#include "transport/function.h"
#include "wire/sized.h"

/* Base system peripheral, IOMMU. */
#define CLASS_IOMMU 0x080600

/* "Non-transitional devices SHOULD have a PCI Subsystem Device ID of 0x40 or higher." */
#define SUBSYSTEM_VENDOR_DEFAULT 0x1af4
#define SUBSYSTEM_DEVICE_DEFAULT 0x0040

_Static_assert(VIOMMU_PCI_CONFIG_LENGTH == FUNCTION_CONFIG_LENGTH, "one space, two names");
_Static_assert(VIOMMU_PCI_NOTIFY == FUNCTION_NOTIFY &&
		       VIOMMU_PCI_NOTIFY_MULTIPLIER == FUNCTION_NOTIFY_MULTIPLIER,
	       "one structure, two names");

struct viommu_pci {
	struct virtio_iommu iommu;
	struct function function;
	struct function_ops ops;       /* the VMM's */
	struct function_ops forwarded; /* calls them; NULL where the VMM has none */
};

/* -- callbacks ----------------------------------------------------------------------------- */

static void forward_message(void *opaque, uint64_t address, uint32_t data)
{
	struct viommu_pci *pci = opaque;

	CALLBACK_BEGIN(pci->iommu.device, "message", false);
	pci->ops.message(pci->iommu.opaque, address, data);
	CALLBACK_END();
}

static void forward_mapping(void *opaque, bool mapped, uint64_t address)
{
	struct viommu_pci *pci = opaque;

	CALLBACK_BEGIN(pci->iommu.device, "mapped", false);
	pci->ops.mapped(pci->iommu.opaque, mapped, address);
	CALLBACK_END();
}

/* -- setup --------------------------------------------------------------------------------- */

static int open_function(struct viommu_pci *pci, const struct viommu_config *device_config,
			 const struct viommu_pci_config *config)
{
	const struct function_config function_config = {
		.virtio = &pci->iommu.virtio,
		.ops = &pci->forwarded,
		.opaque = pci,
		.class_code = CLASS_IOMMU,
		.subsystem_vendor = config->subsystem_vendor ? config->subsystem_vendor
							     : SUBSYSTEM_VENDOR_DEFAULT,
		.subsystem_device = config->subsystem_device ? config->subsystem_device
							     : SUBSYSTEM_DEVICE_DEFAULT,
		.multifunction = config->multifunction,
		.has_line = pci->iommu.ops.interrupt,
	};
	int error = virtio_iommu_init(&pci->iommu, device_config,
				      &(struct virtio_iommu_config){
					      .queue_size = config->queue_size,
					      .plain_rings = config->plain_rings,
					      .suspend = config->suspend,
					      .bus_ops = &function_bus_ops,
					      .bus = &pci->function,
				      });

	if (error)
		return error;
	error = function_init(&pci->function, &function_config);
	if (error)
		virtio_iommu_fini(&pci->iommu);
	return error;
}

int viommu_pci_new(const struct viommu_config *device_config,
		   const struct viommu_pci_config *config, const struct viommu_pci_ops *ops,
		   void *opaque, struct viommu_pci **ret_pci)
{
	struct viommu_pci_config own_config = { 0 };
	struct viommu_pci_ops own_ops = { 0 };
	struct viommu_pci *pci = calloc(1, sizeof(*pci));
	int error = pci ? 0 : -ENOMEM;

	if (!error && config)
		error = sized_take(&own_config, sizeof(own_config), config);
	if (!error)
		error = ops ? sized_take(&own_ops, sizeof(own_ops), ops) : -EINVAL;
	if (error)
		goto free_pci;
	pci->iommu.opaque = opaque;
	pci->iommu.ops =
		(struct virtio_iommu_ops){ own_ops.memory, own_ops.interrupt, own_ops.trace,
					   own_ops.log,    own_ops.written,   own_ops.paused };
	pci->ops = (struct function_ops){ own_ops.message, own_ops.mapped };
	pci->forwarded = (struct function_ops){ own_ops.message ? forward_message : NULL,
						own_ops.mapped ? forward_mapping : NULL };
	error = open_function(pci, device_config, &own_config);
	if (error)
		goto free_pci;
	*ret_pci = pci;
	return 0;

free_pci:
	free(pci);
	return error;
}

struct viommu_pci *viommu_pci_free(struct viommu_pci *pci)
{
	if (!pci)
		return NULL;
	virtio_iommu_fini(&pci->iommu);
	function_fini(&pci->function);
	free(pci);
	return NULL;
}

struct viommu *viommu_pci_device(struct viommu_pci *pci)
{
	return pci->iommu.device;
}

/* -- use ----------------------------------------------------------------------------------- */

uint32_t viommu_pci_config_read(struct viommu_pci *pci, uint64_t offset, unsigned length)
{
	virtio_iommu_check(&pci->iommu);
	return function_config_read(&pci->function, offset, length);
}

void viommu_pci_config_write(struct viommu_pci *pci, uint64_t offset, unsigned length,
			     uint32_t value)
{
	virtio_iommu_check(&pci->iommu);
	function_config_write(&pci->function, offset, length, value);
}

uint64_t viommu_pci_bar_length(const struct viommu_pci *pci)
{
	return pci->function.bar_length;
}

bool viommu_pci_bar_address(struct viommu_pci *pci, uint64_t *ret_address)
{
	virtio_iommu_check(&pci->iommu);
	return function_bar_address(&pci->function, ret_address);
}

uint64_t viommu_pci_bar_read(struct viommu_pci *pci, uint64_t offset, unsigned length)
{
	virtio_iommu_check(&pci->iommu);
	return function_bar_read(&pci->function, offset, length);
}

void viommu_pci_bar_write(struct viommu_pci *pci, uint64_t offset, unsigned length, uint64_t value)
{
	virtio_iommu_check(&pci->iommu);
	function_bar_write(&pci->function, offset, length, value);
}

void viommu_pci_serve(struct viommu_pci *pci)
{
	virtio_iommu_check(&pci->iommu);
	virtio_iommu_serve(&pci->iommu);
}

uint64_t viommu_pci_poll(struct viommu_pci *pci, uint64_t poll_ns)
{
	virtio_iommu_check(&pci->iommu);
	return virtio_iommu_poll(&pci->iommu, poll_ns);
}

void viommu_pci_memory_changed(struct viommu_pci *pci)
{
	virtio_iommu_check(&pci->iommu);
	virtio_memory_changed(&pci->iommu.virtio);
}

void viommu_pci_system_reset(struct viommu_pci *pci)
{
	virtio_iommu_check(&pci->iommu);
	virtio_iommu_system_reset(&pci->iommu);
	function_reset_own(&pci->function);
}

/* -- saved state ------------------------------------------------------------------------- */

static struct virtio_iommu_stream stream_of(const struct viommu_pci *pci, uint32_t version)
{
	return (struct virtio_iommu_stream){
		.magic = 0x504f4956u, /* "VIOP" */
		.version = version,
		.bus = { .length = function_state_length(&pci->function) },
	};
}

static int save(struct viommu_pci *pci, uint32_t version, void **ret_bytes, size_t *ret_length)
{
	struct virtio_iommu_stream stream = stream_of(pci, version);
	uint8_t *state = malloc(stream.bus.length);
	int error = -ENOMEM;

	if (!state)
		return error;
	function_save(&pci->function, state);
	stream.bus.bytes = state;
	error = virtio_iommu_save(&pci->iommu, &stream, ret_bytes, ret_length);
	free(state);
	return error;
}

int viommu_pci_save(struct viommu_pci *pci, void **ret_bytes, size_t *ret_length)
{
	virtio_iommu_check(&pci->iommu);
	return save(pci, STREAM_VERSION_WHOLE, ret_bytes, ret_length);
}

int viommu_pci_save_changes(struct viommu_pci *pci, void **ret_bytes, size_t *ret_length)
{
	virtio_iommu_check(&pci->iommu);
	return save(pci, STREAM_VERSION_CHANGES, ret_bytes, ret_length);
}

static int load_function(void *bus, const struct stream *stream, const struct chunk *chunk)
{
	return function_load(bus, stream, chunk);
}

static int load(struct viommu_pci *pci, uint32_t version, struct stream *stream)
{
	struct virtio_iommu_stream expected = stream_of(pci, version);
	int error;

	function_reset_own(&pci->function);
	error = virtio_iommu_load(&pci->iommu, &expected, load_function, stream);
	if (error)
		function_reset(&pci->function);
	return error;
}

int viommu_pci_load(struct viommu_pci *pci, const void *bytes, size_t length, char *reason,
		    size_t room)
{
	struct stream stream = { .bytes = bytes, .length = length, .reason = reason, .room = room };

	virtio_iommu_check(&pci->iommu);
	return load(pci, STREAM_VERSION_WHOLE, &stream);
}

int viommu_pci_load_changes(struct viommu_pci *pci, const void *bytes, size_t length, char *reason,
			    size_t room)
{
	struct stream stream = { .bytes = bytes, .length = length, .reason = reason, .room = room };

	virtio_iommu_check(&pci->iommu);
	return load(pci, STREAM_VERSION_CHANGES, &stream);
}
