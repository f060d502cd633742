#include "sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

namespace hawser::dns {
namespace {

constexpr const char* OWN_NAMESPACE = "/proc/self/ns/net";
constexpr uint32_t RESOLVER_ADDRESS = 0x7f00000b;
constexpr int BACKLOG = 511;
// Queries wait here while the names are not known yet.
constexpr int RECEIVE_BYTES = 1 << 20;

class Visit {
 public:
  ~Visit() {
    if (home_.valid() && setns(home_.get(), CLONE_NEWNET) != 0) std::abort();
  }
  bool enter(int fd) {
    UniqueFd home(open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC));
    if (!home.valid() || setns(fd, CLONE_NEWNET) != 0) return false;
    home_ = std::move(home);
    return true;
  }

 private:
  UniqueFd home_;
};

bool bindTo(int fd, uint16_t port) {
  sockaddr_in place = {};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(RESOLVER_ADDRESS);
  place.sin_port = htons(port);
  return bind(fd, reinterpret_cast<sockaddr*>(&place), sizeof(place)) == 0;
}

bool openBound(int type, uint16_t wanted, UniqueFd* into, OpenFailure* failure) {
  UniqueFd fd(socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) {
    *failure = {errno, "socket"};
    return false;
  }
  const int yes = 1;
  if (type == SOCK_STREAM) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  else setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &RECEIVE_BYTES, sizeof(RECEIVE_BYTES));
  if ((wanted == 0 || !bindTo(fd.get(), wanted)) && !bindTo(fd.get(), 0)) {
    *failure = {errno, "bind"};
    return false;
  }
  *into = std::move(fd);
  return true;
}

uint16_t portOf(int fd) {
  sockaddr_in place = {};
  socklen_t size = sizeof(place);
  getsockname(fd, reinterpret_cast<sockaddr*>(&place), &size);
  return ntohs(place.sin_port);
}

NamespaceId idOf(int fd) {
  struct stat found = {};
  if (fstat(fd, &found) != 0) return {};
  return {found.st_dev, found.st_ino};
}

}  // namespace

bool openSockets(const std::string& path, Ports wanted, SandboxSockets* into,
                 OpenFailure* failure) {
  UniqueFd space(open(path.empty() ? OWN_NAMESPACE : path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!space.valid()) {
    *failure = {errno, "open"};
    return false;
  }
  Visit visit;
  if (!path.empty() && !visit.enter(space.get())) {
    *failure = {errno, "setns"};
    return false;
  }
  if (!openBound(SOCK_DGRAM, wanted.udp, &into->udp, failure)) return false;
  if (!openBound(SOCK_STREAM, wanted.tcp, &into->tcp, failure)) return false;
  if (listen(into->tcp.get(), BACKLOG) != 0) {
    *failure = {errno, "listen"};
    return false;
  }
  into->ports = {portOf(into->udp.get()), portOf(into->tcp.get())};
  into->space = idOf(space.get());
  return true;
}

NamespaceId namespaceAt(const std::string& path) {
  UniqueFd space(open(path.empty() ? OWN_NAMESPACE : path.c_str(), O_RDONLY | O_CLOEXEC));
  return space.valid() ? idOf(space.get()) : NamespaceId{};
}

}  // namespace hawser::dns
