/* enf/enf.hpp -- libenf for C++11: objects that destroy themselves, statuses that are thrown.

   Header only, and nothing but the C calls: enf::Context ctx; enf::Flow flow = enf::Flow::load(ctx,
   "f.safetensors"); every enf_* function takes them as they are (flow.get()), under
   ctx.check(status). Energies that are C++ functions: enf::Energy, whose exceptions come out of the
   call that asked for the energy. */
#ifndef ENF_ENF_HPP
#define ENF_ENF_HPP

#include <cstddef>
#include <cstdint>
#include <enf/enf.h>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace enf {

/* A call that failed: the library's sentence, and its number. */
class Error : public std::runtime_error {
public:
  Error(enf_status status, const std::string &text)
      : std::runtime_error(text.empty() ? enf_strerror(status) : text), status_(status) {}
  enf_status status() const noexcept { return status_; }

private:
  enf_status status_;
};

/* A reduced energy for the calls that take one: fn(n, x, u, grad), grad null if not wanted. It must
   outlive what it is given to. An exception of fn ends the call; check throws it again. */
class Energy {
public:
  using Function = std::function<void(std::size_t n, const double *x, double *u, double *grad)>;
  explicit Energy(Function fn) : fn_(std::move(fn)) {}
  Energy(const Energy &) = delete;
  Energy &operator=(const Energy &) = delete;

  static int call(void *user, std::size_t n, const double *x, double *u, double *grad) {
    Energy *self = static_cast<Energy *>(user);
    try {
      self->fn_(n, x, u, grad);
      return 0;
    } catch (...) {
      self->thrown_ = std::current_exception();
      return 1;
    }
  }
  void rethrow() {
    std::exception_ptr thrown;
    std::swap(thrown, thrown_);
    if (thrown)
      std::rethrow_exception(thrown);
  }

private:
  Function fn_;
  std::exception_ptr thrown_;
};

/* One thread's workspace. */
class Context {
public:
  explicit Context(const enf_alloc *alloc = nullptr) {
    enf_ctx *made = nullptr;
    const enf_status status = enf_ctx_create(&made, alloc);
    ctx_.reset(made);
    if (status != ENF_OK)
      throw Error(status, "");
  }
  enf_ctx *get() const noexcept { return ctx_.get(); }
  void check(enf_status status) const {
    if (status != ENF_OK)
      throw Error(status, enf_ctx_errmsg(get()));
  }
  void check(enf_status status, Energy &energy) const {
    energy.rethrow();
    check(status);
  }

private:
  struct Destroy {
    void operator()(enf_ctx *ctx) const noexcept { enf_ctx_destroy(ctx); }
  };
  std::unique_ptr<enf_ctx, Destroy> ctx_;
};

/* A bag of options: Options(ctx).set("model.hidden", 64).set("train.schedule", "cosine"). */
class Options {
public:
  explicit Options(const Context &ctx) {
    enf_opts *made = nullptr;
    ctx.check(enf_opts_create(ctx.get(), &made));
    opts_.reset(made);
  }
  Options &set(const char *name, const std::string &value) {
    return check(enf_opts_set(get(), name, value.c_str()));
  }
  Options &set(const char *name, const char *value) {
    return check(enf_opts_set(get(), name, value));
  }
  Options &set(const char *name, int value) { return check(enf_opts_set_int(get(), name, value)); }
  Options &set(const char *name, double value) {
    return check(enf_opts_set_real(get(), name, value));
  }
  enf_opts *get() const noexcept { return opts_.get(); }

private:
  struct Destroy {
    void operator()(enf_opts *opts) const noexcept { enf_opts_destroy(opts); }
  };
  Options &check(enf_status status) {
    if (status != ENF_OK)
      throw Error(status, enf_opts_errmsg(get()));
    return *this;
  }
  std::unique_ptr<enf_opts, Destroy> opts_;
};

/* Samples with their log-density. */
struct Samples {
  std::vector<double> x, logp; /* (n,N,D), (n) */
};

/* A flow. const: any number of threads, each with its own context. */
class Flow {
public:
  static Flow create(const Context &ctx, const Options &options) {
    enf_flow *made = nullptr;
    ctx.check(enf_create(ctx.get(), &made, options.get()));
    return Flow(made);
  }
  static Flow load(const Context &ctx, const std::string &path) {
    enf_flow *made = nullptr;
    ctx.check(enf_load(ctx.get(), &made, path.c_str()));
    return Flow(made);
  }
  void save(const Context &ctx, const std::string &path) const {
    ctx.check(enf_save(ctx.get(), get(), path.c_str()));
  }
  enf_flow *get() const noexcept { return flow_.get(); }
  std::int64_t integer(const char *name) const {
    std::int64_t value = 0;
    if (enf_get_int(get(), name, &value) != ENF_OK)
      throw Error(ENF_ERR_ARG, std::string("a flow has no number ") + name);
    return value;
  }
  /* Numbers of a configuration: N D. */
  std::size_t width() const {
    return static_cast<std::size_t>(integer("particles") * integer("dimensions"));
  }

  Samples sample(const Context &ctx, std::uint64_t seed, std::uint64_t first, std::size_t n) const {
    Samples s{std::vector<double>(n * width()), std::vector<double>(n)};
    ctx.check(enf_sample(ctx.get(), get(), seed, first, n, s.x.data(), s.logp.data()));
    return s;
  }
  std::vector<double> log_prob(const Context &ctx, const std::vector<double> &x) const {
    std::vector<double> logp(x.size() / width());
    ctx.check(enf_log_prob(ctx.get(), get(), logp.size(), x.data(), logp.data()));
    return logp;
  }

private:
  struct Destroy {
    void operator()(enf_flow *flow) const noexcept { enf_destroy(flow); }
  };
  explicit Flow(enf_flow *flow) : flow_(flow) {}
  std::unique_ptr<enf_flow, Destroy> flow_;
};

/* What trains a flow, which must outlive it, as must the energy. */
class Trainer {
public:
  Trainer(const Context &ctx, Flow &flow, const Options &options, Energy *energy = nullptr)
      : energy_(energy) {
    enf_trainer *made = nullptr;
    ctx.check(enf_trainer_create(ctx.get(), &made, flow.get(), options.get()));
    trainer_.reset(made);
    if (energy_)
      ctx.check(enf_trainer_set_energy(made, Energy::call, energy_));
  }
  enf_step_info step(const Context &ctx, std::size_t n, const double *x = nullptr) {
    enf_step_info info = ENF_STEP_INFO_INIT;
    const enf_status status = enf_train_step(ctx.get(), get(), n, x, &info);
    if (energy_)
      ctx.check(status, *energy_);
    ctx.check(status);
    return info;
  }
  enf_trainer *get() const noexcept { return trainer_.get(); }

private:
  struct Destroy {
    void operator()(enf_trainer *trainer) const noexcept { enf_trainer_destroy(trainer); }
  };
  Energy *energy_;
  std::unique_ptr<enf_trainer, Destroy> trainer_;
};

/* Weights exp(-u)/q of samples; logw, if not null, gets their logarithms, normalised. */
inline enf_weights reweight(const Context &ctx, const std::vector<double> &logp,
                            const std::vector<double> &u, std::vector<double> *logw = nullptr) {
  enf_weights w = ENF_WEIGHTS_INIT;
  if (logp.size() != u.size())
    throw std::invalid_argument("enf::reweight: as many log-densities as energies are needed");
  if (logw)
    logw->resize(u.size());
  ctx.check(
      enf_reweight(ctx.get(), u.size(), logp.data(), u.data(), logw ? logw->data() : nullptr, &w));
  return w;
}

} // namespace enf

#endif
