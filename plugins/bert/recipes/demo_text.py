"""Makes the demo's text: sentences of the Python Language Reference, one a line.

Every Python brings the reference along, for ``help()``, as ``pydoc_data.topics``. Kept are plain
sentences of running prose: no code, tables, headings, lists of names, grammar or digits.

    python demo_text.py > ../src/mlmzoo_bert/demo/python_reference.txt
"""

import re
import textwrap
from pydoc_data.topics import topics

PROSE = re.compile(r"[A-Z][A-Za-z ,;:'()-]*[.]")
"""A sentence of letters and the most common punctuation only."""


def paragraphs(topic):
    """Paragraphs that stand at the left margin: indented ones may be code."""
    for block in re.split(r"\n\s*\n", topic):
        lines = block.split("\n")
        if not any(line.startswith((" ", "*", "+", "|", "-", "=")) for line in lines[1:]):
            yield " ".join(textwrap.dedent(block).split())


def sentences():
    """Sentences of prose, each once, in the order of the topics."""
    seen = set()
    for name in sorted(topics):
        for paragraph in paragraphs(topics[name]):
            for sentence in re.split(r"(?<=\.) (?=[A-Z])", paragraph):
                # "*name*", "_name_" and '"name"' are marks of the source, not of the sentence.
                plain = re.sub(r'[*"“”`]', "", sentence).replace("’", "'")
                if PROSE.fullmatch(plain) and 7 <= len(plain.split()) <= 60 and plain not in seen:
                    seen.add(plain)
                    yield plain


if __name__ == "__main__":
    for sentence in sentences():
        print(sentence)
