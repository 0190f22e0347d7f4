"""Energies and trajectories of other packages, each imported only where it is used.

Energies are reduced, u = U/kT, and take configurations in `unit`: "nm", "angstrom" or "bohr", the unit of
the rows that the flow is trained on. A configuration that a package cannot take (atoms in one place, a
cycle that does not converge) has u = infinity, weight 0, and is counted in .failed; failures="raise"
raises what the package raised.
"""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np

_ANGSTROM = {"nm": 10.0, "angstrom": 1.0, "bohr": 0.529177210903}
_GAS = 8.31446261815324e-3  # kJ/mol/K
_EV, _HARTREE = 8.617333262e-5, 3.166811563e-6  # Boltzmann's constant in eV/K, hartree/K


def _length(of: str, to: str) -> float:
    """How long one `of` is in `to`."""
    if of not in _ANGSTROM:
        raise ValueError(f"lengths are in nm, angstrom or bohr, not {of!r}")
    return _ANGSTROM[of] / _ANGSTROM[to]


class _OneByOne:
    """An energy that asks a package for one configuration after the other; made for enf.Energy."""

    def __init__(self, kT: float, scale: float, failures: str):
        if failures not in ("infinity", "raise"):
            raise ValueError(f"failures is 'infinity' or 'raise', not {failures!r}")
        if not kT > 0:
            raise ValueError(f"the temperature must be above 0, kT is {kT}")
        self.kT, self.scale, self.failures, self.failed = kT, scale, failures, 0

    def one(self, x: np.ndarray, gradient: bool) -> tuple[float, np.ndarray | None]:
        """Energy and gradient in the package's units, of x in its unit of length."""
        raise NotImplementedError

    def _try(self, x: np.ndarray, gradient: bool) -> tuple[float, np.ndarray | None]:
        try:
            if not np.isfinite(x).all():
                raise ValueError("coordinates are not finite")
            return self.one(x, gradient)
        except Exception:
            if self.failures == "raise":
                raise
            return np.inf, None

    def __call__(self, x: Any, gradient: bool = False):
        x = np.asarray(x, dtype=float)
        u, grad = np.empty(len(x)), np.zeros_like(x) if gradient else None
        for i, row in enumerate(x):
            energy, slope = self._try(row * self.scale, gradient)
            u[i] = energy / self.kT if np.isfinite(energy) else np.inf
            self.failed += not np.isfinite(energy)
            if grad is not None and slope is not None:
                grad[i] = slope * (self.scale / self.kT)
        return (u, grad) if gradient else u


class OpenMM(_OneByOne):
    """Energies of an openmm.Context (or a Simulation's) at a temperature in kelvin."""

    def __init__(self, context: Any, temperature: float, unit: str = "nm", failures: str = "infinity"):
        super().__init__(_GAS * temperature, _length(unit, "nm"), failures)
        self.context = getattr(context, "context", context)

    def one(self, x: np.ndarray, gradient: bool) -> tuple[float, np.ndarray | None]:
        self.context.setPositions(x)
        state = self.context.getState(getEnergy=True, getForces=gradient)
        energy = state.getPotentialEnergy()._value
        return energy, -state.getForces(asNumpy=True)._value if gradient else None


class ASE(_OneByOne):
    """Energies of ase.Atoms with a calculator at a temperature in kelvin."""

    def __init__(self, atoms: Any, temperature: float, unit: str = "angstrom", failures: str = "infinity"):
        super().__init__(_EV * temperature, _length(unit, "angstrom"), failures)
        self.atoms = atoms

    def one(self, x: np.ndarray, gradient: bool) -> tuple[float, np.ndarray | None]:
        self.atoms.set_positions(x)
        return self.atoms.get_potential_energy(), -self.atoms.get_forces() if gradient else None


class XTB(_OneByOne):
    """GFN-xTB energies through tblite at a temperature in kelvin; elements as symbols or numbers."""

    def __init__(self, elements: Sequence, temperature: float, method: str = "GFN2-xTB", unit: str = "angstrom",
                 failures: str = "infinity", charge: int = 0):
        super().__init__(_HARTREE * temperature, _length(unit, "bohr"), failures)
        from ._files import element_numbers
        symbols = all(isinstance(element, str) for element in elements)
        self.numbers = element_numbers(elements) if symbols else np.asarray(elements)
        self.method, self.charge, self._calculator = method, charge, None

    def _make(self, x: np.ndarray) -> Any:
        from tblite.interface import Calculator
        made = Calculator(self.method, self.numbers, x, charge=float(self.charge))
        made.set("verbosity", 0)
        return made

    def one(self, x: np.ndarray, gradient: bool) -> tuple[float, np.ndarray | None]:
        if self._calculator is None:
            self._calculator = self._make(x)
        try:
            self._calculator.update(positions=x)
            result = self._calculator.singlepoint()
        except Exception:
            self._calculator = None  # it may be spoilt
            raise
        return float(result.get("energy")), result.get("gradient") if gradient else None


def calculator(flow: Any, temperature: float, unit: str = "angstrom") -> Any:
    """An ASE calculator whose energy is -kT log q of the flow, at a temperature in kelvin."""
    from ase.calculators.calculator import Calculator, all_changes

    class FlowCalculator(Calculator):
        implemented_properties = ["energy", "forces"]

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            scale, kT = _length("angstrom", unit), _EV * temperature
            logp, grad = flow.log_prob_grad(self.atoms.get_positions()[None] * scale)
            self.results = {"energy": -kT * logp[0], "forces": kT * scale * grad[0]}

    return FlowCalculator()


# ---- trajectories --------------------------------------------------------------------------------

def from_mdtraj(trajectory: Any, unit: str = "angstrom") -> tuple[np.ndarray, list[str], np.ndarray]:
    """Configurations (n,N,3), element symbols (N) and bonds (B,2) of an mdtraj.Trajectory."""
    topology = trajectory.topology
    symbols = [atom.element.symbol for atom in topology.atoms]
    bonds = np.array([(a.index, b.index) for a, b in topology.bonds], dtype=np.uintp).reshape(-1, 2)
    return np.asarray(trajectory.xyz, dtype=float) * _length("nm", unit), symbols, bonds


def to_mdtraj(x: Any, topology: Any, unit: str = "angstrom") -> Any:
    """An mdtraj.Trajectory of configurations (n,N,3)."""
    import mdtraj
    return mdtraj.Trajectory(np.asarray(x) * _length(unit, "nm"), topology)


def from_mdanalysis(atoms: Any, unit: str = "angstrom", start: int | None = None, stop: int | None = None,
                    step: int | None = None) -> tuple[np.ndarray, list[str]]:
    """Configurations (n,N,3) of an MDAnalysis AtomGroup along its trajectory, and element symbols or names (N)."""
    frames = [atoms.positions.astype(float) for _ in atoms.universe.trajectory[start:stop:step]]
    labels = atoms.elements if hasattr(atoms, "elements") else atoms.names if hasattr(atoms, "names") else []
    return np.stack(frames) * _length("angstrom", unit), [str(label) for label in labels]


def to_mdanalysis(x: Any, atoms: Any = None, unit: str = "angstrom") -> Any:
    """An MDAnalysis Universe with configurations (n,N,3); with the topology of an AtomGroup, if one is given."""
    import MDAnalysis
    x = np.asarray(x, dtype=np.float32) * np.float32(_length(unit, "angstrom"))
    universe = MDAnalysis.Merge(atoms) if atoms is not None else MDAnalysis.Universe.empty(x.shape[1], trajectory=True)
    universe.load_new(x, order="fac")
    return universe
