/**
 * A process in place of the extension host: has the thread of an image read it, as an editor does, and tells what that
 * costs the process. Its arguments: the worker's bundle, the image. It ends when its parent lets go of it.
 */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Attachment } from '../../src/editor/attachment.ts';
import { fromWebview, type ToWebview } from '../../src/protocol/messages.ts';
import { ImageThreads } from '../../src/worker/imageThreads.ts';
import type { FromHost, ToHost } from './host.ts';

const [, , worker = '', image = ''] = process.argv;
const delays = monitorEventLoopDelay({ resolution: 1 });
let longest = 0;
let longestWork = 0;
let messages = 0;
let before: number | undefined;

const send = (message: FromHost): void => {
  process.send?.(message);
};

/** Does the host's part for one message. */
function timed(act: () => void): void {
  const started = performance.now();
  const before = process.threadCpuUsage();
  act();
  const { user, system } = process.threadCpuUsage(before);
  longest = Math.max(longest, performance.now() - started);
  longestWork = Math.max(longestWork, (user + system) / 1000);
  messages += 1;
}

/** Bytes. Not `resourceUsage`, which counts what the process before this one's program held. */
function peakMemory(): number {
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  return Number(kilobytes) * 1024;
}

const threads = new ImageThreads(worker, (defect) => send({ defect }));
const post = (message: ToWebview): void => timed(() => send({ post: message }));
const attachment = new Attachment(threads, image, post, undefined);

process.on('message', (message: ToHost) => {
  if (message === 'cost') {
    const peak = peakMemory();
    // In nanoseconds, with the millisecond between two looks in it.
    const blocked = Math.max(0, delays.max / 1e6 - 1);
    send({ cost: { longest, longestWork, messages, blocked, memory: peak - (before ?? peak), whole: peak } });
    return;
  }
  if (before === undefined) {
    before = process.memoryUsage.rss();
    delays.enable();
  }
  timed(() => {
    const heard = fromWebview(message);
    if (heard?.type === 'request') {
      attachment.request(heard.body);
    }
  });
});
process.on('disconnect', () => {
  attachment.leave();
  void threads.dispose();
});
