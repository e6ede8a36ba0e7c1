"""A client of the sidecar's ports, as the routing tier is one: TLS with a client certificate,
and what exactly the other side answered, down to how the connection ended."""
import socket
import ssl
import subprocess

TIMEOUT = 10

# Alerts by the name that OpenSSL gives them.
_ALERTS = {
    'SSLV3_ALERT_HANDSHAKE_FAILURE': 'alert 40', 'SSLV3_ALERT_BAD_CERTIFICATE': 'alert 42',
    'SSLV3_ALERT_CERTIFICATE_EXPIRED': 'alert 45', 'SSLV3_ALERT_CERTIFICATE_UNKNOWN': 'alert 46',
    'TLSV1_ALERT_UNKNOWN_CA': 'alert 48', 'TLSV1_ALERT_PROTOCOL_VERSION': 'alert 70',
    'TLSV13_ALERT_CERTIFICATE_REQUIRED': 'alert 116'}


def ending(error):
    """How a connection ended, in a word or two."""
    if error is None:
        return 'close_notify'
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return 'FIN without close_notify'
    if isinstance(error, ssl.SSLError):
        return _ALERTS.get(error.reason, str(error.reason))
    if isinstance(error, ConnectionResetError):
        return 'RST'
    return type(error).__name__


class Connection:
    """A TLS connection; raises what ssl and socket raise when it does not come about."""

    def __init__(self, address, authority, credential=None, session=None, context=None, **settings):
        self.context = context or make_context(authority, credential, **settings)
        plain = socket.create_connection(address, TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket = self.context.wrap_socket(plain, session=session,
                                                   suppress_ragged_eofs=False)
        except BaseException:
            plain.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def certificate(self):
        """The peer's, as bytes: enough to tell two apart."""
        return self.socket.getpeercert(binary_form=True)

    def get(self, path='/'):
        """The answer, of one known length; '' when the connection ended instead."""
        self.socket.sendall(b'GET %s HTTP/1.1\r\nhost: app\r\n\r\n' % path.encode())
        text = b''
        while not text.endswith(b'app\n'):
            piece = self.socket.recv(65536)
            if not piece:
                break
            text += piece
        return text.decode()

    def end(self):
        """Reads to the end: what came, and how it ended."""
        text = b''
        try:
            while True:
                piece = self.socket.recv(65536)
                if not piece:
                    return text.decode(), ending(None)
                text += piece
        except OSError as error:
            return text.decode(), ending(error)


def make_context(authority, credential=None, version=None, ciphers=None, alpn=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The name is the instance's guid, which the checks look at themselves.
    context.check_hostname = False
    context.load_verify_locations(authority.certificate)
    if ciphers:
        context.set_ciphers(ciphers)
    if version:
        context.minimum_version = context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(alpn)
    if credential:
        context.load_cert_chain(credential.bundle)
    return context


def outcome(address, authority, credential=None, **settings):
    """'accepted' when the application could be asked, else how it ended. TLS 1.3 tells a client
    what became of its certificate only when it reads."""
    try:
        with Connection(address, authority, credential, **settings) as connection:
            if connection.get().startswith('HTTP/1.1 200'):
                return 'accepted'
            return ending(None)
    except OSError as error:
        return ending(error)


def plain_outcome(address, text):
    """What the TLS port answers to bytes that are no TLS: the answer, or how it ended."""
    with socket.create_connection(address, TIMEOUT) as connection:
        connection.sendall(text)
        try:
            return connection.recv(65536).decode('latin-1') or 'closed without a byte'
        except ConnectionResetError:
            return 'closed without a byte'


def s_client(address, *arguments):
    """What `openssl s_client` says about a handshake."""
    done = subprocess.run(['openssl', 's_client', '-connect', '%s:%d' % address, *arguments],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=TIMEOUT)
    return done.stdout
