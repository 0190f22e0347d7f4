"""The other side of ipi_server.c: ASE's Lennard-Jones energy as a client. python3 ipi_client.py NAME"""
import sys
import ase
from ase.calculators.lj import LennardJones
from ase.calculators.socketio import SocketClient

atoms = ase.Atoms("Ar13", positions=[[1.1 * i, 0.3 * (i % 2), 0.2 * (i % 3)] for i in range(13)], cell=[1e3] * 3)
atoms.calc = LennardJones(epsilon=2, sigma=2 ** (-1 / 6), rc=1e3)
SocketClient(unixsocket=sys.argv[1]).run(atoms)
