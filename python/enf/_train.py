"""Training: a step at a time, or as a whole."""
from __future__ import annotations

import ctypes as C
import os
from typing import Any, Callable

import numpy as np

from ._energy import as_energy
from ._flow import Flow
from ._library import Handle, Options, array, call, context, guard, lib, pointer, struct

_u = C.c_uint64
StepInfo = struct("StepInfo", "loss grad_norm lr seconds step evaluations skipped capped clipped forces_clipped", step=_u,
                  evaluations=_u, skipped=_u, capped=_u, clipped=_u, forces_clipped=_u)
FitReport = struct("FitReport", "ended saved kept first step goal kept_step looks skipped loss seconds seconds_before",
                   ended=C.c_int32, saved=C.c_int32, kept=C.c_int32, first=_u, step=_u, goal=_u, kept_step=_u, looks=_u,
                   skipped=_u)
_Plan = struct("_Plan", "steps seconds batch held_out validation look_every patience look_first resume flow_path "
               "trainer_path curve_path save_seconds logw temperature validation_temperature", steps=_u, batch=C.c_size_t, held_out=C.c_size_t,
               validation=C.c_void_p, look_every=_u, patience=_u, look_first=C.c_int32, resume=C.c_int32,
               flow_path=C.c_char_p, trainer_path=C.c_char_p, curve_path=C.c_char_p, logw=C.c_void_p, temperature=C.c_void_p,
               validation_temperature=C.c_void_p)
FitEvent = struct("FitEvent", "what kept saved info goal loss seconds left nll nll_err gain gain_err", what=C.c_int32,
                  kept=C.c_int32, saved=C.c_int32, info=C.POINTER(StepInfo), goal=_u)
_EVENTS = {1: "begin", 2: "step", 3: "wait", 4: "look", 5: "save"}
_GO_ON, _STOP, _FAIL = 0, 2, 3
_FitFn = C.CFUNCTYPE(C.c_int, C.c_void_p, C.POINTER(FitEvent))


class Trainer(Handle):
    """What trains a flow: Trainer(flow, train_objective="likelihood", train_lr=1e-3).

    energy is needed by the objectives energy, mixed, path-gradient and refine: an Energy, the name of a
    built-in one, or a function (see Energy). One thread uses a trainer at a time; nobody else may read
    the flow during a step. resume continues the training of a file that save wrote, bit for bit.
    """

    def __init__(self, flow: Flow, energy: Any = None, resume: str | os.PathLike | None = None, **options: Any):
        super().__init__("enf_trainer_destroy")
        self.flow, self.energy = flow, as_energy(energy, flow.shape)  # both must outlive it
        with context() as ctx:
            if resume is not None:
                ctx.check(lib.enf_trainer_load(ctx, C.byref(self.pointer), flow, os.fsencode(resume)))
            else:
                ctx.check(lib.enf_trainer_create(ctx, C.byref(self.pointer), flow, Options(ctx, options)))
            if self.energy is not None:
                ctx.check(lib.enf_trainer_set_energy(self, self.energy.callback, self.energy.user))

    def get(self, name: str) -> int:
        """"step", "steps", "batch", "skipped", "clipped"."""
        value = C.c_int64()
        if lib.enf_trainer_get_int(self, name.encode(), C.byref(value)):
            raise KeyError(name)
        return value.value

    def rows(self, total: int, n: int | None = None) -> np.ndarray:
        """Which rows of `total` the next step takes."""
        rows = np.empty(n or self.get("batch"), dtype=np.uintp)
        with context() as ctx:
            ctx.check(lib.enf_trainer_rows(self, total, len(rows), pointer(rows)))
        return rows

    def step(self, x: Any = None, logw: Any = None, n: int | None = None, temperature: Any = None) -> Any:
        """One step on the rows x, with weights exp(logw) if given; on n samples of its own without x.

        temperature (n): of the rows, for a flow with model_temperatures; else all are at the flow's.
        """
        x = None if x is None else self.flow._rows(x)
        count = len(x) if x is not None else n or self.get("batch")
        logw, temperature = (None if v is None else array(v, (count,)) for v in (logw, temperature))
        info = StepInfo()
        call("train_step_tempered", self, count, pointer(x), pointer(temperature), pointer(logw), C.byref(info))
        return info

    def save(self, path: str | os.PathLike) -> None:
        call("trainer_save", self, os.fsencode(path))

    def fit(self, x: Any = None, steps: int = 0, seconds: float = 0, batch: int = 0, validation: Any = None,
            look_every: int = 4000, patience: int = 0, logw: Any = None, path: str | os.PathLike | None = None,
            resume: bool = False, report: Callable[[str, Any], Any] | None = None, temperature: Any = None,
            validation_temperature: Any = None) -> Any:
        """Train until the steps, the time, the validation or `report` say that it is enough; a FitReport.

        path: PATH.safetensors, PATH.trainer and PATH.train.csv are kept while it runs; with resume=True it
        goes on from them (make the trainer with resume=PATH.trainer). report(what, event) is called with
        "begin", "step", "wait", "look" and "save"; it ends the training by returning True. Ctrl-C ends it
        with KeyboardInterrupt: the flow is that of the last step, the files are whole.
        """
        x = None if x is None else self.flow._rows(x)
        held = None if validation is None else self.flow._rows(validation)
        weights = None if logw is None else array(logw, (len(x),))
        heat = None if temperature is None else array(temperature, (len(x),))
        held_heat = None if validation_temperature is None else array(validation_temperature, (len(held),))
        files = [os.fsencode(f"{os.fspath(path)}.{end}") if path is not None else None
                 for end in ("safetensors", "trainer", "train.csv")]
        plan, ended = _Plan(), FitReport()
        plan.steps, plan.seconds, plan.batch, plan.look_every, plan.patience = steps, seconds, batch, look_every, patience
        plan.held_out, plan.validation, plan.logw = 0 if held is None else len(held), pointer(held), pointer(weights)
        plan.temperature, plan.validation_temperature = pointer(heat), pointer(held_heat)
        plan.flow_path, plan.trainer_path, plan.curve_path = files
        plan.resume, plan.save_seconds = resume, 60

        def tell(user: Any, event: Any) -> int:
            what = _EVENTS.get(event.contents.what, "?")
            return _STOP if report is not None and report(what, event.contents) is True else _GO_ON

        callback = _FitFn(guard(tell, failed=_FAIL))
        with context() as ctx:
            status = lib.enf_fit(ctx, self, 0 if x is None else len(x), pointer(x), C.byref(plan),
                                 C.cast(callback, C.c_void_p), None, C.byref(ended))
            ctx.check(status)
        return ended


def fit(flow: Flow, x: Any = None, energy: Any = None, *, steps: int = 0, seconds: float = 0, batch: int = 0,
        validation: Any = None, look_every: int = 4000, patience: int = 0, logw: Any = None,
        path: str | os.PathLike | None = None, report: Callable[[str, Any], Any] | None = None,
        temperature: Any = None, validation_temperature: Any = None, **options: Any) -> Any:
    """Train a flow: fit(flow, x, seconds=60); options as train_lr=1e-3. See Trainer.fit."""
    if steps:
        options.setdefault("train_steps", steps)
    return Trainer(flow, energy, **options).fit(x, steps, seconds, batch, validation, look_every, patience, logw, path,
                                                False, report, temperature, validation_temperature)
