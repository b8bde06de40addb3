"""cvc5 as halmos calls a solver: one file, `sat` or `unsat` on stdout. Bit vectors are solved as integers.

The wheel of cvc5 brings a library and no program. Run by the interpreter of the deep tools.
"""

from __future__ import annotations

import sys

import cvc5


def main() -> None:
    terms = cvc5.TermManager()
    solver = cvc5.Solver(terms)
    solver.setOption("solve-bv-as-int", "sum")
    solver.setOption("produce-models", "true")
    symbols = cvc5.SymbolManager(terms)
    parser = cvc5.InputParser(solver, symbols)
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, sys.argv[-1])
    while not (command := parser.nextCommand()).isNull():
        print(command.invoke(solver, symbols), end="", flush=True)


main()
