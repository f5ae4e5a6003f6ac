import { html, type TemplateResult } from 'lit';
import type { Argument, Method, Result } from '../../src/protocol/api.ts';
import '../widgets/asked.ts';
import { toJson } from '../widgets/copy.ts';
import type { Context } from './parts.ts';

/**
 * What a method of the worker answers, shown once it is there; `words` say what is being done until then. It can be
 * cancelled, and holds nothing else up.
 */
export function ask<M extends Method>(
  { image, session }: Context,
  method: M,
  argument: Argument<M>,
  words: string,
  show: (value: Result<M>) => TemplateResult,
): TemplateResult {
  return html`<qcow2-asked
    .of=${image}
    name=${`${method} ${toJson(argument)}`}
    words=${words}
    .ask=${(signal: AbortSignal, onProgress: (done: number, total: number) => void) =>
      session.client.call(method, argument, { signal, onProgress })}
    .show=${show}
  ></qcow2-asked>`;
}
