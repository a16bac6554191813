/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * The device lock
 *
 * What a change needs before the guest may see it is done when the lock is released: a grace period
 * (quiesce.c), and the commits of listeners (flight.c). Answers follow without the lock, so that a
 * transport can lock its queue for them.
 */

void device_lock_by(struct viommu *device, const char *function)
{
	(void)function;
	checks_before_lock(device, function);
	pthread_mutex_lock(&device->lock);
	checks_locked(device);
}

/* Without requests put off, listeners to commit and a reset, there is nothing to launch. */
static inline bool has_flights(const struct viommu *device)
{
	return device->n_pending || device->dirty || device->moving;
}

/* What is left is not finished by the unlocking. */
bool device_unlock_bounded(struct viommu *device)
{
	bool is_left = false;

	if (has_flights(device)) {
		device_synchronize_if_due(device);
		device->budget.is_bounded = true;
		flights_launch(device);
		device->budget.is_bounded = false;
		is_left = device->is_divided || device->leaves_parked;
	}
	device->budget.in_batch = false;
	device_unlock(device);
	return is_left;
}

void device_unlock(struct viommu *device)
{
	struct pending *answers = NULL;

	device_synchronize_if_due(device);
	if (has_flights(device)) {
		flights_launch(device);
		answers = flights_take_answers(device);
	}
	device->commits_now = false;
	device->budget.in_batch = false;
	device_publish_counts(device);
	checks_unlock(device);
	pthread_mutex_unlock(&device->lock);
	if (answers)
		flights_deliver(device, answers);
}
