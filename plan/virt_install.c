/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arguments of virt-install: the elements that a plan writes into a libvirt domain, as options
 *
 * An attribute that virt-install does not know (of 4.1) is set by its XPath.
 */
#include <string.h>

#include "domain_rows.h"
#include "item.h"

static const struct {
	const char *element;
	const char *known[8]; /* options of the element; "address." stands for all that begin so */
} elements[] = {
	{ "controller",
	  { "type", "index", "model", "address.", "target.busNr", "target.chassis", "target.port",
	    "target.node" } },
	{ "hostdev", { "type", "address.", "driver.name" } },
	{ "iommu",
	  { "model", "driver.intremap", "driver.caching_mode", "driver.iotlb", "driver.aw_bits" } },
};

struct option {
	GString *text;
	const char *const *known;
	unsigned n_paths;
};

static bool is_known(const struct option *option, const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(elements[0].known) && option->known[i]; i++) {
		const char *known = option->known[i];

		if (g_str_has_suffix(known, ".") ? g_str_has_prefix(name, known)
						 : !strcmp(name, known))
			return true;
	}
	return false;
}

static void append_value(struct option *option, const char *name, const char *path,
			 const char *value)
{
	if (is_known(option, name)) {
		g_string_append_printf(option->text, "%s%s=%s", option->text->len ? "," : "", name,
				       value);
		return;
	}
	option->n_paths++;
	g_string_append_printf(option->text, "%sxpath%u.set=%s,xpath%u.value=%s",
			       option->text->len ? "," : "", option->n_paths, path, option->n_paths,
			       value);
}

/* `name` and `path` are those of the element: "target." and "./target". */
static void append_element(struct option *option, const xmlNode *node, const char *name,
			   const char *path)
{
	for (const xmlAttr *attribute = node->properties; attribute; attribute = attribute->next) {
		const char *key = (const char *)attribute->name;
		g_autofree char *value = domain_attribute(node, key),
				*full = g_strconcat(name, key, NULL),
				*at = g_strdup_printf("%s/@%s", path, key);

		append_value(option, full, at, value);
	}
	for (const xmlNode *child = node->children; child; child = child->next) {
		g_autofree char *below = g_strdup_printf("%s%s.", name, (const char *)child->name),
				*full = g_strdup_printf("%s%s", name, (const char *)child->name),
				*at = g_strdup_printf("%s/%s", path, (const char *)child->name),
				*content = NULL;

		if (child->type != XML_ELEMENT_NODE)
			continue;
		append_element(option, child, below, at);
		content = domain_content(child);
		if (*content && !xmlFirstElementChild((xmlNode *)child))
			append_value(option, full, at, content);
	}
}

static void append_option(GString *text, const char *name, const char *value)
{
	g_string_append_printf(text, "%s--%s ", text->len ? " \\\n" : "", name);
	plan_append_word(text, value);
}

static void append_devices(GString *text, const struct plan_domain *domain)
{
	for (const xmlNode *node = domain->devices->children; node; node = node->next)
		for (size_t i = 0; i < G_N_ELEMENTS(elements); i++) {
			struct option option = { .known = elements[i].known };
			g_autofree char *value = NULL;

			if (!domain_is(node, elements[i].element))
				continue;
			option.text = g_string_new(NULL);
			append_element(&option, node, "", ".");
			value = g_string_free(option.text, false);
			append_option(text, elements[i].element, value);
		}
}

/* virt-install splits them like a shell. */
static void append_command_line(GString *text, const struct plan_domain *domain)
{
	const xmlNode *line = domain_child(domain->root, "commandline");
	g_autoptr(GString) words = g_string_new(NULL);

	for (const xmlNode *node = line ? line->children : NULL; node; node = node->next) {
		g_autofree char *value =
			domain_is(node, "arg") ? domain_attribute(node, "value") : NULL;

		if (!value)
			continue;
		g_string_append(words, words->len ? " " : "");
		plan_append_word(words, value);
	}
	if (words->len) {
		g_string_append_printf(text, " \\\n--qemu-commandline=");
		plan_append_word(text, words->str);
	}
}

static void append_features(GString *text, const struct plan *plan,
			    const struct plan_domain *domain)
{
	const xmlNode *features = domain_child(domain->root, "features");

	append_option(text, "machine", plan->machine);
	if (domain_child(features, "gic"))
		append_option(text, "features", "gic.version=3");
	if (domain_child(features, "ioapic"))
		append_option(text, "features", "ioapic.driver=qemu");
	if (domain_child(domain->root, "iommufd"))
		append_option(text, "xml", "./iommufd/@enabled=yes");
}

char *plan_virt_install(const struct plan *plan)
{
	struct plan_domain *domain = plan_domain_new(plan);
	GString *text = g_string_new(NULL);

	plan_domain_apply(domain, plan);
	append_features(text, plan, domain);
	append_devices(text, domain);
	append_command_line(text, domain);
	g_string_append_c(text, '\n');
	plan_domain_free(domain);
	return g_string_free(text, false);
}
