"""What the suite promises about itself: it explains its failures, and no promise is dropped."""

import inspect
import sys

import pytest

from mlmzoo.testing import FamilyConformance
from mlmzoo.testing.conformance import promises


@pytest.mark.parametrize("name", promises())
def test_each_promise_says_what_it_is_and_what_to_do_when_it_fails(name):
    said = inspect.getdoc(getattr(FamilyConformance, name))
    promise, _, remedy = said.partition("Troubleshooting:")
    assert promise.strip().endswith(".")
    assert len(remedy.split()) > 5


def test_every_promise_of_every_concern_is_inherited():
    assert len(promises()) > 20
    for concern in FamilyConformance.__bases__:
        assert {name for name in vars(concern) if name.startswith("test_")} <= set(promises())


def skipped():
    @pytest.mark.skip(reason="it fails")
    def test(self, task):
        pass

    return test


def failing_for_no_reason():
    @pytest.mark.xfail
    def test(self, task):
        pass

    return test


@pytest.mark.parametrize(
    "override", [lambda self, task: None, None, skipped(), failing_for_no_reason()]
)
def test_an_override_without_a_reason_is_refused(override):
    with pytest.raises(TypeError, match=r"(?s)TestMine overrides test_lora.*xfail\(reason="):
        type("TestMine", (FamilyConformance,), {"test_lora": override})


@pytest.mark.parametrize("mark", [pytest.mark.skip, pytest.mark.xfail])
def test_a_mark_on_what_all_families_share_is_refused(mark):
    shared = FamilyConformance.test_int8
    marks = list(getattr(shared, "pytestmark", []))
    try:
        with pytest.raises(TypeError, match="overrides test_int8"):
            type("TestMine", (FamilyConformance,), {"test_int8": mark(reason="later")(shared)})
    finally:
        shared.pytestmark = marks


def test_the_asserts_of_the_suite_say_what_was_compared():
    for name in promises():
        module = sys.modules[getattr(FamilyConformance, name).__module__]
        assert type(module.__loader__).__name__ == "AssertionRewritingHook"


def test_an_override_that_is_mixed_in_is_refused():
    class Lenient:
        def test_lora(self, task):
            pass

    with pytest.raises(TypeError, match="overrides test_lora"):
        type("TestMine", (Lenient, FamilyConformance), {})


def test_a_declared_exception_is_taken_and_inherited_and_other_tests_can_be_added():
    class TestMine(FamilyConformance):
        @pytest.mark.xfail(reason="It has no dense layers.")
        def test_lora(self, task, tmp_path):
            super().test_lora(task, tmp_path)

        def test_something_of_its_own(self, task):
            pass

    class TestMineOnceMore(TestMine):
        reference_class = "AutoModelForMaskedLM"

    (mark,) = TestMineOnceMore.test_lora.pytestmark
    assert mark.kwargs["reason"] == "It has no dense layers."
