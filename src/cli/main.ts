#!/usr/bin/env node
import { runCommand } from './command.ts';
import { brokenArgument } from './rawArguments.ts';

const args = process.argv.slice(2);
runCommand(args, brokenArgument(args)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    // A defect of ours: told with its stack.
    console.error(error);
    process.exitCode = 1;
  },
);
