! enf.f90 -- the part of libenf that fortran.f90 uses, through iso_c_binding. More calls are added in
! the same way from enf/enf.h: size_t is c_size_t, uint64_t c_int64_t, a handle type(c_ptr).
! An array x of the C interface, (n,N,D) row-major, is x(D,N,n) here.
module enf
  use, intrinsic :: iso_c_binding
  implicit none
  integer(c_int32_t), parameter :: enf_ok = 0

  type, bind(c) :: enf_weights
    integer(c_size_t) :: struct_size = 88
    real(c_double) :: ess = 0, log_z = 0, log_z_err = 0, max_weight = 0
    real(c_double) :: ess_clipped = 0, clipped_share = 0
    integer(c_int64_t) :: n = 0, n_nonfinite = 0
    real(c_double) :: ess_err = 0, ess_clipped_err = 0
  end type enf_weights

  interface
    integer(c_int32_t) function enf_ctx_create(ctx, alloc) bind(c)
      import :: c_ptr, c_int32_t
      type(c_ptr), intent(out) :: ctx
      type(c_ptr), value :: alloc
    end function enf_ctx_create

    type(c_ptr) function c_errmsg(ctx) bind(c, name='enf_ctx_errmsg')
      import :: c_ptr
      type(c_ptr), value :: ctx
    end function c_errmsg

    subroutine enf_ctx_destroy(ctx) bind(c)
      import :: c_ptr
      type(c_ptr), value :: ctx
    end subroutine enf_ctx_destroy

    integer(c_int32_t) function c_load(ctx, flow, path) bind(c, name='enf_load')
      import :: c_ptr, c_int32_t, c_char
      type(c_ptr), value :: ctx
      type(c_ptr), intent(out) :: flow
      character(kind=c_char), intent(in) :: path(*)
    end function c_load

    subroutine enf_destroy(flow) bind(c)
      import :: c_ptr
      type(c_ptr), value :: flow
    end subroutine enf_destroy

    integer(c_int32_t) function enf_sample(ctx, flow, seed, first, n, x, logp) bind(c)
      import :: c_ptr, c_int32_t, c_int64_t, c_size_t, c_double
      type(c_ptr), value :: ctx, flow
      integer(c_int64_t), value :: seed, first
      integer(c_size_t), value :: n
      real(c_double), intent(out) :: x(*), logp(*)
    end function enf_sample

    integer(c_int32_t) function enf_reweight(ctx, n, logp, u, logw, weights) bind(c)
      import :: c_ptr, c_int32_t, c_size_t, c_double, enf_weights
      type(c_ptr), value :: ctx
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: logp(*), u(*)
      real(c_double), intent(out) :: logw(*)
      type(enf_weights), intent(inout) :: weights
    end function enf_reweight

    integer(c_size_t) function c_strlen(text) bind(c, name='strlen')
      import :: c_ptr, c_size_t
      type(c_ptr), value :: text
    end function c_strlen
  end interface

contains

  integer(c_int32_t) function enf_load(ctx, flow, path)
    type(c_ptr), intent(in) :: ctx
    type(c_ptr), intent(out) :: flow
    character(*), intent(in) :: path
    enf_load = c_load(ctx, flow, path // c_null_char)
  end function enf_load

  ! The sentence about the last failure.
  function enf_ctx_errmsg(ctx) result(text)
    type(c_ptr), intent(in) :: ctx
    character(:), allocatable :: text
    character(kind=c_char), pointer :: letters(:)
    integer :: i
    call c_f_pointer(c_errmsg(ctx), letters, [c_strlen(c_errmsg(ctx))])
    allocate (character(size(letters)) :: text)
    do i = 1, size(letters)
      text(i:i) = letters(i)
    end do
  end function enf_ctx_errmsg
end module enf
