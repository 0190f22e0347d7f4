"""ASE and a flow both ways: ASE's energies weigh the flow's samples, and the flow drives ASE as a calculator.
   python3 ase_energy.py lj13.safetensors [SAMPLES]: LJ13 with kT = 1 eV."""
import sys
import ase
from ase.calculators.lj import LennardJones
from ase.md.langevin import Langevin
import numpy as np
import enf
from enf import hosts

kelvin = 1 / 8.617333262e-5
flow = enf.Flow.load(sys.argv[1])
x, logp = flow.sample(int(sys.argv[2]) if len(sys.argv) > 2 else 50, seed=1)
atoms = ase.Atoms("Ar13", positions=x[0])
atoms.calc = LennardJones(epsilon=2, sigma=2 ** (-1 / 6), rc=1e3)
spring = 0.5 * ((x - x.mean(1, keepdims=True)) ** 2).sum((1, 2))
u = enf.Energy(hosts.ASE(atoms, kelvin), (13, 3))(x) + spring
own = enf.Energy("lj13")(x)
w = enf.reweight(logp, u)
print(f"ESS {w.ess:.3f} +- {w.ess_err:.3f}, log Z {w.log_z:.2f} +- {w.log_z_err:.2f} (exact 59.90)")
difference = abs((u - own) / (1 + abs(own))).max()
print(f"energies differ by {difference:.1e}")

atoms.calc = hosts.calculator(flow, kelvin)            # -kT log q as a potential
Langevin(atoms, 1e-3, temperature_K=kelvin, friction=1.0).run(3)
print(f"dynamics on -kT log q: {atoms.get_potential_energy():.2f} eV")
sys.exit(not difference < 1e-6)
