// One exchange on a netlink socket: requests out, replies in, until the last request is answered.
#pragma once
#include <napi.h>

namespace hawser {

// netlinkExchange(fd, requests, lastSequence): bytes of all replies | Failure. Blocks: rtnetlink
// answers during the send, so nothing is waited for in practice; SO_RCVTIMEO of the socket bounds
// it (ETIMEDOUT).
Napi::Value netlinkExchange(const Napi::CallbackInfo& info);

}  // namespace hawser
