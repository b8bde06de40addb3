"""Which thing of which library a name in the source means."""

from __future__ import annotations

import ast


class Names:
    """Imports of a whole source, functions included: `nn.Conv2d` is "torch.nn.Conv2d" after `from torch import nn`."""

    def __init__(self, tree: ast.AST) -> None:
        self._means: dict[str, str] = {}
        self.modules: dict[str, ast.stmt] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.modules.setdefault(alias.name.partition(".")[0], node)
                    self._means[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                self.modules.setdefault(node.module.partition(".")[0], node)
                for alias in node.names:
                    self._means[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def of(self, node: ast.AST) -> str:
        """The full dotted name of what an expression names; a call's is its function's. Empty: it names nothing known.

        Builtins and names of the source itself are given as they stand.
        """
        if isinstance(node, ast.Call):
            return self.of(node.func)
        if isinstance(node, ast.Name):
            return self._means.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.of(node.value) if isinstance(node.value, ast.Attribute | ast.Name) else ""
            return f"{owner}.{node.attr}" if owner else ""
        return ""


def last(name: str) -> str:
    return name.rpartition(".")[2]


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument; None: it was not given by name."""
    return next((given.value for given in call.keywords if given.arg == name), None)


def is_constant(node: ast.expr | None, *values: object) -> bool:
    return isinstance(node, ast.Constant) and any(node.value is value or node.value == value for value in values)
