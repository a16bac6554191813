/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is taken away, and components that cache translations: src/device/quiesce.c
 *
 * Reviewed with: src/device/quiesce.c 58fab243c2046517
 *
 * Call: src/device/mapping.c remove_and_notify NO_UNPUBLISH_FIRST: queue_removals(device, domain, first, last, REMOVALS_MAX)
 * Call: src/device/mapping.c remove_and_notify NO_UNPUBLISH_FIRST: remove_mappings(device, domain, first, end)
 * Call: src/device/mapping.c remove_part NO_UNPUBLISH_FIRST: remove_mappings(device, domain, first, end)
 * Call: src/device/mapping.c remove_part NO_WAIT: device_synchronize(device)
 * Call: src/device/quiesce.c device_synchronize NO_WAIT NO_WAIT_BEFORE_NOTICE: wait_for_sections(device)
 * Call: src/device/quiesce.c device_synchronize NOTICE: listeners_deliver_removals(device)
 * Call: src/device/attach.c endpoint_detach NO_UNPUBLISH_FIRST: leave(endpoint)
 * Call: src/device/attach.c endpoint_detach NO_WAIT_BEFORE_NOTICE: device_synchronize(device)
 * Call: src/device/attach.c endpoint_detach NOTICE: notify_left(endpoint)
 * Call: src/device/attach.c move_with_listeners NO_UNPUBLISH_FIRST: endpoint_block(endpoint)
 * Call: src/device/attach.c move_with_listeners NO_WAIT_BEFORE_NOTICE: device_synchronize(endpoint->device)
 * Call: src/device/attach.c move_with_listeners NOTICE: listeners_unmap_all(endpoint, old)
 * Call: src/device/attach.c begin_move NO_UNPUBLISH_FIRST: endpoint_block(endpoint)
 * Call: src/device/flight.c finish_moves_within NO_WAIT_BEFORE_NOTICE: device_synchronize_if_due(device)
 * Call: src/device/flight.c finish_moves_within NOTICE: finish_first_move(device)
 * Call: src/device/flight.c finish_moves_within NO_NOTICE_BEFORE_ANSWER: mapping_continue_unmap(device, budget)
 * Call: src/device/flight.c launch NO_NOTICE_BEFORE_ANSWER: finish_moves_within(device, budget)
 * Call: src/device/flight.c launch ANSWER: end(device, flight)
 * Call: src/device/lock.c device_unlock NO_NOTICE_BEFORE_ANSWER: device_synchronize_if_due(device)
 * Call: src/device/lock.c device_unlock ANSWER: flights_deliver(device, answers)
 * Call: src/device/iotlb.c viommu_iotlb_miss NO_LOCK: pthread_mutex_lock(&iotlb->lock)
 * Call: src/device/iotlb.c viommu_iotlb_miss NO_LOCK: viommu_handle_translate(
 * Call: src/device/iotlb.c viommu_iotlb_miss NO_LOCK: remember(iotlb, iova,
 *
 * The device removes a mapping: it unpublishes it, waits for sections, notifies listeners, and
 * answers; then the memory is the guest's. Two components cache translations, are filled on a miss
 * and dropped when they are notified: one fills its cache with a lock, which it also takes to drop
 * it, as <viommu/iotlb.h> does; the other inside of the DMA section that translates. Neither may
 * access memory that is the guest's again, by its cache or in a section.
 *
 * That a grace period is one, on weakly ordered processors as well, is shown by sections.pml: here
 * each step is seen by all at once.
 *
 * With one of NO_... defined, a history must exist in which a promise is broken; without, there must
 * be none.
 */

#define MODULUS 4 /* as in sections.pml */

bool mapped = true, owned;
bool cached_by_lock, cached_by_section;
bool locked;
byte sections;

active proctype with_lock()
{
	bool found;

	do
	:: d_step { cached_by_lock -> assert(!owned) }
	:: !cached_by_lock ->
#ifndef NO_LOCK
	   atomic { !locked -> locked = true }
#endif
	   found = mapped;
	   if
	   :: found -> cached_by_lock = true
	   :: else
	   fi;
	   found = false;
#ifndef NO_LOCK
	   locked = false
#endif
	od
}

active proctype with_section()
{
	bool found;

	do
	:: d_step { cached_by_section -> assert(!owned) }
	:: !cached_by_section ->
	   sections = (sections + 1) % MODULUS;
	   found = mapped;
	   if
	   :: found -> assert(!owned)
	   :: else
	   fi;
	   cached_by_section = found;
	   sections = (sections + 1) % MODULUS;
	   found = false
	od
}

inline wait()
{
	seen = sections;
	(!(seen % 2) || sections != seen);
	seen = 0
}

inline notify() /* NOTICE */
{
	atomic { !locked -> cached_by_lock = false };
	cached_by_section = false
}

active proctype device()
{
	byte seen;

	do
	:: /* UNMAP */
#ifdef NO_UNPUBLISH_FIRST
	   wait();
	   notify();
	   mapped = false;
#else
	   mapped = false;
#ifdef NO_WAIT_BEFORE_NOTICE
	   notify();
	   wait();
#else
#ifndef NO_WAIT
	   wait();
#endif
#ifndef NO_NOTICE_BEFORE_ANSWER
	   notify();
#endif
#endif
#endif
	   owned = true; /* ANSWER */
#ifdef NO_NOTICE_BEFORE_ANSWER
	   notify();
#endif
	   /* MAP */
	   owned = false;
	   mapped = true
	od
}
