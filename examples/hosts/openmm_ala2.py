"""Alanine dipeptide in OpenMM, from a short hot run to a phi/psi surface with errors: pip install openmm numpy, and libenf's wheel.
   python3 openmm_ala2.py ala2.pdb [EFFORT]; 1 is 4 min of a processor. Look at k-hat first."""
import sys
import numpy as np
import openmm
from openmm import app
import enf
import enf.hosts

effort = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
pdb = app.PDBFile(sys.argv[1])
system = app.ForceField("amber99sbildn.xml", "amber99_obc.xml").createSystem(pdb.topology, nonbondedMethod=app.NoCutoff)
hot = app.Simulation(pdb.topology, system, openmm.LangevinMiddleIntegrator(1000, 1, 0.001), openmm.Platform.getPlatformByName("Reference"))
hot.context.setPositions(pdb.positions)
hot.minimizeEnergy()
rows = []
for _ in range(int(20000 * effort) + 100):
    hot.step(100)
    rows.append(hot.context.getState(getPositions=True).getPositions(asNumpy=True)._value)

energy = enf.Energy(enf.hosts.OpenMM(hot, 300), (22, 3))                # at 300 K, in nm
symbols = [atom.element.symbol for atom in pdb.topology.atoms()]
bonds = [(a.index, b.index) for a, b in pdb.topology.bonds()]
flow = enf.Flow.create(model_space="molecule", model_particles=22, model_zmatrix=enf.zmatrix(symbols, bonds, rows))
enf.fit(flow, np.array(rows), steps=int(2000 * effort) + 5)             # the hot molecule's shapes ...
enf.fit(flow, energy=energy, train_objective="refine", steps=int(2000 * effort) + 2)   # ... to the weights of 300 K
flow.save("ala2.safetensors")

x, logp = flow.sample(int(20000 * effort) + 200, seed=1)
w = enf.reweight(logp, energy(x))
phi, psi = enf.dihedrals(x, [[4, 6, 8, 14], [6, 8, 14, 16]]).T
print(f"ESS {w.ess:.3f} +- {w.ess_err:.3f}, k-hat {w.khat:.2f}, log Z {w.log_z:.2f} +- {w.log_z_err:.2f}")
print("F(0 < phi < 115 degrees) - F(rest): %.2f +- %.2f kT" % enf.free_energy((phi > 0) & (phi < np.radians(115)), w.logw))
edges = np.linspace(-np.pi, np.pi, 25)
cell = 24 * (np.digitize(phi, edges) - 1) + np.digitize(psi, edges) - 1
share, error = enf.average(cell[:, None] == np.arange(576), w.logw)
with np.errstate(divide="ignore", invalid="ignore"):
    table = np.c_[np.repeat(edges[:-1], 24), np.tile(edges[:-1], 24), -np.log(share), error / share]
np.savetxt("surface.txt", table, "%.4f", header="phi psi (lower edges) F (kT) error")
