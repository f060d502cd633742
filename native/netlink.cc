#include "netlink.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "failure.h"

namespace hawser {
namespace {

// The kernel fills dump replies up to what the last read offered, 32 KiB at most; an error reply is
// below 1 KiB.
constexpr size_t READ_BYTES = 64 * 1024;
constexpr size_t REPLY_BYTES_MAX = 256 * 1024 * 1024;

// Whether the replies hold the one that ends the request with this sequence number.
bool endsRequest(const uint8_t* bytes, size_t length, uint32_t sequence) {
  size_t offset = 0;
  while (length - offset >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, bytes + offset, sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > length - offset) return false;
    const bool isEnd = header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR;
    if (isEnd && header.nlmsg_seq == sequence) return true;
    const size_t aligned = NLMSG_ALIGN(static_cast<size_t>(header.nlmsg_len));
    if (aligned > length - offset) return false;
    offset += aligned;
  }
  return false;
}

Result<std::monostate> sendAll(int fd, const uint8_t* bytes, size_t length) {
  ssize_t sent;
  do {
    sent = send(fd, bytes, length, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return failed("send");
  return std::monostate{};
}

Result<std::vector<uint8_t>> receiveUntil(int fd, uint32_t lastSequence) {
  std::vector<uint8_t> replies;
  for (;;) {
    const size_t used = replies.size();
    if (used > REPLY_BYTES_MAX) return Failure{EMSGSIZE, "recv"};
    replies.resize(used + READ_BYTES);
    const ssize_t length = recv(fd, replies.data() + used, READ_BYTES, MSG_TRUNC);
    if (length < 0 && errno == EINTR) {
      replies.resize(used);
      continue;
    }
    if (length < 0) return Failure{errno == EAGAIN ? ETIMEDOUT : errno, "recv"};
    if (static_cast<size_t>(length) > READ_BYTES) return Failure{EMSGSIZE, "recv"};
    replies.resize(used + static_cast<size_t>(length));
    const bool isEnd =
        endsRequest(replies.data() + used, static_cast<size_t>(length), lastSequence);
    if (isEnd) return replies;
  }
}

}  // namespace

Napi::Value netlinkExchange(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsNumber() || !info[1].IsTypedArray() || !info[2].IsNumber())
    return wrongArgument(env, "fd is a number, requests are bytes, lastSequence is a number");
  const int fd = info[0].As<Napi::Number>();
  const auto requests = info[1].As<Napi::Uint8Array>();
  const uint32_t lastSequence = info[2].As<Napi::Number>();
  const auto sent = sendAll(fd, requests.Data(), requests.ElementLength());
  if (const auto* failure = std::get_if<Failure>(&sent)) return toValue(env, *failure);
  const auto replies = receiveUntil(fd, lastSequence);
  if (const auto* failure = std::get_if<Failure>(&replies)) return toValue(env, *failure);
  const auto& bytes = std::get<std::vector<uint8_t>>(replies);
  return Napi::Buffer<uint8_t>::Copy(env, bytes.data(), bytes.size());
}

}  // namespace hawser
