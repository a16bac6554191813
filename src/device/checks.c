/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "device/core.h"

/*
 * Detection of misuse of the API: see checks.h
 *
 * The state of a thread is its callbacks, in a list on its stack; its sections, in the list of
 * readers.c; and the lock, which has an owner in the device.
 */

static _Thread_local const struct callback *callbacks;
static _Thread_local char self;

static _Noreturn void fail(const char *function, const char *sentence, const char *callback)
{
	fprintf(stderr, "libviommu: %s() was called %s%s%s\n", function, sentence,
		callback ? callback : "", callback ? "`" : "");
	abort();
}

/* -- callbacks ----------------------------------------------------------------- */

void checks_enter_callback(struct callback *callback)
{
	callback->outer = callbacks;
	callbacks = callback;
}

void checks_leave_callback(const struct callback *callback)
{
	callbacks = callback->outer;
}

/* The innermost of this device, or NULL. */
static const struct callback *callback_of(const struct viommu *device)
{
	const struct callback *callback = callbacks;

	while (callback && callback->device != device)
		callback = callback->outer;
	return callback;
}

void checks_translate(const struct viommu *device, const char *function)
{
	const struct callback *callback = callback_of(device);

	if (callback && !callback->may_translate)
		fail(function, "in the callback `", callback->name);
}

/* -- the lock ------------------------------------------------------------------ */

void checks_before_query(const struct viommu *device, const char *function)
{
	const struct callback *callback = callback_of(device);

	if (callback)
		fail(function, "in the callback `", callback->name);
	if (atomic_load(&device->owner) == &self)
		fail(function,
		     "in a batch of the same thread, which has the lock that it would wait for",
		     NULL);
}

void checks_before_lock(const struct viommu *device, const char *function)
{
	checks_before_query(device, function);
	if (readers_are_entered())
		fail(function, "inside a DMA section, for which it may wait", NULL);
}

void checks_locked(struct viommu *device)
{
	atomic_store(&device->owner, &self);
}

void checks_unlock(struct viommu *device)
{
	atomic_store(&device->owner, NULL);
}

void checks_is_locked(const struct viommu *device, const char *function)
{
	const struct callback *callback = callback_of(device);

	if (callback)
		fail(function, "in the callback `", callback->name);
	if (atomic_load(&device->owner) != &self)
		fail(function, "without viommu_batch_begin() in the same thread", NULL);
}

/* -- sections ------------------------------------------------------------------ */

static bool is_inside(const struct reader *reader)
{
	return atomic_load(&reader->sections) & 1;
}

void checks_begin(const struct viommu *device, const struct reader *reader)
{
	const struct callback *callback = callback_of(device);

	if (callback)
		fail("viommu_dma_begin", "in the callback `", callback->name);
	if (is_inside(reader))
		fail("viommu_dma_begin", "in a section of the same handle, and they do not nest",
		     NULL);
	if (atomic_load(&device->owner) == &self)
		fail("viommu_dma_begin", "in a batch of the same thread, which waits for sections",
		     NULL);
}

void checks_in_section(const struct reader *reader, const char *function)
{
	if (!is_inside(reader))
		fail(function, "outside of a section", NULL);
	if (!reader_is_of_thread(reader))
		fail(function, "by another thread than the one that began the section", NULL);
}

void checks_outside(const struct reader *reader, const char *function)
{
	if (is_inside(reader))
		fail(function, "inside a section of the handle", NULL);
}

/* -- the end ------------------------------------------------------------------- */

void checks_count_handle(struct viommu *device, int more)
{
	atomic_fetch_add(&device->n_handles, more);
}

void checks_no_handles(const struct viommu *device)
{
	if (atomic_load(&device->n_handles))
		fail("viommu_free", "before viommu_dma_free() of every handle", NULL);
}
