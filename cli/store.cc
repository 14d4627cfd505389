// The store's backups, and what is done with a store while no daemon runs.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/commands.h"
#include "interchange/store_backup.h"

namespace ballast::cli {

namespace {

Exit failed(Session& session, const std::string& what) {
    session.complain(Phrase("ballastctl: ", Tone::bad).add(what));
    return Exit::failed;
}

bool write_all(int file, const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t written = ::write(file, text.data() + done, text.size() - done);
        if (written < 0) return false;
        done += static_cast<std::size_t>(written);
    }
    return true;
}

// Half a backup never bears the name of a whole one; it holds the definitions of VMs, which are not for everybody.
bool write_whole(const std::string& file, const std::string& text) {
    const std::string unfinished = file + ".new";
    const int out = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) return false;
    const bool written = write_all(out, text) && ::fsync(out) == 0;
    const bool closed = ::close(out) == 0;
    return written && closed && ::rename(unfinished.c_str(), file.c_str()) == 0;
}

}  // namespace

Exit store_backup(Session& session, const std::string& file) {
    const auto answer = session.try_fetch("/v1/store/backup");
    if (!answer) {
        const Exit exit = session.report(answer.error());
        if (exit == Exit::unreachable) session.complain("While it is stopped: ballastctl store backup --stopped FILE");
        return exit;
    }
    if (!answer->ok()) return session.report(*answer);
    const auto backup = interchange::parse_store_backup(answer->bytes);
    if (!backup) return failed(session, "what the daemon sent cannot be used: " + to_string(backup.error()));
    const auto text = interchange::to_text(*backup);
    if (!text) return failed(session, to_string(text.error()));
    if (file == "-") {
        session.terminal().out << *text << std::flush;
        return Exit::ok;
    }
    if (!write_whole(file, *text)) return failed(session, file + ": " + std::strerror(errno));
    session.print(object{{"file", file}, {"store", backup->store}, {"entries", backup->entries.size()}},
                  [&](const value& body, Page& page) {
                      page.say(Phrase(file, Tone::strong)
                                   .add(" is a backup of " + backup->store + ": " + cli::text(body, "entries") +
                                        " entries. It comes back with: ballastctl store restore " + file));
                  });
    return Exit::ok;
}

Exit instead_run_daemon(Session& session, const DaemonWish& wish) {
    const std::string program = daemon_program();
    session.terminal().out << std::flush;
    ::execl(program.c_str(), program.c_str(), "--config", wish.config.c_str(), wish.option.c_str(), wish.file.c_str(),
            nullptr);
    return failed(session, program + ": " + std::strerror(errno));
}

}  // namespace ballast::cli
