"""Trace hashes against a second, plain reading of their definition; proofs; what strangers' traces may not be."""

from __future__ import annotations

from typing import Any

import pytest
from Crypto.Hash import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorgrid.domain.audit_terms import MOST_SEGMENTS
from tensorgrid.domain.encoding import canonical_json, parse_canonical_json
from tensorgrid.domain.errors import TraceInvalid
from tensorgrid.domain.jobs import ZERO32, ExitClass, JobId
from tensorgrid.domain.manifests import trace_from_bytes, trace_to_bytes
from tensorgrid.domain.results import Leaf, merkle_root, result_root
from tensorgrid.domain.traces import (
    NO_METRICS,
    StateRoots,
    Trace,
    audit_root,
    metrics_digest,
    part_root,
    prove,
    proven,
    trace_root,
)

JOB = JobId(bytes(range(32)))
SPEC, SEED = b"\x11" * 32, b"\x22" * 32
ROOTS = st.binary(min_size=32, max_size=32)
STATES = st.builds(StateRoots, ROOTS, ROOTS, ROOTS, ROOTS)
LINKS = st.lists(ROOTS, min_size=1, max_size=40)


def hashed(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def plain_root(nodes: list[bytes]) -> bytes:
    if len(nodes) == 1:
        return nodes[0]
    pairs = [nodes[i : i + 2] for i in range(0, len(nodes), 2)]
    return plain_root([hashed(b"\1" + b"".join(pair)) if len(pair) == 2 else pair[0] for pair in pairs])


def roots(number: int) -> StateRoots:
    return StateRoots(*(hashed(bytes([number, part])) for part in range(4)))


def make_trace(count: int, every: int = 5, last: int = 5) -> Trace:
    trace = Trace(SPEC, SEED, every, roots(0))
    for index in range(1, count + 1):
        trace.add(every if index < count else last, roots(index % 256), hashed(b"m%d" % index))
    return trace


@given(STATES, st.lists(st.tuples(STATES, ROOTS), min_size=1, max_size=20))
def test_links_and_root__are_what_the_definition_says(start: StateRoots, steps: list[tuple[StateRoots, bytes]]) -> None:
    trace = Trace(SPEC, SEED, 3, start)
    link = hashed(b"\x05" + SPEC + SEED + hashed(b"\x04" + b"".join(start.parts)))
    links = []
    for index, (state, metrics) in enumerate(steps, 1):
        trace.add(3, state, metrics)
        link = hashed(b"\x06" + link + index.to_bytes(4, "big") + hashed(b"\x04" + b"".join(state.parts)) + metrics)
        links.append(link)
    assert trace.links == links
    assert trace.root() == plain_root(links)


def test_audit_root__is_what_the_definition_says() -> None:
    assert audit_root(JOB, b"r" * 32, b"t" * 32, 258) == hashed(b"\x03" + JOB + b"r" * 32 + b"t" * 32 + b"\x01\x02")


def test_metrics__are_hashed_as_canonical_json() -> None:
    assert metrics_digest([{"b": 1.0, "a": None}]) == hashed(b'[{"a":null,"b":1}]')
    assert hashed(b"[]") == NO_METRICS


def test_part__of_nothing_is_zeros__of_json_is_its_leaf() -> None:
    assert part_root([]) == ZERO32
    assert part_root([], b'{"step":3}') == merkle_root([Leaf.of("", "json", (), b'{"step":3}')])
    leaf = Leaf.of("weight", "F32", (1,), b"\0" * 4)
    assert part_root([leaf]) == leaf.hash()


@given(LINKS)
def test_proof__of_every_link__holds(links: list[bytes]) -> None:
    root = trace_root(links)
    for index in range(1, len(links) + 1):
        assert proven(root, len(links), index, links[index - 1], prove(links, index))


@given(LINKS, st.data())
def test_attack_proof__anything_changed__does_not_hold(links: list[bytes], data: st.DataObject) -> None:
    root, count = trace_root(links), len(links)
    index = data.draw(st.integers(1, count))
    link, proof = links[index - 1], prove(links, index)
    other = bytes([link[0] ^ 1]) + link[1:]
    assert not proven(root, count, index, other, proof)
    assert not proven(root, count, index, link, (*proof, other))
    assert not proven(root, count, count + 1, link, proof)
    if proof:
        assert not proven(root, count, index, link, proof[:-1])
        assert not proven(root, count, index, link, (*proof[:-1], proof[-1][:31]))
    wrong = data.draw(st.integers(1, count))
    if links[wrong - 1] != link:
        assert not proven(root, count, wrong, link, prove(links, wrong))


def test_attack_wrong_leaf_order__another_root() -> None:
    links = make_trace(9).links
    assert trace_root(links) != trace_root([links[1], links[0], *links[2:]])


@pytest.mark.parametrize("count", [0, MOST_SEGMENTS + 1])
def test_root__of_none_or_too_many__refused(count: int) -> None:
    with pytest.raises(TraceInvalid, match="1 to 4096"):
        trace_root([ZERO32] * count)


def test_trace__short_segment__is_the_last() -> None:
    trace = make_trace(3, last=2)
    with pytest.raises(TraceInvalid, match="no segment 4"):
        trace.add(5, roots(9), NO_METRICS)
    with pytest.raises(TraceInvalid, match="no segment 4"):
        trace.fail(JOB, ExitClass.RAISED)


@pytest.mark.parametrize("steps", [0, 6, -1])
def test_trace__segment_of_no_such_length__refused(steps: int) -> None:
    with pytest.raises(TraceInvalid, match="1 to 5"):
        make_trace(2).add(steps, roots(9), NO_METRICS)


def test_trace__failed_run__ends_in_its_result_root() -> None:
    trace = make_trace(2)
    last = trace.fail(JOB, ExitClass.MEMORY_LIMIT)
    assert last.state == result_root(JOB, ExitClass.MEMORY_LIMIT)
    assert (last.index, last.roots, last.metrics) == (3, None, NO_METRICS)
    with pytest.raises(TraceInvalid):
        trace.add(5, roots(9), NO_METRICS)


class TestManifest:
    @pytest.mark.parametrize(("count", "last"), [(0, 5), (1, 5), (7, 5), (7, 2)])
    def test_bytes_and_trace_are_one(self, count: int, last: int) -> None:
        trace = make_trace(count, last=last)
        data = trace_to_bytes(trace, JOB)
        assert trace_from_bytes(data, JOB) == trace

    def test_failed_run(self) -> None:
        trace = make_trace(2)
        trace.fail(JOB, ExitClass.WALL_LIMIT)
        assert trace_from_bytes(trace_to_bytes(trace, JOB, ExitClass.WALL_LIMIT), JOB) == trace

    def test_largest__is_read(self) -> None:
        trace = make_trace(MOST_SEGMENTS)
        assert trace_from_bytes(trace_to_bytes(trace, JOB), JOB).links == trace.links

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (["version"], 2),
            (["job"], "0x" + "ff" * 32),
            (["every"], 0),
            (["every"], 2**16),
            (["every"], 4),
            (["start"], ["0x" + "00" * 32] * 3),
            (["segments"], {}),
            (["segments", 0, "steps"], 4),
            (["segments", 0, "steps"], True),
            (["segments", 1, "steps"], 6),
            (["segments", 1, "state", 3], "0x00"),
            (["segments", 1, "metrics"], "0x" + "AB" * 32),
            (["segments", 1], None),
            (["failed"], "ok"),
            (["failed"], "lost"),
        ],
        ids=range(15),
    )
    def test_attack_malformed__refused(self, path: list[Any], value: Any) -> None:
        manifest = parse_canonical_json(trace_to_bytes(make_trace(3), JOB), "it")
        place = manifest
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        with pytest.raises(TraceInvalid):
            trace_from_bytes(canonical_json(manifest), JOB)

    def test_attack_gap_or_another_order__has_other_links(self) -> None:
        """A manifest holds no links to forge: a trace with a gap is another trace, of another root."""
        trace = make_trace(4)
        for order in ([0, 1, 3], [1, 0, 2, 3]):
            manifest = parse_canonical_json(trace_to_bytes(trace, JOB), "it")
            manifest["segments"] = [manifest["segments"][place] for place in order]
            assert trace_from_bytes(canonical_json(manifest), JOB).root() != trace.root()

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=200))
    def test_attack_noise__refused(self, noise: bytes) -> None:
        for data in (noise, b"{" + noise):
            with pytest.raises(TraceInvalid):
                trace_from_bytes(data, JOB)
