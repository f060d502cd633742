// hawser-dns: answers names in the containers of a node, whether an agent is there or not. Started
// by the agent, which tells it everything else through the control socket; see
// src/node/resolver/engine/.
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engine.h"

namespace {

bool isFlag(const char* word, const char* name) { return std::strcmp(word, name) == 0; }

bool readOption(const char* name, const char* value, hawser::dns::Options* into) {
  if (isFlag(name, "--socket")) into->socketPath = value;
  else if (isFlag(name, "--counters")) into->countersPath = value;
  else if (isFlag(name, "--build")) into->build = value;
  else if (isFlag(name, "--ready-fd")) into->readyFd = std::atoi(value);
  else if (isFlag(name, "--tcp-connections")) into->tcpConnectionsMax = std::strtoul(value, nullptr, 10);
  else if (isFlag(name, "--tcp-idle-ms")) into->tcpIdleMs = std::atol(value);
  else if (isFlag(name, "--tcp-pipeline")) into->tcpPipelineMax = std::strtoul(value, nullptr, 10);
  else if (isFlag(name, "--hold-ms")) into->holdMs = std::atol(value);
  else return false;
  return true;
}

bool readOptions(int count, char** words, hawser::dns::Options* into) {
  for (int index = 1; index < count; index += 1) {
    if (isFlag(words[index], "--take-over")) {
      into->isTakingOver = true;
    } else if (index + 1 == count || !readOption(words[index], words[index + 1], into)) {
      return false;
    } else {
      index += 1;
    }
  }
  return !into->socketPath.empty() && !into->countersPath.empty();
}

}  // namespace

int main(int count, char** words) {
  hawser::dns::Options options;
  if (!readOptions(count, words, &options)) {
    std::fputs("hawser-dns: started by `hawser agent`, not by hand\n", stderr);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  hawser::dns::Engine engine(std::move(options));
  if (!engine.start()) return 1;
  engine.run();
  return 0;
}
