/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/field.h"

static uint32_t *member(struct virtio *virtio, uint32_t offset)
{
	return (uint32_t *)(void *)((char *)virtio + offset);
}

uint32_t field_read_member(struct virtio *virtio, uint32_t argument)
{
	return *member(virtio, argument);
}

void field_write_member(struct virtio *virtio, uint32_t argument, uint32_t value)
{
	*member(virtio, argument) = value;
}

uint32_t field_read_config_generation(struct virtio *virtio, uint32_t argument)
{
	return virtio_config_generation(virtio) & argument;
}

uint32_t field_read_device_features(struct virtio *virtio, uint32_t argument)
{
	(void)argument;
	return virtio_device_features(virtio);
}

uint32_t field_read_driver_features(struct virtio *virtio, uint32_t argument)
{
	(void)argument;
	return virtio_driver_features(virtio);
}

void field_write_driver_features(struct virtio *virtio, uint32_t argument, uint32_t value)
{
	(void)argument;
	virtio_accept_features(virtio, value);
}

uint32_t field_read_status(struct virtio *virtio, uint32_t argument)
{
	(void)argument;
	return virtio_shown_status(virtio);
}

uint32_t field_read_queue_enabled(struct virtio *virtio, uint32_t argument)
{
	struct virtio_queue *queue = virtio_selected(virtio);

	(void)argument;
	return queue ? queue->ready : 0;
}

void field_write_queue_reset(struct virtio *virtio, uint32_t argument, uint32_t value)
{
	(void)argument;
	if (value == 1)
		virtio_reset_queue(virtio);
}
