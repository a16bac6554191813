/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "transport/msix.h"

/* A message is a word: the low bits of its address are reserved. */
#define ADDRESS_RESERVED 3u

#define HALF_BITS 32

int msix_init(struct msix *msix, unsigned n)
{
	msix->vectors = calloc(n, sizeof(*msix->vectors));
	if (!msix->vectors)
		return -ENOMEM;
	msix->n = n;
	msix_reset(msix);
	return 0;
}

void msix_fini(struct msix *msix)
{
	free(msix->vectors);
}

void msix_reset(struct msix *msix)
{
	msix_control(msix, false, false, false);
	for (unsigned i = 0; i < msix->n; i++)
		msix->vectors[i] = (struct msix_vector){ .control = MSIX_F_MASKED };
}

bool msix_can_send(const struct msix *msix, const struct msix_vector *vector)
{
	return msix->enabled && !msix->masked && msix->can_send &&
	       !(vector->control & MSIX_F_MASKED);
}

static void flush(struct msix *msix, struct msix_vector *vector)
{
	if (!vector->pending || !msix_can_send(msix, vector))
		return;
	vector->pending = false;
	msix->send(msix->opaque, vector->address, vector->data);
}

void msix_raise(struct msix *msix, unsigned vector)
{
	if (!msix->enabled || vector >= msix->n)
		return;
	msix->vectors[vector].pending = true;
	flush(msix, &msix->vectors[vector]);
}

void msix_clear(struct msix *msix)
{
	for (unsigned i = 0; i < msix->n; i++)
		msix->vectors[i].pending = false;
}

void msix_control(struct msix *msix, bool enabled, bool masked, bool can_send)
{
	msix->enabled = enabled;
	msix->masked = masked;
	msix->can_send = can_send;
	if (!enabled)
		msix_clear(msix);
	for (unsigned i = 0; i < msix->n; i++)
		flush(msix, &msix->vectors[i]);
}

/* -- table -------------------------------------------------------------------------------- */

/* The words of an entry. */
enum { ADDRESS_LOW = 0, ADDRESS_HIGH = 4, DATA = 8, CONTROL = 12 };

static struct msix_vector *vector_at(const struct msix *msix, uint64_t offset)
{
	uint64_t i = offset / MSIX_ENTRY_LENGTH;

	return i < msix->n ? &msix->vectors[i] : NULL;
}

uint32_t msix_read(const struct msix *msix, uint64_t offset)
{
	const struct msix_vector *vector = vector_at(msix, offset);

	if (!vector)
		return 0;
	switch (offset % MSIX_ENTRY_LENGTH) {
	case ADDRESS_LOW:
		return (uint32_t)vector->address;
	case ADDRESS_HIGH:
		return (uint32_t)(vector->address >> HALF_BITS);
	case DATA:
		return vector->data;
	case CONTROL:
		return vector->control;
	default:
		return 0;
	}
}

void msix_write(struct msix *msix, uint64_t offset, uint32_t value)
{
	struct msix_vector *vector = vector_at(msix, offset);

	if (!vector)
		return;
	switch (offset % MSIX_ENTRY_LENGTH) {
	case ADDRESS_LOW:
		vector->address &= ~(uint64_t)UINT32_MAX;
		vector->address |= value & ~ADDRESS_RESERVED;
		break;
	case ADDRESS_HIGH:
		vector->address = (uint32_t)vector->address | (uint64_t)value << HALF_BITS;
		break;
	case DATA:
		vector->data = value;
		break;
	case CONTROL:
		vector->control = value & MSIX_F_MASKED;
		flush(msix, vector);
		break;
	default:
		break;
	}
}

uint32_t msix_read_pending(const struct msix *msix, uint64_t offset)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < HALF_BITS; i++) {
		uint64_t vector = offset * 8 + i;

		if (vector < msix->n && msix->vectors[vector].pending)
			bits |= 1u << i;
	}
	return bits;
}
