#include "socket.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "failure.h"
#include "fd.h"
#include "netns.h"

namespace hawser {
namespace {

using Bytes = std::vector<uint8_t>;

struct SocketOption {
  int level;
  int name;
  Bytes value;
};

struct SocketRequest {
  int namespaceFd = -1;
  int family = 0;
  int type = 0;
  int protocol = 0;
  std::vector<SocketOption> options;
  Bytes bind;
  int backlog = -1;
};

bool readInt(const Napi::Object& from, const char* field, int* into) {
  const Napi::Value value = from.Get(field);
  if (!value.IsNumber()) return false;
  *into = value.As<Napi::Number>();
  return true;
}

Bytes copyBytes(const Napi::Value& value) {
  const auto array = value.As<Napi::Uint8Array>();
  return Bytes(array.Data(), array.Data() + array.ElementLength());
}

bool isBytes(const Napi::Value& value) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
}

bool readOption(const Napi::Value& value, SocketOption* into) {
  if (!value.IsArray()) return false;
  const auto triple = value.As<Napi::Array>();
  const Napi::Value level = triple.Get(0u), name = triple.Get(1u), content = triple.Get(2u);
  if (!level.IsNumber() || !name.IsNumber()) return false;
  into->level = level.As<Napi::Number>();
  into->name = name.As<Napi::Number>();
  if (isBytes(content)) {
    into->value = copyBytes(content);
    return true;
  }
  if (!content.IsNumber()) return false;
  const int number = content.As<Napi::Number>();
  into->value.resize(sizeof(number));
  std::memcpy(into->value.data(), &number, sizeof(number));
  return true;
}

bool readRequest(const Napi::Object& from, SocketRequest* into) {
  const bool hasNumbers = readInt(from, "namespaceFd", &into->namespaceFd) &&
                          readInt(from, "family", &into->family) &&
                          readInt(from, "type", &into->type) &&
                          readInt(from, "protocol", &into->protocol);
  const Napi::Value options = from.Get("options");
  if (!hasNumbers || !options.IsArray()) return false;
  const auto list = options.As<Napi::Array>();
  for (uint32_t index = 0; index < list.Length(); index += 1) {
    SocketOption option;
    if (!readOption(list.Get(index), &option)) return false;
    into->options.push_back(std::move(option));
  }
  const Napi::Value bind = from.Get("bind");
  if (isBytes(bind)) into->bind = copyBytes(bind);
  readInt(from, "backlog", &into->backlog);
  return bind.IsUndefined() || isBytes(bind);
}

Result<UniqueFd> openSocket(const SocketRequest& request) {
  NamespaceVisit visit;
  if (!visit.enter(request.namespaceFd)) return failed("setns");
  UniqueFd fd(socket(request.family, request.type | SOCK_CLOEXEC, request.protocol));
  if (!fd.valid()) return failed("socket");
  for (const auto& option : request.options) {
    const auto size = static_cast<socklen_t>(option.value.size());
    if (setsockopt(fd.get(), option.level, option.name, option.value.data(), size) != 0)
      return failed("setsockopt");
  }
  if (!request.bind.empty()) {
    const auto* address = reinterpret_cast<const sockaddr*>(request.bind.data());
    const auto size = static_cast<socklen_t>(request.bind.size());
    if (bind(fd.get(), address, size) != 0) return failed("bind");
  }
  if (request.backlog >= 0 && listen(fd.get(), request.backlog) != 0) return failed("listen");
  return fd;
}

Napi::Value copyAddress(Napi::Env env, const sockaddr_storage& address, socklen_t length) {
  const size_t size = length < sizeof(address) ? length : sizeof(address);
  return Napi::Buffer<uint8_t>::Copy(env, reinterpret_cast<const uint8_t*>(&address), size);
}

}  // namespace

Napi::Value socketIn(const Napi::CallbackInfo& info) {
  SocketRequest request;
  if (!info[0].IsObject() || !readRequest(info[0].As<Napi::Object>(), &request))
    return wrongArgument(info.Env(), "request is a SocketRequest");
  auto opened = openSocket(request);
  if (const auto* failure = std::get_if<Failure>(&opened)) return toValue(info.Env(), *failure);
  return Napi::Number::New(info.Env(), std::get<UniqueFd>(opened).release());
}

Napi::Value socketAddress(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber()) return wrongArgument(info.Env(), "fd is a number");
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  const int fd = info[0].As<Napi::Number>();
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return toValue(info.Env(), failed("getsockname"));
  return copyAddress(info.Env(), address, length);
}

Napi::Value sendTo(const Napi::CallbackInfo& info) {
  if (!info[0].IsNumber() || !isBytes(info[1]))
    return wrongArgument(info.Env(), "fd is a number, bytes are bytes");
  const int fd = info[0].As<Napi::Number>();
  const auto bytes = info[1].As<Napi::Uint8Array>();
  const sockaddr* address = nullptr;
  socklen_t length = 0;
  if (isBytes(info[2])) {
    const auto target = info[2].As<Napi::Uint8Array>();
    address = reinterpret_cast<const sockaddr*>(target.Data());
    length = static_cast<socklen_t>(target.ElementLength());
  }
  ssize_t sent;
  do {
    sent = sendto(fd, bytes.Data(), bytes.ElementLength(), MSG_DONTWAIT | MSG_NOSIGNAL, address,
                  length);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return toValue(info.Env(), failed("sendto"));
  return Napi::Number::New(info.Env(), static_cast<double>(sent));
}

Napi::Value receiveFrom(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsNumber() || !isBytes(info[1]))
    return wrongArgument(env, "fd is a number, into is bytes");
  const int fd = info[0].As<Napi::Number>();
  auto into = info[1].As<Napi::Uint8Array>();
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  ssize_t length;
  do {
    length = recvfrom(fd, into.Data(), into.ElementLength(), MSG_DONTWAIT | MSG_TRUNC,
                      reinterpret_cast<sockaddr*>(&address), &size);
  } while (length < 0 && errno == EINTR);
  if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return env.Undefined();
  if (length < 0) return toValue(env, failed("recvfrom"));
  Napi::Object datagram = Napi::Object::New(env);
  datagram.Set("length", static_cast<double>(length));
  datagram.Set("address", copyAddress(env, address, size));
  return datagram;
}

Napi::Value memfd(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) return wrongArgument(info.Env(), "name is a string");
  const std::string name = info[0].As<Napi::String>();
  const int fd = memfd_create(name.c_str(), MFD_CLOEXEC);
  if (fd < 0) return toValue(info.Env(), failed("memfd_create"));
  return Napi::Number::New(info.Env(), fd);
}

}  // namespace hawser
