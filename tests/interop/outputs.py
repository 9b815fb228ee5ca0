"""What models of ours and of KerasHub answer, in one form."""

import keras

from mlmzoo.errors import PresetWarning


def preset_warnings(caught):
    return [str(w.message) for w in caught if w.category is PresetWarning]


def ask(model, inputs):
    """Outputs by name, as arrays; of a task, its logits."""
    names = [tensor.name for tensor in keras.tree.flatten(model.input)]
    outputs = model({name: inputs[name] for name in names}, training=False)
    outputs = outputs if isinstance(outputs, dict) else {"output": outputs}
    # KerasHub gives a backbone's only output no name.
    name = "sequence_output" if "mask_positions" not in names else "logits"
    return {
        name if key == "output" else key: keras.ops.convert_to_numpy(value)
        for key, value in outputs.items()
    }


def ask_ours(task, inputs):
    return {
        "logits": keras.ops.convert_to_numpy(task(inputs, training=False)),
        **ask(task.backbone, inputs),
    }


def ask_theirs(task, inputs):
    return {**ask(task, inputs), **ask(task.backbone, inputs)}
