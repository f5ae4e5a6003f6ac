import type { ImageDescription } from '../../src/engine/image/description.ts';
import type { ChainFile, ChainPicture } from '../../src/protocol/chainApi.ts';
import type { Handlers } from '../../src/worker/server.ts';
import { hostileName } from './images.ts';

const mib = 1n << 20n;

const top: ChainFile = {
  depth: 0,
  name: '/images/web-01.qcow2',
  path: '/images/web-01.qcow2',
  state: 'open',
  format: 'qcow2',
  formatSource: 'given',
  virtualSize: 1024n * mib,
  fileSize: 300n * mib,
  allocated: 290n * mib,
};

const named: ChainFile = {
  depth: 1,
  name: '../base/debian-12.qcow2',
  path: '/images/../base/debian-12.qcow2',
  state: 'not-opened',
  format: 'qcow2',
  formatSource: 'named',
};

/** A chain of which nothing was opened, with a data file. */
export const closedChain: ChainPicture = {
  generation: 1,
  open: false,
  guess: false,
  files: [
    { ...top, dataFile: { name: 'web-01.raw', path: '/images/web-01.raw', state: 'not-opened', raw: true } },
    named,
  ],
};

/** The same in Restricted Mode. */
export const untrustedChain: ChainPicture = { ...closedChain, blocked: 'untrusted' };

/** The same chain, open, with a file that is missing at its end. */
export const openedChain: ChainPicture = {
  generation: 2,
  open: true,
  guess: false,
  files: [
    {
      ...top,
      dataFile: {
        name: 'web-01.raw',
        path: '/images/web-01.raw',
        state: 'open',
        raw: true,
        fileSize: 1024n * mib,
        allocated: 290n * mib,
      },
    },
    { ...named, state: 'open', virtualSize: 800n * mib, fileSize: 700n * mib, allocated: 10n * mib },
    {
      depth: 2,
      name: '/srv/golden.img',
      path: '/srv/golden.img',
      state: 'missing',
      message: "Can't open /srv/golden.img: ENOENT. No such file or directory",
      format: 'raw',
      formatSource: 'named',
    },
  ],
};

/** The methods on the chain that the fake worker has. */
export type ChainAnswers = Pick<Handlers, 'chain' | 'guestSource'>;

/** Answers of a worker that has opened nothing but `image`. */
export function chainAnswers({ backing, dataFile }: ImageDescription): ChainAnswers {
  const unopened = dataFile && { ...dataFile, path: `/images/${dataFile.name}`, state: 'not-opened' as const };
  const image: ChainFile = { ...top, ...(unopened ? { dataFile: unopened } : {}) };
  const below: ChainFile[] = backing ? [{ ...named, name: backing.name, path: `/images/${backing.name}` }] : [];
  return {
    chain: async () => ({ generation: 1, open: false, guess: false, files: [image, ...below] }),
    guestSource: async () => ({}),
  };
}

/** A chain whose only backing file has this name and state. */
export function chainWith(file: { [key in keyof ChainFile]?: ChainFile[key] | undefined }, open = true): ChainPicture {
  const known = Object.fromEntries(Object.entries({ ...named, ...file }).filter(([, value]) => value !== undefined));
  return { generation: 3, open, guess: false, files: [top, known as unknown as ChainFile] };
}

/** Names that are never what they seem. */
export const oddNames: readonly (readonly [name: string, words: RegExp])[] = [
  ['json:{"driver":"nbd"}', /json: name holds options/],
  ['nbd://10.0.0.1:10809/disk', /“nbd:” A protocol, not a path/],
  ['/dev/sda', /A device/],
  ['../../etc/shadow', /leaves a folder by “\.\.”/],
  ['/srv/base.img', /An absolute path/],
  [hostileName, /characters that are not seen/],
];
