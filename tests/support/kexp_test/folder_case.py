"""A folder of each test's own."""

import tempfile
import unittest
from pathlib import Path


class FolderCase(unittest.TestCase):
    """`self.folder` is empty at the start of each test, and gone after it."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
