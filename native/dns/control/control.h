// Whoever controls the engine: the agent, or the engine that takes its place. Its socket is a file
// for its owner alone, and each peer's credentials are looked at as well.
#pragma once
#include "../engine/engine.h"
#include "frame.h"

namespace hawser::dns {

class ControlListener : public Source {
 public:
  explicit ControlListener(Engine& engine) : engine_(engine) {}
  // Listens under a name of its own, which `publish` turns into the one that is asked for.
  bool open();
  bool publish();
  void ready(uint32_t events) override;
  bool isControl() const override { return true; }

 private:
  std::string draft() const;
  Engine& engine_;
  UniqueFd fd_;
};

class ControlConnection : public Source {
 public:
  ControlConnection(Engine& engine, UniqueFd fd) : engine_(engine), fd_(std::move(fd)) {}
  bool start();
  void ready(uint32_t events) override;
  bool isControl() const override { return true; }
  void sendQuery(uint32_t id, const Pending& query);
  // Whether the agent keeps up with what it is handed.
  bool hasRoom() const;
  void close();

 private:
  bool receive();
  void run(Frame kind, Bytes rest);
  void hello(FrameReader& reader);
  void open(FrameReader& reader);
  void keep(FrameReader& reader);
  void done(uint32_t request);
  void send(FrameWriter& frame);
  bool flush();

  Engine& engine_;
  UniqueFd fd_;
  bool isWaitingToSend_ = false;
  std::vector<uint8_t> out_;
  size_t sent_ = 0;
  uint8_t head_[FRAME_HEAD_BYTES];
  size_t headSize_ = 0;
  std::unique_ptr<uint8_t[]> body_;
  size_t bodySize_ = 0;
  size_t bodyReceived_ = 0;
};

}  // namespace hawser::dns
