from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from controlplane.contracts.model import Allowance, Layer, Masking, Mode, OnUnknown
from controlplane.kernel.outcome import Dimension, Severity
from tests.unit.contracts.kit import SHIPMENTS, changed, dataset, field, loaded, rule


def test_what_the_contract_says_of_itself() -> None:
    contract = loaded()
    assert (contract.id, contract.version, contract.status) == ("silver_shipments", "1.0.0", "active")
    assert contract.api_version == "v3.1.0"
    assert contract.owner == "shipping-data"
    assert contract.warnings == ()
    assert len(contract.sha256) == 64


def test_a_dataset_is_named_after_its_physical_name_and_takes_defaults_of_the_contract() -> None:
    spec = dataset()
    assert spec.name == "silver.shipments"
    assert spec.object_name == "shipments"
    assert (spec.layer, spec.tier) == (Layer.SILVER, 1)
    assert spec.lateness == timedelta(hours=3)
    assert (spec.warmup, spec.history, spec.on_unknown) == (14, timedelta(days=7), OnUnknown.HOLD)


def test_an_objects_own_property_wins_over_the_contracts() -> None:
    text = changed(
        "  - {property: controlplane.lateness, value: PT3H}",
        "  - {property: controlplane.tier, value: 3}\n  - {property: controlplane.onUnknown, value: publish}",
    )
    assert (dataset(text).tier, dataset(text).on_unknown) == (3, OnUnknown.PUBLISH)


def test_the_write_mode_is_read_whole() -> None:
    mode = dataset().write_mode
    assert (mode.mode, mode.keys, mode.order_by) == (Mode.MERGE, ("shipment_id",), ("source_lsn",))
    assert (mode.delete_when, mode.partition) == ("op = 'd'", ("bucket(8, shipment_id)",))


def test_fields_have_canonical_types_places_and_labels() -> None:
    weight, receiver = field("weight"), field("receiver")
    assert (weight.type, field("carrier_id").type, field("updated_at").type) == ("decimal(8, 3)", "long", "timestamptz")
    assert SHIPMENTS.splitlines()[weight.place.line - 1].strip() == "- id: weight"
    assert receiver.masking == Masking("token", domain="receiver-name", profile="ascii-lower-trim")
    assert (receiver.data_category, receiver.sensitivity) == (("person_name",), "restricted")
    assert field("shipment_id").primary_key == 1


def test_a_rule_is_read_with_how_its_failing_rows_are_handled() -> None:
    found = rule("weight_range")
    assert (found.kind, dict(found.arguments), found.operator, found.operand) == (
        "invalidValues",
        {"minimum": 0},
        "mustBe",
        (Decimal(0),),
    )
    assert (found.severity, found.dimension) == (Severity.ERROR, Dimension.CONFORMITY)
    assert found.quarantine == Allowance(Decimal(1), "percent", "scales drift")
    assert (found.min_rows, found.where) == (10, "state = 'sent'")


def test_the_operator_of_our_kinds_stands_inside_the_implementation() -> None:
    volume = rule("volume")
    assert (volume.kind, volume.operator, volume.operand) == ("volumeChange", "mustBeBetween", (Decimal(-30), Decimal(30)))
    assert dict(volume.arguments) == {"period": "P1D", "like": "weekday", "against": "median"}
    assert dict(rule("carrier_known").arguments) == {
        "to": "silver.carriers",
        "fields": {"carrier_id": "carrier_id"},
        "where": "is_current",
    }


def test_a_check_that_does_not_block_says_so() -> None:
    assert rule("heavy").blocking is False
    assert rule("heavy").severity is Severity.WARNING
    assert rule("state_known").blocking is None


def test_units_have_a_default_by_kind() -> None:
    text = changed("mustBeLessOrEqualTo: 7200, unit: s}", "mustBeLessOrEqualTo: 7200}")
    assert (rule("enough").unit, rule("fresh", text).unit, rule("volume").unit) == ("rows", "s", "percent")


def test_thresholds_are_exact_decimals() -> None:
    text = changed("mustBeLessOrEqualTo: 7200, unit: s}", "mustBeLessOrEqualTo: 0.1, unit: h}")
    assert rule("fresh", text).operand == (Decimal("0.1"),)


def test_a_column_goes_by_its_physical_name_and_may_be_named_by_either() -> None:
    text = changed("    name: carrier_id\n", "    name: carrier_id\n    physicalName: carrier_no\n")
    assert field("carrier_no", text).type == "long"
    assert rule("carrier_known", text).arguments["fields"] == {"carrier_no": "carrier_id"}


def test_dates_and_words_like_no_stay_texts() -> None:
    text = changed("validValues: [packed, sent]", "validValues: [packed, sent, no, 2020-01-01, 10:30]")
    assert rule("state_known", text).arguments["validValues"] == ["packed", "sent", "no", "2020-01-01", "10:30"]


def test_the_properties_of_others_are_kept_untouched() -> None:
    entries = loaded().document["customProperties"]
    assert isinstance(entries, list)
    assert entries[2] == {"property": "costCentre", "value": {"code": 17, "owner": ["shipping"]}}


def test_a_list_of_values_becomes_a_rule() -> None:
    text = changed("apiVersion: v3.1.0", "apiVersion: v3.2.0")
    text = changed(
        "    quality:\n    - {id: state_known, metric: invalidValues, arguments: {validValues: [packed, sent]}, mustBe: 0}\n",
        "    enum: [{value: packed, label: Packed}, {value: sent}]\n",
        text,
    )
    found = rule("enum", text)
    assert (found.kind, dict(found.arguments)) == ("invalidValues", {"validValues": ["packed", "sent"]})


def test_scd2_is_read_whole() -> None:
    text = changed(
        "      mode: merge\n",
        "      mode: scd2\n      effectiveAt: updated_at\n      validFrom: valid_from\n      validTo: valid_to\n"
        "      isCurrent: is_current\n",
    )
    text = changed(
        "  quality:\n  - id: enough",
        "  - {id: valid_from, name: valid_from, logicalType: timestamp, required: true}\n"
        "  - {id: valid_to, name: valid_to, logicalType: timestamp}\n"
        "  - {id: is_current, name: is_current, logicalType: boolean, required: true}\n"
        "  quality:\n  - id: enough",
        text,
    )
    mode = dataset(text).write_mode
    assert mode.mode is Mode.SCD2
    assert mode.interval_fields == ("valid_from", "valid_to", "is_current")


def test_a_column_that_only_orders_need_not_be_a_field() -> None:
    text = changed("orderBy: [source_lsn]", "orderBy: [source_lsn, source_offset]")
    contract = loaded(text)
    line = 1 + next(number for number, found in enumerate(text.splitlines()) if "orderBy" in found)
    assert contract.datasets[0].write_mode.order_by == ("source_lsn", "source_offset")
    (warning,) = contract.warnings
    assert warning.startswith(f"<text>:{line}: ")
    assert "'source_offset' is no field of the dataset" in warning
