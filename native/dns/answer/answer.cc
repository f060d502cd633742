#include "answer.h"

#include <algorithm>
#include <cstring>

namespace hawser::dns {
namespace {

constexpr size_t UDP_PAYLOAD_MAX = 65507;
constexpr size_t UDP_BYTES_DEFAULT = 512;
constexpr uint16_t UDP_BYTES_ADVERTISED = 1232;
constexpr size_t OPT_BYTES = 11;
constexpr size_t RECORD_HEAD_BYTES = 12;
constexpr uint16_t OWNER_IS_QUESTION = 0xc000 | HEADER_BYTES;

size_t replyBytesMax(const Query& query) {
  if (query.transport == Transport::Tcp) return REPLY_BYTES_MAX;
  const size_t wanted = query.hasEdns ? query.udpBytes : UDP_BYTES_DEFAULT;
  return std::min(std::max(wanted, UDP_BYTES_DEFAULT), UDP_PAYLOAD_MAX);
}

// Writes a reply front to back: header and question, records, OPT.
class ReplyWriter {
 public:
  ReplyWriter(const Query& query, Rcode rcode, uint8_t* out) : query_(query), out_(out) {
    extended_ = static_cast<uint8_t>(static_cast<uint8_t>(rcode) >> 4);
    // Opcode, RD and CD are the client's.
    flags_ = static_cast<uint16_t>((query.flags & 0x7910) | 0x8080 |
                                   (static_cast<uint8_t>(rcode) & 15));
    end_ = query.questionEnd == 0 ? HEADER_BYTES : query.questionEnd;
    if (end_ > HEADER_BYTES)
      std::memcpy(out + HEADER_BYTES, query.bytes.data + HEADER_BYTES, end_ - HEADER_BYTES);
    limit_ = replyBytesMax(query) - (query.hasEdns ? OPT_BYTES : 0);
  }

  // False, and TC set, when the record does not fit.
  bool record(uint16_t type, uint32_t ttlSeconds, Bytes data) {
    if (end_ + RECORD_HEAD_BYTES + data.size > limit_) {
      flags_ |= 0x0200;
      return false;
    }
    uint8_t* at = out_ + end_;
    putBe16(at, OWNER_IS_QUESTION);
    putBe16(at + 2, type);
    putBe16(at + 4, CLASS_IN);
    putBe32(at + 6, ttlSeconds);
    putBe16(at + 10, static_cast<uint16_t>(data.size));
    std::memcpy(at + RECORD_HEAD_BYTES, data.data, data.size);
    end_ += RECORD_HEAD_BYTES + data.size;
    answers_ += 1;
    return true;
  }

  size_t finish() {
    putBe16(out_, query_.id);
    putBe16(out_ + 2, flags_);
    putBe16(out_ + 4, query_.questionEnd == 0 ? 0 : 1);
    putBe16(out_ + 6, answers_);
    putBe16(out_ + 8, 0);
    putBe16(out_ + 10, query_.hasEdns ? 1 : 0);
    if (query_.hasEdns) opt();
    return end_;
  }

 private:
  void opt() {
    uint8_t* at = out_ + end_;
    at[0] = 0;
    putBe16(at + 1, TYPE_OPT);
    putBe16(at + 3, UDP_BYTES_ADVERTISED);
    putBe32(at + 5, uint32_t{extended_} << 24 | (query_.isDnssecOk ? 0x8000u : 0u));
    putBe16(at + 9, 0);
    end_ += OPT_BYTES;
  }

  const Query& query_;
  uint8_t* out_;
  uint8_t extended_;
  uint16_t flags_;
  uint16_t answers_ = 0;
  size_t end_;
  size_t limit_;
};

struct Found {
  const Table* table = nullptr;
  const uint8_t* entry = nullptr;
};

bool isSame(Bytes one, Bytes other) {
  return one.size == other.size && std::memcmp(one.data, other.data, one.size) == 0;
}

// The labels from `first` on, as a key.
Bytes suffix(const QuestionName& name, size_t first) {
  return {name.key + name.start[first], size_t{name.length} - name.start[first]};
}

// For a.b.c.d: a.b.c.d on any network, then a.b.c on network d, a.b on c.d, a on b.c.d.
Found findName(const Asker& asker, const QuestionName& name) {
  for (size_t labels = name.labels; labels > 0; labels -= 1) {
    const Bytes host{name.key, name.start[labels]};
    for (const Table* table : asker.tables) {
      if (labels < name.labels && !isSame(table->name(), suffix(name, labels))) continue;
      const uint8_t* entry = table->find(host, name.hash[labels]);
      if (entry != nullptr) return {table, entry};
    }
  }
  return {};
}

bool isLabel(const QuestionName& name, size_t index, const char* text) {
  const size_t length = std::strlen(text);
  const uint8_t* at = name.key + name.start[index];
  return *at == length && std::memcmp(at + 1, text, length) == 0;
}

// A number of 0 to 255 in decimal without leading zeros; -1 for anything else.
int octetOf(const uint8_t* label) {
  const int length = *label;
  if (length > 3 || (length > 1 && label[1] == '0')) return -1;
  int value = 0;
  for (int index = 1; index <= length; index += 1) {
    if (label[index] < '0' || label[index] > '9') return -1;
    value = value * 10 + (label[index] - '0');
  }
  return value > 255 ? -1 : value;
}

// The value of a label that is one hexadecimal digit, in lower case; -1 for anything else.
int digitOf(const uint8_t* label) {
  if (label[0] != 1) return -1;
  if (label[1] >= '0' && label[1] <= '9') return label[1] - '0';
  return label[1] >= 'a' && label[1] <= 'f' ? label[1] - 'a' + 10 : -1;
}

// The key of the address that 32 digits, the last one first, and ip6.arpa are (RFC 3596 2.5).
size_t reverseKey6(const QuestionName& name, uint8_t* key) {
  if (!isLabel(name, 32, "ip6") || !isLabel(name, 33, "arpa")) return 0;
  std::memset(key, 0, 17);
  for (size_t index = 0; index < 32; index += 1) {
    const int digit = digitOf(name.key + name.start[index]);
    if (digit < 0) return 0;
    key[16 - index / 2] |= static_cast<uint8_t>(digit << (index % 2 * 4));
  }
  return 17;
}

// The key of 4.3.2.1.in-addr.arpa's address, in `key`; its length, 0 when the name is none.
size_t reverseKey(const QuestionName& name, uint8_t* key) {
  if (name.labels == 34) return reverseKey6(name, key);
  if (name.labels != 6 || !isLabel(name, 4, "in-addr") || !isLabel(name, 5, "arpa")) return 0;
  key[0] = 0;
  for (size_t index = 0; index < 4; index += 1) {
    const int octet = octetOf(name.key + name.start[index]);
    if (octet < 0) return 0;
    key[4 - index] = static_cast<uint8_t>(octet);
  }
  return 5;
}

Found findReverse(const Asker& asker, const QuestionName& name) {
  uint8_t key[17];
  const size_t length = reverseKey(name, key);
  if (length == 0) return {};
  uint32_t hash = HASH_START;
  for (size_t index = 0; index < length; index += 1) hash = hashStep(hash, key[index]);
  for (const Table* table : asker.tables) {
    const uint8_t* entry = table->find({key, length}, hash);
    if (entry != nullptr) return {table, entry};
  }
  return {};
}

// Whether an unknown name can only have meant tasks of a service: tasks.<label>, or that on a
// network of the asker. Longer names may be real ones of the outside.
bool isMissingTasksName(const Asker& asker, const QuestionName& name) {
  if ((asker.flags & ASKER_REFUSES_TASKS_MISSES) == 0) return false;
  if (name.labels < 2 || !isLabel(name, 0, "tasks")) return false;
  if (name.labels == 2) return true;
  for (size_t first = 2; first < name.labels; first += 1)
    for (const Table* table : asker.tables)
      if (isSame(table->name(), suffix(name, first))) return true;
  return false;
}

constexpr Answer FORWARD{AnswerKind::Forward, Outcome::Forwarded, 0, 0};

Answer empty(const Query& query, Rcode rcode, uint8_t* out) {
  const Outcome outcome = rcode == Rcode::NoError ? Outcome::NoData : Outcome::NxDomain;
  return {AnswerKind::Reply, outcome, query.type, ReplyWriter(query, rcode, out).finish()};
}

Answer records(const Query& query, const Found& found, Shuffle& shuffle, uint8_t* out) {
  const RecordSet set = Table::setOf(found.entry, query.type);
  if (set.count == 0) return empty(query, Rcode::NoError, out);
  ReplyWriter writer(query, Rcode::NoError, out);
  const uint32_t* order = shuffle.order(set.count);
  const uint32_t ttl = found.table->ttlSeconds();
  for (uint32_t index = 0; index < set.count; index += 1)
    if (!writer.record(query.type, ttl, set.data(order[index]))) break;
  return {AnswerKind::Reply, Outcome::Answered, query.type, writer.finish()};
}

Answer unknown(const Asker& asker, const Query& query, uint8_t* out) {
  if (isMissingTasksName(asker, query.name)) return empty(query, Rcode::NxDomain, out);
  const bool isBare = query.name.labels < 2;
  if (isBare && (asker.flags & ASKER_HAS_NDOTS) != 0) return empty(query, Rcode::NoError, out);
  return FORWARD;
}

Answer resolve(const Asker& asker, Shuffle& shuffle, const Query& query, uint8_t* out) {
  if (query.klass != CLASS_IN) return FORWARD;
  switch (query.type) {
    case TYPE_A:
    case TYPE_AAAA: {
      const Found found = findName(asker, query.name);
      if (found.entry == nullptr) return unknown(asker, query, out);
      return records(query, found, shuffle, out);
    }
    case TYPE_MX:
      if (findName(asker, query.name).entry == nullptr) return FORWARD;
      return empty(query, Rcode::NoError, out);
    case TYPE_PTR: {
      const Found found = findReverse(asker, query.name);
      return found.entry == nullptr ? FORWARD : records(query, found, shuffle, out);
    }
    default:
      return FORWARD;
  }
}

}  // namespace

const uint32_t* Shuffle::order(uint32_t count) {
  for (uint32_t index = 0; index < count; index += 1) order_[index] = index;
  for (uint32_t last = count - 1; last > 0; last -= 1)
    std::swap(order_[last], order_[random_.below(last + 1)]);
  return order_.data();
}

Answer answer(const Asker& asker, Shuffle& shuffle, Query* query, uint8_t* out, Bytes bytes,
              Transport transport) {
  Rcode rcode = Rcode::NoError;
  switch (readQuery(bytes, transport, query, &rcode)) {
    case Reading::Drop:
      return {AnswerKind::Drop, Outcome::Dropped, 0, 0};
    case Reading::Mistake: {
      const uint16_t type = query->questionEnd == 0 ? uint16_t{0} : query->type;
      const size_t length = ReplyWriter(*query, rcode, out).finish();
      return {AnswerKind::Reply, Outcome::Malformed, type, length};
    }
    case Reading::Query:
      break;
  }
  Answer given = resolve(asker, shuffle, *query, out);
  given.type = query->type;
  return given;
}

size_t failureReply(const Query& query, Rcode rcode, uint8_t* out) {
  return ReplyWriter(query, rcode, out).finish();
}

}  // namespace hawser::dns
