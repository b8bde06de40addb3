"""What an optimiser is set to belongs to the job's code: no kept state brings another rate along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import tensorgrid as tg
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.training.settings import Settings

torch = pytest.importorskip("torch")
schedulers = torch.optim.lr_scheduler

Make = Callable[[Any], Any]

COUNTING: dict[str, Make] = {
    "step": lambda o: schedulers.StepLR(o, 2, 0.5),
    "multistep": lambda o: schedulers.MultiStepLR(o, [1, 3]),
    "exponential": lambda o: schedulers.ExponentialLR(o, 0.9),
    "cosine": lambda o: schedulers.CosineAnnealingLR(o, 10),
    "restarts": lambda o: schedulers.CosineAnnealingWarmRestarts(o, 3),
    "lambda": lambda o: schedulers.LambdaLR(o, lambda step: 1 / (1 + step)),
    "linear": lambda o: schedulers.LinearLR(o, total_iters=5),
    "polynomial": lambda o: schedulers.PolynomialLR(o, 10),
    "one cycle": lambda o: schedulers.OneCycleLR(o, 0.3, total_steps=20),
    "cyclic": lambda o: schedulers.CyclicLR(o, 0.01, 0.1, step_size_up=3),
    "sequential": lambda o: schedulers.SequentialLR(
        o, [schedulers.LinearLR(o, 0.1, total_iters=3), schedulers.ExponentialLR(o, 0.9)], [3]
    ),
    "chained": lambda o: schedulers.ChainedScheduler(
        [schedulers.LinearLR(o, 0.1, total_iters=3), schedulers.ExponentialLR(o, 0.9)]
    ),
}


def built(make: Make | None = None, **settings: Any) -> tuple[Any, Any, tg.State]:
    module = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(module.parameters(), **{"lr": 0.1, "momentum": 0.9} | settings)
    scheduler = make(optimizer) if make else None
    more = {"scheduler": scheduler} if scheduler else {}
    return optimizer, scheduler, tg.State(model=module, optimizer=optimizer, **more)


def stepped(optimizer: Any, scheduler: Any, state: tg.State, steps: int, beside: str = "") -> None:
    for step in range(tg.resume(state), steps):  # noqa: B007 - `beside` may ask for it
        for parameter in optimizer.param_groups[0]["params"]:
            parameter.grad = torch.ones_like(parameter)
        exec(beside)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        tg.checkpoint(state)


def settings_of(optimizer: Any) -> dict[str, Any]:
    return {name: value for name, value in optimizer.param_groups[0].items() if name != "params"}


def moved_to(served: tg.State, target: tg.State) -> None:
    for name, value in served.values.items():
        target.values[name].load_state_dict(value.state_dict())


class TestWithoutScheduler:
    @pytest.mark.parametrize(
        "setting",
        [{"lr": 0.05}, {"momentum": 0.5}, {"weight_decay": 0.1}, {"nesterov": True}, {"lr": 0.05, "maximize": True}],
        ids=lambda setting: "+".join(setting),
    )
    def test_attack_state_of_another_setting__the_code_has_its_own(self, setting: dict[str, Any]) -> None:
        *_, served = built(**setting)
        optimizer, _, state = built()
        own, settings = settings_of(optimizer), Settings(state)
        moved_to(served, state)
        assert settings_of(optimizer) != own
        settings.put_back(0)
        assert settings_of(optimizer) == own

    def test_rate_set_in_every_step__kept_for_that_step(self) -> None:
        optimizer, _, state = built()
        seen: list[float] = []
        for step in range(tg.resume(state), 4):
            optimizer.param_groups[0]["lr"] = 0.1 * (step + 1)
            seen.append(optimizer.param_groups[0]["lr"])
            tg.checkpoint(state)
            assert optimizer.param_groups[0]["lr"] == 0.1
        assert seen == [0.1 * (step + 1) for step in range(4)]

    def test_rate_set_once__refused_one_step_later__in_run_and_replay(self) -> None:
        optimizer, _, state = built()
        with pytest.raises(SpecInvalid, match=r"step 3 relies .* lr .* in every step"):
            stepped(optimizer, None, state, 5, "if step == 1: optimizer.param_groups[0]['lr'] *= 0.5")
        optimizer, _, state = built()
        settings = Settings(state)
        optimizer.param_groups[0]["lr"] = 0.05  # as the state after that step has it
        settings.put_back(2)
        with pytest.raises(SpecInvalid, match="step 3 relies"):
            settings.check(3)

    def test_warm_up_that_ends_at_the_rate__goes_on(self) -> None:
        optimizer, _, state = built(lr=3e-4)
        stepped(optimizer, None, state, 8, "if step < 3: optimizer.param_groups[0]['lr'] = 3e-4 * ((step + 1) / 3)")

    def test_other_librarys_optimiser__what_it_has_learnt_stays(self) -> None:
        class Learns(torch.optim.SGD):  # type: ignore[misc]
            pass

        module = torch.nn.Linear(2, 1)
        optimizer = Learns(module.parameters(), lr=0.1)
        optimizer.param_groups[0]["d"] = 1.0
        settings = Settings(tg.State(model=module, optimizer=optimizer))
        optimizer.param_groups[0] |= {"d": 2.0, "lr": 0.2}
        settings.put_back(1)
        assert (optimizer.param_groups[0]["d"], optimizer.param_groups[0]["lr"]) == (2.0, 0.1)

    def test_tensor_as_rate__stays_the_same_tensor(self) -> None:
        rate = torch.tensor(0.1)
        optimizer, _, state = built(lr=rate, foreach=False)
        settings = Settings(state)
        optimizer.param_groups[0]["lr"].fill_(0.5)
        settings.put_back(1)
        assert optimizer.param_groups[0]["lr"] is rate and float(rate) == pytest.approx(0.1)


class TestSchedulers:
    @pytest.mark.parametrize("kind", COUNTING)
    def test_honest_state__is_taken_as_it_is(self, kind: str) -> None:
        optimizer, scheduler, state = built(COUNTING[kind])
        stepped(optimizer, scheduler, state, 7)
        other, again, restored = built(COUNTING[kind])
        settings = Settings(restored)
        moved_to(state, restored)
        settings.put_back(7)
        assert settings_of(other) == settings_of(optimizer)
        assert again.state_dict() == scheduler.state_dict()
        for _ in range(3):
            scheduler.step()
            again.step()
        assert settings_of(other) == settings_of(optimizer)

    @pytest.mark.parametrize("kind", COUNTING)
    def test_attack_state_of_half_the_rate__recomputed(self, kind: str) -> None:
        optimizer, scheduler, served = built(COUNTING[kind])
        stepped(optimizer, scheduler, served, 7)
        wanted = settings_of(optimizer)
        for group in optimizer.param_groups:
            group["lr"] *= 0.5
            group["initial_lr"] *= 0.5
        if hasattr(scheduler, "base_lrs"):
            scheduler.base_lrs = [rate * 0.5 for rate in scheduler.base_lrs]
        mine, again, state = built(COUNTING[kind])
        settings = Settings(state)
        moved_to(served, state)
        settings.put_back(7)
        assert settings_of(mine) == wanted and getattr(again, "base_lrs", None) != [0.05]

    def test_attack_endless_count__refused(self) -> None:
        _, scheduler, state = built(COUNTING["step"])
        settings = Settings(state)
        scheduler.last_epoch = 10**12
        with pytest.raises(SpecInvalid, match="64 steps"):
            settings.put_back(3)

    def test_two_schedulers_in_turns__followed(self) -> None:
        optimizer, first, _ = built(COUNTING["exponential"])
        second = schedulers.LambdaLR(optimizer, lambda step: 0.5**step)
        state = tg.State(model={"w": torch.zeros(1)}, optimizer=optimizer, first=first)
        stepped(optimizer, first, state, 3)
        assert second.last_epoch == 0

    @pytest.mark.parametrize(
        "beside",
        ["optimizer.param_groups[0]['weight_decay'] = 0.1", "scheduler.base_lrs = [0.5]", "scheduler.last_epoch = 5"],
        ids=["decay", "base rates", "count"],
    )
    def test_changed_by_hand_beside_it__refused(self, beside: str) -> None:
        optimizer, scheduler, state = built(COUNTING["lambda"])
        with pytest.raises(SpecInvalid, match=r"step 1 .* scheduler.step\(\)"):
            stepped(optimizer, scheduler, state, 3, beside)

    def test_plateau__reduced_rate_stays__any_other_does_not(self) -> None:
        def make(optimizer: Any) -> Any:
            return schedulers.ReduceLROnPlateau(optimizer, factor=0.1, patience=0)

        optimizer, plateau, state = built(make)
        for _ in range(tg.resume(state), 4):
            plateau.step(1.0)
            tg.checkpoint(state)
        reduced = optimizer.param_groups[0]["lr"]
        assert reduced < 0.1
        mine, again, restored = built(make)
        settings = Settings(restored)
        moved_to(state, restored)
        settings.put_back(4)
        assert mine.param_groups[0]["lr"] == reduced and again.num_bad_epochs == plateau.num_bad_epochs
        mine.param_groups[0]["lr"], again.factor, mine.param_groups[0]["momentum"] = 0.07, 0.9, 0.1
        settings.put_back(4)
        assert (mine.param_groups[0]["lr"], again.factor, mine.param_groups[0]["momentum"]) == (0.1, 0.1, 0.9)
