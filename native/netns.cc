#include "netns.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace hawser {
namespace {

constexpr const char* OWN_NAMESPACE = "/proc/thread-self/ns/net";
constexpr size_t SYSCTL_BYTES_MAX = 4096;

Result<std::monostate> setLoopbackUp() {
  UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return failed("socket");
  ifreq request = {};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP;
  if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return failed("ioctl");
  return std::monostate{};
}

Result<std::monostate> mountNewNamespace(const std::string& path) {
  NamespaceVisit visit;
  if (!visit.enterNew()) return failed("unshare");
  auto up = setLoopbackUp();
  if (std::holds_alternative<Failure>(up)) return up;
  if (mount(OWN_NAMESPACE, path.c_str(), nullptr, MS_BIND, nullptr) != 0) return failed("mount");
  return std::monostate{};
}

Result<std::monostate> createAt(const std::string& path) {
  // A file without a mount is what a crash between the two leaves behind; it is used as it is.
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return failed("open");
  auto mounted = mountNewNamespace(path);
  if (std::holds_alternative<Failure>(mounted)) unlink(path.c_str());
  return mounted;
}

Result<std::monostate> deleteAt(const std::string& path) {
  // EINVAL: a file that is not mounted on.
  const bool isUnmounted = umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0;
  if (!isUnmounted && errno != EINVAL && errno != ENOENT)
    return failed("umount2");
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed("unlink");
  return std::monostate{};
}

Result<std::string> readAll(int fd) {
  std::string text(SYSCTL_BYTES_MAX, '\0');
  const ssize_t length = read(fd, text.data(), text.size());
  if (length < 0) return failed("read");
  text.resize(static_cast<size_t>(length));
  return text;
}

Result<std::string> readSysctl(int namespaceFd, const std::string& path) {
  NamespaceVisit visit;
  if (!visit.enter(namespaceFd)) return failed("setns");
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return failed("open");
  return readAll(file.get());
}

Result<std::monostate> writeSysctl(int namespaceFd, const std::string& path,
                                   const std::string& value) {
  NamespaceVisit visit;
  if (!visit.enter(namespaceFd)) return failed("setns");
  UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return failed("open");
  if (write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
    return failed("write");
  return std::monostate{};
}

Napi::Value undefinedOrFailure(Napi::Env env, const Result<std::monostate>& result) {
  if (const auto* failure = std::get_if<Failure>(&result)) return toValue(env, *failure);
  return env.Undefined();
}

}  // namespace

NamespaceVisit::~NamespaceVisit() {
  if (!home_.valid()) return;
  // The failing call's errno is still wanted by whoever ends this scope early.
  const int before = errno;
  if (setns(home_.get(), CLONE_NEWNET) != 0) {
    static const char message[] = "hawser: cannot return to the own network namespace, aborting\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, message, sizeof(message) - 1);
    std::abort();
  }
  errno = before;
}

bool NamespaceVisit::rememberHome() {
  UniqueFd home(open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC));
  if (!home.valid()) return false;
  home_ = std::move(home);
  return true;
}

bool NamespaceVisit::enter(int fd) {
  if (fd < 0) return true;
  UniqueFd home(open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC));
  if (!home.valid()) return false;
  // Home is remembered only once it has been left, so that a failed entry does not switch back.
  if (setns(fd, CLONE_NEWNET) != 0) return false;
  home_ = std::move(home);
  return true;
}

bool NamespaceVisit::enterNew() {
  if (!rememberHome()) return false;
  return unshare(CLONE_NEWNET) == 0;
}

Napi::Value createNamespace(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) return wrongArgument(info.Env(), "path is a string");
  return undefinedOrFailure(info.Env(), createAt(info[0].As<Napi::String>()));
}

Napi::Value deleteNamespace(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) return wrongArgument(info.Env(), "path is a string");
  return undefinedOrFailure(info.Env(), deleteAt(info[0].As<Napi::String>()));
}

Napi::Value sysctlIn(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsNumber() || !info[1].IsString())
    return wrongArgument(env, "namespaceFd is a number and path a string");
  const int namespaceFd = info[0].As<Napi::Number>();
  const std::string path = info[1].As<Napi::String>();
  if (info[2].IsString())
    return undefinedOrFailure(env, writeSysctl(namespaceFd, path, info[2].As<Napi::String>()));
  const auto text = readSysctl(namespaceFd, path);
  if (const auto* failure = std::get_if<Failure>(&text)) return toValue(env, *failure);
  return Napi::String::New(env, std::get<std::string>(text));
}

}  // namespace hawser
