"""What a call may say of Da Vinci CRD: obeyed where it can be, never required, never a failure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdshooks.hooks.crd_request import asks_for_crd, read_crd_request

VERSION, CONFIGURATION = "davinci-crd.requestedVersion", "davinci-crd.configuration"
DEFAULTS = {"coverage-information": True, "authorizations": True, "cards": True, "most-cards": 3}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
CODES = st.sampled_from(["coverage-info", "unsolicited-determ", "guideline", "max-cards", "cost", ""])


def asked(example, **members):
    return read_crd_request(members, example.crd)


def test_a_call_that_says_nothing_gets_the_first_version_and_the_defaults(example):
    said = read_crd_request({}, example.crd)
    assert (said.version, dict(said.values), said.unusable) == ("2.0", DEFAULTS, ())
    assert not asks_for_crd({}) and not asks_for_crd({"com.example.site": 1})


@pytest.mark.parametrize("version", ["2.0", "2.2"])
def test_a_version_that_is_supported_is_answered_in(example, version):
    said = read_crd_request({VERSION: version}, example.crd)
    assert said.version == version and not said.unusable and asks_for_crd({VERSION: version})


def test_a_version_with_its_patch_is_read_by_major_and_minor(example):
    said = read_crd_request({VERSION: "2.2.1"}, example.crd)
    assert said.version == "2.2" and not said.unusable


@pytest.mark.parametrize("version", ["2.1", "9.9", "2.1.0", "2.2.1.1", "2.2.", "v2.2", "", 2.2, None, ["2.2"]])
def test_another_version_is_answered_in_the_first(example, version):
    said = read_crd_request({VERSION: version}, example.crd)
    assert said.version == "2.0"
    assert said.unusable == (() if version is None else (VERSION,))


def test_supported_options_are_obeyed_and_others_ignored(example):
    sent = {"coverage-info": False, "max-cards": 1, "cost": False, "appropriate-use": False}
    said = read_crd_request({CONFIGURATION: sent}, example.crd)
    assert dict(said.values) == DEFAULTS | {"coverage-information": False, "most-cards": 1}
    assert not said.unusable and not said.on("coverage-information") and said.on("cards")


@pytest.mark.parametrize(
    ("code", "value"),
    [("coverage-info", "false"), ("coverage-info", 0), ("max-cards", True), ("max-cards", -1), ("max-cards", 1.5),
     ("max-cards", None), ("guideline", None), ("guideline", {})],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_told_and_the_default_used(example, code, value):
    said = read_crd_request({CONFIGURATION: {code: value}}, example.crd)
    assert dict(said.values) == DEFAULTS and said.unusable == (code,)


@pytest.mark.parametrize("configuration", ["off", 1, [], [{"code": "coverage-info", "value": False}], True])
def test_a_configuration_that_is_no_object_is_told_and_the_defaults_used(example, configuration):
    said = read_crd_request({CONFIGURATION: configuration}, example.crd)
    assert dict(said.values) == DEFAULTS and said.unusable == (CONFIGURATION,)


@given(version=JSON, configuration=JSON | st.dictionaries(CODES, JSON, max_size=6))
def test_nonsense_is_survived(example, version, configuration):
    said = read_crd_request({VERSION: version, CONFIGURATION: configuration}, example.crd)
    assert said.version in example.crd.versions and said.values.keys() == DEFAULTS.keys()
    assert all(type(said.values[key]) is type(default) for key, default in DEFAULTS.items())
