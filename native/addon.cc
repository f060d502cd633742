// Exports of the addon; one .cc/.h pair per thing the kernel offers.
#include <napi.h>

namespace {
Napi::Object init(Napi::Env, Napi::Object exports) { return exports; }
}  // namespace

NODE_API_MODULE(hawser, init)
