// The methods of etcd's API that Ballast calls, with the types of their messages. Values only.
#pragma once

#include "etcd/etcd_api.pb.h"

namespace ballast::etcd {

template <class RequestType, class ResponseType>
struct Method {
    using Request = RequestType;
    using Response = ResponseType;
    const char* name;
};
/// One request, one response.
template <class Request, class Response>
struct UnaryMethod : Method<Request, Response> {};
/// Both sides send as many messages as they like.
template <class Request, class Response>
struct StreamMethod : Method<Request, Response> {};

inline constexpr UnaryMethod<api::RangeRequest, api::RangeResponse> range_method{{"/etcdserverpb.KV/Range"}};
inline constexpr UnaryMethod<api::TxnRequest, api::TxnResponse> txn_method{{"/etcdserverpb.KV/Txn"}};
inline constexpr UnaryMethod<api::LeaseGrantRequest, api::LeaseGrantResponse> lease_grant_method{
    {"/etcdserverpb.Lease/LeaseGrant"}};
inline constexpr UnaryMethod<api::LeaseRevokeRequest, api::LeaseRevokeResponse> lease_revoke_method{
    {"/etcdserverpb.Lease/LeaseRevoke"}};
inline constexpr UnaryMethod<api::StatusRequest, api::StatusResponse> status_method{
    {"/etcdserverpb.Maintenance/Status"}};
inline constexpr UnaryMethod<api::AuthenticateRequest, api::AuthenticateResponse> authenticate_method{
    {"/etcdserverpb.Auth/Authenticate"}};
inline constexpr StreamMethod<api::LeaseKeepAliveRequest, api::LeaseKeepAliveResponse> lease_keep_alive_method{
    {"/etcdserverpb.Lease/LeaseKeepAlive"}};
inline constexpr StreamMethod<api::WatchRequest, api::WatchResponse> watch_method{{"/etcdserverpb.Watch/Watch"}};

}  // namespace ballast::etcd
