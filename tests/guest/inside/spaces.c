/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Processes that share their addresses with viommu-dma, through the module viommu_spaces
 *
 * Each line of output is a statement that was checked, and ends with "yes" or "NO". Words select
 * tests; without words, all run but those that need help from outside or a certain module
 * (`named`).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module/viommu_spaces.h"

#define MEBIBYTE (1ull << 20)
#define CANARY   0x5ca1ab1e5ca1ab1eull

enum { WRITE = 1, READ = 2, ATS = 1, PRI = 2, DONE = 0, BUSY = 1, FAULT = 2, REFUSED = 3 };

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

static void say(const char *what, bool holds)
{
	printf("%s: %s\n", what, holds ? "yes" : "NO");
	fflush(stdout);
}

static uint64_t hash(uint64_t value)
{
	value ^= value >> 31;
	value *= 0x9e3779b97f4a7c15ull;
	return value ^ value >> 29;
}

static int bound(void)
{
	int file = open("/dev/viommu-spaces", O_RDWR | O_CLOEXEC);

	must(file >= 0, "/dev/viommu-spaces");
	must(!ioctl(file, VIOMMU_SPACES_BIND), "BIND");
	return file;
}

static void start(int file, unsigned command, const void *at, uint64_t length, uint64_t seed,
		  unsigned flags)
{
	const struct viommu_spaces_dma dma = { (uintptr_t)at, length, seed, command, flags };

	must(!ioctl(file, VIOMMU_SPACES_START, &dma), "START");
}

static struct viommu_spaces_result result_of(int file)
{
	struct viommu_spaces_result result;

	must(!ioctl(file, VIOMMU_SPACES_RESULT, &result), "RESULT");
	return result;
}

static struct viommu_spaces_result await(int file)
{
	struct viommu_spaces_result result;

	while ((result = result_of(file)).status == BUSY)
		usleep(1000);
	return result;
}

static uint64_t *memory(uint64_t length)
{
	void *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(at != MAP_FAILED, "mmap");
	return at;
}

static bool has_pattern(const uint64_t *at, uint64_t length, uint64_t seed)
{
	for (uint64_t i = 0; i < length / 8; i++)
		if (at[i] != hash(seed ^ (uintptr_t)(at + i)))
			return false;
	return true;
}

static bool is_all(const uint64_t *at, uint64_t length, uint64_t value)
{
	for (uint64_t i = 0; i < length / 8; i++)
		if (((const volatile uint64_t *)at)[i] != value)
			return false;
	return true;
}

static uint64_t sum_of(const uint64_t *at, uint64_t length)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < length / 8; i++)
		sum += hash(at[i] ^ (uintptr_t)(at + i));
	return sum;
}

/* -- tests ------------------------------------------------------------------------ */

static void untouched(void)
{
	const uint64_t length = 64 * MEBIBYTE;
	uint64_t *at = memory(length);
	int file = bound();
	struct viommu_spaces_result before = result_of(file), result;

	start(file, WRITE, at, length, 1, PRI | ATS);
	result = await(file);
	say("64 MiB of untouched memory were written",
	    result.status == DONE && result.done == length);
	say("by page requests", result.requests > before.requests);
	printf("page requests: %u\n", result.requests - before.requests);
	say("the process reads what was written", has_pattern(at, length, 1));
	start(file, READ, at, length, 0, PRI);
	say("the device reads what the process has", await(file).sum == sum_of(at, length));
	munmap(at, length);
	close(file);
}

static void kernel(void)
{
	static const uint64_t addresses[] = { 0xffff888000000000, 0xffffffff81000000,
					      0x8000000000000000, 0xfffffffffffff000 };
	int file = bound();
	bool refused = true;

	for (unsigned i = 0; i < 4; i++)
		for (unsigned flags = 0; flags <= PRI; flags += PRI) {
			struct viommu_spaces_result result;

			start(file, READ, (void *)addresses[i], 8, 0, flags);
			result = await(file);
			refused &= (result.status == FAULT || result.status == REFUSED) &&
				   !result.sum && !result.done;
		}
	say("addresses of the kernel are refused", refused);
	close(file);
}

static void protect(void)
{
	uint64_t *at = memory(MEBIBYTE);
	int file = bound();

	memset(at, 0x11, MEBIBYTE);
	start(file, WRITE, at, MEBIBYTE, 2, PRI | ATS);
	await(file);
	must(!mprotect(at, MEBIBYTE, PROT_READ), "mprotect");
	start(file, WRITE, at, MEBIBYTE, 3, PRI | ATS);
	say("read-only memory is not written", await(file).status == REFUSED);
	say("and keeps its contents", has_pattern(at, MEBIBYTE, 2));
	must(!munmap(at, MEBIBYTE), "munmap");
	start(file, READ, at, 8, 0, PRI | ATS);
	say("unmapped memory is refused", await(file).status == REFUSED);
	close(file);
}

static void copies(void)
{
	const uint64_t length = 4 * MEBIBYTE;
	uint64_t *at = memory(length);
	int file = bound(), ends[2], status;
	pid_t child;
	char byte;

	start(file, WRITE, at, length, 4, PRI | ATS);
	await(file);
	must(!pipe(ends), "pipe");
	child = fork();
	if (!child) {
		must(read(ends[0], &byte, 1) == 1, "read");
		_exit(!has_pattern(at, length, 4));
	}
	start(file, WRITE, at, length, 5, PRI | ATS);
	say("memory was written after fork()", await(file).status == DONE);
	must(write(ends[1], "", 1) == 1, "write");
	must(waitpid(child, &status, 0) == child, "waitpid");
	say("the child has the old contents", WIFEXITED(status) && !WEXITSTATUS(status));
	say("the parent has the new ones", has_pattern(at, length, 5));
	close(file);
}

/* Pages are taken away and used otherwise while the device writes all of them. */
static void taken(void)
{
	const uint64_t length = 8 * MEBIBYTE, part = MEBIBYTE / 4;
	uint64_t *at = memory(length), *other;
	int file = bound();
	struct viommu_spaces_result before = result_of(file), result;
	bool intact = true, done = true;

	madvise(at, length, MADV_NOHUGEPAGE);
	for (unsigned round = 0; round < 24; round++) {
		uint64_t from = hash(round) % (length / part) * part;

		start(file, WRITE, at, length, round, PRI | ATS);
		usleep(hash(round) % 3000);
		must(!madvise((char *)at + from, part, MADV_DONTNEED), "madvise");
		other = memory(2 * part);
		for (uint64_t i = 0; i < 2 * part / 8; i++)
			other[i] = CANARY;
		done &= await(file).status == DONE;
		intact &= is_all(other, 2 * part, CANARY);
		munmap(other, 2 * part);
	}
	result = await(file);
	say("DMA goes on while pages are taken away", done);
	say("and reaches no page that was given to others", intact);
	say("the device drops what it has cached", result.drops > before.drops);
	printf("changes of tables: %u, translations dropped: %u, used again: %u\n",
	       result.invalidations, result.drops - before.drops, result.hits - before.hits);
	close(file);
}

/* A process ends while the device writes its memory. */
static void ending(void)
{
	const uint64_t length = 32 * MEBIBYTE;
	int file = open("/dev/viommu-spaces", O_RDWR), status;
	bool intact = true, ended = true;

	for (unsigned round = 0; round < 8; round++) {
		pid_t child = fork();
		uint64_t *other;

		if (!child) {
			start(bound(), WRITE, memory(length), length, round, PRI | ATS);
			usleep(hash(round) % 20000);
			raise(SIGKILL);
		}
		must(waitpid(child, &status, 0) == child, "waitpid");
		ended &= WIFSIGNALED(status);
		other = memory(length);
		for (uint64_t i = 0; i < length / 8; i++)
			other[i] = CANARY;
		ended &= await(file).status != BUSY;
		intact &= is_all(other, length, CANARY);
		munmap(other, length);
	}
	say("processes end with DMA under way", ended);
	say("and none of their memory is written afterwards", intact);
	close(file);
}

/* The same address in two processes. */
static void two(void)
{
	uint64_t *at = memory(MEBIBYTE), sums[2];
	int mine = bound(), ends[2], status;
	pid_t child;

	must(!pipe(ends), "pipe");
	memset(at, 1, MEBIBYTE);
	child = fork();
	if (!child) {
		int file = bound();

		memset(at, 2, MEBIBYTE);
		start(file, READ, at, MEBIBYTE, 0, PRI | ATS);
		sums[0] = await(file).sum;
		must(write(ends[1], sums, 8) == 8, "write");
		_exit(sums[0] != sum_of(at, MEBIBYTE));
	}
	must(read(ends[0], &sums[0], 8) == 8, "read");
	must(waitpid(child, &status, 0) == child, "waitpid");
	start(mine, READ, at, MEBIBYTE, 0, PRI | ATS);
	sums[1] = await(mine).sum;
	say("two processes have their own memory at one address",
	    WIFEXITED(status) && !WEXITSTATUS(status) && sums[1] == sum_of(at, MEBIBYTE) &&
		    sums[0] != sums[1]);
	close(mine);
}

static void hold(bool on)
{
	int file = open("/sys/module/viommu_spaces/parameters/hold", O_WRONLY);

	must(file >= 0 && write(file, on ? "Y" : "N", 1) == 1, "hold");
	close(file);
}

/*
 * A page request is open from the creation of /tmp/asked until somebody has created /tmp/moved. In
 * between, the machine may be another.
 */
static void held(void)
{
	uint64_t *at = memory(MEBIBYTE);
	int file = bound();
	struct viommu_spaces_result before = result_of(file), result;

	hold(true);
	start(file, WRITE, at, MEBIBYTE, 9, PRI);
	do
		result = result_of(file);
	while (result.requests == before.requests);
	say("a page request has no answer", result.status == BUSY && !result.done);
	must(!close(open("/tmp/asked", O_CREAT | O_WRONLY, 0600)), "/tmp/asked");
	while (access("/tmp/moved", F_OK))
		usleep(10000);
	result = result_of(file);
	say("it has none in the other machine",
	    result.status == BUSY && !result.done && result.requests == before.requests + 1);
	hold(false);
	result = await(file);
	say("the answer is given there", result.status == DONE && result.done == MEBIBYTE);
	say("and the process reads what was written", has_pattern(at, MEBIBYTE, 9));
	close(file);
}

/* What the last kernel left behind. */
static void left(void)
{
	int file = open("/dev/viommu-spaces", O_RDWR);

	must(file >= 0, "/dev/viommu-spaces");
	say("the DMA of the first kernel was refused", result_of(file).status == REFUSED);
	close(file);
}

/* PASIDs of paging domains, by the kernel's core: viommu_sva only. */
static void pair(void)
{
	int file = open("/dev/viommu-spaces", O_RDWR);
	struct viommu_spaces_pair pair;

	must(file >= 0, "/dev/viommu-spaces");
	must(!ioctl(file, VIOMMU_SPACES_PAIR, &pair), "PAIR");
	say("two PASIDs reach their own pages", pair.own[0] == DONE && pair.own[1] == DONE);
	say("neither reaches the other's", pair.others[0] == FAULT && pair.others[1] == FAULT);
	say("nor a page that was unmapped, nor anything when it is detached",
	    pair.unmapped == FAULT && pair.detached == FAULT);
	say("what was refused has written nothing", pair.intact);
	close(file);
}

/* Mapped and unmapped by the kernel's DMA API, without PASID. */
static void churn(void)
{
	struct viommu_spaces_churn churn = { .rounds = 100000 };
	int file = open("/dev/viommu-spaces", O_RDWR);

	must(file >= 0, "/dev/viommu-spaces");
	must(!ioctl(file, VIOMMU_SPACES_CHURN, &churn), "CHURN");
	say("memory was mapped and unmapped 100000 times, and written while it was mapped",
	    churn.written >= churn.rounds / 2);
	say("also with DMA under way", churn.under_way > 0);
	say("and never after that", !churn.damaged);
	printf("rounds: %u, written in: %u, unmapped during DMA: %u\n", churn.rounds, churn.written,
	       churn.under_way);
	close(file);
}

static const struct test {
	const char *name;
	void (*run)(void);
} named[] = {
	{ "held", held },
	{ "left", left },
	{ "pair", pair },
	{ "churn", churn },
};

static const struct test tests[] = {
	{ "untouched", untouched },
	{ "kernel", kernel },
	{ "protect", protect },
	{ "copies", copies },
	{ "taken", taken },
	{ "ending", ending },
	{ "two", two },
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		for (int k = 1; k < argc; k++)
			if (!strcmp(argv[k], named[i].name))
				named[i].run();
	for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		for (int k = argc > 1 ? 1 : 0; k < argc; k++)
			if (argc == 1 || !strcmp(argv[k], tests[i].name))
				tests[i].run();
	return 0;
}
