import { systemText } from '../error.ts';
import { type Finding, type FindingCode, finding } from '../finding.ts';
import type { Chain, ChainLayer, ChainStop } from '../image/chain.ts';
import { limits } from '../limits.ts';

/** What is wrong with the files that an image is based on, as far as they were opened with the user's word. */
export function chainFindings({ layers, stops }: Chain): readonly Finding[] {
  return [...stops.flatMap(stopFinding), ...layers.flatMap((layer) => layerFindings(layer, layers[layer.depth + 1]))];
}

/** The way to a name, from the image down. */
function chainOf(depth: number, role: ChainStop['role']): string {
  const name = role === 'backing' ? 'backing_file' : 'data_file';
  return depth === 0 ? name : `backing[${depth}] -> ${name}`;
}

function stopFinding({ reason, role, depth, name, format, error }: ChainStop): Finding[] {
  const report = (code: FindingCode, values: Finding['values'] = {}): Finding[] => [
    finding(code, chainOf(depth, role), { name, ...values }),
  ];
  switch (reason) {
    case 'failed':
      return report(role === 'backing' ? 'backing-file-unavailable' : 'data-file-unavailable', {
        error: error?.system === undefined ? (error?.message ?? '') : systemText(error.system),
      });
    case 'refused-name':
      return report(role === 'backing' ? 'backing-name-refused' : 'data-file-name-refused');
    case 'loop':
      return report('backing-chain-loop');
    case 'too-deep':
      return report('backing-chain-too-deep', { most: limits.chainDepth });
    case 'unknown-format':
      return report('backing-format-not-read', { found: format ?? '' });
    case 'no-format':
    case 'not-opened':
      // The user's word: opening tells that no format is given.
      return [];
  }
}

/** What is wrong with how a layer fits the one below it, and its data file. */
function layerFindings(layer: ChainLayer, below: ChainLayer | undefined): Finding[] {
  const found: Finding[] = [];
  const size = sizeOf(layer);
  const name = layer.image?.backing?.name;
  if (below && name !== undefined) {
    const report = (code: FindingCode, values: Finding['values'] = {}): void => {
      found.push(finding(code, chainOf(layer.depth, 'backing'), { name, ...values }));
    };
    if (below.format === 'qcow2' && below.image?.header === undefined) {
      report('backing-file-not-qcow2');
    } else if (below.format === 'raw' && below.formatSource === 'probed') {
      report('backing-probed-raw');
    }
    const lower = sizeOf(below);
    if (size !== undefined && lower !== undefined && lower < size) {
      report('backing-file-smaller', { size: lower, needed: size });
    }
  }
  if (layer.dataFile && size !== undefined && layer.dataFile.storage.size < size) {
    const values = { name: layer.image?.dataFile?.name ?? '', size: layer.dataFile.storage.size, needed: size };
    found.push(finding('data-file-smaller', chainOf(layer.depth, 'data-file'), values));
  }
  return found;
}

/** Bytes of the disk that a layer gives; undefined where its header does not tell. */
function sizeOf({ format, image, storage }: ChainLayer): bigint | undefined {
  return format === 'raw' ? storage.size : image?.header?.size;
}
