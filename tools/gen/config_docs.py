#!/usr/bin/env python3
"""Writes docs/configuration/ from api/: the comments, notes and rules of every field.

  tools/gen/config_docs.py          writes the pages
  tools/gen/config_docs.py --check  says which pages are stale; exit status 1 if any is
"""
import argparse
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tools', 'lint'))

import descriptors  # noqa: E402  (in tools/lint)
from descriptors import many, one  # noqa: E402

API = os.path.join(ROOT, 'api')
PAGES = os.path.join(ROOT, 'docs', 'configuration')
NOTICE = '<!-- Written by tools/gen/config_docs.py from api/: change the comments there. -->'

INDEX = '''# Configuration reference

%s

Remora reads Envoy's v3 configuration, as YAML or JSON. Field names may be written as `snake_case`
or `camelCase`. Durations are seconds with an `s`, such as `0.25s`; bytes are base64.

'''

WITHOUT_EFFECT = '''# Accepted without effect

%s

These fields may be set and change nothing. When one of them holds something else than its type's
default value, the log says so at start.
'''

NOT_SUPPORTED = '''# Not supported

%s

What Envoy's API has and Remora refuses, by name, when it is set. A field that holds its type's
default value (`false`, `0`, `""`, `[]`, `{}`, null) is passed over.
'''

# Page, title, what it covers, and the folders or files of api/ whose messages it shows.
AREAS = (
    ('bootstrap', 'Bootstrap', 'The root of a configuration file and what concerns the process.',
     ('envoy/config/bootstrap', 'envoy/config/metrics', 'envoy/extensions/regex_engines')),
    ('listener', 'Listeners', 'Addresses on which connections are taken.',
     ('envoy/config/listener',)),
    ('http_connection_manager', 'HTTP connection manager',
     'The network filter that speaks HTTP with clients.',
     ('envoy/extensions/filters/network/http_connection_manager',
      'envoy/config/core/v3/protocol.proto')),
    ('tcp_proxy', 'TCP proxy', 'The network filter that passes on bytes.',
     ('envoy/extensions/filters/network/tcp_proxy',)),
    ('routes', 'Routes', 'Which cluster a request goes to.', ('envoy/config/route',)),
    ('clusters', 'Clusters', 'Groups of endpoints, and how they are spoken to.',
     ('envoy/config/cluster', 'envoy/extensions/upstreams')),
    ('endpoints', 'Endpoints', 'The addresses of a cluster.',
     ('envoy/config/endpoint', 'envoy/config/core/v3/health_check.proto')),
    ('filters', 'HTTP filters', 'What happens to a request between listener and cluster.',
     ('envoy/extensions/filters/http', 'envoy/extensions/http/stateful_session',
      'remora/extensions/filters/http', 'envoy/config/common')),
    ('types', 'Types', 'What the other pages share.',
     ('envoy/config/core', 'envoy/type', 'envoy/extensions/transport_sockets', 'xds', 'udpa')),
    ('admin_output', 'Administration output', 'What the administration interface answers as JSON.',
     ('envoy/admin',)),
)

# Types that JSON writes in a way of its own.
WELL_KNOWN = {
    'google.protobuf.Any': 'any message, by `@type`',
    'google.protobuf.BoolValue': 'bool',
    'google.protobuf.Duration': 'duration',
    'google.protobuf.Struct': 'free-form map',
    'google.protobuf.Timestamp': 'time',
    'google.protobuf.UInt32Value': 'uint32',
    'google.protobuf.UInt64Value': 'uint64',
    'google.protobuf.Value': 'any JSON value',
}


def folded(comment):
    """A comment as one line: table cells have no line breaks."""
    return ' '.join(comment.replace('|', '\\|').split())


def duration(value):
    seconds = int(one(value, 'seconds', '0'))
    nanos = int(one(value, 'nanos', '0'))
    if seconds == 0 and nanos and nanos % 1000000 == 0:
        return '%d ms' % (nanos // 1000000)
    text = ('%d.%09d' % (seconds, nanos)).rstrip('0').rstrip('.')
    return text + ' s'


def range_in_words(rules, show=lambda value: value):
    """lt, lte, gt and gte of numbers and durations."""
    words = []
    for key, text in (('gte', 'at least %s'), ('gt', 'more than %s'), ('lte', 'at most %s'),
                      ('lt', 'less than %s')):
        if key in rules:
            words.append(text % show(one(rules, key)))
    if 'const' in rules:
        words.append('only %s' % show(one(rules, 'const')))
    return words


def string_in_words(rules):
    words = []
    if one(rules, 'min_len') == '1':
        words.append('not empty')
    elif 'min_len' in rules:
        words.append('at least %s characters' % one(rules, 'min_len'))
    if 'max_len' in rules:
        words.append('at most %s characters' % one(rules, 'max_len'))
    if 'max_bytes' in rules:
        words.append('at most %s bytes' % one(rules, 'max_bytes'))
    if 'well_known_regex' in rules:
        kind = 'name' if one(rules, 'well_known_regex') == 'HTTP_HEADER_NAME' else 'value'
        words.append('a header %s' % kind if one(rules, 'strict') != 'false'
                     else 'no NUL, CR or LF')
    for key, text in (('pattern', 'matches `%s`'), ('prefix', 'begins with `%s`')):
        if key in rules:
            words.append(text % one(rules, key).replace('|', '\\|'))
    if 'in' in rules:
        words.append('one of ' + ', '.join('`%s`' % v for v in many(rules, 'in')))
    return words


def bytes_in_words(rules):
    words = []
    if int(one(rules, 'min_len', '0')) > 0:
        words.append('at least %s bytes' % one(rules, 'min_len'))
    if 'max_len' in rules:
        words.append('at most %s bytes' % one(rules, 'max_len'))
    return words


def list_in_words(rules):
    words = []
    for key, text in (('min_items', 'at least %s'), ('max_items', 'at most %s')):
        if key in rules:
            words.append((text + ' of them') % one(rules, key))
    if one(rules, 'unique') == 'true':
        words.append('no two alike')
    if 'items' in rules:
        each = rules_in_words(one(rules, 'items'))
        if each:
            words.append('each: ' + ', '.join(each))
    return words


def map_in_words(rules):
    words = []
    for key, what in (('keys', 'key'), ('values', 'value')):
        if key in rules:
            words.append('%s: %s' % (what, ', '.join(rules_in_words(one(rules, key)))))
    return words


def rules_in_words(rules):
    words = []
    for kind, values in rules.items():
        value = values[0]
        if one(value, 'required') == 'true':
            words.append('required')
        if kind == 'string':
            words += string_in_words(value)
        elif kind == 'bytes':
            words += bytes_in_words(value)
        elif kind == 'repeated':
            words += list_in_words(value)
        elif kind == 'map':
            words += map_in_words(value)
        elif kind == 'duration':
            words += range_in_words(value, duration)
        elif kind not in ('message', 'any', 'enum'):
            words += range_in_words(value)
    return words


class Pages:
    """The text of every page by its file name."""

    def __init__(self, files):
        self.files = files
        self.area_of = {}
        self.items = {area[0]: [] for area in AREAS}
        self._sort_into_areas()

    def _sort_into_areas(self):
        for file in self.files.packages:
            fits = [(len(p), area[0]) for area in AREAS for p in area[3] if file.startswith(p)]
            if not fits:
                continue
            area = max(fits)[1]
            for item in list(self.files.messages.values()) + list(self.files.enums.values()):
                if item.file == file and not getattr(item, 'is_map_entry', False):
                    self.area_of[item.full_name] = area
                    self.items[area].append(item)
        for name, _, _, parts in AREAS:
            def place(item):
                part = min(k for k, p in enumerate(parts) if item.file.startswith(p))
                return part, item.file
            self.items[name].sort(key=place)

    def short(self, full_name):
        """Without the package: Listener.DrainType."""
        package = self.files.packages[self._item(full_name).file]
        return full_name[len(package) + 1:]

    def _item(self, full_name):
        return self.files.messages.get(full_name) or self.files.enums[full_name]

    def link(self, full_name, here):
        area = self.area_of[full_name]
        page = '' if area == here else area + '.md'
        return '[%s](%s#%s)' % (self.short(full_name), page, full_name)

    def type_text(self, field, here):
        message = self.files.messages.get(field.type)
        if message is not None and message.is_map_entry:
            value = message.fields['value']
            return 'map of %s to %s' % (message.fields['key'].type, self.type_text(value, here))
        text = WELL_KNOWN.get(field.type)
        if text is None:
            text = self.link(field.type, here) if field.type in self.area_of else field.type
        return 'list of ' + text if field.repeated else text

    def default_text(self, field):
        """The value in force when the field is not set, where that is worth a word."""
        stated = one(field.note, 'default_value')
        if stated:
            return '`%s`' % stated
        if field.repeated or field.oneof:
            return ''
        if field.kind == 'bool':
            return '`false`'
        if field.kind == 'enum':
            return '`%s`' % self.files.enums[field.type].values[0][0]
        if field.kind in ('uint32', 'uint64', 'int32', 'int64', 'double'):
            return '`0`'
        return ''

    def limits_text(self, field):
        words = rules_in_words(field.rules)
        if field.oneof:
            group = [f.name for f in field.parent.fields.values() if f.oneof == field.oneof]
            if len(group) == 1:
                words += ['required'] if field.oneof_required else []
            else:
                words.append('%s of `%s`' % ('exactly one' if field.oneof_required
                                             else 'at most one', field.oneof))
        return ', '.join(words)

    def meaning_text(self, field):
        text = folded(field.comment)
        why = one(field.note, 'why')
        if field.noted('no_effect'):
            text += ' **No effect**: %s.' % why
        if field.noted('only_default'):
            text += ' **Only the default**: %s.' % why
        return text

    def message_section(self, message, here):
        rows = [{
            'field': '`%s`' % field.name,
            'type': self.type_text(field, here),
            'meaning': self.meaning_text(field),
            'unit': one(field.note, 'unit'),
            'default': self.default_text(field),
            'limits': self.limits_text(field),
            'number': str(field.number),
        } for field in message.fields.values()]
        return self._heading(message) + table(
            ('field', 'type', 'meaning', 'unit', 'default', 'limits', 'number'), rows)

    def enum_section(self, enum):
        rows = [{
            'value': '`%s`' % name,
            'meaning': folded(comment) + (' **Not supported.**' if unsupported else ''),
            'number': str(number),
        } for name, number, unsupported, comment in enum.values]
        return self._heading(enum) + table(('value', 'meaning', 'number'), rows)

    def _heading(self, item):
        return '\n<a id="%s"></a>\n\n## %s\n\n`%s`\n\n%s\n' % (
            item.full_name, self.short(item.full_name), item.full_name,
            ' '.join(item.comment.split()))

    def area(self, name, title, about):
        text = '# %s\n\n%s\n\n%s\n' % (title, NOTICE, about)
        for item in self.items[name]:
            if isinstance(item, descriptors.Enum):
                text += self.enum_section(item)
            else:
                text += self.message_section(item, name)
        return text

    def _configuration_messages(self):
        for name, _, _, _ in AREAS:
            if name != 'admin_output':
                for item in self.items[name]:
                    yield item

    def without_effect(self):
        rows = []
        for item in self._configuration_messages():
            for field in getattr(item, 'fields', {}).values():
                if field.noted('no_effect'):
                    rows.append({'message': self.link(item.full_name, ''),
                                 'field': '`%s`' % field.name,
                                 'why it has no effect': one(field.note, 'why')})
        return WITHOUT_EFFECT % NOTICE + table(('message', 'field', 'why it has no effect'), rows)

    def not_supported(self):
        text = NOT_SUPPORTED % NOTICE
        rows = []
        for item in self._configuration_messages():
            names = sorted(getattr(item, 'reserved_names', ()))
            if names:
                rows.append({'message': self.link(item.full_name, ''),
                             'fields': ', '.join('`%s`' % n for n in names)})
        text += '\n## Fields\n' + table(('message', 'fields'), rows)
        rows = []
        for item in self._configuration_messages():
            for field in getattr(item, 'fields', {}).values():
                if field.noted('only_default'):
                    rows.append({'message': self.link(item.full_name, ''),
                                 'field': '`%s`' % field.name, 'why': one(field.note, 'why')})
        text += '\n## Fields of which only the default is accepted\n'
        text += table(('message', 'field', 'why'), rows)
        rows = []
        for item in self._configuration_messages():
            names = [v[0] for v in getattr(item, 'values', ()) if v[2]]
            if names:
                rows.append({'enum': self.link(item.full_name, ''),
                             'values': ', '.join('`%s`' % n for n in names)})
        return text + '\n## Values of enums\n' + table(('enum', 'values'), rows)

    def index(self):
        text = INDEX % NOTICE
        for name, title, about, _ in AREAS:
            text += '- [%s](%s.md): %s\n' % (title, name, about[0].lower() + about[1:])
        text += '- [Accepted without effect](accepted_without_effect.md)\n'
        return text + '- [Not supported](not_supported.md)\n'

    def all(self):
        pages = {name + '.md': self.area(name, title, about) for name, title, about, _ in AREAS}
        pages['accepted_without_effect.md'] = self.without_effect()
        pages['not_supported.md'] = self.not_supported()
        pages['README.md'] = self.index()
        return pages


def table(columns, rows):
    """A markdown table of the columns that hold anything."""
    columns = [c for c in columns if any(row[c] for row in rows)]
    if not columns:
        return ''
    lines = ['', '| %s |' % ' | '.join(columns), '|%s|' % '|'.join('---' for _ in columns)]
    lines += ['| %s |' % ' | '.join(row[c] for c in columns) for row in rows]
    return '\n'.join(lines) + '\n'


def stale(pages):
    """Names of pages that differ from the text, are missing, or should not be there."""
    names = []
    for name in sorted(set(pages) | set(os.path.basename(p) for p in
                                        glob.glob(os.path.join(PAGES, '*.md')))):
        path = os.path.join(PAGES, name)
        old = open(path).read() if os.path.isfile(path) else None
        if old != pages.get(name):
            names.append(name)
    return names


def main():
    parser = argparse.ArgumentParser(description='Writes docs/configuration/ from api/.')
    parser.add_argument('--check', action='store_true', help='only say which pages are stale')
    arguments = parser.parse_args()
    names = sorted(os.path.relpath(p, API)
                   for root in ('envoy', 'remora/extensions', 'xds', 'udpa')
                   for p in glob.glob(os.path.join(API, root, '**', '*.proto'), recursive=True))
    try:
        pages = Pages(descriptors.load([API], names, API, source_info=True)).all()
    except RuntimeError as error:
        print('config_docs: %s' % error)
        return 1
    changed = stale(pages)
    if arguments.check:
        for name in changed:
            print('docs/configuration/%s is stale: run tools/gen/config_docs.py' % name)
        print('config_docs: %d pages, %d stale' % (len(pages), len(changed)))
        return 1 if changed else 0
    os.makedirs(PAGES, exist_ok=True)
    for name in changed:
        path = os.path.join(PAGES, name)
        if name not in pages:
            os.remove(path)
            continue
        with open(path, 'w') as page:
            page.write(pages[name])
    print('config_docs: %d pages, %d written' % (len(pages), len(changed)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
