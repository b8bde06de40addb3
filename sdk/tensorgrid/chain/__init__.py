"""The chain in domain words: contracts that return domain objects, events, a follower, a sender, deployments.

Everything a node answers is taken for hostile: sizes, types and addresses are checked before they are believed.
"""
