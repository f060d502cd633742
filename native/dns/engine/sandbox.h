// A container's side of the engine: the sockets on 127.0.0.11 of its network namespace, who asks
// through them, and what that may use.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "../../fd.h"
#include "../answer/answer.h"

namespace hawser::dns {

struct Ports {
  uint16_t udp = 0;
  uint16_t tcp = 0;
};

// What a namespace is, whichever path leads to it.
struct NamespaceId {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const NamespaceId&) const = default;
};

struct SandboxSockets {
  UniqueFd udp;
  UniqueFd tcp;
  Ports ports;
  NamespaceId space;
};

// Why sockets could not be made.
struct OpenFailure {
  int error = 0;
  const char* call = "";
};

// Opens the sockets in the namespace at `path` (empty: the own one), on the wanted ports where they
// are free and not 0, else on ports of the kernel's choice. Never leaves the thread elsewhere: a
// failed way back ends the program.
bool openSockets(const std::string& path, Ports wanted, SandboxSockets* into, OpenFailure* failure);

// The namespace at `path`; all zero when there is none.
NamespaceId namespaceAt(const std::string& path);

}  // namespace hawser::dns
