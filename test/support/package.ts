/** `npm run package`: makes the VSIX files, into the project's folder. */
import { statSync } from 'node:fs';
import { packVsix, targets, vsixName } from './vsix.ts';

for (const target of targets) {
  const out = vsixName(target);
  await packVsix(target, out);
  console.log(`${out.padEnd(44)} ${(statSync(out).size / 1000).toFixed(0).padStart(5)} kB`);
}
