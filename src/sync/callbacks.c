/* SPDX-License-Identifier: BSD-3-Clause */
#include "sync/callbacks.h"

#include <stdio.h>
#include <stdlib.h>

/* Each callback is on the stack of its thread, and the list leads outwards. */
static _Thread_local const struct callback *callbacks;

void callbacks_enter(struct callback *callback)
{
	callback->outer = callbacks;
	callbacks = callback;
}

int callbacks_leave(int result)
{
	callbacks = callbacks->outer;
	return result;
}

const struct callback *callbacks_suspend(void)
{
	const struct callback *callback = callbacks;

	if (callback)
		callbacks = callback->outer;
	return callback;
}

void callbacks_resume(const struct callback *callback)
{
	if (callback)
		callbacks = callback;
}

static bool serves(const struct callback *callback, const void *object)
{
	return object && callback->serves && callback->serves(callback->owner, object);
}

/* `kernel` is the VMM's pointer, and may equal that of a device: it is not compared with owners. */
const struct callback *callbacks_find(const void *object, const void *kernel)
{
	const struct callback *callback = callbacks;

	while (callback && callback->owner != object && !serves(callback, object) &&
	       !serves(callback, kernel))
		callback = callback->outer;
	return callback;
}

void callbacks_fail(const char *function, const char *sentence, const char *callback)
{
	fprintf(stderr, "libviommu: %s() was called %s%s%s\n", function, sentence,
		callback ? callback : "", callback ? "`" : "");
	abort();
}

void callbacks_refuse(const void *object, const void *kernel, const char *function)
{
	const struct callback *callback = callbacks_find(object, kernel);

	if (callback)
		callbacks_fail(function, "in the callback `", callback->name);
}
