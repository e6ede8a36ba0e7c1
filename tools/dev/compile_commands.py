#!/usr/bin/env python3
"""compile_commands.py [-o FILE] [TARGETS]: the compilation database of the default build.

Asks Bazel how it compiles the targets (default //source/...) and writes compile_commands.json at the
root, for clang-tidy, clangd and editors. Generated headers must have been built once.
"""
import argparse
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# What g++ takes and clang's tools do not know.
_GCC_ONLY = {'-fno-canonical-system-headers', '-Wno-free-nonheap-object', '-Wunused-but-set-parameter'}


def bazel(*arguments):
    done = subprocess.run(['bazel', *arguments], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit('bazel %s failed:\n%s' % (arguments[0], done.stderr))
    return done.stdout


def clang_arguments(arguments, output_base):
    """g++'s arguments without output, dependency files and what clang does not know."""
    kept = []
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ('-o', '-MF'):
            skip = True
        elif argument in _GCC_ONLY or argument == '-MD' or argument.startswith('-frandom-seed='):
            continue
        elif argument.startswith('external/'):
            kept.append(os.path.join(output_base, argument))
        else:
            kept.append(argument)
    return kept


def entries(targets):
    output_base = bazel('info', 'output_base').strip()
    actions = json.loads(bazel(
        'aquery', '--output=jsonproto', '--include_artifacts=false',
        'mnemonic("CppCompile", %s)' % targets)).get('actions', [])
    seen = set()
    for action in actions:
        arguments = action['arguments']
        source = arguments[arguments.index('-c') + 1]
        # Each file once (it is compiled twice where a position-independent object is wanted too),
        # and none that is generated.
        if source in seen or source.startswith(('bazel-out/', 'external/')):
            continue
        seen.add(source)
        yield {
            'directory': ROOT,
            'file': source,
            'arguments': clang_arguments(arguments, output_base),
        }


def write(path, targets='//source/...'):
    commands = list(entries(targets))
    with open(path, 'w') as f:
        json.dump(commands, f, indent=1)
    return commands


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-o', '--output', default=os.path.join(ROOT, 'compile_commands.json'))
    parser.add_argument('targets', nargs='?', default='//source/...')
    arguments = parser.parse_args()
    commands = write(arguments.output, arguments.targets)
    print('%s: %d files' % (os.path.relpath(arguments.output), len(commands)))


if __name__ == '__main__':
    main()
