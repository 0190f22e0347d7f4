"""Alanine dipeptide in OpenMM, from a short hot run to a phi/psi surface at 300 K with errors: pip install numpy openmm matplotlib, and
   libenf's wheel. python3 openmm_ala2.py ala2.pdb [EFFORT [SEED]]; 1 is two minutes of a processor. Look at ESS and k-hat first."""
import sys
import numpy as np
import openmm
from matplotlib.figure import Figure
from openmm import app
import enf
import enf.hosts
effort, seed = (float(sys.argv[2]) if len(sys.argv) > 2 else 1.0), (int(sys.argv[3]) if len(sys.argv) > 3 else 1)
pdb = app.PDBFile(sys.argv[1])
symbols, bonds = [a.element.symbol for a in pdb.topology.atoms()], [(a.index, b.index) for a, b in pdb.topology.bonds()]
system = app.ForceField("amber99sbildn.xml", "amber99_obc.xml").createSystem(pdb.topology, nonbondedMethod=app.NoCutoff)
bias = openmm.CustomTorsionForce("-bias*((1+cos(theta-1))/2)^2")      # towards the rare states of phi, until the weights
bias.addGlobalParameter("bias", 7.5), bias.addTorsion(4, 6, 8, 14), system.addForce(bias)             # kJ/mol, 3 kT
dynamics = openmm.LangevinMiddleIntegrator(700, 1, 0.001)             # K, 1/ps, ps
dynamics.setRandomNumberSeed(seed)
hot = app.Simulation(pdb.topology, system, dynamics, openmm.Platform.getPlatformByName("Reference"))
hot.context.setPositions(pdb.positions), hot.minimizeEnergy()
rows = []
for _ in range(int(5000 * effort)):
    hot.step(200)
    rows.append(hot.context.getState(getPositions=True).getPositions(asNumpy=True)._value)
energy = enf.Energy(enf.hosts.OpenMM(hot, 300), (22, 3))              # at 300 K, in nm
flow = enf.Flow.create(model_space="molecule", model_particles=22, model_zmatrix=enf.zmatrix(symbols, bonds, rows))
flow.prior_fit(np.array(rows))                                                  # bond lengths, angles and their widths
enf.fit(flow, np.array(rows), steps=250, train_seed=seed)                       # the hot molecule, then cooled to 300 K by its own energies
enf.fit(flow, energy=energy, train_objective="refine", steps=int(1500 * effort), train_beta=0.45, train_weight_cut=0.01, train_lr=2e-3)
flow.save("ala2.safetensors")
hot.context.setParameter("bias", 0)
x, logp = flow.sample(int(50000 * effort), seed=seed)
w = enf.reweight(logp, energy(x))
phi, psi = enf.dihedrals(x, [[4, 6, 8, 14], [6, 8, 14, 16]]).T
print(f"ESS {w.ess:.3f} +- {w.ess_err:.3f}, k-hat {w.khat:.2f}, log Z {w.log_z:.3f} +- {w.log_z_err:.3f}")
print("F(0 < phi < 115 degrees) - F(rest): %.3f +- %.3f kT" % enf.free_energy((phi > 0) & (phi < 2), w.logw))
F, error, edges = enf.surface(phi, psi, w.logw)
np.savetxt("surface.txt", [(a, b, F[i, j], error[i, j]) for i, a in enumerate(edges[:-1]) for j, b in enumerate(edges[:-1])],
           "%.4f", header="phi psi (lower edges) F (kT, least 0) error")
axes = Figure().add_subplot(xlabel="phi", ylabel="psi", title="F / kT")
axes.figure.colorbar(axes.pcolormesh(edges, edges, F.T)), axes.figure.savefig("surface.svg")
