// The small parts of the etcd store, each by itself.
#include <fstream>

#include "etcd/errors.h"
#include "etcd/history_mark.h"
#include "etcd/keyspace.h"
#include "etcd/line.h"
#include "etcd/schema.h"
#include "tests/store/store_bench.h"

using namespace ballast;
using namespace ballast::etcd;
using namespace ballast::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("The end of a prefix is the first key after all that begin with it") {
    CHECK(end_of("/a") == "/b");
    CHECK(end_of("/a/") == "/a0");
    CHECK(end_of("/a\xff") == "/b");
    CHECK(end_of("/a\xff\xff\x01") == "/a\xff\xff\x02");
    CHECK(end_of("\xff\xff") == std::string(1, '\0'));
}

TEST_CASE("Keys lie below the prefix and come back as they were") {
    const Keyspace keyspace("/site");
    const std::string key("/a\0\xff", 4);
    CHECK(keyspace.stored(key).starts_with("/site/data/a"));
    CHECK(keyspace.shown(keyspace.stored(key)) == key);
    CHECK_FALSE(keyspace.schema_key().starts_with(keyspace.stored("")));
}

TEST_CASE("A transaction without changes asks the leader nevertheless") {
    const auto request = write(Keyspace("/x"), {{{Compare::Kind::absent, "/a", 0, ""}}, {}});
    REQUIRE(request.success_size() == 1);
    CHECK(request.success(0).has_request_range());
}

TEST_CASE("Each failure has the code that callers are promised") {
    using grpc::StatusCode;
    struct Row {
        StatusCode status;
        std::string message;
        ErrorCode expected;
    };
    const std::vector<Row> table = {
        {StatusCode::UNAVAILABLE, "etcdserver: no leader", ErrorCode::unavailable},
        {StatusCode::UNAVAILABLE, "etcdserver: request timed out", ErrorCode::unavailable},
        {StatusCode::UNKNOWN, "Stream removed", ErrorCode::unavailable},
        {StatusCode::INTERNAL, "RST_STREAM", ErrorCode::unavailable},
        {StatusCode::CANCELLED, "CANCELLED", ErrorCode::unavailable},
        {StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded", ErrorCode::timed_out},
        {StatusCode::RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", ErrorCode::no_space},
        {StatusCode::RESOURCE_EXHAUSTED, "etcdserver: too many requests", ErrorCode::unavailable},
        {StatusCode::NOT_FOUND, "etcdserver: requested lease not found", ErrorCode::not_found},
        {StatusCode::DATA_LOSS, "etcdserver: corrupt cluster", ErrorCode::corrupt},
        {StatusCode::OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted", ErrorCode::conflict},
        {StatusCode::INVALID_ARGUMENT, "etcdserver: request is too large", ErrorCode::invalid},
        {StatusCode::INVALID_ARGUMENT, "etcdserver: authentication failed, invalid user ID or password",
         ErrorCode::refused},
        {StatusCode::PERMISSION_DENIED, "etcdserver: permission denied", ErrorCode::refused},
    };
    for (const auto& row : table) {
        INFO(row.message);
        CHECK(error_of(grpc::Status(row.status, row.message), "m1").code == row.expected);
    }
    CHECK(is_token_rejected({StatusCode::UNAUTHENTICATED, "etcdserver: invalid auth token"}));
    CHECK_FALSE(is_token_rejected({StatusCode::PERMISSION_DENIED, "etcdserver: permission denied"}));
}

TEST_CASE("Of a connection that fails only the reason is told, with a word on certificates where it may be them") {
    const grpc::Status refused(grpc::StatusCode::UNAVAILABLE,
                               "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to "
                               "connect to remote host: Connection refused");
    CHECK(error_of(refused, "http://m1:1").message == "Failed to connect to remote host: Connection refused");
    const grpc::Status reset(grpc::StatusCode::UNAVAILABLE, "recvmsg:Connection reset by peer");
    CHECK(error_of(reset, "http://m1:1").message == "recvmsg:Connection reset by peer");
    CHECK_THAT(error_of(reset, "https://m1:1").message, Catch::Contains("store.cert_file"));
    CHECK(error_of(grpc::Status(grpc::StatusCode::UNAVAILABLE, "last error: "), "m").message == "last error: ");
}

TEST_CASE("A newer version of the data is refused, and no version is none") {
    CHECK(check_schema("1").has_value());
    CHECK(check_schema("2").error().code == ErrorCode::refused);
    for (const auto* text : {"", "0", "-1", "1x", "one"}) CHECK(check_schema(text).error().code == ErrorCode::corrupt);
}

TEST_CASE("The history mark remembers the cluster and how far it had come") {
    const TemporaryDirectory directory;
    {
        auto mark = HistoryMark::open(directory.path()).value();
        CHECK(mark->check(0xabc, 5, mark->newest()).has_value());
        mark->note(7);
        mark->note(6);
        CHECK(mark->newest() == 7);
        CHECK(HistoryMark::open(directory.path()).error().code == ErrorCode::conflict);
        // Written by a thread of its own.
        const auto give_up = std::chrono::steady_clock::now() + patience;
        while (store::HighWaterMark::open(directory / "etcd.mark").value().read() != 7)
            REQUIRE(std::chrono::steady_clock::now() < give_up);
    }
    auto mark = HistoryMark::open(directory.path()).value();
    CHECK(mark->newest() == 7);
    CHECK(mark->check(0xabc, 7, 7).has_value());
    CHECK(mark->check(0xabc, 6, 7).error().code == ErrorCode::corrupt);
    CHECK(mark->check(0xabd, 9, 7).error().code == ErrorCode::corrupt);
}

TEST_CASE("A cluster file that is damaged is not taken for that of a new cluster") {
    const TemporaryDirectory directory;
    std::ofstream(directory / "etcd.cluster") << "12x\n";
    CHECK(HistoryMark::open(directory.path()).error().code == ErrorCode::corrupt);
}

namespace {

boost::asio::awaitable<Result<int>> pass_through(Line& line, std::vector<int>& order, int number, Duration longest) {
    Line::Place place(line);
    const bool mine = co_await place.turn(longest);
    if (!mine) co_return Error{ErrorCode::timed_out, "line", ""};
    order.push_back(number);
    boost::asio::steady_timer rest(co_await boost::asio::this_coro::executor, milliseconds(5));
    co_await rest.async_wait(boost::asio::use_awaitable);
    order.push_back(number);
    co_return number;
}

}  // namespace

TEST_CASE("In a line one goes after the other, in the order they came") {
    boost::asio::io_context io;
    Line line(io.get_executor());
    std::vector<int> order;
    const auto first = start(io, pass_through(line, order, 1, seconds(60)));
    const auto second = start(io, pass_through(line, order, 2, seconds(60)));
    const auto third = start(io, pass_through(line, order, 3, seconds(60)));
    REQUIRE(run_until(io, [&] { return third->has_value(); }));
    CHECK(order == std::vector<int>{1, 1, 2, 2, 3, 3});
    CHECK(line.length() == 0);
}

TEST_CASE("Who has waited too long leaves the line, and those behind move up") {
    boost::asio::io_context io;
    Line line(io.get_executor());
    std::vector<int> order;
    auto blocker = std::make_unique<Line::Place>(line);
    const auto impatient = start(io, pass_through(line, order, 1, milliseconds(10)));
    const auto patient = start(io, pass_through(line, order, 2, seconds(60)));
    REQUIRE(run_until(io, [&] { return impatient->has_value(); }));
    CHECK((*impatient)->error().code == ErrorCode::timed_out);
    CHECK(line.length() == 2);
    blocker.reset();
    REQUIRE(run_until(io, [&] { return patient->has_value(); }));
    CHECK(order == std::vector<int>{2, 2});
}

TEST_CASE("A line that is closed lets nobody through") {
    boost::asio::io_context io;
    Line line(io.get_executor());
    std::vector<int> order;
    const Line::Place blocker(line);
    const auto waiting = start(io, pass_through(line, order, 1, seconds(60)));
    io.poll();
    line.close();
    REQUIRE(run_until(io, [&] { return waiting->has_value(); }));
    CHECK(order.empty());
}
