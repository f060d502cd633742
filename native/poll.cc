#include "poll.h"

#include <uv.h>

#include "failure.h"

namespace hawser {
namespace {

// Lives from construction until libuv has let go of the handle: it outlives its JavaScript object,
// and a callback that closes it may still return into it.
struct Watcher {
  uv_poll_t handle = {};
  Napi::FunctionReference onReady;
  Napi::AsyncContext* context = nullptr;
  napi_env env = nullptr;
  napi_async_cleanup_hook_handle cleanup = nullptr;
  // Where the JavaScript object keeps its pointer to this; cleared when either side closes first.
  Watcher** owner = nullptr;
  bool isClosing = false;
};

void closed(uv_handle_t* handle) {
  auto* watcher = static_cast<Watcher*>(handle->data);
  if (watcher->cleanup != nullptr) napi_remove_async_cleanup_hook(watcher->cleanup);
  delete watcher->context;
  delete watcher;
}

void closeWatcher(Watcher* watcher) {
  if (watcher->isClosing) return;
  watcher->isClosing = true;
  *watcher->owner = nullptr;
  uv_poll_stop(&watcher->handle);
  uv_close(reinterpret_cast<uv_handle_t*>(&watcher->handle), closed);
}

void cleanUp(napi_async_cleanup_hook_handle, void* data) {
  closeWatcher(static_cast<Watcher*>(data));
}

void ready(uv_poll_t* handle, int status, int) {
  auto* watcher = static_cast<Watcher*>(handle->data);
  if (watcher->isClosing) return;
  if (status < 0) uv_poll_start(handle, UV_READABLE, ready);
  Napi::Env env(watcher->env);
  Napi::HandleScope scope(env);
  watcher->onReady.MakeCallback(env.Global(), {}, *watcher->context);
  if (!env.IsExceptionPending()) return;
  const Napi::Error thrown = env.GetAndClearPendingException();
  napi_fatal_exception(env, thrown.Value());
}

class Poll : public Napi::ObjectWrap<Poll> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Poll",
                       {InstanceMethod("close", &Poll::close), InstanceMethod("ref", &Poll::ref),
                        InstanceMethod("unref", &Poll::unref)});
  }

  explicit Poll(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Poll>(info) {
    Napi::Env env = info.Env();
    if (!info[0].IsNumber() || !info[1].IsFunction()) {
      wrongArgument(env, "fd is a number, onReady a function");
      return;
    }
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env, &loop);
    auto* watcher = new Watcher();
    watcher->handle.data = watcher;
    const int error = uv_poll_init(loop, &watcher->handle, info[0].As<Napi::Number>());
    if (error != 0) {
      delete watcher;
      wrongArgument(env, "fd can be polled");
      return;
    }
    watcher->env = env;
    watcher->onReady = Napi::Persistent(info[1].As<Napi::Function>());
    watcher->context = new Napi::AsyncContext(env, "hawser:poll");
    napi_add_async_cleanup_hook(env, cleanUp, watcher, &watcher->cleanup);
    uv_poll_start(&watcher->handle, UV_READABLE, ready);
    watcher->owner = &watcher_;
    watcher_ = watcher;
  }

  ~Poll() override {
    if (watcher_ != nullptr) closeWatcher(watcher_);
  }

 private:
  Napi::Value close(const Napi::CallbackInfo& info) {
    if (watcher_ != nullptr) closeWatcher(watcher_);
    return info.Env().Undefined();
  }

  Napi::Value ref(const Napi::CallbackInfo& info) {
    if (watcher_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t*>(&watcher_->handle));
    return info.Env().Undefined();
  }

  Napi::Value unref(const Napi::CallbackInfo& info) {
    if (watcher_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t*>(&watcher_->handle));
    return info.Env().Undefined();
  }

  Watcher* watcher_ = nullptr;
};

}  // namespace

Napi::Function definePoll(Napi::Env env) { return Poll::define(env); }

}  // namespace hawser
