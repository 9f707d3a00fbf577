"""The dossier as Chromium shows and prints it: no fault that axe-core can find (WCAG 2.2 AA), no sideways scrolling."""

import re

import pytest
from chromium import chromium
from test_dossier_pages import Service, denied_link


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of a dossier as a person meets them: whole, printed, refused, with something said, of a denial."""
    chromium()
    service = Service(tmp_path_factory.mktemp("store"))
    path = service.link()
    data = {"ticket": service.ticket(path), "name": "R. Nurse, RN", "says-dosage": "yes", "words-dosage": "seen"}
    refused = service.http.post(f"{path}/attest", data=data | {"name": ""}).text
    service.http.post(f"{path}/attest", data=data)
    guarded = f"{service.link('guarded-evidence')}/sensitive"
    return {
        "whole": service.http.get(path).text,
        "packet": service.http.get(f"{path}/packet").text,
        "refused": refused,
        "denied": service.http.get(denied_link(service, "denied-blue-plan")).text,
        "sensitive": service.http.get(f"{path}/sensitive").text,
        "opened": service.http.post(guarded, data={"ticket": service.ticket(guarded), "name": "R. Nurse, RN"}).text,
        "not held": service.http.get(denied_link(service, "denied-self-funded-late")).text,
        "gone": service.http.get("/dossier/x").text,
    }


NAMES = ["whole", "packet", "refused", "denied", "sensitive", "opened", "not held", "gone"]


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (350, False)])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_fault(pages, browser, name, width, dark):
    browser.window(width, dark=dark)
    browser.show(pages[name])
    assert browser.faults() == []


def test_axe_finds_a_fault_where_there_is_one(pages, browser):
    small = ".tools { display: block } .tools * { font-size: 8px; line-height: 8px; min-height: 0 !important }</style>"
    broken = pages["whole"].replace("aria-label", "data-label").replace("--soft: #525a66", "--soft: #bbb")
    browser.window(1280)
    browser.show(broken.replace("</style>", small))
    assert {"color-contrast", "label", "target-size"} <= {rule for rule, _ in browser.faults()}


@pytest.mark.parametrize("width", [320, 350, 400, 500, 1280])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wider_than_the_window(pages, browser, name, width):
    browser.window(width)
    browser.show(pages[name])
    assert browser.width() <= width


@pytest.mark.parametrize(("width", "height"), [(8.5, 11), (8.27, 11.69)], ids=["Letter", "A4"])
def test_the_packet_prints_on_letter_and_a4(pages, browser, width, height):
    browser.window(1280, dark=True)
    browser.show(pages["packet"])
    document = browser.printed(width, height)
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", document)
    assert [float(side) / 72 for side in box.groups()] == pytest.approx([width, height], abs=0.02)
    assert 1 < document.count(b"/Type /Page\n") <= 5


def test_paper_is_white_whatever_colours_the_screen_has(pages, browser):
    browser.window(1280, dark=True)
    browser.show(pages["packet"])
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 28)"
    browser.window(1280, dark=True, medium="print")
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_paper_as_narrow_as_a4_still_has_columns(pages, browser):
    shown = "getComputedStyle(document.querySelector('.map td')).display"
    browser.show(pages["packet"])
    browser.window(690)
    assert browser.evaluate(shown) == "block"
    browser.window(690, medium="print")
    assert browser.evaluate(shown) == "table-cell"


def test_the_dates_are_drawn_in_forced_colours_too(pages, browser):
    browser.window(1280, forced=True)
    browser.show(pages["whole"])
    paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    shapes = "[...document.querySelectorAll('.dates svg :is(path, rect)')].map(e => getComputedStyle(e))"
    drawn = browser.evaluate(f"{shapes}.map(s => [s.fill, s.stroke])")
    assert drawn
    for fill, stroke in drawn:
        assert {fill, stroke} - {paper, "none"}
