#include "interchange/record.h"

#include "interchange/tables.h"

namespace ballast::interchange {

namespace {

constexpr int lines_down_to = 3;  // a host or a VM a line

void append_number(std::string& out, double number) {
    const std::string digits = detail::plain(number);
    out += digits;
    // A double stays one for readers that tell 16 from 16.0.
    if (digits.find_first_not_of("-0123456789") == std::string::npos) out += ".0";
}

void append(std::string& out, const json::value& value, int depth, int indent);

template <class Range, class Write>
void append_members(std::string& out, const Range& range, const char* brackets, int depth, int indent, Write write) {
    const bool lines = depth > 0 && !range.empty();
    const std::string space(static_cast<std::size_t>(2 * (indent + 1)), ' ');
    out += brackets[0];
    bool first = true;
    for (const auto& member : range) {
        if (!first) out += lines ? "," : ", ";
        if (lines) out += "\n" + space;
        write(member);
        first = false;
    }
    if (lines) out += "\n" + space.substr(2);
    out += brackets[1];
}

void append(std::string& out, const json::value& value, int depth, int indent) {
    if (const auto* object = value.if_object())
        append_members(out, *object, "{}", depth, indent, [&](const auto& member) {
            out += json::serialize(member.key());
            out += ": ";
            append(out, member.value(), depth - 1, indent + 1);
        });
    else if (const auto* array = value.if_array())
        append_members(out, *array, "[]", depth, indent,
                       [&](const auto& item) { append(out, item, depth - 1, indent + 1); });
    else if (const auto* number = value.if_double())
        append_number(out, *number);
    else
        out += json::serialize(value);
}

const Node* member_of(const Node& node, std::string_view key) {
    for (const Member& member : node.members)
        if (member.key == key) return &member.value;
    return nullptr;
}

// A file of another kind or of a later version is told as such, not by the first key that is strange in it.
bool check_format(const Node& root, Reader& reader) {
    const Path path;
    if (!reader.expect(root, Node::Kind::object, path)) return false;
    const Node* format = member_of(root, "format");
    if (format == nullptr)
        return reader.fail(root, path, "`format` is missing: this is not a Ballast inventory or record");
    if (format->kind == Node::Kind::text && format->text == record_format) return true;
    const bool later = format->kind == Node::Kind::text && format->text.starts_with("ballast-inventory/");
    return reader.fail(*format, Path{nullptr, "format", {}},
                       std::string("expected `") + record_format + "`" +
                           (later ? "; it was written by another version of Ballast" : ""));
}

bool check_hosts(const Node& root, const Record& record, Reader& reader) {
    const Node* vms = member_of(*member_of(root, "inventory"), "vms");
    for (std::size_t i = 0; i < vms->items.size(); ++i) {
        const Node* host = member_of(vms->items[i], "host");
        const Path inventory{nullptr, "inventory", {}}, list{&inventory, "vms", {}}, vm{&list, {}, i};
        if (!record.inventory.hosts.contains({host->text}))
            return reader.fail(*host, Path{&vm, "host", {}}, "there is no host " + host->text + " in this inventory");
    }
    return true;
}

}  // namespace

Result<Record> parse_record(std::string_view text) {
    const auto root = parse_json(text);
    if (!root) return root.error();
    Record record;
    Reader reader;
    if (check_format(*root, reader) && from_json(*root, record, {}, Path{}, reader) &&
        check_hosts(*root, record, reader))
        return record;
    return Error{ErrorCode::invalid, place_in(text, reader.offset), reader.message};
}

json::object as_json(const Record& record) {
    return to_json(record).as_object();
}

std::string to_text(const json::value& value, int depth) {
    std::string out;
    append(out, value, depth, 0);
    return out + "\n";
}

std::string to_text(const Record& record) {
    return to_text(as_json(record), lines_down_to);
}

std::string to_text(const Plan& plan) {
    return to_text(to_json(plan), 2);
}

}  // namespace ballast::interchange
