"""The sidecar as the cell runs it: the cell's command line, in the container's network namespace,
with a root of its own in which /etc/cf-assets holds the binary and the configuration."""
import contextlib
import os
import select
import signal
import subprocess
import time

import cell

# The container's mounts: nothing of /etc but the two folders of the cell, which are read-only.
_CONTAINER = '''
mount -t tmpfs pea /etc
mkdir -p /etc/cf-assets/envoy /etc/cf-assets/envoy_config
touch /etc/cf-assets/envoy/envoy
mount --bind "$1" /etc/cf-assets/envoy/envoy
mount --bind "$2" /etc/cf-assets/envoy_config
mount -o remount,bind,ro /etc/cf-assets/envoy_config
exec sh -c "$3"
'''
_LISTEN = '0A'


class Sidecar:
    """Running from the constructor to stop(); what it prints is in `printed` afterwards."""

    def __init__(self, binary, configuration, namespace, folder, processors=None):
        self.log = os.path.join(folder, 'printed')
        self.printed = ''
        self.begun = time.monotonic()
        with open(self.log, 'w') as log:
            # A session of its own: the command ends its whole process group.
            self.process = subprocess.Popen(
                ['nsenter', '--net=/run/netns/' + namespace, 'unshare', '--mount',
                 'sh', '-ec', _CONTAINER, 'pea', binary, configuration, cell.COMMAND],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=lambda: processors and os.sched_setaffinity(0, processors))

    def listening(self):
        """The TCP ports that listen in the sidecar's network namespace."""
        ports = set()
        with contextlib.suppress(FileNotFoundError):
            with open('/proc/%d/net/tcp' % self.process.pid) as table:
                for line in list(table)[1:]:
                    fields = line.split()
                    if fields[3] == _LISTEN:
                        ports.add(int(fields[1].split(':')[1], 16))
        return ports

    def wait(self, ports, seconds):
        """Until all of them listen: how long after the start that was; None when it never was."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if set(ports) <= self.listening():
                return time.monotonic() - self.begun
            if self.process.poll() is not None:
                return None
            time.sleep(0.005)
        return None

    def proxy(self):
        """The process of the proxy, the shell's child."""
        with open('/proc/%d/task/%d/children' % (self.process.pid, self.process.pid)) as children:
            return int(children.read().split()[0])

    def memory(self):
        """MiB of its own that the proxy has."""
        with open('/proc/%d/status' % self.proxy()) as status:
            for line in status:
                if line.startswith('RssAnon:'):
                    return int(line.split()[1]) / 1024
        raise RuntimeError('no RssAnon')

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """As garden does it: SIGTERM to the shell, whose trap kills the group."""
        proxy = None
        with contextlib.suppress(OSError, IndexError):
            proxy = os.pidfd_open(self.proxy())
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if proxy is not None:
            # Nobody's child any more: until it has ended, its ports are open.
            select.select([proxy], [], [], 5)
            os.close(proxy)
        with open(self.log) as log:
            self.printed = log.read()
