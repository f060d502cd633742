#include "table.h"

#include <cstring>

namespace hawser::dns {
namespace {

constexpr uint32_t MAGIC = 0x54444800 | TABLE_VERSION;
constexpr size_t TABLE_HEADER_BYTES = 24;
constexpr size_t SLOT_BYTES = 8;
constexpr size_t SLOTS_MIN = 8;
constexpr uint32_t FLAG_INGRESS = 1;
constexpr size_t AT_BYTES = 4, AT_SLOTS = 8, AT_FLAGS = 12, AT_TTL = 16, AT_NAME = 20;
constexpr size_t ENTRY_HEADER_BYTES = 4;
constexpr size_t SET_HEADER_BYTES = 8;

size_t aligned(size_t size) { return (size + 3) & ~size_t{3}; }

size_t setBytes(const uint8_t* set) {
  return aligned(SET_HEADER_BYTES + size_t{le16(set + 2)} * le32(set + 4));
}

const uint8_t* firstSet(const uint8_t* entry) {
  return entry + aligned(ENTRY_HEADER_BYTES + le16(entry));
}

bool isPowerOfTwo(uint32_t value) { return value != 0 && (value & (value - 1)) == 0; }

}  // namespace

std::unique_ptr<Table> Table::adopt(std::unique_ptr<uint8_t[]> bytes, size_t size) {
  std::unique_ptr<Table> table(new Table(std::move(bytes), size));
  if (!table->check()) return nullptr;
  return table;
}

bool Table::check() {
  if (size_ < TABLE_HEADER_BYTES || size_ > TABLE_BYTES_MAX || size_ % 4 != 0) return false;
  const uint32_t slots = field(AT_SLOTS), name = field(AT_NAME);
  if (field(0) != MAGIC || field(AT_BYTES) != size_) return false;
  if (!isPowerOfTwo(slots) || slots < SLOTS_MIN) return false;
  if (slots > (size_ - TABLE_HEADER_BYTES) / SLOT_BYTES) return false;
  if (name != 0 && (name >= size_ || name + 1u + bytes_[name] > size_)) return false;
  bool hasFree = false;
  for (size_t slot = 0; slot < slots; slot += 1) {
    const uint32_t entry = field(TABLE_HEADER_BYTES + slot * SLOT_BYTES + 4);
    if (entry == 0) hasFree = true;
    else if (!checkEntry(entry)) return false;
  }
  // A search ends at a free slot.
  return hasFree;
}

bool Table::checkEntry(uint32_t at) {
  if (at % 4 != 0 || at > size_ || size_ - at < ENTRY_HEADER_BYTES) return false;
  const size_t sets = le16(bytes_.get() + at + 2);
  size_t end = at + aligned(ENTRY_HEADER_BYTES + le16(bytes_.get() + at));
  for (size_t index = 0; index < sets; index += 1) {
    if (end > size_ || size_ - end < SET_HEADER_BYTES) return false;
    const uint8_t* set = bytes_.get() + end;
    const size_t stride = le16(set + 2), count = le32(set + 4);
    if (stride < 2 || count > (size_ - end - SET_HEADER_BYTES) / stride) return false;
    for (size_t record = 0; record < count; record += 1)
      if (le16(set + SET_HEADER_BYTES + record * stride) > stride - 2) return false;
    if (count > recordsMax_) recordsMax_ = static_cast<uint32_t>(count);
    end += setBytes(set);
  }
  return end <= size_;
}

bool Table::isIngress() const { return (field(AT_FLAGS) & FLAG_INGRESS) != 0; }

uint32_t Table::ttlSeconds() const { return field(AT_TTL); }

Bytes Table::name() const {
  const uint32_t at = field(AT_NAME);
  if (at == 0) return {};
  return {bytes_.get() + at + 1, bytes_[at]};
}

const uint8_t* Table::find(Bytes key, uint32_t hash) const {
  const uint32_t mask = field(AT_SLOTS) - 1;
  for (uint32_t slot = hash & mask;; slot = (slot + 1) & mask) {
    const uint8_t* at = bytes_.get() + TABLE_HEADER_BYTES + size_t{slot} * SLOT_BYTES;
    const uint32_t offset = le32(at + 4);
    if (offset == 0) return nullptr;
    if (le32(at) != hash) continue;
    const uint8_t* entry = bytes_.get() + offset;
    if (le16(entry) == key.size &&
        std::memcmp(entry + ENTRY_HEADER_BYTES, key.data, key.size) == 0)
      return entry;
  }
}

RecordSet Table::setOf(const uint8_t* entry, uint16_t type) {
  const uint8_t* set = firstSet(entry);
  for (uint16_t left = le16(entry + 2); left > 0; left -= 1, set += setBytes(set)) {
    if (le16(set) == type) return {set + SET_HEADER_BYTES, type, le16(set + 2), le32(set + 4)};
  }
  return {};
}

}  // namespace hawser::dns
