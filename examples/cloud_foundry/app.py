#!/usr/bin/env python3
"""The application in the container: on the container's address only, never on localhost.

    app.py IP

8080  HTTP/1.1; GET /hang-up ends without an answer, GET /last answers and closes
2222  speaks first, as ssh does, then repeats what it gets; an end is answered with an end
Nobody listens on 9090."""
import socket
import socketserver
import sys
import threading


class Web(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            request = self.rfile.readline()
            if not request:
                return
            while self.rfile.readline() not in (b'\r\n', b''):
                pass
            if b' /hang-up ' in request:
                return
            body = b'hello from the app\n'
            self.wfile.write(b'HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s'
                             % (len(body), body))
            if b' /last ' in request:
                return


class Ssh(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b'SSH-2.0-app\r\n')
        while True:
            piece = self.request.recv(65536)
            if not piece:
                # Only the other direction has ended: this one can still speak.
                self.request.sendall(b'bye\r\n')
                return
            self.request.sendall(piece)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def get_request(self):
        connection, peer = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, peer

    def handle_error(self, request, client_address):
        """A peer that resets is no error of the application's."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main():
    ip = sys.argv[1]
    for port, handler in ((8080, Web), (2222, Ssh)):
        server = Server((ip, port), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


if __name__ == '__main__':
    main()
