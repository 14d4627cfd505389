#include "daemon/page_users.h"

#include <crypt.h>
#include <cstring>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <spdlog/spdlog.h>
#include <sstream>
#include <unistd.h>

namespace ballast::daemon {

namespace asio = boost::asio;

namespace {

constexpr std::size_t largest_file = 1024 * 1024;
constexpr std::size_t longest_password = CRYPT_MAX_PASSPHRASE_SIZE - 1;

Error unusable(const std::string& file, const std::string& why) {
    return {ErrorCode::invalid, file, why};
}

bool same_file(const struct stat& a, const struct stat& b) {
    return a.st_ino == b.st_ino && a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
           a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_mode == b.st_mode;
}

Result<std::string> read_secret(const std::string& file, struct stat& about) {
    const int in = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (in < 0) return unusable(file, std::string("cannot be read: ") + std::strerror(errno));
    const std::shared_ptr<void> closes(nullptr, [in](void*) { ::close(in); });
    if (::fstat(in, &about) != 0 || !S_ISREG(about.st_mode)) return unusable(file, "is not a regular file");
    if ((about.st_mode & S_IRWXO) != 0) return unusable(file, "is open to others; chmod o-rwx");
    std::string text(std::min(static_cast<std::size_t>(about.st_size), largest_file), '\0');
    const ssize_t length = ::read(in, text.data(), text.size());
    if (length < 0) return unusable(file, std::string("cannot be read: ") + std::strerror(errno));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

// Runs where it is spawned.
asio::awaitable<bool> matches(std::string hash, std::string password) {
    co_return is_password_of(hash, password);
}

}  // namespace

Result<PageHashes> parse_page_users(const std::string& file, const std::string& text) {
    PageHashes hashes;
    std::istringstream lines(text);
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        if (line.ends_with('\r')) line.pop_back();
        if (line.empty() || line.starts_with('#')) continue;
        const std::string place = file + ":" + std::to_string(number);
        const auto colon = line.find(':');
        if (colon == 0 || colon == std::string::npos) return unusable(place, "expected NAME:HASH");
        const std::string name = line.substr(0, colon), hash = line.substr(colon + 1);
        if (::crypt_checksalt(hash.c_str()) != CRYPT_SALT_OK)
            return unusable(place, "no hash of a kind that is in use today; mkpasswd makes one");
        if (!hashes.emplace(name, hash).second) return unusable(place, "this name was there already");
    }
    if (hashes.empty()) return unusable(file, "names nobody; a line is NAME:HASH, from mkpasswd");
    return hashes;
}

bool is_password_of(const std::string& hash, const std::string& password) {
    if (password.size() > longest_password || password.find('\0') != std::string::npos) return false;
    auto data = std::make_unique<crypt_data>();  // 32 KiB
    const char* found = ::crypt_r(password.c_str(), hash.c_str(), data.get());
    return found && std::strlen(found) == hash.size() && CRYPTO_memcmp(found, hash.data(), hash.size()) == 0;
}

PageUsers::PageUsers(std::string file) : file_(std::move(file)), secret_(32, '\0') {
    BALLAST_ASSERT(::RAND_bytes(reinterpret_cast<unsigned char*>(secret_.data()), static_cast<int>(secret_.size())) ==
                   1);
}

Result<std::unique_ptr<PageUsers>> PageUsers::open(const std::string& file) {
    std::unique_ptr<PageUsers> users(new PageUsers(file));
    if (const auto read = users->read(); !read) return read.error();
    return users;
}

Result<void> PageUsers::read() {
    struct stat about {};
    const auto text = read_secret(file_, about);
    read_as_ = about;
    if (!text) return text.error();
    auto hashes = parse_page_users(file_, *text);
    if (!hashes) return hashes.error();
    hashes_ = std::move(*hashes);
    let_in_.clear();
    return {};
}

// Nobody is let in by a file that cannot be read any more.
void PageUsers::read_again_when_changed() {
    struct stat now {};
    if (::stat(file_.c_str(), &now) == 0 && same_file(now, read_as_)) return;
    const auto again = read();
    if (again) return spdlog::info("page: {} was read again", file_);
    if (!hashes_.empty()) spdlog::error("page: nobody can log in: {}", to_string(again.error()));
    hashes_.clear();
    let_in_.clear();
}

PageUsers::Digest PageUsers::digest_of(const Login& login) const {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    ::HMAC(::EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
           reinterpret_cast<const unsigned char*>(login.password.data()), login.password.size(), out, &length);
    return {reinterpret_cast<const char*>(out), length};
}

asio::awaitable<PageUsers::Verdict> PageUsers::verdict(Login login) {
    read_again_when_changed();
    if (login.name.empty() || hashes_.empty()) co_return Verdict::unknown;
    const Digest digest = digest_of(login);
    const auto known = let_in_.find(login.name);
    const bool was_let_in = known != let_in_.end() && known->second.size() == digest.size() &&
                            CRYPTO_memcmp(known->second.data(), digest.data(), digest.size()) == 0;
    if (was_let_in) co_return Verdict::welcome;
    if (waiting_ >= most_waiting) co_return Verdict::busy;
    // A name that nobody has takes as long.
    const auto user = hashes_.find(login.name);
    const bool exists = user != hashes_.end();
    const std::string hash = exists ? user->second : hashes_.begin()->second;
    ++waiting_;
    auto hashed = matches(hash, login.password);
    const bool right = co_await asio::co_spawn(hashing_.get_executor(), std::move(hashed), asio::use_awaitable);
    --waiting_;
    const auto still = hashes_.find(login.name);
    if (!exists || !right || still == hashes_.end() || still->second != hash) co_return Verdict::unknown;
    let_in_[login.name] = digest;
    co_return Verdict::welcome;
}

}  // namespace ballast::daemon
