{
  "variables": {
    "warnings": ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"]
  },
  "targets": [{
    "target_name": "hawser",
    "sources": [
      "native/addon.cc",
      "native/failure.cc",
      "native/netlink.cc",
      "native/netns.cc",
      "native/poll.cc",
      "native/socket.cc"
    ],
    "include_dirs": ["<!@(node -p \"require('node-addon-api').include\")"],
    "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "_GNU_SOURCE"],
    "cflags_cc": ["<@(warnings)"],
    "cflags_cc!": ["-std=gnu++17", "-fno-rtti"]
  }, {
    "target_name": "hawser-dns",
    "type": "executable",
    "sources": [
      "native/dns/answer/answer.cc",
      "native/dns/answer/query.cc",
      "native/dns/answer/table.cc",
      "native/dns/control/control.cc",
      "native/dns/control/frame.cc",
      "native/dns/control/handover.cc",
      "native/dns/engine/counters.cc",
      "native/dns/engine/engine.cc",
      "native/dns/engine/main.cc",
      "native/dns/engine/pending.cc",
      "native/dns/engine/sandbox.cc",
      "native/dns/engine/tcp.cc",
      "native/dns/engine/udp.cc"
    ],
    "defines": ["_GNU_SOURCE"],
    "cflags_cc": ["<@(warnings)"],
    "cflags_cc!": ["-std=gnu++17"],
    "ldflags": ["-static-libstdc++", "-static-libgcc", "-Wl,--gc-sections"],
    "ldflags!": ["-rdynamic"]
  }]
}
