"""How much one worker process carries; run by scripts/bench_load.py."""
