/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * Detection of misuse of the API: see checks.h
 *
 * The state of a thread is its callbacks, in the list of callbacks.c; its sections, in that of
 * readers.c; and the lock, which has an owner in the device.
 */

static _Thread_local char self;

/* -- callbacks ----------------------------------------------------------------- */

void checks_translate(const struct viommu *device, const char *function)
{
	const struct callback *callback = callbacks_find(device, NULL);

	if (callback && !callback->may_translate)
		callbacks_fail(function, "in the callback `", callback->name);
}

/* -- the lock ------------------------------------------------------------------ */

void checks_before_query(const struct viommu *device, const char *function)
{
	callbacks_refuse(device, NULL, function);
	if (atomic_load(&device->owner) == &self)
		callbacks_fail(
			function,
			"in a batch of the same thread, which has the lock that it would wait for",
			NULL);
}

void checks_before_lock(const struct viommu *device, const char *function)
{
	checks_before_query(device, function);
	if (readers_are_entered())
		callbacks_fail(function, "inside a DMA section, for which it may wait", NULL);
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
	callbacks_refuse(device, NULL, function);
	if (atomic_load(&device->owner) != &self)
		callbacks_fail(function, "without viommu_batch_begin() in the same thread", NULL);
}

/* -- sections ------------------------------------------------------------------ */

static bool is_inside(const struct reader *reader)
{
	return atomic_load(&reader->sections) & 1;
}

void checks_begin(const struct viommu *device, const struct reader *reader)
{
	callbacks_refuse(device, NULL, "viommu_dma_begin");
	if (is_inside(reader))
		callbacks_fail("viommu_dma_begin",
			       "in a section of the same handle, and they do not nest", NULL);
	if (atomic_load(&device->owner) == &self)
		callbacks_fail("viommu_dma_begin",
			       "in a batch of the same thread, which waits for sections", NULL);
}

void checks_in_section(const struct reader *reader, const char *function)
{
	if (!is_inside(reader))
		callbacks_fail(function, "outside of a section", NULL);
	if (!reader_is_of_thread(reader))
		callbacks_fail(function, "by another thread than the one that began the section",
			       NULL);
}

void checks_outside(const struct reader *reader, const char *function)
{
	if (is_inside(reader))
		callbacks_fail(function, "inside a section of the handle", NULL);
}

/* -- the end ------------------------------------------------------------------- */

void checks_count_handle(struct viommu *device, int more)
{
	atomic_fetch_add(&device->n_handles, more);
}

void checks_no_handles(const struct viommu *device)
{
	if (atomic_load(&device->n_handles))
		callbacks_fail("viommu_free", "before viommu_dma_free() of every handle", NULL);
}
