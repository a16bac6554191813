/* SPDX-License-Identifier: BSD-3-Clause */
/* The program around the commands, which fuzz/command.c calls without it. */
#include "command.h"

int main(int argc, char **argv)
{
	return command_main(argc, argv);
}
