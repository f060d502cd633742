// Queries over connections (RFC 7766): pipelined, answered as they come, each after its length.
#pragma once
#include "engine.h"

namespace hawser::dns {

class TcpListenerSource : public Source {
 public:
  TcpListenerSource(Engine& engine, Sandbox& sandbox) : engine_(engine), sandbox_(sandbox) {}
  void ready(uint32_t events) override;

 private:
  Engine& engine_;
  Sandbox& sandbox_;
};

class TcpConnection : public Source {
 public:
  TcpConnection(Engine& engine, Sandbox& sandbox, UniqueFd fd);
  ~TcpConnection() override;
  bool start();
  void ready(uint32_t events) override;
  // A reply that had to be waited for; without bytes there is none.
  void late(Bytes reply);
  // Closes it when it has been idle for too long.
  void tick();
  void close();
  const Sandbox& sandbox() const { return sandbox_; }

 private:
  void proceed();
  bool mayRead() const { return rest_.empty() && waiting_ < engine_.options().tcpPipelineMax; }
  bool receive();
  void serveReceived();
  size_t serveFrame(size_t at, size_t size, size_t used);
  void send(Bytes bytes);
  bool sendRest();
  void update();

  Engine& engine_;
  Sandbox& sandbox_;
  UniqueFd fd_;
  uint32_t events_ = 0;
  // Queries that wait for replies.
  size_t waiting_ = 0;
  bool hasEnded_ = false;
  // From the last whole query or reply on.
  int64_t activeAtMs_;
  // What the kernel has not taken yet.
  std::vector<uint8_t> rest_;
  size_t received_ = 0;
  uint8_t buffer_[2 + QUERY_BYTES_MAX];
};

}  // namespace hawser::dns
