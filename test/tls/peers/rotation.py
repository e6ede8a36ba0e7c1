"""Secrets that change while clients connect and ask: nobody notices, and the old ones are gone."""

import json
import os
import threading
import time

from world import expect, get, until

ROUNDS = 6
NEW_CLIENTS = 4
OPEN_CLIENTS = 4
SECONDS_TO_ROTATE = 1.0
_NAME = "served"


class _Load:
    """Clients at work; `failures` says what went wrong."""

    def __init__(self, world, proxy):
        self._world = world
        self._proxy = proxy
        self._end = threading.Event()
        self.failures = []
        self.handshakes = 0
        self.requests = 0
        self._threads = [threading.Thread(target=self._guarded, args=(work,), daemon=True)
                         for work in [self._connect] * NEW_CLIENTS + [self._ask] * OPEN_CLIENTS]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _guarded(self, work):
        try:
            work()
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.failures.append(f"{type(error).__name__}: {error}")

    def _connect(self):
        while not self._end.is_set():
            with self._world.connect(self._proxy) as client:
                get(client)
            self.handshakes += 1

    def _ask(self):
        with self._world.connect(self._proxy) as client:
            while not self._end.is_set():
                get(client)
                self.requests += 1
                time.sleep(0.001)


def _write(world, path, certificate):
    """A source's file with another certificate, moved into its place."""
    with open(path + ".new", "w", encoding="utf-8") as out:
        json.dump({"version_info": "0", "resources": [{
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            "name": _NAME, "tls_certificate": world.pair(certificate)}]}, out)
    os.rename(path + ".new", path)


def _served(world, proxy):
    """The common name of the certificate that a new client gets."""
    with world.connect(proxy) as client:
        subject = dict(field[0] for field in client.getpeercert()["subject"])
        get(client)
        return subject["commonName"]


def _session(world, proxy):
    """A context and a session of it, for later."""
    context = world.context()
    with world.connect(proxy, context=context) as client:
        get(client)
        return context, client.session


def _resumes(world, proxy, kept):
    context, session = kept
    with world.connect(proxy, context=context, session=session) as client:
        get(client)
        return client.session_reused


def rotation_under_load(world):
    """A certificate is replaced by renaming, many times, while clients connect and ask."""
    path = os.path.join(world.folder, "served.json")
    _write(world, path, "server")
    transport = world.downstream(certs=(), tls_certificate_sds_secret_configs=[
        {"name": _NAME, "sds_config": {"path_config_source": {"path": path}}}])
    slowest = 0.0
    with world.proxy(transport) as proxy, _Load(world, proxy) as load:
        until(lambda: load.handshakes > 10 and load.requests > 100, "clients are at work")
        expect(_resumes(world, proxy, _session(world, proxy)), "a session is not resumed at all")
        for number in range(ROUNDS):
            name = ("rsa", "server")[number % 2]
            kept = _session(world, proxy)
            _write(world, path, name)
            begun = time.monotonic()
            until(lambda wanted=name: _served(world, proxy) == wanted, "the new one is served")
            slowest = max(slowest, time.monotonic() - begun)
            expect(not _resumes(world, proxy, kept), "a session outlives its certificate")
        expect(not load.failures, f"{load.failures[:3]}")
        updates = proxy.stats()["listener.main.server_ssl_socket_factory.ssl_context_update_by_sds"]
        expect(updates == ROUNDS + 1, f"{updates} updates")
    expect(not load.failures, f"{load.failures[:3]}")
    expect(slowest < SECONDS_TO_ROTATE, f"{slowest:.2f} s until a new certificate was served")
    return (f"{load.handshakes} handshakes and {load.requests} requests without a failure, "
            f"{slowest * 1000:.0f} ms until a new one is served")


def expirations_are_shown(world):
    """A gauge of each certificate says when it expires, and follows a rotation."""
    path = os.path.join(world.folder, "shown.json")
    _write(world, path, "server")
    transport = world.downstream(demand=True, certs=(), tls_certificate_sds_secret_configs=[
        {"name": _NAME, "sds_config": {"path_config_source": {"path": path}}}])
    with world.proxy(transport) as proxy:
        def gauge(name):
            return proxy.stats()[
                f"listener.main.ssl.certificate.{name}.expiration_unix_time_seconds"]

        month = 30 * 24 * 3600
        expect(abs(gauge(_NAME) - time.time() - month) < 3600, f"{gauge(_NAME)}")
        # A file has no bytes in the configuration: all files have the name of nothing's hash.
        expect(gauge("unnamed_ca_cert_e3b0c442") > time.time(), "no gauge of the authority")
        _write(world, path, "expired")
        until(lambda: gauge(_NAME) < time.time(), "the gauge follows")
        expect(proxy.stats()["server.days_until_first_cert_expiring"] == 0, "days are left")


CASES = ((rotation_under_load, ()), (expirations_are_shown, ()))
