// Tells TypeScript when a socket of ours is readable or has an error to collect.
#pragma once
#include <napi.h>

namespace hawser {

// class Poll(fd, onReady): close(), ref(), unref(). The fd stays the caller's and is closed after
// `close()`. A socket error (a netlink socket's ENOBUFS) stops libuv's watcher with UV_EBADF; it is
// started again and reported as readiness, because the next read collects the error.
Napi::Function definePoll(Napi::Env env);

}  // namespace hawser
