"use strict";
// The npm solc, kept warm: one JSON request a line on stdin, one JSON answer a line on stdout. A request names the folder,
// the file to compile, the contract, what stands in place of files on disk, and solc's settings. The answer is the creation
// bytecode, or the first error. Compiling a small contract so takes a tenth of what starting the compiler takes.
const fs = require("fs");
const path = require("path");
const readline = require("readline");

const solc = require(process.argv[2]);

function compile(request) {
  const text = (name) => request.instead[name] ?? fs.readFileSync(path.resolve(request.root, name), "utf8");
  const input = {
    language: "Solidity",
    sources: { [request.file]: { content: text(request.file) } },
    settings: { ...request.settings, outputSelection: { [request.file]: { [request.contract]: ["evm.bytecode.object"] } } },
  };
  const find = (name) => {
    try {
      return { contents: text(name) };
    } catch (error) {
      return { error: String(error) };
    }
  };
  const answer = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
  const wrong = (answer.errors ?? []).find((each) => each.severity === "error");
  if (wrong) return { error: wrong.formattedMessage };
  return { bytecode: answer.contracts[request.file][request.contract].evm.bytecode.object };
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  let answer;
  try {
    answer = compile(JSON.parse(line));
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});
