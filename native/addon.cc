// Exports of the addon; one .cc/.h pair per thing the kernel offers. src/kernel/native.ts is its
// only caller.
#include <napi.h>

#include "netlink.h"
#include "netns.h"
#include "poll.h"
#include "socket.h"

namespace {

using Function = Napi::Value (*)(const Napi::CallbackInfo&);

void add(Napi::Object exports, const char* name, Function function) {
  exports.Set(name, Napi::Function::New(exports.Env(), function, name));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  add(exports, "createNamespace", hawser::createNamespace);
  add(exports, "deleteNamespace", hawser::deleteNamespace);
  add(exports, "sysctlIn", hawser::sysctlIn);
  add(exports, "socketIn", hawser::socketIn);
  add(exports, "socketAddress", hawser::socketAddress);
  add(exports, "sendTo", hawser::sendTo);
  add(exports, "receiveFrom", hawser::receiveFrom);
  add(exports, "memfd", hawser::memfd);
  add(exports, "netlinkExchange", hawser::netlinkExchange);
  exports.Set("Poll", hawser::definePoll(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(hawser, init)
