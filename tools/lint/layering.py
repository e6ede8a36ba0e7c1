#!/usr/bin/env python3
"""layering.py: the strict order of the folders of source/.

A folder may include itself and folders of a smaller number; folders of one number never include
each other. Two extensions never include each other; only files directly in source/extensions (the
registry) see them all. source/ never includes test/.
"""
import re
import sys

import tree

# The order of docs/architecture.md. The longest entry that fits a path is its folder.
ORDER = {
    'base': 0, 'sdk': 0, 'lua': 0,
    'buffer': 1, 'event': 1, 'runtime': 1, 'stats': 1,
    'net': 2, 'http': 2, 'compression': 2,
    'tls': 3, 'http/http1': 3, 'http/http2': 3,
    'http/formatter': 3,
    'http/route': 4, 'access_log': 4, 'upstream': 4,
    'http/filter': 5, 'grpc': 5, 'tcp': 5, 'rbac': 5,
    'http/connection_manager': 6, 'http/router': 6, 'google_grpc': 6,
    'config': 7,
    'explain': 8, 'extensions': 8, 'xds': 8,
    'admin': 9, 'filter_test': 9,
    'server': 10, 'intercept': 10,
    'main': 11,
}

_INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]((?:source|test)/[^>"]+)[>"]')


def folder_of(path):
    """'source/http/route/matcher.h' -> 'http/route'; None for what is in no folder of the table."""
    parts = path.split('/')[1:-1]
    while parts:
        if '/'.join(parts) in ORDER:
            return '/'.join(parts)
        parts.pop()
    return None


def extension_of(path):
    """The one folder of an extension, or None for the registry's own files.

    Extensions are grouped by kind: source/extensions/http/buffer/buffer_filter.h is 'http/buffer'.
    """
    parts = path.split('/')[2:-1]
    return '/'.join(parts) or None


def fault(path, included):
    """Why this file may not include that one, or None."""
    if included.startswith('test/'):
        return 'source/ never includes test/'
    here, there = folder_of(path), folder_of(included)
    if here is None:
        return '%s is in no folder of the table in tools/lint/layering.py' % path
    if there is None:
        return '%s is in no folder of the table in tools/lint/layering.py' % included
    if here == there:
        if here == 'extensions':
            mine, other = extension_of(path), extension_of(included)
            if mine is not None and mine != other:
                return 'an extension never includes another one or the registry'
        return None
    if ORDER[here] > ORDER[there]:
        return None
    return '%s (%d) may not include %s (%d)' % (here, ORDER[here], there, ORDER[there])


def main():
    findings = []
    paths = tree.cpp_files('source')
    for path in paths:
        for number, line in enumerate(tree.read(path).split('\n'), 1):
            match = _INCLUDE.match(line)
            if not match:
                continue
            why = fault(path, match.group(1))
            if why:
                findings.append('%s:%d: #include "%s": %s' % (path, number, match.group(1), why))
    return tree.finish('layering', findings, '%d files in order' % len(paths))


if __name__ == '__main__':
    sys.exit(main())
