/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any accesses of a guest to the PCI function
 *
 * Configuration space, the BAR and the access capability, with rings that the input has set up and
 * may change. fuzz/rings.c has the rings themselves. Invariants: `interrupt` and `mapped`
 * are called for changes only; any state can be saved, and another function continues from it.
 */
#include <string.h>

#include <viommu/pci.h>

#include "fuzz.h"

#define MEMORY    0x8000u
#define PAGE      0x1000u
#define MAX_STEPS 256

enum { COMMAND = 4, BAR = 0x10, CAPABILITIES = 0x34 };
enum { MAPPED_AND_MASTER = 6, MSIX = 0x11 };
enum { STATUS = 20, TABLE = 0x3000, CONFIG = 0x4000 };

struct scene {
	struct viommu_pci *pci;
	struct rest *input;
	uint8_t memory[MEMORY];
	unsigned spent; /* of patience */
	bool level, mapped;
	uint64_t address;
	bool choice_of_line, choice_of_messages, suspend;
	uint16_t available;
};

static void *memory(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	struct scene *scene = opaque;

	(void)write;
	if (address >= MEMORY)
		return NULL;
	if (*length > MEMORY - address)
		*length = MEMORY - address;
	return scene->memory + address;
}

static void on_interrupt(void *opaque, bool level)
{
	struct scene *scene = opaque;

	must(level != scene->level);
	scene->level = level;
}

static void on_message(void *opaque, uint64_t address, uint32_t data)
{
	(void)opaque;
	(void)data;
	must(!(address % 4));
}

static void on_mapped(void *opaque, bool mapped, uint64_t address)
{
	struct scene *scene = opaque;

	must(mapped != scene->mapped || (mapped && address != scene->address));
	scene->mapped = mapped;
	scene->address = address;
}

/* -- operations ---------------------------------------------------------------- */

static void write_config(struct scene *scene)
{
	uint64_t at = take(scene->input);
	unsigned length = 1u << take(scene->input) % 3;

	viommu_pci_config_write(scene->pci, at & -(uint64_t)length, length,
				(uint32_t)take_number(scene->input, 4));
}

static void read_config(struct scene *scene)
{
	viommu_pci_config_read(scene->pci, take_number(scene->input, 2) % 0x110,
			       take(scene->input) % 6);
}

static uint64_t place(struct scene *scene)
{
	static const uint64_t structures[] = {
		0, VIOMMU_PCI_NOTIFY, 0x2000, TABLE, 0x3800, CONFIG
	};

	return structures[take(scene->input) % 6] + take(scene->input);
}

static void write_bar(struct scene *scene)
{
	uint64_t at = place(scene);
	unsigned length = 1u << take(scene->input) % 4;

	viommu_pci_bar_write(scene->pci, at & -(uint64_t)length, length,
			     take_number(scene->input, 8));
}

static void read_bar(struct scene *scene)
{
	uint64_t at = place(scene);
	unsigned length = 1u << take(scene->input) % 4;

	viommu_pci_bar_read(scene->pci, at & -(uint64_t)length, length);
}

static void access_anything(struct scene *scene)
{
	viommu_pci_bar_write(scene->pci, take_address(scene->input), take(scene->input),
			     take_number(scene->input, 8));
	viommu_pci_bar_read(scene->pci, take_address(scene->input), take(scene->input));
	viommu_pci_config_write(scene->pci, take_address(scene->input), take(scene->input), 0);
}

static unsigned msix(struct scene *scene)
{
	unsigned at = viommu_pci_config_read(scene->pci, CAPABILITIES, 1);

	while (at && viommu_pci_config_read(scene->pci, at, 1) != MSIX)
		at = viommu_pci_config_read(scene->pci, at + 1, 1);
	return at;
}

static void write_control(struct scene *scene)
{
	unsigned at = msix(scene);

	if (at)
		viommu_pci_config_write(scene->pci, at + 2, 2, (uint32_t)take(scene->input) << 8);
	viommu_pci_config_write(scene->pci, COMMAND, 2, take(scene->input));
}

static void set(struct scene *scene, uint64_t at, unsigned length, uint64_t value)
{
	viommu_pci_bar_write(scene->pci, at, length, value);
}

/* Sets up the request queue as a driver does, so that inputs need not find that by chance. */
static void set_up(struct scene *scene)
{
	enum { FEATURES_OK = 11, DRIVER_OK = 15, LOW_FEATURES = 0x77, HIGH_FEATURES = 0x901 };

	viommu_pci_config_write(scene->pci, BAR, 4, 0x20000000);
	viommu_pci_config_write(scene->pci, COMMAND, 2, MAPPED_AND_MASTER);
	set(scene, STATUS, 1, 0);
	set(scene, STATUS, 1, 3);
	set(scene, 8, 4, 0);
	set(scene, 12, 4, LOW_FEATURES);
	set(scene, 8, 4, 1);
	set(scene, 12, 4, scene->suspend ? HIGH_FEATURES : HIGH_FEATURES & ~0x800);
	set(scene, STATUS, 1, FEATURES_OK);
	for (unsigned queue = 0; queue < VIOMMU_N_QUEUES; queue++) {
		set(scene, 22, 2, queue);
		set(scene, 24, 2, 8);
		set(scene, 26, 2, take(scene->input) % 4);
		set(scene, 32, 8, queue * 3 * PAGE);
		set(scene, 40, 8, queue * 3 * PAGE + PAGE);
		set(scene, 48, 8, queue * 3 * PAGE + 2 * PAGE);
		set(scene, 28, 2, 1);
	}
	set(scene, STATUS, 1, DRIVER_OK);
	scene->available = 0;
	memset(scene->memory, 0, sizeof(scene->memory));
}

static void put(struct scene *scene, size_t at, size_t length, uint64_t value)
{
	for (size_t i = 0; i < length; i++)
		scene->memory[at + i] = (uint8_t)(value >> 8 * i);
}

/* An ATTACH, or what the input makes of it, in the split ring of the request queue. */
static void request(struct scene *scene)
{
	enum { REQUEST = 6 * PAGE, ANSWER = 6 * PAGE + 256 };
	unsigned broken = take(scene->input);

	put(scene, 0, 8, REQUEST);
	put(scene, 8, 4, VIOMMU_ATTACH_LENGTH);
	put(scene, 12, 2, 1);
	put(scene, 14, 2, 1);
	put(scene, 16, 8, ANSWER);
	put(scene, 24, 4, VIOMMU_TAIL_LENGTH);
	put(scene, 28, 2, 2);
	put(scene, REQUEST, 4, VIOMMU_T_ATTACH);
	put(scene, REQUEST + 4, 4, 1);
	put(scene, PAGE + 4 + 2 * (scene->available % 8), 2, broken > 250 ? 9 : 0);
	put(scene, PAGE + 2, 2, ++scene->available);
	set(scene, VIOMMU_PCI_NOTIFY, 2, 0);
}

static void change_status(struct scene *scene)
{
	set(scene, STATUS, 1, take(scene->input));
}

static void reset(struct scene *scene)
{
	viommu_pci_system_reset(scene->pci);
	must(!scene->level && !scene->mapped);
}

/* -- functions --------------------------------------------------------------------------- */

static struct viommu_pci *new_function(struct scene *scene)
{
	const struct viommu_pci_ops ops = { .size = sizeof(ops),
					    .memory = memory,
					    .interrupt =
						    scene->choice_of_line ? on_interrupt : NULL,
					    .message =
						    scene->choice_of_messages ? on_message : NULL,
					    .mapped = on_mapped };
	const struct viommu_pci_config config = { .size = sizeof(config),
						  .queue_size = 8,
						  .suspend = scene->suspend };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint) };
	struct viommu_pci *pci;

	must(!viommu_pci_new(NULL, &config, &ops, scene, &pci));
	must(!viommu_endpoint_add(viommu_pci_device(pci), &endpoint));
	return pci;
}

static void must_save_as(struct viommu_pci *pci, const void *bytes, size_t length)
{
	size_t again;
	void *copy;

	must(!viommu_pci_save(pci, &copy, &again));
	must(length == again && !memcmp(bytes, copy, length));
	free(copy);
}

/* Any state of a driver can be saved, and the guest continues with another function. */
static void migrate(struct scene *scene)
{
	bool level = scene->level, mapped = scene->mapped;
	char reason[VIOMMU_REASON_LENGTH];
	struct viommu_pci *other;
	size_t length;
	void *bytes;

	if (!has_patience(&scene->spent))
		return;
	must(!viommu_pci_save(scene->pci, &bytes, &length));
	scene->level = scene->mapped = false;
	other = new_function(scene);
	must(!viommu_pci_load(other, bytes, length, reason, sizeof(reason)));
	must(scene->level == level && scene->mapped == mapped);
	must_save_as(other, bytes, length);
	viommu_pci_free(scene->pci);
	scene->pci = other;
	free(bytes);
}

/* A damaged state is refused, and leaves a function as after a reset; or is one like another. */
static void load_damaged(struct scene *scene)
{
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	uint8_t *bytes;
	void *saved;

	if (!has_patience(&scene->spent))
		return;
	must(!viommu_pci_save(scene->pci, &saved, &length));
	bytes = saved;
	bytes[take_number(scene->input, 2) % length] ^= take(scene->input);
	if (viommu_pci_load(scene->pci, bytes, length, reason, sizeof(reason)))
		must(!scene->level && !scene->mapped);
	free(saved);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static void (*const steps[])(struct scene *) = {
		write_config,  read_config, write_bar,     read_bar,     access_anything,
		write_control, set_up,      change_status, request,      request,
		request,       migrate,     reset,         load_damaged, write_control,
	};
	struct rest input = { bytes, length };
	struct scene scene = { .input = &input };
	uint8_t choice = take(&input);

	scene.choice_of_line = !(choice & 1);
	scene.choice_of_messages = !(choice & 2);
	scene.suspend = choice & 4;
	scene.pci = new_function(&scene);
	set_up(&scene);
	for (int i = 0; i < MAX_STEPS && input.length; i++)
		steps[take(&input) % (sizeof(steps) / sizeof(steps[0]))](&scene);
	viommu_pci_free(scene.pci);
	return 0;
}
