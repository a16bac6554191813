/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_DEVICE_CALLBACKS_H
#define TESTS_DEVICE_CALLBACKS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Calls in callbacks, over a library built with -Dchecks=true
 *
 * A scene makes callbacks. It sets `device` when it has one, and its callbacks begin with enter().
 * For each callback and each call it runs in a child, with the call made in that callback: a
 * forbidden call aborts, with the name of the callback; a permitted one returns.
 */
struct viommu;

extern struct viommu *device;

void enter(const char *name);

struct call {
	const char *name;
	void (*call)(void);
	bool translates, is_harmless; /* takes no lock */
};

#define N_CALLS 4
extern const struct call calls[N_CALLS];

void assert_call(void (*scene)(void), const char *callback, const struct call *call, bool allowed);

/* A request of the guest, executed at once or, with `later`, when its listeners have committed. */
void send_request(const uint8_t *bytes, size_t length, bool later);

#define SEND(later, ...) \
	do { \
		static const uint8_t bytes[] = { __VA_ARGS__ }; \
\
		send_request(bytes, sizeof(bytes), later); \
	} while (0)

/* The callbacks of <viommu/pci.h>, which are those of <viommu/mmio.h> and two more. */
void transport_scene(void);

/* A callback of the device of a window of <viommu/mmio.h>. */
void window_scene(void);

/* Calls of the function and the window of these scenes. */
#define N_FUNCTION_CALLS 12
#define N_WINDOW_CALLS   10
extern const struct call function_calls[N_FUNCTION_CALLS], window_calls[N_WINDOW_CALLS];

#endif
