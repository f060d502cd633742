// Asks over UDP for a number of seconds, with a fixed number of queries under way, and prints how
// many were answered:  load ADDRESS SECONDS UNDER_WAY QUERY_IN_HEX PORT...
// Each port is a server socket of its own, asked in turn.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr unsigned BATCH = 32;
constexpr auto LOST_AFTER = std::chrono::milliseconds(200);

std::vector<unsigned char> bytesOf(const std::string& hex) {
  std::vector<unsigned char> bytes;
  for (size_t at = 0; at + 1 < hex.size(); at += 2)
    bytes.push_back(static_cast<unsigned char>(std::stoi(hex.substr(at, 2), nullptr, 16)));
  return bytes;
}

}  // namespace

int main(int count, char** words) {
  if (count < 6) return 2;
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::milliseconds(int(std::atof(words[2]) * 1000));
  const int underWayMax = std::atoi(words[3]);
  std::vector<unsigned char> query = bytesOf(words[4]);
  std::vector<sockaddr_in> servers;
  for (int index = 5; index < count; index += 1) {
    sockaddr_in server = {};
    server.sin_family = AF_INET;
    inet_pton(AF_INET, words[1], &server.sin_addr);
    server.sin_port = htons(static_cast<uint16_t>(std::atoi(words[index])));
    servers.push_back(server);
  }
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  static char replies[BATCH][4096];
  iovec outPlace = {query.data(), query.size()}, inPlaces[BATCH];
  mmsghdr out[BATCH] = {}, in[BATCH] = {};
  size_t next = 0;
  long answered = 0;
  int underWay = 0;
  while (Clock::now() < until) {
    unsigned wanted = 0;
    for (; underWay + int(wanted) < underWayMax && wanted < BATCH; wanted += 1) {
      out[wanted].msg_hdr = {&servers[next++ % servers.size()], sizeof(sockaddr_in), &outPlace, 1,
                             nullptr, 0, 0};
    }
    if (wanted > 0) underWay += sendmmsg(fd, out, wanted, 0);
    pollfd waiting = {fd, POLLIN, 0};
    if (poll(&waiting, 1, int(LOST_AFTER.count())) == 0) {
      underWay = 0;
      continue;
    }
    for (unsigned index = 0; index < BATCH; index += 1) {
      inPlaces[index] = {replies[index], sizeof(replies[index])};
      in[index].msg_hdr = {nullptr, 0, &inPlaces[index], 1, nullptr, 0, 0};
    }
    const int got = recvmmsg(fd, in, BATCH, MSG_DONTWAIT, nullptr);
    if (got > 0) {
      answered += got;
      underWay = underWay > got ? underWay - got : 0;
    }
  }
  std::printf("%ld\n", answered);
}
