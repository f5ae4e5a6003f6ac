import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { whenEnding } from './ending.ts';
import { within } from './within.ts';

/** An argument of a command; a path becomes the URI of the file, `uri` a URI. */
export type Word =
  | string
  | number
  | boolean
  | null
  | { readonly file: string }
  | { readonly uri: string }
  | { readonly [name: string]: unknown };

/** The driver extension in one extension host of one window; a reload of the window makes a new one. */
export interface Driver {
  /** Runs a command as an extension does. Throws what the command threw. Only plain results come back. */
  execute(command: string, ...words: Word[]): Promise<string | number | boolean | null | undefined>;
}

/** The end of the message of a command whose extension host ended before it returned. */
export const hostEnded = 'the extension host has ended';

/** Where driver extensions report. */
export interface Bridge {
  /** The socket that VS Code must find in `QCOW2_TEST_SOCKET`. */
  readonly path: string;
  /** The next driver that reports. Ask before the window is opened or reloaded. */
  next(): Promise<Driver>;
  close(): void;
}

/** Listens on the unix socket `path` for driver extensions. */
export async function openBridge(path: string): Promise<Bridge> {
  const waiting: ((driver: Driver) => void)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const driver = drive(socket);
    for (const resolve of waiting.splice(0)) resolve(driver);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  const close = whenEnding(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const next = () => within(new Promise<Driver>((resolve) => waiting.push(resolve)), 'the extension host starts');
  return { path, next, close };
}

interface Answer {
  readonly id: number;
  readonly result?: string | number | boolean | null;
  readonly error?: string;
}

function drive(socket: Socket): Driver {
  let last = 0;
  const pending = new Map<number, (answer: Answer) => void>();
  createInterface({ input: socket }).on('line', (line) => {
    const answer: Answer = JSON.parse(line);
    pending.get(answer.id)?.(answer);
    pending.delete(answer.id);
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    for (const [id, settle] of pending) settle({ id, error: hostEnded });
  });
  return {
    async execute(command, ...words) {
      const id = ++last;
      const answer = new Promise<Answer>((resolve) => pending.set(id, resolve));
      socket.write(`${JSON.stringify({ id, command, words })}\n`);
      const { error, result } = await within(answer, `the command ${command} returns`);
      if (error !== undefined) throw new Error(`${command}: ${error}`);
      return result;
    },
  };
}
