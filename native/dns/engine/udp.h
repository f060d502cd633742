// Queries in datagrams: read and answered by the batch.
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include "engine.h"

namespace hawser::dns {

struct UdpBatch {
  static constexpr size_t DATAGRAMS = 32;
  // One more than a query may have tells that one is too long.
  static constexpr size_t DATAGRAM_BYTES = QUERY_BYTES_MAX + 64;
  static constexpr size_t ARENA_BYTES = 256 * 1024;

  UdpBatch();

  mmsghdr in[DATAGRAMS];
  iovec inBytes[DATAGRAMS];
  sockaddr_in peers[DATAGRAMS];
  mmsghdr out[DATAGRAMS];
  iovec outBytes[DATAGRAMS];
  size_t replies = 0;
  size_t arenaUsed = 0;
  Query query;
  uint8_t datagrams[DATAGRAMS][DATAGRAM_BYTES];
  uint8_t arena[ARENA_BYTES];
};

class UdpSource : public Source {
 public:
  UdpSource(Engine& engine, Sandbox& sandbox) : engine_(engine), sandbox_(sandbox) {}
  void ready(uint32_t events) override;

 private:
  void serve(size_t index, size_t size);
  void reply(size_t index, size_t size);
  void flush();

  Engine& engine_;
  Sandbox& sandbox_;
};

}  // namespace hawser::dns
