! fortran_host.f90 -- the functions of include/enf/enf.f90 that are more than an interface (texts, and
! what may be left out), and a training with a callback. Built and run by tests/abi/check.sh.
module host
  use enf
  implicit none
  integer :: looks = 0

contains

  integer(c_int) function watch(user, event) bind(c)
    type(c_ptr), value :: user
    type(enf_fit_event), intent(in) :: event
    type(enf_step_info), pointer :: step
    if (c_associated(user)) continue
    watch = enf_fit_go_on
    if (event%what == enf_fit_look) looks = looks + 1
    if (event%what /= enf_fit_step) return
    call c_f_pointer(event%step, step)
    if (step%step == 6) watch = enf_fit_stop
  end function watch

  subroutine expect(what, is)
    character(*), intent(in) :: what
    logical, intent(in) :: is
    if (is) return
    print '(2a)', 'fortran_host: not so: ', what
    error stop
  end subroutine expect
end module host

program fortran_host
  use enf
  use host
  implicit none
  integer(c_size_t), parameter :: n = 64
  integer(c_int64_t) :: number
  integer(c_int32_t) :: status
  integer(c_size_t) :: rows, cols, bytes
  real(c_double), target :: x(2, 4, n), u(n), still(3, 2)
  real(c_double), pointer :: read(:, :)
  character(:), allocatable :: text
  type(enf_fit_plan) :: plan
  type(enf_fit_report) :: report
  type(enf_sim_info) :: sim
  type(enf_opt_info) :: option
  type(c_ptr) :: ctx, opts, energy, flow, copy, trainer, array, data

  call expect('a context', enf_ctx_create(ctx, c_null_ptr) == enf_ok)
  call expect('enf_version', len(enf_version()) >= 5)
  call expect('enf_strerror', enf_strerror(enf_ok) /= enf_strerror(enf_err_nomem))
  call expect('enf_element_number', enf_element_number('Cl') == 17)
  call expect('enf_text of nothing', enf_text(c_null_ptr) == '')
  call expect('enf_opts_info', enf_opts_info(0_c_size_t, option) == enf_ok)
  call expect('the name of an option', scan(enf_text(option%name), '.') > 1)

  call expect('options', enf_opts_create(ctx, opts) == enf_ok)
  call expect('enf_opts_set_int', enf_opts_set_int(opts, 'model.particles', 4_c_int64_t) == enf_ok)
  call expect('model.dimensions', enf_opts_set(opts, 'model.dimensions', '2') == enf_ok)
  call expect('model.field', enf_opts_set(opts, 'model.field', 'pair-kernel') == enf_ok)
  call expect('enf_opts_set_real', enf_opts_set_real(opts, 'train.lr', 1e-3_c_double) == enf_ok)
  call expect('an energy', enf_energy_builtin(ctx, energy, 'dw4') == enf_ok)
  status = enf_energy_get_int(energy, 'particles', number)
  call expect('enf_energy_get_int', status == enf_ok .and. number == 4)
  call expect('enf_simulate', enf_simulate(ctx, c_funloc(enf_energy_eval), energy, opts, n, x, sim) == enf_ok)
  call expect('what the simulation did', sim%evaluations > 0 .and. sim%acceptance > 0)
  call expect('enf_energy_eval', enf_energy_eval(energy, n, x, u, c_null_ptr) == 0)

  call expect('a flow', enf_create(ctx, flow, opts) == enf_ok)
  status = enf_get_text(flow, 'model.field', text)
  call expect('enf_get_text', status == enf_ok .and. text == 'pair-kernel')
  status = enf_get_text(flow, 'model.none', text)
  call expect('no such text', status == enf_err_arg .and. text == '')
  call expect('enf_params_info', enf_params_info(flow, 0_c_size_t, text, rows, cols) == enf_ok)
  call expect('a tensor', text(1:12) == 'pair_kernel.' .and. rows * cols > 0)
  call expect('no such tensor', enf_params_info(flow, 10000_c_size_t, text, rows, cols) == enf_err_range)
  call expect('enf_meta_set', enf_meta_set(ctx, flow, 'unit', 'nm') == enf_ok)
  call expect('enf_copy', enf_copy(ctx, copy, flow) == enf_ok)
  call expect('without text', enf_meta_set(ctx, flow, 'unit') == enf_ok)
  call expect('a key taken away', enf_meta_get(flow, 'unit', text) == enf_err_arg)
  status = enf_meta_get(copy, 'unit', text)
  call expect('enf_meta_get', status == enf_ok .and. text == 'nm')
  call enf_destroy(copy)

  call expect('a trainer', enf_trainer_create(ctx, trainer, flow, opts) == enf_ok)
  plan%steps = 20
  plan%batch = 16
  plan%held_out = 4
  plan%validation = c_loc(x)
  plan%look_every = 3
  call expect('enf_fit', enf_fit(ctx, trainer, n, c_loc(x), plan, c_funloc(watch), c_null_ptr, report) == enf_ok)
  call expect('the report', report%ended == enf_fit_asked .and. report%step == 6 .and. looks > 0)
  status = enf_trainer_get_int(trainer, 'step', number)
  call expect('enf_trainer_get_int', status == enf_ok .and. number == 6)
  call enf_trainer_destroy(trainer)

  call expect('enf_save_memory', enf_save_memory(ctx, flow, data, bytes) == enf_ok)
  call expect('enf_load_memory', enf_load_memory(ctx, copy, data, bytes) == enf_ok)
  call enf_free_memory(ctx, data)
  status = enf_get_int(copy, 'particles', number)
  call expect('enf_get_int', status == enf_ok .and. number == 4)
  call enf_destroy(copy)

  still = reshape([0.125_c_double, 1._c_double, 2._c_double, 3._c_double, 4._c_double, -5._c_double], [3, 2])
  call expect('enf_array_write', enf_array_write(ctx, 'two.xyz', '', [integer(c_size_t) :: 1, 2, 3], still, &
    ['C ', 'Cl']) == enf_ok)
  call expect('enf_array_read', enf_array_read(ctx, array, 'two.xyz') == enf_ok)
  call expect('enf_array_shape', enf_array_ndim(array) == 3 .and. enf_array_shape(array, 1_c_size_t) == 2)
  call c_f_pointer(enf_array_data(array), read, [3, 2])
  call expect('what was written', all(abs(read - still) <= 0))
  call expect('enf_array_label', enf_array_label(array, 0_c_size_t) == 'C' .and. enf_array_label(array, 1_c_size_t) == 'Cl')
  call enf_array_destroy(array)
  call expect('single precision', enf_array_write(ctx, 'two.npy', 'f4', [integer(c_size_t) :: 2, 3], still) == enf_ok)
  call expect('a type that is none', enf_array_write(ctx, 'two.npy', 'f2', [integer(c_size_t) :: 2, 3], still) /= enf_ok)

  call enf_energy_destroy(energy)
  call enf_destroy(flow)
  call enf_opts_destroy(opts)
  call enf_ctx_destroy(ctx)
end program fortran_host
