"""Behaviour tests: a suite of cases, a model, and what can honestly be said of it before and after it was adapted."""
