// What the event loop waits for.
#pragma once
#include <cstdint>

namespace hawser::dns {

class Source {
 public:
  virtual ~Source() = default;
  virtual void ready(uint32_t events) = 0;
  // Looked at first in each turn, so that who was told of a change is answered by it.
  virtual bool isControl() const { return false; }
  // Retired sources are not woken any more.
  bool isRetired = false;
};

}  // namespace hawser::dns
