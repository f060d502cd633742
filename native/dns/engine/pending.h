// Queries that the tables do not answer, from their arrival to their reply. `Held` waits for an
// agent that can take it, `Handed` for the agent's answer; when the agent goes, all are held again.
#pragma once
#include <netinet/in.h>

#include <memory>
#include <vector>

#include "../answer/answer.h"

namespace hawser::dns {

class Engine;
class TcpConnection;
struct Sandbox;

// The agent's own limits are reached first while it is there.
constexpr size_t PENDING_MAX = 16384;
constexpr size_t PENDING_PER_SANDBOX_MAX = 2048;
// After this an agent that is connected is taken to have lost the query.
constexpr int64_t HANDED_MS_MAX = 20000;

enum class PendingState : uint8_t { Free, Held, Handed };

struct Pending {
  PendingState state = PendingState::Free;
  Transport transport = Transport::Udp;
  uint16_t type = 0;
  uint16_t size = 0;
  // Upper bits of the query's id: an answer to an earlier tenant of the place is told by it.
  uint32_t tenancy = 0;
  Sandbox* sandbox = nullptr;
  // Null over UDP.
  TcpConnection* connection = nullptr;
  sockaddr_in peer = {};
  int64_t sinceMs = 0;
  std::unique_ptr<uint8_t[]> bytes;
};

// Where a query came from.
struct Origin {
  Sandbox* sandbox;
  TcpConnection* connection;
  sockaddr_in peer;
};

class PendingTable {
 public:
  explicit PendingTable(Engine& engine) : engine_(engine) {}

  bool isEmpty() const { return used_ == 0; }
  // False when there is no room.
  bool add(const Origin& origin, Bytes query, uint16_t type, int64_t sinceMs);
  // The agent's answer; without bytes there is no reply.
  void answer(uint32_t id, Outcome outcome, Bytes reply);
  void handUpHeld();
  void takeBack();
  void tick();
  void forget(const Sandbox* sandbox);
  void forget(const TcpConnection* connection);
  template <typename Visit>
  void each(Visit visit) const {
    for (const Pending& one : places_)
      if (one.state != PendingState::Free) visit(one);
  }

 private:
  void handUp(size_t place);
  void finish(size_t place, Outcome outcome, Bytes reply);
  void fail(size_t place);
  void free(size_t place);

  Engine& engine_;
  std::vector<Pending> places_;
  std::vector<uint16_t> freePlaces_;
  size_t used_ = 0;
};

}  // namespace hawser::dns
