"""Reduced energies u = U/kT: built-in ones, and functions of Python."""
from __future__ import annotations

import ctypes as C
import inspect
from typing import Any, Callable

import numpy as np

from ._library import EnergyFn, Handle, Options, array, call, context, guard, lib, pointer, struct

SimInfo = struct("SimInfo", "acceptance swap_acceptance autocorrelation mean_u mean_u_err virial virial_err step seconds "
                 "evaluations walkers rungs", evaluations=C.c_uint64, walkers=C.c_uint64, rungs=C.c_uint64)


class Energy(Handle):
    """Energy("lj13"), or Energy(fn, shape): fn(x) -> u, or (u, grad), with x (n,N,D), u (n), grad (n,N,D).

    A function with an argument `gradient` is told whether grad is wanted. A u that is not finite means
    "impossible": infinity, never a failure. What fn raises is raised from the call that needed the energy.
    """

    def __init__(self, spec: str | Callable, shape: tuple[int, int] | None = None):
        super().__init__("enf_energy_destroy")
        if isinstance(spec, str):
            call("energy_builtin", C.byref(self.pointer), spec.encode())
            self.shape = int(self.get("particles")), int(self.get("dimensions"))
            self.callback, self.user = C.cast(lib.enf_energy_eval, EnergyFn), self.pointer
            return
        if shape is None:
            raise ValueError("the shape (N,D) of the configurations is needed with a function")
        self.shape, self.function = tuple(shape), spec
        self._told = "gradient" in inspect.signature(spec).parameters
        self.callback, self.user = EnergyFn(guard(self._answer)), None

    def get(self, name: str) -> int | float:
        """A number about a built-in energy: "particles", "dimensions", "log_z", ..."""
        whole, real = C.c_int64(), C.c_double()
        if lib.enf_energy_get_int(self, name.encode(), C.byref(whole)) == 0:
            return whole.value
        if lib.enf_energy_get_real(self, name.encode(), C.byref(real)):
            raise KeyError(name)
        return real.value

    def _ask(self, x: np.ndarray, gradient: bool) -> tuple[np.ndarray, np.ndarray | None]:
        answer = self.function(x, gradient=gradient) if self._told else self.function(x)
        u, grad = answer if isinstance(answer, tuple) else (answer, None)
        if gradient and grad is None:
            raise TypeError("the energy's gradient is needed: its function must return (u, grad)")
        u = array(u)
        if u.shape != (len(x),):
            raise ValueError(f"the energy's function returned u of shape {u.shape} for {len(x)} configurations")
        return u, array(grad, x.shape) if gradient else None

    def _answer(self, user: Any, n: int, x: Any, u: Any, grad: Any) -> int:
        rows = np.ctypeslib.as_array(x, (n, *self.shape)).copy()
        energies, gradients = self._ask(rows, bool(grad))
        np.ctypeslib.as_array(u, (n,))[:] = energies
        if gradients is not None:
            np.ctypeslib.as_array(grad, (n, *self.shape))[:] = gradients
        return 0

    def __call__(self, x: Any, gradient: bool = False):
        """u (n), or (u, grad)."""
        x = array(x).reshape(-1, *self.shape)
        if not self.pointer:
            u, grad = self._ask(x, gradient)
            return (u, grad) if gradient else u
        u, grad = np.empty(len(x)), np.empty_like(x) if gradient else None
        lib.enf_energy_eval(self, len(x), pointer(x), pointer(u), pointer(grad))
        return (u, grad) if gradient else u

    def simulate(self, n: int, **options: Any) -> tuple[np.ndarray, Any]:
        """Equilibrium configurations (n,N,D) by Monte Carlo, and how it went; sim_seed=1, ..."""
        options = {"model_particles": self.shape[0], "model_dimensions": self.shape[1], **options}
        x, info = np.empty((n, *self.shape)), SimInfo()
        with context() as ctx:
            ctx.check(lib.enf_simulate(ctx, self.callback, self.user, Options(ctx, options), n, pointer(x), C.byref(info)))
        return x, info


def as_energy(energy: Any, shape: tuple[int, int]) -> Energy | None:
    return energy if energy is None or isinstance(energy, Energy) else Energy(energy, None if isinstance(energy, str) else shape)
