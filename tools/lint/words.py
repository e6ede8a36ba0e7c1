#!/usr/bin/env python3
"""words.py: what must not be written.

- tests never sleep (time is injected), source/ never throws and never blocks;
- no `delete this`, weak_ptr or shared_from_this; shared_ptr only to const, but in base/.
"""
import re
import sys

import tree

_SLEEP = r'\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\('
_RULES = [
    # (paths, pattern, what is wrong)
    (r'^', _SLEEP, 'sleeps; inject the time'),
    (r'^source/', r'\bthrow\b(?!\s*\()', 'throws; return a Status'),
    (r'^source/', r'\bdelete\s+this\b', 'delete this; use Dispatcher::DeferDelete'),
    (r'^source/', r'\b(weak_ptr|shared_from_this)\b', 'shared ownership; use base::Link'),
    (r'^source/(?!base/)', r'\bshared_ptr<(?!\s*const\b)(?!\s*T\b)',
     'shared_ptr to what is not const'),
    (r'^source/', r'\bstd::(cout|cerr)\b', 'prints; use the log'),
]
# The command line speaks to a person on standard output.
_EXCEPT = re.compile(r'^source/main/')


def without_comment(line):
    """The code of a line: prose may name what code may not do."""
    return line.split('//')[0]


def main():
    findings = []
    paths = [p for p in tree.cpp_files('source', 'test') if not _EXCEPT.match(p)]
    rules = [(re.compile(p), re.compile(w), why) for p, w, why in _RULES]
    for path in paths:
        mine = [(word, why) for where, word, why in rules if where.search(path)]
        for number, line in enumerate(tree.read(path).split('\n'), 1):
            code = without_comment(line)
            for word, why in mine:
                if word.search(code):
                    findings.append('%s:%d: %s' % (path, number, why))
    return tree.finish('words', findings, '%d files' % len(paths))


if __name__ == '__main__':
    sys.exit(main())
