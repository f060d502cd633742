#include "tcp.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace hawser::dns {
namespace {

constexpr int ACCEPTS_PER_TURN = 16;
constexpr int READS_PER_TURN = 16;
constexpr size_t CONNECTIONS_MAX = 4096;
constexpr size_t PREFIX_BYTES = 2;
// Of a client that asks and does not read.
constexpr size_t REST_BYTES_MAX = 1 << 20;

}  // namespace

void TcpListenerSource::ready(uint32_t) {
  for (int round = 0; round < ACCEPTS_PER_TURN; round += 1) {
    UniqueFd fd(accept4(sandbox_.sockets.tcp.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.valid()) return;
    if (sandbox_.connections >= engine_.options().tcpConnectionsMax ||
        engine_.connectionCount() >= CONNECTIONS_MAX)
      continue;
    auto connection = std::make_unique<TcpConnection>(engine_, sandbox_, std::move(fd));
    if (connection->start()) engine_.add(std::move(connection));
  }
}

TcpConnection::TcpConnection(Engine& engine, Sandbox& sandbox, UniqueFd fd)
    : engine_(engine), sandbox_(sandbox), fd_(std::move(fd)), activeAtMs_(engine.nowMs()) {
  sandbox_.connections += 1;
}

TcpConnection::~TcpConnection() = default;

bool TcpConnection::start() {
  const int yes = 1;
  setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  events_ = EPOLLIN;
  if (engine_.watch(*this, fd_.get(), events_)) return true;
  sandbox_.connections -= 1;
  return false;
}

void TcpConnection::ready(uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return close();
  if ((events & EPOLLOUT) != 0 && !sendRest()) return close();
  proceed();
}

// Answers what has arrived, and reads on only while nothing is left over.
void TcpConnection::proceed() {
  for (int round = 0; round < READS_PER_TURN && !isRetired; round += 1) {
    serveReceived();
    if (isRetired || !mayRead() || hasEnded_ || !receive()) break;
  }
  if (isRetired) return;
  if (hasEnded_ && waiting_ == 0 && rest_.empty()) return close();
  update();
}

// Whether something new is there.
bool TcpConnection::receive() {
  const ssize_t size =
      recv(fd_.get(), buffer_ + received_, sizeof(buffer_) - received_, MSG_DONTWAIT);
  if (size > 0) {
    received_ += static_cast<size_t>(size);
    return true;
  }
  if (size == 0) hasEnded_ = true;
  else if (errno != EAGAIN && errno != EINTR) close();
  return false;
}

void TcpConnection::serveReceived() {
  size_t at = 0, used = 0;
  std::vector<uint8_t>& scratch = engine_.scratch();
  while (received_ - at >= PREFIX_BYTES && mayRead() && !isRetired) {
    const size_t size = be16(buffer_ + at);
    if (size > QUERY_BYTES_MAX) {
      engine_.counters().count(0, Outcome::Malformed);
      return close();
    }
    if (received_ - at < PREFIX_BYTES + size) break;
    activeAtMs_ = engine_.nowMs();
    used = serveFrame(at + PREFIX_BYTES, size, used);
    at += PREFIX_BYTES + size;
    if (scratch.size() - used < PREFIX_BYTES + REPLY_BYTES_MAX) {
      send({scratch.data(), used});
      used = 0;
    }
  }
  if (isRetired) return;
  std::memmove(buffer_, buffer_ + at, received_ - at);
  received_ -= at;
  send({scratch.data(), used});
}

// Puts the reply behind `used` bytes of the scratch; returns how many are used then.
size_t TcpConnection::serveFrame(size_t at, size_t size, size_t used) {
  uint8_t* out = engine_.scratch().data() + used;
  Query query;
  const Bytes bytes{buffer_ + at, size};
  Answer given = answer(sandbox_.asker, engine_.shuffle(), &query, out + PREFIX_BYTES, bytes,
                        Transport::Tcp);
  if (given.kind == AnswerKind::Forward) {
    if (engine_.pending().add({&sandbox_, this, {}}, bytes, given.type, engine_.nowMs())) {
      waiting_ += 1;
      return used;
    }
    given.outcome = Outcome::Refused;
    given.length = failureReply(query, Rcode::Refused, out + PREFIX_BYTES);
  }
  engine_.counters().count(given.type, given.outcome);
  if (given.kind == AnswerKind::Drop) return used;
  putBe16(out, static_cast<uint16_t>(given.length));
  return used + PREFIX_BYTES + given.length;
}

void TcpConnection::late(Bytes reply) {
  waiting_ -= 1;
  if (isRetired) return;
  activeAtMs_ = engine_.nowMs();
  if (reply.size > 0) {
    uint8_t prefix[PREFIX_BYTES];
    putBe16(prefix, static_cast<uint16_t>(reply.size));
    std::vector<uint8_t> framed(prefix, prefix + PREFIX_BYTES);
    framed.insert(framed.end(), reply.data, reply.data + reply.size);
    send({framed.data(), framed.size()});
  }
  if (!isRetired) proceed();
}

void TcpConnection::send(Bytes bytes) {
  if (bytes.size == 0) return;
  size_t sent = 0;
  if (rest_.empty()) {
    const ssize_t size = ::send(fd_.get(), bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN && errno != EINTR) return close();
    if (size > 0) sent = static_cast<size_t>(size);
  }
  if (rest_.size() + bytes.size - sent > REST_BYTES_MAX) return close();
  rest_.insert(rest_.end(), bytes.data + sent, bytes.data + bytes.size);
}

// False when the connection is broken.
bool TcpConnection::sendRest() {
  if (rest_.empty()) return true;
  const ssize_t size = ::send(fd_.get(), rest_.data(), rest_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  rest_.erase(rest_.begin(), rest_.begin() + size);
  if (rest_.empty()) rest_.shrink_to_fit();
  return true;
}

void TcpConnection::update() {
  uint32_t wanted = 0;
  if (mayRead() && !hasEnded_) wanted |= EPOLLIN;
  if (!rest_.empty()) wanted |= EPOLLOUT;
  if (wanted == events_) return;
  events_ = wanted;
  engine_.rewatch(*this, fd_.get(), events_);
}

// A client that waits for the outside is not idle; one that does not read is.
void TcpConnection::tick() {
  if (waiting_ > 0 && rest_.empty()) return;
  if (engine_.nowMs() - activeAtMs_ >= engine_.options().tcpIdleMs) close();
}

void TcpConnection::close() {
  if (isRetired) return;
  isRetired = true;
  sandbox_.connections -= 1;
  if (waiting_ > 0) engine_.pending().forget(this);
  fd_ = UniqueFd();
  engine_.remove(this);
}

}  // namespace hawser::dns
