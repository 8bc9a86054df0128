"""How runs of drafts are confined, and what the project's own code has shown that it needs."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from flowmill.options import Sandbox
from flowmill.project.pyproject import texts
from flowmill.runner.orders import scratch_variables
from flowmill.runner.witness import Witness
from flowmill.sandbox.environment import project_environment, withheld
from flowmill.sandbox.layers import decide, working
from flowmill.sandbox.places import interpreter_places
from flowmill.sandbox.policy import granted_needs, policy_for, sentences
from flowmill.sandbox.probe import probe_layers
from flowmill.shapes import Need, NeedKind, Project, RunEnd, TestOrder

REFUSED_TO_DRAFTS: Mapping[NeedKind, str] = {
    "loopback": "sockets",
    "internet": "connections to other machines",
    "unix": "sockets in the file system",
    "processes": "other processes",
    "write": "writing outside of its temporary folder",
}


FRESH_SECONDS = 5.0
"""How long a policy serves before the project is looked at for secrets again."""


@dataclass
class Guard:
    """Gives each run its environment and its policy; one for all runs in a project.

    The policy is loosened to what the user's own code did, never to what a draft did.
    `trusted` is a project that may read its own secrets.
    """

    project: Project
    cache: Path
    setting: Sandbox = "auto"
    pass_env: tuple[str, ...] = ()
    trusted: bool = False
    _needs: dict[Need, None] = field(default_factory=dict[Need, None])
    _usual: set[str] = field(default_factory=set[str])
    _known: tuple[frozenset[Need], float, float, dict[str, object]] = (frozenset(), 0.0, 0.0, {})

    async def prepare(self) -> None:
        """Ask the machine and the interpreter, once, what a policy depends on; later calls need not wait."""
        if self.setting != "off":
            await asyncio.gather(
                asyncio.to_thread(probe_layers, self.project.python, self.cache),
                asyncio.to_thread(interpreter_places, self.project.python, self.project.root),
            )

    def environment(self, scratch: Path) -> dict[str, str]:
        """The variables that the tests get."""
        return project_environment(
            os.environ,
            self.project.root,
            scratch_variables(scratch),
            pass_env=self.pass_env,
            trusted=self.trusted,
        )

    def policy(self, order: TestOrder, scratch: Path) -> Mapping[str, object] | None:
        """None for code that is the user's own, or where nothing is confined.

        Raises ProjectError if a draft must not be run on this machine.
        """
        return housed(self.shared_policy(order), scratch)

    def policy_of_drafts(self, scratch: Path, run_seconds: float) -> Mapping[str, object] | None:
        """What a draft may do in this scratch folder. Raises ProjectError as `policy` does."""
        return None if self.setting == "off" else housed(self._common(run_seconds), scratch)

    def shared_policy(self, order: TestOrder) -> Mapping[str, object] | None:
        """The same as `policy`, but for the scratch folder: see `housed`."""
        confined = order.untrusted and self.setting != "off"
        return self._common(order.limits.run_seconds) if confined else None

    def _common(self, run_seconds: float) -> dict[str, object]:
        """The policy but for the scratch folder; what lies in the project is looked at anew now and then."""
        needs, at, seconds, known = self._known
        fresh = time.monotonic() - at < FRESH_SECONDS and run_seconds <= seconds
        if known and fresh and needs == frozenset(self._needs):
            return known
        return self._look(frozenset(self._needs), run_seconds)

    async def refresh(self) -> None:
        """Look at the project again beside what else goes on, so that the next draft need not wait for it."""
        _, _, seconds, known = self._known
        if known:
            await asyncio.to_thread(self._look, frozenset(self._needs), seconds)

    def _look(self, needs: frozenset[Need], run_seconds: float) -> dict[str, object]:
        probed = probe_layers(self.project.python, self.cache)
        refusal = decide(self.setting, probed.layers, untried=probed.problem)
        if refusal is not None:
            raise refusal
        policy = policy_for(
            self.project,
            Path(),
            cache=self.cache,
            setting=self.setting,
            needs=needs,
            places=interpreter_places(self.project.python, self.project.root),
            layers=working(probed.layers),
            run_seconds=run_seconds,
            trusted=self.trusted,
        )
        assert policy is not None, "a sandbox that is not off has a policy"
        self._known = (needs, time.monotonic(), run_seconds, policy)
        return policy

    def witness(self, order: TestOrder, policy: Mapping[str, object] | None) -> Witness:
        """What is asked of the report of such a run."""
        required = () if policy is None else texts(policy.get("require"))
        return Witness(canary=order.untrusted, layers=required, usual=frozenset(self._usual))

    def _refused(self, end: RunEnd) -> tuple[str, ...]:
        """What a draft tried that its sandbox refused; where its tests need that, they cannot pass."""
        granted = granted_needs(self.setting, self._needs, end.layers)
        kinds: dict[NeedKind, None] = {need.kind: None for need in end.needs if need.kind not in granted}
        return tuple(
            f"the sandbox refused {REFUSED_TO_DRAFTS[kind]}, so tests that need that cannot pass: "
            "--sandbox off allows it, if you trust the drafts"
            for kind in kinds
        )

    def learn(self, order: TestOrder, end: RunEnd, witness: Witness) -> RunEnd:
        """Take in what a run of the user's own code did; give its end with what follows from that for drafts."""
        if order.untrusted:
            return end if self.setting == "off" else replace(end, notes=self._refused(end))
        self._needs.update(dict.fromkeys(end.needs))
        self._usual |= witness.altered
        if self.setting == "off":
            return replace(end, notes=self._kept_back())
        layers = working(probe_layers(self.project.python, self.cache).layers)
        granted = granted_needs(self.setting, end.needs, layers)
        barred = frozenset(need.test for need in end.needs if need.test and need.kind not in granted)
        told = sentences(end.needs, self.setting, layers)
        return replace(end, notes=(*self._kept_back(), *told), barred=barred)

    def _kept_back(self) -> tuple[str, ...]:
        """Variables that the project names for its tests and that they do not get."""
        names = withheld(os.environ, self.project.root, pass_env=self.pass_env, trusted=self.trusted)
        if not names:
            return ()
        way = "" if self.trusted else "; flowmill doctor --trust lets this project have it"
        return (f"kept from the tests, since it looks like a secret: {', '.join(names)}{way}",)


def housed(policy: Mapping[str, object] | None, scratch: Path) -> Mapping[str, object] | None:
    """The policy for a run in this scratch folder."""
    if policy is None:
        return None
    return {**policy, "writable": [str(scratch)], "home": str(scratch / "home")}
