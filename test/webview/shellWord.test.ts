import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { shellWord } from '../../webview/shellWord.ts';

/** What a shell makes of it: every word, ended by a NUL. */
function readByShell(shell: string, words: readonly string[]): string[] {
  const said = execFileSync(shell, ['-c', `printf '%s\\0' ${words.map(shellWord).join(' ')}`], { encoding: 'utf8' });
  return said.split('\0').slice(0, -1);
}

describe('a path as a word of a shell', function () {
  this.timeout(20_000);

  it('is left as it is where nothing in it needs quotes', () => {
    assert.equal(shellWord('/images/web-01.qcow2'), '/images/web-01.qcow2');
  });

  it('is quoted where it does', () => {
    assert.equal(shellWord('/my images/a.qcow2'), "'/my images/a.qcow2'");
    assert.equal(shellWord("/it's.qcow2"), "'/it'\\''s.qcow2'");
    assert.equal(shellWord('/$(reboot)`x`;!\\'), "'/$(reboot)`x`;!\\'");
    assert.equal(shellWord('-rf'), './-rf');
    assert.equal(shellWord(''), "''");
    assert.equal(shellWord('~/x'), "'~/x'");
  });

  it('has no character that a terminal would act on', () => {
    assert.equal(shellWord("/a\u0003b\n1\u202ec\\'"), "$'/a\\003b\\0121\\342\\200\\256c\\\\\\''");
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (path) => {
        assert.doesNotMatch(shellWord(path), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('is read by bash as what it was, whatever it holds', () => {
    const paths = fc.string({ unit: 'binary-ascii' }).map((path) => path.replaceAll('\0', '0'));
    const names = fc.sample(
      fc.oneof(
        paths,
        fc.string({ unit: 'grapheme' }).map((path) => path.replaceAll('\0', '')),
      ),
      400,
    );
    const words = names.map((name) => `/${name}`);
    assert.deepEqual(readByShell('bash', words), words);
  });

  it('is read by any POSIX shell where all its characters are seen', () => {
    const words = ['/it\'s $HOME `x` \\ "y" *.qcow2', '/-x', '/größe 大'];
    assert.deepEqual(readByShell('sh', words), words);
  });
});
