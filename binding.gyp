{
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
    "cflags_cc": ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"],
    "cflags_cc!": ["-std=gnu++17", "-fno-rtti"]
  }]
}
