from mlmzoo.testing import FamilyConformance


class TestElectra(FamilyConformance):
    family_name = "electra"
    reference_class = "ElectraForMaskedLM"
