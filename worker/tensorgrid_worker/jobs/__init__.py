"""One job on this machine: wanted or not, its inputs, its run behind the wall, its receipt."""
