#!/usr/bin/env python3
"""corpus_check.py [--write] CORPUS_FOLDER BINARY

Runs the corpus' own run.py, prints its load rate per bucket, and compares every difference from the
reference's verdict with tools/dev/corpus_known.txt:

    configs/name.yaml | words that our refusal must contain

A file that is not listed must load or be refused as the reference does; a listed one must be refused
by naming what is listed (so a refusal for the wrong reason is found), and one that agrees by now must
leave the list. A crash or a time-out is always wrong. --write makes the list anew, to be read before
it is committed.
"""
import argparse
import os
import re
import subprocess
import sys

_KNOWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus_known.txt')
_HEAD = '''# Configurations of the corpus on which we differ from the reference, and why:
#   file | words that our refusal must contain
# Checked by tools/dev/corpus_check.py; --write makes it anew.
'''
_NAMED = re.compile(r'(type\.googleapis\.com/[\w.]+|\b[\w.]+(?:\[\d+\])?(?:\.[\w.\[\]]+)?: [^/]+)')


def differences(corpus, binary):
    """({file: (expected, got, what was said)}, run.py's table)"""
    done = subprocess.run([sys.executable, os.path.join(corpus, 'run.py'), binary],
                          stdout=subprocess.PIPE, text=True)
    found, table, name = {}, [], None
    for line in done.stdout.split('\n'):
        match = re.match(r'  expected (\w+)(.*), got (\w+): ?(.*)$', line)
        if match and name:
            found[name] = (match.group(1), match.group(3), match.group(4))
            name = None
        elif re.match(r'\S+\.\w+$', line):
            name = line
        elif re.match(r'(\w+ +p\d: |\d+ passed, )', line):
            table.append(line)
    if not table:
        sys.exit('corpus: run.py said no result:\n' + done.stdout[-2000:])
    return found, table


def known():
    listed = {}
    if os.path.exists(_KNOWN):
        with open(_KNOWN) as f:
            for line in f:
                if line.strip() and not line.startswith('#'):
                    name, words = line.rstrip('\n').split(' | ', 1)
                    listed[name] = words
    return listed


def write(found):
    with open(_KNOWN, 'w') as f:
        f.write(_HEAD)
        for name, (_, _, said) in sorted(found.items()):
            match = _NAMED.search(said)
            f.write('%s | %s\n' % (name, (match.group(1) if match else said)[:100].strip()))
    print('corpus: wrote %d lines to %s' % (len(found), _KNOWN))


def judge(found, listed):
    for name, (expected, got, said) in sorted(found.items()):
        if got not in ('ok', 'reject'):
            yield '%s: %s: %s' % (name, got, said)
        elif name not in listed:
            yield '%s: expected %s, got %s: %s' % (name, expected, got, said)
        elif listed[name] not in said:
            yield '%s: refused, but not for "%s": %s' % (name, listed[name], said)
    for name in sorted(set(listed) - set(found)):
        yield '%s: agrees with the reference by now; remove it from tools/dev/corpus_known.txt' % name


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--write', action='store_true')
    parser.add_argument('corpus')
    parser.add_argument('binary')
    options = parser.parse_args()
    found, table = differences(options.corpus, os.path.abspath(options.binary))
    if options.write:
        write(found)
        return 0
    findings = list(judge(found, known()))
    for finding in findings:
        print(finding)
    print('\n'.join(table[:-1]))  # the last line counts what the list below it judges
    print('corpus: %d differences from the reference, %d not as listed' % (
        len(found), len(findings)))
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main())
