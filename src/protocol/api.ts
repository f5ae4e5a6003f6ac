import type { ChainApi } from './chainApi.ts';
import type { CheckApi } from './checkApi.ts';
import type { DumpApi } from './dumpApi.ts';
import type { HexApi } from './hexApi.ts';
import type { ImageApi } from './imageApi.ts';
import type { ListApi } from './listApi.ts';
import type { LiveApi } from './liveApi.ts';
import type { MapApi } from './mapApi.ts';
import type { MetadataApi } from './metadataApi.ts';
import type { PlaceApi } from './placeApi.ts';
import type { SalvageApi } from './salvageApi.ts';
import type { TableApi } from './tableApi.ts';

/**
 * The methods that a webview may call on the worker of its image, by way of the extension host. Every call settles
 * with a result or an error, can be cancelled, and long ones report progress. Offsets and byte counts are bigint. Each
 * group of methods is in a file of its own.
 */
export interface InspectorApi
  extends ImageApi,
    ChainApi,
    CheckApi,
    MapApi,
    ListApi,
    LiveApi,
    TableApi,
    PlaceApi,
    DumpApi,
    HexApi,
    SalvageApi,
    MetadataApi {}

/** The names of the methods. */
export type Method<Api = InspectorApi> = keyof Api & string;

/** The argument of a method. */
export type Argument<M extends Method<Api>, Api = InspectorApi> = Api[M] extends (...words: infer Words) => unknown
  ? Words[0]
  : never;

/** The result of a method. */
export type Result<M extends Method<Api>, Api = InspectorApi> = Api[M] extends (argument: never) => infer R ? R : never;

/** From the side that asks. */
export type Request =
  | { readonly id: number; readonly method: string; readonly argument: unknown }
  | { readonly cancel: number };

/** To the side that asked: progress any number of times, then one result or error. */
export type Reply =
  | { readonly id: number; readonly progress: { readonly done: number; readonly total: number } }
  | { readonly id: number; readonly ok: unknown }
  | { readonly id: number; readonly error: CallError };

/** An error as data. */
export interface CallError {
  readonly code: string;
  readonly message: string;
}
