import { type ChildProcess, execFile, fork } from 'node:child_process';
import { constants } from 'node:os';

/** What a program said. */
export interface ProgramResult {
  /** The exit code; 128 and the signal's number when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What is to be run; `cwd` is the folder that relative paths start from. */
interface Order {
  readonly number: number;
  readonly path: string;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
}

/** How it went: `failure` is the code of the system where it could not be started. */
interface Report {
  readonly number: number;
  readonly result?: ProgramResult;
  readonly failure?: string;
}

const asChild = 'run-programs';

/** A process of the system is copied when it starts another one, so a small one starts the thousands that tests need. */
let starter: ChildProcess | undefined;
const waiting = new Map<number, (report: Report) => void>();
let count = 0;

/**
 * Runs a program without a shell, whatever its exit code. Times are UTC and messages English. Throws the system's error
 * code as the message where it can't be started.
 */
export function execute(path: string, args: readonly string[], cwd: string | undefined): Promise<ProgramResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ProgramResult>();
  starter ??= start();
  const number = count++;
  waiting.set(number, ({ result, failure }) => (result ? resolve(result) : reject(new Error(failure))));
  starter.ref();
  starter.channel?.ref();
  starter.send({ number, path, args, cwd: cwd ?? process.cwd() } satisfies Order);
  return promise;
}

function start(): ChildProcess {
  const child = fork(import.meta.filename, [asChild], {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
  });
  child.on('message', (report: Report) => {
    waiting.get(report.number)?.(report);
    waiting.delete(report.number);
    if (waiting.size === 0) {
      // The tests may end.
      child.unref();
      child.channel?.unref();
    }
  });
  child.on('exit', () => {
    for (const [number, tell] of waiting) tell({ number, failure: 'the process that starts programs has ended' });
    waiting.clear();
    starter = undefined;
  });
  return child;
}

/** In the small process. */
function serve(): void {
  process.on('message', ({ number, path, args, cwd }: Order) => {
    const child = execFile(path, args, { cwd, maxBuffer: Number.POSITIVE_INFINITY }, (error, stdout, stderr) => {
      const tell = (report: Omit<Report, 'number'>): void => void process.send?.({ number, ...report });
      if (child.exitCode === null && child.signalCode === null) {
        tell({ failure: error && 'code' in error ? String(error.code) : `${path} did not run` });
      } else {
        const code = child.signalCode ? 128 + constants.signals[child.signalCode] : (child.exitCode ?? 0);
        tell({ result: { code, stdout, stderr } });
      }
    });
    child.stdin?.end();
  });
}

if (process.argv[2] === asChild) {
  serve();
}
