/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * orders: does the protocol of readers hold in every order of its accesses? It ends at a violation.
 *
 * As litmus.c, but the processor is simulated, so that the result does not depend on what else
 * runs. The accesses of the code itself are replaced: each thread has a buffer of stores, which
 * other threads see later, as on x86 and every other processor with store buffers; loads are not
 * delayed. What only one thread uses has no buffer. Before each access to what is shared, any
 * thread may go on, and any buffer may give its oldest store to memory. All histories are run, one
 * after the other. It fails if a reader that found the object saw it freed before its section
 * ended. A build without one of the fences (tests/sync/meson.build) must find such a history, and
 * fails if it does not.
 *
 * WITH_SCOPES: the section names another object first, and the writer waits only for those that
 * reach what it removes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#include "sync/fence.h"
#include "sync/annotate.h"

/* No time passes: histories with a writer that sleeps would depend on the clock. */
static int begin_of_time(struct timespec *ret_now)
{
	*ret_now = (struct timespec){ 0 };
	return 0;
}

#define clock_gettime(clock, now) begin_of_time(now)

static void order(const volatile void *at);
static void load(const volatile void *at, void *value, size_t size);
static void store(volatile void *at, const void *value, size_t size);
static void drain_own(void);

/* The type of what is there, without _Atomic. */
#define PLAIN(at) __typeof__(((void)0, *(at)))

#undef atomic_load_explicit
#undef atomic_load
#undef atomic_store_explicit
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_weak
#undef atomic_init
#define atomic_load_explicit(at, ordering) \
	__extension__({ \
		PLAIN(at) value_; \
		load((at), &value_, sizeof(value_)); \
		value_; \
	})
#define atomic_load(at) atomic_load_explicit(at, memory_order_seq_cst)
#define atomic_store_explicit(at, new, ordering) \
	__extension__({ \
		PLAIN(at) new_ = (new); \
		store((at), &new_, sizeof(new_)); \
	})
/* Nobody else has the object yet. */
#define atomic_init(at, new) (*(at) = (new))
#define exchange_if(at, expected, new) \
	__extension__({ \
		PLAIN(at) new_ = (new); \
		order(at); \
		drain_own(); \
		__atomic_compare_exchange_n((__typeof__(new_) *)(at), (expected), new_, false, \
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	})
#define atomic_compare_exchange_strong exchange_if
#define atomic_compare_exchange_weak   exchange_if

/* The function whose fence is left out. */
#ifdef WITHOUT
#define IS_BROKEN true
#define fence()   (strcmp(__func__, WITHOUT) ? drain_own() : (void)0)
#else
#define IS_BROKEN false
#define fence()   drain_own()
#endif
#include "sync/readers.h"
#include "../../src/sync/readers.c"

/* -- what is run --------------------------------------------------------------------------- */

static struct readers readers;
static struct reader *reader;
static _Atomic(int) gone, freed;
static bool is_violated;

static void use(void)
{
	if (!atomic_load_explicit(&gone, memory_order_relaxed))
		is_violated |= atomic_load_explicit(&freed, memory_order_relaxed) != 0;
}

#ifdef WITH_SCOPES
enum { N_WAYS = 1 }; /* the writer knows the reader */

static const char removed, kept;

static bool concerns(const void *object)
{
	return object == &removed;
}

static void read_once(void)
{
	if (!reader)
		reader = reader_new(&readers);
	reader_begin(reader);
	reader_reach(reader, &kept, 0);
	reader_reach(reader, &removed, 0);
	use();
	reader_end(reader);
}
#else
enum { N_WAYS = 2 };

static bool concerns(const void *object)
{
	return object;
}

static void read_once(void)
{
	if (!reader)
		reader = reader_new(&readers);
	reader_enter(reader);
	use();
	reader_leave(reader);
}
#endif

static void write_once(void)
{
	atomic_store_explicit(&gone, 1, memory_order_relaxed);
	readers_synchronize(&readers);
	atomic_store_explicit(&freed, 1, memory_order_relaxed);
}

/* -- the processor ------------------------------------------------------------------------- */

enum { N_THREADS = 2, N_BUFFERED = 8, STACK_BYTES = 1 << 16, MAX_STEPS = 256, LOOP = 4 };

static struct thread {
	ucontext_t context;
	char stack[STACK_BYTES];
	bool has_ended;
	struct {
		volatile void *at;
		uint64_t value;
		size_t size;
	} buffer[N_BUFFERED];
	unsigned n_buffered;

	/* The last loads of two places, and how often they gave the same: from LOOP on, it waits
	 * for another value. */
	struct seen {
		const volatile void *at;
		uint64_t value;
		size_t size;
	} seen[2];
	unsigned n_same;
} threads[N_THREADS];

static void (*const functions[N_THREADS])(void) = { read_once, write_once };
static struct thread *current; /* NULL: nothing is simulated */
static ucontext_t scheduler;

static bool is_shared(const volatile void *at)
{
	return at == &gone || at == &freed || at == &readers.first ||
	       (reader && (at == &reader->sections || at == &reader->scope));
}

/* Others may go on first. A fence need not be such a place: what follows it is. */
static void order(const volatile void *at)
{
	if (current && is_shared(at))
		swapcontext(&current->context, &scheduler);
}

/* Only the reader itself changes these, so its loads of them are in any order. */
static bool is_own(const volatile void *at)
{
	return reader && (at == &reader->sections || at == &reader->scope) &&
	       current == &threads[0];
}

static void drain_one(struct thread *thread)
{
	memcpy((void *)(uintptr_t)thread->buffer[0].at, &thread->buffer[0].value,
	       thread->buffer[0].size);
	thread->n_buffered--;
	memmove(thread->buffer, thread->buffer + 1, thread->n_buffered * sizeof(thread->buffer[0]));
}

static void drain_own(void)
{
	while (current && current->n_buffered)
		drain_one(current);
}

static void remember(struct seen seen)
{
	for (unsigned i = 0; i < 2; i++)
		if (current->seen[i].at == seen.at && current->seen[i].value == seen.value) {
			current->n_same++;
			return;
		}
	current->n_same = 0;
	if (current->seen[0].at != seen.at)
		current->seen[1] = current->seen[0];
	current->seen[0] = seen;
}

/* What a thread has stored, it loads, even if others do not. */
static void load(const volatile void *at, void *value, size_t size)
{
	uint64_t seen = 0;

	if (!is_own(at))
		order(at);
	memcpy(&seen, (const void *)(uintptr_t)at, size);
	for (unsigned i = 0; current && i < current->n_buffered; i++)
		if (current->buffer[i].at == at)
			seen = current->buffer[i].value;
	memcpy(value, &seen, size);
	if (current)
		remember((struct seen){ at, seen, size });
}

static void store(volatile void *at, const void *value, size_t size)
{
	order(at);
	if (!current || !is_shared(at)) {
		memcpy((void *)(uintptr_t)at, value, size);
		return;
	}
	if (current->n_buffered == N_BUFFERED)
		drain_one(current);
	current->buffer[current->n_buffered].at = at;
	current->buffer[current->n_buffered].value = 0;
	memcpy(&current->buffer[current->n_buffered].value, value, size);
	current->buffer[current->n_buffered++].size = size;
}

static bool has_changed(const struct seen *seen)
{
	uint64_t now = 0;

	if (!seen->at)
		return false;
	memcpy(&now, (const void *)(uintptr_t)seen->at, seen->size);
	return now != seen->value;
}

/* A loop goes on when there is another value. */
static bool may_run(const struct thread *thread)
{
	if (thread->has_ended || thread->n_same < LOOP)
		return !thread->has_ended;
	return has_changed(&thread->seen[0]) || has_changed(&thread->seen[1]);
}

/* -- all histories --------------------------------------------------------------------------- */

static struct {
	unsigned taken, n;
} steps[MAX_STEPS];
static unsigned n_steps, at_step;

static unsigned choose(unsigned n)
{
	if (at_step == n_steps) {
		steps[n_steps].taken = 0;
		steps[n_steps++].n = n;
	}
	return steps[at_step++].taken;
}

/* The history after this one: another choice at the last step that has one. */
static bool next_history(void)
{
	at_step = 0;
	while (n_steps && steps[n_steps - 1].taken + 1 == steps[n_steps - 1].n)
		n_steps--;
	if (n_steps)
		steps[n_steps - 1].taken++;
	return n_steps;
}

static void run(unsigned i)
{
	functions[i]();
	threads[i].has_ended = true;
	current = NULL;
	setcontext(&scheduler);
}

static void begin(unsigned i)
{
	struct thread *thread = &threads[i];

	thread->has_ended = false;
	thread->n_buffered = thread->n_same = 0;
	memset(thread->seen, 0, sizeof(thread->seen));
	getcontext(&thread->context);
	thread->context.uc_stack.ss_sp = thread->stack;
	thread->context.uc_stack.ss_size = STACK_BYTES;
	makecontext(&thread->context, (void (*)(void))run, 1, i);
}

static bool step(void)
{
	struct thread *runs[N_THREADS], *drains[N_THREADS];
	unsigned n_runs = 0, n_drains = 0, choice;

	for (unsigned i = 0; i < N_THREADS; i++) {
		if (may_run(&threads[i]))
			runs[n_runs++] = &threads[i];
		if (threads[i].n_buffered)
			drains[n_drains++] = &threads[i];
	}
	if (!(n_runs + n_drains))
		return false;
	choice = choose(n_runs + n_drains);
	if (choice >= n_runs) {
		drain_one(drains[choice - n_runs]);
		return true;
	}
	current = runs[choice];
	swapcontext(&scheduler, &current->context);
	current = NULL;
	return true;
}

/* With a reader that the writer knows, or with one that is made meanwhile. */
static void run_history(bool is_new)
{
	readers = (struct readers){ .concerns = concerns };
	reader = NULL;
	gone = freed = 0;
	if (!is_new)
		reader = reader_new(&readers);
	for (unsigned i = 0; i < N_THREADS; i++)
		begin(i);
	while (step())
		;
	reader_free(reader);
	readers_fini(&readers);
}

int main(void)
{
	unsigned long n = 0;

	for (int is_new = 0; is_new < N_WAYS; is_new++)
		do {
			run_history(is_new);
			n++;
		} while (!is_violated && next_history());
	printf("%lu histories, %s\n", n, is_violated ? "the last broken" : "none broken");
	return is_violated != IS_BROKEN;
}
