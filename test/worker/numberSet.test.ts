import assert from 'node:assert/strict';
import { bitsFor, NumberSet, setBit } from '../../src/worker/numberSet.ts';

function setOf(end: number, numbers: readonly number[]): NumberSet {
  const bits = bitsFor(end);
  for (const number of numbers) {
    setBit(bits, number);
  }
  return new NumberSet(bits);
}

describe('A set of numbers', () => {
  it('gives each number by its place, and each place by its number, over words without any', () => {
    const numbers = [0, 1, 31, 32, 95, 4000, 4031, 4032, 999_999];
    const set = setOf(1_000_000, numbers);
    assert.equal(set.count, numbers.length);
    assert.deepEqual(
      numbers.map((_, place) => set.at(place)),
      numbers,
    );
    assert.deepEqual(
      numbers.map((number) => set.before(number)),
      numbers.map((_, place) => place),
    );
  });

  it('counts the smaller ones of a number that is not among them', () => {
    const set = setOf(100, [3, 31, 64]);
    assert.deepEqual(
      [0, 4, 32, 63, 65, 99, 5000].map((number) => [set.before(number), set.has(number)]),
      [0, 1, 2, 2, 3, 3, 3].map((count) => [count, false]),
    );
  });

  for (const end of [0, 1, 31, 32, 33, 64, 1000]) {
    it(`has all numbers below ${end}, and no other one`, () => {
      const set = NumberSet.below(end);
      assert.equal(set.count, end);
      assert.equal(set.has(end), false);
      assert.equal(set.before(end), end);
      assert.deepEqual(
        Array.from({ length: end }, (_, place) => set.at(place)),
        Array.from({ length: end }, (_, number) => number),
      );
    });
  }
});
