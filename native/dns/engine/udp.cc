#include "udp.h"

#include <cerrno>

namespace hawser::dns {
namespace {

// Of one container before the others' turn.
constexpr int BATCHES_PER_TURN = 4;
constexpr size_t CACHE_LINE = 64;

}  // namespace

UdpBatch::UdpBatch() : in{}, out{} {
  for (size_t index = 0; index < DATAGRAMS; index += 1) {
    inBytes[index] = {datagrams[index], DATAGRAM_BYTES};
    in[index].msg_hdr.msg_iov = &inBytes[index];
    in[index].msg_hdr.msg_iovlen = 1;
    in[index].msg_hdr.msg_name = &peers[index];
    out[index].msg_hdr.msg_iov = &outBytes[index];
    out[index].msg_hdr.msg_iovlen = 1;
    out[index].msg_hdr.msg_namelen = sizeof(sockaddr_in);
  }
}

void UdpSource::ready(uint32_t) {
  UdpBatch& batch = engine_.batch();
  for (int round = 0; round < BATCHES_PER_TURN && !isRetired; round += 1) {
    for (auto& message : batch.in) message.msg_hdr.msg_namelen = sizeof(sockaddr_in);
    const int count = recvmmsg(sandbox_.sockets.udp.get(), batch.in, UdpBatch::DATAGRAMS,
                               MSG_DONTWAIT, nullptr);
    for (int index = 0; index < count; index += 1)
      serve(static_cast<size_t>(index), batch.in[index].msg_len);
    flush();
    if (count < static_cast<int>(UdpBatch::DATAGRAMS)) return;
  }
}

void UdpSource::serve(size_t index, size_t size) {
  UdpBatch& batch = engine_.batch();
  if (UdpBatch::ARENA_BYTES - batch.arenaUsed < REPLY_BYTES_MAX) flush();
  uint8_t* out = batch.arena + batch.arenaUsed;
  const Bytes bytes{batch.datagrams[index], size};
  const Answer given =
      answer(sandbox_.asker, engine_.shuffle(), &batch.query, out, bytes, Transport::Udp);
  if (given.kind != AnswerKind::Forward) {
    engine_.counters().count(given.type, given.outcome);
    if (given.kind == AnswerKind::Reply) reply(index, given.length);
    return;
  }
  const Origin origin{&sandbox_, nullptr, batch.peers[index]};
  if (engine_.pending().add(origin, bytes, given.type, engine_.nowMs())) return;
  engine_.counters().count(given.type, Outcome::Refused);
  reply(index, failureReply(batch.query, Rcode::Refused, out));
}

// What was written to the arena's free end is the reply.
void UdpSource::reply(size_t index, size_t size) {
  UdpBatch& batch = engine_.batch();
  batch.outBytes[batch.replies] = {batch.arena + batch.arenaUsed, size};
  batch.out[batch.replies].msg_hdr.msg_name = &batch.peers[index];
  batch.replies += 1;
  batch.arenaUsed += (size + CACHE_LINE - 1) & ~(CACHE_LINE - 1);
}

void UdpSource::flush() {
  UdpBatch& batch = engine_.batch();
  for (size_t sent = 0; sent < batch.replies;) {
    const auto left = static_cast<unsigned>(batch.replies - sent);
    const int count =
        sendmmsg(sandbox_.sockets.udp.get(), batch.out + sent, left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) sent += static_cast<size_t>(count);
    else if (errno == EAGAIN) break;
    // The first one cannot be sent: its client's affair.
    else if (errno != EINTR) sent += 1;
  }
  batch.replies = 0;
  batch.arenaUsed = 0;
}

}  // namespace hawser::dns
