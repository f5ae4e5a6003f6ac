import { Qcow2Error } from '../engine/error.ts';
import type { Progress } from '../engine/ports.ts';
import type { Argument, CallError, InspectorApi, Method, Reply, Request, Result } from '../protocol/api.ts';
import { hostMethods } from '../protocol/hexApi.ts';

/** What a handler gets besides its argument. */
export interface CallContext {
  /** Aborted when the caller cancels. */
  readonly signal: AbortSignal;
  /** Tells the caller how far it is. */
  readonly report: (done: number, total: number) => void;
  /** Reports to the caller, lets other work of the thread in, and throws `cancelled` after an abort. */
  readonly progress: Progress;
}

/** One function a method. */
export type Handlers<Api = InspectorApi> = {
  readonly [M in Method<Api>]: (argument: Argument<M, Api>, context: CallContext) => Promise<Result<M, Api>>;
};

/** The same, of any API: what a request is dispatched to. */
type AnyHandlers = Readonly<Record<string, ((argument: never, context: CallContext) => Promise<unknown>) | undefined>>;

/** Milliseconds that a handler may keep the thread before others get in. */
const turn = 20;

/** Milliseconds between two reports of progress. */
const reportEvery = 100;

/** The methods that a page may call. */
export function forPages(handlers: Partial<Handlers>): Partial<Handlers> {
  return Object.fromEntries(Object.entries(handlers).filter(([name]) => !hostMethods.some((own) => own === name)));
}

/** One caller's requests. */
export interface Server {
  /** Answers a request: every one gets exactly one result or error, whatever its handler does. */
  accept(request: Request): void;
  /** Cancels everything: the caller has gone, or what it asks about. */
  close(): void;
  /** Whether requests are being answered. */
  readonly busy: boolean;
}

/**
 * Runs the requests of one caller.
 *
 * @param handlers - the methods, as soon as they can be used: of the image, once it is open. One that is absent answers with an error
 * @param post - sends a reply to the caller
 * @param report - is told the stack of an error that nobody foresaw
 */
export function serve(
  handlers: () => Promise<AnyHandlers>,
  post: (reply: Reply) => void,
  report: (defect: string) => void,
): Server {
  const running = new Map<number, AbortController>();

  const run = async (id: number, work: (context: CallContext) => Promise<unknown>): Promise<void> => {
    const abort = new AbortController();
    running.set(id, abort);
    try {
      const tell = (done: number, total: number): void => post({ id, progress: { done, total } });
      post({ id, ok: await work({ signal: abort.signal, report: tell, progress: progressOf(abort.signal, tell) }) });
    } catch (error) {
      if (!(error instanceof Qcow2Error)) {
        report(stackOf(error));
      }
      post({ id, error: callError(error) });
    } finally {
      running.delete(id);
    }
  };

  return {
    accept: (request) => {
      if ('cancel' in request) {
        running.get(request.cancel)?.abort();
        return;
      }
      void run(request.id, async (context) => {
        const ready = await handlers();
        throwIfAborted(context.signal);
        return dispatch(ready, request, context);
      });
    },
    close: () => {
      for (const abort of running.values()) {
        abort.abort();
      }
    },
    get busy() {
      return running.size > 0;
    },
  };
}

async function dispatch(
  handlers: AnyHandlers,
  { method, argument }: Extract<Request, { method: string }>,
  context: CallContext,
): Promise<unknown> {
  const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
  if (handler === undefined) {
    throw new Qcow2Error('bad-argument', `There is no such method: ${method}`);
  }
  // The argument has the type of its method: both come from one request of our own client.
  return handler(argument as never, context);
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) {
    throw new Qcow2Error('cancelled', 'Cancelled.');
  }
}

/** Progress that reports now and then, gives the thread away now and then, and stops when `signal` is aborted. */
export function progressOf(signal: AbortSignal, report: (done: number, total: number) => void): Progress {
  let turnStart = performance.now();
  let reported = turnStart;
  return {
    step: async (done, total) => {
      const now = performance.now();
      if (now - reported >= reportEvery) {
        reported = now;
        report(done, total);
      }
      if (now - turnStart >= turn) {
        // A timer, not a microtask: messages (a cancel among them) are only heard between two turns of the loop.
        await new Promise((resolve) => setTimeout(resolve, 0));
        turnStart = performance.now();
      }
      throwIfAborted(signal);
    },
  };
}

/** An error as data. What is not a `Qcow2Error` is a defect of ours, and its message is for us. */
export function callError(error: unknown): CallError {
  return error instanceof Qcow2Error
    ? { code: error.code, message: error.message }
    : {
        code: 'unexpected',
        message: `This is a defect of Qcow2 Inspector; its log has the details. ${String(error)}`,
      };
}

/** The stack of an error, with its message. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
