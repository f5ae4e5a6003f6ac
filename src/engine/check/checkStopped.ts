/** A check can't go on, where QEMU's does not either: `system` is the code that it fails with. */
export class CheckStopped extends Error {
  readonly system: string;

  constructor(system: string | undefined) {
    super(`The check stopped: ${system ?? 'EIO'}`);
    this.name = 'CheckStopped';
    this.system = system ?? 'EIO';
  }
}
