/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * acpiview FILE SIGNATURE: UEFI's parser of tables of that kind, with what it needs of UEFI
 *
 * Built by acpiview.py with the parsers of edk2, whose types and calling convention are these. The
 * exit status is 1 if a parser counts an error.
 */
#include <Uefi.h>

#include <Library/BaseLib.h>
#include <Library/PrintLib.h>

#include "AcpiParser.h"
#include "AcpiTableParser.h"

typedef __SIZE_TYPE__ host_size;

/* The headers of edk2 hide what follows them. */
#pragma GCC visibility push(default)
int printf(const char *format, ...);
int putchar(int c);
int strcmp(const char *a, const char *b);
void *memmove(void *to, const void *from, host_size n);
void *memset(void *at, int byte, host_size n);
void *fopen(const char *path, const char *mode);
host_size fread(void *at, host_size size, host_size n, void *file);
void abort(void);
#pragma GCC visibility pop

EFI_SYSTEM_TABLE *gST; /* used for colours only, which are off */

static CHAR16 text[4096];

/* The first n characters of `text`. */
static UINTN show(UINTN n)
{
	for (UINTN i = 0; i < n; i++)
		putchar(text[i] < 128 ? text[i] : '?');
	return n;
}

UINTN EFIAPI Print(CONST CHAR16 *format, ...)
{
	VA_LIST arguments;
	UINTN n;

	VA_START(arguments, format);
	n = show(UnicodeVSPrint(text, sizeof(text), format, arguments));
	VA_END(arguments);
	return n;
}

UINTN EFIAPI AsciiPrint(CONST CHAR8 *format, ...)
{
	VA_LIST arguments;
	UINTN n;

	VA_START(arguments, format);
	n = show(UnicodeVSPrintAsciiFormat(text, sizeof(text), format, arguments));
	VA_END(arguments);
	return n;
}

VOID *EFIAPI CopyMem(VOID *to, CONST VOID *from, UINTN n)
{
	return memmove(to, from, n);
}

VOID *EFIAPI ZeroMem(VOID *at, UINTN n)
{
	return memset(at, 0, n);
}

UINTN EFIAPI StrnLenS(CONST CHAR16 *string, UINTN room)
{
	UINTN n = 0;

	while (n < room && string[n])
		n++;
	return n;
}

UINTN EFIAPI StrLen(CONST CHAR16 *string)
{
	return StrnLenS(string, (UINTN)-1);
}

UINTN EFIAPI AsciiStrnLenS(CONST CHAR8 *string, UINTN room)
{
	UINTN n = 0;

	while (n < room && string[n])
		n++;
	return n;
}

UINT16 EFIAPI ReadUnaligned16(CONST UINT16 *at)
{
	return *at;
}

UINT32 EFIAPI ReadUnaligned32(CONST UINT32 *at)
{
	return *at;
}

RETURN_STATUS EFIAPI AsciiStrnCpyS(CHAR8 *to, UINTN room, CONST CHAR8 *from, UINTN n)
{
	UINTN i = 0;

	for (; i < n && i + 1 < room && from[i]; i++)
		to[i] = from[i];
	to[i] = 0;
	return RETURN_SUCCESS;
}

UINT64 EFIAPI LShiftU64(UINT64 value, UINTN n)
{
	return value << n;
}

UINT64 EFIAPI RShiftU64(UINT64 value, UINTN n)
{
	return value >> n;
}

UINT64 EFIAPI DivU64x32Remainder(UINT64 value, UINT32 by, UINT32 *remainder)
{
	if (remainder)
		*remainder = (UINT32)(value % by);
	return value / by;
}

BOOLEAN EFIAPI DebugAssertEnabled(VOID)
{
	return TRUE;
}

VOID EFIAPI DebugAssert(CONST CHAR8 *file, UINTN line, CONST CHAR8 *what)
{
	printf("%s:%llu: assertion: %s\n", file, (unsigned long long)line, what);
	abort();
}

static const struct {
	const char *signature;
	VOID(EFIAPI *parse)(BOOLEAN, UINT8 *, UINT32, UINT8);
} parsers[] = {
	{ "IORT", ParseAcpiIort },
	{ "SRAT", ParseAcpiSrat },
};

int main(int n, char **words)
{
	static UINT8 table[1 << 20];
	void *file = n == 3 ? fopen(words[1], "rb") : NULL;
	host_size length = file ? fread(table, 1, sizeof(table), file) : 0;

	for (unsigned i = 0; length && i < sizeof(parsers) / sizeof(parsers[0]); i++)
		if (!strcmp(words[2], parsers[i].signature)) {
			parsers[i].parse(TRUE, table, (UINT32)length, table[8]);
			printf("\n%u errors, %u warnings\n", GetErrorCount(), GetWarningCount());
			return GetErrorCount() != 0;
		}
	return 2;
}
