/* SPDX-License-Identifier: BSD-3-Clause */
/* The text form, docs/topology.md: what is read, what is written, and that both agree. */
#include "topology_rig.h"

#define ONE_IOMMU "iommus:\n  - { name: viommu0, kind: virtio-iommu-pci, at: 00:01.0 }\n"

static void assert_text(const struct viommu_topology *topology, const char *expected)
{
	char *text = viommu_topology_text(topology);

	assert_string_equal(text, expected);
	free(text);
}

/* "Values": what a person would type. */
static void values_are_read_in_every_way_they_are_written(void **state)
{
	static const struct {
		const char *written;
		uint64_t base, span;
	} cases[] = {
		{ "at: 4096, span: 65536", 4096, 65536 },
		{ "at: 0x1000, span: 64K", 4096, 65536 },
		{ "at: 0X1000, span: 64KiB", 4096, 65536 },
		{ "at: '4096', span: \"2M\"", 4096, 2 << 20 },
		{ "at: 0, span: 0x0", 0, 0 },
		{ "at: 0xffffffffffffffff, span: 1", UINT64_MAX, 1 },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct viommu_iommu *iommu;
		char text[256];

		snprintf(text, sizeof(text), "iommus: [ { name: a, kind: smmu-v3, %s } ]\n",
			 cases[i].written);
		read_fine(rig, text);
		iommu = viommu_topology_iommu(rig->topology, 0);
		assert_int_equal(iommu->base, cases[i].base);
		assert_int_equal(iommu->span, cases[i].span);
	}
}

static void values_that_are_not_such_are_refused(void **state)
{
	static const char *const cases[] = {
		"at: 010",
		"at: 0x",
		"at: -1",
		"at: 1 2",
		"at: 1e3",
		"at: ''",
		"at: 18446744073709551616",
		"at: 0x10000000000000000",
		"at: 1, span: 1Q",
		"at: 1, span: 17179869184G",
		"at: 1, coherent: 1",
		"at: 1, coherent: maybe",
		"at: 1, its: ''",
		"at: 1, interrupts: [1, 2, 3, 4, 5]",
		"at: 1, interrupts: [a]",
		"at: 1, proximity-domain: 4294967296",
		"at: \"1\\0\"",
		"at: {}",
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t before = viommu_findings_count(rig->findings);
		char text[256];

		snprintf(text, sizeof(text), "iommus: [ { name: a, kind: smmu-v3, %s } ]\n",
			 cases[i]);
		read_text(rig, text);
		if (rig->topology)
			fail_msg("%s is taken", cases[i]);
		assert_int_equal(viommu_findings_count(rig->findings), before + 1);
	}
}

/* For the source text of a table the finding says how to compile it. */
static void the_source_of_a_table_is_known_and_named(void **state)
{
	static const struct {
		const char *text, *cure;
	} cases[] = {
		{ "/dts-v1/;\n/ { model = \"QEMU\"; };\n", "dtc" },
		{ "/*\n * Intel ACPI Component Architecture\n */\n[000h 0000 4]\n", "iasl" },
		{ "root:x:0:0:root:/root:/bin/sh\n", "viommu: 1" },
		{ "", "viommu: 1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct viommu_findings *findings = viommu_findings_new();
		const struct viommu_finding *finding;

		assert_null(viommu_topology_parse(cases[i].text, strlen(cases[i].text), "file",
						  findings));
		assert_int_equal(viommu_findings_count(findings), 1);
		finding = viommu_findings_get(findings, 0);
		assert_string_equal(finding->id, "text-version");
		assert_non_null(strstr(finding->cure, cases[i].cure));
		viommu_findings_free(findings);
	}
}

static void functions_are_read_with_and_without_a_segment(void **state)
{
	static const struct {
		const char *written;
		struct viommu_pci_range range;
	} cases[] = {
		{ "functions: 01:02.3",
		  { .bdf_first = 0x113, .bdf_last = 0x113, .id_first = 0x113 } },
		{ "functions: 0001:01:02.3-01:1f.7",
		  { .segment_first = 1,
		    .segment_last = 1,
		    .bdf_first = 0x113,
		    .bdf_last = 0x1ff,
		    .id_first = 0x10113 } },
		{ "functions: 0001:01:02.3 - 0001:01:1f.7",
		  { .segment_first = 1,
		    .segment_last = 1,
		    .bdf_first = 0x113,
		    .bdf_last = 0x1ff,
		    .id_first = 0x10113 } },
		{ "functions: 00:00.0-ff:1f.7, segments: 0-1",
		  { .segment_last = 1, .bdf_last = 0xffff } },
		{ "segments: 2, functions: 0002:00:00.0, first-id: 7",
		  { .segment_first = 2, .segment_last = 2, .id_first = 7 } },
		{ "segments: 2, functions: 00:00.0",
		  { .segment_first = 2, .segment_last = 2, .id_first = 0x20000 } },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct viommu_pci_range *range, *expected = &cases[i].range;
		char text[256];

		snprintf(text, sizeof(text), "ranges: [ { iommu: viommu0, %s } ]\n",
			 cases[i].written);
		read_fine(rig, text);
		range = viommu_topology_pci_range(rig->topology, 0);
		assert_int_equal(range->segment_first, expected->segment_first);
		assert_int_equal(range->segment_last, expected->segment_last);
		assert_int_equal(range->bdf_first, expected->bdf_first);
		assert_int_equal(range->bdf_last, expected->bdf_last);
		assert_int_equal(range->id_first, expected->id_first);
	}
}

/* The cure of one that no single key can name. */
static void values_beyond_their_field_have_their_own_cure(void **state)
{
	static const struct {
		const char *text, *cure;
	} cases[] = {
		{ "host-bridges: [ { buses: 00-ff, memory-hints: 256 } ]\n", "memory-hints" },
		{ "host-bridges: [ { buses: 00-ff, pasid-bits: 30 } ]\n", "pasid-bits" },
		{ "monitors: [ { at: 0x1000, iommu: a, segment: 1 } ]\n", "one of" },
		{ "wire-bridges: [ { name: a, at: 0x1000, index: 70000 } ]\n", "0xffff" },
		{ "iommus: [ { name: a, kind: smmu-v3, at: 0xffffffffffffffff, span: 2 } ]\n",
		  "span" },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t before = viommu_findings_count(rig->findings);
		const struct viommu_finding *finding;

		read_text(rig, cases[i].text);
		assert_null(rig->topology);
		finding = viommu_findings_get(rig->findings, before);
		assert_non_null(strstr(finding->cure, cases[i].cure));
		assert_int_equal(!strcmp(finding->id, "topology-window"), i == 4);
	}
}

static void functions_in_two_segments_at_once_are_refused(void **state)
{
	static const char *const cases[] = {
		"functions: 0000:00:00.0-0001:00:00.0",
		"functions: 0001:00:00.0, segments: 0",
		"functions: 0001:00:00.0, segments: 0-1",
		"functions: 00:00.8",
		"functions: 00:20.0",
		"functions: 100:00.0",
		"functions: 10000:00:00.0",
		"functions: 00:00",
		"functions: 00.0",
		"functions: 01:00.0-00:00.0",
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "ranges: [ { iommu: viommu0, %s } ]\n", cases[i]);
		read_text(rig, text);
		if (rig->topology)
			fail_msg("%s is taken", cases[i]);
	}
}

/* A finding has line, column and a cure. */
static void a_finding_helps(void **state)
{
	struct rig *rig = *state;

	read_text(rig, "iommus:\n"
		       "  - name: viommu0\n"
		       "    kind: virtio-iommu-pci\n"
		       "    at: 00:01\n"
		       "    include-sef: yes\n");
	assert_finding(
		rig, 0,
		"text:6:5: error: an IOMMU has no key `include-sef`; did you mean "
		"`include-self`? the keys are: name, kind, at, span, segment, function, "
		"interrupts, proximity-domain, its, coherent, include-self, model, "
		"vatos, msi-id, capability, info, features, attributes, efr, efr2, image-flags, "
		"blocks, "
		"flags, context-interrupts, pmu-interrupts, edge, identifier, hid, wire-flags, "
		"cmdqv, cmdqv-interrupt, hotplug "
		"[text-key]");
	assert_finding(rig, 1,
		       "text:5:9: error: `at` cannot be \"00:01\"; write a PCI function, for "
		       "example 0000:00:01.0 [text-value]");
	assert_int_equal(viommu_findings_count(rig->findings), 2);
}

/* The first finding of the text. */
static void assert_suggestion(struct rig *rig, const char *text, const char *suggestion)
{
	size_t first = viommu_findings_count(rig->findings);
	const char *cure;

	read_text(rig, text);
	cure = viommu_findings_get(rig->findings, first)->cure;
	if (strstr(cure, suggestion) != cure)
		fail_msg("not \"%s\", but: %s", suggestion, cure);
}

/* People write the names that other tools have: a device tree, libvirt, the specifications. */
static void a_name_of_another_tool_leads_to_the_key(void **state)
{
	static const struct {
		const char *text, *suggestion;
	} cases[] = {
		{ "iommus: [ { name: a, kind: smmu-v3, base: 0x1000 } ]\n", "did you mean `at`?" },
		{ "iommus: [ { name: a, kind: smmu-v3, at: 1, size: 4K } ]\n",
		  "did you mean `span`?" },
		{ "host-bridges: [ { bus-range: 00-ff } ]\n", "did you mean `buses`?" },
		{ "host-bridges: [ { buses: 00, numa-node: 1 } ]\n",
		  "did you mean `proximity-domain`?" },
		{ "ranges: [ { bdf: 00:01.0 } ]\n", "did you mean `functions`?" },
		{ "devices: [ { base: 0x1000 } ]\n", "did you mean `at`?" },
		{ "devices: [ { stream-id: 1 } ]\n", "did you mean `id`?" },
		{ "reserved-memory: [ { base: 0x1000 } ]\n", "did you mean `range`?" },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_suggestion(rig, cases[i].text, cases[i].suggestion);
}

static void a_key_unlike_all_others_leads_to_none(void **state)
{
	struct rig *rig = *state;

	read_text(rig, "iommus: [ { colour: red } ]\n");
	assert_null(strstr(viommu_findings_get(rig->findings, 0)->cure, "did you mean"));
}

/* A text is written minimal, in the order of the form, and pleasant to read. */
static void a_topology_is_written_as_a_person_would(void **state)
{
	static const char text[] = "viommu: 1\n"
				   "\n"
				   "tables:\n"
				   "  viot:\n"
				   "    oem-id: \"BOCHS \"\n"
				   "    oem-revision: 0x0\n"
				   "\n"
				   "iommus:\n"
				   "  - name: viommu0\n"
				   "    kind: virtio-iommu-pci\n"
				   "    at: 0000:00:01.0\n"
				   "    include-self: yes\n"
				   "  - name: \"an odd \\\"name\\\"\\u0007\"\n"
				   "    kind: smmu-v3\n"
				   "    at: 0x9050000\n"
				   "    span: 0x20000\n"
				   "    interrupts: [106, 107, 108, 109]\n"
				   "    proximity-domain: 0\n"
				   "    its: its0\n"
				   "    coherent: yes\n"
				   "  - name: vtd\n"
				   "    kind: vt-d\n"
				   "    at: 0xfed90000\n"
				   "    segment: 0x000a\n"
				   "  - name: amd\n"
				   "    kind: amd-vi\n"
				   "    at: 0xfed80000\n"
				   "    function: 0000:00:02.0\n"
				   "\n"
				   "host-bridges:\n"
				   "  - name: pcie.0\n"
				   "    segment: 1\n"
				   "    buses: 00-7f\n"
				   "    iommu: viommu0\n"
				   "    its: its0\n"
				   "    proximity-domain: 3\n"
				   "    ats: yes\n"
				   "    pri: yes\n"
				   "    pasid: yes\n"
				   "  - buses: ff\n"
				   "\n"
				   "ranges:\n"
				   "  - functions: 0001:10:00.0-10:1f.7\n"
				   "    iommu: viommu0\n"
				   "    first-id: 0x7\n"
				   "  - segments: 2-3\n"
				   "    functions: 00:00.0-ff:1f.7\n"
				   "    iommu: viommu0\n"
				   "  - functions: 0001:11:00.0\n"
				   "    iommu: none\n"
				   "\n"
				   "devices:\n"
				   "  - name: \\_SB.COM0\n"
				   "    at: 0x9000000\n"
				   "    iommu: viommu0\n"
				   "    id: 0x20000\n"
				   "  - at: 0x9001000\n"
				   "\n"
				   "its-groups:\n"
				   "  - name: its0\n"
				   "    ids: [0, 1]\n"
				   "\n"
				   "reserved-memory:\n"
				   "  - range: 0xfee00000-0xfeefffff\n"
				   "    kind: msi\n"
				   "    iommu: viommu0\n"
				   "  - range: 0x0-0xfff\n"
				   "    functions: 0001:00:00.0-00:1f.7\n";
	struct rig *rig = *state;

	rig->topology = viommu_topology_parse(text, strlen(text), "text", rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	assert_text(rig->topology, text);
}

/* The same for keys of tables of single platforms. */
static void what_one_platform_has_is_written_as_well(void **state)
{
	static const char text[] = "viommu: 1\n"
				   "\n"
				   "tables:\n"
				   "  dmar:\n"
				   "    revision: 1\n"
				   "    address-bits: 39\n"
				   "    flags: 0\n"
				   "  ivrs:\n"
				   "    aligned: yes\n"
				   "\n"
				   "iommus:\n"
				   "  - name: smmu\n"
				   "    kind: smmu-v3\n"
				   "    at: 0x9050000\n"
				   "    model: 2\n"
				   "    vatos: 0x9060000\n"
				   "    msi-id: 0\n"
				   "    flags: 0x2\n"
				   "  - name: amd\n"
				   "    kind: amd-vi\n"
				   "    at: 0xfed80000\n"
				   "    function: 0000:00:02.0\n"
				   "    capability: 0x40\n"
				   "    info: 0x1\n"
				   "    features: 0x2\n"
				   "    attributes: 0x3\n"
				   "    efr: 0x100000000\n"
				   "    efr2: 0x4\n"
				   "    image-flags: 0\n"
				   "    blocks: [16, 17]\n"
				   "  - name: riscv\n"
				   "    kind: other\n"
				   "    at: 0x3010000\n"
				   "\n"
				   "host-bridges:\n"
				   "  - buses: 00-ff\n"
				   "    iommu: smmu\n"
				   "    pasid-bits: 20\n"
				   "    address-bits: 48\n"
				   "    incoherent: yes\n"
				   "\n"
				   "ranges:\n"
				   "  - functions: 0000:00:1c.0\n"
				   "    iommu: amd\n"
				   "    scope: bridge\n"
				   "    below: 01-05\n"
				   "  - functions: 0000:00:1d.0\n"
				   "    iommu: amd\n"
				   "    path: 02.0/00.0\n"
				   "  - functions: 0000:0b:00.0-0c:1f.7\n"
				   "    iommu: amd\n"
				   "    one-id: yes\n"
				   "    settings: 0xd7\n"
				   "    no-ats: yes\n"
				   "\n"
				   "devices:\n"
				   "  - name: \\_SB_.DEV0\n"
				   "    at: 0x9000000\n"
				   "    iommu: smmu\n"
				   "    id: 0x100\n"
				   "    ids: 4\n"
				   "    pasid-bits: 8\n"
				   "    address-bits: 40\n"
				   "    stall: yes\n"
				   "    incoherent: yes\n"
				   "    hid: AMDI0020\n"
				   "    cid: PNP0501\n"
				   "    uid: ID00\n"
				   "    settings: 0x40\n"
				   "    number: 0\n"
				   "\n"
				   "device-ids:\n"
				   "  - device: \\_SB_.DEV0\n"
				   "    iommu: smmu\n"
				   "    id: 0x200\n"
				   "    ids: 2\n"
				   "  - device: \\_SB_.DEV0\n"
				   "\n"
				   "its-groups:\n"
				   "  - name: its0\n"
				   "    ids: [0]\n"
				   "\n"
				   "msi-ranges:\n"
				   "  - iommu: smmu\n"
				   "    ids: 0x0-0xffff\n"
				   "    its: its0\n"
				   "    first-device-id: 0x10000\n"
				   "  - functions: 0000:00:00.0-ff:1f.7\n"
				   "    its: none\n"
				   "\n"
				   "interrupt-sources:\n"
				   "  - kind: ioapic\n"
				   "    function: 0000:00:14.0\n"
				   "    iommu: amd\n"
				   "    settings: 0xd7\n"
				   "  - kind: hpet\n"
				   "    number: 1\n"
				   "    function: 0000:00:1f.0\n"
				   "    path: 00.0\n"
				   "    iommu: none\n"
				   "\n"
				   "ats:\n"
				   "  - kind: root-port\n"
				   "    function: 0000:00:1c.0\n"
				   "    scope: bridge\n"
				   "  - kind: integrated\n"
				   "    function: 0000:00:02.0\n"
				   "    path: 00.0\n"
				   "    required: yes\n"
				   "\n"
				   "reserved-memory:\n"
				   "  - range: 0x0-0xfff\n"
				   "    kind: exclusion\n"
				   "    iommu: smmu\n"
				   "    ids: 0x0-0x0\n"
				   "  - range: 0x1000-0x1fff\n"
				   "    kind: identity\n"
				   "    functions: 0000:00:1c.0\n"
				   "    scope: bridge\n"
				   "    path: 00.0\n"
				   "    flags: 0x7\n";
	struct rig *rig = *state;

	rig->topology = viommu_topology_parse(text, strlen(text), "text", rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	assert_text(rig->topology, text);
}

/* Objects of a VMM, with any names and with bytes of a table, are printed and parsed unchanged. */
/* A device may have no key at all: firmware may know it without describing it. */
static void an_empty_object_is_written_too(void **state)
{
	static const char expected[] = "viommu: 1\n\ndevices:\n  - {}\n  - name: a\n  - {}\n";
	struct rig *rig = *state;

	read_fine(rig, "devices: [ {}, { name: a }, {} ]\n");
	assert_text(rig->topology, expected);
}

static void odd_names_survive(void **state)
{
	static const char *const names[] = {
		"a: b",      "#",        "- x",          "'",       "yes",
		"0x10",      "\xc3\xa9", "\xe2\x80\xa8", "a\tb\nc", "\xf0\x9f\x98\x80",
		" ",         "&a",       "*a",           "!t",      "{",
		"trailing:", "\xc2\x85", "None",
	};
	struct viommu_table_header odd = { .size = sizeof(odd),
					   .oem_id = "\x80\xff",
					   .oem_table_id = "\"\\",
					   .creator_id = "\x01" };
	const struct viommu_table_header *header;
	struct rig *rig = *state;
	char *text;

	rig->topology = viommu_topology_new();
	viommu_topology_set_header(rig->topology, "VIOT", &odd);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct viommu_iommu iommu = { .size = sizeof(iommu), .name = names[i] };

		assert_int_equal(viommu_topology_add_iommu(rig->topology, &iommu), 0);
	}
	text = viommu_topology_text(rig->topology);
	viommu_topology_free(rig->topology);
	rig->topology = viommu_topology_parse(text, strlen(text), "text", rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_string_equal(viommu_topology_iommu(rig->topology, i)->name, names[i]);
	header = viommu_topology_header(rig->topology, "VIOT");
	assert_string_equal(header->oem_id, odd.oem_id);
	assert_string_equal(header->oem_table_id, odd.oem_table_id);
	assert_string_equal(header->creator_id, odd.creator_id);
	assert_int_equal(header->oem_revision, 0);
	assert_text(rig->topology, text);
	free(text);
}

static void assert_json_has(const struct viommu_topology *topology, const char *part)
{
	char *json = viommu_topology_json(topology);

	if (!strstr(json, part))
		fail_msg("no %s in %s", part, json);
	free(json);
}

/* The type depends on the key: numbers of 32 bits are numbers, wider ones and ranges are text. */
static void json_has_the_keys_of_the_text(void **state)
{
	static const char *const parts[] = {
		"\"format\" : 1",
		"\"name\" : \"a\\\"b\"",
		"\"kind\" : \"smmu-v3\"",
		"\"at\" : \"0xffffffffffffffff\"",
		"\"proximity-domain\" : 0",
		"\"coherent\" : true",
		"\"line\" : 3",
		"\"functions\" : \"0000:01:00.0-02:1f.7\"",
		"\"first-id\" : 4096",
		"\"iommu\" : \"none\"",
		"\"oem-id\" : \"\u00e9\"",
		"\"msi-ranges\" : []",
	};
	static const char text[] =
		"tables: { viot: { oem-id: '\u00e9' } }\n"
		"iommus: [ { name: 'a\"b', kind: smmu-v3, at: 0xffffffffffffffff, "
		"proximity-domain: "
		"0, coherent: on } ]\n"
		"ranges: [ { functions: 01:00.0-02:1f.7, iommu: 'a\"b', first-id: 0x1000 }, "
		"{ functions: 03:00.0, iommu: none } ]\n"
		"its-groups: [ { name: its, ids: [ 7, 4294967295 ] } ]\n";
	struct rig *rig = *state;

	read_fine(rig, text);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		assert_json_has(rig->topology, parts[i]);
}

static void json_lists_numbers(void **state)
{
	struct rig *rig = *state;

	read_fine(rig, "its-groups: [ { name: its, ids: [ 7, 4294967295 ] }, "
		       "{ name: one, ids: 0 } ]\n");
	assert_json_has(rig->topology, "7,");
	assert_json_has(rig->topology, "4294967295");
}

/* Each object has its place. */
static void objects_know_their_line(void **state)
{
	struct rig *rig = *state;

	read_fine(rig, ONE_IOMMU "host-bridges:\n  -\n    buses: 00\n");
	assert_string_equal(viommu_topology_iommu(rig->topology, 0)->place.file, "text");
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->place.line, 3);
	assert_int_equal(viommu_topology_iommu(rig->topology, 0)->place.column, 5);
	assert_int_equal(viommu_topology_host_bridge(rig->topology, 0)->place.line, 6);
	assert_int_equal(viommu_topology_host_bridge(rig->topology, 0)->place.column, 5);
}

/* A file as an editor on Windows leaves it; and sections without anything. */
static void line_ends_and_byte_order_marks_do_not_matter(void **state)
{
	static const char text[] = "\xef\xbb\xbfviommu: 1\r\niommus:\r\nranges: []\r\n";
	struct rig *rig = *state;

	rig->topology = viommu_topology_parse(text, strlen(text), "text", rig->findings);
	assert_int_equal(viommu_findings_count(rig->findings), 0);
	assert_text(rig->topology, "viommu: 1\n");
}

/* "Limits": the reader does not even look at more. */
static void a_text_beyond_64_mib_is_refused(void **state)
{
	struct rig *rig = *state;

	assert_null(viommu_topology_parse("viommu: 1\n", (64u << 20) + 1, "text", rig->findings));
	assert_finding(rig, 0,
		       "text: error: the text has 67108865 bytes; a topology has at most "
		       "64 MiB [text-limits]");
}

static void a_list_of_a_million_items_is_refused(void **state)
{
	static const char head[] = "its-groups: [ { name: a, ids: [";
	const size_t n = 1000000;
	char *text = malloc(sizeof(head) + 2 * n);
	struct rig *rig = *state;

	strcpy(text, head);
	for (size_t i = 0; i < n; i++)
		memcpy(text + strlen(head) + 2 * i, "1,", sizeof("1,"));
	read_text(rig, text);
	assert_null(rig->topology);
	assert_int_equal(viommu_findings_count(rig->findings), 1);
	assert_string_equal(viommu_findings_get(rig->findings, 0)->id, "text-limits");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RIG(values_are_read_in_every_way_they_are_written),
		WITH_A_RIG(values_that_are_not_such_are_refused),
		WITH_A_RIG(values_beyond_their_field_have_their_own_cure),
		cmocka_unit_test(the_source_of_a_table_is_known_and_named),
		WITH_A_RIG(functions_are_read_with_and_without_a_segment),
		WITH_A_RIG(functions_in_two_segments_at_once_are_refused),
		WITH_A_RIG(a_finding_helps),
		WITH_A_RIG(a_name_of_another_tool_leads_to_the_key),
		WITH_A_RIG(a_key_unlike_all_others_leads_to_none),
		WITH_A_RIG(a_topology_is_written_as_a_person_would),
		WITH_A_RIG(what_one_platform_has_is_written_as_well),
		WITH_A_RIG(an_empty_object_is_written_too),
		WITH_A_RIG(odd_names_survive),
		WITH_A_RIG(json_has_the_keys_of_the_text),
		WITH_A_RIG(json_lists_numbers),
		WITH_A_RIG(objects_know_their_line),
		WITH_A_RIG(line_ends_and_byte_order_marks_do_not_matter),
		WITH_A_RIG(a_text_beyond_64_mib_is_refused),
		WITH_A_RIG(a_list_of_a_million_items_is_refused),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
