import pickle

import pytest

import mlmzoo
from mlmzoo.contract.errors import InputError


def test_the_rate_is_a_straight_line_over_the_run():
    rate = mlmzoo.linear_rate(0.3, 0.1)
    assert [rate(done) for done in (0, 0.25, 0.5, 1)] == pytest.approx([0.3, 0.25, 0.2, 0.1])


def test_a_run_that_goes_on_longer_keeps_the_last_rate():
    rate = mlmzoo.linear_rate(0.1, 0.4)
    assert rate(1.1) == pytest.approx(0.4)
    assert rate(-0.1) == pytest.approx(0.1)


def test_a_schedule_travels_to_another_process():
    assert pickle.loads(pickle.dumps(mlmzoo.linear_rate(0.3, 0.1)))(0.5) == pytest.approx(0.2)


@pytest.mark.parametrize(("start", "end"), [(15, 0.1), (0.1, -0.1), (float("nan"), 0.1)])
def test_what_is_no_share_is_refused(start, end):
    with pytest.raises(InputError, match=r"linear_rate\((start|end)\)=.*0 to 1"):
        mlmzoo.linear_rate(start, end)
