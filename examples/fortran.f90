! fortran.f90 -- a Fortran host: train a flow by its own energy, sample it, reweight.
! usage: fortran      writes fortran.safetensors
! The module enf is include/enf/enf.f90, whose first lines say how to compile.
module double_well
  use enf
  implicit none
  integer, parameter :: particles = 2, dimensions = 3

contains

  ! Two particles with two distances to choose from, as a simulation code would have it: an
  ! enf_energy_fn. u = 0.9 t^4 - 4 t^2, t = d - 4.
  integer(c_int) function energy(user, n, x, u, grad) bind(c)
    type(c_ptr), value :: user, grad
    integer(c_size_t), value :: n
    real(c_double), intent(in) :: x(dimensions, particles, *)
    real(c_double), intent(out) :: u(*)
    real(c_double), pointer :: slope(:, :, :)
    real(c_double) :: r(dimensions), t
    integer(c_size_t) :: s
    if (c_associated(user)) continue ! this energy has no parameters
    do s = 1, n
      t = norm2(x(:, 2, s) - x(:, 1, s)) - 4
      u(s) = 0.9_c_double * t**4 - 4 * t**2
    end do
    energy = 0
    if (.not. c_associated(grad)) return
    call c_f_pointer(grad, slope, [integer(c_size_t) :: dimensions, particles, n])
    do s = 1, n
      r = x(:, 2, s) - x(:, 1, s)
      t = norm2(r) - 4
      slope(:, 2, s) = (3.6_c_double * t**3 - 8 * t) * r / max(norm2(r), tiny(t))
      slope(:, 1, s) = -slope(:, 2, s)
    end do
  end function energy
end module double_well

program fortran
  use enf
  use double_well
  implicit none
  integer(c_size_t), parameter :: n = 2000, batch = 64
  integer(c_int64_t), parameter :: seed = 1, first = 0
  real(c_double) :: x(dimensions, particles, n), logp(n), u(n), logw(n)
  type(enf_step_info) :: info
  type(enf_weights) :: w
  type(c_ptr) :: ctx = c_null_ptr, opts = c_null_ptr, flow = c_null_ptr, trainer = c_null_ptr
  integer :: step, failed

  call check(enf_ctx_create(ctx, c_null_ptr))
  call check(enf_opts_create(ctx, opts))
  call set('model.particles', '2')
  call set('model.field', 'pair-kernel')
  call set('train.objective', 'energy')
  call set('train.steps', '200')
  call check(enf_create(ctx, flow, opts))
  call check(enf_trainer_create(ctx, trainer, flow, opts))
  call check(enf_trainer_set_energy(trainer, c_funloc(energy), c_null_ptr))
  do step = 1, 200
    call check(enf_train_step(ctx, trainer, batch, c_null_ptr, info))
    if (mod(step, 50) == 0) print '(a, i4, a, f9.4)', 'step', step, '   loss', info%loss
  end do
  call check(enf_save(ctx, flow, 'fortran.safetensors'))

  call check(enf_sample(ctx, flow, seed, first, n, x, logp))
  failed = energy(c_null_ptr, n, x, u, c_null_ptr)
  call check(enf_reweight(ctx, n, logp, u, logw, w))
  print '(a, f6.1, a, f8.4, a, f7.4, a)', 'ESS ', 100 * w%ess, ' %   log Z ', w%log_z, ' +- ', w%log_z_err, &
    '   (exact 9.1144)'
  call enf_trainer_destroy(trainer)
  call enf_destroy(flow)
  call enf_opts_destroy(opts)
  call enf_ctx_destroy(ctx)
  if (failed /= 0 .or. abs(w%log_z - 9.1144_c_double) > 6 * w%log_z_err) error stop 'log Z is wrong'

contains

  subroutine set(name, value)
    character(*), intent(in) :: name, value
    if (enf_opts_set(opts, name, value) == enf_ok) return
    print '(2a)', 'fortran: ', enf_opts_errmsg(opts)
    error stop
  end subroutine set

  subroutine check(status)
    integer(c_int32_t), intent(in) :: status
    if (status == enf_ok) return
    print '(a, i0, 2a)', 'fortran: status ', status, ': ', enf_ctx_errmsg(ctx)
    error stop
  end subroutine check
end program fortran
