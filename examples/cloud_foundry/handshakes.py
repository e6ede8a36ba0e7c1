"""Checks of single connections: who is let in, what is agreed on, how it ends."""
import concurrent.futures
import contextlib
import socket
import ssl

import router
from harness import C2C, DOWN, SSH, TLS12, TLS13, WEB, der


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
