"""The OpenAPI document: every field described, every example one of its own kind."""

from __future__ import annotations

import jsonschema
import pytest

from tickgraph.client import Distribution


@pytest.fixture(scope="module")
def document(service):
    return service.get("/openapi.json").json()


def test_every_field_of_every_answer_is_described(document):
    bare = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        if name not in ("HTTPValidationError", "ValidationError")
        for field, described in schema.get("properties", {}).items()
        if not described.get("description") and "$ref" not in described  # which is described itself
    ]
    assert bare == []


def test_every_parameter_is_described(document):
    for schema in document["components"]["schemas"].values():
        assert schema["description"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["description"], path
            for parameter in operation.get("parameters", []):
                assert parameter.get("description"), (path, parameter["name"])


def test_every_example_is_valid(document):
    shown = 0
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            whole = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
            jsonschema.validate(example, whole)
            shown += 1
    assert shown >= 6


def test_the_example_of_a_probability_is_like_an_answer(document, service):
    example = document["components"]["schemas"]["ProbabilityAnswer"]["examples"][0]
    answer = service.get("/forecast/AAPL/probability?strike=133&price=130").json()
    assert example.keys() == answer.keys()
    assert [q["probability"] for q in example["quantiles"]] == [q["probability"] for q in answer["quantiles"]]


def test_the_example_of_a_distribution_is_of_the_same_model_as_that_of_a_forecast(document):
    example, forecast = (
        document["components"]["schemas"][name]["examples"][0]
        for name in ("DistributionAnswer", "ForecastAnswer")
    )
    assert Distribution.model_validate(example).model_dump(mode="json") == example
    assert [each["sessions"] for each in example["path"]] == [1, 2, 3, 5, 10, example["sessions"]]
    assert forecast["horizons"][:5] == example["path"][:5]
