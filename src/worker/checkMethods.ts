import type { Diagnosis, FindingGroup } from '../engine/check/diagnosis.ts';
import { Qcow2Error } from '../engine/error.ts';
import type { Finding, FindingCode } from '../engine/finding.ts';
import type { Image } from '../engine/image/image.ts';
import { codecs } from '../platform/codecs.ts';
import type { CheckApi, CheckSummary } from '../protocol/checkApi.ts';
import { findingMethods } from './findingMethods.ts';
import { textsOf } from './findingTexts.ts';
import type { CallContext, Handlers } from './server.ts';
import { sharedRun } from './sharedRun.ts';

/** Milliseconds after which a quick check gives up. */
const quickTime = 2000;

/** A check that has ended, or was given up. */
interface Checked {
  readonly diagnosis: Diagnosis;
  readonly complete: boolean;
  readonly milliseconds: number;
}

/**
 * The check of the image: run once, whoever asks for it.
 *
 * @param givesUpAfter - milliseconds of a quick check
 */
export function checkMethods(image: Image, givesUpAfter = quickTime): Pick<Handlers, keyof CheckApi> {
  let last: Checked | undefined;
  const whole = sharedRun(async (progress) => {
    const start = performance.now();
    const { diagnose } = await import('../engine/check/diagnose.ts');
    const diagnosis = await diagnose(image, { codecs }, progress);
    last = { diagnosis, complete: true, milliseconds: performance.now() - start };
    return last;
  });

  /** Joins the run; once the time is over, it is stopped if nobody else waits for it. */
  const quick = async (context: CallContext): Promise<Checked> => {
    // Loading the code is not counted.
    await import('../engine/check/diagnose.ts');
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), givesUpAfter);
    try {
      return await whole.result({ ...context, signal: AbortSignal.any([context.signal, timeout.signal]) });
    } catch (error) {
      if (!timeout.signal.aborted || context.signal.aborted || last?.complete) {
        throw error;
      }
      last = { diagnosis: openingOnly(image.findings), complete: false, milliseconds: givesUpAfter };
      return last;
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    check: async (request, context) => {
      if (request.quick) {
        return summaryOf(last ?? (await quick(context)));
      }
      return summaryOf(await whole.result(context));
    },
    ...findingMethods(() => {
      if (last === undefined) {
        throw new Qcow2Error('bad-argument', 'The image has not been checked yet.');
      }
      return last.diagnosis;
    }),
  };
}

async function summaryOf({ diagnosis, complete, milliseconds }: Checked): Promise<CheckSummary> {
  const { result, causes, impacts, unlistedImpacts } = diagnosis;
  const groups = diagnosis.groups.flatMap((group) => {
    const [first] = diagnosis.findings(group.code, 0, 1);
    return first === undefined ? [] : [{ ...group, first }];
  });
  const texts = await textsOf([...groups.map(({ first }) => first), ...causes]);
  return {
    complete,
    ...(result && { result }),
    groups,
    causes,
    impacts,
    ...(unlistedImpacts === undefined ? {} : { unlistedImpacts }),
    milliseconds,
    texts,
  };
}

/** What is known of an image of which nothing but its opening was looked at. */
function openingOnly(findings: readonly Finding[]): Diagnosis {
  const byCode = Map.groupBy(findings, ({ code }) => code);
  return {
    groups: [...byCode].map(([code, found]) => groupOf(code, found)),
    causes: [],
    impacts: [],
    findings: (code, from, count) => (byCode.get(code) ?? []).slice(from, from + count),
  };
}

function groupOf(code: FindingCode, found: readonly Finding[]): FindingGroup {
  const bytes = (space: 'host' | 'guest'): bigint => found.reduce((sum, one) => sum + (one[space]?.length ?? 0n), 0n);
  return { code, count: found.length, hostBytes: bytes('host'), guestBytes: bytes('guest'), additional: true };
}
