// Network namespaces: entering one for the length of a C++ scope, and the bind mounts that keep
// them.
#pragma once
#include <napi.h>

#include "failure.h"
#include "fd.h"

namespace hawser {

// The calling thread is in another network namespace while this lives. JavaScript never runs
// meanwhile: threads and processes started from it would stay there for ever. A failed way back
// aborts the process for the same reason.
class NamespaceVisit {
 public:
  NamespaceVisit() = default;
  ~NamespaceVisit();
  NamespaceVisit(const NamespaceVisit&) = delete;
  NamespaceVisit& operator=(const NamespaceVisit&) = delete;

  // Enters the namespace that `fd` names; a negative `fd` stays where the thread is. False sets
  // errno.
  bool enter(int fd);
  // Enters a namespace made for the purpose. False sets errno.
  bool enterNew();

 private:
  bool rememberHome();
  UniqueFd home_;
};

// createNamespace(path): undefined | Failure. Makes a namespace with `lo` up and bind-mounts it on
// a new file.
Napi::Value createNamespace(const Napi::CallbackInfo& info);
// deleteNamespace(path): undefined | Failure. What is gone already is no failure.
Napi::Value deleteNamespace(const Napi::CallbackInfo& info);
// sysctlIn(namespaceFd, path, value?): string | undefined | Failure. Reads or writes below
// /proc/sys.
Napi::Value sysctlIn(const Napi::CallbackInfo& info);

}  // namespace hawser
