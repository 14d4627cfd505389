// etcd's methods as coroutines: ask() for one request and its first answer, Stream for watches.
// On the io_context's thread. Every coroutine's caller keeps the Completions alive until it has ended.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <memory>
#include <string>
#include <utility>

#include "etcd/completions.h"
#include "etcd/methods.h"
#include "model/units.h"

namespace ballast::etcd {

/// One member of the cluster and the connection to it, which gRPC makes when it is needed.
struct Member {
    std::string endpoint;  // as configured, for people
    std::shared_ptr<grpc::Channel> channel;
};
using MemberPtr = std::shared_ptr<const Member>;

/// `response` counts only when the status is OK.
template <class Response>
struct Answer {
    grpc::Status status;
    Response response;
};

/// What goes with every request: who asks, and that a member that has lost its leader is to say so instead of waiting
/// for one. `timeout`: none when it is zero.
void prepare(grpc::ClientContext& context, Duration timeout, const std::string& token);

inline grpc::Status closing() {
    return {grpc::StatusCode::CANCELLED, "the store is closing"};
}

/// Messages both ways until one side ends it. One operation at a time.
template <class Request, class Response>
class Stream : public Call, public std::enable_shared_from_this<Stream<Request, Response>> {
public:
    Stream(Completions& completions, MemberPtr member, StreamMethod<Request, Response> method)
        : Call(completions), completions_(completions), stub_(member->channel), method_(method) {}

    /// Sends the first message. False: ended, see status().
    boost::asio::awaitable<bool> open(Request request) {
        if (completions_.closed()) co_return false;
        request_ = std::move(request);
        calls_ = stub_.PrepareCall(&context, method_.name, completions_.queue());
        Step start(completions_, this->shared_from_this());
        calls_->StartCall(start.tag());
        const bool started = co_await start.done();
        if (!started || completions_.closed()) co_return false;
        Step write(completions_, this->shared_from_this());
        calls_->Write(request_, write.tag());
        co_return co_await write.done();
    }
    /// Waits for the next message. False: ended, see status().
    boost::asio::awaitable<bool> read() {
        if (completions_.closed()) co_return false;
        Step step(completions_, this->shared_from_this());
        calls_->Read(&response_, step.tag());
        co_return co_await step.done();
    }
    Response& response() { return response_; }
    /// Why it ended; only after one of the above said so.
    boost::asio::awaitable<grpc::Status> status() {
        if (completions_.closed()) co_return closing();
        Step step(completions_, this->shared_from_this());
        calls_->Finish(&status_, step.tag());
        co_await step.done();
        co_return status_;
    }

private:
    Completions& completions_;
    grpc::TemplatedGenericStub<Request, Response> stub_;
    StreamMethod<Request, Response> method_;
    std::unique_ptr<grpc::ClientAsyncReaderWriter<Request, Response>> calls_;
    Request request_;
    Response response_;
    grpc::Status status_;
};

template <class Request, class Response>
boost::asio::awaitable<Answer<Response>> ask(Completions& completions, MemberPtr member,
                                             UnaryMethod<Request, Response> method, Request request, Duration timeout,
                                             std::string token) {
    struct UnaryCall : Call {
        using Call::Call;
        Answer<Response> answer;
        std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader;
    };
    Answer<Response> answer;
    answer.status = closing();
    if (completions.closed()) co_return answer;
    auto call = std::make_shared<UnaryCall>(completions);
    prepare(call->context, timeout, token);
    grpc::TemplatedGenericStub<Request, Response> stub(member->channel);
    call->reader = stub.PrepareUnaryCall(&call->context, method.name, request, completions.queue());
    Step step(completions, call);
    call->reader->StartCall();
    call->reader->Finish(&call->answer.response, &call->answer.status, step.tag());
    co_await step.done();
    answer = std::move(call->answer);
    co_return answer;
}

/// The first message of the other side, and the stream is ended.
template <class Request, class Response>
boost::asio::awaitable<Answer<Response>> ask(Completions& completions, MemberPtr member,
                                             StreamMethod<Request, Response> method, Request request, Duration timeout,
                                             std::string token) {
    auto stream = std::make_shared<Stream<Request, Response>>(completions, member, method);
    prepare(stream->context, timeout, token);
    Answer<Response> answer;
    bool going = co_await stream->open(std::move(request));
    if (going) going = co_await stream->read();
    if (!going) {
        answer.status = co_await stream->status();
        co_return answer;
    }
    stream->context.TryCancel();
    answer.response = std::move(stream->response());
    co_return answer;
}

}  // namespace ballast::etcd
