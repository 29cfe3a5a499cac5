"""The pages of `afinar explain`, one module each with its `TEXT`."""
