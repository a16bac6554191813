/* SPDX-License-Identifier: BSD-3-Clause */
#include <time.h>

#include "device/core.h"

/*
 * Queries, which only read, beside the owner of the device lock
 *
 * The owner may wait for long, for DMA sections or for a listener that commits. The objects of the
 * device do not change then, and a query need not wait as well: it may be made in the section, or
 * by the listener's other threads. It holds `waiting_lock`, without which the owner does not go on.
 */

/* Try for so long before looking again whether the owner waits. */
#define QUERY_NAP_NS 1000000
#define NS_PER_S     1000000000

/*
 * The wall clock may be set back. A query that still slept would keep the owner waiting, if it is
 * made in a section. ThreadSanitizer does not know pthread_mutex_clocklock().
 */
#if defined(__GLIBC_PREREQ) && !defined(__SANITIZE_THREAD__)
#if __GLIBC_PREREQ(2, 30)
#define HAS_CLOCKLOCK
#endif
#endif

#ifdef HAS_CLOCKLOCK
#define QUERY_CLOCK                  CLOCK_MONOTONIC
#define take_lock_until(lock, until) pthread_mutex_clocklock(lock, QUERY_CLOCK, until)
#else
#define QUERY_CLOCK                  CLOCK_REALTIME
#define take_lock_until(lock, until) pthread_mutex_timedlock(lock, until)
#endif

static bool take_lock_soon(struct viommu *device)
{
	struct timespec until;

	clock_gettime(QUERY_CLOCK, &until);
	until.tv_nsec += QUERY_NAP_NS;
	until.tv_sec += until.tv_nsec / NS_PER_S;
	until.tv_nsec %= NS_PER_S;
	return !take_lock_until(&device->lock, &until);
}

static bool borrow(struct viommu *device)
{
	pthread_mutex_lock(&device->waiting_lock);
	if (device->is_waiting)
		return true;
	pthread_mutex_unlock(&device->waiting_lock);
	return false;
}

bool device_begin_query_by(struct viommu *device, const char *function)
{
	bool owns_lock = false;

	(void)function;
	checks_before_query(device, function);
	if (!pthread_mutex_trylock(&device->lock))
		owns_lock = true;
	while (!owns_lock && !borrow(device))
		owns_lock = take_lock_soon(device);
	if (owns_lock)
		checks_locked(device);
	return owns_lock;
}

void device_end_query(struct viommu *device, bool owns_lock)
{
	if (owns_lock)
		checks_unlock(device);
	pthread_mutex_unlock(owns_lock ? &device->lock : &device->waiting_lock);
}

static void set_waiting(struct viommu *device, bool is_waiting)
{
	pthread_mutex_lock(&device->waiting_lock);
	device->is_waiting = is_waiting;
	pthread_mutex_unlock(&device->waiting_lock);
}

/* Query functions take no lock, because its owner may wait for the section of their caller. */
void device_publish_counts(struct viommu *device)
{
	count_publish(&device->published_domains, device->domains.count);
	count_publish(&device->published_mappings, device->n_mappings);
	count_publish(&device->published_bytes, device->n_bytes);
	count_publish(&device->published_endpoints, device->endpoints.count);
	count_publish(&device->published_pending, device->n_pending);
	count_raise(&device->most_domains, device->domains.count);
	count_raise(&device->most_mappings, device->n_mappings);
	count_raise(&device->most_bytes, device->n_bytes);
}

void device_begin_wait(struct viommu *device)
{
	if (device->is_waiting)
		return;
	device_publish_counts(device);
	set_waiting(device, true);
}

void device_end_wait(struct viommu *device)
{
	set_waiting(device, false);
}
