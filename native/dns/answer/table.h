// A network's names in the form that src/dns/table/encode.ts writes and describes: checked once,
// then searched in place without a look at a bound.
#pragma once
#include <memory>

#include "query.h"

namespace hawser::dns {

constexpr uint16_t TABLE_VERSION = 1;
constexpr size_t TABLE_BYTES_MAX = 64 << 20;

// The records of one type under one name; `at` is the first one.
struct RecordSet {
  const uint8_t* at = nullptr;
  uint16_t type = 0;
  uint16_t stride = 0;
  uint32_t count = 0;

  Bytes data(uint32_t index) const {
    const uint8_t* record = at + size_t{index} * stride;
    return {record + 2, le16(record)};
  }
};

class Table {
 public:
  // Takes `size` bytes over. Null when they are no table of this version.
  static std::unique_ptr<Table> adopt(std::unique_ptr<uint8_t[]> bytes, size_t size);

  bool isIngress() const;
  uint32_t ttlSeconds() const;
  // The network's own name as a key; empty when nobody can ask for it.
  Bytes name() const;
  // Of the largest set.
  uint32_t recordsMax() const { return recordsMax_; }

  // Null when there is no such key.
  const uint8_t* find(Bytes key, uint32_t hash) const;
  // The entry's set of that type; without records when it has none.
  static RecordSet setOf(const uint8_t* entry, uint16_t type);

 private:
  explicit Table(std::unique_ptr<uint8_t[]> bytes, size_t size)
      : bytes_(std::move(bytes)), size_(size) {}
  bool check();
  bool checkEntry(uint32_t at);
  uint32_t field(size_t at) const { return le32(bytes_.get() + at); }

  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_;
  uint32_t recordsMax_ = 0;
};

}  // namespace hawser::dns
