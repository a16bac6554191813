/* SPDX-License-Identifier: BSD-3-Clause */
#include <unistd.h>

#include <viommu/iotlb.h>

#include "callbacks.h"
#include "rig.h"

/*
 * What each callback may call: the table in <viommu/device.h>, "Threads", row by row; then those of
 * the other headers
 *
 * The scene makes every callback of a device once or more.
 */

#define FEATURES (VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID | VIOMMU_F_TABLE | VIOMMU_F_PAGE_REQUEST)

/* -- the callbacks ---------------------------------------------------------------- */

static int on_event(void *opaque, const void *record, size_t length)
{
	(void)opaque, (void)record, (void)length;
	enter("event");
	return 0;
}

static void on_trace(void *opaque, const struct viommu_trace *trace)
{
	(void)opaque, (void)trace;
	enter("trace");
}

static void on_log(void *opaque, const struct viommu_log *entry)
{
	(void)opaque, (void)entry;
	enter("log");
}

static void on_invalidate(void *opaque, const struct viommu_invalidation *what)
{
	(void)opaque, (void)what;
	enter("invalidate");
}

static void on_page_response(void *opaque, const struct viommu_page_response *response)
{
	(void)opaque, (void)response;
	enter("page_response");
}

static void on_answered(void *opaque, void *cookie, size_t used)
{
	(void)opaque, (void)cookie, (void)used;
	enter("answered");
}

static int on_map(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque, (void)mapping;
	enter("map");
	return 0;
}

static void on_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	(void)opaque, (void)mapping;
	enter("unmap");
}

static void on_unmap_range(void *opaque, uint32_t domain, uint64_t first, uint64_t last)
{
	(void)opaque, (void)domain, (void)first, (void)last;
	enter("unmap_range");
}

static int on_mode(void *opaque, enum viommu_mode mode)
{
	(void)opaque, (void)mode;
	enter("mode");
	return 0;
}

static int on_domain(void *opaque, uint32_t domain, uint64_t serial)
{
	(void)opaque, (void)domain, (void)serial;
	enter("domain");
	return 0;
}

static void on_update(void *opaque)
{
	(void)opaque;
	enter("update");
}

/* The first commit of a submitted request is pending. */
static int on_commit(void *opaque, uint64_t token)
{
	uint64_t *pending = opaque;

	enter("commit");
	if (token)
		*pending = token;
	return token ? VIOMMU_PENDING : 0;
}

static void on_write(void *opaque, const char *text, size_t length)
{
	(void)opaque, (void)text, (void)length;
	enter("write");
}

static int on_space(void *opaque, uint32_t pasid, const struct viommu_space *space)
{
	(void)opaque, (void)pasid, (void)space;
	enter("space");
	return 0;
}

static void on_dirty(void *opaque, uint64_t address, uint64_t length)
{
	(void)opaque, (void)address, (void)length;
	enter("dirty");
}

static void on_iotlb_update(void *opaque, uint64_t iova, const struct viommu_translation *to)
{
	(void)opaque, (void)iova, (void)to;
	enter("viommu_iotlb_ops.update");
}

static void on_rest(void *opaque)
{
	(void)opaque;
	enter("rest");
}

static void on_iotlb_invalidate(void *opaque, uint64_t first, uint64_t last)
{
	(void)opaque, (void)first, (void)last;
	enter("viommu_iotlb_ops.invalidate");
}

enum { NOTHING, TRANSLATE, EVERYTHING };

static const struct {
	const char *name;
	int may;
} callbacks[] = {
	{ "event", NOTHING },
	{ "dirty", NOTHING },
	{ "page_response", NOTHING },
	{ "trace", TRANSLATE },
	{ "log", TRANSLATE },
	{ "map", TRANSLATE },
	{ "unmap", TRANSLATE },
	{ "unmap_range", TRANSLATE },
	{ "mode", TRANSLATE },
	{ "domain", TRANSLATE },
	{ "update", TRANSLATE },
	{ "space", TRANSLATE },
	{ "invalidate", TRANSLATE },
	{ "commit", TRANSLATE },
	{ "answered", EVERYTHING },
	{ "rest", EVERYTHING },
	{ "write", EVERYTHING },
	/* <viommu/iotlb.h> */
	{ "viommu_iotlb_ops.update", TRANSLATE },
	{ "viommu_iotlb_ops.invalidate", TRANSLATE },
	/* <viommu/mmio.h>, <viommu/pci.h> */
	{ "memory", NOTHING },
	{ "interrupt", NOTHING },
	{ "written", NOTHING },
	{ "message", NOTHING },
	{ "mapped", NOTHING },
	{ "paused", EVERYTHING },
};

/* -- the scene -------------------------------------------------------------------- */

static void use_listeners(void)
{
	static uint64_t pending;
	const struct viommu_listener_ops ops = { .size = sizeof(ops),
						 .map = on_map,
						 .unmap = on_unmap,
						 .mode = on_mode,
						 .domain = on_domain,
						 .update = on_update,
						 .commit = on_commit };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = EP };
	struct viommu_listener *listener;

	viommu_endpoint_add(device, &endpoint);
	viommu_listen(device, EP, &ops, &pending, &listener);
	SEND(false, ATTACH(1, EP, 0, 0));
	SEND(false, MAP(1, 0, 0xfff, 0, R));
	SEND(true, MAP(1, 0x1000, 0x1fff, 0, R));
	SEND(true, UNMAP(1, 0, 0xfff, 0));
	SEND(true, UNMAP(1, 0x1000, 0x1fff, 0));
	viommu_listener_complete(device, pending, 0);
	viommu_flush(device);
	viommu_endpoint_update(device, &endpoint);
	SEND(false, DETACH(1, EP, 0));
}

static void use_ranges(void)
{
	const struct viommu_listener_ops ops = { .size = sizeof(ops),
						 .unmap_range = on_unmap_range };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = 0x50 };
	struct viommu_listener *listener;

	viommu_endpoint_add(device, &endpoint);
	viommu_listen(device, 0x50, &ops, NULL, &listener);
	SEND(false, ATTACH(6, 0x50, 0, 0));
	SEND(false, MAP(6, 0, 0xfff, 0, R));
	SEND(false, UNMAP(6, 0, 0xfff, 0));
}

/* An endpoint with a cache of its own, which asks for a page and is detached. */
static void use_cache(void)
{
	static const struct viommu_table_format format = { VIOMMU_TABLE_GENERIC, 48, 52,
							   0x40201000,           0,  0 };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						  .id = EP2,
						  .formats = &format,
						  .n_formats = 1,
						  .max_page_requests = 1 };
	static const uint64_t table[512] __attribute__((aligned(4096)));
	const struct viommu_memory memory = { 0x1000, 0x1fff, (void *)(uintptr_t)table, true };
	const struct viommu_page_request request = {
		.size = sizeof(request), .endpoint = EP2, .access = R, .last = true
	};
	uint8_t attach_table[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };

	viommu_endpoint_add(device, &endpoint);
	viommu_set_memory(device, &memory, 1);
	SEND(false, ATTACH(2, EP2, 0, 0));
	SEND(false, MAP(2, 0, 0xfff, 0, R));
	SEND(false, UNMAP(2, 0, 0xfff, 0));
	SEND(false, DETACH(2, EP2, 0));
	attach_table[4] = 3;
	attach_table[8] = EP2;
	attach_table[16] = VIOMMU_TABLE_GENERIC & 0xff;
	attach_table[17] = VIOMMU_TABLE_GENERIC >> 8;
	attach_table[33] = 0x10;
	send_request(attach_table, sizeof(attach_table), false);
	viommu_page_request(device, &request);
	SEND(false, DETACH(3, EP2, 0));
}

/* A listener learns of a table, and a walk sets a flag of an entry. */
static void use_flags(void)
{
	static const struct viommu_table_format format = {
		VIOMMU_TABLE_X86_PASID_ENTRY, 48, 48, 0x40201000, 16, VIOMMU_TABLE_F_UPDATES
	};
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint), .id = 0x30, .formats = &format, .n_formats = 1
	};
	static uint64_t table[4][512] __attribute__((aligned(4096)));
	const struct viommu_memory memory = { 0x10000, 0x13fff, table, false };
	const struct viommu_listener_ops ops = { .size = sizeof(ops), .space = on_space };
	uint8_t attach_table[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };
	struct viommu_translation to;
	struct viommu_listener *listener;

	for (uint64_t level = 0; level < 3; level++)
		table[level][0] = (0x11000 + level * 0x1000) | 0x27;
	table[3][0] = 0x10000 | 7;
	put(attach_table + 4, 4, 4);
	put(attach_table + 8, 4, 0x30);
	put(attach_table + 16, 2, VIOMMU_TABLE_X86_PASID_ENTRY);
	put(attach_table + 32, 8, 1 | 1 << 6);
	put(attach_table + 48, 8, 0x10000);
	viommu_endpoint_add(device, &endpoint);
	viommu_listen(device, 0x30, &ops, NULL, &listener);
	viommu_set_memory(device, &memory, 1);
	send_request(attach_table, sizeof(attach_table), false);
	viommu_translate(device, 0x30, 0, 1, R, &to);
}

static void use_iotlb(void)
{
	const struct viommu_iotlb_ops ops = { .size = sizeof(ops),
					      .update = on_iotlb_update,
					      .invalidate = on_iotlb_invalidate };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = 0x40 };
	struct viommu_iotlb *iotlb;

	viommu_endpoint_add(device, &endpoint);
	viommu_iotlb_new(device, 0x40, &ops, NULL, &iotlb);
	SEND(false, ATTACH(5, 0x40, 0, 0));
	SEND(false, MAP(5, 0, 0xfff, 0, R));
	viommu_iotlb_miss(iotlb, 0, 1, R);
	SEND(false, UNMAP(5, 0, 0xfff, 0));
}

static void scene(void)
{
	const struct viommu_config config = { .size = sizeof(config),
					      .features = FEATURES,
					      .max_batch_calls = 1 };
	const struct viommu_ops ops = { .size = sizeof(ops),
					.event = on_event,
					.dirty = on_dirty,
					.trace = on_trace,
					.log = on_log,
					.invalidate = on_invalidate,
					.page_response = on_page_response,
					.answered = on_answered,
					.rest = on_rest };
	struct viommu_translation to;

	if (viommu_new(&config, &ops, NULL, &device))
		_exit(4);
	viommu_accept(device, viommu_features(device));
	use_listeners();
	use_cache();
	viommu_translate(device, EP, 0x5000, 1, R, &to);
	SEND(false, VIOMMU_T_MAP);
	viommu_dump(device, on_write, NULL);
	use_flags();
	use_iotlb();
	use_ranges();
	transport_scene();
}

/* -- the table -------------------------------------------------------------------- */

static void each_callback_may_call_what_the_header_says(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT_OF(callbacks); row++)
		for (size_t i = 0; i < N_CALLS; i++)
			assert_call(
				scene, callbacks[row].name, &calls[i],
				callbacks[row].may == EVERYTHING || calls[i].is_harmless ||
					(callbacks[row].may == TRANSLATE && calls[i].translates));
}

/* Not even `paused`, which may call the device. */
static void no_callback_may_call_its_window(void **state)
{
	static const char *const names[] = { "memory",  "interrupt", "written",
					     "message", "mapped",    "paused" };

	(void)state;
	for (size_t row = 0; row < COUNT_OF(names); row++)
		for (size_t i = 0; i < N_FUNCTION_CALLS; i++)
			assert_call(transport_scene, names[row], &function_calls[i], false);
	for (size_t i = 0; i < N_WINDOW_CALLS; i++)
		assert_call(window_scene, "trace", &window_calls[i], false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_callback_may_call_its_window),
		cmocka_unit_test(each_callback_may_call_what_the_header_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
