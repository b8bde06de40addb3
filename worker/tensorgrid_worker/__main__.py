"""`python -m tensorgrid_worker run --config worker.toml`"""

from tensorgrid_worker.cli import main

if __name__ == "__main__":
    main()
