#!/usr/bin/env python3
"""Asks the running example what its page says to try, and compares the answers.

    check.py PROXY_PROCESS_ID
"""
import http.client
import socket
import sys
import time

LISTENER = ('127.0.0.1', 10000)
ADMIN = ('127.0.0.1', 9901)
LONG = 3276 * 1024          # How often the text stands in /long.
MOST_GROWTH_KIB = 4 * 1024  # While a client leaves it unread.


def get(path, fields=None, address=LISTENER):
    """(status, fields, body) of one request."""
    connection = http.client.HTTPConnection(*address, timeout=20)
    connection.request('GET', path, headers=fields or {})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, body


def resident_kib(process):
    with open('/proc/%d/status' % process, encoding='ascii') as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith('VmRSS'))


class Checks:
    def __init__(self):
        self.count = 0

    def expect(self, what, right, seen):
        if not right:
            sys.exit('custom_filter: %s; seen: %r' % (what, seen))
        self.count += 1

    def keys(self):
        status, fields, _ = get('/')
        self.expect('no key: 401', status == 401 and fields['www-authenticate'] == 'Key', status)
        for path, key, wanted in (('/', 'wrong', 401), ('/', 'open-sesame', 200),
                                  ('/public', 'none', 200), ('/admin', 'open-sesame', 401),
                                  ('/admin', 'root-sesame', 200)):
            status, _, body = get(path, {'x-api-key': key})
            self.expect('%s with %s: %d' % (path, key, wanted), status == wanted, status)
            if wanted == 200 and path != '/public':
                self.expect('the key stays here', 'x-api-key' not in body, body)
        _, _, stats = get('/stats?usedonly', address=ADMIN)
        self.expect('counted', 'http.ingress.key_auth.denied: 3' in stats
                    and 'http.ingress.key_auth.allowed: 2' in stats, stats)

    def tenants(self):
        for user, wanted, text in (('ada', 200, 'x-tenant: analytical'), ('nobody', 403, 'nobody'),
                                   ('a/../b c', 403, 'nobody'), ('slow', 503, 'does not answer')):
            status, _, body = get('/public', {'x-user': user, 'x-tenant': 'forged'})
            self.expect('user %s: %d' % (user, wanted), status == wanted and text in body,
                        (status, body))
        status, _, body = get('/public', {'x-tenant': 'forged'})
        self.expect('no user, no tenant', status == 200 and 'x-tenant' not in body, body)
        # Clients that go while the service is asked.
        for _ in range(20):
            client = socket.create_connection(LISTENER)
            client.sendall(b'GET /public HTTP/1.1\r\nhost: a\r\nx-user: slow\r\n\r\n')
            time.sleep(0.01)
            client.close()
        for _ in range(100):
            _, _, stats = get('/stats', address=ADMIN)
            if 'cluster.tenants.upstream_rq_active: 0' in stats:
                break
            time.sleep(0.05)
        self.expect('their calls are cancelled', 'cluster.tenants.upstream_rq_active: 0' in stats,
                    stats)

    def text(self, process):
        _, _, body = get('/public')
        self.expect('replaced', body.startswith('the color is grey\n'), body)
        before = resident_kib(process)
        connection = http.client.HTTPConnection(*LISTENER, timeout=20)
        connection.request('GET', '/long', headers={'x-api-key': 'open-sesame'})
        answer = connection.getresponse()
        time.sleep(1)  # The client reads nothing; what could pile up has.
        grown = resident_kib(process) - before
        self.expect('a slow reader costs little', grown < MOST_GROWTH_KIB, '%d KiB' % grown)
        body = answer.read()
        self.expect('replaced everywhere', body.count(b'the color is grey; ') == LONG
                    and b'colour' not in body, len(body))


def main():
    checks = Checks()
    checks.keys()
    checks.tenants()
    checks.text(int(sys.argv[1]))
    print('custom_filter: %d checks' % checks.count)


if __name__ == '__main__':
    main()
