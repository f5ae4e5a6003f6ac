import { type Browser, chromium } from 'playwright-core';
import { ensureSystemPackages, findProgram } from '../system.ts';

/** Starts a headless Chromium, also as root; `$CHROMIUM` may name another one. It ends with this process. */
export async function launchBrowser(): Promise<Browser> {
  await ensureSystemPackages(['chromium-headless-shell', 'fonts-dejavu-core']);
  const executablePath = process.env.CHROMIUM || findProgram('chromium-headless-shell');
  if (executablePath === undefined) throw new Error('there is no chromium-headless-shell on the PATH');
  return chromium.launch({
    executablePath,
    headless: true,
    // ending.ts ends this process on a signal, and Playwright the browser with it.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Nothing but this machine: a name that is looked up in vain costs seconds.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  });
}
