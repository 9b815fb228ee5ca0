"""The page on bad input: each row has a test, and each test a row that says the same."""

import ast
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[3] / "docs" / "concepts" / "bad-input.md"


def promised():
    """What each input comes to, by the page."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    rows = [line.strip("| ").split(" | ") for line in lines[1:]]
    assert all(len(row) == 2 for row in rows)
    assert len({row for row, _ in rows}) == len(rows)
    return dict(rows)


def named_by_tests():
    """The rows and outcomes that tests name."""
    found = []
    for path in sorted(HERE.glob("test_*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        texts = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "row":
                text, outcome = node.args
                found.append(
                    (texts[text.id] if isinstance(text, ast.Name) else text.value, outcome.value)
                )
    return found


def test_each_row_of_the_page_has_a_test_and_each_test_a_row():
    assert {text for text, _ in named_by_tests()} == set(promised())


def test_the_page_says_what_the_tests_say():
    page = promised()
    for text, outcome in named_by_tests():
        assert page[text].startswith(outcome), (text, outcome, page[text])
