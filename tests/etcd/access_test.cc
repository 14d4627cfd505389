// Who may use etcd: passwords, tokens, permissions, certificates.
#include <sys/stat.h>

#include "tests/etcd/etcd_bench.h"

using namespace ballast;
using namespace ballast::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

void write(const std::string& file, const std::string& text) {
    std::ofstream(file) << text;
    ::chmod(file.c_str(), 0600);
}

/// An etcd with users, whose tokens last a second.
class Guarded {
public:
    Guarded() : etcd_({.arguments = arguments()}) {
        etcd_.ctl("user add root:secret-of-root");
        etcd_.ctl("user add ballast:secret");
        etcd_.ctl("role add ballast");
        etcd_.ctl("role grant-permission ballast --prefix=true readwrite /ballast/");
        etcd_.ctl("user grant-role ballast ballast");
        etcd_.ctl("auth enable");
        write(directory_ / "password", "secret\n");
        write(directory_ / "wrong", "guess\n");
    }
    EtcdOptions options() const {
        EtcdOptions options = options_for(etcd_);
        options.user = "ballast";
        options.password_file = directory_ / "password";
        options.call_timeout = seconds(2);
        return options;
    }
    std::string operator/(const std::string& name) const { return directory_ / name; }
    Etcd& etcd() { return etcd_; }

private:
    Words arguments() const {
        output_of("openssl genrsa -out " + (directory_ / "key") + " 2048");
        output_of("openssl rsa -in " + (directory_ / "key") + " -pubout -out " + (directory_ / "pub"));
        return {"--auth-token=jwt,pub-key=" + (directory_ / "pub") + ",priv-key=" + (directory_ / "key") +
                    ",sign-method=RS256,ttl=1s",
                "--bcrypt-cost=4"};
    }

    TemporaryDirectory directory_;
    Etcd etcd_;
};

}  // namespace

TEST_CASE("With user and password the store works, also when its token has ended") {
    const Guarded guarded;
    boost::asio::io_context io;
    EtcdClient client(io, guarded.options());
    client.open().value();
    Recorder recorder;
    recorder.watch(*client, "/", wait(io, client->revision()).value());
    const LeaseId lease = wait(io, client->grant(seconds(60))).value();
    for (int i = 0; i < 3; ++i) {
        const auto committed = wait(io, client->commit(transaction({put("/a", std::to_string(i), lease)})));
        INFO((committed ? "" : to_string(committed.error())));
        REQUIRE(committed.has_value());
        boost::asio::steady_timer rest(io, milliseconds(1100));
        rest.async_wait([](auto) {});
        io.restart();
        io.run_for(milliseconds(1100));
    }
    CHECK(wait(io, client->keep_alive(lease)).has_value());
    CHECK(wait(io, client->list("/")).value().size() == 1);
    CHECK(wait(io, client->revoke(lease)).has_value());
    REQUIRE(run_until(io, [&] { return recorder.events.size() >= 4; }));
    CHECK(recorder.lines() == Lines{"/a=0", "/a=1", "/a=2", "/a erased"});
}

TEST_CASE("What passwords and permissions do not allow is refused with a reason") {
    Guarded guarded;
    boost::asio::io_context io;
    const auto refused = [&](EtcdOptions options, ErrorCode code) {
        EtcdClient client(io, std::move(options));
        const auto opened = client.open();
        REQUIRE(opened.has_error());
        CHECK(opened.error().code == code);
        return to_string(opened.error());
    };
    auto options = guarded.options();
    options.password_file = guarded / "wrong";
    CHECK_THAT(refused(options, ErrorCode::refused), Catch::Contains("authentication failed"));
    options.password_file = guarded / "missing";
    CHECK_THAT(refused(options, ErrorCode::invalid), Catch::Contains("No such file"));
    options.password_file = guarded / "password";
    ::chmod(options.password_file.c_str(), 0644);
    CHECK_THAT(refused(options, ErrorCode::invalid), Catch::Contains("open to others"));
    ::chmod(options.password_file.c_str(), 0600);
    options.prefix = "/elsewhere";
    CHECK_THAT(refused(options, ErrorCode::refused), Catch::Contains("permission denied"));
    options = guarded.options();
    options.user.clear();
    CHECK_THAT(refused(options, ErrorCode::unavailable), Catch::Contains("user name is empty"));
}

TEST_CASE("A permission that is taken away is missed by calls and watches, and enough once it is back") {
    Guarded guarded;
    boost::asio::io_context io;
    EtcdClient client(io, guarded.options());
    client.options().call_timeout = seconds(1);
    client.open().value();
    const std::string root = "--user root:secret-of-root role ", permission = "readwrite /ballast/";
    guarded.etcd().ctl(root + "grant-permission ballast read /ballast/schema");
    guarded.etcd().ctl(root + "revoke-permission ballast --prefix=true /ballast/");
    CHECK(wait(io, client->get("/a")).error().code == ErrorCode::refused);
    CHECK(wait(io, client->commit(transaction({put("/a", "1")}))).error().code == ErrorCode::refused);
    Recorder recorder;
    recorder.watch(*client, "/", 0);
    const auto told = [&] {
        return std::any_of(client.notes.begin(), client.notes.end(),
                           [](const std::string& note) { return note.starts_with("etcd refuses a watch of /;"); });
    };
    REQUIRE(run_until(io, told));
    guarded.etcd().ctl(root + "grant-permission ballast --prefix=true " + permission);
    CHECK(wait(io, client->commit(transaction({put("/a", "1")}))).has_value());
    REQUIRE(run_until(io, [&] { return !recorder.events.empty(); }));
    CHECK(recorder.lines() == Lines{"/a=1"});
}

namespace {

/// A small authority.
class Authority {
public:
    Authority() {
        output_of("openssl ecparam -genkey -name prime256v1 -noout -out " + file("ca.key") +
                  " && openssl req -x509 -new -key " + file("ca.key") + " -subj /CN=authority -days 30 -out " +
                  file("ca.pem"));
    }
    std::string file(const std::string& name) const { return directory_ / name; }
    /// NAME.key and NAME.pem; `days` may be in the past.
    void issue(const std::string& name, const std::string& subject_alternative, int days) const {
        const auto key = file(name + ".key"), request = file(name + ".csr"), extensions = file(name + ".ext");
        write(extensions, "subjectAltName=" + subject_alternative + "\n");
        output_of("openssl ecparam -genkey -name prime256v1 -noout -out " + key + " && openssl req -new -key " + key +
                  " -subj /CN=" + name + " -out " + request + " && openssl x509 -req -in " + request + " -CA " +
                  file("ca.pem") + " -CAkey " + file("ca.key") + " -CAcreateserial -days " + std::to_string(days) +
                  " -extfile " + extensions + " -out " + file(name + ".pem"));
        ::chmod(key.c_str(), 0600);
    }

private:
    TemporaryDirectory directory_;
};

EtcdSetup with_tls(const Authority& authority, const std::string& server) {
    return {
        .arguments = {"--cert-file=" + authority.file(server + ".pem"), "--key-file=" + authority.file(server + ".key"),
                      "--client-cert-auth", "--trusted-ca-file=" + authority.file("ca.pem")},
        .scheme = "https"};
}

EtcdOptions with_tls(const Authority& authority, const Etcd& etcd) {
    EtcdOptions options = options_for(etcd);
    options.ca_file = authority.file("ca.pem");
    options.cert_file = authority.file("client.pem");
    options.key_file = authority.file("client.key");
    options.call_timeout = milliseconds(1500);
    return options;
}

}  // namespace

TEST_CASE("With certificates the store works, and without the right ones it says what is wrong") {
    const Authority authority, other;
    authority.issue("server", "IP:127.0.0.1", 30);
    authority.issue("client", "DNS:client", 30);
    other.issue("client", "DNS:client", 30);
    Etcd etcd(with_tls(authority, "server"));
    boost::asio::io_context io;
    const auto problem = [&](const EtcdOptions& options) {
        EtcdClient client(io, options);
        const auto opened = client.open();
        return opened ? std::string() : to_string(opened.error());
    };
    auto options = with_tls(authority, etcd);
    CHECK(problem(options) == "");
    options.ca_file = other.file("ca.pem");
    CHECK_THAT(problem(options), Catch::Contains("its certificate is not valid: expired, for another name, or"));
    options = with_tls(authority, etcd);
    options.cert_file = other.file("client.pem");
    options.key_file = other.file("client.key");
    CHECK_THAT(problem(options), Catch::Contains("does not accept our certificate"));
    options = with_tls(authority, etcd);
    options.cert_file = options.key_file = "";
    CHECK_THAT(problem(options), Catch::Contains("does not accept our certificate"));
    options = with_tls(authority, etcd);
    options.ca_file = authority.file("missing");
    CHECK_THAT(problem(options), Catch::Contains("cannot be read: No such file"));
    options.ca_file = authority.file("client.ext");
    CHECK_THAT(problem(options), Catch::Contains("has no PEM block"));
}

TEST_CASE("A certificate that has expired, or is for another name, is not accepted") {
    const Authority authority;
    authority.issue("expired", "IP:127.0.0.1", -1);
    authority.issue("elsewhere", "IP:127.0.0.2", 30);
    authority.issue("client", "DNS:client", 30);
    boost::asio::io_context io;
    for (const auto& [server, problem] : {std::pair{"expired", "its certificate is not valid: expired"},
                                          std::pair{"elsewhere", "127.0.0.1 is not in peer certificate"}}) {
        INFO(server);
        Etcd etcd(with_tls(authority, server));
        EtcdClient client(io, with_tls(authority, etcd));
        const auto opened = client.open();
        REQUIRE(opened.has_error());
        CHECK(opened.error().code == ErrorCode::unavailable);
        CHECK_THAT(opened.error().message, Catch::Contains(problem));
    }
}

TEST_CASE("Certificates that were renewed are used without a restart") {
    const Authority before;
    before.issue("server", "IP:127.0.0.1", 30);
    before.issue("client", "DNS:client", 30);
    Etcd etcd(with_tls(before, "server"));
    boost::asio::io_context io;
    EtcdClient client(io, with_tls(before, etcd));
    client.options().call_timeout = seconds(5);
    client.open().value();
    const Authority after;
    after.issue("server", "IP:127.0.0.1", 30);
    after.issue("client", "DNS:client", 30);
    for (const auto* name : {"ca.pem", "server.pem", "server.key", "client.pem", "client.key"})
        std::filesystem::copy_file(after.file(name), before.file(name),
                                   std::filesystem::copy_options::overwrite_existing);
    etcd.kill();
    etcd.restart();
    const auto committed = wait(io, client->commit(transaction({put("/a", "1")})));
    INFO((committed ? "" : to_string(committed.error())));
    CHECK(committed.has_value());
}

TEST_CASE("How large etcd's database is, is told to a user without further rights, and grows with what is written") {
    const Guarded guarded;
    boost::asio::io_context io;
    EtcdClient client(io, guarded.options());
    client.open().value();
    const StoreSize before = wait(io, client->size()).value();
    CHECK(before.in_use > Bytes{});
    CHECK(before.in_use <= before.file);
    for (int i = 0; i < 8; ++i) {
        Transaction large;
        large.changes.push_back({Change::Kind::put, "/large", std::string(1 << 20, 'x'), 0});
        REQUIRE(wait(io, client->commit(std::move(large))).value().committed);
    }
    StoreSize after = before;
    for (int i = 0; i < 200 && after.file < before.file + mib(4); ++i) {  // etcd writes the file a little later
        std::this_thread::sleep_for(milliseconds(50));
        after = wait(io, client->size()).value();
    }
    CHECK(after.file >= before.file + mib(4));
}
