import type { Finding, Image } from '../description.ts';
import type { Listed } from '../findings.ts';
import type { Selection } from '../selection.ts';
import type { Session } from '../session.ts';
import type { Pane } from '../state.ts';
import { PageElement } from '../widgets/element.ts';

/** What every pane is given. */
export interface PaneContent {
  readonly image: Image;
  readonly session: Session;
  readonly listed: readonly Listed[];
  readonly selection: Selection | undefined;
  /** The finding that is selected, once it is there. */
  readonly found: Finding | undefined;
  /** Grows each time that the selection is to be brought into the pane's view. */
  readonly reveals: number;
  /** What the pane wanted to find again. */
  readonly kept: string | undefined;
}

/**
 * A pane that asks the worker for what it shows. It fires `settled` once its first content is painted, or it is known
 * that there will be none, and `KeepEvent` for what it wants to find again.
 */
export abstract class PaneElement extends PageElement {
  static override properties = { content: { attribute: false } };

  declare content: PaneContent;

  /** Says that the pane is completely painted; more than once does no harm. */
  protected settled(): void {
    this.dispatchEvent(new Event('settled', { bubbles: true }));
  }

  /** Keeps `text` for this pane across reloads; undefined for nothing. */
  protected keep(text: string | undefined): void {
    this.dispatchEvent(new KeepEvent(text));
  }
}

/** A pane wants to find a text again. */
export class KeepEvent extends Event {
  readonly text: string | undefined;

  constructor(text: string | undefined) {
    super('keep', { bubbles: true });
    this.text = text;
  }
}

/**
 * Panes that show another image in place when it was read again: they ask anew by themselves. The others
 * are made anew, so that nothing of theirs is about the image as it was.
 */
export const inPlacePanes: ReadonlySet<Pane> = new Set(['overview', 'header', 'map', 'chain', 'check']);

/** Panes that are painted as soon as they are rendered; the others fire `settled`. */
export const immediatePanes: ReadonlySet<Pane> = new Set(['overview', 'header']);
