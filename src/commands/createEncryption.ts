import { askChoice, askInTurn, askText, type Outcome, type Question } from './ask.ts';
import { type Draft, forgetPassphrase } from './createChoices.ts';
import type { Option } from './createOption.ts';

/** Encryption by LUKS, with QEMU's defaults. */
export function encryptionOption(draft: Draft): Option {
  return {
    label: 'Encryption',
    about: 'LUKS: the disk is read with a pass phrase only. Tables and names are not encrypted.',
    state: draft.passphrase === undefined ? 'off' : 'LUKS',
    ask: (question) => askEncryption(question, draft),
  };
}

async function askEncryption(question: Question, draft: Draft): Promise<void> {
  let encrypted = draft.passphrase !== undefined;
  let passphrase = '';
  const done = await askInTurn([
    () => askWhether(question, encrypted, (wanted) => (encrypted = wanted)),
    () => (encrypted ? askPassphrase(question, (text) => (passphrase = text)) : Promise.resolve('next')),
    () => (encrypted ? askAgain(question, passphrase) : Promise.resolve('next')),
  ]);
  if (done) {
    forgetPassphrase(draft);
    draft.passphrase = encrypted ? new TextEncoder().encode(passphrase) : undefined;
  }
}

function askWhether(question: Question, current: boolean, take: (encrypted: boolean) => void): Promise<Outcome> {
  const choices = [
    { label: 'off', description: current ? 'default' : 'current, default', value: false },
    {
      label: 'LUKS',
      ...(current ? { description: 'current' } : {}),
      detail: 'AES-256, XTS. The pass phrase is kept nowhere: without it nobody can read the disk.',
      value: true,
    },
  ];
  return askChoice(question, choices, take, current);
}

function askPassphrase(question: Question, take: (text: string) => void): Promise<Outcome> {
  const refusal = (text: string): string | undefined => (text === '' ? 'Type the pass phrase.' : undefined);
  return askText({ ...question, prompt: 'The pass phrase that opens the disk', password: true }, '', refusal, take);
}

function askAgain(question: Question, passphrase: string): Promise<Outcome> {
  const refusal = (text: string): string | undefined =>
    text === passphrase ? undefined : 'This is not the pass phrase that was typed before.';
  const prompt = 'The same pass phrase again';
  return askText({ ...question, prompt, password: true }, '', refusal, () => undefined);
}
