"""What ape does around every call and transaction at the cost of another one, and these tests have no use for."""

from __future__ import annotations

import ape_ethereum.provider
from ape.contracts.base import ContractMethodHandler
from ape_ethereum.ecosystem import Ethereum
from ape_ethereum.transactions import TransactionType


def make_lean() -> None:
    """Half of a test's time, and nothing that a contract could notice."""
    # executes each transaction once more, as a call, to look for what contracts print: ours print nothing
    ape_ethereum.provider._post_send_transaction = lambda tx, receipt: None
    # reads the code before each call: what has none answers nothing, and that does not decode
    ContractMethodHandler._validate_is_contract = lambda self: None
    # reads its settings again for each call
    Ethereum.default_transaction_type = TransactionType.DYNAMIC
