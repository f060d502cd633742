#include "counters.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "../../fd.h"

namespace hawser::dns {
namespace {

// Rows in the order of COUNTED_TYPES in src/node/resolver/engine/counters.ts; the last is for all others.
constexpr uint16_t COUNTED_TYPES[] = {1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 65, 255};
constexpr size_t ROWS = sizeof(COUNTED_TYPES) / sizeof(COUNTED_TYPES[0]) + 1;
constexpr uint32_t HEAD[4] = {0x48444301, ROWS, OUTCOMES, 0};
constexpr size_t FILE_BYTES = sizeof(HEAD) + ROWS * OUTCOMES * sizeof(uint64_t);

}  // namespace

bool Counters::open(const char* path) {
  UniqueFd fd(::open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid() || ftruncate(fd.get(), FILE_BYTES) != 0) return false;
  void* memory = mmap(nullptr, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return false;
  if (std::memcmp(memory, HEAD, sizeof(HEAD)) != 0) {
    std::memset(memory, 0, FILE_BYTES);
    std::memcpy(memory, HEAD, sizeof(HEAD));
  }
  counts_ = reinterpret_cast<uint64_t*>(static_cast<uint8_t*>(memory) + sizeof(HEAD));
  return true;
}

size_t Counters::rowOf(uint16_t type) {
  size_t row = 0;
  while (row < ROWS - 1 && COUNTED_TYPES[row] != type) row += 1;
  return row;
}

}  // namespace hawser::dns
