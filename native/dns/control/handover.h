// From one engine to the next: sockets by SCM_RIGHTS, and the queries that wait. Both sides block
// for a bounded time; what is asked meanwhile waits in the sockets' buffers.
#pragma once
#include "../engine/engine.h"

namespace hawser::dns {

// Gives everything away. The caller ends afterwards.
void surrender(Engine& engine, int fd);

// Takes what the engine at the socket gives. False when there is none, or it stopped half way; what
// came until then is kept.
bool takeOver(Engine& engine);

}  // namespace hawser::dns
