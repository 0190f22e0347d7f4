"""libenf: learned samplers of Boltzmann densities (normalizing flows), from NumPy.

    import enf
    flow = enf.Flow.load("lj13.safetensors")
    x, logp = flow.sample(1000, seed=1)             # (n,N,D), and log q (n)
    w = enf.reweight(logp, u)                       # u = U/kT of x by your own program
    print(w.ess, w.log_z, "+-", w.log_z_err)

Training: enf.fit(enf.Flow.create(model_particles=13), x, seconds=60). Options are the library's, model.hidden as
model_hidden. Energies of OpenMM, ASE and xtb, and trajectories of mdtraj and MDAnalysis: enf.hosts.
"""
from ._energy import Energy, SimInfo
from ._files import chirality, dihedrals, element_numbers, kinds, read, reflect, write, zmatrix
from ._flow import Flow
from ._library import Error, __version__, configure, last_call
from ._train import FitEvent, FitReport, StepInfo, Trainer, fit
from ._weights import Walkers, Weights, average, bar, free_energy, metropolis, reweight, surface

__all__ = ["Energy", "Error", "FitEvent", "FitReport", "Flow", "SimInfo", "StepInfo", "Trainer", "Walkers", "Weights",
           "average", "bar", "chirality", "configure", "dihedrals", "element_numbers", "fit", "free_energy", "kinds", "last_call",
           "metropolis", "read", "reflect", "reweight", "surface", "write", "zmatrix",
           "__version__"]
