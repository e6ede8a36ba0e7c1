#!/usr/bin/env python3
"""count_tests.py EVENTS_FILE BAZEL_STATUS

Adds up the Catch2 test cases of one `bazel test` run, from its build events, and prints
"N passed, N failed" as the last line. A test that ended without saying how many cases it ran
(crash, time-out, another framework) counts as one, and so does a build that failed.
Exit status: 0 when everything passed, else 1.
"""
import json
import re
import sys
import urllib.parse

_ALL_PASSED = re.compile(r'^All tests passed \(.*? in (\d+) test cases?\)', re.M)
_SOME_FAILED = re.compile(r'^test cases:\s*(\d+) \|(.*)$', re.M)
# Bazel's exit statuses that say nothing of the build: fine, tests failed, there was no test to run.
_BUILD_WAS_FINE = (0, 3, 4)


def count_cases(log, passed):
    """(passed, failed) test cases of one test's log; a test without Catch2's lines counts as one."""
    ok = bad = 0
    for match in _ALL_PASSED.finditer(log):
        ok += int(match.group(1))
    for match in _SOME_FAILED.finditer(log):
        failed = re.search(r'(\d+) failed(?! as expected)', match.group(2))
        failed = int(failed.group(1)) if failed else 0
        ok += int(match.group(1)) - failed
        bad += failed
    if passed and ok == 0:
        return 1, bad
    if not passed and bad == 0:
        return ok, 1
    return ok, bad


def read_log(result):
    for output in result.get('testActionOutput', []):
        if output.get('name') == 'test.log' and output.get('uri', '').startswith('file://'):
            path = urllib.parse.unquote(output['uri'][len('file://'):])
            with open(path, errors='replace') as f:
                return f.read()
    return ''


def main():
    events_file, status = sys.argv[1], int(sys.argv[2])
    ok = bad = 0
    failed_tests = []
    with open(events_file) as f:
        for line in f:
            event = json.loads(line)
            if 'testResult' not in event:
                continue
            passed = event['testResult'].get('status') == 'PASSED'
            good, wrong = count_cases(read_log(event['testResult']), passed)
            ok += good
            bad += wrong
            if not passed:
                failed_tests.append('%s (%s)' % (event['id']['testResult']['label'],
                                                 event['testResult'].get('status', 'unknown')))
    for name in sorted(failed_tests):
        print('failed: ' + name)
    if status not in _BUILD_WAS_FINE:
        print('failed: the build; the errors are above')
        bad += 1
    if ok + bad == 0:
        print('failed: no test was run')
        bad = 1
    print('%d passed, %d failed' % (ok, bad))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
