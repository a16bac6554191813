/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_BASE_MEMORY_H
#define VIOMMU_BASE_MEMORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Failing allocations
 *
 * A public function opens a door and calls the function that does the work. Allocations of the work
 * are listed in the door of its thread. If malloc() fails, all listed memory is freed and longjmp()
 * ends the work, so the code in between handles no failures. If the work succeeds, the list is
 * dropped, and the remaining memory belongs to the result.
 *
 * Three rules make this safe:
 *  - memory has the lifetime of the object that points to it. An object that existed before the
 *    door was opened must not point to listed memory: containers allocate their storage for their
 *    own lifetime, and other memory is given to the object (memory_give()) after the last step that
 *    can fail;
 *  - an object that existed before is changed in steps, and is valid after each of them;
 *  - no code of a caller runs while the door is open (memory_suspend()), because longjmp() must not
 *    skip its frames.
 *
 * All memory comes from malloc(), so a result can be freed with free(). Without a door, a failure
 * ends the program: the command and the tests open none.
 */

struct memory_door {
	jmp_buf failed;
	void **slots; /* a hash set of pointers */
	size_t n, room;
	void (*undo)(void *opaque); /* cleanup if the work fails */
	void *opaque;
};

/*
 * Run an expression behind a door. Returns its value, or `failure` if an allocation failed.
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

/* End the work as if malloc() had failed, because a library has no memory. */
__attribute__((noreturn)) void memory_fail(void);

/*
 * Call undo(opaque) if the work fails, to release a resource that is not listed memory. There is
 * one such call at a time; NULL removes it.
 */
void memory_on_failure(void (*undo)(void *opaque), void *opaque);

/* Close the door while code of a caller runs, until memory_resume(). */
struct memory_door *memory_suspend(void);
void memory_resume(struct memory_door *door);

/* From now on, `memory` has the lifetime of `owner`. */
void memory_give(const void *owner, const void *memory);

/* -- allocating: none returns NULL, but for 0 bytes --------------------------------- */

void *memory_get(size_t size);
void *memory_zeroed(size_t n, size_t size);
void *memory_copy(const void *bytes, size_t length);
char *memory_text(const char *text); /* NULL for NULL */
char *memory_text_n(const char *text, size_t length);
__attribute__((format(printf, 1, 2))) char *memory_printf(const char *format, ...);
__attribute__((format(printf, 1, 0))) char *memory_vprintf(const char *format, va_list args);
void memory_free(void *memory);

#define memory_new(type, n) ((type *)memory_zeroed((n), sizeof(type)))

/* Like realloc(), for the storage of a container; the result has the lifetime of `owner`. */
void *memory_grow(const void *owner, void *old, size_t size);

static inline void memory_cleanup(void *pointer)
{
	memory_free(*(void **)pointer);
}

#define auto_free __attribute__((cleanup(memory_cleanup)))

#endif
