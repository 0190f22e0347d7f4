// objects.cpp -- enf/enf.hpp: a flow trained by an energy that is a C++ function, and weights of
// its samples.
#include <cmath>
#include <enf/enf.hpp>
#include <iostream>

static const std::size_t N = 3, D = 2;

// A spring from every particle to the origin: log Z = (N-1) D/2 log(2 pi) on the mean-free
// subspace.
static void springs(std::size_t n, const double *x, double *u, double *grad) {
  for (std::size_t i = 0; i < n; i++) {
    u[i] = 0;
    for (std::size_t k = i * N * D; k < (i + 1) * N * D; k++) {
      u[i] += x[k] * x[k] / 2;
      if (grad)
        grad[k] = x[k];
    }
  }
}

static void refuse(std::size_t, const double *, double *, double *) {
  throw std::domain_error("not today");
}

int main() {
  try {
    enf::Context ctx;
    enf::Options options(ctx);
    options.set("model.particles", 3).set("model.dimensions", 2).set("model.field", "pair-kernel");
    options.set("train.objective", "energy").set("train.steps", 20).set("train.lr", 1e-3);
    enf::Flow flow = enf::Flow::create(ctx, options);
    enf::Energy energy(springs), broken(refuse);
    enf::Trainer trainer(ctx, flow, options, &energy);
    for (int step = 0; step < 20; step++)
      trainer.step(ctx, 32);

    const enf::Samples s = flow.sample(ctx, 1, 0, 500);
    std::vector<double> u(500), logw;
    springs(500, s.x.data(), u.data(), nullptr);
    const enf_weights w = enf::reweight(ctx, s.logp, u, &logw);
    const double exact = (N - 1) * D / 2.0 * std::log(2 * 3.14159265358979);
    std::cout << "ESS " << w.ess << ", log Z " << w.log_z << " +- " << w.log_z_err << " (exact "
              << exact << ")\n";
    if (std::fabs(w.log_z - exact) > 5 * w.log_z_err + 1e-3)
      return 1;

    try { // what an energy throws comes out of the step
      enf::Trainer(ctx, flow, options, &broken).step(ctx, 4);
      return 1;
    } catch (const std::domain_error &e) {
      std::cout << "thrown through: " << e.what() << '\n';
    }
    try {
      options.set("model.hiden", 3);
      return 1;
    } catch (const enf::Error &e) {
      std::cout << "refused: " << e.what() << '\n';
    }
    return 0;
  } catch (const std::exception &e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
