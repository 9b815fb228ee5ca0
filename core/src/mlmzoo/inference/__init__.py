"""What a masked language model is asked, on plain arrays: texts' logits in, answers out."""
