/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BASE_MEMORY_H
#define VIOMMU_BASE_MEMORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Memory that can run out
 *
 * A public function opens a door, and calls the function that does the work. What the work
 * allocates is listed in the door of its thread. If malloc() fails, everything in the list is freed
 * and the work is left with longjmp(), so that no code in between has to handle a failure. If the
 * work returns, the list is dropped, and what is left of its memory belongs to the result.
 *
 * Three rules make this safe:
 *  - memory has the lifetime of what points to it. An object that was there before the door opened
 *    must not point to memory in the list: containers allocate their storage for their own
 * lifetime, and what else is linked into such an object is given to it (memory_give()) when nothing
 * can fail any more;
 *  - an object that was there before is changed in steps, and is valid after each of them;
 *  - no code of a caller runs while the door is open (memory_suspend()), for longjmp() must not
 *    leave frames of others.
 *
 * Everything is malloc()ed, so a result can be freed with free(). Without a door a failure ends the
 * program: the command and the tests have none.
 */

struct memory_door {
	jmp_buf failed;
	void **slots; /* a hash set of pointers */
	size_t n, room;
	void (*undo)(void *opaque); /* what else to do if the work fails */
	void *opaque;
};

/*
 * Run an expression behind a door. Its value is the expression's, or `failure` if memory ran out.
 *
 *     struct viommu_table *table = memory_or(NULL, table_decode(bytes, length, file, findings));
 */
#define memory_or(failure, expression) \
	__extension__({ \
		struct memory_door door_; \
		__typeof__(expression) result_; \
		memory_open(&door_); \
		if (!setjmp(door_.failed)) { \
			result_ = (expression); \
			memory_close(&door_); \
		} else { \
			result_ = (failure); \
		} \
		result_; \
	})

void memory_open(struct memory_door *door);
void memory_close(struct memory_door *door);

/* Leave the work, as if malloc() had failed: some library that it calls has no memory. */
__attribute__((noreturn)) void memory_fail(void);

/* Call undo(opaque) if the work fails: it holds something that is not memory of this file. One at a
 * time; NULL: no longer. */
void memory_on_failure(void (*undo)(void *opaque), void *opaque);

/* Call code of a caller: no door is open until memory_resume(). */
struct memory_door *memory_suspend(void);
void memory_resume(struct memory_door *door);

/* `memory` lives as long as `owner` from here on. */
void memory_give(const void *owner, const void *memory);

/* -- allocating: none returns NULL, but for 0 bytes --------------------------------- */

void *memory_get(size_t size);
void *memory_zeroed(size_t n, size_t size);
void *memory_copy(const void *bytes, size_t length);
char *memory_text(const char *text); /* NULL of NULL */
char *memory_text_n(const char *text, size_t length);
__attribute__((format(printf, 1, 2))) char *memory_printf(const char *format, ...);
__attribute__((format(printf, 1, 0))) char *memory_vprintf(const char *format, va_list args);
void memory_free(void *memory);

#define memory_new(type, n) ((type *)memory_zeroed((n), sizeof(type)))

/* Storage of a container: as realloc(), with the lifetime of `owner`. */
void *memory_grow(const void *owner, void *old, size_t size);

static inline void memory_cleanup(void *pointer)
{
	memory_free(*(void **)pointer);
}

#define auto_free __attribute__((cleanup(memory_cleanup)))

#endif
