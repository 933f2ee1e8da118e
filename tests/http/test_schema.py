"""schemathesis: requests made up from the OpenAPI document, valid and not, against a real server."""

from __future__ import annotations

import shutil
from concurrent.futures import Future

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
    use_after_free,
)

from fuzzing import FACTOR, examples
from real_service import TOKEN, here, settings_of

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    use_after_free,
]


class _DoneAtOnce:
    """Stands for the pool of processes: trains nothing, and says it is done."""

    def submit(self, _, workplace, folder, job, basis):
        future = Future()
        future.set_result((job.model_copy(update={"state": "done"}), 0))
        return future

    def shutdown(self, **_):
        pass


@pytest.fixture(scope="module")
def schema(trained_dir, prices_dir, config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("schema") / "gnn"
    shutil.copytree(trained_dir, folder)
    with here(settings_of(folder, prices_dir, config, admin_token=TOKEN)) as service:
        service.service.background._pool = _DoneAtOnce()
        loaded = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
        loaded.config.update(base_url=service.url)
        yield loaded.exclude(path="/events")  # which never ends; test_events.py has it


def test_the_service_does_what_its_document_says(schema):
    tried = []
    for result in schema.get_all_operations():
        operation = result.ok()
        strategy = st.one_of(
            operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        )

        @given(case=strategy)
        @settings(
            max_examples=examples(40),
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=FACTOR == 1,
        )
        def ask(case):
            # Longer than the service's own limit: on a busy machine it answers 503, as documented.
            response = case.call(headers={"authorization": f"Bearer {TOKEN}"}, timeout=120)
            if response.status_code != 413:  # what is too large is refused before anything else is looked at
                case.validate_response(response, checks=CHECKS)

        ask()
        tried.append(operation.label)
    assert len(tried) >= 14


def test_a_request_that_is_too_large_is_refused_as_documented(schema):
    operation = schema["/forecast"]["GET"]
    response = operation.Case(query={"symbols": "A" * 70_000}).call()
    assert response.status_code == 413
    assert response.headers["content-type"][0].startswith("text/plain")
    assert list(operation.definition.raw["responses"]["413"]["content"]) == ["text/plain"]
