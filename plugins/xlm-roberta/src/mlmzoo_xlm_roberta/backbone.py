"""XLM-RoBERTa's encoder (Conneau et al., 2019, https://arxiv.org/abs/1911.02116)."""

from mlmzoo_roberta.backbone import RobertaBackbone


class XLMRobertaBackbone(RobertaBackbone):
    """RoBERTa's encoder, trained on a hundred languages. For its arguments see there."""
