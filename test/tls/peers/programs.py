"""Other TLS programs as clients and as hosts: openssl's s_client and s_server, curl."""

import os
import re
import socket
import ssl
import subprocess

from world import address, expect, free_port, run, until

REQUEST = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


def _s_client(proxy, *options, said=REQUEST):
    return run(["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-servername",
                "server.test", "-ign_eof", *options], said)


def s_client_versions(world):
    """TLS 1.2 and 1.3 are spoken, 1.1 is refused with alert 70."""
    with world.proxy(world.downstream()) as proxy:
        for option, version in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            _, said = _s_client(proxy, option, "-CAfile", world.cert("ca"), "-verify_return_error")
            expect(f"New, {version}" in said and "200 OK" in said, said)
            expect("Verify return code: 0 (ok)" in said, said)
        status, said = _s_client(proxy, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        expect(status != 0 and "alert number 70" in said, said)
        expect(proxy.stats()["listener.main.ssl.connection_error"] == 1, "it was not counted")


def s_client_renegotiation(world):
    """A client that wants to renegotiate is not let, and everybody else is served."""
    with world.proxy(world.downstream()) as proxy:
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", "-tls1_2"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            until(lambda: proxy.stats()["listener.main.ssl.handshake"] == 1, "a handshake")
            client.stdin.write(b"R\n")
            client.stdin.flush()
            said = client.communicate(timeout=20)[0].decode()
        finally:
            client.kill()
            client.wait()
        expect("RENEGOTIATING" in said, said)
        expect(re.search(r"no.renegotiation|alert|:error:", said, re.IGNORECASE), said)
        expect(proxy.stats()["listener.main.ssl.handshake"] == 1, "it was renegotiated")
        world.serves(proxy)


def s_client_protocols(world):
    """ALPN: ours is chosen from what the client offers; nothing in common is no protocol."""
    with world.proxy(world.downstream(alpn_protocols=["http/1.1"])) as proxy:
        _, said = _s_client(proxy, "-alpn", "h2,http/1.1")
        expect("ALPN protocol: http/1.1" in said, said)
        _, said = _s_client(proxy, "-alpn", "other")
        expect("No ALPN negotiated" in said and "200 OK" in said, said)


def s_client_resumption(world):
    """Sessions are resumed by tickets, in both versions, and without them by identifier."""
    session = os.path.join(world.folder, "session")
    with world.proxy(world.downstream()) as proxy:
        for option in ("-tls1_2", "-tls1_3"):
            _, said = _s_client(proxy, option, "-sess_out", session)
            expect("New, TLSv1." in said, said)
            _, said = _s_client(proxy, option, "-sess_in", session)
            expect("Reused, TLSv1." in said and "200 OK" in said, said)
        _, said = _s_client(proxy, "-tls1_2", "-no_ticket", "-sess_out", session)
        _, said = _s_client(proxy, "-tls1_2", "-no_ticket", "-sess_in", session)
        expect("Reused, TLSv1.2" in said, said)
        expect(proxy.stats()["listener.main.ssl.session_reused"] == 3, "not counted")


def half_closed(world):
    """A client that has sent close_notify gets its answer, and close_notify behind it."""
    with world.proxy(world.downstream(), kind="tcp") as proxy:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = world.context().wrap_bio(incoming, outgoing, server_hostname="server.test")
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as wire:
            def pump(step):
                while True:
                    try:
                        return step()
                    except ssl.SSLWantReadError:
                        wire.sendall(outgoing.read())
                        piece = wire.recv(65536)
                        expect(piece, "the connection ended without close_notify")
                        incoming.write(piece)
            pump(tls.do_handshake)
            tls.write(b"words")
            try:
                tls.unwrap()         # Sends close_notify, and wants the other's.
            except ssl.SSLWantReadError:
                pass
            heard = b""
            try:
                while piece := pump(lambda: tls.read(4096)):
                    heard += piece
            except ssl.SSLZeroReturnError:
                pass                 # close_notify
        expect(heard == b"heard words", f"heard {heard!r}")


def s_server_host(world):
    """A host of another make: both versions, our certificate demanded, sessions resumed."""
    for option, version in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
        port = free_port()
        with _Host(world, port, option):
            cluster = {"transport_socket": world.upstream("server.test", certs=("client",))}
            log = os.path.join(world.folder, "log" + version)
            form = "%UPSTREAM_TLS_VERSION% %UPSTREAM_PEER_DNS_SAN% %UPSTREAM_LOCAL_URI_SAN%"
            with world.proxy(port=port, cluster=cluster, log=(log, form)) as proxy:
                first = _fetch(proxy)
                expect(f"New, {version}" in first, first)
                expect("CN = client" in first or "CN=client" in first, first)
                second = _fetch(proxy)
                expect(f"Reused, {version}" in second, second)
                stats = proxy.stats()
                expect(stats["cluster.origin.ssl.session_reused"] == 1, "not counted")
                until(lambda: os.path.exists(log) and _lines(log) == 2, "two lines of log")
                with open(log, encoding="utf-8") as lines:
                    for line in lines:
                        expect(line.split() == [version, "server.test", "spiffe://test/client"],
                               line)


def transports_by_endpoint(world):
    """One endpoint of a cluster speaks TLS and says so in its metadata, the other does not."""
    port = free_port()
    endpoints = [
        {"endpoint": {"address": address(port)}, "metadata": {"filter_metadata": {
            "envoy.transport_socket_match": {"tls": True}}}},
        {"endpoint": {"address": address(world.http_port)}}]
    cluster = {
        "transport_socket_matches": [
            {"name": "secure", "match": {"tls": True},
             "transport_socket": world.upstream("server.test", certs=("client",))}],
        "load_assignment": {"cluster_name": "origin", "endpoints": [{"lb_endpoints": endpoints}]}}
    with _Host(world, port, "-tls1_3"), world.proxy(cluster=cluster) as proxy:
        answers = [_fetch(proxy) for _ in range(4)]
        secure = sum("New, TLSv1.3" in answer or "Reused, TLSv1.3" in answer for answer in answers)
        plain = answers.count("client none\n")
        expect((secure, plain) == (2, 2), f"{answers}")
        stats = proxy.stats()
        expect(stats["cluster.origin.secure.total_match_count"] == 1, "not counted")
        expect(stats["cluster.origin.default.total_match_count"] == 1, "not counted")


def _lines(path):
    with open(path, encoding="utf-8") as file:
        return len(file.readlines())


class _Host:
    """openssl s_server -www: answers with what it knows of the connection."""

    def __init__(self, world, port, option):
        self._port = port
        self._arguments = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", option,
                           "-cert", world.cert("server"), "-key", world.key("server"), "-CAfile",
                           world.cert("ca"), "-Verify", "3", "-verify_return_error"]
        self._process = None

    def __enter__(self):
        self._process = subprocess.Popen(self._arguments, stdin=subprocess.PIPE,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # It serves one connection after the other: a probe would be in the way.
        until(lambda: _listens(self._port), "s_server listens")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()


def _listens(port):
    with open("/proc/net/tcp", encoding="ascii") as sockets:
        return f":{port:04X} 00000000:0000 0A" in sockets.read()


def _fetch(proxy):
    status, said = run(["curl", "-sS", f"http://127.0.0.1:{proxy.port}/"])
    expect(status == 0, said)
    return said


def curl_both_ways(world):
    """curl with a certificate is let in, and told of; without, or with a stranger's, it is not."""
    with world.proxy(world.downstream(demand=True)) as proxy:
        def curl(*options):
            return run(["curl", "-sS", "--cacert", world.cert("ca"), "--resolve",
                        f"server.test:{proxy.port}:127.0.0.1", *options,
                        f"https://server.test:{proxy.port}/"])

        for version in ("--tls-max", "1.2"), ("--tlsv1.3",):
            status, said = curl("--cert", world.cert("client"), "--key", world.key("client"),
                                *version)
            expect(status == 0 and "URI=spiffe://test/client" in said, said)
        status, said = curl()
        expect(status == 56 and "certificate required" in said, f"{status} {said}")
        status, said = curl("--cert", world.cert("stranger"), "--key", world.key("stranger"))
        expect(status == 56 and "unknown ca" in said, f"{status} {said}")
        stats = proxy.stats()
        expect(stats["listener.main.ssl.fail_verify_no_cert"] == 1, "not counted")
        expect(stats["listener.main.ssl.fail_verify_error"] == 1, "not counted")
        status, said = run(["curl", "-sS", "--resolve", f"server.test:{proxy.port}:127.0.0.1",
                            f"https://server.test:{proxy.port}/"])
        expect(status == 60, f"curl trusts what it should not: {status} {said}")


CASES = ((s_client_versions, ("openssl",)), (s_client_renegotiation, ("openssl",)),
         (s_client_protocols, ("openssl",)), (s_client_resumption, ("openssl",)),
         (half_closed, ("openssl",)), (s_server_host, ("openssl", "curl")),
         (transports_by_endpoint, ("openssl", "curl")),
         (curl_both_ways, ("openssl", "curl")))
