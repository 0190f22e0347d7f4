"""Dynamics of OpenMM at 300 K that jumps to the samples of a flow, which openmm_ala2.py makes. Detailed balance is kept, so averages need no
   weights; they are compared with those of weighted samples. python3 openmm_jump.py ala2.safetensors ala2.pdb [CYCLES [SEED]]"""
import sys
import numpy as np
import openmm
from openmm import app
import enf
import enf.hosts

BLOCKS = 20
flow, pdb = enf.Flow.load(sys.argv[1]), app.PDBFile(sys.argv[2])
cycles, seed = (int(sys.argv[3]) if len(sys.argv) > 3 else 4000), (int(sys.argv[4]) if len(sys.argv) > 4 else 1)
system = app.ForceField("amber99sbildn.xml", "amber99_obc.xml").createSystem(pdb.topology, nonbondedMethod=app.NoCutoff)
dynamics = openmm.LangevinMiddleIntegrator(300, 1, 0.001)
dynamics.setRandomNumberSeed(seed)
run = app.Simulation(pdb.topology, system, dynamics, openmm.Platform.getPlatformByName("Reference")).context
energy = enf.Energy(enf.hosts.OpenMM(run, 300), (22, 3))


def observe(x):
    """What is averaged: u, and whether phi is that of the rare states."""
    phi = enf.dihedrals(x, [4, 6, 8, 14])
    return np.c_[energy(x), (phi > 0) & (phi < 2)]


walkers = enf.Walkers(flow, energy, flow.sample(1, seed=seed, log_prob=False), seed)
run.setPositions(walkers.jump(20)[0])
run.setVelocitiesToTemperature(300, seed)
mass = [system.getParticleMass(i)._value for i in range(22)]
half = 0.0005 / np.array(mass)[:, None]  # of a step, over the masses


def kick(sign):
    """Velocities that OpenMM has half a step before the positions, as those at them, and back: only these do not depend on where it is."""
    state = run.getState(getVelocities=True, getForces=True)
    run.setVelocities(state.getVelocities(asNumpy=True)._value + sign * half * state.getForces(asNumpy=True)._value)


places = []
for _ in range(cycles):
    dynamics.step(50)
    kick(+1)
    walkers.x = run.getState(getPositions=True).getPositions(asNumpy=True)._value[None]
    run.setPositions(walkers.jump()[0])
    kick(-1)
    places.append(walkers.x[0])
blocks = observe(np.array(places[cycles % BLOCKS:])).reshape(BLOCKS, -1, 2).mean(axis=1)
chain, chain_error = blocks.mean(axis=0), blocks.std(axis=0, ddof=1) / np.sqrt(BLOCKS)
x, logp = flow.sample(20000, seed=seed + 1)
mean, error = enf.average(observe(x), enf.reweight(logp, energy(x)).logw)
print(f"{walkers.accepted / walkers.proposals:.2f} of the jumps accepted")
for name, *numbers in zip(("<u>", "share of 0 < phi < 115 degrees"), chain, chain_error, mean, error):
    print("%s: %.4f +- %.4f by the run, %.4f +- %.4f by weights" % (name, *numbers))
sys.exit(int((abs(chain - mean) > 3 * np.hypot(chain_error, error)).any()))
