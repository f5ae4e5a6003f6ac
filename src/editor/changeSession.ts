import type { ChangePlan, ChangeRequest, NoBytes, OperationRequest } from '../protocol/changeApi.ts';
import type { ChangeStage, FromPreview, ToPreview } from '../protocol/changeMessages.ts';
import { CallFailed } from '../protocol/client.ts';
import { encode } from '../protocol/codec.ts';
import type { ChangeThread } from '../worker/changeThread.ts';
import type { RememberedChange } from './changeMemory.ts';

/** What a session needs from around it. */
export interface SessionPorts {
  /** Starts a thread that changes the image. */
  startThread(): ChangeThread;
  /** Sends a message to the page. */
  tell(message: ToPreview): void;
  /** Whether the user trusts the workspace. */
  isTrusted(): boolean;
  /** Whether the journal of a finished change is kept. */
  keepsUndo(): boolean;
  recall(): RememberedChange | undefined;
  /** Settles once it is kept. */
  remember(change: RememberedChange | undefined): Promise<void>;
  /** Asks the user for a place of the journal. */
  askJournal(): Promise<string | undefined>;
  /** The image is being changed now, or no longer. */
  changing(running: boolean, journal: string | undefined): void;
  /** The user is done with it. */
  close(): void;
}

const restricted = 'In Restricted Mode no image is changed. Trust the folder first. Nothing was written.';

/**
 * One way from a request by way of its preview to its end, again and again: plan, consent, apply, undo. What the page
 * shows is told to it whenever it changes. Nothing is written before the page says `apply`.
 */
export class ChangeSession {
  readonly #ports: SessionPorts;
  /** What was interrupted and has been rolled back. */
  #again: OperationRequest | undefined;
  #applied: Promise<void> = Promise.resolve();
  #thread: ChangeThread | undefined;
  #request: ChangeRequest;
  #plan: ChangePlan | undefined;
  #stage: ChangeStage = { stage: 'planning' };
  #journal: string | undefined;
  #planning = new AbortController();
  /** What a roll back is about, once it is planned. */
  #rolledBack: { readonly title: string; readonly interrupted: boolean } | undefined;

  constructor(ports: SessionPorts, request: ChangeRequest) {
    this.#ports = ports;
    this.#request = request;
    this.#journal = ports.recall()?.journal;
  }

  /** How far it is. */
  get stage(): ChangeStage {
    return this.#stage;
  }

  /** The title of what is planned. */
  get title(): string | undefined {
    return this.#plan?.title;
  }

  /** Plans what is requested, or something else in its place. Not while a change is applied. */
  async plan(request: ChangeRequest = this.#request): Promise<void> {
    if (this.#stage.stage === 'applying') {
      return;
    }
    this.#planning.abort();
    const planning = new AbortController();
    this.#planning = planning;
    this.#request = request;
    this.#setPlan(undefined);
    this.#setStage({ stage: 'planning' });
    const show = (stage: ChangeStage): void => {
      if (this.#planning === planning) {
        this.#setStage(stage);
      }
    };
    try {
      const { signal } = planning;
      const journal = this.#journal === undefined ? {} : { journal: this.#journal };
      const found = await this.#call().call('journal', journal);
      this.#rolledBack =
        found.state === 'none' ? undefined : { title: found.title, interrupted: found.state === 'interrupted' };
      const onProgress = (done: number, total: number): void =>
        show({ stage: 'planning', ...(total > 0 ? { part: done / total } : {}) });
      const plan = await this.#call().call('plan', { request, ...journal }, { signal, onProgress });
      if (this.#planning === planning) {
        this.#setPlan(plan);
        this.#setStage({ stage: 'planned' });
      }
    } catch (error) {
      const { code, message } = failure(error);
      this.#dropThread(code);
      show({
        stage: 'refused',
        reasons: code === 'cancelled' ? ['Planning was cancelled.'] : reasonsOf(message),
        interrupted: code === 'journal-exists',
      });
    }
  }

  /** Does what the page asks for, where that fits the stage: a click may come late. */
  async hear(message: FromPreview): Promise<void> {
    const { stage } = this.#stage;
    switch (message.type) {
      case 'ready':
        this.#setPlan(this.#plan);
        this.#setStage(this.#stage);
        return;
      case 'apply':
        return stage === 'planned' ? this.#apply() : undefined;
      case 'cancel':
        return this.#cancel();
      case 'plan-again':
        return this.plan(stage === 'done' ? this.#again : undefined);
      case 'roll-back':
        return this.plan({ verb: 'roll-back' });
      case 'choose-journal':
        return stage === 'planned' ? this.#chooseJournal() : undefined;
      case 'bytes':
        return this.#sendBytes(message.step, message.write);
      case 'close':
        return stage === 'applying' ? undefined : this.#ports.close();
      case 'error':
        // For the log of whoever has the page.
        return undefined;
    }
  }

  /** Ends the thread. What is being applied is rolled back first. */
  async dispose(): Promise<void> {
    this.#planning.abort();
    if (this.#stage.stage === 'applying') {
      await this.#cancel();
      await this.#applied;
    }
    await this.#thread?.stop();
    this.#thread = undefined;
  }

  #call(): ChangeThread {
    this.#thread ??= this.#ports.startThread();
    return this.#thread;
  }

  /** A thread that has ended is not asked again. */
  #dropThread(code: string): void {
    if (code === 'stopped') {
      this.#thread = undefined;
    }
  }

  async #apply(): Promise<void> {
    const plan = this.#plan;
    if (plan === undefined) {
      return;
    }
    if (!this.#ports.isTrusted()) {
      this.#setStage({ stage: 'failed', reason: restricted, cancelled: false, asBefore: true });
      return;
    }
    this.#setStage({ stage: 'applying', done: 0, total: 0, cancelling: false });
    this.#applied = this.#run(plan);
    await this.#applied;
  }

  async #run({ title, rollsBack }: ChangePlan): Promise<void> {
    const keepUndo = this.#ports.keepsUndo();
    const request = this.#request;
    this.#ports.changing(true, this.#journal);
    try {
      if (request.verb !== 'roll-back') {
        await this.#remember(title, request);
      }
      const onProgress = (done: number, total: number): void => {
        if (this.#stage.stage === 'applying') {
          this.#setStage({ ...this.#stage, done, total });
        }
      };
      await this.#call().call('apply', { keepUndo }, { onProgress });
      this.#again = this.#interruptedRequest();
      this.#setStage({ stage: 'done', undo: !rollsBack && keepUndo, again: this.#again !== undefined });
      if (rollsBack || !keepUndo) {
        await this.#ports.remember(undefined);
      }
    } catch (error) {
      await this.#failed(error, rollsBack);
    } finally {
      this.#ports.changing(false, this.#journal);
    }
  }

  async #failed(error: unknown, rollsBack: boolean): Promise<void> {
    const { code, message } = failure(error);
    this.#dropThread(code);
    // A change that could not be rolled back has left its journal.
    const journal = this.#journal === undefined ? {} : { journal: this.#journal };
    const found = await this.#call()
      .call('journal', journal)
      .catch(() => undefined);
    const asBefore = rollsBack ? untouched.includes(code) : found !== undefined && found.state !== 'interrupted';
    this.#setStage({ stage: 'failed', reason: message, cancelled: code === 'cancelled', asBefore });
  }

  async #remember(title: string, request: OperationRequest): Promise<void> {
    const journal = this.#journal === undefined ? {} : { journal: this.#journal };
    await this.#ports.remember({ title, request, ...journal });
  }

  /** What was interrupted and is rolled back, if it is known. */
  #interruptedRequest(): OperationRequest | undefined {
    const remembered = this.#ports.recall();
    const about = this.#request.verb === 'roll-back' ? this.#rolledBack : undefined;
    return about?.interrupted && remembered?.title === about.title ? remembered.request : undefined;
  }

  async #cancel(): Promise<void> {
    if (this.#stage.stage === 'applying') {
      this.#setStage({ ...this.#stage, cancelling: true });
      await this.#call().call('cancelApply');
    } else {
      this.#planning.abort();
    }
  }

  async #chooseJournal(): Promise<void> {
    const place = await this.#ports.askJournal();
    if (place !== undefined) {
      this.#journal = place;
      await this.plan();
    }
  }

  async #sendBytes(step: number, write: number): Promise<void> {
    const bytes = await this.#call()
      .call('bytes', { step, write })
      .catch((error: unknown): NoBytes => ({ step, write, error: failure(error).message }));
    this.#ports.tell({ type: 'bytes', body: encode(bytes) });
  }

  #setPlan(plan: ChangePlan | undefined): void {
    this.#plan = plan;
    this.#ports.tell({ type: 'plan', body: encode(plan ?? null) });
  }

  #setStage(stage: ChangeStage): void {
    this.#stage = stage;
    this.#ports.tell({ type: 'stage', body: encode(stage) });
  }
}

/** The reasons in a message: a list, if there are several, else all of it. */
function reasonsOf(message: string): readonly string[] {
  const list = message.split('\n').filter((line) => line.startsWith('- '));
  return list.length === 0 ? [message] : list.map((line) => line.slice(2));
}

/** Codes of errors before a roll back has written anything. */
const untouched = ['in-use', 'changed-since', 'not-found'];

/** Why a call failed; what is no failure of a call is a defect, and thrown. */
function failure(error: unknown): CallFailed {
  if (error instanceof CallFailed) {
    return error;
  }
  throw error;
}
