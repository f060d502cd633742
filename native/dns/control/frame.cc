#include "frame.h"

namespace hawser::dns {
namespace {

constexpr uint8_t NOTHING[4] = {};

}  // namespace

FrameWriter& FrameWriter::u8(uint8_t value) { return raw(&value, 1); }

FrameWriter& FrameWriter::u16(uint16_t value) {
  return u8(static_cast<uint8_t>(value)).u8(static_cast<uint8_t>(value >> 8));
}

FrameWriter& FrameWriter::u32(uint32_t value) {
  return u16(static_cast<uint16_t>(value)).u16(static_cast<uint16_t>(value >> 16));
}

FrameWriter& FrameWriter::text(const std::string& value) {
  return u16(static_cast<uint16_t>(value.size())).raw(value.data(), value.size());
}

FrameWriter& FrameWriter::raw(const void* data, size_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  bytes_.insert(bytes_.end(), bytes, bytes + size);
  return *this;
}

const std::vector<uint8_t>& FrameWriter::finish() {
  putLe32(bytes_.data(), static_cast<uint32_t>(bytes_.size() - 4));
  return bytes_;
}

const uint8_t* FrameReader::take(size_t size) {
  if (size > left_) ok_ = false;
  if (!ok_) return nullptr;
  const uint8_t* start = at_;
  at_ += size;
  left_ -= size;
  return start;
}

uint8_t FrameReader::u8() {
  const uint8_t* at = take(1);
  return at == nullptr ? 0 : *at;
}

uint16_t FrameReader::u16() {
  const uint8_t* at = take(2);
  return le16(at == nullptr ? NOTHING : at);
}

uint32_t FrameReader::u32() {
  const uint8_t* at = take(4);
  return le32(at == nullptr ? NOTHING : at);
}

std::string FrameReader::text() {
  const size_t size = u16();
  const uint8_t* at = take(size);
  return at == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(at), size);
}

Bytes FrameReader::rest() {
  const size_t size = left_;
  return {take(size), size};
}

}  // namespace hawser::dns
