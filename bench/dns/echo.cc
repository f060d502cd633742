// The least that a server of datagrams can do: echoes batches, on a port of 127.0.0.11 of the
// kernel's choice, which it prints.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <cstdio>

int main() {
  constexpr unsigned BATCH = 32;
  static char bytes[BATCH][512];
  static sockaddr_in peers[BATCH];
  iovec places[BATCH];
  mmsghdr messages[BATCH] = {};
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in own = {};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(0x7f00000b);
  socklen_t size = sizeof(own);
  if (bind(fd, reinterpret_cast<sockaddr*>(&own), size) != 0) return 1;
  getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size);
  std::printf("%d\n", ntohs(own.sin_port));
  std::fflush(stdout);
  for (;;) {
    for (unsigned index = 0; index < BATCH; index += 1) {
      places[index] = {bytes[index], sizeof(bytes[index])};
      messages[index].msg_hdr = {&peers[index], sizeof(peers[index]), &places[index], 1,
                                 nullptr, 0, 0};
    }
    const int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, nullptr);
    if (count <= 0) return 1;
    for (int index = 0; index < count; index += 1) places[index].iov_len = messages[index].msg_len;
    sendmmsg(fd, messages, static_cast<unsigned>(count), 0);
  }
}
