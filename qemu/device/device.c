/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * viommu-device: libviommu's device behind QEMU's virtio
 *
 * QEMU implements the transport, the queues, features and status; libviommu executes the requests.
 * A chain of buffers goes to viommu_batch_submit() as it is in the ring (ring.c), or was popped, and
 * is returned with the length that this reports.
 *
 * A batch has at most VIOMMU_BATCH requests, and ends earlier when viommu_batch_pause() says so: after
 * 10 ms or VIOMMU_BATCH_CALLS notifications, or at a rate limit. Then the main loop runs. A request
 * with more notifications than that is continued by the bottom half, and the batch is returned when
 * it is finished.
 */

/* -- requests ---------------------------------------------------------------------- */

static unsigned int batch_pop(struct iommu *iommu, VirtQueueElement **elements)
{
	unsigned int n = 0;

	while (n < VIOMMU_BATCH && (elements[n] = virtqueue_pop(iommu->requests, sizeof(**elements))))
		n++;
	return n;
}

static void batch_end(struct iommu *iommu)
{
	iommu->notified = NULL;
	iommu->batch.is_divided = viommu_batch_yield(iommu->core);
	endpoints_deliver(iommu);
}

/* All at once. */
static void batch_finish(struct iommu *iommu)
{
	if (!iommu->batch.is_divided)
		return;
	iommu->batch.is_divided = false;
	viommu_batch_begin(iommu->core);
	viommu_batch_end(iommu->core);
	endpoints_deliver(iommu);
}

/*
 * Executes requests until none is left or the batch must end, and sets `used` to the number of bytes
 * written for each. Returns the number of executed requests.
 */
static unsigned int batch_run(struct iommu *iommu, VirtQueueElement **elements, unsigned int *used,
			      unsigned int n, uint64_t *ret_pause)
{
	unsigned int i = 0;

	viommu_batch_begin(iommu->core);
	for (; i < n && !(*ret_pause = viommu_batch_pause(iommu->core)); i++) {
		size_t length = viommu_batch_submit(
			iommu->core, elements[i]->out_sg, elements[i]->out_num, elements[i]->in_sg,
			elements[i]->in_num, &used[i]);

		if (length != VIOMMU_LATER)
			used[i] = (unsigned int)length;
	}
	batch_end(iommu);
	return i;
}

/* In reverse order, because each is put back at the front. */
static void batch_put_back(struct iommu *iommu, VirtQueueElement **elements, unsigned int first,
			   unsigned int n)
{
	while (n-- > first) {
		virtqueue_unpop(iommu->requests, elements[n], 0);
		g_free(elements[n]);
	}
}

/* A buffer may overlap a register that resets the device. The reset must not see the batch: `n` is 0. */
static void batch_push(struct iommu *iommu)
{
	struct batch *batch = &iommu->batch;
	unsigned int n = batch->n;

	batch->n = 0;
	for (unsigned int i = 0; i < n; i++) {
		virtqueue_fill(iommu->requests, batch->elements[i], batch->used[i], i);
		g_free(batch->elements[i]);
	}
	virtqueue_flush(iommu->requests, n);
}

/*
 * A buffer or an MSI may overlap a register, so that this kicks the queue again, or resets it. Without
 * bus mastering nothing is returned, and the requests are again those that the driver has offered.
 */
static void batch_return(struct iommu *iommu)
{
	struct batch *batch = &iommu->batch;
	bool serving = iommu->serving;

	iommu->serving = true;
	if (batch->is_direct)
		ring_return(iommu);
	else if (virtio_device_disabled(&iommu->virtio))
		batch_put_back(iommu, batch->elements, 0, batch->n);
	else
		batch_push(iommu);
	batch->n = 0;
	ring_let_go(iommu);
	virtio_notify(&iommu->virtio, iommu->requests);
	iommu->serving = serving;
}

/* Before the driver has its buffers back, or the machine stops. This waits for disk I/O. */
static void batch_complete(struct iommu *iommu)
{
	if (!iommu->batch.n)
		return;
	if (iommu->batch.is_divided) {
		batch_finish(iommu);
		drain_begin(iommu);
	}
	drain_wait(iommu);
	batch_return(iommu);
}

/* The device is being reset: no chain of the batch is returned. */
static void batch_drop(struct iommu *iommu)
{
	struct batch *batch = &iommu->batch;

	for (unsigned int i = 0; i < batch->n && !batch->is_direct; i++) {
		virtqueue_detach_element(iommu->requests, batch->elements[i], 0);
		g_free(batch->elements[i]);
	}
	batch->n = 0;
	batch->is_divided = false;
	ring_close(iommu);
	drain_end(iommu);
}

/*
 * A batch by QEMU's queue. All buffers are popped before execution and pushed after it, because they
 * may overlap registers of this device.
 */
static uint64_t popped_run(struct iommu *iommu)
{
	struct batch *batch = &iommu->batch;
	unsigned int popped = batch_pop(iommu, batch->elements);
	uint64_t pause = 0;

	batch->is_direct = false;
	batch->n = batch_run(iommu, batch->elements, batch->used, popped, &pause);
	batch_put_back(iommu, batch->elements, batch->n, popped);
	return pause ? pause : popped == VIOMMU_BATCH;
}

/* A batch of requests where they are in guest memory. */
static uint64_t ring_run(struct iommu *iommu)
{
	struct batch *batch = &iommu->batch;
	struct ring_chain chain;
	unsigned int n = 0;
	uint64_t pause = 0;

	batch->is_direct = true;
	viommu_batch_begin(iommu->core);
	while (n < VIOMMU_BATCH && ring_next(iommu, n, &chain) &&
	       !(pause = viommu_batch_pause(iommu->core))) {
		unsigned int *used = &batch->used[n++];
		size_t length = viommu_batch_submit(iommu->core, chain.readable, chain.n_readable,
						    chain.writable, chain.n_writable, used);

		if (length != VIOMMU_LATER)
			*used = (unsigned int)length;
	}
	batch_end(iommu);
	batch->n = n;
	return pause;
}

/*
 * A batch shares the expensive parts: locks, queue updates, and calls to a host's IOMMU. QEMU takes
 * what is unusual. Returns the nanoseconds after which the next batch may begin; 0: there is none.
 */
static uint64_t serve_batch(struct iommu *iommu)
{
	struct batch *batch = &iommu->batch;
	uint64_t pause = ring_waits(iommu) ? ring_run(iommu) : 0;

	if (!batch->n && !pause)
		pause = popped_run(iommu);
	if (batch->is_divided)
		return 1;
	if (batch->n && drain_begin(iommu))
		return pause;
	if (batch->n)
		batch_return(iommu);
	return pause ? pause : ring_still_waits(iommu);
}

/* The same for a batch that was divided. */
static uint64_t continue_batch(struct iommu *iommu)
{
	viommu_batch_begin(iommu->core);
	batch_end(iommu);
	if (!iommu->batch.is_divided && !drain_begin(iommu))
		batch_return(iommu);
	return 1;
}

static void serve(struct iommu *iommu)
{
	uint64_t pause;

	if (iommu->serving || !iommu_runs(iommu) || (iommu->batch.n && !iommu->batch.is_divided))
		return;
	iommu->serving = true;
	endpoints_assign_ids(iommu);
	pause = iommu->batch.is_divided ? continue_batch(iommu) : serve_batch(iommu);
	iommu->serving = false;
	if (pause > 1)
		timer_mod(iommu->requests_timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + (int64_t)pause);
	else if (pause)
		qemu_bh_schedule(iommu->requests_bh);
}

static void waited(void *opaque)
{
	struct iommu *iommu = opaque;

	if (drain_poll(iommu))
		return;
	batch_return(iommu);
	qemu_bh_schedule(iommu->requests_bh);
}

static void requests_kicked(VirtIODevice *virtio, VirtQueue *queue)
{
	struct iommu *iommu = VIOMMU_DEVICE(virtio);

	if (iommu->serving)
		qemu_bh_schedule(iommu->requests_bh);
	serve(iommu);
}

static void requests_later(void *opaque)
{
	struct iommu *iommu = opaque;

	if (!iommu->serving)
		ring_let_go(iommu);
	serve(iommu);
}

/* -- events -------------------------------------------------------------------------- */

static void events_kicked(VirtIODevice *virtio, VirtQueue *queue)
{
	qemu_bh_schedule(VIOMMU_DEVICE(virtio)->events_bh);
}

/* Serve what arrived while the machine was stopped, here or at the source of a migration. */
static void run_state_changed(void *opaque, bool running, RunState state)
{
	struct iommu *iommu = opaque;

	if (!running) {
		batch_complete(iommu);
		return;
	}
	qemu_bh_schedule(iommu->requests_bh);
	qemu_bh_schedule(iommu->events_bh);
}

/* -- configuration space, features, reset -------------------------------------------- */

static void config_set(VirtIODevice *virtio, const uint8_t *bytes)
{
	struct iommu *iommu = VIOMMU_DEVICE(virtio);

	viommu_config_write(iommu->core, 0, bytes, virtio->config_len);
	endpoints_deliver(iommu);
}

static uint64_t features_get(VirtIODevice *virtio, uint64_t features, Error **errp)
{
	struct iommu *iommu = VIOMMU_DEVICE(virtio);

	return (features & ~mmio_lacks(iommu)) | viommu_features(iommu->core) |
	       BIT_ULL(VIRTIO_F_VERSION_1);
}

static void features_set(VirtIODevice *virtio, uint64_t features)
{
	struct iommu *iommu = VIOMMU_DEVICE(virtio);

	viommu_accept(iommu->core, features);
	endpoints_deliver(iommu);
}

/*
 * During a reset of the whole system, other devices still do DMA at this point. They keep their
 * translations until all of them are quiet: see reset_exit().
 */
static void device_reset(VirtIODevice *virtio)
{
	struct iommu *iommu = VIOMMU_DEVICE(virtio);

	faults_clear(iommu);
	if (iommu->resetting) {
		batch_finish(iommu);
		batch_drop(iommu);
		return;
	}
	viommu_reset(iommu->core);
	batch_drop(iommu);
	endpoints_deliver(iommu);
}

/* Of one queue (RING_RESET). QEMU clears it afterwards. */
static void queue_reset(VirtIODevice *virtio, uint32_t index)
{
	struct iommu *iommu = VIOMMU_DEVICE(virtio);

	if (virtio_get_queue(virtio, (int)index) != iommu->requests)
		return;
	batch_complete(iommu);
	ring_close(iommu);
}

static void reset_enter(Object *object, ResetType type)
{
	VIOMMU_DEVICE(object)->resetting = true;
}

static void reset_exit(EXIT_PHASE(object))
{
	struct iommu *iommu = VIOMMU_DEVICE(object);

	iommu->resetting = false;
	viommu_system_reset(iommu->core);
	endpoints_deliver(iommu);
	endpoints_assign_ids(iommu);
	bus_complete(iommu);
	config_refresh(iommu);
}

/* -- realize and unrealize ----------------------------------------------------- */

static void device_unrealize(DeviceState *device)
{
	struct iommu *iommu = VIOMMU_DEVICE(device);

	QTAILQ_REMOVE(&iommus, iommu, next);
	record_stop(iommu);
	qemu_del_vm_change_state_handler(iommu->state_change);
	bus_release(iommu);
	memory_stop(iommu);
	ring_stop(iommu);
	virtio_delete_queue(iommu->requests);
	virtio_delete_queue(iommu->events);
	virtio_cleanup(&iommu->virtio);
	qemu_bh_delete(iommu->requests_bh);
	qemu_bh_delete(iommu->events_bh);
	timer_free(iommu->requests_timer);
	timer_free(iommu->drain_timer);
	g_ptr_array_free(iommu->drained, true);
	iommu->core = viommu_free(iommu->core);
	settings_release(iommu);
	qemu_mutex_destroy(&iommu->faults_lock);
}

static void device_realize(DeviceState *device, Error **errp)
{
	struct iommu *iommu = VIOMMU_DEVICE(device);
	ERRP_GUARD();

	if (settings_apply(iommu, errp))
		builtin_reserve(iommu);
	if (*errp || !core_create(iommu, errp)) {
		settings_release(iommu);
		return;
	}
	qemu_mutex_init(&iommu->faults_lock);
	iommu->requests_bh = qemu_bh_new(requests_later, iommu);
	iommu->events_bh = qemu_bh_new(faults_deliver, iommu);
	iommu->requests_timer = timer_new_ns(QEMU_CLOCK_REALTIME, requests_later, iommu);
	iommu->drain_timer = timer_new_ns(QEMU_CLOCK_REALTIME, waited, iommu);
	iommu->drained = g_ptr_array_new();
	virtio_init(&iommu->virtio, VIRTIO_ID_VIOMMU, builtin_length(iommu));
	iommu->requests = virtio_add_queue(&iommu->virtio, VIOMMU_QUEUE_SIZE, requests_kicked);
	iommu->events = virtio_add_queue(&iommu->virtio, VIOMMU_QUEUE_SIZE, events_kicked);
	iommu->state_change = ADD_RUN_STATE_HANDLER(device, run_state_changed, iommu);
	config_refresh(iommu);
	mmio_prepare(iommu);
	QTAILQ_INSERT_TAIL(&iommus, iommu, next);
	memory_start(iommu);
	ring_start(iommu);
	if (record_start(iommu, errp) && bus_serve(iommu, errp) && endpoint_check_properties(iommu, errp))
		builtin_prepare(iommu);
	else
		device_unrealize(device);
}

static void device_finalize(Object *object)
{
	g_free(VIOMMU_DEVICE(object)->mappings_from);
	g_free(VIOMMU_DEVICE(object)->record.file);
}

static void device_class_init(ObjectClass *class, CLASS_DATA data)
{
	DeviceClass *device = DEVICE_CLASS(class);
	VirtioDeviceClass *virtio = VIRTIO_DEVICE_CLASS(class);
	ResettableClass *reset = RESETTABLE_CLASS(class);

	properties_install(device);
	state_install(class);
	record_install(class);
	set_bit(DEVICE_CATEGORY_MISC, device->categories);
	device->vmsd = &saved_device;
	device->hotpluggable = false;
	virtio->realize = device_realize;
	virtio->unrealize = device_unrealize;
	virtio->get_config = config_get;
	virtio->set_config = config_set;
	virtio->get_features = features_get;
	virtio->set_features = features_set;
	virtio->reset = device_reset;
	virtio->queue_reset = queue_reset;
	virtio->vmsd = &saved_core;
	reset->phases.enter = reset_enter;
	reset->phases.exit = reset_exit;
}

void device_types_register(void)
{
	static const TypeInfo type = {
		.name = TYPE_VIOMMU_DEVICE,
		.parent = TYPE_VIRTIO_DEVICE,
		.instance_size = sizeof(struct iommu),
		.instance_finalize = device_finalize,
		.class_init = device_class_init,
	};

	type_register_static(&type);
}
