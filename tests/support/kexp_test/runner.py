"""The end of every test program."""

import signal
import sys
import unittest

SKIPPED = 77  # ctest's SKIP_RETURN_CODE


def main():
    """unittest.main(), with exit code 77 when every test was skipped, and cleaned up after SIGTERM too."""
    # KeyboardInterrupt is the one exception that unittest lets through; then `with` blocks and atexit clean up.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if result.skipped and len(result.skipped) >= result.testsRun else 0)
