// The engine: one thread, one epoll set over the sockets of all containers and over the control
// socket. What is asked is answered from the tables; what they do not know waits in `Pending` for
// whoever controls the engine, or for its time to pass.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "counters.h"
#include "pending.h"
#include "sandbox.h"
#include "source.h"

namespace hawser::dns {

class ControlConnection;
class ControlListener;
class TcpConnection;

struct Options {
  std::string socketPath;
  std::string countersPath;
  // Tells builds of this program apart.
  std::string build;
  size_t tcpConnectionsMax = 64;
  int64_t tcpIdleMs = 10000;
  size_t tcpPipelineMax = 64;
  // How long a query may wait for somebody to hand it to: within a client's first timeout.
  int64_t holdMs = 4000;
  bool isTakingOver = false;
  int readyFd = -1;
};

// One container. Its sources are in the epoll set once the tables are known: until then queries
// wait in the sockets' buffers.
struct Sandbox {
  std::string id;
  std::string path;
  std::vector<std::string> networks;
  SandboxSockets sockets;
  Asker asker;
  // Opened by whoever controls the engine at present, who can take its queries.
  bool isClaimed = false;
  size_t pending = 0;
  size_t connections = 0;
  std::unique_ptr<Source> udp;
  std::unique_ptr<Source> tcp;
};

// Buffers that all sockets share.
struct UdpBatch;

class Engine {
 public:
  explicit Engine(Options options);
  ~Engine();

  // False after writing why to the ready descriptor.
  bool start();
  // Runs until told to stop.
  void run();
  void stop() { isStopping_ = true; }

  const Options& options() const { return options_; }
  Counters& counters() { return counters_; }
  Shuffle& shuffle() { return shuffle_; }
  PendingTable& pending() { return pending_; }
  UdpBatch& batch() { return *batch_; }
  // Room for one reply and more.
  std::vector<uint8_t>& scratch() { return scratch_; }
  int64_t nowMs() const { return nowMs_; }

  bool watch(Source& source, int fd, uint32_t events);
  void rewatch(Source& source, int fd, uint32_t events);
  // The source lives until this turn's events are done with.
  void retire(std::unique_ptr<Source> source);

  // Sandboxes and tables.
  Sandbox* find(const std::string& id);
  const std::map<std::string, std::unique_ptr<Sandbox>>& sandboxes() const { return sandboxes_; }
  Sandbox* adopt(std::unique_ptr<Sandbox> sandbox);
  void rebind(Sandbox& sandbox);
  void close(const std::string& id);
  bool setTable(const std::string& networkId, std::unique_ptr<uint8_t[]> bytes, size_t size);
  // Forgets all other tables; the tables are complete from here on.
  void keepTables(const std::vector<std::string>& networkIds);

  // Who takes queries; null: nobody.
  ControlConnection* agent() const { return agent_; }
  void setAgent(ControlConnection* agent);
  void agentGone(ControlConnection* agent);
  bool canHandUp(const Sandbox& sandbox) const;
  void tablesComplete() { areTablesComplete_ = true; }

  // Connections of all containers.
  void add(std::unique_ptr<TcpConnection> connection);
  void remove(TcpConnection* connection);
  size_t connectionCount() const { return connections_.size(); }
  void add(std::unique_ptr<ControlConnection> connection);
  void remove(ControlConnection* connection);

 private:
  bool fail(const char* what);
  void serve(Sandbox& sandbox);
  void turn(int timeoutMs);
  int timeoutMs() const;
  void tick();

  Options options_;
  UniqueFd epoll_;
  Counters counters_;
  Shuffle shuffle_;
  PendingTable pending_;
  std::unique_ptr<UdpBatch> batch_;
  std::vector<uint8_t> scratch_;
  int64_t nowMs_ = 0;
  int64_t tickAtMs_ = 0;
  bool isStopping_ = false;
  bool isServing_ = false;
  // Known in full by the agent that is connected.
  bool areTablesComplete_ = false;
  ControlConnection* agent_ = nullptr;
  std::unique_ptr<ControlListener> listener_;
  std::map<std::string, std::unique_ptr<Table>> tables_;
  std::map<std::string, std::unique_ptr<Sandbox>> sandboxes_;
  std::map<TcpConnection*, std::unique_ptr<TcpConnection>> connections_;
  std::map<ControlConnection*, std::unique_ptr<ControlConnection>> controls_;
  std::vector<std::unique_ptr<Source>> graveyard_;
};

}  // namespace hawser::dns
