"""The whole way with tables and kept rows in S3 (moto on loopback) instead of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.fs
import pytest
from moto.server import ThreadedMotoServer

from tests.integration.shop import Feed, later, make_shop, open_shop, rows_of

BUCKET = "lake"


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_a_batch_goes_the_whole_way_in_s3(tmp_path: Path, endpoint: str) -> None:
    store = pyarrow.fs.S3FileSystem(
        endpoint_override=endpoint, access_key="test", secret_key="test", region="us-east-1", allow_bucket_creation=True
    )
    store.create_dir(BUCKET)
    feed = Feed(make_shop(tmp_path / "project"))
    file = feed.folder / "controlplane.yaml"
    properties = f'{{s3.endpoint: "{endpoint}", s3.access-key-id: test, s3.secret-access-key: test, s3.region: us-east-1}}'
    text = file.read_text(encoding="utf-8")
    text = text.replace('uri: "sqlite:///state/catalog.db"}', f'uri: "sqlite:///state/catalog.db", properties: {properties}}}')
    text = text.replace("file://state/warehouse", f"s3://{BUCKET}/warehouse").replace(
        "file://state/plane", f"s3://{BUCKET}/plane"
    )
    file.write_text(text, encoding="utf-8")
    for number in range(1, 9):
        feed.customer("c", number)
        feed.order("c", number, number)
    feed.customer("c", 9, email="no address")
    feed.flush()
    with open_shop(feed.folder) as plane:
        for pipeline in ("cdc_customers", "customers", "cdc_orders", "orders", "fact_orders"):
            assert plane.run(pipeline).state == "published"
        assert len(rows_of(plane, "gold.fact_orders")) == 8
        assert len(plane.quarantined("silver.customers")) == 1
        proof = plane.prove_masking(["customer1@example.org", "Customer Number1"])
        assert proof.places
        assert not proof.findings
    feed.order("d", 1, 1, later(0.5))
    feed.flush(later(1))
    with open_shop(feed.folder, later(1)) as plane:
        for pipeline in ("cdc_orders", "orders", "fact_orders"):
            assert plane.run(pipeline).state == "published"
        assert len(rows_of(plane, "gold.fact_orders")) == 7
