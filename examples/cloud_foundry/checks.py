#!/usr/bin/env python3
"""Asks a sidecar everything that a Cloud Foundry cell and its routing tier count on; verify.sh
makes the namespaces and starts it.

    checks.py [--envoy] BINARY FOLDER

--envoy leaves out what Remora promises beyond Envoy."""
import concurrent.futures
import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

import cell
import identities
import router
import sidecar

GUID = '8a6f2f3e-6d4a-4c0b-5e1d-7c31'
CELL_IP = '10.240.0.1'
CONTAINER_IP = '10.255.7.2'
# 9090 is an app port where nobody listens.
APP_PORTS = [8080, 2222, 9090]
# The cell's port of each TLS port; verify.sh has the same in its DNAT rules.
WEB = (CELL_IP, 61101)
SSH = (CELL_IP, 61102)
DOWN = (CELL_IP, 61103)
# Other containers reach this one without the cell's rules.
C2C = (CONTAINER_IP, 61443)

TLS12 = ssl.TLSVersion.TLSv1_2
TLS13 = ssl.TLSVersion.TLSv1_3
ROTATIONS = 4


class Checks:
    """Compares, counts, and says what was wrong."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.part = ''

    def expect(self, what, got, *wanted):
        if got in wanted:
            self.passed += 1
            return
        self.failed += 1
        print('cloud_foundry: %s: %s: wanted %s, got: %r'
              % (self.part, what, ' or '.join(map(repr, wanted)), got), flush=True)

    def expect_soon(self, what, function, wanted, seconds):
        """Until the function's value is right, or the time is up."""
        deadline = time.monotonic() + seconds
        while (got := function()) != wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        self.expect(what, got, wanted)


class Platform:
    """What the checks share: who everybody is, and how a sidecar is started."""

    def __init__(self, binary, folder, envoy):
        self.binary = binary
        self.folder = folder
        self.envoy = envoy
        self.checks = Checks()
        self.namespace = os.environ['CONTAINER_NAMESPACE']
        self.ids = identities.Identities(folder, GUID, CONTAINER_IP, rounds=2)

    def connect(self, address=WEB, credential='router', **settings):
        client = getattr(self.ids, credential) if credential else None
        return router.Connection(address, self.ids.instances, client, **settings)

    def outcome(self, address=WEB, credential='router', **settings):
        client = getattr(self.ids, credential) if credential else None
        return router.outcome(address, self.ids.instances, client, **settings)

    def cell(self, name, **form):
        made = cell.Cell(os.path.join(self.folder, name), CONTAINER_IP, GUID, APP_PORTS, **form)
        made.write(self.ids.id[0], self.ids.c2c[0], self.ids.routers)
        return made

    @contextlib.contextmanager
    def running(self, part, made):
        """A sidecar of that cell, ready; at the end it is stopped and must have said nothing."""
        self.checks.part = part
        begun = time.monotonic()
        process = sidecar.Sidecar(self.binary, made.folder, self.namespace, self.folder)
        try:
            yield process
            self.checks.expect('it still runs', process.alive(), True)
        finally:
            process.stop()
            self.checks.expect('what it printed', process.printed, '')
            print('  %-28s %5.1f s' % (part, time.monotonic() - begun), flush=True)

    def ready(self, process, made, seconds=10):
        ports = [port for _, port in made.mappings]
        self.checks.expect('all ports are open', process.wait(ports, seconds) is not None, True)


def der(credential):
    """A credential's leaf, as Connection.certificate gives it."""
    return ssl.PEM_cert_to_DER_cert(credential.chain_pem.split('-----END')[0]
                                    + '-----END CERTIFICATE-----\n')


def check_client_certificates(platform):
    expect = platform.checks.expect
    for version, missing in ((TLS13, 'alert 116'), (TLS12, 'alert 40')):
        for credential, wanted in (('router', 'accepted'), ('tcp_router', 'accepted'),
                                   (None, missing), ('stranger', 'alert 48'),
                                   ('other_name', 'alert 46'), ('expired', 'alert 45')):
            expect('client certificate: %s, %s' % (credential, version.name),
                   platform.outcome(credential=credential, version=version), wanted)
    ca = router.s_client(WEB, '-CAfile', platform.ids.instances.certificate)
    names = ca.partition('Acceptable client certificate CA names\n')[2].split('\n')[0]
    expect('the CA names that it asks for', names, 'CN = router-ca')


def check_handshakes(platform):
    expect = platform.checks.expect

    def negotiated(address=WEB, credential='router', **settings):
        with platform.connect(address, credential, **settings) as connection:
            return connection.socket.cipher()[0], connection.socket.selected_alpn_protocol()

    both = 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384'
    expect('its order of ciphers counts', negotiated(version=TLS12, ciphers=both)[0],
           'ECDHE-RSA-AES256-GCM-SHA384')
    expect('the other cipher', negotiated(version=TLS12, ciphers=both.split(':')[0])[0],
           'ECDHE-RSA-AES128-GCM-SHA256')
    for ciphers in ('ECDHE-RSA-CHACHA20-POLY1305', 'AES128-GCM-SHA256'):
        expect(ciphers, platform.outcome(version=TLS12, ciphers=ciphers), 'alert 40')
    expect('TLS 1.1', platform.outcome(version=ssl.TLSVersion.TLSv1_1,
                                       ciphers='ALL:@SECLEVEL=0'), 'alert 70')
    for alpn, wanted in ((['h2', 'http/1.1'], 'h2'), (['http/1.1', 'h2'], 'h2'),
                         (['http/1.1'], 'http/1.1'), (['spdy/3'], None), (None, None)):
        expect('ALPN %s' % alpn, negotiated(alpn=alpn)[1], wanted)
    expect('ALPN between containers', negotiated(C2C, None, alpn=['h2'])[1], None)
    expect('no certificate is asked for between containers',
           'Acceptable client certificate' in router.s_client(C2C), False)
    with platform.connect(C2C, None) as connection:
        expect('certificate between containers', connection.certificate(),
               der(platform.ids.c2c[0]))
    with platform.connect() as connection:
        expect('certificate', connection.certificate(), der(platform.ids.id[0]))
    expect('plain HTTP', router.plain_outcome(WEB, b'GET / HTTP/1.1\r\nhost: a\r\n\r\n'),
           'closed without a byte')
    # The health check, many times: it must cost nothing and say nothing.
    for _ in range(20):
        socket.create_connection(WEB, router.TIMEOUT).close()


def check_endings(platform):
    expect = platform.checks.expect
    for version in (TLS12, TLS13):
        with platform.connect(version=version) as connection:
            connection.socket.sendall(b'GET /last HTTP/1.1\r\n\r\n')
            text, how = connection.end()
            expect('an answer, then the end', (text.split('\r\n')[0], how),
                   ('HTTP/1.1 200 OK', 'close_notify'))
        with platform.connect(version=version) as connection:
            connection.socket.sendall(b'GET /hang-up HTTP/1.1\r\n\r\n')
            expect('no answer', connection.end(), ('', 'close_notify'))
    with platform.connect(SSH, 'ssh_proxy') as connection:
        expect('the server speaks first', connection.socket.recv(100), b'SSH-2.0-app\r\n')
        connection.socket.sendall(b'x' * 100000)
        got = b''
        while len(got) < 100000:
            got += connection.socket.recv(65536)
        expect('bytes come back', got == b'x' * 100000, True)
    expect('a half-closed connection', half_closed(platform), ('SSH-2.0-app\r\nabcbye\r\n', True))
    check_app_down(platform)


def half_closed(platform):
    """Sends, ends its own direction with close_notify, and reads on: what came, and whether
    close_notify ended it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = router.make_context(platform.ids.instances, platform.ids.ssh_proxy)
    tls = context.wrap_bio(incoming, outgoing)
    text = b''
    with socket.create_connection(SSH, router.TIMEOUT) as plain:
        def turn(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
                    piece = plain.recv(65536)
                    if not piece:
                        incoming.write_eof()
                    incoming.write(piece)
        turn(tls.do_handshake)
        turn(lambda: tls.write(b'abc'))
        while len(text) < len('SSH-2.0-app\r\nabc'):
            text += turn(lambda: tls.read(100))
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.unwrap()
        try:
            while piece := turn(lambda: tls.read(100)):
                text += piece
        except ssl.SSLZeroReturnError:
            return text.decode(), True
        except ssl.SSLError:
            return text.decode(), False
        return text.decode(), True


def check_app_down(platform):
    """Nobody listens on the app's port: a router must be able to go elsewhere."""
    def end_of(_):
        try:
            with platform.connect(DOWN) as connection:
                return connection.end()[1]
        except OSError as error:
            return 'before the handshake: ' + router.ending(error)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        ends = set(pool.map(end_of, range(100)))
    if platform.envoy:
        # Envoy's end races with the handshake: any of these, and close_notify when it is late.
        anything = {'close_notify', 'FIN without close_notify', 'RST'}
        platform.checks.expect('app down', {end.split(': ')[-1] for end in ends} - anything, set())
        return
    # No request can have been sent: a router repeats it elsewhere, whatever its method.
    platform.checks.expect('app down: it ends before the handshake does', ends,
                           {'before the handshake: FIN without close_notify'})


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
    for turn in range(1, ROTATIONS + 1):
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


def check_haproxy(platform):
    """The TCP router: it verifies the instance's name."""
    ids = platform.ids
    path = os.path.join(platform.folder, 'haproxy.cfg')
    names = {9001: GUID, 9002: 'another-guid'}
    with open(path, 'w') as file:
        file.write('defaults\n mode tcp\n timeout connect 5s\n timeout client 10s\n'
                   ' timeout server 10s\n')
        for port, name in names.items():
            file.write('listen l%d\n bind 127.0.0.1:%d\n server s %s:%d ssl verify required'
                       ' verifyhost %s ca-file %s crt %s\n'
                       % (port, port, *WEB, name, ids.instances.certificate,
                          ids.tcp_router.bundle))
    process = subprocess.Popen(['haproxy', '-db', '-q', '-f', path], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        request = b'GET /last HTTP/1.1\r\n\r\n'

        def answer(port):
            try:
                return router.plain_outcome(('127.0.0.1', port), request).split('\r\n')[0]
            except ConnectionRefusedError:
                return 'not yet'
        platform.checks.expect_soon('HAProxy with the instance\'s name', lambda: answer(9001),
                                    'HTTP/1.1 200 OK', 5)
        platform.checks.expect('HAProxy with another name', answer(9002),
                               'closed without a byte')
    finally:
        process.kill()
        process.wait()


def check_readiness(platform):
    """An accepted connect means ready: the first one that is accepted must do a handshake."""
    made = platform.cell('readiness')
    with platform.running('readiness', made) as process:
        for address, credential in ((C2C, None), (WEB, 'router'), (DOWN, None), (SSH, None)):
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                try:
                    socket.create_connection(address, 1).close()
                    break
                except OSError:
                    time.sleep(0.002)
            if address in (C2C, WEB):
                platform.checks.expect('the first connection', platform.outcome(
                    address, credential), 'accepted')
        platform.ready(process, made)


def check_late_secret(platform):
    """No certificate yet: no port is open; once it is there, all of them are."""
    made = platform.cell('late')
    made.write_credential('id-cert-and-key', platform.ids.id[0], resource='other')
    with platform.running('certificate comes late', made) as process:
        platform.checks.expect('admin is up',
                               process.wait([made.admin_port], 10) is not None, True)
        time.sleep(0.5)
        platform.checks.expect('no TLS port of its is open', 61001 in process.listening(), False)
        made.write_credential('id-cert-and-key', platform.ids.id[0])
        platform.ready(process, made)
        platform.checks.expect('then', platform.outcome(), 'accepted')


def check_old_form(platform):
    """The configuration of cells before May 2026, and of cells to come."""
    made = platform.cell('old', watched=False, newer=not platform.envoy)
    with platform.running('without a watched folder', made) as process:
        platform.ready(process, made)
        platform.checks.expect('a request', platform.outcome(), 'accepted')
        made.write(platform.ids.id[1], platform.ids.c2c[1], platform.ids.routers)
        platform.checks.expect_soon('rotation', lambda: served(platform),
                                    der(platform.ids.id[1]), 1)


def check_silent_discovery(platform):
    """A discovery server is configured and does not answer: the static listeners do not wait."""
    made = platform.cell('ads', ads=[('10.255.7.1', 15001)])
    with platform.running('discovery that is down', made) as process:
        opened = process.wait([61001, 61443], 5)
        platform.checks.expect('ports open at once', opened is not None and opened < 3, True)
        platform.checks.expect('a request', platform.outcome(), 'accepted')


def check_main(platform):
    made = platform.cell('main')
    with platform.running('one instance\'s life', made) as process:
        platform.ready(process, made)
        check_client_certificates(platform)
        check_handshakes(platform)
        check_endings(platform)
        check_haproxy(platform)
        check_rotation(platform, made)
        check_broken_secrets(platform, made)
        check_shutdown(platform, made)


def main():
    arguments = sys.argv[1:]
    envoy = '--envoy' in arguments
    binary, folder = [argument for argument in arguments if argument != '--envoy']
    platform = Platform(binary, folder, envoy)
    check_main(platform)
    check_readiness(platform)
    check_old_form(platform)
    if not envoy:
        check_late_secret(platform)
        check_silent_discovery(platform)
    checks = platform.checks
    if checks.failed:
        print('cloud_foundry: %d of %d answers are wrong'
              % (checks.failed, checks.passed + checks.failed))
        return 1
    print('cloud_foundry: %d answers as expected' % checks.passed)
    return 0


if __name__ == '__main__':
    sys.exit(main())
