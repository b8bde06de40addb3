import collections, sys
from tests.invariants import test_money_machine as t

C = collections.Counter()
orig = t.MoneyMachine.accepted


def acc(self, expected, verb):
    r = orig(self, expected, verb)
    C[(sys._getframe(1).f_code.co_name, expected)] += 1
    return r


t.MoneyMachine.accepted = acc
oe = t.MoneyMachine.end


def end(self, job, m, name, state):
    C[("END", m.tier, name, m.decided_by_jury(self.world.now), len(m.extra), m.folded)] += 1
    return oe(self, job, m, name, state)


t.MoneyMachine.end = end
import hypothesis

_s = t.settings
t.settings = lambda **k: _s(phases=[hypothesis.Phase.generate], **k)
import atexit


def dump():
    with open("/tmp/wm_count.txt", "w") as f:
        for k, v in sorted(C.items(), key=str):
            print(k, v, file=f)


atexit.register(dump)
from tests.invariants.test_money_machine import *
