/* SPDX-License-Identifier: BSD-3-Clause */
/* Beside the main() of a fuzzer, as replay.c is beside its own. */
#include "fuzz.h"

const bool replaying = false;
