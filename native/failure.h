// What a system call answered instead of a result. Functions of the addon return it to TypeScript
// as `{ errno: 'ENOENT', call: 'open' }`; exceptions do not cross the boundary.
#pragma once
#include <napi.h>

#include <cerrno>
#include <variant>

namespace hawser {

struct Failure {
  int error;
  const char* call;
};

template <typename T>
using Result = std::variant<T, Failure>;

// The failure of the call that has just returned.
inline Failure failed(const char* call) { return Failure{errno, call}; }

Napi::Value toValue(Napi::Env env, const Failure& failure);

// Reports a wrong argument type, which is a bug on the TypeScript side, as a TypeError.
Napi::Value wrongArgument(Napi::Env env, const char* expected);

}  // namespace hawser
