import type { Preview, PreviewField, PreviewStep } from '../engine/change/preview.ts';
import type { JournalState } from '../engine/change/recovery.ts';
import type { Preallocation } from '../engine/operations/newImage.ts';
import type { RepairSelection } from '../engine/operations/repair/selection.ts';

export type { JournalState, Preallocation, RepairSelection };

/** What is to be done to an image: one member an operation. Plain data, so that it can be kept. */
export type ChangeRequest =
  /** Other names of the backing file; without `backing` none. */
  | { readonly verb: 'rebase'; readonly backing?: { readonly name: string; readonly format?: string } }
  /** To another version of the format. */
  | { readonly verb: 'amend'; readonly compat: '0.10' | '1.1' }
  /** Another size of the disk, in bytes. `chain`: the user's word that the backing file may be opened. */
  | {
      readonly verb: 'resize';
      readonly size: bigint;
      readonly preallocation: Preallocation;
      readonly chain: boolean;
    }
  | { readonly verb: 'create-snapshot'; readonly name: string }
  | { readonly verb: 'apply-snapshot' | 'delete-snapshot'; readonly snapshot: SnapshotPlace }
  /** `granularity`: bytes of the disk a bit; `source`: the bitmap of the same image that is merged into `name`. */
  | { readonly verb: 'add-bitmap'; readonly name: string; readonly granularity?: bigint }
  | { readonly verb: 'remove-bitmap' | 'clear-bitmap' | 'enable-bitmap' | 'disable-bitmap'; readonly name: string }
  | { readonly verb: 'merge-bitmap'; readonly name: string; readonly source: string }
  /** Puts right what is selected, and only where nothing can be lost by it. */
  | { readonly verb: 'repair'; readonly select: RepairSelection }
  /** Puts back what was there before the last change: one that was interrupted, or a finished one. */
  | RollBackRequest;

/** A snapshot by its place in the snapshot table; `id`: what it is there, so that no other one is taken for it. */
export interface SnapshotPlace {
  readonly index: number;
  readonly id: string;
}

/** The request that is no operation of its own: what its journal holds is put back. */
export interface RollBackRequest {
  readonly verb: 'roll-back';
}

/** A request to plan an operation. */
export type OperationRequest = Exclude<ChangeRequest, RollBackRequest>;

/** The methods of the thread that changes one image. It holds the plan between preview and apply, and locks nothing meanwhile. */
export interface ChangeApi {
  /**
   * Plans, in place of what was planned before. `journal`: where the journal lies instead of beside the image. Refused
   * with all that is in the way.
   */
  plan(argument: { readonly request: ChangeRequest; readonly journal?: string }): ChangePlan;
  /** The bytes of one write of the plan: the first ones, if they are very many. */
  bytes(argument: WritePlace): WriteBytes;
  /** Does what was planned. `keepUndo`: the journal stays. A failed or cancelled change has been rolled back when it fails. */
  apply(argument: { readonly keepUndo: boolean }): null;
  /** Has a running `apply` roll back and fail with `cancelled`. */
  cancelApply(): null;
  /** Whether there is a change to undo or to roll back. */
  journal(argument: { readonly journal?: string }): JournalState;
}

/** A change as it is shown before it is applied. */
export interface ChangePlan extends Omit<Preview, 'steps'> {
  readonly steps: readonly PlanStep[];
  /** How long it will take, by estimate. */
  readonly seconds: number;
  /** Whether QEMU's locks can be taken, so that no VM starts on the image meanwhile. */
  readonly locks: boolean;
  /** Where the journal will lie; for a roll back, where it is. */
  readonly journal: string;
  /** True for a roll back, which makes no journal and can't be cancelled. */
  readonly rollsBack: boolean;
  /** What is in the way of applying it now: sentences. */
  readonly obstacles: readonly string[];
}

/** A step of it. */
export interface PlanStep extends Omit<PreviewStep, 'writes'> {
  readonly writes: readonly PlanWrite[];
}

/** A write of a step. Offsets and lengths in bytes. */
export interface PlanWrite {
  readonly structure: string;
  /** Host offset. */
  readonly at: bigint;
  readonly length: number;
  readonly fields: readonly PreviewField[];
  /** The first bytes of it that change: at most 16. `before` is shorter where the file ends. */
  readonly line: { readonly at: bigint; readonly before: Uint8Array; readonly after: Uint8Array };
}

/** A write, by its step and its place in it. */
export interface WritePlace {
  readonly step: number;
  readonly write: number;
}

/** The bytes of a write from its beginning. */
export interface WriteBytes extends WritePlace {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** Why there are none. */
export interface NoBytes extends WritePlace {
  readonly error: string;
}
