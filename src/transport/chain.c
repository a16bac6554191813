/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Descriptor chains as pieces of the VMM's memory (virtio 1.3, 2.7 and 2.8)
 *
 * chain_add() checks every rule that a driver must keep for chains. A chain has at most as many
 * buffers as the queue has entries, wherever its descriptors are, so a loop of descriptors ends
 * like a chain that is too long.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/ring.h"
#include "wire/once.h"

/* "Drivers MUST NOT add a descriptor chain longer than 2^32 bytes in total" */
#define CHAIN_LENGTH_MAX (1ull << 32)

/* -- guest memory ------------------------------------------------------------------ */

void *queue_find_memory(const struct queue *queue, uint64_t address, uint64_t *length, bool write)
{
	uint64_t wanted = *length;
	void *at;

	if (!wanted || wanted - 1 > UINT64_MAX - address)
		return NULL;
	at = queue->memory->find(queue->memory->opaque, address, length, write);
	return *length && *length <= wanted ? at : NULL;
}

/* The bytes may lie in several regions. */
static int copy_from_guest(const struct queue *queue, uint64_t address, void *to, size_t length)
{
	uint8_t *at = to;

	while (length) {
		uint64_t part = length;
		const void *from = queue_find_memory(queue, address, &part, false);

		if (!from)
			return -EPROTO;
		copy_once(at, from, (size_t)part);
		at += part;
		address += part;
		length -= (size_t)part;
	}
	return 0;
}

/* -- room for pieces --------------------------------------------------------------------- */

/*
 * The number of pieces of a chain depends on the VMM's memory; this bounds hostile chains over very
 * small regions.
 */
#define PIECES_MAX 16384

/* Doubles the room. -ENOMEM: unchanged. -EPROTO: the chain has too many pieces. */
static int queue_grow(struct queue *queue)
{
	size_t n = queue->max_pieces * 2;
	struct iovec *pieces;
	uint64_t *addresses;

	if (n > PIECES_MAX)
		return -EPROTO;
	pieces = calloc(n, sizeof(*pieces));
	addresses = calloc(n, sizeof(*addresses));
	if (!pieces || !addresses) {
		free(pieces);
		free(addresses);
		return -ENOMEM;
	}
	memcpy(pieces, queue->pieces, queue->max_pieces * sizeof(*pieces));
	memcpy(addresses, queue->addresses, queue->max_pieces * sizeof(*addresses));
	free(queue->pieces);
	free(queue->addresses);
	queue->pieces = pieces;
	queue->addresses = addresses;
	queue->max_pieces = n;
	return 0;
}

/* -- chains -------------------------------------------------------------------------- */

int chain_add(struct queue *queue, struct queue_chain *chain, const struct descriptor *buffer)
{
	bool write = buffer->flags & DESCRIPTOR_F_WRITE;
	uint64_t address = buffer->address, left = buffer->length;

	if (chain->n_elements == queue->size)
		return -EPROTO;
	chain->n_elements++;
	chain->length += left;
	if (!left || chain->length > CHAIN_LENGTH_MAX || (!write && chain->n_writable))
		return -EPROTO;
	while (left) {
		size_t n_pieces = chain->n_readable + chain->n_writable;
		uint64_t part = left;
		void *at = queue_find_memory(queue, address, &part, write);

		int error = at ? 0 : -EPROTO;

		if (at && n_pieces == queue->max_pieces)
			error = queue_grow(queue);
		if (error)
			return error;
		queue->pieces[n_pieces] = (struct iovec){ at, (size_t)part };
		queue->addresses[n_pieces] = address;
		*(write ? &chain->n_writable : &chain->n_readable) += 1;
		address += part;
		left -= part;
	}
	return 0;
}

int chain_table(const struct queue *queue, const struct descriptor *descriptor,
		struct ring_table *ret_table)
{
	if (!queue->indirect || !descriptor->length || descriptor->length % DESCRIPTOR_LENGTH)
		return -EPROTO;
	if (descriptor->length - 1 > UINT64_MAX - descriptor->address)
		return -EPROTO;
	*ret_table = (struct ring_table){
		.address = descriptor->address,
		.count = descriptor->length / DESCRIPTOR_LENGTH,
	};
	return 0;
}

int table_fetch(const struct queue *queue, const struct ring_table *table, uint32_t index,
		struct descriptor *ret_descriptor)
{
	uint64_t offset = (uint64_t)index * DESCRIPTOR_LENGTH;
	uint8_t bytes[DESCRIPTOR_LENGTH];
	int error = 0;

	if (table->host)
		copy_once(bytes, table->host + offset, sizeof(bytes));
	else
		error = copy_from_guest(queue, table->address + offset, bytes, sizeof(bytes));
	if (!error)
		layout_decode(queue->format->descriptor, bytes, ret_descriptor);
	return error;
}
