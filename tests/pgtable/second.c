/* SPDX-License-Identifier: BSD-3-Clause */
/* A second walker of all table formats, which shares no code with src/pgtable */
#include "second.h"

#include <stddef.h>

typedef uint64_t u64;

#define BIT(word, n)        (((word) >> (n)) % 2)
#define FIELD(word, hi, lo) (((word) << (63 - (hi))) >> (63 - (hi) + (lo)))

static struct answer2 fault(const char *name, int level)
{
	return (struct answer2){ .fault = name, .level = level };
}

static struct answer2 found(u64 pa, u64 size, unsigned perm, int level)
{
	return (struct answer2){ .pa = pa, .size = size, .perm = perm, .level = level };
}

static struct answer2 same(u64 va)
{
	return found(va, 0, SECOND_R | SECOND_W | SECOND_X, -1);
}

/* Part of an address inside of a block; sizes are powers of two. */
static u64 inside(u64 va, u64 size)
{
	return va % size;
}

/* -- generic ------------------------------------------------------------------- */

static struct answer2 generic_at(struct question *q, u64 table, int level, u64 size)
{
	u64 *word = q->word(q->opaque, table + q->va / size % 512 * 8);
	unsigned perm;

	if (!word)
		return fault("walk-abort", level);
	if (!BIT(*word, 0))
		return fault("translation", level);
	if (BIT(*word, 1)) {
		if (level == 3)
			return fault("reserved", 3);
		return generic_at(q, FIELD(*word, 51, 12) * 4096, level + 1, size / 512);
	}
	if (level == 0)
		return fault("reserved", 0);
	perm = (BIT(*word, 2) ? SECOND_R | SECOND_X : 0) | (BIT(*word, 3) ? SECOND_W : 0);
	if (q->access & 7 & ~perm)
		return fault("permission", level);
	return found(FIELD(*word, 51, 0) / size * size + inside(q->va, size), size, perm, level);
}

struct answer2 second_generic(struct question *q)
{
	if (q->va >= (u64)1 << 48)
		return fault("input-range", 0);
	return generic_at(q, FIELD(q->raw[0], 51, 12) * 4096, 0, (u64)1 << 39);
}

/* -- x86 ----------------------------------------------------------------------- */

struct x86 {
	struct question *q;
	bool nxe, wp, smep;
};

static struct answer2 x86_at(const struct x86 *x, u64 table, int level, bool write, bool user,
			     bool exec)
{
	struct question *q = x->q;
	u64 size = (u64)4096 << 9 * (level - 1), *word, entry;
	bool privileged = q->access & SECOND_P;
	struct answer2 answer;

	word = q->word(q->opaque, table + q->va / size % 512 * 8);
	if (!word)
		return fault("walk-abort", level);
	entry = *word;
	if (!BIT(entry, 0))
		return fault("translation", level);
	for (unsigned i = q->output_bits; i < 52; i++)
		if (BIT(entry, i))
			return fault("reserved", level);
	if (BIT(entry, 63) && !x->nxe)
		return fault("reserved", level);
	if (level >= 4 && BIT(entry, 7))
		return fault("reserved", level);
	if (level == 3 && BIT(entry, 7) && !q->gigabyte)
		return fault("reserved", level);
	write = write && BIT(entry, 1);
	user = user && BIT(entry, 2);
	exec = exec && !BIT(entry, 63);
	if (level > 1 && !BIT(entry, 7)) {
		answer = x86_at(x, FIELD(entry, 51, 12) * 4096, level - 1, write, user, exec);
		if (!answer.fault && q->updates)
			*word |= 0x20;
		return answer;
	}
	if (level == 2 && FIELD(entry, 20, 13))
		return fault("reserved", level);
	if (level == 3 && FIELD(entry, 29, 13))
		return fault("reserved", level);
	answer = found(FIELD(entry, 51, 0) / size * size + inside(q->va, size), size, 0, level);
	if (user || privileged)
		answer.perm = SECOND_R | (write || (privileged && !x->wp) ? SECOND_W : 0) |
			      (exec && !(privileged && user && x->smep) ? SECOND_X : 0);
	if (q->access & 7 & ~answer.perm)
		return fault("permission", level);
	if (q->updates)
		*word |= q->access & SECOND_W ? 0x60 : 0x20;
	return answer;
}

/* Bits from the top one of the input up. */
static bool is_canonical(u64 va, int top)
{
	return (int64_t)(va << (63 - top)) >> (63 - top) == (int64_t)va;
}

static struct answer2 x86_from(const struct x86 *x, u64 root, int levels, bool upper)
{
	int top = levels == 5 ? 56 : 47;

	if (!is_canonical(x->q->va, top) || (BIT(x->q->va, 63) && !upper))
		return fault("non-canonical", levels);
	return x86_at(x, root, levels, true, true, true);
}

struct answer2 second_x86(struct question *q)
{
	const u64 *raw = q->raw;
	struct x86 x = { q, BIT(raw[2], 5), BIT(raw[2], 4), BIT(raw[2], 6) };
	u64 type = FIELD(raw[0], 8, 6), mode = FIELD(raw[2], 3, 2);

	if (!BIT(raw[0], 0) || (type != 1 && type != 4))
		return fault("context", -1);
	if (type == 1 &&
	    (mode > 1 || (mode == 1 && !q->five) || BIT(raw[2], 7) || raw[2] >> q->output_bits))
		return fault("context", -1);
	if (q->access & SECOND_P && !BIT(raw[2], 0))
		return fault("context", -1);
	if (q->access & SECOND_X && !BIT(raw[2], 1))
		return fault("context", -1);
	if (type == 4)
		return same(q->va);
	return x86_from(&x, raw[2] / 4096 * 4096, mode ? 5 : 4, true);
}

struct answer2 second_x86_contexts(struct question *q)
{
	u64 pasid = q->pasid == NO_PROCESS ? FIELD(q->raw[1], 19, 0) : (u64)q->pasid;
	u64 count = (u64)64 << (FIELD(q->raw[0], 11, 9) + 7), *word;
	u64 place;

	if (pasid >= count)
		return fault("context", -1);
	word = q->word(q->opaque, q->raw[0] / 4096 * 4096 + pasid / 64 * 8);
	if (!word || !BIT(*word, 0))
		return fault("context", -1);
	place = *word / 4096 * 4096 + pasid % 64 * 64;
	for (int i = 0; i < 3; i++) {
		word = q->word(q->opaque, place + 8 * (u64)i);
		if (!word)
			return fault("context", -1);
		q->raw[i] = *word;
	}
	return second_x86(q);
}

struct answer2 second_amd_contexts(struct question *q)
{
	struct x86 x = { q, true, true, false };
	u64 pasid = q->pasid == NO_PROCESS ? 0 : (u64)q->pasid;
	u64 table = FIELD(q->raw[0], 51, 12) * 4096;

	if (q->pasid == NO_PROCESS && !q->giov)
		return fault("context", -1);
	for (unsigned level = q->glx + 1; level; level--) {
		u64 reach = (u64)1 << 9 * (level - 1);
		u64 *word;

		if (pasid / reach >= 512)
			return fault("context", -1);
		word = q->word(q->opaque, table + pasid / reach * 8);
		if (!word || !BIT(*word, 0))
			return fault("context", -1);
		table = FIELD(*word, 51, 12) * 4096;
		pasid %= reach;
	}
	if (table >> q->output_bits)
		return fault("context", -1);
	return x86_from(&x, table, (int)q->levels, q->pasid != NO_PROCESS);
}

/* -- RISC-V -------------------------------------------------------------------- */

static struct answer2 riscv_at(struct question *q, u64 table, int level, bool sum, bool sade)
{
	u64 size = (u64)4096 << 9 * level, *word, entry, ppn;
	bool privileged = q->access & SECOND_P;
	bool r, w, x, u;
	unsigned perm = 0;

	word = q->word(q->opaque, table + q->va / size % 512 * 8);
	if (!word)
		return fault("walk-abort", level);
	entry = *word;
	r = BIT(entry, 1), w = BIT(entry, 2), x = BIT(entry, 3), u = BIT(entry, 4);
	ppn = FIELD(entry, 53, 10);
	if (!BIT(entry, 0))
		return fault("translation", level);
	if ((w && !r) || FIELD(entry, 58, 54) || (FIELD(entry, 60, 59) && !q->rsw) ||
	    FIELD(entry, 62, 61) == 3 || (FIELD(entry, 62, 61) && !q->pbmt) ||
	    (BIT(entry, 63) && !q->napot) || (BIT(entry, 63) && level))
		return fault("reserved", level);
	if (!r && !x) {
		if (BIT(entry, 6) || BIT(entry, 7) || u || FIELD(entry, 63, 61))
			return fault("reserved", level);
		if (!level)
			return fault("translation", 0);
		return riscv_at(q, ppn * 4096, level - 1, sum, sade);
	}
	if (u ? !privileged || sum : privileged)
		perm |= (r ? SECOND_R : 0) | (w ? SECOND_W : 0);
	if (x && u == !privileged)
		perm |= SECOND_X;
	if (q->access & 7 & ~perm)
		return fault("permission", level);
	if (ppn * 4096 % size)
		return fault("reserved", level);
	if (BIT(entry, 63)) {
		if (ppn % 16 != 8)
			return fault("reserved", level);
		size = 65536;
	}
	if (!BIT(entry, 6) || (q->access & SECOND_W && !BIT(entry, 7))) {
		if (!sade)
			return fault("access-flag", level);
		*word |= q->access & SECOND_W ? 0xc0 : 0x40;
	}
	return found(ppn * 4096 / size * size + inside(q->va, size), size, perm, level);
}

struct answer2 second_riscv(struct question *q)
{
	u64 ta = q->raw[0], fsc = q->raw[1];
	bool sade = BIT(q->raw[2], 8);
	int levels = (int)FIELD(fsc, 63, 60) - 5;

	if (!BIT(ta, 0) || FIELD(ta, 11, 3) || ta >> 32 || FIELD(fsc, 59, 44))
		return fault("context", -1);
	if (FIELD(fsc, 63, 60) != 0 && (levels < 3 || levels > 5))
		return fault("context", -1);
	if (q->access & SECOND_P && !BIT(ta, 1))
		return fault("context", -1);
	if (FIELD(fsc, 63, 60) == 0)
		return same(q->va);
	if (!is_canonical(q->va, 9 * levels + 11))
		return fault("non-canonical", levels - 1);
	return riscv_at(q, FIELD(fsc, 43, 0) * 4096, levels - 1, BIT(ta, 2), sade);
}

struct answer2 second_riscv_contexts(struct question *q)
{
	static const u64 reach[] = { 1, 1 << 8, 1 << 17, 1 << 20 };
	u64 pasid = q->pasid == NO_PROCESS ? 0 : (u64)q->pasid;
	unsigned mode = (unsigned)FIELD(q->raw[1], 63, 60);
	u64 table = FIELD(q->raw[1], 43, 0) * 4096, *words[2];

	if (q->pasid == NO_PROCESS && !BIT(q->raw[2], 9))
		return same(q->va);
	if (pasid >= reach[mode])
		return fault("context", -1);
	for (; mode > 1; mode--) {
		u64 *word = q->word(q->opaque, table + pasid / reach[mode - 1] * 8);

		if (!word || !BIT(*word, 0) || FIELD(*word, 9, 1) || FIELD(*word, 63, 54))
			return fault("context", -1);
		table = FIELD(*word, 53, 10) * 4096;
		pasid %= reach[mode - 1];
	}
	words[0] = q->word(q->opaque, table + pasid * 16);
	words[1] = q->word(q->opaque, table + pasid * 16 + 8);
	if (!words[0] || !words[1])
		return fault("context", -1);
	q->raw[0] = *words[0];
	q->raw[1] = *words[1];
	return second_riscv(q);
}

/* -- Arm ----------------------------------------------------------------------- */

struct arm {
	struct question *q;
	u64 page;
	unsigned ips;
	bool ds, hierarchy, ha, hd, affd, wxn, pan;
};

/* What the tables above forbid. */
struct above {
	bool user, write, pxn, uxn;
};

static u64 arm_output(const struct arm *a, u64 entry, u64 size)
{
	u64 low = FIELD(entry, 47, 0) / size * size;

	if (a->ds && a->page != 65536)
		return low | FIELD(entry, 49, 48) << 48 | FIELD(entry, 9, 8) << 50;
	if (a->page == 65536 && a->ips == 52)
		return low | FIELD(entry, 15, 12) << 48;
	return low;
}

static struct answer2 arm_leaf(const struct arm *a, u64 *word, u64 size, int level,
			       struct above above)
{
	struct question *q = a->q;
	u64 entry = *word, pa = arm_output(a, entry, size);
	bool user = BIT(entry, 6) && !above.user, dbm = a->hd && BIT(entry, 51);
	bool write = (!BIT(entry, 7) || dbm) && !above.write;
	bool privileged = q->access & SECOND_P, exec;
	unsigned perm = 0;

	if (pa >= (u64)1 << a->ips)
		return fault("address-size", level);
	if (!BIT(entry, 10) && !a->ha && !a->affd)
		return fault("access-flag", level);
	if (privileged ? !(user && a->pan) : user)
		perm = SECOND_R | (write ? SECOND_W : 0);
	if (privileged)
		exec = !BIT(entry, 53) && !above.pxn && !(user && write);
	else
		exec = !BIT(entry, 54) && !above.uxn;
	if (exec && !(a->wxn && perm & SECOND_W))
		perm |= SECOND_X;
	if (q->access & 7 & ~perm)
		return fault("permission", level);
	if (a->ha)
		*word |= 1 << 10;
	if (dbm && q->access & SECOND_W)
		*word &= ~(u64)0x80;
	return found(pa + inside(q->va, size), size, perm, level);
}

static struct answer2 arm_at(const struct arm *a, u64 table, int level, u64 entries,
			     struct above above)
{
	struct question *q = a->q;
	u64 size = a->page, *word, next;
	bool block;

	for (int i = level; i < 3; i++)
		size *= a->page / 8;
	word = q->word(q->opaque, table + q->va / size % entries * 8);
	if (!word)
		return fault("walk-abort", level);
	if (!BIT(*word, 0))
		return fault("translation", level);
	if (level == 3)
		return BIT(*word, 1) ? arm_leaf(a, word, size, 3, above) : fault("translation", 3);
	if (!BIT(*word, 1)) {
		block = level == 2 || (level == 1 && a->page == 4096);
		if (a->ds)
			block |=
				(level == 0 && a->page == 4096) || (level == 1 && a->page == 16384);
		if (q->output_bits >= 52)
			block |= level == 1 && a->page == 65536;
		return block ? arm_leaf(a, word, size, level, above) : fault("translation", level);
	}
	next = arm_output(a, *word, a->page);
	if (next >= (u64)1 << a->ips)
		return fault("address-size", level);
	if (a->hierarchy) {
		above.pxn |= BIT(*word, 59);
		above.uxn |= BIT(*word, 60);
		above.user |= BIT(*word, 61);
		above.write |= BIT(*word, 62);
	}
	return arm_at(a, next, level + 1, a->page / 8, above);
}

/* 0: reserved. */
static u64 granule(unsigned half, u64 code)
{
	static const u64 sizes[2][4] = { { 4096, 65536, 16384, 0 }, { 0, 16384, 4096, 65536 } };

	return sizes[half][code];
}

static bool is_bad_half(const struct question *q, unsigned half, unsigned ips, bool ds)
{
	u64 word = q->cd[0] >> 16 * half;
	u64 page = granule(half, FIELD(word, 7, 6)), size = FIELD(word, 5, 0);
	u64 root = FIELD(q->cd[1 + half], 51, 4) * 16;
	bool big = page == 65536;

	if (BIT(word, 14))
		return false;
	if (!page)
		return true;
	if (size < ((big ? q->output_bits >= 52 : ds) ? 12 : 16))
		return true;
	if (size > (!q->small ? 39 : big ? 47 : 48))
		return true;
	if (root >= (u64)1 << ips)
		return true;
	return !big && !ds && root >= (u64)1 << 48;
}

struct answer2 second_arm(struct question *q)
{
	static const unsigned sizes[] = { 32, 36, 40, 42, 44, 48, 52, 52 };
	const u64 *cd = q->cd;
	unsigned ips = sizes[FIELD(cd[0], 34, 32)], half = (unsigned)BIT(q->va, 55);
	bool ds = q->lpa2 && BIT(cd[2], 58);
	u64 bits, word = cd[0] >> 16 * half, root, covers, size, entries, alignment;
	int level = 3;
	struct arm a;

	if (ips > q->output_bits)
		ips = q->output_bits;
	if (!BIT(cd[0], 31) || !BIT(cd[0], 41) || BIT(cd[0], 44) || !BIT(cd[0], 46))
		return fault("context", -1);
	if (FIELD(cd[0], 43, 42) && !q->updates)
		return fault("context", -1);
	if (is_bad_half(q, 0, ips, ds) || is_bad_half(q, 1, ips, ds))
		return fault("context", -1);
	if (BIT(cd[0], 15) && !(BIT(cd[0], 14) && BIT(cd[0], 30)))
		return fault("context", -1);
	if (BIT(word, 14))
		return fault("translation", 0);
	bits = 64 - FIELD(word, 5, 0);
	for (u64 i = bits; i < (BIT(cd[0], 38 + half) ? 56 : 64); i++)
		if (BIT(q->va, i) != half)
			return fault("translation", 0);
	a = (struct arm){
		.q = q,
		.page = granule(half, FIELD(word, 7, 6)),
		.ips = ips,
		.ds = ds,
		.hierarchy = !BIT(cd[1 + half], 1),
		.ha = BIT(cd[0], 43),
		.hd = BIT(cd[0], 43) && BIT(cd[0], 42),
		.affd = BIT(cd[0], 35),
		.wxn = BIT(cd[0], 36),
		.pan = BIT(cd[0], 40),
	};
	covers = (u64)1 << bits;
	for (size = a.page; size < covers / (a.page / 8); size *= a.page / 8)
		level--;
	entries = covers > size ? covers / size : 1;
	alignment = entries * 8 < 64 ? 64 : entries * 8;
	root = FIELD(cd[1 + half], 51, 4) * 16 / alignment * alignment;
	return arm_at(&a, root, level, entries, (struct above){ false });
}

struct answer2 second_arm_contexts(struct question *q)
{
	u64 ste = q->cd[0], dss = FIELD(q->cd[1], 1, 0), max = FIELD(ste, 63, 59);
	u64 table = FIELD(ste, 51, 6) * 64, format = FIELD(ste, 5, 4), *word;
	u64 pasid = q->pasid == NO_PROCESS ? 0 : (u64)q->pasid, part = format == 1 ? 64 : 1024;

	if (q->pasid == NO_PROCESS && max) {
		if (dss == 1)
			return same(q->va);
		if (dss != 2)
			return fault("context", -1);
	}
	if (q->pasid != NO_PROCESS && (!max || pasid >= (u64)1 << max || (!pasid && dss == 2)))
		return fault("context", -1);
	if (format && max) {
		word = q->word(q->opaque, table + pasid / part * 8);
		if (!word || !BIT(*word, 0))
			return fault("context", -1);
		table = FIELD(*word, 51, 12) * 4096;
		pasid %= part;
	}
	for (u64 i = 0; i < 3; i++) {
		word = q->word(q->opaque, table + pasid * 64 + i * 8);
		if (!word)
			return fault("context", -1);
		q->cd[i] = *word;
	}
	return second_arm(q);
}
