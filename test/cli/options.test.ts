import assert from 'node:assert/strict';
import { readArguments } from '../../src/cli/options.ts';
import { Failure } from '../../src/cli/program.ts';

const options = [
  { long: 'help', short: 'h' },
  { long: 'format', short: 'f', value: true },
  { long: 'force-share', short: 'U' },
  { long: 'output', value: true },
  { long: 'image-opts', unsupported: true },
];

function read(...args: string[]): { given: string[]; operands: readonly string[] } {
  const { given, operands } = readArguments(options, args);
  return { given: given.map(({ name, value }) => (value === '' ? name : `${name}=${value}`)), operands };
}

function refusal(...args: string[]): string {
  try {
    readArguments(options, args);
  } catch (error) {
    assert.ok(error instanceof Failure);
    assert.equal(error.exitCode, 1);
    assert.match(error.hint, /--help/);
    return error.message;
  }
  return assert.fail(`${args.join(' ')} is taken`);
}

describe('arguments', () => {
  it('are options anywhere, and the other words in their order', () => {
    assert.deepEqual(read('a', '-U', 'b', '--output=json', 'c'), {
      given: ['force-share', 'output=json'],
      operands: ['a', 'b', 'c'],
    });
  });

  it('take a value after =, as the next word, or right after the letter', () => {
    assert.deepEqual(read('--format=raw').given, ['format=raw']);
    assert.deepEqual(read('--format', 'raw').given, ['format=raw']);
    assert.deepEqual(read('-f', 'raw').given, ['format=raw']);
    assert.deepEqual(read('-fraw').given, ['format=raw']);
    assert.deepEqual(read('-Ufraw').given, ['force-share', 'format=raw']);
  });

  it('take a value that looks like an option', () => {
    assert.deepEqual(read('-f', '-U'), { given: ['format=-U'], operands: [] });
  });

  it('can be shortened as far as they stay unique', () => {
    assert.deepEqual(read('--out=json', '--forc').given, ['output=json', 'force-share']);
    assert.equal(refusal('--fo=raw'), "unrecognized option '--fo=raw'");
  });

  it('end at --, and a single dash is a file name', () => {
    assert.deepEqual(read('-', '--', '-U', '--help'), { given: [], operands: ['-', '-U', '--help'] });
  });

  it('that are unknown are refused by name', () => {
    assert.equal(refusal('-z'), "unrecognized option '-z'");
    assert.equal(refusal('--zero=1'), "unrecognized option '--zero=1'");
    assert.equal(refusal('--help=me'), "unrecognized option '--help=me'");
  });

  it('that lack their value are refused by name', () => {
    assert.equal(refusal('a', '-f'), "missing argument for option '-f'");
    assert.equal(refusal('--output'), "missing argument for option '--output'");
  });

  it('that only qemu-img has are refused, never ignored', () => {
    assert.equal(refusal('--image-opts', 'a'), "option '--image-opts' is not supported yet");
  });
});
