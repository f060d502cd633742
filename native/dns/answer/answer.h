// What becomes of a query that the tables answer: the counterpart of src/dns/serve/serve.ts, which
// is its specification. Bytes in, bytes out; allocates nothing.
#pragma once
#include <vector>

#include "random.h"
#include "table.h"

namespace hawser::dns {

// Columns of the counters, in the order of QUERY_OUTCOMES in src/dns/serve/serve.ts.
enum class Outcome : uint8_t {
  Answered,
  NoData,
  NxDomain,
  Forwarded,
  Failed,
  Refused,
  Malformed,
  Dropped,
};
constexpr size_t OUTCOMES = 8;

// Bits of `Asker.flags`; src/dns/table/encode.ts writes them.
constexpr uint8_t ASKER_HAS_NDOTS = 1;
constexpr uint8_t ASKER_REFUSES_TASKS_MISSES = 2;

// Who asks: the tables of its networks, ingress networks last.
struct Asker {
  std::vector<const Table*> tables;
  uint8_t flags = 0;
};

// Kept between answers: the order of the records, with room for the largest set of any table.
class Shuffle {
 public:
  explicit Shuffle(uint32_t seed) : random_(seed) {}
  void makeRoom(uint32_t records) {
    if (order_.size() < records) order_.resize(records);
  }
  const uint32_t* order(uint32_t count);

 private:
  Random random_;
  std::vector<uint32_t> order_;
};

enum class AnswerKind : uint8_t { Reply, Drop, Forward };

struct Answer {
  AnswerKind kind;
  Outcome outcome;
  // 0 where the question could not be read.
  uint16_t type;
  size_t length;
};

// `out` has room for REPLY_BYTES_MAX bytes. `query` is the callee's to fill.
Answer answer(const Asker& asker, Shuffle& shuffle, Query* query, uint8_t* out, Bytes bytes,
              Transport transport);

// A reply without records to a query that was forwarded; returns its length.
size_t failureReply(const Query& query, Rcode rcode, uint8_t* out);

}  // namespace hawser::dns
