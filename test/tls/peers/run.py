#!/usr/bin/env python3
"""Remora's TLS against other programs and hostile peers. Loopback only; see README.md.

run.py --remora PATH [PART OF A NAME]...

A test whose program is not installed says that it is skipped. Exit code 1: a test failed.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # The tree stays as it was checked out.

import hostile
import programs
import rotation
import world

CASES = programs.CASES + hostile.CASES + rotation.CASES


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--remora", required=True, help="the binary under test")
    parser.add_argument("only", nargs="*", help="parts of the names of tests")
    arguments = parser.parse_args()
    if not shutil.which("openssl"):
        print("skipped: openssl is not installed, which makes the certificates")
        return 0
    passed, failed = 0, []
    with tempfile.TemporaryDirectory(prefix="remora-tls-") as folder:
        scene = world.World(os.path.abspath(arguments.remora), folder)
        for test, needed in CASES:
            name = test.__name__
            if arguments.only and not any(part in name for part in arguments.only):
                continue
            missing = [program for program in needed if not shutil.which(program)]
            if missing:
                print(f"skipped {name}: {', '.join(missing)} is not installed", flush=True)
                continue
            begun = time.monotonic()
            try:
                note = test(scene)
            except Exception as error:  # pylint: disable=broad-exception-caught
                failed.append(name)
                print(f"FAILED  {name}: {type(error).__name__}: {error}", flush=True)
                continue
            passed += 1
            print(f"ok      {name} ({time.monotonic() - begun:.1f} s){': ' + note if note else ''}",
                  flush=True)
    if failed:
        print(f"test cases: {passed + len(failed)} | {passed} passed | {len(failed)} failed")
        return 1
    print(f"All tests passed (the last in {passed} test cases)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
