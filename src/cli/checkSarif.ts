import { pathToFileURL } from 'node:url';
import type { Diagnosis } from '../engine/check/diagnosis.ts';
import { JsonStream, type Members } from '../engine/dump/jsonStream.ts';
import type { Finding, FindingCode, Severity } from '../engine/finding.ts';
import { explain, findingTexts } from '../engine/findingTexts.ts';
import { findingsOf, rangeMembers } from './checkFindings.ts';
import { programName } from './program.ts';
import type { TextStream } from './textStream.ts';

const levels: Readonly<Record<Severity, string>> = {
  corruption: 'error',
  leak: 'warning',
  warning: 'warning',
  note: 'note',
};

/** What a log tells besides the findings. */
export interface SarifRun {
  readonly path: string;
  readonly exitCode: number;
  /** QEMU's message, where it does not open the image. */
  readonly refusal: string | undefined;
}

/**
 * Writes a diagnosis as a log of SARIF 2.1.0. A rule is a finding code, a result a finding: its region is the range of the
 * file in bytes, its logical location the way there in words of the spec; `properties` has the `guest` range, QEMU's
 * message (`qemu`) and whether qemu-img check does not count it (`additional`).
 */
export function writeSarif(to: TextStream, { path, exitCode, refusal }: SarifRun, diagnosis: Diagnosis): void {
  const codes = [...new Set([...diagnosis.groups, ...diagnosis.causes].map(({ code }) => code))];
  const uri = uriOf(path);
  const json = new JsonStream(to);
  json.begin('{');
  json.member('$schema', 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json');
  json.member('version', '2.1.0');
  json.begin('[', 'runs');
  json.begin('{');
  json.member('tool', { driver: { name: programName, rules: codes.map(ruleOf) } });
  json.member('invocations', [
    {
      executionSuccessful: exitCode !== 1,
      exitCode,
      ...(refusal === undefined
        ? {}
        : {
            toolExecutionNotifications: [
              { level: 'error', message: { text: `QEMU does not open the image: ${refusal}` } },
            ],
          }),
    },
  ]);
  json.begin('[', 'results');
  for (const cause of diagnosis.causes) {
    json.item(resultOf(cause, codes, uri));
  }
  for (const { group, found } of findingsOf(diagnosis)) {
    json.item(resultOf(found, codes, uri, group.additional));
  }
  json.end(']');
  json.end('}');
  json.end(']');
  json.end('}');
  to.write('\n');
}

function ruleOf(code: FindingCode): Members {
  const { severity, title, meaning, advice } = findingTexts[code];
  return {
    id: code,
    shortDescription: { text: withoutValues(title) },
    fullDescription: { text: withoutValues(meaning) },
    help: { text: withoutValues(advice) },
    defaultConfiguration: { level: levels[severity] },
  };
}

/** A text with gaps where a finding has its values. */
function withoutValues(text: string): string {
  return text.replace(/\{\w+\|[^|}]+\|([^}]+)\}/g, '$1').replace(/\{\w+\}/g, '…');
}

function resultOf(found: Finding, codes: readonly FindingCode[], uri: string, additional?: boolean): Members {
  const { severity, title, meaning, advice, qemu } = explain(found);
  const { code, chain, host, guest } = found;
  return {
    ruleId: code,
    ruleIndex: codes.indexOf(code),
    level: levels[severity],
    message: { text: `${title}. ${meaning} ${advice}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri },
          region: host && { byteOffset: host.offset, byteLength: host.length },
        },
        logicalLocations: [{ fullyQualifiedName: chain }],
      },
    ],
    properties: { severity, additional, guest: rangeMembers(guest), qemu },
  };
}

/** A path as a reference: relative ones stay so. */
function uriOf(path: string): string {
  return path.startsWith('/') ? pathToFileURL(path).href : path.split('/').map(encodeURIComponent).join('/');
}
