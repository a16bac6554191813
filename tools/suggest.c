/* SPDX-License-Identifier: BSD-3-Clause */
/* The word that was meant, after a typing error. */
#include <string.h>

#include "command.h"

/* The number of letters to insert, delete, replace or swap with a neighbour: the distance of
 * Damerau and Levenshtein without overlapping swaps. Words are of the command, and short. */
#define LENGTH_MAX 64

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	return MIN(MIN(a, b), c);
}

static unsigned distance(const char *one, const char *other)
{
	unsigned d[LENGTH_MAX + 1][LENGTH_MAX + 1];
	size_t n = strlen(one), m = strlen(other);

	if (n > LENGTH_MAX || m > LENGTH_MAX)
		return LENGTH_MAX;
	for (size_t i = 0; i <= n; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++)
		for (size_t j = 1; j <= m; j++) {
			d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1,
					d[i - 1][j - 1] + (one[i - 1] != other[j - 1]));
			if (i > 1 && j > 1 && one[i - 1] == other[j - 2] &&
			    one[i - 2] == other[j - 1])
				d[i][j] = MIN(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[n][m];
}

/* One letter of three may be wrong, and a word may be unfinished. */
static bool is_near(const char *word, const char *candidate, unsigned letters)
{
	enum { PER_ERROR = 3, UNFINISHED_MIN = 3 };
	size_t length = strlen(word);

	return letters <= length / PER_ERROR ||
	       (length >= UNFINISHED_MIN && g_str_has_prefix(candidate, word));
}

char *did_you_mean(const char *word, const char *const *candidates)
{
	const char *nearest = NULL;
	unsigned least_letters = LENGTH_MAX;

	for (; *candidates; candidates++) {
		unsigned letters = distance(word, *candidates);

		if (letters < least_letters && is_near(word, *candidates, letters)) {
			nearest = *candidates;
			least_letters = letters;
		}
	}
	return nearest ? g_strdup_printf("; did you mean \"%s\"?", nearest) : g_strdup("");
}
