#include "cli/completion.h"

#include <algorithm>

#include "model/result.h"

namespace ballast::cli {

namespace {
const OptionSpec* find_option(const VerbSpec& verb, const std::string& name) {
    const auto found = std::find_if(verb.options.begin(), verb.options.end(), [&](const OptionSpec& option) {
        return std::find(option.names.begin(), option.names.end(), name) != option.names.end();
    });
    return found == verb.options.end() ? nullptr : &*found;
}

const VerbSpec* find_verb(const VerbSpec& verb, const std::string& name) {
    const auto found =
        std::find_if(verb.verbs.begin(), verb.verbs.end(), [&](const VerbSpec& v) { return v.name == name; });
    return found == verb.verbs.end() ? nullptr : &*found;
}

// Where the cursor is: in which verb, after how many of its arguments, and maybe behind an option that wants a value.
struct Place {
    const VerbSpec* root;
    const VerbSpec* verb;
    std::size_t arguments = 0;
    const OptionSpec* option = nullptr;

    const OptionSpec* option_named(const std::string& name) const {
        const OptionSpec* own = find_option(*verb, name);
        return own ? own : find_option(*root, name);
    }

    void pass(const std::string& word) {
        if (option) {
            option = nullptr;
        } else if (word.size() > 1 && word[0] == '-') {
            const OptionSpec* named = option_named(word);
            if (named && named->value.kind != Kind::none) option = named;
        } else if (const VerbSpec* next = find_verb(*verb, word); next && arguments == 0) {
            verb = next;
        } else {
            ++arguments;
        }
    }
};

Candidates of(const Argument& argument) {
    if (argument.kind == Kind::word) return {argument.words, Kind::none};
    return {{}, argument.kind};
}

Candidates options_at(const Place& place) {
    Candidates found;
    for (const VerbSpec* verb : {place.verb, place.root})
        for (const OptionSpec& option : verb->options)
            for (const std::string& name : option.names)
                if (std::find(found.words.begin(), found.words.end(), name) == found.words.end())
                    found.words.push_back(name);
    return found;
}

Candidates arguments_at(const Place& place) {
    Candidates found;
    const auto& arguments = place.verb->arguments;
    if (place.arguments < arguments.size())
        found = of(arguments[place.arguments]);
    else if (!arguments.empty() && arguments.back().repeats)
        found = of(arguments.back());
    if (place.arguments == 0)
        for (const VerbSpec& verb : place.verb->verbs) found.words.push_back(verb.name);
    return found;
}

// The shells get whole lines and filter them themselves. Names come from outside: bash's compgen -W would expand $(...)
// in them, so they only ever pass through read, %q and compadd.
constexpr const char* bash_script = R"script(# ballastctl completion for bash: source <(ballastctl completion bash)
_ballastctl() {
    local current=${COMP_WORDS[COMP_CWORD]} word
    COMPREPLY=()
    while IFS= read -r word; do
        if [[ $word == $'\tfiles' ]]; then
            compopt -o default
        elif [[ $word == "$current"* ]]; then
            COMPREPLY+=("$(printf %q "$word")")
        fi
    done < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _ballastctl ballastctl
)script";

constexpr const char* zsh_script = R"script(#compdef ballastctl
# ballastctl completion for zsh: source <(ballastctl completion zsh)
_ballastctl() {
    local -a names
    local word
    while IFS= read -r word; do
        if [[ $word == $'\tfiles' ]]; then
            _files
        else
            names+=("$word")
        fi
    done < <("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
    compadd -a names
}
compdef _ballastctl ballastctl
)script";

constexpr const char* fish_script = R"script(# ballastctl completion for fish: ballastctl completion fish | source
function __ballastctl_complete
    set -l words (commandline -opc)
    for word in (ballastctl complete -- $words[2..-1] (commandline -ct) 2>/dev/null)
        if test "$word" = \t'files'
            __fish_complete_path (commandline -ct)
        else
            echo -- $word
        end
    end
end
complete -c ballastctl -f -a '(__ballastctl_complete)'
)script";
}  // namespace

Candidates candidates(const VerbSpec& root, const std::vector<std::string>& typed) {
    Place place{&root, &root};
    for (std::size_t i = 0; i + 1 < typed.size(); ++i) place.pass(typed[i]);
    if (place.option) return of(place.option->value);
    const bool is_option = !typed.empty() && typed.back().starts_with('-');
    return is_option ? options_at(place) : arguments_at(place);
}

std::string completion_script(const std::string& shell) {
    if (shell == "bash") return bash_script;
    if (shell == "zsh") return zsh_script;
    BALLAST_ASSERT(shell == "fish");
    return fish_script;
}

}  // namespace ballast::cli
