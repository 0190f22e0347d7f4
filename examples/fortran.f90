! fortran.f90 -- a Fortran host: sample a trained flow, compute its own energy, reweight.
! usage: fortran      reads dw4.safetensors
program fortran
  use enf
  implicit none
  integer, parameter :: n = 500, particles = 4, dimensions = 2
  real(c_double) :: x(dimensions, particles, n), logp(n), u(n), logw(n)
  type(enf_weights) :: w
  type(c_ptr) :: ctx, flow
  integer(c_int64_t), parameter :: seed = 1, first = 0

  flow = c_null_ptr
  call check(enf_ctx_create(ctx, c_null_ptr))
  call check(enf_load(ctx, flow, 'dw4.safetensors'))
  call check(enf_sample(ctx, flow, seed, first, int(n, c_size_t), x, logp))
  call energy(x, u)
  call check(enf_reweight(ctx, int(n, c_size_t), logp, u, logw, w))
  print '(a, f6.1, a, f9.4, a, f7.4)', 'ESS ', 100 * w%ess, ' %   log Z ', w%log_z, ' +- ', w%log_z_err
  call enf_destroy(flow)
  call enf_ctx_destroy(ctx)

contains

  ! The four-particle double well, as a simulation code would have it.
  subroutine energy(x, u)
    real(c_double), intent(in) :: x(:, :, :)
    real(c_double), intent(out) :: u(:)
    real(c_double) :: d
    integer :: s, i, j
    u = 0
    do s = 1, size(u)
      do i = 1, particles
        do j = 1, i - 1
          d = norm2(x(:, i, s) - x(:, j, s)) - 4
          u(s) = u(s) + 0.9_c_double * d**4 - 4 * d**2
        end do
      end do
    end do
  end subroutine energy

  subroutine check(status)
    integer(c_int32_t), intent(in) :: status
    if (status == enf_ok) return
    print '(a, i0, 2a)', 'fortran: status ', status, ': ', enf_ctx_errmsg(ctx)
    error stop
  end subroutine check
end program fortran
