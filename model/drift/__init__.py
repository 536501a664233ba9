"""How far documents are from those that a model was trained on."""
