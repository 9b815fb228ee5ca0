"""In every installed family, weight decay leaves out biases and normalisations, nothing else."""

import pytest

from mlmzoo.plugins import registry
from mlmzoo.tasks.optimization import scheduled_adamw
from mlmzoo.tasks.recipe import Training
from mlmzoo.testing import tiny_task


@pytest.mark.parametrize("family", registry().families.values(), ids=lambda family: family.name)
def test_vectors_do_not_decay_and_matrices_do(family):
    """Of a transformer the vectors are the biases, and gamma and beta of its normalisations."""
    task, optimizer = tiny_task(family), scheduled_adamw(Training(), 10)
    decays = {w.path: bool(optimizer._use_weight_decay(w)) for w in task.trainable_weights}
    assert decays == {w.path: len(w.shape) > 1 for w in task.trainable_weights}
    assert decays[task.backbone.token_embedding.embeddings.path]
