// Frames between the engine and whoever controls it (src/node/resolver/engine/frames.ts): u32
// length of the rest | u8 kind | fields, little-endian. A text is u16 length and bytes.
#pragma once
#include <string>
#include <vector>

#include "../answer/bytes.h"

namespace hawser::dns {

// HELLO, STOP and SURRENDER never change their form, whatever the version.
constexpr uint16_t PROTOCOL_VERSION = 1;
constexpr size_t FRAME_BYTES_MAX = (64 << 20) + 1024;
constexpr size_t FRAME_HEAD_BYTES = 5;

enum class Frame : uint8_t {
  // To the engine.
  Hello = 1,
  Open = 2,
  Close = 3,
  Table = 4,
  Keep = 5,
  Answer = 6,
  Stop = 7,
  Surrender = 8,
  // From the engine.
  Welcome = 65,
  Done = 66,
  Opened = 67,
  Failed = 68,
  Query = 69,
  // To the engine that takes over.
  Sandbox = 70,
  Waiting = 71,
  End = 72,
};

// Writes one frame.
class FrameWriter {
 public:
  explicit FrameWriter(Frame kind) : bytes_(FRAME_HEAD_BYTES) {
    bytes_[4] = static_cast<uint8_t>(kind);
  }
  FrameWriter& u8(uint8_t value);
  FrameWriter& u16(uint16_t value);
  FrameWriter& u32(uint32_t value);
  FrameWriter& text(const std::string& value);
  FrameWriter& raw(const void* data, size_t size);
  // Sets the length.
  const std::vector<uint8_t>& finish();

 private:
  std::vector<uint8_t> bytes_;
};

// Reads a frame's fields front to back; after the first that is not there all are empty and `ok` is
// false.
class FrameReader {
 public:
  explicit FrameReader(Bytes rest) : at_(rest.data), left_(rest.size) {}
  uint8_t u8();
  uint16_t u16();
  uint32_t u32();
  std::string text();
  Bytes rest();
  bool ok() const { return ok_; }

 private:
  const uint8_t* take(size_t size);
  const uint8_t* at_;
  size_t left_;
  bool ok_ = true;
};

}  // namespace hawser::dns
