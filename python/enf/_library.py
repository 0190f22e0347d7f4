"""The shared library by ctypes: its functions, a context for every call, errors, options.

A call releases Python's lock. Contexts belong to threads: each thread has a few of its own, one for every
call that is under way, so a callback may use the library again. What a callback raises ends the call and
is raised from it; so is Ctrl-C, which a progress callback lets through.
"""
from __future__ import annotations

import contextlib
import ctypes as C
import ctypes.util
import os
import signal
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

import numpy as np

_NAME = "libenf.so.0"


def _open() -> C.CDLL:
    """ENF_LIBRARY, the library inside the package, or the system's."""
    inside = Path(__file__).with_name(_NAME)
    asked = os.environ.get("ENF_LIBRARY")
    return C.CDLL(asked or (str(inside) if inside.exists() else ctypes.util.find_library("enf") or _NAME))


lib = _open()

EnergyFn = C.CFUNCTYPE(C.c_int, C.c_void_p, C.c_size_t, C.POINTER(C.c_double), C.POINTER(C.c_double),
                       C.POINTER(C.c_double))
ProgressFn = C.CFUNCTYPE(C.c_int, C.c_void_p, C.c_uint64, C.c_uint64)

# Arguments: P a pointer, I u d z: int64, uint64, double, size_t, s a text, E an energy, i an int.
_LETTERS = dict(P=C.c_void_p, I=C.c_int64, u=C.c_uint64, d=C.c_double, z=C.c_size_t, s=C.c_char_p, E=EnergyFn,
                i=C.c_int, F=C.c_void_p)
_STATUS = """
ctx_create PP|ctx_configure PP|ctx_stat PsP|opts_create PP|opts_set Pss|opts_info zP|create PPP|load PPs|save PPs|prior_fit PPzP
load_memory PPPz|save_memory PPPP|copy PPP|get_int PsP|get_real PsP|get_text PsPzP|meta_set PPss|meta_get PsPzP
params_info PzPPP|params_get PPsPz|params_set PPsPz|log_prob PPzPP|log_prob_grad PPzPPP|log_prob_estimate PPzPuPP
sample PPuuzPP|transport PPzddPPP|velocity PPzPPPP|trainer_create PPPP|trainer_set_energy PEP
train_step_tempered PPzPPPP|at_temperature PPPd|trainer_rows PzzP|trainer_get_int PsP|trainer_save PPs|trainer_load PPPs|fit PPzPPFPP
energy_builtin PPs|energy_get_int PsP|energy_get_real PsP|simulate PEPPzPP|reweight PzPPPP|weights_smooth PzPPP
metropolis PuuzPPPP|bar PzPzPPP|free_energy PzPPPP|average PzPzPPP|jump PPEPuPzzPPPP|dihedrals PzzPzPP
chirality PzzPzPP|reflect PzzPPzPPP
kinds_from_bonds PzPzPP|zmatrix_from_bonds PzPzPzPzPzP|array_read PPs|array_write PsszPPP
"""


def _declare() -> None:
    for row in _STATUS.replace("|", "\n").split("\n"):
        if row:
            name, letters = row.split()
            function = getattr(lib, "enf_" + name)
            function.restype, function.argtypes = C.c_int32, [_LETTERS[letter] for letter in letters]
    for name in "ctx_destroy opts_destroy destroy trainer_destroy energy_destroy array_destroy".split():
        getattr(lib, "enf_" + name).restype = None
        getattr(lib, "enf_" + name).argtypes = [C.c_void_p]
    for name, result, arguments in (
            ("version", C.c_char_p, []), ("strerror", C.c_char_p, [C.c_int32]), ("ctx_errmsg", C.c_char_p, [C.c_void_p]),
            ("opts_errmsg", C.c_char_p, [C.c_void_p]), ("array_label", C.c_char_p, [C.c_void_p, C.c_size_t]),
            ("array_ndim", C.c_size_t, [C.c_void_p]), ("array_shape", C.c_size_t, [C.c_void_p, C.c_size_t]),
            ("array_data", C.c_void_p, [C.c_void_p]), ("element_number", C.c_int32, [C.c_char_p]),
            ("free_memory", None, [C.c_void_p, C.c_void_p]), ("ctx_set_progress", None, [C.c_void_p, ProgressFn, C.c_void_p]),
            ("energy_eval", C.c_int, [C.c_void_p, C.c_size_t, C.c_void_p, C.c_void_p, C.c_void_p])):
        function = getattr(lib, "enf_" + name)
        function.restype, function.argtypes = result, arguments


_declare()
__version__: str = lib.enf_version().decode()


class Error(RuntimeError):
    """A call failed: the library's sentence, and its number as .status (include/enf/status.h)."""

    def __init__(self, status: int, text: str = ""):
        super().__init__(text or lib.enf_strerror(status).decode())
        self.status = status


class Struct(C.Structure):
    """A public struct that begins with its size."""

    def __init__(self) -> None:
        super().__init__(C.sizeof(type(self)))

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name, *_ in self._fields_ if name != "struct_size"}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.as_dict().items())})"


def struct(name: str, text: str, **members: Any) -> type:
    """A struct of doubles, and of members with another type."""
    fields = [("struct_size", C.c_size_t)] + [(word, members.get(word, C.c_double)) for word in text.split()]
    return type(name, (Struct,), {"_fields_": fields})


class Handle:
    """An object of the library, and what destroys it."""

    def __init__(self, destroy: str):
        self.pointer, self._destroy = C.c_void_p(), getattr(lib, destroy)

    @property
    def _as_parameter_(self) -> C.c_void_p:
        return self.pointer

    def __del__(self) -> None:
        if getattr(self, "pointer", None):
            self._destroy(self.pointer)
            self.pointer = C.c_void_p()


# ---- contexts ------------------------------------------------------------------------------------

_local = threading.local()
_settings: dict[str, Any] = {}


class _Interrupts:
    """Ctrl-C during a call of the main thread: noted, and raised where it is safe.

    An exception that springs while Python enters a callback would be lost, so none springs: the progress
    callback, during which Python looks for signals, ends the call, and the call raises. Only in a callback's
    own code it springs at once. A handler of the program's own is left alone.
    """

    def __init__(self) -> None:
        self.pending, self.in_callback = False, False

    def note(self, signum: int, frame: Any) -> None:
        self.pending = True
        if self.in_callback:
            self.raise_pending()

    def raise_pending(self) -> None:
        if self.pending and threading.current_thread() is threading.main_thread():
            self.pending = False
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        ours = (threading.current_thread() is threading.main_thread()
                and signal.getsignal(signal.SIGINT) in (signal.default_int_handler, self.note))
        if not ours:
            yield
            return
        before, outside = signal.signal(signal.SIGINT, self.note), self.in_callback
        self.in_callback = False
        try:
            yield
        finally:
            self.in_callback = outside
            signal.signal(signal.SIGINT, before)
        self.raise_pending()


_interrupts = _Interrupts()


def guard(function: Callable[..., int], failed: int = 1) -> Callable[..., int]:
    """A callback whose exceptions are kept for the call that it belongs to; it then answers `failed`."""
    def call(*arguments: Any) -> int:
        main = threading.current_thread() is threading.main_thread()
        try:
            _interrupts.in_callback |= main
            return function(*arguments)
        except BaseException as error:  # KeyboardInterrupt too
            _local.raised = error
            return failed
        finally:
            _interrupts.in_callback &= not main
    return call


_progress = ProgressFn(lambda user, done, total: int(_interrupts.pending and
                                                     threading.current_thread() is threading.main_thread()))


class Context(Handle):
    def __init__(self) -> None:
        super().__init__("enf_ctx_destroy")
        status = lib.enf_ctx_create(C.byref(self.pointer), None)
        if status:
            raise Error(status)
        lib.enf_ctx_set_progress(self, _progress, None)
        self.settings: dict[str, Any] = {}

    def configure(self) -> "Context":
        if self.settings != _settings:
            self.check(lib.enf_ctx_configure(self, Options(self, _settings)))
            self.settings = dict(_settings)
        return self

    def check(self, status: int, allowed: tuple[int, ...] = ()) -> int:
        _interrupts.raise_pending()
        raised, _local.raised = getattr(_local, "raised", None), None
        if raised is not None:
            raise raised
        if status and status not in allowed:
            raise Error(status, lib.enf_ctx_errmsg(self).decode())
        return status

    def stat(self, name: str) -> float:
        value = C.c_double()
        lib.enf_ctx_stat(self, name.encode(), C.byref(value))
        return value.value


@contextlib.contextmanager
def context() -> Iterator[Context]:
    """A context of this thread that no call uses."""
    idle = _local.__dict__.setdefault("idle", [])
    ctx = idle.pop() if idle else Context()
    try:
        with _interrupts.caught():
            yield ctx.configure()
        _local.__dict__["last"] = {name: ctx.stat(name) for name in ("failed", "steps", "velocities", "divergences",
                                                                     "logdet_error", "seconds")}
    finally:
        idle.append(ctx)


def call(name: str, *arguments: Any, allowed: tuple[int, ...] = ()) -> int:
    """enf_<name>(ctx, *arguments)."""
    with context() as ctx:
        return ctx.check(getattr(lib, "enf_" + name)(ctx, *arguments), allowed)


def last_call() -> dict[str, float]:
    """What this thread's last call did: samples that failed, steps, evaluations, error of log q, seconds."""
    return dict(_local.__dict__.get("last", {}))


# ---- options -------------------------------------------------------------------------------------

class Options(Handle):
    """A bag of options: model_hidden=64 is model.hidden."""

    def __init__(self, ctx: Context, options: dict[str, Any]):
        super().__init__("enf_opts_destroy")
        ctx.check(lib.enf_opts_create(ctx, C.byref(self.pointer)))
        for name, value in options.items():
            status = lib.enf_opts_set(self, option_name(name).encode(), option_text(value).encode())
            if status:
                raise Error(status, lib.enf_opts_errmsg(self).decode())


def option_name(name: str) -> str:
    return name if "." in name else name.replace("_", ".", 1)


def option_text(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "on" if value else "off"
    if isinstance(value, (list, tuple, np.ndarray)):
        return " ".join(option_text(v) for v in value)
    return repr(value) if isinstance(value, float) else str(value)


def configure(**options: Any) -> None:
    """Options of all calls: run_threads=4, run_precision="float64", ode_rtol=1e-7, ...; checked at once."""
    before = dict(_settings)
    _settings.update(options)
    try:
        with context():
            pass
    except Error:
        _settings.clear()
        _settings.update(before)
        raise


# ---- arrays --------------------------------------------------------------------------------------

def array(values: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Doubles in C order, without a copy where they are that already."""
    made = np.ascontiguousarray(values, dtype=np.float64)
    return made if shape is None else made.reshape(shape)


def pointer(values: np.ndarray | None) -> int | None:
    return None if values is None else values.ctypes.data
