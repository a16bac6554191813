/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sync/readers.h"

/*
 * A reader is allocated when a thread first needs one, and reused when its thread has ended. The
 * list only grows, so that the writer can walk it while readers are added; it is freed with the
 * device.
 *
 * A thread may outlive the device, and the device its threads. So a reader found by a thread
 * belongs to both, and the last one to release it frees it: see enum reader_state.
 */

_Static_assert(sizeof(struct reader) <= READER_BYTES, "a reader has lines of its own");

/* -- the list of readers ------------------------------------------------------------- */

static struct reader *first_of(const struct readers *readers)
{
	struct reader *reader = atomic_load_explicit(&readers->first, memory_order_acquire);

	annotate_acquire(&readers->first);
	return reader;
}

static struct reader *take_free(struct readers *readers)
{
	struct reader *reader = first_of(readers);

	for (; reader; reader = reader->next) {
		enum reader_state free_one = READER_FREE;

		if (atomic_compare_exchange_strong(&reader->state, &free_one, READER_TAKEN))
			break;
	}
	if (reader)
		annotate_acquire(&reader->state);
	return reader;
}

static void add(struct readers *readers, struct reader *reader)
{
	reader->next = atomic_load_explicit(&readers->first, memory_order_relaxed);
	do
		annotate_release(&readers->first);
	while (!atomic_compare_exchange_weak(&readers->first, &reader->next, reader));
}

struct reader *reader_new(struct readers *readers)
{
	struct reader *reader = take_free(readers);

	if (reader)
		return reader;
	reader = aligned_alloc(READER_BYTES, READER_BYTES);
	if (!reader)
		return NULL;
	reader->of = readers;
	reader->next_of_thread = NULL;
	annotate_release(&reader->sections);
	atomic_init(&reader->sections, 0);
	annotate_atomic(&reader->is_awaited, sizeof(reader->is_awaited));
	atomic_init(&reader->is_awaited, 0);
	annotate_atomic(&reader->scope, sizeof(reader->scope));
	atomic_init(&reader->scope, NULL);
	atomic_init(&reader->thread, 0);
	atomic_init(&reader->subject, 0);
	annotate_release(&reader->state);
	atomic_init(&reader->state, READER_TAKEN);
	add(readers, reader);
	return reader;
}

static bool is_in_section(const struct reader *reader)
{
	return atomic_load_explicit(&reader->sections, memory_order_relaxed) & 1;
}

/* If the thread ended inside a section, end the section: the next owner begins outside of one, and
 * its sections reach anything. */
void reader_free(struct reader *reader)
{
	enum reader_state taken = READER_TAKEN;

	if (is_in_section(reader))
		reader_leave(reader);
	atomic_store_explicit(&reader->scope, NULL, memory_order_relaxed);
	annotate_release(&reader->state);
	if (!atomic_compare_exchange_strong(&reader->state, &taken, READER_FREE))
		free(reader);
}

void readers_fini(struct readers *readers)
{
	struct reader *reader = first_of(readers);

	while (reader) {
		struct reader *next = reader->next;

		if (atomic_exchange(&reader->state, READER_ORPHAN) == READER_FREE)
			free(reader);
		reader = next;
	}
}

/* -- the reader of a thread ------------------------------------------------------------- */

/*
 * Thread-local memory of a library loaded with dlopen() is allocated on first use, and glibc ends
 * the process if it cannot. The initial-exec model has it from the start, and reads it without a
 * call.
 */
#ifdef __GLIBC__
#define TLS_INITIAL_EXEC __attribute__((tls_model("initial-exec")))
#else
#define TLS_INITIAL_EXEC
#endif

/* The readers of this thread, and those whose sections it is in; the latest first. */
static _Thread_local struct reader *found TLS_INITIAL_EXEC;
static _Thread_local struct reader *entered TLS_INITIAL_EXEC;

/* A key whose destructor runs when a thread ends; whether it will run for this one. */
static pthread_key_t at_exit;
static bool at_exit_works;
static _Thread_local bool is_armed TLS_INITIAL_EXEC;

/* Sections that the thread is in end with it: it accesses nothing any more. */
static void leave_thread(void *unused)
{
	(void)unused;
	is_armed = false;
	while (entered) {
		struct reader *reader = entered;

		entered = reader->outer;
		reader_leave(reader);
	}
	while (found) {
		struct reader *reader = found;

		found = reader->next_of_thread;
		reader_free(reader);
	}
}

static void prepare(void)
{
	at_exit_works = !pthread_key_create(&at_exit, leave_thread);
}

/* The library may be unloaded before its threads end. */
__attribute__((destructor)) static void unload(void)
{
	if (at_exit_works)
		pthread_key_delete(at_exit);
}

static bool is_of(const struct reader *reader, const struct readers *readers)
{
	return reader->of == readers &&
	       atomic_load_explicit(&reader->state, memory_order_relaxed) == READER_TAKEN;
}

/* Remove the thread's reader from its list and return it, or NULL. Orphans are freed on the way. */
static struct reader *unlink_from_thread(const struct readers *readers)
{
	struct reader **at = &found;

	while (*at) {
		struct reader *reader = *at;
		bool is_orphan = atomic_load(&reader->state) == READER_ORPHAN;

		if (!is_orphan && !is_of(reader, readers)) {
			at = &reader->next_of_thread;
			continue;
		}
		*at = reader->next_of_thread;
		if (!is_orphan)
			return reader;
		free(reader);
	}
	return NULL;
}

/* The number that the system's tools show; arm() sets it. */
static _Thread_local int number TLS_INITIAL_EXEC;

/* Once for each thread, so it does not cost sections registers. */
__attribute__((noinline, cold)) static bool arm(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (!number)
		number = (int)syscall(SYS_gettid);
	pthread_once(&once, prepare);
	is_armed = at_exit_works && !pthread_setspecific(at_exit, &at_exit);
	return is_armed;
}

__attribute__((noinline)) static struct reader *find_or_make(struct readers *readers)
{
	struct reader *reader;

	if (!is_armed && !arm())
		return NULL;
	reader = unlink_from_thread(readers);
	if (!reader)
		reader = reader_new(readers);
	if (!reader)
		return NULL;
	atomic_store_explicit(&reader->thread, number, memory_order_relaxed);
	reader->next_of_thread = found;
	found = reader;
	return reader;
}

struct reader *readers_of_thread(struct readers *readers)
{
	struct reader *reader = found;

	return reader && is_of(reader, readers) ? reader : find_or_make(readers);
}

/* -- sections that end with their thread ---------------------------------------- */

void reader_begin(struct reader *reader)
{
	if (!is_armed)
		arm();
	atomic_store_explicit(&reader->thread, number, memory_order_relaxed);
	atomic_store_explicit(&reader->subject, 0, memory_order_relaxed);
	reader->reached = NULL;
	atomic_store_explicit(&reader->scope, NULL, memory_order_relaxed);
	reader->outer = entered;
	entered = reader;
	reader_enter(reader);
}

/* A section that has ended with its thread is not running: a destructor may run after ours. */
void reader_end(struct reader *reader)
{
	struct reader **at = &entered;

	while (*at && *at != reader)
		at = &(*at)->outer;
	if (*at)
		*at = reader->outer;
	if (is_in_section(reader))
		reader_leave(reader);
}

#ifdef VIOMMU_CHECKS
bool readers_are_entered(void)
{
	return entered;
}

bool reader_is_of_thread(const struct reader *reader)
{
	const struct reader *at = entered;

	while (at && at != reader)
		at = at->outer;
	return at;
}
#endif

/* -- waking the writer ----------------------------------------------------------- */

/*
 * For so long, or until the word is not 1. The kernel's timespec has two longs here. A kernel of 32
 * bits may lack this call, and have one with another timespec: then the sleep is not ended early.
 */
static void sleep_on(_Atomic(uint32_t) *word, const struct timespec *nap)
{
#ifdef SYS_futex
	const long timeout[2] = { 0, nap->tv_nsec };

	if (!syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 1, timeout, NULL, 0) || errno != ENOSYS)
		return;
#else
	(void)word;
#endif
	nanosleep(nap, NULL);
}

__attribute__((cold)) void reader_wake_writer(struct reader *reader)
{
	atomic_store_explicit(&reader->is_awaited, 0, memory_order_relaxed);
#ifdef SYS_futex
	syscall(SYS_futex, &reader->is_awaited, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
#endif
	sched_yield();
}

/* -- threads without a reader -------------------------------------------------- */

/*
 * A thread without a reader is counted in the current phase. A writer that finds some counted
 * begins the other phase and waits for those of the old one, so that new ones do not delay it. A
 * thread that is counted, and still sees its phase current, is waited for by the writer that ends
 * the phase. Otherwise it may be too late, and enters again. tests/model/unregistered.pml checks
 * all histories.
 */
unsigned readers_enter_unregistered(struct readers *readers)
{
	for (;;) {
		unsigned phase = atomic_load(&readers->phase);

		atomic_fetch_add(&readers->unregistered[phase], 1);
		fence();
		if (atomic_load(&readers->phase) == phase)
			return phase;
		atomic_fetch_sub(&readers->unregistered[phase], 1);
	}
}

void readers_leave_unregistered(struct readers *readers, unsigned phase)
{
	annotate_release(&readers->unregistered[phase]);
	atomic_fetch_sub(&readers->unregistered[phase], 1);
}

/* -- the writer ------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A wait for one section. */
struct wait {
	const struct readers *readers;
	struct reader *reader; /* NULL: unregistered */
	uint64_t begin, patience_ns;
	bool has_asked;
};

static struct wait wait_begin(struct readers *readers, struct reader *reader)
{
	if (!readers->is_waiting && readers->waits)
		readers->waits(readers, true);
	readers->is_waiting = true;
	return (struct wait){ readers, reader, now_ns(), readers->patience_ns, false };
}

static void wait_is_long(struct wait *wait, uint64_t waited)
{
	if (!wait->readers->overdue || waited < wait->patience_ns)
		return;
	wait->readers->overdue(wait->readers, wait->reader, waited);
	wait->patience_ns *= 2;
}

/*
 * Ask the reader, and those behind it that are in sections, to wake the writer. All at once: one
 * whose thread is preempted outside of a section does not delay the next grace period.
 */
static void ask_to_wake(struct reader *reader)
{
	for (; reader; reader = reader->next)
		if (is_in_section(reader))
			atomic_store_explicit(&reader->is_awaited, 1, memory_order_relaxed);
}

/*
 * Sections are short, unless their thread was preempted or blocks. The caller looks at the section
 * between the request to wake the writer and the first sleep. A reader that misses the request does
 * not wake it, so the sleep is short, too.
 */
static void back_off(struct wait *wait)
{
	enum { SPIN_NS = 4000, NAP_NS = 50000 };
	static const struct timespec nap = { .tv_nsec = NAP_NS };
	uint64_t waited = now_ns() - wait->begin;

	if (waited < SPIN_NS)
		return;
	if (!wait->has_asked)
		ask_to_wake(wait->reader);
	else if (wait->reader)
		sleep_on(&wait->reader->is_awaited, &nap);
	else
		nanosleep(&nap, NULL);
	wait->has_asked = true;
	wait_is_long(wait, waited);
}

/* Could the section, which has begun, use what was unpublished? */
static bool is_concerned(const struct readers *readers, const struct reader *reader)
{
	const void *scope = atomic_load_explicit(&reader->scope, memory_order_acquire);

	annotate_acquire(&reader->scope);
	return !scope || !readers->concerns || readers->concerns(scope);
}

/* A section that finds its object meanwhile may turn out not to be concerned. */
static void wait_for(struct readers *readers, struct reader *reader)
{
	uint64_t sections = atomic_load_explicit(&reader->sections, memory_order_acquire);

	if (sections & 1 && is_concerned(readers, reader)) {
		struct wait wait = wait_begin(readers, reader);

		while (atomic_load_explicit(&reader->sections, memory_order_acquire) == sections &&
		       is_concerned(readers, reader))
			back_off(&wait);
		atomic_store_explicit(&reader->is_awaited, 0, memory_order_relaxed);
		readers->waited_ns += now_ns() - wait.begin;
	}
	annotate_acquire(&reader->sections);
}

/* No thread is counted in the other phase: the writer before has waited for them. */
static void wait_for_unregistered(struct readers *readers)
{
	unsigned phase = atomic_load_explicit(&readers->phase, memory_order_relaxed);

	if (atomic_load_explicit(&readers->unregistered[phase], memory_order_acquire)) {
		struct wait wait = wait_begin(readers, NULL);

		atomic_store(&readers->phase, !phase);
		while (atomic_load(&readers->unregistered[phase]))
			back_off(&wait);
	}
	annotate_acquire(&readers->unregistered[phase]);
}

void readers_synchronize(struct readers *readers)
{
	struct reader *reader;

	readers->waited_ns = 0;
	fence();
	reader = first_of(readers);
	for (; reader; reader = reader->next)
		wait_for(readers, reader);
	wait_for_unregistered(readers);
	if (readers->is_waiting && readers->waits)
		readers->waits(readers, false);
	readers->is_waiting = false;
}
