/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "child.h"

/*
 * Misuse of the API, over a library built with -Dchecks=true: each kind is named by a sentence
 *
 * A misuse happens in a child, which is then aborted.
 */

static struct viommu_dma *dma;

static struct viommu_dma *begin(struct rig *rig)
{
	assert_int_equal(viommu_dma_new(rig->device, &dma), 0);
	viommu_dma_begin(dma);
	return dma;
}

struct misuse {
	void (*run)(struct rig *rig);
	struct rig *rig;
};

static void misuse_in_child(void *opaque)
{
	const struct misuse *misuse = opaque;

	misuse->run(misuse->rig);
}

static void assert_named(void **state, void (*run)(struct rig *rig), const char *sentence)
{
	struct misuse misuse = { run, *state };
	char said[WORDS];
	int status = run_in_child(misuse_in_child, &misuse, said);

	assert_string_equal(said, sentence);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* -- sections ------------------------------------------------------------------ */

static void begin_twice(struct rig *rig)
{
	viommu_dma_begin(begin(rig));
}

static void sections_of_a_handle_that_nest(void **state)
{
	assert_named(state, begin_twice,
		     "libviommu: viommu_dma_begin() was called in a section of the same handle, "
		     "and they do not nest\n");
}

static void end_twice(struct rig *rig)
{
	viommu_dma_end(begin(rig));
	viommu_dma_end(dma);
}

static void the_end_of_no_section(void **state)
{
	assert_named(state, end_twice,
		     "libviommu: viommu_dma_end() was called outside of a section\n");
}

static void translate_outside(struct rig *rig)
{
	struct viommu_translation to;

	viommu_dma_end(begin(rig));
	viommu_dma_translate(dma, EP, 0, 1, R, &to);
}

static void a_translation_outside_of_a_section(void **state)
{
	assert_named(state, translate_outside,
		     "libviommu: viommu_dma_translate() was called outside of a section\n");
}

static void *end_it(void *opaque)
{
	viommu_dma_end(opaque);
	return NULL;
}

static void end_elsewhere(struct rig *rig)
{
	pthread_t thread;

	pthread_create(&thread, NULL, end_it, begin(rig));
	pthread_join(thread, NULL);
}

static void a_section_that_another_thread_ends(void **state)
{
	assert_named(state, end_elsewhere,
		     "libviommu: viommu_dma_end() was called by another thread than the one that "
		     "began the section\n");
}

static void free_inside(struct rig *rig)
{
	viommu_dma_free(begin(rig));
}

static void a_handle_that_is_freed_inside_its_section(void **state)
{
	assert_named(state, free_inside,
		     "libviommu: viommu_dma_free() was called inside a section of the handle\n");
}

static void free_device(struct rig *rig)
{
	viommu_dma_end(begin(rig));
	viommu_free(rig->device);
}

static void a_device_that_is_freed_before_a_handle(void **state)
{
	assert_named(state, free_device,
		     "libviommu: viommu_free() was called before viommu_dma_free() of every "
		     "handle\n");
}

static void request_inside(struct rig *rig)
{
	begin(rig);
	attach(rig, 1, EP);
}

static void a_request_inside_a_section(void **state)
{
	assert_named(state, request_inside,
		     "libviommu: viommu_request() was called inside a DMA section, for which it "
		     "may wait\n");
}

static void ask_in_batch(struct rig *rig)
{
	struct viommu_endpoint_state endpoint;

	viommu_batch_begin(rig->device);
	viommu_next_endpoint(rig->device, 0, &endpoint);
}

static void a_question_in_a_batch(void **state)
{
	assert_named(state, ask_in_batch,
		     "libviommu: viommu_next_endpoint() was called in a batch of the same thread, "
		     "which has the lock that it would wait for\n");
}

/* -- batches ------------------------------------------------------------------- */

static void request_alone(struct rig *rig)
{
	viommu_batch_request(rig->device, NULL, 0, NULL, 0);
}

static void a_request_of_no_batch(void **state)
{
	assert_named(state, request_alone,
		     "libviommu: viommu_batch_request() was called without viommu_batch_begin() in "
		     "the same thread\n");
}

static void end_alone(struct rig *rig)
{
	viommu_batch_end(rig->device);
}

static void the_end_of_no_batch(void **state)
{
	assert_named(state, end_alone,
		     "libviommu: viommu_batch_end() was called without viommu_batch_begin() in the "
		     "same thread\n");
}

static void reset_in_batch(struct rig *rig)
{
	viommu_batch_begin(rig->device);
	viommu_reset(rig->device);
}

static void a_call_in_a_batch(void **state)
{
	assert_named(state, reset_in_batch,
		     "libviommu: viommu_reset() was called in a batch of the same thread, which "
		     "has the lock that it would wait for\n");
}

static void begin_in_batch(struct rig *rig)
{
	viommu_batch_begin(rig->device);
	begin(rig);
}

static void a_section_in_a_batch(void **state)
{
	assert_named(state, begin_in_batch,
		     "libviommu: viommu_dma_begin() was called in a batch of the same thread, "
		     "which waits for sections\n");
}

/* -- callbacks ----------------------------------------------------------------- */

static void reset_in_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	(void)mapping;
	viommu_reset(((struct rig *)opaque)->device);
}

static void call_in_unmap(struct rig *rig)
{
	const struct viommu_listener_ops ops = { .size = sizeof(ops), .unmap = reset_in_unmap };
	struct viommu_listener *listener;

	attach(rig, 1, EP);
	map(rig, 1, 0, 0xfff, 0, R);
	viommu_listen(rig->device, EP, &ops, rig, &listener);
	unmap(rig, 1, 0, 0xfff);
}

static void a_call_in_a_listener(void **state)
{
	assert_named(state, call_in_unmap,
		     "libviommu: viommu_reset() was called in the callback `unmap`\n");
}

static struct viommu *noisy;

static int translate_again(void *opaque, const void *record, size_t length)
{
	struct viommu_translation to;

	(void)opaque;
	(void)record;
	(void)length;
	return viommu_translate(noisy, EP, 0, 1, R, &to);
}

static void fault_in_event(struct rig *rig)
{
	const struct viommu_ops ops = { .size = sizeof(ops), .event = translate_again };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = EP };
	struct viommu_translation to;

	(void)rig;
	viommu_new(NULL, &ops, NULL, &noisy);
	viommu_endpoint_add(noisy, &endpoint);
	viommu_translate(noisy, EP, 0, 1, R, &to);
}

static void a_translation_in_event(void **state)
{
	assert_named(state, fault_in_event,
		     "libviommu: viommu_translate() was called in the callback `event`\n");
}

/* -- what is correct ----------------------------------------------------------- */

static void peek_in_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	struct rig *rig = opaque;
	struct viommu_translation to;

	assert_int_equal(
		viommu_translate(rig->device, EP, mapping->first, 1, R | VIOMMU_ACCESS_QUIET, &to),
		-EFAULT);
	viommu_count(rig->device, &(struct viommu_counters){ .size = 8 });
}

static void what_is_allowed_is_not_named(void **state)
{
	const struct viommu_listener_ops ops = { .size = sizeof(ops), .unmap = peek_in_unmap };
	struct rig *rig = *state;
	struct viommu_listener *listener;
	struct viommu_translation to;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(viommu_listen(rig->device, EP, &ops, rig, &listener), 0);
	assert_int_equal(unmap(rig, 1, 0, 0xfff), VIOMMU_S_OK);
	begin(rig);
	assert_int_equal(viommu_dma_translate(dma, EP, 0, 1, R, &to), -EFAULT);
	assert_int_equal(viommu_translate(rig->device, EP, 0, 1, R, &to), -EFAULT);
	viommu_count(rig->device, &(struct viommu_counters){ .size = 8 });
	viommu_dma_end(dma);
	viommu_dma_free(dma);
	viommu_batch_begin(rig->device);
	assert_int_equal(viommu_translate(rig->device, EP, 0, 1, R, &to), -EFAULT);
	viommu_batch_request(rig->device, NULL, 0, NULL, 0);
	viommu_batch_end(rig->device);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, plug, unplug)
	const struct CMUnitTest tests[] = {
		TEST(sections_of_a_handle_that_nest),
		TEST(the_end_of_no_section),
		TEST(a_translation_outside_of_a_section),
		TEST(a_section_that_another_thread_ends),
		TEST(a_handle_that_is_freed_inside_its_section),
		TEST(a_device_that_is_freed_before_a_handle),
		TEST(a_request_inside_a_section),
		TEST(a_question_in_a_batch),
		TEST(a_request_of_no_batch),
		TEST(the_end_of_no_batch),
		TEST(a_call_in_a_batch),
		TEST(a_section_in_a_batch),
		TEST(a_call_in_a_listener),
		TEST(a_translation_in_event),
		TEST(what_is_allowed_is_not_named),
	};

	return cmocka_run_group_tests_name("checks", tests, NULL, NULL);
}
