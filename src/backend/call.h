/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BACKEND_CALL_H
#define BACKEND_CALL_H
#include "sync/callbacks.h"

/*
 * Calls of functions of the VMM: struct viommu_backend_calls and struct viommu_kernel_ops
 *
 * With -Dchecks=true each is a callback: what <viommu/backend.h> forbids in it aborts.
 */

#ifdef VIOMMU_CHECKS

/* A backend's callbacks also forbid functions of its devices, and a kernel's those of its backend.
 */
bool backend_serves(const void *backend, const void *device);
bool kernel_serves(const void *kernel, const void *other);

#define IN_CALLBACK(owner, name, serves, call) \
	(callbacks_enter(&(struct callback){ owner, name, true, serves, NULL }), \
	 callbacks_leave(call))
#define IN_CALLBACK_VOID(owner, name, serves, call) \
	(callbacks_enter(&(struct callback){ owner, name, true, serves, NULL }), (call), \
	 (void)callbacks_leave(0))

#else

#define IN_CALLBACK(owner, name, serves, call)      ((void)(owner), (call))
#define IN_CALLBACK_VOID(owner, name, serves, call) ((void)(owner), (call))

#endif

#define CALL(backend, function, ...) \
	IN_CALLBACK(backend, "viommu_backend_calls." #function, backend_serves, \
		    (backend)->calls.function((backend)->kernel, __VA_ARGS__))
#define CALL_VOID(backend, function, ...) \
	IN_CALLBACK_VOID(backend, "viommu_backend_calls." #function, backend_serves, \
			 (backend)->calls.function((backend)->kernel, __VA_ARGS__))

#define OP(kernel, op, ...) \
	IN_CALLBACK(kernel, "viommu_kernel_ops." #op, kernel_serves, (kernel)->ops.op(__VA_ARGS__))
#define OP_VOID(kernel, op, ...) \
	IN_CALLBACK_VOID(kernel, "viommu_kernel_ops." #op, kernel_serves, \
			 (kernel)->ops.op(__VA_ARGS__))

#endif
