#include "engine.h"

#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "../control/control.h"
#include "../control/handover.h"
#include "tcp.h"
#include "udp.h"

namespace hawser::dns {
namespace {

constexpr int EVENTS_PER_TURN = 128;
constexpr int64_t TICK_MS = 100;
constexpr size_t SCRATCH_BYTES = 2 * (2 + REPLY_BYTES_MAX);

int64_t monotonicMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint32_t randomSeed() {
  uint32_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) seed = static_cast<uint32_t>(getpid());
  return seed;
}

void raiseFdLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Engine::Engine(Options options)
    : options_(std::move(options)),
      shuffle_(randomSeed()),
      pending_(*this),
      batch_(std::make_unique<UdpBatch>()),
      scratch_(SCRATCH_BYTES),
      nowMs_(monotonicMs()) {}

Engine::~Engine() = default;

bool Engine::fail(const char* what) {
  const std::string text = std::string(what) + ": " + std::strerror(errno) + "\n";
  [[maybe_unused]] const ssize_t written = write(options_.readyFd, text.data(), text.size());
  return false;
}

bool Engine::start() {
  raiseFdLimit();
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return fail("epoll_create1");
  if (!counters_.open(options_.countersPath.c_str())) return fail(options_.countersPath.c_str());
  listener_ = std::make_unique<ControlListener>(*this);
  if (!listener_->open()) return fail(options_.socketPath.c_str());
  if (options_.isTakingOver) takeOver(*this);
  if (!listener_->publish()) return fail(options_.socketPath.c_str());
  if (options_.readyFd >= 0) {
    [[maybe_unused]] const ssize_t written = write(options_.readyFd, "ready\n", 6);
    ::close(options_.readyFd);
  }
  return true;
}

void Engine::run() {
  while (!isStopping_) turn(timeoutMs());
}

int Engine::timeoutMs() const {
  if (pending_.isEmpty() && connections_.empty()) return -1;
  return static_cast<int>(std::max<int64_t>(0, tickAtMs_ - nowMs_));
}

void Engine::turn(int timeoutMs) {
  epoll_event events[EVENTS_PER_TURN];
  const int count = epoll_wait(epoll_.get(), events, EVENTS_PER_TURN, timeoutMs);
  nowMs_ = monotonicMs();
  for (const bool isControl : {true, false}) {
    for (int index = 0; index < count; index += 1) {
      auto* source = static_cast<Source*>(events[index].data.ptr);
      if (source->isControl() == isControl && !source->isRetired)
        source->ready(events[index].events);
    }
  }
  if (nowMs_ >= tickAtMs_) tick();
  graveyard_.clear();
}

void Engine::tick() {
  tickAtMs_ = nowMs_ + std::min(TICK_MS, std::max<int64_t>(1, options_.tcpIdleMs / 4));
  pending_.tick();
  std::vector<TcpConnection*> connections;
  for (const auto& [connection, owned] : connections_) connections.push_back(connection);
  for (TcpConnection* connection : connections) connection->tick();
}

bool Engine::watch(Source& source, int fd, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.ptr = &source;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Engine::rewatch(Source& source, int fd, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.ptr = &source;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Engine::retire(std::unique_ptr<Source> source) {
  if (!source) return;
  source->isRetired = true;
  graveyard_.push_back(std::move(source));
}

Sandbox* Engine::find(const std::string& id) {
  const auto found = sandboxes_.find(id);
  return found == sandboxes_.end() ? nullptr : found->second.get();
}

Sandbox* Engine::adopt(std::unique_ptr<Sandbox> sandbox) {
  close(sandbox->id);
  Sandbox& place = *(sandboxes_[sandbox->id] = std::move(sandbox));
  rebind(place);
  if (isServing_) serve(place);
  return &place;
}

void Engine::serve(Sandbox& sandbox) {
  sandbox.udp = std::make_unique<UdpSource>(*this, sandbox);
  sandbox.tcp = std::make_unique<TcpListenerSource>(*this, sandbox);
  watch(*sandbox.udp, sandbox.sockets.udp.get(), EPOLLIN);
  watch(*sandbox.tcp, sandbox.sockets.tcp.get(), EPOLLIN);
}

// Looks up the tables of its networks, ingress networks last.
void Engine::rebind(Sandbox& sandbox) {
  auto& tables = sandbox.asker.tables;
  tables.clear();
  for (const bool isIngress : {false, true}) {
    for (const auto& network : sandbox.networks) {
      const auto found = tables_.find(network);
      if (found == tables_.end() || found->second->isIngress() != isIngress) continue;
      tables.push_back(found->second.get());
    }
  }
}

void Engine::close(const std::string& id) {
  const auto found = sandboxes_.find(id);
  if (found == sandboxes_.end()) return;
  const std::unique_ptr<Sandbox> sandbox = std::move(found->second);
  sandboxes_.erase(found);
  pending_.forget(sandbox.get());
  std::vector<TcpConnection*> connections;
  for (const auto& [connection, owned] : connections_)
    if (&connection->sandbox() == sandbox.get()) connections.push_back(connection);
  for (TcpConnection* connection : connections) connection->close();
  retire(std::move(sandbox->udp));
  retire(std::move(sandbox->tcp));
}

bool Engine::setTable(const std::string& networkId, std::unique_ptr<uint8_t[]> bytes,
                      size_t size) {
  auto table = Table::adopt(std::move(bytes), size);
  if (!table) return false;
  shuffle_.makeRoom(table->recordsMax());
  const auto earlier = std::move(tables_[networkId]);
  tables_[networkId] = std::move(table);
  for (const auto& [id, sandbox] : sandboxes_)
    if (std::count(sandbox->networks.begin(), sandbox->networks.end(), networkId) > 0)
      rebind(*sandbox);
  return true;
}

void Engine::keepTables(const std::vector<std::string>& networkIds) {
  std::map<std::string, std::unique_ptr<Table>> kept;
  for (const auto& id : networkIds) {
    const auto found = tables_.find(id);
    if (found != tables_.end() && found->second) kept[id] = std::move(found->second);
  }
  tables_.swap(kept);
  for (const auto& [id, sandbox] : sandboxes_) rebind(*sandbox);
  areTablesComplete_ = true;
  if (isServing_) return;
  isServing_ = true;
  for (const auto& [id, sandbox] : sandboxes_) serve(*sandbox);
}

void Engine::setAgent(ControlConnection* agent) {
  ControlConnection* earlier = agent_;
  agent_ = agent;
  areTablesComplete_ = false;
  for (const auto& [id, sandbox] : sandboxes_) sandbox->isClaimed = false;
  pending_.takeBack();
  if (earlier != nullptr && earlier != agent) earlier->close();
}

void Engine::agentGone(ControlConnection* agent) {
  if (agent_ == agent) setAgent(nullptr);
}

bool Engine::canHandUp(const Sandbox& sandbox) const {
  return agent_ != nullptr && areTablesComplete_ && sandbox.isClaimed && agent_->hasRoom();
}

void Engine::add(std::unique_ptr<TcpConnection> connection) {
  TcpConnection* key = connection.get();
  connections_[key] = std::move(connection);
}

void Engine::remove(TcpConnection* connection) {
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  retire(std::move(found->second));
  connections_.erase(found);
}

void Engine::add(std::unique_ptr<ControlConnection> connection) {
  ControlConnection* key = connection.get();
  controls_[key] = std::move(connection);
}

void Engine::remove(ControlConnection* connection) {
  const auto found = controls_.find(connection);
  if (found == controls_.end()) return;
  retire(std::move(found->second));
  controls_.erase(found);
}

}  // namespace hawser::dns
