"""Which jobs the machine's owner wants: small plug-ins, each a table [policy.NAME] in worker.toml."""
