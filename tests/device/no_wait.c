/* SPDX-License-Identifier: BSD-3-Clause */
#include "sync/readers.h"

/*
 * In the place of readers_synchronize(), by the linker (--wrap): no section is waited for. What
 * then goes wrong is what waiting is good for, and the tests that are linked with this must see it.
 */

void __wrap_readers_synchronize(struct readers *readers);

void __wrap_readers_synchronize(struct readers *readers)
{
	(void)readers;
}
