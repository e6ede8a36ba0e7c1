"""Peers that break TLS, stop within it, or make it dear: bounded, counted, and others are served."""

import os
import random
import socket
import ssl
import struct
import subprocess
import time

from world import Failure, expect, get, until

SEED = 7
ABORTS = 3000
SLOW = 200
# What an aborted handshake may leave behind, in the mean.
LEFT_BYTES = 1024
REVOKED = 100_000


def _greeting(world, name="server.test"):
    """The bytes of a ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = world.context().wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def _record(body, kind=22, length=None):
    return struct.pack(">BHH", kind, 0x0301, len(body) if length is None else length) + body


def _exchange(proxy, said, half_close=True):
    """Sends bytes, and reads until the proxy ends the connection."""
    heard = b""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as wire:
        try:
            wire.sendall(said)
            if half_close:
                wire.shutdown(socket.SHUT_WR)
            while piece := wire.recv(65536):
                heard += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
    return heard


def _settled(proxy, descriptors):
    """Nothing is left of the connections that there were."""
    until(lambda: proxy.stats()["listener.main.downstream_cx_active"] == 0, "no connection is left")
    until(lambda: proxy.descriptors() <= descriptors, "descriptors come back")


def broken_greetings(world):
    """What is no ClientHello, or a broken one: refused, counted, never answered with words."""
    chance = random.Random(SEED)
    hello = _greeting(world)
    message = hello[5:]
    shapes = {
        "garbage": chance.randbytes(4096),
        "plain text": b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "a record of 65,535 bytes": _record(b"x" * 65535),
        "a record one byte too long": _record(b"\x01" + b"x" * (16384 + 256)),
        "a message of 16 MiB": _record(b"\x01\xff\xff\xff" + b"x" * 4096),
        "empty records": _record(b"") * 500,
        "an alert": _record(b"\x02\x28", kind=21),
        "application data": _record(b"x" * 100, kind=23),
        "another handshake message": _record(b"\x0e\x00\x00\x00"),
        "two greetings": hello + hello,
        "garbage behind the greeting": hello + chance.randbytes(500),
        "version 9": hello[:1] + b"\x09\x09" + hello[3:],
    }
    with world.proxy(world.downstream()) as proxy:
        descriptors = proxy.descriptors()
        for name, said in shapes.items():
            heard = _exchange(proxy, said)
            expect(b"HTTP" not in heard, f"{name}: answered in plain text: {heard!r}")
            proxy.check_alive()
        counted = proxy.stats()["listener.main.ssl.connection_error"]
        expect(counted >= len(shapes) - 2, f"{counted} of {len(shapes)} counted")
        # A greeting in records of one byte each is a good one.
        pieces = b"".join(_record(message[i:i + 1]) for i in range(len(message)))
        expect(_exchange(proxy, pieces)[:1] == b"\x16", "one byte a record: no ServerHello")
        for cut in range(0, len(hello), 7):
            _exchange(proxy, hello[:cut])
        for _ in range(200):
            damaged = bytearray(hello)
            for _ in range(chance.randint(1, 8)):
                damaged[chance.randrange(5, len(damaged))] = chance.randrange(256)
            _exchange(proxy, bytes(damaged))
        _settled(proxy, descriptors)
        world.serves(proxy)


def odd_names(world):
    """SNI of odd bytes: refused or not, but they reach the log only escaped."""
    hello = _greeting(world)
    name = b"server.test"
    odd = (b"ser\x00er.test", b"\n\r\n\r.test.x", b"\x1b[31mred.tt", b"\xff\xfe\xfd\xfc\xfb\xfa.aaaa",
           b"...........", b"*.test.test", b"a b c d e f", b"%s%n%x.test", b"SERVER.TEST")
    with world.proxy(world.downstream()) as proxy:
        descriptors = proxy.descriptors()
        for each in odd:
            expect(len(each) == len(name), repr(each))
            _exchange(proxy, hello.replace(name, each))
            proxy.check_alive()
        _settled(proxy, descriptors)
        world.serves(proxy)
        with open(os.path.join(proxy.folder, "log"), "rb") as log:
            text = log.read()
        expect(not any(byte < 32 and byte != 10 or byte > 126 for byte in text), "raw bytes in a log")


def _abort(proxy, said):
    """Sends bytes, waits for nothing, resets."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as wire:
        wire.sendall(said)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def aborted_handshakes(world):
    """Thousands that reset within the handshake, at every place: nothing is left of them."""
    chance = random.Random(SEED)
    hello = _greeting(world)
    with world.proxy(world.downstream(demand=True)) as proxy:
        for _ in range(200):
            _abort(proxy, hello)
        until(lambda: proxy.stats()["listener.main.downstream_cx_active"] == 0, "no connection")
        before, descriptors = proxy.memory_kib(), proxy.descriptors()
        for _ in range(ABORTS):
            _abort(proxy, hello[:chance.choice((0, 1, 5, 100, len(hello) - 1, len(hello)))])
        _settled(proxy, descriptors)
        grown = (proxy.memory_kib() - before) * 1024
        expect(grown < ABORTS * LEFT_BYTES, f"{grown} bytes more after {ABORTS} aborts")
        world.serves(proxy, context=world.context("client"))
        return f"{ABORTS} aborts, {max(0, grown) // 1024} KiB"


def slow_handshakes(world):
    """Many that stop within the greeting: ended by transport_socket_connect_timeout, and counted."""
    hello = _greeting(world)
    options = {"transport_socket_connect_timeout": "0.5s"}
    with world.proxy(world.downstream(), chain=options) as proxy:
        world.serves(proxy)          # An upstream connection stays open.
        descriptors, before = proxy.descriptors(), proxy.memory_kib()
        wires = []
        for index in range(SLOW):
            wires.append(socket.create_connection(("127.0.0.1", proxy.port), timeout=20))
            wires[-1].sendall(hello[:index % len(hello)])
        world.serves(proxy)
        name = "listener.main.downstream_cx_transport_socket_connect_timeout"
        until(lambda: proxy.stats()[name] >= SLOW, "all are ended")
        grown = proxy.memory_kib() - before
        for wire in wires:
            wire.close()
        _settled(proxy, descriptors)
        expect(grown < SLOW * 32, f"{grown} KiB more for {SLOW} of them")
        return f"{SLOW} of them, {max(0, grown)} KiB"


def _revoke(world, serials):
    """A list of our authority with so many certificates on it."""
    folder = os.path.join(world.folder, "revoked")
    os.makedirs(folder)
    with open(os.path.join(folder, "index.txt"), "w", encoding="ascii") as index:
        for serial in serials:
            index.write(f"R\t491231235959Z\t250101000000Z\t{serial:016X}\tunknown\t/CN=x\n")
    path = os.path.join(folder, "ca.cnf")
    with open(path, "w", encoding="ascii") as config:
        config.write(f"[ca]\ndefault_ca=all\n[all]\ndatabase={folder}/index.txt\n"
                     "default_md=sha256\ndefault_crl_days=30\n")
    out = os.path.join(folder, "crl.pem")
    subprocess.run(["openssl", "ca", "-config", path, "-gencrl", "-cert", world.cert("ca"),
                    "-keyfile", world.key("ca"), "-out", out], check=True, capture_output=True)
    return out


def long_revocation_list(world):
    """A list of 100,000: read at the start, searched in no time, of bounded memory."""
    revoked = 1003                   # secure.py numbers from 1000: "client" is the fourth.
    crl = _revoke(world, [revoked] + list(range(1_000_000, 1_000_000 + REVOKED - 1)))
    transport = world.downstream(demand=True)
    common = transport["typed_config"]["common_tls_context"]
    common["validation_context"]["crl"] = {"filename": crl}
    with world.proxy(transport) as proxy:
        size = os.path.getsize(crl)
        memory = proxy.memory_kib() * 1024
        expect(memory < 24 * 1024 * 1024 + 8 * size, f"{memory} bytes for a list of {size}")
        begun, used = time.monotonic(), proxy.cpu_seconds()
        for _ in range(20):
            world.serves(proxy, context=world.context("many"))
        used = proxy.cpu_seconds() - used
        expect(used < 2, f"{used:.2f} s of CPU for 20 handshakes")
        refused = ""
        try:
            with world.connect(proxy, context=world.context("client")) as client:
                get(client)
        except (ssl.SSLError, Failure) as error:
            refused = str(error).lower()
        expect("revoked" in refused, f"a revoked certificate is let in: {refused}")
        return f"{memory // 2**20} MiB, 20 handshakes in {time.monotonic() - begun:.1f} s"


def large_certificates(world):
    """Certificates of 16 KiB, on both sides, in both versions."""
    names = ",".join(["DNS:server.test"] + [f"DNS:{'n' * 40}{i}.test" for i in range(360)])
    path = os.path.join(world.certs, "large")
    with open(path + ".ext", "w", encoding="ascii") as extensions:
        extensions.write(f"subjectAltName={names}\n")
    for command in (
            ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             path + ".key", "-subj", "/CN=large", "-out", path + ".csr"],
            ["x509", "-req", "-in", path + ".csr", "-CA", world.cert("ca"), "-CAkey",
             world.key("ca"), "-set_serial", "2000", "-days", "30", "-extfile", path + ".ext",
             "-out", path + ".pem"]):
        subprocess.run(["openssl"] + command, check=True, capture_output=True)
    with open(path + ".pem", encoding="ascii") as pem:
        size = len(ssl.PEM_cert_to_DER_cert(pem.read()))
    expect(size > 16 * 1024, f"only {size} bytes")
    with world.proxy(world.downstream(demand=True, certs=("large",))) as proxy:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            world.serves(proxy, context=world.context("large", maximum_version=version))
    return f"{size} bytes"


CASES = ((broken_greetings, ()), (odd_names, ()), (aborted_handshakes, ()), (slow_handshakes, ()),
         (long_revocation_list, ()), (large_certificates, ()))
