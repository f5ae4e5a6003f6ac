import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { systemText } from '../engine/error.ts';
import { systemCode } from '../platform/systemError.ts';
import { bytesOfText } from './bytes.ts';
import { readKeyValues } from './keyValues.ts';
import { Failure } from './program.ts';

/** The objects that `--object` has made, by id. They are all secrets. */
export type Secrets = ReadonlyMap<string, Uint8Array>;

/** The other objects that qemu-img has. */
const otherTypes: readonly string[] = [
  'authz-list',
  'authz-list-file',
  'authz-simple',
  'main-loop',
  'pr-manager-helper',
  'secret_keyring',
  'thread-context',
  'throttle-group',
  'tls-cipher-suites',
  'tls-creds-anon',
  'tls-creds-psk',
  'tls-creds-x509',
];

const parameters: readonly string[] = ['qom-type', 'id', 'data', 'file', 'format'];

/** The text that an object's `help` asks for; undefined where none does. A byte string. */
export function objectHelp(objects: readonly string[]): string | undefined {
  const asking = objects.filter((text) => !text.startsWith('{')).map((text) => readKeyValues(text, 'qom-type'));
  const [values] = asking.filter(({ help }) => help).map((one) => one.values);
  if (values === undefined) {
    return undefined;
  }
  return values.get('qom-type') === 'secret'
    ? 'secret options:\n  data=<string>\n  file=<string>\n  format=raw|base64\n'
    : 'List of user creatable objects:\n  secret\n';
}

/**
 * Makes the objects of `--object`: `secret,id=ID,data=TEXT` or `secret,id=ID,file=PATH`, with `format=base64` where the
 * text is that, or all of it as a JSON object. Throws a `Failure` in QEMU's words, but for what only QEMU has.
 */
export function readSecrets(objects: readonly string[]): Secrets {
  const secrets = new Map<string, Uint8Array>();
  for (const text of objects) {
    const values = text.startsWith('{') ? readJson(text) : readKeyValues(text, 'qom-type').values;
    const id = checkObject(values);
    if (secrets.has(id)) {
      throw new Failure(`attempt to add duplicate property '${id}' to object (type 'container')`);
    }
    secrets.set(id, contentOf(id, values));
  }
  return secrets;
}

/**
 * The pass phrase that an image's `encrypt.key-secret` names (qcrypto_secret_lookup_as_utf8). Throws an `Error` with
 * QEMU's message.
 */
export function passphraseOf(secrets: Secrets, id: string | undefined): Uint8Array {
  if (id === undefined) {
    throw new Error("Parameter 'encrypt.key-secret' is required for cipher");
  }
  const secret = secrets.get(id);
  if (secret === undefined) {
    throw new Error(`No secret with id '${id}'`);
  }
  if (!isUtf8(secret) || secret.includes(0)) {
    throw new Error(`Data from secret ${id} is not valid UTF-8`);
  }
  return secret;
}

/** Overwrites the secrets in memory. What was in an argument stays in the strings of the command line. */
export function forgetSecrets(secrets: Secrets): void {
  for (const secret of secrets.values()) {
    secret.fill(0);
  }
}

function readJson(text: string): ReadonlyMap<string, string> {
  let members: [string, unknown][];
  try {
    members = Object.entries(JSON.parse(text) as object);
  } catch {
    // What is wrong in it is not told: the parser's message quotes it, and there are secrets in it.
    throw new Failure('JSON parse error: --object is no JSON object');
  }
  return new Map(
    members.map(([name, value]) => {
      if (typeof value !== 'string') {
        throw new Failure(`Invalid parameter type for '${bytesOfText(name)}', expected: string`);
      }
      return [name, value];
    }),
  );
}

/** Returns the id. */
function checkObject(values: ReadonlyMap<string, string>): string {
  const type = required(values, 'qom-type');
  if (otherTypes.includes(type)) {
    throw new Failure(`Object type '${type}' is not supported: only secret is`);
  }
  if (type !== 'secret') {
    throw new Failure(`Parameter 'qom-type' does not accept value '${bytesOfText(type)}'`);
  }
  const id = required(values, 'id');
  const format = values.get('format') ?? 'raw';
  if (format !== 'raw' && format !== 'base64') {
    throw new Failure(`Parameter 'format' does not accept value '${bytesOfText(format)}'`);
  }
  for (const name of values.keys()) {
    if (name === 'keyid' || name === 'iv') {
      throw new Failure(`Parameter '${name}' is not supported: the secret can't be encrypted itself`);
    }
    if (name === 'loaded') {
      throw new Failure("Property 'secret.loaded' is not writable");
    }
    if (!parameters.includes(name)) {
      throw new Failure(`Parameter '${bytesOfText(name)}' is unexpected`);
    }
  }
  if (!/^[A-Za-z][\w.-]*$/.test(id)) {
    throw new Failure("Parameter 'id' expects an identifier", {
      hint: "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.\n",
    });
  }
  return id;
}

function required(values: ReadonlyMap<string, string>, name: string): string {
  const value = values.get(name);
  if (value === undefined) {
    throw new Failure(`Parameter '${name}' is missing`);
  }
  return value;
}

/** The secret itself (qcrypto_secret_load_data, qcrypto_secret_decode). */
function contentOf(id: string, values: ReadonlyMap<string, string>): Uint8Array {
  const [data, file] = [values.get('data'), values.get('file')];
  if (data !== undefined && file !== undefined) {
    throw new Failure("'file' and 'data' are mutually exclusive");
  }
  if (data === undefined && file === undefined) {
    throw new Failure("Either 'file' or 'data' must be provided");
  }
  if (data?.includes('\ufffd') === true) {
    // Node has put it in place of bytes that are no UTF-8: they would be another pass phrase than was given.
    throw new Failure(`Data from secret ${id} is not valid UTF-8`);
  }
  const content = file === undefined ? Buffer.from(data ?? '') : readSecretFile(file);
  if (values.get('format') !== 'base64') {
    return content;
  }
  const decoded = decodeBase64(content);
  content.fill(0);
  return decoded;
}

function readSecretFile(path: string): Buffer {
  const fd = attempt(path, 'Failed to open file', () => openSync(path, 'r'));
  try {
    return attempt(path, 'Error reading file', () => readFileSync(fd));
  } finally {
    closeSync(fd);
  }
}

function attempt<T>(path: string, what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const reason = systemText(systemCode(error));
    throw new Failure(bytesOfText(`Unable to read ${path}: ${what} “${path}”: ${reason}`));
  }
}

/** Throws QEMU's messages (qbase64_decode). */
function decodeBase64(text: Buffer): Uint8Array {
  if (text.includes(0)) {
    throw new Failure('Base64 data contains embedded NUL characters');
  }
  const letters = text.toString('latin1').replaceAll('\n', '');
  if (!/^[A-Za-z0-9+/=]*$/.test(letters)) {
    throw new Failure('Base64 data contains invalid characters');
  }
  // QEMU drops what is no whole group of four letters: the pass phrase would not be the one that was meant.
  if (letters.length % 4 !== 0 || !/^[^=]*={0,2}$/.test(letters)) {
    throw new Failure('Base64 data is not whole: it must be groups of four characters, with = only at its end');
  }
  return Buffer.from(letters, 'base64');
}
