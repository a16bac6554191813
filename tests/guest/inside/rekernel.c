/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Start another kernel from the running one, as kexec does
 *
 * No firmware runs in between and no device is reset: the new kernel's driver
 * finds the IOMMU as the old one left it, with its domains and mappings.
 *
 *     rekernel KERNEL INITRAMFS COMMAND-LINE
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int kernel, initramfs;

	if (argc != 4) {
		fprintf(stderr, "usage: rekernel KERNEL INITRAMFS COMMAND-LINE\n");
		return 2;
	}
	kernel = open(argv[1], O_RDONLY | O_CLOEXEC);
	initramfs = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (syscall(SYS_kexec_file_load, kernel, initramfs, strlen(argv[3]) + 1, argv[3], 0L)) {
		perror("rekernel: cannot load");
		return 1;
	}
	reboot(RB_KEXEC);
	perror("rekernel: cannot start");
	return 1;
}
