"""Certificates as the platform makes them, by the openssl command: authorities, the instance's
credentials, and the clients of the routing tier."""
import os
import subprocess


def _openssl(*arguments):
    done = subprocess.run(['openssl', *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError('openssl %s: %s' % (arguments[0], done.stderr.strip()))
    return done.stdout


def _read(path):
    with open(path) as file:
        return file.read()


class Credential:
    """A certificate with its chain, and its key: as files for clients, as text for secrets."""

    def __init__(self, path, issuer):
        self.certificate = path + '.crt'
        self.key = path + '.key'
        self.chain_pem = _read(self.certificate) + (_read(issuer.certificate) if issuer else '')
        self.key_pem = _read(self.key)
        # What HAProxy and Python's ssl load at once.
        self.bundle = path + '.pem'
        with open(self.bundle, 'w') as file:
            file.write(self.chain_pem + self.key_pem)


def _make_key(path, rsa):
    if rsa:
        # PKCS #1, "RSA PRIVATE KEY", is how the platform writes keys.
        _openssl('genrsa', '-traditional', '-out', path, '3072')
    else:
        _openssl('ecparam', '-genkey', '-noout', '-name', 'prime256v1', '-out', path)


class Authority:
    """A certificate authority that keeps what it issues in `folder`."""

    def __init__(self, folder, name):
        self.folder = folder
        self.certificate = os.path.join(folder, name + '.crt')
        self.key = os.path.join(folder, name + '.key')
        _make_key(self.key, rsa=False)
        _openssl('req', '-x509', '-new', '-key', self.key, '-subj', '/CN=' + name, '-days', '30',
                 '-out', self.certificate)
        self.pem = _read(self.certificate)

    def issue(self, name, subject, names, rsa=False, days=1):
        """A leaf for servers and clients; `names` is the value of subjectAltName."""
        path = os.path.join(self.folder, name)
        _make_key(path + '.key', rsa)
        _openssl('req', '-new', '-multivalue-rdn', '-key', path + '.key', '-subj', subject,
                 '-out', path + '.csr')
        with open(path + '.ext', 'w') as file:
            file.write('subjectAltName = %s\n'
                       'extendedKeyUsage = clientAuth, serverAuth\n'
                       'keyUsage = digitalSignature, keyEncipherment, keyAgreement\n' % names)
        _openssl('x509', '-req', '-in', path + '.csr', '-CA', self.certificate,
                 '-CAkey', self.key, '-CAcreateserial', '-days', str(days),
                 '-extfile', path + '.ext', '-out', path + '.crt')
        return Credential(path, self)


_UNITS = 'OU=organization:org-guid+OU=space:space-guid+OU=app:app-guid'
# subjectAltName with one dNSName of length 0, which no tool writes by its name.
_EMPTY_NAME = 'DER:30:02:82:00'


class Identities:
    """Everybody's credentials. `rounds` of the instance's own, for rotations."""

    def __init__(self, folder, guid, container_ip, rounds):
        self.guid = guid
        self.instances = Authority(folder, 'instance-identity-ca')
        self.routers = Authority(folder, 'router-ca')
        self.strangers = Authority(folder, 'strangers-ca')

        self.id = [self._instance('id-%d' % i, 'DNS:%s,IP:%s' % (guid, container_ip))
                   for i in range(rounds)]
        self.c2c = [self._instance('c2c-%d' % i, 'DNS:%s,DNS:app.apps.internal' % guid)
                    for i in range(rounds)]
        # What a cell writes when it is about to stop the container.
        self.closed = self.instances.issue('closed', '/' + _UNITS, _EMPTY_NAME, rsa=True)

        self.router = self._client(self.routers, 'gorouter')
        self.ssh_proxy = self._client(self.routers, 'ssh-proxy')
        self.tcp_router = self._client(self.routers, 'tcp-router')
        self.other_name = self._client(self.routers, 'somebody-else')
        self.expired = self._client(self.routers, 'gorouter', 'expired', days=-1)
        self.stranger = self._client(self.strangers, 'gorouter', 'stranger')

    def _instance(self, name, names):
        return self.instances.issue(name, '/%s/CN=%s' % (_UNITS, self.guid), names, rsa=True)

    @staticmethod
    def _client(authority, role, name=None, days=1):
        host = role + '.service.cf.internal'
        return authority.issue(name or role, '/CN=' + host, 'DNS:' + host, days=days)
