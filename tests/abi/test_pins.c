/* test_pins.c -- the numbers that compiled programs hold: status codes, sizes and offsets.

   A struct that begins with struct_size may grow at its end: its size then changes here, in
   CHANGELOG.md and in the recorded ABI in one commit, and the offsets above stay. Nothing else in
   this file may ever change within a major version. */
#include <enf/enf.h>
#include <stdio.h>
#include <string.h>

#define CODE(name, value) _Static_assert((name) == (value), #name)
#define SIZE(type, value) _Static_assert(sizeof(type) == (value), "size of " #type)
#define AT(type, member, value) _Static_assert(offsetof(type, member) == (value), #type "." #member)

CODE(ENF_OK, 0);
CODE(ENF_ERR_ARG, -1);
CODE(ENF_ERR_RANGE, -2);
CODE(ENF_ERR_SHAPE, -3);
CODE(ENF_ERR_OPTION, -4);
CODE(ENF_ERR_STATE, -5);
CODE(ENF_ERR_VERSION, -6);
CODE(ENF_ERR_UNSUPPORTED, -7);
CODE(ENF_ERR_NOMEM, -20);
CODE(ENF_ERR_IO, -21);
CODE(ENF_ERR_FORMAT, -22);
CODE(ENF_ERR_THREAD, -23);
CODE(ENF_ERR_NONFINITE, -40);
CODE(ENF_ERR_ODE_STEPS, -41);
CODE(ENF_ERR_ODE_STEPSIZE, -42);
CODE(ENF_ERR_ADJOINT, -43);
CODE(ENF_ERR_INVERSE, -44);
CODE(ENF_ERR_CANCELLED, -60);
CODE(ENF_ERR_CALLBACK, -61);
CODE(ENF_ERR_INTERNAL, -100);

CODE(ENF_FRAME_GOOD, 0);
CODE(ENF_FRAME_BAD, 1);
CODE(ENF_FRAME_BROKEN, 2);
CODE(ENF_FRAME_OTHER_HAND, 3);
CODE(ENF_FRAME_TURNED, 4);

CODE(ENF_FIT_BEGIN, 1);
CODE(ENF_FIT_STEP, 2);
CODE(ENF_FIT_WAIT, 3);
CODE(ENF_FIT_LOOK, 4);
CODE(ENF_FIT_SAVE, 5);
CODE(ENF_FIT_GO_ON, 0);
CODE(ENF_FIT_SAVE_NOW, 1);
CODE(ENF_FIT_STOP, 2);
CODE(ENF_FIT_FINISHED, 1);
CODE(ENF_FIT_NO_GAIN, 2);
CODE(ENF_FIT_TIME_UP, 3);
CODE(ENF_FIT_ASKED, 4);
CODE(ENF_FIT_SKIPPING, 5);
CODE(ENF_FIT_NO_DENSITY, 6);

SIZE(enf_status, 4);

#if UINTPTR_MAX > 0xffffffffu

SIZE(enf_alloc, 24);
AT(enf_alloc, alloc, 0);
AT(enf_alloc, free, 8);
AT(enf_alloc, user, 16);

SIZE(enf_molecule_facts, 48);
AT(enf_molecule_facts, struct_size, 0);
AT(enf_molecule_facts, bonds, 8);
AT(enf_molecule_facts, stable_atoms, 16);
AT(enf_molecule_facts, crowded_atoms, 24);
AT(enf_molecule_facts, pieces, 32);
AT(enf_molecule_facts, hash, 40);

SIZE(enf_frames, 56);
AT(enf_frames, struct_size, 0);
AT(enf_frames, scale, 8);
AT(enf_frames, bad, 16);
AT(enf_frames, broken, 24);
AT(enf_frames, other_hand, 32);
AT(enf_frames, constrained, 40);
AT(enf_frames, turned, 48);

SIZE(enf_lattice_exact, 48);
AT(enf_lattice_exact, struct_size, 0);
AT(enf_lattice_exact, log_z, 8);
AT(enf_lattice_exact, action_mean, 16);
AT(enf_lattice_exact, action_variance, 24);
AT(enf_lattice_exact, plaquette, 32);
AT(enf_lattice_exact, charge_square, 40);

SIZE(enf_opt_info, 64);
AT(enf_opt_info, struct_size, 0);
AT(enf_opt_info, name, 8);
AT(enf_opt_info, type, 16);
AT(enf_opt_info, fallback, 24);
AT(enf_opt_info, choices, 32);
AT(enf_opt_info, help, 40);
AT(enf_opt_info, lowest, 48);
AT(enf_opt_info, highest, 56);

SIZE(enf_sim_info, 104);
AT(enf_sim_info, struct_size, 0);
AT(enf_sim_info, acceptance, 8);
AT(enf_sim_info, swap_acceptance, 16);
AT(enf_sim_info, autocorrelation, 24);
AT(enf_sim_info, mean_u, 32);
AT(enf_sim_info, mean_u_err, 40);
AT(enf_sim_info, virial, 48);
AT(enf_sim_info, virial_err, 56);
AT(enf_sim_info, step, 64);
AT(enf_sim_info, seconds, 72);
AT(enf_sim_info, evaluations, 80);
AT(enf_sim_info, walkers, 88);
AT(enf_sim_info, rungs, 96);

SIZE(enf_lines, 72);
AT(enf_lines, struct_size, 0);
AT(enf_lines, n, 8);
AT(enf_lines, scale, 16);
AT(enf_lines, nll_isotropic, 24);
AT(enf_lines, nll_covariance, 32);
AT(enf_lines, nll_student, 40);
AT(enf_lines, student_df, 48);
AT(enf_lines, nll_ppca, 56);
AT(enf_lines, ppca_noise, 64);
SIZE(enf_step_info, 104);
AT(enf_step_info, struct_size, 0);
AT(enf_step_info, loss, 8);
AT(enf_step_info, grad_norm, 16);
AT(enf_step_info, lr, 24);
AT(enf_step_info, seconds, 32);
AT(enf_step_info, step, 40);
AT(enf_step_info, evaluations, 48);
AT(enf_step_info, skipped, 56);
AT(enf_step_info, capped, 64);
AT(enf_step_info, clipped, 72);
AT(enf_step_info, forces_clipped, 80);
AT(enf_step_info, temper, 88);
AT(enf_step_info, pool_ess, 96);

SIZE(enf_fit_plan, 128);
AT(enf_fit_plan, struct_size, 0);
AT(enf_fit_plan, steps, 8);
AT(enf_fit_plan, seconds, 16);
AT(enf_fit_plan, batch, 24);
AT(enf_fit_plan, held_out, 32);
AT(enf_fit_plan, validation, 40);
AT(enf_fit_plan, look_every, 48);
AT(enf_fit_plan, patience, 56);
AT(enf_fit_plan, look_first, 64);
AT(enf_fit_plan, resume, 68);
AT(enf_fit_plan, flow_path, 72);
AT(enf_fit_plan, trainer_path, 80);
AT(enf_fit_plan, curve_path, 88);
AT(enf_fit_plan, save_seconds, 96);
AT(enf_fit_plan, logw, 104);
AT(enf_fit_plan, temperature, 112);
AT(enf_fit_plan, validation_temperature, 120);

SIZE(enf_fit_event, 96);
AT(enf_fit_event, struct_size, 0);
AT(enf_fit_event, what, 8);
AT(enf_fit_event, kept, 12);
AT(enf_fit_event, saved, 16);
AT(enf_fit_event, step, 24);
AT(enf_fit_event, goal, 32);
AT(enf_fit_event, loss, 40);
AT(enf_fit_event, seconds, 48);
AT(enf_fit_event, left, 56);
AT(enf_fit_event, nll, 64);
AT(enf_fit_event, nll_err, 72);
AT(enf_fit_event, gain, 80);
AT(enf_fit_event, gain_err, 88);

SIZE(enf_fit_report, 96);
AT(enf_fit_report, struct_size, 0);
AT(enf_fit_report, ended, 8);
AT(enf_fit_report, saved, 12);
AT(enf_fit_report, kept, 16);
AT(enf_fit_report, first, 24);
AT(enf_fit_report, step, 32);
AT(enf_fit_report, goal, 40);
AT(enf_fit_report, kept_step, 48);
AT(enf_fit_report, looks, 56);
AT(enf_fit_report, skipped, 64);
AT(enf_fit_report, loss, 72);
AT(enf_fit_report, seconds, 80);
AT(enf_fit_report, seconds_before, 88);

SIZE(enf_chain, 48);
AT(enf_chain, struct_size, 0);
AT(enf_chain, next, 8);
AT(enf_chain, state, 16);
AT(enf_chain, accepted, 24);
AT(enf_chain, u, 32);
AT(enf_chain, logp, 40);

SIZE(enf_anneal_plan, 72);
AT(enf_anneal_plan, struct_size, 0);
AT(enf_anneal_plan, seed, 8);
AT(enf_anneal_plan, ess_step, 16);
AT(enf_anneal_plan, ess_resample, 24);
AT(enf_anneal_plan, moves, 32);
AT(enf_anneal_plan, leapfrog, 40);
AT(enf_anneal_plan, move, 48);
AT(enf_anneal_plan, move_user, 56);
AT(enf_anneal_plan, guided, 64);

SIZE(enf_annealing, 80);
AT(enf_annealing, struct_size, 0);
AT(enf_annealing, beta, 8);
AT(enf_annealing, log_z, 16);
AT(enf_annealing, log_z_err, 24);
AT(enf_annealing, ess, 32);
AT(enf_annealing, step, 40);
AT(enf_annealing, bridges, 48);
AT(enf_annealing, resamplings, 56);
AT(enf_annealing, proposals, 64);
AT(enf_annealing, accepted, 72);

SIZE(enf_jump_info, 24);
AT(enf_jump_info, struct_size, 0);
AT(enf_jump_info, proposals, 8);
AT(enf_jump_info, accepted, 16);

SIZE(enf_weights, 112);
AT(enf_weights, struct_size, 0);
AT(enf_weights, ess, 8);
AT(enf_weights, log_z, 16);
AT(enf_weights, log_z_err, 24);
AT(enf_weights, max_weight, 32);
AT(enf_weights, ess_clipped, 40);
AT(enf_weights, clipped_share, 48);
AT(enf_weights, n, 56);
AT(enf_weights, n_nonfinite, 64);
AT(enf_weights, ess_err, 72);
AT(enf_weights, ess_clipped_err, 80);
AT(enf_weights, khat, 88);
AT(enf_weights, ess_smoothed, 96);
AT(enf_weights, n_tail, 104);

#endif

/* What only a running program can see: the library it meets is the one it was compiled for. */
int main(void) {
  char pinned[32];
  snprintf(pinned, sizeof pinned, "%d.%d.%d", ENF_VERSION_MAJOR, ENF_VERSION_MINOR,
           ENF_VERSION_PATCH);
  if (strcmp(enf_version(), ENF_VERSION) != 0 || strcmp(pinned, ENF_VERSION) != 0 ||
      ENF_VERSION_NUMBER !=
          (ENF_VERSION_MAJOR << 16 | ENF_VERSION_MINOR << 8 | ENF_VERSION_PATCH)) {
    printf("headers say %s (%s), the library %s\n", ENF_VERSION, pinned, enf_version());
    return 1;
  }
  return 0;
}
