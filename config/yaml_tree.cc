#include "config/yaml_tree.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "config/text.h"

namespace ballast::config {

namespace {

/// Thrown through yaml-cpp to stop it at once, and caught in parse_yaml only.
struct Refused {
    YAML::Mark mark;
    std::string message;
};

const char* const no_aliases = "anchors (&) and aliases (*) are not supported; write the value out, or quote it";
const char* const no_tags = "tags (!) are not supported; remove it, or quote the value";
const char* const one_document = "a file has one document; a second one starts here";

/// Finds characters by yaml-cpp's marks: lines and bytes, both from 0.
class Lines {
public:
    explicit Lines(const std::string& text) : text_(text), starts_{0} {
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '\n') starts_.push_back(i + 1);
            if ((static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U) continuing_.push_back(i);
        }
    }

    char at(const YAML::Mark& mark) const {
        const std::size_t offset = offset_of(mark);
        return offset < text_.size() ? text_[offset] : '\0';
    }

    /// A problem "at the end of the file" is shown at the end of its last line.
    YAML::Mark within_text(YAML::Mark mark) const {
        if (mark.line < 0) mark.line = mark.column = 0;
        const bool beyond = start_of(mark.line) == text_.size() && mark.line > 0;
        if (!beyond) return mark;
        const std::size_t end = std::min(text_.find_last_not_of("\r\n"), text_.size() - 1) + 1;
        const auto next = std::upper_bound(starts_.begin(), starts_.end(), end);
        mark.line = static_cast<int>(next - starts_.begin()) - 1;
        mark.column = static_cast<int>(end - start_of(mark.line));
        return mark;
    }

    int column(const YAML::Mark& mark) const {
        return characters_before(offset_of(mark)) - characters_before(start_of(mark.line)) + 1;
    }

    /// yaml-cpp places the missing value of "- " at whatever follows; this is the dash itself.
    YAML::Mark dash_before(YAML::Mark mark) const {
        YAML::Mark dash = mark;
        for (dash.line = mark.line; dash.line >= 0; --dash.line) {
            const std::size_t start = start_of(dash.line);
            const std::size_t first = std::min(text_.find_first_not_of(' ', start), text_.size());
            dash.column = static_cast<int>(first - start);
            const bool before = dash.line < mark.line || dash.column < mark.column;
            if (before && at(dash) == '-') return dash;
        }
        return mark;
    }

private:
    std::size_t start_of(int line) const {
        return starts_[std::min<std::size_t>(std::max(line, 0), starts_.size() - 1)];
    }
    std::size_t offset_of(const YAML::Mark& mark) const {
        return std::min(start_of(mark.line) + static_cast<std::size_t>(std::max(mark.column, 0)), text_.size());
    }

    int characters_before(std::size_t offset) const {
        const auto continuing = std::lower_bound(continuing_.begin(), continuing_.end(), offset);
        return static_cast<int>(offset) - static_cast<int>(continuing - continuing_.begin());
    }

    const std::string& text_;
    std::vector<std::size_t> starts_;      // of the lines
    std::vector<std::size_t> continuing_;  // bytes that continue a character
};

class Builder : public YAML::EventHandler {
public:
    explicit Builder(const Lines& lines) : lines_(lines) {}

    Node take() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ > 1) throw Refused{mark, one_document};
    }
    void OnDocumentEnd() override {}
    void OnAnchor(const YAML::Mark& mark, const std::string& /*name*/) override { throw Refused{mark, no_aliases}; }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override { throw Refused{mark, no_aliases}; }

    void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
        const bool implied = lines_.at(mark) != '~' && lines_.at(mark) != 'n' && lines_.at(mark) != 'N';
        const bool in_sequence = !open_.empty() && open_.back().node.kind == Node::Kind::sequence;
        add(made(Node::Kind::null, implied && in_sequence ? lines_.dash_before(mark) : mark));
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                  const std::string& value) override {
        refuse_tag(mark, tag);
        if (const auto bad = find_bad_text(value, false)) {
            throw Refused{mark, "this value contains a line break or " + bad->what};
        }
        Node node = made(Node::Kind::scalar, mark);
        node.quoted = tag == "!";
        node.text = value;
        add(std::move(node));
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                         YAML::EmitterStyle::value /*style*/) override {
        open(Node::Kind::sequence, mark, tag);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                    YAML::EmitterStyle::value /*style*/) override {
        open(Node::Kind::map, mark, tag);
    }
    void OnMapEnd() override { close(); }

private:
    struct Open {
        Node node;
        std::optional<Node> key;  // of a map, while its value is awaited
    };

    Node made(Node::Kind kind, const YAML::Mark& mark) const {
        Node node;
        node.kind = kind;
        node.line = mark.line + 1;
        node.column = lines_.column(mark);
        return node;
    }

    // "?" is a plain node, "!" a quoted scalar; a written "!" can only be told by looking.
    void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
        const bool inferred = tag.empty() || tag == "?" || tag == "!";
        if (!inferred || lines_.at(mark) == '!') throw Refused{mark, no_tags};
    }

    void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag) {
        refuse_tag(mark, tag);
        if (open_.size() >= max_depth) {
            throw Refused{mark, "nested deeper than " + std::to_string(max_depth) + " levels"};
        }
        open_.push_back({made(kind, mark), std::nullopt});
    }

    void close() {
        Node done = std::move(open_.back().node);
        open_.pop_back();
        add(std::move(done));
    }

    void add(Node node) {
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        Open& parent = open_.back();
        if (parent.node.kind == Node::Kind::sequence) {
            parent.node.items.push_back(std::move(node));
        } else if (!parent.key) {
            parent.key = std::move(node);
        } else {
            parent.node.members.push_back({std::move(*parent.key), std::move(node)});
            parent.key.reset();
        }
    }

    const Lines& lines_;
    std::vector<Open> open_;
    Node root_;
    int documents_ = 0;
};

Node parsed(const std::string& text, const Lines& lines) {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Builder builder(lines);
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.take();
}

bool is_about_alias(const std::string& message) {
    return message.find("anchor") != std::string::npos || message.find("alias") != std::string::npos;
}

// yaml-cpp's words for the common mistakes, in an operator's.
std::string explained(const std::string& message) {
    static const std::map<std::string, std::string> words = {
        {YAML::ErrorMsg::END_OF_MAP, "expected `key: value`; check the indentation"},
        {YAML::ErrorMsg::END_OF_SEQ, "expected `- entry`; check the indentation"},
        {YAML::ErrorMsg::END_OF_MAP_FLOW, "a `{` is not closed, or a comma is missing"},
        {YAML::ErrorMsg::END_OF_SEQ_FLOW, "a `[` is not closed, or a comma is missing"},
        {YAML::ErrorMsg::FLOW_END, "a `]` or `}` that nothing has opened"},
        {YAML::ErrorMsg::EOF_IN_SCALAR, "a quote is not closed"},
        {YAML::ErrorMsg::MAP_VALUE, "a `:` where no key can be; check the indentation, or quote the value"},
        {YAML::ErrorMsg::MAP_KEY, "a key where none can be; check the indentation"},
        {YAML::ErrorMsg::BLOCK_ENTRY, "a `-` where no list can begin; check the indentation"},
        {YAML::ErrorMsg::UNKNOWN_TOKEN, "a character that cannot begin a value; put the value in quotes"},
    };
    if (is_about_alias(message)) return no_aliases;
    if (message.find("tag") != std::string::npos) return no_tags;
    const auto known = words.find(message);
    return "not valid YAML: " + (known == words.end() ? message : known->second);
}

Diagnostic diagnostic(const std::string& file, const Lines& lines, YAML::Mark mark, const std::string& message) {
    mark = lines.within_text(mark);
    return {file, mark.line + 1, lines.column(mark), message};
}

Diagnostic invalid(const std::string& file, const Lines& lines, YAML::Exception& e) {
    if (is_about_alias(e.msg) && lines.at(e.mark) != '*' && e.mark.column > 0) --e.mark.column;  // it was just read
    return diagnostic(file, lines, e.mark, explained(e.msg));
}

std::optional<Diagnostic> refused_unparsed(const std::string& file, const std::string& text) {
    if (text.size() > max_file_size) return Diagnostic{file, 1, 1, "larger than 1 MiB"};
    if (const auto bad = find_bad_text(text, true)) return Diagnostic{file, bad->line, bad->column, bad->what};
    if (const auto tab = find_tab_in_indentation(text)) return Diagnostic{file, tab->line, tab->column, tab->what};
    return std::nullopt;
}

std::optional<Node> root_map(const std::string& file, Node root, Diagnostics& problems) {
    if (root.kind == Node::Kind::map || root.kind == Node::Kind::null) return root;
    problems.push_back({file, root.line, root.column, "expected `key: value` lines here"});
    return std::nullopt;
}

}  // namespace

const Node& value_of(const Node& map, const std::string& key) {
    for (const auto& member : map.members) {
        if (member.key.text == key) return member.value;
    }
    return map;
}

std::optional<Node> parse_yaml(const std::string& file, const std::string& text_with_mark, Diagnostics& problems) {
    const bool marked = text_with_mark.starts_with("\xEF\xBB\xBF");  // some editors begin UTF-8 files with it
    std::string text = text_with_mark.substr(marked ? 3 : 0);
    if (auto problem = refused_unparsed(file, text)) {
        problems.push_back(std::move(*problem));
        return std::nullopt;
    }
    if (!text.ends_with('\n')) text += '\n';  // yaml-cpp's marks are wrong in an unfinished last line
    const Lines lines(text);
    try {
        return root_map(file, parsed(text, lines), problems);
    } catch (const Refused& refused) {
        problems.push_back(diagnostic(file, lines, refused.mark, refused.message));
    } catch (YAML::Exception& e) {
        problems.push_back(invalid(file, lines, e));
    } catch (const std::exception& e) {
        problems.push_back({file, 1, 1, explained(e.what())});
    }
    return std::nullopt;
}

}  // namespace ballast::config
