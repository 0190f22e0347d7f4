"""A flow: its file, its samples, its density."""
from __future__ import annotations

import ctypes as C
import os
from typing import Any, Mapping

import numpy as np

from ._library import Error, Handle, Options, array, call, context, lib, pointer

_FAILED_SAMPLES = (-40, -41, -42)  # NONFINITE and the two of the integrator


class Flow(Handle):
    """A normalizing flow. Any number of threads may use it, as long as none trains it.

    Configurations are (n,N,D) arrays of doubles in the units of the data it was trained on; others are
    converted, and (n,N*D) is taken for it. Log-densities are natural logarithms on the mean-free subspace.

    Of samples that fail, the results are NaN with failures="nan"; "raise", the default, raises Error.
    """

    def __init__(self) -> None:
        super().__init__("enf_destroy")

    # -- making

    @classmethod
    def create(cls, **options: Any) -> "Flow":
        """A fresh flow: Flow.create(model_particles=4, model_dimensions=2, model_hidden=64)."""
        flow = cls()
        with context() as ctx:
            ctx.check(lib.enf_create(ctx, C.byref(flow.pointer), Options(ctx, options)))
        return flow

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Flow":
        flow = cls()
        call("load", C.byref(flow.pointer), os.fsencode(path))
        return flow

    @classmethod
    def from_bytes(cls, data: bytes) -> "Flow":
        flow = cls()
        call("load_memory", C.byref(flow.pointer), data, len(data))
        return flow

    def to_bytes(self) -> bytes:
        """The bytes of its file."""
        data, size = C.c_void_p(), C.c_size_t()
        with context() as ctx:
            ctx.check(lib.enf_save_memory(ctx, self, C.byref(data), C.byref(size)))
            try:
                return C.string_at(data, size.value)
            finally:
                lib.enf_free_memory(ctx, data)

    def __reduce__(self) -> tuple:
        return Flow.from_bytes, (self.to_bytes(),)

    def copy(self) -> "Flow":
        other = Flow()
        call("copy", C.byref(other.pointer), self)
        return other

    def at_temperature(self, temperature: float) -> "Flow":
        """The flow of one of its reduced temperatures (model.temperatures), weighed by u/temperature."""
        other = Flow()
        call("at_temperature", C.byref(other.pointer), self, temperature)
        return other

    def save(self, path: str | os.PathLike) -> None:
        """Write its file; the old one stays whole until the new one is complete."""
        call("save", self, os.fsencode(path))

    def prior_fit(self, x: Any) -> None:
        """Take from all rows x (n,N,D) what a training takes from its first batch else: the data scale, a molecule's centres and widths."""
        x = self._rows(x)
        call("prior_fit", self, len(x), pointer(x))

    # -- what it is

    def get(self, name: str) -> int | float | str:
        """A number about the flow ("particles", "data_scale", ...) or a model option as text ("model.field")."""
        whole, real, needed = C.c_int64(), C.c_double(), C.c_size_t()
        if lib.enf_get_int(self, name.encode(), C.byref(whole)) == 0:
            return whole.value
        if lib.enf_get_real(self, name.encode(), C.byref(real)) == 0:
            return real.value
        lib.enf_get_text(self, name.encode(), None, 0, C.byref(needed))
        text = C.create_string_buffer(max(needed.value, 1))
        if lib.enf_get_text(self, name.encode(), text, needed.value, None):
            raise KeyError(name)
        return text.value.decode()

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)"""
        return int(self.get("particles")), int(self.get("dimensions"))

    def __repr__(self) -> str:
        return f"<enf.Flow of {self.shape[0]} x {self.shape[1]}, {self.get('parameters')} parameters>"

    def meta(self, key: str) -> str | None:
        """A text that travels with the flow, None if there is none: "labels", "unit", "kT", or your own."""
        needed = C.c_size_t()
        lib.enf_meta_get(self, key.encode(), None, 0, C.byref(needed))
        text = C.create_string_buffer(max(needed.value, 1))
        return None if lib.enf_meta_get(self, key.encode(), text, needed.value, None) else text.value.decode()

    def set_meta(self, key: str, text: str | None) -> None:
        call("meta_set", self, key.encode(), None if text is None else text.encode())

    def parameters(self) -> dict[str, np.ndarray]:
        """All tensors by their names."""
        found: dict[str, np.ndarray] = {}
        name, rows, cols = C.c_char_p(), C.c_size_t(), C.c_size_t()
        while lib.enf_params_info(self, len(found), C.byref(name), C.byref(rows), C.byref(cols)) == 0:
            tensor = np.empty((rows.value, cols.value))
            call("params_get", self, name.value, pointer(tensor), tensor.size)
            found[name.value.decode()] = tensor
        return found

    def set_parameters(self, tensors: Mapping[str, Any]) -> None:
        for name, values in tensors.items():
            values = array(values)
            call("params_set", self, name.encode(), pointer(values), values.size)

    # -- what it does

    def _rows(self, x: Any) -> np.ndarray:
        N, D = self.shape
        x = array(x)
        if x.size % (N * D) or (x.ndim == 3 and x.shape[1:] != (N, D)):
            raise ValueError(f"x has shape {x.shape}, the flow takes (n,{N},{D})")
        return x.reshape(-1, N, D)

    def _call(self, name: str, failures: str, *arguments: Any) -> None:
        if failures not in ("raise", "nan"):
            raise ValueError(f"failures is 'raise' or 'nan', not {failures!r}")
        call(name, self, *arguments, allowed=_FAILED_SAMPLES if failures == "nan" else ())

    def sample(self, n: int, seed: int = 0, first: int = 0, log_prob: bool = True, failures: str = "raise"):
        """Samples first ... first+n-1 of the stream seed: x (n,N,D), and log q (n) unless log_prob=False.

        Any way of cutting a stream into calls, threads or processes gives the same samples, bit for bit.
        """
        x, logp = np.empty((n, *self.shape)), np.empty(n) if log_prob else None
        self._call("sample", failures, seed, first, n, pointer(x), pointer(logp))
        return (x, logp) if log_prob else x

    def log_prob(self, x: Any, failures: str = "raise") -> np.ndarray:
        """log q (n), exact."""
        x = self._rows(x)
        logp = np.empty(len(x))
        self._call("log_prob", failures, len(x), pointer(x), pointer(logp))
        return logp

    def log_prob_grad(self, x: Any, failures: str = "raise") -> tuple[np.ndarray, np.ndarray]:
        """log q (n) and its gradient by x (n,N,D)."""
        x = self._rows(x)
        logp, grad = np.empty(len(x)), np.empty_like(x)
        self._call("log_prob_grad", failures, len(x), pointer(x), pointer(logp), pointer(grad))
        return logp, grad

    def log_prob_estimate(self, x: Any, seed: int = 0, failures: str = "raise") -> tuple[np.ndarray, np.ndarray]:
        """Hutchinson's estimate of log q (n) and its variance (n)."""
        x = self._rows(x)
        logp, variance = np.empty(len(x)), np.empty(len(x))
        self._call("log_prob_estimate", failures, len(x), pointer(x), seed, pointer(logp), pointer(variance))
        return logp, variance

    def velocity(self, t: Any, x: Any, divergence: bool = False, failures: str = "raise"):
        """The velocity at times t (n), or one for all: v (n,N,D), with divergence=True also div v (n)."""
        x = self._rows(x)
        t = array(np.broadcast_to(t, len(x)))
        v, div = np.empty_like(x), np.empty(len(x)) if divergence else None
        self._call("velocity", failures, len(x), pointer(t), pointer(x), pointer(v), pointer(div))
        return (v, div) if divergence else v

    def transport(self, x: Any, t0: float = 0.0, t1: float = 1.0, logdet: bool = True, failures: str = "raise"):
        """Carry x from t0 to t1 (prior 0, data 1): y (n,N,D), and log |dy/dx| (n) unless logdet=False."""
        x = self._rows(x)
        y, det = np.empty_like(x), np.empty(len(x)) if logdet else None
        self._call("transport", failures, len(x), t0, t1, pointer(x), pointer(y), pointer(det))
        return (y, det) if logdet else y


__all__ = ["Flow", "Error"]
