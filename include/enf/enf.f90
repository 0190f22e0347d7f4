! enf.f90 -- libenf for Fortran: the calls that train, sample and reweight, through iso_c_binding.
! More are added in the same way from enf/enf.h: size_t is c_size_t, uint64_t c_int64_t, a handle
! type(c_ptr). An array x of the C interface, (n,N,D) row-major, is x(D,N,n) here.
!
!   gfortran -o host $(pkg-config --variable=includedir enf)/enf/enf.f90 host.f90 $(pkg-config --libs enf)
module enf
  use, intrinsic :: iso_c_binding
  implicit none
  integer(c_int32_t), parameter :: enf_ok = 0

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

  type, bind(c) :: enf_step_info
    integer(c_size_t) :: struct_size = 88
    real(c_double) :: loss = 0, grad_norm = 0, lr = 0, seconds = 0
    integer(c_int64_t) :: step = 0, evaluations = 0, skipped = 0, capped = 0
    integer(c_int64_t) :: clipped = 0, forces_clipped = 0
  end type enf_step_info

  type, bind(c) :: enf_frames
    integer(c_size_t) :: struct_size = 48
    real(c_double) :: scale = 0
    integer(c_size_t) :: bad = 0, broken = 0, other_hand = 0, constrained = 0
  end type enf_frames

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

    integer(c_int32_t) function enf_create(ctx, flow, opts) bind(c)
      import :: c_ptr, c_int32_t
      type(c_ptr), value :: ctx, opts
      type(c_ptr), intent(out) :: flow
    end function enf_create

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

    integer(c_int32_t) function enf_frames_compare(ctx, flow, n, x, verdict, found) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double, enf_frames
      type(c_ptr), value :: ctx, flow, verdict
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: x(*)
      type(enf_frames), intent(inout) :: found
    end function enf_frames_compare
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

    integer(c_size_t) function c_strlen(text) bind(c, name='strlen')
      import :: c_ptr, c_size_t
      type(c_ptr), value :: text
    end function c_strlen
  end interface
  private :: text_of

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
    text = text_of(c_ctx_errmsg(ctx))
  end function enf_ctx_errmsg

  function enf_opts_errmsg(opts) result(text)
    type(c_ptr), intent(in) :: opts
    character(:), allocatable :: text
    text = text_of(c_opts_errmsg(opts))
  end function enf_opts_errmsg

  function text_of(pointer) result(text)
    type(c_ptr), intent(in) :: pointer
    character(:), allocatable :: text
    character(kind=c_char), pointer :: letters(:)
    integer :: i
    call c_f_pointer(pointer, letters, [c_strlen(pointer)])
    allocate (character(size(letters)) :: text)
    do i = 1, size(letters)
      text(i:i) = letters(i)
    end do
  end function text_of
end module enf
