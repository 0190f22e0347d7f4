"""The package as its users have it: run with it installed, `python -m unittest discover python/tests`."""
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import numpy as np

import enf


def small(**more):
    return enf.Flow.create(**{"model_particles": 4, "model_dimensions": 2, "model_hidden": 16, "model_layers": 2, **more})


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.folder.cleanup()

    def at(self, name):
        return os.path.join(self.folder.name, name)

    def test_a_flow_goes_through_files_bytes_and_pickles(self):
        flow = small()
        flow.set_meta("note", "two words")
        flow.save(self.at("f.safetensors"))
        x, logp = flow.sample(5, seed=3)
        for other in (enf.Flow.load(self.at("f.safetensors")), pickle.loads(pickle.dumps(flow)), flow.copy()):
            y, logq = other.sample(5, seed=3)
            self.assertTrue((x == y).all() and (logp == logq).all())
            self.assertEqual(other.meta("note"), "two words")
        self.assertIsNone(flow.meta("nothing"))
        self.assertEqual((flow.get("model.field"), flow.get("layers"), flow.shape), ("egnn", 2, (4, 2)))

    def test_arrays_go_through_files(self):
        x = np.arange(24.0).reshape(2, 4, 3)
        enf.write(self.at("x.xyz"), x, ["O", "H", "H", "C"])
        y, labels = enf.read(self.at("x.xyz"))
        self.assertTrue((x == y).all())
        self.assertEqual(labels, ["O", "H", "H", "C"])
        np.savez_compressed(self.at("x.npz"), x=x, other=np.zeros(3))
        self.assertTrue((enf.read(self.at("x.npz"))[0] == x).all())

    def test_a_training_is_kept_and_resumed_bit_for_bit(self):
        x = np.random.default_rng(0).normal(size=(200, 4, 2))
        one, two = small(), small()
        whole, half = enf.Trainer(one, train_steps=6), enf.Trainer(two, train_steps=6)
        for _ in range(6):
            whole.step(x[whole.rows(200, 16)])
        for _ in range(3):
            half.step(x[half.rows(200, 16)])
        half.save(self.at("t.trainer"))
        rest = enf.Trainer(two, resume=self.at("t.trainer"))
        for _ in range(3):
            rest.step(x[rest.rows(200, 16)])
        for name, tensor in one.parameters().items():
            self.assertTrue((tensor == two.parameters()[name]).all(), name)


    def test_a_flow_takes_its_scale_from_all_rows(self):
        x = np.random.default_rng(0).normal(size=(500, 4, 2))
        flow = small()
        flow.prior_fit(x)
        centred = x - x.mean(axis=1, keepdims=True)
        self.assertAlmostEqual(flow.get("data_scale"), np.sqrt((centred**2).mean()), delta=0.006)
        with self.assertRaisesRegex(ValueError, r"the flow takes \(n,4,2\)"):
            flow.prior_fit(np.zeros((2, 3, 2)))


class Sentences(unittest.TestCase):
    def test_failures_are_errors_with_the_librarys_sentence(self):
        with self.assertRaisesRegex(enf.Error, "No such file") as caught:
            enf.Flow.load("/nowhere/f.safetensors")
        self.assertEqual(caught.exception.status, -21)
        with self.assertRaisesRegex(enf.Error, "model.hidden"):
            small(model_hiden=3)
        with self.assertRaisesRegex(ValueError, r"the flow takes \(n,4,2\)"):
            small().log_prob(np.zeros((2, 5, 2)))
        with self.assertRaises(enf.Error):
            enf.configure(ode_rtol=2)
        small().sample(1)

    def test_samples_that_fail_are_nan_if_asked(self):
        x = np.random.default_rng(0).normal(size=(3, 4, 2))
        x[1, 2, 0] = np.nan
        with self.assertRaises(enf.Error):
            small().log_prob(x)
        self.assertEqual(list(np.isnan(small().log_prob(x, failures="nan"))), [False, True, False])


class Densities(unittest.TestCase):
    def test_a_stream_may_be_cut_and_shared_by_threads(self):
        flow, found = small(), {}
        whole = flow.sample(12, seed=5)
        threads = [threading.Thread(target=lambda k=k: found.update({k: flow.sample(4, seed=5, first=4 * k)})) for k in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for part in (0, 1):
            self.assertTrue((np.concatenate([found[k][part] for k in range(3)]) == whole[part]).all())

    def test_gradients_are_differences_and_densities_go_with_samples(self):
        enf.configure(run_precision="float64", ode_rtol=1e-9, ode_atol=1e-9, logdet_tol=1e-8)
        try:
            flow = small()
            x, logp = flow.sample(2, seed=1)
            self.assertLess(abs(flow.log_prob(x) - logp).max(), 1e-5)
            _, grad = flow.log_prob_grad(x)
            step = np.zeros_like(x)
            step[:, 1, 0] = 1e-4
            slope = (flow.log_prob(x + step) - flow.log_prob(x - step)) / 2e-4
            self.assertLess(abs(slope - grad[:, 1, 0]).max(), 1e-4)
            y, logdet = flow.transport(x, 1.0, 0.0)
            self.assertLess(abs(flow.transport(y)[0] - x).max(), 1e-6)
            v, div = flow.velocity(0.5, x, divergence=True)
            self.assertEqual((v.shape, div.shape), ((2, 4, 2), (2,)))
        finally:
            enf.configure(run_precision="float32", ode_rtol=1e-5, ode_atol=1e-5, logdet_tol=1e-3)

    def test_weights_give_averages_of_the_target(self):
        # samples of a normal density of width 1, weighted to width 0.8: <x^2> = 0.64, log Z = 0.5 log(2 pi 0.64)
        x = np.random.default_rng(1).normal(size=20000)
        w = enf.reweight(-0.5 * x**2 - 0.5 * np.log(2 * np.pi), 0.5 * x**2 / 0.64)
        mean, error = enf.average(x**2, w.logw)
        self.assertLess(abs(mean - 0.64), 4 * error)
        self.assertLess(abs(w.log_z - 0.5 * np.log(2 * np.pi * 0.64)), 4 * w.log_z_err)
        difference, error = enf.free_energy(x > 0, w.logw)
        self.assertLess(abs(difference), 4 * error)


    def test_a_surface_is_that_of_the_density(self):
        # independent angles, a of density (1 + cos a)/2 pi by weights, b uniform: F = -log((1 + cos a)/2)
        rng = np.random.default_rng(2)
        a, b = rng.uniform(-np.pi, np.pi, (2, 200000))
        with np.errstate(divide="ignore"):
            F, error, edges = enf.surface(a, b, np.log1p(np.cos(a)), bins=8)
        share = (np.diff(edges) + np.diff(np.sin(edges))) / (2 * np.pi) / 8
        self.assertEqual((F.min(), len(edges), F.shape), (0, 9, (8, 8)))
        off = (F - F.mean() + np.log(share)[:, None] - np.log(share).mean()) / error
        self.assertLess(abs(off).max(), 4.5)
        self.assertLess(abs(np.sqrt((off**2).mean()) - 1), 0.3)
        F, error, _ = enf.surface([0.1, 0.2], [np.pi, 3.1])
        self.assertEqual((F[12, 23], np.isinf(F).sum(), np.isnan(error).sum()), (0, 575, 575))


class Callbacks(unittest.TestCase):
    def trainer(self, function, **options):
        flow = small(model_field="pair-kernel")
        return enf.Trainer(flow, enf.Energy(function, flow.shape), train_objective="energy", **options)

    def test_a_function_of_python_is_an_energy(self):
        flow = small(model_field="pair-kernel")
        built_in, seen = enf.Energy("dw4"), []

        def mine(x, gradient):
            seen.append(gradient)
            flow2.log_prob(x[:1])  # the library may be used
            return built_in(x, gradient)

        flow2 = small()
        for energy in ("dw4", enf.Energy(mine, (4, 2))):
            trainer = enf.Trainer(flow.copy(), energy, train_objective="energy")
            info = trainer.step(n=8)
            self.assertEqual(info.step, 1)
        self.assertIn(True, seen)

    def test_exceptions_come_through(self):
        def broken(x):
            raise KeyError("mine")
        with self.assertRaisesRegex(KeyError, "mine"):
            self.trainer(broken).step(n=4)
        with self.assertRaisesRegex(TypeError, "must return"):
            self.trainer(lambda x: np.zeros(len(x))).step(n=4)
        with self.assertRaisesRegex(ValueError, "shape"):
            self.trainer(lambda x: (np.zeros(1), x)).step(n=4)
        with self.assertRaises(SystemExit):
            enf.fit(small(), np.random.default_rng(0).normal(size=(50, 4, 2)), steps=3, batch=8, report=lambda *a: sys.exit())

    def test_a_report_ends_a_training(self):
        seen = []

        def report(what, event):
            seen.append(what)
            return what == "step" and event.info.contents.step == 3
        ended = enf.fit(small(), np.random.default_rng(0).normal(size=(50, 4, 2)), steps=100, batch=8, report=report)
        self.assertEqual((ended.step, seen[0], seen.count("step")), (3, "begin", 3))

    def test_ctrl_c_ends_a_long_call(self):
        # In the background of a shell it is ignored.
        self.addCleanup(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
        flow, began = small(model_particles=13, model_dimensions=3), time.monotonic()
        timer.start()
        with self.assertRaises(KeyboardInterrupt):
            flow.sample(100000)
        self.assertLess(time.monotonic() - began, 20)
        flow.sample(1)

    def test_others_run_meanwhile(self):
        ticks, flow = [], small(model_particles=13, model_dimensions=3)
        worker = threading.Thread(target=lambda: flow.sample(60))
        worker.start()
        while worker.is_alive():
            ticks.append(time.monotonic())
            time.sleep(0.001)
        self.assertGreater(len(ticks), 5)

    def test_walkers_jump(self):
        flow, energy = small(), enf.Energy("dw4")
        walkers = enf.Walkers(flow, energy, energy.simulate(4)[0], seed=2)
        walkers.jump(3)
        self.assertEqual(walkers.proposals, 12)
        self.assertLess(abs(walkers.u - energy(walkers.x)).max(), 1e-12)


class Molecules(unittest.TestCase):
    def test_kinds_are_of_the_bonds(self):
        # methanol: C O H H H, H on O
        kinds = enf.kinds(["C", "O", "H", "H", "H", "H"], [(0, 1), (0, 2), (0, 3), (0, 4), (1, 5)])
        self.assertEqual(list(kinds), [0, 1, 2, 2, 2, 3])
        with self.assertRaisesRegex(ValueError, "'Q'"):
            enf.kinds(["Q"], [])

    def test_dihedrals(self):
        x = np.array([[[1, 0, 0], [0, 0, 0], [0, 0, 1], [np.cos(0.7), np.sin(0.7), 1]]])
        self.assertAlmostEqual(abs(enf.dihedrals(x, [0, 1, 2, 3])[0]), 0.7)

    def test_mirror_images_are_turned(self):
        x = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]])
        centre = [0, 1, 2, 3]
        self.assertEqual(enf.chirality(np.r_[x, -x], centre).tolist(), [[1], [-1]])
        y, logp, state = enf.reflect(np.r_[x, -x, np.zeros_like(x)], [1.0, 2.0, 3.0], centre, [1])
        self.assertTrue((y[:2] == x).all())
        self.assertEqual(state.tolist(), [1, -1, 0])
        self.assertLess(abs(logp - [1 + np.log(2), 2 + np.log(2), 3]).max(), 1e-12)
        with self.assertRaisesRegex(ValueError, "hands of shape"):
            enf.reflect(x, [1.0], centre, [1, 1])


class Start(unittest.TestCase):
    def test_import_and_first_sample_take_less_than_0_3_seconds(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "f.safetensors")
            small().save(path)
            program = f"import enf; enf.Flow.load({path!r}).sample(1)"
            best = 9.0
            for _ in range(5):
                began = os.times()
                subprocess.run([sys.executable, "-c", program], check=True)
                ended = os.times()  # processor time, which another program's load does not change
                best = min(best, ended.children_user + ended.children_system - began.children_user - began.children_system)
        print(f"import and first sample: {best:.3f} s")
        self.assertLess(best, 0.3)


if __name__ == "__main__":
    unittest.main()
