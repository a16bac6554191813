/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backend/call.h"
#include "backend/kernel.h"

/* Functions for both iommufd and type1: system calls, paths in sysfs, log messages, files. */

int kernel_ioctl(const struct viommu_kernel *kernel, int fd, unsigned long request, void *argument)
{
	int result;

	do
		result = OP(kernel, ioctl, fd, request, argument);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -errno : result;
}

int kernel_open(const struct viommu_kernel *kernel, const char *path)
{
	int fd = OP(kernel, open, path);

	return fd < 0 ? -errno : fd;
}

void kernel_close(const struct viommu_kernel *kernel, int fd)
{
	(void)OP(kernel, close, fd);
}

void kernel_path(char path[PATH_LENGTH], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(path, PATH_LENGTH, format, args);
	va_end(args);
}

static int take_name(const char *from, char *name, size_t room)
{
	size_t length = strlen(from);

	if (!length || length >= room)
		return -ENOENT;
	memcpy(name, from, length + 1);
	return 0;
}

int kernel_link(const struct viommu_kernel *kernel, const char *path, char *name, size_t room)
{
	char whole[2 * PATH_LENGTH], target[PATH_LENGTH];
	size_t root = strlen(kernel->ops.sysfs), last = 0;
	ssize_t length;

	if (root + strlen(path) >= sizeof(whole))
		return -ENOENT;
	memcpy(whole, kernel->ops.sysfs, root);
	memcpy(whole + root, path, strlen(path) + 1);
	length = readlink(whole, target, sizeof(target) - 1);
	if (length <= 0)
		return -ENOENT;
	target[length] = 0;
	for (size_t i = 0; i < (size_t)length; i++)
		if (target[i] == '/')
			last = i + 1;
	return take_name(target + last, name, room);
}

/* getdents64() instead of readdir(), which allocates. */
int kernel_entry(const struct viommu_kernel *kernel, const char *path, char *name, size_t room)
{
	_Alignas(struct dirent64) char entries[1024];
	char whole[2 * PATH_LENGTH];
	size_t root = strlen(kernel->ops.sysfs);
	int folder, error = -ENOENT;
	ssize_t length;

	if (root + strlen(path) >= sizeof(whole))
		return -ENOENT;
	memcpy(whole, kernel->ops.sysfs, root);
	memcpy(whole + root, path, strlen(path) + 1);
	folder = open(whole, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -ENOENT;
	length = getdents64(folder, (void *)entries, sizeof(entries));
	for (ssize_t at = 0; at < length && error;) {
		const struct dirent64 *entry = (const struct dirent64 *)&entries[at];

		if (entry->d_name[0] != '.')
			error = take_name(entry->d_name, name, room);
		at += entry->d_reclen;
	}
	close(folder);
	return error;
}

/* -- sentences ------------------------------------------------------------------- */

void kernel_log(const struct viommu_kernel *kernel, const char *format, ...)
{
	char text[256];
	va_list args;

	if (!kernel->ops.log)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	OP_VOID(kernel, log, kernel->opaque, text);
}

bool kernel_is_due(struct viommu_kernel *kernel, enum kernel_sentence sentence)
{
	uint64_t n = ++kernel->n_logged[sentence];

	return !(n & (n - 1));
}

void kernel_explain_map(void *opaque, int error, uint64_t length)
{
	struct viommu_kernel *kernel = opaque;
	struct rlimit limit;

	if (error == -ENOSPC && kernel_is_due(kernel, SENTENCE_ENTRIES))
		kernel_log(kernel,
			   "a MAP was refused: its domain has all mappings that the kernel permits;"
			   " vfio_iommu_type1.dma_entry_limit, 65535 by default, raises it");
	if (error != -ENOMEM || getrlimit(RLIMIT_MEMLOCK, &limit) ||
	    limit.rlim_cur == RLIM_INFINITY || !kernel_is_due(kernel, SENTENCE_MEMLOCK))
		return;
	kernel_log(
		kernel,
		"a MAP of %llu bytes was refused for want of memory: RLIMIT_MEMLOCK permits to pin"
		" %llu bytes in all; if that is the reason, raise it with `ulimit -l` or"
		" LimitMEMLOCK=",
		(unsigned long long)length, (unsigned long long)limit.rlim_cur);
}

/* -- files of devices --------------------------------------------------------------- */

int kernel_give_file(struct viommu_kernel *kernel, struct kernel_device *device, int file)
{
	int number = (int)(device - kernel->devices), error = 0;

	device->file = file;
	if (kernel->ops.opened)
		error = OP(kernel, opened, kernel->opaque, number, device->name, file);
	if (!error)
		return 0;
	device->file = -1;
	kernel_close(kernel, file);
	return error;
}

void kernel_close_file(struct viommu_kernel *kernel, struct kernel_device *device)
{
	if (device->file < 0)
		return;
	if (kernel->ops.closing)
		OP_VOID(kernel, closing, kernel->opaque, (int)(device - kernel->devices));
	kernel_close(kernel, device->file);
	device->file = -1;
}

/* -- limits --------------------------------------------------------------------------- */

int kernel_take_ranges(const struct viommu_kernel *kernel, const struct kernel_device *device,
		       struct viommu_limits *limits, const struct viommu_range *ranges, size_t n)
{
	limits->n_ranges = 0;
	for (size_t i = 0; i < n; i++) {
		if (ranges[i].first > ranges[i].last ||
		    (i && ranges[i].first <= ranges[i - 1].last))
			return -EPROTO;
		limits_add_range(limits, ranges[i]);
	}
	if (limits->n_ranges < n)
		kernel_log(kernel, "%s: the %zu widest of %zu ranges of addresses are used",
			   device->name, limits->n_ranges, n);
	return 0;
}

int kernel_set_limits(const struct viommu_kernel *kernel, struct kernel_device *device,
		      const struct viommu_limits *limits)
{
	const struct viommu_range *ranges = limits->ranges;
	size_t n = limits->n_ranges;

	if (!n || !limits->page_size_mask)
		return -EOPNOTSUPP;
	device->limits = *limits;
	kernel_log(kernel,
		   "%s: addresses 0x%llx to 0x%llx in %zu ranges, pages of %llu bytes, dirty pages"
		   " %stracked",
		   device->name, (unsigned long long)ranges[0].first,
		   (unsigned long long)ranges[n - 1].last, n,
		   (unsigned long long)(limits->page_size_mask & -limits->page_size_mask),
		   limits->dirty ? "" : "not ");
	return 0;
}
