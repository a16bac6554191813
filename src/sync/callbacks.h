/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SYNC_CALLBACKS_H
#define SYNC_CALLBACKS_H

/*
 * Callbacks in progress in this thread, and calls that are forbidden in them, in a build with
 * -Dchecks=true
 *
 * A callback belongs to a device, a backend or a kernel. In any other build these names are empty.
 */

#ifdef VIOMMU_CHECKS

#include <stdbool.h>
#include <stddef.h>

struct callback {
	const void *owner;
	const char *name;
	bool may_translate;
	/* Are functions of this object forbidden as well? NULL: only those of the owner are. */
	bool (*serves)(const void *owner, const void *object);
	const struct callback *outer;
};

void callbacks_enter(struct callback *callback);

/* Returns `result`: the value of an expression that ends with it. */
int callbacks_leave(int result);

/* Forget the innermost callback while the library itself calls functions in it. */
const struct callback *callbacks_suspend(void);
void callbacks_resume(const struct callback *callback);

/* The innermost callback that forbids functions of the object, or NULL. `kernel`: what a backend
 * calls; otherwise NULL. */
const struct callback *callbacks_find(const void *object, const void *kernel);

/* Print a message and abort. `callback` may be NULL. */
_Noreturn void callbacks_fail(const char *function, const char *sentence, const char *callback);

#define CALLBACK_BEGIN(device, name, may_translate) \
	callbacks_enter(&(struct callback){ device, name, may_translate, NULL, NULL })
#define CALLBACK_END()     (void)callbacks_leave(0)
#define CALLBACK_SUSPEND() const struct callback *suspended_ = callbacks_suspend()
#define CALLBACK_RESUME()  callbacks_resume(suspended_)

/* Abort if a callback forbids functions of the object. */
void callbacks_refuse(const void *object, const void *kernel, const char *function);

#else

#define callbacks_refuse(object, kernel, function)  (void)0
#define CALLBACK_BEGIN(device, name, may_translate) (void)0
#define CALLBACK_END()                              (void)0
#define CALLBACK_SUSPEND()                          (void)0
#define CALLBACK_RESUME()                           (void)0

#endif

#endif
