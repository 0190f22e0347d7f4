"""Trajectories of other formats as rows for a flow: python -m enf.convert TRAJECTORY... -o FILE (also: enf-convert).

XTC, TRR, HDF5 and whatever else mdtraj reads, or MDAnalysis where mdtraj is not installed, become .xyz with the
elements as labels, or .npy. Lengths are angstrom unless --unit says otherwise. Molecules that a periodic cell has cut
are made whole; what is chosen by --select is written, in the order of the file.
"""
from __future__ import annotations

import argparse
import importlib.util
import sys
from typing import Sequence

import numpy as np

from . import hosts
from ._files import write


def _refuse_cell() -> None:
    raise ValueError("the molecules are in a periodic cell and no bonds are known, so that they cannot be made whole: "
                     "give a topology with bonds, or --unwrapped if they are whole")


def _by_mdtraj(paths: Sequence[str], top: str | None, select: str | None, unit: str, unwrapped: bool):
    import mdtraj
    run = mdtraj.load(list(paths), top=top) if top else mdtraj.load(list(paths))
    if run.unitcell_lengths is not None and not unwrapped:
        if run.topology.n_bonds == 0 and run.n_atoms > 1:
            _refuse_cell()
        run.make_molecules_whole(inplace=True)
    if select:
        run = run.atom_slice(run.topology.select(select))
    return hosts.from_mdtraj(run, unit)[:2]


def _by_mdanalysis(paths: Sequence[str], top: str | None, select: str | None, unit: str, unwrapped: bool):
    import MDAnalysis
    from MDAnalysis import transformations
    universe = MDAnalysis.Universe(*([top] if top else []), *paths)
    if universe.trajectory.ts.dimensions is not None and not unwrapped:
        if not hasattr(universe, "bonds"):
            _refuse_cell()
        universe.trajectory.add_transformations(transformations.unwrap(universe.atoms))
    return hosts.from_mdanalysis(universe.select_atoms(select or "all"), unit)


def convert(paths: Sequence[str], output: str, top: str | None = None, select: str | None = None, unit: str = "angstrom",
            skip: int = 0, stride: int = 1, reader: str | None = None, unwrapped: bool = False) -> tuple[int, int]:
    """Write the configurations of the files to .xyz or .npy; how many, and of how many atoms.

    reader: "mdtraj" or "MDAnalysis", the former where it is installed.
    """
    readers = {"mdtraj": _by_mdtraj, "MDAnalysis": _by_mdanalysis}
    if reader is None:
        reader = next((name for name in readers if importlib.util.find_spec(name)), None)
    if reader not in readers:
        raise ValueError("neither mdtraj nor MDAnalysis is installed" if reader is None else
                         f"the reader is mdtraj or MDAnalysis, not {reader!r}")
    x, labels = readers[reader](paths, top, select, unit, unwrapped)
    x = np.ascontiguousarray(x[skip::stride])
    if x.size == 0:
        raise ValueError(f"nothing is left of {', '.join(paths)}: {len(x)} configurations of {x.shape[1]} atoms")
    write(output, x, labels if labels and output.endswith("xyz") else None)
    return x.shape[:2]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="enf-convert", description=__doc__.split("\n\n")[0])
    parser.add_argument("trajectory", nargs="+", help="files of one system, one run after the other")
    parser.add_argument("-o", "--output", required=True, help=".xyz, with elements, or .npy")
    parser.add_argument("--top", help="topology, where the trajectory has none (.pdb, ...)")
    parser.add_argument("--select", help="atoms, in the words of the package that reads: 'protein', 'resname LIG'")
    parser.add_argument("--unit", default="angstrom", choices=["angstrom", "nm", "bohr"])
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="leave out the first N configurations")
    parser.add_argument("--stride", type=int, default=1, metavar="N", help="take every N-th")
    parser.add_argument("--reader", choices=["mdtraj", "MDAnalysis"])
    parser.add_argument("--unwrapped", action="store_true", help="molecules in a periodic cell are whole: take them as they stand")
    a = parser.parse_args(arguments)
    try:
        n, atoms = convert(a.trajectory, a.output, a.top, a.select, a.unit, a.skip, a.stride, a.reader, a.unwrapped)
    except Exception as error:  # whatever the packages raise, a user reads a sentence
        print(f"enf-convert: {error}", file=sys.stderr)
        return 1
    print(f"{a.output}: {n} configurations of {atoms} atoms, in {a.unit}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
