/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdlib.h>

#include "rig.h"

/*
 * The test bench: see rig.h
 *
 * A rig owns its device. What it writes down goes into fixed buffers, so that a test
 * that runs away fails on one of them and does not eat the machine.
 */

__attribute__((format(printf, 3, 4))) static void add(char *text, size_t room, const char *format,
						      ...)
{
	size_t used = strlen(text);
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text + used, room - used, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < room - used);
}

static const char *permission(uint32_t flags)
{
	static const char *const words[] = { "none", "r",      "w",      "rw",
					     "mmio", "r mmio", "w mmio", "rw mmio" };

	assert_true(flags < COUNT_OF(words));
	return words[flags];
}

/* -- coming and going ------------------------------------------------------------- */

static int event(void *opaque, const void *record, size_t length)
{
	struct rig *rig = opaque;

	assert_int_equal(length, VIOMMU_FAULT_LENGTH);
	if (!rig->event_buffers)
		return -ENOBUFS;
	rig->event_buffers--;
	assert_true(rig->n_events < MAX_EVENTS);
	memcpy(rig->events[rig->n_events++], record, length);
	return 0;
}

void replace(struct rig *rig, struct viommu_config config)
{
	static const struct viommu_ops ops = { .size = sizeof(ops), .event = event };
	static const uint32_t endpoints[] = { EP, EP2, EP3 };

	config.size = sizeof(config);
	rig->device = viommu_free(rig->device);
	rig->notified[0] = '\0';
	assert_int_equal(viommu_new(&config, &ops, rig, &rig->device), 0);
	for (size_t i = 0; i < COUNT_OF(endpoints); i++) {
		const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
							  .id = endpoints[i] };

		assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	}
	assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
}

static int plug_cut(void **state, size_t piece)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig->piece = piece;
	rig->event_buffers = MAX_EVENTS;
	replace(rig, (struct viommu_config){ 0 });
	*state = rig;
	return 0;
}

int plug(void **state)
{
	return plug_cut(state, 0);
}

int plug_in_bytes(void **state)
{
	return plug_cut(state, 1);
}

int unplug(void **state)
{
	struct rig *rig = *state;

	viommu_free(rig->device);
	free(rig);
	return 0;
}

/* -- requests ------------------------------------------------------------------------ */

/* A buffer as a scatter list; each piece is a block of the heap, so that a byte too far is
 * found by a sanitizer. */
struct list {
	struct iovec *pieces;
	size_t n;
};

static struct list cut(const struct rig *rig, const uint8_t *bytes, size_t length)
{
	size_t piece = rig->piece ? rig->piece : length;
	struct list list = { calloc(length + 1, sizeof(*list.pieces)), 0 };

	assert_non_null(list.pieces);
	for (size_t at = 0; at < length; at += piece) {
		struct iovec *next = &list.pieces[list.n++];

		next->iov_len = piece < length - at ? piece : length - at;
		next->iov_base = malloc(next->iov_len);
		assert_non_null(next->iov_base);
		memcpy(next->iov_base, bytes + at, next->iov_len);
	}
	return list;
}

/* Put the pieces together again, and free them. */
static void gather(struct list list, uint8_t *bytes)
{
	for (size_t i = 0; i < list.n; i++) {
		memcpy(bytes, list.pieces[i].iov_base, list.pieces[i].iov_len);
		bytes += list.pieces[i].iov_len;
		free(list.pieces[i].iov_base);
	}
	free(list.pieces);
}

size_t request(struct rig *rig, const void *bytes, size_t length, void *answer, size_t room)
{
	struct list readable = cut(rig, bytes, length), writable;
	uint8_t *read = malloc(length + 1), *written = answer;
	size_t used;

	memset(answer, POISON, room);
	writable = cut(rig, answer, room);
	used = (rig->is_in_batch ? viommu_batch_request : viommu_request)(
		rig->device, readable.pieces, readable.n, writable.pieces, writable.n);
	gather(writable, answer);
	gather(readable, read);

	assert_true(used <= room);
	for (size_t i = used; i < room; i++)
		assert_int_equal(written[i], POISON);
	assert_memory_equal(read, bytes, length);
	free(read);
	return used;
}

/* The tail: a status that exists, and reserved bytes that are 0. */
static int take_tail(const uint8_t *tail)
{
	static const uint8_t zeroes[VIOMMU_TAIL_LENGTH - 1];

	assert_in_range(tail[0], VIOMMU_S_OK, VIOMMU_S_NOMEM);
	assert_memory_equal(tail + 1, zeroes, sizeof(zeroes));
	return tail[0];
}

int status_of(struct rig *rig, const void *bytes, size_t length)
{
	uint8_t tail[VIOMMU_TAIL_LENGTH];

	assert_int_equal(request(rig, bytes, length, tail, sizeof(tail)), sizeof(tail));
	return take_tail(tail);
}

static int attach_as(struct rig *rig, uint32_t domain, uint32_t endpoint, uint32_t flags)
{
	const uint8_t bytes[] = { ATTACH(domain, endpoint, flags, 0) };

	return status_of(rig, bytes, sizeof(bytes));
}

int attach(struct rig *rig, uint32_t domain, uint32_t endpoint)
{
	return attach_as(rig, domain, endpoint, 0);
}

int attach_bypass(struct rig *rig, uint32_t domain, uint32_t endpoint)
{
	return attach_as(rig, domain, endpoint, VIOMMU_ATTACH_F_BYPASS);
}

int detach(struct rig *rig, uint32_t domain, uint32_t endpoint)
{
	const uint8_t bytes[] = { DETACH(domain, endpoint, 0) };

	return status_of(rig, bytes, sizeof(bytes));
}

int map(struct rig *rig, uint32_t domain, uint64_t first, uint64_t last, uint64_t phys,
	uint32_t flags)
{
	const uint8_t bytes[] = { MAP(domain, first, last, phys, flags) };

	return status_of(rig, bytes, sizeof(bytes));
}

int unmap(struct rig *rig, uint32_t domain, uint64_t first, uint64_t last)
{
	const uint8_t bytes[] = { UNMAP(domain, first, last, 0) };

	return status_of(rig, bytes, sizeof(bytes));
}

int probe(struct rig *rig, uint32_t endpoint)
{
	const uint8_t bytes[VIOMMU_PROBE_LENGTH] = { PROBE(endpoint) };
	uint8_t answer[MAX_PROPERTIES + VIOMMU_TAIL_LENGTH];
	uint32_t size = viommu_configuration(rig->device)->probe_size;
	size_t room = size + VIOMMU_TAIL_LENGTH;

	assert_true(room <= sizeof(answer));
	assert_int_equal(request(rig, bytes, sizeof(bytes), answer, room), room);
	memcpy(rig->properties, answer, size);
	return take_tail(answer + size);
}

/* -- properties in words ----------------------------------------------------------------- */

static uint64_t load(const uint8_t *bytes, size_t length)
{
	uint64_t value = 0;

	while (length--)
		value = value << 8 | bytes[length];
	return value;
}

static void add_region(struct rig *rig, const uint8_t *at, unsigned length)
{
	static const char *const subtypes[] = { "reserved", "msi" };

	assert_int_equal(length, VIOMMU_PROBE_RESV_MEM_LENGTH);
	assert_in_range(at[4], VIOMMU_RESV_MEM_RESERVED, VIOMMU_RESV_MEM_MSI);
	assert_int_equal(load(at + 5, 3), 0);
	add(rig->words, MAX_WORDS, "%s %" PRIx64 "-%" PRIx64, subtypes[at[4]], load(at + 8, 8),
	    load(at + 16, 8));
}

#define WORD(name, type, has, member, bits, text) { type, #has },

static void add_property(struct rig *rig, const uint8_t *at, unsigned type, unsigned length)
{
	static const struct {
		unsigned type;
		const char *word;
	} rows[] = { VIOMMU_PROPERTIES(WORD) };

	if (type == VIOMMU_PROBE_T_RESV_MEM) {
		add_region(rig, at, length);
		return;
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].type == type) {
			assert_int_equal(length, 8);
			add(rig->words, MAX_WORDS, "%s %" PRIu64, rows[i].word, load(at + 4, 4));
			return;
		}
	fail_msg("property of type 0x%x", type);
}

const char *properties(struct rig *rig)
{
	const uint8_t *at = rig->properties;
	const uint8_t *end = at + viommu_configuration(rig->device)->probe_size;

	rig->words[0] = '\0';
	while (at < end && load(at, 2)) {
		unsigned type = (unsigned)load(at, 2), length = (unsigned)load(at + 2, 2) + 4;

		assert_true(length <= (size_t)(end - at) && length % 8 == 0);
		add(rig->words, MAX_WORDS, "%s", rig->words[0] ? ", " : "");
		add_property(rig, at, type, length);
		at += length;
	}
	for (; at < end; at++)
		assert_int_equal(*at, 0);
	return rig->words;
}

/* -- translation, features, faults --------------------------------------------------------- */

const char *where(struct rig *rig, uint32_t endpoint, uint64_t iova, uint64_t length,
		  uint32_t access)
{
	struct viommu_translation t;
	int error = viommu_translate(rig->device, endpoint, iova, length, access, &t);

	if (error == -EFAULT)
		return "fault";
	if (error == -ENOENT)
		return "no endpoint";
	assert_int_equal(error, 0);
	assert_in_range(t.length, 1, length);
	rig->words[0] = '\0';
	add(rig->words, MAX_WORDS, "%s%" PRIx64 "+%" PRIx64 " %s", t.identity ? "identity " : "",
	    t.address, t.length, permission(t.flags));
	return rig->words;
}

const char *peek(struct rig *rig, uint32_t endpoint, uint64_t iova, uint64_t length)
{
	return where(rig, endpoint, iova, length, VIOMMU_ACCESS_QUIET);
}

const char *mappings(struct rig *rig, uint32_t domain)
{
	struct viommu_mapping m;
	uint64_t from = 0;

	rig->words[0] = '\0';
	while (!viommu_next_mapping(rig->device, domain, from, &m)) {
		assert_int_equal(m.domain, domain);
		add(rig->words, MAX_WORDS, "%s%" PRIx64 "-%" PRIx64 " to %" PRIx64 " %s",
		    rig->words[0] ? ", " : "", m.first, m.last, m.phys, permission(m.flags));
		if (m.last == TOP)
			break;
		from = m.last + 1;
	}
	return rig->words;
}

void write_bypass(struct rig *rig, uint8_t bypass)
{
	viommu_config_write(rig->device, VIOMMU_CONFIG_BYPASS, &bypass, sizeof(bypass));
}

uint8_t read_bypass(struct rig *rig)
{
	uint8_t bypass;

	viommu_config_read(rig->device, VIOMMU_CONFIG_BYPASS, &bypass, sizeof(bypass));
	return bypass;
}

enum viommu_mode mode_of(struct rig *rig, uint32_t endpoint)
{
	struct viommu_endpoint_state state;

	assert_int_equal(viommu_next_endpoint(rig->device, endpoint, &state), 0);
	assert_int_equal(state.id, endpoint);
	return state.mode;
}

struct viommu_counters counters(struct rig *rig)
{
	struct viommu_counters now = { .size = sizeof(now) };

	viommu_count(rig->device, &now);
	return now;
}

/* -- listeners ---------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void tell(const struct recorder *recorder,
						       const char *format, ...)
{
	struct rig *rig = recorder->rig;
	char words[128];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	add(rig->notified, MAX_WORDS, "%s%s %s", rig->notified[0] ? ", " : "", recorder->name,
	    words);
}

static bool refuses(struct recorder *recorder)
{
	unsigned call = recorder->calls++;

	return call >= recorder->refuse_first && call - recorder->refuse_first < recorder->refuse_n;
}

static int record_map(void *opaque, const struct viommu_mapping *mapping)
{
	struct recorder *recorder = opaque;
	bool refused = refuses(recorder);

	tell(recorder, "%s %" PRIu32 " %" PRIx64 "-%" PRIx64 " to %" PRIx64 " %s",
	     refused ? "refuse" : "map", mapping->domain, mapping->first, mapping->last,
	     mapping->phys, permission(mapping->flags));
	assert_int_equal(recorder->mode, VIOMMU_TRANSLATED);
	for (size_t i = 0; i < recorder->n_held; i++)
		assert_true(mapping->last < recorder->held[i].first ||
			    mapping->first > recorder->held[i].last);
	if (refused)
		return recorder->error;
	assert_true(recorder->n_held < MAX_HELD);
	recorder->held[recorder->n_held++] = *mapping;
	return 0;
}

static bool same(const struct viommu_mapping *a, const struct viommu_mapping *b)
{
	return a->domain == b->domain && a->flags == b->flags && a->first == b->first &&
	       a->last == b->last && a->phys == b->phys;
}

static void record_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	struct recorder *recorder = opaque;
	size_t i = 0;

	tell(recorder, "unmap %" PRIu32 " %" PRIx64 "-%" PRIx64, mapping->domain, mapping->first,
	     mapping->last);
	assert_int_equal(recorder->mode, VIOMMU_TRANSLATED);
	while (i < recorder->n_held && !same(&recorder->held[i], mapping))
		i++;
	assert_true(i < recorder->n_held);
	recorder->held[i] = recorder->held[--recorder->n_held];
}

static int record_mode(void *opaque, enum viommu_mode mode)
{
	static const char *const names[] = { "blocked", "bypass", "translated" };
	struct recorder *recorder = opaque;
	bool refused = refuses(recorder);

	tell(recorder, "%s %s", refused ? "refuse" : "mode", names[mode]);
	assert_int_equal(recorder->n_held, 0);
	recorder->mode = refused ? -1 : (int)mode;
	return refused ? recorder->error : 0;
}

int recorder_listen(struct recorder *recorder, struct rig *rig, const char *name, uint32_t endpoint)
{
	static const struct viommu_listener_ops ops = {
		.size = sizeof(ops),
		.map = record_map,
		.unmap = record_unmap,
		.mode = record_mode,
	};

	recorder->rig = rig;
	recorder->name = name;
	recorder->mode = -1;
	return viommu_listen(rig->device, endpoint, &ops, recorder, &recorder->listener);
}

void recorder_refuse(struct recorder *recorder, unsigned first, unsigned n, int error)
{
	recorder->calls = 0;
	recorder->refuse_first = first;
	recorder->refuse_n = n;
	recorder->error = error;
}

void assert_in_sync(const struct recorder *recorder, uint32_t domain)
{
	struct viommu_mapping m;
	uint64_t from = 0;
	size_t n = 0;

	assert_int_equal(recorder->mode, VIOMMU_TRANSLATED);
	while (!viommu_next_mapping(recorder->rig->device, domain, from, &m)) {
		size_t i = 0;

		while (i < recorder->n_held && !same(&recorder->held[i], &m))
			i++;
		assert_true(i < recorder->n_held);
		n++;
		if (m.last == TOP)
			break;
		from = m.last + 1;
	}
	assert_int_equal(recorder->n_held, n);
}

void assert_notified(struct rig *rig, const char *words)
{
	assert_string_equal(rig->notified, words);
	rig->notified[0] = '\0';
}
