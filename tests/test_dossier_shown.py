"""The dossier as Chromium shows and prints it: no fault that axe-core can find (WCAG 2 AA), no sideways scrolling."""

import pytest
from chromium import chromium, faults_of, printed, width_of
from tales import tale
from test_dossier_pages import Service


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of a dossier as a person meets them: whole, printed, refused, with something said, of a denial."""
    chromium()
    service = Service(tmp_path_factory.mktemp("store"))
    path = service.link()
    data = {"ticket": service.ticket(path), "name": "R. Nurse, RN", "says-dosage": "yes", "words-dosage": "seen"}
    refused = service.http.post(f"{path}/attest", data=data | {"name": ""}).text
    service.http.post(f"{path}/attest", data=data)
    (card,) = service.http.post("/cds-services/cart-patient-view", json=tale("denied-blue-plan")).json["cards"]
    denied = card["links"][0]["url"].removeprefix("http://localhost")
    return {
        "whole": service.http.get(path).text,
        "packet": service.http.get(f"{path}/packet").text,
        "refused": refused,
        "denied": service.http.get(denied).text,
        "sensitive": service.http.get(f"{path}/sensitive").text,
    }


SHOWN = [("whole", 1280), ("whole", 500), ("packet", 1280), ("refused", 500), ("denied", 1280), ("sensitive", 500)]


@pytest.mark.parametrize(("name", "width"), SHOWN)
def test_axe_finds_no_fault(pages, tmp_path, name, width):
    assert faults_of(pages[name], tmp_path, width) == []


def test_axe_finds_a_fault_where_there_is_one(pages, tmp_path):
    broken = pages["whole"].replace("aria-label", "data-label").replace("--soft: #525a66", "--soft: #bbb")
    assert {rule for rule, _ in faults_of(broken, tmp_path, 1280)} == {"color-contrast", "label"}


@pytest.mark.parametrize("name", ["whole", "packet", "denied", "sensitive"])
def test_nothing_is_wider_than_a_phone(pages, tmp_path, name):
    assert width_of(pages[name], tmp_path, 320) <= 320


@pytest.mark.parametrize(("size", "box"), [("letter", b"612 792"), ("A4", b"594.95996 841.91998")])
def test_the_packet_prints_on_letter_and_a4(pages, tmp_path, size, box):
    document = printed(pages["packet"], tmp_path, size)
    assert document.startswith(b"%PDF") and b"/MediaBox [0 0 " + box + b"]" in document
    assert 1 < document.count(b"/Type /Page\n") <= 5
