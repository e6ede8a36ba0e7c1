"""What the checks share: where everybody is, who they are, and how a sidecar is started."""
import contextlib
import os
import ssl
import time

import cell
import identities
import router
import sidecar

GUID = '8a6f2f3e-6d4a-4c0b-5e1d-7c31'
CELL_IP = '10.240.0.1'
CONTAINER_IP = '10.255.7.2'
# 9090 is an app port where nobody listens.
APP_PORTS = [8080, 2222, 9090]
# The cell's port of each TLS port; verify.sh has the same in its DNAT rules.
WEB = (CELL_IP, 61101)
SSH = (CELL_IP, 61102)
DOWN = (CELL_IP, 61103)
# Other containers reach this one without the cell's rules.
C2C = (CONTAINER_IP, 61443)

TLS12 = ssl.TLSVersion.TLSv1_2
TLS13 = ssl.TLSVersion.TLSv1_3


class Checks:
    """Compares, counts, and says what was wrong."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.part = ''

    def expect(self, what, got, *wanted):
        if got in wanted:
            self.passed += 1
            return
        self.failed += 1
        print('cloud_foundry: %s: %s: wanted %s, got: %r'
              % (self.part, what, ' or '.join(map(repr, wanted)), got), flush=True)

    def expect_soon(self, what, function, wanted, seconds):
        """Until the function's value is right, or the time is up."""
        deadline = time.monotonic() + seconds
        while (got := function()) != wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        self.expect(what, got, wanted)


class Platform:
    """What the checks share: who everybody is, and how a sidecar is started."""

    def __init__(self, binary, folder, envoy):
        self.binary = binary
        self.folder = folder
        self.envoy = envoy
        self.checks = Checks()
        self.namespace = os.environ['CONTAINER_NAMESPACE']
        self.ids = identities.Identities(folder, GUID, CONTAINER_IP, rounds=2)

    def connect(self, address=WEB, credential='router', **settings):
        client = getattr(self.ids, credential) if credential else None
        return router.Connection(address, self.ids.instances, client, **settings)

    def outcome(self, address=WEB, credential='router', **settings):
        client = getattr(self.ids, credential) if credential else None
        return router.outcome(address, self.ids.instances, client, **settings)

    def cell(self, name, **form):
        made = cell.Cell(os.path.join(self.folder, name), CONTAINER_IP, GUID, APP_PORTS, **form)
        made.write(self.ids.id[0], self.ids.c2c[0], self.ids.routers)
        return made

    @contextlib.contextmanager
    def running(self, part, made, processors=None):
        """A sidecar of that cell, ready; at the end it is stopped and must have said nothing."""
        self.checks.part = part
        begun = time.monotonic()
        process = sidecar.Sidecar(self.binary, made.folder, self.namespace, self.folder,
                                  processors)
        try:
            yield process
            self.checks.expect('it still runs', process.alive(), True)
        finally:
            process.stop()
            self.checks.expect('what it printed', process.printed, '')
            print('  %-28s %5.1f s' % (part, time.monotonic() - begun), flush=True)

    def ready(self, process, made, seconds=10):
        ports = [port for _, port in made.mappings]
        self.checks.expect('all ports are open', process.wait(ports, seconds) is not None, True)


def der(credential):
    """A credential's leaf, as Connection.certificate gives it."""
    return ssl.PEM_cert_to_DER_cert(credential.chain_pem.split('-----END')[0]
                                    + '-----END CERTIFICATE-----\n')
