"""Checks of what happens to connections while the cell replaces secrets."""
import os
import threading

import router
from harness import C2C, TLS12, TLS13, WEB, der

_ROTATIONS = 4


class Load:
    """New and kept connections, as fast as they go, until stop(); every failure is kept."""

    def __init__(self, platform):
        self.platform = platform
        self.failures = []
        self.requests = 0
        self.certificates = set()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(one,))
                        for one in (self.new_connection, self.new_connection, self.kept)]
        for thread in self.threads:
            thread.start()

    def run(self, body):
        while not self.ending.is_set():
            try:
                body()
            except OSError as error:
                self.failures.append(router.ending(error))

    def ask(self, connection):
        if not connection.get().startswith('HTTP/1.1 200'):
            self.failures.append('no answer')
        self.requests += 1

    def new_connection(self):
        with self.platform.connect() as connection:
            self.certificates.add(connection.certificate())
            self.ask(connection)

    def kept(self):
        with self.platform.connect() as connection:
            while not self.ending.wait(0.01):
                self.ask(connection)

    def stop(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()


def served(platform, address=WEB, credential='router'):
    with platform.connect(address, credential) as connection:
        return connection.certificate()


def session_of(platform, version, context, session=None):
    """A session to come back with, and whether this connection used the one given."""
    with platform.connect(version=version, context=context, session=session) as connection:
        connection.get()
        return connection.socket.session, connection.socket.session_reused


def check_rotation(platform, made):
    expect = platform.checks.expect
    ids = platform.ids
    contexts = {version: router.make_context(ids.instances, ids.router, version=version)
                for version in (TLS12, TLS13)}
    sessions = {v: session_of(platform, v, context)[0] for v, context in contexts.items()}
    for version, context in contexts.items():
        sessions[version], reused = session_of(platform, version, context, sessions[version])
        expect('a ticket is taken, ' + version.name, reused, True)

    load = Load(platform)
    for turn in range(1, _ROTATIONS + 1):
        made.write(ids.id[turn % 2], ids.c2c[turn % 2], ids.routers)
        platform.checks.expect_soon('new certificate', lambda: served(platform),
                                    der(ids.id[turn % 2]), 1)
        platform.checks.expect_soon('new certificate between containers',
                                    lambda: served(platform, C2C, None),
                                    der(ids.c2c[turn % 2]), 1)
        if turn == 1:
            for version, context in contexts.items():
                reused = session_of(platform, version, context, sessions[version])[1]
                expect('the ticket of the old certificate, ' + version.name, reused, False)
    load.stop()
    expect('requests lost by rotations', load.failures, [])
    expect('the load saw both certificates', load.certificates,
           {der(ids.id[0]), der(ids.id[1])})
    expect('requests under load', load.requests > 20, True)


def check_broken_secrets(platform, made):
    ids = platform.ids
    made.write(ids.id[0], ids.c2c[0], ids.routers)
    platform.checks.expect_soon('before', lambda: served(platform), der(ids.id[0]), 1)
    with open(os.path.join(made.folder, 'sds-id-cert-and-key.yaml')) as file:
        good = file.read()
    broken = {'garbage': 'certainly: [not', 'empty': '', 'truncated': good[:len(good) // 2],
              'no certificate': good.replace('BEGIN CERTIFICATE', 'BEGIN NOTHING'),
              'other name': good.replace('name: id-cert-and-key', 'name: other')}
    for what, text in broken.items():
        made.write_text('id-cert-and-key', text)
        # The c2c secret is changed behind it: once that is served, the broken one has been read.
        turn = list(broken).index(what) % 2
        made.write_credential('c2c-cert-and-key', ids.c2c[1 - turn])
        platform.checks.expect_soon('read', lambda: served(platform, C2C, None),
                                    der(ids.c2c[1 - turn]), 1)
        platform.checks.expect('secret file with %s: the old one stays' % what, served(platform),
                               der(ids.id[0]))
    made.write_credential('id-cert-and-key', ids.id[1])
    platform.checks.expect_soon('the next good one', lambda: served(platform), der(ids.id[1]), 1)


def check_shutdown(platform, made):
    """The cell's sign that the container will stop: certificates for nobody. All goes on."""
    with platform.connect() as kept:
        kept.get()
        made.write(platform.ids.closed, platform.ids.closed, platform.ids.routers)
        for address, credential in ((WEB, 'router'), (C2C, None)):
            platform.checks.expect_soon('certificate for nobody',
                                        lambda: served(platform, address, credential),
                                        der(platform.ids.closed), 1)
        platform.checks.expect('open connections', kept.get()[:12], 'HTTP/1.1 200')
        platform.checks.expect('new connections', platform.outcome(), 'accepted')
