#!/usr/bin/env python3
"""shape.py: prints what is bigger than the aims, for people to judge; never fails.

| what                               | aim           | look again |
| .cc / .h file, lines               | 400 / 200     | 600 / 300  |
| function, lines                    | 60            | 100        |
| class, public functions            | 25            | 30         |
| class, data members                | 20            | 25         |
| class, booleans                    | 2             | 3          |
| function, parameters               | 4             | 6          |
| folder, files                      | 20            | 30         |
| headers reached from an extension  | 25            | 40         |

With --all also what is between aim and look again.
"""
import collections
import os
import re
import sys

import tree

# name: (aim, look again)
LIMITS = {
    '.cc lines': (400, 600), '.h lines': (200, 300), 'function lines': (60, 100),
    'public functions': (25, 30), 'data members': (20, 25), 'booleans': (2, 3),
    'parameters': (4, 6), 'files in a folder': (20, 30), 'headers reached': (25, 40),
}

_NOT_FUNCTION = re.compile(r'^\s*(namespace|class|struct|enum|union|extern|if|for|while|switch|else|'
                           r'do|return|case|default|public|private|protected|using|template)\b|^\s*(//|#|\})')
_CLASS = re.compile(r'^( *)(?:class|struct) (?:\[\[\w+\]\] )?(\w+)[^;]*\{$')
_MEMBER = re.compile(r'^ +(?:mutable |static )*[\w:<>,*&\[\] ()]+? (\w+_|\w+)(\[\w*\])?( = [^()]*|\{.*\})?;$')
_BOOLEAN = re.compile(r'^ +(?:mutable )?bool \w+')
_INCLUDE = re.compile(r'^#include "(source/[^"]+)"', re.M)


def functions(lines):
    """(first line number, name, lines, parameters) of each body; the code is clang-formatted."""
    start = 0
    while start < len(lines):
        line = lines[start]
        indent = len(line) - len(line.lstrip())
        begins = '(' in line and not _NOT_FUNCTION.match(line) and indent <= 4 and line.strip()
        if not begins:
            start += 1
            continue
        # The head of a definition ends in "{"; that of a declaration in ";".
        end = start
        while end < len(lines) and end - start < 12 and not lines[end].rstrip().endswith(('{', ';', '}')):
            end += 1
        if end >= len(lines) or not lines[end].rstrip().endswith('{'):
            start += 1
            continue
        head = ' '.join(l.strip() for l in lines[start:end + 1])
        close = end + 1
        while close < len(lines) and lines[close].rstrip() not in (' ' * indent + '}', ' ' * indent + '};'):
            close += 1
        name = re.search(r'([\w:~]+)\s*\(', head)
        yield start + 1, name.group(1) if name else '?', close - start + 1, parameters(head)
        start = close + 1 if close < len(lines) else start + 1


def parameters(head):
    inner = head[head.index('(') + 1:]
    depth, count, seen = 0, 0, False
    for c in inner:
        if c == ')' and depth == 0:
            break
        depth += (c in '(<{[') - (c in ')>}]')
        seen = seen or not c.isspace()
        count += c == ',' and depth == 0
    return count + 1 if seen else 0


def classes(lines):
    """(line number, name, public functions, data members, booleans) of each class."""
    for number, line in enumerate(lines):
        match = _CLASS.match(line)
        if not match:
            continue
        indent = match.group(1)
        public = line.strip().startswith('struct')
        methods = members = booleans = 0
        for inner in lines[number + 1:]:
            if inner.startswith(indent + '}'):
                break
            if inner.strip() in ('public:', 'private:', 'protected:'):
                public = inner.strip() == 'public:'
            elif inner.startswith(indent + '  ') and not inner.startswith(indent + '   '):
                if '(' in inner and not inner.strip().startswith(('//', 'using')):
                    methods += public
                elif _MEMBER.match(inner):
                    members += 1
                    booleans += bool(_BOOLEAN.match(inner))
        yield number + 1, match.group(2), methods, members, booleans


def reached(path, cache):
    seen, waiting = set(), [path]
    while waiting:
        one = waiting.pop()
        if one not in cache:
            exists = os.path.isfile(tree.absolute(one))
            cache[one] = _INCLUDE.findall(tree.read(one)) if exists else []
        for name in cache[one]:
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return len(seen - {path})


def measure():
    """(what, value, where) of everything that has a limit."""
    paths = tree.cpp_files('source')
    cache = {}
    for path in paths:
        lines = tree.read(path).split('\n')
        yield ('.h lines' if path.endswith('.h') else '.cc lines'), len(lines) - 1, path
        for number, name, length, count in functions(lines):
            where = '%s:%d %s' % (path, number, name)
            yield 'function lines', length, where
            yield 'parameters', count, where
        for number, name, methods, members, booleans in classes(lines):
            where = '%s:%d %s' % (path, number, name)
            yield 'public functions', methods, where
            yield 'data members', members, where
            yield 'booleans', booleans, where
        if path.startswith('source/extensions/'):
            yield 'headers reached', reached(path, cache), path
    for folder, count in collections.Counter(os.path.dirname(p) for p in paths).items():
        yield 'files in a folder', count, folder


def main():
    aim_too = '--all' in sys.argv[1:]
    over_aim = collections.Counter()
    again = []
    for what, value, where in measure():
        aim, limit = LIMITS[what]
        if value > aim:
            over_aim[what] += 1
        if value > (aim if aim_too else limit):
            again.append((what, value, where))
    for what, value, where in sorted(again, key=lambda a: (a[0], -a[1])):
        print('%s: %s is %d (aim %d, look again %d)' % (where, what, value, *LIMITS[what]))
    over = ', '.join('%s %d' % (w, n) for w, n in sorted(over_aim.items())) or 'nothing'
    print('shape: to look at again: %d; over the aim: %s' % (len(again), over))
    return 0


if __name__ == '__main__':
    sys.exit(main())
