/* SPDX-License-Identifier: BSD-3-Clause */
/* Only main(): fuzz/command.c links everything else and calls command_main(). */
#include "command.h"

int main(int argc, char **argv)
{
	return command_main(argc, argv);
}
