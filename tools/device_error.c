/* SPDX-License-Identifier: BSD-3-Clause */
/* What is wrong with the name of a device that was asked for. */
#include <stdbool.h>
#include <string.h>

#include <glib.h>

#include "device_error.h"

/* The parts of a function, from the last one, and the character behind each. */
static const struct {
	const char *text;
	guint64 last;
	char before; /* the character before the part, unless it is the first */
} parts[] = {
	{ "functions are 0 to 7", 0x7, '.' },
	{ "devices are 00 to 1f", 0x1f, ':' },
	{ "buses are 00 to ff", 0xff, ':' },
	{ "segments are 0000 to ffff", 0xffff, '\0' },
};

#define OF_VMD \
	"; Linux gives higher ones to functions behind a VMD, which sends their DMA: ask for the " \
	"function of the VMD"

#define PARTS_MIN 3 /* a function without a segment */

static const char *begin_of_part(const char *text, const char *end)
{
	while (end > text && g_ascii_isxdigit(end[-1]))
		end--;
	return end;
}

static bool is_out_of_range(const char *digits, const char *end, guint64 last)
{
	guint64 number = g_ascii_strtoull(digits, NULL, 16);

	return end - digits > (gssize)sizeof(number) * 2 || number > last;
}

/* The first part that is out of range; NULL: there is none, or the text is no function. */
static const char *wrong_part(const char *text)
{
	const char *end = text + strlen(text), *wrong = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		const char *digits = begin_of_part(text, end);

		if (digits == end)
			return NULL;
		if (is_out_of_range(digits, end, parts[i].last))
			wrong = parts[i].text;
		if (digits == text)
			return i + 1 < PARTS_MIN ? NULL : wrong;
		if (digits[-1] != parts[i].before)
			return NULL;
		end = digits - 1;
	}
	return NULL;
}

char *device_error_text(const char *device, const char *otherwise)
{
	const char *wrong = wrong_part(device);

	if (wrong)
		return g_strdup_printf("out of range: %s, in hexadecimal%s", wrong,
				       wrong == parts[PARTS_MIN].text ? OF_VMD : "");
	if (*device && g_file_test(device, G_FILE_TEST_EXISTS))
		return g_strdup("it is a file, and files follow the devices");
	return g_strdup(otherwise);
}
