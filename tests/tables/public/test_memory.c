/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Allocations fail one by one in every public function, once or permanently
 *
 * malloc() of this program fails on demand, for the library and for other libraries. A story is a
 * sequence of calls as a VMM makes them. It runs once with enough memory, and then again for each
 * of its allocations with a failure there: the call returns what the header documents, existing
 * objects remain usable, and no memory is left when everything is freed. Freed memory is
 * overwritten, so that a dangling pointer is noticed.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <viommu/devicetree.h>
#include <viommu/diff.h>

#include "../tables_rig.h"

/* -- an allocator that fails ----------------------------------------------------------------- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *memory);

#define NEVER SIZE_MAX

static _Thread_local size_t n_allocations, fails_at = NEVER;
static _Thread_local bool fails_for_good;
static _Thread_local long n_live;

static bool fails(void)
{
	size_t n = n_allocations++;
	bool fails = fails_at != NEVER && (n == fails_at || (n > fails_at && fails_for_good));

	if (fails)
		errno = ENOMEM;
	return fails;
}

static void *counted(void *memory)
{
	n_live += memory != NULL;
	return memory;
}

enum { FRESH = 0x5a, FREED = 0xa5, LINKS = 16 /* that the C library keeps in what is freed */ };

void *malloc(size_t size)
{
	void *memory = fails() ? NULL : counted(__libc_malloc(size));

	return memory ? memset(memory, FRESH, malloc_usable_size(memory)) : NULL;
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : counted(__libc_calloc(n, size));
}

static bool was_freed(const unsigned char *memory)
{
	size_t i = LINKS, length = malloc_usable_size((void *)memory);

	while (i < length && memory[i] == FREED)
		i++;
	return i == length;
}

void free(void *memory)
{
	if (!memory)
		return;
	if (was_freed(memory))
		abort();
	memset(memory, FREED, malloc_usable_size(memory));
	n_live--;
	__libc_free(memory);
}

/* Always to another place. */
void *realloc(void *old, size_t size)
{
	void *memory = malloc(size);
	size_t length = old ? malloc_usable_size(old) : 0;

	if (!memory)
		return NULL;
	if (old)
		memcpy(memory, old, length < size ? length : size);
	free(old);
	return memory;
}

/* -- stories ----------------------------------------------------------------------------------- */

#define MAX_OBJECTS 8

/* What a VMM holds on to; all of it is freed at the end of a story, however it ended. */
struct vmm {
	const char *text; /* of its machine */
	const char *signature;
	struct viommu_findings *findings;
	struct viommu_topology *machine, *read[MAX_OBJECTS];
	struct viommu_table *tables[MAX_OBJECTS];
	size_t n_tables, n_read;
	struct viommu_diff *diff;
	void *bytes;
	size_t length;
};

static const char virtio_machine[] =
	"viommu: 1\n"
	"iommus:\n"
	"  - { name: a, kind: virtio-iommu-pci, at: 00:01.0, proximity-domain: 1 }\n"
	"  - { name: b, kind: virtio-iommu-mmio, at: 0x10001000, interrupts: [ 42 ] }\n"
	"host-bridges:\n"
	"  - { buses: 00-7f, iommu: a }\n"
	"  - { buses: 80-ff, iommu: b }\n"
	"ranges:\n"
	"  - { functions: 03:00.0-03:1f.7, iommu: none }\n"
	"devices:\n"
	"  - { name: '/uart@9000000', at: 0x9000000, iommu: b, id: 0x100 }\n";

static const char arm_machine[] =
	"viommu: 1\n"
	"iommus:\n"
	"  - { name: two, kind: smmu-v2, at: 0x8000000, span: 0x10000, interrupts: [ 40, 41 ],\n"
	"      context-interrupts: [ 50, 51 ], its: its }\n"
	"  - { name: three, kind: smmu-v3, at: 0x9000000, interrupts: [ 60, 61, 62, 63 ], its: "
	"its,\n"
	"      msi-id: 7 }\n"
	"its-groups:\n"
	"  - { name: its, ids: [ 0 ] }\n"
	"host-bridges:\n"
	"  - { buses: 00-7f, iommu: three, its: its }\n"
	"  - { segment: 1, buses: 00-ff, iommu: two }\n"
	"devices:\n"
	"  - { name: '\\_SB_.DEV0', iommu: three, id: 0x70000 }\n"
	"reserved-memory:\n"
	"  - { range: 0x8000000-0x80fffff, kind: identity, functions: 01:00.0-01:1f.7 }\n";

static const char x86_machine[] =
	"viommu: 1\n"
	"iommus:\n"
	"  - { name: vtd, kind: vt-d, at: 0xfed90000, proximity-domain: 1 }\n"
	"  - { name: amd, kind: amd-vi, at: 0xfed80000, function: 00:00.2, include-self: true, "
	"efr: 0x1 }\n"
	"host-bridges:\n"
	"  - { buses: 00-7f, iommu: vtd }\n"
	"  - { buses: 80-ff, iommu: amd }\n"
	"interrupt-sources:\n"
	"  - { kind: ioapic, number: 2, function: f0:1f.7, iommu: vtd }\n";

static const char *const machines[] = { virtio_machine, arm_machine, x86_machine };

/* The result of a call that returns text. */
static bool has(char *text)
{
	free(text);
	return text;
}

static bool no_memory_is_found(const struct viommu_findings *findings)
{
	const struct viommu_finding *finding;

	for (size_t i = 0; (finding = viommu_findings_get(findings, i)); i++)
		if (!strcmp(finding->id, "input-memory"))
			return viommu_findings_count_from(findings, VIOMMU_ERROR);
	return false;
}

static bool add_by_hand(struct vmm *vmm)
{
	static const uint32_t interrupts[] = { 70, 71 };
	const struct viommu_iommu iommu = {
		.size = sizeof(iommu),
		.name = "by hand",
		.kind = VIOMMU_SMMU_V2,
		.base = 1 << 30,
		.smmu_v2 = { interrupts, 2, interrupts, 1, false },
		.place = { .file = "a file", .path = "/a/path" },
	};
	const struct viommu_its_group group = {
		.size = sizeof(group), .name = "group by hand", .ids = interrupts, .n_ids = 2
	};
	int r = viommu_topology_add_iommu(vmm->machine, &iommu);

	if (!r)
		r = viommu_topology_add_its_group(vmm->machine, &group);
	assert_true(!r || r == -ENOMEM);
	return !r;
}

static bool ask(struct vmm *vmm)
{
	struct viommu_device_name name;
	struct viommu_route route, on_linux;

	if (viommu_topology_find_device(vmm->machine, "00:02.0", &name) ||
	    viommu_topology_resolve(vmm->machine, &name, &route, &on_linux, NULL))
		return false;
	return has(viommu_topology_text(vmm->machine)) && has(viommu_topology_json(vmm->machine)) &&
	       has(viommu_topology_graph(vmm->machine)) &&
	       has(viommu_iommu_at_text(viommu_topology_iommu(vmm->machine, 0))) &&
	       has(viommu_place_text(&viommu_topology_iommu(vmm->machine, 0)->place));
}

/* The caller's code uses the library as well; its own failures are its own. */
static void print_route(void *opaque, const struct viommu_route_range *range)
{
	(void)opaque;
	free(viommu_functions_text(range));
}

static void count_range(void *opaque, const struct viommu_pci_range *range)
{
	*(size_t *)opaque += range->bdf_first <= range->bdf_last;
}

static bool walk_ranges(struct vmm *vmm)
{
	size_t n = 0;

	return !viommu_topology_for_each_route(vmm->machine, print_route, NULL) &&
	       !viommu_topology_for_each_pci_range(vmm->machine, count_range, &n) && n;
}

/* The source of a table, and the table again. */
static bool assemble(struct vmm *vmm, const struct viommu_table *table)
{
	char *source = viommu_table_source(table);
	bool made = source && (!strncmp(source, "/dts-v1/", 8));
	void *bytes = NULL;

	if (source && !made)
		made = viommu_table_assemble(source, strlen(source), NULL, false, &bytes,
					     vmm->findings);
	free(bytes);
	free(source);
	return made;
}

static bool take_text(void *opaque, const char *text, size_t length)
{
	(void)opaque;
	return text && length;
}

static bool show(struct vmm *vmm, const struct viommu_table *table)
{
	static const char *const rules[] = { "dmar-type", NULL };
	struct viommu_findings *some = viommu_findings_new();
	bool takes = some && !viommu_findings_take_only(some, rules);

	viommu_findings_free(some);
	if (!takes || viommu_table_write(table, VIOMMU_TABLE_JSON, take_text, NULL))
		return false;
	viommu_table_check(table, vmm->findings);
	return has(viommu_table_text(table)) && has(viommu_table_json(table)) &&
	       assemble(vmm, table) && !no_memory_is_found(vmm->findings);
}

static bool take(void *opaque, const char *name, const void *bytes, size_t length)
{
	struct vmm *vmm = opaque;

	vmm->tables[vmm->n_tables] = viommu_table_decode(bytes, length, name, vmm->findings);
	vmm->n_tables += vmm->tables[vmm->n_tables] != NULL;
	return true;
}

/* A table is generated, goes through bytes, and is read. False with a finding, or without memory.
 */
static bool go_through_bytes(struct vmm *vmm, const char *signature)
{
	struct viommu_table *made = viommu_table_generate(vmm->machine, signature, vmm->findings);
	size_t n = vmm->n_tables;

	if (!made)
		return !no_memory_is_found(vmm->findings);
	vmm->tables[vmm->n_tables++] = made;
	vmm->length = viommu_table_encode(made, &vmm->bytes);
	if (!vmm->length)
		return false;
	viommu_input_split(vmm->bytes, vmm->length, "input", take, vmm, vmm->findings);
	free(vmm->bytes);
	vmm->bytes = NULL;
	if (vmm->n_tables != n + 2 || !show(vmm, vmm->tables[n + 1]))
		return false;
	vmm->read[0] = viommu_table_topology(vmm->tables[n + 1], vmm->findings);
	if (!vmm->read[0])
		return !no_memory_is_found(vmm->findings);
	viommu_table_compare(vmm->tables[n + 1], vmm->machine, vmm->findings);
	if (no_memory_is_found(vmm->findings))
		return false;
	vmm->diff = viommu_topology_diff(vmm->machine, vmm->read[0]);
	if (!vmm->diff)
		return false;
	if (viommu_diff_get(vmm->diff, 0) &&
	    !has(viommu_difference_line(viommu_diff_get(vmm->diff, 0))))
		return false;
	return viommu_topology_apply_srat_domains(vmm->read[0], made) >= 0;
}

static void forget_tables(struct vmm *vmm)
{
	while (vmm->n_tables)
		viommu_table_free(vmm->tables[--vmm->n_tables]);
	vmm->diff = viommu_diff_free(vmm->diff);
	vmm->read[0] = viommu_topology_free(vmm->read[0]);
	free(vmm->bytes);
	vmm->bytes = NULL;
}

static bool extend_and_check_together(struct vmm *vmm)
{
	struct viommu_table *srat = viommu_table_generate(vmm->machine, "SRAT", vmm->findings);
	bool extended = srat && viommu_table_extend(srat, vmm->machine, vmm->findings);

	vmm->tables[0] = srat;
	vmm->n_tables = srat ? 1 : 0;
	if (srat && !extended)
		return !no_memory_is_found(vmm->findings);
	viommu_tables_check_together((const struct viommu_table *const *)vmm->tables, vmm->n_tables,
				     vmm->findings);
	return !no_memory_is_found(vmm->findings);
}

static bool make_devicetree(struct vmm *vmm)
{
	struct viommu_devicetree how = { .size = sizeof(how), .overlay = true };
	struct viommu_table *overlay;

	how.base = vmm->tables[0] = viommu_devicetree_generate(vmm->machine, NULL, vmm->findings);
	vmm->n_tables = how.base ? 1 : 0;
	if (!how.base)
		return !no_memory_is_found(vmm->findings);
	overlay = viommu_devicetree_generate(vmm->machine, &how, vmm->findings);
	if (overlay)
		vmm->tables[vmm->n_tables++] = overlay;
	free(viommu_kernel_command_line(vmm->machine, vmm->findings));
	return !no_memory_is_found(vmm->findings);
}

static bool print_findings_of(struct vmm *vmm)
{
	const struct viommu_finding *finding;

	if (viommu_findings_add(vmm->findings, "topology-window", NULL, "a text", "a cure") ==
	    -ENOMEM)
		return false;
	for (size_t i = 0; (finding = viommu_findings_get(vmm->findings, i)); i++)
		if (!has(viommu_finding_line(finding)))
			return false;
	return true;
}

/* A machine that the table cannot describe is no failure. */
static bool make_table(struct vmm *vmm)
{
	return go_through_bytes(vmm, vmm->signature);
}

static bool begin(struct vmm *vmm)
{
	vmm->findings = viommu_findings_new();
	if (!vmm->findings)
		return false;
	vmm->machine = viommu_topology_parse(vmm->text, strlen(vmm->text), "text", vmm->findings);
	if (!vmm->machine)
		assert_true(no_memory_is_found(vmm->findings));
	return vmm->machine;
}

static bool knows_no_bridge(void *opaque, uint16_t segment, uint16_t bdf, uint8_t *ret_first,
			    uint8_t *ret_last)
{
	(void)opaque;
	(void)segment;
	*ret_first = *ret_last = (uint8_t)(bdf >> 8);
	return false;
}

static bool expand(struct vmm *vmm)
{
	vmm->read[0] = viommu_topology_expand(vmm->machine, knows_no_bridge, NULL);
	return vmm->read[0];
}

static bool check_machine_tables(struct vmm *vmm)
{
	if (!begin(vmm))
		return false;
	viommu_topology_check(vmm->machine, vmm->findings);
	return !no_memory_is_found(vmm->findings) && add_by_hand(vmm) && ask(vmm) &&
	       walk_ranges(vmm) && expand(vmm) && print_findings_of(vmm);
}

static const struct story {
	bool (*tell)(struct vmm *vmm);
	const char *signature;
	bool from_nothing; /* the machine is read as a part of it */
} stories[] = {
	{ check_machine_tables, NULL, true }, { make_table, "VIOT", false },
	{ make_table, "VIOT-2019", false },   { make_table, "IORT", false },
	{ make_table, "DMAR", false },        { make_table, "IVRS", false },
	{ make_table, "SRAT", false },        { make_table, "DTB", false },
	{ make_table, "builtin-v3", false },  { extend_and_check_together, NULL, false },
	{ make_devicetree, NULL, false },
};

/* What there is can be used, now that there is memory again. */
static void use_what_is_there(struct vmm *vmm)
{
	if (vmm->findings)
		assert_true(print_findings_of(vmm));
	if (vmm->machine) {
		viommu_topology_check(vmm->machine, vmm->findings);
		assert_true(ask(vmm));
		assert_true(walk_ranges(vmm));
	}
}

static void end_story(struct vmm *vmm)
{
	forget_tables(vmm);
	viommu_topology_free(vmm->machine);
	viommu_findings_free(vmm->findings);
}

struct told {
	bool fine;
	size_t n_allocations;
};

static struct told tell(const char *machine, const struct story *story, size_t at, bool for_good)
{
	struct vmm vmm = { .text = machine, .signature = story->signature };
	long live = n_live;
	struct told told;

	if (!story->from_nothing)
		assert_true(begin(&vmm));
	n_allocations = 0;
	fails_for_good = for_good;
	fails_at = at;
	told.fine = story->tell(&vmm);
	told.n_allocations = n_allocations;
	fails_at = NEVER;
	use_what_is_there(&vmm);
	end_story(&vmm);
	assert_int_equal(n_live, live);
	return told;
}

/* -- tests --------------------------------------------------------------------- */

/* One story has ten times as many allocations as any other. */
static size_t stride(const struct told *told, bool for_good)
{
	size_t usual = for_good ? 3 : 1;

	return told->n_allocations > 10000 ? 97 * usual : usual;
}

static void check_every_failure(bool for_good)
{
	size_t n_reported = 0, n_fine = 0;

	for (size_t m = 0; m < sizeof(machines) / sizeof(machines[0]); m++)
		for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
			struct told whole = tell(machines[m], &stories[i], NEVER, false);

			for (size_t at = 0; at < whole.n_allocations;
			     at += stride(&whole, for_good), n_reported++)
				n_fine += tell(machines[m], &stories[i], at, for_good).fine;
		}
	print_message("%zu failures, %zu without consequence\n", n_reported, n_fine);
	assert_true(n_reported > 5000);
	assert_true(n_fine < n_reported / 10);
}

static void no_call_ends_the_program_when_an_allocation_fails(void **state)
{
	(void)state;
	check_every_failure(false);
}

static void no_call_ends_the_program_when_memory_has_run_out(void **state)
{
	(void)state;
	check_every_failure(true);
}

/* Failures of one thread are no failures of another. */
static void *read_undisturbed(void *opaque)
{
	size_t *n_fine = opaque;

	for (int i = 0; i < 20; i++)
		*n_fine += tell(virtio_machine, &stories[0], NEVER, false).fine;
	return NULL;
}

static void threads_run_out_of_memory_by_themselves(void **state)
{
	size_t n_fine = 0;
	pthread_t other;

	(void)state;
	assert_int_equal(pthread_create(&other, NULL, read_undisturbed, &n_fine), 0);
	for (size_t at = 0; at < 500; at++)
		tell(arm_machine, &stories[0], at, false);
	pthread_join(other, NULL);
	assert_int_equal(n_fine, 20);
}

/* -- a file ---------------------------------------------------------------------- */

/* A table of a machine, at the end of a file. */
static void append_table(int file, const char *text, const char *signature)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_topology *machine =
		viommu_topology_parse(text, strlen(text), "text", findings);
	struct viommu_table *table = viommu_table_generate(machine, signature, findings);
	void *bytes;
	size_t length = viommu_table_encode(table, &bytes);

	assert_int_equal(write(file, bytes, length), length);
	free(bytes);
	viommu_table_free(table);
	viommu_topology_free(machine);
	viommu_findings_free(findings);
}

static int lowest_free_descriptor(void)
{
	int file = open("/dev/null", O_RDONLY);

	close(file);
	return file;
}

/* With a failure at that allocation. Returns the number of allocations. */
static size_t read_failing(const char *path, size_t at)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_topology *topology;
	size_t n;
	int error;

	n_allocations = 0;
	fails_at = at;
	error = viommu_topology_from_file(path, findings, &topology);
	n = n_allocations;
	fails_at = NEVER;
	assert_int_equal(error, at == NEVER ? 0 : -ENOMEM);
	assert_int_equal(!topology, at != NEVER);
	assert_int_equal(no_memory_is_found(findings), at != NEVER);
	viommu_topology_free(topology);
	viommu_findings_free(findings);
	return n;
}

static void a_file_is_closed_when_an_allocation_fails(void **state)
{
	char path[] = "/tmp/viommu-test-XXXXXX";
	int file = mkstemp(path), lowest;
	long live;
	size_t n;

	(void)state;
	append_table(file, virtio_machine, "VIOT");
	append_table(file, arm_machine, "IORT");
	close(file);
	lowest = lowest_free_descriptor();
	live = n_live;
	n = read_failing(path, NEVER);
	for (size_t at = 0; at < n; at++)
		read_failing(path, at);
	assert_true(n > 100);
	assert_int_equal(n_live, live);
	assert_int_equal(lowest_free_descriptor(), lowest);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_closed_when_an_allocation_fails),
		cmocka_unit_test(no_call_ends_the_program_when_an_allocation_fails),
		cmocka_unit_test(no_call_ends_the_program_when_memory_has_run_out),
		cmocka_unit_test(threads_run_out_of_memory_by_themselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
