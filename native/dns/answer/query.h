// A query's bytes (RFC 1035 §4, RFC 6891), read as src/dns/serve/query.ts reads them: the same
// bytes are a query, a mistake or nothing to reply to in both.
#pragma once
#include "bytes.h"

namespace hawser::dns {

enum class Transport : uint8_t { Udp, Tcp };

constexpr size_t HEADER_BYTES = 12;
constexpr size_t QUERY_BYTES_MAX = 4096;
constexpr size_t REPLY_BYTES_MAX = 65535;
constexpr size_t NAME_BYTES_MAX = 255;
constexpr size_t LABELS_MAX = 127;

constexpr uint16_t TYPE_A = 1;
constexpr uint16_t TYPE_PTR = 12;
constexpr uint16_t TYPE_MX = 15;
constexpr uint16_t TYPE_AAAA = 28;
constexpr uint16_t TYPE_SRV = 33;
constexpr uint16_t TYPE_OPT = 41;
constexpr uint16_t CLASS_IN = 1;

enum class Rcode : uint8_t {
  NoError = 0,
  FormErr = 1,
  ServFail = 2,
  NxDomain = 3,
  NotImp = 4,
  Refused = 5,
  BadVers = 16,
};

constexpr uint32_t HASH_START = 0x811c9dc5;
inline uint32_t hashStep(uint32_t hash, uint8_t byte) { return (hash ^ byte) * 0x01000193; }

// The question's name: its labels in lower case, and the hash of each of its beginnings.
struct QuestionName {
  uint8_t key[NAME_BYTES_MAX];
  uint8_t length;
  uint8_t labels;
  // Where label `index` begins in `key`; [labels] is `length`.
  uint8_t start[LABELS_MAX + 1];
  // Of the first `index` labels.
  uint32_t hash[LABELS_MAX + 1];
};

struct Query {
  Bytes bytes;
  Transport transport;
  uint16_t id;
  uint16_t flags;
  // Behind the question's class.
  size_t questionEnd;
  uint16_t type;
  uint16_t klass;
  bool hasEdns;
  bool isDnssecOk;
  uint8_t ednsVersion;
  uint16_t udpBytes;
  QuestionName name;
};

enum class Reading : uint8_t { Query, Mistake, Drop };

// What `bytes` are. After `Mistake`, `rcode` is the reply's; `into->questionEnd` is 0 when the
// question cannot be repeated.
Reading readQuery(Bytes bytes, Transport transport, Query* into, Rcode* rcode);

}  // namespace hawser::dns
