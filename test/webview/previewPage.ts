import type { Browser } from 'playwright-core';
import type { ChangePlan, PlanWrite } from '../../src/protocol/changeApi.ts';
import { type ChangeStage, type FromPreview, fromPreview, type ToPreview } from '../../src/protocol/changeMessages.ts';
import { encode } from '../../src/protocol/codec.ts';
import { type Bundle, type OpenPage, openPage, type PageLook } from './page.ts';

/** What the host tells a preview's page. */
export interface Shown {
  readonly plan?: ChangePlan;
  readonly stage: ChangeStage;
}

/** An open preview. */
export interface PreviewPage extends OpenPage<ToPreview> {
  /** What the page has told the host. */
  readonly messages: FromPreview[];
  /** Tells the page another stage, or another plan too. */
  readonly show: (shown: Shown) => Promise<void>;
}

/** Opens the page of a change as the host does. */
export async function openPreview(
  browser: Browser,
  bundle: Bundle,
  shown: Shown,
  look: PageLook = {},
): Promise<PreviewPage> {
  const messages: FromPreview[] = [];
  const tellAll = ({ plan, stage }: Shown, send: (message: ToPreview) => void): void => {
    send({ type: 'plan', body: encode(plan ?? null) });
    send({ type: 'stage', body: encode(stage) });
  };
  const hear = (received: unknown, { send }: OpenPage<ToPreview>): void => {
    const message = fromPreview(received);
    messages.push(message ?? { type: 'error', message: `none of ours: ${JSON.stringify(received)}` });
    if (message?.type === 'ready') {
      tellAll(shown, send);
    }
  };
  const opened = await openPage<ToPreview>(browser, bundle, 'preview', hear, look);
  const painted = (stage: ChangeStage['stage']) => opened.page.waitForSelector(`body[data-stage="${stage}"]`);
  await painted(shown.stage.stage);
  return {
    ...opened,
    messages,
    show: async (next) => {
      tellAll(next, opened.send);
      await painted(next.stage.stage);
    },
  };
}

/** A write of the header: version and header length of an upgrade. */
const headerBefore = Uint8Array.from([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]);

/** Bytes with some of them changed. */
export function changed(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

function entry(index: number): PlanWrite {
  const at = 0x5_0000n + BigInt(8 * index);
  return {
    structure: `L2[0][${index}]`,
    at,
    length: 8,
    fields: [],
    line: {
      at,
      before: Uint8Array.from([0x80, 0, 0, 0, 0, 0x1d, 0x08, index & 255]),
      after: Uint8Array.from([0x80, 0, 0, 0, 0, 0x67, 0x27, 0]),
    },
  };
}

/** A plan with a bit of everything. */
export const upgrade: ChangePlan = {
  title: 'Upgrade to compat 1.1',
  cautions: ['QEMU before 1.1 can’t open the image any more.'],
  steps: [
    {
      says: 'Write what is new where nothing is',
      writeCount: 2,
      bytes: 65_540n,
      writes: [
        {
          structure: 'L2 table[3]',
          at: 0x7_0000n,
          length: 65_536,
          fields: [],
          line: { at: 0x7_0000n, before: new Uint8Array(), after: changed(new Uint8Array(16), 0, 0x80, 0, 0, 0, 0, 6) },
        },
        {
          structure: 'refcount block[0]',
          at: 0x2_000en,
          length: 4,
          fields: [],
          line: { at: 0x2_000en, before: Uint8Array.from([0, 0, 0, 0]), after: Uint8Array.from([0, 1, 0, 1]) },
        },
      ],
    },
    {
      says: 'Switch the header',
      writeCount: 2,
      bytes: 520n,
      writes: [
        {
          structure: 'header',
          at: 0n,
          length: 512,
          fields: [
            { name: 'version', before: '2', after: '3' },
            { name: 'header_length', before: '0', after: '112' },
            { name: 'refcount_order', before: '0', after: '4 (16 bits)' },
          ],
          line: { at: 0n, before: headerBefore, after: changed(headerBefore, 7, 3) },
        },
        entry(17),
      ],
      fileSize: 524_288n,
    },
  ],
  bytes: 66_060n,
  sizeBefore: 458_752n,
  sizeAfter: 524_288n,
  seconds: 0.12,
  locks: true,
  journal: '/images/web-01.qcow2.undo-journal',
  rollsBack: false,
  obstacles: [],
};

/** A plan of a million writes, of which the first thousand of each step are told. */
export const huge: ChangePlan = {
  ...upgrade,
  title: 'Downgrade to compat 0.10',
  steps: [
    {
      says: 'Write out what reads as zeros',
      writeCount: 1_000_000,
      bytes: 8_000_000n,
      writes: Array.from({ length: 1000 }, (_, index) => entry(index)),
    },
  ],
  bytes: 8_000_000n,
  seconds: 190,
};
