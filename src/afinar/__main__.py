"""`python -m afinar`: the command line, for launchers that start modules (`torchrun -m afinar train config.yaml`)."""

from afinar.cli.main import run

if __name__ == "__main__":
    run()
