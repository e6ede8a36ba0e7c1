#!/usr/bin/env python3
"""What the example needs around the proxy: an application and the service of tenants.

    app.py APPLICATION_PORT TENANTS_PORT

The application answers GET with "the colour is grey" and what the proxy told it; /long with 64 MiB.
The service knows ada and grace, and takes two seconds for anybody called slow.
"""
import http.server
import sys
import threading
import time

TENANTS = {'/tenants/ada': b'analytical', '/tenants/grace': b'cobol'}
PIECE = b'the colour is grey; ' * 3276
PIECES = 1024


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def answer(self, status, body):
        self.send_response(status)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """The proxy tells what was asked; twice is noise."""


class Application(Handler):
    def do_GET(self):
        if self.path.startswith('/long'):
            self.send_response(200)
            self.send_header('content-length', str(len(PIECE) * PIECES))
            self.end_headers()
            for _ in range(PIECES):
                self.wfile.write(PIECE)
            return
        told = ['%s: %s\n' % (name, self.headers[name])
                for name in ('x-api-key', 'x-user', 'x-tenant') if name in self.headers]
        self.answer(200, ('the colour is grey\n' + ''.join(told)).encode())


class Tenants(Handler):
    def do_GET(self):
        if self.path == '/tenants/slow':
            time.sleep(2)
        tenant = TENANTS.get(self.path)
        self.answer(404 if tenant is None else 200, tenant or b'')


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def main():
    servers = [Server(('127.0.0.1', int(port)), handler)
               for port, handler in zip(sys.argv[1:3], (Application, Tenants))]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == '__main__':
    main()
