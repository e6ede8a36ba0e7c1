#!/usr/bin/env python3
"""Changes the route table as an operator would and watches the traffic meanwhile.

    check.py        with the demo running (run.sh --check does both); ends at the first surprise
"""
import http.client
import json
import sys
import threading
import time

SIDECAR = ('127.0.0.1', 10000)
API = ('127.0.0.1', 18080)
LIMIT = 5.0  # seconds until a change has to be there
passed = 0


def ask(server, method, path, body=None):
    connection = http.client.HTTPConnection(*server, timeout=10)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        return response.status, response.read().decode(), response.getheader('x-instance')
    finally:
        connection.close()


def expect(what, holds, got=''):
    global passed
    if not holds:
        sys.exit(f'control_plane: {what}: got {got}')
    passed += 1


def change(method, path, body=None, status=200):
    got = ask(API, method, path, body)
    expect(f'{method} {path}', got[0] == status, got)
    return got[1]


def within(what, holds):
    """Asks again and again; returns the milliseconds until it held."""
    begin = time.monotonic()
    while not holds():
        if time.monotonic() - begin > LIMIT:
            sys.exit(f'control_plane: {what}: not within {LIMIT} s')
        time.sleep(0.0005)
    expect(what, True)
    return 1000 * (time.monotonic() - begin)


def instances(path, count=20):
    return [ask(SIDECAR, 'GET', path)[2] for _ in range(count)]


class Load(threading.Thread):
    """Asks without a pause on one connection, until it is told to stop."""

    def __init__(self):
        super().__init__(daemon=True)
        self.statuses = {}
        self.going_on = True

    def run(self):
        connection = http.client.HTTPConnection(*SIDECAR, timeout=10)
        while self.going_on:
            try:
                connection.request('GET', '/')
                response = connection.getresponse()
                response.read()
                status = response.status
            except (OSError, http.client.HTTPException) as error:
                status = repr(error)
                connection.close()
            self.statuses[status] = self.statuses.get(status, 0) + 1
        connection.close()


def sidecar():
    return json.loads(ask(API, 'GET', '/sidecars')[1])['sidecars'][0]


def main():
    expect('the table of the file', instances('/', 4) == ['blue'] * 4)

    change('PUT', '/routes/shop', status=201,
           body={'path': '/shop', 'instances': [{'address': '127.0.0.1', 'port': 8082}]})
    live = within('a new route is live', lambda: ask(SIDECAR, 'GET', '/shop')[2] == 'green')

    load = [Load() for _ in range(4)]
    for thread in load:
        thread.start()
    change('PUT', '/routes/web/instances/127.0.0.1:8082', body={})
    within('two instances share load', lambda: len(set(instances('/'))) == 2)
    change('DELETE', '/routes/web/instances/127.0.0.1:8081', status=204)
    within('one is removed', lambda: set(instances('/')) == {'green'})
    for thread in load:
        thread.going_on = False
    for thread in load:
        thread.join()
    statuses = {}
    for thread in load:
        for status, count in thread.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    expect('no request failed meanwhile', set(statuses) == {200}, statuses)

    refused = change('PUT', '/routes/bad', body={'paths': '/x'}, status=400)
    expect('a bad body is explained', 'paths' in json.loads(refused)['reason'], refused)

    change('PUT', '/routes/secure', status=201, body={
        'path': '/secure', 'instances': [{'address': '127.0.0.1', 'port': 8082}],
        'tls': {'server_name': 'a.example', 'trusted_ca': 'nowhere'}})
    within('what the sidecar refuses is shown',
           lambda: 'nowhere' in json.dumps(sidecar().get('subscriptions', [])))
    expect('the others are served on', instances('/', 4) == ['green'] * 4)
    change('DELETE', '/routes/secure', status=204)
    within('the sidecar is up to date', lambda: sidecar().get('up_to_date'))
    change('DELETE', '/routes/shop', status=204)
    within('a route that is gone', lambda: ask(SIDECAR, 'GET', '/shop')[2] == 'green' and
           len(json.loads(ask(API, 'GET', '/routes')[1])['routes']) == 1)
    print(f'control_plane: {passed} checks as expected; a new route was live after {live:.1f} ms; '
          f'{sum(statuses.values())} requests while instances changed, none failed')


if __name__ == '__main__':
    main()
