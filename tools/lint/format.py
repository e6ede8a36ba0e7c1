#!/usr/bin/env python3
"""format.py [--fix]: every C++ file is as clang-format-19 writes it (.clang-format)."""
import subprocess
import sys

import tree


def main():
    paths = tree.cpp_files('source', 'test', 'tools', 'examples')
    if not paths:
        return tree.finish('format', [], '0 files')
    if '--fix' in sys.argv[1:]:
        return subprocess.run(['clang-format-19', '-i', *paths], cwd=tree.ROOT).returncode
    done = subprocess.run(['clang-format-19', '--dry-run', '-Werror', *paths], cwd=tree.ROOT,
                          stderr=subprocess.PIPE, text=True)
    lines = [l for l in done.stderr.split('\n') if '-Wclang-format-violations' in l]
    wrong = sorted({l.split(':')[0] for l in lines})
    findings = ['%s: not formatted; tools/dev/format does it' % p for p in wrong]
    if done.returncode != 0 and not findings:
        findings = [done.stderr.strip()]
    return tree.finish('format', findings, '%d files' % len(paths))


if __name__ == '__main__':
    sys.exit(main())
