"""Inputs that nobody knew before the nonce was known: a counter hashed on the device, the same on every device.

Not a cipher: it has to be unforeseeable only until the nonce is out, and cheap enough to fill a GPU's memory.
"""

from __future__ import annotations

import hashlib

import torch

_ODD_1, _ODD_2, _ODD_3 = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15  # of splitmix64, as int64
CHUNK_WORDS = 1 << 24  # 128 MiB: what a device of any size has to spare


class Stream:
    """64-bit words number 0, 1, 2, ... of (nonce, label); any of them can be had alone."""

    def __init__(self, nonce: bytes, label: str, device: str) -> None:
        digest = hashlib.sha256(b"tensorgrid capability\0" + nonce + b"\0" + label.encode()).digest()
        self._key, self._step = (int.from_bytes(digest[i : i + 8], "big", signed=True) for i in (0, 8))
        self._device = device

    def at(self, places: torch.Tensor) -> torch.Tensor:
        """The words at these places; int64, of the places' shape."""
        x = places * _ODD_1
        x += self._key
        x ^= (x >> 30) & 0x3FFFFFFFF
        x *= _ODD_2
        x += self._step
        x ^= (x >> 27) & 0x1FFFFFFFFF
        x *= _ODD_3
        x ^= (x >> 31) & 0x1FFFFFFFF
        return x

    def fill(self, target: torch.Tensor, first: int = 0) -> None:
        """Words from `first` on into a contiguous int64 tensor of one dimension."""
        for start in range(0, target.numel(), CHUNK_WORDS):
            part = target[start : start + CHUNK_WORDS]
            begin = first + start
            places = torch.arange(begin, begin + part.numel(), dtype=torch.int64, device=self._device)
            part.copy_(self.at(places))

    def bytes_matrix(self, rows: int, columns: int) -> torch.Tensor:
        """int8 in [-128, 127]; rows x columns, of which the product is a multiple of 8."""
        words = torch.empty(rows * columns // 8, dtype=torch.int64, device=self._device)
        self.fill(words)
        return words.view(torch.int8).view(rows, columns)

    def float_matrix(self, rows: int, columns: int) -> torch.Tensor:
        """float32 in [-1, 1], with all 24 bits of their significands in use; rows x columns, an even number."""
        words = torch.empty(rows * columns // 2, dtype=torch.int64, device=self._device)
        self.fill(words)
        return words.view(torch.int32).view(rows, columns).to(torch.float32) * 2.0**-31
