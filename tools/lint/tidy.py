#!/usr/bin/env python3
"""tidy.py [--jobs N] [--limit SECONDS] [FILE...]: clang-tidy-19 with the checks of .clang-tidy over
the .cc files of source/.

A file whose text, whose project headers and whose checks did not change since it was last found
clean is not looked at again: the cache ($REMORA_CACHE/tidy) is keyed by their content, so it serves
every clone. Past the limit (default 1500 s) nothing new is begun, and that is a finding.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import tree

sys.path.insert(0, tree.absolute('tools/dev'))
import compile_commands  # noqa: E402  (the folder is added above)

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
_CACHE = os.path.join(os.environ.get('REMORA_CACHE') or os.path.expanduser('~/.cache/remora'), 'tidy')


class Texts:
    """The files of the tree with what they include, each read once."""

    def __init__(self):
        self._includes = {}
        self._digests = {}

    def _load(self, path):
        with open(tree.absolute(path), 'rb') as f:
            content = f.read()
        self._digests[path] = hashlib.sha256(content).hexdigest()
        self._includes[path] = _INCLUDE.findall(content.decode(errors='replace'))

    def digest(self, path, salt):
        """Of the file, of every project header it reaches (generated ones too), and of the salt."""
        reached, waiting = set(), [path]
        while waiting:
            one = waiting.pop()
            if one in reached:
                continue
            reached.add(one)
            if one not in self._digests:
                self._load(one)
            for name in self._includes[one]:
                for found in (name, os.path.join('bazel-out/k8-fastbuild/bin/api', name)):
                    if os.path.isfile(tree.absolute(found)):
                        waiting.append(found)
        text = salt + ''.join(one + self._digests[one] for one in sorted(reached))
        return hashlib.sha256(text.encode()).hexdigest()


def look_at(path, database, stamp):
    """What clang-tidy says of one file; nothing when it is clean."""
    done = subprocess.run(['clang-tidy-19', '--quiet', '-p', database, path], cwd=tree.ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = done.stdout.replace(tree.ROOT + '/', '').strip()
    if done.returncode == 0 and not said:
        with open(stamp, 'w'):
            pass
        return ''
    return said or done.stderr.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 2)
    parser.add_argument('--limit', type=float, default=1500)
    parser.add_argument('files', nargs='*')
    options = parser.parse_args()
    os.makedirs(_CACHE, exist_ok=True)
    begun = time.monotonic()

    version = subprocess.run(['clang-tidy-19', '--version'], check=True, stdout=subprocess.PIPE,
                             text=True).stdout
    texts = Texts()
    findings = []
    late = []
    with tempfile.TemporaryDirectory() as database:
        commands = compile_commands.write(os.path.join(database, 'compile_commands.json'))
        by_file = {c['file']: json.dumps(c['arguments']) for c in commands}
        paths = options.files or [p for p in tree.files('source', suffixes=('.cc',))]
        findings.extend('%s: in no library of //source/...' % p for p in paths if p not in by_file)
        salt = version + tree.read('.clang-tidy')
        waiting = []
        for path in paths:
            if path in by_file:
                stamp = os.path.join(_CACHE, texts.digest(path, salt + by_file[path]))
                if not os.path.exists(stamp):
                    waiting.append((path, stamp))

        def one(work):
            if time.monotonic() - begun > options.limit:
                late.append(work[0])
                return ''
            return look_at(work[0], database, work[1])

        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for number, said in enumerate(pool.map(one, waiting), 1):
                if said:
                    findings.append(said)
                if number % 20 == 0:
                    print('tidy: %d of %d' % (number, len(waiting)), flush=True)
    findings.extend('%s: not looked at in %d s' % (p, options.limit) for p in late)
    # One header's fault is found in every file that includes it: each line once.
    lines = list(dict.fromkeys('\n'.join(findings).split('\n'))) if findings else []
    for line in lines:
        print(line)
    print('tidy: %d files looked at, %d known to be clean, %s' % (
        len(waiting), len(paths) - len(waiting),
        '%d with findings' % len(findings) if findings else 'no findings'))
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main())
