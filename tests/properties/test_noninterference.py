"""
Non-interference: what an agency is told depends on nothing but what was granted to it.

Two events that are equal in the granted fields, and in those that the decision asks for, give it byte for byte the
same value, key, headers, topic and number of records, and the same receipt. One comparison covers a leak through a
field, a length, an order or a header. What was granted but kept back of this one event, or withheld with the whole of
it, is varied like what was never granted. The key of the incoming record is the same in a pair, because it stands for
the subject; so are the event's papers, and what is known of children.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
from concurrent.futures import ProcessPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import catalog as catalogs
from tests.reference import compare, generate

from .telling import Told, many, pair, told, where

PROVE = bool(os.environ.get("HUB_PROVE"))
GRANTS = sorted((agency, name) for agency, policy in catalogs.look().policies.items() for name in policy.hears)
PAIRS = 1_000_000 if PROVE else 10_000 // len(GRANTS)
"""Of each stream and recipient."""
SOME = 200
WORLDS = 2_000 if PROVE else 15


@pytest.mark.parametrize(("agency", "name"), GRANTS)
def test_an_agency_cannot_tell_apart_what_differs_only_in_what_it_was_not_granted(agency, name):
    """Thousands of seeded pairs; most of them are released, so that the comparison is of something."""
    released, _, fault = counted(agency, name, open_=True, pairs=max(SOME, PAIRS))
    assert not fault
    assert released > PAIRS // 4

    assert not counted(agency, name, open_=False, pairs=SOME)[2]


def counted(agency: str, name: str, *, open_: bool, pairs: int) -> tuple[int, int, str]:
    """What `many` says of the first *pairs* seeds; on all processors where they are many."""
    if pairs < 50_000:
        return many(agency, name, open_, range(pairs))
    parts = [range(start, min(start + 10_000, pairs)) for start in range(0, pairs, 10_000)]
    same = (itertools.repeat(one) for one in (agency, name, open_))
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as workers:
        found = list(workers.map(many, *same, parts))
    faults = [fault for _, _, fault in found if fault]
    return sum(one for one, _, _ in found), sum(one for _, one, _ in found), faults[0] if faults else ""


@pytest.mark.parametrize(("agency", "name"), GRANTS)
def test_no_pair_that_a_search_finds_is_told_apart(agency, name):
    """The same, with pairs that Hypothesis looks for and makes small."""
    tells = told(agency, name)
    kin = tells.kin()

    @settings(max_examples=20_000 if PROVE else 15, deadline=None, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.randoms(use_true_random=False))
    def search(chance):
        first, second = pair(tells, kin, chance)
        if first != second:
            pytest.fail(f"told apart by {where(first, second)}")

    search()


def test_no_agreement_that_could_be_made_lets_an_agency_tell_them_apart():
    """Drawn agreements on the stream that has everything: limits at every depth, and all words of coarsening."""
    streams = dict(catalogs.load().streams)
    limited = 0
    for seed in range(1, 2 * WORLDS, 2):
        world = generate.invented(seed, streams)
        for _, policy in world.agreed.values():
            policy["expires"] = generate.DAYS[-1]
        catalog, _ = compare.catalog_of(world)
        for agency in world.agreed:
            tells = Told(catalog, agency, world.stream)
            granted = {*tells.grant.fields, *tells.grant.coarse}
            for number in range(8):
                first, second = pair(tells, tells.kin(), random.Random(f"{seed} {agency} {number}"))
                if first != second:
                    pytest.fail(f"world {seed}, {agency}, pair {number} is told apart by {where(first, second)}")
                heard = {path for path, verdict, _ in first.receipts[0].outcome.fields if verdict != "withheld"}
                limited += bool(first.records) and not granted <= heard

    assert limited > WORLDS


@pytest.mark.parametrize(("agency", "name"), GRANTS)
def test_a_granted_field_that_differs_is_told_apart(agency, name):
    """Each granted field, left out of what pairs hold equal, shows: the comparison above can fail."""
    tells = told(agency, name)
    silent = set(tells.grant.fields)
    for path in tells.grant.fields:
        kin = tells.kin(loose=frozenset({path}))
        for seed in range(SOME):
            chance = random.Random(f"{path} {seed}")
            event = kin.drawn(chance)
            if tells.of(event).records != tells.of(kin.varied(event, chance)).records:
                silent.discard(path)
                break

    assert not silent
