#!/usr/bin/env python3
"""new_filter.py: what tools/gen/new_filter writes is whole, and as the other lints want it.

Into a folder of its own and into a copy of what it changes in the tree; nothing is built: the
template is built and tested where it stands (tools/gen/skeleton).
"""
import os
import shutil
import subprocess
import sys
import tempfile

import tree

# What the generator reads and changes of the tree.
_COPIED = ('.clang-format', 'tools/gen/new_filter', 'tools/gen/skeleton',
           'source/extensions/BUILD.bazel', 'source/extensions/registry.cc')
_NAME = 'key_and_token_auth'


def _copy_tree(root):
    for path in _COPIED:
        target = os.path.join(root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        copy = shutil.copytree if os.path.isdir(tree.absolute(path)) else shutil.copy
        copy(tree.absolute(path), target)


def _generate(root, *arguments):
    done = subprocess.run([sys.executable, os.path.join(root, 'tools/gen/new_filter'), _NAME,
                           *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        yield 'new_filter %s: %s' % (' '.join(arguments), done.stderr.strip())


def _check(folder, own):
    """What was written below `folder`."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            with open(path, encoding='utf-8') as file:
                text = file.read()
            if 'skeleton' in text.lower() or 'skeleton' in name:
                yield '%s: still says skeleton' % path
            if own and name == 'BUILD.bazel' and '"//' in text.replace('"//visibility:', ''):
                yield '%s: a label of the other repository without its name' % path
            if name.endswith(('.h', '.cc')) and any(
                    len(line) > 100 for line in text.splitlines()):
                yield '%s: a line of over 100 columns' % path


def main():
    findings = []
    with tempfile.TemporaryDirectory(prefix='remora-new-filter-') as folder:
        root, own = os.path.join(folder, 'tree'), os.path.join(folder, 'own')
        _copy_tree(root)
        findings += _generate(root)
        findings += _generate(root, '--in', own)
        shutil.rmtree(os.path.join(root, 'tools'))
        findings += _check(root, False)
        findings += _check(own, True)
        with open(os.path.join(root, 'source/extensions/registry.cc'), encoding='utf-8') as text:
            if text.read().count('AddKeyAndTokenAuth(registry);') != 1:
                findings.append('new_filter: the registry does not have the filter')
    return tree.finish('new_filter', findings, 'a filter in the tree, and one outside')


if __name__ == '__main__':
    sys.exit(main())
