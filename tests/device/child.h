/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_DEVICE_CHILD_H
#define TESTS_DEVICE_CHILD_H
#include "rig.h"

#include <sys/wait.h>
#include <unistd.h>

#define WORDS 512

/* Run a function in a child. Returns the wait status, and what it printed to stderr. */
static inline int run_in_child(void (*run)(void *opaque), void *opaque, char said[WORDS])
{
	int ends[2], status;
	size_t length = 0;
	ssize_t more;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		dup2(ends[1], STDERR_FILENO);
		alarm(20);
		run(opaque);
		_exit(0);
	}
	close(ends[1]);
	memset(said, 0, WORDS);
	while ((more = read(ends[0], said + length, WORDS - 1 - length)) > 0)
		length += (size_t)more;
	close(ends[0]);
	/* qemu-user adds a line about the signal. */
	if (strstr(said, "qemu: uncaught target signal"))
		*strstr(said, "qemu: uncaught target signal") = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}
#endif
