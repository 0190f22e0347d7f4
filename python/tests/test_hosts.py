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

    def test_averages_are_those_of_dynamics(self):
        import openmm
        context = self.context()
        dynamics = openmm.LangevinMiddleIntegrator(300, 20, 0.001)
        dynamics.setRandomNumberSeed(5)
        run = openmm.Context(context.getSystem(), dynamics, openmm.Platform.getPlatformByName("Reference"))
        run.setPositions([[0.0, 0, 0], [0.15, 0, 0], [0.2, 0.14, 0]])
        run.setVelocitiesToTemperature(300, 7)
        rows = []
        for _ in range(2200):
            dynamics.step(100)
            rows.append(run.getState(getPositions=True).getPositions(asNumpy=True)._value)
        rows = np.array(rows[200:])
        energy = enf.Energy(hosts.OpenMM(context, 300), (3, 3))
        flow = enf.Flow.create(model_space="molecule", model_particles=3, model_zmatrix="1 0 2", model_hidden=8, model_map="spline*2")
        enf.fit(flow, rows, steps=300)
        x, logp = flow.sample(4000, seed=1)
        w = enf.reweight(logp, energy(x))
        self.assertGreater(w.ess, 0.5)
        observe = lambda y: np.c_[energy(y), np.linalg.norm(y[:, 0] - y[:, 1], axis=1), np.linalg.norm(y[:, 0] - y[:, 2], axis=1)]
        mean, error = enf.average(observe(x), w.logw)
        blocks = observe(rows).reshape(20, 100, 3).mean(axis=1)
        off = (mean - blocks.mean(axis=0)) / np.hypot(error, blocks.std(axis=0, ddof=1) / np.sqrt(20))
        self.assertLess(abs(off).max(), 3, f"standard errors apart: {off}")

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


def molecule(frames):
    """Water molecules' trajectory by mdtraj, in a cell whose wall cuts the second frame."""
    import mdtraj
    topology = mdtraj.Topology()
    residue = topology.add_residue("HOH", topology.add_chain())
    atoms = [topology.add_atom(name, mdtraj.element.get_by_symbol(name[0]), residue) for name in ("O", "H1", "H2")]
    topology.add_bond(atoms[0], atoms[1]), topology.add_bond(atoms[0], atoms[2])
    x = np.array([[0.0, 0, 0], [0.096, 0, 0], [-0.024, 0.093, 0]]) + np.linspace(0.5, 0.95, frames)[:, None, None]
    run = mdtraj.Trajectory(x, topology)
    return x, run


@needs("mdtraj", "MDAnalysis")
class Convert(unittest.TestCase):
    def test_formats_become_rows(self):
        import tempfile
        from enf.convert import convert, main
        x, run = molecule(6)
        with tempfile.TemporaryDirectory() as folder:
            run[0].save(folder + "/top.pdb")
            for ending in ("xtc", "trr", "dcd") + (("h5",) if importlib.util.find_spec("tables") else ()):
                path = f"{folder}/run.{ending}"
                run.save(path)
                for reader in ("mdtraj", "MDAnalysis") if ending != "h5" else ("mdtraj",):
                    top = None if ending == "h5" else folder + "/top.pdb"
                    self.assertEqual(convert([path, path], folder + "/rows.xyz", top, unit="nm", skip=1, stride=2, reader=reader), (6, 3))
                    y, labels = enf.read(folder + "/rows.xyz")
                    self.assertEqual(labels, ["O", "H", "H"])
                    self.assertLess(abs(y - np.r_[x, x][1::2]).max(), 2e-3)
            cell = run[:]
            cell.unitcell_lengths, cell.unitcell_angles = np.ones((6, 3)), np.full((6, 3), 90.0)
            cell.xyz = cell.xyz % 1
            cell.save(folder + "/cell.xtc")
            self.assertEqual(main([folder + "/cell.xtc", "--top", folder + "/top.pdb", "-o", folder + "/rows.npy", "--reader", "mdtraj"]), 0)
            y, _ = enf.read(folder + "/rows.npy")
            self.assertLess(abs(np.linalg.norm(y[:, 1] - y[:, 0], axis=-1) - 0.96).max(), 0.02)
            with self.assertRaisesRegex(ValueError, "no bonds are known, so that they cannot be made whole"):
                convert([folder + "/cell.xtc"], folder + "/rows.npy", folder + "/top.pdb", reader="MDAnalysis")
            self.assertEqual(main([folder + "/none.xtc", "-o", folder + "/rows.npy"]), 1)


if __name__ == "__main__":
    unittest.main()
