#!/usr/bin/env python3
"""corpus_check.py --corpus DIR --remora BINARY [--bucket p0,p1] [--only WORD] [--verbose]

Runs BINARY --mode validate on every configuration of a corpus of real files, each with the verdict
that Envoy gave on it (DIR/manifest.json), and prints how many load for each bucket.

Not every file has to load: what is not built yet is refused. It fails when

- a file crashes the binary or gets no answer in time;
- a file that Envoy refuses loads, unless ACCEPTED says why;
- a refusal names no place (file:line:column) and field;
- a file of bucket p0 that Envoy accepts is refused for anything else than a feature that is not
  supported.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

# Files that Envoy refuses and that load here: name to reason.
ACCEPTED = {
}
# Files that Envoy loads and that are refused here for more than a missing feature: name to reason.
REFUSED = {
    'configs/envoyproxy-examples__dynamic-config-fs-envoy.yaml':
        'the files of its sources are not there',
    'configs/envoyproxy-nighthawk__configurations-dynamic_resources.yaml':
        'the files of its sources are not there',
    'configs/kumahq-kuma__testdata-with-resources.yaml':
        'a static secret whose environment variable is missing is a fault, used or not',
}

_UNSUPPORTED = ('not supported', "Didn't find a registered implementation")
# What stands behind `file:`. An error about the text itself (YAML, JSON) has no field.
_PLACE = re.compile(r'^\d+:\d+: (?P<rest>.*)$')
_FIELD = re.compile(r'^[a-z][A-Za-z0-9_]*(?:\[(?:"[^"]*"|[^\]]*)\]|\.[A-Za-z0-9_@]+)*: ')


class Outcome:
    def __init__(self, verdict, lines, name):
        self.verdict = verdict
        # What is wrong, without the file's name.
        self.errors = [line[len(name) + 1:] for line in lines if line.startswith(name + ':')]
        self.said = ' / '.join(lines[-3:])

    def places(self):
        return [m for m in map(_PLACE.match, self.errors) if m]


def run(binary, corpus, entry, limit):
    with open(os.path.join(corpus, entry['file']), newline='') as f:
        text = f.read()
    for folder in ('certs', 'aux'):
        text = text.replace('{{%s}}' % folder, os.path.join(corpus, folder))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, os.path.basename(entry['file']))
        with open(path, 'w', newline='') as f:
            f.write(text)
        try:
            done = subprocess.run([binary, '--mode', 'validate', '-c', path], cwd=folder,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=limit)
        except subprocess.TimeoutExpired:
            return Outcome('no answer in %d s' % limit, [], entry['file'])
    said = done.stdout.decode(errors='replace').replace(path, entry['file'])
    lines = [line for line in said.split('\n') if line.strip()]
    if done.returncode < 0:
        return Outcome('ended by signal %d' % -done.returncode, lines, entry['file'])
    return Outcome('ok' if done.returncode == 0 else 'reject', lines, entry['file'])


def faults(entry, outcome):
    """What is wrong with this outcome; nothing when it is as it should be."""
    refused = entry['verdict'] == 'reject'
    if outcome.verdict not in ('ok', 'reject'):
        yield outcome.verdict
    elif outcome.verdict == 'ok':
        if refused and entry['file'] not in ACCEPTED:
            yield 'loads, but Envoy refuses it: %s' % entry['envoy_error'][-200:]
        return
    elif not outcome.places():
        yield 'the refusal names no file:line:column'
    elif not refused and not any(_FIELD.match(m.group('rest')) for m in outcome.places()):
        yield 'the refusal names no field'
    if (outcome.verdict == 'reject' and entry['bucket'] == 'p0' and not refused
            and entry['file'] not in REFUSED):
        for error in outcome.errors:
            if not any(words in error for words in _UNSUPPORTED):
                yield 'refused for something else than an unsupported feature: %s' % error


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--corpus', required=True, metavar='DIR')
    parser.add_argument('--remora', required=True, metavar='BINARY')
    parser.add_argument('--bucket', default='', help='only these, with commas between')
    parser.add_argument('--only', default='', metavar='WORD', help='files whose name contains WORD')
    parser.add_argument('--limit', type=int, default=20, metavar='SECONDS', help='for one file')
    parser.add_argument('--verbose', action='store_true', help='print every refusal')
    options = parser.parse_args()
    corpus = os.path.abspath(options.corpus)
    binary = os.path.abspath(options.remora)
    with open(os.path.join(corpus, 'manifest.json')) as f:
        entries = [e for e in json.load(f) if options.only in e['file'] and
                   (not options.bucket or e['bucket'] in options.bucket.split(','))]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        outcomes = list(pool.map(lambda e: run(binary, corpus, e, options.limit), entries))

    wrong = 0
    rates = {}
    for entry, outcome in zip(entries, outcomes):
        rate = rates.setdefault(entry['bucket'], {}).setdefault(entry['verdict'], [0, 0])
        rate[0] += outcome.verdict == entry['verdict']
        rate[1] += 1
        if options.verbose and outcome.verdict == 'reject':
            print('%s\n  %s' % (entry['file'], '\n  '.join(outcome.errors)))
        found = list(faults(entry, outcome))
        wrong += bool(found)
        for fault in found:
            print('%s: %s' % (entry['file'], fault))
    for bucket, rate in sorted(rates.items()):
        print('%s: %s' % (bucket, ', '.join(
            '%d of %d %s' % (*rate[verdict], 'loaded' if verdict == 'ok' else 'refused as by Envoy')
            for verdict in ('ok', 'reject') if verdict in rate)))
    for name in sorted(set(ACCEPTED) - {e['file'] for e in entries}):
        if not options.bucket and not options.only:
            wrong += 1
            print('%s: in ACCEPTED, but not in the corpus' % name)
    print('corpus: %d files, %d not as they should be' % (len(entries), wrong))
    return 1 if wrong or not entries else 0


if __name__ == '__main__':
    sys.exit(main())
