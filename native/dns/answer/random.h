// sfc32, step for step the generator of src/base/rng.ts, so that tests can compare shuffled
// answers byte by byte. Not for secrets.
#pragma once
#include <cstdint>

namespace hawser::dns {

class Random {
 public:
  explicit Random(uint32_t seed) : a_(seed) {
    for (int round = 0; round < 12; round += 1) next();
  }

  uint32_t next() {
    const uint32_t result = a_ + b_ + counter_;
    counter_ += 1;
    a_ = b_ ^ (b_ >> 9);
    b_ = c_ + (c_ << 3);
    c_ = ((c_ << 21) | (c_ >> 11)) + result;
    return result;
  }

  // Uniform in [0, bound).
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(uint64_t{next()} * bound >> 32); }

 private:
  uint32_t a_;
  uint32_t b_ = 0x9e3779b9;
  uint32_t c_ = 0x243f6a88;
  uint32_t counter_ = 1;
};

}  // namespace hawser::dns
