"""Descriptors of .proto files, for proto_subset.py and tools/gen/config_docs.py.

protoc compiles the files to a descriptor set and prints that set as text, custom options
included; here the text becomes nested dictionaries. So nothing but protoc and Python is needed.
"""
import os
import re
import subprocess
import tempfile

_STRING = re.compile(r'^"(.*)"$', re.S)
_ESCAPE = re.compile(r'\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)')
_NAMED_ESCAPES = {'n': '\n', 't': '\t', 'r': '\r'}
_SCALAR_PREFIX = 'TYPE_'


class Message:
    """A message: its fields by name, what it reserves, and its comment."""

    def __init__(self, full_name, file, node, comment):
        self.full_name = full_name
        self.file = file
        self.node = node
        self.comment = comment
        self.fields = {}
        self.is_map_entry = one(one(node, 'options', {}), 'map_entry') == 'true'
        self.reserved_names = set(many(node, 'reserved_name'))
        self.reserved_ranges = [(int(one(r, 'start')), int(one(r, 'end')))
                                for r in many(node, 'reserved_range')]
        self.oneofs = [(one(o, 'name'), one(one(o, 'options', {}), '[validate.required]') == 'true')
                       for o in many(node, 'oneof_decl')]

    @property
    def name(self):
        return self.full_name.rpartition('.')[2]

    def reserves(self, number):
        return any(start <= number < end for start, end in self.reserved_ranges)


class Field:
    """A field; `type` is the scalar's name or the full name of its message or enum."""

    def __init__(self, parent, node, comment):
        self.parent = parent
        self.name = one(node, 'name')
        self.full_name = '%s.%s' % (parent.full_name, self.name)
        self.number = int(one(node, 'number'))
        self.json_name = one(node, 'json_name')
        self.repeated = one(node, 'label') == 'LABEL_REPEATED'
        self.kind = one(node, 'type')[len(_SCALAR_PREFIX):].lower()
        self.type = one(node, 'type_name', '.' + self.kind)[1:]
        index = one(node, 'oneof_index')
        self.oneof, self.oneof_required = parent.oneofs[int(index)] if index else ('', False)
        options = one(node, 'options', {})
        self.rules = one(options, '[validate.rules]', {})
        self.note = one(options, '[remora.annotations.v1.field]', {})
        self.comment = comment

    def noted(self, name):
        return one(self.note, name) == 'true'


class Enum:
    """An enum: (name, number, unsupported, comment) of each value."""

    def __init__(self, full_name, file, comment, values):
        self.full_name = full_name
        self.file = file
        self.comment = comment
        self.values = values


class Files:
    """All messages, enums and extensions of a descriptor set, by full name."""

    def __init__(self):
        self.packages = {}
        self.file_comments = {}
        self.messages = {}
        self.enums = {}
        self.extensions = {}


def many(node, key):
    return node.get(key, [])


def one(node, key, default=''):
    values = node.get(key)
    return values[0] if values else default


def _unescape(text):
    def replace(match):
        code = match.group(1)
        if code[0] in '01234567':
            return chr(int(code, 8))
        if code[0] == 'x' and len(code) > 1:
            return chr(int(code[1:], 16))
        return _NAMED_ESCAPES.get(code, code)
    raw = _ESCAPE.sub(replace, text)
    return raw.encode('latin-1', 'replace').decode('utf-8', 'replace')


def parse(lines):
    """protoc's text format, one thing a line: {key: [value or dictionary, ...]}."""
    root = {}
    stack = [root]
    for line in lines:
        line = line.strip()
        if line == '}':
            stack.pop()
        elif line.endswith(' {'):
            child = {}
            stack[-1].setdefault(line[:-2], []).append(child)
            stack.append(child)
        elif line:
            key, _, value = line.partition(': ')
            string = _STRING.match(value)
            stack[-1].setdefault(key, []).append(_unescape(string.group(1)) if string else value)
    return root


def _run(command, **kwargs):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode().strip())
    return done.stdout


def load(import_paths, names, options_path, source_info=False):
    """Compiles the files called `names` and all they import.

    options_path: the folder with the two files that define our custom options.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'set')
        _run(['protoc', '--include_imports', '-o', path] +
             (['--include_source_info'] if source_info else []) +
             ['--proto_path=' + p for p in import_paths] + names)
        with open(path, 'rb') as descriptor_set:
            text = _run(['protoc', '--decode=google.protobuf.FileDescriptorSet',
                         '--proto_path=' + options_path, 'google/protobuf/descriptor.proto',
                         'validate/validate.proto', 'remora/annotations/v1/annotations.proto'],
                        stdin=descriptor_set)
    files = Files()
    for node in many(parse(text.decode().split('\n')), 'file'):
        _add_file(files, node)
    return files


def _comments(node):
    """The comment before each thing of a file, by its path in the descriptor."""
    comments = {}
    for location in many(one(node, 'source_code_info', {}), 'location'):
        comment = one(location, 'leading_comments')
        if comment:
            path = tuple(int(p) for p in many(location, 'path'))
            comments[path] = '\n'.join(line.strip() for line in comment.strip().split('\n'))
    return comments


# Numbers of the lists in FileDescriptorProto and DescriptorProto: a path in source_code_info is
# made of them and of indexes.
_PACKAGE = (2,)
_FILE_MESSAGE, _FILE_ENUM, _MESSAGE_FIELD, _NESTED, _MESSAGE_ENUM, _VALUE = 4, 5, 2, 3, 4, 2


def _add_file(files, node):
    name = one(node, 'name')
    package = one(node, 'package')
    comments = _comments(node)
    files.packages[name] = package
    files.file_comments[name] = comments.get(_PACKAGE, '')
    for index, message in enumerate(many(node, 'message_type')):
        _add_message(files, name, package, message, (_FILE_MESSAGE, index), comments)
    for index, enum in enumerate(many(node, 'enum_type')):
        _add_enum(files, name, package, enum, (_FILE_ENUM, index), comments)
    for extension in many(node, 'extension'):
        full_name = '%s.%s' % (package, one(extension, 'name'))
        files.extensions[full_name] = (int(one(extension, 'number')), one(extension, 'extendee'))


def _add_message(files, file, scope, node, path, comments):
    full_name = '%s.%s' % (scope, one(node, 'name'))
    message = Message(full_name, file, node, comments.get(path, ''))
    files.messages[full_name] = message
    for index, field in enumerate(many(node, 'field')):
        comment = comments.get(path + (_MESSAGE_FIELD, index), '')
        message.fields[one(field, 'name')] = Field(message, field, comment)
    for index, nested in enumerate(many(node, 'nested_type')):
        _add_message(files, file, full_name, nested, path + (_NESTED, index), comments)
    for index, enum in enumerate(many(node, 'enum_type')):
        _add_enum(files, file, full_name, enum, path + (_MESSAGE_ENUM, index), comments)


def _add_enum(files, file, scope, node, path, comments):
    values = []
    for index, value in enumerate(many(node, 'value')):
        options = one(value, 'options', {})
        values.append((one(value, 'name'), int(one(value, 'number')),
                       one(options, '[remora.annotations.v1.unsupported]') == 'true',
                       comments.get(path + (_VALUE, index), '')))
    full_name = '%s.%s' % (scope, one(node, 'name'))
    files.enums[full_name] = Enum(full_name, file, comments.get(path, ''), values)
