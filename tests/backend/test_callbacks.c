/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <viommu/backend.h>

#include "../device/callbacks.h"
#include "rig.h"

/*
 * What the callbacks of <viommu/backend.h> may call: of the device what `map` of a listener may,
 * and nothing of the backend
 *
 * A backend makes its calls in listeners, where the device forbids the same, and by itself: each
 * call is tested where the backend makes it by itself, if there is such a place.
 */

#define DEVICE 7

static struct viommu_backend *backend;
static bool by_itself; /* the backend is not in a listener */
static int map_error, detach_error;

/* -- the callbacks ---------------------------------------------------------------- */

/* ALONE: in a listener, and only without `tables_invalidate`. */
enum place { BY_ITSELF, IN_LISTENER, ALONE };

static const struct {
	const char *name;
	enum place place;
} callbacks[] = {
	{ "viommu_backend_calls.space_new", IN_LISTENER },
	{ "viommu_backend_calls.space_free", BY_ITSELF },
	{ "viommu_backend_calls.map", BY_ITSELF },
	{ "viommu_backend_calls.unmap", BY_ITSELF },
	{ "viommu_backend_calls.attach", IN_LISTENER },
	{ "viommu_backend_calls.detach", BY_ITSELF },
	{ "viommu_backend_calls.stop", BY_ITSELF },
	{ "viommu_backend_calls.track", BY_ITSELF },
	{ "viommu_backend_calls.read_dirty", BY_ITSELF },
	{ "viommu_backend_calls.unmap_dirty", BY_ITSELF },
	{ "viommu_backend_calls.refused", BY_ITSELF },
	{ "viommu_backend_calls.copy", IN_LISTENER },
	{ "viommu_backend_calls.map_file", BY_ITSELF },
	{ "viommu_backend_calls.table_new", IN_LISTENER },
	{ "viommu_backend_calls.table_free", BY_ITSELF },
	{ "viommu_backend_calls.table_attach", IN_LISTENER },
	{ "viommu_backend_calls.table_invalidate", ALONE },
	{ "viommu_backend_calls.tables_invalidate", BY_ITSELF },
	{ "viommu_backend_calls.read_events", BY_ITSELF },
	{ "viommu_backend_calls.attach_pasid", IN_LISTENER },
	{ "viommu_backend_calls.detach_pasid", BY_ITSELF },
	{ "viommu_backend_calls.read_requests", BY_ITSELF },
	{ "viommu_backend_calls.respond", BY_ITSELF },
	{ "viommu_backend_calls.alloc_pasid", IN_LISTENER },
	{ "viommu_backend_calls.free_pasid", BY_ITSELF },
	{ "viommu_backend_calls.log", BY_ITSELF },
	{ "viommu_backend_calls.read_log", BY_ITSELF },
	{ "dirty of viommu_backend_read_dirty", BY_ITSELF },
};

static void must(int error)
{
	if (error)
		_exit(7);
}

static void called(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(callbacks); i++)
		if (!strcmp(name, callbacks[i].name) &&
		    by_itself == (callbacks[i].place == BY_ITSELF))
			enter(name);
}

/* The same for each call of this type. */
#define CALLED(call) called("viommu_backend_calls." #call)

static int space_new(void *kernel, uint32_t *ret_space)
{
	static uint32_t n_spaces;

	(void)kernel;
	CALLED(space_new);
	*ret_space = ++n_spaces;
	return 0;
}

static int space_free(void *kernel, uint32_t space)
{
	(void)kernel, (void)space;
	CALLED(space_free);
	return 0;
}

static int map_memory(void *kernel, uint32_t space, uint64_t iova, uint64_t length, void *host,
		      uint32_t flags)
{
	(void)kernel, (void)space, (void)iova, (void)length, (void)host, (void)flags;
	CALLED(map);
	return map_error;
}

static int unmap_memory(void *kernel, uint32_t space, uint64_t iova, uint64_t length)
{
	(void)kernel, (void)space, (void)iova, (void)length;
	CALLED(unmap);
	return 0;
}

static int attach_device(void *kernel, int number, uint32_t space)
{
	(void)kernel, (void)number, (void)space;
	CALLED(attach);
	return 0;
}

static int detach_device(void *kernel, int number)
{
	(void)kernel, (void)number;
	CALLED(detach);
	return detach_error;
}

static void stop(void *kernel, int number)
{
	(void)kernel, (void)number;
	CALLED(stop);
}

static int track(void *kernel, uint32_t space, bool on)
{
	(void)kernel, (void)space, (void)on;
	CALLED(track);
	return 0;
}

static int read_dirty(void *kernel, uint32_t space, uint64_t iova, uint64_t length, uint64_t *bits)
{
	(void)kernel, (void)space, (void)iova, (void)length;
	CALLED(read_dirty);
	*bits = 1;
	return 0;
}

static int unmap_dirty(void *kernel, uint32_t space, uint64_t iova, uint64_t length, uint64_t *bits)
{
	(void)kernel, (void)space, (void)iova, (void)length, (void)bits;
	CALLED(unmap_dirty);
	return 0;
}

static void refused(void *kernel, int error, uint64_t length)
{
	(void)kernel, (void)error, (void)length;
	CALLED(refused);
}

static int copy(void *kernel, uint32_t space, uint64_t iova, uint64_t length, uint32_t from,
		uint64_t from_iova, uint32_t flags)
{
	(void)kernel, (void)space, (void)iova, (void)length, (void)from, (void)from_iova,
		(void)flags;
	CALLED(copy);
	return -EOPNOTSUPP;
}

static int map_file(void *kernel, uint32_t space, uint64_t iova, uint64_t length, int file,
		    uint64_t offset, uint32_t flags)
{
	(void)kernel, (void)space, (void)iova, (void)length, (void)file, (void)offset, (void)flags;
	CALLED(map_file);
	return 0;
}

static int table_new(void *kernel, const struct viommu_backend_table *table, uint32_t *ret_table)
{
	(void)kernel, (void)table;
	CALLED(table_new);
	*ret_table = 1;
	return 0;
}

static int table_free(void *kernel, uint32_t table)
{
	(void)kernel, (void)table;
	CALLED(table_free);
	return 0;
}

static int table_attach(void *kernel, int number, uint32_t table, uint32_t endpoint)
{
	(void)kernel, (void)number, (void)table, (void)endpoint;
	CALLED(table_attach);
	return 0;
}

static int table_invalidate(void *kernel, int number, const struct viommu_invalidation *what)
{
	(void)kernel, (void)number, (void)what;
	CALLED(table_invalidate);
	return 0;
}

static void tables_invalidate(void *kernel, struct viommu_backend_invalidation *items, size_t n)
{
	(void)kernel, (void)items, (void)n;
	CALLED(tables_invalidate);
}

static int read_events(void *kernel,
		       void (*event)(void *opaque, struct viommu *iommu,
				     const struct viommu_fault *fault),
		       void *opaque)
{
	const struct viommu_fault fault = { .endpoint = EP, .reason = VIOMMU_FAULT_R_MAPPING };

	(void)kernel;
	CALLED(read_events);
	event(opaque, device, &fault);
	return 0;
}

static int attach_pasid(void *kernel, int number, uint32_t pasid, uint32_t space)
{
	(void)kernel, (void)number, (void)pasid, (void)space;
	CALLED(attach_pasid);
	return 0;
}

static int detach_pasid(void *kernel, int number, uint32_t pasid)
{
	(void)kernel, (void)number, (void)pasid;
	CALLED(detach_pasid);
	return 0;
}

/* `ask` of the backend takes the lock of the device, and may. */
static int read_requests(void *kernel,
			 int (*ask)(void *opaque, int number,
				    const struct viommu_page_request *page),
			 void *opaque)
{
	const struct viommu_page_request page = { .size = sizeof(page), .access = R, .last = true };

	(void)kernel;
	CALLED(read_requests);
	must(ask(opaque, DEVICE, &page));
	return 0;
}

static int respond(void *kernel, int number, const struct viommu_page_response *response)
{
	(void)kernel, (void)number, (void)response;
	CALLED(respond);
	return 0;
}

static int log_writes(void *kernel, int number, bool on)
{
	(void)kernel, (void)number, (void)on;
	CALLED(log);
	return 0;
}

static int read_log(void *kernel, int number, uint64_t iova, uint64_t length, uint64_t *bits)
{
	(void)kernel, (void)number, (void)iova, (void)length, (void)bits;
	CALLED(read_log);
	return 0;
}

static int alloc_pasid(void *kernel, int number, uint32_t *ret_pasid)
{
	(void)kernel, (void)number;
	CALLED(alloc_pasid);
	*ret_pasid = 100;
	return 0;
}

static void free_pasid(void *kernel, int number, uint32_t pasid)
{
	(void)kernel, (void)number, (void)pasid;
	CALLED(free_pasid);
}

static void dirty(void *opaque, uint64_t first, uint64_t last)
{
	(void)opaque, (void)first, (void)last;
	called("dirty of viommu_backend_read_dirty");
}

static const struct viommu_backend_calls all_calls = {
	sizeof(all_calls),
	space_new,
	space_free,
	map_memory,
	unmap_memory,
	attach_device,
	detach_device,
	stop,
	track,
	read_dirty,
	unmap_dirty,
	refused,
	copy,
	map_file,
	table_new,
	table_free,
	table_attach,
	table_invalidate,
	read_events,
	attach_pasid,
	detach_pasid,
	read_requests,
	respond,
	alloc_pasid,
	free_pasid,
	tables_invalidate,
	log_writes,
	read_log,
};

/* -- the scene -------------------------------------------------------------------- */

static char memory[4][4096] __attribute__((aligned(4096)));

static const struct viommu_memory ranges[] = {
	{ 0x10000, 0x10fff, memory[0], false },
	{ 0x20000, 0x20fff, memory[1], false },
	{ 0x30000, 0x30fff, memory[2], false },
	{ 0x40000, 0x40fff, memory[3], false },
};

static void add_endpoint(uint32_t id, int number)
{
	static const struct viommu_table_format format = { VIOMMU_TABLE_GENERIC, 48, 52,
							   0x40201000,           0,  0 };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						  .id = id,
						  .pasid_bits = 8,
						  .pasid_policy = VIOMMU_PASID_ALLOCATED,
						  .formats = &format,
						  .n_formats = 1,
						  .max_page_requests = 1 };

	must(viommu_endpoint_add(device, &endpoint));
	must(viommu_backend_add_device(backend, device, id, number));
}

/* All endpoints bypass: their space is that of memory. */
static void change_memory(void)
{
	by_itself = true;
	must(viommu_backend_add_memory(backend, &ranges[0]));
	must(viommu_backend_add_memory_file(backend, &ranges[1], STDIN_FILENO, 0));
	map_error = -ENOMEM;
	if (viommu_backend_add_memory(backend, &ranges[2]) != -ENOMEM)
		_exit(8);
	map_error = 0;
	must(viommu_backend_remove_memory(backend, ranges[1].first));
	must(viommu_backend_track_dirty(backend, true));
	must(viommu_backend_read_dirty(backend, dirty, NULL));
	must(viommu_backend_add_memory(backend, &ranges[3]));
	must(viommu_backend_remove_memory(backend, ranges[3].first));
	must(viommu_backend_track_dirty(backend, false));
	by_itself = false;
}

/* The guest uses a domain, a PASID and a table. */
static void send_requests(void)
{
	uint8_t attach_table[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };
	uint8_t invalidate[VIOMMU_INVALIDATE_LENGTH] = { VIOMMU_T_INVALIDATE };

	SEND(false, ATTACH(1, EP, VIOMMU_SLOT_F_PASID, 5));
	SEND(false, MAP(1, 0, 0xfff, 0x10000, R));
	put(attach_table + 4, 4, 2);
	put(attach_table + 8, 4, EP);
	put(attach_table + 16, 2, VIOMMU_TABLE_GENERIC);
	put(attach_table + 32, 8, 0x10000);
	send_request(attach_table, sizeof(attach_table), false);
	put(invalidate + 4, 1, VIOMMU_INVALIDATE_S_DOMAIN);
	put(invalidate + 5, 1, VIOMMU_INVALIDATE_C_TLB);
	put(invalidate + 8, 4, 2);
	send_request(invalidate, sizeof(invalidate), false);
	viommu_backend_batch_begin(backend);
	send_request(invalidate, sizeof(invalidate), false);
	by_itself = true;
	viommu_backend_batch_end(backend);
	by_itself = false;
}

/* A VMM passes on the answer in `page_response`, where no function of the device may be called. */
static void answer_page_request(void)
{
	const struct viommu_page_response response = { .endpoint = EP,
						       .code = VIOMMU_PAGE_SUCCESS };

	by_itself = true;
	viommu_backend_read_events(backend);
	must(viommu_backend_page_response(backend, device, &response));
	by_itself = false;
}

static int on_event(void *opaque, const void *record, size_t length)
{
	(void)opaque, (void)record, (void)length;
	return 0;
}

static void on_page_response(void *opaque, const struct viommu_page_response *response)
{
	(void)opaque, (void)response;
}

static void play(const struct viommu_backend_calls *of_kernel)
{
	static const struct viommu_ops ops = { .size = sizeof(ops),
					       .event = on_event,
					       .page_response = on_page_response };
	const struct viommu_config config = { .size = sizeof(config),
					      .features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID |
							  VIOMMU_F_TABLE | VIOMMU_F_PAGE_REQUEST,
					      .bypass = true };

	must(viommu_new(&config, &ops, NULL, &device));
	must(viommu_set_memory(device, ranges, COUNT_OF(ranges)));
	viommu_accept(device, viommu_features(device));
	must(viommu_backend_new(of_kernel, device, &backend));
	add_endpoint(EP, DEVICE);
	add_endpoint(EP2, DEVICE + 1);
	change_memory();
	send_requests();
	answer_page_request();
	by_itself = true;
	detach_error = -EIO;
	must(viommu_backend_remove_device(backend, DEVICE + 1));
	detach_error = 0;
	must(viommu_backend_remove_device(backend, DEVICE));
}

static void scene(void)
{
	play(&all_calls);
}

static void scene_without_tables_invalidate(void)
{
	struct viommu_backend_calls of_kernel = all_calls;

	of_kernel.tables_invalidate = NULL;
	play(&of_kernel);
}

static void assert_call_in(size_t row, const struct call *call, bool is_permitted)
{
	assert_call(callbacks[row].place == ALONE ? scene_without_tables_invalidate : scene,
		    callbacks[row].name, call, is_permitted);
}

/* -- the tables ------------------------------------------------------------------- */

static void each_call_may_call_what_the_header_says(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT_OF(callbacks); row++)
		for (size_t i = 0; i < N_CALLS; i++)
			assert_call_in(row, &calls[i], calls[i].translates || calls[i].is_harmless);
}

static void use_backend(void)
{
	uint32_t physical;

	viommu_backend_pasid(backend, DEVICE, 5, &physical);
}

static const struct call of_backend = { "viommu_backend_pasid", use_backend, false, false };

static void no_call_may_call_the_backend(void **state)
{
	(void)state;
	for (size_t row = 0; row < COUNT_OF(callbacks); row++)
		assert_call_in(row, &of_backend, false);
}

/* -- the kernel ------------------------------------------------------------------- */

static int open_file(const char *path)
{
	(void)path;
	return 1000;
}

static int close_file(int file)
{
	(void)file;
	return 0;
}

static int call_kernel(int file, unsigned long request, void *argument)
{
	(void)file, (void)request, (void)argument;
	enter("viommu_kernel_ops.ioctl");
	errno = ENOTTY;
	return -1;
}

static void kernel_scene(void)
{
	const struct viommu_kernel_ops ops = {
		.size = sizeof(ops), .open = open_file, .close = close_file, .ioctl = call_kernel
	};
	const struct viommu_config config = { .size = sizeof(config), .bypass = true };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = EP };
	struct viommu_kernel *kernel;

	must(viommu_kernel_new(VIOMMU_INTERFACE_IOMMUFD, &ops, NULL, &kernel));
	must(viommu_backend_new(viommu_kernel_calls(kernel), kernel, &backend));
	must(viommu_new(&config, NULL, NULL, &device));
	must(viommu_endpoint_add(device, &endpoint));
	viommu_backend_add_device(backend, device, EP, DEVICE);
}

static void no_function_of_the_kernel_may_call_the_backend(void **state)
{
	(void)state;
	assert_call(kernel_scene, "viommu_kernel_ops.ioctl", &of_backend, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_may_call_what_the_header_says),
		cmocka_unit_test(no_call_may_call_the_backend),
		cmocka_unit_test(no_function_of_the_kernel_may_call_the_backend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
