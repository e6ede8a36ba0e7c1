"""Wraps the libraries that Debian installs. The path only has to exist: the compiler finds the
headers by itself in the system include folder, as system headers (so their warnings are not
ours), and the linker finds the archives."""

_LIBRARIES = {
    # repository: a folder of its package (a missing package fails with this path)
    "absl": "/usr/include/absl",
    "boringssl": "/usr/include/android",
    "brotli": "/usr/include/brotli",
    "catch2": "/usr/include/catch2",
    "grpc": "/usr/include/grpcpp",
    "libevent": "/usr/include/event2",
    "llhttp": "/usr/share/llhttp",
    "luajit": "/usr/include/luajit-2.1",
    "nghttp2": "/usr/include/nghttp2",
    "protobuf": "/usr/include/google/protobuf",
    "re2": "/usr/include/re2",
    "spdlog": "/usr/include/spdlog",
    "yaml_cpp": "/usr/include/yaml-cpp",
    "zlib": "/usr/share/doc/zlib1g-dev",
    "zstd": "/usr/share/doc/libzstd-dev",
}

def system_libraries():
    for name, path in _LIBRARIES.items():
        native.new_local_repository(
            name = name,
            build_file = str(Label("//tools/bazel/third_party:%s.BUILD" % name)),
            path = path,
        )

def bazel_rules(remora = "."):
    """What Bazel itself wants to have a name. remora: the path of this repository's root."""

    # Debian's bazel-rules-cc needs a newer Bazel than Debian's, and all that Bazel 4 wants of it are
    # names for its native rules.
    native.local_repository(name = "rules_cc", path = remora + "/tools/bazel/rules_cc")
    native.local_repository(name = "rules_java", path = "/usr/share/bazel/rules/java")
    native.local_repository(name = "rules_proto", path = "/usr/share/bazel/rules/proto")
    native.local_repository(name = "platforms", path = "/usr/share/bazel/platforms")
