// Opens and closes TCP connections as fast as one core allows, to compare paths by their cost of a new connection.
//
//   connections serve PORT              accepts, answers one byte, waits for the peer's close
//   connections connect ADDRESS PORT SECONDS PARALLEL    prints connections per second
//   connections probe ADDRESS PORT      whether one connection can be opened
//
// The client closes with a reset, so that no TIME_WAIT socket stands in the way of the next run.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kEventsMax = 256;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void watch(int poll, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

int serve(int port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("bind");
  if (listen(listener, 4096) != 0) fail("listen");
  const int poll = epoll_create1(0);
  watch(poll, listener, EPOLLIN);
  epoll_event events[kEventsMax];
  for (;;) {
    const int count = epoll_wait(poll, events, kEventsMax, -1);
    for (int index = 0; index < count; ++index) {
      const int fd = events[index].data.fd;
      if (fd != listener) {
        close(fd);
        continue;
      }
      for (;;) {
        const int peer = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        if (peer < 0) break;
        if (write(peer, "x", 1) != 1) {
          close(peer);
          continue;
        }
        watch(poll, peer, EPOLLIN | EPOLLRDHUP);
      }
    }
  }
}

sockaddr_in parse_address(const char* host, const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("address");
  return address;
}

int probe(const sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : 1;
}

int open_connection(int poll, const sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0) fail("socket");
  const linger reset{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    fail("connect");
  }
  watch(poll, fd, EPOLLIN);
  return fd;
}

int connect_loop(const sockaddr_in& address, double seconds, int parallel) {
  const int poll = epoll_create1(0);
  for (int index = 0; index < parallel; ++index) open_connection(poll, address);
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  long done = 0;
  long failed = 0;
  epoll_event events[kEventsMax];
  double elapsed = 0;
  while ((elapsed = std::chrono::duration<double>(Clock::now() - start).count()) < seconds) {
    const int count = epoll_wait(poll, events, kEventsMax, 100);
    for (int index = 0; index < count; ++index) {
      char byte;
      if (read(events[index].data.fd, &byte, 1) == 1) ++done; else ++failed;
      close(events[index].data.fd);
      open_connection(poll, address);
    }
  }
  std::printf("{\"perSecond\":%.0f,\"failed\":%ld}\n", static_cast<double>(done) / elapsed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "serve") == 0) return serve(std::atoi(argv[2]));
  if (argc == 6 && std::strcmp(argv[1], "connect") == 0) {
    return connect_loop(parse_address(argv[2], argv[3]), std::atof(argv[4]), std::atoi(argv[5]));
  }
  if (argc == 4 && std::strcmp(argv[1], "probe") == 0) return probe(parse_address(argv[2], argv[3]));
  std::fprintf(stderr, "usage: connections serve PORT | connect ADDRESS PORT SECONDS PARALLEL | probe ADDRESS PORT\n");
  return 2;
}
