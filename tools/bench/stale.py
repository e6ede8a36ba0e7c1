#!/usr/bin/env python3
"""stale.py: requests that meet connections which the upstream is just closing, side by side.

    tools/bench/stale.py --remora bazel-bin/source/main/remora [--envoy envoy] [--requests 100000]

For each proxy and method: an origin closes every connection after a random idle time of 0 to
--idle ms, without saying so; 32 clients send a request every 0 to --think ms. Printed is what they
got. Envoy runs as it is by default and with a retry policy for resets.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

import process

HERE = os.path.dirname(os.path.abspath(__file__))
HCM = ('type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.'
       'HttpConnectionManager')
ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'


def bootstrap(port, admin, origin, retry_on):
    """One listener, one route, one cluster."""
    action = {'cluster': 'origin'}
    if retry_on:
        action['retry_policy'] = {'retry_on': retry_on, 'num_retries': 1}
    address = lambda p: {'socket_address': {'address': '127.0.0.1', 'port_value': p}}
    return {
        'admin': {'address': address(admin)},
        'static_resources': {
            'listeners': [{
                'name': 'main', 'address': address(port),
                'filter_chains': [{'filters': [{
                    'name': 'envoy.filters.network.http_connection_manager',
                    'typed_config': {
                        '@type': HCM, 'stat_prefix': 'main',
                        'route_config': {'name': 'main', 'virtual_hosts': [{
                            'name': 'main', 'domains': ['*'],
                            'routes': [{'match': {'prefix': '/'}, 'route': action}]}]},
                        'http_filters': [{'name': 'envoy.filters.http.router',
                                          'typed_config': {'@type': ROUTER}}]}}]}]}],
            'clusters': [{
                'name': 'origin', 'connect_timeout': '1s',
                'load_assignment': {'cluster_name': 'origin', 'endpoints': [{'lb_endpoints': [
                    {'endpoint': {'address': address(origin)}}]}]}}]}}


def wait_ready(admin):
    """Until the proxy says that it is live."""
    for _ in range(200):
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{admin}/ready', timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise process.Failure('the proxy does not become ready')


def run(name, binary, arguments, retry_on, method, tool, options):
    """One line of the table."""
    origin, port, admin = process.free_ports(3)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'bootstrap.json')
        with open(path, 'w', encoding='utf-8') as out:
            json.dump(bootstrap(port, admin, origin, retry_on), out)
        proxy = subprocess.Popen([binary, '-c', path, '--concurrency', '1'] + arguments,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_ready(admin)
            done = subprocess.run(
                [tool, str(origin), str(port), str(options.requests), method, str(options.idle),
                 str(options.think)], capture_output=True, text=True, timeout=600, check=True)
            stats = urllib.request.urlopen(
                f'http://127.0.0.1:{admin}/stats?filter=upstream_rq_(retry|stale_replaced)$',
                timeout=5).read().decode()
        finally:
            proxy.kill()
            proxy.wait()
    print(f'{name:24} {done.stdout.strip()} | {" ".join(stats.split())}', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--remora', required=True)
    parser.add_argument('--envoy')
    parser.add_argument('--requests', type=int, default=100000)
    parser.add_argument('--idle', type=int, default=20)
    parser.add_argument('--think', type=int, default=20)
    parser.add_argument('--methods', default='GET,POST')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tool = os.path.join(folder, 'stale')
        subprocess.run(['g++', '-std=c++20', '-O2', '-o', tool, os.path.join(HERE, 'stale.cc'),
                        '-lpthread'], check=True)
        for method in options.methods.split(','):
            run('remora', options.remora, [], None, method, tool, options)
            if options.envoy:
                quiet = ['--disable-hot-restart', '-l', 'off']
                run('envoy', options.envoy, quiet, None, method, tool, options)
                run('envoy retry_on reset', options.envoy, quiet, 'reset,connect-failure', method,
                    tool, options)
                run('envoy reset-before-rq', options.envoy, quiet,
                    'reset-before-request,connect-failure', method, tool, options)
    return 0


if __name__ == '__main__':
    sys.exit(main())
