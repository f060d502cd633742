#include "failure.h"

#include <cstring>
#include <string>

namespace hawser {

Napi::Value toValue(Napi::Env env, const Failure& failure) {
  const char* name = strerrorname_np(failure.error);
  Napi::Object object = Napi::Object::New(env);
  object.Set("errno", name != nullptr ? std::string(name) : "E" + std::to_string(failure.error));
  object.Set("call", failure.call);
  return object;
}

Napi::Value wrongArgument(Napi::Env env, const char* expected) {
  Napi::TypeError::New(env, expected).ThrowAsJavaScriptException();
  return env.Undefined();
}

}  // namespace hawser
