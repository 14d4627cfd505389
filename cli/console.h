// The whole terminal for one program: another screen, keys at once, and the terminal as it was when that ends, however
// it ends. Plain ECMA-48 and xterm's private modes, which all terminals of today know. One at a time; one thread.
#pragma once

#include <string>
#include <vector>

namespace ballast::cli {

class Console {
public:
    struct Size {
        int columns = 80, rows = 24;
    };

    /// Takes the terminal. Requires that stdin and stdout are one.
    Console();
    /// Gives it back.
    ~Console();
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;

    Size size() const;
    /// Nothing was drawn yet, or since the program was stopped and went on.
    bool is_blank() const;
    /// In place of what is there, at once, so that nothing flickers.
    void draw(const std::vector<std::string>& lines);
    /// The next key: a character, "tab", "up", "down", "page up", "page down", "home", or "end of input". Empty: none
    /// within so many milliseconds, or the terminal's size changed.
    std::string key(int milliseconds);
};

/// The first key in what a terminal sent, which is taken away from it; "" for one of no meaning here.
std::string key_from(std::string& bytes);

}  // namespace ballast::cli
