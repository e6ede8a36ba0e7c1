#!/usr/bin/env python3
"""doc_anchors.py: docs point at `path#Symbol` and at files; each of them exists.

    `source/net/connection.cc#Connection::Write`   the file is there and has the word Write
    [life of a request](life_of_a_request.md)      the file is there
    <!-- from examples/custom_filter/main.cc -->   the fenced lines below stand in the file like that
"""
import os
import re
import sys

import tree

_ANCHOR = re.compile(r'`((?:source|api|test|tools|examples|docs)/[\w./-]+)#([A-Za-z_~][\w:~]*)`')
_LINK = re.compile(r'\]\(([^)\s#]+)(?:#[^)\s]*)?\)')
_QUOTE = re.compile(r'^<!-- from (\S+) -->$')
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


def _plain(text):
    """Without indentation, so that a quoted member may stand at the left."""
    return '\n'.join(line.strip() for line in text.strip().split('\n'))


def check_quotes(path, text):
    """Code that a page shows as that of a file."""
    lines = text.split('\n')
    for number, line in enumerate(lines, 1):
        quote = _QUOTE.match(line)
        if not quote:
            continue
        if not os.path.isfile(tree.absolute(quote.group(1))):
            yield '%s:%d: no file %s' % (path, number, quote.group(1))
            continue
        fenced = '\n'.join(lines[number:]).split('```')
        shown = fenced[1].split('\n', 1)[1] if len(fenced) > 1 and not fenced[0].strip() else ''
        if not shown.strip() or _plain(shown) not in _plain(tree.read(quote.group(1))):
            yield '%s:%d: %s has no such lines' % (path, number, quote.group(1))


def main():
    findings = []
    paths = tree.files(suffixes=('.md',))
    anchors = 0
    for path in paths:
        fenced = False
        findings.extend(check_quotes(path, tree.read(path)))
        for number, line in enumerate(tree.read(path).split('\n'), 1):
            if _FENCE.match(line.strip()):
                fenced = not fenced
            if not fenced:
                anchors += len(_ANCHOR.findall(line))
                findings.extend(check_line(path, number, line))
    return tree.finish('doc_anchors', findings, '%d anchors in %d pages' % (anchors, len(paths)))


if __name__ == '__main__':
    sys.exit(main())
