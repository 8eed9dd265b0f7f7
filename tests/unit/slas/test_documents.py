from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from controlplane.kernel.package_schemas import package_schema
from controlplane.slas.documents import status_document, status_of
from controlplane.slas.model import Basis
from controlplane.slas.status import ObjectiveStatus
from tests.unit.slas.cases import BRONZE, DAY, GOLD, HOUR, MINUTE, NOON, complete, fresh, judge_one, published, quiet, right

FACTS = [
    *(published(NOON - 5 * HOUR * back, offered=97, published=97, wrong=back) for back in range(12)),
    *(published(NOON - 3 * HOUR * back, dataset=BRONZE, offered=33, dead_lettered=back) for back in range(9)),
]
STATUSES = {
    "fresh": judge_one(fresh(4 * HOUR, slices=MINUTE * 5), FACTS),
    "complete": judge_one(complete(), FACTS),
    "history": judge_one(complete(Basis.HISTORY), FACTS),
    "right": judge_one(right(), FACTS),
    "maintenance": judge_one(fresh(), FACTS, maintenance=[quiet(NOON - DAY, NOON + DAY)]),
    "nothing": judge_one(fresh(), []),
}


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES.keys())
def test_a_status_is_read_back_equal(status: ObjectiveStatus) -> None:
    document = json.loads(json.dumps(status_document(status)))
    assert status_of(document) == status


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES.keys())
def test_a_status_is_as_its_schema_says(status: ObjectiveStatus) -> None:
    document = {"at": NOON.isoformat(), "objectives": [status_document(status)]}
    assert list(package_schema("sla_status.schema.json").errors(document)) == []


def test_the_schema_refuses_what_is_no_status() -> None:
    document = status_document(STATUSES["complete"])
    for wrong in ({"state": "fine"}, {"value": "high"}, {"days": {"from": "2017-10-09"}}, {"more": 1}):
        assert list(package_schema("sla_status.schema.json").errors({"at": NOON.isoformat(), "objectives": [document | wrong]}))


def test_whole_numbers_have_no_point() -> None:
    document = status_document(replace(STATUSES["complete"], value=Decimal("99.0000"), dataset=GOLD))
    assert json.dumps(document["value"]) == "99"
