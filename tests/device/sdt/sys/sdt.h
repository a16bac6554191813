/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_DEVICE_SDT_H
#define TESTS_DEVICE_SDT_H

#include <stdint.h>

/* In the place of the system's: probe points call test_probes.c. */
void probe_hit(const char *name, unsigned n, const uint64_t *values);

#define HIT(name, ...) \
	probe_hit(#name, sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t), \
		  (uint64_t[]){ __VA_ARGS__ })
#define WORD(value)                         (uint64_t)(value)
#define DTRACE_PROBE1(of, name, a)          HIT(name, (uintptr_t)(a))
#define DTRACE_PROBE2(of, name, a, b)       HIT(name, (uintptr_t)(a), WORD(b))
#define DTRACE_PROBE3(of, name, a, b, c)    HIT(name, (uintptr_t)(a), WORD(b), WORD(c))
#define DTRACE_PROBE4(of, name, a, b, c, d) HIT(name, (uintptr_t)(a), WORD(b), WORD(c), WORD(d))
#define DTRACE_PROBE5(of, name, a, b, c, d, e) \
	HIT(name, (uintptr_t)(a), WORD(b), WORD(c), WORD(d), WORD(e))

#endif
