/* SPDX-License-Identifier: BSD-3-Clause */
#include <map>

#include <absl/container/btree_map.h>

#include "contestant.h"

/*
 * Two well-kept ordered maps of C++: the standard library's red-black tree and Abseil's B-tree.
 * The key is where a range ends, as in ours.
 */

namespace
{

struct target {
	uint64_t first, phys;
};

template <class Tree>
struct ranges {
	static void *make()
	{
		return new Tree;
	}

	static void set_free(void *set)
	{
		delete static_cast<Tree *>(set);
	}

	static bool map(void *set, const struct extent *extent)
	{
		Tree &tree = *static_cast<Tree *>(set);
		auto next = tree.lower_bound(extent->first);

		if (next != tree.end() && next->second.first <= extent->last)
			return false;
		tree.emplace_hint(next, extent->last, target{ extent->first, extent->phys });
		return true;
	}

	static bool unmap(void *set, uint64_t first, uint64_t last)
	{
		Tree &tree = *static_cast<Tree *>(set);
		auto begin = tree.lower_bound(first), end = begin;

		if (begin == tree.end() || begin->second.first < first || begin->first > last)
			return false;
		while (end != tree.end() && end->first <= last)
			++end;
		tree.erase(begin, end);
		return true;
	}

	static uint64_t translate(void *set, uint64_t address)
	{
		const Tree &tree = *static_cast<const Tree *>(set);
		auto next = tree.lower_bound(address);

		if (next == tree.end() || next->second.first > address)
			return NOWHERE;
		return next->second.phys + (address - next->second.first);
	}

	static uint64_t walk(void *set)
	{
		uint64_t sum = 0;

		for (const auto &range : *static_cast<const Tree *>(set))
			sum += range.second.phys;
		return sum;
	}

	static struct contestant entry(const char *name)
	{
		return { name, make, set_free, map, unmap, translate, walk, nullptr };
	}
};

}

extern "C" {
extern const struct contestant contestant_rbtree, contestant_btree;
const struct contestant contestant_rbtree = ranges<std::map<uint64_t, target>>::entry("std::map");
const struct contestant contestant_btree =
	ranges<absl::btree_map<uint64_t, target>>::entry("absl::btree_map");
}
