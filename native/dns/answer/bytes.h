// Integers in bytes of either order, and a bounds-checked way through bytes that somebody sent.
#pragma once
#include <cstddef>
#include <cstdint>

namespace hawser::dns {

struct Bytes {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

inline uint16_t be16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
inline uint16_t le16(const uint8_t* at) { return static_cast<uint16_t>(at[0] | at[1] << 8); }
inline uint32_t le32(const uint8_t* at) {
  return at[0] | uint32_t{at[1]} << 8 | uint32_t{at[2]} << 16 | uint32_t{at[3]} << 24;
}
inline void putBe16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
inline void putBe32(uint8_t* at, uint32_t value) {
  putBe16(at, static_cast<uint16_t>(value >> 16));
  putBe16(at + 2, static_cast<uint16_t>(value));
}
inline void putLe32(uint8_t* at, uint32_t value) {
  for (int byte = 0; byte < 4; byte += 1) at[byte] = static_cast<uint8_t>(value >> (8 * byte));
}

}  // namespace hawser::dns
