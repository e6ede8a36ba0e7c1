#!/usr/bin/env python3
"""doc_anchors.py: docs point at `path#Symbol` and at files; each of them exists.

    `source/net/connection.cc#Connection::Write`   the file is there and has the word Write
    [life of a request](life_of_a_request.md)      the file is there
"""
import os
import re
import sys

import tree

_ANCHOR = re.compile(r'`((?:source|api|test|tools|examples|docs)/[\w./-]+)#([A-Za-z_~][\w:~]*)`')
_LINK = re.compile(r'\]\(([^)\s#]+)(?:#[^)\s]*)?\)')
_FENCE = re.compile(r'^(```|~~~)')


def check_line(path, number, line):
    for target, symbol in _ANCHOR.findall(line):
        if not os.path.isfile(tree.absolute(target)):
            yield '%s:%d: no file %s' % (path, number, target)
            continue
        word = symbol.split('::')[-1]
        if not re.search(r'\b%s\b' % re.escape(word.lstrip('~')), tree.read(target)):
            yield '%s:%d: no %s in %s' % (path, number, word, target)
    for target in _LINK.findall(line):
        if '://' in target or target.startswith('mailto:'):
            continue
        folder = '' if target.startswith('/') else os.path.dirname(path)
        if not os.path.exists(tree.absolute(os.path.join(folder, target.lstrip('/')))):
            yield '%s:%d: no file %s' % (path, number, target)


def main():
    findings = []
    paths = tree.files(suffixes=('.md',))
    anchors = 0
    for path in paths:
        fenced = False
        for number, line in enumerate(tree.read(path).split('\n'), 1):
            if _FENCE.match(line.strip()):
                fenced = not fenced
            if not fenced:
                anchors += len(_ANCHOR.findall(line))
                findings.extend(check_line(path, number, line))
    return tree.finish('doc_anchors', findings, '%d anchors in %d pages' % (anchors, len(paths)))


if __name__ == '__main__':
    sys.exit(main())
