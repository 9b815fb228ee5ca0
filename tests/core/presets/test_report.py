from mlmzoo.presets.report import LoadReport


def test_a_report_reads_well_and_is_plain_data():
    report = LoadReport(
        asked="bert_base_en",
        source="hf://a/b",
        layout="transformers",
        loaded=("a", "b"),
        missing=("pooler",),
        unexpected=tuple(f"x{i}" for i in range(20)),
        head_state="trained",
        notes=("fell back on hf://a/b",),
    )
    text = str(report)
    assert "bert_base_en: 2 weights loaded" in text
    assert "missing     1: pooler" in text
    assert "(12 more)" in text and "fell back" in text
    assert report.to_dict()["missing"] == ["pooler"]
