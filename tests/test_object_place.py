from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from tickgraph.errors import InputError
from tickgraph.object_place import ObjectPlace, StorageSettings, local_folder, read_place
from tickgraph.settings import load_settings

PLAIN = StorageSettings()


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("s3://bucket", "bucket", ""),
        ("s3://bucket/", "bucket", ""),
        ("S3://my.bucket-1/a/b_c/year=2026/", "my.bucket-1", "a/b_c/year=2026"),
        ("gs://bucket/gnn", "bucket", "gnn"),
    ],
)
def test_a_url_is_a_bucket_and_a_prefix(text, bucket, prefix):
    place = read_place(text, PLAIN)
    assert (place.bucket, place.prefix) == (bucket, prefix)
    assert str(read_place(str(place), PLAIN)) == str(place)
    assert place.absolute() == place == pickle.loads(pickle.dumps(place))  # noqa: S301  it goes to worker processes


@pytest.mark.parametrize(
    "text",
    [
        "s3://",
        "s3:///prefix",
        "s3://bucket/../other",
        "s3://bucket/a//b",
        "s3://bucket/.hidden",
        "s3://user:a-secret@bucket",
        "s3://bucket/a?a-secret=1",
        "s3://bucket/a b",
        "s3://Bucket",
        "https://a-secret@example.com/x",
        "file://elsewhere/x",
    ],
)
def test_anything_else_is_refused_and_not_repeated(text):
    with pytest.raises(InputError) as caught:
        read_place(text, PLAIN)
    assert "a-secret" not in str(caught.value)
    with pytest.raises(InputError) as caught:
        load_settings(models_dir=text)
    assert "a-secret" not in str(caught.value)


def test_paths_and_file_urls_are_folders():
    assert read_place("models/gnn", PLAIN) == "models/gnn"
    assert read_place("file:///srv/my%20models", PLAIN) == Path("/srv/my models")
    assert load_settings(models_dir="models/gnn").models_dir == Path("models/gnn")
    assert local_folder(Path("models")) == Path("models")


def test_places_that_differ_have_copies_apart(tmp_path, monkeypatch):
    access = StorageSettings(cache_dir=tmp_path)
    texts = "s3://bucket/a-b", "s3://bucket/a/b", "s3://bucket-a/b", "gs://bucket/a/b"
    folders = {local_folder(read_place(text, access)) for text in texts}
    other = access.model_copy(update={"endpoint": "https://minio.example.com"})
    folders.add(local_folder(read_place(texts[0], other)))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://another.example.com")
    folders.add(local_folder(read_place(texts[0], access)))
    assert len(folders) == 6
    assert {folder.parent for folder in folders} == {tmp_path}


def test_settings_say_where_copies_and_what_stays_on_the_machine_are(tmp_path, monkeypatch):
    monkeypatch.setenv("TICKGRAPH_STORAGE__CACHE_DIR", str(tmp_path))
    settings = load_settings(models_dir="s3://bucket/gnn", prices_dir="s3://bucket/prices")
    assert isinstance(settings.models_dir, ObjectPlace)
    assert isinstance(settings.prices_dir, ObjectPlace)
    assert settings.operations_dir == settings.models_dir.copies / ".operations"
    assert settings.runtime_dir == settings.models_dir.copies / ".service"
    assert settings.models_dir.access.cache_dir == tmp_path


@pytest.mark.parametrize(
    "address", ["https://user:a-secret@host", "ftp://host", "host", "https://h/?a-secret"]
)
def test_an_endpoint_holds_no_password(address, monkeypatch):
    with pytest.raises(ValidationError):
        StorageSettings(endpoint=address)
    monkeypatch.setenv("TICKGRAPH_STORAGE__ENDPOINT", address)
    with pytest.raises(InputError) as caught:
        load_settings()
    assert "a-secret" not in str(caught.value)
