"""TLS for the peers of a case: certificates made for one run, and what TLS does with bytes.

A Channel knows no sockets: bytes of the wire go in, bytes for the wire and plain ones come out, and
what happened is kept as words: which version and cipher, which alert, how it ended.
"""

import os
import re
import ssl
import subprocess

# Name -> (subject, names, authority, days, kind of key).
_ISSUED = {
    "server": ("/O=test/CN=server", "DNS:server.test,URI:spiffe://test/server", "ca", 30, "ec"),
    "rsa": ("/O=test/CN=rsa", "DNS:rsa.test,DNS:server.test", "ca", 30, "rsa"),
    "wildcard": ("/O=test/CN=wildcard", "DNS:*.wild.test", "ca", 30, "ec"),
    "client": ("/O=test/CN=client", "URI:spiffe://test/client,DNS:client.test", "ca", 30, "ec"),
    "many": ("/C=DE/O=a, b/OU=app:1/CN=many",
             "URI:spiffe://test/a,URI:spiffe://test/b,DNS:a.test,DNS:b.test,email:a@b.test,"
             "IP:10.0.0.1", "ca", 30, "ec"),
    "nameless": ("/O=test/CN=nameless", "", "ca", 30, "ec"),
    "stranger": ("/O=test/CN=stranger", "URI:spiffe://test/client", "other-ca", 30, "ec"),
    "expired": ("/O=test/CN=expired", "URI:spiffe://test/client,DNS:server.test", "ca", -1, "ec"),
}
_VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1,
             "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_COMMON_NAME = re.compile(rb"\x06\x03\x55\x04\x03.(.)", re.DOTALL)


def _openssl(*arguments):
    return subprocess.run(("openssl",) + arguments, check=True, capture_output=True).stdout


def _key(path, kind):
    wish = (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"] if kind == "rsa"
            else ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
    _openssl("genpkey", *wish, "-out", path)


def make_certificates(folder):
    """Writes NAME.pem, NAME.key and NAME.hash (SHA-256 of the certificate) of every name."""
    os.makedirs(folder)
    for name in ("ca", "other-ca"):
        path = os.path.join(folder, name)
        _key(path + ".key", "ec")
        _openssl("req", "-x509", "-new", "-key", path + ".key", "-subj", f"/O=test/CN={name}",
                 "-days", "30", "-out", path + ".pem")
    for serial, (name, (subject, names, authority, days, kind)) in enumerate(_ISSUED.items(), 1000):
        path, above = os.path.join(folder, name), os.path.join(folder, authority)
        _key(path + ".key", kind)
        _openssl("req", "-new", "-key", path + ".key", "-subj", subject, "-out", path + ".csr")
        with open(path + ".ext", "w", encoding="utf-8") as extensions:
            extensions.write(f"subjectAltName={names}\n" if names else "basicConstraints=CA:FALSE")
        _openssl("x509", "-req", "-in", path + ".csr", "-CA", above + ".pem", "-CAkey",
                 above + ".key", "-set_serial", str(serial), "-days", str(days), "-extfile",
                 path + ".ext", "-out", path + ".pem")


def hash_of(folder, name):
    """SHA-256 of a certificate, as configuration and XFCC write it."""
    with open(os.path.join(folder, name + ".pem"), encoding="ascii") as pem:
        der = ssl.PEM_cert_to_DER_cert(pem.read())
    return _digest(der)


def _digest(der):
    return subprocess.run(("openssl", "dgst", "-sha256", "-r"), input=der, check=True,
                          capture_output=True).stdout[:64].decode()


def _common_name(der):
    """Of the subject: the last one of a certificate is behind the issuer's."""
    found = list(_COMMON_NAME.finditer(der))
    if not found:
        return "-"
    end = found[-1].end()
    return der[end:end + found[-1][1][0]].decode("latin-1")


class Wishes:
    """`cert=client max=1.2 ...` of a case file."""

    def __init__(self, words):
        self.values = dict(word.split("=", 1) for word in words)
        unknown = set(self.values) - {"cert", "ca", "sni", "min", "max", "alpn", "ciphers", "resume"}
        if unknown:
            raise ValueError(f"unknown {', '.join(sorted(unknown))}")
        self.resume = self.values.get("resume", "")
        self.sni = self.values.get("sni") or None

    def context(self, folder, server_side):
        values = self.values
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers(values.get("ciphers", "DEFAULT") + ":@SECLEVEL=0")
        context.minimum_version = _VERSIONS[values.get("min", "1.0")]
        context.maximum_version = _VERSIONS[values.get("max", "1.3")]
        if "cert" in values:
            path = os.path.join(folder, values["cert"])
            context.load_cert_chain(path + ".pem", path + ".key")
        if "ca" in values:
            context.load_verify_locations(os.path.join(folder, values["ca"] + ".pem"))
            context.verify_mode = ssl.CERT_REQUIRED
        if "alpn" in values:
            context.set_alpn_protocols(values["alpn"].split(","))
        return context


class Channel:
    """One connection's TLS; `notes` says what happened, in order."""

    def __init__(self, context, server_side, sni=None, session=None):
        self.notes = []
        self.asked_name = ""         # What the client asked for (server side).
        if server_side:
            context.sni_callback = self._on_name
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side, sni, session=session)
        self._server_side = server_side
        self._state = "shaking"      # open, ended
        self._opened = False
        self._early = b""            # Plain bytes that wait for the handshake.

    @property
    def session(self):
        """What another connection may resume; None after a handshake that failed."""
        return self._tls.session if self._opened else None

    def _on_name(self, _tls, name, _context):
        self.asked_name = name or ""

    def start(self):
        self._shake()
        return self._out.read()

    def _failed(self, error):
        self.notes.append(f"failed: {error.reason or type(error).__name__}")
        self._state = "ended"

    def _shake(self):
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            self._failed(error)
            return
        self._state, self._opened = "open", True
        name = f" sni={self.asked_name or '-'}" if self._server_side else ""
        der = self._tls.getpeercert(binary_form=True)
        self.notes.append(
            f"{self._tls.version()} {self._tls.cipher()[0]} "
            f"alpn={self._tls.selected_alpn_protocol() or '-'} "
            f"peer={_common_name(der) if der else '-'}{name}"
            + (" resumed" if self._tls.session_reused else ""))
        if self._early:
            self._tls.write(self._early)

    def feed(self, data):
        """(plain bytes, bytes for the wire)."""
        self._in.write(data)
        if self._state == "shaking":
            self._shake()
        plain = b""
        while self._state == "open":
            try:
                piece = self._tls.read(65536)
            except ssl.SSLWantReadError:
                break
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                piece = b""
            except ssl.SSLError as error:
                self._failed(error)
                break
            if not piece:
                self.notes.append("close_notify")
                self._state = "ended"
            plain += piece
        return plain, self._out.read()

    def seal(self, data):
        if self._state == "open":
            self._tls.write(data)
        elif self._state == "shaking":
            self._early += data
        return self._out.read()

    def finish(self):
        """close_notify of ours."""
        if self._state == "open":
            try:
                self._tls.unwrap()
            except ssl.SSLError:
                pass                 # It wants to read the other one's.
        return self._out.read()

    def end_of_input(self):
        if self._state != "ended":
            self.notes.append("ends without close_notify" if self._state == "open"
                              else "ends in the handshake")
            self._state = "ended"
