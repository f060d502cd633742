#include "query.h"

namespace hawser::dns {
namespace {

constexpr uint8_t POINTER = 0xc0;
constexpr size_t QUERY_RECORDS_MAX = 4;

class Reader {
 public:
  Reader(Bytes bytes, size_t position) : bytes_(bytes), position_(position) {}

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size - position_; }

  bool u16(uint16_t* into) {
    if (remaining() < 2) return false;
    *into = be16(bytes_.data + position_);
    position_ += 2;
    return true;
  }

  bool skip(size_t length) {
    if (remaining() < length) return false;
    position_ += length;
    return true;
  }

  // Steps over a possibly compressed name. Each pointer leads strictly further back, and to a part
  // that ends before the one it was in begins, so every chain ends.
  bool name(size_t* wireBytes) {
    size_t at = position_, floor = position_, bound = bytes_.size, end = 0, wire = 1;
    for (;;) {
      if (at >= bytes_.size || at >= bound) return false;
      const uint8_t length = bytes_.data[at];
      if (length == 0) break;
      if (length >= POINTER) {
        if (at + 1 >= bytes_.size) return false;
        const size_t target = be16(bytes_.data + at) & 0x3fff;
        if (target >= floor || target < HEADER_BYTES) return false;
        if (end == 0) end = at + 2;
        bound = floor;
        floor = at = target;
        continue;
      }
      wire += length + 1u;
      if (length >= 0x40 || wire > NAME_BYTES_MAX) return false;
      if (at + 1 + length > bytes_.size || at + 1 + length > bound) return false;
      at += 1u + length;
    }
    position_ = end == 0 ? at + 1 : end;
    *wireBytes = wire;
    return true;
  }

 private:
  Bytes bytes_;
  size_t position_;
};

// The first name of a message cannot be compressed: nothing stands before it.
void readLabels(Bytes bytes, QuestionName* into) {
  size_t length = 0;
  uint32_t hash = HASH_START;
  into->labels = 0;
  into->start[0] = 0;
  into->hash[0] = hash;
  for (const uint8_t* at = bytes.data + HEADER_BYTES; *at != 0;) {
    for (int left = *at + 1; left > 0; left -= 1) {
      uint8_t byte = *at++;
      // A label's length is below 'A'.
      if (byte >= 'A' && byte <= 'Z') byte = static_cast<uint8_t>(byte + ('a' - 'A'));
      into->key[length++] = byte;
      hash = hashStep(hash, byte);
    }
    into->labels += 1;
    into->start[into->labels] = static_cast<uint8_t>(length);
    into->hash[into->labels] = hash;
  }
  into->length = static_cast<uint8_t>(length);
}

bool readData(Reader& reader, uint16_t type, uint16_t length) {
  if (length > reader.remaining()) return false;
  const size_t end = reader.position() + length;
  size_t wire;
  switch (type) {
    case TYPE_A:
      return length == 4 && reader.skip(length);
    case TYPE_AAAA:
      return length == 16 && reader.skip(length);
    case TYPE_PTR:
      return reader.name(&wire) && reader.position() == end;
    case TYPE_SRV:
      return reader.skip(6) && reader.name(&wire) && reader.position() == end;
    default:
      return reader.skip(length);
  }
}

bool readOpt(Bytes bytes, size_t fields, size_t nameBytes, Query* into) {
  if (into->hasEdns || nameBytes != 1) return false;
  into->hasEdns = true;
  into->udpBytes = be16(bytes.data + fields + 2);
  into->ednsVersion = bytes.data[fields + 5];
  into->isDnssecOk = (bytes.data[fields + 6] & 0x80) != 0;
  return true;
}

bool readRecord(Bytes bytes, Reader& reader, bool mayBeOpt, Query* into) {
  size_t nameBytes;
  if (!reader.name(&nameBytes)) return false;
  const size_t fields = reader.position();
  uint16_t type, length;
  if (!reader.u16(&type) || !reader.skip(6) || !reader.u16(&length)) return false;
  if (!readData(reader, type, length)) return false;
  if (type != TYPE_OPT) return true;
  return mayBeOpt && readOpt(bytes, fields, nameBytes, into);
}

bool readBody(Bytes bytes, Query* into) {
  const size_t questions = be16(bytes.data + 4);
  const size_t others = be16(bytes.data + 6) + be16(bytes.data + 8);
  const size_t additionals = be16(bytes.data + 10);
  if (questions != 1 || others + additionals > QUERY_RECORDS_MAX) return false;
  Reader reader(bytes, HEADER_BYTES);
  size_t nameBytes;
  if (!reader.name(&nameBytes) || !reader.u16(&into->type) || !reader.u16(&into->klass))
    return false;
  const size_t questionEnd = reader.position();
  into->hasEdns = false;
  for (size_t index = 0; index < others + additionals; index += 1)
    if (!readRecord(bytes, reader, index >= others, into)) return false;
  if (reader.remaining() > 0) return false;
  into->questionEnd = questionEnd;
  readLabels(bytes, &into->name);
  return true;
}

}  // namespace

Reading readQuery(Bytes bytes, Transport transport, Query* into, Rcode* rcode) {
  if (bytes.size < HEADER_BYTES || (bytes.data[2] & 0x80) != 0) return Reading::Drop;
  into->bytes = bytes;
  into->transport = transport;
  into->id = be16(bytes.data);
  into->flags = be16(bytes.data + 2);
  into->questionEnd = 0;
  into->hasEdns = false;
  if ((into->flags & 0x7800) != 0) {
    *rcode = Rcode::NotImp;
    return Reading::Mistake;
  }
  if (bytes.size > QUERY_BYTES_MAX || !readBody(bytes, into)) {
    into->questionEnd = 0;
    into->hasEdns = false;
    *rcode = Rcode::FormErr;
    return Reading::Mistake;
  }
  if (!into->hasEdns || into->ednsVersion == 0) return Reading::Query;
  *rcode = Rcode::BadVers;
  return Reading::Mistake;
}

}  // namespace hawser::dns
