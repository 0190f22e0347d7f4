// energy.cpp -- a C++ host: its own energy as a callback, handles owned by unique_ptr, and a
// simulation of it. No exception may leave a callback, so it reports failure by its return value.
//
// The system: three particles in three dimensions on harmonic springs of unit stiffness, where the
// virial <x . grad u> = (N-1)D = 6 and <u> = 3 are known.
#include <cmath>
#include <cstdio>
#include <enf/enf.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

template <typename T, void (*destroy)(T *)> struct deleter {
  void operator()(T *object) const { destroy(object); }
};
using context = std::unique_ptr<enf_ctx, deleter<enf_ctx, enf_ctx_destroy>>;
using options = std::unique_ptr<enf_opts, deleter<enf_opts, enf_opts_destroy>>;

void check(enf_status status, const char *message) {
  if (status != ENF_OK)
    throw std::runtime_error(std::string(enf_strerror(status)) + ": " + message);
}

class springs {
public:
  springs(size_t coordinates, double stiffness)
      : coordinates_(coordinates), stiffness_(stiffness) {}

  // An enf_energy_fn; user is the object. x is mean-free, so u needs no centre.
  static int evaluate(void *user, size_t n, const double *x, double *u, double *grad) noexcept {
    springs &self = *static_cast<springs *>(user);
    self.evaluations += n;
    for (size_t s = 0; s < n; ++s) {
      u[s] = 0;
      for (size_t k = s * self.coordinates_; k < (s + 1) * self.coordinates_; ++k) {
        u[s] += 0.5 * self.stiffness_ * x[k] * x[k];
        if (grad)
          grad[k] = self.stiffness_ * x[k];
      }
    }
    return 0;
  }

  size_t evaluations = 0;

private:
  size_t coordinates_;
  double stiffness_;
};

context make_context() {
  enf_ctx *raw = nullptr;
  check(enf_ctx_create(&raw, nullptr), "no context");
  return context(raw);
}

options make_options(enf_ctx *ctx) {
  enf_opts *raw = nullptr;
  check(enf_opts_create(ctx, &raw), enf_ctx_errmsg(ctx));
  return options(raw);
}

void run() {
  const size_t particles = 3, dimensions = 3, samples = 4000;
  context ctx = make_context();
  options opts = make_options(ctx.get());
  check(enf_opts_set_int(opts.get(), "model.particles", particles), enf_opts_errmsg(opts.get()));
  check(enf_opts_set_int(opts.get(), "model.dimensions", dimensions), enf_opts_errmsg(opts.get()));
  check(enf_opts_set_int(opts.get(), "sim.rungs", 1), enf_opts_errmsg(opts.get()));

  springs energy(particles * dimensions, 1.0);
  std::vector<double> x(samples * particles * dimensions);
  enf_sim_info info = ENF_SIM_INFO_INIT;
  check(enf_simulate(ctx.get(), springs::evaluate, &energy, opts.get(), samples, x.data(), &info),
        enf_ctx_errmsg(ctx.get()));

  std::printf("<u> = %.3f +- %.3f (exact 3), virial %.3f +- %.3f (exact 6), %zu evaluations\n",
              info.mean_u, info.mean_u_err, info.virial, info.virial_err, energy.evaluations);
  if (std::fabs(info.mean_u - 3) > 6 * info.mean_u_err)
    throw std::runtime_error("<u> is wrong");
}

} // namespace

int main() {
  try {
    run();
  } catch (const std::exception &error) {
    std::fprintf(stderr, "energy: %s\n", error.what());
    return 1;
  }
  return 0;
}
