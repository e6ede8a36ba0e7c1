#!/usr/bin/env python3
"""Asks a sidecar everything that a Cloud Foundry cell and its routing tier count on; verify.sh
makes the namespaces and starts it.

    checks.py [--envoy] BINARY FOLDER

--envoy leaves out what Remora promises beyond Envoy."""
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import handshakes
import router
import rotation
from harness import C2C, DOWN, GUID, SSH, WEB, Platform, der


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
        platform.checks.expect_soon('rotation', lambda: rotation.served(platform),
                                    der(platform.ids.id[1]), 1)


def check_silent_discovery(platform):
    """A discovery server is configured and does not answer: the static listeners do not wait."""
    made = platform.cell('ads', ads=[('10.255.7.1', 15001)])
    with platform.running('discovery that is down', made) as process:
        opened = process.wait([61001, 61443], 5)
        platform.checks.expect('ports open at once', opened is not None and opened < 3, True)
        platform.checks.expect('a request', platform.outcome(), 'accepted')


def check_memory(platform):
    """The container pays for it: 8 MiB at rest, 16 with 300 connections, on two workers."""
    made = platform.cell('memory')
    processors = sorted(os.sched_getaffinity(0))[:2]
    with platform.running('memory', made, processors) as process, \
            contextlib.ExitStack() as connections:
        platform.ready(process, made)
        at_rest = process.memory()
        context = router.make_context(platform.ids.instances, platform.ids.router)
        for _ in range(300):
            connections.enter_context(platform.connect(context=context)).get()
        loaded = process.memory()
        print('  memory: %.1f MiB at rest, %.1f MiB with 300 connections' % (at_rest, loaded))
        if not platform.envoy:
            platform.checks.expect('at most 8 MiB at rest', at_rest <= 8, True)
            platform.checks.expect('at most 16 MiB with connections', loaded <= 16, True)


def check_main(platform):
    made = platform.cell('main')
    with platform.running('one instance\'s life', made) as process:
        platform.ready(process, made)
        handshakes.check_client_certificates(platform)
        handshakes.check_handshakes(platform)
        handshakes.check_endings(platform)
        check_haproxy(platform)
        rotation.check_rotation(platform, made)
        rotation.check_broken_secrets(platform, made)
        rotation.check_shutdown(platform, made)


def main():
    # So that what was started is stopped, too, when the time is up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('cloud_foundry: ended by a signal'))
    arguments = sys.argv[1:]
    envoy = '--envoy' in arguments
    binary, folder = [argument for argument in arguments if argument != '--envoy']
    platform = Platform(binary, folder, envoy)
    check_main(platform)
    check_readiness(platform)
    check_old_form(platform)
    check_memory(platform)
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
