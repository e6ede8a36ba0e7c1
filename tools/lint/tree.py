"""What the lints share: which files there are, and how a finding is printed."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files(*prefixes, suffixes=()):
    """Paths below the prefixes, from the root: tracked ones and new ones that git would not ignore."""
    listed = subprocess.run(
        ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', *prefixes],
        cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode().split('\0')
    return sorted({p for p in listed
                   if p and p.endswith(tuple(suffixes) or '') and os.path.isfile(absolute(p))})


def cpp_files(*prefixes):
    return files(*prefixes, suffixes=('.h', '.cc'))


def absolute(path):
    return os.path.join(ROOT, path)


def read(path):
    with open(absolute(path), errors='replace') as f:
        return f.read()


def finish(name, findings, checked):
    """Prints the findings, one a line, or one line of success; gives back the exit status."""
    for finding in findings:
        print(finding)
    if findings:
        print('%s: %d findings in %s' % (name, len(findings), checked))
    else:
        print('%s: %s' % (name, checked))
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit('tree.py is a library of the lints')
