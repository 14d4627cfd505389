#include "etcd/watch.h"

#include <algorithm>

namespace ballast::etcd {
namespace {

/// Why a stream is served no longer: it broke, etcd refuses the watch, the history is gone, or nobody listens.
enum class End { broken, refused, compacted, closed };

api::WatchRequest request_for(const Keyspace& keyspace, const Watch& watch) {
    api::WatchRequest request;
    auto& create = *request.mutable_create_request();
    create.set_key(keyspace.stored(watch.prefix));
    create.set_range_end(end_of(create.key()));
    create.set_start_revision(std::max<Revision>(watch.seen + 1, 1));  // 0 would be "from now on"
    create.set_progress_notify(true);  // so that a quiet prefix is not left behind by compaction
    create.set_fragment(true);         // no message is larger than what etcd allows for requests
    return request;
}

/// Tells what is complete. A revision is never split: etcd cuts its answers between revisions, and the fragments of an
/// answer are put together first.
void tell(const Keyspace& keyspace, Watch& watch, api::WatchResponse& response) {
    for (auto& event : *response.mutable_events()) watch.begun.push_back(event_of(keyspace, event));
    if (response.fragment()) return;
    const auto events = std::exchange(watch.begun, {});
    // The header of an answer with events may be ahead of them; one without is a mark of progress.
    const Revision known = events.empty() ? response.header().revision() : events.back().entry.mod_revision;
    if (!response.created()) watch.seen = std::max(watch.seen, known);
    if (!events.empty()) watch.changed(events);
}

/// Whether etcd is behind what the watcher knows: then it waits for changes that may be others than it thinks.
boost::asio::awaitable<bool> is_ahead(Connection& connection, const Keyspace& keyspace, std::shared_ptr<Watch> watch) {
    auto request = read_key(keyspace.schema_key());
    auto present = co_await connection.call(range_method, std::move(request), connection.deadline(), Repeat::safe);
    co_return present.has_value() && present->header().revision() < watch->seen;
}

boost::asio::awaitable<End> serve(Connection& connection, const Keyspace& keyspace, std::shared_ptr<Watch> watch,
                                  std::shared_ptr<Watch::WatchStream> stream) {
    for (;;) {
        const bool more = co_await stream->read();
        if (!watch->open) co_return End::closed;
        if (!more) co_return End::broken;
        auto& response = stream->response();
        if (response.canceled()) {
            co_return response.compact_revision() > 0 ? End::compacted : End::refused;
        }
        connection.note_revision(response.header().revision());
        if (response.created() && response.header().revision() < watch->seen) {
            const bool ahead = co_await is_ahead(connection, keyspace, watch);
            if (!watch->open) co_return End::closed;
            if (ahead) co_return End::compacted;
        }
        tell(keyspace, *watch, response);
    }
}

boost::asio::awaitable<End> serve_by(MemberPtr member, Completions& completions, Connection& connection,
                                     const Keyspace& keyspace, std::shared_ptr<Watch> watch) {
    auto stream = std::make_shared<Watch::WatchStream>(completions, member, watch_method);
    prepare(stream->context, Duration::zero(), connection.token());
    watch->stream = stream;
    watch->begun.clear();
    auto end = End::broken;
    const bool opened = co_await stream->open(request_for(keyspace, *watch));
    if (opened) end = co_await serve(connection, keyspace, watch, stream);
    if (end == End::broken && !completions.closed()) {
        const auto status = co_await stream->status();
        if (watch->open) connection.judge(member, status);
    }
    stream->context.TryCancel();
    co_return end;
}

}  // namespace

void Watch::close() {
    open = false;
    if (const auto serving = stream.lock()) serving->context.TryCancel();
}

boost::asio::awaitable<void> follow(std::shared_ptr<void>, Completions& completions, Connection& connection,
                                    const Keyspace& keyspace, std::shared_ptr<Watch> watch) {
    unsigned refusals = 0;
    while (watch->open && !completions.closed()) {
        auto member = co_await connection.ready(connection.deadline());
        auto end = End::broken;
        if (member && watch->open) end = co_await serve_by(*member, completions, connection, keyspace, watch);
        if (!watch->open || completions.closed()) break;
        if (end == End::compacted) {
            watch->open = false;
            watch->compacted();
            break;
        }
        // etcd's words do not tell a token that has ended from a permission that is missing: ask with a new one first.
        refusals = end == End::refused ? refusals + 1 : 0;
        if (refusals > 0) connection.forget_token();
        if (refusals > 1) connection.tell("etcd refuses a watch of " + watch->prefix + "; is a permission missing?");
        auto rest = refusals > 1 ? connection.long_pause() : connection.pause();
        co_await std::move(rest);
    }
}

}  // namespace ballast::etcd
