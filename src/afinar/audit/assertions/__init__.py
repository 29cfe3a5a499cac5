"""What can be asserted of an answer: one module per family, each a function from (answer, expectation) to findings."""
