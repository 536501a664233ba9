"""How good a tagger is: entity scores, kinds of mistakes, and calibration of its confidence."""
