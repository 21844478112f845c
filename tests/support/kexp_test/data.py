"""The golden data, which is not part of the source tree."""

import os
import unittest
from pathlib import Path

from .processes import ROOT


def require(found, reason):
    """Skips the test unless `found`; where KEXP_REQUIRE_TEST_DATA=1 (continuous integration) it fails instead."""
    if found:
        return
    if os.environ.get("KEXP_REQUIRE_TEST_DATA") == "1":
        raise AssertionError(f"{reason}, and KEXP_REQUIRE_TEST_DATA=1 does not allow to skip")
    raise unittest.SkipTest(reason)


def test_data():
    """The folder that KEXP_TEST_DATA names, else `shared` beside the checkout; None where there is none."""
    folder = Path(os.environ.get("KEXP_TEST_DATA") or ROOT.parent / "shared")
    return folder if folder.is_dir() else None


test_data.__test__ = False  # not a test, whatever a test collector thinks of its name


def require_test_data(_testcase=None):
    """`test_data()`; skips the calling test where there is none."""
    folder = test_data()
    require(folder, "no golden data: set KEXP_TEST_DATA")
    return folder
