"""Stories that are told elsewhere, in the shapes in which one big vendor sends requests."""

from uuid import NAMESPACE_URL, uuid5

from stories_mantle_cell import mcl_missing_three
from stories_other_illnesses import lbcl_yescarta_hcpcs, mm_abecma_ndc11, prior_kymriah
from vendor_shapes import as_vendor_sends


def in_vendor_shapes(tell):
    """Tell a story anew: the same chart, order and expectation."""
    story = tell()
    request = as_vendor_sends(story.request)
    return story._replace(request=request | {"hookInstance": str(uuid5(NAMESPACE_URL, request["hookInstance"]))})


def epic_mcl_missing_three():
    """As `mcl-missing-three`: a Medication beside the order, OIDs, long ids, keys of the site's own."""
    return in_vendor_shapes(mcl_missing_three)


def epic_lbcl_yescarta():
    """As `lbcl-yescarta-hcpcs`: the order is a ProcedureRequest in its STU3 shape."""
    return in_vendor_shapes(lbcl_yescarta_hcpcs)


def epic_prior_kymriah():
    """As `prior-kymriah`: the earlier infusion is found under absolute references and OIDs."""
    return in_vendor_shapes(prior_kymriah)


def epic_mm_abecma():
    """As `mm-abecma-ndc11`: proprietary drug codes stand before the NDC."""
    return in_vendor_shapes(mm_abecma_ndc11)


STORIES = (epic_mcl_missing_three, epic_lbcl_yescarta, epic_prior_kymriah, epic_mm_abecma)
