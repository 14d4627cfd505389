#include "config/render.h"

#include "config/option_table.h"

namespace ballast::config {

namespace {

/// One key with everything that is printed about it.
struct Entry {
    KeyInfo info;
    std::vector<KeyInfo> fields;
    std::string value;
    std::string default_value;
};

struct Document {
    std::string title;
    std::vector<std::pair<std::string, std::string>> sections;
    std::vector<Entry> entries;
};

template <class T>
Document document(const Table<T>& table, const T& options) {
    const T defaults{};
    Document doc{table.title, table.sections, {}};
    for (const auto& row : table.options) {
        doc.entries.push_back({row.info, row.fields, row.write(options), row.write(defaults)});
    }
    return doc;
}

std::string section_of(const std::string& key) {
    const auto dot = key.rfind('.');
    return dot == std::string::npos ? "" : key.substr(0, dot);
}

std::string last_word(const std::string& key) {
    return key.substr(key.rfind('.') + 1);
}

std::string indent_of(const std::string& key) {
    return std::string(4 * static_cast<std::size_t>(std::count(key.begin(), key.end(), '.')), ' ');
}

std::string section_doc(const Document& doc, const std::string& section) {
    for (const auto& [key, meaning] : doc.sections) {
        if (key == section) return meaning;
    }
    return {};
}

// "duration, 1s to 1h; default 5min"
std::string facts(const Entry& entry) {
    std::string text = entry.info.type;
    if (!entry.info.range.empty()) text += ", " + entry.info.range;
    return text + "; default " + entry.default_value;
}

// The headers of the sections that begin between one key and the next.
std::string section_headers(const Document& doc, const std::string& before, const std::string& key) {
    std::string text;
    for (auto dot = key.find('.'); dot != std::string::npos; dot = key.find('.', dot + 1)) {
        const std::string section = key.substr(0, dot);
        if (before.starts_with(section + ".")) continue;
        const std::string indent = indent_of(section);
        text += "\n" + indent + "# " + section_doc(doc, section) + "\n" + indent + last_word(section) + ":\n";
    }
    return text;
}

std::string comment(const std::string& indent, const std::string& doc, const std::string& facts_of_it) {
    const std::string line = indent + "# " + doc + " (" + facts_of_it + ")\n";
    if (line.size() <= 121) return line;
    return indent + "# " + doc + "\n" + indent + "# (" + facts_of_it + ")\n";
}

std::string yaml(const Document& doc) {
    std::string text = "# " + doc.title + "\n";
    std::string before;
    for (const auto& entry : doc.entries) {
        const std::string indent = indent_of(entry.info.key);
        text += section_headers(doc, before, entry.info.key);
        if (indent.empty()) text += "\n";
        text += comment(indent, entry.info.doc, facts(entry));
        for (const auto& field : entry.fields) text += "#   " + field.key + ": " + field.doc + "\n";
        text +=
            indent + last_word(entry.info.key) + ":" + (entry.value.starts_with('\n') ? "" : " ") + entry.value + "\n";
        before = entry.info.key;
    }
    return text;
}

std::string code(const std::string& text) {
    return text.empty() ? "" : "`" + text + "`";
}

std::string table_row(const KeyInfo& info, const std::string& default_value) {
    return "| `" + info.key + "` | " + info.type + " | " + info.range + " | " + code(default_value) + " | " + info.doc +
           " |\n";
}

const char* const table_head = "| Key | Type | Range | Default | Meaning |\n|---|---|---|---|---|\n";

std::string reference(const Document& doc) {
    std::string text = "\n" + std::string(table_head);
    std::string before;
    std::string lists;
    for (const auto& entry : doc.entries) {
        const std::string section = section_of(entry.info.key);
        if (section != before && !section.empty()) {
            text += "\n### " + section + "\n\n" + section_doc(doc, section) + "\n\n" + table_head;
        }
        text += table_row(entry.info, entry.default_value);
        before = section;
        if (entry.fields.empty()) continue;
        lists += "\n### Entries of " + entry.info.key + "\n\n" + table_head;
        for (const auto& field : entry.fields) lists += table_row(field, "");
    }
    return text + lists;
}

}  // namespace

std::string to_yaml(const policy::Options& options) {
    return yaml(document(policy_table(), options));
}
std::string to_yaml(const DaemonOptions& options) {
    return yaml(document(daemon_table(), options));
}
std::string policy_defaults_as_yaml() {
    return to_yaml(policy::Options{});
}
std::string daemon_defaults_as_yaml() {
    return to_yaml(DaemonOptions{});
}
std::string policy_reference() {
    return reference(document(policy_table(), policy::Options{}));
}
std::string daemon_reference() {
    return reference(document(daemon_table(), DaemonOptions{}));
}

}  // namespace ballast::config
