"""The four kinds of target in this repository: one library per folder of source/, one test per
folder of test/, binaries, and generated code of protos.

    remora_library(name = "stats", srcs = glob(["*.cc"]), hdrs = glob(["*.h"]), deps = [...])
    remora_test(name = "stats_test", srcs = glob(["*_test.cc"]), deps = ["//source/stats:stats"])
"""

_WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wnon-virtual-dtor",
    "-Woverloaded-virtual",
]

# What concerns the language (C++20, x86-64-v2) is said once for every target, in .bazelrc.
_PRODUCT = _WARNINGS + ["-fno-exceptions"]
_THROWING = _WARNINGS + ["-fexceptions"]

def remora_library(
        name,
        srcs = [],
        hdrs = [],
        deps = [],
        exception_srcs = [],
        copts = [],
        visibility = ["//visibility:public"],
        **kwargs):
    """The library of one folder, compiled without exceptions.

    exception_srcs: files that call a library which throws (yaml-cpp). They are compiled with
    exceptions, catch everything and give back a Status.
    """
    if not exception_srcs:
        native.cc_library(
            name = name,
            srcs = srcs,
            hdrs = hdrs,
            copts = _PRODUCT + copts,
            linkstatic = True,
            visibility = visibility,
            deps = deps,
            **kwargs
        )
        return
    exceptions = {s: True for s in exception_srcs}
    native.cc_library(
        name = name + "_headers",
        hdrs = hdrs,
        visibility = ["//visibility:private"],
        deps = deps,
        **kwargs
    )
    native.cc_library(
        name = name + "_throwing",
        srcs = exception_srcs,
        copts = _THROWING + copts,
        linkstatic = True,
        visibility = ["//visibility:private"],
        deps = [":" + name + "_headers"],
        **kwargs
    )
    native.cc_library(
        name = name,
        srcs = [s for s in srcs if s not in exceptions],
        copts = _PRODUCT + copts,
        linkstatic = True,
        visibility = visibility,
        deps = [":" + name + "_headers", ":" + name + "_throwing"],
        **kwargs
    )

def remora_test_library(name, srcs = [], hdrs = [], deps = [], copts = [], **kwargs):
    """Fakes and harnesses: code of test/ that several tests share, with exceptions."""
    native.cc_library(
        name = name,
        testonly = True,
        srcs = srcs,
        hdrs = hdrs,
        copts = _THROWING + copts,
        linkstatic = True,
        visibility = ["//visibility:public"],
        deps = deps,
        **kwargs
    )

def remora_test(name, srcs, deps = [], data = [], copts = [], size = "small", **kwargs):
    """The Catch2 cases of one folder in one binary; main() comes from //test:main."""
    native.cc_test(
        name = name,
        size = size,
        srcs = srcs,
        args = ["--use-colour no"],
        copts = _THROWING + copts,
        data = data,
        linkstatic = True,
        deps = [str(Label("//test:main"))] + deps,
        **kwargs
    )

def remora_binary(name, srcs, deps = [], copts = [], exceptions = False, **kwargs):
    native.cc_binary(
        name = name,
        srcs = srcs,
        copts = (_THROWING if exceptions else _PRODUCT) + copts,
        deps = deps,
        **kwargs
    )

def remora_proto_library(
        name,
        srcs,
        imports = [],
        deps = [],
        keyword_fields = {},
        visibility = ["//visibility:public"],
        **kwargs):
    """C++ of all the .proto files below this package, and their descriptors in <name>.descriptors.

    Imports are written from this package (api/): import "envoy/config/core/v3/address.proto". Those
    of another library are `imports`, and it is among the `deps`.
    keyword_fields: by proto, the field whose name is a word of C++20 that this protoc does not know
    as one. Its accessors get the "_" at the end that a newer protoc gives them.
    """
    stems = [s[:-len(".proto")] for s in srcs]
    package = native.package_name()
    if native.repository_name() != "@":
        package = "external/%s/%s" % (native.repository_name()[1:], package)
    native.genrule(
        name = name + "_generated",
        srcs = srcs + imports,
        outs = [s + ".pb.h" for s in stems] + [s + ".pb.cc" for s in stems] +
               [name + ".descriptors"],
        cmd = " ".join([
            "/usr/bin/protoc",
            "-I%s" % package,
            "-I/usr/include",
            "--cpp_out=$(RULEDIR)",
            "--descriptor_set_out=$(RULEDIR)/%s.descriptors" % name,
            "--include_source_info",
            "--include_imports",
            " ".join(["$(location %s)" % s for s in srcs]) if imports else "$(SRCS)",
        ] + [
            "&& sed -i 's/\\b%s\\b/%s_/g' $(RULEDIR)/%s.pb.h $(RULEDIR)/%s.pb.cc" %
            (field, field, proto[:-len(".proto")], proto[:-len(".proto")])
            for proto, field in keyword_fields.items()
        ]),
        message = "Generating C++ of the protos in",
        visibility = ["//visibility:private"],
    )
    native.cc_library(
        name = name,
        srcs = [s + ".pb.cc" for s in stems],
        hdrs = [s + ".pb.h" for s in stems],
        # Generated code: its warnings are not ours (-isystem for those who include it).
        copts = ["-w"],
        includes = ["."],
        linkstatic = True,
        visibility = visibility,
        deps = ["@protobuf//:protobuf"] + deps,
        **kwargs
    )

def remora_extension_proto(name, srcs, deps = [], visibility = ["//visibility:public"]):
    """C++ of .proto files that stand beside the code that reads them, outside api/.

    Imports of those of api/ are written from there, C++ includes from the repository's root:
    #include "my_filters/key_auth.pb.h".
    """
    package = native.package_name()
    prefix = package + "/" if package else ""
    stems = [s[:-len(".proto")] for s in srcs]
    rules = str(Label("//api:validate/validate.proto"))
    native.genrule(
        name = name + "_generated",
        srcs = srcs + [rules, str(Label("//api:remora/annotations/v1/annotations.proto"))],
        outs = [s + ".pb.cc" for s in stems] + [s + ".pb.h" for s in stems],
        cmd = " ".join(
            [
                "/usr/bin/protoc",
                "-I.",
                "-I$$(dirname $$(dirname $(location %s)))" % rules,
                "-I/usr/include",
                "--cpp_out=$(GENDIR)",
            ] + [prefix + s for s in srcs],
        ),
        message = "Generating C++ of the protos in",
        visibility = ["//visibility:private"],
    )
    native.cc_library(
        name = name,
        srcs = [s + ".pb.cc" for s in stems],
        hdrs = [s + ".pb.h" for s in stems],
        copts = ["-w"],
        linkstatic = True,
        visibility = visibility,
        deps = [str(Label("//api")), "@protobuf//:protobuf"] + deps,
    )
