/**
 * `npm run fuzz -- [structure] [-n COUNT] [-seed SEED] [-start INDEX]`: mutated images by the thousand, a few changes in
 * each, or with `structure` much of one structure. Without a seed it takes a new one; the same seed makes the same images.
 */
import { fuzz } from './fuzzRun.ts';

const numbers = { '-n': 2000, '-seed': Date.now() % 2 ** 32, '-start': 0 };

const manner = process.argv[2] === 'structure' ? 'structure' : 'few';
const words = process.argv.slice(manner === 'few' ? 2 : 3);
for (let index = 0; index < words.length; index += 2) {
  const option = words[index];
  const value = Number(words[index + 1]);
  if ((option !== '-n' && option !== '-seed' && option !== '-start') || !Number.isSafeInteger(value) || value < 0) {
    console.error('Usage: npm run fuzz -- [structure] [-n COUNT] [-seed SEED] [-start INDEX]');
    process.exit(1);
  }
  numbers[option] = value;
}

const { '-n': count, '-seed': seed, '-start': start } = numbers;
console.log(`seed ${seed}, images ${start} to ${start + count - 1}`);
const failures = await fuzz({ count, seed, start, manner });
for (const { index, image, problem } of failures) {
  console.log(
    `\nnpm run fuzz -- ${manner === 'few' ? '' : 'structure '}-seed ${seed} -start ${index} -n 1\n${image}\n${problem}`,
  );
}
console.log(`${count - failures.length} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
