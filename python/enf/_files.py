"""Configurations in files, and what their molecules are like."""
from __future__ import annotations

import ctypes as C
import os
from typing import Any, Sequence

import numpy as np

from ._library import Handle, array, call, lib, pointer


def read(path: str | os.PathLike) -> tuple[np.ndarray, list[str] | None]:
    """An array of .npy, .npz, .xyz, .dcd or AMBER's NetCDF, and the atoms' labels, None if there are none."""
    handle = Handle("enf_array_destroy")
    call("array_read", C.byref(handle.pointer), os.fsencode(path))
    shape = tuple(lib.enf_array_shape(handle, k) for k in range(lib.enf_array_ndim(handle)))
    data = np.empty(shape)
    C.memmove(data.ctypes.data, lib.enf_array_data(handle), data.nbytes)
    labels = [lib.enf_array_label(handle, i).decode() for i in range(shape[1])] if len(shape) == 3 else []
    return data, labels if any(labels) else None


def write(path: str | os.PathLike, x: Any, labels: Sequence[str] | None = None) -> None:
    """Write .npy, or .xyz with the atoms' labels; the old file stays whole until the new one is complete."""
    x = array(x)
    if labels is not None and (x.ndim != 3 or len(labels) != x.shape[1]):
        raise ValueError(f"{len(labels)} labels for an array of shape {x.shape}")
    names = (C.c_char_p * len(labels))(*[label.encode() for label in labels]) if labels is not None else None
    call("array_write", os.fsencode(path), None, x.ndim, (C.c_size_t * x.ndim)(*x.shape), names, pointer(x))


def dihedrals(x: Any, atoms: Any) -> np.ndarray:
    """Torsions in (-pi, pi] of configurations (n,N,3): (n) for four atoms, (n,m) for (m,4) of them."""
    x, quads = array(x), np.ascontiguousarray(atoms, dtype=np.int32)
    table = quads.reshape(-1, 4)
    angles = np.empty((len(x), len(table)))
    call("dihedrals", len(x), x.shape[1], pointer(x), len(table), pointer(table), pointer(angles))
    return angles if quads.ndim > 1 else angles[:, 0]


def chirality(x: Any, centres: Any) -> np.ndarray:
    """Hands of stereocentres (m,4), an atom and three of its neighbours each, in configurations (n,N,3): (n,m) of +1, -1, 0."""
    x, quads = array(x), np.ascontiguousarray(centres, dtype=np.uintp).reshape(-1, 4)
    hand = np.empty((len(x), len(quads)), dtype=np.int32)
    call("chirality", len(x), x.shape[1], pointer(x), len(quads), pointer(quads), pointer(hand))
    return hand


def reflect(x: Any, logp: Any, centres: Any, wanted: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples of a flow of particles, which does not know left from right, as those of one hand.

    Mirror images are turned, and log 2 is added to log q of all that have the hands `wanted` (m) then. The third array (n) is
    1 or -1 for these, and 0 for samples of mixed hands, which are another molecule: give them u = infinity.
    """
    x, logp = array(x).copy(), array(logp).copy()
    quads = np.ascontiguousarray(centres, dtype=np.uintp).reshape(-1, 4)
    hands, state = np.ascontiguousarray(wanted, dtype=np.int32), np.empty(len(x), dtype=np.int32)
    if hands.shape != (len(quads),) or logp.shape != (len(x),):
        raise ValueError(f"{len(quads)} centres and {len(x)} samples, but hands of shape {hands.shape}, log q of {logp.shape}")
    call("reflect", len(x), x.shape[1], pointer(x), pointer(logp), len(quads), pointer(quads), pointer(hands), pointer(state))
    return x, logp, state


def element_numbers(symbols: Sequence[str]) -> np.ndarray:
    numbers = np.array([lib.enf_element_number(symbol.encode()) for symbol in symbols], dtype=np.int32)
    if (numbers < 0).any():
        raise ValueError(f"{symbols[int(np.argmin(numbers))]!r} is no element")
    return numbers


def kinds(symbols: Sequence[str], bonds: Any) -> np.ndarray:
    """Kinds (N) for model_species: alike are leaves of one element on one atom, never elements as such."""
    numbers, pairs = element_numbers(symbols), np.ascontiguousarray(bonds, dtype=np.uintp).reshape(-1, 2)
    kind = np.empty(len(numbers), dtype=np.int32)
    call("kinds_from_bonds", len(numbers), pointer(numbers), len(pairs), pointer(pairs), pointer(kind))
    return kind


def zmatrix(symbols: Sequence[str], bonds: Any, x: Any, keep: Any = ()) -> str:
    """The Z-matrix of a molecule, for model_zmatrix with model_space="molecule".

    x (n,N,3) are configurations; bonds in `keep` turn freely although they do not show it.
    """
    numbers, x = element_numbers(symbols), array(x)
    pairs, kept = (np.ascontiguousarray(b, dtype=np.uintp).reshape(-1, 2) for b in (bonds, keep))
    text = C.create_string_buffer(64 * len(numbers) + 64)
    call("zmatrix_from_bonds", len(numbers), pointer(numbers), len(pairs), pointer(pairs), len(x), pointer(x), len(kept),
         pointer(kept), len(text), C.cast(text, C.c_void_p))
    return text.value.decode()
