/* openmm_plugin.cpp -- energies of OpenMM for the `enf` tool: --energy ./omm.so:SYSTEM.xml,KELVIN, lengths in nm. The System is what
   openmm.XmlSerializer.serialize(system) has written.

     g++ -std=c++11 -O2 -fPIC -shared -o omm.so openmm_plugin.cpp $(pkg-config --cflags enf) -lOpenMM
     enf reweight ala2.safetensors -e ./omm.so:system.xml,300 -n 1000

   Headers and library are Debian's libopenmm-dev, or lie in OpenMM.libs beside the openmm of pip. */
#include <OpenMM.h>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <enf/plugin.h>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Host {
  std::unique_ptr<OpenMM::System> system;
  OpenMM::VerletIntegrator integrator;
  std::unique_ptr<OpenMM::Context> context;
  double kT; // kJ/mol

  Host(const std::string &file, double kelvin) : integrator(0.001), kT(0.00831446261815324 * kelvin) {
    std::ifstream in(file.c_str());
    if (!in)
      throw std::runtime_error("cannot be read");
    if (!(kelvin > 0))
      throw std::runtime_error("the temperature must be above 0 K");
    system.reset(OpenMM::XmlSerializer::deserialize<OpenMM::System>(in));
    context.reset(new OpenMM::Context(*system, integrator, OpenMM::Platform::getPlatformByName("Reference")));
  }

  /* A configuration that OpenMM cannot take is impossible, not the end. */
  double energy(const double *x, double *grad) {
    const size_t N = size_t(system->getNumParticles());
    std::vector<OpenMM::Vec3> place(N);
    for (size_t i = 0; i < N; i++)
      place[i] = OpenMM::Vec3(x[3 * i], x[3 * i + 1], x[3 * i + 2]);
    try {
      context->setPositions(place);
      const OpenMM::State state = context->getState(OpenMM::State::Energy | (grad ? OpenMM::State::Forces : 0));
      for (size_t i = 0; i < N && grad; i++)
        for (int k = 0; k < 3; k++)
          grad[3 * i + size_t(k)] = -state.getForces()[i][k] / kT;
      return state.getPotentialEnergy() / kT;
    } catch (const std::exception &) {
      return INFINITY;
    }
  }
};

} // namespace

int enf_plugin_open(const char *arguments, void **user, char *message, size_t size) {
  const std::string text(arguments), file = text.substr(0, text.find(','));
  const size_t comma = text.find(',');
  try {
    *user = new Host(file, comma == std::string::npos ? 300 : std::atof(text.c_str() + comma + 1));
    return 0;
  } catch (const std::exception &failure) {
    std::snprintf(message, size, "%s: %s", file.c_str(), failure.what());
    return 1;
  }
}

void enf_plugin_close(void *user) { delete static_cast<Host *>(user); }

int enf_plugin_energy(void *user, size_t n, const double *x, double *u, double *grad) {
  Host *host = static_cast<Host *>(user);
  const size_t width = 3 * size_t(host->system->getNumParticles());
  for (size_t i = 0; i < n; i++)
    u[i] = host->energy(x + i * width, grad ? grad + i * width : NULL);
  return 0;
}
