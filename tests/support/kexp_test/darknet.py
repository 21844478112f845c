"""A Darknet network of one layer: small, converted in no time, and it always finds the same."""

import struct
from pathlib import Path

_CFG = """[net]
width=32
height=32
channels=3

[convolutional]
filters=18
size=1
stride=8
pad=0
activation=linear

[yolo]
mask=0,1,2
anchors=4,4, 8,8, 16,16
classes=1
num=3
"""


def write_darknet(folder, weights=18 * 3 + 18):
    """tiny.cfg, tiny.names and tiny.weights in `folder`; its kernels are 0, its biases speak. The .cfg's path."""
    folder = Path(folder)
    (folder / "tiny.cfg").write_text(_CFG)
    (folder / "tiny.names").write_text("thing\n")
    biases = [0.0, 0.0, 0.0, 0.0, 4.0, 4.0] * 3
    numbers = (biases + [0.0] * weights)[:weights]
    (folder / "tiny.weights").write_bytes(struct.pack("<5i", 0, 2, 0, 0, 0) + struct.pack(f"<{weights}f", *numbers))
    return folder / "tiny.cfg"


def no_detector(onnx):
    """The bytes of a prepared model, with another task in its metadata."""
    assert b"detect" in onnx
    return onnx.replace(b"detect", b"pose!!")


def with_metadata(onnx, key, value):
    """The bytes of a model with one more entry in its metadata; both texts are shorter than 100 letters."""
    def field(tag, content):
        return bytes([tag, len(content)]) + content
    return onnx + field(0x72, field(0x0A, key.encode()) + field(0x12, value.encode()))
