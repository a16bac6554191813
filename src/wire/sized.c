/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "wire/sized.h"

/* The rules of <viommu/device.h> for structs of older and newer callers. */

int sized_take(void *own, size_t own_size, const void *given)
{
	const uint8_t *bytes = given;
	size_t size;

	memcpy(&size, given, sizeof(size));
	if (size < sizeof(size))
		return -EINVAL;
	for (size_t i = own_size; i < size; i++)
		if (bytes[i])
			return -E2BIG;
	memset(own, 0, own_size);
	memcpy(own, given, size < own_size ? size : own_size);
	memcpy(own, &own_size, sizeof(own_size));
	return 0;
}

void sized_give(void *given, const void *own, size_t own_size)
{
	size_t size;

	memcpy(&size, given, sizeof(size));
	memcpy(given, own, size < own_size ? size : own_size);
	if (size > own_size)
		memset((uint8_t *)given + own_size, 0, size - own_size);
	memcpy(given, &size, sizeof(size));
}
