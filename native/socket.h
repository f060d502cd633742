// Sockets of any family, made inside a network namespace, and datagrams on them.
#pragma once
#include <napi.h>

namespace hawser {

// socketIn({ namespaceFd, family, type, protocol, options: [level, name, number | bytes][], bind?,
// backlog? }): fd | Failure. Everything from setns to setns happens in this one call.
Napi::Value socketIn(const Napi::CallbackInfo& info);
// socketAddress(fd): bytes of the sockaddr | Failure.
Napi::Value socketAddress(const Napi::CallbackInfo& info);
// sendTo(fd, bytes, sockaddr?): bytes sent | Failure.
Napi::Value sendTo(const Napi::CallbackInfo& info);
// receiveFrom(fd, into): { length, address } | undefined when nothing is there | Failure. `length`
// is that of the datagram; it exceeds the buffer's when the datagram was cut.
Napi::Value receiveFrom(const Napi::CallbackInfo& info);
// memfd(name): fd | Failure. A file in memory, for programs that want to open their input.
Napi::Value memfd(const Napi::CallbackInfo& info);

}  // namespace hawser
