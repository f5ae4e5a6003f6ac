/** The longest that anything in a real VS Code may take before the run gives up, in milliseconds. */
export const patience = 60_000;

/** `promise`, or an error that says `what` did not happen in `milliseconds`, with what `details` tells at that moment. */
export async function within<T>(
  promise: Promise<T>,
  what: string,
  milliseconds = patience,
  details: () => string = () => '',
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what}: not within ${milliseconds / 1000} s\n${details()}`.trimEnd()));
    }, milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `probe` ten times a second until it gives something other than undefined. */
export async function until<T>(
  probe: () => T | undefined | Promise<T | undefined>,
  what: string,
  milliseconds = patience,
  details: () => string = () => '',
): Promise<T> {
  let stopped = false;
  const poll = async (): Promise<T> => {
    for (;;) {
      const found = await probe();
      if (found !== undefined) return found;
      if (stopped) throw new Error(what);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const polling = poll();
  polling.catch(() => {}); // its own failure after the time is up has been reported already
  try {
    return await within(polling, what, milliseconds, details);
  } finally {
    stopped = true;
  }
}
