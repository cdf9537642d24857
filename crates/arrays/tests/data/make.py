"""Makes the files of this folder: arrays of numpy that are read, and some that are refused.

    python make.py

Needs numpy 2.4 (`pip install numpy`).
"""

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def arrays(file, **named):
    """As numpy.savez_compressed, but the same bytes each time."""
    with zipfile.ZipFile(HERE / file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in named.items():
            entry = BytesIO()
            np.lib.format.write_array(entry, np.asanyarray(array))
            stamp = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            stamp.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(stamp, entry.getvalue())


def numbers():
    """Arrays of every type and layout, and the same in the types that the crate reads them as: bytes stay, other whole numbers have 32 bits."""
    floats = [[0.5, -2.25, 3.0], [1e-3, 65504.0, -0.0]]
    whole = [[1, 0, 100], [7, 127, 2]]
    named, expected = {}, {}
    for dtype in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8"):
        named[f"float_{dtype}"] = np.array(floats, dtype)
        expected[f"float_{dtype}"] = named[f"float_{dtype}"].astype("<f4")
    for dtype in ("i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8", ">u8"):
        sign = -1 if "i" in dtype else 1
        named[f"whole_{dtype}"] = np.array(whole).astype(dtype) * np.array(sign).astype(dtype)
        expected[f"whole_{dtype}"] = (np.array(whole) * sign).astype("u1" if dtype == "u1" else "<i4")
    named["truth"], expected["truth"] = np.array([True, False]), np.int32([1, 0])
    cube = np.arange(24).reshape(2, 3, 4)
    named["fortran"], expected["fortran"] = np.asfortranarray(cube.astype(">f8")), cube.astype("<f4")
    named["fortran_whole"], expected["fortran_whole"] = np.asfortranarray(cube[:, :, 0]), cube[:, :, 0].astype("<i4")
    named["scalar"], expected["scalar"] = np.float64(0.25), np.float32(0.25)
    named["empty"], expected["empty"] = np.zeros((0, 3)), np.zeros((0, 3), np.float32)
    arrays("numbers.npz", **named)
    arrays("numbers_expected.npz", **expected)
    arrays("complex.npz", z=np.array([1j]))
    arrays("texts.npz", words=np.array(["a", "bc"]))
    arrays("objects.npz", things=np.array([None, 1], object))
    arrays("records.npz", pairs=np.zeros(2, [("a", "<f4"), ("b", "<i4")]))
    arrays("long.npz", ids=np.array([[1, 2], [3, 2**31]]))
    arrays("huge.npz", x=np.asfortranarray([[1.0, 2.0], [3.0, 1e39]]))


numbers()
