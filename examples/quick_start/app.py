#!/usr/bin/env python3
"""The application behind the proxy: two instances of it, "blue" and "green", in one process.

    app.py NAME:PORT [NAME:PORT...]

GET  anything      says which instance answers, and which headers the proxy added
GET  /slow         answers after two seconds
POST /echo         answers with the body of the request
"""
import http.server
import sys
import threading
import time


class Application(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    # Headers and body in one segment, instead of a second one that waits for an acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path.startswith('/slow'):
            time.sleep(2)
        lines = ['hello from %s' % self.server.name, '%s %s' % (self.command, self.path)]
        for name in ('host', 'x-forwarded-for', 'x-forwarded-proto', 'x-request-id'):
            if name in self.headers:
                lines.append('%s: %s' % (name, self.headers[name]))
        self.answer(('\n'.join(lines) + '\n').encode())

    def do_POST(self):
        if self.headers.get('transfer-encoding', '').lower() == 'chunked':
            body = self.read_chunks()
        else:
            body = self.rfile.read(int(self.headers.get('content-length', 0)))
        self.answer(body)

    def read_chunks(self):
        body = b''
        while True:
            size = int(self.rfile.readline().split(b';')[0], 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body

    def answer(self, body):
        self.send_response(200)
        self.send_header('content-type', 'text/plain')
        self.send_header('content-length', str(len(body)))
        self.send_header('x-instance', self.server.name)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """The proxy tells what was asked; twice is noise."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name, port):
        super().__init__(('127.0.0.1', port), Application)
        self.name = name

    def handle_error(self, request, client_address):
        """The proxy may give up on a request (that is what /slow shows): no stack trace for it."""
        if not isinstance(sys.exc_info()[1], (BrokenPipeError, ConnectionResetError)):
            super().handle_error(request, client_address)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    servers = []
    for argument in sys.argv[1:]:
        name, port = argument.split(':')
        servers.append(Server(name, int(port)))
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass


if __name__ == '__main__':
    main()
