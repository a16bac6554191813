/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "compat.h"

#include "clock.h"
#include "requests.h"
#include "steps.h"
#include "workload.h"

/*
 * A plugin that puts two virtio-iommus of one QEMU process through the same
 *
 * QEMU's own and ours, each behind the virtqueue that a guest would use and the translate call
 * that a device's DMA makes. There is no guest: the machine's processors halt at once (a ROM of
 * part_qemu.py), and this writes requests into guest memory, as many as the queue holds, and kicks.
 * It asks for no interrupts, as Linux does. The two take turns at every step.
 *
 *     -plugin NAME.so,ranges=1000,order=scattered,operations=10000
 *
 *     -plugin NAME.so,steps=FILE,operations=PASSES     what a recorded guest did (bench/traces.c)
 *
 * Prints a line of JSON for each device, and ends QEMU.
 */

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

#define RINGS_AT     0x1000000ull /* of guest memory, in which nothing else is */
#define RINGS_BYTES  0x100000ull
#define PHYS_FIRST   0x2000000ull /* where ranges go: memory that is there */
#define PHYS_MASK    0x1fff000ull
#define QUEUE_SIZE   256
#define BATCH        (QUEUE_SIZE / 2)
#define BUFFER_BYTES 64
#define TAIL_AT      48 /* of a buffer */
#define NO_REQUEST   0x7f
#define MAX_POLLS    1000 /* of the main loop, for one kick */

enum { NEXT = 1, WRITE = 2, NO_INTERRUPT = 1 };

struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
};

/* One queue, as it lies in guest memory: everything little-endian. */
struct rings {
	struct descriptor descriptors[QUEUE_SIZE];
	struct {
		uint16_t flags, index, ring[QUEUE_SIZE];
	} available QEMU_ALIGNED(4096);
	struct {
		uint16_t flags, index;
		struct {
			uint32_t id, length;
		} ring[QUEUE_SIZE];
	} used QEMU_ALIGNED(4096);
	uint8_t buffers[BATCH][BUFFER_BYTES] QEMU_ALIGNED(4096);
};

struct target {
	const char *name, *type,
		*function; /* whom; of which type; the PCI function that does DMA */
	VirtIODevice *virtio;
	struct rings *rings;
	uint64_t rings_at;
	PCIDevice *endpoint;
	AddressSpace *as;
	IOMMUMemoryRegion *region;
	unsigned int waiting; /* requests that are not offered yet */
	uint64_t ns;
};

static struct target targets[] = {
	{ .name = "QEMU's virtio-iommu", .type = "virtio-iommu-device", .function = "theirs" },
	{ .name = "viommu-pci", .type = "viommu-device", .function = "ours" },
};

static struct {
	struct workload workload;
	uint64_t operations;
	const char *steps; /* a file */
} bench = { .workload.n = 1000, .operations = 10000 };

#define for_each_target(t) for (struct target *t = targets; t < targets + ARRAY_SIZE(targets); t++)

static void must(bool done, const char *what)
{
	if (done)
		return;
	error_report("bench: %s failed", what);
	exit(EXIT_FAILURE);
}

/* -- the queue ------------------------------------------------------------------------ */

static void rings_init(struct target *target)
{
	struct rings *rings = target->rings;
	uint64_t buffers = target->rings_at + offsetof(struct rings, buffers);

	memset(rings, 0, sizeof(*rings));
	rings->available.flags = cpu_to_le16(NO_INTERRUPT);
	for (unsigned int i = 0; i < BATCH; i++) {
		rings->descriptors[2 * i] = (struct descriptor){
			.address = cpu_to_le64(buffers + i * BUFFER_BYTES),
			.flags = cpu_to_le16(NEXT),
			.next = cpu_to_le16(2 * i + 1),
		};
		rings->descriptors[2 * i + 1] = (struct descriptor){
			.address = cpu_to_le64(buffers + i * BUFFER_BYTES + TAIL_AT),
			.length = cpu_to_le32(VIOMMU_TAIL_LENGTH),
			.flags = cpu_to_le16(WRITE),
		};
	}
}

static bool is_served(const struct rings *rings)
{
	return rings->used.index == rings->available.index;
}

/* All statuses must be OK, unless the request is none. Not part of what is timed. */
static void check_answers(struct target *target)
{
	struct rings *rings = target->rings;

	must(is_served(rings), "serving all requests");
	for (unsigned int i = 0; i < target->waiting; i++)
		must(!rings->buffers[i][TAIL_AT] || rings->buffers[i][0] == NO_REQUEST,
		     "a request");
}

/*
 * Offer what waits, kick, and have it served: what is timed. viommu-pci serves one batch for a
 * kick, and the rest in the main loop.
 */
static void kick(struct target *target)
{
	struct rings *rings = target->rings;
	uint16_t index = le16_to_cpu(rings->available.index);
	uint64_t begin;

	for (unsigned int i = 0; i < target->waiting; i++)
		rings->available.ring[(index + i) % QUEUE_SIZE] = cpu_to_le16(2 * i);
	smp_wmb();
	rings->available.index = cpu_to_le16(index + target->waiting);
	/* The clock takes as long as a request, so it is not read for each of a trace. */
	begin = bench.steps ? 0 : spent_ns();
	virtio_queue_notify(target->virtio, 0);
	for (int polls = 0; !is_served(rings) && polls < MAX_POLLS; polls++)
		aio_poll(qemu_get_aio_context(), false);
	target->ns += bench.steps ? 0 : spent_ns() - begin;
	check_answers(target);
	target->waiting = 0;
}

static void sent(struct target *target, size_t length)
{
	struct rings *rings = target->rings;

	rings->descriptors[2 * target->waiting].length = cpu_to_le32((uint32_t)length);
	rings->buffers[target->waiting][TAIL_AT] = UINT8_MAX;
	if (++target->waiting == BATCH)
		kick(target);
}

static uint8_t *next_buffer(struct target *target)
{
	return target->rings->buffers[target->waiting];
}

static struct extent extent_at(uint64_t i)
{
	struct extent extent = workload_extent(&bench.workload, i);

	extent.phys = PHYS_FIRST + (extent.phys & PHYS_MASK);
	return extent;
}

static void send_maps(struct target *target, uint64_t from, uint64_t n)
{
	for (uint64_t i = from; i < from + n; i++) {
		const struct extent extent = extent_at(i);

		sent(target, write_map(next_buffer(target), &extent));
	}
	if (target->waiting)
		kick(target);
}

static void send_unmaps(struct target *target, uint64_t from, uint64_t n)
{
	for (uint64_t i = from; i < from + n; i++) {
		const struct extent extent = extent_at(i);

		sent(target, write_unmap(next_buffer(target), extent.first, extent.last));
	}
	if (target->waiting)
		kick(target);
}

/* Requests that no device knows: what is left is the cost of the queue. */
static void send_nothing(struct target *target)
{
	for (unsigned int i = 0; i < BATCH; i++) {
		next_buffer(target)[0] = NO_REQUEST;
		sent(target, VIOMMU_MAP_LENGTH);
	}
}

/* -- bringing a device up, as a driver does ---------------------------------------------- */

static void driver_start(struct target *target)
{
	VirtIODevice *virtio = target->virtio;
	uint64_t features = virtio->host_features | BIT_ULL(VIRTIO_F_VERSION_1);
	/* Linux does not accept the first one, either: the device sends more interrupts with it. */
	const uint64_t not_used = BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY) |
				  BIT_ULL(VIRTIO_F_RING_PACKED) | BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |
				  BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC);
	const uint8_t steps[] = { 1, 3, 11, 15 };

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (steps[i] == 11)
			must(!virtio_set_features(virtio, features & ~not_used), "features");
		if (steps[i] == 15)
			virtio_queue_set_rings(virtio, 0, target->rings_at,
					       target->rings_at + offsetof(struct rings, available),
					       target->rings_at + offsetof(struct rings, used));
		virtio_set_status(virtio, steps[i]);
	}
}

/*
 * The address space that the function's DMA uses. The machine has another IOMMU, so viommu-pci
 * gives its root bus bypass_iommu=on when the machine is complete (qemu/firmware/native.c), for the
 * tables of the machine; functions got their address spaces before.
 */
static AddressSpace *address_space_of(PCIDevice *function, PCIBus *root)
{
	PCIHostState *bridge = PCI_HOST_BRIDGE(BUS(root)->parent);
	bool bypass = bridge->bypass_iommu;
	AddressSpace *as;

	bridge->bypass_iommu = false;
	as = pci_device_iommu_address_space(function);
	bridge->bypass_iommu = bypass;
	return as;
}

static void target_start(struct target *target)
{
	uint64_t at = RINGS_AT + (target - targets) * RINGS_BYTES;
	PCIBus *bus;

	target->virtio = VIRTIO_DEVICE(object_resolve_path_type("", target->type, NULL));
	target->rings_at = at;
	target->rings = memory_region_get_ram_ptr(current_machine->ram) + at;
	target->endpoint = PCI_DEVICE(qdev_find_recursive(sysbus_get_default(), target->function));
	must(target->virtio && target->endpoint, "finding the devices");
	bus = pci_get_bus(target->endpoint);
	target->as = address_space_of(target->endpoint, bus);
	rings_init(target);
	driver_start(target);
	sent(target, write_attach(next_buffer(target),
				  PCI_BUILD_BDF(pci_bus_num(bus), target->endpoint->devfn)));
	kick(target);
	target->region =
		IOMMU_MEMORY_REGION(memory_region_find(target->as->root, extent_at(0).first, 1).mr);
}

/* -- measurements -------------------------------------------------------------- */

static uint64_t take_ns(struct target *target)
{
	uint64_t ns = target->ns;

	target->ns = 0;
	return ns;
}

static void report(const char *what, const struct target *target, uint64_t sum, uint64_t n)
{
	printf("{\"who\": \"%s\", \"what\": \"%s\", \"value\": %.3f}\n", target->name, what,
	       (double)sum / (double)n);
}

static void fill(void)
{
	for (uint64_t i = 0; i < bench.workload.n; i += BATCH)
		for_each_target(target) send_maps(target, i, MIN(BATCH, bench.workload.n - i));
	for_each_target(target) report("fill", target, take_ns(target), bench.workload.n);
}

/* The oldest ranges go, and as many new ones come. */
static void change(void)
{
	uint64_t unmapping[ARRAY_SIZE(targets)] = { 0 }, mapping[ARRAY_SIZE(targets)] = { 0 };
	uint64_t done;

	for (done = 0; done < bench.operations; done += BATCH)
		for_each_target(target)
		{
			send_unmaps(target, done, BATCH);
			unmapping[target - targets] += take_ns(target);
			send_maps(target, done + bench.workload.n, BATCH);
			mapping[target - targets] += take_ns(target);
		}
	for_each_target(target)
	{
		report("unmap", target, unmapping[target - targets], done);
		report("map", target, mapping[target - targets], done);
	}
}

static void do_nothing(void)
{
	uint64_t done;

	for (done = 0; done < bench.operations; done += BATCH)
		for_each_target(target) send_nothing(target);
	for_each_target(target) report("no request", target, take_ns(target), done);
}

/* -- with somebody who mirrors the mappings, as VFIO does ------------------------------------- */

#define STRIP_AT 0x1000ull /* below the ranges of the workload */
#define PAGE     0x1000ull

struct mirror {
	IOMMUNotifier notifier;
	uint64_t n, bytes_mapped, bytes_unmapped;
};

static void mirrored(IOMMUNotifier *notifier, IOMMUTLBEntry *entry)
{
	struct mirror *mirror = container_of(notifier, struct mirror, notifier);

	mirror->n++;
	if (entry->perm == IOMMU_NONE)
		mirror->bytes_unmapped += entry->addr_mask + 1;
	else
		mirror->bytes_mapped += entry->addr_mask + 1;
}

/* Pages side by side, each with requests of its own. */
static void map_strip(struct target *target)
{
	for (uint64_t i = 0; i < BATCH; i++) {
		const struct extent page = { STRIP_AT + i * PAGE, STRIP_AT + (i + 1) * PAGE - 1,
					     PHYS_FIRST + i * PAGE };

		sent(target, write_map(next_buffer(target), &page));
	}
}

static void unmap_strip(struct target *target)
{
	for (uint64_t i = 0; i < BATCH; i++)
		sent(target, write_unmap(next_buffer(target), STRIP_AT + i * PAGE,
					 STRIP_AT + (i + 1) * PAGE - 1));
}

static void mirror_strip(struct target *target)
{
	struct mirror mirror = { 0 };
	uint64_t mapped;

	iommu_notifier_init(&mirror.notifier, mirrored, IOMMU_NOTIFIER_IOTLB_EVENTS, 0, UINT64_MAX,
			    0);
	must(!memory_region_register_iommu_notifier(MEMORY_REGION(target->region), &mirror.notifier,
						    &error_fatal),
	     "listening");
	map_strip(target);
	mapped = mirror.n;
	unmap_strip(target);
	memory_region_unregister_iommu_notifier(MEMORY_REGION(target->region), &mirror.notifier);
	must(mirror.bytes_mapped == BATCH * PAGE && mirror.bytes_unmapped == BATCH * PAGE,
	     "telling a mirror of all bytes, once");
	take_ns(target);
	report("calls a page mapped", target, mapped, BATCH);
	report("calls a page unmapped", target, mirror.n - mapped, BATCH);
}

/* -- translation ---------------------------------------------------------------------------- */

/* The call that QEMU makes of an IOMMU for a device's access. */
static uint64_t by_region(struct target *target, uint64_t address)
{
	IOMMUMemoryRegionClass *class = memory_region_get_iommu_class_nocheck(target->region);
	IOMMUTLBEntry entry = class->translate(target->region, address, IOMMU_RO, 0);

	return entry.perm & IOMMU_RO ? entry.translated_addr : UINT64_MAX;
}

/* All that is done before the access finds its memory. */
static uint64_t by_address_space(struct target *target, uint64_t address)
{
	hwaddr at, length = BUFFER_BYTES;
	MemoryRegion *region;

	RCU_READ_LOCK_GUARD();
	region = address_space_translate(target->as, address, &at, &length, false,
					 MEMTXATTRS_UNSPECIFIED);
	return region == current_machine->ram ? at : UINT64_MAX;
}

static void translate(const char *what, uint64_t (*by)(struct target *, uint64_t))
{
	g_autofree uint64_t *addresses = workload_hits(&bench.workload, bench.operations);

	for_each_target(target)
	{
		uint64_t begin = spent_ns(), flip = 0;

		for (uint64_t i = 0; i < bench.operations; i++) {
			uint64_t found = by(target, (addresses[i] & ~0xfffull) ^ flip);

			must(found != UINT64_MAX, "a translation");
			flip = found == 1;
		}
		report(what, target, spent_ns() - begin, bench.operations);
	}
}

/* -- what a guest did ------------------------------------------------------------------ */

/* Domains of the guest are parts of the one domain here. */
#define SET_SHIFT 48

static void unmap_all(struct target *target)
{
	sent(target, write_unmap(next_buffer(target), 0, UINT64_MAX));
	kick(target);
}

static void change_by(struct target *target, const struct step *step)
{
	uint64_t part = (uint64_t)step->set << SET_SHIFT;
	const struct extent extent = { step->extent.first + part, step->extent.last + part,
				       PHYS_FIRST + (step->extent.phys & PHYS_MASK) };

	if (step->kind == STEP_MAP)
		sent(target, write_map(next_buffer(target), &extent));
	else
		sent(target, write_unmap(next_buffer(target), extent.first, extent.last));
}

/* Requests of one notification are kicked together, before anything else. Returns nanoseconds. */
static uint64_t play_steps(struct target *target, const struct step *steps, size_t n, bool accesses)
{
	uint64_t begin;

	unmap_all(target);
	begin = spent_ns();
	for (size_t i = 0; i < n; i++) {
		if (target->waiting &&
		    (steps[i].kind == STEP_NOTIFY || steps[i].kind == STEP_ACCESS))
			kick(target);
		if (steps[i].kind == STEP_MAP || steps[i].kind == STEP_UNMAP)
			change_by(target, &steps[i]);
		if (accesses && steps[i].kind == STEP_ACCESS)
			by_region(target,
				  steps[i].extent.first + ((uint64_t)steps[i].set << SET_SHIFT));
	}
	if (target->waiting)
		kick(target);
	return spent_ns() - begin;
}

static void play_trace(void)
{
	uint64_t without[ARRAY_SIZE(targets)] = { 0 }, with[ARRAY_SIZE(targets)] = { 0 };
	uint64_t changes = 0, accesses = 0;
	g_autofree char *bytes = NULL;
	const struct step *steps;
	gsize length;

	must(g_file_get_contents(bench.steps, &bytes, &length, NULL), "reading the steps");
	steps = (const struct step *)(void *)bytes;
	length /= sizeof(*steps);
	for (gsize i = 0; i < length; i++) {
		changes += steps[i].kind == STEP_MAP || steps[i].kind == STEP_UNMAP;
		accesses += steps[i].kind == STEP_ACCESS;
	}
	for (uint64_t pass = 0; pass < bench.operations; pass++)
		for_each_target(target)
		{
			without[target - targets] += play_steps(target, steps, length, false);
			with[target - targets] += play_steps(target, steps, length, true);
		}
	for_each_target(target)
	{
		uint64_t all = with[target - targets], changing = without[target - targets];

		report("change", target, changing, bench.operations * changes);
		report("access", target, all > changing ? all - changing : 0,
		       bench.operations * accesses);
	}
	fflush(stdout);
	_exit(EXIT_SUCCESS);
}

static void run(void *opaque)
{
	must(workload_make(&bench.workload), "allocating memory");
	for_each_target(target) target_start(target);
	if (bench.steps)
		play_trace();
	fill();
	translate("translate", by_region);
	translate("address space", by_address_space);
	change();
	do_nothing();
	for_each_target(target) mirror_strip(target);
	fflush(stdout);
	_exit(EXIT_SUCCESS);
}

/* -- the plugin ------------------------------------------------------------------------ */

static void run_state_changed(void *opaque, bool running, RunState state)
{
	if (running)
		aio_bh_schedule_oneshot(qemu_get_aio_context(), run, NULL);
}

static bool take_argument(const char *argument)
{
	const char *value = strchr(argument, '=');

	if (g_str_has_prefix(argument, "ranges="))
		bench.workload.n = strtoul(value + 1, NULL, 10);
	else if (g_str_has_prefix(argument, "operations="))
		bench.operations = strtoul(value + 1, NULL, 10);
	else if (g_str_has_prefix(argument, "steps="))
		bench.steps = g_strdup(value + 1);
	else if (g_str_has_prefix(argument, "order="))
		bench.workload.order = g_str_equal(value + 1, "scattered") ? SCATTERED : UPWARD;
	else
		return false;
	return true;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
					   char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!take_argument(argv[i]))
			return -EINVAL;
	qemu_add_vm_change_state_handler(run_state_changed, NULL);
	return 0;
}
