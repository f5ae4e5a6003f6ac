import { html, nothing, type TemplateResult } from 'lit';
import type { Locks, LockUse } from '../../src/protocol/news.ts';
import { type Change, changesOf } from '../changes.ts';
import { readyValue } from '../loaded.ts';
import { panesOf } from '../panesOf.ts';
import { select } from '../selection.ts';
import type { Session } from '../session.ts';
import { icon } from './icon.ts';
import { visible } from './visible.ts';

/** One thing to be said of the file. */
interface Notice {
  readonly tone: 'note' | 'warning' | 'corruption';
  readonly sign: string;
  readonly content: TemplateResult | string;
  readonly actions: readonly (readonly [words: string, act: () => void])[];
  /** What a screen reader is told when the notice comes up. Does not change while the notice stays. */
  readonly said: string;
}

/** What becomes of the file, in a bar below the strip: polite, and gone when there is nothing to say. */
export function notices(session: Session): TemplateResult {
  const list = [
    ...journalNotices(session),
    ...fileNotices(session),
    ...changeNotices(session),
    ...lockNotices(session),
  ];
  return html`<section class="notices" aria-label="News of the file">
    ${list.map(
      ({ tone, sign, content, actions }) => html`<div class="notice edge-${tone}">
        <span class="notice-words">${icon(sign, `tone-${tone}`)}${content}</span>
        <span class="links">${actions.map(([words, act]) => html`<button class="link" @click=${act}>${words}</button>`)}</span>
      </div>`,
    )}
    <p class="spoken" role="status">${list.map(({ said }) => said).join(' ')}</p>
  </section>`;
}

/** A time of day: `14:03:07`. */
export function timeWords(milliseconds: number): string {
  return new Date(milliseconds).toTimeString().slice(0, 8);
}

function fileNotices(session: Session): Notice[] {
  const { news } = session;
  if (news === undefined) {
    return [];
  }
  const { file, paused } = news;
  const readAt = html`What is shown was read at <time>${timeWords(news.openedAt)}</time>.`;
  const pause = [paused ? 'Resume' : 'Pause', () => session.pause(!paused)] as const;
  const reload = ['Reload', () => session.reload()] as const;
  switch (file.state) {
    case 'same':
      return paused
        ? [
            {
              tone: 'note',
              sign: 'debug-pause',
              content: 'Changes on disk are not read for now.',
              actions: [pause],
              said: 'Reading changes is paused.',
            },
          ]
        : [];
    case 'unwatched':
      return [];
    case 'changed':
      return [
        {
          tone: 'warning',
          sign: 'history',
          content: html`The image changed on disk at <time>${timeWords(file.at)}</time>. ${readAt} Parts that are read from now
            on may be newer than the rest.`,
          actions: [reload, ...(paused ? [pause] : [])],
          said: 'The image changed on disk. Reload shows it as it is now.',
        },
      ];
    case 'changing':
      return [
        {
          tone: 'note',
          sign: 'sync',
          content: html`The image is changing all the time. It is read again every few seconds, and not while its tables are
            still being read. ${readAt}`,
          actions: [pause],
          said: 'The image is changing all the time.',
        },
      ];
    case 'lost':
      return news.opened === 0
        ? []
        : [
            {
              tone: 'corruption',
              sign: 'error',
              content: html`<bdi>${visible(file.message)}</bdi> ${readAt} It is read again as soon as the file is back.`,
              actions: [['Retry', () => session.reload()]],
              said: 'The file of the image can no longer be read.',
            },
          ];
  }
}

function changeNotices(session: Session): Notice[] {
  const { before, news } = session;
  const image = readyValue(session.image);
  if (before === undefined || news === undefined || image === undefined) {
    return [];
  }
  const changes = changesOf(before, { image, scan: readyValue(session.scan) }, session.tables);
  const asked = news.cause === 'asked';
  const counting = session.scan.state === 'loading';
  const dismiss = ['Dismiss', () => session.dismissChanges()] as const;
  return [
    {
      tone: 'note',
      sign: 'info',
      content: html`${asked ? 'Read again' : 'The image changed on disk, and was read again'} at
        <time>${timeWords(news.openedAt)}</time>. Since <time>${timeWords(before.openedAt)}</time>: ${changes.length === 0 ? unchangedWords(session, counting) : changeList(changes)}${
          counting && changes.length > 0 ? ' · the tables are being read…' : nothing
        }`,
      actions: [dismiss],
      said: `${asked ? 'The image was read again' : 'The image changed on disk, and was read again'}${
        // Not said again and again.
        news.file.state === 'changing' ? '' : ` at ${timeWords(news.openedAt)}`
      }.`,
    },
  ];
}

function unchangedWords({ scan, before }: Session, counting: boolean): string {
  if (counting) {
    return 'header, snapshots and bitmaps are as before; the tables are being read…';
  }
  return scan.state === 'ready' && before?.scan !== undefined
    ? 'header, tables and counts are as before.'
    : 'header, snapshots and bitmaps are as before; the tables were not compared.';
}

function changeList(changes: readonly Change[]): TemplateResult {
  return html`<ul class="change-list">
    ${changes.map(({ what, how, selection }) => {
      const words = html`<bdi>${visible(what)}</bdi> <span class="number">${visible(how)}</span>`;
      return html`<li>${
        selection === undefined
          ? words
          : html`<button class="link" @click=${(event: Event) => select(event, selection, panesOf(selection)[0])}>${words}</button>`
      }</li>`;
    })}
  </ul>`;
}

const useWords: Readonly<Record<LockUse, string>> = {
  writes: 'has it open for writing',
  reads: 'has it open for reading',
  other: 'has a lock on it',
};

/** Who holds the image: `qemu-system-x86 (pid 812) has it open for writing`. Empty when nobody does. */
export function holderWords(locks: Locks | undefined): string[] {
  if (locks?.state !== 'held') {
    return [];
  }
  const unseen = locks.unseen === undefined ? [] : [`a process that can’t be seen from here ${useWords[locks.unseen]}`];
  return [...locks.holders.map(({ pid, name, use }) => `${visible(name)} (pid ${pid}) ${useWords[use]}`), ...unseen];
}

/** Whether someone may write to the image while it is shown. */
export function isWritten(locks: Locks | undefined): boolean {
  return locks?.state === 'held' && (locks.unseen === 'writes' || locks.holders.some(({ use }) => use === 'writes'));
}

/** What a change has left, or is doing. While somebody writes, it is not known to be interrupted. */
function journalNotices(session: Session): Notice[] {
  const { journal, locks } = session.news ?? {};
  if (journal?.state === 'running') {
    const words = 'This image is being changed: its other tab shows how far that is.';
    return [{ tone: 'note', sign: 'sync', content: words, actions: [], said: words }];
  }
  if (journal?.state !== 'interrupted' || isWritten(locks)) {
    return [];
  }
  return [
    {
      tone: 'corruption',
      sign: 'error',
      content: html`A change of this image was interrupted: “<bdi>${visible(journal.title)}</bdi>”. A part of it may be
        written. Have it rolled back before a VM uses the image; then it can be planned again.`,
      actions: [['Roll Back…', () => session.rollBack()]],
      said: 'A change of this image was interrupted. It can be rolled back.',
    },
  ];
}

function lockNotices(session: Session): Notice[] {
  const { news, dismissedHolders } = session;
  const words = holderWords(news?.locks).join('; ');
  if (!isWritten(news?.locks) || news?.journal.state === 'running' || words === dismissedHolders) {
    return [];
  }
  return [
    {
      tone: 'warning',
      sign: 'lock',
      content: html`<bdi>${words}</bdi>. What is shown may be out of date, or read between two
        writes that belong together: a finding may come from that.`,
      actions: [['Dismiss', () => session.dismissHolders(words)]],
      said: 'Another process has this image open for writing. What is shown may be out of date.',
    },
  ];
}
