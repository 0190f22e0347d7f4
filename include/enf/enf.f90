! enf.f90 -- libenf for Fortran: every call of enf/enf.h, through iso_c_binding. The headers say what
! each does; size_t is c_size_t here, uint64_t c_int64_t, a handle type(c_ptr), a text character(*).
! An array x of the C interface, (n,N,D) row-major, is x(D,N,n) here.
!
!   gfortran -o host $(pkg-config --variable=includedir enf)/enf/enf.f90 host.f90 $(pkg-config --libs enf)
module enf
  use, intrinsic :: iso_c_binding
  implicit none
  ! Statuses and the other numbers of enf/enf.h.
  integer(c_int32_t), parameter :: enf_ok = 0, enf_err_arg = -1, enf_err_range = -2, enf_err_shape = -3, &
    enf_err_option = -4, enf_err_state = -5, enf_err_version = -6, enf_err_unsupported = -7, &
    enf_err_nomem = -20, enf_err_io = -21, enf_err_format = -22, enf_err_thread = -23, &
    enf_err_nonfinite = -40, enf_err_ode_steps = -41, enf_err_ode_stepsize = -42, enf_err_adjoint = -43, &
    enf_err_inverse = -44, &
    enf_err_cancelled = -60, enf_err_callback = -61, enf_err_internal = -100
  integer(c_int32_t), parameter :: enf_frame_good = 0, enf_frame_bad = 1, enf_frame_broken = 2, &
    enf_frame_other_hand = 3, enf_frame_turned = 4
  integer(c_int32_t), parameter :: enf_fit_begin = 1, enf_fit_step = 2, enf_fit_wait = 3, enf_fit_look = 4, &
    enf_fit_save = 5
  integer(c_int), parameter :: enf_fit_go_on = 0, enf_fit_save_now = 1, enf_fit_stop = 2
  integer(c_int32_t), parameter :: enf_fit_finished = 1, enf_fit_no_gain = 2, enf_fit_time_up = 3, &
    enf_fit_asked = 4, enf_fit_skipping = 5, enf_fit_no_density = 6

  type, bind(c) :: enf_weights
    integer(c_size_t) :: struct_size = 112
    real(c_double) :: ess = 0, log_z = 0, log_z_err = 0, max_weight = 0
    real(c_double) :: ess_clipped = 0, clipped_share = 0
    integer(c_int64_t) :: n = 0, n_nonfinite = 0
    real(c_double) :: ess_err = 0, ess_clipped_err = 0
    real(c_double) :: khat = 0, ess_smoothed = 0
    integer(c_int64_t) :: n_tail = 0
  end type enf_weights

  type, bind(c) :: enf_chain
    integer(c_size_t) :: struct_size = 48
    integer(c_int64_t) :: next = 0, state = 0, accepted = 0
    real(c_double) :: u = 0, logp = 0
  end type enf_chain

  ! move and move_user: the c_funloc of the host's moves and its data
  type, bind(c) :: enf_anneal_plan
    integer(c_size_t) :: struct_size = 72
    integer(c_int64_t) :: seed = 0
    real(c_double) :: ess_step = 0.9d0, ess_resample = 0.5d0
    integer(c_int64_t) :: moves = 2, leapfrog = 10
    type(c_funptr) :: move = c_null_funptr
    type(c_ptr) :: move_user = c_null_ptr
    integer(c_int64_t) :: guided = 0
  end type enf_anneal_plan

  type, bind(c) :: enf_annealing
    integer(c_size_t) :: struct_size = 80
    real(c_double) :: beta = 0, log_z = 0, log_z_err = 0, ess = 0, step = 0
    integer(c_int64_t) :: bridges = 0, resamplings = 0, proposals = 0, accepted = 0
  end type enf_annealing

  type, bind(c) :: enf_jump_info
    integer(c_size_t) :: struct_size = 24
    integer(c_int64_t) :: proposals = 0, accepted = 0
  end type enf_jump_info

  type, bind(c) :: enf_step_info
    integer(c_size_t) :: struct_size = 104
    real(c_double) :: loss = 0, grad_norm = 0, lr = 0, seconds = 0
    integer(c_int64_t) :: step = 0, evaluations = 0, skipped = 0, capped = 0
    integer(c_int64_t) :: clipped = 0, forces_clipped = 0
    real(c_double) :: temper = 0, pool_ess = 0
  end type enf_step_info

  type, bind(c) :: enf_lines
    integer(c_size_t) :: struct_size = 72
    real(c_double) :: n = 0, scale = 0, nll_isotropic = 0, nll_covariance = 0
    real(c_double) :: nll_student = 0, student_df = 0, nll_ppca = 0, ppca_noise = 0
  end type enf_lines

  type, bind(c) :: enf_frames
    integer(c_size_t) :: struct_size = 56
    real(c_double) :: scale = 0
    integer(c_size_t) :: bad = 0, broken = 0, other_hand = 0, constrained = 0, turned = 0
  end type enf_frames

  type, bind(c) :: enf_lattice_exact
    integer(c_size_t) :: struct_size = 48
    real(c_double) :: log_z = 0, action_mean = 0, action_variance = 0, plaquette = 0, charge_square = 0
  end type enf_lattice_exact

  type, bind(c) :: enf_molecule_facts
    integer(c_size_t) :: struct_size = 48
    integer(c_size_t) :: bonds = 0, stable_atoms = 0, crowded_atoms = 0, pieces = 0
    integer(c_int64_t) :: hash = 0
  end type enf_molecule_facts

  ! For enf_ctx_create: c_loc of one, or c_null_ptr for malloc and free.
  type, bind(c) :: enf_alloc
    type(c_funptr) :: alloc = c_null_funptr, free = c_null_funptr
    type(c_ptr) :: user = c_null_ptr
  end type enf_alloc

  ! enf_text makes its texts Fortran's.
  type, bind(c) :: enf_opt_info
    integer(c_size_t) :: struct_size = 64
    type(c_ptr) :: name = c_null_ptr, type = c_null_ptr, fallback = c_null_ptr, choices = c_null_ptr
    type(c_ptr) :: help = c_null_ptr
    real(c_double) :: lowest = 0, highest = 0
  end type enf_opt_info

  type, bind(c) :: enf_sim_info
    integer(c_size_t) :: struct_size = 104
    real(c_double) :: acceptance = 0, swap_acceptance = 0, autocorrelation = 0
    real(c_double) :: mean_u = 0, mean_u_err = 0, virial = 0, virial_err = 0, step = 0, seconds = 0
    integer(c_int64_t) :: evaluations = 0, walkers = 0, rungs = 0
  end type enf_sim_info

  ! validation and logw are c_loc of (D,N,held_out) and of (n), paths of letters that end with c_null_char.
  type, bind(c) :: enf_fit_plan
    integer(c_size_t) :: struct_size = 128
    integer(c_int64_t) :: steps = 0
    real(c_double) :: seconds = 0
    integer(c_size_t) :: batch = 0, held_out = 0
    type(c_ptr) :: validation = c_null_ptr
    integer(c_int64_t) :: look_every = 4000, patience = 0
    integer(c_int32_t) :: look_first = 0, resume = 0
    type(c_ptr) :: flow_path = c_null_ptr, trainer_path = c_null_ptr, curve_path = c_null_ptr
    real(c_double) :: save_seconds = 60
    type(c_ptr) :: logw = c_null_ptr, temperature = c_null_ptr, validation_temperature = c_null_ptr
  end type enf_fit_plan

  ! step is that of an enf_step_info, for c_f_pointer.
  type, bind(c) :: enf_fit_event
    integer(c_size_t) :: struct_size = 96
    integer(c_int32_t) :: what = 0, kept = 0, saved = 0
    type(c_ptr) :: step = c_null_ptr
    integer(c_int64_t) :: goal = 0
    real(c_double) :: loss = 0, seconds = 0, left = 0, nll = 0, nll_err = 0, gain = 0, gain_err = 0
  end type enf_fit_event

  type, bind(c) :: enf_fit_report
    integer(c_size_t) :: struct_size = 96
    integer(c_int32_t) :: ended = 0, saved = 0, kept = 0
    integer(c_int64_t) :: first = 0, step = 0, goal = 0, kept_step = 0, looks = 0, skipped = 0
    real(c_double) :: loss = 0, seconds = 0, seconds_before = 0
  end type enf_fit_report

  abstract interface
    ! Reduced energy u(n) of the configurations x(D,N,n) and, where grad is associated, its gradient
    ! (D,N,n); 0 is success. `user` is what was given with the function.
    integer(c_int) function enf_energy_fn(user, n, x, u, grad) bind(c)
      import :: c_ptr, c_int, c_size_t, c_double
      type(c_ptr), value :: user, grad
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: u(*)
    end function enf_energy_fn

    ! One of enf_fit_go_on, enf_fit_save_now, enf_fit_stop.
    integer(c_int) function enf_reduce_fn(user, n, sum) bind(c)
      import :: c_ptr, c_int, c_size_t, c_double
      type(c_ptr), value :: user
      integer(c_size_t), value :: n
      real(c_double), intent(inout) :: sum(n)
    end function enf_reduce_fn

    integer(c_int) function enf_fit_fn(user, event) bind(c)
      import :: c_ptr, c_int, enf_fit_event
      type(c_ptr), value :: user
      type(enf_fit_event), intent(in) :: event
    end function enf_fit_fn

    ! Not 0 cancels the call.
    integer(c_int) function enf_progress_fn(user, done, total) bind(c)
      import :: c_ptr, c_int, c_int64_t
      type(c_ptr), value :: user
      integer(c_int64_t), value :: done, total
    end function enf_progress_fn
  end interface

  interface
    integer(c_int32_t) function enf_ctx_create(ctx, alloc) bind(c)
      import :: c_ptr, c_int32_t
      type(c_ptr), intent(out) :: ctx
      type(c_ptr), value :: alloc
    end function enf_ctx_create

    ! The run.*, ode.* and logdet.* options.
    integer(c_int32_t) function enf_ctx_configure(ctx, opts) bind(c)
      import :: c_ptr, c_int32_t
      type(c_ptr), value :: ctx, opts
    end function enf_ctx_configure

    integer(c_int32_t) function enf_ctx_trim(ctx) bind(c)
      import :: c_ptr, c_int32_t
      type(c_ptr), value :: ctx
    end function enf_ctx_trim

    ! fn is c_funloc of an enf_progress_fn, or c_null_funptr.
    subroutine enf_ctx_set_progress(ctx, fn, user) bind(c)
      import :: c_ptr, c_funptr
      type(c_ptr), value :: ctx, user
      type(c_funptr), value :: fn
    end subroutine enf_ctx_set_progress

    ! sample counts from 0.
    integer(c_int32_t) function enf_sample_status(ctx, sample) bind(c)
      import :: c_ptr, c_int32_t, c_size_t
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: sample
    end function enf_sample_status

    subroutine enf_ctx_destroy(ctx) bind(c)
      import :: c_ptr
      type(c_ptr), value :: ctx
    end subroutine enf_ctx_destroy

    integer(c_int32_t) function enf_opts_create(ctx, opts) bind(c)
      import :: c_ptr, c_int32_t
      type(c_ptr), value :: ctx
      type(c_ptr), intent(out) :: opts
    end function enf_opts_create

    subroutine enf_opts_destroy(opts) bind(c)
      import :: c_ptr
      type(c_ptr), value :: opts
    end subroutine enf_opts_destroy

    ! Row `index` of the table, from 0, until it is not enf_ok; enf_text makes its texts Fortran's.
    integer(c_int32_t) function enf_opts_info(index, info) bind(c)
      import :: c_int32_t, c_size_t, enf_opt_info
      integer(c_size_t), value :: index
      type(enf_opt_info), intent(inout) :: info
    end function enf_opts_info

    integer(c_int32_t) function enf_create(ctx, flow, opts) bind(c)
      import :: c_ptr, c_int32_t
      type(c_ptr), value :: ctx, opts
      type(c_ptr), intent(out) :: flow
    end function enf_create

    integer(c_int32_t) function enf_at_temperature(ctx, at, flow, temperature) bind(c)
      import :: c_ptr, c_int32_t, c_double
      type(c_ptr), value :: ctx, flow
      real(c_double), value :: temperature
      type(c_ptr), intent(out) :: at
    end function enf_at_temperature

    integer(c_int32_t) function enf_copy(ctx, copy, flow) bind(c)
      import :: c_ptr, c_int32_t
      type(c_ptr), value :: ctx, flow
      type(c_ptr), intent(out) :: copy
    end function enf_copy

    ! data is the library's until enf_free_memory.
    integer(c_int32_t) function enf_save_memory(ctx, flow, data, bytes) bind(c)
      import :: c_ptr, c_int32_t, c_size_t
      type(c_ptr), value :: ctx, flow
      type(c_ptr), intent(out) :: data
      integer(c_size_t), intent(out) :: bytes
    end function enf_save_memory

    integer(c_int32_t) function enf_load_memory(ctx, flow, data, bytes) bind(c)
      import :: c_ptr, c_int32_t, c_size_t
      type(c_ptr), value :: ctx, data
      type(c_ptr), intent(out) :: flow
      integer(c_size_t), value :: bytes
    end function enf_load_memory

    subroutine enf_free_memory(ctx, data) bind(c)
      import :: c_ptr
      type(c_ptr), value :: ctx, data
    end subroutine enf_free_memory

    integer(c_int32_t) function enf_data_scale(ctx, flow, n, x, scale, left_out) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: scale
      integer(c_size_t), intent(out) :: left_out
    end function enf_data_scale

    subroutine enf_destroy(flow) bind(c)
      import :: c_ptr
      type(c_ptr), value :: flow
    end subroutine enf_destroy

    integer(c_int32_t) function enf_trainer_create(ctx, trainer, flow, opts) bind(c)
      import :: c_ptr, c_int32_t
      type(c_ptr), value :: ctx, flow, opts
      type(c_ptr), intent(out) :: trainer
    end function enf_trainer_create

    ! fn is c_funloc of an enf_energy_fn.
    integer(c_int32_t) function enf_trainer_set_energy(trainer, fn, user) bind(c)
      import :: c_ptr, c_funptr, c_int32_t
      type(c_ptr), value :: trainer, user
      type(c_funptr), value :: fn
    end function enf_trainer_set_energy

    ! fn is c_funloc of an enf_reduce_fn, or c_null_funptr.
    integer(c_int32_t) function enf_trainer_set_reduce(trainer, fn, user, rank, ranks) bind(c)
      import :: c_ptr, c_funptr, c_int32_t, c_int
      type(c_ptr), value :: trainer, user
      type(c_funptr), value :: fn
      integer(c_int), value :: rank, ranks
    end function enf_trainer_set_reduce

    ! x is c_loc of configurations (D,N,n); c_null_ptr where the objective is the energy.
    integer(c_int32_t) function enf_train_step(ctx, trainer, n, x, info) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, enf_step_info
      type(c_ptr), value :: ctx, trainer, x
      integer(c_size_t), value :: n
      type(enf_step_info), intent(inout) :: info
    end function enf_train_step

    integer(c_int32_t) function enf_train_step_weighted(ctx, trainer, n, x, logw, info) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double, enf_step_info
      type(c_ptr), value :: ctx, trainer, x
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: logw(*)
      type(enf_step_info), intent(inout) :: info
    end function enf_train_step_weighted

    ! temperature and logw are c_loc of numbers (n), or c_null_ptr.
    integer(c_int32_t) function enf_train_step_tempered(ctx, trainer, n, x, temperature, logw, info) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, enf_step_info
      type(c_ptr), value :: ctx, trainer, x, temperature, logw
      integer(c_size_t), value :: n
      type(enf_step_info), intent(inout) :: info
    end function enf_train_step_tempered

    ! x is c_loc of all configurations (D,N,n), or c_null_ptr; fn c_funloc of an enf_fit_fn, or c_null_funptr.
    integer(c_int32_t) function enf_fit(ctx, tr, n, x, plan, fn, user, report) bind(c)
      import :: c_ptr, c_funptr, c_int32_t, c_size_t, enf_fit_plan, enf_fit_report
      type(c_ptr), value :: ctx, tr, x, user
      integer(c_size_t), value :: n
      type(enf_fit_plan), intent(in) :: plan
      type(c_funptr), value :: fn
      type(enf_fit_report), intent(inout) :: report
    end function enf_fit

    ! rows(n) count from 0.
    integer(c_int32_t) function enf_trainer_rows(tr, total, n, rows) bind(c)
      import :: c_ptr, c_int32_t, c_size_t
      type(c_ptr), value :: tr
      integer(c_size_t), value :: total, n
      integer(c_size_t), intent(out) :: rows(*)
    end function enf_trainer_rows

    integer(c_int32_t) function enf_trainer_data(ctx, tr, total, x) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, tr
      integer(c_size_t), value :: total
      real(c_double), intent(in) :: x(*)
    end function enf_trainer_data

    integer(c_int32_t) function enf_trainer_set_steps(tr, steps) bind(c)
      import :: c_ptr, c_int32_t, c_int64_t
      type(c_ptr), value :: tr
      integer(c_int64_t), value :: steps
    end function enf_trainer_set_steps

    subroutine enf_trainer_destroy(trainer) bind(c)
      import :: c_ptr
      type(c_ptr), value :: trainer
    end subroutine enf_trainer_destroy

    integer(c_int32_t) function enf_sample(ctx, flow, seed, first, n, x, logp) bind(c)
      import :: c_ptr, c_int32_t, c_int64_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_int64_t), value :: seed, first
      integer(c_size_t), value :: n
      real(c_double), intent(out) :: x(*), logp(*)
    end function enf_sample

    ! States z(state,n), in units of the data scale.
    integer(c_int32_t) function enf_prior_sample(ctx, flow, seed, first, n, z) bind(c)
      import :: c_ptr, c_int32_t, c_int64_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_int64_t), value :: seed, first
      integer(c_size_t), value :: n
      real(c_double), intent(out) :: z(*)
    end function enf_prior_sample

    integer(c_int32_t) function enf_prior_log_prob(ctx, flow, n, z, logp) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: z(*)
      real(c_double), intent(out) :: logp(*)
    end function enf_prior_log_prob

    integer(c_int32_t) function enf_log_prob(ctx, flow, n, x, logp) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: logp(*)
    end function enf_log_prob

    integer(c_int32_t) function enf_log_prob_grad(ctx, flow, n, x, logp, grad) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: logp(*), grad(*)
    end function enf_log_prob_grad

    integer(c_int32_t) function enf_log_prob_estimate(ctx, flow, n, x, seed, logp, var) bind(c)
      import :: c_ptr, c_int32_t, c_int64_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      integer(c_int64_t), value :: seed
      real(c_double), intent(out) :: logp(*), var(*)
    end function enf_log_prob_estimate

    integer(c_int32_t) function enf_path_lengths(ctx, flow, seed, first, n, length, distance) bind(c)
      import :: c_ptr, c_int32_t, c_int64_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_int64_t), value :: seed, first
      integer(c_size_t), value :: n
      real(c_double), intent(out) :: length(*), distance(*)
    end function enf_path_lengths

    ! logdet is c_loc of (n), or c_null_ptr.
    integer(c_int32_t) function enf_transport(ctx, flow, n, t0, t1, x, y, logdet) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow, logdet
      integer(c_size_t), value :: n
      real(c_double), value :: t0, t1
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: y(*)
    end function enf_transport

    ! t(n); div is c_loc of (n), or c_null_ptr.
    integer(c_int32_t) function enf_velocity(ctx, flow, n, t, x, v, div) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow, div
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: t(*), x(*)
      real(c_double), intent(out) :: v(*)
    end function enf_velocity

    integer(c_int32_t) function enf_reweight(ctx, n, logp, u, logw, weights) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double, enf_weights
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: logp(*), u(*)
      real(c_double), intent(out) :: logw(*)
      type(enf_weights), intent(inout) :: weights
    end function enf_reweight

    integer(c_int32_t) function enf_weights_smooth(ctx, n, logw, smoothed, khat) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: logw(*)
      real(c_double), intent(out) :: smoothed(*), khat
    end function enf_weights_smooth

    integer(c_int32_t) function enf_bar(ctx, n_forward, forward, n_reverse, reverse, difference, err) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: n_forward, n_reverse
      real(c_double), intent(in) :: forward(*), reverse(*)
      real(c_double), intent(out) :: difference, err
    end function enf_bar

    integer(c_int32_t) function enf_bar_weights(ctx, n_forward, forward, n_reverse, reverse, difference, logw) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: n_forward, n_reverse
      real(c_double), intent(in) :: forward(*), reverse(*)
      real(c_double), value :: difference
      real(c_double), intent(out) :: logw(*)
    end function enf_bar_weights

    ! values(m,n); mean(m), err(m).
    integer(c_int32_t) function enf_average(ctx, n, logw, m, values, mean, err) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: n, m
      real(c_double), intent(in) :: logw(*), values(*)
      real(c_double), intent(out) :: mean(*), err(*)
    end function enf_average

    ! logw is c_loc of (n), or c_null_ptr where all are alike; state(n) is 0 or 1, or neither.
    integer(c_int32_t) function enf_free_energy(ctx, n, logw, state, difference, err) bind(c)
      import :: c_ptr, c_int, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, logw
      integer(c_size_t), value :: n
      integer(c_int), intent(in) :: state(*)
      real(c_double), intent(out) :: difference, err
    end function enf_free_energy

    ! weights is c_loc of (n), or c_null_ptr.
    integer(c_int32_t) function enf_histogram(ctx, n, values, weights, lowest, highest, bins, counts) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, weights
      integer(c_size_t), value :: n, bins
      real(c_double), intent(in) :: values(*)
      real(c_double), value :: lowest, highest
      real(c_double), intent(out) :: counts(*)
    end function enf_histogram

    integer(c_int32_t) function enf_total_variation(ctx, bins, p, q, distance) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: bins
      real(c_double), intent(in) :: p(*), q(*)
      real(c_double), intent(out) :: distance
    end function enf_total_variation

    ! weight_a and weight_b are c_loc of them, or c_null_ptr.
    integer(c_int32_t) function enf_wasserstein(ctx, n_a, a, weight_a, n_b, b, weight_b, distance) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, weight_a, weight_b
      integer(c_size_t), value :: n_a, n_b
      real(c_double), intent(in) :: a(*), b(*)
      real(c_double), intent(out) :: distance
    end function enf_wasserstein

    ! x(dimensions,particles,n), distance(particles*(particles-1)/2,n).
    integer(c_int32_t) function enf_pair_distances(ctx, n, particles, dimensions, x, distance) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: n, particles, dimensions
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: distance(*)
    end function enf_pair_distances

    integer(c_int32_t) function enf_tail_index(ctx, n, values, largest, index, err) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: n, largest
      real(c_double), intent(in) :: values(*)
      real(c_double), intent(out) :: index, err
    end function enf_tail_index

    ! state(n) counts from 0.
    integer(c_int32_t) function enf_metropolis(ctx, seed, first, n, logp, u, state, accepted) bind(c)
      import :: c_ptr, c_int32_t, c_int64_t, c_size_t, c_double
      type(c_ptr), value :: ctx
      integer(c_int64_t), value :: seed, first
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: logp(*), u(*)
      integer(c_size_t), intent(out) :: state(*)
      integer(c_int64_t), intent(out) :: accepted
    end function enf_metropolis

    ! state(n): numbers of proposals, from 0; -1 before the chain has begun.
    integer(c_int32_t) function enf_chain_advance(ctx, chain, seed, n, logp, u, state) bind(c)
      import :: c_ptr, c_int32_t, c_int64_t, c_size_t, c_double, enf_chain
      type(c_ptr), value :: ctx
      type(enf_chain), intent(inout) :: chain
      integer(c_int64_t), value :: seed
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: logp(*), u(*)
      integer(c_int64_t), intent(out) :: state(*)
    end function enf_chain_advance
  end interface

  interface ! walkers (enf/walkers.h)
    ! fn is the c_funloc of an energy.
    integer(c_int32_t) function enf_jump(ctx, flow, fn, user, seed, counter, rounds, n, x, u, logq, info) bind(c)
      import :: c_ptr, c_funptr, c_int32_t, c_int64_t, c_size_t, c_double, enf_jump_info
      type(c_ptr), value :: ctx, flow, user
      type(c_funptr), value :: fn
      integer(c_int64_t), value :: seed
      integer(c_int64_t), intent(inout) :: counter
      integer(c_size_t), value :: rounds, n
      real(c_double), intent(inout) :: x(*), u(*), logq(*)
      type(enf_jump_info), intent(inout) :: info
    end function enf_jump

    integer(c_int32_t) function enf_anneal(ctx, flow, fn, user, plan, most, state, n, x, u, logq, logw, family) bind(c)
      import :: c_ptr, c_funptr, c_int32_t, c_int64_t, c_size_t, c_double, enf_anneal_plan, enf_annealing
      type(c_ptr), value :: ctx, flow, user
      type(c_funptr), value :: fn
      type(enf_anneal_plan), intent(in) :: plan
      integer(c_int64_t), value :: most
      type(enf_annealing), intent(inout) :: state
      integer(c_size_t), value :: n
      real(c_double), intent(inout) :: x(*), u(*), logq(*), logw(*)
      integer(c_int64_t), intent(inout) :: family(*)
    end function enf_anneal
  end interface

  interface ! of a molecule (enf/molecule.h); numbers of atoms begin at 0
    integer(c_int32_t) function enf_bonds_from_frame(ctx, N, element, x, angstrom, most, bond, bonds) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: N, most
      integer(c_int32_t), intent(in) :: element(*)
      real(c_double), intent(in) :: x(*)
      real(c_double), value :: angstrom
      integer(c_size_t), intent(out) :: bond(2, *), bonds
    end function enf_bonds_from_frame

    integer(c_int32_t) function enf_prior_fit(ctx, flow, n, x) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
    end function enf_prior_fit

    ! parts(count) are flows; weights is c_null_ptr, or c_loc of doubles.
    integer(c_int32_t) function enf_mixture_create(ctx, mix, count, parts, weights) bind(c)
      import :: c_ptr, c_int32_t, c_size_t
      type(c_ptr), value :: ctx, weights
      type(c_ptr), intent(out) :: mix
      integer(c_size_t), value :: count
      type(c_ptr), intent(in) :: parts(*)
    end function enf_mixture_create

    ! index counts from 0; the part is the mixture's.
    integer(c_int32_t) function enf_mixture_get(mix, index, part, weight) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: mix
      integer(c_size_t), value :: index
      type(c_ptr), intent(out) :: part
      real(c_double), intent(out) :: weight
    end function enf_mixture_get

    integer(c_int32_t) function enf_mixture_set_weights(ctx, mix, count, weights) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, mix
      integer(c_size_t), value :: count
      real(c_double), intent(in) :: weights(*)
    end function enf_mixture_set_weights

    ! logw is c_null_ptr, or c_loc of doubles.
    integer(c_int32_t) function enf_mixture_fit(ctx, mix, n, x, logw, iterations, mean_logp) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, mix, logw
      integer(c_size_t), value :: n, iterations
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: mean_logp
    end function enf_mixture_fit

    integer(c_int32_t) function enf_reference_lines(ctx, flow, n, x, directions, out) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double, enf_lines
      type(c_ptr), value :: ctx, flow
      integer(c_size_t), value :: n, directions
      real(c_double), intent(in) :: x(*)
      type(enf_lines), intent(inout) :: out
    end function enf_reference_lines

    integer(c_int32_t) function enf_singular_values(ctx, flow, n, x, lowest, highest) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: lowest(*), highest(*)
    end function enf_singular_values

    ! mix is a flow, or c_null_ptr
    integer(c_int32_t) function enf_trainer_set_mixture(tr, mix) bind(c)
      import :: c_ptr, c_int32_t
      type(c_ptr), value :: tr, mix
    end function enf_trainer_set_mixture

    ! r(count, n)
    integer(c_int32_t) function enf_mixture_responsibilities(ctx, mix, n, x, r) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, mix
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: r(*)
    end function enf_mixture_responsibilities

    ! log_jacobian and verdict are c_loc of (n), or c_null_ptr.
    integer(c_int32_t) function enf_internal(ctx, flow, n, x, q, log_jacobian) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow, log_jacobian
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: q(*)
    end function enf_internal

    integer(c_int32_t) function enf_cartesian(ctx, flow, n, q, x) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: q(*)
      real(c_double), intent(out) :: x(*)
    end function enf_cartesian

    integer(c_int32_t) function enf_dihedrals(ctx, n, particles, x, count, atom, out) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: n, particles, count
      real(c_double), intent(in) :: x(*)
      integer(c_int32_t), intent(in) :: atom(4, *)
      real(c_double), intent(out) :: out(*)
    end function enf_dihedrals

    ! centre(4,centres): the middle atom, then three about it; hand(centres,n).
    integer(c_int32_t) function enf_chirality(ctx, n, particles, x, centres, centre, hand) bind(c)
      import :: c_ptr, c_int, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: n, particles, centres
      real(c_double), intent(in) :: x(*)
      integer(c_size_t), intent(in) :: centre(4, *)
      integer(c_int), intent(out) :: hand(*)
    end function enf_chirality

    ! logp is c_loc of (n), or c_null_ptr.
    integer(c_int32_t) function enf_reflect(ctx, n, particles, x, logp, centres, centre, wanted, state) bind(c)
      import :: c_ptr, c_int, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, logp
      integer(c_size_t), value :: n, particles, centres
      real(c_double), intent(inout) :: x(*)
      integer(c_size_t), intent(in) :: centre(4, *)
      integer(c_int), intent(in) :: wanted(*)
      integer(c_int), intent(out) :: state(*)
    end function enf_reflect

    integer(c_int32_t) function enf_kinds_from_bonds(ctx, particles, element, bonds, bond, kind) bind(c)
      import :: c_ptr, c_int32_t, c_size_t
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: particles, bonds
      integer(c_int32_t), intent(in) :: element(*)
      integer(c_size_t), intent(in) :: bond(2, *)
      integer(c_int32_t), intent(out) :: kind(*)
    end function enf_kinds_from_bonds

    ! order is c_loc of (N,N), or c_null_ptr.
    integer(c_int32_t) function enf_molecule_check(ctx, N, element, x, angstrom, order, found) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double, enf_molecule_facts
      type(c_ptr), value :: ctx, order
      integer(c_size_t), value :: N
      integer(c_int32_t), intent(in) :: element(*)
      real(c_double), intent(in) :: x(*)
      real(c_double), value :: angstrom
      type(enf_molecule_facts), intent(inout) :: found
    end function enf_molecule_check

    integer(c_int32_t) function enf_frames_compare(ctx, flow, n, x, verdict, found) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double, enf_frames
      type(c_ptr), value :: ctx, flow, verdict
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      type(enf_frames), intent(inout) :: found
    end function enf_frames_compare
  end interface

  interface ! of lattices and matrices (enf/lattice.h)
    ! log_haar is c_loc of (n), or c_null_ptr.
    integer(c_int32_t) function enf_group_angles(ctx, flow, n, x, angles, log_haar) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow, log_haar
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: angles(*)
    end function enf_group_angles

    ! each and charge are c_loc of (V,n) and (n), or c_null_ptr.
    integer(c_int32_t) function enf_lattice_plaquettes(ctx, flow, n, x, mean, each, charge) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow, each, charge
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: mean(*)
    end function enf_lattice_plaquettes

    integer(c_int32_t) function enf_lattice_loop(ctx, flow, n, x, a, b, w) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_size_t), value :: n, a, b
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: w(*)
    end function enf_lattice_loop

    integer(c_int32_t) function enf_lattice_line(ctx, flow, n, x, axis, line) bind(c)
      import :: c_ptr, c_int, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      integer(c_int), value :: axis
      real(c_double), intent(out) :: line(*)
    end function enf_lattice_line

    integer(c_int32_t) function enf_lattice_transform(ctx, flow, n, g, x, y) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: g(*), x(*)
      real(c_double), intent(out) :: y(*)
    end function enf_lattice_transform

    ! wilson ends in c_null_char.
    integer(c_int32_t) function enf_lattice_exact_values(ctx, wilson, found) bind(c)
      import :: c_ptr, c_int32_t, c_char, enf_lattice_exact
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in) :: wilson(*)
      type(enf_lattice_exact), intent(inout) :: found
    end function enf_lattice_exact_values
  end interface

  interface ! of configurations of any size (enf/batch.h)
    integer(c_int32_t) function enf_batch_create(ctx, batch, dimensions) bind(c)
      import :: c_ptr, c_int32_t, c_size_t
      type(c_ptr), value :: ctx
      type(c_ptr), intent(out) :: batch
      integer(c_size_t), value :: dimensions
    end function enf_batch_create

    ! kinds is c_loc of integer(c_int32_t) (N), features of (F,N); each may be c_null_ptr.
    integer(c_int32_t) function enf_batch_append(ctx, batch, N, kinds, F, features, x) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, batch, kinds, features
      integer(c_size_t), value :: N, F
      real(c_double), intent(in) :: x(*)
    end function enf_batch_append

    integer(c_size_t) function enf_batch_count(batch) bind(c)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: batch
    end function enf_batch_count

    integer(c_size_t) function enf_batch_particles(batch) bind(c)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: batch
    end function enf_batch_particles

    integer(c_size_t) function enf_batch_dimensions(batch) bind(c)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: batch
    end function enf_batch_dimensions

    ! index counts from 0; kinds, features and x are for c_f_pointer with (N), (F,N) and (D,N).
    integer(c_int32_t) function enf_batch_get(batch, index, N, kinds, F, features, x) bind(c)
      import :: c_ptr, c_int32_t, c_size_t
      type(c_ptr), value :: batch
      integer(c_size_t), value :: index
      integer(c_size_t), intent(out) :: N, F
      type(c_ptr), intent(out) :: kinds, features, x
    end function enf_batch_get

    ! values is (G,n).
    integer(c_int32_t) function enf_batch_set_context(ctx, batch, first, n, G, values) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double
      type(c_ptr), value :: ctx, batch
      integer(c_size_t), value :: first, n, G
      real(c_double), intent(in) :: values(*)
    end function enf_batch_set_context

    ! values is for c_f_pointer with (G).
    integer(c_int32_t) function enf_batch_context(batch, index, G, values) bind(c)
      import :: c_ptr, c_int32_t, c_size_t
      type(c_ptr), value :: batch
      integer(c_size_t), value :: index
      integer(c_size_t), intent(out) :: G
      type(c_ptr), intent(out) :: values
    end function enf_batch_context

    integer(c_int32_t) function enf_batch_reader_context(ctx, reader, keys) bind(c)
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx, reader
      character(kind=c_char), intent(in) :: keys(*)
    end function enf_batch_reader_context

    integer(c_int32_t) function enf_batch_reader_next(ctx, reader, most, batch) bind(c)
      import :: c_ptr, c_int32_t, c_size_t
      type(c_ptr), value :: ctx, reader, batch
      integer(c_size_t), value :: most
    end function enf_batch_reader_next

    subroutine enf_batch_reader_close(reader) bind(c)
      import :: c_ptr
      type(c_ptr), value :: reader
    end subroutine enf_batch_reader_close

    ! err is c_loc of (count), or c_null_ptr.
    integer(c_int32_t) function enf_log_prob_batch(ctx, flow, batch, seed, logp, err) bind(c)
      import :: c_ptr, c_int32_t, c_int64_t, c_double
      type(c_ptr), value :: ctx, flow, batch, err
      integer(c_int64_t), value :: seed
      real(c_double), intent(out) :: logp(*)
    end function enf_log_prob_batch

    ! logp is c_loc of (n), or c_null_ptr.
    integer(c_int32_t) function enf_sample_batch(ctx, flow, seed, first, n, particles, batch, logp) bind(c)
      import :: c_ptr, c_int32_t, c_int64_t, c_size_t
      type(c_ptr), value :: ctx, flow, logp
      integer(c_int64_t), value :: seed, first
      integer(c_size_t), value :: n, particles
      type(c_ptr), intent(out) :: batch
    end function enf_sample_batch

    integer(c_int32_t) function enf_sample_given(ctx, flow, given, seed, first, batch, logp) bind(c)
      import :: c_ptr, c_int32_t, c_int64_t
      type(c_ptr), value :: ctx, flow, given, logp
      integer(c_int64_t), value :: seed, first
      type(c_ptr), intent(out) :: batch
    end function enf_sample_given

    ! vx (D,sum N); vh and div are c_loc of (F,sum N) and (count), or c_null_ptr.
    integer(c_int32_t) function enf_velocity_batch(ctx, flow, batch, t, vx, vh, div) bind(c)
      import :: c_ptr, c_int32_t, c_double
      type(c_ptr), value :: ctx, flow, batch, vh, div
      real(c_double), intent(in) :: t(*)
      real(c_double), intent(out) :: vx(*)
    end function enf_velocity_batch

    integer(c_int32_t) function enf_transport_batch(ctx, flow, batch, t0, t1, x, h, logdet) bind(c)
      import :: c_ptr, c_int32_t, c_double
      type(c_ptr), value :: ctx, flow, batch, h, logdet
      real(c_double), value :: t0, t1
      real(c_double), intent(out) :: x(*)
    end function enf_transport_batch

    integer(c_int32_t) function enf_train_step_batch(ctx, tr, batch, info) bind(c)
      import :: c_ptr, c_int32_t, enf_step_info
      type(c_ptr), value :: ctx, tr, batch
      type(enf_step_info), intent(inout) :: info
    end function enf_train_step_batch

    subroutine enf_batch_destroy(batch) bind(c)
      import :: c_ptr
      type(c_ptr), value :: batch
    end subroutine enf_batch_destroy
  end interface

  interface ! of energies (enf/energy.h)
    ! An enf_energy_fn itself: give c_funloc(enf_energy_eval), and the energy as user. grad is c_loc of
    ! (D,N,n), or c_null_ptr.
    integer(c_int) function enf_energy_eval(energy, n, x, u, grad) bind(c)
      import :: c_ptr, c_int, c_size_t, c_double
      type(c_ptr), value :: energy, grad
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      real(c_double), intent(out) :: u(*)
    end function enf_energy_eval

    integer(c_int32_t) function enf_energy_sample(ctx, energy, seed, first, n, x) bind(c)
      import :: c_ptr, c_int32_t, c_int64_t, c_size_t, c_double
      type(c_ptr), value :: ctx, energy
      integer(c_int64_t), value :: seed, first
      integer(c_size_t), value :: n
      real(c_double), intent(out) :: x(*)
    end function enf_energy_sample

    subroutine enf_energy_destroy(energy) bind(c)
      import :: c_ptr
      type(c_ptr), value :: energy
    end subroutine enf_energy_destroy

    ! fn is c_funloc of an enf_energy_fn.
    integer(c_int32_t) function enf_simulate(ctx, fn, user, opts, n, x, info) bind(c)
      import :: c_ptr, c_funptr, c_int32_t, c_size_t, c_double, enf_sim_info
      type(c_ptr), value :: ctx, user, opts
      type(c_funptr), value :: fn
      integer(c_size_t), value :: n
      real(c_double), intent(out) :: x(*)
      type(enf_sim_info), intent(inout) :: info
    end function enf_simulate
  end interface

  interface ! of files of configurations (enf/array.h)
    integer(c_size_t) function enf_array_ndim(array) bind(c)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: array
    end function enf_array_ndim

    ! Axes count from 0 and are C's: those of (n,N,D), x(D,N,n) here.
    integer(c_size_t) function enf_array_shape(array, axis) bind(c)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: array
      integer(c_size_t), value :: axis
    end function enf_array_shape

    ! For c_f_pointer, with the shape the other way round.
    type(c_ptr) function enf_array_data(array) bind(c)
      import :: c_ptr
      type(c_ptr), value :: array
    end function enf_array_data

    ! vectors and periodic are c_loc of (3,3) and of integer(c_int) (3), or c_null_ptr.
    integer(c_int32_t) function enf_array_cell(array, index, vectors, periodic) bind(c)
      import :: c_ptr, c_int32_t, c_size_t
      type(c_ptr), value :: array, vectors, periodic
      integer(c_size_t), value :: index
    end function enf_array_cell

    subroutine enf_array_destroy(array) bind(c)
      import :: c_ptr
      type(c_ptr), value :: array
    end subroutine enf_array_destroy
  end interface

  interface ! with texts, which the functions below make C's
    type(c_ptr) function c_ctx_errmsg(ctx) bind(c, name='enf_ctx_errmsg')
      import :: c_ptr
      type(c_ptr), value :: ctx
    end function c_ctx_errmsg

    type(c_ptr) function c_opts_errmsg(opts) bind(c, name='enf_opts_errmsg')
      import :: c_ptr
      type(c_ptr), value :: opts
    end function c_opts_errmsg

    integer(c_int32_t) function c_opts_set(opts, name, value) bind(c, name='enf_opts_set')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: opts
      character(kind=c_char), intent(in) :: name(*), value(*)
    end function c_opts_set

    integer(c_int32_t) function c_load(ctx, flow, path) bind(c, name='enf_load')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx
      type(c_ptr), intent(out) :: flow
      character(kind=c_char), intent(in) :: path(*)
    end function c_load

    integer(c_int32_t) function c_save(ctx, flow, path) bind(c, name='enf_save')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx, flow
      character(kind=c_char), intent(in) :: path(*)
    end function c_save

    integer(c_int32_t) function c_zmatrix(ctx, N, element, bonds, bond, frames, x, keep, kept, size, text) &
        bind(c, name='enf_zmatrix_from_bonds')
      import :: c_ptr, c_int32_t, c_size_t, c_char
      type(c_ptr), value :: ctx, element, x, kept
      integer(c_size_t), value :: N, bonds, frames, keep, size
      integer(c_size_t), intent(in) :: bond(2, *)
      character(kind=c_char), intent(out) :: text(*)
    end function c_zmatrix

    integer(c_int32_t) function c_ctx_stat(ctx, name, value) bind(c, name='enf_ctx_stat')
      import :: c_ptr, c_int32_t, c_double, c_char
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in) :: name(*)
      real(c_double), intent(out) :: value
    end function c_ctx_stat

    integer(c_int32_t) function c_opts_set_int(opts, name, value) bind(c, name='enf_opts_set_int')
      import :: c_ptr, c_int32_t, c_int64_t, c_char
      type(c_ptr), value :: opts
      character(kind=c_char), intent(in) :: name(*)
      integer(c_int64_t), value :: value
    end function c_opts_set_int

    integer(c_int32_t) function c_opts_set_real(opts, name, value) bind(c, name='enf_opts_set_real')
      import :: c_ptr, c_int32_t, c_double, c_char
      type(c_ptr), value :: opts
      character(kind=c_char), intent(in) :: name(*)
      real(c_double), value :: value
    end function c_opts_set_real

    integer(c_int32_t) function c_import(ctx, flow, path, opts) bind(c, name='enf_import')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx, opts
      type(c_ptr), intent(out) :: flow
      character(kind=c_char), intent(in) :: path(*)
    end function c_import

    integer(c_int32_t) function c_import_parts(ctx, flow, path, dequantiser, opts) &
        bind(c, name='enf_import_parts')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx, opts
      type(c_ptr), intent(out) :: flow
      character(kind=c_char), intent(in) :: path(*), dequantiser(*)
    end function c_import_parts

    integer(c_int32_t) function c_get_int(flow, name, value) bind(c, name='enf_get_int')
      import :: c_ptr, c_int32_t, c_int64_t, c_char
      type(c_ptr), value :: flow
      character(kind=c_char), intent(in) :: name(*)
      integer(c_int64_t), intent(out) :: value
    end function c_get_int

    integer(c_int32_t) function c_get_real(flow, name, value) bind(c, name='enf_get_real')
      import :: c_ptr, c_int32_t, c_double, c_char
      type(c_ptr), value :: flow
      character(kind=c_char), intent(in) :: name(*)
      real(c_double), intent(out) :: value
    end function c_get_real

    integer(c_int32_t) function c_params_get(ctx, flow, tensor, data, n) bind(c, name='enf_params_get')
      import :: c_ptr, c_int32_t, c_size_t, c_double, c_char
      type(c_ptr), value :: ctx, flow
      character(kind=c_char), intent(in) :: tensor(*)
      real(c_double), intent(out) :: data(*)
      integer(c_size_t), value :: n
    end function c_params_get

    integer(c_int32_t) function c_params_set(ctx, flow, tensor, data, n) bind(c, name='enf_params_set')
      import :: c_ptr, c_int32_t, c_size_t, c_double, c_char
      type(c_ptr), value :: ctx, flow
      character(kind=c_char), intent(in) :: tensor(*)
      real(c_double), intent(in) :: data(*)
      integer(c_size_t), value :: n
    end function c_params_set

    integer(c_int32_t) function c_trainer_get_int(tr, name, value) bind(c, name='enf_trainer_get_int')
      import :: c_ptr, c_int32_t, c_int64_t, c_char
      type(c_ptr), value :: tr
      character(kind=c_char), intent(in) :: name(*)
      integer(c_int64_t), intent(out) :: value
    end function c_trainer_get_int

    integer(c_int32_t) function c_trainer_save(ctx, tr, path) bind(c, name='enf_trainer_save')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx, tr
      character(kind=c_char), intent(in) :: path(*)
    end function c_trainer_save

    integer(c_int32_t) function c_trainer_load(ctx, tr, flow, path) bind(c, name='enf_trainer_load')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx, flow
      type(c_ptr), intent(out) :: tr
      character(kind=c_char), intent(in) :: path(*)
    end function c_trainer_load

    integer(c_int32_t) function c_energy_builtin(ctx, energy, spec) bind(c, name='enf_energy_builtin')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx
      type(c_ptr), intent(out) :: energy
      character(kind=c_char), intent(in) :: spec(*)
    end function c_energy_builtin

    integer(c_int32_t) function c_energy_get_int(energy, name, value) bind(c, name='enf_energy_get_int')
      import :: c_ptr, c_int32_t, c_int64_t, c_char
      type(c_ptr), value :: energy
      character(kind=c_char), intent(in) :: name(*)
      integer(c_int64_t), intent(out) :: value
    end function c_energy_get_int

    integer(c_int32_t) function c_energy_get_real(energy, name, value) bind(c, name='enf_energy_get_real')
      import :: c_ptr, c_int32_t, c_double, c_char
      type(c_ptr), value :: energy
      character(kind=c_char), intent(in) :: name(*)
      real(c_double), intent(out) :: value
    end function c_energy_get_real

    integer(c_int32_t) function c_element_number(symbol) bind(c, name='enf_element_number')
      import :: c_int32_t, c_char
      character(kind=c_char), intent(in) :: symbol(*)
    end function c_element_number

    integer(c_int32_t) function c_array_read(ctx, array, path) bind(c, name='enf_array_read')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx
      type(c_ptr), intent(out) :: array
      character(kind=c_char), intent(in) :: path(*)
    end function c_array_read

    integer(c_int32_t) function c_batch_read(ctx, batch, flow, path) bind(c, name='enf_batch_read')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx, flow
      type(c_ptr), intent(out) :: batch
      character(kind=c_char), intent(in) :: path(*)
    end function c_batch_read

    integer(c_int32_t) function c_batch_reader_open(ctx, reader, flow, path) bind(c, name='enf_batch_reader_open')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx, flow
      type(c_ptr), intent(out) :: reader
      character(kind=c_char), intent(in) :: path(*)
    end function c_batch_reader_open

    integer(c_int32_t) function c_batch_write(ctx, batch, flow, path) bind(c, name='enf_batch_write')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx, batch, flow
      character(kind=c_char), intent(in) :: path(*)
    end function c_batch_write

    integer(c_int32_t) function c_get_text(flow, name, text, size, needed) bind(c, name='enf_get_text')
      import :: c_ptr, c_int32_t, c_size_t, c_char
      type(c_ptr), value :: flow, text
      character(kind=c_char), intent(in) :: name(*)
      integer(c_size_t), value :: size
      integer(c_size_t), intent(inout) :: needed
    end function c_get_text

    integer(c_int32_t) function c_meta_set(ctx, flow, key, text) bind(c, name='enf_meta_set')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx, flow, text
      character(kind=c_char), intent(in) :: key(*)
    end function c_meta_set

    integer(c_int32_t) function c_meta_get(flow, key, text, size, needed) bind(c, name='enf_meta_get')
      import :: c_ptr, c_int32_t, c_size_t, c_char
      type(c_ptr), value :: flow, text
      character(kind=c_char), intent(in) :: key(*)
      integer(c_size_t), value :: size
      integer(c_size_t), intent(inout) :: needed
    end function c_meta_get

    integer(c_int32_t) function c_params_info(flow, index, name, rows, cols) bind(c, name='enf_params_info')
      import :: c_ptr, c_int32_t, c_size_t
      type(c_ptr), value :: flow
      integer(c_size_t), value :: index
      type(c_ptr), intent(inout) :: name
      integer(c_size_t), intent(out) :: rows, cols
    end function c_params_info

    type(c_ptr) function c_array_label(array, index) bind(c, name='enf_array_label')
      import :: c_ptr, c_size_t
      type(c_ptr), value :: array
      integer(c_size_t), value :: index
    end function c_array_label

    integer(c_int32_t) function c_array_write(ctx, path, dtype, ndim, shape, labels, data) &
        bind(c, name='enf_array_write')
      import :: c_ptr, c_int32_t, c_size_t, c_double, c_char
      type(c_ptr), value :: ctx, dtype, labels
      character(kind=c_char), intent(in) :: path(*)
      integer(c_size_t), value :: ndim
      integer(c_size_t), intent(in) :: shape(*)
      real(c_double), intent(in) :: data(*)
    end function c_array_write

    type(c_ptr) function c_strerror(status) bind(c, name='enf_strerror')
      import :: c_ptr, c_int32_t
      integer(c_int32_t), value :: status
    end function c_strerror

    type(c_ptr) function c_version() bind(c, name='enf_version')
      import :: c_ptr
    end function c_version

    integer(c_size_t) function c_strlen(text) bind(c, name='strlen')
      import :: c_ptr, c_size_t
      type(c_ptr), value :: text
    end function c_strlen
  end interface
  private :: letters_of

contains

  ! Whatever the option's type, as text: '32', '1e-5', 'energy'.
  integer(c_int32_t) function enf_opts_set(opts, name, value)
    type(c_ptr), intent(in) :: opts
    character(*), intent(in) :: name, value
    enf_opts_set = c_opts_set(opts, name // c_null_char, value // c_null_char)
  end function enf_opts_set

  integer(c_int32_t) function enf_load(ctx, flow, path)
    type(c_ptr), intent(in) :: ctx
    type(c_ptr), intent(out) :: flow
    character(*), intent(in) :: path
    enf_load = c_load(ctx, flow, path // c_null_char)
  end function enf_load

  integer(c_int32_t) function enf_save(ctx, flow, path)
    type(c_ptr), intent(in) :: ctx, flow
    character(*), intent(in) :: path
    enf_save = c_save(ctx, flow, path // c_null_char)
  end function enf_save

  integer(c_int32_t) function enf_ctx_stat(ctx, name, value)
    type(c_ptr), intent(in) :: ctx
    character(*), intent(in) :: name
    real(c_double), intent(out) :: value
    enf_ctx_stat = c_ctx_stat(ctx, name // c_null_char, value)
  end function enf_ctx_stat

  integer(c_int32_t) function enf_opts_set_int(opts, name, value)
    type(c_ptr), intent(in) :: opts
    character(*), intent(in) :: name
    integer(c_int64_t), intent(in) :: value
    enf_opts_set_int = c_opts_set_int(opts, name // c_null_char, value)
  end function enf_opts_set_int

  integer(c_int32_t) function enf_opts_set_real(opts, name, value)
    type(c_ptr), intent(in) :: opts
    character(*), intent(in) :: name
    real(c_double), intent(in) :: value
    enf_opts_set_real = c_opts_set_real(opts, name // c_null_char, value)
  end function enf_opts_set_real

  integer(c_int32_t) function enf_import(ctx, flow, path, opts)
    type(c_ptr), intent(in) :: ctx, opts
    type(c_ptr), intent(out) :: flow
    character(*), intent(in) :: path
    enf_import = c_import(ctx, flow, path // c_null_char, opts)
  end function enf_import

  integer(c_int32_t) function enf_import_parts(ctx, flow, path, dequantiser, opts)
    type(c_ptr), intent(in) :: ctx, opts
    type(c_ptr), intent(out) :: flow
    character(*), intent(in) :: path, dequantiser
    enf_import_parts = c_import_parts(ctx, flow, path // c_null_char, dequantiser // c_null_char, &
                                      opts)
  end function enf_import_parts

  integer(c_int32_t) function enf_get_int(flow, name, value)
    type(c_ptr), intent(in) :: flow
    character(*), intent(in) :: name
    integer(c_int64_t), intent(out) :: value
    enf_get_int = c_get_int(flow, name // c_null_char, value)
  end function enf_get_int

  integer(c_int32_t) function enf_get_real(flow, name, value)
    type(c_ptr), intent(in) :: flow
    character(*), intent(in) :: name
    real(c_double), intent(out) :: value
    enf_get_real = c_get_real(flow, name // c_null_char, value)
  end function enf_get_real

  ! data(n), row-major as C has it: tensor(cols,rows) here.
  integer(c_int32_t) function enf_params_get(ctx, flow, tensor, data, n)
    type(c_ptr), intent(in) :: ctx, flow
    character(*), intent(in) :: tensor
    real(c_double), intent(out) :: data(*)
    integer(c_size_t), intent(in) :: n
    enf_params_get = c_params_get(ctx, flow, tensor // c_null_char, data, n)
  end function enf_params_get

  integer(c_int32_t) function enf_params_set(ctx, flow, tensor, data, n)
    type(c_ptr), intent(in) :: ctx, flow
    character(*), intent(in) :: tensor
    real(c_double), intent(in) :: data(*)
    integer(c_size_t), intent(in) :: n
    enf_params_set = c_params_set(ctx, flow, tensor // c_null_char, data, n)
  end function enf_params_set

  integer(c_int32_t) function enf_trainer_get_int(tr, name, value)
    type(c_ptr), intent(in) :: tr
    character(*), intent(in) :: name
    integer(c_int64_t), intent(out) :: value
    enf_trainer_get_int = c_trainer_get_int(tr, name // c_null_char, value)
  end function enf_trainer_get_int

  integer(c_int32_t) function enf_trainer_save(ctx, tr, path)
    type(c_ptr), intent(in) :: ctx, tr
    character(*), intent(in) :: path
    enf_trainer_save = c_trainer_save(ctx, tr, path // c_null_char)
  end function enf_trainer_save

  integer(c_int32_t) function enf_trainer_load(ctx, tr, flow, path)
    type(c_ptr), intent(in) :: ctx, flow
    type(c_ptr), intent(out) :: tr
    character(*), intent(in) :: path
    enf_trainer_load = c_trainer_load(ctx, tr, flow, path // c_null_char)
  end function enf_trainer_load

  ! 'dw4', 'lj13', 'lj:n=7' ...
  integer(c_int32_t) function enf_energy_builtin(ctx, energy, spec)
    type(c_ptr), intent(in) :: ctx
    type(c_ptr), intent(out) :: energy
    character(*), intent(in) :: spec
    enf_energy_builtin = c_energy_builtin(ctx, energy, spec // c_null_char)
  end function enf_energy_builtin

  integer(c_int32_t) function enf_energy_get_int(energy, name, value)
    type(c_ptr), intent(in) :: energy
    character(*), intent(in) :: name
    integer(c_int64_t), intent(out) :: value
    enf_energy_get_int = c_energy_get_int(energy, name // c_null_char, value)
  end function enf_energy_get_int

  integer(c_int32_t) function enf_energy_get_real(energy, name, value)
    type(c_ptr), intent(in) :: energy
    character(*), intent(in) :: name
    real(c_double), intent(out) :: value
    enf_energy_get_real = c_energy_get_real(energy, name // c_null_char, value)
  end function enf_energy_get_real

  integer(c_int32_t) function enf_element_number(symbol)
    character(*), intent(in) :: symbol
    enf_element_number = c_element_number(symbol // c_null_char)
  end function enf_element_number

  integer(c_int32_t) function enf_array_read(ctx, array, path)
    type(c_ptr), intent(in) :: ctx
    type(c_ptr), intent(out) :: array
    character(*), intent(in) :: path
    enf_array_read = c_array_read(ctx, array, path // c_null_char)
  end function enf_array_read

  integer(c_int32_t) function enf_batch_read(ctx, batch, flow, path)
    type(c_ptr), intent(in) :: ctx, flow
    type(c_ptr), intent(out) :: batch
    character(*), intent(in) :: path
    enf_batch_read = c_batch_read(ctx, batch, flow, path // c_null_char)
  end function enf_batch_read

  integer(c_int32_t) function enf_batch_reader_open(ctx, reader, flow, path)
    type(c_ptr), intent(in) :: ctx, flow
    type(c_ptr), intent(out) :: reader
    character(*), intent(in) :: path
    enf_batch_reader_open = c_batch_reader_open(ctx, reader, flow, path // c_null_char)
  end function enf_batch_reader_open

  integer(c_int32_t) function enf_batch_write(ctx, batch, flow, path)
    type(c_ptr), intent(in) :: ctx, batch, flow
    character(*), intent(in) :: path
    enf_batch_write = c_batch_write(ctx, batch, flow, path // c_null_char)
  end function enf_batch_write

  integer(c_int32_t) function enf_get_text(flow, name, text)
    type(c_ptr), intent(in) :: flow
    character(*), intent(in) :: name
    character(:), allocatable, intent(out) :: text
    character(kind=c_char), allocatable, target :: letters(:)
    integer(c_size_t) :: needed
    needed = 0
    text = ''
    enf_get_text = c_get_text(flow, name // c_null_char, c_null_ptr, 0_c_size_t, needed)
    if (needed == 0) return
    allocate (letters(needed))
    enf_get_text = c_get_text(flow, name // c_null_char, c_loc(letters), size(letters, kind=c_size_t), needed)
    if (enf_get_text == enf_ok) text = enf_text(c_loc(letters))
  end function enf_get_text

  integer(c_int32_t) function enf_meta_get(flow, key, text)
    type(c_ptr), intent(in) :: flow
    character(*), intent(in) :: key
    character(:), allocatable, intent(out) :: text
    character(kind=c_char), allocatable, target :: letters(:)
    integer(c_size_t) :: needed
    needed = 0
    text = ''
    enf_meta_get = c_meta_get(flow, key // c_null_char, c_null_ptr, 0_c_size_t, needed)
    if (needed == 0) return
    allocate (letters(needed))
    enf_meta_get = c_meta_get(flow, key // c_null_char, c_loc(letters), size(letters, kind=c_size_t), needed)
    if (enf_meta_get == enf_ok) text = enf_text(c_loc(letters))
  end function enf_meta_get

  ! Without text the key is taken away.
  integer(c_int32_t) function enf_meta_set(ctx, flow, key, text)
    type(c_ptr), intent(in) :: ctx, flow
    character(*), intent(in) :: key
    character(*), intent(in), optional :: text
    character(kind=c_char), allocatable, target :: letters(:)
    if (present(text)) then
      allocate (letters, source=letters_of(text))
      enf_meta_set = c_meta_set(ctx, flow, key // c_null_char, c_loc(letters))
    else
      enf_meta_set = c_meta_set(ctx, flow, key // c_null_char, c_null_ptr)
    end if
  end function enf_meta_set

  ! Tensor `index`, from 0, until it is not enf_ok.
  integer(c_int32_t) function enf_params_info(flow, index, name, rows, cols)
    type(c_ptr), intent(in) :: flow
    integer(c_size_t), intent(in) :: index
    character(:), allocatable, intent(out) :: name
    integer(c_size_t), intent(out) :: rows, cols
    type(c_ptr) :: pointer
    pointer = c_null_ptr
    enf_params_info = c_params_info(flow, index, pointer, rows, cols)
    name = enf_text(pointer)
  end function enf_params_info

  ! Of atom `index`, from 0.
  function enf_array_label(array, index) result(text)
    type(c_ptr), intent(in) :: array
    integer(c_size_t), intent(in) :: index
    character(:), allocatable :: text
    text = enf_text(c_array_label(array, index))
  end function enf_array_label

  ! shape is C's: [n,N,D] for data(D,N,n). dtype is 'f4', 'f8' or '' for what is usual.
  integer(c_int32_t) function enf_array_write(ctx, path, dtype, shape, data, labels)
    type(c_ptr), intent(in) :: ctx
    character(*), intent(in) :: path, dtype
    integer(c_size_t), intent(in) :: shape(:)
    real(c_double), intent(in) :: data(*)
    character(*), intent(in), optional :: labels(:)
    character(kind=c_char), target :: letters(len(dtype) + 1)
    character(kind=c_char), allocatable, target :: names(:)
    type(c_ptr), allocatable, target :: starts(:)
    type(c_ptr) :: c_dtype, c_labels
    integer :: i, width
    letters = letters_of(dtype)
    c_dtype = c_null_ptr
    if (dtype /= '') c_dtype = c_loc(letters)
    c_labels = c_null_ptr
    if (present(labels)) then
      width = len(labels) + 1
      allocate (names(width * size(labels)), starts(size(labels)))
      names = c_null_char
      do i = 1, size(labels)
        names(width * (i - 1) + 1:width * (i - 1) + len_trim(labels(i))) = &
          transfer(trim(labels(i)), [c_null_char], len_trim(labels(i)))
        starts(i) = c_loc(names(width * (i - 1) + 1))
      end do
      c_labels = c_loc(starts)
    end if
    enf_array_write = c_array_write(ctx, path // c_null_char, c_dtype, size(shape, kind=c_size_t), shape, &
      c_labels, data)
  end function enf_array_write

  function enf_strerror(status) result(text)
    integer(c_int32_t), intent(in) :: status
    character(:), allocatable :: text
    text = enf_text(c_strerror(status))
  end function enf_strerror

  function enf_version() result(text)
    character(:), allocatable :: text
    text = enf_text(c_version())
  end function enf_version

  ! For model.zmatrix. element (N), x (3,N,frames) and kept (2,keep) are c_loc of them, or c_null_ptr.
  integer(c_int32_t) function enf_zmatrix_from_bonds(ctx, N, element, bonds, bond, frames, x, keep, kept, text)
    type(c_ptr), intent(in) :: ctx, element, x, kept
    integer(c_size_t), intent(in) :: N, bonds, bond(2, *), frames, keep
    character(:), allocatable, intent(out) :: text
    character(kind=c_char) :: letters(48 * N + 64)
    integer :: i
    letters = c_null_char
    enf_zmatrix_from_bonds = c_zmatrix(ctx, N, element, bonds, bond, frames, x, keep, kept, &
      size(letters, kind=c_size_t), letters)
    text = ''
    do i = 1, size(letters)
      if (letters(i) == c_null_char) exit
      text = text // letters(i)
    end do
  end function enf_zmatrix_from_bonds

  ! The sentence about the last failure on a context, or of a set of options.
  function enf_ctx_errmsg(ctx) result(text)
    type(c_ptr), intent(in) :: ctx
    character(:), allocatable :: text
    text = enf_text(c_ctx_errmsg(ctx))
  end function enf_ctx_errmsg

  function enf_opts_errmsg(opts) result(text)
    type(c_ptr), intent(in) :: opts
    character(:), allocatable :: text
    text = enf_text(c_opts_errmsg(opts))
  end function enf_opts_errmsg

  ! The letters that C ends with c_null_char; '' for c_null_ptr.
  function enf_text(pointer) result(text)
    type(c_ptr), intent(in) :: pointer
    character(:), allocatable :: text
    character(kind=c_char), pointer :: letters(:)
    integer :: i
    text = ''
    if (.not. c_associated(pointer)) return
    call c_f_pointer(pointer, letters, [c_strlen(pointer)])
    text = repeat(' ', size(letters))
    do i = 1, size(letters)
      text(i:i) = letters(i)
    end do
  end function enf_text

  function letters_of(text) result(letters)
    character(*), intent(in) :: text
    character(kind=c_char) :: letters(len(text) + 1)
    letters = transfer(text // c_null_char, letters)
  end function letters_of
end module enf
