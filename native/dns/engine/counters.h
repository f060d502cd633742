// Queries by type and outcome, in a file that is mapped into memory: they outlive this program, and
// whoever may read the file reads them. Native byte order:
//   u32 magic and version | u32 rows | u32 columns | u32 0 | u64 counts, row after row
#pragma once
#include "../answer/answer.h"

namespace hawser::dns {

class Counters {
 public:
  // False sets errno. Counts of an earlier engine are kept when the file is theirs.
  bool open(const char* path);
  void count(uint16_t type, Outcome outcome) {
    counts_[rowOf(type) * OUTCOMES + static_cast<size_t>(outcome)] += 1;
  }

 private:
  static size_t rowOf(uint16_t type);
  uint64_t* counts_ = nullptr;
};

}  // namespace hawser::dns
