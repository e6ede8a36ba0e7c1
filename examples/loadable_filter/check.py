#!/usr/bin/env python3
"""Replaces a module of the running example under traffic, and sees that no request notices.

    check.py PROXY_PROCESS_ID FOLDER

FOLDER has listener.yaml and modules/, as the running proxy sees them.
"""
import http.client
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LISTENER = ('127.0.0.1', 10000)
CLIENTS = 4


def get(connection, path='/public'):
    connection.request('GET', path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


class Traffic:
    """Clients that ask again and again, on connections that they keep."""

    def __init__(self):
        self.bodies = set()
        self.wrong = []
        self.count = 0
        self.ends = False
        self.threads = [threading.Thread(target=self.ask) for _ in range(CLIENTS)]

    def ask(self):
        connection = http.client.HTTPConnection(*LISTENER, timeout=20)
        while not self.ends:
            try:
                status, body = get(connection)
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(repr(error))
                connection.close()
                continue
            self.count += 1
            self.bodies.add(body)
            if status != 200:
                self.wrong.append((status, body))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ends = True
        for thread in self.threads:
            thread.join()


def loaded(process, name):
    """Whether that module is in the proxy's memory."""
    with open('/proc/%d/maps' % process, encoding='ascii') as lines:
        return any('/memfd:lib%s.so' % name in line for line in lines)


def await_true(what, condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    sys.exit('loadable_filter: ' + what)


def build(folder, name, text):
    """replace_text as module `name`, with another text in the place of what is configured."""
    with open(os.path.join(HERE, 'replace_text.cc'), encoding='utf-8') as source:
        changed = source.read().replace('rewritten += config_.replacement;',
                                        'rewritten += "%s";' % text)
    path = os.path.join(folder, name + '.cc')
    with open(path, 'w', encoding='utf-8') as source:
        source.write(changed)
    subprocess.run([os.path.join(HERE, 'build.sh'), os.path.join(folder, 'modules'), path],
                   check=True)


def use(folder, old, new):
    """Another module in the listener's file."""
    path = os.path.join(folder, 'listener.yaml')
    with open(path, encoding='utf-8') as listener:
        content = listener.read()
    assert '{ name: %s }' % old in content
    with open(path + '.new', 'w', encoding='utf-8') as listener:
        listener.write(content.replace('{ name: %s }' % old, '{ name: %s }' % new))
    os.rename(path + '.new', path)


def main():
    process, folder = int(sys.argv[1]), sys.argv[2]
    client = http.client.HTTPConnection(*LISTENER, timeout=20)
    build(folder, 'replace_text-2', 'paint')
    build(folder, 'replace_text-3', 'tint')
    use(folder, 'replace_text', 'replace_text-2')
    await_true('the second module is not used',
               lambda: get(client)[1].startswith('the paint is grey'))
    # An answer that is under way all the while; nothing of it is read before the module is replaced.
    slow = http.client.HTTPConnection(*LISTENER, timeout=20)
    slow.request('GET', '/long', headers={'x-api-key': 'open-sesame'})
    answer = slow.getresponse()
    with Traffic() as traffic:
        use(folder, 'replace_text-2', 'replace_text-3')
        await_true('the third module is not used',
                   lambda: get(client)[1].startswith('the tint is grey'))
        if not loaded(process, 'replace_text-2'):
            sys.exit('loadable_filter: the old module is not there for the old answer')
        if answer.read().count(b'the paint is grey; ') != 3276 * 1024:
            sys.exit('loadable_filter: an answer has changed its module under way')
        slow.close()
    await_true('the old module stays loaded', lambda: not loaded(process, 'replace_text-2'))
    if traffic.wrong or traffic.count < 100:
        sys.exit('loadable_filter: %d requests, wrong: %r' % (traffic.count, traffic.wrong[:3]))

    # A module that is none changes nothing.
    with open(os.path.join(folder, 'modules', 'libreplace_text-4.so'), 'w',
              encoding='ascii') as none:
        none.write('no module')
    use(folder, 'replace_text-3', 'replace_text-4')
    admin = http.client.HTTPConnection('127.0.0.1', 9901, timeout=20)
    await_true('a damaged module is not refused', lambda: any(
        line.startswith('listener_manager.lds.update_rejected: ') and line[-1] != '0'
        for line in get(admin, '/stats')[1].splitlines()))
    if not get(client)[1].startswith('the tint is grey'):
        sys.exit('loadable_filter: a damaged module has done damage')
    print('loadable_filter: a module replaced under %d requests' % traffic.count)


if __name__ == '__main__':
    main()
