/* SPDX-License-Identifier: BSD-3-Clause */
#include <signal.h>

#include "callbacks.h"
#include "child.h"

struct viommu *device;
static const char *callback; /* in which `call` is made */
static void (*call)(void);
static unsigned n_calls;

void enter(const char *name)
{
	if (device && !strcmp(name, callback) && !n_calls++)
		call();
}

/* -- the calls -------------------------------------------------------------------- */

static void translate(void)
{
	struct viommu_translation to;

	viommu_translate(device, EP, 0x1000, 1, R | VIOMMU_ACCESS_QUIET, &to);
}

static void begin_section(void)
{
	struct viommu_dma *dma;

	if (!viommu_dma_new(device, &dma))
		viommu_dma_begin(dma);
	viommu_dma_end(dma);
	viommu_dma_free(dma);
}

static void take_the_lock(void)
{
	viommu_endpoint_remove(device, NO_ENDPOINT);
}

static void read_without_lock(void)
{
	viommu_count(device, &(struct viommu_counters){ .size = 8 });
	viommu_configuration(device);
}

const struct call calls[N_CALLS] = {
	{ "viommu_translate", translate, .translates = true },
	{ "viommu_dma_begin", begin_section, .translates = false },
	{ "viommu_endpoint_remove", take_the_lock, .translates = false },
	{ "viommu_count", read_without_lock, .is_harmless = true },
};

void send_request(const uint8_t *bytes, size_t length, bool later)
{
	static uint8_t kept[VIOMMU_ATTACH_TABLE_LENGTH];
	struct iovec in = { kept, length };
	static uint8_t tail[VIOMMU_TAIL_LENGTH];
	struct iovec out = { tail, sizeof(tail) };

	memcpy(kept, bytes, length);
	if (later)
		viommu_submit(device, &in, 1, &out, 1, kept);
	else
		viommu_request(device, &in, 1, &out, 1);
}

/* -- the child -------------------------------------------------------------------- */

static void play(void *scene)
{
	(*(void (**)(void))scene)();
	_exit(n_calls ? 0 : 3);
}

void assert_call(void (*scene)(void), const char *name, const struct call *wanted_call,
		 bool allowed)
{
	char said[WORDS], wanted[WORDS];
	int status;

	callback = name;
	call = wanted_call->call;
	status = run_in_child(play, &scene, said);
	snprintf(wanted, sizeof(wanted), "libviommu: %s() was called in the callback `%s`\n",
		 wanted_call->name, callback);
	assert_string_equal(said, allowed ? "" : wanted);
	if (allowed && (!WIFEXITED(status) || WEXITSTATUS(status)))
		fail_msg("%s in `%s`: status 0x%x", wanted_call->name, callback, (unsigned)status);
	if (!allowed)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
