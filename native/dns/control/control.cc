#include "control.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "handover.h"

namespace hawser::dns {
namespace {

constexpr size_t CONNECTIONS_MAX = 8;
constexpr int READS_PER_TURN = 64;
constexpr size_t READ_BYTES_MAX = 256 * 1024;
// Beyond, queries are held instead of handed up, and an agent that does not read is let go.
constexpr size_t OUT_BYTES_AIM = 4 << 20;
constexpr size_t OUT_BYTES_MAX = 64 << 20;
constexpr size_t NETWORKS_MAX = 16384;

bool isTrusted(int fd) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == geteuid();
}

}  // namespace

std::string ControlListener::draft() const {
  return engine_.options().socketPath + "." + std::to_string(getpid());
}

bool ControlListener::open() {
  sockaddr_un place = {};
  place.sun_family = AF_UNIX;
  const std::string path = draft();
  if (path.size() >= sizeof(place.sun_path)) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(place.sun_path, path.c_str(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  unlink(path.c_str());
  const mode_t before = umask(0177);
  const bool isBound = bind(fd.get(), reinterpret_cast<sockaddr*>(&place), sizeof(place)) == 0;
  umask(before);
  if (!isBound || listen(fd.get(), CONNECTIONS_MAX) != 0) return false;
  fd_ = std::move(fd);
  return engine_.watch(*this, fd_.get(), EPOLLIN);
}

bool ControlListener::publish() {
  return rename(draft().c_str(), engine_.options().socketPath.c_str()) == 0;
}

void ControlListener::ready(uint32_t) {
  UniqueFd fd(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.valid() || !isTrusted(fd.get())) return;
  auto connection = std::make_unique<ControlConnection>(engine_, std::move(fd));
  if (connection->start()) engine_.add(std::move(connection));
}

bool ControlConnection::start() { return engine_.watch(*this, fd_.get(), EPOLLIN); }

bool ControlConnection::hasRoom() const { return out_.size() - sent_ < OUT_BYTES_AIM; }

void ControlConnection::ready(uint32_t events) {
  if ((events & EPOLLOUT) != 0 && !flush()) return close();
  for (int round = 0; round < READS_PER_TURN && !isRetired; round += 1)
    if (!receive()) return;
}

void ControlConnection::close() {
  if (isRetired) return;
  isRetired = true;
  fd_ = UniqueFd();
  engine_.agentGone(this);
  engine_.remove(this);
}

// Reads a part of a frame, and runs the frame when it is whole. False when there is nothing more.
bool ControlConnection::receive() {
  const bool isHead = headSize_ < FRAME_HEAD_BYTES;
  uint8_t* into = isHead ? head_ + headSize_ : body_.get() + bodyReceived_;
  const size_t wanted =
      isHead ? FRAME_HEAD_BYTES - headSize_ : std::min(bodySize_ - bodyReceived_, READ_BYTES_MAX);
  if (wanted > 0) {
    const ssize_t size = recv(fd_.get(), into, wanted, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (size <= 0) {
      close();
      return false;
    }
    (isHead ? headSize_ : bodyReceived_) += static_cast<size_t>(size);
  }
  if (isHead && headSize_ == FRAME_HEAD_BYTES) {
    const size_t length = le32(head_);
    if (length == 0 || length > FRAME_BYTES_MAX) {
      close();
      return false;
    }
    bodySize_ = length - 1;
    bodyReceived_ = 0;
    body_.reset(new uint8_t[bodySize_ + 1]);
  }
  if (headSize_ < FRAME_HEAD_BYTES || bodyReceived_ < bodySize_) return true;
  headSize_ = 0;
  const auto body = std::move(body_);
  run(static_cast<Frame>(head_[4]), {body.get(), bodySize_});
  return true;
}

void ControlConnection::run(Frame kind, Bytes rest) {
  FrameReader reader(rest);
  switch (kind) {
    case Frame::Hello:
      hello(reader);
      break;
    case Frame::Open:
      open(reader);
      break;
    case Frame::Close: {
      const uint32_t request = reader.u32();
      engine_.close(reader.text());
      done(request);
      break;
    }
    case Frame::Table: {
      const std::string network = reader.text();
      const Bytes table = reader.rest();
      std::unique_ptr<uint8_t[]> bytes(new uint8_t[table.size]);
      if (table.size > 0) std::memcpy(bytes.get(), table.data, table.size);
      // An agent whose tables are not understood is of no use: it finds out by this.
      if (!engine_.setTable(network, std::move(bytes), table.size)) close();
      break;
    }
    case Frame::Keep:
      keep(reader);
      break;
    case Frame::Answer: {
      const uint32_t id = reader.u32();
      const uint8_t outcome = reader.u8();
      if (reader.ok() && outcome < OUTCOMES)
        engine_.pending().answer(id, static_cast<Outcome>(outcome), reader.rest());
      break;
    }
    case Frame::Stop:
      engine_.stop();
      break;
    case Frame::Surrender:
      surrender(engine_, fd_.get());
      engine_.stop();
      break;
    default:
      close();
  }
  if (!reader.ok()) close();
}

void ControlConnection::hello(FrameReader& reader) {
  reader.u16();
  FrameWriter frame(Frame::Welcome);
  frame.u16(PROTOCOL_VERSION).u16(TABLE_VERSION).text(engine_.options().build);
  frame.u32(static_cast<uint32_t>(getpid()));
  frame.u32(static_cast<uint32_t>(engine_.sandboxes().size()));
  for (const auto& [id, sandbox] : engine_.sandboxes())
    frame.text(id).u16(sandbox->sockets.ports.udp).u16(sandbox->sockets.ports.tcp);
  send(frame);
  engine_.setAgent(this);
}

void ControlConnection::open(FrameReader& reader) {
  const uint32_t request = reader.u32();
  auto sandbox = std::make_unique<Sandbox>();
  sandbox->asker.flags = reader.u8();
  const Ports wanted{reader.u16(), reader.u16()};
  sandbox->id = reader.text();
  sandbox->path = reader.text();
  for (uint16_t left = reader.u16(); left > 0 && reader.ok(); left -= 1)
    sandbox->networks.push_back(reader.text());
  if (!reader.ok()) return;
  Sandbox* known = engine_.find(sandbox->id);
  // A namespace that was made anew at the same place is another.
  if (known != nullptr && known->sockets.space == namespaceAt(sandbox->path)) {
    known->path = sandbox->path;
    known->networks = std::move(sandbox->networks);
    known->asker.flags = sandbox->asker.flags;
  } else {
    OpenFailure failure;
    if (!openSockets(sandbox->path, wanted, &sandbox->sockets, &failure)) {
      FrameWriter frame(Frame::Failed);
      frame.u32(request).u32(static_cast<uint32_t>(failure.error)).text(failure.call);
      return send(frame);
    }
    known = engine_.adopt(std::move(sandbox));
  }
  known->isClaimed = true;
  engine_.rebind(*known);
  FrameWriter frame(Frame::Opened);
  frame.u32(request).u16(known->sockets.ports.udp).u16(known->sockets.ports.tcp);
  send(frame);
  engine_.pending().handUpHeld();
}

void ControlConnection::keep(FrameReader& reader) {
  const uint32_t request = reader.u32();
  const uint32_t count = reader.u32();
  std::vector<std::string> networks;
  for (uint32_t index = 0; index < count && index < NETWORKS_MAX && reader.ok(); index += 1)
    networks.push_back(reader.text());
  if (!reader.ok()) return;
  engine_.keepTables(networks);
  done(request);
  engine_.pending().handUpHeld();
}

void ControlConnection::done(uint32_t request) {
  FrameWriter frame(Frame::Done);
  send(frame.u32(request));
}

void ControlConnection::sendQuery(uint32_t id, const Pending& query) {
  FrameWriter frame(Frame::Query);
  frame.u32(id).u8(static_cast<uint8_t>(query.transport)).text(query.sandbox->id);
  send(frame.raw(query.bytes.get(), query.size));
}

void ControlConnection::send(FrameWriter& frame) {
  if (isRetired) return;
  const auto& bytes = frame.finish();
  out_.insert(out_.end(), bytes.begin(), bytes.end());
  if (out_.size() - sent_ > OUT_BYTES_MAX || (!isWaitingToSend_ && !flush())) close();
}

// False when the peer is gone.
bool ControlConnection::flush() {
  while (sent_ < out_.size()) {
    const ssize_t size = ::send(fd_.get(), out_.data() + sent_, out_.size() - sent_,
                                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno != EAGAIN) return false;
    if (size < 0) break;
    sent_ += static_cast<size_t>(size);
  }
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  }
  const bool isWaiting = !out_.empty();
  if (isWaiting != isWaitingToSend_)
    engine_.rewatch(*this, fd_.get(), EPOLLIN | (isWaiting ? unsigned{EPOLLOUT} : 0u));
  const bool hasRoomAgain = isWaitingToSend_ && !isWaiting;
  isWaitingToSend_ = isWaiting;
  if (hasRoomAgain && engine_.agent() == this) engine_.pending().handUpHeld();
  return true;
}

}  // namespace hawser::dns
