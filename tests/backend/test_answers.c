/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

#include <viommu/backend.h>

/*
 * What is answered while a batch of a backend is open
 *
 * EP is device 8 of a kernel that has page tables, EP2 is device 16. All happens in the text
 * `words`: "unmap" and "invalidate" are calls of the kernel, other words are the cookies of
 * requests that are answered.
 */
static struct viommu *device;
static struct viommu_backend *backend;
static char words[256];
static char memory[0x1000] __attribute__((aligned(4096)));
static uint64_t pending; /* the token of the other listener */

static void say(const char *word)
{
	size_t length = strlen(words);

	snprintf(words + length, sizeof(words) - length, "%s%s", length ? " " : "", word);
}

/* -- the kernel ------------------------------------------------------------------------- */

static int make(void *kernel, uint32_t *ret_space)
{
	(void)kernel;
	*ret_space = 1;
	return 0;
}

static int do_free(void *kernel, uint32_t space)
{
	(void)kernel;
	(void)space;
	return 0;
}

static int do_map(void *kernel, uint32_t space, uint64_t iova, uint64_t length, void *host,
		  uint32_t flags)
{
	(void)kernel;
	(void)space;
	(void)iova;
	(void)length;
	(void)host;
	(void)flags;
	return 0;
}

static int do_unmap(void *kernel, uint32_t space, uint64_t iova, uint64_t length)
{
	(void)kernel;
	(void)space;
	(void)iova;
	(void)length;
	say("unmap");
	return 0;
}

static int do_attach(void *kernel, int number, uint32_t space)
{
	(void)kernel;
	(void)number;
	(void)space;
	return 0;
}

static int do_detach(void *kernel, int number)
{
	(void)kernel;
	(void)number;
	return 0;
}

static void do_stop(void *kernel, int number)
{
	(void)kernel;
	(void)number;
	fail();
}

static int make_table(void *kernel, const struct viommu_backend_table *table, uint32_t *ret_table)
{
	(void)kernel;
	(void)table;
	*ret_table = 1;
	return 0;
}

static int do_attach_table(void *kernel, int number, uint32_t table, uint32_t endpoint)
{
	(void)endpoint;
	return do_attach(kernel, number, table);
}

static int invalidate_one(void *kernel, int number, const struct viommu_invalidation *what)
{
	(void)kernel;
	(void)number;
	(void)what;
	say("invalidate");
	return 0;
}

static void invalidate_all(void *kernel, struct viommu_backend_invalidation *items, size_t n)
{
	char word[32];

	(void)kernel;
	for (size_t i = 0; i < n; i++)
		items[i].error = 0;
	snprintf(word, sizeof(word), "invalidate %zu", n);
	say(word);
}

static int read_events(void *kernel,
		       void (*event)(void *opaque, struct viommu *iommu,
				     const struct viommu_fault *fault),
		       void *opaque)
{
	(void)kernel;
	(void)event;
	(void)opaque;
	return 0;
}

/* -- the VMM ----------------------------------------------------------------------------- */

static void answered(void *opaque, void *cookie, size_t used)
{
	(void)opaque;
	assert_int_equal(used, VIOMMU_TAIL_LENGTH);
	say(cookie);
}

static void send(const uint8_t *bytes, size_t length, const char *name,
		 size_t (*function)(struct viommu *device, const struct iovec *readable,
				    size_t n_readable, const struct iovec *writable,
				    size_t n_writable, void *cookie))
{
	static uint8_t tails[16][VIOMMU_TAIL_LENGTH]; /* of requests that are answered later */
	static unsigned n;
	uint8_t copy[VIOMMU_ATTACH_TABLE_LENGTH];
	struct iovec readable = { copy, length };
	struct iovec writable = { tails[n++ % COUNT_OF(tails)], VIOMMU_TAIL_LENGTH };
	uint8_t *tail = writable.iov_base;
	size_t used;

	memcpy(copy, bytes, length);
	used = function(device, &readable, 1, &writable, 1, (void *)(uintptr_t)name);
	if (used == VIOMMU_LATER)
		return;
	assert_int_equal(used, VIOMMU_TAIL_LENGTH);
	assert_int_equal(tail[0], VIOMMU_S_OK);
}

#define SEND(function, name, ...) \
	send((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }), name, \
	     function)

static size_t request_now(struct viommu *iommu, const struct iovec *readable, size_t n_readable,
			  const struct iovec *writable, size_t n_writable, void *cookie)
{
	(void)cookie;
	return viommu_request(iommu, readable, n_readable, writable, n_writable);
}

static size_t batch_request_now(struct viommu *iommu, const struct iovec *readable,
				size_t n_readable, const struct iovec *writable, size_t n_writable,
				void *cookie)
{
	(void)cookie;
	return viommu_batch_request(iommu, readable, n_readable, writable, n_writable);
}

static void add_endpoint(uint32_t id)
{
	const struct viommu_table_format format = { .format = VIOMMU_TABLE_GENERIC,
						    .input_bits = 48,
						    .output_bits = 52,
						    .granules = 0x1000 };
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint), .id = id, .formats = &format, .n_formats = 1
	};

	assert_int_equal(viommu_endpoint_add(device, &endpoint), 0);
	assert_int_equal(viommu_backend_add_device(backend, device, id, (int)id), 0);
}

/* Domain 1 has pages 0 to 3, and EP. */
static void begin(bool nests)
{
	static const struct viommu_ops ops = { .size = sizeof(ops), .answered = answered };
	const struct viommu_config config = {
		.size = sizeof(config),
		.features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_TABLE,
	};
	const struct viommu_memory range = { 0, sizeof(memory) - 1, memory, false };
	const struct viommu_backend_calls calls = {
		.size = sizeof(calls),
		.space_new = make,
		.space_free = do_free,
		.map = do_map,
		.unmap = do_unmap,
		.attach = do_attach,
		.detach = do_detach,
		.stop = do_stop,
		.table_new = make_table,
		.table_free = do_free,
		.table_attach = do_attach_table,
		.table_invalidate = invalidate_one,
		.read_events = read_events,
		.tables_invalidate = nests ? invalidate_all : NULL,
	};

	assert_int_equal(viommu_new(&config, &ops, NULL, &device), 0);
	assert_int_equal(viommu_set_memory(device, &range, 1), 0);
	assert_int_equal(viommu_accept(device, viommu_features(device)), 0);
	assert_int_equal(viommu_backend_new(&calls, NULL, &backend), 0);
	assert_int_equal(viommu_backend_add_memory(backend, &range), 0);
	add_endpoint(EP);
	add_endpoint(EP2);
	SEND(request_now, NULL, ATTACH(1, EP, 0, 0));
	for (uint64_t page = 0; page < 4 * PAGE; page += PAGE)
		SEND(request_now, NULL, MAP(1, page, page + PAGE - 1, 0, R));
	words[0] = '\0';
	viommu_backend_batch_begin(backend);
}

/* With what the end of the batch does. */
static void end(const char *expected)
{
	viommu_backend_batch_end(backend);
	assert_string_equal(words, expected);
	backend = viommu_backend_free(backend);
	device = viommu_free(device);
}

#define UNMAP_PAGE(page) UNMAP(1, (page)*PAGE, (page)*PAGE + 0xfff, 0)

/* -- tests ------------------------------------------------------------------------------ */

/* Whether or not the kernel has a call for several INVALIDATEs. */
static void an_unmap_is_answered_later_when_the_kernel_has_done_it(void **state)
{
	(void)state;
	for (int nests = 0; nests < 2; nests++) {
		begin(nests);
		SEND(viommu_submit, "first", UNMAP_PAGE(0));
		assert_string_equal(words, "unmap first");
		SEND(viommu_submit, "second", UNMAP_PAGE(2));
		end("unmap first unmap second");
	}
}

static void an_unmap_is_done_when_its_request_is(void **state)
{
	(void)state;
	for (int nests = 0; nests < 2; nests++) {
		begin(nests);
		SEND(request_now, NULL, UNMAP_PAGE(0));
		assert_string_equal(words, "unmap");
		end("unmap");
	}
}

static void unmaps_of_both_batches_are_one_call(void **state)
{
	(void)state;
	begin(false);
	viommu_batch_begin(device);
	for (uint64_t page = 0; page < 4; page++)
		SEND(batch_request_now, NULL, UNMAP_PAGE(page));
	assert_string_equal(words, "");
	viommu_batch_end(device);
	assert_string_equal(words, "unmap");
	end("unmap");
}

static void unmaps_of_both_batches_are_answered_after_one_call(void **state)
{
	(void)state;
	begin(false);
	viommu_batch_begin(device);
	SEND(viommu_batch_submit, "first", UNMAP_PAGE(0));
	SEND(viommu_batch_submit, "second", UNMAP_PAGE(1));
	SEND(viommu_batch_submit, "third", UNMAP_PAGE(2));
	assert_int_equal(viommu_batch_yield(device), 0);
	end("unmap first second third");
}

/* The listeners of the UNMAP commit without delay. */
static void an_unmap_that_another_request_drains_is_answered_when_it_is_done(void **state)
{
	(void)state;
	begin(false);
	viommu_batch_begin(device);
	SEND(viommu_batch_submit, "first", UNMAP_PAGE(0));
	SEND(batch_request_now, NULL, ATTACH(2, EP2, 0, 0));
	viommu_batch_end(device);
	end("unmap first");
}

static void an_unmap_that_waited_for_a_move_is_answered_when_it_is_done(void **state)
{
	(void)state;
	begin(false);
	viommu_batch_begin(device);
	SEND(viommu_batch_submit, "attach", ATTACH(1, EP2, 0, 0));
	SEND(viommu_batch_submit, "second", UNMAP_PAGE(0));
	assert_int_equal(viommu_batch_yield(device), 0);
	end("unmap attach second");
}

static int commit_later(void *opaque, uint64_t token)
{
	(void)opaque;
	pending = token;
	return token ? VIOMMU_PENDING : 0;
}

static int agree(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque;
	(void)mapping;
	return 0;
}

static void leave(void *opaque, uint32_t domain, uint64_t first, uint64_t last)
{
	(void)opaque;
	(void)domain;
	(void)first;
	(void)last;
}

static void an_unmap_that_waited_for_a_listener_is_answered_when_it_is_done(void **state)
{
	const struct viommu_listener_ops ops = {
		.size = sizeof(ops), .map = agree, .unmap_range = leave, .commit = commit_later
	};
	struct viommu_listener *listener;

	(void)state;
	begin(false);
	assert_int_equal(viommu_listen(device, EP, &ops, NULL, &listener), 0);
	SEND(viommu_submit, "first", UNMAP_PAGE(0));
	SEND(viommu_submit, "second", UNMAP_PAGE(2));
	assert_string_equal(words, "unmap");
	assert_int_equal(viommu_listener_complete(device, pending, 0), 0);
	assert_string_equal(words, "unmap unmap first");
	assert_int_equal(viommu_listener_complete(device, pending, 0), 0);
	end("unmap unmap first second");
}

static void attach_table(uint32_t endpoint)
{
	const uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { HEAD(VIOMMU_T_ATTACH_TABLE), LE32(2),
							    LE32(endpoint), LE32(0),
							    LE16(VIOMMU_TABLE_GENERIC) };

	send(bytes, sizeof(bytes), NULL, request_now);
}

static void invalidate(void)
{
	static const uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = {
		VIOMMU_T_INVALIDATE, [4] = VIOMMU_INVALIDATE_S_DOMAIN,
		[5] = VIOMMU_INVALIDATE_C_TLB, [8] = 2
	};

	send(bytes, sizeof(bytes), "answer", viommu_submit);
}

/* The VMM completes them after the batch. */
static void invalidates_are_never_answered_later(void **state)
{
	(void)state;
	begin(true);
	attach_table(EP);
	invalidate();
	invalidate();
	assert_string_equal(words, "");
	end("invalidate 1");
}

static void an_invalidate_of_65_devices_is_two_calls(void **state)
{
	(void)state;
	begin(true);
	viommu_backend_batch_end(backend);
	attach_table(EP);
	attach_table(EP2);
	for (uint32_t id = 100; id < 163; id++) {
		add_endpoint(id);
		attach_table(id);
	}
	invalidate();
	end("invalidate 64 invalidate 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unmap_is_answered_later_when_the_kernel_has_done_it),
		cmocka_unit_test(an_unmap_is_done_when_its_request_is),
		cmocka_unit_test(unmaps_of_both_batches_are_one_call),
		cmocka_unit_test(unmaps_of_both_batches_are_answered_after_one_call),
		cmocka_unit_test(an_unmap_that_another_request_drains_is_answered_when_it_is_done),
		cmocka_unit_test(an_unmap_that_waited_for_a_move_is_answered_when_it_is_done),
		cmocka_unit_test(an_unmap_that_waited_for_a_listener_is_answered_when_it_is_done),
		cmocka_unit_test(invalidates_are_never_answered_later),
		cmocka_unit_test(an_invalidate_of_65_devices_is_two_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
