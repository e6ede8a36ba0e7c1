#!/usr/bin/env python3
"""A web server that says its name, and what it sees of who asks.

    web.py NAME PORT [PORT...]      on all addresses, IPv4 and IPv6"""
import http.server
import socket
import sys
import threading


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        host, port = self.connection.getsockname()[:2]
        lines = ['%s here, at %s port %d' % (self.server.name, host.removeprefix('::ffff:'), port),
                 'asked by %s' % self.client_address[0].removeprefix('::ffff:'),
                 'for %s' % self.headers.get('host', '')]
        lines += ['%s: %s' % (name, self.headers[name])
                  for name in ('x-forwarded-for', 'x-through') if name in self.headers]
        body = ('\n'.join(lines) + '\n').encode()
        self.send_response(200)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """The proxy tells what was asked; twice is noise."""


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True

    def __init__(self, name, port):
        super().__init__(('::', port), Page)
        self.name = name

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # http.server's own would look its name up.
        socket.socket.bind(self.socket, self.server_address)
        self.server_name, self.server_port = 'here', self.server_address[1]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    for port in sys.argv[2:]:
        server = Server(sys.argv[1], int(port))
        server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


if __name__ == '__main__':
    main()
