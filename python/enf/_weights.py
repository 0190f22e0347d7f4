"""From samples and densities to averages, log Z, free energies, chains."""
from __future__ import annotations

import ctypes as C
from typing import Any

import numpy as np

from ._energy import as_energy
from ._flow import Flow
from ._library import array, call, pointer, struct

Weights = struct("Weights", "ess log_z log_z_err max_weight ess_clipped clipped_share n n_nonfinite ess_err "
                 "ess_clipped_err khat ess_smoothed n_tail", n=C.c_uint64, n_nonfinite=C.c_uint64, n_tail=C.c_uint64)
_JumpInfo = struct("_JumpInfo", "proposals accepted", proposals=C.c_uint64, accepted=C.c_uint64)


def reweight(logp: Any, u: Any) -> Any:
    """Importance weights exp(-u)/q of samples: .ess, .log_z, .log_z_err, .khat, ...; .logw (n), normalised.

    u in units of kT. Above khat 0.7 weights that decide may not have been seen yet.
    """
    logp, u, weights = array(logp), array(u), Weights()
    if logp.shape != u.shape or logp.ndim != 1:
        raise ValueError(f"logp and u are (n), not {logp.shape} and {u.shape}")
    weights.logw = np.empty(len(u))
    call("reweight", len(u), pointer(logp), pointer(u), pointer(weights.logw), C.byref(weights))
    return weights


def average(values: Any, logw: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Weighted means of values (n) or (n,m), and their standard errors."""
    values = array(values)
    table = values.reshape(len(values), -1)
    mean, error = np.empty(table.shape[1]), np.empty(table.shape[1])
    call("average", len(table), pointer(_weights(logw, len(table))), table.shape[1], pointer(table), pointer(mean), pointer(error))
    return (mean, error) if values.ndim > 1 else (mean[0], error[0])


def _weights(logw: Any, n: int) -> np.ndarray | None:
    return None if logw is None else array(logw, (n,))


def free_energy(inside: Any, logw: Any = None) -> tuple[float, float]:
    """F(state) - F(rest) in kT, and its error; inside (n): which samples are in the state."""
    inside = np.ascontiguousarray(inside, dtype=np.intc)
    difference, error = C.c_double(), C.c_double()
    call("free_energy", len(inside), pointer(_weights(logw, len(inside))), pointer(inside), C.byref(difference), C.byref(error))
    return difference.value, error.value


def surface(a: Any, b: Any, logw: Any = None, bins: int = 24) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Free energy over two angles (n) in kT, its standard error, both (bins,bins), and the edges (bins+1) from -pi to pi.

    0 is the lowest cell. A cell without samples has F infinity and no error: NaN; few samples have a rough one.
    """
    edges = np.linspace(-np.pi, np.pi, bins + 1)
    cell = [np.clip(np.digitize(array(angle), edges) - 1, 0, bins - 1) for angle in (a, b)]
    share, error = average((cell[0] * bins + cell[1])[:, None] == np.arange(bins * bins), logw)
    with np.errstate(divide="ignore", invalid="ignore"):
        energy, error = -np.log(share / share.max()), error / share
    return energy.reshape(bins, bins), error.reshape(bins, bins), edges


def bar(forward: Any, reverse: Any) -> tuple[float, float]:
    """Bennett's acceptance ratio of forward and reverse work in kT: the difference and its error."""
    forward, reverse, difference, error = array(forward), array(reverse), C.c_double(), C.c_double()
    call("bar", len(forward), pointer(forward), len(reverse), pointer(reverse), C.byref(difference), C.byref(error))
    return difference.value, error.value


def metropolis(logp: Any, u: Any, seed: int = 0, first: int = 0) -> tuple[np.ndarray, int]:
    """Independence Metropolis over samples: the number of the sample in every step (n), moves accepted."""
    logp, u, accepted = array(logp), array(u), C.c_uint64()
    state = np.empty(len(u), dtype=np.uintp)
    call("metropolis", seed, first, len(u), pointer(logp), pointer(u), pointer(state), C.byref(accepted))
    return state, accepted.value


class Walkers:
    """Walkers of a simulation that jump to samples of a flow, detailed balance kept.

    Between jumps set .x (n,N,D) to where dynamics went: energies and densities are then computed anew.
    """

    def __init__(self, flow: Flow, energy: Any, x: Any, seed: int = 0):
        self.flow, self.energy, self.seed = flow, as_energy(energy, flow.shape), seed
        self._counter, self.proposals, self.accepted = C.c_uint64(), 0, 0
        self.x = x

    @property
    def x(self) -> np.ndarray:
        return self._x

    @x.setter
    def x(self, x: Any) -> None:
        self._x = self.flow._rows(x).copy()
        self.u, self.logq = np.full(len(self._x), np.nan), np.full(len(self._x), np.nan)

    def jump(self, rounds: int = 1) -> np.ndarray:
        """Propose a sample to every walker, `rounds` times; where they are then (n,N,D)."""
        info = _JumpInfo()
        call("jump", self.flow, self.energy.callback, self.energy.user, self.seed, C.byref(self._counter), rounds,
             len(self._x), pointer(self._x), pointer(self.u), pointer(self.logq), C.byref(info))
        self.proposals, self.accepted = self.proposals + info.proposals, self.accepted + info.accepted
        return self._x
