#include "handover.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "frame.h"

namespace hawser::dns {
namespace {

constexpr timeval PATIENCE = {2, 0};
constexpr size_t FDS = 2;

union Rights {
  cmsghdr align;
  char bytes[CMSG_SPACE(FDS * sizeof(int))];
};

bool sendAll(int fd, const uint8_t* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

bool sendFrame(int fd, FrameWriter& frame) {
  const auto& bytes = frame.finish();
  return sendAll(fd, bytes.data(), bytes.size());
}

// The descriptors travel with the frame's first byte.
bool sendSandbox(int fd, const Sandbox& sandbox) {
  FrameWriter frame(Frame::Sandbox);
  frame.u8(sandbox.asker.flags).u16(sandbox.sockets.ports.udp).u16(sandbox.sockets.ports.tcp);
  frame.text(sandbox.id).text(sandbox.path).u16(static_cast<uint16_t>(sandbox.networks.size()));
  for (const auto& network : sandbox.networks) frame.text(network);
  const auto& bytes = frame.finish();
  Rights rights = {};
  iovec first = {const_cast<uint8_t*>(bytes.data()), 1};
  msghdr message = {};
  message.msg_iov = &first;
  message.msg_iovlen = 1;
  message.msg_control = rights.bytes;
  message.msg_controllen = sizeof(rights.bytes);
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(FDS * sizeof(int));
  const int fds[FDS] = {sandbox.sockets.udp.get(), sandbox.sockets.tcp.get()};
  std::memcpy(CMSG_DATA(head), fds, sizeof(fds));
  if (sendmsg(fd, &message, MSG_NOSIGNAL) != 1) return false;
  return sendAll(fd, bytes.data() + 1, bytes.size() - 1);
}

bool sendWaiting(Engine& engine, int fd, const Pending& query) {
  FrameWriter frame(Frame::Waiting);
  frame.text(query.sandbox->id).u16(query.type);
  frame.u32(static_cast<uint32_t>(engine.nowMs() - query.sinceMs));
  frame.raw(&query.peer, sizeof(query.peer)).raw(query.bytes.get(), query.size);
  return sendFrame(fd, frame);
}

struct Received {
  Frame kind = Frame::End;
  std::vector<uint8_t> rest;
  UniqueFd fds[FDS];
};

void takeRights(msghdr& message, Received* into) {
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < count && index < FDS; index += 1) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(head) + index * sizeof(int), sizeof(fd));
      into->fds[index] = UniqueFd(fd);
    }
  }
}

bool receiveAll(int fd, uint8_t* into, size_t size, Received* received) {
  while (size > 0) {
    Rights rights = {};
    iovec place = {into, size};
    msghdr message = {};
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    message.msg_control = rights.bytes;
    message.msg_controllen = sizeof(rights.bytes);
    const ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    takeRights(message, received);
    into += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

bool receiveFrame(int fd, Received* into) {
  uint8_t head[FRAME_HEAD_BYTES];
  if (!receiveAll(fd, head, sizeof(head), into)) return false;
  const size_t length = le32(head);
  if (length == 0 || length > FRAME_BYTES_MAX) return false;
  into->kind = static_cast<Frame>(head[4]);
  into->rest.resize(length - 1);
  return receiveAll(fd, into->rest.data(), into->rest.size(), into);
}

void adoptSandbox(Engine& engine, Received& received) {
  FrameReader reader({received.rest.data(), received.rest.size()});
  auto sandbox = std::make_unique<Sandbox>();
  sandbox->asker.flags = reader.u8();
  sandbox->sockets.ports = {reader.u16(), reader.u16()};
  sandbox->id = reader.text();
  sandbox->path = reader.text();
  for (uint16_t left = reader.u16(); left > 0 && reader.ok(); left -= 1)
    sandbox->networks.push_back(reader.text());
  if (!reader.ok() || !received.fds[0].valid() || !received.fds[1].valid()) return;
  sandbox->sockets.udp = std::move(received.fds[0]);
  sandbox->sockets.tcp = std::move(received.fds[1]);
  sandbox->sockets.space = namespaceAt(sandbox->path);
  engine.adopt(std::move(sandbox));
}

void adoptWaiting(Engine& engine, const Received& received) {
  FrameReader reader({received.rest.data(), received.rest.size()});
  Sandbox* sandbox = engine.find(reader.text());
  const uint16_t type = reader.u16();
  const int64_t ageMs = reader.u32();
  const Bytes rest = reader.rest();
  sockaddr_in peer;
  if (!reader.ok() || sandbox == nullptr || rest.size < sizeof(peer)) return;
  std::memcpy(&peer, rest.data, sizeof(peer));
  const Bytes query{rest.data + sizeof(peer), rest.size - sizeof(peer)};
  engine.pending().add({sandbox, nullptr, peer}, query, type, engine.nowMs() - ageMs);
}

UniqueFd connectTo(const std::string& path) {
  sockaddr_un place = {};
  place.sun_family = AF_UNIX;
  if (path.size() >= sizeof(place.sun_path)) return UniqueFd();
  std::memcpy(place.sun_path, path.c_str(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &PATIENCE, sizeof(PATIENCE));
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &PATIENCE, sizeof(PATIENCE));
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&place), sizeof(place)) != 0) return UniqueFd();
  return fd;
}

}  // namespace

void surrender(Engine& engine, int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &PATIENCE, sizeof(PATIENCE));
  bool isHeard = true;
  for (const auto& [id, sandbox] : engine.sandboxes()) isHeard = isHeard && sendSandbox(fd, *sandbox);
  engine.pending().each([&](const Pending& query) {
    if (query.connection == nullptr) isHeard = isHeard && sendWaiting(engine, fd, query);
  });
  FrameWriter end(Frame::End);
  if (isHeard) sendFrame(fd, end);
}

bool takeOver(Engine& engine) {
  const UniqueFd fd = connectTo(engine.options().socketPath);
  if (!fd.valid()) return false;
  FrameWriter request(Frame::Surrender);
  if (!sendFrame(fd.get(), request)) return false;
  for (;;) {
    Received received;
    if (!receiveFrame(fd.get(), &received)) return false;
    if (received.kind == Frame::End) return true;
    if (received.kind == Frame::Sandbox) adoptSandbox(engine, received);
    if (received.kind == Frame::Waiting) adoptWaiting(engine, received);
  }
}

}  // namespace hawser::dns
