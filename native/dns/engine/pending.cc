#include "pending.h"

#include <sys/socket.h>

#include <cstring>

#include "../control/control.h"
#include "engine.h"
#include "tcp.h"

namespace hawser::dns {
namespace {

constexpr uint32_t PLACE_BITS = 14;
static_assert(PENDING_MAX == 1 << PLACE_BITS);

}  // namespace

bool PendingTable::add(const Origin& origin, Bytes query, uint16_t type, int64_t sinceMs) {
  if (used_ >= PENDING_MAX || origin.sandbox->pending >= PENDING_PER_SANDBOX_MAX) return false;
  if (freePlaces_.empty()) {
    freePlaces_.push_back(static_cast<uint16_t>(places_.size()));
    places_.emplace_back();
  }
  const size_t place = freePlaces_.back();
  freePlaces_.pop_back();
  Pending& one = places_[place];
  one.state = PendingState::Held;
  one.transport = origin.connection == nullptr ? Transport::Udp : Transport::Tcp;
  one.type = type;
  one.size = static_cast<uint16_t>(query.size);
  one.tenancy = (one.tenancy + 1) & (0xffffffff >> PLACE_BITS);
  one.sandbox = origin.sandbox;
  one.connection = origin.connection;
  one.peer = origin.peer;
  one.sinceMs = sinceMs;
  one.bytes.reset(new uint8_t[query.size]);
  std::memcpy(one.bytes.get(), query.data, query.size);
  used_ += 1;
  origin.sandbox->pending += 1;
  handUp(place);
  return true;
}

void PendingTable::handUp(size_t place) {
  Pending& one = places_[place];
  if (one.state != PendingState::Held || !engine_.canHandUp(*one.sandbox)) return;
  one.state = PendingState::Handed;
  const uint32_t id = one.tenancy << PLACE_BITS | static_cast<uint32_t>(place);
  engine_.agent()->sendQuery(id, one);
}

void PendingTable::handUpHeld() {
  for (size_t place = 0; place < places_.size(); place += 1) handUp(place);
}

void PendingTable::takeBack() {
  for (Pending& one : places_)
    if (one.state == PendingState::Handed) one.state = PendingState::Held;
}

void PendingTable::answer(uint32_t id, Outcome outcome, Bytes reply) {
  const size_t place = id & (PENDING_MAX - 1);
  if (place >= places_.size() || places_[place].tenancy != id >> PLACE_BITS) return;
  if (places_[place].state == PendingState::Handed) finish(place, outcome, reply);
}

void PendingTable::finish(size_t place, Outcome outcome, Bytes reply) {
  const Pending& one = places_[place];
  engine_.counters().count(one.type, outcome);
  TcpConnection* connection = one.connection;
  if (connection == nullptr && reply.size > 0)
    sendto(one.sandbox->sockets.udp.get(), reply.data, reply.size, MSG_DONTWAIT | MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&one.peer), sizeof(one.peer));
  free(place);
  if (connection != nullptr) connection->late(reply);
}

void PendingTable::fail(size_t place) {
  const Pending& one = places_[place];
  Query query;
  Rcode rcode;
  uint8_t out[QUERY_BYTES_MAX];
  size_t length = 0;
  const Bytes bytes{one.bytes.get(), one.size};
  if (readQuery(bytes, one.transport, &query, &rcode) == Reading::Query)
    length = failureReply(query, Rcode::ServFail, out);
  finish(place, Outcome::Failed, {out, length});
}

void PendingTable::free(size_t place) {
  Pending& one = places_[place];
  one.state = PendingState::Free;
  one.bytes.reset();
  one.sandbox->pending -= 1;
  used_ -= 1;
  freePlaces_.push_back(static_cast<uint16_t>(place));
}

void PendingTable::tick() {
  for (size_t place = 0; place < places_.size() && used_ > 0; place += 1) {
    const Pending& one = places_[place];
    if (one.state == PendingState::Free) continue;
    const bool isHeld = one.state == PendingState::Held;
    const int64_t limitMs = isHeld ? engine_.options().holdMs : HANDED_MS_MAX;
    if (engine_.nowMs() - one.sinceMs >= limitMs) fail(place);
  }
}

void PendingTable::forget(const Sandbox* sandbox) {
  for (size_t place = 0; place < places_.size(); place += 1) {
    const Pending& one = places_[place];
    if (one.state == PendingState::Free || one.sandbox != sandbox) continue;
    engine_.counters().count(one.type, Outcome::Failed);
    free(place);
  }
}

void PendingTable::forget(const TcpConnection* connection) {
  for (size_t place = 0; place < places_.size(); place += 1) {
    const Pending& one = places_[place];
    if (one.state == PendingState::Free || one.connection != connection) continue;
    engine_.counters().count(one.type, Outcome::Failed);
    free(place);
  }
}

}  // namespace hawser::dns
