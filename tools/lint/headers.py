#!/usr/bin/env python3
"""headers.py: what a folder of source/ shows to the others.

- a header starts with #pragma once and a comment of 5 to 20 lines: what it is, its thread, its
  owner, how it fails;
- no header includes a third-party C header, YAML, or the log library; those stay in .cc files;
- protobuf is seen by config/, xds/ and the .cc files of extensions alone;
- each folder has a README.md of at most 40 lines and a BUILD.bazel.
"""
import os
import re
import sys

import tree

_INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]')
_THIRD_PARTY = re.compile(
    r'^(event2?/|event\.h|llhttp|nghttp2/|openssl/|yaml-cpp/|spdlog/|fmt/|ares|zlib|zstd|brotli/|re2/)')
_PROTOBUF = re.compile(r'(\.pb\.h$|^google/protobuf/)')
_COMMENT_LINES = range(5, 21)
_README_LINES = 40


def opening_comment(lines):
    """Number of lines of the comment that a header opens with, before or after #pragma once."""
    best = count = 0
    for line in lines:
        if line.startswith('//'):
            count += 1
        elif not line.strip() or line.startswith('#pragma once'):
            best, count = max(best, count), 0
        else:
            break
    return max(best, count)


def sees_protobuf(path):
    folder = path.split('/')[1]
    return folder == 'config' or (folder in ('xds', 'extensions') and path.endswith('.cc'))


def check_file(path):
    text = tree.read(path)
    lines = text.split('\n')
    if path.endswith('.h'):
        if '#pragma once' not in lines:
            yield '%s:1: no #pragma once' % path
        count = opening_comment(lines)
        if count not in _COMMENT_LINES:
            yield ('%s:1: the opening comment has %d lines, wanted 5 to 20: what it is, thread, '
                   'owner, failures' % (path, count))
    for number, line in enumerate(lines, 1):
        match = _INCLUDE.match(line)
        if not match:
            continue
        included = match.group(1)
        if path.endswith('.h') and _THIRD_PARTY.match(included):
            yield '%s:%d: a header includes <%s>; only .cc files do' % (path, number, included)
        if _PROTOBUF.search(included) and not sees_protobuf(path):
            yield '%s:%d: protobuf outside config/, xds/*.cc and extensions/**/*.cc' % (path, number)


def check_folder(folder, names):
    readme = os.path.join(folder, 'README.md')
    if 'README.md' not in names:
        yield '%s: missing' % readme
    else:
        count = len(tree.read(readme).rstrip('\n').split('\n'))
        if count > _README_LINES:
            yield '%s: %d lines, at most %d' % (readme, count, _README_LINES)
    if 'BUILD.bazel' not in names:
        yield '%s/BUILD.bazel: missing' % folder


def main():
    findings = []
    paths = tree.cpp_files('source')
    for path in paths:
        findings.extend(check_file(path))
    folders = sorted({os.path.dirname(p) for p in paths})
    for folder in folders:
        findings.extend(check_folder(folder, os.listdir(tree.absolute(folder))))
    return tree.finish('headers', findings, '%d files in %d folders' % (len(paths), len(folders)))


if __name__ == '__main__':
    sys.exit(main())
