#!/usr/bin/env node
import { runCommand } from './command.ts';

runCommand(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    // A defect of ours: told with its stack.
    console.error(error);
    process.exitCode = 1;
  },
);
