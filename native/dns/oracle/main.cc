// The parser, the tables and the answers without any socket, for tests: commands on standard input,
// results on standard output, so that millions of queries can be compared with the TypeScript
// resolver, in a build with sanitizers.
//
//   command  u32 length of the rest, little-endian | u8 kind | rest
//     T      a table; answers with one byte: 1 accepted (it gets the next number), 0 refused
//     A      u8 flags | u8 numbers of tables…: who asks from here on
//     Q      u32 seed | u8 transport | query; answers with
//            u8 kind | u8 outcome | u16 type | u32 length | reply
#include <cstdio>
#include <cstring>
#include <vector>

#include "../answer/answer.h"

namespace {

using namespace hawser::dns;

constexpr size_t COMMAND_BYTES_MAX = TABLE_BYTES_MAX + 16;

class Oracle {
 public:
  void run(uint8_t kind, std::unique_ptr<uint8_t[]> rest, size_t size) {
    if (kind == 'T') table(std::move(rest), size);
    if (kind == 'A') asker(rest.get(), size);
    if (kind == 'Q') query(rest.get(), size);
  }

 private:
  void table(std::unique_ptr<uint8_t[]> bytes, size_t size) {
    auto table = Table::adopt(std::move(bytes), size);
    std::putchar(table ? 1 : 0);
    if (!table) return;
    if (table->recordsMax() > recordsMax_) recordsMax_ = table->recordsMax();
    tables_.push_back(std::move(table));
  }

  void asker(const uint8_t* at, size_t size) {
    asker_ = {};
    if (size == 0) return;
    asker_.flags = at[0];
    for (size_t index = 1; index < size; index += 1)
      if (at[index] < tables_.size()) asker_.tables.push_back(tables_[at[index]].get());
  }

  void query(const uint8_t* at, size_t size) {
    if (size < 5) return;
    Shuffle shuffle(le32(at));
    shuffle.makeRoom(recordsMax_);
    // A copy of the exact size, whose end a sanitizer watches.
    std::unique_ptr<uint8_t[]> exact(new uint8_t[size - 5]);
    std::memcpy(exact.get(), at + 5, size - 5);
    const Transport transport = at[4] == 0 ? Transport::Udp : Transport::Tcp;
    const Answer given =
        answer(asker_, shuffle, &query_, reply_.data(), {exact.get(), size - 5}, transport);
    uint8_t head[8] = {static_cast<uint8_t>(given.kind), static_cast<uint8_t>(given.outcome)};
    putBe16(head + 2, given.type);
    putLe32(head + 4, static_cast<uint32_t>(given.length));
    std::fwrite(head, 1, sizeof(head), stdout);
    std::fwrite(reply_.data(), 1, given.length, stdout);
  }

  std::vector<std::unique_ptr<Table>> tables_;
  Asker asker_;
  Query query_;
  std::vector<uint8_t> reply_ = std::vector<uint8_t>(REPLY_BYTES_MAX);
  uint32_t recordsMax_ = 1;
};

}  // namespace

int main() {
  Oracle oracle;
  uint8_t head[5];
  while (std::fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
    const size_t size = le32(head) - 1;
    if (size > COMMAND_BYTES_MAX) return 2;
    std::unique_ptr<uint8_t[]> rest(new uint8_t[size == 0 ? 1 : size]);
    if (std::fread(rest.get(), 1, size, stdin) != size) return 2;
    oracle.run(head[4], std::move(rest), size);
    std::fflush(stdout);
  }
  return 0;
}
