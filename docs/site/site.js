// SPDX-License-Identifier: BSD-3-Clause
// The search: sections whose title or text has all words. search.js is loaded when it is needed first, as a
// script, because a page that was opened as a file may not fetch anything else.
"use strict";
(() => {
	const up = document.currentScript.dataset.up;
	const input = document.getElementById("search"), list = document.getElementById("found");
	const most = 30;
	let entries = null, loading = false;

	window.searchEntries = found => {
		entries = found.map(entry => [...entry, entry[0].toLowerCase(), entry[3].toLowerCase()]);
		show();
	};

	function load() {
		if (loading)
			return;
		loading = true;
		const script = document.createElement("script");
		script.src = up + "search.js";
		document.head.append(script);
	}

	// The better, the higher: the name itself, its beginning, in the title, in the text.
	function score(entry, words) {
		let sum = 0;
		for (const word of words) {
			const title = entry[4].replace(/\(\)$/, "");
			const rank = title === word ? 100 : title.startsWith(word) ? 40 : title.includes(word) ? 20 :
				entry[5].includes(word) ? 1 : 0;
			if (!rank)
				return 0;
			sum += rank;
		}
		return sum;
	}

	function excerpt(entry, words) {
		const at = Math.max(0, entry[5].indexOf(words[0]) - 40);
		return (at ? "…" : "") + entry[3].slice(at, at + 160);
	}

	// Text with the words marked; text of the documents is never taken for HTML.
	function marked(parent, text, words) {
		const lower = text.toLowerCase();
		for (let at = 0; at < text.length;) {
			let next = text.length, length = 0;
			for (const word of words) {
				const n = lower.indexOf(word, at);
				if (n >= 0 && n < next)
					[next, length] = [n, word.length];
			}
			parent.append(text.slice(at, next));
			if (length) {
				const mark = document.createElement("mark");
				mark.textContent = text.slice(next, next + length);
				parent.append(mark);
			}
			at = next + length;
		}
	}

	function item(entry, words) {
		const line = document.createElement("li"), link = document.createElement("a");
		const title = document.createElement("b"), where = document.createElement("small"), text = document.createElement("p");
		link.href = up + entry[1];
		marked(title, entry[0], words);
		where.textContent = entry[2];
		marked(text, excerpt(entry, words), words);
		link.append(title, where, text);
		line.append(link);
		return line;
	}

	function show() {
		const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
		list.hidden = !words.length;
		if (!words.length || !entries)
			return;
		const found = entries.map(entry => [score(entry, words), entry]).filter(([rank]) => rank)
			.sort((a, b) => b[0] - a[0] || a[1][0].length - b[1][0].length);
		list.replaceChildren(...found.slice(0, most).map(([, entry]) => item(entry, words)));
		if (found.length > most || !found.length) {
			const line = document.createElement("li");
			line.className = "none";
			line.textContent = found.length ? `${found.length - most} more: add a word` : "Nothing has all of these words.";
			list.append(line);
		}
	}

	input.addEventListener("focus", load);
	input.addEventListener("input", () => { load(); show(); });
	document.addEventListener("keydown", event => {
		const links = [...list.querySelectorAll("a")], at = links.indexOf(document.activeElement);
		if (event.key === "/" && document.activeElement !== input)
			input.focus();
		else if (event.key === "Escape" && !list.hidden) {
			input.value = "";
			show();
		} else if (list.hidden)
			return;
		else if (event.key === "ArrowDown" && (at >= 0 || document.activeElement === input))
			links[Math.min(at + 1, links.length - 1)]?.focus();
		else if (event.key === "ArrowUp" && at >= 0)
			(links[at - 1] ?? input).focus();
		else if (event.key === "Enter" && document.activeElement === input)
			links[0]?.click();
		else
			return;
		event.preventDefault();
	});
	list.addEventListener("click", event => { if (event.target.closest("a")) list.hidden = true; });

	const asked = new URLSearchParams(location.search).get("q");
	if (asked) {
		input.value = asked;
		load();
	}
})();
