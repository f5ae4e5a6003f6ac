import { structureOf } from '../../src/engine/findingText.ts';
import { showCount, showSize } from '../../src/engine/format/show.ts';
import type {
  CheckGroup,
  CheckSummary,
  FilteredGroup,
  FilterSummary,
  ImpactKind,
} from '../../src/protocol/checkApi.ts';
import { countsOf } from '../checkCounts.ts';
import { countWords, severities, severityOf } from '../findings.ts';

/** What the check says of the image as a whole. */
export function summaryWords(summary: CheckSummary): string {
  const { complete, result, groups, impacts, unlistedImpacts = 0 } = summary;
  const counts = countsOf(summary);
  if (!complete) {
    const found = groups.length === 0 ? 'no errors were found so far' : `${countWords(counts)} found so far`;
    return `Not all of the image is checked: ${found}.`;
  }
  const hurt = impactWords(impacts, unlistedImpacts > 0);
  if (hurt !== undefined) {
    return hurt;
  }
  if (result === undefined) {
    return 'No table of the image can be found: only what opening finds is known.';
  }
  if (counts.has('corruption')) {
    return `The image is damaged: ${countWords(counts)}.`;
  }
  if (counts.has('leak')) {
    // What lies past the end takes no part of the file.
    const leaked = groups.filter(({ code, first }) => code !== 'refcount-past-end' && severityOf(first) === 'leak');
    const bytes = leaked.reduce((sum, { hostBytes }) => sum + hostBytes, 0n);
    return leaked.length === 0
      ? 'Nothing is wrong for the guest; refcounts past the end of the file are not 0, which takes no space.'
      : `Nothing is wrong for the guest; ${showSize(bytes)} of the file are taken and not used.`;
  }
  return groups.length === 0 ? 'No errors were found.' : `No errors were found; ${countWords(counts)}.`;
}

/** Whom it hurts; undefined where nobody is. `more`: not all of the ranges are there. */
function impactWords(impacts: CheckSummary['impacts'], more: boolean): string | undefined {
  const count = (kind: ImpactKind): number => impacts.filter((one) => one.kind === kind).length;
  const [unreadable, wrong, risky] = [count('unreadable'), count('wrong'), count('at-risk')];
  const atLeast = more ? 'at least ' : '';
  const reads = `${wrong === 1 ? 'reads' : 'read'} wrong data`;
  if (unreadable > 0) {
    const others = wrong > 0 ? `, ${numberWords(wrong)} ${reads}` : '';
    return `${capital(`${atLeast}${rangeWords(unreadable)} can’t be read${others}`)}.`;
  }
  if (wrong > 0) {
    return `${capital(`${atLeast}${rangeWords(wrong)} ${reads}`)}.`;
  }
  return risky > 0
    ? `${capital(`${atLeast}${rangeWords(risky)} ${risky === 1 ? 'is' : 'are'} at risk`)}; nothing is lost yet.`
    : undefined;
}

/** How thorough the check was: `full check 0.31 s · 16 777 216 clusters`. */
export function extentWords({ complete, result, milliseconds }: CheckSummary): string {
  const seconds = `${(milliseconds / 1000).toFixed(2)} s`;
  const clusters = result === undefined ? '' : ` · ${showCount(result.totalClusters)} clusters`;
  return `${complete ? 'full' : 'quick'} check ${seconds}${clusters}`;
}

const numbers = [
  'no',
  'one',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
  'ten',
  'eleven',
  'twelve',
];

function numberWords(count: number): string {
  return numbers[count] ?? showCount(count);
}

function rangeWords(count: number): string {
  return `${numberWords(count)} guest ${count === 1 ? 'range' : 'ranges'}`;
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** `L2 tables · tables-overlap · corruption · 2`; where a filter leaves not all of them, `1 of 2`. */
export function groupWords(group: CheckGroup, left?: FilteredGroup): string {
  const { first, count } = left ?? group;
  const severity = severityOf(first);
  const all = count === group.count;
  const size = severity === 'leak' && all && group.hostBytes > 0n ? ` · ${showSize(group.hostBytes)}` : '';
  const many = all ? showCount(count) : `${showCount(count)} of ${showCount(group.count)}`;
  return `${structureOf(first.chain)} · ${first.code} · ${severities[severity].one}\u00a0·\u00a0${many}${size}`;
}

/** How many findings a filter leaves: `12 of 1 000 000 findings`. */
export function filteredWords(groups: readonly CheckGroup[], { groups: left }: FilterSummary): string {
  const sum = (counts: readonly { readonly count: number }[]): number =>
    counts.reduce((all, one) => all + one.count, 0);
  const all = sum(groups);
  return `${showCount(sum(left))} of ${showCount(all)} ${all === 1 ? 'finding' : 'findings'}`;
}

/** Of how many findings it is not known whether the filter would leave them. */
export function unknownWords(count: number): string {
  return count === 1
    ? 'One more finding is only counted, not listed: the filter can’t look at it.'
    : `${showCount(count)} more findings are only counted, not listed: the filter can’t look at them.`;
}
