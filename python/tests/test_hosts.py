"""Adapters against the packages they are for; those that are not installed are skipped."""
import importlib.util
import unittest

import numpy as np

import enf
from enf import hosts


def needs(*packages):
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    return unittest.skipIf(missing, f"{', '.join(missing)} not installed")


def differences(energy, x, step):
    """The gradient by x of every coordinate, one by one."""
    grad = np.zeros_like(x)
    for index in np.ndindex(*x.shape[1:]):
        for sign in (1, -1):
            y = x.copy()
            y[(slice(None), *index)] += sign * step
            grad[(slice(None), *index)] += sign * energy(y) / (2 * step)
    return grad


class Units(unittest.TestCase):
    def test_wrong_words_are_refused(self):
        with self.assertRaisesRegex(ValueError, "nm, angstrom or bohr"):
            hosts.OpenMM(None, 300, unit="pm")
        with self.assertRaisesRegex(ValueError, "temperature must be above 0"):
            hosts.OpenMM(None, 0)
        with self.assertRaisesRegex(ValueError, "'infinity' or 'raise'"):
            hosts.OpenMM(None, 300, failures="ignore")


@needs("openmm")
class OpenMM(unittest.TestCase):
    def context(self):
        import openmm
        system = openmm.System()
        for _ in range(3):
            system.addParticle(12.0)
        bonds, angles = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
        bonds.addBond(0, 1, 0.15, 2e4), bonds.addBond(1, 2, 0.15, 2e4)
        angles.addAngle(0, 1, 2, 1.9, 300.0)
        system.addForce(bonds), system.addForce(angles)
        return openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))

    def test_energies_are_reduced_in_every_unit(self):
        x = np.array([[[0.0, 0, 0], [0.16, 0, 0], [0.2, 0.14, 0]]])
        kT = 8.31446261815324e-3 * 300
        expected = 0.5 * 2e4 * (0.01**2 + (np.hypot(0.04, 0.14) - 0.15) ** 2)
        a, b = x[0, 0] - x[0, 1], x[0, 2] - x[0, 1]
        expected += 0.5 * 300 * (np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) - 1.9) ** 2
        for unit, scale in (("nm", 1.0), ("angstrom", 10.0), ("bohr", 18.897261246)):
            energy = enf.Energy(hosts.OpenMM(self.context(), 300, unit), (3, 3))
            u, grad = energy(x * scale, gradient=True)
            self.assertLess(abs(u[0] * kT / expected - 1), 1e-6)
            self.assertLess(abs(grad - differences(energy, x * scale, 1e-5 * scale)).max() * scale, 1e-2)

    def test_impossible_configurations_have_infinite_energy(self):
        one = hosts.OpenMM(self.context(), 300)
        u, _ = enf.Energy(one, (3, 3))(np.full((1, 3, 3), np.nan), gradient=True)
        self.assertEqual((u[0], one.failed), (np.inf, 1))
        with self.assertRaises(ValueError):
            enf.Energy(hosts.OpenMM(self.context(), 300, failures="raise"), (3, 3))(np.full((1, 3, 3), np.nan))


@needs("ase")
class ASE(unittest.TestCase):
    def test_energies_and_calculators_are_one_another(self):
        import ase
        flow = enf.Flow.create(model_particles=3, model_hidden=8, model_layers=1, model_data_scale=1)
        atoms = ase.Atoms("Ar3", positions=[[0, 0, 0], [1.5, 0, 0], [0, 1.2, 0]])
        atoms.calc = hosts.calculator(flow, 300)
        energy = enf.Energy(hosts.ASE(atoms, 300), (3, 3))
        x = flow.sample(2, seed=1, log_prob=False)
        u, grad = energy(x, gradient=True)
        logp, slope = flow.log_prob_grad(x)
        self.assertLess(abs(u + logp).max(), 1e-6)
        self.assertLess(abs(grad + slope).max(), 1e-6)


@needs("tblite")
class XTB(unittest.TestCase):
    def test_water(self):
        x = np.array([[[0.0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477]]])
        energy = enf.Energy(hosts.XTB(["O", "H", "H"], 300), (3, 3))
        u, grad = energy(x, gradient=True)
        self.assertLess(abs(u[0] * 3.166811563e-6 * 300 + 5.0703), 5e-4)  # hartree
        self.assertLess(abs(grad - differences(energy, x, 1e-3)).max() / abs(grad).max(), 1e-2)
        self.assertEqual(energy(np.zeros((1, 3, 3)))[0], np.inf)
        self.assertTrue(np.isfinite(energy(x)[0]))


@needs("mdtraj")
class MDTraj(unittest.TestCase):
    def test_there_and_back(self):
        import mdtraj
        topology = mdtraj.Topology()
        residue = topology.add_residue("MOL", topology.add_chain())
        atoms = [topology.add_atom(s, mdtraj.element.get_by_symbol(s), residue) for s in "OHH"]
        topology.add_bond(atoms[0], atoms[1]), topology.add_bond(atoms[0], atoms[2])
        x = np.random.default_rng(0).normal(size=(4, 3, 3))
        y, symbols, bonds = hosts.from_mdtraj(hosts.to_mdtraj(x, topology))
        self.assertLess(abs(x - y).max(), 1e-6)
        self.assertEqual((symbols, bonds.tolist()), (["O", "H", "H"], [[0, 1], [0, 2]]))


@needs("MDAnalysis")
class MDAnalysis(unittest.TestCase):
    def test_there_and_back(self):
        x = np.random.default_rng(0).normal(size=(4, 3, 3))
        y, _ = hosts.from_mdanalysis(hosts.to_mdanalysis(x, unit="nm").atoms, unit="nm", start=1)
        self.assertLess(abs(x[1:] - y).max(), 1e-6)


if __name__ == "__main__":
    unittest.main()
