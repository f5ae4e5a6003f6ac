import assert from 'node:assert/strict';
import type { Gate } from '../../src/engine/ports.ts';
import type { Consent } from '../../src/protocol/chainApi.ts';
import { type AccessStart, FileAccess, noAccess } from '../../src/worker/fileAccess.ts';
import { MemoryStorage } from '../support/memoryStorage.ts';

const word: Consent = { names: 'base', guess: false };

/** An access with a gate that opens everything, and what it told of. */
function accessOf(start: Partial<AccessStart> = {}) {
  const opened: string[] = [];
  const told: (Consent | undefined)[] = [];
  const gate: Gate = {
    open: async (name) => {
      opened.push(name);
      return { path: name, identity: name, storage: new MemoryStorage() };
    },
  };
  const access = new FileAccess({ path: '/top', virtual: false, trusted: true, ...start }, gate, (consent) =>
    told.push(consent),
  );
  return { access, opened, told };
}

describe('what a thread may open besides its image', () => {
  it('is nothing in Restricted Mode: neither the user’s word nor the gate helps', async () => {
    const { access, opened, told } = accessOf({ trusted: false });
    assert.throws(() => access.allow(word), { code: 'not-allowed', message: /Restricted Mode/ });
    assert.equal(access.consentTo('base'), undefined);
    assert.equal(await access.gate.open('base', '/top'), undefined);
    assert.deepEqual([opened, told], [[], []]);
  });

  it('is what the user said before, once the workspace is trusted, and not a moment earlier', async () => {
    const { access, opened } = accessOf({ trusted: false, consent: word });
    assert.equal(access.consentTo('base'), undefined);
    access.trust(true);
    assert.deepEqual(access.consentTo('base'), word);
    await access.gate.open('base', '/top');
    access.trust(false);
    assert.equal(await access.gate.open('other', '/top'), undefined);
    assert.deepEqual(opened, ['base']);
  });

  it('is nothing of an image in a virtual file system', () => {
    const { access } = accessOf({ virtual: true });
    assert.equal(access.blocked, 'virtual');
    assert.throws(() => access.allow(word), { code: 'not-allowed', message: /virtual file system/ });
  });

  it('is only what was named when the user was asked', () => {
    const { access } = accessOf();
    access.allow(word);
    assert.equal(access.consentTo('other'), undefined);
    assert.deepEqual(access.consentTo('base'), word);
    access.forbid();
    assert.equal(access.consentTo('base'), undefined);
  });

  it('is told on whenever it changes, with another generation', () => {
    const { access, told } = accessOf({ trusted: false });
    const generations = [access.generation];
    const note = (): number => generations.push(access.generation);
    access.trust(true);
    note();
    access.trust(true);
    access.allow(word);
    note();
    access.forbid();
    note();
    access.forbid();
    assert.deepEqual(told, [undefined, word, undefined]);
    assert.equal(new Set(generations).size, 4);
  });

  it('is nothing where nobody says so', () => {
    assert.equal(noAccess().blocked, 'untrusted');
  });
});
