"""A registry whose models are on object storage: a real S3 server behind a proxy that breaks requests."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import pytest

import made_storage
from made_storage import Broken
from made_walk_forward import made_walk_forward
from tickgraph.errors import ArtefactError, InputError, ModelNotFoundError, StorageError
from tickgraph.model.weights import weight_shapes
from tickgraph.object_store import MARKER, Unreachable
from tickgraph.registry.registry import ModelRegistry

sys.path.insert(0, str(Path(__file__).parent))
import publisher

KEY = "gnn/models/AAPL.model.zip"


@pytest.fixture
def template(registry):
    """A real model, which recognisable generations are made of."""
    return registry.load("AAPL", weight_shapes)


@pytest.fixture
def machine(storage, tmp_path):
    """``machine("b")`` is another machine's registry of the same bucket."""

    def on(name="a", **access):
        return ModelRegistry(storage.place(tmp_path / "machines" / name, **access))

    return on


@pytest.fixture
def published(machine, template):
    """``published(n)`` publishes generation n from a machine of its own."""
    own = machine("publisher")

    def publish(number):
        own.publish(*publisher.generation(template, number))

    return publish


def number(registry):
    return publisher.number_of(registry.load("AAPL", weight_shapes))


def on(method, key=KEY, *, times=None):
    """``on("PUT")(broken)`` breaks requests for an object, so many times or always."""

    def rule(broken):
        left = [times]

        def fault(asked, path):
            if asked != method or key not in path or left[0] == 0:
                return None
            left[0] = None if left[0] is None else left[0] - 1
            return broken

        return fault

    return rule


def everything(broken):
    return lambda method, path: broken


def test_a_model_published_on_one_machine_is_loaded_on_another(machine, template):
    here, there = machine("here"), machine("there")
    assert here.symbols() == ()
    assert here.generation("AAPL") is None
    with pytest.raises(ModelNotFoundError, match=f"No model of AAPL in s3://{made_storage.BUCKET}/gnn"):
        here.metadata("AAPL")
    metadata = here.publish(template.metadata, template.weights, template.correlation)
    assert there.symbols() == ("AAPL",)
    loaded = there.load("AAPL", weight_shapes)
    assert loaded.metadata == metadata == there.metadata("AAPL") == there.verified("AAPL")
    for path, value in template.weights.items():
        np.testing.assert_array_equal(loaded.weights[path], value)
    np.testing.assert_array_equal(there.correlation("AAPL"), template.correlation)
    assert loaded.generation == there.generation("AAPL") == here.generation("AAPL")


def test_every_kind_of_change_reaches_the_other_machine(machine, published, config, panel):
    published(1)
    here, there = machine("here"), machine("there")
    assert number(there) == 1
    here.publish_correlation("AAPL", np.eye(11), date(2023, 1, 3))
    np.testing.assert_array_equal(there.correlation("AAPL"), np.eye(11))
    evaluation = made_walk_forward(config, panel.symbols)
    assert here.record_evaluation("AAPL", evaluation) is None
    assert there.metadata("AAPL").evaluation == evaluation
    assert (there.load("AAPL", weight_shapes).weights["layers/dense/vars/1"] == 1).all()
    here.remove("AAPL")
    assert there.symbols() == ()
    assert there.generation("AAPL") is None
    assert not list(there.root.rglob("AAPL*.h5"))


def test_an_object_is_a_zip_of_the_three_files(storage, published, tmp_path):
    published(1)
    (tmp_path / "model.zip").write_bytes(storage.get(KEY))
    done = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", tmp_path / "model.zip"],
        capture_output=True,
        text=True,
        check=True,
    )
    names = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert names == ["AAPL.weights.h5", "AAPL_corr.npy", "AAPL_metadata.json"]


# Requests


def test_requests_of_each_operation_are_as_documented(storage, machine, published, template):
    published(1)
    storage.counted()
    published(2)
    assert storage.counted() == {"GET": 1, "PUT": 1}
    cold = machine("cold", poll_seconds=60)
    number(cold)
    assert storage.counted() == {"GET": 1}
    for _ in range(3):
        number(cold)
        cold.generation("AAPL")
    assert storage.counted() == {}
    warm = machine("cold", poll_seconds=60)  # the process begins anew, the copies are there
    warm.symbols()
    number(warm)
    assert storage.counted() == {"LIST": 1}
    first = machine("first")
    first.publish(*publisher.generation(template, 3))
    assert storage.counted() == {"GET": 1, "PUT": 3}  # two of them try whether conditions are honoured
    first.remove("AAPL")
    assert storage.counted() == {"POST": 1}  # S3's DeleteObjects


def test_a_look_at_every_model_is_one_list(storage, machine, published, template, monkeypatch):
    now = [0.0]
    published(1)
    watching = machine("watching", poll_seconds=10)
    watching._shelf.origin.contact.monotonic = lambda: now[0]
    number(watching)
    storage.counted()
    for moment in (11, 22, 33):
        now[0] = moment
        watching.symbols()
        watching.generation("AAPL")
    assert storage.counted() == {"LIST": 3}
    published(2)
    storage.counted()
    now[0] = 44
    watching.symbols()
    before = watching.generation("AAPL")
    assert storage.counted() == {"LIST": 1, "GET": 1}
    assert number(watching) == 2
    assert watching.generation("AAPL") == before


def test_what_a_list_names_is_there_though_an_older_answer_said_no(machine, published):
    """A model that another machine publishes right after this one had asked for it."""
    now = [0.0]
    watching = machine("watching", poll_seconds=10)
    watching._shelf.origin.contact.monotonic = lambda: now[0]
    assert watching.generation("AAPL") is None
    published(1)
    now[0] = 1
    assert watching.generation("AAPL") is None  # the answer is recent
    assert watching.symbols() == ("AAPL",)
    assert number(watching) == 1


# Writers at one time


def test_a_refresh_does_not_undo_the_training_that_overtook_it(storage, machine, published):
    published(1)
    refresh = machine("refresh")
    basis = refresh.metadata("AAPL")
    overtaken = []

    def fault(method, path):
        if method == "PUT" and KEY in path and not overtaken:
            overtaken.append(path)
            published(2)

    storage.fault = fault
    with pytest.raises(ArtefactError, match="was retrained while"):
        refresh.publish_correlation("AAPL", np.eye(11), date(2023, 1, 3), basis=basis)
    assert overtaken
    assert number(refresh) == number(machine("reader")) == 2
    overtaken.clear()
    storage.fault = fault
    refresh.publish_correlation("AAPL", np.eye(11), date(2023, 1, 4))  # of whatever is there
    assert (machine("reader").load("AAPL", weight_shapes).weights["layers/dense/vars/1"] == 2).all()


def test_publishers_and_readers_on_several_machines_never_mix_generations(
    storage, machine, published, template
):
    published(1)
    failures, ended = [], threading.Event()

    def publish(name, numbers):
        try:
            own = machine(name)
            for each in numbers:
                own.publish(*publisher.generation(template, each))
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    seen = []

    def read(name):
        own = machine(name)
        try:
            while not ended.is_set():
                seen.append(number(own))
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    writers = [threading.Thread(target=publish, args=(f"w{n}", range(n, 40, 4))) for n in range(2, 5)]
    readers = [threading.Thread(target=read, args=(f"r{n}",)) for n in range(2)]
    for thread in (*writers, *readers):
        thread.start()
    for thread in writers:
        thread.join(60)
    ended.set()
    for thread in readers:
        thread.join(60)
    assert not failures
    assert len(set(seen)) > 2
    assert len({number(machine(name)) for name in ("w2", "w3", "w4", "r0", "new")}) == 1


def test_of_two_first_publications_each_is_whole_and_one_stays(storage, machine, template):
    both = threading.Barrier(2)
    waiting = {"PUT": 2}

    def fault(method, path):
        if method == "PUT" and KEY in path and waiting["PUT"]:
            waiting["PUT"] -= 1
            both.wait(20)  # both have read that there is none

    storage.fault = fault
    threads = [
        threading.Thread(target=machine(f"m{n}").publish, args=publisher.generation(template, n))
        for n in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    puts = [path for method, path in storage.requests if method == "PUT" and KEY in path]
    assert len(puts) == 3  # one won, the other was refused and came after it
    assert number(machine("m1")) == number(machine("m2")) in (1, 2)


def test_storage_that_ignores_conditions_is_refused(storage, machine, template):
    storage.ignores_conditions = True
    with pytest.raises(StorageError, match="ignores conditional writes"):
        machine().publish(*publisher.generation(template, 1))
    assert storage.stored() == [f"gnn/{MARKER}"]


def test_a_publisher_killed_at_any_step_leaves_one_whole_generation(
    storage, machine, registry, published, tmp_path
):
    published(1)
    places = [storage.place(tmp_path / "machines" / name).model_dump_json() for name in ("killed", "fresh")]
    script = Path(__file__).with_name("object_publisher.py")
    process = subprocess.Popen(
        [sys.executable, script, registry.root, *places],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask(*words):
        print(*words, file=process.stdin, flush=True)
        return process.stdout.readline().strip()

    try:
        assert process.stdout.readline().strip() == "ready"
        current, step, before = 1, 0, 0
        while True:
            step += 1
            answer = ask(step + 1, step, 0)
            now = number(machine("reader"))
            assert now in (current, step + 1), "neither the former generation nor the new one"
            assert now == number(machine("killed")), "this machine reads another one than the others"
            before += now == current
            current = now
            if answer == "done":
                break
            assert answer == "died"
        assert current == step + 1
        assert before > 4, "some died before the commit"
        assert step - before > 4, "some died after it"
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()
    assert storage.stored() == [KEY, f"gnn/{MARKER}"], "a publisher left something behind"
    machine("killed").recover()
    assert publisher.left_over(machine("killed").root) == []


# Faults of the storage


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (Broken(503, body=b"<Error><Code>SlowDown</Code></Error>"), "answers 503 SlowDown"),
        (Broken(500), "answers 500"),
        (Broken(403, body=b"<Error><Code>AccessDenied</Code></Error>"), "refuses access (403 AccessDenied)"),
        (Broken(), "does not answer"),
    ],
    ids=["503", "500", "403", "cut"],
)
def test_copies_answer_while_the_storage_is_away(storage, machine, published, broken, text):
    published(1)
    reader = machine("reader")
    assert number(reader) == 1
    generation = reader.generation("AAPL")
    storage.fault = everything(broken)
    assert reader.symbols() == ("AAPL",)
    assert number(reader) == 1
    assert reader.generation("AAPL") == generation
    assert text in reader.away
    anew = machine("reader")
    assert anew.symbols() == ("AAPL",)
    assert number(anew) == 1
    assert anew.fault() is None
    with pytest.raises(Unreachable, match="There is no copy of models/JPM"):
        reader.metadata("JPM")
    with pytest.raises(StorageError, match="There are no copies"):
        machine("empty").symbols()
    with pytest.raises(StorageError, match="Nothing can be published"):
        reader.recover()
    storage.fault = None
    published(2)
    assert number(reader) == number(anew) == 2
    assert reader.away is None


def test_storage_that_does_not_answer_is_left_alone_for_a_while(storage, machine, published):
    published(1)
    now = [0.0]
    reader = machine("reader", retry_seconds=5)
    reader._shelf.origin.contact.monotonic = lambda: now[0]
    number(reader)
    storage.fault = everything(Broken())
    number(reader)
    storage.counted()
    for moment in (1, 2, 3, 4):
        now[0] = moment
        number(reader)
        reader.symbols()
    assert storage.counted() == {}
    now[0] = 6
    number(reader)
    assert storage.counted() == {"GET": 1}


def test_an_answer_that_never_comes_is_not_waited_for(storage, machine, published):
    published(1)
    number(machine("reader"))
    reader = machine("reader", timeout_seconds=0.3)
    never = threading.Event()
    storage.fault = everything(Broken(wait=never))
    assert number(reader) == 1
    assert "does not answer in time" in reader.away
    never.set()


def test_an_answer_that_is_cut_short_is_none(storage, machine, published):
    published(1)
    reader = machine("reader")
    number(reader)
    published(2)
    storage.fault = on("GET")(Broken(cut=0.5))
    assert number(reader) == 1
    assert reader.away is not None
    storage.fault = None
    assert number(reader) == 2


def test_a_slow_line_is_waited_for_as_long_as_something_comes(storage, machine, published):
    published(1)
    storage.fault = on("GET")(Broken(slowly=0.15))
    reader = machine("reader", timeout_seconds=1, retries=3)  # the whole answer takes longer than that
    assert number(reader) == 1
    assert reader.away is None


def test_a_passing_error_is_tried_again(storage, machine, published):
    published(1)
    storage.fault = on("GET", times=2)(Broken(503))
    assert number(machine("reader", retries=2)) == 1


@pytest.mark.parametrize("broken", [Broken(500, after=True), Broken(after=True)], ids=["500", "cut"])
def test_a_publication_whose_answer_was_lost_has_happened(storage, machine, published, template, broken):
    published(1)
    writer = machine("writer")
    storage.fault = on("PUT", times=1)(broken)
    writer.publish(*publisher.generation(template, 2))
    assert number(writer) == number(machine("reader")) == 2
    assert writer.away is None


def test_a_lost_answer_and_a_try_again_count_once(storage, machine, published, template):
    published(1)
    writer = machine("writer", retries=2)
    storage.fault = on("PUT", times=1)(Broken(500, after=True))
    writer.publish(
        *publisher.generation(template, 2)
    )  # the second try is refused: the first one has succeeded
    assert number(machine("reader")) == 2


def test_a_publication_that_fails_leaves_the_former_generation(storage, machine, published, template):
    published(1)
    writer = machine("writer")
    storage.fault = on("PUT")(Broken(503))
    with pytest.raises(Unreachable, match="answers 503"):
        writer.publish(*publisher.generation(template, 2))
    assert number(writer) == number(machine("reader")) == 1
    storage.fault = None
    writer.publish(*publisher.generation(template, 3))
    assert number(machine("reader")) == 3


def test_a_write_that_comes_late_undoes_nothing(storage, machine, published, template):
    """The line holds a write back until its writer has given up and another one has published."""
    published(1)
    late, arrived = threading.Event(), threading.Event()
    writer = machine("writer")
    number(writer)
    storage.fault = on("PUT", times=1)(Broken(wait=late))
    storage.requests.clear()
    while not any(method == "PUT" and KEY in path for method, path in storage.requests):
        with pytest.raises(Unreachable):  # on a busy machine even the request before it
            machine("writer", timeout_seconds=0.3).publish(*publisher.generation(template, 2))
    published(3)
    storage.fault = lambda method, path: arrived.set() if method == "GET" else None
    late.set()
    assert number(machine("reader")) == 3
    published(4)  # waits for its turn behind the late write
    assert number(machine("reader")) == number(writer) == 4


def test_a_bucket_that_is_not_there_is_no_empty_registry(storage, tmp_path, template):
    place = storage.place(tmp_path).model_copy(update={"bucket": "no-such-bucket"})
    registry = ModelRegistry(place)
    for ask in (registry.symbols, lambda: registry.metadata("AAPL"), lambda: registry.remove("AAPL")):
        with pytest.raises(StorageError, match="NoSuchBucket"):
            ask()
    with pytest.raises(StorageError, match="Make the bucket"):
        registry.publish(*publisher.generation(template, 1))


# Objects that are not what they should be


def spoilt(data, foreign):
    return {
        "half": data[: len(data) // 2],
        "empty": b"",
        "a changed byte": data[:2000] + bytes([data[2000] ^ 1]) + data[2001:],
        "foreign": b"<html>not found</html>",
        "another symbol's": foreign,
    }


@pytest.mark.parametrize("kind", ["half", "empty", "a changed byte", "foreign", "another symbol's"])
def test_a_spoilt_object_is_refused_and_replaces_no_copy(
    storage, machine, published, registry, template, kind
):
    published(1)
    jpm = registry.load("JPM", weight_shapes)
    machine("publisher").publish(jpm.metadata, jpm.weights, jpm.correlation)
    reader = machine("reader")
    assert number(reader) == 1
    generation, data = reader.generation("AAPL"), storage.get(KEY)
    storage.put(KEY, spoilt(data, storage.get("gnn/models/JPM.model.zip"))[kind])
    refused = reader.generation("AAPL")
    assert refused != generation, "whoever holds the model must learn that there is another one"
    assert reader.generation("AAPL") == refused
    for ask in (reader.metadata, reader.verified, lambda symbol: reader.load(symbol, weight_shapes)):
        with pytest.raises(ArtefactError, match=r"s3://.*AAPL.* is (damaged or foreign|foreign)"):
            ask("AAPL")
    with pytest.raises(ArtefactError):
        reader.publish_correlation("AAPL", np.eye(11), date(2023, 1, 3))
    assert storage.get(KEY) == spoilt(data, storage.get("gnn/models/JPM.model.zip"))[kind], (
        "nobody wrote it over"
    )
    reader.publish(*publisher.generation(template, 2))
    assert number(reader) == number(machine("other")) == 2


def test_an_object_of_monstrous_size_is_not_read(storage, machine, published, template, monkeypatch):
    published(1)
    reader = machine("reader")
    number(reader)
    monkeypatch.setattr("tickgraph.registry.object_copies.MAX_OBJECT_BYTES", 1000)
    with pytest.raises(ArtefactError, match="at most 1,000 were expected"):
        machine("other").metadata("AAPL")


def test_a_damaged_copy_is_read_anew(storage, machine, published):
    published(1)
    reader = machine("reader", poll_seconds=600)
    number(reader)
    for path in reader.paths("AAPL").arrays:
        path.write_bytes(b"damaged")
    assert number(reader) == 1
    reader.paths("AAPL").metadata.unlink()
    assert number(machine("reader", poll_seconds=600)) == 1
    storage.fault = everything(Broken())
    reader.paths("AAPL").weights.write_bytes(b"damaged")
    with pytest.raises(ArtefactError, match=r"AAPL.weights.h5 is damaged"):
        number(reader)


def test_a_symbol_with_a_hyphen_is_found_again(machine, published, template):
    own = machine("publisher")
    metadata = template.metadata.model_copy(update={"symbol": "BRK-B"})
    own.publish(metadata, template.weights, template.correlation)
    assert machine("reader").symbols() == ("BRK-B",)
    assert machine("reader").metadata("BRK-B").symbol == "BRK-B"


def test_foreign_objects_in_the_bucket_are_no_models(storage, machine, published):
    published(1)
    for name in ("readme.txt", "aapl.model.zip", "sub/MSFT.model.zip"):
        storage.put(f"gnn/models/{name}", b"foreign")
    assert machine("reader").symbols() == ("AAPL",)


# The universe


def test_the_universe_is_published_like_the_models(storage, machine, drawn):
    here, there = machine("here"), machine("there", poll_seconds=0)
    assert there.universe.fit("sample") is None
    assert there.universe.sources() == ()
    fit, state = drawn.universe.fit("sample"), drawn.universe.state("sample")
    here.universe.publish_fit(fit)
    here.universe.publish_state(state)
    assert there.universe.fit("sample").version == fit.version
    np.testing.assert_array_equal(there.universe.state("sample").values, state.values)
    assert there.universe.sources() == ("sample",)
    copied = there.universe.fit("sample")
    storage.fault = everything(Broken())
    assert there.universe.fit("sample") is copied
    with pytest.raises(Unreachable):
        machine("new").universe.fit("sample")
    storage.fault = None
    storage.put("gnn/universe/sample_fit.npz", b"foreign")
    with pytest.raises(ArtefactError, match="sample_fit.npz is refused"):
        there.universe.fit("sample")


# Secrets


def test_no_error_and_no_log_line_holds_a_secret(storage, machine, published, monkeypatch, caplog):
    monkeypatch.setenv("AWS_SESSION_TOKEN", made_storage.SECRET)
    body = (
        f"<Error><Code>SignatureDoesNotMatch</Code><K>{made_storage.KEY_ID} {made_storage.SECRET}</K></Error>"
    )
    storage.fault = everything(Broken(403, body=body.encode()))
    with pytest.raises(StorageError) as caught:
        machine().metadata("AAPL")
    error, texts = caught.value, [caplog.text]
    while error is not None:
        texts.append(f"{error!r} {error}")
        error = error.__cause__ or error.__context__
    text = " ".join(texts)
    assert "SignatureDoesNotMatch" in text
    assert made_storage.SECRET not in text
    assert made_storage.KEY_ID not in text


def test_without_the_library_the_error_names_the_extra(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(InputError, match='needs the extra "storage"'):
        machine().symbols()


def test_a_copy_that_was_deleted_under_a_running_process_is_brought_again(machine, published):
    published(1)
    reader = machine("reader")
    assert number(reader) == 1
    shutil.rmtree(reader.root / "metadata")
    assert number(reader) == 1
    reader.symbols()  # a list says that the object is what it was
    shutil.rmtree(reader.root / "metadata")
    assert number(reader) == 1


def test_many_threads_that_wait_for_one_symbol_ask_a_storage_that_is_away_once(storage, machine, published):
    published(1)
    number(machine("reader"))
    reader = machine("reader", retry_seconds=60)
    storage.fault = everything(Broken())
    storage.counted()
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(lambda _: number(reader), range(6))) == [1] * 6
    assert sum(storage.counted().values()) == 1


def test_a_variable_that_the_library_does_not_take_is_named_without_its_value(machine, monkeypatch):
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "SECRETVALUE")
    with pytest.raises(InputError, match=r"cannot be opened") as caught:
        machine("reader").metadata("AAPL")
    assert "SECRETVALUE" not in str(caught.value)
